"""Questions whose answers are known, asked of a service, and what came of it: recall, MRR, nDCG."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.bench.results import Figure, RecallAt
from sophia_cli.bench.statistics import Estimate
from sophia_cli.errors import Unreachable
from sophia_cli.memory.answers import AnswerCache, Lifetimes
from sophia_cli.memory.model import Kind
from sophia_cli.memory.ranking import Weights
from sophia_cli.memory.ranking.relevance import DEPTHS, MEASURES, interval, measured
from sophia_cli.memory.recalling import Question, Recaller
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.hot_cache import NoCache

ALL = "all"
_NEVER = Lifetimes(dict.fromkeys(Kind, timedelta(0)), timedelta(0))

RANKINGS: Mapping[str, Weights | None] = {
    "": None,
    "BM25 alone": Weights("bm25", {"bm25_context": 1.0}),
    "dense alone": Weights("dense", {"dense": 1.0}),
}
"""What the questions are asked with: the weights that rank the store, and each half by itself."""

Rows = NDArray[np.float64]
"""float64, (questions, len(MEASURES)): the measures of each question."""


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question, the memories that answer it (at least one), and which kind of question it is."""

    question: Question
    right: frozenset[UUID]
    category: str = ALL


@contextlib.contextmanager
def uncached(service: MemoryService) -> Iterator[Recaller]:
    """Recall over the tiers of a service without its caches, with weights of its own to change."""
    front = GpuCache(Settings(answers=False, vectors=False))
    answers = AnswerCache(front, NoCache(), service.records.models.current().store, _NEVER)
    try:
        yield Recaller(service.records, service.vectors, service.embedder, front, answers)
    finally:
        answers.close()


def asked(
    service: MemoryService,
    questions: Sequence[LabelledQuestion],
    candidates: int,
    now: datetime,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Rows]:
    """Asks every question once with each of `RANKINGS`, nothing cached; changes nothing.

    All of them rank the same candidates, the union of what every signal brings.

    Args:
        advance: told of each answer, of which there are `len(questions) * len(RANKINGS)`.

    Raises:
        Unreachable: a tier is down; what an answer without it is worth is another question.
    """
    rows = {}
    with uncached(service) as recaller:
        for name, weights in RANKINGS.items():
            recaller.use(weights)
            measures = np.zeros((len(questions), len(MEASURES)))
            for place, each in enumerate(questions):
                trace = Trace()
                found = recaller.recall(each.question, candidates, now, trace)
                if trace.degraded:
                    raise Unreachable(
                        f"recall cannot be measured: {trace.degraded[0]}", "see sophia status"
                    )
                hits = [recalled.memory.id in each.right for recalled in found]
                measures[place] = measured(hits, len(each.right))
                advance(1)
            rows[name] = measures
    return rows


def results(
    name: str, questions: Sequence[LabelledQuestion], rows: Mapping[str, Rows], note: str = ""
) -> Iterator[RecallAt | Figure]:
    """Recall@k, MRR and nDCG by kind of question; and each half of the ranking by itself.

    A comparison judges by recall@k. What BM25 alone brings may change without anybody's harm.

    Args:
        name: of the labelled set.
        note: what a reader should know of it, in one line.
    """
    kinds = _kinds(questions)
    estimates = {kind: _estimates(rows[""][places]) for kind, places in kinds.items()}
    yield RecallAt(
        name,
        {kind: len(places) for kind, places in kinds.items()},
        {
            kind: {depth: by_measure[f"recall@{depth}"] for depth in DEPTHS}
            for kind, by_measure in estimates.items()
        },
    )
    for kind, by_measure in estimates.items():
        for measure in MEASURES[len(DEPTHS) :]:
            told = note if kind == ALL and measure == MEASURES[-1] else ""
            yield _figure(measure, "" if kind == ALL else kind, by_measure, len(kinds[kind]), told)
    for ranking in [ranking for ranking in rows if ranking]:
        for measure in MEASURES:
            yield _figure(measure, ranking, _estimates(rows[ranking]), len(questions))


def _figure(
    measure: str, what: str, estimates: Mapping[str, Estimate], questions: int, note: str = ""
) -> Figure:
    return Figure(
        f"{measure}, {what}" if what else measure,
        "",
        "higher",
        estimates[measure],
        samples=questions,
        decides=False,
        note=note,
    )


def _kinds(questions: Sequence[LabelledQuestion]) -> dict[str, list[int]]:
    """The places of the questions of each kind, all of them first."""
    kinds: dict[str, list[int]] = {ALL: list(range(len(questions)))}
    for place, each in enumerate(questions):
        if each.category != ALL:
            kinds.setdefault(each.category, []).append(place)
    return kinds


def _estimates(measures: Rows) -> dict[str, Estimate]:
    low, high = interval(measures, 0.0, 1.0)
    means = measures.mean(axis=0)
    return {
        name: Estimate(*(round(float(each), 6) for each in (means[n], low[n], high[n])))
        for n, name in enumerate(MEASURES)
    }
