"""A tier that goes away: the command works where it can, says so, and catches up by itself."""

from __future__ import annotations

import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.environment import utc_now
from sophia_cli.errors import TierDown
from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console


def test_engines_that_were_stopped_are_started_again_by_the_next_command(empty: Console) -> None:
    id_ = empty.remember("The engines come and go")
    Postgres(empty.home).stop()
    Valkey(empty.home).stop()
    found = empty.ok("--json", "recall", "engines").envelope
    assert [memory["id"] for memory in found["data"]] == [id_]
    assert Postgres(empty.home).answers()
    Postgres(empty.home).stop()
    assert empty.remember("The engines come and go") == id_


def test_a_cache_that_is_down_costs_speed_and_is_said(
    empty: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = empty.remember("Answers do not need the cache")
    Valkey(empty.home).stop()
    with monkeypatch.context() as broken:
        broken.setattr(Valkey, "command", lambda self: ["/bin/false"])
        found = empty.ok("--json", "recall", "answers").envelope
        assert [memory["id"] for memory in found["data"]] == [id_]
        assert found["status"] == "degraded"
        assert found["degraded"][0].startswith("hot_cache: ")
        # What it may still hold is not claimed to be erased.
        gone = empty("--json", "forget", id_)
        assert gone.status is ExitStatus.PARTLY_DONE
        assert gone.data[0]["tiers"]["records"] == "erased"
        assert gone.data[0]["tiers"]["hot_cache"].startswith("to be erased")
        assert empty.data("recall", "answers") == []
    assert empty.service.records.outbox.answers_to_erase()


def test_a_full_disk_of_the_vectors_keeps_what_was_said_and_indexes_it_later(
    empty: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = empty.remember("The first fact fits")
    empty.ok("recall", "fact")  # opens both collections: opening one may write
    with monkeypatch.context() as full:
        full.setattr(empty.service.vectors, "_reserve", 1 << 62)
        stored = empty.ok("--json", "remember", "The second fact does not").envelope
        assert stored["status"] == "degraded"
        assert "MiB free" in stored["degraded"][0]
        asked = empty.ok("--json", "recall", "fact").envelope
        assert "may be missing" in asked["degraded"][0]
        gone = empty("--json", "forget", old)
        assert gone.status is ExitStatus.PARTLY_DONE
        assert gone.data[0]["tiers"] == {
            "records": "erased",
            "vectors": "still there",
            "gpu_cache": "erased",
            "hot_cache": "erased",
        }
        assert empty.data("recall", "first fact") == []
    assert empty.service.indexer.drain(everything=True) == 2
    found = empty.ok("--json", "recall", "fact").envelope
    assert [memory["content"] for memory in found["data"]] == ["The second fact does not"]
    assert found["degraded"] == []


def test_with_the_vectors_down_full_text_search_answers(
    empty: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = empty.remember("We chose Qdrant because of filtering speed")
    empty.remember("Acme renewed for 40 seats")

    def refuse(*_: object, **__: object) -> None:
        raise TierDown("vectors", "connection refused")

    for name in ("candidates", "nearest", "upsert"):
        monkeypatch.setattr(empty.service.vectors, name, refuse)
    for command in ("recall", "similar"):
        found = empty.ok("--json", command, "Qdrant filtering").envelope
        assert [memory["id"] for memory in found["data"]] == [id_]
        assert found["trace"]["served_by"] == "records"
        assert found["degraded"] == ["vectors: connection refused: answered by full-text search"]
    shown = empty.ok("recall", "Qdrant")
    assert "degraded: vectors: connection refused" in shown.err
    empty.remember("Stored all the same")
    assert empty.service.records.outbox.size()[0] == 1


def test_what_expired_leaves_the_index_too(empty: Console) -> None:
    empty.remember("Here for a second", "--expires", "1ms")
    assert empty.service.records.outbox.owe_expired(utc_now()) == 1
    empty.service.indexer.drain(everything=True)
    assert set(empty.data("stats")[0]["vectors"]["points"].values()) == {0}
