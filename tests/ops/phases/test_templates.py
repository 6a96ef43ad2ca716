"""Every template against a reviewed file of what it renders to: `golden/`.

After a change that is meant: `python -m tests.ops.phases.test_templates` writes them anew; read
the difference before it is committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sophia_cli.config.loading import load
from sophia_cli.ops.inventory.model import Inventory
from tests.ops.phases import stage

GOLDEN = Path(__file__).with_name("golden")
_TLS = {"tls_certificate_file": "pg.crt", "tls_key_file": "pg.key", "memory": "8gb"}
CASES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "redis.conf": ("redis/redis.conf", "one", {}, {}),
    "redis-other.conf": (
        "redis/redis.conf",
        "one",
        {"redis": {"max_memory": "512mb", "policy": "allkeys-lru", "port": 6380}},
        {},
    ),
    "postgresql.conf": ("postgres/postgresql.conf", "two", {}, {}),
    "postgresql-tls-8gb.conf": ("postgres/postgresql.conf", "two", {"postgres": _TLS}, {}),
    "postgresql-small.conf": ("postgres/postgresql.conf", "two", {}, {"memory_bytes": 1 << 29}),
    "pg_hba.conf": ("postgres/pg_hba.conf", "two", {}, {}),
    "pg_hba-tls.conf": ("postgres/pg_hba.conf", "two", {"postgres": _TLS}, {}),
    "role.sql": ("postgres/role.sql", "two", {}, {}),
    "sophia.yaml": ("service/sophia.yaml", "one", {}, {}),
    "sophia-rest-tls.yaml": (
        "service/sophia.yaml",
        "two",
        {"qdrant": {"grpc_port": 7000}, "postgres": _TLS},
        {},
    ),
    "sophia.service": ("service/sophia.service", "one", {}, {}),
    "sophia-bounded.service": (
        "service/sophia.service",
        "one",
        {"sophia": {"limits": {"memory": "4gb", "cpus": 1.5}, "home": "/home/sophia/memory"}},
        {"gpu": "NVIDIA GH200"},
    ),
    "sophia.sh": ("service/sophia.sh", "one", {}, {}),
    "datasource.yaml": ("grafana/datasource.yaml", "three", {}, {}),
    "dashboards.yaml": ("grafana/dashboards.yaml", "three", {}, {}),
}


def rendered(case: str) -> str:
    template, host, services, facts = CASES[case]
    return stage.template(template, stage.context(stage.inventory(**services), host, **facts))


@pytest.mark.parametrize("case", CASES)
def test_a_template_renders_to_what_was_reviewed(case: str) -> None:
    assert rendered(case) == (GOLDEN / case).read_text()


def test_every_template_has_a_case_and_every_golden_file_too() -> None:
    mine = ("redis", "postgres", "service", "grafana")
    templates = {
        str(path.relative_to(stage.ROOT / "configs"))
        for name in mine
        for path in (stage.ROOT / "configs" / name).iterdir()
    }
    assert templates == {template for template, *_ in CASES.values()}
    assert {path.name for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("case", ["sophia.yaml", "sophia-rest-tls.yaml"])
def test_sophia_takes_the_configuration_of_its_service(case: str, tmp_path: Path) -> None:
    path = tmp_path / "sophia.yaml"
    path.write_text(rendered(case))
    config = load({"SOPHIA_CONFIG": str(path), "HOME": str(tmp_path)}).config
    assert config.profile == "cluster" and len(config.vectors.urls) == 3
    assert config.vectors.grpc is (case == "sophia.yaml")
    assert ("sslmode=require" in str(config.records.url)) is (case != "sophia.yaml")


@pytest.mark.parametrize(
    ("hosts", "profile"),
    [
        ({"one": {"address": "192.0.2.11", "roles": ["sophia"]}}, "local"),
        ({"one": {"address": "2001:db8::1", "roles": ["sophia", "redis", "postgres"]}}, "local"),
        ({"one": {"address": "2001:db8::1", "roles": ["sophia", "qdrant", "postgres"]}}, "cluster"),
    ],
)
def test_a_smaller_site_has_a_configuration_that_sophia_takes_too(
    hosts: dict[str, Any], profile: str, tmp_path: Path
) -> None:
    values = stage.context(Inventory.model_validate({"hosts": hosts}), "one")
    path = tmp_path / "sophia.yaml"
    path.write_text(stage.template("service/sophia.yaml", values))
    assert load({"SOPHIA_CONFIG": str(path), "HOME": str(tmp_path)}).config.profile == profile
    assert stage.template("postgres/pg_hba.conf", values).count("/128") == ("db8" in str(hosts))


@pytest.mark.parametrize("name", ["prometheus.yml", "sophia-alerts.yml", "sophia-dashboard.json"])
def test_what_prometheus_and_grafana_get_holds_no_secret_and_every_host(name: str) -> None:
    text = stage.context(stage.inventory(), "three")["monitoring"][name]
    assert not any(secret in text for secret in stage.SECRETS.values())
    assert yaml.safe_load(text)
    if name == "prometheus.yml":
        jobs = {job["job_name"]: job for job in yaml.safe_load(text)["scrape_configs"]}
        assert jobs["sophia"]["static_configs"][0]["targets"] == [
            "192.0.2.11:8420",
            "192.0.2.12:8420",
        ]
        assert len(jobs["qdrant"]["static_configs"][0]["targets"]) == 3


if __name__ == "__main__":
    for each in CASES:
        (GOLDEN / each).write_text(rendered(each))
