"""What is on a host's disk: to tell whether anything was changed."""

from __future__ import annotations

import json
from collections.abc import Collection

from tests.lab.host import Host

# What a running system writes by itself, and what its services keep there.
LEFT_OUT = (
    "/data",
    "/dev",
    "/proc",
    "/run",
    "/sys",
    "/tmp",
    "/var/cache",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/systemd",
    "/var/log",
    "/var/tmp",
)

_LOOK = """
import hashlib, json, os, stat, sys
roots, left_out = json.load(sys.stdin)
left_out = set(left_out)
found = {}
for directory, inner, files in (each for root in roots for each in os.walk(root)):
    inner[:] = sorted(name for name in inner if os.path.join(directory, name) not in left_out)
    for path in [directory] + [os.path.join(directory, name) for name in files]:
        if path in left_out:
            continue
        try:
            about = os.lstat(path)
            words = [oct(about.st_mode), str(about.st_uid), str(about.st_gid)]
            if stat.S_ISLNK(about.st_mode):
                words.append(os.readlink(path))
            if stat.S_ISREG(about.st_mode):
                with open(path, "rb") as file:
                    words += [str(about.st_mtime_ns), hashlib.file_digest(file, "md5").hexdigest()]
        except FileNotFoundError:
            continue
        found[path] = " ".join(words)
json.dump(found, sys.stdout)
"""


def files_of(
    host: Host, left_out: Collection[str] = (), below: Collection[str] = ("/",)
) -> dict[str, str]:
    """Every file and directory of a host, with all that a change of it would change.

    Args:
        below: where to look; what is not there is left out.
        left_out: paths that are not looked at, nor anything below them, besides `LEFT_OUT`.

    Returns:
        By path: mode, owner, group, a link's target, and a file's time and digest. A file that was
        written again with what it had is another one.
    """
    paths = json.dumps([list(below), [*LEFT_OUT, *left_out]]).encode()
    return dict(json.loads(host.run("python3", "-c", _LOOK, stdin=paths, timeout=120.0)))


def difference(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    """By path, what was and what is; empty where nothing was changed."""
    paths = sorted(before.keys() | after.keys())
    return {
        path: (before.get(path, ""), after.get(path, ""))
        for path in paths
        if before.get(path) != after.get(path)
    }
