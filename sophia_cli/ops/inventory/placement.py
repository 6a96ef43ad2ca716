"""Which host does what, where nobody has said it."""

from __future__ import annotations

from collections.abc import Sequence

from sophia_cli.ops.inventory.model import Role

# A quorum of three goes on without one of them; more peers are for more data.
_PEERS = 3
# In this order, the one that gains most from a host of its own first.
_ONCE = (Role.POSTGRES, Role.REDIS, Role.SOPHIA, Role.MONITORING)


def placed(hosts: Sequence[str]) -> dict[str, tuple[Role, ...]]:
    """The roles of each host: Qdrant on the first three, all else where the least is so far.

    Hosts that nothing is left for become peers of Qdrant.
    """
    roles: dict[str, list[Role]] = {host: [] for host in hosts}
    for host in hosts[:_PEERS]:
        roles[host].append(Role.QDRANT)
    for role in _ONCE:
        quietest = min(hosts, key=lambda host: len(roles[host]))
        roles[quietest].append(role)
    return {host: tuple(found) or (Role.QDRANT,) for host, found in roles.items()}


def copies(peers: int) -> tuple[int, int]:
    """Copies of each shard for so many peers, and how many must confirm a write: the most of them.

    Two of two means that one host down holds writes back: they wait in the outbox, and no copy
    differs from the other.
    """
    factor = max(1, min(_PEERS, peers))
    return factor, factor // 2 + 1
