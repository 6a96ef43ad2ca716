"""An example of every request and response, for the description."""

from __future__ import annotations

from typing import Any

_ID = "0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44"
_TIME = "2026-11-01T10:00:00+00:00"
_NEW = {
    "content": "We chose Qdrant over Weaviate because of filtering speed",
    "kind": "coding",
    "user": "ann",
    "tags": {"team": "platform"},
}
MEMORY: dict[str, Any] = {
    "id": _ID,
    "kind": "coding",
    "content": _NEW["content"],
    "user": "ann",
    "agent": None,
    "session": None,
    "turn": None,
    "speaker": None,
    "tags": {"team": "platform"},
    "model": "all-MiniLM-L6-v2-int8",
    "version": 1,
    "said_at": None,
    "valid_from": _TIME,
    "valid_to": None,
    "created_at": _TIME,
    "updated_at": _TIME,
    "expires_at": None,
    "forgotten_at": None,
}
_STORED = {"id": _ID, "kind": "coding", "created": True}
_RECEIPT = {
    "id": _ID,
    "complete": True,
    "tiers": dict.fromkeys(("records", "vectors", "gpu_cache", "hot_cache"), "erased"),
}
_EVENT = {
    "id": "0198c2f1-7a3b-7d03-b4c7-573c639348f3",
    "memory_id": _ID,
    "at": _TIME,
    "action": "remembered",
    "detail": {"kind": "given"},
}


def _envelope(command: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "status": "ok",
        "command": command,
        "duration_ms": 4.2,
        "count": len(rows),
        "data": list(rows),
        "degraded": [],
        "trace": {"served_by": "records", "tiers_ms": {"records": 1.9}},
        "error": None,
        **more,
    }


REQUESTS: dict[str, Any] = {
    "create": _NEW,
    "create_many": {"memories": [_NEW, {"content": "Acme renewed for 40 seats"}]},
    "update": {"tags": {"reviewed": "yes"}, "expires": "never"},
    "forget_many": {"ids": [_ID]},
    "recall": {"query": "which vector database did we pick?", "limit": 3, "user": "ann"},
    "similar": {"text": "fast filtering", "limit": 3},
    "ask": {"sentence": "What did we decide about the vector database?"},
}
"""By operation."""

RESPONSES: dict[str, Any] = {
    "create": _envelope("remember", _STORED),
    "create_many": _envelope("remember", _STORED),
    "list": _envelope("list", MEMORY, next_cursor="AZjC8Xo7fBGOUx8MmtK-RA"),
    "get": _envelope("show", MEMORY),
    "update": _envelope("update", MEMORY | {"version": 2}),
    "forget": _envelope("forget", _RECEIPT),
    "forget_many": _envelope("forget", _RECEIPT),
    "history": _envelope("history", _EVENT),
    "recall": _envelope("recall", MEMORY | {"score": 2.31}),
    "similar": _envelope("similar", MEMORY | {"score": 0.71}),
    "ask": _envelope("ask", MEMORY | {"score": 2.31}),
    "stats": _envelope("stats", {"memories": {"coding": {"live": 1}}}),
    "metrics": "# TYPE sophia_outbox_entries gauge\nsophia_outbox_entries 0.0\n",
    "live": {"status": "ok"},
    "ready": {
        "status": "ok",
        "tiers": {"records": {"state": "ok", "duration_ms": 2.1, "reason": None}},
    },
    "openapi": {"openapi": "3.1.0", "info": {"title": "sophia", "version": "0.1.0"}, "paths": {}},
}
"""By operation: what it answers when all is well."""
