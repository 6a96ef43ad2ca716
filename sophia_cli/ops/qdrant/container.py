"""The container that a peer runs in: what its host tells of it, and why it does not start."""

from __future__ import annotations

import json
import shlex

from sophia_cli.errors import SophiaError
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.qdrant.answers import ClusterView
from sophia_cli.ops.qdrant.asks import Asks, Peer, Silence
from sophia_cli.ops.qdrant.startup import Explanation, Start, explain
from sophia_cli.ops.qdrant.witnesses import look
from sophia_cli.ops.site import Site

CONTAINER = "sophia-qdrant"
CONFIGURATION = "/etc/sophia/qdrant/production.yaml"
"""Where a host has the configuration of its peer."""

_LINES = 60
_TIMEOUT = 20.0
_MARK = "--- sophia ---"


def holds_data(site: Site, host: str) -> bool:
    """Whether a peer ever ran on this host: it keeps the state of its consensus.

    Raises:
        Unreachable: the host could not be asked.
    """
    directory = site.inventory.services.qdrant.data_dir
    state = shlex.quote(f"{directory}/storage/raft_state.json")
    with site.connections.to(host) as connection:
        return connection.run(Command(f"test -e {state}", timeout=_TIMEOUT)).exit_status == 0


def configuration(site: Site, host: str) -> str | None:
    """The file that the host's peer is configured with; None where there is none.

    Raises:
        Unreachable: the host could not be asked.
    """
    with site.connections.to(host) as connection:
        found = connection.run(Command(f"cat {CONFIGURATION}", timeout=_TIMEOUT))
    return found.stdout if found.exit_status == 0 else None


def why_not(site: Site, asks: Asks, peers: tuple[Peer, ...], peer: Peer) -> Explanation | None:
    """Why the peer of a host does not run as it should; None where its host tells nothing."""
    # Its arguments and its log; of its environment nothing.
    command = (
        f"docker inspect --format '{{{{json .State.Running}}}} {{{{json .State.ExitCode}}}} "
        f"{{{{json .RestartCount}}}} {{{{json .Args}}}}' {CONTAINER} && echo '{_MARK}' && "
        f"docker logs --tail {_LINES} {CONTAINER} 2>&1"
    )
    try:
        with site.connections.to(peer.host) as connection:
            told = connection.run(Command(command, timeout=_TIMEOUT))
        file = configuration(site, peer.host) or ""
    except SophiaError:
        return None
    state, found, log = told.stdout.partition(_MARK + "\n")
    if told.exit_status != 0 or not found:
        return Explanation(
            f"there is no container {CONTAINER} that docker tells of", "`sophia deploy qdrant`"
        )
    running, exit_code, restarts, arguments = state.split(" ", 3)
    seen = look(asks, peers)
    own = next(said.cluster for said in seen if said.peer.host == peer.host)
    others = [view for host, view in seen.views.items() if host != peer.host]
    return explain(
        Start(
            log.splitlines(),
            int(exit_code) if running == "false" or restarts != "0" else None,
            running == "true",
            tuple(json.loads(arguments)),
            file,
            own.enabled if isinstance(own, ClusterView) else None,
            any(view.id_at(peer.uri) for view in others)
            if others and isinstance(own, Silence)
            else None,
        )
    )
