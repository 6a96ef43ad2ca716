"""Measures one peer: recall of the evidence, time of a recall, memories stored a second.

Machines are noisy: beside every recall and every batch stored, the same embedder embeds the same
text alone, so that each time has its own measure in the same moment.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from locomo import Conversation
from peers.protocol import Peer
from peers.registry import Entry
from peers.words import meant
from recall import FIGURES, figures_of

from sophia_cli.memory.ports import Embedder

_BATCH = 256
_WARMING = [f"Is this the first question, or number {number}?" for number in range(5)]


@dataclass(frozen=True, slots=True)
class Row:
    """What a peer reached.

    Attributes:
        k: how many memories each question asked for.
        recall: the share of the evidence found, by figure, mean over the questions.
        spread: its standard deviation over the conversations.
        recall_ms, embedding_ms: 50th and 95th percentile, of a recall with nothing cached, and of
            embedding its question alone.
        ingest, embedding: memories a second, stored, and embedded alone.
    """

    name: str
    title: str
    versions: dict[str, str]
    memories: int
    questions: int
    k: int
    recall: dict[str, float]
    spread: dict[str, float]
    recall_ms: tuple[float, float]
    embedding_ms: tuple[float, float]
    ingest: float
    embedding: float


@dataclass(frozen=True, slots=True)
class _Spent:
    """Seconds, each pair measured one after the other."""

    own: list[float]
    embedding: list[float]


def measured(entry: Entry, talks: Sequence[Conversation], embedder: Embedder, k: int) -> Row:
    """Stores all conversations in an empty peer, then asks every question of its own."""
    opened = entry.opened()
    # Under /tmp: a socket's path must be short.
    with (
        tempfile.TemporaryDirectory(prefix="peer-", dir="/tmp") as directory,
        opened(embedder, Path(directory)) as peer,
    ):
        storing, recalling = _Spent([], []), _Spent([], [])
        names = [_stored(peer, talk, embedder, storing) for talk in talks]
        for question in _WARMING:
            peer.recall(question, str(talks[0].drafts[0].user), k)
        told(f"{entry.name}: {sum(storing.own):.0f} s to store; asking")
        asked: set[str] = set()
        answers = [
            _asked(peer, talk, known, embedder, k, asked, recalling)
            for talk, known in zip(talks, names, strict=True)
        ]
    memories = sum(len(talk.drafts) for talk in talks)
    by_talk = [np.mean(each, axis=0) for each in answers]
    return Row(
        entry.name,
        entry.title,
        entry.versions(),
        memories,
        sum(map(len, answers)),
        k,
        _named(np.mean(np.concatenate(answers), axis=0)),
        _named(np.std(by_talk, axis=0)),
        _percentiles(recalling.own),
        _percentiles(recalling.embedding),
        memories / sum(storing.own),
        memories / sum(storing.embedding),
    )


def told(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _stored(
    peer: Peer, talk: Conversation, embedder: Embedder, spent: _Spent
) -> dict[Hashable, frozenset[str]]:
    """The names of the turns that each memory holds."""
    names: defaultdict[Hashable, frozenset[str]] = defaultdict(frozenset)
    for start in range(0, len(talk.drafts), _BATCH):
        batch = talk.drafts[start : start + _BATCH]
        started = time.perf_counter()
        embedder.embed([meant(draft) for draft in batch])
        embedded = time.perf_counter()
        ids = peer.store(batch)
        spent.own.append(time.perf_counter() - embedded)
        spent.embedding.append(embedded - started)
        for id_, name in zip(ids, talk.turn_names[start : start + _BATCH], strict=True):
            names[id_] |= {name}
    return dict(names)


def _asked(
    peer: Peer,
    talk: Conversation,
    names: dict[Hashable, frozenset[str]],
    embedder: Embedder,
    k: int,
    asked: set[str],
    spent: _Spent,
) -> list[list[float]]:
    """The four figures of every question; times only of texts that nobody has cached."""
    rows = []
    user = str(talk.drafts[0].user)
    for question in talk.questions:
        started = time.perf_counter()
        embedder.embed([question.text])
        embedded = time.perf_counter()
        found = peer.recall(question.text, user, k)
        ended = time.perf_counter()
        if question.text not in asked:
            asked.add(question.text)
            spent.embedding.append(embedded - started)
            spent.own.append(ended - embedded)
        assert len(found) <= k
        rows.append(figures_of([names[id_] for id_ in found], question.evidence))
    return rows


def _named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(FIGURES, values.tolist(), strict=True))


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Milliseconds."""
    low, high = np.percentile(seconds, [50, 95]) * 1000
    return float(low), float(high)
