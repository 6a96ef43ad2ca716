"""Recall of the service on labelled conversations: python bench/recall.py DIRECTORY [--json].

Recall@k of a question is the share of its evidence among the first k; the figure is the mean over
the questions that have evidence. At session level, the same over the sessions in the order in
which their turns come back.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from locomo import Conversation, conversations
from stores import fresh_service

from sophia_cli.config.model import Config
from sophia_cli.memory.model import Kind, Where
from sophia_cli.memory.searching import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace

_BATCH = 256
Names = dict[UUID, frozenset[str]]
FIGURES = ("turn R@5", "turn R@10", "session R@5", "session R@10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="LoCoMo files")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--candidates", type=int, default=Config().recall.candidates)
    parser.add_argument("--depth", type=int, default=100, help="memories asked for")
    arguments = parser.parse_args()
    talks = conversations(arguments.directory)
    rows = {}
    spent: list[float] = []
    with fresh_service() as service:
        for talk in talks:
            names = remember(service, talk)
            rows[talk.name] = measure(service, talk, names, arguments, spent)
    questions = {talk.name: len(talk.questions) for talk in talks}
    total = sum(questions.values())
    rows["all"] = [
        sum(rows[name][column] * count for name, count in questions.items()) / total
        for column in range(len(FIGURES))
    ]
    p50 = statistics.median(spent)
    if arguments.json:
        figures = {name: dict(zip(FIGURES, row, strict=True)) for name, row in rows.items()}
        print(json.dumps({"questions": total, "recall": figures, "p50_ms": p50}))
        return
    print(f"{'conversation':14}" + "".join(f"{figure:>14}" for figure in FIGURES))
    for name, row in rows.items():
        print(f"{name:14}" + "".join(f"{100 * value:14.1f}" for value in row))
    print(
        f"{total} questions, a recall of {arguments.depth} takes {p50:.1f} ms (p50, nothing cached)"
    )


def remember(service: MemoryService, talk: Conversation) -> Names:
    """Stores a conversation; returns the names of the turns that each memory holds.

    Plain notes of the same words are one memory.
    """
    names: Names = defaultdict(frozenset)
    now = datetime.now(UTC)
    for start in range(0, len(talk.drafts), _BATCH):
        stored = service.remember(talk.drafts[start : start + _BATCH], now, Trace())
        for place, each in enumerate(stored, start):
            names[each.id] |= {talk.turn_names[place]}
    return names


def measure(
    service: MemoryService,
    talk: Conversation,
    names: Names,
    arguments: argparse.Namespace,
    spent: list[float],
) -> list[float]:
    """The four figures of one conversation; the time of each recall goes into `spent`, in ms."""
    rows = []
    where = Where(user=talk.drafts[0].user)
    for question in talk.questions:
        asked = Question(question.text, (Kind.BUSINESS,), where, arguments.depth)
        started = time.perf_counter()
        found = service.recall(asked, arguments.candidates, datetime.now(UTC), Trace())
        spent.append((time.perf_counter() - started) * 1000)
        rows.append(figures_of([names[each.memory.id] for each in found], question.evidence))
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def figures_of(order: Sequence[frozenset[str]], evidence: frozenset[str]) -> list[float]:
    """The four figures of one answer: the names of the turns, best first, and what was right."""
    sessions = list(dict.fromkeys(name.partition(":")[0] for names in order for name in names))
    wanted = {name.partition(":")[0] for name in evidence}
    return [
        len(evidence & frozenset().union(*order[:5])) / len(evidence),
        len(evidence & frozenset().union(*order[:10])) / len(evidence),
        len(wanted.intersection(sessions[:5])) / len(wanted),
        len(wanted.intersection(sessions[:10])) / len(wanted),
    ]


if __name__ == "__main__":
    main()
