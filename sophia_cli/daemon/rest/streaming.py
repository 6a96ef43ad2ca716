"""A whole list as lines of JSON, read page by page while they are sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sophia_cli.api.memories import Memories
from sophia_cli.api.results import Result
from sophia_cli.daemon.rest.bodies import Listing
from sophia_cli.daemon.rest.errors import Cut
from sophia_cli.errors import SophiaError
from sophia_cli.memory.model import Memory

MEDIA_TYPE = "application/x-ndjson"
_PAGE = 500


def wants_lines(request: Request) -> bool:
    """Whether the client asks for lines rather than for a page."""
    accepted = ",".join(request.headers.getlist("accept")).lower()
    return any(each.partition(";")[0].strip() == MEDIA_TYPE for each in accepted.split(","))


def lines(memories: Memories, which: Listing) -> Response:
    """All memories that fit, from `cursor` on, the newest first.

    The first page is read before anything is sent. A fault behind it is the last line, an object
    with `error`, and ends the connection without an end of the response: no client can take a
    part of the list for all of it.
    """
    chosen = which.filter()

    def page(cursor: str | None) -> Result[Memory]:
        return memories.list(chosen, limit=_PAGE, cursor=cursor, ended=which.all)

    def pages(found: Result[Memory]) -> Iterator[bytes]:
        while True:
            yield b"".join(map(_line, found.rows))
            if found.next_cursor is None:
                return
            try:
                found = page(found.next_cursor)
            except SophiaError as error:
                fault = {"code": error.code, "message": error.message, "hint": error.hint}
                yield _line({"error": fault})
                raise Cut from error

    headers = {"cache-control": "no-store"}
    return StreamingResponse(pages(page(which.cursor)), headers=headers, media_type=MEDIA_TYPE)


def _line(row: Any) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
