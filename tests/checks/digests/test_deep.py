"""Every point is compared while memories are written and forgotten; what is right never differs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sophia_cli.checks.check import Verdict
from sophia_cli.checks.digests.comparison import JOURNAL
from sophia_cli.environment import utc_now
from sophia_cli.errors import NotFound, Refused
from sophia_cli.memory.model import KINDS, Draft, Kind
from sophia_cli.memory.trace import Trace
from tests.checks.stage import Stage, opened_stage, staged
from tests.checks.tier_faults import entry, live, other_vector
from tests.conftest import wait_until

RUNS = int(os.environ.get("SOPHIA_TEST_DEEP_RUNS", "2"))
_CLIENTS = 4


class Load:
    """Clients that remember, change, forget and supersede until they are told to stop."""

    def __init__(self, stage: Stage, spare: frozenset[object]) -> None:
        self._stage = stage
        self._spare = spare
        self._ended = threading.Event()
        self.failed: list[BaseException] = []
        self.done = 0
        self._threads = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(_CLIENTS)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _work(self, client: int) -> None:
        chosen = random.Random(f"{client} {utc_now()}")
        service, mine = self._stage.service, []
        try:
            while not self._ended.is_set():
                kind = chosen.choice(KINDS)
                draft = Draft(
                    f"client {client} says {chosen.random()}",
                    kind=kind,
                    user=f"user {client % 2}",
                    session=chosen.choice([None, "shared", f"own {client}"]),
                )
                mine += [each.id for each in service.remember([draft], utc_now(), Trace())]
                for action in chosen.sample(["update", "forget", "link", "tag"], 2):
                    if len(mine) < 8:
                        break
                    one = mine[chosen.randrange(len(mine))]
                    if action == "update":
                        change = {"content": f"changed to {chosen.random()}"}
                        service.update(one, change, utc_now(), Trace())
                    elif action == "tag":
                        service.update(
                            one, {"tags": {"a": str(chosen.random())}}, utc_now(), Trace()
                        )
                    elif action == "link":
                        service.link(mine[-1], "supersedes", mine.pop(0), utc_now(), Trace())
                    else:
                        mine.remove(one)
                        service.forget([one], utc_now(), Trace())
                self.done += 1
        except BaseException as error:
            self.failed.append(error)


@pytest.fixture(scope="module")
def busy() -> Iterator[Stage]:
    with staged() as stage:
        stage.empty()
        stage.fill(600)
        yield stage


@pytest.mark.timeout(600)
@pytest.mark.parametrize("run", range(RUNS))
def test_writes_and_forgets_are_no_difference_and_an_altered_point_is_found(
    busy: Stage, run: int
) -> None:
    chosen = live(busy)[random.Random(run).randrange(100)]
    with Load(busy, frozenset({chosen})) as load:
        assert busy.differs() == []
        assert busy.failing("TI") == set()
        right = entry(busy, chosen)
        parts = ("dense", "context")
        altered = replace(right, **{parts[run % 2]: other_vector(run)})
        busy.service.vectors.upsert(Kind.CODING, [altered])
        found = busy.deep()
    assert load.failed == []
    assert load.done > 0
    assert [(each.verdict, each.subject) for each in found] == [(Verdict.FAIL, "coding")]
    assert found[0].evidence == (f"{chosen} differing ({parts[run % 2]})",)
    busy.service.vectors.upsert(Kind.CODING, [right])
    busy.settle()
    assert busy.differs() == []


def test_what_the_index_owes_is_no_difference(stage: Stage) -> None:
    one = live(stage)[3]
    stage.service.vectors.delete(Kind.CODING, [one])
    stage.service.records.outbox.owe([one])
    assert stage.differs() == []
    stage.settle()
    assert stage.differs() == []


def test_point_of_what_has_just_expired_is_no_difference(stage: Stage) -> None:
    one = live(stage)[3]
    stage.sql("UPDATE memory SET expires_at = clock_timestamp() WHERE id = %s", [one])
    assert stage.differs() == []
    stage.service.records.outbox.owe_expired(utc_now())
    stage.settle()
    assert stage.differs() == []


def test_points_of_before_there_were_seals_are_compared_in_full(stage: Stage) -> None:
    ids = live(stage)
    entries = list(stage.service.indexer.expected(ids).values())
    stage.service.vectors.upsert(Kind.CODING, [replace(each, seal=None) for each in entries])
    assert set(stage.service.vectors.page(Kind.CODING, None, 100).digests) == {0}  # type: ignore[attr-defined]
    assert stage.failing("TI") == set()
    assert stage.differs() == []

    altered = replace(entries[5], seal=None, dense=other_vector())
    stage.service.vectors.upsert(Kind.CODING, [altered])
    assert len(stage.differs()) == 1


def test_turn_whose_neighbour_got_its_vector_late_is_written_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sophia_cli.errors import TierDown

    right = stage.service.embedder.embed

    def down(_: object) -> object:
        raise TierDown("embedding", "down")

    monkeypatch.setattr(stage.service.embedder, "embed", down)
    stage.service.update(live(stage)[9], {"content": "said otherwise"}, utc_now(), Trace())
    monkeypatch.setattr(stage.service.embedder, "embed", right)
    stage.settle()
    assert stage.differs() == []


def test_sessions_that_were_imported_in_parts_are_what_the_records_say(stage: Stage) -> None:
    lines = stage.console.ok("export").out.splitlines()
    stage.empty()
    memories = [line for line in lines if line.startswith('{"type":"memory"')]
    for part in (memories[::2], memories[1::2]):
        stage.console.ok("import", "-", stdin="\n".join(part).encode())
    stage.settle()
    assert stage.differs() == []


def test_comparison_that_was_killed_goes_on_where_it_was(home: Path) -> None:
    with opened_stage(home) as stage:
        stage.fill()
        gone = [live(stage)[1], live(stage, Kind.BUSINESS)[-1]]
        stage.service.vectors.delete(Kind.CODING, gone[:1])
    journal = home / JOURNAL
    process = subprocess.Popen([sys.executable, "-m", "tests.checks.digests.slowly", str(home)])
    try:
        wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 3, 60)
    finally:
        process.kill()
        process.wait()
    # What a kill in the middle of a line leaves.
    with journal.open("ab") as file:
        file.write(b'{"copy":"","kind":"co')
    with opened_stage(home) as stage:
        # After a kill the index is owed what was not flushed, and mended by it.
        stage.settle()
        for kind, id_ in zip(KINDS, gone, strict=True):
            stage.service.vectors.delete(kind, [id_])
        again: list[int] = []
        found = stage.deep(resume=True, advance=again.append)
        everything = sum(stage.service.vectors.count(kind) for kind in KINDS)
        # The one was seen before it was killed, the other after.
        assert sorted((each.subject, *each.evidence) for each in found) == [
            ("business", f"{gone[1]} missing"),
            ("coding", f"{gone[0]} missing"),
        ]
        assert 0 < sum(again) < everything
        assert not journal.exists()
        with pytest.raises(NotFound):
            stage.deep(resume=True)


def test_two_comparisons_at_once_are_refused(stage: Stage) -> None:
    def second(_: int) -> None:
        with pytest.raises(Refused, match="at work"):
            stage.deep()

    assert [each.verdict for each in stage.deep(advance=second)] == [Verdict.PASS]


def test_one_point_among_many_is_found_in_few_queries(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sophia_cli.checks.digests.ranges import Range
    from sophia_cli.tiers.records.digests import FIRST, LAST

    stage.empty()
    stage.fill(3000)
    page = stage.service.vectors.page(Kind.CODING, None, 10_000)  # type: ignore[attr-defined]
    digests = list(page.digests)
    digests[777] += 1
    records, asked = stage.service.records.digests, []
    for name in ("sums", "each"):
        real = getattr(records, name)
        monkeypatch.setattr(
            records, name, lambda *given, real=real, name=name: asked.append(name) or real(*given)
        )
    points = Range(Kind.CODING, FIRST, LAST, page.ids, digests)
    assert points.suspects(records) == [page.ids[777]]
    assert len(page.ids) > 1000
    assert len(asked) <= 3
