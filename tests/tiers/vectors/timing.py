"""How long `EdgeVectors.candidates` takes; run by hand, on a machine that does nothing else.

    PYTHONPATH=tests python -m tiers.vectors.timing 10000 100000

Texts have the word frequencies of English without its stop words (Zipf-Mandelbrot, q = 50);
vectors lie around one direction a session of 20 turns.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sophia_cli.memory.model import IndexEntry, Kind, Vector, Where
from sophia_cli.tiers.vectors.edge import EdgeVectors

from .entries import entry, numbered

DIMENSION = 384
QUERIES = 200
LIMIT = 100


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _entries(count: int, random: np.random.Generator) -> list[IndexEntry]:
    words = np.array([f"w{number}" for number in range(20_000)])
    frequency = 1 / np.arange(50, len(words) + 50)
    texts = random.choice(words, (count, 24), p=frequency / frequency.sum())
    topics = _unit(random.standard_normal((count // 20 + 1, DIMENSION)))
    noise = _unit(random.standard_normal((count, DIMENSION)))
    dense = _unit(topics[np.arange(count) // 20] + 1.2 * noise)
    context = _unit(dense + 0.4 * np.roll(dense, 1, axis=0) + 0.4 * np.roll(dense, -1, axis=0))
    return [
        entry(
            number,
            id=numbered(number),
            dense=dense[number],
            context=context[number],
            text=" ".join(texts[number]),
            around={
                place: " ".join(texts[number + place])
                for place in (-2, -1, 1, 2)
                if 0 <= number + place < count
            },
            user=f"u{number % 7}",
            session=f"s{number // 20}",
            turn=number % 20,
        )
        for number in range(count)
    ]


def _questions(entries: list[IndexEntry], random: np.random.Generator) -> list[tuple[Vector, str]]:
    asked = []
    for _ in range(QUERIES):
        one = entries[int(random.integers(len(entries)))]
        near = one.dense + 0.6 * _unit(random.standard_normal((1, DIMENSION)))[0]
        words = random.choice(one.text.split(), 6)
        asked.append((_unit(near[None])[0], " ".join(words)))
    return asked


def measure(count: int) -> None:
    """Prints milliseconds and the size of the union, with and without a filter."""
    random = np.random.default_rng(1)
    entries = _entries(count, random)
    questions = _questions(entries, random)
    with tempfile.TemporaryDirectory() as directory:
        vectors = EdgeVectors(Path(directory), DIMENSION)
        began = time.perf_counter()
        vectors.upsert(Kind.CODING, entries)
        print(f"{count}: {count / (time.perf_counter() - began):.0f} upserts/s")
        for name, where in (("all", Where()), ("one of 7 users", Where(user="u3"))):
            for state in ("first", "again"):
                took, sizes = [], []
                for dense, text in questions:
                    began = time.perf_counter()
                    found = vectors.candidates(Kind.CODING, dense, text, where, LIMIT)
                    took.append((time.perf_counter() - began) * 1e3)
                    sizes.append(len(found.ids))
                low, middle, high = np.percentile(took, [0, 50, 95])
                print(
                    f"{count} {name}, {state}: min {low:.2f} p50 {middle:.2f} p95 {high:.2f} ms, "
                    f"union {np.mean(sizes):.0f}"
                )
        vectors.close()


if __name__ == "__main__":
    for size in sys.argv[1:]:
        measure(int(size))
