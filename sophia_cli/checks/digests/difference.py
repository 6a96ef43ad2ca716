"""A difference between the records and one copy of the points."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sophia_cli.memory.model import Kind
from sophia_cli.memory.ports import Copy


class Fault(StrEnum):
    """What is wrong with a point. The records say what is right."""

    MISSING = "missing"
    """A memory that may be recalled has no point."""
    DIFFERING = "differing"
    """Its point is not what the records say."""
    GHOST = "ghost"
    """A point of a memory that was forgotten, has ended, or is of the other kind."""
    UNKNOWN = "unknown"
    """A point whose memory the records never knew: they may have lost it."""


@dataclass(frozen=True, slots=True)
class Named:
    """A copy of the points by its name: a peer's host or address; empty for the one in process."""

    name: str
    copy: Copy


@dataclass(frozen=True, slots=True)
class Suspect:
    """A point of a copy that looked different, or is to be looked at."""

    copy: str
    kind: Kind
    id: UUID


@dataclass(frozen=True, slots=True)
class Difference:
    """One that was looked at again, and is one.

    Attributes:
        part: what differs; see `Copy.differing`.
    """

    suspect: Suspect
    fault: Fault
    part: str = ""

    @property
    def says(self) -> str:
        """In one line, without anything of the memory but its id."""
        part = f" ({self.part})" if self.fault is Fault.DIFFERING else ""
        return f"{self.suspect.id} {self.fault}{part}"
