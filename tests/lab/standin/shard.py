"""One replica of a shard on this peer: the real engine, and a log of what was applied to it.

The log is what a peer that was away is caught up from. Each operation carries the clock of the peer
that coordinated it; a replica remembers the newest tick of each clock, and is given what is newer:
what it lacks from before is never noticed, as with the real server.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from . import serde
from .counts import Searches
from .filters import filter_of
from .queries import hit_json, id_json, order_of, payload_selector, record_json, request_of
from .refusals import Refusal, StartFailure, internal, wrong_input
from .updates import operation_of, schema_of

Json = Any
Clocks = dict[str, int]
_LOG_LIMIT = 64 << 20
_PAGE = 256


class LocalShard:
    """One replica; `lock` keeps its updates in order.

    Args:
        path: the engine's directory; the log stands beside it.
        config: of the collection.

    Raises:
        StartFailure: what is there cannot be loaded.
    """

    def __init__(self, path: Path, config: Json) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.forward: Callable[[Json], None] | None = None
        self.newest: Clocks = {}
        self.base: Clocks = {}
        self.op_num = 0
        self.incomplete = False
        self.searches = Searches()
        self._config = config
        self._log = path.with_name(path.name + ".log")
        self._lines: list[Json] = []
        self._indexes: dict[str, Json] = {}
        if path.exists():
            self._engine = self._load()
            self._read_log()
        else:
            self._engine = self._create()

    def apply(self, message: Json) -> int:
        """Applies an operation that its coordinator gave a tick; passes it on during a transfer.

        Returns:
            The operation's number here.

        Raises:
            Refusal: the engine refuses it.
        """
        with self.lock:
            if not message.get("lost"):
                with _engine_errors():
                    self._engine.update(operation_of(message["op"]))
            self._note(message)
            self.op_num += 1
            if self.forward is not None:
                self.forward(message)
            return self.op_num

    def missing_since(self, clocks: Clocks) -> list[Json] | None:
        """What was applied here after those ticks; None when the log does not reach back."""
        with self.lock:
            if self.incomplete or any(
                tick > clocks.get(clock, 0) for clock, tick in self.base.items()
            ):
                return None
            return [one for one in self._lines if one["tick"] > clocks.get(str(one["clock"]), 0)]

    def pages(self) -> Iterator[list[Json]]:
        """All points, page by page, each read under the lock that the caller holds."""
        offset: Any = None
        while True:
            records, offset = self._engine.scroll(
                engine.ScrollRequest(
                    offset=offset, limit=_PAGE, with_payload=True, with_vector=True
                )
            )
            asked = {"with_payload": True, "with_vector": True}
            yield [record_json(record, asked) for record in records]
            if offset is None:
                return

    def restart_empty(self) -> None:
        """Forgets every point, as before a transfer of all; incomplete until `complete`."""
        with self.lock:
            self._engine.close()
            shutil.rmtree(self.path)
            self._lines, self.newest, self.base, self.incomplete = [], {}, {}, True
            self._engine = self._create()
            for field, schema in self._indexes.items():
                self._index(field, schema)
            self._log.write_bytes(serde.dumps({"incomplete": True}) + b"\n")

    def complete(self, clocks: Clocks) -> None:
        """Everything up to these ticks is here."""
        with self.lock:
            for clock, tick in clocks.items():
                self.newest[clock] = max(self.newest.get(clock, 0), tick)
            self.base, self._lines, self.incomplete = dict(self.newest), [], False
            self._write_base()

    def ensure_indexes(self, indexes: dict[str, Json]) -> None:
        """Makes the payload indexes what they are agreed to be."""
        with self.lock:
            for field in set(self._indexes) - set(indexes):
                self._engine.update(engine.UpdateOperation.delete_field_index(field))
            for field, schema in indexes.items():
                if self._indexes.get(field) != schema:
                    self._index(field, schema)
                    self.op_num += 1
            self._indexes = dict(indexes)

    def read(self, what: str, body: Json) -> Json:
        """Answers one kind of read in JSON.

        Raises:
            Refusal: the engine refuses it.
        """
        with _engine_errors():
            return getattr(self, f"_read_{what}")(body)

    def info(self) -> engine.ShardInfo:
        return self._engine.info()

    def close(self) -> None:
        with self.lock:
            self._engine.flush()
            self._engine.close()

    def remove(self) -> None:
        with self.lock:
            self._engine.close()
            shutil.rmtree(self.path, ignore_errors=True)
            self._log.unlink(missing_ok=True)

    def _read_query(self, body: Json) -> Json:
        requests = [request_of(one) for one in body["searches"]]
        began = time.perf_counter()
        lists = self._engine.query_batch(engine.QueryBatchRequest(requests))
        self.searches.add(time.perf_counter() - began)
        return [
            [hit_json(hit, asked) for hit in hits]
            for hits, asked in zip(lists, body["searches"], strict=True)
        ]

    def _read_retrieve(self, body: Json) -> Json:
        records = self._engine.retrieve(
            body["ids"],
            payload_selector(body.get("with_payload")) or False,
            body.get("with_vector") or False,
        )
        return [record_json(record, body) for record in records]

    def _read_scroll(self, body: Json) -> Json:
        order = body.get("order_by")
        records, following = self._engine.scroll(
            engine.ScrollRequest(
                offset=body.get("offset"),
                limit=body["limit"],
                filter=filter_of(body.get("filter")),
                with_payload=payload_selector(body.get("with_payload")) or False,
                with_vector=body.get("with_vector") or False,
                order_by=None if order is None else order_of(order),
            )
        )
        return {
            "points": [record_json(record, body) for record in records],
            "next": None if following is None else id_json(following),
        }

    def _read_count(self, body: Json) -> Json:
        wanted = filter_of(body.get("filter"))
        return self._engine.count(engine.CountRequest(exact=True, filter=wanted))

    def _read_facet(self, body: Json) -> Json:
        response = self._engine.facet(
            engine.FacetRequest(
                key=body["key"], limit=1 << 20, exact=True, filter=filter_of(body.get("filter"))
            )
        )
        return [{"value": hit.value, "count": hit.count} for hit in response.hits]

    def _index(self, field: str, schema: Json) -> None:
        with _engine_errors():
            self._engine.update(engine.UpdateOperation.create_field_index(field, schema_of(schema)))

    def _note(self, message: Json) -> None:
        clock = str(message["clock"])
        self.newest[clock] = max(self.newest.get(clock, 0), message["tick"])
        kept = {key: message[key] for key in ("clock", "tick", "op")}
        if message.get("lost"):
            kept["op"] = None
        else:
            self._lines.append(kept)
        if self._log.exists() and self._log.stat().st_size > _LOG_LIMIT:
            self._lines, self.base = [], dict(self.newest)
            self._write_base()
            return
        with self._log.open("ab") as file:
            file.write(serde.dumps(kept) + b"\n")

    def _write_base(self) -> None:
        self._log.write_bytes(serde.dumps({"base": self.base}) + b"\n")

    def _read_log(self) -> None:
        lines = self._log.read_bytes().splitlines() if self._log.exists() else []
        for line in lines:
            try:
                kept = json.loads(line)
            except ValueError:  # cut short by a kill
                break
            if "base" in kept:
                self.base, self.incomplete = kept["base"], False
                self.newest = dict(self.base)
                continue
            if "incomplete" in kept:
                self.incomplete = True
                continue
            clock = str(kept["clock"])
            self.newest[clock] = max(self.newest.get(clock, 0), kept["tick"])
            self.op_num += 1
            if kept["op"] is not None:
                self._lines.append(kept)

    def _load(self) -> engine.EdgeShard:
        try:
            return engine.EdgeShard.load(str(self.path))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            words = str(error).splitlines()[0]
            words = words.replace("Service runtime error: ", "")
            words = re.sub(r"^failed to load segment \S+: ", "", words)
            if "WouldBlock" in words:
                words = "Wal error: Can't init WAL: Kind(WouldBlock)"
            raise StartFailure(
                101,
                panic="Panic occurred in file lib/collection/src/shards/replica_set/mod.rs at line "
                f'312: Failed to load local shard "{self.path}": Service internal error: {words}',
            ) from error

    def _create(self) -> engine.EdgeShard:
        params = self._config["params"]
        vectors = params.get("vectors") or {}
        named = {"": vectors} if "size" in vectors else vectors
        config = engine.EdgeConfig(
            vectors={
                name: engine.EdgeVectorParams(
                    size=one["size"],
                    distance=getattr(engine.Distance, one["distance"]),
                    memory=engine.Memory.Cold,
                )
                for name, one in named.items()
            },
            sparse_vectors={
                name: engine.EdgeSparseVectorParams(
                    modifier=engine.Modifier.Idf if (one or {}).get("modifier") == "idf" else None
                )
                for name, one in (params.get("sparse_vectors") or {}).items()
            },
            wal_enabled=True,
            max_search_threads=1,
        )
        self.path.mkdir(parents=True, exist_ok=True)
        return engine.EdgeShard.create(str(self.path), config)


@contextmanager
def _engine_errors() -> Iterator[None]:
    """The engine's own words as the API gives them."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        if type(error) is Exception or isinstance(error, ValueError):
            raise wrong_input(line) from error
        raise internal(line) from error
