"""The description of all this, as OpenAPI 3.1."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sophia_cli.daemon.rest.responses import as_json

router = APIRouter(tags=["description"])


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """This description."""
    return as_json(request.app.openapi())
