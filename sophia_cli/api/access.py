"""Who asks: what a token allows, and the part of the memory that it is bound to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sophia_cli.errors import Forbidden
from sophia_cli.memory.model import KINDS, Draft, Kind, Memory, Where


class Scope(StrEnum):
    """What may be done; each covers nothing but itself."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may do, and to which memories.

    Attributes:
        name: who it is, for logs and limits.
        scopes: what is allowed.
        user: the only user whose memories can be read or written; None for all.
        kind: the only kind of memory that can be read or written; None for both.
    """

    name: str
    scopes: frozenset[Scope]
    user: str | None = None
    kind: Kind | None = None

    @property
    def bound(self) -> bool:
        """Whether it sees a part of the memory only."""
        return self.user is not None or self.kind is not None

    def require(self, scope: Scope) -> None:
        """Raises `Forbidden` unless `scope` is allowed."""
        if scope not in self.scopes:
            raise Forbidden(
                f"this token may not {scope.value}", "ask for one with that scope: sophia token"
            )

    def require_all(self) -> None:
        """Raises `Forbidden` where only a part of the memory can be seen."""
        if self.bound:
            raise Forbidden(
                "this token is bound to a part of the memory, and this tells of all of it",
                "ask for one that is not bound: sophia token",
            )

    def kinds(self, wanted: Kind | None) -> Sequence[Kind]:
        """The kinds to look in.

        Raises:
            Forbidden: another kind than the one it is bound to.
        """
        if self.kind is None:
            return KINDS if wanted is None else (wanted,)
        if wanted not in (None, self.kind):
            raise Forbidden(f"this token is bound to {self.kind.value} memories")
        return (self.kind,)

    def where(self, wanted: Where) -> Where:
        """The filter, narrowed to the user it is bound to.

        Raises:
            Forbidden: another user is asked for.
        """
        return replace(wanted, user=self._user(wanted.user))

    def draft(self, draft: Draft) -> Draft:
        """The draft, as a memory of the user and kind it is bound to.

        Raises:
            Forbidden: it belongs to another user or kind.
        """
        kind = draft.kind if self.kind is None else self.kinds(draft.kind)[0]
        return replace(draft, user=self._user(draft.user), kind=kind)

    def sees(self, memory: Memory) -> bool:
        """Whether a memory is in the part that it is bound to."""
        return self.user in (None, memory.user) and self.kind in (None, memory.kind)

    def _user(self, wanted: str | None) -> str | None:
        if self.user is not None and wanted not in (None, self.user):
            raise Forbidden("this token is bound to another user")
        return self.user or wanted


OWNER = Access("owner", frozenset(Scope))
"""Who runs the command line, or may open the socket in the home: everything is allowed."""
