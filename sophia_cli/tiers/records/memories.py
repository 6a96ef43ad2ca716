"""Writing memories: each call is one transaction of row, audit event, outbox entry and epoch.

Every transaction may be repeated (see `Database.run`): new rows are found again by their content
hash, a change that is already made is not made twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sophia_cli.errors import Conflict, InvalidInput, NotFound
from sophia_cli.memory.identity import content_hash, new_id
from sophia_cli.memory.model import Draft, Kind, Memory, Vector
from sophia_cli.tiers.records.database import Connection, Database
from sophia_cli.tiers.records.outbox import Owed, owed_by_id
from sophia_cli.tiers.records.rows import COLUMNS, bytes_of, memory_of

SUPERSEDES = "supersedes"

# Neighbours on both sides of a turn hold its words in their own index entries.
_NEIGHBOURS = """
CROSS JOIN LATERAL (
    (SELECT p.id, p.kind FROM memory p
      WHERE p.session_key = t.session_key AND p.forgotten_at IS NULL
        AND (p.turn, p.id) < (t.turn, t.id)
      ORDER BY p.turn DESC, p.id DESC LIMIT 2)
    UNION ALL
    (SELECT p.id, p.kind FROM memory p
      WHERE p.session_key = t.session_key AND p.forgotten_at IS NULL
        AND (p.turn, p.id) > (t.turn, t.id)
      ORDER BY p.turn, p.id LIMIT 2)
  ) n
ON CONFLICT (memory_id) DO UPDATE
   SET change = nextval('outbox_change'), enqueued_at = clock_timestamp()
RETURNING memory_id, kind, change
"""

_ADD = f"""
WITH given AS (
    SELECT * FROM unnest(
        %(id)s::uuid[], %(kind)s::text[], %(content)s::text[], %(hash)s::bytea[],
        %(user)s::text[], %(agent)s::text[], %(session)s::text[], %(turn)s::int[],
        %(speaker)s::text[], %(said_at)s::timestamptz[], %(tags)s::jsonb[],
        %(expires_at)s::timestamptz[], %(vector)s::bytea[], %(event)s::uuid[], %(detail)s::jsonb[]
    ) WITH ORDINALITY AS g(id, kind, content, hash, user_id, agent_id, session_id, turn, speaker,
                           said_at, tags, expires_at, vector, event, detail, place)
), added AS (
    INSERT INTO memory (id, kind, content, content_hash, user_id, agent_id, session_id, turn,
                        speaker, said_at, tags, expires_at, valid_from, created_at, updated_at)
    SELECT g.id, g.kind, g.content, g.hash, g.user_id, g.agent_id, g.session_id,
           CASE WHEN g.session_id IS NULL OR g.turn IS NOT NULL THEN g.turn ELSE
               (SELECT coalesce(max(o.turn) + 1, 0) FROM memory o
                 WHERE o.session_key = g.kind || E'\\x1f' || coalesce(g.user_id, '') || E'\\x1f'
                       || coalesce(g.agent_id, '') || E'\\x1f' || g.session_id
                   AND o.forgotten_at IS NULL)
               + row_number() OVER (PARTITION BY g.kind, g.user_id, g.agent_id, g.session_id,
                                                 g.turn IS NULL ORDER BY g.place) - 1
           END,
           g.speaker, g.said_at, g.tags, g.expires_at, coalesce(g.said_at, %(now)s), %(now)s,
           clock_timestamp()
      FROM given g ORDER BY g.place
    ON CONFLICT (content_hash) DO NOTHING
    RETURNING id, kind, session_key, turn
), vectors AS (
    INSERT INTO memory_vector (memory_id, model_id, vector)
    SELECT a.id, s.model_id, g.vector FROM added a JOIN given g USING (id), store s
     WHERE g.vector IS NOT NULL
), events AS (
    INSERT INTO memory_event (id, memory_id, at, action, detail)
    SELECT g.event, a.id, %(now)s, 'remembered', g.detail FROM added a JOIN given g USING (id)
), owed AS (
    INSERT INTO outbox (memory_id, kind) SELECT id, kind FROM added
    ON CONFLICT (memory_id) DO NOTHING RETURNING memory_id, kind, change
), around AS (
    INSERT INTO outbox (memory_id, kind)
    SELECT DISTINCT n.id, n.kind FROM added t
    {_NEIGHBOURS}
), moved AS (
    UPDATE epoch SET value = value + 1 WHERE kind IN (
        SELECT kind FROM epoch WHERE kind IN (SELECT kind FROM added) ORDER BY kind FOR UPDATE
    )
)
SELECT memory_id, kind, change, true FROM owed
UNION ALL SELECT memory_id, kind, change, false FROM around
"""  # noqa: S608

_OWE_NEIGHBOURS = f"""
INSERT INTO outbox (memory_id, kind)
SELECT DISTINCT n.id, n.kind
  FROM unnest(%(keys)s::text[], %(turns)s::int[], %(ids)s::uuid[]) AS t(session_key, turn, id)
{_NEIGHBOURS}
"""  # noqa: S608

_OWE = """
INSERT INTO outbox (memory_id, kind) SELECT id, kind FROM memory WHERE id = ANY(%s)
ON CONFLICT (memory_id) DO UPDATE
   SET change = nextval('outbox_change'), enqueued_at = clock_timestamp()
