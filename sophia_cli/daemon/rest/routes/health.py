"""Whether it lives, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Response

from sophia_cli.daemon.rest.responses import as_json

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Response:
    """That the process answers; says nothing of its tiers."""
    return as_json({"status": "ok"})
