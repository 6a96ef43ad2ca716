"""From a configuration to a running service: which engines, which tiers, in which order."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from sophia_cli.config.faces import Log
from sophia_cli.config.model import Config
from sophia_cli.config.shapes import bytes_in
from sophia_cli.embedding.loading import LoadingEmbedder
from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.process import Engine
from sophia_cli.engines.users import EngineUse
from sophia_cli.engines.valkey import Valkey
from sophia_cli.engines.writers import Writers
from sophia_cli.errors import TierDown
from sophia_cli.home import Home
from sophia_cli.logs.file import cut
from sophia_cli.memory.answers import Lifetimes
from sophia_cli.memory.model import Kind
from sophia_cli.memory.ports import Embedder, HotCache, Vectors
from sophia_cli.memory.service import MemoryService
from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.writes import Alone

if TYPE_CHECKING:
    from sophia_cli.daemon.draining import Following
    from sophia_cli.monitoring.otel import Spans

_FLUSHED = "flushed"
# A transaction may commit a little after the time that it wrote into `updated_at`.
_REPLAY_MARGIN = timedelta(minutes=10)


@dataclass(slots=True)
class OpenService:
    """A service and what must be done around it.

    Attributes:
        engines: the embedded servers it stands on; empty where the configuration names servers.
        writers: this service's place among those who may write to the embedded records.
        spans: where its operations are told; None where nobody wants to know.
        flushed: where the edge engine's last flush is noted; None with servers.
        following: what keeps to the drains of peers; None without servers.
    """

    service: MemoryService
    use: EngineUse
    engines: list[Engine]
    writers: Writers
    flushed: Path | None
    spans: Spans | None = None
    following: Following | None = None

    def checkpoint(self, *, closing: bool = False) -> None:
        """Flushes the vectors, and notes since when a loss of power would have to be replayed."""
        moment = datetime.now(UTC)
        self.service.vectors.flush()
        if self.flushed is not None:
            _note_flush(self.flushed, moment, clean=closing)

    def cut_logs(self, settings: Log) -> None:
        """Sets the engines' logs aside where they have grown too large."""
        for engine in self.engines:
            cut(engine.log, bytes_in(settings.largest), settings.kept)

    def close(self) -> None:
        """Closes the tiers; stops the engines when no other process uses them."""
        with contextlib.suppress(TierDown, OSError):
            self.checkpoint(closing=True)
        if self.following is not None:
            with contextlib.suppress(TierDown):
                self.following.stop()
        self.service.close()
        self.writers.close()
        if self.spans is not None:
            self.spans.close()
        if self.use.last_user():
            for engine in self.engines:
                engine.stop()
        self.use.release()


def open_service(
    config: Config,
    home: Home,
    borrowed: Vectors | None = None,
    *,
    stays: bool = False,
    through: Callable[[Embedder], Embedder] = lambda embedder: embedder,
) -> OpenService:
    """Opens every tier that the configuration names; embedded engines are started or adopted.

    Args:
        borrowed: vectors to use instead of opening the edge engine, whose directory belongs to one
            process at a time.
        stays: this process answers many commands: what a later one needs is read ahead.
        through: makes of the configured embedder the one that is used.

    Raises:
        TierDown: the records cannot be reached, or another process holds the vectors.
        Refused: the store is newer than this program, or the home is not ours.
    """
    home.prepare()
    use = EngineUse(home)
    use.acquire()
    try:
        return _open(config, home, use, borrowed, stays, through)
    except BaseException:
        use.release()
        raise


def _open(
    config: Config,
    home: Home,
    use: EngineUse,
    borrowed: Vectors | None,
    stays: bool,
    through: Callable[[Embedder], Embedder],
) -> OpenService:
    engines: list[Engine] = []
    with contextlib.ExitStack() as undo:
        spans = _spans(config)
        if spans is not None:
            undo.callback(spans.close)
        embedder = LoadingEmbedder(
            lambda: through(_embedder(config, lambda: _known_length(config, records)))
        )
        undo.callback(embedder.close)
        writers = Writers(home)
        undo.callback(writers.close)
        records = _records(config, home, engines, writers)
        undo.callback(records.close)
        vectors, flushed = (
            (borrowed, None) if borrowed else _vectors(config, home, records, embedder, stays)
        )
        cache = _cache(config, home, engines)
        ttl = config.hot_cache.ttl
        service = MemoryService(
            records,
            vectors,
            embedder,
            GpuCache(_front(config)),
            cache,
            Lifetimes({Kind.CODING: ttl.coding, Kind.BUSINESS: ttl.business}, ttl.aggregate),
            config.gpu_cache.similar_from,
        )
        if flushed is not None:
            _replay(flushed, records)
        service.meters.observer = spans
        following = _following(config, records, vectors)
        undo.pop_all()
    return OpenService(service, use, engines, writers, flushed, spans, following)