RETURNING memory_id, kind, change
"""

_RELEASE = "UPDATE memory SET content_hash = NULL WHERE content_hash = ANY(%s)"

_ORDER = "SELECT FROM epoch WHERE kind = ANY(%s) ORDER BY kind FOR UPDATE"

_BY_HASH = """
SELECT id, content_hash FROM memory WHERE content_hash = ANY(%s) AND forgotten_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one draft: its id, and whether it is new."""

    id: UUID
    created: bool


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a write: the drafts' ids in order, and what the index owes for it."""

    stored: Sequence[Stored]
    owed: Sequence[Owed]


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A draft that is ready to be written: its kind decided and its vector made.

    `vector` None means that the embedder was down; the index owes the memory.
    `why` goes into the audit trail.
    """

    draft: Draft
    kind: Kind
    vector: Vector | None
    why: Mapping[str, Any]


Also = Callable[[Connection, Sequence[Stored]], None]


class Memories:
    """The writing half of the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, batch: Sequence[NewMemory], now: datetime, also: Also | None = None) -> Written:
        """Stores a batch; what is already there keeps its id and is not touched.

        Args:
            also: what is to be done in the same transaction, once it is known what became of the
                batch; what it raises undoes all of it.
        """
        hashes = [content_hash(new.draft, new.kind) for new in batch]
        ids = [new_id() for _ in batch]
        values = _columns(batch, hashes, ids) | {"now": now}

        def work(connection: Connection) -> Written:
            rows = connection.execute(_ADD.encode(), values).fetchall()
            created = {row[0] for row in rows if row[3]}
            found = dict(zip(hashes, ids, strict=True))
            if len(created) < len(batch):
                twins = connection.execute(_BY_HASH, [hashes]).fetchall()
                found = {digest: id_ for id_, digest in twins}
            stored = []
            for digest in hashes:
                id_ = found[digest]
                stored.append(Stored(id_, id_ in created))
                created.discard(id_)
            return Written(stored, list(owed_by_id([row[:3] for row in rows]).values()))

        in_sessions = any(new.draft.session is not None for new in batch)

        def transaction(connection: Connection) -> Written:
            if in_sessions:
                # Writers of a session wait for each other, so that each sees the turns before its
                # own.
                connection.execute(_ORDER, [sorted({new.kind.value for new in batch})])
            written = work(connection)
            if also is not None:
                also(connection, written.stored)
            return written

        if in_sessions or also is not None:
            return self._database.run(transaction)
        return self._database.tell(work)

    def known(self, hashes: Sequence[bytes], now: datetime) -> dict[bytes, UUID]:
        """The live memories with these content hashes, so that none is embedded twice.

        One that is over is released: it no longer stands in the way of being said again.
        """

        def work(connection: Connection) -> dict[bytes, UUID]:
            rows = connection.execute(
                "SELECT content_hash, id, coalesce(least(expires_at, valid_to) <= %s, false)"
                " FROM memory WHERE content_hash = ANY(%s) AND forgotten_at IS NULL",
                [now, list(hashes)],
            ).fetchall()
            over = [digest for digest, _, ended in rows if ended]
            if over:
                connection.execute(_RELEASE, [over])
            return {digest: id_ for digest, id_, ended in rows if not ended}

        return self._database.ask(work)

    def update(
        self,
        id_: UUID,
        change: Mapping[str, Any],
        vector: Vector | None,
        now: datetime,
        version: int | None = None,
    ) -> Written:
        """Changes fields of one memory; `change` maps field names of `Memory` to new values.

        Args:
            version: the only version that is to be changed; None for any.

        Raises:
            NotFound: no such memory, or it was forgotten.
            Conflict: it has another version by now.
            InvalidInput: another memory of the same scope already says this.
        """
        tried: list[int] = []

        def work(connection: Connection) -> Written:
            before = _locked(connection, id_)
            after = replace(before, **change)
            if version is not None and before.version != version:
                # A try whose commit was not heard of may have been the one that changed it.
                if not (tried and before.version == version + 1 and after == before):
                    raise _changed_since(id_, before.version)
                return Written(
                    [Stored(id_, False)], list(_owe_with_neighbours(connection, id_).values())
                )
            tried.append(before.version)
            draft = Draft(
                after.content,
                user=after.user,
                agent=after.agent,
                session=after.session,
                speaker=after.speaker,
            )
            digest = content_hash(draft, after.kind)
            twin = connection.execute(_BY_HASH, [[digest]]).fetchone()
            if after.content != before.content and twin is not None and twin[0] != id_:
                raise InvalidInput(
                    f"another memory already says this: {twin[0]}", f"sophia show {twin[0]}"
                )
            owed = _owe_with_neighbours(connection, id_)  # where it was
            connection.execute(
                "UPDATE memory SET content = %s, speaker = %s, said_at = %s, tags = %s::jsonb,"
                " expires_at = %s, kind = %s, updated_at = clock_timestamp(),"
                " version = version + 1,"
                " content_hash = CASE WHEN %s THEN %s ELSE content_hash END WHERE id = %s",
                [
                    after.content,
                    after.speaker,
                    after.said_at,
                    json.dumps(dict(after.tags), ensure_ascii=False),
                    after.expires_at,
                    after.kind.value,
                    after.content != before.content and twin is None,
                    digest,
                    id_,
                ],
            )
            if "content" in change or "speaker" in change:
                connection.execute("DELETE FROM memory_vector WHERE memory_id = %s", [id_])
            if vector is not None:
                connection.execute(
                    "INSERT INTO memory_vector (memory_id, model_id, vector)"
                    " SELECT %s, model_id, %s FROM store",
                    [id_, bytes_of(vector)],
                )
            _event(connection, id_, now, "updated", {"before": _changed(before, change)})
            owed |= _owe_with_neighbours(connection, id_)  # and where it is now
            _move_epochs(connection, {before.kind, after.kind})
            return Written([Stored(id_, False)], list(owed.values()))

        return self._database.run(work)

    def forget(self, ids: Sequence[UUID], now: datetime, version: int | None = None) -> Written:
        """Erases the words of memories: from the row, its vectors, its links and its audit trail.

        The row and its events stay, without content, so that the erasure can be proven.

        Args:
            version: the only version that is to be erased; None for any.

        Raises:
            Conflict: one that is still there has another version by now; none is erased.
        """

        def work(connection: Connection) -> Written:
            rows = connection.execute(
                "SELECT id, kind, version FROM memory WHERE id = ANY(%s) AND forgotten_at IS NULL"
                " ORDER BY id FOR UPDATE",
                [list(ids)],
            ).fetchall()
            for id_, _, found in rows:
                if version not in (None, found):
                    raise _changed_since(id_, found)
            gone = [row[0] for row in rows]
            owed: dict[UUID, Owed] = {}
            for id_ in gone:
                owed |= _owe_with_neighbours(connection, id_)
            connection.execute(
                "UPDATE memory SET content = '', content_hash = NULL, speaker = NULL, tags = '{}',"
                " forgotten_at = %s, updated_at = clock_timestamp(), version = version + 1"
                " WHERE id = ANY(%s)",
                [now, gone],
            )
            connection.execute("DELETE FROM memory_vector WHERE memory_id = ANY(%s)", [gone])
            connection.execute(
                "DELETE FROM memory_link WHERE source = ANY(%s) OR target = ANY(%s)", [gone, gone]
            )
            connection.execute("DELETE FROM feedback WHERE memory_id = ANY(%s)", [gone])
            connection.execute("SET LOCAL sophia.erasing = 'on'")
            connection.execute(
                "UPDATE memory_event SET detail = '{}' WHERE memory_id = ANY(%s)", [gone]
            )
            for id_ in gone:
                _event(connection, id_, now, "forgotten", {})
            if gone:
                connection.execute("UPDATE store SET erase_answers = true, forgets = forgets + 1")
                _move_epochs(connection, {Kind(row[1]) for row in rows})
            return Written([Stored(id_, id_ in gone) for id_ in ids], list(owed.values()))

        return self._database.run(work)

    def link(self, source: UUID, relation: str, target: UUID, now: datetime) -> Written:
        """Relates two memories; `supersedes` ends the target's validity.

        Raises:
            NotFound: one of them is not there.
            InvalidInput: they are the same memory.
        """
        if source == target:
            raise InvalidInput("a memory cannot be linked to itself")

        def work(connection: Connection) -> Written:
            first, second = sorted((source, target))
            kinds = {id_: _locked(connection, id_).kind for id_ in (first, second)}
            made = connection.execute(
                "INSERT INTO memory_link (source, relation, target, created_at)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING source",
                [source, relation, target, now],
            ).fetchone()
            if made is None:
                return Written([Stored(source, False)], [])
            _event(connection, source, now, "linked", {"relation": relation, "to": str(target)})
            owed: dict[UUID, Owed] = {}
            if relation == SUPERSEDES:
                connection.execute(
                    "UPDATE memory SET valid_to = %s, updated_at = clock_timestamp(),"
                    " version = version + 1 WHERE id = %s",
                    [now, target],
                )
                _event(connection, target, now, "superseded", {"by": str(source)})
                owed = _owe_with_neighbours(connection, target)
            _move_epochs(connection, set(kinds.values()))
            return Written([Stored(source, True)], list(owed.values()))

        return self._database.run(work)


