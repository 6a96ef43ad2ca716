"""The records on a real PostgreSQL: what is written, owed, erased and migrated."""

from __future__ import annotations

import importlib
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import psycopg
import pytest

from sophia_cli.errors import InvalidInput, NotFound, Refused, TierDown
from sophia_cli.memory.identity import content_hash
from sophia_cli.memory.model import KINDS, Draft, Kind, Where
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.memories import NewMemory
from sophia_cli.tiers.records.migrate import Migration, migrations

MIGRATE = importlib.import_module("sophia_cli.tiers.records.migrate")
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
VECTOR = np.array([1, 0, 0, 0], np.float32)


def new(content: str, kind: Kind = Kind.CODING, **fields: object) -> NewMemory:
    return NewMemory(Draft(content, **fields), kind, VECTOR, {"kind": "given"})  # type: ignore[arg-type]


def add(records: Records, *batch: NewMemory) -> list[UUID]:
    return [stored.id for stored in records.memories.add(batch, NOW).stored]


def settle(records: Records) -> None:
    """Strikes everything that is owed, as an index would that has caught up."""
    records.outbox.acknowledge(records.outbox.owed(10_000))


def test_the_same_content_in_the_same_scope_is_one_memory(records: Records) -> None:
    first = records.memories.add([new("a"), new("a"), new("b")], NOW).stored
    again = records.memories.add([new("b"), new("a", user="ann")], NOW).stored
    assert [stored.created for stored in first] == [True, False, True]
    assert first[0].id == first[1].id
    assert again[0].id == first[2].id and not again[0].created
    assert again[1].created


