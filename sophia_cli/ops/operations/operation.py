"""What an operation is: it says which facts it needs, compares, and builds what is to be done.

It runs nothing and reads nothing itself, so a test is a table of arguments, facts and commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sophia_cli.ops.connection.protocol import Command, RemoteFile
from sophia_cli.ops.facts.fact import Fact, Known


@dataclass(frozen=True, slots=True)
class Run:
    """One command that changes something; a status other than 0 is a failure."""

    command: Command


@dataclass(frozen=True, slots=True)
class Put:
    """One file that is written."""

    file: RemoteFile


Action = Run | Put


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done.

    Attributes:
        summary: for people, in one line: `recreate container sophia-redis: image 7.4.1 -> 7.4.2`.
        actions: in order; the first that fails ends it.
        diff: unified, of a file whose content may be shown; empty otherwise.
        destroys: whether data goes that nothing here brings back.
    """

    summary: str
    actions: tuple[Action, ...] = field(repr=False)
    diff: str = field(default="", repr=False)
    destroys: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """Why nothing is to be done: `is there already`."""

    reason: str


class Operation(Protocol):
    """One thing on a host as it should be: a frozen dataclass whose fields are its arguments."""

    @property
    def title(self) -> str:
        """What it is about, in a few words: `file /etc/sophia/redis.conf`."""

    def needs(self) -> Sequence[Fact[Any]]:
        """The facts that `compare` looks at."""

    def compare(self, known: Known) -> Change | Nothing:
        """What is needed so that the host is as the arguments say.

        Raises:
            Refused: what is there is somebody else's, or must not be touched; nothing is done.
        """