def _columns(
    batch: Sequence[NewMemory], hashes: Sequence[bytes], ids: Sequence[UUID]
) -> dict[str, Any]:
    drafts = [new.draft for new in batch]
    return {
        "id": list(ids),
        "kind": [new.kind.value for new in batch],
        "content": [draft.content for draft in drafts],
        "hash": list(hashes),
        "user": [draft.user for draft in drafts],
        "agent": [draft.agent for draft in drafts],
        "session": [draft.session for draft in drafts],
        "turn": [draft.turn for draft in drafts],
        "speaker": [draft.speaker for draft in drafts],
        "said_at": [draft.said_at for draft in drafts],
        "tags": [json.dumps(dict(draft.tags), ensure_ascii=False) for draft in drafts],
        "expires_at": [draft.expires_at for draft in drafts],
        "vector": [None if new.vector is None else bytes_of(new.vector) for new in batch],
        "event": [new_id() for _ in batch],
        "detail": [json.dumps(dict(new.why), ensure_ascii=False) for new in batch],
    }


def _locked(connection: Connection, id_: UUID) -> Memory:
    connection.execute("SELECT 1 FROM memory WHERE id = %s FOR UPDATE", [id_])
    row = connection.execute(
        f"SELECT {COLUMNS} FROM memory m"  # noqa: S608
        " WHERE m.id = %s AND m.forgotten_at IS NULL",
        [id_],
    ).fetchone()
    if row is None:
        raise NotFound(f"no memory {id_}", "sophia list shows what there is")
    return memory_of(row)


