"""A unit of systemd, as systemd sees it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from sophia_cli.ops.facts.lines import pairs

_PROPERTIES = (
    "LoadState,ActiveState,SubState,UnitFileState,NRestarts,MainPID,ExecMainStartTimestamp"
)


@dataclass(frozen=True, slots=True)
class UnitState:
    """A unit, in systemd's words; all empty where systemd does not run.

    Attributes:
        load: `loaded`, `not-found`, `masked`, ...
        active: `active`, `inactive`, `failed`, `activating`, ...
        sub: `running`, `exited`, `dead`, `auto-restart`, ...
        file: `enabled`, `disabled`, `static`, ...; empty where there is no file.
        restarts: how often systemd started it anew by itself.
        pid: of its main process; 0 without one.
        started: when that was started, in systemd's words.
    """

    load: str = ""
    active: str = ""
    sub: str = ""
    file: str = ""
    restarts: int = 0
    pid: int = 0
    started: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, by its full name: `sophia.service`."""

    name: str

    @classmethod
    def together(cls, facts: Sequence[Unit]) -> Units:
        """All of them by one call of `systemctl`."""
        return Units(tuple(facts))

    @property
    def command(self) -> str:
        """Prints its properties, `Name=value` a line."""
        return _shown([self.name])

    def parse(self, output: str, exit_status: int) -> UnitState:
        """The unit; one that nobody knows has the load state `not-found`."""
        if exit_status == 124:
            raise ValueError("systemd does not answer")
        return _state(output)


@dataclass(frozen=True, slots=True)
class Units:
    """Some units."""

    facts: tuple[Unit, ...]

    @property
    def command(self) -> str:
        """Prints the properties of each, an empty line between two."""
        return _shown([each.name for each in self.facts])

    def parse(self, output: str, exit_status: int) -> list[UnitState]:
        """Each of them; all empty where systemd does not run."""
        if exit_status == 124:
            raise ValueError("systemd does not answer")
        blocks = output.strip().split("\n\n") if output.strip() else [""] * len(self.facts)
        if len(blocks) != len(self.facts):
            raise ValueError(f"{len(blocks)} units answer for {len(self.facts)}")
        return [_state(each) for each in blocks]


def _shown(names: Sequence[str]) -> str:
    return f"systemctl show --no-pager -p {_PROPERTIES} -- {shlex.join(names)}; true"


def _state(output: str) -> UnitState:
    said = pairs(output)
    return UnitState(
        said.get("LoadState", ""),
        said.get("ActiveState", ""),
        said.get("SubState", ""),
        said.get("UnitFileState", ""),
        int(said.get("NRestarts") or 0),
        int(said.get("MainPID") or 0),
        said.get("ExecMainStartTimestamp", ""),
    )