def _spans(config: Config) -> Spans | None:
    if config.tracing.endpoint is None:
        return None
    from sophia_cli.monitoring.spans import spans_to

    return spans_to(config.tracing)


def _records(config: Config, home: Home, engines: list[Engine], writers: Writers) -> Records:
    section = config.records
    address: Callable[[], str]
    if section.url is None:
        postgres = Postgres(home)
        engines.append(postgres)
        address, password = postgres.ensure, None
        alone: Alone | None = writers.alone
    else:
        url = _plain(section.url)
        address, password = (lambda: url), _secret(section.password())
        alone = None
    return Records(
        address,
        size=section.pool_size,
        timeout=section.timeout.total_seconds(),
        password=password,
        alone=alone,
    )


def _vectors(
    config: Config, home: Home, records: Records, embedder: Embedder, stays: bool
) -> tuple[Vectors, Path | None]:
    dimension = records.models.current().dimension or embedder.dimension
    section = config.vectors
    if config.vector_engine == "edge":
        from sophia_cli.tiers.vectors.edge import EdgeVectors, is_current

        if not is_current(home.vectors):
            (home.vectors / _FLUSHED).unlink(missing_ok=True)  # so that all of it is owed again
        vectors = EdgeVectors(home.vectors, dimension, ahead=stays)
        return vectors, home.vectors / _FLUSHED
    from sophia_cli.tiers.vectors.server import ServerVectors

    return (
        ServerVectors(
            [_plain(url) for url in section.urls],
            api_key=_secret(section.api_key()),
            dimension=dimension,
            prefix=section.prefix,
            grpc=section.grpc,
            write_timeout=section.timeout.total_seconds(),
            read_timeout=section.read_timeout.total_seconds(),
            shards=section.shards,
            replication_factor=section.replication_factor,
            write_consistency_factor=section.write_consistency_factor,
        ),
        None,
    )


def _following(config: Config, records: Records, vectors: Vectors) -> Following | None:
    if config.vector_engine != "server":
        return None
    from sophia_cli.daemon.draining import Following, peers_of

    following = Following(records, peers_of(vectors))
    following.start()
    return following


def _front(config: Config) -> Settings:
    section = config.gpu_cache
    return Settings(
        section.device,
        bytes_in(section.vector_memory),
        bytes_in(section.answer_memory),
        section.answers,
        section.vectors,
        section.rescoring,
    )


def _cache(config: Config, home: Home, engines: list[Engine]) -> HotCache:
    from sophia_cli.tiers.hot_cache import NoCache, RedisHotCache

    section = config.hot_cache
    if not section.enabled or (section.url is None and not Valkey.available()):
        return NoCache()
    address: Callable[[], str]
    if section.url is None:
        valkey = Valkey(home, section.max_memory)
        engines.append(valkey)
        address, password = (lambda: f"unix://{valkey.ensure()}"), None
    else:
        url = _plain(section.url)
        address, password = (lambda: url), _secret(section.password())
    return RedisHotCache(
        address,
        password=password,
        prefix="sophia:",
        timeout=section.timeout.total_seconds(),
    )


def _embedder(config: Config, stored: Callable[[], int | None]) -> Embedder:
    section = config.embedding
    if section.provider == "openai":
        from sophia_cli.embedding.openai import OpenAIEmbedder

        assert section.url is not None and section.model is not None  # noqa: S101  (the model says)
        return OpenAIEmbedder(
            _plain(section.url),
            section.model,
            api_key=_secret(section.api_key()),
            dimension=section.dimension,
            stored=stored,
            batch_size=section.batch_size,
            timeout=section.timeout.total_seconds(),
        )
    if section.provider == "torch":
        from sophia_cli.embedding.torch import TorchEmbedder

        return TorchEmbedder(
            section.model or "sentence-transformers/all-MiniLM-L6-v2", section.device
        )
    from sophia_cli.embedding.bundled import BundledEmbedder

    return BundledEmbedder()


def embedder_of(config: Config) -> LoadingEmbedder:
    """The embedder alone, for who looks at it while the records cannot be opened."""
    return LoadingEmbedder(lambda: _embedder(config, lambda: None))


def _known_length(config: Config, records: Records) -> int | None:
    """How long the vectors of the configured model are, by what the store holds of it."""
    stored = records.models.current()
    return stored.dimension if stored.name == config.embedding.model else None


def _replay(flushed: Path, records: Records) -> None:
    """After anything but a clean close, owes the index what was written since the last flush."""
    try:
        note = json.loads(flushed.read_text())
        moment = datetime.fromisoformat(note["at"])
        clean = note["clean"] is True
    except (OSError, ValueError, KeyError, TypeError):
        moment, clean = None, False
    if not clean:
        records.outbox.owe_since(None if moment is None else moment - _REPLAY_MARGIN)
    _note_flush(flushed, moment or datetime.now(UTC), clean=False)


def _note_flush(path: Path, moment: datetime, *, clean: bool) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump({"at": moment.isoformat(), "clean": clean}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
