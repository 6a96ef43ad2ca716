"""The description: whole, with examples, and true of what is really served."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from sophia_cli import errors
from sophia_cli.daemon.rest import schemas
from sophia_cli.daemon.rest.app import ROUTERS, own_routes
from sophia_cli.daemon.rest.openapi import description
from sophia_cli.daemon.rest.statuses import STATUSES
from tests.daemon.rest.served import Served

DOCUMENT = description(own_routes())
PAGE = Path(__file__).parents[3] / "docs" / "rest.md"
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def contents(node: Any) -> Iterator[dict[str, Any]]:
    """Everything with a schema and an example, requests and responses alike."""
    if isinstance(node, dict):
        if "schema" in node and "in" not in node and "content" not in node:
            yield node
        for each in node.values():
            yield from contents(each)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that stands alone."""
    return {**schema, "components": DOCUMENT["components"]}


def test_it_is_what_is_served(client: httpx.Client) -> None:
    served = client.get("/openapi.json").json()
    assert served == json.loads(json.dumps(DOCUMENT))
    assert served["openapi"].startswith("3.1")
    assert served["security"] == [{"token": []}]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_request_and_response_has_an_example_that_fits(name: str) -> None:
    operation = OPERATIONS[name][2]
    described = [
        *operation.get("requestBody", {}).get("content", {}).values(),
        *(
            content
            for response in operation["responses"].values()
            for content in response.get("content", {}).values()
        ),
    ]
    assert described
    for content in described:
        assert "example" in content
        Draft202012Validator(resolved(content["schema"])).validate(content["example"])
    for parameter in operation["parameters"]:
        assert parameter.get("description") or parameter["name"] == "id"


def test_every_error_has_a_status() -> None:
    def below(kind: type[errors.SophiaError]) -> Iterator[type[errors.SophiaError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from below(each)

    # What befalls the hosts of a cluster, and a look at it, happens to commands alone.
    elsewhere = ("sophia_cli.ops.", "sophia_cli.checks.", "sophia_cli.repair.")
    served = [
        kind for kind in below(errors.SophiaError) if not kind.__module__.startswith(elsewhere)
    ]
    assert {kind.code for kind in served} <= set(STATUSES)


def test_every_endpoint_is_on_the_page() -> None:
    routes = {
        (method, route.path_format)  # type: ignore[attr-defined]
        for router in ROUTERS
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    page = PAGE.read_text("utf-8")
    assert set(re.findall(r"^\| `([A-Z]+) (/\S*)` \|", page, re.MULTILINE)) == routes
    for code, status in STATUSES.items():
        assert f"| {status} | `{code}` |" in page


def test_real_responses_fit(client: httpx.Client, owner: httpx.Client, user: str) -> None:
    def fits(model: Any, answer: httpx.Response) -> Any:
        assert answer.status_code < 400, answer.text
        return TypeAdapter(model).validate_json(answer.content)

    memory = {"content": "a fact of the launch", "user": user, "session": "s", "expires": "30d"}
    stored = client.post("/v1/memories", json=memory, headers={"idempotency-key": user})
    fits(schemas.Envelope[schemas.Remembered], stored)
    path = stored.headers["location"]
    fits(schemas.Envelope[schemas.Memory], client.get(path))
    fits(schemas.Envelope[schemas.Memory], client.patch(path, json={"speaker": "Ann"}))
    fits(schemas.Envelope[schemas.Memory], client.get("/v1/memories", params={"limit": 1}))
    for face, field in (("recall", "query"), ("similar", "text")):
        asked = {field: "what fact?", "user": user, "explain": True}
        answer = client.post(f"/v1/{face}", json=asked)
        assert fits(schemas.Envelope[schemas.Recalled], answer).count == 1
    for sentence in ("what of the launch?", "Analyze memory performance", "Remember this: x y"):
        answer = client.post("/v1/ask", json={"sentence": sentence})
        fits(schemas.Envelope[schemas.Answered], answer)
    fits(schemas.Envelope[schemas.Answered], client.get("/v1/stats"))
    fits(schemas.Envelope[schemas.Receipt], client.delete(path))
    fits(schemas.Envelope[schemas.Event], client.get(f"{path}/history"))
    for each in (client, owner):
        fits(schemas.Live, each.get("/health/live"))
        fits(schemas.Ready, each.get("/health/ready"))
    problem = client.get(path)
    assert problem.headers["content-type"] == "application/problem+json"
    schemas.Problem.model_validate_json(problem.content)


def test_no_page_of_others_is_loaded(rest: Served, client: httpx.Client) -> None:
    for path in ("/docs", "/redoc", "/openapi.yaml"):
        assert client.get(path).status_code == 404
