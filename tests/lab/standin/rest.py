"""The REST port: who may ask what, the form of the answers, and the counts that telemetry shows."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from . import serde
from .api_cluster import cluster_routes
from .api_collections import collection_routes
from .api_points import point_routes
from .api_service import service_routes
from .api_snapshots import snapshot_routes
from .counts import Counts
from .http_server import Reply, Request
from .refusals import Refusal
from .routes import Call

if TYPE_CHECKING:
    from .peer import Peer

Json = Any
_JSON = "application/json"


class Rest:
    """Everything that the REST port answers."""

    def __init__(self, peer: Peer) -> None:
        self._settings = peer.settings
        self.counts = Counts()
        self._routes = [
            (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path) + "/?"), route)
            for made in (
                service_routes(peer, self.counts),
                cluster_routes(peer),
                collection_routes(peer),
                point_routes(peer),
                snapshot_routes(peer),
            )
            for route in made
        ]

    def handle(self, request: Request) -> Reply:
        """Answers a request in the server's envelope, and counts it."""
        began = time.perf_counter()
        endpoint, reply = self._answer(request, began)
        self.counts.add(request.method, endpoint, reply.status, time.perf_counter() - began)
        return reply

    def _answer(self, request: Request, began: float) -> tuple[str, Reply]:
        matching = [
            (found.groupdict(), route)
            for pattern, route in self._routes
            if (found := pattern.fullmatch(request.path))
        ]
        chosen = [(names, route) for names, route in matching if route.method == request.method]
        endpoint = matching[0][1].path if matching else request.path
        names, route = chosen[0] if chosen else ({}, None)
        if (route is None or route.access.keyed) and (error := self._unknown(request)):
            return endpoint, Reply(401, error.encode())
        if route is None:
            return endpoint, Reply(404, b"")
        try:
            if self._may_only_read(request) and route.access.writes:
                raise Refusal(403, f"Forbidden: {route.access.refused}")
            result = route.answer(Call(names, request.query, request.body))
        except Refusal as refusal:
            body = {"status": {"error": refusal.error}, "time": time.perf_counter() - began}
            return endpoint, Reply(refusal.status, serde.dumps(body), _JSON)
        if isinstance(result, Reply):
            return endpoint, result
        body = {"result": result, "status": "ok", "time": time.perf_counter() - began}
        return endpoint, Reply(200, serde.dumps(body), _JSON)

    def _unknown(self, request: Request) -> str | None:
        """Why a request is not let in; None when it is."""
        keys = [self._key(name) for name in ("api_key", "alt_api_key", "read_only_api_key")]
        if not any(keys):
            return None
        shown = _shown(request)
        if shown is None:
            return "Must provide an API key or an Authorization bearer token"
        return None if shown in filter(None, keys) else "Invalid API key or JWT"

    def _may_only_read(self, request: Request) -> bool:
        read_only = self._key("read_only_api_key")
        full = (self._key("api_key"), self._key("alt_api_key"))
        shown = _shown(request)
        return bool(read_only) and shown == read_only and shown not in full

    def _key(self, name: str) -> str | None:
        value = self._settings.get(f"service.{name}")
        return None if value is None else str(value)


def _shown(request: Request) -> str | None:
    bearer = request.headers.get("authorization", "")
    if "api-key" in request.headers:
        return request.headers["api-key"]
    return bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else None
