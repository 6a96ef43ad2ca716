"""What Prometheus reads."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sophia_cli.api.access import Scope
from sophia_cli.daemon.rest.backend import access_of, backend_of
from sophia_cli.monitoring.exposition import exposition

router = APIRouter(tags=["metrics"])


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Every metric of this process and its tiers, in Prometheus' format or as OpenMetrics."""
    access = access_of(request)
    if Scope.ADMIN not in access.scopes:
        access.require(Scope.READ)
    access.require_all()
    with backend_of(request).service() as service:
        body, content_type = exposition(service, request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})
