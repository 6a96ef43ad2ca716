"""The lock of a run: a lease on each of its hosts, all or none, kept fresh while the run lasts.

Who is killed leaves leases behind that nobody keeps fresh: the next one takes them over, at once
where it can see that the process has ended, else when the host has had no sign of life for long
enough.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

from sophia_cli.environment import utc_now
from sophia_cli.errors import Refused, SophiaError
from sophia_cli.ops.connection.protocol import Connection, Connections
from sophia_cli.ops.errors import HostUnreachable
from sophia_cli.ops.lease import DIRECTORY, Holder, HostLock, Lease
from sophia_cli.ops.owner import Owner
from sophia_cli.ops.waiting import LockHeld as LockHeld
from sophia_cli.ops.waiting import Waiting, clock, silent

_AT_ONCE = 10


class LockLost(Refused):
    """Somebody took the lock away, or took it over after too long a silence."""

    code = "lock_lost"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a lease gives a sign of life, and how long it lasts without one; seconds.

    Attributes:
        look: how often who waits looks at the host.
    """

    beat: float = 10.0
    stale: int = 30
    look: float = 2.0


class Leases:
    """The leases of one run; a context. Entering takes all of them or none.

    Args:
        hosts: names of the inventory.
        purpose: what it is for, as others read it: `deploy qdrant`.
        owner: who has it.
        patience: how long to wait for a lease to become stale whose owner gives no sign of life,
            seconds. Nobody waits for an owner who does.
        breaking: take the leases of those who hold them now, alive or not.
        directory: on the hosts.
        say: tells people what is waited for, taken over and left behind.
        pause: waits, and raises when the run is to end.
    """

    def __init__(
        self,
        connections: Connections,
        hosts: Iterable[str],
        purpose: str,
        owner: Owner,
        *,
        patience: float = 40.0,
        breaking: bool = False,
        directory: str = DIRECTORY,
        pace: Pace | None = None,
        say: Callable[[str, str], None] = silent,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._connections = connections
        self._hosts = sorted(set(hosts))
        self._lease = Lease(secrets.token_hex(8), owner, purpose, now().astimezone(UTC))
        self._directory = directory
        self._pace = pace or Pace()
        self._say = say
        self._pause = pause
        self._waiting = Waiting(patience, breaking, say)
        self._asked: set[str] = set()
        self._good: dict[str, float] = {}
        self._lost: dict[str, Holder | None] = {}
        self._ended = threading.Event()
        self._beats: list[threading.Thread] = []

    def __enter__(self) -> Leases:
        """Takes the leases.

        Raises:
            LockHeld: somebody else has one; says who, since when and for what.
            CommandFailed: a host's disk cannot be written.
            HostUnreachable, OutcomeUnknown, SudoRefused: a host cannot be asked.
        """
        try:
            while held := self._try_all():
                # All or none: who waits holds nobody up.
                self._release(self._asked)
                if self._waiting.must_pause(held):
                    self._pause(self._pace.look)
        except BaseException:
            self._release(self._asked)
            raise
        for host in self._hosts:
            beat = threading.Thread(target=self._beat, args=(host,), daemon=True)
            self._beats.append(beat)
            beat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Lets go of all of them. One on a host that is lost ends by itself."""
        self._ended.set()
        for beat in self._beats:
            beat.join(1.0)
        self._release(self._asked - set(self._lost))

    def check(self, *hosts: str) -> None:
        """Sees that the leases are ours still; before each step. Mostly it asks nobody.

        Args:
            hosts: those of the step; all where none is named.

        Raises:
            LockLost: one is not; says who has it.
            HostUnreachable, OutcomeUnknown, SudoRefused: one cannot be asked.
        """
        fresh = self._pace.stale - self._pace.beat
        for host in hosts or self._hosts:
            if host not in self._lost and clock() - self._good[host] > fresh:
                self._freshen(host)
            if host in self._lost:
                holder = self._lost[host]
                gone = "was removed" if holder is None else f"was taken over by {holder}"
                raise LockLost(
                    f"{host}: the lock {gone}",
                    "nothing more is done; `sophia journal` shows what was; run it again when the "
                    "other has finished",
                )

    def _try_all(self) -> dict[str, Holder]:
        """Takes the first host, then the others at once; returns who holds those not taken.

        Of two runs over the same hosts one has the first, and the other disturbs it no further.
        """
        held: dict[str, Holder] = {}

        def take(host: str) -> None:
            started, instead = clock(), self._waiting.instead.get(host)
            self._asked.add(host)  # unless it is known not to be ours, it is given up at the end
            try:
                with self._connections.to(host) as connection:
                    taken, other = self._lock(connection).take(self._lease, instead)
            except HostUnreachable:
                self._asked.discard(host)
                raise
            if taken:
                self._good[host] = started
                if other is not None and instead is None:
                    self._say(host, f"took over the lock of {other}, {other.silence}")
            elif other is not None:
                self._asked.discard(host)
                held[host] = other

        for hosts in (self._hosts[:1], self._hosts[1:]):
            if not held:
                _each(hosts, take)
        return {host: held[host] for host in self._hosts if host in held}

    def _release(self, hosts: Iterable[str]) -> None:
        def give_up(host: str) -> None:
            try:
                with self._connections.to(host) as connection:
                    self._lock(connection).give_up(self._lease.id)
            except SophiaError as error:
                ends = f"the lock ends by itself within {self._pace.stale} s"
                self._say(host, f"{ends}: {error.message}")

        _each(sorted(hosts), give_up)
        self._asked.difference_update(list(hosts))

    def _beat(self, host: str) -> None:
        """Gives signs of life; `check` asks itself when they have not got through for a while."""
        while host not in self._lost and not self._ended.wait(self._pace.beat):
            # Whatever a connection raises while it breaks, the next beat is due.
            with contextlib.suppress(Exception):
                self._freshen(host)

    def _freshen(self, host: str) -> None:
        started = clock()
        with self._connections.to(host) as connection:
            ours, holder = self._lock(connection).freshen(self._lease.id)
        if ours:
            self._good[host] = started
        elif not self._ended.is_set():
            self._lost[host] = holder

    def _lock(self, connection: Connection) -> HostLock:
        return HostLock(connection, self._directory, self._pace.stale)


def _each(hosts: Sequence[str], action: Callable[[str], None]) -> None:
    """Does it for all hosts at once, each to its end; then raises the first one's error."""
    if not hosts:
        return
    with ThreadPoolExecutor(min(_AT_ONCE, len(hosts))) as pool:
        done = [pool.submit(action, host) for host in hosts]
    for each in done:
        each.result()
