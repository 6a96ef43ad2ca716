"""One session over the standard streams of a command, which an editor has started.

The command's thread reads the lines and looks whether it is to end; the protocol runs in an event
loop beside it. On the standard output there is nothing but the protocol.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, TextIO

import anyio
import anyio.to_thread
import mcp_types as types
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp.server.lowlevel import Server
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from sophia_cli.daemon.streams import writer
from sophia_cli.environment import Environment
from sophia_cli.errors import Interrupted, Unreachable
from sophia_cli.mcp.lines import Malformed, line_of, lines, message_of

MOST_OPEN = 100
"""Requests that may wait for their answers; while there are so many, no more is read."""
_PAUSE = 0.1


def serve(server: Server[Any], environment: Environment) -> None:
    """Serves until the input ends; what was asked by then is answered before it returns.

    Raises:
        Interrupted: the user has stopped it, or the editor is gone.
        Unreachable: the process that runs it is to end.
        OSError: the answers cannot be written.
    """
    with _output(environment) as output, start_blocking_portal() as portal:
        session = _Session(server, output)
        with portal.wrap_async_context_manager(session.running()):
            try:
                _read(session, portal, environment)
            except KeyboardInterrupt:
                environment.cancelled.set()
    if session.fault is not None:
        raise session.fault
    if environment.cancelled.is_set():
        raise Interrupted("interrupted")
    if environment.ending():
        raise Unreachable("the resident process is ending", "start the mcp server again")


def _read(session: _Session, portal: BlockingPortal, environment: Environment) -> None:
    def given_up() -> bool:
        return session.fault is not None or environment.cancelled.is_set()

    for line in lines(environment.stdin.fileno(), lambda: given_up() or environment.ending()):
        if given_up():
            break
        portal.call(session.take, line)
    while not given_up() and not portal.call(session.settled, _PAUSE):
        pass


class _Session:
    """A server's end of one conversation.

    Attributes:
        fault: why nothing can be written any more.
    """

    def __init__(self, server: Server[Any], output: TextIO) -> None:
        self.fault: Exception | None = None
        self._server = server
        self._output = output
        self._open = 0
        self._changed = anyio.Condition()
        self._input, self._to_read = _pipe()
        self._answers, self._to_write = _pipe()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the protocol; at the end of the block its input ends."""
        async with anyio.create_task_group() as tasks, self._input, self._answers:
            options = self._server.create_initialization_options()
            tasks.start_soon(self._server.run, self._to_read, self._answers.clone(), options)
            tasks.start_soon(self._write)
            yield

    async def take(self, line: bytes | None) -> None:
        """Hands a line to the protocol; one that is no message is answered here."""
        if line is not None and not line.strip():
            return
        try:
            message = message_of(line)
        except Malformed as error:
            await self._admit()
            await self._answers.send(SessionMessage(error.answer))
            return
        if isinstance(message, types.JSONRPCRequest):
            await self._admit()
        metadata = ServerMessageMetadata(on_request_unanswered=self._settle)
        await self._input.send(SessionMessage(message, metadata))

    async def settled(self, patience: float) -> bool:
        """Whether everything is answered, now or within so many seconds."""
        with anyio.move_on_after(patience):
            async with self._changed:
                while self._open:
                    await self._changed.wait()
        return not self._open

    async def _admit(self) -> None:
        async with self._changed:
            while self._open >= MOST_OPEN:
                await self._changed.wait()
            self._open += 1

    async def _settle(self) -> None:
        async with self._changed:
            self._open -= 1
            self._changed.notify_all()

    async def _write(self) -> None:
        async for answer in self._to_write:
            if self.fault is None:
                try:
                    await anyio.to_thread.run_sync(self._put, line_of(answer.message))
                except (OSError, Interrupted) as error:
                    self.fault = error
            if isinstance(answer.message, types.JSONRPCResponse | types.JSONRPCError):
                await self._settle()

    def _put(self, line: str) -> None:
        self._output.write(line)
        self._output.flush()


def _pipe() -> Any:
    return anyio.create_memory_object_stream[SessionMessage](0)


@contextlib.contextmanager
def _output(environment: Environment) -> Iterator[TextIO]:
    """The standard output, for nobody but the protocol.

    In the foreground it belongs to the whole process: what anything else there writes goes to
    standard error meanwhile.
    """
    if environment.resident:
        yield environment.stdout
        return
    environment.stdout.flush()
    number = environment.stdout.fileno()
    kept = os.dup(number)
    os.dup2(environment.stderr.fileno(), number)
    output = writer(os.dup(kept), environment.cancelled)
    try:
        yield output
    finally:
        os.dup2(kept, number)
        os.close(kept)
        with contextlib.suppress(OSError, Interrupted):
            output.close()
