"""A model of sentence-transformers on this machine's GPU (or CPU): the extra `gpu`.

`model` is a directory, or a name that sentence-transformers looks up on Hugging Face and downloads
at first use; HF_HUB_OFFLINE=1 forbids that. Weights are read from safetensors only (the older
`.bin` files are pickles), and no code that comes with a model is run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sophia_cli.embedding.unit import unit
from sophia_cli.errors import ConfigurationError, TierDown


class TorchEmbedder:
    """An `Embedder` on torch. Calls from several threads take turns: its tokenizer needs that.

    Args:
        model: a directory or a name on Hugging Face; also the name stored with every memory.
        device: `auto` (cuda, else mps, else cpu), or one of torch's: `cpu`, `cuda:1`, `mps`.
        batch_size: texts that go through the model together.

    Raises:
        ConfigurationError: the extra is not installed, or this machine has no such device.
        TierDown: the model cannot be loaded.
    """

    def __init__(self, model: str, device: str = "auto", batch_size: int = 32) -> None:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ConfigurationError(
                f"embedding.provider torch needs {error.name}, which cannot be loaded",
                "pip install 'sophia-cli[gpu]'",
            ) from error
        self.model = model
        self._batch_size = batch_size
        self._lock = threading.Lock()
        if device == "auto":
            device = (
                "cuda"
                if torch.cuda.is_available()
                else "mps"
                if torch.backends.mps.is_available()
                else "cpu"
            )
        try:
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigurationError(
                f"embedding.device: torch cannot use {device} here", "set it to auto"
            ) from error
        try:
            self._encoder = SentenceTransformer(
                model,
                device=device,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise TierDown(
                "embedding",
                f"{model} cannot be loaded: {_first_line(error)}",
                "embedding.model is a directory or a name on Hugging Face, with safetensors",
            ) from error
        # Measured rather than asked: the method that tells it changed its name in version 6.
        self.dimension = int(self.embed(["dimension"]).shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns float32, (len(texts), dimension), L2-normalised, in the order of `texts`.

        Raises:
            TierDown: torch failed, mostly for want of memory on the device.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        try:
            with self._lock:
                vectors = self._encoder.encode(
                    list(texts),
                    batch_size=self._batch_size,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
        except RuntimeError as error:
            raise TierDown("embedding", _first_line(error), "lower embedding.batch_size") from error
        return unit(np.asarray(vectors, dtype=np.float32))

    def close(self) -> None:
        """Releases the model; the device's memory goes with it."""
        with self._lock:
            del self._encoder


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
