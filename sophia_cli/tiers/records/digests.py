"""What the points of the index ought to be, as digests that PostgreSQL makes from the rows.

`memory.digest` makes the same of a point that is written. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sophia_cli.memory.model import Kind
from sophia_cli.tiers.records.database import Connection, Database
from sophia_cli.tiers.records.rows import LIVE, REST, SAID, USABLE

_AROUND = 2
# The last id there is: ranges end before a bound.
LAST = UUID(int=2**128 - 1)
FIRST = UUID(int=0)

_NEAR = f"""
    SELECT p.id, n.id AS beside, n.place FROM page p CROSS JOIN LATERAL (
        (SELECT o.id, (-row_number() OVER (ORDER BY o.turn DESC, o.id DESC))::int AS place
           FROM memory o
          WHERE o.session_key = p.session_key AND o.forgotten_at IS NULL
            AND (o.turn, o.id) < (p.turn, p.id)
          ORDER BY o.turn DESC, o.id DESC LIMIT {_AROUND})
        UNION ALL
        (SELECT o.id, (row_number() OVER (ORDER BY o.turn, o.id))::int FROM memory o
          WHERE o.session_key = p.session_key AND o.forgotten_at IS NULL
            AND (o.turn, o.id) > (p.turn, p.id)
          ORDER BY o.turn, o.id LIMIT {_AROUND})
    ) n WHERE p.session_key IS NOT NULL
"""  # noqa: S608

_DIGESTS = f"""
WITH page AS MATERIALIZED (
    SELECT m.id, m.session_key, m.turn, sha256({SAID}) AS said, {REST} AS rest
      FROM memory m WHERE %s
), near AS MATERIALIZED ({_NEAR}), vectors AS MATERIALIZED (
    SELECT v.memory_id AS id, sha256(v.vector) AS vector FROM memory_vector v
     WHERE {USABLE}
       AND v.memory_id = ANY (ARRAY(SELECT id FROM page UNION SELECT beside FROM near))
), said AS MATERIALIZED (
    SELECT id, said FROM page UNION ALL
    SELECT m.id, sha256({SAID}) FROM memory m WHERE m.id = ANY (
        ARRAY(SELECT beside FROM near EXCEPT SELECT id FROM page))
), neighbour AS MATERIALIZED (
    SELECT id, said || coalesce(vector, ''::bytea) AS whole, vector IS NOT NULL AS embedded
      FROM said LEFT JOIN vectors USING (id)
), around AS MATERIALIZED (
    SELECT near.id, string_agg(set_byte('\\x00'::bytea, 0, near.place & 255) || neighbour.whole,
                               ''::bytea ORDER BY near.place) AS around,
           bool_and(neighbour.embedded) AS embedded
      FROM near JOIN neighbour ON neighbour.id = near.beside GROUP BY near.id
), digests AS (
    SELECT page.id, ('x' || encode(substr(sha256(
               sha256(page.said || page.rest) || coalesce(vectors.vector, ''::bytea)
               || coalesce(around.around, ''::bytea)), 1, 8), 'hex'))::bit(64)::bigint AS digest
      FROM page LEFT JOIN vectors USING (id) LEFT JOIN around USING (id)
)
"""  # noqa: S608

_SUMS = "SELECT width_bucket(id, %(bounds)s::uuid[]), count(*), sum(digest) FROM digests GROUP BY 1"

_EACH = "SELECT id, digest FROM digests ORDER BY id"

_STANDING = f"""
SELECT m.id, m.kind, {LIVE},
       m.forgotten_at IS NULL AND m.expires_at <= %(now)s
       AND m.valid_to IS DISTINCT FROM m.expires_at,
       EXISTS (SELECT FROM outbox o WHERE o.memory_id = m.id),
       vectors.id IS NOT NULL AND coalesce(around.embedded, true), digests.digest
  FROM memory m JOIN digests USING (id) LEFT JOIN vectors USING (id) LEFT JOIN around USING (id)
"""  # noqa: S608

_SAMPLE = f"""
(SELECT m.id FROM memory m WHERE m.kind = %(kind)s AND {LIVE} ORDER BY m.id DESC LIMIT %(newest)s)
UNION
SELECT one.id FROM unnest(%(starts)s::uuid[]) s(start) CROSS JOIN LATERAL (
    SELECT m.id FROM memory m WHERE m.kind = %(kind)s AND {LIVE} AND m.id >= s.start
     ORDER BY m.id LIMIT 1) one
"""  # noqa: S608

_EXPECTED = f"""
SELECT count(*) FILTER (WHERE {LIVE}),
       count(*) FILTER (WHERE m.forgotten_at IS NULL AND m.expires_at <= %(now)s
                          AND m.valid_to IS DISTINCT FROM m.expires_at),
       (SELECT count(*) FROM outbox)
  FROM memory m WHERE m.kind = %(kind)s
"""  # noqa: S608

_WITHOUT_VECTOR = f"""
SELECT m.id FROM memory m WHERE {LIVE} AND NOT EXISTS (
    SELECT FROM memory_vector v
     WHERE v.memory_id = m.id AND {USABLE})
   AND NOT EXISTS (SELECT FROM outbox o WHERE o.memory_id = m.id)
 ORDER BY m.id LIMIT %(limit)s
