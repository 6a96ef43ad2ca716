"""The home's directories, sockets and secrets: whose they are, and on what they lie."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped
from sophia_cli.checks.owned import open_to_others

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_MOST = 10_000
_OVER_A_NETWORK = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs"),
    *("nfs", "nfs4", "orangefs", "smb2", "smb3", "smbfs", "virtiofs"),
    *(f"fuse.{name}" for name in ("ceph", "glusterfs", "rclone", "s3fs", "sshfs")),
}


def _sockets(scene: Scene) -> Iterator[Finding]:
    directory = scene.home.sockets
    if not directory.is_dir():
        yield skipped("there are none yet")
        return
    sockets = [path for path in directory.iterdir() if stat.S_ISSOCK(_mode(path))]
    wrong = [finding for path in (directory, *sockets) for finding in _open(path)]
    yield from wrong
    if not wrong:
        yield passed(f"{len(sockets)} sockets, open to their owner alone", "", str(directory))


def _permissions(scene: Scene) -> Iterator[Finding]:
    root = scene.home.root
    if not root.is_dir():
        yield skipped("there is no home yet")
        return
    looked, wrong = 0, False
    for path in (root, *_private(root)):
        looked += 1
        for finding in _open(path):
            wrong = True
            yield finding
    if not wrong:
        yield passed(f"{looked:,} directories and files, open to their owner alone", "", str(root))


def _private(root: Path) -> Iterator[Path]:
    """What would let others read memories or secrets: directories of data, and every secret."""
    for name in ("postgres", "valkey", "vectors", "logs", "locks", "checks", "clusters"):
        if (root / name).is_dir():
            yield root / name
    count = 0
    for folder, directories, names in os.walk(root / "clusters"):
        for name in (*directories, *names):
            count += 1
            if count > _MOST:
                return
            yield Path(folder, name)


def _network(scene: Scene) -> Iterator[Finding]:
    place = scene.home.root
    while not place.exists():
        place = place.parent
    device = place.stat().st_dev
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        yield skipped("this system does not say what is mounted")
        return
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        fields = line.split()
        if fields[2] == wanted:
            kind = fields[fields.index("-") + 1]
            evidence = f"{place} is on {fields[4]}, of type {kind}"
            if kind in _OVER_A_NETWORK:
                yield failed(f"the home is on {kind}", "", evidence)
            else:
                yield passed(f"the home is on {kind}", "", evidence)
            return
    yield skipped("this system does not say what the home is on")


def _open(path: Path) -> list[Finding]:
    with contextlib.suppress(FileNotFoundError):  # It has just gone.
        return list(open_to_others(path))
    return []


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


FILES: tuple[Check, ...] = (
    Check(
        "MA-06",
        "The sockets are the owner's alone",
        Severity.CRITICAL,
        "Looks at the directory of the sockets and at each socket in it. Who may open one may do "
        "whatever the owner may, without a password.",
        "chmod 700 the directory, 600 each socket",
        _sockets,
        fixable=True,
    ),
    Check(
        "MA-07",
        "The home and the secrets in it are the owner's alone",
        Severity.CRITICAL,
        "Looks at the mode and the owner of the home, of its directories of data and of every "
        "file of a cluster, its secrets among them. What others may read is no secret any more.",
        "chmod 700 directories, 600 files; renew a secret that others could read",
        _permissions,
        fixable=True,
    ),
    Check(
        "MA-08",
        "The home is on a disk of this machine",
        Severity.SERIOUS,
        "Looks at the type of the file system under the home. On one that comes over a network, "
        "locks and mapped files do not hold what the engines build on: two processes may write to "
        "one store.",
        "set SOPHIA_HOME to a local directory (`sophia down`, move it, `sophia up`)",
        _network,
    ),
)
