"""What was answered under an Idempotency-Key, so that a repeated request is not carried out twice.

The answer is written in the transaction that it tells of: whoever finds one, finds the work done,
and of two who are at it at once only one commits. It holds ids, never what a memory says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from sophia_cli.errors import Conflict
from sophia_cli.memory.model import Kind
from sophia_cli.tiers.records.database import Connection, Database

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to be carried out once.

    Attributes:
        caller: who makes it; nobody shares their keys.
        key: the name that they gave it.
        request: sha256 of what it asks, 32 bytes.
    """

    caller: str
    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one draft of it."""

    id: UUID
    kind: Kind
    created: bool


class Answered(Exception):
    """Another one has carried out the request meanwhile; this transaction is to be undone."""


class Idempotency:
    """The answers of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, once: Once) -> list[Kept] | None:
        """What the request was answered with; None when it was not carried out yet.

        Raises:
            Conflict: another request has its key.
        """
        return self._database.ask(lambda connection: _find(connection, once))

    def keep(self, once: Once, answer: Sequence[Kept]) -> None:
        """Keeps the answer to a request that changed nothing.

        Raises:
            Answered: see `keep_in`.
        """
        self._database.ask(lambda connection: keep_in(connection, once, answer))

    def prune(self) -> int:
        """Removes what was kept long enough; returns how many answers went."""

        def work(connection: Connection) -> int:
            return connection.execute(
                "DELETE FROM idempotent_answer WHERE created_at < clock_timestamp() - %s",
                [KEPT_FOR],
            ).rowcount

        return self._database.ask(work)


def keep_in(connection: Connection, once: Once, answer: Sequence[Kept]) -> None:
    """Keeps the answer in the transaction that carries out the request.

    Raises:
        Answered: the request, or another one with its key, has been carried out.
    """
    stored = json.dumps([asdict(each) for each in answer], default=str)
    made = connection.execute(
        "INSERT INTO idempotent_answer (caller, key, request, stored)"
        " VALUES (%s, %s, %s, %s::jsonb) ON CONFLICT DO NOTHING",
        [once.caller, once.key, once.request, stored],
    )
    if made.rowcount != 1:
        raise Answered


def _find(connection: Connection, once: Once) -> list[Kept] | None:
    row = connection.execute(
        "SELECT request, stored FROM idempotent_answer WHERE caller = %s AND key = %s",
        [once.caller, once.key],
    ).fetchone()
    if row is None:
        return None
    if row[0] != once.request:
        raise Conflict(
            "this Idempotency-Key belongs to another request",
            "take a new key for a new request",
        )
    return [Kept(UUID(each["id"]), Kind(each["kind"]), each["created"]) for each in row[1]]
