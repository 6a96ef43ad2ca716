"""A user of the host that a service runs as."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from sophia_cli.config.shapes import Shape
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.user import User, UserState
from sophia_cli.ops.inventory.model import UserName
from sophia_cli.ops.operations.arguments import AbsolutePath
from sophia_cli.ops.operations.operation import Change, Nothing, Run

_TIMEOUT = 60.0
UserNumber = Annotated[int, Field(ge=1, le=60_000), Shape("a number from 1 to 60000")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUser:
    """A user with a group of its own.

    Attributes:
        system: whether its number is one of a service's rather than of a person's.
        uid: its number, if it must be a certain one; that of a user who is there stays.
        home: its home directory, which is not made; without one, what the host gives it.
        groups: further groups, which must be there; those that it has besides stay.
    """

    name: UserName
    system: bool = True
    uid: UserNumber | None = None
    home: AbsolutePath | None = None
    shell: AbsolutePath = "/usr/sbin/nologin"
    groups: tuple[UserName, ...] = ()

    @property
    def title(self) -> str:
        """`user sophia`."""
        return f"user {self.name}"

    def needs(self) -> Sequence[Fact[Any]]:
        """The user."""
        return (User(self.name),)

    def compare(self, known: Known) -> Change | Nothing:
        """Makes the user, or changes what is different."""
        state = known[User(self.name)]
        if state is None:
            return Change(f"make {self.title}", (_run(["useradd", *self._flags()]),))
        flags, said = self._differences(state)
        if not flags:
            return Nothing("is there already")
        return Change(
            f"change {self.title}: {', '.join(said)}", (_run(["usermod", *flags, self.name]),)
        )

    def _flags(self) -> list[str]:
        flags = ["--user-group", "--no-create-home", "--shell", self.shell]
        flags += ["--system"] if self.system else []
        flags += ["--uid", str(self.uid)] if self.uid is not None else []
        flags += ["--home-dir", self.home] if self.home else []
        flags += ["--groups", ",".join(self.groups)] if self.groups else []
        return [*flags, self.name]

    def _differences(self, state: UserState) -> tuple[list[str], list[str]]:
        flags: list[str] = []
        said = []
        if self.home and state.home != self.home:
            flags += ["--home", self.home]
            said.append(f"home {state.home} -> {self.home}")
        if state.shell != self.shell:
            flags += ["--shell", self.shell]
            said.append(f"shell {state.shell} -> {self.shell}")
        if missing := [group for group in self.groups if group not in state.groups]:
            flags += ["--append", "--groups", ",".join(missing)]
            said.append(f"groups + {', '.join(missing)}")
        return flags, said


def _run(arguments: list[str]) -> Run:
    return Run(Command(shlex.join(arguments), timeout=_TIMEOUT))
