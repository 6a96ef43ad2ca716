"""What the server says of itself: `/`, the checks, `/issues`, `/telemetry`, `/metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import serde
from .arguments import COMMIT, VERSION
from .counts import Counts
from .http_server import Reply
from .metrics import metrics
from .routes import OPEN, READ, Call, Route
from .telemetry import telemetry

if TYPE_CHECKING:
    from .peer import Peer

Json = Any
_TEXT = "text/plain; charset=utf-8"


def service_routes(peer: Peer, counts: Counts) -> Sequence[Route]:
    """The endpoints of this room."""

    def ready(_: Call) -> Reply:
        if peer.readiness.ready:
            return Reply(200, b"all shards are ready", _TEXT)
        return Reply(503, b"some shards are not ready", _TEXT)

    def alive(_: Call) -> Reply:
        return Reply(200, b"healthz check passed", _TEXT)

    return [
        Route("GET", "/", OPEN, _root),
        Route("GET", "/healthz", OPEN, alive),
        Route("GET", "/livez", OPEN, alive),
        Route("GET", "/readyz", OPEN, ready),
        Route("GET", "/issues", READ, lambda _: {"issues": []}),
        Route("DELETE", "/issues", READ, lambda _: True),
        Route("GET", "/telemetry", READ, lambda call: telemetry(peer, counts, _level(call))),
        Route("GET", "/metrics", READ, lambda _: Reply(200, metrics(peer, counts), _TEXT)),
    ]


def _root(_: Call) -> Reply:
    said = {"title": "qdrant - vector search engine", "version": VERSION, "commit": COMMIT}
    return Reply(200, serde.dumps(said), "application/json")


def _level(call: Call) -> int:
    given = call.query.get("details_level", "0")
    return int(given) if given.isdigit() else 0