def test_eight_writers_of_one_text_make_one_memory(records: Records) -> None:
    found: list[UUID] = []
    threads = [
        threading.Thread(target=lambda: found.extend(add(records, new("the same"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_write_is_row_event_outbox_entry_and_epoch(records: Records) -> None:
    before = records.outbox.epochs()
    id_ = add(records, new("a", tags={"team": "x"}))[0]
    after = records.outbox.epochs()
    memory = records.queries.get([id_])[id_]
    assert (memory.content, memory.tags, memory.model) == ("a", {"team": "x"}, "test-model")
    assert [event.action for event in records.queries.history(id_)] == ["remembered"]
    assert [entry.memory_id for entry in records.outbox.owed(10)] == [id_]
    assert after.values[Kind.CODING] == before.values[Kind.CODING] + 1
    assert after.values[Kind.BUSINESS] == before.values[Kind.BUSINESS]
    assert after.owing == {Kind.CODING}


def test_a_repeated_write_that_changes_nothing_moves_no_epoch(records: Records) -> None:
    add(records, new("a"))
    before = records.outbox.epochs()
    add(records, new("a"))
    assert records.outbox.epochs() == before


def test_turns_are_numbered_and_neighbours_are_owed(records: Records) -> None:
    ids = add(records, *(new(f"turn {n}", session="s") for n in range(5)))
    turns = [records.queries.get([id_])[id_].turn for id_ in ids]
    assert turns == [0, 1, 2, 3, 4]
    settle(records)
    written = records.memories.add([new("turn 5", session="s")], NOW)
    assert {each.memory_id for each in written.owed} == {written.stored[0].id, ids[4], ids[3]}
    assert {each.change for each in written.owed} == {
        each.change for each in records.outbox.owed(10)
    }
    truth = records.outbox.truth([ids[2]])
    assert truth.around[ids[2]] == {-1: ids[1], -2: ids[0], 1: ids[3], 2: ids[4]}
    assert truth.turns[ids[4]].vector is not None


def test_sessions_of_two_users_do_not_touch(records: Records) -> None:
    ann = add(records, new("a", session="s", user="ann"), new("b", session="s", user="ann"))
    bob = add(records, new("c", session="s", user="bob"))
    assert records.outbox.truth(bob).around == {}
    assert records.outbox.truth(ann).around[ann[0]] == {1: ann[1]}


def test_forgetting_erases_the_words_everywhere_and_keeps_the_trail(
    records: Records, database: str
) -> None:
    words = "the launch code is swordfish"
    id_ = add(records, new(words, speaker="Dana", tags={"code": "swordfish"}))[0]
    other = add(records, new("other"))[0]
    records.memories.link(id_, "related", other, NOW)
    records.memories.update(id_, {"content": f"{words}!"}, VECTOR, NOW)
    records.memories.forget([id_], NOW)
    assert [event.action for event in records.queries.history(id_)] == [
        "remembered",
        "linked",
        "updated",
        "forgotten",
    ]
    assert records.queries.links(other) == []
    with psycopg.connect(database) as connection:
        for table in ("memory", "memory_event", "memory_link", "memory_vector", "outbox"):
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert not any("swordfish" in row[0] for row in rows), table
    assert add(records, new(words))[0] != id_


def test_the_audit_trail_cannot_be_changed(records: Records, database: str) -> None:
    add(records, new("a"))
    for statement in ("UPDATE memory_event SET action = 'x'", "DELETE FROM memory_event"):
        with (
            psycopg.connect(database) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="append-only"),
        ):
            connection.execute(statement)


def test_an_acknowledgement_of_an_older_state_hides_no_newer_one(records: Records) -> None:
    id_ = add(records, new("a"))[0]
    old = records.outbox.owed(10)
    records.memories.update(id_, {"content": "b"}, VECTOR, NOW)
    records.outbox.acknowledge(old)
    assert [entry.memory_id for entry in records.outbox.owed(10)] == [id_]


def test_an_entry_that_another_struck_is_owed_again(records: Records) -> None:
    id_ = add(records, new("a"))[0]
    ours = records.outbox.owed(10)
    records.memories.forget([id_], NOW)
    records.outbox.acknowledge(records.outbox.owed(10))
    records.outbox.acknowledge(ours)
    assert [entry.memory_id for entry in records.outbox.owed(10)] == [id_]


def test_superseding_ends_the_other_and_frees_its_words(records: Records) -> None:
    old, fresh = add(records, new("we use Weaviate"), new("we use Qdrant"))
    records.memories.link(fresh, "supersedes", old, NOW)
    memory = records.queries.get([old])[old]
    assert memory.valid_to == NOW and not memory.live_at(NOW)
    assert [m.id for m in records.queries.newest(Where(), KINDS, 10, now=NOW)] == [fresh]
    said = new("we use Weaviate")
    assert records.memories.known([content_hash(said.draft, said.kind)], NOW) == {}
    again = records.memories.add([said], NOW).stored[0]
    assert again.created and again.id != old


def test_what_has_expired_is_owed_once(records: Records) -> None:
    id_ = add(records, new("a", expires_at=NOW + timedelta(days=1)), new("b"))[0]
    settle(records)
    assert records.outbox.owe_expired(NOW) == 0
    later = NOW + timedelta(days=2)
    assert records.outbox.owe_expired(later) == 1
    assert [entry.memory_id for entry in records.outbox.owed(10)] == [id_]
    assert records.outbox.owe_expired(later) == 0


def test_filters(records: Records) -> None:
    said = datetime(2026, 5, 1, tzinfo=UTC)
    id_ = add(
        records,
        new("a", user="ann", agent="bot", session="s", tags={"k": "v", "x": "y"}, said_at=said),
    )[0]
    add(records, new("b", Kind.BUSINESS, user="bob"))

    def found(where: Where, kinds: tuple[Kind, ...] = KINDS) -> list[UUID]:
        return [memory.id for memory in records.queries.newest(where, kinds, 10, now=NOW)]

    day = timedelta(days=1)
    for where in (
        Where(user="ann"),
        Where(agent="bot"),
        Where(session="s"),
        Where(tags={"k": "v"}),
        Where(since=said, until=said + day),
    ):
        assert found(where) == [id_]
    assert found(Where(), (Kind.CODING,)) == [id_]
    assert found(Where(user="bob", agent="bot")) == []
    assert found(Where(tags={"k": "w"})) == []
    assert found(Where(until=said)) == []


def test_an_id_may_be_shortened_as_long_as_it_is_unique(records: Records) -> None:
    first, second = add(records, new("a"), new("b"))
    assert records.queries.resolve(str(first)) == first
    assert records.queries.resolve(str(first).upper()) == first
    short = str(first).replace("-", "")[:20]
    assert records.queries.resolve(short) in (first, second)
    with pytest.raises(InvalidInput, match="several"):
        records.queries.resolve(str(first)[:8])
    with pytest.raises(NotFound):
        records.queries.resolve("ffffffff")
    for wrong in ("", "xyz", "12", "g" * 10, "1" * 40):
        with pytest.raises(InvalidInput):
            records.queries.resolve(wrong)


def test_full_text_search_answers_with_any_word(records: Records) -> None:
    first, second = add(records, new("the database is Qdrant"), new("lunch at noon"))
    found = records.queries.by_words("which databases?", Where(), KINDS, 5, now=NOW)
    assert [memory.id for memory, _ in found] == [first]
    assert records.queries.by_words("the of and", Where(), KINDS, 5, now=NOW) == []
    found = records.queries.by_words("noon's 'lunch'", Where(), KINDS, 5, now=NOW)
    assert [memory.id for memory, _ in found] == [second]


def test_another_model_is_refused(records: Records) -> None:
    records.models.adopt("test-model", 4)
    for name, dimension in (("other", 4), ("test-model", 8)):
        with pytest.raises(Refused, match="test-model"):
            records.models.adopt(name, dimension)


def test_export_and_import_bring_everything_back_and_twice_changes_nothing(
    records: Records, database: str
) -> None:
    kept, gone = add(records, new("kept", session="s", tags={"a": "b"}), new("gone"))
    records.memories.link(kept, "related", gone, NOW)
    records.memories.update(kept, {"content": "kept, changed"}, VECTOR, NOW)
    records.memories.forget([gone], NOW)
    exported = list(records.portable.export(page=1))
    assert [each["type"] for each in exported] == ["memory"] * 2 + ["event"] * 5
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE DATABASE copy_of_it")
    name = database.rpartition("dbname=")[2]
    copy = Records(lambda: database.replace(name, "copy_of_it"))
    copy.models.adopt("test-model", 4)
    memories = [each for each in exported if each["type"] == "memory"]
    events = [each for each in exported if each["type"] == "event"]
    try:
        for expected in (2, 0):
            assert copy.portable.import_memories(memories, [None, None]) == expected
            assert copy.portable.import_events(events) == (5 if expected else 0)
        assert list(copy.portable.export()) == exported
        epochs = copy.outbox.epochs()
        copy.portable.import_memories(memories, [None, None])
        assert copy.outbox.epochs() == epochs
    finally:
        copy.close()
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DROP DATABASE copy_of_it WITH (FORCE)")


def test_eight_programs_may_start_at_once_on_an_empty_store(database: str) -> None:
    failures: list[Exception] = []

    def start() -> None:
        try:
            Records(lambda: database).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT version FROM schema_migration").fetchall()
    assert [row[0] for row in rows] == [each.version for each in migrations()]


def test_a_store_that_is_newer_than_the_program_is_refused(records: Records, database: str) -> None:
    newer = records.version + 1
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO schema_migration (version, name, checksum) VALUES (%s, 'x', 'x')", [newer]
        )
    with pytest.raises(Refused, match=f"version {newer}"):
        Records(lambda: database)


def test_a_store_of_the_version_before_is_brought_up_to_date(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What this program writes wants the newest; so the older store has one row made by hand.
    with monkeypatch.context() as before:
        before.setattr(MIGRATE, "migrations", lambda: migrations()[:7])
        Records(lambda: database).close()
    draft = Draft("said, forgotten and not yet said again")
    digest = content_hash(draft, Kind.CODING)
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO memory (id, kind, content, content_hash, valid_from, created_at,"
            " updated_at, forgotten_at)"
            " VALUES (gen_random_uuid(), 'coding', '', %s, %s, %s, %s, %s)",
            [digest, NOW, NOW, NOW, NOW],
        )
    records = Records(lambda: database)
    try:
        records.models.adopt("test-model", 4)
        assert records.memories.add([new(draft.content)], NOW).stored[0].created
        assert not records.memories.add([new(draft.content)], NOW).stored[0].created
    finally:
        records.close()


def test_a_migration_may_take_longer_than_a_call(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Migration(migrations()[-1].version + 1, "slow", "SELECT pg_sleep(2)")
    monkeypatch.setattr(MIGRATE, "migrations", lambda: [*migrations(), slow])
    records = Records(lambda: database, timeout=1)
    try:
        assert records.version == slow.version
        with pytest.raises(TierDown, match="no answer within 1 s"):
            records.database.ask(lambda connection: connection.execute("SELECT pg_sleep(2)"))
    finally:
        records.close()


def test_a_migration_does_not_wait_long_for_a_table_that_somebody_has(
    records: Records, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MIGRATE, "_FOR_A_LOCK", 0.2)
    locking = Migration(records.version + 1, "locking", "LOCK TABLE memory")
    monkeypatch.setattr(MIGRATE, "migrations", lambda: [*migrations(), locking])
    with psycopg.connect(database) as reader:
        reader.execute("SELECT * FROM memory")
        with pytest.raises(TierDown, match="wants a table that somebody holds"):
            Records(lambda: database, timeout=1)
        assert add(records, new("others go on"))


def test_a_migration_that_was_altered_is_refused(records: Records, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE schema_migration SET checksum = 'x'")
    with pytest.raises(Refused, match="altered"):
        Records(lambda: database)


def test_a_connection_that_was_cut_is_replaced(records: Records, database: str) -> None:
    add(records, new("a"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert len(records.queries.newest(Where(), KINDS, 10, now=NOW)) == 1