"""  # noqa: S608

_RANGE = f"m.kind = %(kind)s AND m.id >= %(low)s AND m.id < %(high)s AND {LIVE}"


@dataclass(frozen=True, slots=True)
class Sum:
    """A range of points in two numbers, whatever the order: how many, and their digests' sum."""

    count: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the records say of an id.

    Attributes:
        kind: of the memory.
        live: whether its point belongs into the index.
        over: whether its time has ended and nobody has swept it yet: its point may be there or not.
        owed: whether the index owes it.
        embedded: whether it and the turns around it have vectors of the store's model.
        digest: what its point ought to have; 0 where it ought not to be there.
    """

    kind: Kind
    live: bool
    over: bool
    owed: bool
    embedded: bool
    digest: int

    @property
    def in_motion(self) -> bool:
        """Whether its point may be either way just now."""
        return self.owed or self.over


class Digests:
    """The digests of what the index ought to hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sums(self, kind: Kind, bounds: Sequence[UUID], now: datetime) -> list[Sum]:
        """The sums of neighbouring ranges of ids: from each bound up to before the next.

        Args:
            bounds: in rising order; n + 1 for n ranges.
            now: what has ended by then ought not to be there.
        """

        def work(connection: Connection) -> list[Sum]:
            rows = _rows(
                connection,
                _digests(_RANGE) + _SUMS,
                {
                    "kind": kind.value,
                    "low": bounds[0],
                    "high": bounds[-1],
                    "bounds": list(bounds[:-1]),
                    "now": now,
                },
            )
            found = {place: Sum(count, int(total)) for place, count, total in rows}
            return [found.get(place, Sum()) for place in range(1, len(bounds))]

        return self._database.ask(work)

    def each(
        self, kind: Kind, low: UUID, high: UUID, now: datetime, limit: int = 4096
    ) -> dict[UUID, int]:
        """The digests of the first `limit` of a range, in the order of their ids."""

        def work(connection: Connection) -> dict[UUID, int]:
            return dict(
                _rows(
                    connection,
                    _digests(f"{_RANGE} ORDER BY m.id LIMIT %(limit)s") + _EACH,
                    {"kind": kind.value, "low": low, "high": high, "now": now, "limit": limit},
                )
            )

        return self._database.ask(work)

    def standing(self, ids: Sequence[UUID], now: datetime) -> dict[UUID, Standing]:
        """What the records say of these ids, all at one moment; absent ids are left out."""

        def work(connection: Connection) -> dict[UUID, Standing]:
            statement = _digests("m.id = ANY(%(ids)s)") + _STANDING
            rows = _rows(connection, statement, {"ids": list(ids), "now": now})
            return {
                id_: Standing(Kind(kind), live, bool(over), owed, embedded, digest if live else 0)
                for id_, kind, live, over, owed, embedded, digest in rows
            }

        return self._database.ask(work)

    def sample(self, kind: Kind, newest: int, starts: Sequence[UUID], now: datetime) -> list[UUID]:
        """Live memories: the newest, and for each of `starts` the first from there on."""

        def work(connection: Connection) -> list[UUID]:
            rows: list[Any] = connection.execute(
                _SAMPLE.encode(),
                {"kind": kind.value, "newest": newest, "starts": list(starts), "now": now},
            ).fetchall()
            return [row[0] for row in rows]

        return self._database.ask(work)

    def ends(self, kind: Kind) -> tuple[UUID, UUID] | None:
        """The first and the last id of a kind, forgotten ones included; None without any."""

        def work(connection: Connection) -> tuple[UUID, UUID] | None:
            row: Any = connection.execute(
                "SELECT (SELECT id FROM memory WHERE kind = %(kind)s ORDER BY id LIMIT 1),"
                " (SELECT id FROM memory WHERE kind = %(kind)s ORDER BY id DESC LIMIT 1)",
                {"kind": kind.value},
            ).fetchone()
            return None if row[0] is None else (row[0], row[1])

        return self._database.ask(work)

    def forgotten(self, limit: int) -> list[UUID]:
        """The memories that were forgotten last."""

        def work(connection: Connection) -> list[UUID]:
            rows = connection.execute(
                "SELECT id FROM memory WHERE forgotten_at IS NOT NULL"
                " ORDER BY updated_at DESC LIMIT %s",
                [limit],
            ).fetchall()
            return [row[0] for row in rows]

        return self._database.ask(work)

    def expected(self, kind: Kind, now: datetime) -> tuple[int, int, int]:
        """How many points ought to be there, how many more may be, and how many are owed."""

        def work(connection: Connection) -> tuple[int, int, int]:
            row: Any = connection.execute(
                _EXPECTED.encode(),
                {"kind": kind.value, "now": now},
            ).fetchone()
            return int(row[0]), int(row[1]), int(row[2])

        return self._database.ask(work)

    def written_since(self, moment: datetime) -> int:
        """How many memories were stored or changed since."""

        def work(connection: Connection) -> int:
            row: Any = connection.execute(
                "SELECT count(*) FROM memory WHERE updated_at >= %s", [moment]
            ).fetchone()
            return int(row[0])

        return self._database.ask(work)

    def without_vector(self, now: datetime, limit: int) -> list[UUID]:
        """Live memories whose vector is gone, or of another length, though nothing is owed."""

        def work(connection: Connection) -> list[UUID]:
            rows = connection.execute(
                _WITHOUT_VECTOR.encode(),
                {"now": now, "limit": limit},
            ).fetchall()
            return [row[0] for row in rows]

        return self._database.ask(work)


def _rows(connection: Connection, statement: str, values: dict[str, Any]) -> list[Any]:
    """The rows of a statement over the digests.

    Its parts are joined by hashes: before PostgreSQL has looked at the tables (`ANALYZE`), which
    follows a large ingest by minutes, it expects a page of one row, and thousands joined in loops
    take longer than anybody waits.
    """
    with connection.transaction():
        connection.execute("SET LOCAL enable_nestloop = off")
        return connection.execute(statement.encode(), values).fetchall()


def _digests(which: str) -> str:
    """The digests of some rows of `memory m`."""
    return _DIGESTS.replace("%s", which, 1)
