"""The collections of a deployed memory: created as sophia wants them, then read back and compared.

Importing this takes over a second (Qdrant's client does): import it where it is used. The requests
are the client's own; they go through the hosts, as everything here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from qdrant_client import models

from sophia_cli.config.model import Vectors
from sophia_cli.errors import Refused, Unreachable
from sophia_cli.memory.kind import Kind
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.inventory.services import Qdrant
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence, in_parallel
from sophia_cli.ops.qdrant.consensus import against_quorum
from sophia_cli.ops.qdrant.gate import failed
from sophia_cli.ops.qdrant.operation import carry_out
from sophia_cli.ops.qdrant.witnesses import look
from sophia_cli.tiers.vectors.collection import (
    Layout,
    check_factors,
    check_vectors,
    creation,
    indexes,
    missing_indexes,
)
from sophia_cli.tiers.vectors.names import DENSE

M = TypeVar("M", bound=BaseModel)
_TIMEOUT = 30
# What the embedding model that sophia brings makes: all-MiniLM-L6-v2.
DIMENSION = 384


def wanted_layouts(service: Qdrant, dimension: int = DIMENSION) -> list[Layout]:
    """One collection a kind of memory, by the names that sophia gives them."""
    prefix = Vectors().prefix
    return [
        Layout(
            f"{prefix}_{kind}",
            dimension,
            service.shards,
            service.replication_factor,
            service.write_consistency_factor,
            service.quantization,
        )
        for kind in Kind
    ]


def ensure(asks: Asks, peers: Sequence[Peer], layouts: Sequence[Layout]) -> str:
    """Makes sure that the collections are there and are what is wanted; says so in one line.

    One that is there already keeps its factors, and its dimension: another model may have built it.

    Raises:
        GateFailed: no quorum, refused, or not as it was ordered.
        Unreachable: a peer did not answer.
    """
    for layout in layouts:
        if layout.replication_factor > len(peers):
            raise GateFailed(
                f"qdrant: services.qdrant.replication_factor is {layout.replication_factor}, and "
                f"{len(peers)} hosts have the role qdrant",
                "the server would take it without a word: lower it, or add peers",
            )
    if reasons := against_quorum(look(asks, peers)):
        raise failed(reasons)
    done = [_ensured(asks, peers, layout) for layout in layouts]
    return "; ".join(done)


def _ensured(asks: Asks, peers: Sequence[Peer], layout: Layout) -> str:
    first = peers[0]
    stored = _info(asks, first, layout.name)
    created = stored is None
    if stored is None:
        _order(
            asks,
            first,
            f"create the collection {layout.name}",
            _path(layout),
            creation(layout),
            lambda: all(in_parallel(lambda peer: _info(asks, peer, layout.name), peers).values()),
        )
        stored = _present(asks, first, layout)
    for field in missing_indexes(stored):
        _order(
            asks,
            first,
            f"index {field} of {layout.name}",
            f"{_path(layout)}/index",
            models.CreateFieldIndex(field_name=field, field_schema=indexes()[field]),
            lambda field=field: all(
                in_parallel(lambda peer: _indexed(asks, peer, layout, field), peers).values()
            ),
        )
    _compared(asks, peers, layout, created)
    return f"{layout.name} {'created' if created else 'is there'}, as it should be on every peer"


def _indexed(asks: Asks, peer: Peer, layout: Layout, field: str) -> bool:
    return field not in missing_indexes(_present(asks, peer, layout))


def _compared(asks: Asks, peers: Sequence[Peer], layout: Layout, created: bool) -> None:
    """Reads the collection from every peer.

    Raises:
        GateFailed: a peer has it otherwise than it was ordered.
    """
    for peer in peers:
        info = _present(asks, peer, layout)
        try:
            check_vectors(info, layout if created else _as_stored(info, layout))
            if created:
                check_factors(info, _cluster(asks, peer, layout), layout)
        except Refused as error:
            raise GateFailed(f"qdrant: {peer.host}: {error.message}", error.hint) from error
        if absent := missing_indexes(info):
            raise GateFailed(
                f"qdrant: {peer.host}: {layout.name} has no index of {', '.join(absent)}, though "
                "it was created",
                "`sophia doctor` looks at every peer",
            )


def _as_stored(info: models.CollectionInfo, layout: Layout) -> Layout:
    vectors = info.config.params.vectors
    found = vectors.get(DENSE[0]) if isinstance(vectors, dict) else None
    size = found.size if found else layout.dimension
    return Layout(layout.name, size, 0, 0, 0)


def _order(asks: Asks, peer: Peer, what: str, path: str, body: BaseModel, done: Any) -> None:
    carry_out(
        what,
        lambda: asks.ask(
            peer,
            "PUT",
            f"{path}?timeout={_TIMEOUT}",
            body.model_dump(mode="json", exclude_none=True),
            _TIMEOUT + 5.0,
        ),
        done,
        _TIMEOUT,
    )


def _info(asks: Asks, peer: Peer, name: str) -> models.CollectionInfo | None:
    answer = asks.ask(peer, "GET", f"/collections/{name}")
    if isinstance(answer, Answer) and answer.status == 404:
        return None
    return _read(peer, answer, models.CollectionInfo)


def _present(asks: Asks, peer: Peer, layout: Layout) -> models.CollectionInfo:
    return _read(peer, asks.ask(peer, "GET", _path(layout)), models.CollectionInfo)


def _cluster(asks: Asks, peer: Peer, layout: Layout) -> models.CollectionClusterInfo:
    answer = asks.ask(peer, "GET", f"{_path(layout)}/cluster")
    return _read(peer, answer, models.CollectionClusterInfo)


def _read(peer: Peer, answer: Answer | Silence, model: type[M]) -> M:
    said = answer.reason if isinstance(answer, Silence) else answer.error
    if isinstance(answer, Silence) or answer.status != 200:
        raise Unreachable(f"qdrant: {peer.host}: {said}", "`sophia doctor` looks at every peer")
    try:
        return model.model_validate(answer.result)
    except ValidationError as error:
        raise Unreachable(
            f"qdrant: {peer.host}: an answer that cannot be read ({error.error_count()} mistakes)",
            "is that port Qdrant's? does the server fit the client, at most one minor apart?",
        ) from error


def _path(layout: Layout) -> str:
    return f"/collections/{layout.name}"
