"""Whatever the description allows, and much that it does not, asked of a real server over TCP."""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from sophia_cli.daemon.rest.app import own_routes
from sophia_cli.daemon.rest.openapi import description
from tests.daemon.rest.served import Served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
schema = schemathesis.openapi.from_dict(description(own_routes()))


@pytest.fixture(scope="module")
def asked(rest: Served, token: str) -> dict[str, str]:
    return {"base_url": f"http://{rest.address}", "authorization": f"Bearer {token}"}


@schema.parametrize()
@settings(
    max_examples=int(os.environ.get("SOPHIA_TEST_FUZZ", "12")),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_it_answers_as_it_is_described(case: schemathesis.Case, asked: dict[str, str]) -> None:
    case.call_and_validate(
        base_url=asked["base_url"],
        headers={"authorization": asked["authorization"]},
        checks=CHECKS,
    )
