"""What marking questions brings: python bench/simulate_feedback.py DIRECTORY [--draws N] [--json].

Each conversation is a user. The weights that ship are replaced by weights fitted on the other
conversations and the notes (as bench/learn.py does), so that they know nothing of the user. Of the
user's questions 10, 30 or 100 are marked, several times; weights are fitted as
`sophia bench recall --fit` does, and both are measured on the questions that were not marked.

"Another kind of store" is a user whom the weights that ship have seen nothing like: the notes, with
weights fitted on conversations alone; and the conversations, with weights fitted on notes alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from learn import FORMS, Case, in_forms, judge_notes, judge_talk, learnt
from locomo import conversations
from stores import fresh_service

from sophia_cli.memory.ranking import Weights
from sophia_cli.memory.ranking.relevance import MEASURES
from sophia_cli.memory.ranking.tuning import DECIDES, Marked, measured_with, tuned

_PENALTY = 0.5
_SIZES = (10, 30, 100)
_LEAST_LEFT = 30
_RESAMPLES = 4_000
_SHOWN = ("recall@5", "recall@10", "MRR", "nDCG@10")


@dataclass(frozen=True, slots=True)
class User:
    """Marked questions, and the weights that ship, which were fitted without them."""

    name: str
    marked: Sequence[Marked]
    shipped: Weights


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table, means over the users; percent and points.

    Attributes:
        low, high: the 95 % interval of the change, over users and their draws.
        worst: the change of the user who lost most, mean over the draws.
        switched: the share of the draws in which --fit would have switched.
        deployed: the change where those that are not real are not switched to.
    """

    group: str
    marks: int
    users: int
    draws: int
    measure: str
    shipped: float
    fitted: float
    change: float
    low: float
    high: float
    worst: float
    switched: float
    deployed: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path, help="LoCoMo files")
    parser.add_argument("--draws", type=int, default=10, help="how often each user marks")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [
        row
        for group, users in groups(arguments.directory).items()
        for size in _SIZES
        for row in simulated(group, users, size, arguments.draws)
    ]
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print(
        "| user | marks | users | measure | shipped | fitted | change | switched |"
        " with the switch |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.group} | {row.marks} | {row.users} | {row.measure} | {row.shipped:.1f} |"
            f" {row.fitted:.1f} | {row.change:+.2f} ({row.low:+.2f} to {row.high:+.2f}) |"
            f" {100 * row.switched:.0f} % | {row.deployed:+.2f} |"
        )


def groups(directory: Path) -> dict[str, list[User]]:
    """The users of each kind, with their candidates as the service brings them."""
    talks = conversations(directory)
    with ExitStack() as opened:
        turns = {
            form: [judge_talk(opened.enter_context(fresh_service()), each) for each in talks_in]
            for form, talks_in in in_forms(talks).items()
        }
        notes = judge_notes(opened.enter_context(fresh_service()))
    marked = {form: [[_marked(case) for case in talk] for talk in turns[form]] for form in FORMS}
    found: dict[str, list[User]] = {}
    for form in FORMS:
        found[f"a conversation, {form}"] = [
            User(
                talk.name,
                marked[form][place],
                learnt(_all_but(turns, place), notes, _PENALTY),
            )
            for place, talk in enumerate(talks)
        ]
    on_notes = learnt([], notes, _PENALTY)
    found["another kind of store: notes"] = [
        User("notes", [_marked(case) for case in notes], learnt(_all_but(turns, -1), [], _PENALTY))
    ]
    found["another kind of store: conversations"] = [
        User(talk.name, marked[FORMS[0]][place], on_notes) for place, talk in enumerate(talks)
    ]
    return found


def simulated(group: str, users: Sequence[User], size: int, draws: int) -> Iterator[Row]:
    """A row a measure for users who mark so many of their questions; none for too few questions."""
    chance = np.random.default_rng(size)
    before, after, kept = [], [], []
    for user in users:
        count = len(user.marked)
        if count < size + _LEAST_LEFT:
            continue
        shipped = measured_with(user.marked, user.shipped.vector.astype(np.float64))
        drawn = []
        for draw in range(draws):
            order = chance.permutation(count)
            tuning = tuned([user.marked[place] for place in order[:size]], user.shipped, draw)
            weights = np.array(list(tuning.weights.values()))
            fitted = measured_with([user.marked[place] for place in order[size:]], weights)
            drawn.append((shipped[order[size:]].mean(axis=0), fitted.mean(axis=0), tuning.is_real))
        before.append([each[0] for each in drawn])
        after.append([each[1] for each in drawn])
        kept.append([each[2] for each in drawn])
    if not before:
        return
    old, new, real = 100 * np.array(before), 100 * np.array(after), np.array(kept, float)
    change = new - old
    low, high = _interval(change)
    for column, measure in enumerate(MEASURES):
        if measure in _SHOWN:
            yield Row(
                group,
                size,
                len(old),
                draws,
                measure,
                *(float(each[:, :, column].mean()) for each in (old, new, change)),
                float(low[column]),
                float(high[column]),
                float(change[:, :, column].mean(axis=1).min()),
                float(real.mean()),
                float((change[:, :, column] * real).mean()),
            )


def _interval(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the mean change: users are drawn, and of each its draws (a bootstrap of two stages)."""
    chance = np.random.default_rng(0)
    users, draws = change.shape[:2]
    means = []
    for _ in range(_RESAMPLES):
        chosen = chance.integers(0, users, users)
        drawn = chance.integers(0, draws, (users, draws))
        means.append(change[chosen[:, None], drawn].mean(axis=(0, 1)))
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return low, high


def _all_but(turns: dict[str, list[list[Case]]], place: int) -> list[Case]:
    return [
        case for form in FORMS for n, talk in enumerate(turns[form]) if n != place for case in talk
    ]


def _marked(case: Case) -> Marked:
    """A question with all its evidence marked, as a user would who knows what is right."""
    return Marked(case.judged, max(case.right, int(case.judged.right.sum())))


assert DECIDES in _SHOWN

if __name__ == "__main__":
    main()
