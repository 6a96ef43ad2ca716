"""The resources: one memory by its id, and the figures; both as JSON."""

from __future__ import annotations

from uuid import UUID

from sophia_cli.api.memories import Memories
from sophia_cli.api.requests import Filter
from sophia_cli.errors import NotFound
from sophia_cli.mcp.quoting import quoted

STATS = "sophia://stats"
MEMORY = "sophia://memory/{id}"
MIME_TYPE = "application/json"

_MEMORY = MEMORY.removesuffix("{id}")
_NEWEST = 100


def read(uri: str, memories: Memories) -> str:
    """What a resource holds.

    Raises:
        NotFound: there is no such resource that the caller can see.
        Forbidden: it is not for this caller.
    """
    if uri == STATS:
        return quoted(memories.stats().rows[0])
    id_ = _id_in(uri)
    if id_ is None:
        raise NotFound(f"no resource {uri[:100]!r}", f"there are {STATS} and {MEMORY}")
    return quoted(memories.get(id_).rows[0])


def ids(begun: str, memories: Memories) -> list[str]:
    """The ids of the newest memories that begin so, newest first."""
    found = (str(memory.id) for memory in memories.list(Filter(), limit=_NEWEST).data)
    return [id_ for id_ in found if id_.startswith(begun.lower())]


def _id_in(uri: str) -> UUID | None:
    try:
        return UUID(uri.removeprefix(_MEMORY)) if uri.startswith(_MEMORY) else None
    except ValueError:
        return None
