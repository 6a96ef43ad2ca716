"""Fits the ranker's weights: python bench/learn.py DIRECTORY [--write].

Each conversation is left out in turn, and with it as large a share of the labelled notes: weights
are fitted on the rest, and what they reach on what was left out is measured, all of it through the
service.
Turns come in two forms, with speaker, date and session and as plain notes without, and one set of
weights serves both and the notes. Each conversation in each form is a memory of its own, as each
team has one: how rare a word is depends on the whole store. `--write` fits on all and writes
sophia_cli/memory/ranking/weights.yaml.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
from locomo import Conversation, conversations, plain
from recall import FIGURES, Names, figures_of, remember
from stores import fresh_service

from sophia_cli.bench.dataset import store
from sophia_cli.bench.scenarios.recall import labelled_notes
from sophia_cli.config.model import Config
from sophia_cli.memory.model import Kind, Where
from sophia_cli.memory.ranking import NAMES, Weights
from sophia_cli.memory.ranking.fit import Judged, fitted
from sophia_cli.memory.ranking.relevance import DEPTHS
from sophia_cli.memory.ranking.relevance import measured as measures_of
from sophia_cli.memory.searching import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace

_WEIGHTS = Path(__file__).parents[1] / "sophia_cli" / "memory" / "ranking" / "weights.yaml"
_DEPTH = Config().recall.candidates
_NOTHING = Weights("nothing", {})
FORMS = ("with facts", "plain")
NOTES = "notes"
NOTE_FIGURES = tuple(f"R@{depth}" for depth in DEPTHS)
# There are 60 questions about notes and 997 about turns: each counts as six.
_NOTE_COUNTS = 6
# As much as half a question, for a weight of 1: 2,400 questions need little.
_PENALTY = 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """A question that was asked: what is right, and the signals of its candidates.

    Attributes:
        service: who was asked.
        right: how many memories are right.
        figures: those of an answer, from its ids, best first.
    """

    service: MemoryService
    question: Question
    judged: Judged
    right: int
    figures: Callable[[Sequence[UUID]], list[float]]


Rows = dict[str, list[list[list[float]]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="LoCoMo files")
    parser.add_argument("--write", action="store_true", help="write weights.yaml")
    parser.add_argument("--penalty", type=float, default=_PENALTY)
    arguments = parser.parse_args()
    talks = conversations(arguments.directory)
    with ExitStack() as opened:
        judged = {
            form: [judge_talk(opened.enter_context(fresh_service()), each) for each in talks_in]
            for form, talks_in in in_forms(talks).items()
        }
        notes = judge_notes(opened.enter_context(fresh_service()))
        # What is left out at once: a conversation in both forms, and as large a share of the notes.
        groups = judged | {NOTES: [notes[place :: len(talks)] for place in range(len(talks))]}
        rows: Rows = {part: [] for part in groups}
        for place, talk in enumerate(talks):
            weights = learnt(*(_without(groups, place)), arguments.penalty)
            for part, each in groups.items():
                rows[part].append([case.figures(asked(case, weights)) for case in each[place]])
                print(f"{talk.name:6} {part:12}" + line(np.mean(rows[part][-1], axis=0)))
    summary = {part: summarised(each) for part, each in rows.items()}
    for part, (means, spreads) in summary.items():
        print(f"{part}: {shown(part, means, spreads)}")
    weights = learnt(*_without(groups, None), arguments.penalty)
    for name, weight in sorted(weights.of.items(), key=lambda pair: -abs(pair[1])):
        print(f"  {name:18} {weight:+.3f}")
    if arguments.write:
        write(weights, summary, sum(len(talk) for talk in groups[FORMS[0]]), len(notes))


def _without(groups: dict[str, list[list[Case]]], place: int | None) -> tuple[list[Case], ...]:
    """The cases about turns and those about notes, but for one group of each."""
    kept = {
        part: [case for n, group in enumerate(each) if n != place for case in group]
        for part, each in groups.items()
    }
    return [case for form in FORMS for case in kept[form]], kept[NOTES]


def in_forms(talks: Sequence[Conversation]) -> dict[str, list[Conversation]]:
    """The same conversations in each of `FORMS`."""
    return dict(zip(FORMS, ([*talks], [plain(talk) for talk in talks]), strict=True))


def judge_talk(service: MemoryService, talk: Conversation) -> list[Case]:
    """Stores a conversation and asks all questions about it."""
    names = remember(service, talk)
    where = Where(user=talk.drafts[0].user)
    cases = []
    for each in talk.questions:
        question = Question(each.text, (Kind.BUSINESS,), where, _DEPTH)
        ids, signals = signals_of(service, question)
        right = np.array([bool(names[id_] & each.evidence) for id_ in ids], bool)
        cases.append(
            Case(
                service,
                question,
                Judged(signals, right),
                len(each.evidence),
                _of_turns(names, each.evidence),
            )
        )
    return cases


def judge_notes(service: MemoryService) -> list[Case]:
    """Stores the labelled notes and asks all questions about them."""
    cases = []
    for each in store(labelled_notes(), service, datetime.now(UTC)):
        question = replace(each.question, limit=_DEPTH)
        ids, signals = signals_of(service, question)
        right = np.array([id_ in each.right for id_ in ids], bool)
        cases.append(
            Case(service, question, Judged(signals, right), len(each.right), _of_notes(each.right))
        )
    return cases


def _of_turns(names: Names, evidence: frozenset[str]) -> Callable[[Sequence[UUID]], list[float]]:
    return lambda order: figures_of([names[id_] for id_ in order], evidence)


def _of_notes(right: frozenset[UUID]) -> Callable[[Sequence[UUID]], list[float]]:
    def figures(order: Sequence[UUID]) -> list[float]:
        return measures_of([id_ in right for id_ in order], len(right))[: len(DEPTHS)].tolist()

    return figures


def signals_of(
    service: MemoryService, question: Question
) -> tuple[Sequence[UUID], np.typing.NDArray[np.float32]]:
    return service.recaller.searcher.signals(question, _DEPTH, datetime.now(UTC), Trace())


def learnt(turns: Sequence[Case], notes: Sequence[Case], penalty: float) -> Weights:
    """Weights fitted on these cases, from nothing."""
    cases = [*turns, *(case for case in notes for _ in range(_NOTE_COUNTS))]
    vector = fitted([case.judged for case in cases], _NOTHING, penalty)
    return Weights("learnt", dict(zip(NAMES, vector.tolist(), strict=True)))


def asked(case: Case, weights: Weights) -> list[UUID]:
    """The ids that come back with these weights, best first."""
    case.service.recaller.use(weights)
    found = case.service.recall(case.question, _DEPTH, datetime.now(UTC), Trace())
    return [recalled.memory.id for recalled in found]


def summarised(rows: Sequence[Sequence[Sequence[float]]]) -> tuple[list[float], list[float]]:
    """Means over all questions, and the spread (standard deviation) over what was left out."""
    means = np.array([np.mean(part, axis=0) for part in rows])
    return np.concatenate(rows).mean(axis=0).tolist(), means.std(axis=0).tolist()


def line(values: Sequence[float]) -> str:
    return "".join(f"{100 * each:8.1f}" for each in values)


def shown(form: str, means: Sequence[float], spreads: Sequence[float]) -> str:
    figures = NOTE_FIGURES if form == NOTES else FIGURES
    parts = zip(figures, means, spreads, strict=True)
    return ", ".join(
        f"{name} {100 * mean:.1f} ± {100 * spread:.1f}" for name, mean, spread in parts
    )


def write(
    weights: Weights,
    summary: Mapping[str, tuple[list[float], list[float]]],
    questions: int,
    notes: int,
) -> None:
    reached = "\n".join(f"    {form}: {shown(form, *both)}" for form, both in summary.items())
    lines = "\n".join(f"  {name}: {weight:.3f}" for name, weight in weights.of.items() if weight)
    _WEIGHTS.write_text(
        f"""# How much each signal of a candidate counts; docs/ranking.md says what each one is.
# Written by bench/learn.py.
provenance:
  fitted_on: >-
    five conversations of LoCoMo (Maharana et al. 2024), {questions} questions, each once with
    speaker, date and session and once as plain notes; and {notes} questions about the notes of
    bench/notes, each counted {_NOTE_COUNTS} times
  fitted_at: {date.today().isoformat()}
  loss: mean over the right candidates of -log softmax; penalty 0.5 on the squared weights
  left_one_out:  # percent, and the spread over what was left out
{reached}
weights:
{lines}
""",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
