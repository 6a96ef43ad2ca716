"""Connections to PostgreSQL: a pool, transactions that survive a restart, and clear errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import psycopg
from psycopg import errors as pg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from sophia_cli.correlation import current
from sophia_cli.errors import OutOfSpace, TierDown, Unreachable
from sophia_cli.logs.events import debugging
from sophia_cli.tiers.breaker import LOOK, Breaker
from sophia_cli.tiers.records.connections import Connection, telling
from sophia_cli.tiers.records.writes import Alone, Writes

__all__ = ["Connection", "Database"]

T = TypeVar("T")

_PAUSE = 0.05
# The longest wait for a connection before looking whether the server refuses or is to be started.
_PATIENCE = 1.0
# Of the time-out, what the server takes for a statement: so that a slow one is told from a server
# that does not answer at all.
_OF_THE_SERVER = 0.9
# The same few statements run again and again, each with an index of its own. They are planned once
# a connection, since planning takes as long as running them; and never as a scan of the whole
# table, which a plan that was made while it was small would stay with.
_PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
_HINT = "sophia status shows the engines"
_nothing = nullcontext()


class Database:
    """A pool of connections to one PostgreSQL.

    `run` repeats a transaction whose connection was lost. So every transaction here is written to
    be repeatable: when the first attempt was committed after all, the second changes nothing.

    A call ends within the time-out, also before a server that is frozen. From then on calls fail at
    once, and one at a time looks whether the server is back.

    Args:
        address: returns the libpq connection string; called at first use and after a loss, so that
            an embedded server is (re)started by the same call, which may take as long as that does.
        size: the most connections open at once.
        timeout: seconds within which a call ends, in success or in `TierDown`.
        password: given apart from the connection string, so that no error text can show it.
        alone: see `Writes`.
    """

    def __init__(
        self,
        address: Callable[[], str],
        *,
        size: int = 8,
        timeout: float = 10.0,
        password: str | None = None,
        alone: Alone | None = None,
    ) -> None:
        self.writes = Writes(alone)
        self._address = address
        self._size = size
        self._timeout = timeout
        self._password = password
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None
        self._breaker = Breaker(_down)
        self._unconnected = ""

    def run(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in one transaction and returns its result.

        Raises:
            TierDown, OutOfSpace: see `ask`.
        """

        def transaction(connection: Connection) -> T:
            with connection.transaction():
                return work(connection)

        return self.tell(transaction)

    def tell(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` that writes, each of its statements for itself: a round trip less or two.

        Raises:
            TierDown, OutOfSpace: see `ask`.
        """
        with self.writes.writing():
            return self._ask(work, writes=True)

    def ask(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` that only reads, each of its statements for itself.

        Raises:
            TierDown: PostgreSQL did not answer within the time-out, or a moment ago; whether it
                carried out what it was told is unknown.
            OutOfSpace: its disk is full; the transaction was not carried out.
        """
        return self._ask(work, writes=False)

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(timeout=1.0)

    def _ask(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        if self._breaker.enter():
            self._within(min(LOOK, self._timeout), lambda connection: connection.execute(""))
        return self._within(self._timeout, work, writes=writes)

    def _within(
        self, seconds: float, work: Callable[[Connection], T], *, writes: bool = False
    ) -> T:
        deadline = time.monotonic() + seconds
        while True:
            pool: ConnectionPool[Connection] | None = None
            try:
                pool, started = self._open()
                # A server that had to be started is not refused for the time that this took.
                deadline += started
                left = max(0.1, deadline - time.monotonic())
                with pool.connection(timeout=min(left, _PATIENCE)) as connection:
                    connection.until = deadline
                    connection.name(_name())
                    with self._unsettled_by_loss(connection) if writes else _nothing:
                        result = work(connection)
            except (pg.DiskFull, pg.OutOfMemory) as error:
                raise OutOfSpace(
                    f"records: {_first_line(error)}", "free some space and run it again"
                ) from error
            except pg.QueryCanceled as error:
                raise _down(f"no answer within {self._timeout:g} s") from error
            except PoolTimeout as error:
                over = time.monotonic() + _PAUSE >= deadline
                if over or self._unconnected:
                    self._abandon(pool)
                if over:
                    cause = self._unconnected or f"no connection within {seconds:g} s"
                    raise self._breaker.failed(cause) from error
            except psycopg.Error as error:
                if not _passing(error):
                    raise
                if time.monotonic() >= deadline:
                    cause = f"no answer within {seconds:g} s"
                    raise self._breaker.failed(cause) from error
                self._abandon(pool)
                if time.monotonic() + _PAUSE >= deadline:
                    # That another call gave the pool up says nothing about the server.
                    lost = isinstance(error, PoolClosed) and self._unconnected
                    raise self._breaker.failed(lost or _first_line(error)) from error
                time.sleep(_PAUSE)
            else:
                self._breaker.passed()
                return result

    @contextmanager
    def _unsettled_by_loss(self, connection: Connection) -> Iterator[None]:
        """A write that does not come to its end here may come to it on the server."""
        backend = connection.info.backend_pid
        try:
            yield
        except psycopg.Error as error:
            if _passing(error) and not isinstance(error, pg.QueryCanceled):
                self.writes.unsettle(backend)
            raise
        except Exception:
            raise  # Ours: the transaction was rolled back.
        except BaseException:
            self.writes.unsettle(backend)
            raise

    def _open(self) -> tuple[ConnectionPool[Connection], float]:
        """The pool, and the seconds for which the server had to be waited for."""
        with self._lock:
            if self._pool is not None:
                return self._pool, 0.0
            asked = time.monotonic()
            try:
                address = self._address()
            except Unreachable as error:
                # Only what costs a wait is worth sparing others: a failed start is tried again.
                if self._breaker.open or time.monotonic() - asked > _PATIENCE:
                    self._breaker.failed(error.message)
                raise TierDown("records", error.message, error.hint) from error
            self._unconnected = ""
            self._pool = ConnectionPool(
                address,
                connection_class=telling(self._note),
                min_size=1,
                max_size=self._size,
                timeout=self._timeout,
                kwargs={
                    "autocommit": True,
                    "password": self._password,
                    "connect_timeout": max(2, int(self._timeout)),
                    "application_name": Connection.named,
                    "options": f"-c statement_timeout={int(self._timeout * 1000 * _OF_THE_SERVER)}"
                    f" -c timezone=UTC {_PLANS}",
                },
                open=True,
            )
            return self._pool, time.monotonic() - asked

    def _note(self, error: psycopg.Error) -> None:
        self._unconnected = _first_line(error)

    def _abandon(self, pool: ConnectionPool[Connection] | None) -> None:
        """Forgets a pool whose server went away: a new one starts without its back-off."""
        with self._lock:
            if pool is None or self._pool is not pool:
                return
            self._pool = None
        threading.Thread(target=pool.close, kwargs={"timeout": 1.0}, daemon=True).start()


def _name() -> str:
    """What the server is to call us. To tell it a request costs a round trip: in debug only."""
    return f"{Connection.named} {current()}" if debugging() and current() else Connection.named


def _passing(error: psycopg.Error) -> bool:
    """Whether an error says nothing about our statement: the connection was lost.

    Also while the server starts, stops or recovers. And what libpq says of an answer that is none
    of PostgreSQL's is a bare `DatabaseError` without a code.
    """
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return lost or type(error) is psycopg.DatabaseError


def _down(cause: str) -> TierDown:
    hint = "check records.url" if "password authentication failed" in cause else _HINT
    return TierDown("records", cause, hint)


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
