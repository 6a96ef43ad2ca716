"""What speaks against a cluster: the kinds, and the words.

No peer is believed about itself alone: a leader without a quorum goes on calling itself leader, and
replicas are `Active` until a write meets them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_MOST_EXAMPLES = 4


class Kind(StrEnum):
    """What speaks against a cluster."""

    SILENT = "silent"
    OFF = "cluster off"
    STOPPED = "consensus stopped"
    NO_VOTER = "not a voter"
    MISSING = "not listed"
    STRANGER = "stranger"
    OTHER_ID = "other id"
    LEADER = "leader"
    TERM = "term"
    COMMIT = "commit"
    PENDING = "pending"
    SENDING = "sending"
    UNRESPONSIVE = "unresponsive"
    QUORUM = "quorum"
    VERSION = "version"
    COLLECTIONS = "collections"
    REPLICA = "replica"
    TRANSFER = "transfer"
    FACTOR = "factor"
    COUNT = "count"
    PROBE = "probe"


# What time alone does not change: there is no use in waiting.
_LASTING = {Kind.OFF, Kind.STOPPED, Kind.STRANGER, Kind.OTHER_ID, Kind.VERSION}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks against a cluster, and who says it."""

    kind: Kind
    text: str

    @property
    def lasting(self) -> bool:
        """Whether waiting will not help."""
        return self.kind in _LASTING

    def __str__(self) -> str:
        return self.text


def told(reasons: Iterable[Reason]) -> str:
    """The reasons in one line, the first ones in full."""
    texts = list(dict.fromkeys(str(reason) for reason in reasons))
    more = len(texts) - _MOST_EXAMPLES
    return "; ".join(texts[:_MOST_EXAMPLES]) + (f"; and {more} more" if more > 0 else "")
