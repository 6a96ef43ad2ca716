"""The image under all others: a small Debian by debootstrap, with this machine's sources."""

from __future__ import annotations

import contextlib
import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.lab.docker import LabError, docker, inspected, run
from tests.lab.place import LABEL, NAME

SUITE = "bookworm"
IMAGE = f"{NAME}/base"
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_DEFAULT_SOURCES = f"""Types: deb
URIs: http://deb.debian.org/debian
Suites: {SUITE} {SUITE}-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: {SUITE}-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
_DPKG = """force-unsafe-io
path-exclude /usr/share/doc/*
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
"""


def build_base() -> str:
    """Builds the image, or finds that it is built already; returns its id."""
    sources = _sources()
    proxies = run(["apt-config", "dump", "--format", '%f "%v";%n', "Acquire::http::Proxy"])
    recipe = hashlib.sha256("\n".join((SUITE, sources, proxies, _DPKG)).encode()).hexdigest()
    if inspected("image", IMAGE, f'{{{{index .Config.Labels "{NAME}.recipe"}}}}') != recipe:
        with _debian(sources) as root:
            (root / "etc/apt/sources.list").write_text("")
            (root / "etc/apt/sources.list.d/debian.sources").write_text(sources)
            (root / "etc/apt/apt.conf.d/90proxy").write_text(proxies)
            (root / "etc/dpkg/dpkg.cfg.d/lab").write_text(_DPKG)
            _import(root, recipe)
    return inspected("image", IMAGE, "{{.Id}}")


def _sources() -> str:
    """This machine's sources where it is the same Debian, so that its mirror is used."""
    text = _SOURCES.read_text() if _SOURCES.exists() else ""
    return text if re.search(rf"^Suites:.*\b{SUITE}\b", text, re.MULTILINE) else _DEFAULT_SOURCES


@contextlib.contextmanager
def _debian(sources: str) -> Iterator[Path]:
    """A fresh Debian; in memory, where the many fsyncs of dpkg cost nothing."""
    mirror = re.search(r"^URIs:\s*(\S+)", sources, re.MULTILINE)
    assert mirror
    with tempfile.TemporaryDirectory(prefix="sophia-lab-") as directory:
        run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", directory])
        try:
            root = Path(directory) / "root"
            keep = ["--variant=minbase", "--include=ca-certificates"]
            run(["debootstrap", *keep, SUITE, str(root), mirror[1]], timeout=600.0)
            yield root
        finally:
            run(["umount", directory])


def _import(root: Path, recipe: str) -> None:
    changes = (f"LABEL {LABEL} {NAME}.recipe={recipe}", "ENV DEBIAN_FRONTEND=noninteractive")
    options = [word for change in changes for word in ("--change", change)]
    without = (
        "./var/cache/apt/*",
        "./var/lib/apt/lists/*",
        "./usr/share/doc/*",
        "./usr/share/man/*",
    )
    packed = ["tar", "-C", str(root), *(f"--exclude={path}" for path in without), "-c", "."]
    with subprocess.Popen(packed, stdout=subprocess.PIPE) as tar:
        taken = subprocess.run(
            ["docker", "import", *options, "-", IMAGE],
            stdin=tar.stdout,
            capture_output=True,
            timeout=300,
        )
    if taken.returncode or tar.returncode:
        raise LabError(f"{IMAGE} cannot be imported: {taken.stderr.decode(errors='replace')}")
    docker("image", "inspect", IMAGE)
