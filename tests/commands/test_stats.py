"""`sophia stats`: what it says of each tier, of one that is down, and the live view."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.environment import utc_now
from sophia_cli.exit_status import ExitStatus
from sophia_cli.memory.statistics import TIERS
from sophia_cli.tiers.hot_cache import NoCache
from tests.commands.console import Console
from tests.conftest import wait_until

COMMON = ["state", "bytes", "entries", "hit_rate", "look_ups", "evictions", "degraded_s"]


def test_every_tier_says_its_size_its_state_and_how_long_it_took(empty: Console) -> None:
    forgotten = empty.remember("We chose Qdrant", "--kind", "coding")
    empty.remember("Acme renewed for 40 seats", "--kind", "business")
    empty.ok("forget", forgotten)
    empty.ok("recall", "Acme")
    told = empty.data("stats")[0]
    for name in TIERS:
        assert list(told[name])[: len(COMMON)] == COMMON
        assert told[name]["state"] == "up"
        assert told[name]["degraded_s"] == 0
        latencies = told[name]["latencies"]
        assert latencies["calls"] == latencies["last_5_minutes"]["calls"] > 0
        assert 0 < latencies["p50_ms"] <= latencies["p95_ms"] <= latencies["p99_ms"]
    assert told["records"]["entries"] == 2  # the forgotten one's row stays
    assert told["vectors"]["entries"] == 1
    assert told["records"]["bytes"] > 1 << 20
    assert told["vectors"]["bytes"] > 10_000
    assert told["hot_cache"]["bytes"] > 100_000
    assert told["hot_cache"]["entries"] > 0
    assert told["hot_cache"]["evictions"] == 0
    assert told["hot_cache"]["server_misses"] > 0
    assert told["embedding"]["dimension"] == 384
    assert set(told["latencies"]) == {"remember", "recall", "forget", "ranking"}


def test_hits_are_counted(empty: Console) -> None:
    empty.remember("Writes go through the outbox", "--kind", "coding")

    def ask() -> None:
        empty.ok("recall", "What do writes go through?", "--kind", "coding")

    ask()  # neither the answer is there nor the question's vector
    assert empty.data("stats")[0]["hot_cache"]["hit_rate"] == 0
    ask()
    ask()  # the answer is there
    empty.service.answers.erase_answers()
    ask()  # the vector is there
    told = empty.data("stats")[0]
    assert told["gpu_cache"]["look_ups"] == {
        "answers": {"asked": 4, "found": 2},
        "vectors": {"asked": 2, "found": 0},
    }
    assert told["hot_cache"]["look_ups"] == {
        "answers": {"asked": 2, "found": 0},
        "vectors": {"asked": 2, "found": 1},
    }
    assert told["hot_cache"]["hit_rate"] == 0.25
    assert told["served"] == {"vectors": 2, "gpu_cache": 2}
    assert "answers 2 of 4, vectors 0 of 2" in empty.ok("stats").out


def test_usage_is_told_by_kind(empty: Console) -> None:
    for text in ("one", "two", "two"):
        empty.remember(f"Number {text}", "--kind", "coding")
    empty.remember("Number three", "--kind", "business")
    empty.ok("recall", "number")
    empty.ok("similar", "number", "--kind", "business")
    told = empty.data("stats")[0]
    assert told["usage"] == {
        "coding": {"stored": 2, "recalls": 1},
        "business": {"stored": 1, "recalls": 2},
    }
    shown = empty.ok("stats").out.splitlines()
    assert shown[0].split() == [
        *("kind", "live", "superseded", "expired", "forgotten", "points", "recalls", "stored")
    ]
    assert shown[1].split() == ["coding", "2", "0", "0", "0", "2", "1", "2"]


def test_a_tier_that_was_down_and_came_back_was_so_for_as_long(
    empty: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.remember("Answers do not need the cache")
    Valkey(empty.home).stop()
    with monkeypatch.context() as broken:
        broken.setattr(Valkey, "command", lambda self: ["/bin/false"])
        empty.ok("recall", "answers")
        first = empty.ok("--json", "stats").envelope
        assert first["status"] == "degraded"
        down = first["data"][0]["hot_cache"]
        assert down["state"] == "down"
        assert down["error"] in first["degraded"]
        assert (down["bytes"], down["entries"], down["evictions"]) == (None, None, None)
        assert empty.data("stats")[0]["hot_cache"]["degraded_s"] > down["degraded_s"] > 0
        shown = empty.ok("stats")
        assert "hot_cache  down" in shown.out
        assert "degraded: hot_cache: " in shown.err
    wait_until(lambda: empty.data("stats")[0]["hot_cache"]["state"] == "up")
    lasted = empty.data("stats")[0]["hot_cache"]["degraded_s"]
    assert lasted > down["degraded_s"]
    empty.ok("recall", "answers")
    assert empty.data("stats")[0]["hot_cache"]["degraded_s"] == lasted
    assert empty.data("stats")[0]["records"]["degraded_s"] == 0


@pytest.mark.parametrize("way", ["nobody listens there", "it does not start"])
def test_with_the_records_down_the_others_still_tell(
    empty: Console, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    empty.remember("The records come and go")
    database = empty.service.records.database
    monkeypatch.setattr(database, "_timeout", 1.0)
    Postgres(empty.home).stop()
    with monkeypatch.context() as broken:
        if way == "it does not start":
            broken.setattr(Postgres, "command", lambda self: ["/bin/false"])
        else:
            broken.setattr(database, "_address", lambda: "host=/tmp/sophia-test-nobody-here")
        ended = empty.ok("--json", "stats").envelope
        told = ended["data"][0]
        assert told["memories"]["error"] == told["records"]["error"] == ended["degraded"][0]
        assert told["records"]["error"].startswith("records: ")
        assert [told[name]["state"] for name in TIERS] == ["up", "down", "up", "up", "up"]
        assert told["vectors"]["entries"] == 1
        shown = empty.ok("stats").out
        assert "live" not in shown
        assert "records    down" in shown
        assert empty("list").status is ExitStatus.UNREACHABLE
    wait_until(lambda: empty.data("stats")[0]["records"]["state"] == "up")
    assert empty.data("stats")[0]["records"]["degraded_s"] > 0


def test_without_a_cache_it_is_off(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.service.answers, "_cache", NoCache())
    console.ok("recall", "anything")
    told = console.data("stats")[0]["hot_cache"]
    assert (told["state"], told["hit_rate"], told["bytes"]) == ("off", None, None)


def looks(console: Console, count: int) -> None:
    """The user watches until the statistics have been shown `count` times."""
    seen: list[datetime] = []

    def now() -> datetime:
        # Asked twice a look: for the statistics, and for the title.
        seen.append(utc_now())
        if len(seen) == 2 * count:
            console.cancelled.set()
        return datetime(2026, 11, 1, 12, 0, len(seen) // 2, tzinfo=UTC)

    console.now = now


def test_a_watch_shows_block_after_block_in_a_pipe(console: Console) -> None:
    looks(console, 3)
    ended = console("stats", "--watch", "--interval", "100ms")
    assert ended.status is ExitStatus.INTERRUPTED
    assert ended.err == "sophia: interrupted\n"
    blocks = ended.out.split("UTC, every 100ms, until Ctrl-C\n")
    assert len(blocks) == 4
    assert blocks[0] == "12:00:01 "
    assert all("process: pid" in block for block in blocks[1:])
    assert "\x1b" not in ended.out


def test_a_watch_stays_in_its_place_on_a_terminal(console: Console) -> None:
    looks(console, 3)
    ended = console("stats", "--watch", "--interval", "100ms", terminal=True)
    assert ended.status is ExitStatus.INTERRUPTED
    assert ended.out.startswith("\x1b[?25l")  # the cursor goes, and comes back
    assert ended.out.rstrip().endswith("\x1b[?25h")
    assert ended.out.count("until Ctrl-C") == 4  # the last one is left standing
    assert ended.out.count("\x1b[1A") >= 3 * 10


def test_a_terminal_that_cannot_go_back_gets_blocks(console: Console) -> None:
    looks(console, 2)
    ended = console("stats", "--watch", terminal=True, variables={"TERM": "dumb"})
    assert "\x1b[1A" not in ended.out
    assert ended.out.count("until Ctrl-C") == 2


def test_a_watch_ends_with_the_process_that_runs_it(console: Console) -> None:
    console.ending = lambda: True
    ended = console("stats", "--watch", "--interval", "1h")
    assert ended.status is ExitStatus.UNREACHABLE
    assert ended.err.startswith("sophia: the resident process is ending\n")


def test_a_watch_shows_what_is_down(empty: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    Valkey(empty.home).stop()
    monkeypatch.setattr(Valkey, "command", lambda self: ["/bin/false"])
    looks(empty, 1)
    assert "\ndegraded: hot_cache: " in empty("stats", "--watch").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--watch", "--json"), "--watch is a view for people"),
        (("--interval", "1s"), "--interval is for --watch"),
        (("--watch", "--interval", "0s"), "--interval 0s is not between 100ms and 1h"),
        (("--watch", "--interval", "2d"), "--interval 2d is not between 100ms and 1h"),
        (("--watch", "--interval", "soon"), "'soon' is not a duration"),
    ],
)
def test_a_watch_that_cannot_be(console: Console, arguments: tuple[str, ...], said: str) -> None:
    ended = console("stats", *arguments)
    assert ended.status is ExitStatus.USAGE
    if "--json" in arguments:
        assert ended.envelope["error"]["message"].startswith(said)
        assert ended.envelope["error"]["hint"]
    else:
        assert said in ended.err
