"""The signals: what speaks for a candidate, each one a column over the candidates of a question.

A candidate whose facts are missing (a plain note has no speaker, no session) is given the mean of
those that have them: the signal speaks neither for nor against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import KINDS, SIGNALS
from sophia_cli.memory.ranking.pool import Column, Pool, centred, even, standardised
from sophia_cli.memory.understanding.dates import Span
from sophia_cli.memory.understanding.people import is_named
from sophia_cli.memory.understanding.question import Understanding, Wanted

_FUSED = np.array([0.6, 0.6, 1.0], np.float32)
"""Weights of `SIGNALS` in the first guess that the turns beside a candidate are judged by."""

_DAY = 86_400.0
_YEAR = 365.2425 * _DAY


@dataclass(frozen=True, slots=True)
class Case:
    """One question and its candidates.

    Attributes:
        spans: the times that the question names, those that hang on an event resolved.
        fused: a first guess at how well each candidate fits, float32, (n,).
    """

    pool: Pool
    said: Understanding
    spans: Sequence[Span]
    fused: Column


Signal = Callable[[Case], Column]


def signals_in(
    pool: Pool, understanding: Understanding, spans: Sequence[Span]
) -> NDArray[np.float32]:
    """All signals of a pool, ready to be weighed: float32, (n, len(NAMES)).

    What says how well a candidate fits (the engine's scores, and what is made of them) differs in
    scale from question to question: z-scores over the candidates. What says what a candidate is
    like keeps its scale, 0 to 1 or a logarithm, and is only centred: a z-score would blow up the
    one question among fifty statements.

    Args:
        spans: the times that the question names, those that hang on an event resolved.
    """
    engine = standardised(pool.scores)
    case = Case(pool, understanding, spans, engine @ _FUSED)
    fitting = standardised(np.stack([signal(case) for signal in _FITTING.values()], axis=1))
    being = centred(np.stack([signal(case) for signal in _BEING.values()], axis=1))
    return np.hstack([engine, fitting, being])


def _session(case: Case) -> Column:
    """How well the best of its session fits."""
    return case.pool.best_of_thread(case.fused)


def _before(case: Case) -> Column:
    return case.pool.of_the_turn_before(case.fused)


def _answers(case: Case) -> Column:
    """The turn before asks something that fits the question: this one may answer it."""
    before = case.pool.before
    asks = np.where(before >= 0, case.pool.facts["asks"][before], 0)
    return _as_column(asks * np.maximum(case.fused[before], 0))


def _speaker(case: Case) -> Column:
    people = case.said.people
    if not people:
        return _nothing(case)
    speakers = set(case.pool.speakers) - {None}
    named = {name: float(is_named(name or "", people)) for name in speakers}
    known = np.array([name is not None for name in case.pool.speakers], bool)
    return even(np.array([named.get(name, 0.0) for name in case.pool.speakers]), known)


def _date(case: Case) -> Column:
    """1 within a span that the question names; outside it falls with the distance.

    What happened is told afterwards, so that it falls more slowly behind the span than before it:
    to a half at a day or a quarter of the span, whichever is more, and before it at half of that.
    """
    closest = np.zeros(len(case.pool.ids))
    for span in case.spans:
        closest = np.maximum(closest, _closeness(case.pool.facts["at"], span))
    return _as_column(closest)


def _closeness(at: NDArray[np.float64], span: Span) -> NDArray[np.float64]:
    start = -np.inf if span.start is None else span.start.timestamp()
    end = np.inf if span.end is None else span.end.timestamp()
    if span.yearly and np.isfinite(start) and np.isfinite(end):
        # The nearest such stretch of any year.
        at = at - np.round((at - (start + end) / 2) / _YEAR) * _YEAR
    half = max(_DAY, (end - start) / 4) if np.isfinite(end - start) else 30 * _DAY
    late, early = np.maximum(at - end, 0) / half, np.maximum(start - at, 0) / (half / 2)
    return np.asarray(np.exp2(-np.maximum(late, early)))


def _asks(case: Case) -> Column:
    return _as_column(case.pool.facts["asks"])


def _length(case: Case) -> Column:
    return _as_column(np.log1p(case.pool.facts["words"], dtype=np.float32))


def _when(case: Case) -> Column:
    return _share(case, "times", 2) if Wanted.WHEN in case.said.wanted else _nothing(case)


def _how_many(case: Case) -> Column:
    return _share(case, "numbers", 2) if Wanted.HOW_MANY in case.said.wanted else _nothing(case)


def _where(case: Case) -> Column:
    asked = case.said.wanted & {Wanted.WHERE, Wanted.WHO}
    return _share(case, "names", 3) if asked else _nothing(case)


def _names(case: Case) -> Column:
    return _share(case, "names", 3)


def _first_person(case: Case) -> Column:
    return _share(case, "first", 3)


def _kind(case: Case) -> Column:
    if case.said.kind is None:
        return _nothing(case)
    return _as_column(case.pool.kinds == KINDS.index(case.said.kind))


def _share(case: Case, fact: str, most: int) -> Column:
    """A count as a share of the most that makes a difference."""
    return _as_column(np.minimum(case.pool.facts[fact] / most, 1))


def _as_column(values: NDArray[Any]) -> Column:
    return np.asarray(values, np.float32)


def _nothing(case: Case) -> Column:
    return np.zeros(len(case.pool.ids), np.float32)


_FITTING: Mapping[str, Signal] = {
    "session": _session,
    "before": _before,
    "answers": _answers,
}
_BEING: Mapping[str, Signal] = {
    "speaker": _speaker,
    "date": _date,
    "asks": _asks,
    "length": _length,
    "when": _when,
    "how_many": _how_many,
    "where": _where,
    "names": _names,
    "first_person": _first_person,
    "kind": _kind,
}

NAMES: tuple[str, ...] = (*SIGNALS, *_FITTING, *_BEING)
"""Every signal's name, in the order of the columns."""
