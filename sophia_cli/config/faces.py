"""The sections of what faces outwards: REST, the logs, traces. No service is built from them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field

from sophia_cli.config.secrets import secret_in
from sophia_cli.config.shapes import Address, Section, Share, Size, Timeout, WebUrl
from sophia_cli.errors import ConfigurationError


class Tls(Section):
    """How what is said on TCP is kept from others."""

    certificate_file: Path | None = Field(
        default=None,
        examples=["/etc/sophia/rest.crt"],
        description="The certificate and those it is signed by, as PEM. Without it, HTTP.",
    )
    key_file: Path | None = Field(
        default=None,
        examples=["/etc/sophia/rest.key"],
        description="Its private key, as PEM, mode 0600. Without it, the certificate's file "
        "holds the key as well.",
    )


class Rest(Section):
    """HTTP for programs: on a socket in the home, and with a token on TCP where it is asked for."""

    listen: Address | None = Field(
        default=None,
        examples=["127.0.0.1:8420"],
        description="Where it listens on TCP. Without it, on the socket alone.",
    )
    tls: Tls = Tls()
    rate: int = Field(
        default=100, ge=1, le=1_000_000, description="Requests a second that a token has."
    )
    burst: int = Field(
        default=200, ge=1, le=1_000_000, description="Requests that a token has saved up at most."
    )
    largest_body: Size = Field(default="8mb", description="How large a request may be.")
    timeout: Timeout = Field(
        default=timedelta(seconds=30),
        description="How long a client may take to send its request, or to take a piece of the "
        "answer.",
    )


class Log(Section):
    """What is written to the logs, and how much of it stays."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least that is written; debug also tells the tiers for which request "
        "they are asked.",
    )
    largest: Size = Field(
        default="8mb", description="The size from which on a log is set aside and begun anew."
    )
    kept: int = Field(
        default=4, ge=1, le=1000, description="How many files of each log that were set aside stay."
    )


class Tracing(Section):
    """OpenTelemetry: a span for every operation, sent to a collector. Needs the extra otel.

    Read when the memory is opened: after a change, `sophia down` and `sophia up`.
    """

    endpoint: WebUrl | None = Field(
        default=None,
        examples=["http://192.0.2.40:4318/v1/traces"],
        description="Where spans are sent, by OTLP over HTTP. Without it, there are none.",
    )
    headers_file: Path | None = Field(
        default=None,
        examples=["/etc/sophia/tracing.headers"],
        description="A file with what the collector wants to see, a line `Name: value` each, "
        "mode 0600.",
    )
    sample_ratio: Share = Field(default=1.0, description="Which share of the operations is sent.")
    service_name: str = Field(
        default="sophia",
        min_length=1,
        max_length=200,
        description="What the collector calls this process.",
    )

    def headers(self) -> dict[str, str]:
        """What `headers_file` says, read now; `ConfigurationError` if it cannot be used."""
        key = "tracing.headers_file"
        text = secret_in(self.headers_file, key)
        lines = [] if text is None else text.get_secret_value().splitlines()
        parted = [line.partition(":") for line in lines if line.strip()]
        if not all(name.strip() and mark and value.strip() for name, mark, value in parted):
            raise ConfigurationError(f"{key}: a line in it is not `Name: value`")
        return {name.strip(): value.strip() for name, _, value in parted}
