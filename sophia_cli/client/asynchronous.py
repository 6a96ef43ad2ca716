"""`AsyncSophia`: `Sophia` for an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, Unpack

from sophia_cli.client import calls, options
from sophia_cli.client.calls import Call, Id
from sophia_cli.client.http import AsyncHttp
from sophia_cli.client.place import TIMEOUT, place
from sophia_cli.client.result import Result
from sophia_cli.config.model import Config
from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.model import Memory
from sophia_cli.memory.service import Receipt, Remembered
from sophia_cli.tiers.records.queries import Event

T = TypeVar("T")


class AsyncTransport(Protocol):
    """What carries a call."""

    async def send(self, call: Call[Any]) -> Any:
        """The envelope of the answer."""

    async def close(self) -> None:
        """Lets go of everything."""


class AsyncSophia:
    """A memory, for the tasks of one event loop. Arguments and calls are those of `Sophia`."""

    def __init__(
        self, url: str | None = None, token: str | None = None, *, timeout: float = TIMEOUT
    ) -> None:
        self._transport: AsyncTransport = AsyncHttp(place(url, token, timeout))

    @classmethod
    def in_process(cls, config: Config | Path | str | None = None) -> Self:
        """See `Sophia.in_process`; each call runs in a thread."""
        from sophia_cli.client.in_process import AsyncInProcess

        made = cls.__new__(cls)
        made._transport = AsyncInProcess(config)
        return made

    async def remember(
        self,
        memories: str | options.NewMemory | Sequence[options.NewMemory],
        **about: Unpack[options.About],
    ) -> Result[Remembered]:
        """See `Sophia.remember`."""
        return await self._do(calls.remember(memories, about))

    async def recall(self, query: str, **given: Unpack[options.Recalling]) -> Result[Recalled]:
        """See `Sophia.recall`."""
        return await self._do(calls.recall(query, given))

    async def similar(self, text: str, **given: Unpack[options.Seeking]) -> Result[Recalled]:
        """See `Sophia.similar`."""
        return await self._do(calls.similar(text, given))

    async def ask(self, sentence: str, **given: Unpack[options.Asking]) -> Result[Any]:
        """See `Sophia.ask`."""
        return await self._do(calls.ask(sentence, given))

    async def get(self, id: Id) -> Result[Memory]:
        """See `Sophia.get`."""
        return await self._do(calls.get(id))

    async def list(
        self, *, page: int | None = None, ended: bool = False, **which: Unpack[options.Filter]
    ) -> AsyncIterator[Memory]:
        """See `Sophia.list`."""
        cursor = None
        while True:
            found = await self._do(calls.page(which, page, cursor, ended))
            for memory in found:
                yield memory
            cursor = found.next_cursor
            if cursor is None:
                return

    async def history(self, id: Id) -> Result[Event]:
        """See `Sophia.history`."""
        return await self._do(calls.history(id))

    async def update(
        self, id: Id, *, version: int | None = None, **change: Unpack[options.Changing]
    ) -> Result[Memory]:
        """See `Sophia.update`."""
        return await self._do(calls.update(id, change, version))

    async def forget(
        self, ids: Id | Sequence[Id], *, version: int | None = None
    ) -> Result[Receipt]:
        """See `Sophia.forget`."""
        return await self._do(calls.forget(ids, version))

    async def stats(self) -> dict[str, Any]:
        """See `Sophia.stats`."""
        return (await self._do(calls.stats())).one

    async def close(self) -> None:
        """See `Sophia.close`."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport!r})"

    async def _do(self, call: Call[T]) -> Result[T]:
        return call.result(await self._transport.send(call))
