"""Recall while PostgreSQL is frozen: from the vectors, then from what the cache kept, and flagged.

The engines are the embedded ones of the home, frozen with SIGSTOP.
"""

from __future__ import annotations

import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.engines.writers import Writers
from sophia_cli.environment import utc_now
from sophia_cli.errors import TierDown
from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console, Ended
from tests.faults.frozen import frozen

SINCE = "which may still hold what was changed or forgotten since"


@pytest.fixture
def hasty(empty: Console) -> Console:
    """A store whose records are waited for for half a second."""
    empty.service.records.database._timeout = 0.5
    return empty


def _until_nothing_is_degraded(console: Console, *command: str) -> None:
    """Within 5 s of the return of what was down."""
    began = time.monotonic()
    while console.ok("--json", *command).envelope["degraded"]:
        assert time.monotonic() - began < 5
        time.sleep(0.05)


def _contents(ended: Ended) -> list[str]:
    return [memory["content"] for memory in ended.data]


def test_the_vectors_answer_what_was_indexed_and_every_answer_is_flagged(hasty: Console) -> None:
    hasty.remember("Acme renewed for 40 seats", "--user", "ann", "--speaker", "Dana")
    hasty.remember("Acme pays by invoice", "--user", "bob")
    before = hasty.ok("--json", "recall", "what was renewed?", "--user", "ann").envelope
    hasty.ok("cache", "clear")  # what was read at these epochs needs no records
    asked = ("recall", "what did Acme renew?", "--user", "ann")
    with frozen(Postgres(hasty.home).pid()):
        for command in (asked, ("similar", *asked[1:]), ("ask", "what about Acme?", *asked[2:])):
            found = hasty.ok("--json", *command).envelope
            assert (found["status"], found["trace"]["served_by"]) == ("degraded", "vectors")
            assert found["degraded"] == [
                f"records: no answer within 0.5 s: answered from the vectors, {SINCE}"
            ]
            got = [{**memory, "score": 0} for memory in found["data"]]
            assert got == [{**memory, "score": 0} for memory in before["data"]]
        shown = hasty.ok("recall", "Acme", "--user", "ann")
        assert shown.err.count("degraded: records: ") == 1
    _until_nothing_is_degraded(hasty, *asked)


def test_a_question_asked_before_is_answered_as_ever_while_nobody_can_have_written(
    hasty: Console,
) -> None:
    hasty.remember("The heating is off in June")
    hasty.ok("recall", "when is the heating off?")
    with frozen(Postgres(hasty.home).pid()):
        again = hasty.ok("--json", "recall", "when is the heating off?")
        assert _contents(again) == ["The heating is off in June"]
        assert (again.envelope["status"], again.envelope["degraded"]) == ("ok", [])


def test_what_has_ended_by_its_own_time_is_left_out(hasty: Console) -> None:
    hasty.remember("The sale lasts a day", "--expires", "1d")
    hasty.remember("The sale is in the cellar")
    with frozen(Postgres(hasty.home).pid()):
        found = hasty.ok("--json", "recall", "sale")
        assert len(found.data) == 2
        hasty.now = lambda: utc_now() + timedelta(days=2)
        assert _contents(hasty.ok("--json", "recall", "sale")) == ["The sale is in the cellar"]


def test_what_was_forgotten_while_the_index_could_not_erase_it_is_not_brought_back(
    hasty: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = hasty.remember("The safe opens with 4711")
    hasty.remember("The safe stands in the hall")
    with monkeypatch.context() as full:
        full.setattr(hasty.service.vectors, "_reserve", 1 << 62)
        assert hasty("forget", id_).status is ExitStatus.PARTLY_DONE
    with frozen(Postgres(hasty.home).pid()):
        found = hasty.ok("--json", "recall", "how does the safe open?")
        assert _contents(found) == ["The safe stands in the hall"]


def test_with_the_vectors_down_too_the_cache_answers_what_it_kept(
    hasty: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty.remember("The boiler is serviced in May")
    hasty.ok("recall", "when is the boiler serviced?")
    again = hasty.ok("--json", "recall", "when is the boiler serviced?").envelope
    assert again["trace"]["served_by"] == "gpu_cache"

    def refuse(*_: object, **__: object) -> None:
        raise TierDown("vectors", "connection refused")

    with closing(Writers(hasty.home)), frozen(Postgres(hasty.home).pid()):
        monkeypatch.setattr(hasty.service.vectors, "candidates", refuse)
        found = hasty.ok("--json", "recall", "when is the boiler serviced?")
        assert _contents(found) == ["The boiler is serviced in May"]
        assert found.envelope["trace"]["served_by"] == "gpu_cache"
        assert found.envelope["degraded"] == [
            "vectors: connection refused",
            f"records: no answer within 0.5 s: answered from the cache, {SINCE}",
        ]
        refused = hasty("--json", "recall", "what nobody asked before")
        assert refused.status is ExitStatus.UNREACHABLE
        assert refused.envelope["error"]["message"] == "records: no answer within 0.5 s"


def test_embedded_engines_that_are_frozen_cost_one_command_their_time_out(hasty: Console) -> None:
    id_ = hasty.remember("Nothing lasts as long as a time-out")
    hasty.ok("recall", "time-out")
    with frozen(Postgres(hasty.home).pid()), frozen(Valkey(hasty.home).pid()):
        hasty.ok("recall", "what lasts?")
        for command in (["recall", "long"], ["similar", "long"]):
            began = time.monotonic()
            assert len(hasty.ok("--json", *command).data) == 1
            assert time.monotonic() - began < 1
        for command in (["remember", "more"], ["list"], ["show", id_], ["forget", id_]):
            ended = hasty(*command)
            assert ended.status is ExitStatus.UNREACHABLE
            assert ended.err.startswith("sophia: records: ")
        began = time.monotonic()
        status = hasty("--json", "status")
        assert status.status is ExitStatus.UNHEALTHY
        states = {part["name"]: part["state"] for part in status.data}
        assert states["PostgreSQL"] == states["Valkey"] == "frozen"
        hasty.ok("stats")
        assert time.monotonic() - began < 8
    _until_nothing_is_degraded(hasty, "recall", "what lasts in the end?")
    assert _contents(hasty.ok("--json", "list")) == ["Nothing lasts as long as a time-out"]


def test_an_edge_directory_that_cannot_be_opened_is_answered_for_by_the_records(
    empty: Console, tmp_path: Path
) -> None:
    from sophia_cli.tiers.vectors.edge import EdgeVectors

    id_ = empty.remember("The index is only derived")
    (tmp_path / "taken").write_text("a file")
    broken = EdgeVectors(tmp_path / "taken", 384)
    empty.service.indexer._vectors = empty.service.vectors = broken
    empty.service.recaller.searcher._vectors = broken
    found = empty.ok("--json", "recall", "index").envelope
    assert (found["data"][0]["id"], found["trace"]["served_by"]) == (id_, "records")
    stored = empty.ok("--json", "remember", "It is written later").envelope
    assert "to be indexed when it answers again" in stored["degraded"][0]
    gone = empty("--json", "forget", id_)
    assert gone.status is ExitStatus.PARTLY_DONE
    assert gone.data[0]["tiers"]["vectors"].startswith("to be erased")
    stats = empty.ok("--json", "stats").envelope
    assert stats["data"][0]["vectors"]["error"] == stats["degraded"][0]
