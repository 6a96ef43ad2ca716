"""What Prometheus reads."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from sophia_cli.api.access import Scope
from sophia_cli.daemon.rest.backend import access_of, backend_of
from sophia_cli.monitoring.exposition import exposition

router = APIRouter(tags=["metrics"])

_TEXT = {"schema": {"type": "string"}}
_FORMATS = {"content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT}}


@router.get("/metrics", response_class=PlainTextResponse, responses={200: _FORMATS})
def metrics(request: Request) -> Response:
    """Every metric of this process and its tiers, in Prometheus' format or as OpenMetrics."""
    access = access_of(request)
    if Scope.ADMIN not in access.scopes:
        access.require(Scope.READ)
    access.require_all()
    with backend_of(request).service() as service:
        body, content_type = exposition(service, request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})
