from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from sophia_cli.config.model import Config

CLUSTER: dict[str, Any] = {
    "profile": "cluster",
    "records": {"url": "postgresql://192.0.2.1/sophia"},
    "vectors": {"urls": ["http://192.0.2.1:6333"]},
}


def test_the_profile_decides_the_vector_engine_unless_it_is_named() -> None:
    assert Config().vector_engine == "edge"
    assert Config.model_validate(CLUSTER).vector_engine == "server"
    named = {"engine": "server", "urls": ["http://192.0.2.1:6333"]}
    assert Config.model_validate({"vectors": named}).vector_engine == "server"


def test_a_configuration_cannot_be_changed() -> None:
    config = Config()
    with pytest.raises(ValidationError):
        config.profile = "cluster"
    with pytest.raises(ValidationError):
        config.hot_cache.ttl.coding = timedelta(0)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://sophia:pw@192.0.2.1/db",
        "postgres://h1:5432,h2:5433,[2001:db8::1]:5432/db?target_session_attrs=primary",
        "postgresql:///db?host=/run/postgresql",
        "postgresql://%2Frun%2Fpostgresql/db",
    ],
)
def test_the_urls_that_libpq_takes_are_taken(url: str) -> None:
    assert Config.model_validate({"records": {"url": url}}).records.url == url


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("records", {"url": "host=192.0.2.1 dbname=sophia"}),
        ("records", {"url": "postgresql://h:port/db"}),
        ("records", {"url": "postgresql://h:70000/db"}),
        ("records", {"url": "postgresql://h:0/db"}),
        ("records", {"url": "postgresql://a@b@h/db"}),
        ("records", {"url": "postgresql://h/my db"}),
        ("records", {"url": "postgresql://[::1/db"}),
        ("rest", {"listen": "8420"}),
        ("rest", {"listen": ":8420"}),
        ("rest", {"listen": "192.0.2.1"}),
        ("rest", {"listen": "192.0.2.1:0"}),
        ("rest", {"listen": "192.0.2.1:70000"}),
        ("rest", {"listen": "http://192.0.2.1:80"}),
        ("rest", {"listen": " 192.0.2.1:80"}),
        ("vectors", {"urls": ["192.0.2.1:6333"]}),
        ("vectors", {"urls": ["http://"]}),
        ("vectors", {"urls": ["http://a:1,b:2"]}),
        ("vectors", {"urls": [""]}),
        ("vectors", {"prefix": "a/b"}),
        ("vectors", {"prefix": "sophia\n"}),
        ("vectors", {"write_consistency_factor": 2}),
        ("hot_cache", {"url": "unix://run/valkey.sock"}),
        ("hot_cache", {"url": "http://192.0.2.1"}),
        ("hot_cache", {"max_memory": "lots"}),
        ("hot_cache", {"timeout": "0"}),
        ("hot_cache", {"ttl": {"coding": "-1s"}}),
        ("records", {"pool_size": 0}),
        ("records", {"pool_size": 101}),
        ("embedding", {"provider": "openai", "url": "https://example.com/v1"}),
        ("recall", {"unknown": 1}),
    ],
)
def test_a_value_that_does_not_fit_is_refused(section: str, value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({section: value})


def test_the_fingerprint_moves_with_what_a_service_is_built_from_and_with_nothing_else() -> None:
    def fingerprint(**sections: Any) -> str:
        return Config.model_validate(sections).tiers_fingerprint()

    base = fingerprint()
    assert fingerprint(recall={"limit": 3}) == base
    others = [
        fingerprint(**CLUSTER),
        fingerprint(records={"url": "postgresql://a:one@192.0.2.1/db"}),
        fingerprint(records={"url": "postgresql://a:two@192.0.2.1/db"}),
        fingerprint(vectors={"prefix": "other"}),
        fingerprint(hot_cache={"enabled": False}),
        fingerprint(hot_cache={"ttl": {"coding": "5s"}}),
        fingerprint(resident={"drain_interval": "5s"}),
        fingerprint(hot_cache={"url": "redis://192.0.2.1"}),
        fingerprint(embedding={"device": "cpu"}),
    ]
    assert len({base, *others}) == len(others) + 1


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    program = "from sophia_cli.config.model import Config; print(Config().tiers_fingerprint())"
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert other.stdout.strip() == Config().tiers_fingerprint()
