"""A directory, whose it is and who may enter it; what is in it is left alone."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sophia_cli.errors import Refused
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.path import AtPath, Kind
from sophia_cli.ops.operations.arguments import AbsolutePath, Mode, Owner
from sophia_cli.ops.operations.operation import Change, Nothing, Run

_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory.

    Attributes:
        owner: a user of the host, by name or number; `group` likewise.
        parents: whether those above it are made where they lack, root's with mode 0755.
    """

    path: AbsolutePath
    owner: Owner = "root"
    group: Owner = "root"
    mode: Mode = "0755"
    parents: bool = True

    @property
    def title(self) -> str:
        """`directory /data/redis`."""
        return f"directory {self.path}"

    def needs(self) -> Sequence[Fact[Any]]:
        """What is there; a link to a directory is one."""
        return (AtPath(self.path, follow=True),)

    def compare(self, known: Known) -> Change | Nothing:
        """Makes it, or gives it the right owner and mode; `Refused` where something else is."""
        state = known[AtPath(self.path, follow=True)]
        if state.kind is Kind.ABSENT:
            return Change(f"make {self.title}", (Run(self._made()),))
        if state.kind is not Kind.DIRECTORY:
            raise Refused(
                f"{self.path} is there and is no directory", "look what it is, and move it away"
            )
        if differences := state.differences(self.owner, self.group, self.mode):
            return Change(f"change {self.title}: {', '.join(differences)}", (Run(self._made()),))
        return Nothing("is there already")

    def _made(self) -> Command:
        path = shlex.quote(self.path)
        above = "" if self.parents else f'test -d "$(dirname -- {path})" && '
        owner, group = shlex.quote(self.owner), shlex.quote(self.group)
        return Command(
            f"{above}install -d -m {self.mode} -o {owner} -g {group} -- {path}", timeout=_TIMEOUT
        )
