"""Tokens: who may use the memory over TCP. Of a secret only its digest is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from psycopg import errors as pg

from sophia_cli.errors import Conflict, NotFound
from sophia_cli.memory.model import Kind
from sophia_cli.tiers.records.database import Connection, Database

_COLUMNS = "id, name, digest, scopes, user_id, kind, created_at, expires_at, used_at, revoked_at"
# A name may have been used before: the token that holds it now comes first.
_REVOKE = f"""
UPDATE token SET revoked_at = coalesce(revoked_at, %(now)s)
 WHERE id = (SELECT id FROM token WHERE id = %(which)s OR name = %(which)s
              ORDER BY id = %(which)s DESC, revoked_at IS NULL DESC, revoked_at DESC LIMIT 1)
RETURNING {_COLUMNS}
"""  # noqa: S608
# How exactly it is known when a token was used last: a write for each request would cost too much.
_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the records hold it.

    Attributes:
        id: the part of it that is no secret.
        digest: sha256 of its secret, 32 bytes.
        scopes: what it allows, by the names of `api.access.Scope`.
        user, kind: the only part of the memory that it reaches; None for all.
        used_at: when it was used last, to the minute.
    """

    id: str
    name: str
    digest: bytes
    scopes: frozenset[str]
    user: str | None
    kind: Kind | None
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Tokens:
    """The tokens of a store.

    Attributes:
        changes: grows with every revocation by this process, whatever the store: who remembers
            tokens asks again when it has moved.
    """

    changes: ClassVar[int] = 0

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: Token) -> None:
        """Stores a new token.

        Raises:
            Conflict: one of that name is in use.
        """

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO token"
                " (id, name, digest, scopes, user_id, kind, created_at, expires_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
                [
                    token.id,
                    token.name,
                    token.digest,
                    sorted(token.scopes),
                    token.user,
                    None if token.kind is None else token.kind.value,
                    token.created_at,
                    token.expires_at,
                ],
            )

        try:
            self._database.ask(work)
        except pg.UniqueViolation:
            raise Conflict(
                f"there is a token named {token.name!r} already",
                "choose another name, or revoke that one: sophia token revoke",
            ) from None

    def find(self, id_: str) -> Token | None:
        """The token with this id, revoked or not."""

        def work(connection: Connection) -> Token | None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM token WHERE id = %s",  # noqa: S608
                [id_],
            ).fetchone()
            return None if row is None else _token(row)

        return self._database.ask(work)

    def all(self) -> list[Token]:
        """Every token, the newest first, also those that are over."""

        def work(connection: Connection) -> list[Token]:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM token ORDER BY created_at DESC, id"  # noqa: S608
            ).fetchall()
            return [_token(row) for row in rows]

        return self._database.ask(work)

    def used(self, token: Token, now: datetime) -> None:
        """Notes that a token was used, at most once a minute."""
        if token.used_at is not None and now - token.used_at < _USED_EVERY:
            return
        self._database.ask(
            lambda connection: connection.execute(
                "UPDATE token SET used_at = greatest(used_at, %s) WHERE id = %s", [now, token.id]
            )
        )

    def revoke(self, which: str, now: datetime) -> Token:
        """Ends a token, by its id or its name; one that is revoked already stays so.

        Raises:
            NotFound: there is none.
        """

        def work(connection: Connection) -> Token | None:
            row = connection.execute(_REVOKE.encode(), {"now": now, "which": which}).fetchone()
            return None if row is None else _token(row)

        revoked = self._database.ask(work)
        if revoked is None:
            raise NotFound("there is no such token", "sophia token list shows what there is")
        Tokens.changes += 1
        return revoked


def _token(row: Sequence[Any]) -> Token:
    id_, name, digest, scopes, user, kind, *times = row
    return Token(
        id_,
        name,
        digest,
        frozenset(scopes),
        user,
        None if kind is None else Kind(kind),
        *times,
    )
