"""The images: hosts, what they fetch from, and the services under the names the inventory pins.

Each is a directory below `images/`. It is built again only when a file in it, or its parent, is
another one.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sophia_cli.ops.inventory.services import Services
from tests.lab import base
from tests.lab.docker import docker, inspected, run
from tests.lab.place import IMAGES, LABEL, NAME, PROJECT

STANDIN = PROJECT / "tests" / "lab" / "standin"
OLDER_QDRANT = "qdrant/qdrant:v1.18.3"
OTHER_REDIS = "redis:7.2.7"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One directory below `images/`, built once for each name that it is served under.

    Attributes:
        parent: the recipe that it builds on; empty for the base.
        served_as: names in the mirror of Docker Hub; none for what only the lab itself runs.
    """

    name: str
    parent: str = ""
    served_as: tuple[str, ...] = ()


def recipes() -> tuple[tuple[Recipe, ...], ...]:
    """All recipes, parents first: those of one row are built side by side."""
    pinned = Services()
    qdrants = (pinned.qdrant.image, pinned.qdrant.gpu_image, OLDER_QDRANT)
    return (
        (
            Recipe("host"),
            Recipe("python"),
            Recipe("postgres", served_as=(pinned.postgres.image,)),
            Recipe("prometheus", served_as=(pinned.prometheus.image,)),
            Recipe("redis", served_as=(pinned.redis.image, OTHER_REDIS)),
        ),
        (
            Recipe("host-docker", "host"),
            Recipe("depot", "python"),
            Recipe("grafana", "python", (pinned.grafana.image,)),
            Recipe("qdrant", "python", qdrants),
        ),
    )


def local_name(recipe: str, served_as: str = "") -> str:
    """The name of an image on the lab's machine."""
    return f"{NAME}/{recipe}:{served_as.rpartition(':')[2] or 'lab'}"


def build_images(
    wheels: Callable[[], Mapping[str, Path]], say: Callable[[str], None]
) -> dict[str, str]:
    """Builds what is missing or out of date.

    Args:
        wheels: gives, by package, those that the stand-in for Qdrant is installed from.

    Returns:
        By the name in the mirror of Docker Hub, the image on this machine.
    """
    say("the base image")
    parents = {"": (base.IMAGE, base.build_base())}
    served: dict[str, str] = {}
    for row in recipes():
        with ThreadPoolExecutor(3) as pool:
            wanted = [one for one in row if one.name != "qdrant" or _standin_is_there(say)]
            for recipe, images in zip(
                wanted,
                pool.map(lambda one: _build(one, parents[one.parent], wheels, say), wanted),
                strict=True,
            ):
                parents[recipe.name] = (
                    images[0],
                    inspected("image", images[0], "{{.Id}}"),
                )
                served |= dict(zip(recipe.served_as, images, strict=False))
    docker("image", "prune", "--force", "--filter", f"label={LABEL}")
    return served


def _standin_is_there(say: Callable[[str], None]) -> bool:
    there = (STANDIN / "__main__.py").exists()
    if not there:
        say("tests/lab/standin has no __main__.py: there will be no qdrant/qdrant to pull")
    return there


def _build(
    recipe: Recipe,
    parent: tuple[str, str],
    wheels: Callable[[], Mapping[str, Path]],
    say: Callable[[str], None],
) -> list[str]:
    """Builds the images of a recipe; returns their names on this machine."""
    names = [local_name(recipe.name, served_as) for served_as in recipe.served_as or ("",)]
    with tempfile.TemporaryDirectory(prefix="sophia-lab-") as directory:
        context = Path(directory) / "context"
        shutil.copytree(IMAGES / recipe.name, context)
        if recipe.name == "qdrant":
            _add_standin(context, wheels())
        digest = _digest_of(context, parent[1])
        for name, served_as in zip(names, recipe.served_as or ("",), strict=True):
            if inspected("image", name, f'{{{{index .Config.Labels "{NAME}.recipe"}}}}') != digest:
                say(f"the image {served_as or recipe.name}")
                _build_one(context, name, served_as, parent[0], digest)
    return names


def _build_one(context: Path, name: str, served_as: str, parent: str, digest: str) -> None:
    labels = (LABEL, f"{NAME}.recipe={digest}", f"{NAME}.stands-for={served_as or name}")
    version = served_as.rpartition(":")[2].removeprefix("v").partition("-")[0]
    arguments = [f"PARENT={parent}"] + ([f"VERSION={version}"] if "qdrant" in served_as else [])
    # Without buildx there is only the old builder, and it needs no more than docker.io has.
    run(
        ["env", "DOCKER_BUILDKIT=0", "docker", "build", "--quiet", "--tag", name]
        + [word for label in labels for word in ("--label", label)]
        + [word for argument in arguments for word in ("--build-arg", argument)]
        + [str(context)],
        timeout=600.0,
    )


def _add_standin(context: Path, wheels: Mapping[str, Path]) -> None:
    """The stand-in's package and what it is installed from, beside the Dockerfile."""
    (context / "wheels").mkdir()
    for wheel in wheels.values():
        shutil.copy2(wheel, context / "wheels")
    package = context / "tests" / "lab" / "standin"
    shutil.copytree(
        STANDIN, package, ignore=shutil.ignore_patterns("__pycache__", "test_*", "conftest.py")
    )
    for above in (context / "tests", context / "tests" / "lab"):
        (above / "__init__.py").touch()


def _digest_of(context: Path, parent: str) -> str:
    """Changes with the parent, and with the name, mode or content of any file."""
    digest = hashlib.sha256(parent.encode())
    for file in sorted(path for path in context.rglob("*") if path.is_file()):
        mode = file.stat().st_mode & 0o111
        digest.update(f"\n{file.relative_to(context)} {mode:o}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
