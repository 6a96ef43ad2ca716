"""What a peer has to do to be measured."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sophia_cli.memory.model import Draft
from sophia_cli.memory.ports import Embedder


class Peer(Protocol):
    """One memory, filled and asked as its own documentation says."""

    def store(self, drafts: Sequence[Draft]) -> Sequence[Hashable]:
        """Stores turns of one conversation, in order; returns the id of each.

        Turns that the peer takes for the same memory have the same id. When it returns, they are
        found.
        """
        ...

    def recall(self, question: str, user: str, k: int) -> Sequence[Hashable]:
        """The ids of at most k memories of this user, best first."""
        ...


Opened = Callable[[Embedder, Path], AbstractContextManager[Peer]]
"""Opens an empty peer that embeds with the given embedder and keeps its files in a directory."""
