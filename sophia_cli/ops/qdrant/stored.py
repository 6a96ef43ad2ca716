"""Whether a collection is as sophia wants it, from what the server says: without Qdrant's client.

The client takes over a second to import. So what is there as it should be is found so by this, and
whatever is not goes to `collections`, which compares it with the client's own models and says what
is wrong. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, in_parallel
from sophia_cli.tiers.vectors.names import DENSE, KEYWORDS, SPARSE, TIME


def all_stored(asks: Asks, peers: Sequence[Peer], names: Sequence[str]) -> bool:
    """Whether every peer has each of these collections as it should be; one look, no change."""

    def held(peer: Peer) -> bool:
        answers = (asks.ask(peer, "GET", f"/collections/{quote(name, safe='')}") for name in names)
        return all(
            isinstance(answer, Answer) and answer.status == 200 and is_as_wanted(answer.result)
            for answer in answers
        )

    return all(in_parallel(held, peers).values())


def is_as_wanted(result: Any) -> bool:
    """Whether a collection has sophia's vectors, of whatever one dimension, and their indexes."""
    try:
        params, schema = result["config"]["params"], result["payload_schema"]
        dense = [params["vectors"][name] for name in DENSE]
        sparse = [params["sparse_vectors"][name] for name in SPARSE]
        indexes = {field: schema[field]["data_type"] for field in (*KEYWORDS, TIME)}
    except (LookupError, TypeError):
        return False
    wanted = {**dict.fromkeys(KEYWORDS, "keyword"), TIME: "float"}
    return (
        len({each["size"] for each in dense}) == 1
        and all(each["distance"] == "Cosine" for each in dense)
        and all(each["modifier"] == "idf" for each in sparse)
        and indexes == wanted
    )
