"""A user of a host."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserState:
    """A user that is there.

    Attributes:
        group: the name of its own group.
        groups: all of its groups' names.
    """

    uid: int
    gid: int
    group: str
    groups: tuple[str, ...]
    home: str
    shell: str


@dataclass(frozen=True, slots=True)
class User:
    """A user, by name."""

    name: str

    @property
    def command(self) -> str:
        """Prints its line of passwd, its group and its groups."""
        name = shlex.quote(self.name)
        return f"getent passwd {name} && id -gn {name} && id -Gn {name}; true"

    def parse(self, output: str, exit_status: int) -> UserState | None:
        """The user; None where there is none."""
        if exit_status == 124:
            raise ValueError("the host does not say in time which users it has")
        lines = output.splitlines()
        if not lines:
            return None
        if len(lines) < 3:
            raise ValueError(f"user {self.name} has no group")
        _, _, uid, gid, _, home, shell = lines[0].split(":")
        return UserState(int(uid), int(gid), lines[1], tuple(lines[2].split()), home, shell)
