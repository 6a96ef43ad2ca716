"""`gpu-cache`: the rows of the GPU tier, beside bare operations of the library that holds them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import Any, cast

import numpy as np

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, ratio
from sophia_cli.bench.machine import gpu
from sophia_cli.bench.measure import Call, Measurement
from sophia_cli.bench.results import Limit, Skipped
from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.gpu_cache.devices import opener
from sophia_cli.tiers.gpu_cache.slab import Floats

_DIMENSION, _BEST = 384, 10
_ROWS, _QUESTIONS = 100_000, 5_000
_BATCH = 1_000
_FULL = 40 * _BATCH
_ASKED = 64  # queries in turn
_PLACE = ("scope", 0)
_SEARCH = "100,000 x 384, top 10, against one bare product"
_WRITE = "set of 1,000 rows, against one bare copy"
_PART = 0.2  # of the seconds: these calls are short


def run(context: Context) -> Iterator[Measurement | Skipped]:
    """A search, a similar question and a write, on NumPy, and on torch where it is installed.

    The slabs hold made-up vectors; with each device it takes 280 MB until the end of the run.
    """
    yield from measurements("numpy", context)
    if find_spec("torch") is None:
        yield Skipped("torch", "it is not installed")
        return
    device, name = gpu()
    try:
        yield from measurements("cpu", context)
        if device is not None:
            yield from measurements(device, context)
    except (ImportError, OSError, RuntimeError) as error:
        yield Skipped("torch", f"{name}: {str(error).splitlines()[0]}")


def measurements(device: str, context: Context) -> Iterator[Measurement | Skipped]:
    """The measurements on one of the tier's devices."""
    label = "NumPy" if device == "numpy" else f"torch, {device}"
    searched, full, beside = (
        context.until_the_end(closing(_opened(device, rows))) for rows in (_ROWS, _FULL, _FULL)
    )
    if searched.stats().capacity < _ROWS or beside.stats().capacity < _FULL:
        yield Skipped(label, "there is no room for the rows")
        return
    _fill_with_questions(searched)
    for cache in (full, beside):
        for number in range(-_FULL // _BATCH, 0):
            cache.rows.put(_keys(number), _vectors(_BATCH))
    product, copy = _bare(device, searched, beside)
    asked, batch = _vectors(_ASKED), _vectors(_BATCH)
    yield Measurement(
        lambda n: searched.top_k(asked[n % _ASKED][np.newaxis], _BEST),
        product,
        figures=lambda ours, bare, pace: [
            latency(f"100,000 x 384, top 10 ({label})", ours, pace),
            ratio(f"{_SEARCH} ({label})", ours, bare, pace, bound=Limit(1.3)),
        ],
        part=_PART,
    )
    yield Measurement(
        lambda n: searched.nearest_question(asked[n % _ASKED], *_PLACE, 0.9),
        figures=lambda ours, pace: [
            latency(f"nearest of 5,000 questions ({label})", ours, pace, bound=Limit(1))
        ],
        part=_PART,
    )
    named: list[list[Hashable]] = []
    yield Measurement(
        lambda n: named.append(_keys(n)),  # as who writes them has just made them
        lambda _: full.rows.put(named.pop(), batch),
        copy,
        figures=lambda _, ours, bare, pace: [
            latency(f"set of 1,000 rows ({label})", ours, pace, note="into a full slab"),
            ratio(f"{_WRITE} ({label})", ours, bare, pace, bound=Limit(3)),
        ],
        part=_PART,
    )


def _opened(device: str, rows: int) -> GpuCache:
    opens = opener(device)
    cache = GpuCache(Settings(device, vector_bytes=rows * opens.row_bytes(_DIMENSION)))
    cache.open(_DIMENSION, opens)
    return cache


def _fill_with_questions(cache: GpuCache) -> None:
    """As many rows as there is room for; every twentieth is the vector of an answered question."""
    for number in range(_ROWS // _BATCH):
        keys = _keys(number)
        cache.rows.put(keys, _vectors(_BATCH, seed=number))
        for key in keys[:: _ROWS // _QUESTIONS]:
            cache.answers.put(key, "answer", 100, epoch=_PLACE[1], scope=_PLACE[0], asked=key)


def _bare(device: str, searched: GpuCache, beside: GpuCache) -> tuple[Call, Call]:
    """A product of all rows with one vector, and a copy of a batch to rows without order."""
    # Slabs of both libraries have it; asked for anew each time, as it goes when they are closed.
    held, written = cast(Any, searched.rows.table.slab), cast(Any, beside.rows.table.slab)
    order = np.random.default_rng(1).permutation(_FULL).reshape(-1, _BATCH)
    queries, batch = _vectors(_ASKED), _vectors(_BATCH)

    def copy_to_array(number: int) -> None:
        written.rows[order[number % len(order)]] = batch

    if device == "numpy":
        return lambda n: held.rows @ queries[n % _ASKED], copy_to_array

    import torch

    wait: Callable[[], None] = {
        "cuda": torch.cuda.synchronize,
        "mps": torch.mps.synchronize,
    }.get(device, lambda: None)
    like = held.rows
    sent = torch.from_numpy(queries).to(like.device, like.dtype)
    rows, places = torch.from_numpy(batch), torch.from_numpy(order).to(like.device)
    del like

    def multiply(number: int) -> None:
        with torch.inference_mode():
            torch.mv(held.rows, sent[number % _ASKED])
            wait()

    def copy_to_tensor(number: int) -> None:
        with torch.inference_mode():
            to = written.rows
            to[places[number % len(places)]] = rows.to(to.device, to.dtype)
            wait()

    return multiply, copy_to_tensor


def _keys(number: int) -> list[Hashable]:
    return [f"memory {number * _BATCH + place:012d}" for place in range(_BATCH)]


def _vectors(count: int, seed: int = -1) -> Floats:
    random = np.random.default_rng(seed + 1)
    rows = random.standard_normal((count, _DIMENSION), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
