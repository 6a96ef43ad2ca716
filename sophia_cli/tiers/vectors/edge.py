"""The vectors in this process: the Qdrant engine itself, one shard a kind, no server.

One process at a time owns the directory. Every call of the engine holds the interpreter's lock, so
one more lock around each costs nothing and keeps `reset` and `close` from pulling a shard away
under a reader. `optimize` would stand all threads still for minutes: it is never called, a large
collection is searched by codes instead.
What was written survives a killed process; a loss of power only what was flushed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from operator import attrgetter
from pathlib import Path
from typing import cast
from uuid import UUID

import qdrant_edge as engine

from sophia_cli.errors import OutOfSpace, SophiaError, TierDown
from sophia_cli.memory.model import BRINGING, Candidates, IndexEntry, Kind, Memory, Vector, Where
from sophia_cli.memory.ports import Page
from sophia_cli.tiers.vectors import lock, sparse
from sophia_cli.tiers.vectors.facts import FactsTable
from sophia_cli.tiers.vectors.names import MEMORY, SPARSE
from sophia_cli.tiers.vectors.proving import POINTS, differing, proven
from sophia_cli.tiers.vectors.schema import LAYOUT, check_entries, check_vector, memory_of, payload
from sophia_cli.tiers.vectors.search import (
    candidates_request,
    condition,
    nearest_request,
    own_request,
)
from sophia_cli.tiers.vectors.shard import (
    check_space,
    drop_shard,
    engine_errors,
    expect_all,
    expect_some,
    forget_payload,
    forget_unread,
    open_shard,
    point,
)
from sophia_cli.tiers.vectors.stored_facts import AHEAD, facts_of, read_ahead
from sophia_cli.tiers.vectors.union import united

# Points a call: about 10 ms, after which other threads get their turn.
_BATCH = 64
_PAGE = 1000
# Between two pages of facts that are read ahead, seconds.
_PAUSE = 0.01
# Who looks at every point waits so many times as long as a page took, while others use the engine.
_SHARE = 3.0
_LATELY = 0.2
_BREATH = 0.0001
_RESERVE = 64 << 20
_LAYOUT_NOTE = "layout"


class EdgeVectors:
    """The `Vectors` of one directory; it is locked and its shards are loaded at the first call.

    Args:
        directory: holds `lock` and one directory a kind; made 0700.
        dimension: the length of a vector.
        lock_wait: how long to wait for another process to let go of the directory, seconds.
        reserve: bytes of disk that must be free before anything is written.
        ahead: read the facts of what is found stored before a recall has to: a hundred thousand
            take seconds beside other work.

    Raises:
        TierDown: (any call) the directory is in use, or a shard cannot be loaded.
        Refused: (any call) the shard holds vectors of another dimension.
        OutOfSpace: (calls that write) the disk is full.
        ValueError: (calls with vectors) a wrong length, or a value that is not finite.
    """

    def __init__(
        self,
        directory: Path,
        dimension: int,
        lock_wait: float = 2.0,
        reserve: int = _RESERVE,
        *,
        ahead: bool = False,
    ) -> None:
        self._directory = directory
        self._dimension = dimension
        self._lock_wait = lock_wait
        self._reserve = reserve
        self._ahead = ahead
        self._turn = threading.RLock()
        self._held: int | None = None
        self._closed = threading.Event()
        self._asked = 0.0
        self._shards: dict[Kind, engine.EdgeShard] = {}
        self._facts = {kind: FactsTable() for kind in Kind}

    def upsert(self, kind: Kind, entries: Sequence[IndexEntry]) -> None:
        """Writes entries by id; returns once they are searchable."""
        check_entries(entries, self._dimension)
        for start in range(0, len(entries), _BATCH):
            batch = entries[start : start + _BATCH]
            with engine_errors(str(self._directory / kind), hint=""):
                operation = engine.UpdateOperation.upsert_points([point(entry) for entry in batch])
            with self._turn:
                self._write(kind, operation, [entry.id for entry in batch])
                self._note_facts(kind, batch)

    def delete(self, kind: Kind, ids: Sequence[UUID]) -> None:
        """Removes points by id; an id that is not there is not an error."""
        if ids:
            self._write(kind, engine.UpdateOperation.delete_points(list(ids)), ids)

    def candidates(
        self, kind: Kind, dense: Vector, text: str, where: Where, limit: int
    ) -> Candidates:
        """What each of `BRINGING` has among its best `limit`; see `united` for the scores."""
        check_vector(dense, self._dimension, "query vector")
        words, wanted = sparse.asked(text), condition(where)
        with self._reading(kind) as shard:
            population = shard.info().points_count
            requests = [
                candidates_request(
                    signal, words if signal in SPARSE else dense, wanted, limit, population
                )
                for signal in BRINGING
            ]
            ids, scores = united(
                shard.query_batch(engine.QueryBatchRequest(requests)),
                lambda ids: shard.query(own_request(dense, ids, population)),
                limit,
                attrgetter("int"),
            )
            facts = facts_of(self._facts[kind], shard, ids)
        return Candidates(ids, scores, facts, self._facts[kind].speakers, population)

    def nearest(
        self, kind: Kind, dense: Vector, where: Where, limit: int
    ) -> list[tuple[UUID, float]]:
        """The best `limit` by cosine of `dense` alone, best first."""
        check_vector(dense, self._dimension, "query vector")
        with self._reading(kind) as shard:
            population = shard.info().points_count
            hits = shard.query(nearest_request(dense, condition(where), limit, population))
        return [(cast(UUID, hit.id), hit.score) for hit in hits]

    def present(self, kind: Kind, ids: Sequence[UUID]) -> set[UUID]:
        """Which of `ids` are in the store."""
        found: set[UUID] = set()
        for start in range(0, len(ids), _PAGE):
            with self._reading(kind) as shard:
                records = shard.retrieve([*ids[start : start + _PAGE]], False, False)
            found.update(cast(UUID, record.id) for record in records)
        return found

    def memories(self, kind: Kind, ids: Sequence[UUID]) -> dict[UUID, Memory]:
        """The memories as they were indexed."""
        found: dict[UUID, Memory] = {}
        for start in range(0, len(ids), _PAGE):
            with self._reading(kind) as shard:
                records = shard.retrieve([*ids[start : start + _PAGE]], [MEMORY], False)
            for record in records:
                if (memory := memory_of(record.payload)) is not None:
                    found[memory.id] = memory
        return found

    def ids(self, kind: Kind) -> Iterator[UUID]:
        """All ids of a collection, page by page; writers may come between the pages."""
        following = None
        while True:
            with self._reading(kind) as shard:
                page, following = shard.scroll(
                    engine.ScrollRequest(
                        offset=following, limit=_PAGE, with_payload=False, with_vector=False
                    )
                )
            yield from (cast(UUID, record.id) for record in page)
            if following is None:
                return

    def page(self, kind: Kind, start: UUID | None, limit: int) -> Page:
        """The points from `start` on, each looked at whole; see `Copy.page`."""
        ids: list[UUID] = []
        digests: list[int] = []
        following = start
        # Not for the few of a sample: to tell the system takes 2 ms.
        with self._in_order(kind) if limit > POINTS else nullcontext():
            while len(ids) < limit:
                began = time.monotonic()
                with self._reading(kind, aside=True) as shard:
                    some, theirs, following = proven(
                        shard, following, limit - len(ids), self._dimension
                    )
                ids += some
                digests += theirs
                if following is None:
                    break
                self._give_way(time.monotonic() - began)
        return Page(ids, digests, following)

    def differing(self, kind: Kind, entries: Sequence[IndexEntry]) -> dict[UUID, str]:
        """The points that are not what they ought to be; see `Copy.differing`."""
        found: dict[UUID, str] = {}
        for start in range(0, len(entries), POINTS):
            with self._reading(kind, aside=True) as shard:
                found |= differing(shard, entries[start : start + POINTS])
        return found

    def count(self, kind: Kind) -> int:
        """How many points a collection holds."""
        with self._reading(kind) as shard:
            return int(shard.count(engine.CountRequest(exact=True)))

    def bytes_on_disk(self) -> int:
        """What the directory takes on the disk."""
        return bytes_on_disk(self._directory)

    def reset(self, kind: Kind, dimension: int) -> None:
        """Drops the collection, whatever its state or dimension, and creates it empty."""
        with self._turn:
            self._dimension = dimension
            self._own()
            shard = self._shards.pop(kind, None)
            self._facts[kind].clear()
            if shard is not None:
                with engine_errors(str(self._directory / kind)):
                    shard.close()
            drop_shard(self._directory / kind)
            check_space(self._directory, self._reserve)
            self._shards[kind] = open_shard(self._directory / kind, self._dimension)

    def flush(self) -> None:
        """Makes what was written survive a loss of power; a millisecond a hundred points."""
        with self._turn:
            for kind, shard in self._shards.items():
                path = self._directory / kind
                with engine_errors(str(path)):
                    shard.flush()
                    forget_unread(path, shard.info().points_count)
                    forget_payload(path)

    def close(self) -> None:
        """Flushes, closes the shards and lets go of the directory; a second call does nothing."""
        with self._turn:
            self._closed.set()
            try:
                self.flush()
                for shard in self._shards.values():
                    shard.close()
            finally:
                self._shards.clear()
                if self._held is not None:
                    os.close(self._held)
                    self._held = None

    def _write(self, kind: Kind, operation: engine.UpdateOperation, ids: Sequence[UUID]) -> None:
        with self._turn:
            self._own()
            check_space(self._directory, self._reserve)
            with self._reading(kind) as shard:
                self._facts[kind].drop(ids)
                shard.update(operation)

    def _give_way(self, spent: float) -> None:
        """Between two pages: to nobody, or to those who used the engine a moment ago."""
        asked = time.monotonic() - self._asked < _LATELY
        self._closed.wait(_SHARE * spent if asked else _BREATH)

    @contextmanager
    def _reading(self, kind: Kind, *, aside: bool = False) -> Iterator[engine.EdgeShard]:
        """Args:
        aside: it is not for anybody who waits.
        """
        if not aside:
            self._asked = time.monotonic()
        with self._turn:
            self._own()
            path = self._directory / kind
            shard = self._shards.get(kind)
            if shard is None:
                shard = self._shards[kind] = self._open(kind)
            with engine_errors(str(path)):
                yield shard

    @contextmanager
    def _in_order(self, kind: Kind) -> Iterator[None]:
        """While many points are looked at, one after the other."""
        path = self._directory / kind
        with self._reading(kind, aside=True):
            expect_all(path)
        try:
            yield
        finally:
            with self._turn:
                expect_some(path)

    def _own(self) -> None:
        """Makes the directory ours at the first call."""
        if self._closed.is_set():
            raise TierDown("vectors", "closed")
        if self._held is None:
            with engine_errors(str(self._directory), hint=""):
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._directory.chmod(0o700)
                self._held = lock.take(self._directory / "lock", self._lock_wait)
                if not is_current(self._directory):
                    for kind in Kind:
                        drop_shard(self._directory / kind)
                    (self._directory / _LAYOUT_NOTE).write_text(f"{LAYOUT}\n")

    def _open(self, kind: Kind) -> engine.EdgeShard:
        path = self._directory / kind
        try:
            check_space(self._directory, self._reserve)  # loading replays what was not flushed
        except OutOfSpace as error:
            raise TierDown("vectors", error.message, error.hint) from error
        shard = open_shard(path, self._dimension)
        population = shard.info().points_count
        forget_unread(path, population)
        if self._ahead and population > AHEAD:
            threading.Thread(
                target=self._read_ahead, args=(kind, shard), name=f"facts {kind}", daemon=True
            ).start()
        return shard

    def _read_ahead(self, kind: Kind, shard: engine.EdgeShard) -> None:
        """Reads the facts of what was found stored, before a recall has to."""
        following = None
        with suppress(SophiaError):  # whoever asks next is told
            while not self._closed.wait(_PAUSE):
                with self._reading(kind, aside=True) as current:
                    if current is not shard:
                        return
                    following = read_ahead(self._facts[kind], shard, following)
                if following is None:
                    return

    def _note_facts(self, kind: Kind, entries: Sequence[IndexEntry]) -> None:
        table = self._facts[kind]
        if not table.full:
            for entry in entries:
                table.put(entry.id, payload(entry))


def bytes_on_disk(directory: Path) -> int:
    """The blocks that the files under a directory take; files may come and go meanwhile."""
    blocks = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                blocks += Path(folder, name).lstat().st_blocks
    return blocks * 512  # whatever the file system's own block


def is_current(directory: Path) -> bool:
    """Whether what lies in the directory is laid out as this version does it.

    What another version left there is dropped at the first call: the records hold all of it.
    """
    try:
        return (directory / _LAYOUT_NOTE).read_text().strip() == str(LAYOUT)
    except OSError:
        return False
