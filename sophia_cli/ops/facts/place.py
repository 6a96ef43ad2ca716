"""What stands at a path that is to be deleted: where it really is, and what is mounted there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sophia_cli.ops.facts.lines import pairs


@dataclass(frozen=True, slots=True)
class PlaceState:
    """What stands there.

    Attributes:
        real: the path without any link; another than the asked one where a link is on the way.
        is_mount: whether another file system begins right there.
        mounts_below: where other file systems begin below it.
        empty: whether it is a directory that holds nothing.
        size: bytes on its own file system; None where counting took too long.
    """

    exists: bool
    real: str = ""
    is_mount: bool = False
    mounts_below: tuple[str, ...] = ()
    empty: bool = False
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at a path."""

    path: str

    @property
    def command(self) -> str:
        """Prints `name=value` lines; nothing where nothing is. The size comes last: it may not."""
        return f"""p={shlex.quote(self.path)}
[ -e "$p" ] || [ -L "$p" ] || exit 0
printf 'real=%s\\n' "$(realpath -m -- "$p")"
sed -E 's/^([^ ]+ ){{4}}([^ ]+) .*/mount \\2/' /proc/self/mountinfo
[ -d "$p" ] && [ -z "$(find "$p" -mindepth 1 -maxdepth 1 -print -quit)" ] && echo empty=yes
printf 'size=%s\\n' "$(timeout 15 du -s -x -B1 -- "$p" | cut -f 1)"
"""

    def parse(self, output: str, exit_status: int) -> PlaceState:
        """What stands there; `ValueError` if its file system does not answer."""
        if exit_status == 124:
            raise ValueError(f"{self.path}: its file system does not answer")
        said = pairs(output)
        if "real" not in said:
            return PlaceState(exists=False)
        mounts = {
            _unescaped(line.removeprefix("mount "))
            for line in output.splitlines()
            if line.startswith("mount /")
        }
        below = tuple(sorted(each for each in mounts if each.startswith(f"{self.path}/")))
        return PlaceState(
            exists=True,
            real=said["real"],
            is_mount=self.path in mounts,
            mounts_below=below,
            empty="empty" in said,
            size=int(said["size"]) if said.get("size") else None,
        )


def _unescaped(path: str) -> str:
    """The kernel writes blanks and backslashes of a path in octal."""
    for escaped, plain in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        path = path.replace(escaped, plain)
    return path
