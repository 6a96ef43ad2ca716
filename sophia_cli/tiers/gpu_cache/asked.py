"""The questions that were answered in one scope at one epoch, so that a similar one finds them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from sophia_cli.tiers.gpu_cache.key_index import NONE
from sophia_cli.tiers.gpu_cache.key_slots import Located

_NOT_LOCATED = Located((), np.empty(0, np.intp), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions at one moment.

    Attributes:
        answers: the keys of their answers; nobody may change it. Some that came later may follow.
        rows: the keys of their vectors' rows, likewise, and where these lay, for whoever has it to
            bring up to date.
        of: the list they are from.
        removals: how many questions had left it by then.
    """

    answers: list[Hashable]
    rows: Located
    of: Asked
    removals: int


class Asked:
    """A list of questions to which some are added and from which others leave. Its owner locks."""

    __slots__ = ("_answers", "_are_lent", "_at", "_located", "_removals", "_rows")

    def __init__(self) -> None:
        self._at: dict[Hashable, int] = {}
        self._answers: list[Hashable] = []
        self._rows: list[Hashable] = []
        self._are_lent = False  # the two lists: more may be added to them, nothing else be changed
        # Of the first questions of the list; of none until somebody has looked for them.
        self._located = _NOT_LOCATED
        self._removals = 0

    def __len__(self) -> int:
        return len(self._answers)

    def add(self, answer: Hashable, row: Hashable) -> None:
        """Adds the question of an answer that is not there yet; `row` is its vector's key."""
        self._at[answer] = len(self._answers)
        self._answers.append(answer)
        self._rows.append(row)

    def remove(self, answer: Hashable) -> None:
        """Takes the question of an answer away; the last one takes its place."""
        if self._are_lent:
            self._answers, self._rows = self._answers.copy(), self._rows.copy()
            self._are_lent = False
        place = self._at.pop(answer)
        last, row = self._answers.pop(), self._rows.pop()
        count = len(self._answers)
        slots, tickets = self._located.slots, self._located.tickets
        if place < count:
            self._at[last] = place
            self._answers[place], self._rows[place] = last, row
            if place < len(slots):
                known = count < len(slots)
                slots[place] = slots[count] if known else NONE
                tickets[place] = tickets[count] if known else NONE
        self._located = Located((), slots[:count], tickets[:count])
        self._removals += 1

    def questions(self) -> Questions:
        """As they are now: some microseconds for thousands."""
        count, known = len(self._answers), len(self._located.slots)
        rows = Located(self._rows, np.full(count, NONE), np.full(count, NONE))
        rows.slots[:known] = self._located.slots
        rows.tickets[:known] = self._located.tickets
        self._are_lent = True
        return Questions(self._answers, rows, self, self._removals)

    def learn(self, known: Questions) -> None:
        """Notes where the rows of its questions lie, unless some left it meanwhile.

        `known` is its own from now on.
        """
        if known.removals == self._removals:
            self._located = Located((), known.rows.slots, known.rows.tickets)
