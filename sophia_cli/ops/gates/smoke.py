"""The smoke test: the deployed memory remembers, recalls and forgets, and keeps nothing of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

from sophia_cli.errors import SophiaError
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.gates.asking import Answer, ask, sophia_headers, sophia_url
from sophia_cli.ops.gates.patience import patiently
from sophia_cli.ops.site import Site

_PATIENCE = 30.0
_WORD_BYTES = 8


def smoke(site: Site, hosts: Sequence[str]) -> str:
    """One host stores a memory, the next one recalls it, it is forgotten, and gone everywhere.

    Raises:
        GateFailed, Unreachable: see `Gate`. What was stored is erased all the same, if it can be.
    """
    stores, recalls = hosts[0], hosts[-1]
    word = f"smoke{secrets.token_hex(_WORD_BYTES)}"
    # It ends by itself, if this test is killed before it can forget.
    memory = {
        "content": f"The deployment's smoke test left the word {word} here.",
        "kind": "coding",
        "session": word,
        "expires": "1h",
    }
    stored = _asked(site, stores, "POST", "/v1/memories", (200, 201), memory)
    id_ = _first(stored, stores)["id"]
    try:
        patiently(partial(_recalled, site, recalls, word, id_), _PATIENCE)
    except SophiaError:
        _asked(site, stores, "DELETE", f"/v1/memories/{id_}", (200, 404), None)
        raise
    patiently(partial(_forgotten, site, stores, id_), _PATIENCE)
    _gone(site, recalls, word, id_)
    way = stores if stores == recalls else f"{stores} and {recalls}"
    return f"a memory was stored, recalled and forgotten through {way}"


def _recalled(site: Site, host: str, word: str, id_: str) -> None:
    answer = _search(site, host, word)
    if id_ not in [each["id"] for each in answer.body["data"]]:
        raise GateFailed(
            f"{host}: what was stored a moment ago is not recalled",
            "sophia status on that host says whether the vectors are owed something",
        )
    # Without the vectors the records alone find it, which is not what was deployed.
    if answer.body["status"] != "ok":
        raise GateFailed(
            f"{host}: recall is degraded: {'; '.join(answer.body['degraded'])[:400]}",
            "sophia status on that host says which tier is missing",
        )


def _forgotten(site: Site, host: str, id_: str) -> None:
    answer = _asked(site, host, "POST", "/v1/memories/forget", (200,), {"ids": [id_]})
    receipt = _first(answer, host)
    if not receipt["complete"]:
        left = ", ".join(f"{tier}: {said}" for tier, said in receipt["tiers"].items())
        raise GateFailed(
            f"{host}: a memory was not erased from every tier: {left[:400]}",
            "it is erased as soon as the tier answers; deploy production again",
        )


def _gone(site: Site, host: str, word: str, id_: str) -> None:
    if id_ in [each["id"] for each in _search(site, host, word).body["data"]]:
        raise GateFailed(
            f"{host}: a memory that was forgotten is still recalled",
            "sophia doctor looks for what the vectors hold and the records do not",
        )
    _asked(site, host, "GET", f"/v1/memories/{id_}", (404,), None)


def _search(site: Site, host: str, word: str) -> Answer:
    question = {"query": f"which word did the smoke test leave? {word}", "session": word}
    return _asked(site, host, "POST", "/v1/recall", (200,), question)


def _asked(
    site: Site, host: str, method: str, path: str, wanted: tuple[int, ...], body: object
) -> Answer:
    answer = ask(site, host, sophia_url(site, host), method, path, sophia_headers(site), body)
    if answer.status not in wanted or not isinstance(answer.body, dict):
        said = answer.body.get("detail", "") if isinstance(answer.body, dict) else ""
        raise GateFailed(
            f"{host}: {method} {path}: HTTP {answer.status} {said}".rstrip(),
            f"on {host}: journalctl -u sophia -n 50",
        )
    return answer


def _first(answer: Answer, host: str) -> dict[str, Any]:
    data = answer.body.get("data") or [{}]
    if not isinstance(data[0], dict) or "id" not in data[0]:
        raise GateFailed(f"{host}: sophia answered without an id", "is it this version of sophia?")
    found: dict[str, Any] = data[0]
    return found
