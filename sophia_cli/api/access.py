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
        agent: the only agent's, likewise.
        session: the only conversation's, likewise.
        grant: what allows it, as a refusal calls it.
        remedy: how a wider one is had.
    """

    name: str
    scopes: frozenset[Scope]
    user: str | None = None
    kind: Kind | None = None
    agent: str | None = None
    session: str | None = None
    grant: str = "this token"
    remedy: str = "ask for another one: sophia token"

    @property
    def bound(self) -> bool:
        """Whether it sees a part of the memory only."""
        return (self.user, self.kind, self.agent, self.session) != (None,) * 4

    def require(self, scope: Scope) -> None:
        """Raises `Forbidden` unless `scope` is allowed."""
        if scope not in self.scopes:
            raise Forbidden(f"{self.grant} may not {scope.value}", self.remedy)

    def require_all(self) -> None:
        """Raises `Forbidden` where only a part of the memory can be seen."""
        if self.bound:
            raise Forbidden(
                f"{self.grant} is bound to a part of the memory, and this tells of all of it",
                self.remedy,
            )

    def kinds(self, wanted: Kind | None) -> Sequence[Kind]:
        """The kinds to look in.

        Raises:
            Forbidden: another kind than the one it is bound to.
        """
        if self.kind is None:
            return KINDS if wanted is None else (wanted,)
        if wanted not in (None, self.kind):
            raise Forbidden(f"{self.grant} is bound to {self.kind.value} memories", self.remedy)
        return (self.kind,)

    def where(self, wanted: Where) -> Where:
        """The filter, narrowed to what it is bound to.

        Raises:
            Forbidden: another user, agent or session is asked for.
        """
        return replace(
            wanted,
            user=self._own("user", wanted.user),
            agent=self._own("agent", wanted.agent),
            session=self._own("session", wanted.session),
        )

    def draft(self, draft: Draft) -> Draft:
        """The draft, as a memory of what it is bound to.

        Raises:
            Forbidden: it belongs to another user, kind, agent or session.
        """
        kind = draft.kind if self.kind is None else self.kinds(draft.kind)[0]
        return replace(
            draft,
            kind=kind,
            user=self._own("user", draft.user),
            agent=self._own("agent", draft.agent),
            session=self._own("session", draft.session),
        )

    def sees(self, memory: Memory) -> bool:
        """Whether a memory is in the part that it is bound to."""
        bounds = (self.user, self.kind, self.agent, self.session)
        of_it = (memory.user, memory.kind, memory.agent, memory.session)
        return all(bound in (None, own) for bound, own in zip(bounds, of_it, strict=True))

    def _own(self, name: str, wanted: str | None) -> str | None:
        """Its own user, agent or session where it is bound to one, else the wanted one."""
        own: str | None = getattr(self, name)
        if own is not None and wanted not in (None, own):
            raise Forbidden(f"{self.grant} is bound to another {name}", self.remedy)
        return own or wanted


OWNER = Access("owner", frozenset(Scope))
"""Who runs the command line, or may open the socket in the home: everything is allowed."""
