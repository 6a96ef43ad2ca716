"""What a host is asked of itself: small facts, each bounded in time, and none spoils the others."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Generic, TypeVar

from sophia_cli.ops.facts.fact import Fact
from sophia_cli.ops.facts.lines import pairs

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NotTold:
    """Why a fact is not known."""

    reason: str


@dataclass(frozen=True, slots=True)
class Brief(Generic[T]):
    """A fact that gets so many seconds, and is `NotTold` where it cannot be read."""

    fact: Fact[T]
    seconds: int = 2

    @property
    def command(self) -> str:
        """The fact's own, ended in time."""
        return f"timeout {self.seconds} sh -c {shlex.quote(self.fact.command)}"

    def parse(self, output: str, exit_status: int) -> T | NotTold:
        """What the fact says; why not where it does not."""
        try:
            return self.fact.parse(output, exit_status)
        except (ValueError, LookupError, TypeError) as error:
            return NotTold(str(error) or "an answer that cannot be read")


@dataclass(frozen=True, slots=True)
class ClockNow:
    """The host's time; `at` tells one reading from another."""

    at: str

    @property
    def command(self) -> str:
        """Prints seconds since 1970."""
        return "date +%s.%N"

    def parse(self, output: str, exit_status: int) -> float:
        """Seconds since 1970."""
        if exit_status == 124:
            raise ValueError("the clock does not answer")
        return float(output)


@dataclass(frozen=True, slots=True)
class MemoryState:
    """Bytes."""

    total: int
    available: int


@dataclass(frozen=True, slots=True)
class MemoryNow:
    """How much memory there is, and is to be had without swapping."""

    @property
    def command(self) -> str:
        """Prints two lines of the kernel's."""
        return r"sed -n -E 's/^(MemTotal|MemAvailable): *([0-9]+) kB$/\1=\2/p' /proc/meminfo"

    def parse(self, output: str, exit_status: int) -> MemoryState:  # noqa: ARG002
        """The two, as bytes."""
        said = pairs(output)
        return MemoryState(int(said["MemTotal"]) << 10, int(said["MemAvailable"]) << 10)


@dataclass(frozen=True, slots=True)
class SpaceState:
    """A file system.

    Attributes:
        size: bytes; `free` likewise, for those who are not root.
        inodes: of which `inodes_free` are left; 0 where it does not count them.
        at: where it is mounted.
    """

    size: int
    free: int
    inodes: int
    inodes_free: int
    at: str

    @property
    def free_share(self) -> float:
        """From 0 to 1, of bytes or inodes, whatever is scarcer."""
        shares = [self.free / self.size if self.size else 1.0]
        if self.inodes:
            shares.append(self.inodes_free / self.inodes)
        return min(shares)


@dataclass(frozen=True, slots=True)
class Space:
    """The file systems below paths; of a path that is not there yet, that of its nearest parent."""

    paths: tuple[str, ...]

    @property
    def command(self) -> str:
        """Prints a line a path."""
        paths = " ".join(map(shlex.quote, self.paths))
        return f"""for p in {paths}; do
q=$p
while [ ! -e "$q" ] && [ "$q" != / ]; do q=${{q%/*}}; q=${{q:-/}}; done
printf '%s\\t%s\\n' "$p" \
"$(timeout 2 df -B1 --output=size,avail,itotal,iavail,target -- "$q" | tail -n 1)"
done"""

    def parse(self, output: str, exit_status: int) -> dict[str, SpaceState]:  # noqa: ARG002
        """By path; one whose file system did not answer is not among them."""
        found = {}
        for line in output.splitlines():
            path, _, said = line.partition("\t")
            words = said.split(None, 4)
            if len(words) == 5:
                size, free, inodes, inodes_free = (
                    0 if word == "-" else int(word) for word in words[:4]
                )
                found[path] = SpaceState(size, free, inodes, inodes_free, words[4])
        return found


@dataclass(frozen=True, slots=True)
class Reboot:
    """Whether a package wants a reboot."""

    @property
    def command(self) -> str:
        """Prints a line, and the packages that want it."""
        return (
            "[ -e /run/reboot-required ] || exit 0; echo wanted; "
            "sort -u /run/reboot-required.pkgs 2>/dev/null; true"
        )

    def parse(self, output: str, exit_status: int) -> tuple[str, ...] | None:  # noqa: ARG002
        """The packages; None where no reboot is wanted."""
        lines = output.split()
        return tuple(lines[1:]) if lines else None


@dataclass(frozen=True, slots=True)
class SyncState:
    """Who keeps the clock right.

    Attributes:
        container: whether it has its machine's clock; `synchronised` is None where nobody says.
    """

    container: bool
    synchronised: bool | None


@dataclass(frozen=True, slots=True)
class TimeSync:
    """Whether the kernel's clock is kept by a time server."""

    @property
    def command(self) -> str:
        """Prints `name=value` lines."""
        return (
            "if systemd-detect-virt -q --container; then echo container=yes; fi; "
            "timeout 1 timedatectl show -p NTPSynchronized; true"
        )

    def parse(self, output: str, exit_status: int) -> SyncState:  # noqa: ARG002
        """What is known of it."""
        said = pairs(output)
        word = said.get("NTPSynchronized")
        return SyncState("container" in said, None if word is None else word == "yes")
