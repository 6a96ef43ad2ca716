"""Who a memory is: its id (UUIDv7) and the hash that makes remembering idempotent."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from uuid import UUID

from sophia_cli.memory.model import Draft, Kind

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, method 3): 48 bits of milliseconds, 12 of sub-millisecond, 62 random.

    Ids made by one process grow strictly, so that they sort in the order of writing.
    """
    global _last
    with _lock:
        ticks = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        _last = ticks
    milliseconds, fraction = divmod(ticks, 4096)
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | random)


def content_hash(draft: Draft, kind: Kind) -> bytes:
    """sha256 over scope and content, 32 bytes: the same content in the same scope is one memory.

    The scope is kind, user, agent, session, speaker, and the turn where it was given.
    """
    parts = (
        kind.value,
        draft.user,
        draft.agent,
        draft.session,
        None if draft.turn is None else str(draft.turn),
        draft.speaker,
        draft.content,
    )
    digest = hashlib.sha256()
    for part in parts:
        encoded = b"" if part is None else b"=" + part.encode()
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.digest()
