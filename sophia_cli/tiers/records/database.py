"""Connections to PostgreSQL: a pool, transactions that survive a restart, and clear errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

import psycopg
from psycopg import errors as pg
from psycopg_pool import ConnectionPool, PoolTimeout

from sophia_cli.errors import OutOfSpace, TierDown, Unreachable

T = TypeVar("T")
Waits = Generator[Any, Any, T]
Connection = psycopg.Connection[tuple[Any, ...]]

_PAUSE = 0.05
# What a server gets beyond its own time-out for a statement, seconds.
_GRACE = 1.0
# The same few statements run again and again, each with an index of its own. They are planned once
# a connection, since planning takes as long as running them; and never as a scan of the whole
# table, which a plan that was made while it was small would stay with.
_PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
# Also while the server starts, stops or recovers: none of these says anything about our statement.
_PASSING = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)


class Database:
    """A pool of connections to one PostgreSQL.

    `run` repeats a transaction whose connection was lost. So every transaction here is written to
    be repeatable: when the first attempt was committed after all, the second changes nothing.

    Args:
        address: returns the libpq connection string; called at first use and after a loss, so that
            an embedded server is (re)started by the same call.
        size: the most connections open at once.
        timeout: seconds within which a call ends, in success or in `TierDown`.
        password: given apart from the connection string, so that no error text can show it.
    """

    def __init__(
        self,
        address: Callable[[], str],
        *,
        size: int = 8,
        timeout: float = 10.0,
        password: str | None = None,
    ) -> None:
        self._address = address
        self._size = size
        self._timeout = timeout
        self._password = password
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None

    def run(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in one transaction and returns its result.

        Raises:
            TierDown, OutOfSpace: see `ask`.
        """

        def transaction(connection: Connection) -> T:
            with connection.transaction():
                return work(connection)

        return self.ask(transaction)

    def ask(self, work: Callable[[Connection], T]) -> T:
        """Runs `work`, each of its statements for itself: one round trip instead of three.

        Raises:
            TierDown: PostgreSQL could not be reached within the time-out.
            OutOfSpace: its disk is full; the transaction was not carried out.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            pool: ConnectionPool[Connection] | None = None
            try:
                pool = self._open()
                with pool.connection(timeout=max(0.1, deadline - time.monotonic())) as connection:
                    return work(connection)
            except (pg.DiskFull, pg.OutOfMemory) as error:
                raise OutOfSpace(
                    f"records: {_first_line(error)}", "free some space and run it again"
                ) from error
            except pg.QueryCanceled as error:
                raise TierDown("records", f"no answer within {self._timeout:g} s") from error
            except (pg.InvalidPassword, pg.InvalidAuthorizationSpecification) as error:
                raise TierDown("records", _first_line(error), "check records.url") from error
            except _PASSING as error:
                self._abandon(pool)
                if time.monotonic() + _PAUSE >= deadline:
                    raise TierDown(
                        "records", _first_line(error), "sophia status shows the engines"
                    ) from error
                time.sleep(_PAUSE)

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(timeout=1.0)

    def _open(self) -> ConnectionPool[Connection]:
        with self._lock:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._reached(),
                    connection_class=_patient_for(self._timeout + _GRACE),
                    min_size=1,
                    max_size=self._size,
                    timeout=self._timeout,
                    kwargs={
                        "autocommit": True,
                        "password": self._password,
                        "connect_timeout": max(2, int(self._timeout)),
                        "application_name": "sophia",
                        "options": f"-c statement_timeout={int(self._timeout * 1000)}"
                        f" -c timezone=UTC {_PLANS}",
                    },
                    open=True,
                )
            return self._pool

    def _reached(self) -> str:
        try:
            return self._address()
        except Unreachable as error:  # an embedded server that does not start, or is frozen
            raise TierDown("records", error.message, error.hint) from error

    def _abandon(self, pool: ConnectionPool[Connection] | None) -> None:
        """Forgets a pool whose server went away: a new one starts without its back-off."""
        with self._lock:
            if pool is None or self._pool is not pool:
                return
            self._pool = None
        threading.Thread(target=pool.close, kwargs={"timeout": 1.0}, daemon=True).start()


def _patient_for(seconds: float) -> type[Connection]:
    """Connections that are given up when nothing comes for so long, as from a frozen server."""

    class Patient(psycopg.Connection[tuple[Any, ...]]):
        def wait(self, gen: Waits[T], *arguments: Any, **settings: Any) -> T:
            return super().wait(self._bounded(gen), *arguments, **settings)

        def _bounded(self, gen: Waits[T]) -> Waits[T]:
            deadline = time.monotonic() + seconds
            ready = None
            while True:
                try:
                    wanted = gen.send(ready)
                except StopIteration as end:
                    return cast(T, end.value)
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer within {seconds:g} s")

    return Patient


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
