"""mem0 without a language model: `infer=False`, on its own local Qdrant.

`opened` is mem0 as it works with no network: by the dense vectors alone. `with_bm25` gives it the
BM25 encoder that it would have fastembed download.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from peers.protocol import Peer
from peers.words import Bm25Encoder, meant

from sophia_cli.memory.model import Draft
from sophia_cli.memory.ports import Embedder


@contextlib.contextmanager
def opened(embedder: Embedder, directory: Path, bm25: bool = False) -> Iterator[Peer]:
    """Opens it with its files in the directory, telemetry off."""
    # Both are read once, at the import.
    os.environ["MEM0_TELEMETRY"] = "False"
    os.environ["MEM0_DIR"] = str(directory)
    from mem0 import Memory
    from mem0.utils import spacy_models

    if find_spec("en_core_web_sm") is None:
        # It would download the model, and do without when it cannot.
        spacy_models._load_failed_full = spacy_models._load_failed_lemma = True
    unused = {"provider": "openai", "config": {"api_key": "unused"}}
    memory = Memory.from_config(
        {
            "vector_store": {
                "provider": "qdrant",
                "config": {
                    "path": str(directory / "qdrant"),
                    "on_disk": True,
                    "collection_name": "turns",
                    "embedding_model_dims": embedder.dimension,
                },
            },
            "embedder": unused,
            "llm": unused,
            "history_db_path": str(directory / "history.db"),
        }
    )
    memory.embedding_model = _Embedding(embedder)
    memory.llm = _NoLanguageModel()
    memory.vector_store._bm25_encoder = Bm25Encoder() if bm25 else False
    try:
        yield _Mem0(memory)
    finally:
        memory.vector_store.client.close()
        memory.close()


with_bm25 = partial(opened, bm25=True)


class _Embedding:
    """sophia's embedder with mem0's interface."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:  # noqa: ARG002
        vector: list[float] = self._embedder.embed([text])[0].tolist()
        return vector

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:  # noqa: ARG002
        vectors: list[list[float]] = self._embedder.embed(texts).tolist()
        return vectors


class _NoLanguageModel:
    def generate_response(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("mem0 asked a language model although infer is False")


class _Mem0:
    def __init__(self, memory: Any) -> None:
        self._memory = memory

    def store(self, drafts: Sequence[Draft]) -> list[str]:
        """A turn a call: its metadata is that of the call."""
        return [self._add(draft) for draft in drafts]

    def recall(self, question: str, user: str, k: int) -> list[str]:
        found = self._memory.search(question, filters={"user_id": user}, top_k=k)
        return [each["id"] for each in found["results"]]

    def _add(self, draft: Draft) -> str:
        metadata: dict[str, object] = {"session": draft.session, "turn": draft.turn}
        if draft.said_at:
            metadata["created_at"] = draft.said_at.isoformat()
        message = {"role": "user", "content": meant(draft)}
        if draft.speaker:
            message["name"] = draft.speaker
        added = self._memory.add([message], user_id=draft.user, metadata=metadata, infer=False)
        (result,) = added["results"]
        return str(result["id"])
