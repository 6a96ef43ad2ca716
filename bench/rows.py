"""What the GPU tier's rows cost, by kind of key and one by one: python bench/rows.py [--runs N].

Batches are beside a bare copy of as many rows to slots in no order, in turns; medians of one run.
`sophia bench gpu-cache` prints the figures that have a bound.
"""

from __future__ import annotations

import argparse
import itertools
import time
import tracemalloc
import uuid
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from typing import Any, cast

import numpy as np

from sophia_cli.tiers.gpu_cache import GpuCache, Settings, mmr
from sophia_cli.tiers.gpu_cache.devices import opener
from sophia_cli.tiers.gpu_cache.key_slots import KeySlots
from sophia_cli.tiers.gpu_cache.marks import Marks
from sophia_cli.tiers.gpu_cache.slab import Floats

_DIMENSION, _BATCH = 384, 1000
_ROWS = 40 * _BATCH

Keys = Callable[[int], list[Hashable]]
# A batch's number to its keys, made anew each time, as who writes rows has just made them.
_KINDS: dict[str, Keys] = {
    "strings, as of memories": lambda n: [f"memory {n * _BATCH + at:012d}" for at in range(_BATCH)],
    "numbers": lambda n: [n * _BATCH + at for at in range(_BATCH)],
    "tuples with a UUID": lambda n: [("m", uuid.UUID(int=n * _BATCH + at)) for at in range(_BATCH)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    runs = parser.parse_args().runs
    for device in ["numpy", *(["cpu"] if find_spec("torch") else [])]:
        print("NumPy" if device == "numpy" else "torch on the CPU", flush=True)
        for kind, keys in _KINDS.items():
            batches(device, kind, keys, runs)
        single(device, runs)
    memory()
    diverse(runs)


def batches(device: str, kind: str, keys: Keys, runs: int) -> None:
    """1,000 rows: into a full slab, of keys that are there, and where there is room."""
    rows = vectors(_BATCH)
    with closing(opened(device, _ROWS)) as cache, closing(opened(device, _ROWS)) as beside:
        bare = copies(device, beside, rows)
        # Written once, so that the system has given the memory of both.
        for number in range(_ROWS // _BATCH):
            bare(number)
            cache.rows.put(keys(number), rows)
        cache.clear()
        fresh = map(keys, itertools.count(_ROWS // _BATCH))
        given: dict[str, Iterator[list[Hashable]]] = {
            "room for them": itertools.islice(fresh, _ROWS // _BATCH),
            "full": itertools.islice(fresh, runs),
            "there": (keys(_ROWS // _BATCH * 2 + runs - 1 - n % 20) for n in range(runs)),
        }
        for name, chosen in given.items():
            spent, copied = [], []
            for number, batch in enumerate(chosen):
                spent.append(timed(lambda batch=batch: cache.rows.put(batch, rows)))
                copied.append(timed(lambda number=number: bare(number)))
            ratio = np.median(spent) / np.median(copied)
            report(f"put of 1,000, {name}: {kind}", f"{np.median(spent):.0f} us = {ratio:.2f} x")


def single(device: str, runs: int) -> None:
    """One row, one answer, one question at a time."""
    rows = vectors(_BATCH)
    with closing(opened(device, _ROWS)) as cache:
        for number in range(_ROWS // _BATCH + 5):
            cache.rows.put(_KINDS["strings, as of memories"](number), rows)
        there = _KINDS["strings, as of memories"](_ROWS // _BATCH + 4)
        cache.answers.put("answer", "x", 100, epoch=0)
        calls: dict[str, Callable[[int], object]] = {
            "put of one that drives out another": lambda n: cache.rows.put([("new", n)], rows[:1]),
            "put of one that is there": lambda n: cache.rows.put([there[n % 500]], rows[:1]),
            "rows.get": lambda n: cache.rows.get(there[n % 500]),
            "rows.get, not there": lambda _: cache.rows.get("nobody"),
            "similarity with 100 keys": lambda n: cache.rows.similarity(
                rows[n % _BATCH], there[n % 400 : n % 400 + 100]
            ),
            "answers.get": lambda _: cache.answers.get("answer", 0),
        }
        for name, call in calls.items():
            tell(name, [timed(lambda n=n, call=call: call(n)) for n in range(10 * runs)])
    asked = vectors(64)
    with closing(opened(device, 100 * _BATCH)) as cache:
        for number in range(100):
            keys = _KINDS["strings, as of memories"](number)
            cache.rows.put(keys, vectors(_BATCH, number))
            for key in keys[::20]:
                cache.answers.put(key, "x", 100, epoch=0, scope="s", asked=key)
        spent, after = [], []
        for number in range(runs):
            question = asked[number % 64]
            look = partial(cache.nearest_question, question, "s", 0, 0.9)
            spent.append(timed(look))
            cache.rows.put([number], rows[:1])
            cache.answers.put(number, "x", 100, epoch=0, scope="s", asked=number)
            after.append(timed(look))
        tell("nearest of 5,000 questions", spent)
        tell("the same, after another answer was kept", after)


def memory() -> None:
    """Bytes a row takes beside the slab, its key left out."""
    for capacity in (43_690, 65_540, 87_381, 100_000):
        keys = [f"memory {number:012d}" for number in range(capacity)]
        tracemalloc.start()
        held = KeySlots(capacity), Marks(capacity)
        for start in range(0, capacity, _BATCH):
            held[0].admit(keys[start : start + _BATCH])
        each = tracemalloc.get_traced_memory()[0] / capacity
        tracemalloc.stop()
        report(f"beside the slab, {capacity:,} rows", f"{each:.0f} bytes each")


def diverse(runs: int) -> None:
    """MMR over a hundred candidates."""
    candidates = vectors(100)
    relevance = candidates @ candidates[0]
    for count in (10, 100):
        choose = partial(mmr, relevance, candidates, count, 0.7)
        tell(f"mmr, {count} of 100", [timed(choose) for _ in range(runs)])


def copies(device: str, beside: GpuCache, rows: Floats) -> Callable[[int], None]:
    """Bare copies of a batch to slots in no order, by the library that holds them."""
    held = cast(Any, beside.rows.table.slab)
    order = np.random.default_rng(1).permutation(_ROWS).reshape(-1, _BATCH)
    if device == "numpy":

        def copy(number: int) -> None:
            held.rows[order[number % len(order)]] = rows

        return copy
    import torch

    places, given = torch.from_numpy(order), torch.from_numpy(rows)

    def copy_by_torch(number: int) -> None:
        with torch.inference_mode():
            held.rows[places[number % len(places)]] = given

    return copy_by_torch


def opened(device: str, rows: int) -> GpuCache:
    opens = opener(device)
    cache = GpuCache(Settings(device, vector_bytes=rows * opens.row_bytes(_DIMENSION)))
    cache.open(_DIMENSION, opens)
    return cache


def vectors(count: int, seed: int = 0) -> Floats:
    rows = np.random.default_rng(seed).standard_normal((count, _DIMENSION), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def timed(call: Callable[[], object]) -> float:
    """Microseconds that a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e6


def tell(name: str, spent: Sequence[float]) -> None:
    report(name, f"{np.median(spent):.1f} us (p99 {np.percentile(spent, 99):.1f})")


def report(name: str, figure: str) -> None:
    print(f"  {name:58} {figure}", flush=True)


if __name__ == "__main__":
    main()
