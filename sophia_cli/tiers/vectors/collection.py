"""A collection on the servers: created as it is wanted, then read back and compared.

Servers accept misspelt fields and impossible factors without a word, and an operation that timed
out is carried out later: so nothing is believed that has not been read again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from qdrant_client import QdrantClient, models

from sophia_cli.errors import Refused
from sophia_cli.tiers.vectors.clients import Servers
from sophia_cli.tiers.vectors.names import DENSE, KEYWORDS, SPARSE, TENANT, TIME
from sophia_cli.tiers.vectors.peers import RequestRefused

_ALREADY_THERE = 409
_OTHER_MODEL = "set the model it was built with, or `sophia reindex --from-scratch`"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a collection is wanted. The factors and quantization count only where it is created.

    Attributes:
        quantization: `scalar` searches int8 copies of the vectors that are kept in memory.
    """

    name: str
    dimension: int
    shards: int
    replication_factor: int
    write_consistency_factor: int
    quantization: Literal["scalar", "none"] = "none"


def prepare(servers: Servers, layout: Layout) -> None:
    """Makes sure that the collection is there, and is what is wanted.

    Raises:
        Refused: it has another dimension or distance; it was created and is not as wanted.
        TierDown: no peer could serve, or the cluster did not agree in time.
    """
    created = not servers.read(lambda client: client.collection_exists(layout.name))
    if created:
        created = _created(servers, layout)
    info = servers.read(lambda client: client.get_collection(layout.name))
    check_vectors(info, layout)
    if created:
        cluster = servers.read(lambda client: client.collection_cluster_info(layout.name))
        check_factors(info, cluster, layout)
    missing = missing_indexes(info)
    for field in missing:
        _create_index(servers, layout.name, field)
    if missing:
        info = servers.read(lambda client: client.get_collection(layout.name))
        if absent := missing_indexes(info):
            raise Refused(
                f"{layout.name} has no index of {', '.join(absent)}, though it was created",
                "`sophia doctor` looks at every peer",
            )


def drop(servers: Servers, name: str) -> None:
    """Removes a collection, if it is there; returns once it is gone.

    Raises:
        TierDown: no peer could serve, or the cluster did not agree in time.
    """

    def unless_gone(client: QdrantClient) -> None:
        if client.collection_exists(name):
            client.delete_collection(name)

    servers.write(unless_gone)


def _created(servers: Servers, layout: Layout) -> bool:
    """Creates the collection; False when another process was faster."""
    try:
        servers.write(lambda client: _create(client, layout))
    except RequestRefused as error:
        if error.status != _ALREADY_THERE:
            raise
        return False
    return True


def _create(client: QdrantClient, layout: Layout) -> None:
    """Creates a collection unless it is there by now: an earlier attempt may have done it."""
    if client.collection_exists(layout.name):
        return
    wanted = creation(layout)
    client.create_collection(
        layout.name,
        vectors_config=wanted.vectors,
        sparse_vectors_config=wanted.sparse_vectors,
        shard_number=wanted.shard_number,
        replication_factor=wanted.replication_factor,
        write_consistency_factor=wanted.write_consistency_factor,
        quantization_config=wanted.quantization_config,
    )


def creation(layout: Layout) -> models.CreateCollection:
    """What a collection is created with, as REST takes it."""
    dense = models.VectorParams(size=layout.dimension, distance=models.Distance.COSINE)
    int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
    return models.CreateCollection(
        vectors=dict.fromkeys(DENSE, dense),
        sparse_vectors=dict.fromkeys(
            SPARSE, models.SparseVectorParams(modifier=models.Modifier.IDF)
        ),
        shard_number=layout.shards,
        replication_factor=layout.replication_factor,
        write_consistency_factor=layout.write_consistency_factor,
        quantization_config=(
            models.ScalarQuantization(scalar=int8) if layout.quantization == "scalar" else None
        ),
    )


def _create_index(servers: Servers, name: str, field: str) -> None:
    schema = indexes()[field]
    servers.write(
        lambda client: client.create_payload_index(name, field, field_schema=schema, wait=True)
    )


def indexes() -> dict[str, models.KeywordIndexParams | models.FloatIndexParams]:
    """The payload indexes that a collection must have, by field."""
    wanted: dict[str, models.KeywordIndexParams | models.FloatIndexParams] = {
        field: models.KeywordIndexParams(
            type=models.KeywordIndexType.KEYWORD, is_tenant=(field == TENANT) or None
        )
        for field in KEYWORDS
    }
    wanted[TIME] = models.FloatIndexParams(type=models.FloatIndexType.FLOAT)
    return wanted


def check_vectors(info: models.CollectionInfo, layout: Layout) -> None:
    """Compares the vectors of a collection with what is wanted.

    Raises:
        Refused: another dimension or distance, or a vector that is missing.
    """
    stored = info.config.params.vectors
    for name in DENSE:
        found = stored.get(name) if isinstance(stored, dict) else None
        if found is None:
            raise Refused(f"{layout.name} has no vector `{name}`", _OTHER_MODEL)
        if found.size != layout.dimension:
            raise Refused(
                f"{layout.name} holds vectors of {found.size} dimensions, "
                f"the embedding model makes {layout.dimension}",
                _OTHER_MODEL,
            )
        if found.distance != models.Distance.COSINE:
            raise Refused(f"{layout.name} compares `{name}` by {found.distance}", _OTHER_MODEL)
    sparse = info.config.params.sparse_vectors or {}
    for name in SPARSE:
        if name not in sparse or sparse[name].modifier != models.Modifier.IDF:
            raise Refused(f"{layout.name} has no IDF for `{name}`", _OTHER_MODEL)


def check_factors(
    info: models.CollectionInfo, cluster: models.CollectionClusterInfo, layout: Layout
) -> None:
    """Compares a collection that was just created with the factors it was created with.

    Raises:
        Refused: they were not taken, or there are fewer replicas than wanted.
    """
    params = info.config.params
    wanted = (layout.shards, layout.replication_factor, layout.write_consistency_factor)
    found = (params.shard_number, params.replication_factor, params.write_consistency_factor)
    if found != wanted:
        raise Refused(
            f"{layout.name}: shards, replication and write consistency are {found}, not {wanted}",
            "another process may have created it; drop it or change the configuration",
        )
    quantized = isinstance(info.config.quantization_config, models.ScalarQuantization)
    if quantized != (layout.quantization == "scalar"):
        raise Refused(
            f"{layout.name}: its vectors are {'' if quantized else 'not '}quantized",
            "another process may have created it; drop it or change the configuration",
        )
    replicas = Counter(shard.shard_id for shard in cluster.local_shards)
    replicas.update(shard.shard_id for shard in cluster.remote_shards)
    fewest = min(replicas.values(), default=0)
    if fewest < layout.replication_factor:
        raise Refused(
            f"{layout.name} has {fewest} replicas of a shard, {layout.replication_factor} wanted",
            "add peers or lower the replication factor, then `sophia reindex --from-scratch`",
        )


def missing_indexes(info: models.CollectionInfo) -> list[str]:
    """The fields whose payload index is not there, or is of another kind."""
    return [
        field
        for field, wanted in indexes().items()
        if (found := info.payload_schema.get(field)) is None
        or found.data_type.value != wanted.type.value
    ]
