"""The edge engine of the resident process, used by a foreground command beside it.

The engine's directory belongs to one process at a time. So `--no-daemon` beside a resident process
sends its calls there, a line of JSON each way, through the socket that takes commands: what the
resident process runs for it is the hidden command `lend-vectors`.
"""

from __future__ import annotations

import array
import base64
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TextIO
from uuid import UUID

import numpy as np

from sophia_cli import __version__, errors, wire
from sophia_cli.daemon.presence import running
from sophia_cli.errors import SophiaError, TierDown
from sophia_cli.home import Home
from sophia_cli.locations import resident_socket
from sophia_cli.memory.model import (
    FACTS,
    SIGNALS,
    Candidates,
    IndexEntry,
    Kind,
    Memory,
    Vector,
    Where,
)
from sophia_cli.memory.ports import Copy, Page, Vectors
from sophia_cli.memory.seal import Seal
from sophia_cli.memory.shape import Shape
from sophia_cli.memory.wire import memory_from_json, memory_to_json

_TIMEOUT = 30.0
_START_TIMEOUT = 10.0
_PAUSE = 0.02


class BorrowedVectors:
    """The `Vectors` of the resident process of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._path = resident_socket(str(home.root))
        self._lock = threading.Lock()
        self._stream: Any = None
        self._connection: socket.socket | None = None

    def upsert(self, kind: Kind, entries: Sequence[IndexEntry]) -> None:
        """See `Vectors.upsert`."""
        self._call("upsert", kind, [_entry_to_json(entry) for entry in entries])

    def delete(self, kind: Kind, ids: Sequence[UUID]) -> None:
        """See `Vectors.delete`."""
        self._call("delete", kind, [str(id_) for id_ in ids])

    def candidates(
        self, kind: Kind, dense: Vector, text: str, where: Where, limit: int
    ) -> Candidates:
        """See `Vectors.candidates`."""
        found = self._call(
            "candidates", kind, _vector_to_json(dense), text, _where_to_json(where), limit
        )
        ids, scores, facts, speakers, population = found
        return Candidates(
            [UUID(id_) for id_ in ids],
            _vector_from_json(scores).reshape(len(ids), len(SIGNALS)),
            np.frombuffer(base64.b64decode(facts), FACTS),
            speakers,
            population,
        )

    def nearest(
        self, kind: Kind, dense: Vector, where: Where, limit: int
    ) -> list[tuple[UUID, float]]:
        """See `Vectors.nearest`."""
        found = self._call("nearest", kind, _vector_to_json(dense), _where_to_json(where), limit)
        return [(UUID(id_), score) for id_, score in found]

    def present(self, kind: Kind, ids: Sequence[UUID]) -> set[UUID]:
        """See `Vectors.present`."""
        return {UUID(id_) for id_ in self._call("present", kind, [str(id_) for id_ in ids])}

    def memories(self, kind: Kind, ids: Sequence[UUID]) -> dict[UUID, Memory]:
        """See `Vectors.memories`."""
        found = self._call("memories", kind, [str(id_) for id_ in ids])
        return {UUID(each["id"]): memory_from_json(each) for each in found}

    def ids(self, kind: Kind) -> Iterator[UUID]:
        """See `Vectors.ids`."""
        return iter([UUID(id_) for id_ in self._call("ids", kind)])

    def page(self, kind: Kind, start: UUID | None, limit: int) -> Page:
        """See `Copy.page`."""
        first = None if start is None else str(start)
        packed, digests, following = self._call("page", kind, first, limit)
        ids = _ids_from_json(packed)
        return Page(ids, digests, None if following is None else UUID(following))

    def differing(self, kind: Kind, entries: Sequence[IndexEntry]) -> dict[UUID, str]:
        """See `Copy.differing`."""
        found = self._call("differing", kind, [_entry_to_json(entry) for entry in entries])
        return {UUID(id_): part for id_, part in found.items()}

    def count(self, kind: Kind) -> int:
        """See `Vectors.count`."""
        return int(self._call("count", kind))

    def bytes_on_disk(self) -> int:
        """See `Vectors.bytes_on_disk`; the directory can be looked at from here."""
        from sophia_cli.tiers.vectors.edge import bytes_on_disk

        return bytes_on_disk(self._home.vectors)

    def reset(self, kind: Kind, dimension: int) -> None:
        """See `Vectors.reset`."""
        self._call("reset", kind, dimension)

    def flush(self) -> None:
        """The resident process flushes its engine itself."""

    def close(self) -> None:
        """Ends the loan."""
        with self._lock:
            self._disconnect()

    def _call(self, name: str, kind: Kind, *arguments: Any) -> Any:
        with self._lock:
            try:
                if self._stream is None:
                    self._connect()
                self._stream.write(json.dumps([name, kind.value, *arguments]) + "\n")
                self._stream.flush()
                line = self._stream.readline()
            except OSError as error:
                self._disconnect()
                raise TierDown(
                    "vectors", f"the resident process does not lend them: {error}", "sophia status"
                ) from error
            if not line:
                self._disconnect()
                raise TierDown("vectors", "the resident process went away", "run it again")
            answer = json.loads(line)
        if "error" in answer:
            fault = answer["error"]
            known = getattr(errors, fault["type"], SophiaError)
            if known is TierDown:
                raise TierDown("vectors", fault["message"].removeprefix("vectors: "), fault["hint"])
            raise known(fault["message"], fault["hint"])
        return answer["result"]

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._connection.close()
            self._connection = self._stream = None

    def _connect(self) -> None:
        connection = self._reached()
        ours, theirs = socket.socketpair()
        quiet = os.open(os.devnull, os.O_WRONLY)
        try:
            connection.settimeout(_TIMEOUT)
            ours.settimeout(_TIMEOUT)
            variables = [name + b"=" + value for name, value in os.environb.items()]
            connection.sendall(wire.pack(__version__, b"/", [b"lend-vectors"], variables))
            if connection.recv(1) != wire.ACCEPTED:
                raise OSError("another version of sophia runs there")
            streams = array.array("i", [theirs.fileno(), theirs.fileno(), quiet])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams.tobytes())]
            connection.sendmsg([wire.STREAMS], rights)
        except OSError:
            connection.close()
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(quiet)
        self._connection = connection
        self._stream = ours.makefile("rw", encoding="utf-8")
        ours.close()

    def _reached(self) -> socket.socket:
        """A connection to the resident process, which may be just starting."""
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(_TIMEOUT)
            try:
                connection.connect(self._path)
            except OSError:
                connection.close()
                if running(self._home) is None or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
            else:
                return connection


def lend(vectors: Vectors, requests: TextIO, answers: TextIO) -> None:
    """Carries out calls until `requests` ends: one line of JSON each, one line back."""
    for line in requests:
        name, kind, *arguments = json.loads(line)
        try:
            answer: dict[str, Any] = {"result": _CALLS[name](vectors, Kind(kind), *arguments)}
        except SophiaError as error:
            answer = {
                "error": {
                    "type": type(error).__name__,
                    "message": error.message,
                    "hint": error.hint,
                }
            }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _candidates(
    vectors: Vectors, kind: Kind, dense: str, text: str, where: dict[str, Any], limit: int
) -> list[Any]:
    found = vectors.candidates(kind, _vector_from_json(dense), text, _where_from_json(where), limit)
    return [
        [str(id_) for id_ in found.ids],
        _vector_to_json(found.scores),
        base64.b64encode(found.facts.tobytes()).decode(),
        list(found.speakers),
        found.population,
    ]


def _page(vectors: Copy, kind: Kind, start: str | None, limit: int) -> list[Any]:
    page = vectors.page(kind, None if start is None else UUID(start), limit)
    following = None if page.following is None else str(page.following)
    return [_ids_to_json(page.ids), page.digests, following]


_CALLS: dict[str, Callable[..., Any]] = {
    "upsert": lambda vectors, kind, entries: vectors.upsert(
        kind, [_entry_from_json(entry) for entry in entries]
    ),
    "delete": lambda vectors, kind, ids: vectors.delete(kind, [UUID(id_) for id_ in ids]),
    "candidates": _candidates,
    "nearest": lambda vectors, kind, dense, where, limit: [
        [str(id_), score]
        for id_, score in vectors.nearest(
            kind, _vector_from_json(dense), _where_from_json(where), limit
        )
    ],
    "present": lambda vectors, kind, ids: [
        str(id_) for id_ in vectors.present(kind, [UUID(id_) for id_ in ids])
    ],
    "memories": lambda vectors, kind, ids: [
        memory_to_json(memory)
        for memory in vectors.memories(kind, [UUID(id_) for id_ in ids]).values()
    ],
    "page": _page,
    "differing": lambda vectors, kind, entries: {
        str(id_): part
        for id_, part in vectors.differing(
            kind, [_entry_from_json(entry) for entry in entries]
        ).items()
    },
    "ids": lambda vectors, kind: [str(id_) for id_ in vectors.ids(kind)],
    "count": lambda vectors, kind: vectors.count(kind),
    "reset": lambda vectors, kind, dimension: vectors.reset(kind, dimension),
}


def _ids_to_json(ids: Sequence[UUID]) -> str:
    """Thousands of ids as their bytes, which takes who lends them a fifth of the time of text."""
    return base64.b64encode(b"".join([id_.bytes for id_ in ids])).decode()


def _ids_from_json(text: str) -> list[UUID]:
    packed = base64.b64decode(text)
    return [UUID(bytes=packed[place : place + 16]) for place in range(0, len(packed), 16)]


def _vector_to_json(vector: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(vector, "<f4").tobytes()).decode()


def _vector_from_json(text: str) -> Vector:
    return np.frombuffer(base64.b64decode(text), "<f4")


def _where_to_json(where: Where) -> dict[str, Any]:
    record = {"user": where.user, "agent": where.agent, "session": where.session}
    return record | {
        "tags": dict(where.tags),
        "since": None if where.since is None else where.since.isoformat(),
        "until": None if where.until is None else where.until.isoformat(),
    }


def _where_from_json(record: dict[str, Any]) -> Where:
    values = dict(record)
    for name in ("since", "until"):
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return Where(**values)


def _entry_to_json(entry: IndexEntry) -> dict[str, Any]:
    record = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return record | {
        "id": str(entry.id),
        "kind": entry.kind.value,
        "dense": _vector_to_json(entry.dense),
        "context": _vector_to_json(entry.context),
        "around": dict(entry.around),
        "memory": memory_to_json(entry.memory),
    }


def _entry_from_json(record: dict[str, Any]) -> IndexEntry:
    return IndexEntry(
        **record
        | {
            "id": UUID(record["id"]),
            "kind": Kind(record["kind"]),
            "dense": _vector_from_json(record["dense"]),
            "context": _vector_from_json(record["context"]),
            "tags": tuple(record["tags"]),
            "around": {int(place): text for place, text in record["around"].items()},
            "shape": Shape(*record["shape"]),
            "memory": memory_from_json(record["memory"]),
            "seal": None if record["seal"] is None else Seal(*record["seal"]),
        }
    )