def _changed_since(id_: UUID, version: int) -> Conflict:
    return Conflict(
        f"memory {id_} has been changed since: it has version {version} now",
        "read it again, and decide by what it says now",
    )


def _owe_neighbours(connection: Connection, rows: Sequence[Sequence[Any]]) -> dict[UUID, Owed]:
    """Enters the neighbours of (id, session_key, turn, ...) rows into the outbox."""
    ids, keys, turns = ([row[index] for row in rows] for index in range(3))
    found = connection.execute(_OWE_NEIGHBOURS, {"ids": ids, "keys": keys, "turns": turns})
    return owed_by_id(found.fetchall())


def _owe_with_neighbours(connection: Connection, id_: UUID) -> dict[UUID, Owed]:
    owed = owed_by_id(connection.execute(_OWE, [[id_]]).fetchall())
    rows = connection.execute(
        "SELECT id, session_key, turn FROM memory WHERE id = %s AND session_key IS NOT NULL", [id_]
    ).fetchall()
    return owed | _owe_neighbours(connection, rows) if rows else owed


def _event(
    connection: Connection, id_: UUID, now: datetime, action: str, detail: Mapping[str, Any]
) -> None:
    connection.execute(
        "INSERT INTO memory_event (id, memory_id, at, action, detail)"
        " VALUES (%s, %s, %s, %s, %s::jsonb)",
        [new_id(), id_, now, action, json.dumps(detail, ensure_ascii=False, default=str)],
    )


def _changed(before: Memory, change: Mapping[str, Any]) -> dict[str, Any]:
    old = {name: getattr(before, name) for name in change}
    return {name: dict(value) if name == "tags" else value for name, value in old.items()}


def _move_epochs(connection: Connection, kinds: set[Kind]) -> None:
    """The last statement of every write: its row lock orders the writers of a kind."""
    connection.execute(
        "UPDATE epoch SET value = value + 1 WHERE kind IN"
        " (SELECT kind FROM epoch WHERE kind = ANY(%s) ORDER BY kind FOR UPDATE)",
        [[kind.value for kind in kinds]],
    )
