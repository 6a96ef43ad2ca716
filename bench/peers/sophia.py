"""sophia's service in this process, on its embedded engines, as `sophia remember` opens it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from peers.protocol import Peer
from peers.words import CANDIDATES
from stores import fresh_service

from sophia_cli.memory.model import KINDS, Draft, Where
from sophia_cli.memory.ports import Embedder
from sophia_cli.memory.searching import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace


@contextlib.contextmanager
def opened(embedder: Embedder, directory: Path) -> Iterator[Peer]:  # noqa: ARG001
    """Opens it in a home of its own, with an embedder of its own that is the same."""
    with fresh_service() as service:
        yield _Sophia(service)


class _Sophia:
    def __init__(self, service: MemoryService) -> None:
        self._service = service

    def store(self, drafts: Sequence[Draft]) -> list[UUID]:
        trace = Trace()
        stored = self._service.remember(drafts, datetime.now(UTC), trace)
        _whole(trace)
        return [each.id for each in stored]

    def recall(self, question: str, user: str, k: int) -> list[UUID]:
        trace = Trace()
        asked = Question(question, KINDS, Where(user=user), k)
        found = self._service.recall(asked, CANDIDATES, datetime.now(UTC), trace)
        _whole(trace)
        return [each.memory.id for each in found]


def _whole(trace: Trace) -> None:
    """A figure of a degraded answer would be somebody else's."""
    assert not trace.degraded, trace.degraded
