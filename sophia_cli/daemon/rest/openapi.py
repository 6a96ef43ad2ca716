"""The description as it is served: the framework's, with our problems, headers and examples."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sophia_cli import errors
from sophia_cli.daemon.rest import examples, problems
from sophia_cli.daemon.rest.schemas import Problem
from sophia_cli.daemon.rest.statuses import STATUSES
from sophia_cli.daemon.rest.streaming import MEDIA_TYPE as LINES

_ABOUT = """The memory over HTTP. What comes back under `/v1` is what the command line prints with
`--json`; an error is a problem with the command line's code and hint. See docs/rest.md."""
_ALWAYS = ("unauthorized", "invalid_input", "rate_limited", "internal", "tier_down")
_WITH_BODY = ("timeout", "too_large")
_WITH_SERVICE = ("forbidden", "refused")
_OF_ONE = ("not_found",)
_OF_WRITES = ("out_of_space",)
_WRITES = ("create", "create_many", "update", "forget", "forget_many", "ask")
_CONDITIONAL = ("update", "forget")
_HEADERS = {
    "create": [("Idempotency-Key", "Carries this request out once, however often it is sent.")],
    "create_many": [("Idempotency-Key", "As for one memory.")],
    "get": [("If-None-Match", "The ETag of what the client has.")],
    "update": [("If-Match", "The ETag of the only version that is to be changed.")],
    "forget": [("If-Match", "The ETag of the only version that is to be forgotten.")],
}
_SAID = {
    "unauthorized": ("a token is needed", "send it as Authorization: Bearer TOKEN"),
    "forbidden": ("this token may not write", "ask for one with that scope: sophia token"),
    "not_found": ("no memory 0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44", "a list shows what there is"),
    "invalid_input": ("limit: input should be greater than or equal to 1", "see /openapi.json"),
    "timeout": ("the request did not come within 30 s", ""),
    "refused": ("the store is built with another model", "set the model it was built with"),
    "precondition_failed": ("the memory has been changed since", "read it again"),
    "too_large": ("the request is larger than 8,388,608 bytes", "send it in parts"),
    "rate_limited": ("more than 100 requests a second", "wait, then go on more slowly"),
    "internal": ("an error in sophia itself", "its log says more, under the request's id"),
    "tier_down": ("records: connection refused", "sophia status shows the engines"),
    "out_of_space": ("records: the disk is full", "free some space and run it again"),
}


def description(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of an application's routes."""
    made = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"token": []}]
    for path, methods in made["paths"].items():
        for operation in methods.values():
            _complete(path, operation)
    return made


def _complete(path: str, operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    headers = [*_HEADERS.get(name, []), ("X-Request-Id", "Sent back with the response.")]
    operation.setdefault("parameters", []).extend(
        {"name": each, "in": "header", "description": about, "schema": {"type": "string"}}
        for each, about in headers
    )
    responses = operation["responses"]
    responses.pop("422", None)
    for status, response in responses.items():
        if "content" in response:
            for content in response["content"].values():
                content["example"] = examples.RESPONSES[name]
        response["headers"] = _response_headers(name, status)
    if name == "list":
        responses["200"]["content"][LINES] = {
            "schema": {"type": "string"},
            "example": '{"id":"0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44","kind":"coding"}\n',
        }
    if "requestBody" in operation:
        for content in operation["requestBody"]["content"].values():
            content["example"] = examples.REQUESTS[name]
    for code in _codes(path, name, "requestBody" in operation):
        status = STATUSES[code]
        responses[str(status)] = _problem(code, status)
    if name == "ready":
        verdicts = copy.deepcopy(responses["200"]["content"]["application/json"])
        verdicts["example"] |= {"status": "failed"}
        responses["503"]["content"]["application/json"] = verdicts


def _codes(path: str, name: str, has_body: bool) -> Iterator[str]:
    yield from _ALWAYS
    if has_body:
        yield from _WITH_BODY
    if path.startswith("/v1") or path == "/metrics":
        yield from _WITH_SERVICE
    if "{id}" in path or name == "forget_many":
        yield from _OF_ONE
    if name in _CONDITIONAL:
        yield "precondition_failed"
    if name in _WRITES:
        yield from _OF_WRITES


def _problem(code: str, status: int) -> dict[str, Any]:
    said = errors.SophiaError(*_SAID[code])
    said.code = code
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _response_headers("", str(status)),
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": problems.details(said, status, "b1946ac92492d234"),
            }
        },
    }


def _response_headers(name: str, status: str) -> dict[str, Any]:
    named = ["X-Request-Id"]
    if name in ("get", "update"):
        named.append("ETag")
    if name == "create":
        named.append("Location")
    if status in ("429", "503"):
        named.append("Retry-After")
    if status == "401":
        named.append("WWW-Authenticate")
    return {each: {"schema": {"type": "string"}} for each in named}
