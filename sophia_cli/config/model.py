"""The model of sophia.yaml: every key with its type, bounds, default and description.

The reference in docs/configuration.md and configs/sophia.example.yaml are generated from it (see
`reference`), so a key is described here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from sophia_cli.config.faces import Log, Rest, Tracing
from sophia_cli.config.secrets import secret_in
from sophia_cli.config.shapes import (
    CacheUrl,
    Device,
    Lifetime,
    Prefix,
    RecordsUrl,
    Section,
    Share,
    Size,
    Timeout,
    WebUrl,
    WebUrls,
)


class Records(Section):
    """PostgreSQL: the system of record, the truth that everything else is derived from."""

    url: RecordsUrl | None = Field(
        default=None,
        examples=["postgresql://sophia@192.0.2.10,192.0.2.11/sophia?target_session_attrs=primary"],
        description="Where PostgreSQL is; several hosts with commas, as libpq takes them. "
        "Without it, profile local runs its own.",
    )
    password_file: Path | None = Field(
        default=None,
        examples=["/etc/sophia/records.password"],
        description="A file that holds the password, mode 0600.",
    )
    pool_size: int = Field(default=8, ge=1, le=100, description="Connections held open at most.")
    timeout: Timeout = Field(
        default=timedelta(seconds=10),
        description="How long to wait for a connection or a statement.",
    )

    def password(self) -> SecretStr | None:
        """The password in `password_file`, read now; `ConfigurationError` if it cannot be."""
        return secret_in(self.password_file, "records.password_file")


class Vectors(Section):
    """Qdrant: the vectors and the words of every memory."""

    engine: Literal["edge", "server"] | None = Field(
        default=None,
        examples=["server"],
        description="edge runs Qdrant's engine in the resident process; server speaks to peers. "
        "Without it, edge in profile local and server in profile cluster.",
    )
    urls: WebUrls = Field(
        default=(),
        examples=["[http://192.0.2.10:6333, http://192.0.2.11:6333]"],
        description="The peers, each one's REST address; a call goes to the next when one is down.",
    )
    api_key_file: Path | None = Field(
        default=None,
        examples=["/etc/sophia/vectors.key"],
        description="A file that holds the API key, mode 0600.",
    )
    grpc: bool = Field(default=True, description="Speak gRPC to the peers, else REST.")
    timeout: Timeout = Field(
        default=timedelta(seconds=30), description="How long a write may take."
    )
    read_timeout: Timeout = Field(
        default=timedelta(seconds=2), description="How long a search may take."
    )
    prefix: Prefix = Field(
        default="sophia",
        description="The collections' first word, as in sophia_coding and sophia_business.",
    )
    shards: int = Field(
        default=1, ge=1, le=1000, description="Shards of a collection when it is created."
    )
    replication_factor: int = Field(
        default=1, ge=1, le=100, description="Copies of every shard when it is created."
    )
    write_consistency_factor: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Copies that must confirm a write; at most replication_factor.",
    )

    @field_validator("write_consistency_factor")
    @classmethod
    def _can_be_confirmed(cls, factor: int, info: ValidationInfo) -> int:
        copies = info.data.get("replication_factor", factor)
        if factor > copies:
            raise ValueError(f"{factor} copies cannot confirm: replication_factor is {copies}")
        return factor

    def api_key(self) -> SecretStr | None:
        """The key in `api_key_file`, read now; `ConfigurationError` if it cannot be."""
        return secret_in(self.api_key_file, "vectors.api_key_file")


class Ttl(Section):
    """How long a cached answer may live; 0 keeps none."""

    coding: Lifetime = Field(
        default=timedelta(hours=1), description="Answers from the coding memories."
    )
    business: Lifetime = Field(
        default=timedelta(hours=24), description="Answers from the business memories."
    )
    aggregate: Lifetime = Field(
        default=timedelta(minutes=5), description="Counts and other sums over many memories."
    )


class HotCache(Section):
    """Valkey or Redis: answers that were given before. Never the only copy of anything."""

    enabled: bool = Field(default=True, description="Whether answers are cached at all.")
    url: CacheUrl | None = Field(
        default=None,
        examples=["redis://192.0.2.20:6379/0"],
        description="Where Valkey or Redis is: redis://, rediss:// or unix://. "
        "Without it, profile local runs its own.",
    )
    password_file: Path | None = Field(
        default=None,
        examples=["/etc/sophia/hot_cache.password"],
        description="A file that holds the password, mode 0600.",
    )
    max_memory: Size = Field(
        default="256mb",
        description="How much the engine that sophia runs itself may hold before it evicts.",
    )
    timeout: Timeout = Field(
        default=timedelta(milliseconds=200),
        description="How long to wait for the cache before doing without it.",
    )
    ttl: Ttl = Ttl()

    def password(self) -> SecretStr | None:
        """The password in `password_file`, read now; `ConfigurationError` if it cannot be."""
        return secret_in(self.password_file, "hot_cache.password_file")


class GpuCache(Section):
    """What the resident process itself keeps, in front of all other tiers.

    On a GPU where torch sees one, else in this machine's memory.
    """

    answers: bool = Field(default=True, description="Keep answers to repeated questions.")
    vectors: bool = Field(
        default=True, description="Keep the vectors of recent questions and of hot memories."
    )
    rescoring: bool = Field(
        default=False,
        description="Score what `similar` found by its exact vectors once more: for servers whose "
        "collections are compressed.",
    )
    device: Device = Field(
        default="auto",
        description="Where the vectors are: auto (a GPU that torch sees, else this machine's "
        "memory), cuda, cuda:1, mps, cpu (torch), numpy.",
    )
    answer_memory: Size = Field(default="64mb", description="How much the answers may take.")
    vector_memory: Size = Field(
        default="64mb", description="How much the vectors may take, on the device."
    )
    similar_from: Share | None = Field(
        default=None,
        examples=["0.97"],
        description="The cosine from which on the answer to a similar question is given. "
        "Without it, only the very same question is answered from here.",
    )


class Embedding(Section):
    """The model that turns a text into a vector."""

    provider: Literal["bundled", "openai", "torch"] = Field(
        default="bundled",
        description="bundled runs the model that ships with sophia; openai asks an HTTP endpoint "
        "that speaks OpenAI's protocol; torch runs a model on this machine.",
    )
    model: str | None = Field(
        default=None,
        examples=["text-embedding-3-small"],
        description="The model's name, for openai and torch.",
    )
    url: WebUrl | None = Field(
        default=None,
        examples=["https://embeddings.example.com/v1"],
        description="The endpoint, for openai.",
    )
    api_key_file: Path | None = Field(
        default=None,
        examples=["/etc/sophia/embedding.key"],
        description="A file that holds the endpoint's API key, mode 0600.",
    )
    dimension: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        examples=["1536"],
        description="The length of a vector; without it, what the model says.",
    )
    batch_size: int = Field(default=16, ge=1, le=4096, description="Texts embedded at once.")
    timeout: Timeout = Field(
        default=timedelta(seconds=30), description="How long one call of the endpoint may take."
    )
    device: str = Field(
        default="auto", description="Where torch runs: auto, cpu, cuda, cuda:1, mps."
    )

    def api_key(self) -> SecretStr | None:
        """The key in `api_key_file`, read now; `ConfigurationError` if it cannot be."""
        return secret_in(self.api_key_file, "embedding.api_key_file")


class Recall(Section):
    """How memories are searched."""

    limit: int = Field(
        default=10, ge=1, le=1000, description="Memories an answer holds unless -n says otherwise."
    )
    candidates: int = Field(
        default=50, ge=1, le=10000, description="Memories each signal brings to be ranked."
    )


class Resident(Section):
    """The resident process that runs commands for the thin client."""

    start_timeout: Timeout = Field(
        default=timedelta(seconds=60),
        description="How long it and its engines may take to start.",
    )
    drain_interval: Timeout = Field(
        default=timedelta(seconds=1),
        description="How often it looks for writes that the vectors still owe.",
    )


class Config(Section):
    """The whole configuration."""

    profile: Literal["local", "cluster"] = Field(
        default="local",
        description="local runs everything on this machine; cluster uses servers named below.",
    )
    records: Records = Records()
    vectors: Vectors = Vectors()
    gpu_cache: GpuCache = GpuCache()
    hot_cache: HotCache = HotCache()
    embedding: Embedding = Embedding()
    recall: Recall = Recall()
    resident: Resident = Resident()
    rest: Rest = Rest()
    log: Log = Log()

    tracing: Tracing = Tracing()

    @property
    def vector_engine(self) -> Literal["edge", "server"]:
        """`vectors.engine`, or the one that fits the profile."""
        return self.vectors.engine or ("server" if self.profile == "cluster" else "edge")

    def tiers_fingerprint(self) -> str:
        """A digest over everything that an open service is built from: 64 hex digits.

        Not what each command brings along, nor what its faces are built from. The same in every
        process. It covers passwords in URLs, so it is compared, never shown.
        """
        opened = {key: str(value) for key, value in self.values() if not key.startswith(_NO_TIERS)}
        return hashlib.sha256(json.dumps(opened, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        values = dict(self.values())
        if lacks := [f"{cause} {values[cause]} needs {key}" for cause, key in lacking(values)]:
            raise ValueError("; ".join(lacks))
        return self


_NO_TIERS = ("recall.", "rest.", "tracing.", "log.")
_NEEDS = (
    ("profile", "cluster", ("records.url", "vectors.urls")),
    ("vectors.engine", "server", ("vectors.urls",)),
    ("embedding.provider", "openai", ("embedding.url", "embedding.model")),
)


def lacking(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yields what `values`, by dotted key, make necessary and do not hold: the cause, the key."""
    for cause, value, keys in _NEEDS:
        if values.get(cause) == value:
            yield from ((cause, key) for key in keys if not values.get(key))
