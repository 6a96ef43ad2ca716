"""`Sophia`: a memory in the hands of a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, Unpack

from sophia_cli.client import calls, options
from sophia_cli.client.calls import Call, Id
from sophia_cli.client.http import Http
from sophia_cli.client.place import TIMEOUT, place
from sophia_cli.client.result import Result
from sophia_cli.config.model import Config
from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.model import Memory
from sophia_cli.memory.service import Receipt, Remembered
from sophia_cli.tiers.records.queries import Event

T = TypeVar("T")


class Transport(Protocol):
    """What carries a call."""

    def send(self, call: Call[Any]) -> Any:
        """The envelope of the answer."""

    def close(self) -> None:
        """Lets go of everything."""


class Sophia:
    """A memory. Threads may share it; `close` it, or use it as a context manager.

    Options are those of the command line; `sophia_cli.client.options` has their types. Any call
    raises the `SophiaError` of the command line: `InvalidInput`, `NotFound`, `Unreachable` ...

    Args:
        url: of a resident process that listens on TCP; without it that of SOPHIA_URL, and without
            that the resident process of this user's home, which is started where none runs.
        token: what opens it; with the URL of SOPHIA_URL, that of SOPHIA_TOKEN unless given.
        timeout: seconds to wait for an answer.

    Raises:
        ConfigurationError: a URL or token that cannot be used.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, timeout: float = TIMEOUT
    ) -> None:
        self._transport: Transport = Http(place(url, token, timeout))

    @classmethod
    def in_process(cls, config: Config | Path | str | None = None) -> Self:
        """A memory that this process opens for itself, with the first call.

        Beside a resident process it uses that one's engines.

        Args:
            config: a configuration, the file of one, or None for the one a command would have.
        """
        from sophia_cli.client.in_process import InProcess

        made = cls.__new__(cls)
        made._transport = InProcess(config)
        return made

    def remember(
        self,
        memories: str | options.NewMemory | Sequence[options.NewMemory],
        **about: Unpack[options.About],
    ) -> Result[Remembered]:
        """Stores a memory, or several at once: all of them, or none.

        Args:
            memories: a text; or a mapping with `content` and what is known of it, or many.
            about: kind, user, agent, session, turn, speaker, at, tags, expires: of each of them.
        """
        return self._do(calls.remember(memories, about))

    def recall(self, query: str, **given: Unpack[options.Recalling]) -> Result[Recalled]:
        """The best memories for a question, best first.

        Args:
            given: kind, user, agent, session, tags, since, until; limit, now, diverse, explain.
        """
        return self._do(calls.recall(query, given))

    def similar(self, text: str, **given: Unpack[options.Seeking]) -> Result[Recalled]:
        """The memories nearest to a text by meaning alone, best first.

        Args:
            given: kind, user, agent, session, tags, since, until; limit, explain.
        """
        return self._do(calls.similar(text, given))

    def ask(self, sentence: str, **given: Unpack[options.Asking]) -> Result[Any]:
        """Carries out a plain sentence; `trace["understood"]` says what it was taken for.

        Args:
            given: limit, kind, user, explain.

        Returns:
            `Recalled`, `Remembered`, or figures, by what was asked.
        """
        return self._do(calls.ask(sentence, given))

    def get(self, id: Id) -> Result[Memory]:
        """One memory: `get(id).one`. Raises `NotFound` where there is none."""
        return self._do(calls.get(id))

    def list(
        self, *, page: int | None = None, ended: bool = False, **which: Unpack[options.Filter]
    ) -> Iterator[Memory]:
        """All memories that fit, the newest first, read page by page.

        Args:
            page: how many are read at once.
            ended: with those that are superseded or expired.
            which: kind, user, agent, session, tags, since, until.
        """
        cursor = None
        while True:
            found = self._do(calls.page(which, page, cursor, ended))
            yield from found
            cursor = found.next_cursor
            if cursor is None:
                return

    def history(self, id: Id) -> Result[Event]:
        """The audit trail of a memory, oldest first, also of one that was forgotten."""
        return self._do(calls.history(id))

    def update(
        self, id: Id, *, version: int | None = None, **change: Unpack[options.Changing]
    ) -> Result[Memory]:
        """Changes fields of a memory; tags are added to those it has.

        Args:
            version: the only version that is to be changed: raises `Conflict` at any other.
            change: content, kind, speaker, at, tags, expires.
        """
        return self._do(calls.update(id, change, version))

    def forget(self, ids: Id | Sequence[Id], *, version: int | None = None) -> Result[Receipt]:
        """Erases memories from every tier and reads each back: all that are named, or none.

        Args:
            version: of one memory, the only version that is to be erased.
        """
        return self._do(calls.forget(ids, version))

    def stats(self) -> dict[str, Any]:
        """What the process that serves measured of itself and of its tiers."""
        return self._do(calls.stats()).one

    def close(self) -> None:
        """Closes connections, or the service in this process."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport!r})"

    def _do(self, call: Call[T]) -> Result[T]:
        return call.result(self._transport.send(call))
