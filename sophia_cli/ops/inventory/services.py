"""The services of a cluster: image, ports, directories and limits of each."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sophia_cli.config.shapes import Section, Shape, Size, Timeout, WebUrl


def _pinned(image: str) -> str:
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag == "latest" or tag.startswith("latest-") or tag.endswith("-latest"):
        raise ValueError(f"must be pinned: {tag} is another image every day")
    return image


def _without_dots(path: str) -> str:
    if {".", ".."} & set(path.split("/")):
        raise ValueError("must be written without . and ..")
    return path


Image = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]*|@sha256:[0-9a-f]{64})$"),
    AfterValidator(_pinned),
    Shape("an image with a pinned tag or digest, as redis:7.4.2"),
]
Port = Annotated[int, Field(ge=1, le=65535)]
DataDirectory = Annotated[
    str,
    Field(pattern=r"^/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$"),
    AfterValidator(_without_dots),
    Shape("an absolute path of at least two parts, as /data/qdrant"),
]
Cpus = Annotated[float, Field(gt=0, le=1024), Shape("a number of processors above 0")]


class Limits(Section):
    """What a service may take of its host."""

    memory: Size | None = Field(
        default=None, examples=["8gb"], description="Memory; without it, all there is."
    )
    cpus: Cpus | None = Field(
        default=None, examples=["4"], description="Processors; without it, all there are."
    )


class Qdrant(Section):
    """The vectors: one peer a host."""

    image: Image = Field(
        default="qdrant/qdrant:v1.19.0", description="The image of hosts without a GPU."
    )
    gpu_image: Image = Field(
        default="qdrant/qdrant:v1.19.0-gpu-nvidia", description="The image of hosts with one."
    )
    http_port: Port = Field(default=6333, description="The port of REST.")
    grpc_port: Port = Field(default=6334, description="The port of gRPC.")
    grpc: bool = Field(
        default=True,
        description="Whether sophia speaks gRPC to the peers, else REST. Only where grpc_port is "
        "one above http_port.",
    )
    p2p_port: Port = Field(
        default=6335, description="The port that peers speak on, open to peers alone."
    )
    data_dir: DataDirectory = Field(
        default="/data/qdrant", description="Holds `storage` and `snapshots`."
    )
    stop_timeout: Timeout = Field(
        default=timedelta(seconds=60), description="How long it may take to stop."
    )
    shards: int = Field(default=3, ge=1, le=1000, description="Shards of each collection.")
    replication_factor: int = Field(default=3, ge=1, le=100, description="Copies of each shard.")
    write_consistency_factor: int = Field(
        default=2, ge=1, le=100, description="Copies that must confirm a write."
    )
    quantization: Literal["scalar", "none"] = Field(
        default="scalar", description="scalar searches int8 vectors, a quarter of the memory."
    )
    limits: Limits = Limits()


class Redis(Section):
    """The hot cache: one host."""

    image: Image = Field(default="redis:7.4.2", description="The image.")
    port: Port = Field(default=6379, description="The port.")
    data_dir: DataDirectory = Field(default="/data/redis", description="Where it persists to.")
    max_memory: Size = Field(default="1gb", description="How much it holds before it evicts.")
    policy: Literal["allkeys-lfu", "allkeys-lru", "volatile-lfu", "volatile-lru"] = Field(
        default="allkeys-lfu", description="What it evicts first."
    )
    limits: Limits = Limits()


class Postgres(Section):
    """The system of record: one host."""

    image: Image = Field(default="postgres:17.4", description="The image.")
    port: Port = Field(default=5432, description="The port.")
    data_dir: DataDirectory = Field(
        default="/data/postgresql", description="The data directory's parent."
    )
    database: Annotated[
        str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$"), Shape("a database's name")
    ] = Field(default="sophia", description="The database, and the role that owns it.")
    memory: Size | None = Field(
        default=None,
        examples=["16gb"],
        description="The memory that it is tuned for; without it, half of its host's.",
    )
    tls_certificate_file: Path | None = Field(
        default=None,
        examples=["./postgres.crt"],
        description="Its certificate on this machine, as PEM; without it, no TLS.",
    )
    tls_key_file: Path | None = Field(
        default=None,
        examples=["./postgres.key"],
        description="The certificate's private key, mode 0600.",
    )
    limits: Limits = Limits()


class SophiaService(Section):
    """sophia itself, as a systemd unit."""

    package: str | None = Field(
        default=None,
        examples=["./dist/sophia_cli-0.1.0-py3-none-any.whl"],
        description="What is installed: a requirement, or a wheel on this machine. Without it, "
        "this very version.",
    )
    index: WebUrl | None = Field(
        default=None,
        examples=["https://packages.example.com/simple"],
        description="The package index that hosts install from; without it, what pip there uses.",
    )
    port: Port = Field(default=8420, description="The port of REST, on the private address.")
    home: DataDirectory = Field(
        default="/var/lib/sophia", description="Its home: logs, sockets, state."
    )
    limits: Limits = Limits()


class Prometheus(Section):
    """The figures of all services, kept: on the monitoring hosts."""

    image: Image = Field(default="prom/prometheus:v3.2.1", description="The image.")
    port: Port = Field(default=9090, description="The port, on the host's own loopback.")
    data_dir: DataDirectory = Field(default="/data/prometheus", description="Where figures are.")
    retention: Annotated[
        str, Field(pattern=r"^[1-9][0-9]{0,4}[dwy]$"), Shape("a time such as 30d")
    ] = Field(default="30d", description="How long figures are kept.")
    limits: Limits = Limits()


class Grafana(Section):
    """The dashboards, on the monitoring hosts."""

    enabled: bool = Field(default=True, description="Whether it is deployed.")
    image: Image = Field(default="grafana/grafana:11.5.2", description="The image.")
    port: Port = Field(default=3000, description="The port, on the host's own loopback.")
    data_dir: DataDirectory = Field(default="/data/grafana", description="Where its state is.")
    limits: Limits = Limits()


class Services(Section):
    """What runs on the hosts."""

    qdrant: Qdrant = Qdrant()
    redis: Redis = Redis()
    postgres: Postgres = Postgres()
    sophia: SophiaService = SophiaService()
    prometheus: Prometheus = Prometheus()
    grafana: Grafana = Grafana()
