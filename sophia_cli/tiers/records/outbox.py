"""What the index owes: read with the truth of each memory, acknowledged by its change number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sophia_cli.memory.digest import RowDigest
from sophia_cli.memory.model import Kind, Memory, Vector
from sophia_cli.tiers.records.database import Connection, Database
from sophia_cli.tiers.records.rows import COLUMNS, REST, SAID, USABLE, memory_of, vector_of
from sophia_cli.tiers.records.writes import Moment

NEIGHBOURS = 2
"""How many turns on each side of a memory its index entry knows."""

_NEIGHBOURS = f"""
SELECT m.id, n.id, n.place FROM memory m CROSS JOIN LATERAL (
    (SELECT p.id, (-row_number() OVER (ORDER BY p.turn DESC, p.id DESC))::int AS place
       FROM memory p
      WHERE p.session_key = m.session_key AND p.forgotten_at IS NULL
        AND (p.turn, p.id) < (m.turn, m.id)
      ORDER BY p.turn DESC, p.id DESC LIMIT {NEIGHBOURS})
    UNION ALL
    (SELECT p.id, (row_number() OVER (ORDER BY p.turn, p.id))::int FROM memory p
      WHERE p.session_key = m.session_key AND p.forgotten_at IS NULL
        AND (p.turn, p.id) > (m.turn, m.id)
      ORDER BY p.turn, p.id LIMIT {NEIGHBOURS})
) n WHERE m.id = ANY(%s)
"""  # noqa: S608


OWE_AROUND = f"""
INSERT INTO outbox (memory_id, kind)
SELECT DISTINCT o.id, o.kind FROM ({_NEIGHBOURS}) around(id, beside, place)
  JOIN memory o ON o.id = beside WHERE o.id <> ALL(%s)
ON CONFLICT (memory_id) DO UPDATE
   SET change = nextval('outbox_change'), enqueued_at = clock_timestamp()
"""  # noqa: S608
"""Enters the neighbours of some memories (an array of ids) but not some others (another)."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One entry of the outbox: the memory, and the change it stands for."""

    memory_id: UUID
    kind: Kind
    change: int


def owed_by_id(rows: Sequence[Sequence[Any]]) -> dict[UUID, Owed]:
    """Rows of memory_id, kind and change as entries."""
    return {id_: Owed(id_, Kind(kind), change) for id_, kind, change in rows}


@dataclass(frozen=True, slots=True)
class Turn:
    """A memory with its vector (None while the embedder owes it), as the index needs it."""

    memory: Memory
    vector: Vector | None
    digest: RowDigest


