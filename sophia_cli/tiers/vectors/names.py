"""What the parts of a collection are called; it imports nothing."""

from __future__ import annotations

DENSE: tuple[str, ...] = ("dense", "context")
"""The named dense vectors, compared by cosine."""

SPARSE: tuple[str, ...] = ("bm25_context",)
"""The named sparse vectors, weighted by IDF."""

KEYWORDS: tuple[str, ...] = ("user", "agent", "session", "tags")
"""Payload fields with a keyword index."""

TENANT = "user"
"""The keyword field by which a server lays its points out."""

TIME = "at"
"""The payload field with a float index: seconds since the epoch."""

FACT_FIELDS: tuple[str, ...] = ("thread", "turn", "speaker", TIME, "shape")
"""The payload fields that come back with a candidate."""

MEMORY = "memory"
"""The payload field with all of the memory, as one text: read only while the records are down."""

SCOPE = "scope"
"""The payload field of the engine in process that holds all of `KEYWORDS`, as `field=value`.

There every keyword index costs 4 MB, however small, and its share of every write; a server, where
an index is cheap and a tenant has a meaning, keeps the fields apart.
"""
