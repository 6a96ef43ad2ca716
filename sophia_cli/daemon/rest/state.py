"""How REST is, for `sophia status`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class State:
    """Written by the event loop, read by anybody.

    Attributes:
        listening: the address on TCP; None while there is none.
        fault: why it is not as it is configured.
    """

    listening: str | None = None
    fault: str | None = None