@dataclass(frozen=True, slots=True)
class Truth:
    """The state of some memories and of the turns around them.

    `around[id]` maps -2, -1, 1, 2 to the neighbour's id.
    """

    turns: Mapping[UUID, Turn]
    around: Mapping[UUID, Mapping[int, UUID]]


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epoch of each kind, whether its index owes anything, and which weights rank.

    Attributes:
        weights: the id of weights that were fitted here; None for those that ship with sophia.
        forgets: how often memories were forgotten.
    """

    values: Mapping[Kind, int]
    owing: frozenset[Kind]
    weights: int | None = None
    forgets: int = 0


class Outbox:
    """The index's debts and the epochs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: tuple[Moment, Epochs] | None = None

    def epochs(self) -> Epochs:
        """Where each kind stands: one round trip, or none while nobody has written since."""
        writes = self._database.writes
        moment, kept = writes.moment(), self._kept
        if moment is not None and kept is not None and kept[0] == moment:
            return kept[1]
        unsettled = writes.unsettled()

        def work(connection: Connection) -> Epochs:
            if unsettled:
                writes.settle(_gone(connection, unsettled))
            rows = connection.execute(
                "SELECT kind, value, EXISTS (SELECT FROM outbox o WHERE o.kind = epoch.kind),"
                " store.weights_id, store.forgets FROM epoch, store"
            ).fetchall()
            return Epochs(
                {Kind(kind): value for kind, value, *_ in rows},
                frozenset(Kind(kind) for kind, _, owes, *_ in rows if owes),
                *rows[0][3:],
            )

        epochs = self._database.ask(work)
        if moment is not None:
            self._kept = (moment, epochs)
        return epochs

    def owed(self, limit: int, *, older_than: timedelta = timedelta(0)) -> list[Owed]:
        """Entries that have waited at least so long: the least tried first, then the oldest.

        So what cannot be done, such as a text that the embedder will not take, holds up nothing.
        """

        def work(connection: Connection) -> list[Owed]:
            rows = connection.execute(
                "SELECT memory_id, kind, change FROM outbox"
                " WHERE enqueued_at <= clock_timestamp() - %s ORDER BY attempts, change LIMIT %s",
                [older_than, limit],
            ).fetchall()
            return list(owed_by_id(rows).values())

        return self._database.ask(work)

    def truth(self, ids: Sequence[UUID]) -> Truth:
        """The memories as they are now, with their vectors and neighbours in the session."""

        def work(connection: Connection) -> Truth:
            turns = _turns(connection, ids)
            in_session = [
                id_
                for id_, turn in turns.items()
                if turn.memory.session is not None and turn.memory.forgotten_at is None
            ]
            around: dict[UUID, dict[int, UUID]] = {}
            if in_session:
                for id_, neighbour, place in connection.execute(
                    _NEIGHBOURS.encode(), [in_session]
                ).fetchall():
                    around.setdefault(id_, {})[place] = neighbour
                others = {n for places in around.values() for n in places.values()} - set(turns)
                turns.update(_turns(connection, list(others)))
            return Truth(turns, around)

        return self._database.ask(work)

    def acknowledge(self, entries: Sequence[Owed]) -> None:
        """Strikes entries that are in the index now.

        One that changed meanwhile stays, and one that somebody else struck is entered again: that
        other may have written a newer state before we wrote the older one.
        """

        def work(connection: Connection) -> None:
            # Lost with the power, it is struck again: it need not wait for the disk.
            struck = connection.execute(
                "DELETE FROM outbox o USING unnest(%s::uuid[], %s::bigint[]) AS a(id, change),"
                " (SELECT set_config('synchronous_commit', 'off', true) AS off) AS lazily"
                " WHERE o.memory_id = a.id AND o.change = a.change AND lazily.off = 'off'"
                " RETURNING o.memory_id",
                [[entry.memory_id for entry in entries], [entry.change for entry in entries]],
            ).fetchall()
            missed = {entry.memory_id for entry in entries} - {row[0] for row in struck}
            if missed:
                connection.execute(
                    "INSERT INTO outbox (memory_id, kind)"
                    " SELECT id, kind FROM memory WHERE id = ANY(%s) ON CONFLICT DO NOTHING",
                    [list(missed)],
                )

        self._database.tell(work)

    def failed(self, ids: Sequence[UUID], reason: str) -> None:
        """Notes an attempt that did not get through; the entries stay."""
        self._database.tell(
            lambda connection: connection.execute(
                "UPDATE outbox SET attempts = attempts + 1, last_error = %s"
                " WHERE memory_id = ANY(%s)",
                [reason[:500], list(ids)],
            )
        )

    def owe(self, ids: Sequence[UUID]) -> list[Owed]:
        """Enters memories: what a rebuild or a repair wants written again."""

        def work(connection: Connection) -> list[Owed]:
            rows = connection.execute(
                "INSERT INTO outbox (memory_id, kind) SELECT id, kind FROM memory"
                " WHERE id = ANY(%s) ON CONFLICT (memory_id) DO UPDATE"
                " SET change = nextval('outbox_change'), enqueued_at = clock_timestamp()"
                " RETURNING memory_id, kind, change",
                [list(ids)],
            ).fetchall()
            return list(owed_by_id(rows).values())

        return self._database.tell(work)

    def owe_around(self, ids: Sequence[UUID], besides: Collection[UUID]) -> int:
        """Enters the neighbours of memories in their sessions; how many.

        Args:
            besides: not these: they are being written just now.
        """

        def work(connection: Connection) -> int:
            return connection.execute(OWE_AROUND.encode(), [list(ids), list(besides)]).rowcount

        return self._database.tell(work)

    def owe_since(self, moment: datetime | None) -> int:
        """Enters everything that was written since `moment` (None: everything); how many."""

        def work(connection: Connection) -> int:
            cursor = connection.execute(
                "INSERT INTO outbox (memory_id, kind) SELECT id, kind FROM memory"
                " WHERE %(moment)s::timestamptz IS NULL OR updated_at >= %(moment)s"
                " ON CONFLICT (memory_id) DO NOTHING",
                {"moment": moment},
            )
            return cursor.rowcount

        return self._database.tell(work)

    def owe_expired(self, now: datetime, limit: int = 500) -> int:
        """Marks memories whose time is over as expired, and enters them; how many."""

        def work(connection: Connection) -> int:
            rows = connection.execute(
                "WITH due AS (SELECT id FROM memory WHERE expires_at <= %(now)s"
                "   AND forgotten_at IS NULL AND valid_to IS DISTINCT FROM expires_at"
                "   ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)"
                " UPDATE memory m SET valid_to = m.expires_at, updated_at = clock_timestamp()"
                " FROM due WHERE m.id = due.id RETURNING m.id, m.kind",
                {"now": now, "limit": limit},
            ).fetchall()
            if rows:
                connection.execute(
                    "INSERT INTO outbox (memory_id, kind)"
                    " SELECT * FROM unnest(%s::uuid[], %s::text[]) ON CONFLICT (memory_id)"
                    " DO UPDATE SET change = nextval('outbox_change')",
                    [[row[0] for row in rows], [row[1] for row in rows]],
                )
            return len(rows)

        return self._database.run(work)

    def answers_to_erase(self) -> bool:
        """Whether a forget still owes the erasure of cached answers."""

        def work(connection: Connection) -> bool:
            row = connection.execute("SELECT erase_answers FROM store").fetchone()
            return bool(row and row[0])

        return self._database.ask(work)

    def answers_erased(self) -> None:
        """Notes that the cached answers are gone."""
        self._database.tell(
            lambda connection: connection.execute("UPDATE store SET erase_answers = false")
        )

    def waiting(self) -> tuple[int, float, int]:
        """How many entries there are, the age of the oldest in seconds, and its most attempts."""

        def work(connection: Connection) -> tuple[int, float, int]:
            row: Any = connection.execute(
                "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp()"
                " - min(enqueued_at)), 0)::float8, coalesce(max(attempts), 0) FROM outbox"
            ).fetchone()
            return int(row[0]), float(row[1]), int(row[2])

        return self._database.ask(work)

    def size(self) -> tuple[int, float]:
        """How many entries there are, and the age of the oldest in seconds."""

        def work(connection: Connection) -> tuple[int, float]:
            row: Any = connection.execute(
                "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp()"
                " - min(enqueued_at)), 0)::float8 FROM outbox"
            ).fetchone()
            return int(row[0]), float(row[1])

        return self._database.ask(work)


def _gone(connection: Connection, backends: Sequence[int]) -> list[int]:
    """Those of these server processes that are no more."""
    rows = connection.execute(
        "SELECT pid FROM unnest(%s::int[]) pid"
        " WHERE NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = pid.pid)",
        [list(backends)],
    ).fetchall()
    return [row[0] for row in rows]


def _turns(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Turn]:
    rows = connection.execute(
        f"SELECT {COLUMNS}, v.vector, {SAID}, {REST} FROM memory m"  # noqa: S608
        " LEFT JOIN memory_vector v ON v.memory_id = m.id"
        f" AND {USABLE} WHERE m.id = ANY(%s)",
        [list(ids)],
    ).fetchall()
    return {
        row[0]: Turn(memory_of(row[:-3]), vector_of(row[-3]), _digest_of(*row[-2:])) for row in rows
    }


def _digest_of(said: bytes, rest: bytes) -> RowDigest:
    said = sha256(said).digest()
    return RowDigest(said, sha256(said + rest).digest())
