"""What an endpoint is: its path, what it asks for (nothing, a key, one that may write), a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import serde
from .refusals import bad_json

Json = Any


@dataclass(frozen=True, slots=True)
class Access:
    keyed: bool = True
    writes: bool = False
    refused: str = ""


OPEN = Access(keyed=False)
READ = Access()
MANAGE = Access(writes=True, refused="Global manage access is required")
# Not recorded: the words for a read-only key that writes points.
WRITE = Access(writes=True, refused="Global write access is required")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that a route has taken: `names` are the parts of its path."""

    names: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Json:
        """The body as JSON; empty where there is none.

        Raises:
            Refusal: it is no JSON.
        """
        try:
            return serde.loads(self.raw) if self.raw else {}
        except serde.NotJson as error:
            raise bad_json(str(error)) from error

    @property
    def name(self) -> str:
        """The collection."""
        return self.names["collection_name"]

    @property
    def shard(self) -> int:
        return int(self.names["shard_id"])

    @property
    def timeout(self) -> float:
        """Seconds that the request gives an operation of consensus."""
        return float(self.query.get("timeout") or 10)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its path with names in braces, who may use it, and what it does."""

    method: str
    path: str
    access: Access
    answer: Callable[[Call], Json]
