"""The log of this process: one event a line, as JSON, with the id of its request.

Nothing is written until a process of sophia's own says where (`to_file`, `to_stream`): a program
that uses the package as a library has its output to itself.

No event holds a memory's content, a question, the name of a user or a secret: names, numbers,
codes and causes only. Of an error that nobody expected, its type and where it came from are
written; its text, which may quote anything, at level debug alone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog
from pydantic_core import PydanticSerializationError, to_json

from sophia_cli.correlation import current
from sophia_cli.logs.file import LogFile

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""Each level and its rank."""

_FRAMES = 8
_LONGEST_TEXT = 300
_level: ContextVar[int | None] = ContextVar("sophia_log_level", default=None)


class _Out:
    """Where lines go: nowhere until `write` is set."""

    def __init__(self) -> None:
        self.write: Callable[[bytes], None] | None = None
        self.least = LEVELS["info"]
        self.pid = 0

    def line(self, line: bytes) -> None:
        """Passes a rendered line on."""
        if self.write is not None:
            self.write(line)

    debug = info = warning = error = critical = line


_out = _Out()


def _rendered(_: Any, name: str, event: MutableMapping[str, Any]) -> bytes:
    """One event as a line; raises `DropEvent` where nobody wants it."""
    least = _level.get() or _out.least
    if _out.write is None or LEVELS.get(name, 40) < least:
        raise structlog.DropEvent
    fault = event.pop("exc_info", None)
    line = {
        "timestamp": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "level": name,
        "event": event.pop("event"),
        "pid": _out.pid,
    }
    if (request := current()) is not None:
        line["request"] = request
    line.update(event)
    if fault:
        line.update(_described(fault, whole=least <= LEVELS["debug"]))
    return _encoded(line) + b"\n"


def _encoded(line: dict[str, Any]) -> bytes:
    """As JSON: a quarter of the time that Python's own takes, which does what that refuses."""
    try:
        return to_json(line, fallback=str)
    except PydanticSerializationError:
        return json.dumps(line, default=str).encode()


log = structlog.wrap_logger(
    _out,
    processors=[_rendered],
    wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
).bind()
"""The logger of every module: `log.info("what happened", field=value)`."""


def to_file(file: LogFile, level: str) -> None:
    """Writes the events of this process, from `level` on, to a file."""
    _out.least, _out.pid, _out.write = LEVELS[level], os.getpid(), file.write


def to_stream(stream: TextIO, level: str) -> None:
    """Writes the events of this process, from `level` on, to a stream."""

    def write(line: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            stream.write(line.decode())
            stream.flush()

    _out.least, _out.pid, _out.write = LEVELS[level], os.getpid(), write


def take_over() -> None:
    """What others would write in their own form becomes an event: libraries, dying threads.

    For a process that is sophia's own.
    """
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING, force=True)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    structlog.configure(
        processors=[_rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=lambda *_: _out,
    )
    threading.excepthook = lambda died: _died(died.exc_type, died.exc_value, died.exc_traceback)
    sys.excepthook = _died


@contextlib.contextmanager
def at_level(name: str) -> Iterator[None]:
    """Within the block, and in threads that it is carried to, `log.level` is another one."""
    token = _level.set(LEVELS[name])
    try:
        yield
    finally:
        _level.reset(token)


def debugging() -> bool:
    """Whether events of level debug are written here."""
    return _out.write is not None and (_level.get() or _out.least) <= LEVELS["debug"]


class _Library(logging.Handler):
    """What a library logs, as an event; what it was about, which may be anything, in debug."""

    def emit(self, record: logging.LogRecord) -> None:
        name, said = record.levelname.lower(), str(record.msg)
        if debugging():
            with contextlib.suppress(Exception):  # values that do not fit the message
                said = record.getMessage()
        say = getattr(log, name if name in LEVELS else "error")
        fields = {"logger": record.name, "said": said[:_LONGEST_TEXT]}
        say("library", **fields, exc_info=record.exc_info)


def _died(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if not issubclass(kind, SystemExit):
        log.error("a thread ended", exc_info=(kind, error, trace))


def _described(fault: Any, *, whole: bool) -> dict[str, Any]:
    """The type of an error and the places that it came by, the innermost last."""
    if isinstance(fault, BaseException):
        kind, error, trace = type(fault), fault, fault.__traceback__
    else:
        kind, error, trace = fault if isinstance(fault, tuple) else sys.exc_info()
    if kind is None:
        return {}
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    described: dict[str, Any] = {
        "error": kind.__name__,
        "at": [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames],
    }
    return described | {"text": str(error)[:_LONGEST_TEXT]} if whole else described
