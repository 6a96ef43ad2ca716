"""The machines themselves: clock, disk, memory, and a reboot that waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, warned
from sophia_cli.checks.hosts.asked import MemoryNow, NotTold, Reboot, Space, TimeSync
from sophia_cli.checks.hosts.told import Told, not_told, on_each

if TYPE_CHECKING:
    from sophia_cli.checks.hosts.asked import SpaceState

# A token, a lease or a certificate minds less; the order of memories by time does not.
_SKEW, _FAR_SKEW = 1.0, 5.0
_LITTLE, _NEXT_TO_NOTHING = 0.10, 0.05
_GIB = 1 << 30


def _clock(said: Told) -> Iterator[Finding]:
    least, most = said.skew
    between = (
        f"between {least:+.2f} s and {most:+.2f} s of this machine's clock, round trip and all"
    )
    off = max(least, -most, 0.0)
    way = "ahead of" if least > 0 else "behind"
    if off > _FAR_SKEW:
        yield failed(f"{_seconds(off)} {way} this machine", said.name, between)
    elif off > _SKEW:
        yield warned(f"{_seconds(off)} {way} this machine", said.name, between)
    else:
        yield passed("agrees with this machine's", said.name, between)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"


def _sync(said: Told) -> Iterator[Finding]:
    state = said.of(TimeSync())
    if isinstance(state, NotTold):
        yield not_told(said, state)
    elif state.container:
        return  # its clock is that of the machine below
    elif state.synchronised is None:
        yield warned("nobody there says whether the clock is kept right", said.name)
    elif not state.synchronised:
        yield warned(
            "no time server keeps the clock right",
            said.name,
            "timedatectl: NTPSynchronized=no",
            command=f"sophia exec --on {said.name} --sudo -- timedatectl set-ntp true",
        )
    else:
        yield passed("a time server keeps it right", said.name)


def _disk(said: Told) -> Iterator[Finding]:
    paths = tuple(path for _, path in said.expected.directories)
    spaces = said.of(Space(paths))
    if isinstance(spaces, NotTold):
        yield not_told(said, spaces)
        return
    for service, path in said.expected.directories:
        space = spaces.get(path)
        if space is None:
            yield failed(f"{path} of {service}: its file system does not answer", said.name)
            continue
        yield _space(said.name, f"{path} of {service}", space)


def _space(name: str, what: str, space: SpaceState) -> Finding:
    share = space.free_share
    evidence = f"{space.at}: {space.free / _GIB:,.1f} of {space.size / _GIB:,.1f} GiB free" + (
        f", {space.inodes_free:,} of {space.inodes:,} inodes" if space.inodes else ""
    )
    says = f"{what}: {share:.0%} free"
    if share < _NEXT_TO_NOTHING:
        return failed(says, name, evidence)
    if share < _LITTLE:
        return warned(says, name, evidence)
    return passed(says, name, evidence)


def _memory(said: Told) -> Iterator[Finding]:
    state = said.of(MemoryNow())
    if isinstance(state, NotTold):
        yield not_told(said, state)
        return
    share = state.available / state.total if state.total else 1.0
    evidence = f"{state.available / _GIB:,.1f} of {state.total / _GIB:,.1f} GiB available"
    if share < _NEXT_TO_NOTHING:
        yield failed(f"{share:.0%} available", said.name, evidence)
    elif share < _LITTLE:
        yield warned(f"{share:.0%} available", said.name, evidence)
    else:
        yield passed(f"{share:.0%} available", said.name, evidence)


def _reboot(said: Told) -> Iterator[Finding]:
    packages = said.of(Reboot())
    if isinstance(packages, NotTold):
        yield not_told(said, packages)
    elif packages is None:
        yield passed("none waits", said.name)
    else:
        named = ", ".join(packages[:5]) or "a package"
        yield warned(f"{named} wants one", said.name, "/run/reboot-required is there")


CHECKS: tuple[Check, ...] = (
    Check(
        "HO-04",
        "Clocks agree",
        Severity.SERIOUS,
        "Reads each host's clock between two readings of this machine's: what the round trip "
        "leaves open does not count. Memories are ordered by time, and leases and certificates "
        "end by it.",
        "sophia exec --sudo -- timedatectl set-ntp true",
        on_each(_clock, "no host"),
        timeout=11.0,
    ),
    Check(
        "HO-05",
        "A time server keeps every clock right",
        Severity.MINOR,
        "Asks each host's kernel whether its clock is kept by a time server. A clock that agrees "
        "today and is kept by nobody will not agree for long. A container has its machine's clock.",
        "sophia exec --sudo -- timedatectl set-ntp true",
        on_each(_sync, "every host is a container, which has its machine's clock"),
        timeout=11.0,
    ),
    Check(
        "HO-06",
        "Every data directory has room",
        Severity.CRITICAL,
        "Reads how much of the file system below each service's data directory is free, bytes and "
        "inodes. It warns below 10 % and fails below 5 %: a full disk stops writes, while Qdrant "
        "goes on saying that it is ready.",
        "free space there, or move the directory to a larger disk",
        on_each(_disk, "no host keeps data"),
        timeout=11.0,
    ),
    Check(
        "HO-07",
        "Every host has memory to spare",
        Severity.SERIOUS,
        "Reads how much memory is to be had without swapping. It warns below 10 % and fails below "
        "5 %: next, the kernel ends the largest process, which is a database.",
        "see what takes it, set services.*.limits.memory, or give the host more",
        on_each(_memory, "no host"),
        timeout=11.0,
    ),
    Check(
        "HO-08",
        "No reboot waits",
        Severity.MINOR,
        "Looks whether a package, mostly the kernel, asks for a reboot: until then the host runs "
        "what was replaced, often for its security.",
        "reboot the hosts one after the other, each once `sophia doctor` is green again",
        on_each(_reboot, "no host"),
        timeout=11.0,
    ),
)
