"""Where recall reads memories: in the records, or in the index alone while they are down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sophia_cli.memory.model import KINDS, Kind, Memory, Where
from sophia_cli.memory.ports import Vectors
from sophia_cli.tiers.records import Records


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What recall asks besides the vectors.

    Attributes:
        tier: which tier is asked.
        get: the memories of some ids; those that are not known are left out.
        people: those of some words that are first names of speakers; see `Queries.people`.
    """

    tier: str
    get: Callable[[Sequence[UUID]], dict[UUID, Memory]]
    people: Callable[[Sequence[str], Where, Sequence[Kind]], list[str]]


def of_records(records: Records) -> Knowledge:
    """The truth."""
    return Knowledge(
        "records",
        lambda ids: records.queries.get(ids),
        lambda words, where, kinds: records.queries.people(words, where, kinds),
    )


def of_index(vectors: Vectors, withheld: Collection[UUID]) -> Knowledge:
    """What the index holds: memories as they were indexed; it knows nobody by name.

    Args:
        withheld: what must not be read there any more.
    """

    def get(ids: Sequence[UUID]) -> dict[UUID, Memory]:
        wanted = [id_ for id_ in ids if id_ not in withheld]
        return {
            id_: memory for kind in KINDS for id_, memory in vectors.memories(kind, wanted).items()
        }

    return Knowledge("vectors", get, lambda *_: [])
