"""A peer that runs takes the key of this machine's secrets, or it is of another deployment."""

from __future__ import annotations

from collections.abc import Sequence

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence, in_parallel

_KEY_REFUSED = (401, 403)


def refuse_strangers(asks: Asks, peers: Sequence[Peer]) -> str:
    """Asks each peer with our key; one that does not answer is no stranger yet.

    Raises:
        GateFailed: see `refuse_stranger`.
    """
    said = in_parallel(lambda peer: asks.ask(peer, "GET", "/cluster"), peers)
    for peer in peers:
        refuse_stranger(peer, said[peer.host])
    took = [host for host, each in said.items() if isinstance(each, Answer) and each.status == 200]
    return f"{' and '.join(took)} took the key" if took else "no peer answers yet"


def refuse_stranger(peer: Peer, said: Answer | Silence) -> None:
    """Refuses to change a peer that runs and does not take our key.

    Raises:
        GateFailed: its cluster has other secrets; changed one by one, its peers would part.
    """
    if said.status in _KEY_REFUSED:
        raise GateFailed(
            f"qdrant: {peer.host} runs and does not take the key of this machine's secrets "
            f"(HTTP {said.status}): it was deployed with others",
            "deploy from the machine that has them, or bring its secrets here "
            f"(cluster.secrets_dir); {peer.host} was not changed",
        )
