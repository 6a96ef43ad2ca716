"""The four ways to one memory, made alike: each call becomes a code, rows and what was degraded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from sophia_cli import Sophia as Client
from sophia_cli.api.results import (
    recalled_to_json,
    receipt_to_json,
    remembered_to_json,
)
from sophia_cli.errors import SophiaError
from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.model import Memory
from sophia_cli.memory.service import Receipt, Remembered
from sophia_cli.memory.wire import memory_to_json
from tests.conftest import Sophia as Cli
from tests.mcp.conftest import Editor

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came back with.

    Attributes:
        code: the error's code; empty without one.
        degraded: which tiers could not do their part.
    """

    code: str
    rows: Rows
    degraded: tuple[str, ...]


Way = Callable[[str, Mapping[str, Any]], "Answer | None"]
"""Makes a call; None where this way has no such call."""


def _answer(envelope: Mapping[str, Any]) -> Answer:
    error = envelope.get("error")
    return Answer(
        "" if error is None else error["code"],
        envelope.get("data") or [],
        tuple(sorted({reason.partition(":")[0] for reason in envelope.get("degraded") or ()})),
    )


def by_command_line(cli: Cli) -> Way:
    """`sophia --json ...`."""
    named = {"get": "show"}
    positional = {
        "remember": "content",
        "recall": "query",
        "similar": "text",
        "ask": "sentence",
    }

    def call(name: str, given: Mapping[str, Any]) -> Answer:
        values = dict(given)
        words = [values.pop("id")] if "id" in values else []
        words += [values.pop("ids")[0]] if "ids" in values else []
        text = values.pop(positional.get(name, "content"), None)
        options = [word for key, value in values.items() for word in (f"--{key}", str(value))]
        texts = [] if text is None else [text]
        ended = cli("--json", named.get(name, name), *options, "--", *words, *texts)
        return _answer(json.loads(ended.stdout))

    return call


def by_rest(socket: str) -> Way:
    """Over the socket in the home."""
    transport = httpx.HTTPTransport(uds=socket)
    client = httpx.Client(transport=transport, base_url="http://sophia", timeout=60)

    def call(name: str, given: Mapping[str, Any]) -> Answer:
        values = dict(given)
        match name:
            case "remember":
                response = client.post("/v1/memories", json=values)
            case "get":
                response = client.get(f"/v1/memories/{values['id']}")
            case "update":
                response = client.patch(f"/v1/memories/{values.pop('id')}", json=values)
            case "forget":
                response = client.post("/v1/memories/forget", json=values)
            case _:
                response = client.post(f"/v1/{name}", json=values)
        body = response.json()
        if response.is_error:
            return Answer(body["code"], [], ())
        return _answer(body)

    return call


def by_mcp(editor: Editor) -> Way:
    """The tools; a memory is a resource, and none is changed in place."""
    tools = {"similar": "find_similar"}

    def call(name: str, given: Mapping[str, Any]) -> Answer | None:
        if name == "update":
            return None
        if name == "get":
            answer = editor.ask("resources/read", uri=f"sophia://memory/{given['id']}")
            if "error" in answer:
                return Answer(answer["error"]["data"]["code"], [], ())
            return Answer("", [json.loads(answer["result"]["contents"][0]["text"])], ())
        result = editor.call(tools.get(name, name), **given)
        return _answer(result["structuredContent"])

    return call


def by_client(client: Client) -> Way:
    """The Python client."""
    first = {"remember": "content", "recall": "query", "similar": "text", "ask": "sentence"}

    def call(name: str, given: Mapping[str, Any]) -> Answer:
        values = dict(given)
        subject = values.pop(first.get(name) or ("ids" if name == "forget" else "id"))
        try:
            found = getattr(client, name)(subject, **values)
        except SophiaError as error:
            return Answer(error.code, [], ())
        degraded = {reason.partition(":")[0] for reason in found.degraded}
        return Answer("", [_row(each) for each in found], tuple(sorted(degraded)))

    return call


def _row(value: Any) -> dict[str, Any]:
    match value:
        case Recalled():
            return recalled_to_json(value)
        case Remembered():
            return remembered_to_json(value)
        case Receipt():
            return receipt_to_json(value)
        case Memory():
            return memory_to_json(value)
    raise AssertionError(value)
