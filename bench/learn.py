"""Fits the ranker's weights: python bench/learn.py DIRECTORY [--write].

Each conversation is left out in turn, and with it a fifth of the labelled notes: weights are fitted
on the rest, and what they reach on what was left out is measured, all of it through the service.
Turns come in two forms, with speaker, date and session and as plain notes without, and one set of
weights serves both and the notes. `--write` fits on all and writes
sophia_cli/memory/ranking/weights.yaml.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
from labelled_notes import DEPTHS, ingest_notes, names_of, note_questions, recall_of
from locomo import Conversation, conversations, plain
from recall import FIGURES, figures_of, remember
from stores import fresh_service

from sophia_cli.config.model import Config
from sophia_cli.memory.model import KINDS, Kind, Where
from sophia_cli.memory.ranking import NAMES, Weights
from sophia_cli.memory.ranking.fit import Judged, fitted
from sophia_cli.memory.searching import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace

_WEIGHTS = Path(__file__).parents[1] / "sophia_cli" / "memory" / "ranking" / "weights.yaml"
_DEPTH = Config().recall.candidates
_NOTHING = Weights("nothing", {})
_FOLDS = 5
FORMS = ("with facts", "plain")
NOTES = "notes"
NOTE_FIGURES = tuple(f"R@{depth}" for depth in DEPTHS)
# There are 60 questions about notes and 997 about turns: each counts as six.
_NOTE_COUNTS = 6
# As much as half a question, for a weight of 1: 2,400 questions need little.
_PENALTY = 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """A question that was asked: what is right, and the signals of its candidates."""

    question: Question
    evidence: frozenset[str]
    judged: Judged


Rows = dict[str, list[list[list[float]]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="LoCoMo files")
    parser.add_argument("--write", action="store_true", help="write weights.yaml")
    parser.add_argument("--penalty", type=float, default=_PENALTY)
    arguments = parser.parse_args()
    talks = conversations(arguments.directory)
    with fresh_service() as service, fresh_service() as note_service:
        names: dict[UUID, frozenset[str]] = {}
        turns = {
            form: [judge_talk(service, talk, names) for talk in forms]
            for form, forms in zip(FORMS, (talks, [plain(talk) for talk in talks]), strict=True)
        }
        notes = judge_notes(note_service)
        rows: Rows = {form: [] for form in (*FORMS, NOTES)}
        for fold, talk in enumerate(talks):
            weights = learnt(
                [
                    case
                    for form in FORMS
                    for n, t in enumerate(turns[form])
                    if n != fold
                    for case in t
                ],
                [case for n, case in enumerate(notes) if n % _FOLDS != fold % _FOLDS],
                arguments.penalty,
            )
            service.recaller.use(weights)
            note_service.recaller.use(weights)
            for form in FORMS:
                rows[form].append(
                    [
                        figures_of([names[id_] for id_ in asked(service, case)], case.evidence)
                        for case in turns[form][fold]
                    ]
                )
                print(f"{talk.name:6} {form:12}" + line(np.mean(rows[form][-1], axis=0)))
            rows[NOTES].append(
                [
                    recall_of(names_of(note_service, asked(note_service, case)), case.evidence)
                    for case in notes[fold::_FOLDS]
                ]
            )
    summary = {form: summarised(each) for form, each in rows.items()}
    for form, (means, spreads) in summary.items():
        print(f"{form}: {shown(form, means, spreads)}")
    weights = learnt(
        [c for form in FORMS for talk in turns[form] for c in talk], notes, arguments.penalty
    )
    for name, weight in sorted(weights.of.items(), key=lambda pair: -abs(pair[1])):
        print(f"  {name:18} {weight:+.3f}")
    if arguments.write:
        write(weights, summary, sum(len(talk) for talk in turns[FORMS[0]]), len(notes))


def judge_talk(
    service: MemoryService, talk: Conversation, names: dict[UUID, frozenset[str]]
) -> list[Case]:
    """Stores a conversation and asks all questions about it."""
    names.update(remember(service, talk))
    where = Where(user=talk.drafts[0].user)
    cases = []
    for each in talk.questions:
        question = Question(each.text, (Kind.BUSINESS,), where, _DEPTH)
        ids, signals = signals_of(service, question)
        right = np.array([bool(names[id_] & each.evidence) for id_ in ids], bool)
        cases.append(Case(question, each.evidence, Judged(signals, right)))
    return cases


def judge_notes(service: MemoryService) -> list[Case]:
    """Stores the labelled notes and asks all questions about them."""
    ingest_notes(service)
    cases = []
    for each in note_questions():
        question = Question(each.text, KINDS, limit=_DEPTH)
        ids, signals = signals_of(service, question)
        right = np.array([name in each.evidence for name in names_of(service, ids)], bool)
        cases.append(Case(question, each.evidence, Judged(signals, right)))
    return cases


def signals_of(
    service: MemoryService, question: Question
) -> tuple[Sequence[UUID], np.typing.NDArray[np.float32]]:
    return service.recaller.searcher.signals(question, _DEPTH, datetime.now(UTC), Trace())


def learnt(turns: Sequence[Case], notes: Sequence[Case], penalty: float) -> Weights:
    """Weights fitted on these cases, from nothing."""
    cases = [*turns, *(case for case in notes for _ in range(_NOTE_COUNTS))]
    vector = fitted([case.judged for case in cases], _NOTHING, penalty)
    return Weights("learnt", dict(zip(NAMES, vector.tolist(), strict=True)))


def asked(service: MemoryService, case: Case) -> list[UUID]:
    """The ids that come back with the weights that the service has now, best first."""
    found = service.recall(case.question, _DEPTH, datetime.now(UTC), Trace())
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
