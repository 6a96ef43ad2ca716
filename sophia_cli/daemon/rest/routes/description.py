"""The description of all this, as OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from sophia_cli.daemon.rest.openapi import description
from sophia_cli.daemon.rest.responses import as_json

router = APIRouter(tags=["description"])


@router.get("/openapi.json", response_model=dict[str, Any])
async def openapi(request: Request) -> Response:
    """This description."""
    return as_json(description(request.app))
