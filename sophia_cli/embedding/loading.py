"""An embedder that loads in the background, while the rest of the process starts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sophia_cli.errors import SophiaError, TierDown
from sophia_cli.logs.events import log
from sophia_cli.memory.ports import Embedder

_LOAD_TIMEOUT = 120.0


class LoadingEmbedder:
    """An `Embedder` whose model is loaded by a thread; the first use waits for it.

    A load that failed is tried again at the next use.

    Args:
        build: makes the embedder; slow, and it may raise `SophiaError`.
    """

    def __init__(self, build: Callable[[], Embedder]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._loaded: Embedder | None = None
        self._failed: SophiaError | None = None
        self._thread: threading.Thread | None = None
        self._start()

    @property
    def model(self) -> str:
        """See `Embedder.model`; waits for the load."""
        return self._get().model

    @property
    def dimension(self) -> int:
        """See `Embedder.dimension`; waits for the load."""
        return self._get().dimension

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`; waits for the load."""
        return self._get().embed(texts)

    def close(self) -> None:
        """Releases the model; a load that is under way is waited for.

        A process that ends in the middle of one is aborted by the model's own threads.
        """
        with self._lock:
            if self._thread is not None:
                self._thread.join(_LOAD_TIMEOUT)
        if self._loaded is not None:
            self._loaded.close()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._load, name="embedder", daemon=True)
        self._thread = thread
        thread.start()
        return thread

    def _load(self) -> None:
        started = time.perf_counter()
        try:
            self._loaded, self._failed = self._build(), None
        except SophiaError as error:
            self._failed = error
            log.warning("model not loaded", tier="embedding", code=error.code)
        except Exception as error:
            self._failed = TierDown("embedding", f"the model did not load: {error}")
            log.exception("model not loaded", tier="embedding")
        else:
            spent = round((time.perf_counter() - started) * 1000, 3)
            log.info("model loaded", model=self._loaded.model, duration_ms=spent)

    def _get(self) -> Embedder:
        if self._loaded is not None:
            return self._loaded
        with self._lock:
            thread = self._thread or self._start()
            thread.join(_LOAD_TIMEOUT)
            if self._loaded is not None:
                return self._loaded
            if thread.is_alive():
                raise TierDown("embedding", f"the model did not load within {_LOAD_TIMEOUT:g} s")
            self._thread = None
            raise self._failed or TierDown("embedding", "the model did not load")
