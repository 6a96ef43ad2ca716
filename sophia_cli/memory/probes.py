"""Whether each tier does its work: a write and a read of our own, never what a server says.

None of them leaves anything that could be counted or found.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from uuid import UUID

import numpy as np

from sophia_cli.errors import TierDown
from sophia_cli.memory.identity import new_id
from sophia_cli.memory.model import KINDS, Vector, Where
from sophia_cli.memory.service import MemoryService
from sophia_cli.tiers.records.probe import probe

# How far from 1 the length of a vector may be: float32, and a model that computes in int8.
_NEARLY = 1e-3


def records(service: MemoryService) -> bool:
    """A row is committed, read back and removed."""
    probe(service.records.database, new_id())
    return True


def vectors(service: MemoryService) -> bool:
    """A write and a search in every collection.

    The write removes a point that never was: it goes through the log and to the replicas like
    any other, and changes no count and no answer.
    """
    nobody, query = new_id(), _anywhere(_dimension(service))
    for kind in KINDS:
        service.vectors.delete(kind, [nobody])
        if service.vectors.present(kind, [nobody]):
            raise TierDown("vectors", "a point that was removed is still there")
        found = service.vectors.nearest(kind, query, Where(), 1)
        if not all(isinstance(id_, UUID) for id_, _ in found):
            raise TierDown("vectors", "a search brought what is no memory")
    return True


def hot_cache(service: MemoryService) -> bool:
    """A value is put and got; it ends by itself."""
    return service.answers.probe()


def gpu_cache(service: MemoryService) -> bool:
    """An answer and, where vectors are kept, a vector are put, got and dropped."""
    front, key = service.front, f"probe:{secrets.token_hex(8)}"
    if service.front_fault is not None:
        raise TierDown("gpu_cache", service.front_fault.removeprefix("gpu_cache: "))
    if front.settings.answers:
        front.answers.put(key, key, len(key), epoch=None)
        if front.answers.get(key, None) != key or not front.answers.drop(key):
            raise TierDown("gpu_cache", "an answer that was put is not there")
    if front.settings.vectors and front.is_open:
        vector = _anywhere(service.embedder.dimension)
        front.rows.put([key], vector[None])
        kept = front.rows.get(key)
        front.rows.drop([key])
        if kept is None or float(np.dot(kept, vector)) < 1 - 10 * _NEARLY:
            raise TierDown("gpu_cache", "a vector that was put is not there")
    return front.settings.answers or front.settings.vectors


def embedding(service: MemoryService) -> bool:
    """A text that nobody has embedded before becomes a vector of the store's length, norm 1."""
    [vector] = service.embedder.embed([f"ready {secrets.token_hex(8)}"])
    wanted = _dimension(service)
    if vector.shape != (wanted,):
        raise TierDown("embedding", f"a vector has {len(vector)} dimensions, the store {wanted}")
    if not abs(float(np.linalg.norm(vector)) - 1) <= _NEARLY:
        raise TierDown("embedding", "a vector is not of length 1")
    return True


PROBES: Mapping[str, Callable[[MemoryService], bool]] = {
    "records": records,
    "vectors": vectors,
    "embedding": embedding,
    "hot_cache": hot_cache,
    "gpu_cache": gpu_cache,
}
"""By tier; each returns False where the tier is off, and raises `SophiaError` where it fails."""


def _dimension(service: MemoryService) -> int:
    """The length of the store's vectors, or of those it is going to have."""
    return service.records.models.current().dimension or service.embedder.dimension


def _anywhere(dimension: int) -> Vector:
    """float32, (dimension,), L2-normalised."""
    vector = np.random.default_rng().standard_normal(dimension).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
