"""Who uses the engines of a home: each process holds a share for as long as it needs them.

So a foreground command that started the engines stops them only when nobody else needs them, and
none starts them while another is stopping them.
"""

from __future__ import annotations

import fcntl
import os
import time
from types import TracebackType
from typing import Self

from sophia_cli.engines import failure
from sophia_cli.errors import Unreachable
from sophia_cli.home import Home

_POLL_SECONDS = 0.005


class EngineUse:
    """A share in the engines. Take it before `ensure()`, give it up after the last query.

        with EngineUse(home) as use:
            postgres.ensure()
            ...
            if use.last_user():
                postgres.stop()

    Args:
        home: whose engines.
        timeout: seconds to wait for a process that is just stopping them.
    """

    def __init__(self, home: Home, timeout: float = 30.0) -> None:
        self._home = home
        self._path = home.locks / "engines.lock"
        self._timeout = timeout
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes a share; having one already changes nothing.

        Raises:
            Unreachable: another process has been stopping the engines for `timeout` seconds.
            SophiaError: the home cannot be used; see `Home.prepare`.
        """
        if self._descriptor is not None:
            return
        self._home.prepare()
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise failure.of_system(error, self._path) from error
        try:
            deadline = time.monotonic() + self._timeout
            while not _locked(descriptor, fcntl.LOCK_SH):
                if time.monotonic() > deadline:
                    raise Unreachable(
                        f"another process has been stopping the engines for {self._timeout:g} s",
                        "run `sophia status`, or try again",
                    )
                time.sleep(_POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def last_user(self) -> bool:
        """Gives up the share and says whether it was the last.

        True: nobody gets a share until `release()`, so the engines may be stopped now. False:
        somebody else needs them, and this process has no claim on them any more.
        """
        if self._descriptor is None:
            return False
        # flock drops the share before it tries for more: of two that leave together, the second
        # to drop its share gets the lock. That it is lost on failure is what is wanted here.
        if _locked(self._descriptor, fcntl.LOCK_EX):
            return True
        self.release()
        return False

    def release(self) -> None:
        """Gives up the share, or the exclusive right that `last_user()` brought."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
