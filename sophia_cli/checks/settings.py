"""Which keys were set that nothing reads, or that speak against each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_cli.config.loading import Loaded
from sophia_cli.config.origins import Layer

if TYPE_CHECKING:
    from sophia_cli.config.model import Config

_PASSWORD = re.compile(r"://[^/?#@]*:[^@/?#]+@|[?&]password=", re.IGNORECASE)


def without_use(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Yields every key that was set and has no effect, with the reason."""
    for names, reason in _idle(loaded.config):
        for key in names:
            if loaded.origins[key].layer is not Layer.DEFAULT:
                yield key, reason


def contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """Yields keys of which only one can hold: the key, and what speaks against it."""
    if config.records.password_file and _PASSWORD.search(config.records.url or ""):
        yield "records.password_file", "records.url has a password as well"
    if config.hot_cache.password_file and _PASSWORD.search(config.hot_cache.url or ""):
        yield "hot_cache.password_file", "hot_cache.url has a password as well"


def _idle(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys that nothing reads now, and why."""
    names: tuple[str, ...]
    if config.records.url is None:
        yield ("records.password_file",), "records.url is not set: sophia runs its own PostgreSQL"
    if config.vector_engine == "edge":
        names = ("urls", "api_key_file", "grpc", "read_timeout", "prefix", "shards")
        names += ("replication_factor", "write_consistency_factor", "timeout")
        keys = tuple(f"vectors.{name}" for name in names)
        yield keys, "vectors.engine is edge: no server is asked"
    cache = config.hot_cache
    if not cache.enabled:
        names = ("url", "password_file", "max_memory", "timeout")
        yield tuple(f"hot_cache.{name}" for name in names), "hot_cache.enabled is false"
    elif cache.url is None:
        yield ("hot_cache.password_file",), "hot_cache.url is not set: sophia runs its own Valkey"
    else:
        yield ("hot_cache.max_memory",), "hot_cache.url is set: that server has a limit of its own"
    if not config.gpu_cache.vectors:
        names = ("device", "vector_memory", "rescoring", "similar_from")
        yield tuple(f"gpu_cache.{name}" for name in names), "gpu_cache.vectors is false"
    if config.embedding.provider != "openai":
        names = ("url", "api_key_file", "dimension", "batch_size", "timeout")
        reason = f"embedding.provider is {config.embedding.provider}"
        yield tuple(f"embedding.{name}" for name in names), reason
    if config.embedding.provider == "bundled":
        yield ("embedding.model",), "embedding.provider is bundled: it has one model"
    if config.embedding.provider != "torch":
        yield ("embedding.device",), f"embedding.provider is {config.embedding.provider}"
    if config.rest.listen is None:
        names = ("tls.certificate_file", "tls.key_file", "rate", "burst")
        yield tuple(f"rest.{name}" for name in names), "rest.listen is not set: no TCP, no tokens"
    elif config.rest.tls.certificate_file is None:
        yield ("rest.tls.key_file",), "rest.tls.certificate_file is not set"
    if config.tracing.endpoint is None:
        names = ("headers_file", "sample_ratio", "service_name")
        yield tuple(f"tracing.{name}" for name in names), "tracing.endpoint is not set"
