"""Questions: recall, similar, ask."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sophia_cli.api import requests
from sophia_cli.daemon.rest.backend import memories_of
from sophia_cli.daemon.rest.responses import enveloped
from sophia_cli.daemon.rest.schemas import Answered, Envelope, Recalled

router = APIRouter(prefix="/v1", tags=["questions"])


@router.post("/recall", response_model=Envelope[Recalled])
def recall(request: Request, question: requests.Recall) -> Response:
    """The best memories for a question, best first."""
    return enveloped(request, memories_of(request).recall(question), "recall")


@router.post("/similar", response_model=Envelope[Recalled])
def similar(request: Request, text: requests.Similar) -> Response:
    """The memories nearest to a text by meaning alone, best first."""
    return enveloped(request, memories_of(request).similar(text), "similar")


@router.post("/ask", response_model=Envelope[Answered])
def ask(request: Request, sentence: requests.Sentence) -> Response:
    """Carries out a plain sentence; the trace's `understood` says what it was taken for.

    To remember something needs the scope write, all else the scope read.
    """
    return enveloped(request, memories_of(request).ask(sentence), "ask")
