"""Asking peers for a look: never longer than it takes, and never twice what stays silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sophia_cli.checks.in_time import in_time
from sophia_cli.errors import Unreachable
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence

if TYPE_CHECKING:
    pass

PATIENCE = 4.0
"""How long one answer may take, seconds; a peer gives the others 3 s before it gives them up."""
_LATER = 2.5
"""How much later it is silent whatever it waits for, seconds: a host not reached says so first."""


class Hasty:
    """Asks that come back in time whatever the peer does; a peer that is silent is not asked again.

    It is silent when it does not answer `/cluster`, which is what it is always asked first.
    """

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._silent: dict[str, Silence] = {}

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = PATIENCE
    ) -> Answer | Silence:
        """See `Asks`."""
        if (silence := self._silent.get(peer.host)) is not None:
            return silence
        seconds = min(timeout, PATIENCE)
        late = Unreachable(f"no answer within {seconds:g} s")
        said: Answer | Silence
        try:
            said = in_time(
                lambda: self._asks.ask(peer, method, path, body, seconds),
                seconds + _LATER,
                lambda: late,
            )
        except Unreachable as error:
            said = Silence(error.message)
        if path == "/cluster" and isinstance(said, Silence):
            self._silent[peer.host] = said
        return said


class Noted:
    """Asks whose answers are kept, to be read once more."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self.answers: dict[tuple[str, str], Answer | Silence] = {}

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = PATIENCE
    ) -> Answer | Silence:
        """See `Asks`."""
        said = self._asks.ask(peer, method, path, body, timeout)
        self.answers[peer.host, path] = said
        return said
