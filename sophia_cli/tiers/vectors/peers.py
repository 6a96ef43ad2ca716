"""Several addresses of one service: a call goes to the next one when one cannot serve.

The peer that answered last is asked first; one that failed is left alone for a while, and asked
all the same when nobody else is left. A peer being drained is asked no more. When all have been
asked in vain and one of them did not answer at all, calls fail at once for a moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Generic, Protocol, TypeVar

from sophia_cli.errors import ConfigurationError, TierDown
from sophia_cli.logs.events import log
from sophia_cli.tiers.breaker import Breaker
from sophia_cli.tiers.vectors.faults import Fault, fault_of
from sophia_cli.tiers.vectors.traffic import Traffic

T = TypeVar("T")
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_HINT = "`sophia doctor` looks at every peer"


class Connection(Protocol):
    """What is held open to a peer."""

    def close(self) -> None:
        """Lets go of it."""


C = TypeVar("C", bound=Connection)


class Peers(Generic[C]):
    """The peers of a cluster, each connected at its first call.

    Args:
        urls: one address a peer; the first is asked first.
        connect: opens a connection without speaking to the peer.
        cool_down: how long a peer that failed is left alone, seconds.

    Attributes:
        traffic: the calls on their way through each peer.
    """

    def __init__(self, urls: Sequence[str], connect: Callable[[str], C], cool_down: float) -> None:
        if not urls:
            raise ConfigurationError("the vectors have no address")
        self._urls = list(dict.fromkeys(urls))
        self._connect = connect
        self._cool_down = cool_down
        self._lock = threading.Lock()
        self._connections: dict[str, C] = {}
        self._good = self._urls[0]
        self._rested: dict[str, float] = {}
        self.traffic = Traffic()
        self._breaker = Breaker(lambda reasons: TierDown("vectors", reasons, _HINT))
        self._suspect = False

    @property
    def urls(self) -> tuple[str, ...]:
        """Every peer's address."""
        return tuple(self._urls)

    @property
    def rested(self) -> frozenset[str]:
        """Those that failed lately, and have not answered since."""
        return frozenset(self._rested)

    @property
    def suspect(self) -> bool:
        """Whether none could serve the last call: a write, which may take long, first reads."""
        return self._suspect

    def read(self, action: Callable[[C], T]) -> T:
        """Asks one peer after the other, each once.

        Raises:
            TierDown: none could serve now or a moment ago, or one refused the request itself.
        """
        self._breaker.enter()
        faults: dict[str, Fault] = {}
        for url in self._order():
            fault, result = self._try(url, action)
            if result:
                self._suspect = False
                self._breaker.passed()
                return result[0]
            if fault is not None:
                faults[url] = fault
        self._suspect = True
        if any(fault.silent for fault in faults.values()):
            raise self._breaker.failed(_reasons(faults), "; ".join(map(_bare, faults.values())))
        self._breaker.passed()
        raise _down(faults)

    def write(self, action: Callable[[C], T], budget: float, attempt: float) -> T:
        """Repeats an action, on one peer after the other, until one acknowledges it.

        A write that failed or timed out may be done or not: the action must be one that can be
        repeated.

        Args:
            budget: for everything, seconds.
            attempt: what one attempt can take at most, seconds: none is begun that could not end
                within the budget, except the first.

        Raises:
            TierDown: not acknowledged within `budget`, or a peer refused the request itself.
        """
        latest = time.monotonic() + budget - attempt
        pause = _FIRST_PAUSE
        faults: dict[str, Fault] = {}
        while True:
            for url in self._order():
                if faults and time.monotonic() > latest:
                    raise self._given_up(faults)
                fault, result = self._try(url, action)
                if result:
                    self._suspect = False
                    return result[0]
                if fault is not None:
                    faults[url] = fault
            if not faults or time.monotonic() + pause > latest:
                raise self._given_up(faults)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def leave_out(self, urls: Collection[str]) -> None:
        """Asks these peers no more and all others again; calls on their way come to their end."""
        drained, resumed = self.traffic.leave_out([url for url in urls if url in self._urls])
        with self._lock:
            for url in resumed:
                self._rested.pop(url, None)
        for event, changed in (("peer drained", drained), ("peer resumed", resumed)):
            for url in changed:
                log.info(event, tier="vectors", peer=url)

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            connections = list(self._connections.values())
            self._connections.clear()
        for connection in connections:
            connection.close()

    def _given_up(self, faults: dict[str, Fault]) -> TierDown:
        self._suspect = True
        return _down(faults)

    def _order(self) -> list[str]:
        """The peers to ask: the last good one, the others, then those that failed lately."""
        with self._lock:
            now = time.monotonic()
            usable = [url for url in self._urls if url not in self.traffic.left_out]
            return sorted(
                usable,
                key=lambda url: (max(self._rested.get(url, 0.0) - now, 0.0), url != self._good),
            )

    def _try(self, url: str, action: Callable[[C], T]) -> tuple[Fault | None, tuple[T, ...]]:
        """Does it with one peer: its fault, or the result; neither when it has been drained."""
        with self.traffic.call(url) as admitted:
            return self._asked(url, action) if admitted else (None, ())

    def _asked(self, url: str, action: Callable[[C], T]) -> tuple[Fault | None, tuple[T, ...]]:
        with self._lock:
            connection = self._connections.get(url)
            if connection is None:
                connection = self._connections[url] = self._connect(url)
        try:
            result = action(connection)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            if not fault.of_peer:
                raise _refused(url, fault) from error
            with self._lock:
                news = url not in self._rested
                self._rested[url] = time.monotonic() + self._cool_down
            if news:
                log.warning("peer left out", tier="vectors", peer=url, cause=_bare(fault))
            return fault, ()
        with self._lock:
            self._good = url
            news = self._rested.pop(url, None) is not None
        if news:
            log.info("peer back", tier="vectors", peer=url)
        return None, (result,)


class RequestRefused(TierDown):
    """A peer is there and says no to the request itself; another one would say the same.

    Attributes:
        status: the HTTP status, or the one closest to gRPC's.
    """

    def __init__(self, message: str, hint: str, status: int | None) -> None:
        super().__init__("vectors", message, hint)
        self.status = status


def _refused(url: str, fault: Fault) -> RequestRefused:
    hint = _HINT
    if fault.status in (401, 403):
        hint = "check the API key that the configuration names"
    elif fault.status == 404:
        hint = "`sophia reindex --from-scratch` builds the collection from the records"
    return RequestRefused(f"{url}: {fault.reason}", hint, fault.status)


def _down(faults: dict[str, Fault]) -> TierDown:
    return TierDown("vectors", _reasons(faults), _HINT)


def _bare(fault: Fault) -> str:
    return fault.bare or fault.reason


def _reasons(faults: dict[str, Fault]) -> str:
    reasons = "; ".join(f"{url}: {fault.reason}" for url, fault in faults.items())
    return reasons or "every peer is being drained"
