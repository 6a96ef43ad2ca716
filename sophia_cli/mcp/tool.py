"""What a tool is, and how one call of it is carried out.

A tool's result is sophia's envelope, and a short text for models. A fault of sophia's is a result
too, with the code, message and hint of the command line, so that the model can mend its call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sophia_cli.api.access import Access, Scope
from sophia_cli.api.memories import Memories
from sophia_cli.api.requests import Request, parsed
from sophia_cli.api.results import Result, envelope
from sophia_cli.errors import SophiaError
from sophia_cli.logs.events import log
from sophia_cli.mcp import quoting, schemas


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to: `structured` for programs, `text` for models."""

    structured: Mapping[str, Any]
    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        command: the command that answers the same on the command line.
        request: what it takes.
        row: the schema of a row that it gives.
        call: carries it out.
        text: what a model reads of the result.
        needs: the scopes of which one must be had for it to be of use.
        writes: whether it changes the memory, where the caller may.
        destroys: whether something is lost by it.
        of_all: whether it tells of the whole memory, and not to who sees a part.
    """

    name: str
    title: str
    description: str
    command: str
    request: type[Request]
    row: schemas.Schema
    call: Callable[[Memories, Any], Result[Any]]
    text: Callable[[Result[Any]], str]
    needs: frozenset[Scope]
    writes: bool = False
    destroys: bool = False
    of_all: bool = False

    def offered_to(self, access: Access) -> bool:
        """Whether a caller can make any use of it."""
        return bool(self.needs & access.scopes) and not (self.of_all and access.bound)

    def changes(self, access: Access) -> bool:
        """Whether a call of this caller may change the memory."""
        return self.writes and Scope.WRITE in access.scopes

    def answer(self, opened: Callable[[], Memories], arguments: Mapping[str, Any]) -> Answer:
        """Carries out one call; a fault is an answer as well.

        Args:
            opened: the memory as the caller may use it.
        """
        started = time.perf_counter()
        try:
            answered = self.call(opened(), parsed(self.request, arguments))
            told = envelope(answered, self.command, _since(started))
            degraded = [f"Degraded: {quoting.quoted(reason)}" for reason in answered.degraded]
            return Answer(told, "\n".join([*degraded, self.text(answered)]))
        except SophiaError as error:
            return self._failed(error, started)
        except Exception as error:
            return self._failed(unexpected(error, self.name), started)

    def _failed(self, error: SophiaError, started: float) -> Answer:
        told = {
            "status": "error",
            "command": self.command,
            "duration_ms": round(_since(started), 3),
            "count": 0,
            "data": [],
            "degraded": [],
            "trace": {},
            "error": {"code": error.code, "message": error.message, "hint": error.hint},
        }
        hint = f"\nHint: {quoting.quoted(error.hint)}" if error.hint else ""
        text = f"Failed: {error.code}: {quoting.quoted(error.message)}{hint}"
        return Answer(told, text, failed=True)


class _Unexpected(SophiaError):
    code = "internal"


def unexpected(error: Exception, what: str) -> SophiaError:
    """An error in sophia itself, by its name alone: its text may hold what was asked or found."""
    log.error("mcp failed", what=what, error=type(error).__name__)
    return _Unexpected(f"an error in sophia itself: {type(error).__name__}")


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
