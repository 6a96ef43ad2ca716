"""One collection of the engine in process: its directory, and what is stored there.

A collection appears and disappears by renaming its directory: a crash leaves the old one, the new
one or none, never half of one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from sophia_cli.errors import OutOfSpace, Refused, TierDown
from sophia_cli.heap import let_go, page_out, read_at_random, read_in_order
from sophia_cli.memory.model import IndexEntry
from sophia_cli.tiers.vectors import search, sparse
from sophia_cli.tiers.vectors.names import DENSE, FACT_FIELDS, SCOPE, SPARSE, TIME
from sophia_cli.tiers.vectors.schema import payload, scope, whole
from sophia_cli.tiers.vectors.seal import sealed

REBUILD = "`sophia reindex --from-scratch` rebuilds it from the records"
_FREE_SOME = "free some space and run it again"


@contextmanager
def engine_errors(subject: str, hint: str = REBUILD) -> Iterator[None]:
    """Says what the engine's bare exceptions mean.

    Raises:
        OutOfSpace: the engine met a full disk.
        TierDown: anything else; the message is the first line of the engine's own.
    """
    try:
        yield
    except BaseException as error:
        if not _of_the_engine(error):
            raise
        line = (str(error).splitlines() or [type(error).__name__])[0]
        if "No space left" in line:
            raise OutOfSpace(f"{subject}: the disk is full", _FREE_SOME) from error
        raise TierDown("vectors", f"{subject}: {line}", hint) from error


def _of_the_engine(error: BaseException) -> bool:
    """Whether an error is the engine's: a bare Exception, a refused value, a file, or a panic.

    A panic derives from BaseException, in a module that cannot be imported.
    """
    bare = type(error) is Exception or type(error).__name__ == "PanicException"
    return bare or isinstance(error, OSError | ValueError)


def check_space(directory: Path, reserve: int) -> None:
    """Refuses to write with less than `reserve` bytes free.

    The engine writes to memory-mapped files, and a full disk kills the process there (SIGBUS)
    instead of answering with an error.

    Raises:
        OutOfSpace: too little is free.
    """
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    if free < reserve:
        raise OutOfSpace(
            f"{directory}: {free >> 20} MiB free, the vectors keep {reserve >> 20} MiB in reserve",
            _FREE_SOME,
        )


def open_shard(path: Path, dimension: int) -> engine.EdgeShard:
    """Loads the collection in `path`, or creates it empty when there is none.

    Raises:
        Refused: it holds vectors of another dimension.
        TierDown: it cannot be loaded.
        OutOfSpace: the disk is full.
    """
    if not path.exists():
        return _create(path, dimension)
    _check_dimension(path, dimension)
    with engine_errors(str(path)):
        return engine.EdgeShard.load(str(path))


def drop_shard(path: Path) -> None:
    """Removes a collection that nobody has open, whatever state it is in."""
    leaving = path.with_name(path.name + ".old")
    shutil.rmtree(leaving, ignore_errors=True)
    with engine_errors(str(path)):
        if path.exists():
            path.rename(leaving)
            shutil.rmtree(leaving)


def forget_unread(path: Path, population: int) -> None:
    """Takes what no search reads out of memory: the next access reads it again.

    That is the log, up to 32 MB that are read at the next load only, and in a collection that is
    searched by codes the vectors themselves, 3 kB a point.
    """
    page_out(path / "wal")
    if population > search.EXACT_UP_TO:
        for vectors in _vectors(path):
            page_out(vectors)


def expect_all(path: Path) -> None:
    """All vectors are about to be read: the system reads ahead, where a search wants one page."""
    for vectors in _vectors(path):
        read_in_order(vectors)


def expect_some(path: Path) -> None:
    """Back to what the engine asks for itself: a search reads few vectors, here and there.

    It maps them a second time, only to be read, and in order; that is left as it is.
    """
    for vectors in _vectors(path):
        read_at_random(vectors)


def forget_payload(path: Path) -> None:
    """Takes the payload out of this process's memory: half a kilobyte a memory, and its text.

    Its facts are kept in a table; the rest is read while the records are down.
    """
    for payloads in path.glob("segments/*/payload_storage"):
        let_go(payloads)


def _vectors(path: Path) -> Iterator[Path]:
    return path.glob("segments/*/vector_storage-*/vectors")


def _create(path: Path, dimension: int) -> engine.EdgeShard:
    coming = path.with_name(path.name + ".new")
    # Cold: mapped, and read in as it is used. Otherwise each store is 32 MB at once.
    dense = engine.EdgeVectorParams(
        size=dimension,
        distance=engine.Distance.Cosine,
        memory=engine.Memory.Cold,
        quantization_config=engine.TurboQuantQuantizationConfig(
            bits=engine.TurboQuantBitSize.Bits4, memory=engine.Memory.Cold
        ),
    )
    words = engine.EdgeSparseVectorParams(modifier=engine.Modifier.Idf)
    config = engine.EdgeConfig(
        vectors=dict.fromkeys(DENSE, dense),
        sparse_vectors=dict.fromkeys(SPARSE, words),
        wal_enabled=True,
        # One segment is read by one thread: a pool of them only adds waking up (5.0 ms to 3.0 ms).
        max_search_threads=1,
    )
    index = engine.UpdateOperation.create_field_index
    with engine_errors(str(path)):
        shutil.rmtree(coming, ignore_errors=True)
        coming.mkdir(mode=0o700)
        shard = engine.EdgeShard.create(str(coming), config)
        shard.update(index(SCOPE, engine.PayloadSchemaType.Keyword))
        shard.update(index(TIME, engine.PayloadSchemaType.Float))
        shard.flush()
        shard.close()
        coming.rename(path)
        return engine.EdgeShard.load(str(path))


def _check_dimension(path: Path, dimension: int) -> None:
    try:
        stored = json.loads((path / "edge_config.json").read_bytes())
        found = stored["vectors"][DENSE[0]]["size"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # what is wrong there, loading it will say
    if found != dimension:
        raise Refused(
            f"{path} holds vectors of {found} dimensions, the embedding model makes {dimension}",
            "set the model it was built with, or `sophia reindex --from-scratch`",
        )


def point(entry: IndexEntry) -> engine.Point:
    """An entry as the engine takes it."""
    return engine.Point(
        entry.id,
        {
            "dense": entry.dense.tolist(),
            "context": entry.context.tolist(),
            "bm25_context": sparse.in_context(entry.text, entry.around),
        },
        payload_of(entry),
    )


def payload_of(entry: IndexEntry) -> dict[str, Any]:
    """What the engine stores beside the vectors of an entry."""
    kept = {name: value for name, value in payload(entry).items() if name in FACT_FIELDS}
    return sealed(kept | {SCOPE: scope(entry)} | whole(entry), entry)
