"""The embedder's checks, before endpoints that are down, slow, of another model, or unsound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.checks.check import Verdict
from tests.checks.breaking.endpoint import Endpoint
from tests.checks.conftest import Store
from tests.checks.scenes import looks, worst


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def variables(endpoint: Endpoint, store: Store) -> dict[str, str]:
    """An embedder over HTTP, with the records of the shared store."""
    folder = str(store.postgres.socket.parent)
    return {
        "SOPHIA_RECORDS__URL": f"postgresql://sophia@/postgres?host={folder}",
        "SOPHIA_EMBEDDING__PROVIDER": "openai",
        "SOPHIA_EMBEDDING__URL": f"http://127.0.0.1:{endpoint.server.server_port}/v1",
        "SOPHIA_EMBEDDING__MODEL": "word-hash",
        "SOPHIA_EMBEDDING__TIMEOUT": "1s",
    }


def test_one_that_is_down_answers_nothing(
    home: Path, endpoint: Endpoint, variables: dict[str, str]
) -> None:
    assert worst(looks(home, "EM-01", variables)) is Verdict.PASS
    endpoint.broken = True
    [found] = looks(home, "EM-01", variables)
    assert found.verdict is Verdict.FAIL
    endpoint.broken = False
    assert worst(looks(home, "EM-01", variables)) is Verdict.PASS


def test_one_of_another_model_than_the_stores(
    store: Store, home: Path, variables: dict[str, str]
) -> None:
    assert worst(store.looks("EM-02")) is Verdict.PASS
    [found] = looks(home, "EM-02", variables)
    assert found.verdict is Verdict.FAIL
    assert any("all-MiniLM-L6-v2-int8" in line for line in found.evidence)
    assert any("word-hash" in line for line in found.evidence)


def test_one_that_gives_every_text_the_same_vector(
    home: Path, endpoint: Endpoint, variables: dict[str, str]
) -> None:
    assert worst(looks(home, "EM-03", variables)) is Verdict.PASS
    endpoint.constant = True
    [found] = looks(home, "EM-03", variables)
    assert found.verdict is Verdict.FAIL
    assert found.says == "two texts have the same vector"
    endpoint.constant = False
    assert worst(looks(home, "EM-03", variables)) is Verdict.PASS


def test_one_that_is_about_to_be_too_slow(
    home: Path, endpoint: Endpoint, variables: dict[str, str]
) -> None:
    assert worst(looks(home, "EM-04", variables)) is Verdict.PASS
    endpoint.pause = 0.65
    [found] = looks(home, "EM-04", variables)
    assert found.verdict is Verdict.WARN
    assert "of embedding.timeout" in found.says
    endpoint.pause = 0.0
    assert worst(looks(home, "EM-04", variables)) is Verdict.PASS


def test_it_is_looked_at_while_the_records_are_down(home: Path, variables: dict[str, str]) -> None:
    nowhere = {**variables, "SOPHIA_RECORDS__URL": "postgresql://sophia@127.0.0.1:1/postgres"}
    assert worst(looks(home, "EM-01", nowhere)) is Verdict.PASS
    assert worst(looks(home, "EM-03", nowhere)) is Verdict.PASS
    assert worst(looks(home, "EM-02", nowhere)) is Verdict.UNKNOWN
