"""The package index that hosts install sophia from: its own wheel and those of the lock file."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from tests.lab.docker import LabError, run
from tests.lab.place import PROJECT

HOST_PYTHON = "3.11"  # Debian 12's
_MARKERS = {"python_version": "3.11", "python_full_version": "3.11.2"}
INSTALLER = "pip>=26,<27"
_SOURCES = ("sophia_cli", "configs", "playbooks", "pyproject.toml", "README.md")


def build_wheelhouse(state: Path, say: Callable[[str], None]) -> dict[str, Path]:
    """Fetches and builds the wheels that are not there yet.

    Returns:
        By package, its wheel; served from `state/index` as PEP 503 has it.
    """
    fetched = _fetched(state / "wheels", say)
    built = _built(state / "built", say)
    wheels = {_package_of(file): file for file in (*fetched, built)}
    _write_index(state / "index", wheels)
    return wheels


def _fetched(directory: Path, say: Callable[[str], None]) -> list[Path]:
    requirements = "".join(_locked(_needed("sophia-cli")))
    wanted = hashlib.sha256(f"{HOST_PYTHON} {INSTALLER} {requirements}".encode()).hexdigest()
    done = directory / "complete"
    if not done.exists() or done.read_text() != wanted:
        say("the wheels of requirements.lock")
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        listed = directory / "requirements.txt"
        listed.write_text(requirements)
        # Built for what the hosts have, whatever Python runs this.
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        fetch += ["--only-binary", ":all:", "--python-version", HOST_PYTHON]
        fetch += ["--no-deps", "--dest", str(directory)]
        run([*fetch, "--require-hashes", "--requirement", str(listed)], timeout=900.0)
        run([*fetch, INSTALLER], timeout=120.0)
        done.write_text(wanted)
    return sorted(directory.glob("*.whl"))


def _built(directory: Path, say: Callable[[str], None]) -> Path:
    """The project's own wheel, built again when a file of it is another one."""
    digest = hashlib.sha256()
    for file in _files(PROJECT / name for name in _SOURCES):
        digest.update(f"\n{file.relative_to(PROJECT)}\n".encode())
        digest.update(file.read_bytes())
    done = directory / "complete"
    if not done.exists() or done.read_text() != digest.hexdigest():
        say("the project's wheel")
        shutil.rmtree(directory, ignore_errors=True)
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        run([*build, "--no-deps", "--wheel-dir", str(directory), str(PROJECT)], timeout=300.0)
        done.write_text(digest.hexdigest())
    return next(directory.glob("*.whl"))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in below if file.is_file() and file.suffix != ".pyc")


def _needed(project: str) -> set[str]:
    """The packages that an installed one needs to run, its own name left out."""
    found: set[tuple[str, str]] = set()
    waiting = [(project, "")]
    while waiting:
        name, extra = waiting.pop()
        for text in _requirements(name):
            requirement = Requirement(text)
            held = {**_MARKERS, "extra": extra}
            if requirement.marker and not requirement.marker.evaluate(held):
                continue
            for wanted in ("", *requirement.extras):
                one = (str(canonicalize_name(requirement.name)), wanted)
                if one not in found:
                    found.add(one)
                    waiting.append(one)
    return {name for name, _ in found}


def _requirements(name: str) -> list[str]:
    """What a package says it needs; nothing when only the hosts' Python wants it, as yet a leaf."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def _locked(names: set[str]) -> Iterator[str]:
    """The entries of the lock file for some packages on the hosts' Python, with their hashes."""
    lock = re.sub(r"^ *#.*\n", "", (PROJECT / "requirements.lock").read_text(), flags=re.MULTILINE)
    missing = set(names)
    for entry in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE):
        pinned, *hashes = re.split(r"(?= --hash=)", entry.replace("\\\n", " "))
        if not hashes:
            continue
        requirement = Requirement(pinned)
        name = str(canonicalize_name(requirement.name))
        applies = requirement.marker is None or requirement.marker.evaluate(_MARKERS)
        if name in names and applies:
            missing.discard(name)
            # The marker has been answered here, for the hosts; pip would answer for itself.
            yield f"{name}{requirement.specifier}{''.join(hashes).rstrip()}\n"
    if missing:
        raise LabError(f"requirements.lock lacks {', '.join(sorted(missing))}")


def _package_of(wheel: Path) -> str:
    return str(parse_wheel_filename(wheel.name)[0])


def _write_index(root: Path, wheels: dict[str, Path]) -> None:
    """Lays the index out as files; one that is served meanwhile stays whole."""
    (root / "files").mkdir(parents=True, exist_ok=True)
    for file in (root / "files").iterdir():
        if file.name not in {wheel.name for wheel in wheels.values()}:
            file.unlink()
    for package, wheel in wheels.items():
        served = root / "files" / wheel.name
        served.unlink(missing_ok=True)
        os.link(wheel, served)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        page = root / "simple" / package / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        link = f'<a href="../../files/{wheel.name}#sha256={digest}">{wheel.name}</a>'
        page.write_text(f"<!DOCTYPE html><html><body>{link}</body></html>\n")
