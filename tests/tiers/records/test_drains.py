"""What the records know of drained peers, and of the processes that follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.drains import DrainedPeer

ONE = DrainedPeer("http://192.0.2.11:6333", datetime(2026, 5, 1, tzinfo=UTC), "ann@laptop")


def test_a_peer_that_is_drained_already_keeps_since_when_and_by_whom(records: Records) -> None:
    records.drains.add(ONE)
    records.drains.add(DrainedPeer(ONE.url, ONE.since + timedelta(days=1), "bob@desk"))
    assert records.drains.all() == [ONE]
    assert records.drains.remove(ONE.url) and not records.drains.remove(ONE.url)
    assert records.drains.all() == []


def test_each_process_says_what_it_has_no_call_at_any_more(records: Records) -> None:
    records.drains.follows("a:1", ["http://x:1"])
    records.drains.follows("b:1", [])
    records.drains.follows("a:1", ["http://x:1", "http://y:1"])
    assert records.drains.followers("http://x:1") == {"a:1": True, "b:1": False}
    records.drains.leaves("b:1")
    assert records.drains.followers("http://y:1") == {"a:1": True}
