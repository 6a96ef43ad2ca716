"""What the process measured of itself and of its tiers."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sophia_cli.daemon.rest.backend import memories_of
from sophia_cli.daemon.rest.responses import enveloped
from sophia_cli.daemon.rest.schemas import Answered, Envelope

router = APIRouter(prefix="/v1", tags=["figures"])


@router.get("/stats", response_model=Envelope[Answered])
def stats(request: Request) -> Response:
    """Sizes, hit rates and latencies of each tier; not for a token that is bound to a part."""
    return enveloped(request, memories_of(request).stats(), "stats")
