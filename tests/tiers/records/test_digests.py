"""What PostgreSQL makes of the rows is what is made of a point that is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sophia_cli.environment import utc_now
from sophia_cli.memory.digest import point_digest
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.database import Connection
from sophia_cli.tiers.records.digests import FIRST, LAST, Sum
from sophia_cli.tiers.records.memories import NewMemory

_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40
)
_DRAFT = st.builds(
    Draft,
    content=_TEXT,
    user=st.none() | _TEXT,
    session=st.sampled_from([None, "a", "b"]),
    turn=st.none() | st.integers(0, 9),
    speaker=st.none() | _TEXT,
    said_at=st.none() | st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)),
    tags=st.dictionaries(_TEXT, _TEXT, max_size=3),
)


def made(records: Records, ids: list[UUID]) -> dict[UUID, int]:
    """The digests as a writer of points makes them."""
    truth = records.outbox.truth(ids)
    found = {}
    for id_ in ids:
        turn = truth.turns[id_]
        if turn.vector is not None:
            around = {
                place: (truth.turns[beside].digest, truth.turns[beside].vector)
                for place, beside in truth.around.get(id_, {}).items()
            }
            found[id_] = point_digest(turn.digest, turn.vector, around)
    return found


def add(records: Records, drafts: list[Draft]) -> list[UUID]:
    vectors = np.random.default_rng(len(drafts)).standard_normal((len(drafts), 4))
    batch = [
        NewMemory(draft, Kind.CODING, vector.astype(np.float32), {})
        for draft, vector in zip(drafts, vectors, strict=True)
    ]
    written = records.memories.add(batch, utc_now())
    return list(dict.fromkeys(stored.id for stored in written.stored))


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(_DRAFT, min_size=1, max_size=12))
def test_both_make_the_same_of_whatever_is_stored(records: Records, drafts: list[Draft]) -> None:
    ids = add(records, drafts)
    assert records.digests.each(Kind.CODING, FIRST, LAST, utc_now(), 10**6).items() >= (
        made(records, ids).items()
    )
    standing = records.digests.standing(ids, utc_now())
    assert {id_: each.digest for id_, each in standing.items()} == made(records, ids)


def test_any_change_to_a_row_its_vector_or_a_neighbour_changes_the_digest(
    records: Records,
) -> None:
    ids = add(records, [Draft(f"turn {n}", user="a", session="s") for n in range(6)])
    seen = {records.digests.standing(ids, utc_now())[ids[2]].digest}

    def changed(statement: str, of: UUID) -> bool:
        records.database.run(lambda c: c.execute(statement.encode(), [of]))
        digest = records.digests.standing(ids, utc_now())[ids[2]].digest
        new = digest not in seen
        seen.add(digest)
        return new

    row = "UPDATE memory SET {} WHERE id = %s"
    for change in (
        "content = 'other'",
        "user_id = 'a', tags = '{\"x\": \"y\"}'",
        "speaker = 'Ana'",
        "said_at = now()",
        "version = version + 1",
        "expires_at = now() + interval '1 day'",
        "agent_id = null, valid_to = now() + interval '2 days'",
    ):
        assert changed(row.format(change), ids[2]), change
    assert (
        changed("UPDATE memory_vector SET vector = vector || '' WHERE memory_id = %s", ids[2])
        is False
    )
    other = "UPDATE memory_vector SET vector = set_byte(vector, 0, 9) WHERE memory_id = %s"
    assert changed(other, ids[2])
    for neighbour in (ids[0], ids[1], ids[3], ids[4]):
        assert changed(row.format("content = content || '!'"), neighbour)
        assert changed(other, neighbour)
    assert not changed(row.format("content = content || '!'"), ids[5])
    # A point holds nothing of a neighbour but what it says.
    assert not changed(row.format('tags = \'{"a": "b"}\', version = 9'), ids[1])


def test_sums_of_ranges_add_up_to_what_is_in_them(records: Records) -> None:
    ids = sorted(add(records, [Draft(f"memory {n}") for n in range(20)]))
    each = records.digests.each(Kind.CODING, FIRST, LAST, utc_now())
    bounds = [FIRST, ids[3], ids[3], ids[15], LAST]
    parts = [ids[:3], [], ids[3:15], ids[15:]]
    assert records.digests.sums(Kind.CODING, bounds, utc_now()) == [
        Sum(len(part), sum(each[id_] for id_ in part)) for part in parts
    ]
    assert records.digests.sums(Kind.BUSINESS, bounds, utc_now()) == [Sum()] * 4


def test_what_is_over_has_no_digest(records: Records) -> None:
    ids = add(records, [Draft("gone"), Draft("over"), Draft("ended"), Draft("stays")])
    now = utc_now()
    records.memories.forget([ids[0]], now)
    soon = now + timedelta(seconds=5)
    for column, id_ in (("expires_at", ids[1]), ("valid_to", ids[2])):
        records.database.run(
            lambda c, column=column, id_=id_: c.execute(
                f"UPDATE memory SET {column} = %s WHERE id = %s".encode(), [soon, id_]
            )
        )
    assert set(records.digests.each(Kind.CODING, FIRST, LAST, now)) == set(ids[1:])
    assert set(records.digests.each(Kind.CODING, FIRST, LAST, soon)) == {ids[3]}
    standing = records.digests.standing(ids, soon)
    assert [standing[id_].live for id_ in ids] == [False, False, False, True]
    assert [standing[id_].over for id_ in ids] == [False, True, False, False]
    assert standing[ids[0]].owed


def test_vector_that_is_gone_or_cut_is_noticed_unless_it_is_owed(records: Records) -> None:
    ids = add(records, [Draft(f"memory {n}") for n in range(4)])
    records.database.run(lambda c: c.execute(b"DELETE FROM outbox"))
    cut = b"UPDATE memory_vector SET vector = substr(vector, 1, 3) WHERE memory_id = %s"
    records.database.run(lambda c: c.execute(cut, [ids[1]]))
    records.models.drop(ids[2:])
    records.outbox.owe([ids[3]])
    assert records.digests.without_vector(utc_now(), 10) == sorted(ids[1:3])


def test_a_long_range_is_summed_up_before_postgresql_has_looked_at_the_tables(
    records: Records,
) -> None:
    """As after a large ingest: joined in loops, 12,000 rows take longer than the time-out."""
    add(records, [Draft("memory", session="a", turn=0)])

    def fill(connection: Connection) -> None:
        for table in (b"memory", b"memory_vector"):
            connection.execute(b"ALTER TABLE %b SET (autovacuum_enabled = off)" % table)
        connection.execute(
            b"INSERT INTO memory (id, kind, content, session_id, turn, valid_from, created_at,"
            b" updated_at) SELECT gen_random_uuid(), kind, content, session_id, n, valid_from,"
            b" created_at, updated_at FROM memory, generate_series(1, 12000) n"
        )
        connection.execute(
            b"INSERT INTO memory_vector SELECT m.id, v.model_id, v.vector"
            b" FROM memory m, memory_vector v WHERE m.id <> v.memory_id"
        )

    records.database.run(fill)
    (found,) = records.digests.sums(Kind.CODING, [FIRST, LAST], utc_now())
    assert found.count == 12_001
