"""Questions: recall, similar, ask."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sophia_cli.api import requests
from sophia_cli.daemon.rest.backend import memories_of
from sophia_cli.daemon.rest.responses import enveloped

router = APIRouter(prefix="/v1", tags=["questions"])


@router.post("/recall")
def recall(request: Request, question: requests.Recall) -> Response:
    """The best memories for a question, best first."""
    return enveloped(request, memories_of(request).recall(question), "recall")
