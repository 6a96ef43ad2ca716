"""`Idempotency-Key`: a request to store that may be sent again, and is carried out once."""

from __future__ import annotations

import hashlib
import re

from starlette.requests import Request

from sophia_cli.api import requests
from sophia_cli.errors import InvalidInput
from sophia_cli.tiers.records.idempotency import Once

HEADER = "idempotency-key"
REPEATED = "idempotency-repeated"
"""The header of an answer that was given before."""
_WELL_FORMED = re.compile(r"[\x21-\x7e]{1,255}")


def once_of(request: Request, asked: requests.Request) -> Once | None:
    """What makes this request the same as another; None where the client does not care.

    Args:
        asked: the body, as it was understood.

    Raises:
        InvalidInput: a key that is none.
    """
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1 or not _WELL_FORMED.fullmatch(given[0]):
        raise InvalidInput(
            "Idempotency-Key is not up to 255 printable characters", "a UUID is a good one"
        )
    meant = f"{request.url.path}\n{asked.model_dump_json()}"
    digest = hashlib.sha256(meant.encode()).digest()
    return Once(request.state.caller, given[0], digest)
