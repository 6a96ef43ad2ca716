"""Nothing that was acknowledged is lost, doubled or back from the dead, whoever is killed when.

The short form runs in `make test`. The full one is `make test-crash`: `SOPHIA_TEST_CRASHES` kills
of each process during a hundred times as many memories. `SOPHIA_TEST_SEED` repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable
from uuid import UUID

import pytest

from sophia_cli.config.loading import load
from sophia_cli.daemon.foreground import foreground_service
from sophia_cli.environment import utc_now
from sophia_cli.home import Home
from sophia_cli.memory.model import KINDS, SIGNALS, Kind, Where
from sophia_cli.memory.rebuilding import reindex
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from tests.crash.client import Client
from tests.crash.killer import VICTIMS, Killer
from tests.crash.work import Said, Work

CRASHES = int(os.environ.get("SOPHIA_TEST_CRASHES", "3"))
MEMORIES = 100 * CRASHES
CLIENTS = 4
_CATCHES_UP_WITHIN = 60.0

pytestmark = [pytest.mark.crash, pytest.mark.timeout(60 + 60 * CRASHES)]


def test_what_was_acknowledged_survives_the_kill_of_every_process(home: Home) -> None:
    seed = int(os.environ.get("SOPHIA_TEST_SEED", random.randrange(1 << 32)))
    print(f"\nSOPHIA_TEST_SEED={seed}: {CRASHES} kills of each, {MEMORIES} memories")
    client, work = Client(home), Work(MEMORIES)
    started = time.monotonic()

    killer = _under_fire(home, client, work, seed)
    busy = time.monotonic() - started
    caught_up = _wait_until_nothing_is_owed(client)
    live = [said for said in work.said if not said.forgotten]
    forgotten = [said for said in work.said if said.forgotten]
    print(
        f"{len(work.said)} acknowledged in {busy:.0f} s, {len(forgotten)} of them forgotten;"
        f" not acknowledged at once: {dict(work.unacknowledged)};"
        f" killed: {dict(killer.killed)}; index complete after {caught_up:.1f} s more"
    )

    _check_records(client, live, forgotten)
    with foreground_service(load({}, {}).config, home) as service:
        _check_recall(service, live)
        _check_erasure(service, forgotten)
        _check_index(service, live)
        _check_neighbours(service, live)


def _under_fire(home: Home, client: Client, work: Work, seed: int) -> Killer:
    """Runs the clients while the killer works; returns once all of them are done."""
    killer = Killer(home, CRASHES, random.Random(seed), work.progress)
    clients = [
        threading.Thread(target=work.client, args=(client, random.Random(f"{seed}/{number}")))
        for number in range(CLIENTS)
    ]
    for thread in (killer, *clients):
        thread.start()
    while killer.is_alive() and not work.faults:
        killer.join(0.1)
    work.finish()
    for thread in clients:
        thread.join()
    killer.stop()
    if work.faults:
        raise work.faults[0]
    assert killer.killed == Counter(dict.fromkeys(VICTIMS, CRASHES))
    return killer


def _wait_until_nothing_is_owed(client: Client) -> float:
    """Seconds until the outbox is empty."""
    started = time.monotonic()
    while True:
        measured = client.ask("stats").data[0]
        if measured["records"].get("outbox") == 0:
            return time.monotonic() - started
        assert time.monotonic() - started < _CATCHES_UP_WITHIN, measured
        time.sleep(0.1)


def _check_records(client: Client, live: list[Said], forgotten: list[Said]) -> None:
    """The records hold every text once, with one audit trail, and nothing of what was forgotten."""
    records = [json.loads(line) for line in client.run("export").splitlines()]
    contents = {each["id"]: each["content"] for each in records if each["type"] == "memory"}
    assert contents == {said.id: said.text for said in live} | {said.id: "" for said in forgotten}

    actions = Counter(
        (each["memory_id"], each["action"]) for each in records if each["type"] == "event"
    )
    remembered = {(said.id, "remembered"): 1 for said in (*live, *forgotten)}
    assert actions == Counter(remembered | {(said.id, "forgotten"): 1 for said in forgotten})

    assert _listed(client) == Counter(said.text for said in live)
    assert client.ask("show", live[0].id).data[0]["content"] == live[0].text
    if forgotten:
        assert client.ask("show", forgotten[0].id).data == []


def _listed(client: Client) -> Counter[str]:
    """Everything that `list` shows, page by page."""
    texts: Counter[str] = Counter()
    page: list[str] = []
    while True:
        found = client.ask("list", "-n", "500", *page).data
        texts.update(memory["content"] for memory in found)
        if len(found) < 500:
            return texts
        page = ["--before", found[-1]["id"]]


def _check_recall(service: MemoryService, live: Iterable[Said]) -> None:
    missed = []
    for said in live:
        trace = Trace()
        found = service.recall(Question(said.word, limit=3), 50, utc_now(), trace)
        assert trace.degraded == []
        # Not always the first: of 2,000 made-up words two may be as alike as jizatux and jizotux.
        texts = {str(each.memory.id): each.memory.content for each in found}
        if texts.get(said.id) != said.text:
            missed.append((said, texts))
    assert missed == []


def _check_erasure(service: MemoryService, forgotten: list[Said]) -> None:
    """Neither a point nor a word is left, also not in the entries of the turns around it."""
    ids = [UUID(said.id) for said in forgotten]
    for kind in KINDS:
        assert service.vectors.present(kind, ids) == set()
    words = SIGNALS.index("bm25_context")
    for said in forgotten:
        vector = service.embedder.embed([said.word])[0]
        for kind in KINDS:
            found = service.vectors.candidates(kind, vector, said.word, Where(), 5)
            assert not found.scores[:, words].any(), said.text


def _check_index(service: MemoryService, live: list[Said]) -> None:
    """The index holds every live memory and nothing else, each in one collection."""
    indexed = {kind: sorted(map(str, service.vectors.ids(kind))) for kind in KINDS}
    assert sorted([*indexed[Kind.CODING], *indexed[Kind.BUSINESS]]) == sorted(s.id for s in live)
    counts = service.records.queries.counts(utc_now())
    for kind in KINDS:
        assert service.vectors.count(kind) == counts[kind]["live"] == len(indexed[kind])


def _check_neighbours(service: MemoryService, live: list[Said]) -> None:
    """Every turn's entry holds the neighbours it has now: a rebuild changes no score."""
    words = [said.word for said in live if said.session is not None][-50:]
    vectors = service.embedder.embed(words)

    def scores() -> list[dict[UUID, list[float]]]:
        return [
            {
                id_: row.round(4).tolist()
                for kind in KINDS
                for found in [service.vectors.candidates(kind, vector, word, Where(), 5)]
                for id_, row in zip(found.ids, found.scores, strict=True)
            }
            for word, vector in zip(words, vectors, strict=True)
        ]

    before = scores()
    reindex(service, KINDS, utc_now(), lambda _: None)
    assert scores() == before
