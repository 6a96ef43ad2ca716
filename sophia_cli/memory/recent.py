"""What the records said since the last write: memories and names that need no second look.

It holds at the epochs it was read at and no others, as a cached answer does; so it costs a round
trip less to ask the same thing with another filter, or something else about the same memories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sophia_cli.memory.knowledge import Knowledge
from sophia_cli.memory.model import Kind, Memory, Where
from sophia_cli.tiers.records.outbox import Epochs

_MOST_MEMORIES = 2_048
_MOST_WORDS = 16_384


@dataclass(slots=True)
class _Kept:
    """What was read at some epochs."""

    values: Mapping[Kind, int]
    memories: dict[UUID, Memory] = field(default_factory=dict)
    names: dict[tuple[object, ...], dict[str, bool]] = field(default_factory=dict)


class Recent:
    """Keeps what the records say until they are written to. Safe to use from many threads."""

    def __init__(self) -> None:
        self._kept = _Kept({})

    def at(self, epochs: Epochs, records: Knowledge) -> Knowledge:
        """The records' knowledge at these epochs: what was read at them is not read again."""
        kept = self._kept
        if kept.values != epochs.values:
            kept = self._kept = _Kept(epochs.values)
        return Knowledge(
            records.tier,
            lambda ids: _memories(kept, ids, records),
            lambda words, where, kinds: _people(kept, words, where, kinds, records),
        )

    def clear(self) -> None:
        """Lets go of all of it; a call in flight keeps what it finds to itself."""
        self._kept = _Kept({})


def _memories(kept: _Kept, ids: Sequence[UUID], records: Knowledge) -> dict[UUID, Memory]:
    memories = kept.memories
    found = {id_: memory for id_ in ids if (memory := memories.get(id_)) is not None}
    if missing := [id_ for id_ in ids if id_ not in found]:
        read = records.get(missing)
        found |= read
        if len(memories) + len(read) > _MOST_MEMORIES:
            memories.clear()
        memories.update(read)
    return found


def _people(
    kept: _Kept, words: Sequence[str], where: Where, kinds: Sequence[Kind], records: Knowledge
) -> list[str]:
    scope = (where.user, where.agent, where.session, *kinds)
    known = kept.names.setdefault(scope, {})
    if missing := [word for word in words if word not in known]:
        named = set(records.people(missing, where, kinds))
        if sum(map(len, kept.names.values())) > _MOST_WORDS:
            kept.names.clear()
        known |= {word: word in named for word in missing}
    return [word for word in words if known.get(word)]
