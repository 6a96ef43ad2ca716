"""HTTP as gates ask it: from a host, to a service there, with a token that is shown nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import httpx

from sophia_cli.api.token_text import around
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.site import Site

REST_TOKEN = "rest-token"  # noqa: S105  (a name)
_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered.

    Attributes:
        body: what the JSON holds; None where it is none.
    """

    status: int
    body: Any
    text: str


def sophia_headers(site: Site) -> dict[str, str]:
    """What a request to sophia's REST brings along."""
    token = around(site.secrets.value(REST_TOKEN).get_secret_value())
    return {"Authorization": f"Bearer {token}"}


def sophia_url(site: Site, host: str) -> str:
    """Where REST of a host is, as the other hosts reach it."""
    at = site.inventory.hosts[host].reached_at
    return f"http://{f'[{at}]' if ':' in at else at}:{site.inventory.services.sophia.port}"


def ask(
    site: Site,
    host: str,
    base_url: str,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: object = None,
) -> Answer:
    """One request that a host makes.

    Raises:
        GateFailed: no HTTP came back.
        HostUnreachable, OutcomeUnknown: the host itself cannot be asked.
    """
    http = import_module("sophia_cli.ops.connection.http")
    with site.connections.to(host) as connection:
        client: httpx.Client = http.http_client(connection, base_url, _TIMEOUT, dict(headers or {}))
        with client:
            try:
                response = client.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise GateFailed(
                    f"{host}: {base_url}{path}: {type(error).__name__}: {error}",
                    f"look what listens there on {host}: ss -ltnp",
                ) from None
    try:
        held = json.loads(response.text)
    except ValueError:
        held = None
    return Answer(response.status_code, held, response.text)
