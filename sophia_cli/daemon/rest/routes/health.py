"""Whether it lives, and whether it can do its work. Any token may ask."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from sophia_cli.daemon.rest.backend import access_of
from sophia_cli.daemon.rest.gate import OWNER_ID
from sophia_cli.daemon.rest.readiness import NEEDED
from sophia_cli.daemon.rest.responses import as_json
from sophia_cli.daemon.rest.schemas import Live, Ready

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", response_model=Live)
async def live(request: Request) -> Response:
    """That the process answers; says nothing of its tiers."""
    answer = {"status": "ok"}
    if request.state.caller == OWNER_ID:
        return as_json(answer | {"tcp": asdict(request.app.state.tcp)})
    return as_json(answer)


@router.get("/ready", response_model=Ready)
async def ready(request: Request) -> Response:
    """Whether every tier just did a write and a read of our own, whatever it says of itself.

    200 where everything can be done: `ok`, or `degraded` without a cache, which costs only speed.
    503 where the records, the vectors or the embedder fail.
    """
    verdicts = await request.app.state.readiness.verdicts()
    failed = {tier for tier, verdict in verdicts.items() if verdict.state == "failed"}
    status = "failed" if failed & NEEDED else "degraded" if failed else "ok"
    tiers = {tier: asdict(verdict) for tier, verdict in verdicts.items()}
    if access_of(request).bound:
        for each in tiers.values():
            each.pop("reason")
    return as_json({"status": status, "tiers": tiers}, 503 if status == "failed" else 200)
