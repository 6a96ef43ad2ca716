"""The connections to all hosts of an inventory, and work on many of them at once."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sophia_cli.errors import Interrupted, SophiaError
from sophia_cli.ops.connection.link import Link
from sophia_cli.ops.connection.protocol import Connection
from sophia_cli.ops.connection.redaction import Redactor
from sophia_cli.ops.connection.ssh import SshConnection
from sophia_cli.ops.connection.target import bastion_of, target_of
from sophia_cli.ops.errors import OutcomeUnknown
from sophia_cli.ops.inventory.model import Inventory

T = TypeVar("T")

_LOOK = 0.1
# How long those that were told to stop may take to do so.
_STOPPING = 15.0


class HostConnections:
    """One connection a host, each made when it is first asked for; see `protocol.Connections`.

    Args:
        redactor: takes secrets out of lines and messages.
        cancelled: when set, what runs on any host is ended and raises `Interrupted`.
    """

    def __init__(
        self,
        inventory: Inventory,
        redactor: Redactor | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._inventory = inventory
        self._redactor = redactor or Redactor()
        self._cancelled = cancelled or threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[str, SshConnection] = {}
        bastion = bastion_of(inventory)
        self._bastion = None if bastion is None else Link(bastion)

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[Connection]:
        """The one connection to a host; leaving the context keeps it open for the next.

        Raises:
            NotFound: the inventory has no such host.
        """
        with self._lock:
            connection = self._connections.get(host)
            if connection is None:
                link = Link(target_of(self._inventory, host), self._bastion)
                connection = SshConnection(link, self._redactor, self._cancelled)
                self._connections[host] = connection
        yield connection

    def close(self) -> None:
        """Ends them all; safe to call twice."""
        with self._lock:
            connections = list(self._connections.values())
        for connection in connections:
            connection.close()
        if self._bastion is not None:
            self._bastion.close()

    def __enter__(self) -> HostConnections:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def on_hosts(
    names: Sequence[str],
    action: Callable[[str], T],
    parallel: int,
    cancelled: threading.Event | None = None,
) -> dict[str, T | SophiaError]:
    """Does something for every host, on so many at once.

    Args:
        action: gets a host's name; whatever it waits for must have a time-out of its own.
        cancelled: when set, hosts that were not begun are left out; Ctrl-C sets it. Given to
            `HostConnections` too, it also ends what runs.

    Returns:
        For every name, in their order: what `action` gave, or the error it raised; `Interrupted`
        where it was not begun.

    Raises:
        KeyboardInterrupt: after those that ran have ended.
    """
    stop = cancelled or threading.Event()
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in dict.fromkeys(names):
        waiting.put(name)
    done: queue.SimpleQueue[tuple[str, T | BaseException] | None] = queue.SimpleQueue()
    begun: set[str] = set()

    def work() -> None:
        try:
            while not stop.is_set():
                name = waiting.get_nowait()
                begun.add(name)
                try:
                    done.put((name, action(name)))
                except BaseException as error:
                    done.put((name, error))
        except queue.Empty:
            pass
        finally:
            done.put(None)

    # Not of an executor, which Python would wait for at its end, however long that takes.
    workers = [
        threading.Thread(
            target=contextvars.copy_context().run, args=(work,), name=f"hosts-{n}", daemon=True
        )
        for n in range(min(parallel, len(set(names))))
    ]
    for worker in workers:
        worker.start()
    results, interrupted = _collected(len(workers), done, stop)
    if interrupted is not None:
        raise interrupted
    return {name: _result(name, results, name in begun) for name in dict.fromkeys(names)}


def _collected(
    workers: int,
    done: queue.SimpleQueue[tuple[str, T | BaseException] | None],
    stop: threading.Event,
) -> tuple[dict[str, T | BaseException], KeyboardInterrupt | None]:
    """What there is once all workers have ended, or were told to and had time enough."""
    results: dict[str, T | BaseException] = {}
    interrupted: KeyboardInterrupt | None = None
    latest: float | None = None
    while workers:
        try:
            with contextlib.suppress(queue.Empty):
                result = done.get(timeout=_LOOK)
                if result is None:
                    workers -= 1
                else:
                    results[result[0]] = result[1]
            if stop.is_set():
                latest = latest or time.monotonic() + _STOPPING
                if time.monotonic() > latest:
                    break
        except KeyboardInterrupt as error:
            if interrupted is not None:
                raise
            interrupted = error
            stop.set()
    return results, interrupted


def _result(name: str, results: dict[str, T | BaseException], begun: bool) -> T | SophiaError:
    if name not in results:
        if begun:
            return OutcomeUnknown(
                f"{name}: was still at work when it was told to stop",
                "it may be done or not: look before you run it again",
            )
        return Interrupted(f"{name}: not begun", "run it again")
    result = results[name]
    if isinstance(result, BaseException) and not isinstance(result, SophiaError):
        raise result
    return result
