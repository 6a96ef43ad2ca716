"""What a host is asked of what a deployment put there: units, files, its lease, its GPU."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sophia_cli.ops.facts.lines import pairs
from sophia_cli.ops.facts.unit import Unit, UnitState


@dataclass(frozen=True, slots=True)
class UnitNow:
    """A unit, and for how many seconds it has been in its state; None where that is not told."""

    state: UnitState
    age: float | None


@dataclass(frozen=True, slots=True)
class Units:
    """Several units of systemd's, in one call."""

    names: tuple[str, ...]

    @property
    def command(self) -> str:
        """Prints the uptime, and a block of properties a unit."""
        names = " ".join(map(shlex.quote, self.names))
        properties = "LoadState,ActiveState,SubState,UnitFileState,NRestarts,MainPID"
        return (
            "cut -d ' ' -f 1 /proc/uptime; [ -d /run/systemd/system ] || exit 0; "
            f"systemctl show --no-pager -p {properties},ActiveEnterTimestampMonotonic -- {names}"
        )

    def parse(self, output: str, exit_status: int) -> dict[str, UnitNow]:
        """By name."""
        if exit_status == 124:
            raise ValueError("systemd does not answer")
        uptime, _, rest = output.partition("\n")
        blocks = [block for block in rest.split("\n\n") if block.strip()]
        if len(blocks) != len(self.names):
            raise ValueError("systemd does not run there, or does not answer")
        return {
            name: UnitNow(Unit(name).parse(block, 0), _age(block, float(uptime)))
            for name, block in zip(self.names, blocks, strict=True)
        }


def _age(block: str, uptime: float) -> float | None:
    entered = int(pairs(block).get("ActiveEnterTimestampMonotonic") or 0)
    return uptime - entered / 1e6 if entered else None


@dataclass(frozen=True, slots=True)
class FileMode:
    """Whose a file is and who may read it; `mode` four octal digits."""

    mode: str
    owner: str
    group: str

    @property
    def is_private(self) -> bool:
        """Whether nobody but its owner may do anything with it."""
        return int(self.mode, 8) & 0o077 == 0


@dataclass(frozen=True, slots=True)
class Modes:
    """The modes of files."""

    paths: tuple[str, ...]

    @property
    def command(self) -> str:
        """Prints a line for each that is there."""
        paths = " ".join(map(shlex.quote, self.paths))
        return rf"stat -L --printf '%04a\t%U\t%G\t%n\n' -- {paths} 2>/dev/null; true"

    def parse(self, output: str, exit_status: int) -> dict[str, FileMode]:
        """By path; one that is not there is not among them."""
        if exit_status == 124:
            raise ValueError("the file system does not answer")
        rows = [line.split("\t", 3) for line in output.splitlines()]
        return {path: FileMode(mode, owner, group) for mode, owner, group, path in rows}


@dataclass(frozen=True, slots=True)
class LeftLock:
    """The lease of a deployment that is there.

    Attributes:
        age: seconds since its last sign of life, by the host's clock.
        text: the file's first line.
    """

    age: int
    text: str


@dataclass(frozen=True, slots=True)
class DeployLock:
    """The lease of a deployment on the host."""

    directory: str

    @property
    def command(self) -> str:
        """Prints its age and its line; nothing where there is none."""
        path = shlex.quote(f"{self.directory}/lock")
        return (
            f"seen=$(stat -c %Y {path} 2>/dev/null) || exit 0; "
            f"echo $(($(date +%s) - seen)); head -n 1 {path}; true"
        )

    def parse(self, output: str, exit_status: int) -> LeftLock | None:  # noqa: ARG002
        """The lease; None without one."""
        age, _, text = output.partition("\n")
        return LeftLock(int(age), text.strip()) if age.strip() else None


@dataclass(frozen=True, slots=True)
class GpuState:
    """The GPU for Qdrant.

    Attributes:
        there: whether the driver answers.
        lines: of the peer's log, those about GPUs.
    """

    there: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gpu:
    """Whether the host has a GPU, and what its Qdrant says of it in its log."""

    container: str

    @property
    def command(self) -> str:
        """Prints `there`, and lines of the log."""
        return (
            "if timeout 2 nvidia-smi -L >/dev/null; then echo there; fi; "
            f"timeout 2 docker logs {shlex.quote(self.container)} 2>&1 "
            "| grep -m 5 -i -E 'gpu device|llvmpipe'; true"
        )

    def parse(self, output: str, exit_status: int) -> GpuState:
        """What is known of it."""
        if exit_status == 124:
            raise ValueError("neither the driver nor docker answers")
        lines = output.splitlines()
        there = lines[:1] == ["there"]
        return GpuState(there, tuple(line[:200] for line in lines[there:]))
