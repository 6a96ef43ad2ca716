"""Memories: stored, listed, read, changed, forgotten."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from sophia_cli.api import requests
from sophia_cli.api.results import Result
from sophia_cli.daemon.rest import schemas
from sophia_cli.daemon.rest.backend import memories_of
from sophia_cli.daemon.rest.bodies import Batch, Listing
from sophia_cli.daemon.rest.idempotency import REPEATED, once_of
from sophia_cli.daemon.rest.preconditions import etag, is_known, wanted_version
from sophia_cli.daemon.rest.problems import PreconditionFailed
from sophia_cli.daemon.rest.responses import enveloped
from sophia_cli.daemon.rest.streaming import lines, wants_lines
from sophia_cli.errors import Conflict
from sophia_cli.memory.service import Remembered

router = APIRouter(prefix="/v1/memories", tags=["memories"])
_Memories = schemas.Envelope[schemas.Memory]
_Stored = schemas.Envelope[schemas.Remembered]
_Receipts = schemas.Envelope[schemas.Receipt]
_Events = schemas.Envelope[schemas.Event]
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": _Stored, "description": "All of it was there already"}
}


@router.post("", status_code=201, response_model=_Stored, responses=_KNOWN)
def create(request: Request, memory: requests.NewMemory) -> Response:
    """Stores a memory. The same content in the same scope is one memory and keeps its id."""
    stored = memories_of(request).remember([memory], once=once_of(request, memory))
    return _stored(request, stored, {"location": f"/v1/memories/{stored.data[0].id}"})


@router.post("/batch", status_code=201, response_model=_Stored, responses=_KNOWN)
def create_many(request: Request, batch: Batch) -> Response:
    """Stores several memories: all of them, or none."""
    stored = memories_of(request).remember(batch.memories, once=once_of(request, batch))
    return _stored(request, stored, {})


@router.get("", response_model=_Memories)
def list_(request: Request, which: Annotated[Listing, Query()]) -> Response:
    """One page of memories, the newest first.

    With `Accept: application/x-ndjson` all that there are, a memory a line.
    """
    if wants_lines(request):
        return lines(memories_of(request), which)
    found = memories_of(request).list(
        which.filter(), limit=which.limit, cursor=which.cursor, ended=which.all
    )
    return enveloped(request, found, "list")


@router.post("/forget", response_model=_Receipts)
def forget_many(request: Request, which: requests.Ids) -> Response:
    """Erases memories from every tier and reads each back: all that are named, or none."""
    return enveloped(request, memories_of(request).forget(which.ids), "forget")


@router.get("/{id:uuid}", response_model=_Memories, responses={304: {"description": "As it was"}})
def get(request: Request, id: UUID) -> Response:
    """One memory. Its ETag is its version."""
    found = memories_of(request).get(id)
    tag = {"etag": etag(found.data[0].version)}
    if is_known(request, found.data[0].version):
        return Response(status_code=304, headers=tag)
    return enveloped(request, found, "show", headers=tag)


@router.patch("/{id:uuid}", response_model=_Memories)
def update(request: Request, id: UUID, change: requests.Change) -> Response:
    """Changes fields of a memory; with If-Match only that version of it."""
    version = wanted_version(request)
    try:
        changed = memories_of(request).update(id, change, version=version)
    except Conflict as error:
        raise PreconditionFailed(error.message, error.hint) from None
    return enveloped(request, changed, "update", headers={"etag": etag(changed.data[0].version)})


@router.delete("/{id:uuid}", response_model=_Receipts)
def forget(request: Request, id: UUID) -> Response:
    """Erases a memory from every tier and reads each back; with If-Match only that version."""
    version = wanted_version(request)
    try:
        return enveloped(request, memories_of(request).forget([id], version=version), "forget")
    except Conflict as error:
        raise PreconditionFailed(error.message, error.hint) from None


@router.get("/{id:uuid}/history", response_model=_Events)
def history(request: Request, id: UUID) -> Response:
    """The audit trail of a memory, oldest first, also of one that was forgotten."""
    return enveloped(request, memories_of(request).history(id), "history")


def _stored(request: Request, stored: Result[Remembered], headers: dict[str, str]) -> Response:
    if "repeated" in stored.trace.notes:
        headers = headers | {REPEATED: "true"}
    new = any(each.created for each in stored.data)
    return enveloped(request, stored, "remember", 201 if new else 200, headers)
