"""Marks: what was right or wrong for a question, and the marked questions as they are asked again.

They are the operator's own labelled set: it measures recall, and weights are fitted on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import numpy as np

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import KINDS, Memory, Where
from sophia_cli.memory.ranking.fit import Judged
from sophia_cli.memory.ranking.tuning import Marked
from sophia_cli.memory.searching import Question, Searcher
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.feedback import Mark

_FILTERS = ("user", "agent", "session")


@dataclass(frozen=True, slots=True)
class MarkedQuestion:
    """A question with everything that was marked for it, as it is asked again.

    Attributes:
        right, wrong: memories that may be recalled still.
    """

    question: Question
    right: frozenset[UUID]
    wrong: frozenset[UUID]


def check_recallable(memory: Memory, question: Question) -> None:
    """Checks that a memory can come back for a question at all.

    Raises:
        InvalidInput: the question's filter keeps it out.
    """
    given = [(name, getattr(question.where, name)) for name in _FILTERS]
    kept_out = [name for name, value in given if value not in (None, getattr(memory, name))]
    if memory.kind not in question.kinds:
        kept_out.append("kind")
    if kept_out:
        raise InvalidInput(
            f"--{kept_out[0]} keeps memory {memory.id} out: with it, it is never recalled",
            f"leave --{kept_out[0]} out, or give the memory's own",
        )


def mark_of(memory: Memory, question: Question, fits: bool, now: datetime) -> Mark:
    """A mark on a memory, right or wrong for a question."""
    where = question.where
    scope = {name: value for name in _FILTERS if (value := getattr(where, name)) is not None}
    if len(question.kinds) == 1:
        scope["kind"] = question.kinds[0].value
    return Mark(memory.id, question.text, scope, fits, question.asked_at or now)


def marked_questions(records: Records, now: datetime) -> list[MarkedQuestion]:
    """Every marked question, oldest first; marks on memories that have ended are passed over.

    `last week` in it is relative to the time at which it was first marked.
    """
    marks = records.feedback.marks()
    live = {
        id_
        for id_, memory in records.queries.get([mark.memory_id for mark in marks]).items()
        if memory.live_at(now)
    }
    found: dict[tuple[str, frozenset[tuple[str, str]]], MarkedQuestion] = {}
    for mark in marks:
        if mark.memory_id not in live:
            continue
        key = (mark.query, frozenset(mark.scope.items()))
        known = found.get(key) or MarkedQuestion(_question(mark), frozenset(), frozenset())
        if mark.fits:
            found[key] = replace(known, right=known.right | {mark.memory_id})
        else:
            found[key] = replace(known, wrong=known.wrong | {mark.memory_id})
    return list(found.values())


def candidates_of(
    searcher: Searcher,
    questions: Sequence[MarkedQuestion],
    candidates: int,
    now: datetime,
    advance: Callable[[int], None],
) -> list[Marked]:
    """The candidates of each question with what is known of them: what weights are fitted on.

    Raises:
        TierDown: the vectors, the embedder or the records cannot be reached.
    """
    marked = []
    for each in questions:
        ids, signals = searcher.signals(each.question, candidates, now, Trace())
        right = np.array([id_ in each.right for id_ in ids], bool)
        wrong = np.array([id_ in each.wrong for id_ in ids], bool)
        marked.append(Marked(Judged(signals, right, wrong), len(each.right)))
        advance(1)
    return marked


def _question(mark: Mark) -> Question:
    scope: Mapping[str, str] = mark.scope
    return Question(
        mark.query,
        [kind for kind in KINDS if scope.get("kind", kind) == kind],
        Where(scope.get("user"), scope.get("agent"), scope.get("session")),
        asked_at=mark.at,
    )
