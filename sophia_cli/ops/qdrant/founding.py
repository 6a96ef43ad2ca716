"""Who founds the cluster: the first peer, once, and never while others have data.

Every peer is started with `--bootstrap` to another one, so that one whose volume is gone can only
join. The first start of all is the founding: the first peer alone, for a moment, with `--uri`.
"""

from __future__ import annotations

from collections.abc import Callable

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.asks import Asks, Peer
from sophia_cli.ops.qdrant.witnesses import look


def may_be_founded(asks: Asks, peers: tuple[Peer, ...], holds_data: Callable[[str], bool]) -> str:
    """Sees that the step that founds would not make a second cluster; says what is the case.

    Raises:
        GateFailed: the first peer has no data and others have: it must join them, and cannot yet.
    """
    first, others = peers[0], peers[1:]
    if holds_data(first.host):
        return f"{first.host} is part of a cluster already"
    older = [peer.host for peer in others if holds_data(peer.host)]
    if not older:
        return f"nobody has data: {first.host} founds the cluster"
    seen = look(asks, others)
    if not seen.views:
        raise GateFailed(
            f"qdrant: {first.host} has no data, {', '.join(older)} have and do not answer: a "
            "second cluster would be founded",
            f"start {older[0]} first: `docker start sophia-qdrant`",
        )
    for host, view in seen.views.items():
        if id_ := view.id_at(first.uri):
            raise GateFailed(
                f"qdrant: {first.host} lost its storage: {host} still lists it as peer {id_}",
                f"remove the old id first: `DELETE /cluster/peer/{id_}?force=true` at {host}",
            )
    return f"{first.host} has no data and joins {', '.join(seen.views)}"
