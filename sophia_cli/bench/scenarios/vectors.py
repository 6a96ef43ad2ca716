"""`vectors`: searching the store by every signal and by meaning alone, and writing to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import cast
from uuid import UUID

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, rate
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.results import Limit
from sophia_cli.bench.texts import questions
from sophia_cli.memory.indexing import Indexer
from sophia_cli.memory.model import KINDS, IndexEntry, Kind, Where
from sophia_cli.memory.ports import Vectors
from sophia_cli.tiers.vectors.edge import EdgeVectors

_TARGET = Limit(100, "p95")
_QUESTIONS = 200
_BATCH = 64


def run(context: Context) -> Iterator[Measurement]:
    """Candidates and nearest over both kinds, as recall and similar ask; points written a second.

    The questions' vectors are made before, so that no embedding is in it. Points are written to a
    store of their own beside the one that is searched.
    """
    vectors, embedder = context.service.vectors, context.service.embedder
    asked = questions(_QUESTIONS, seed=2)
    made = embedder.embed(asked)
    limit = context.config.recall.candidates

    def candidates(number: int) -> None:
        place = number % _QUESTIONS
        for kind in KINDS:
            vectors.candidates(kind, made[place], asked[place], Where(), limit)

    def nearest(number: int) -> None:
        for kind in KINDS:
            vectors.nearest(kind, made[number % _QUESTIONS], Where(), limit)

    yield Measurement(
        candidates,
        nearest,
        figures=lambda by_all, by_meaning, pace: [
            latency("search by every signal", by_all, pace, target=_TARGET),
            latency("nearest by meaning", by_meaning, pace, target=_TARGET),
        ],
    )

    entries = _entries(context)
    beside = context.until_the_end(
        closing(EdgeVectors(context.home.root / "beside", embedder.dimension))
    )
    yield Measurement(
        lambda n: beside.upsert(Kind.CODING, _renamed(entries, n)),
        figures=lambda spent, pace: [rate("points written a second", spent, len(entries), pace)],
    )


def _entries(context: Context) -> Sequence[IndexEntry]:
    """The entries of some memories of the store, as the indexer writes them."""
    service, kept = context.service, _Kept()
    ids = list(itertools.islice(service.vectors.ids(Kind.BUSINESS), _BATCH))
    indexer = Indexer(service.records, cast(Vectors, kept), service.embedder)
    indexer.apply(service.records.outbox.owe(ids))
    return kept.entries


def _renamed(entries: Sequence[IndexEntry], number: int) -> list[IndexEntry]:
    """The same under ids that no call before this one had."""
    first = number * len(entries) + 1
    return [replace(entry, id=UUID(int=first + place)) for place, entry in enumerate(entries)]


class _Kept:
    """Stands where the indexer expects the vectors, and keeps what it writes."""

    def __init__(self) -> None:
        self.entries: list[IndexEntry] = []

    def upsert(self, kind: Kind, entries: Sequence[IndexEntry]) -> None:  # noqa: ARG002
        """Keeps the entries."""
        self.entries.extend(entries)
