"""The operator's own marked questions: recall measured on them, and weights fitted on them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from sophia_cli import __version__
from sophia_cli.bench.context import Context, Progress
from sophia_cli.bench.dataset import Dataset
from sophia_cli.bench.labelled import ALL, RANKINGS, LabelledQuestion, asked, results, uncached
from sophia_cli.bench.machine import this_machine
from sophia_cli.bench.results import Figure, RecallAt, Run, ScenarioResult, Skipped
from sophia_cli.bench.scenarios import Scenario, Step
from sophia_cli.bench.scenarios.recall import measured
from sophia_cli.memory.marking import MarkedQuestion, candidates_of, marked_questions
from sophia_cli.memory.ranking import shipped
from sophia_cli.memory.ranking.tuning import Tuning, tuned
from sophia_cli.memory.service import MemoryService

ENOUGH = 30
"""Marked questions from which a figure says something: its interval is then some 15 points wide
to either side."""
HOW_TO_MARK = 'sophia feedback ID --query "..." marks what a question should bring'
_NAME = "own questions"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDataset(Scenario):
    """The scenario `recall` on a labelled set that the user gave."""

    dataset: Dataset

    def run(self, context: Context) -> Iterable[Step]:
        """What came of it."""
        return measured(context, self.dataset)


def own_run(service: MemoryService, candidates: int, now: datetime, progress: Progress) -> Run:
    """Asks every marked question of a store, nothing cached; changes nothing in it.

    Raises:
        Unreachable: a tier is down.
        Refused: the store is built with another model than the configuration names.
    """
    machine, started = this_machine(), time.perf_counter()
    questions = labelled(service, marked_questions(service.records, now))
    found: list[RecallAt | Figure | Skipped] = []
    if questions:
        _check_model(service)
        with progress("asking", len(RANKINGS) * len(questions)) as advance:
            rows = asked(service, questions, candidates, now, advance)
        found.extend(results(_NAME, questions, rows, missing(len(questions))))
    else:
        found.append(Skipped("recall@k", missing(0)))
    return Run(
        started=now.isoformat(timespec="seconds"),
        memories=0,
        seconds=0.0,
        model=service.records.models.current().name or service.embedder.model,
        took=round(time.perf_counter() - started, 1),
        machine=machine,
        scenarios=(
            ScenarioResult(
                "recall",
                None,
                tuple(each for each in found if isinstance(each, Figure)),
                (),
                tuple(each for each in found if isinstance(each, RecallAt)),
                tuple(each for each in found if isinstance(each, Skipped)),
            ),
        ),
    )


def labelled(service: MemoryService, marked: Iterable[MarkedQuestion]) -> list[LabelledQuestion]:
    """The marked questions that have something right; their kind is that of what is right."""
    asks = [each for each in marked if each.right]
    memories = service.records.queries.get([id_ for each in asks for id_ in each.right])
    kinds = [{memories[id_].kind.value for id_ in each.right} for each in asks]
    return [
        LabelledQuestion(each.question, each.right, kind.pop() if len(kind) == 1 else ALL)
        for each, kind in zip(asks, kinds, strict=True)
    ]


def missing(questions: int) -> str:
    """What is missing until so many questions say something; empty where nothing is."""
    if questions >= ENOUGH:
        return ""
    count = {0: "no question is", 1: "one question is"}.get(questions, f"{questions} questions are")
    return f"{count} marked; from {ENOUGH} on, a figure says something: {HOW_TO_MARK}"


def fit(service: MemoryService, candidates: int, now: datetime, progress: Progress) -> Tuning:
    """Fits weights on the marked questions; changes nothing in the store.

    Raises:
        Unreachable: a tier is down.
        Refused: the store is built with another model than the configuration names.
    """
    questions = marked_questions(service.records, now)
    if questions:
        _check_model(service)
    with uncached(service) as recaller, progress("asking", len(questions)) as advance:
        marked = candidates_of(recaller.searcher, questions, candidates, now, advance)
    return tuned(marked, shipped())


def switch(service: MemoryService, tuning: Tuning, now: datetime) -> str:
    """Ranks by fitted weights from now on, in every process; returns their name."""
    kept = {name: round(weight, 6) for name, weight in tuning.weights.items() if weight}
    number = service.records.feedback.switch(kept, dict(_provenance(tuning, now)))
    return f"fitted-{number}"


def _provenance(tuning: Tuning, now: datetime) -> Iterator[tuple[str, Any]]:
    yield "fitted_on", f"{tuning.questions} marked questions"
    yield "fitted_at", now.isoformat(timespec="seconds")
    yield "sophia", __version__
    yield "shipped", shipped().digest
    yield "hold", tuning.hold if np.isfinite(tuning.hold) else None
    yield "cross_validated", {name: asdict(gain) for name, gain in tuning.gains.items()}


def _check_model(service: MemoryService) -> None:
    service.records.models.check(service.embedder.model, service.embedder.dimension)
