"""What `GET /metrics` says, by a real resident process to a real Prometheus."""

from __future__ import annotations

import itertools
import os
import signal

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from sophia_cli.locations import rest_socket
from sophia_cli.monitoring.declarations import METRICS
from tests.conftest import wait_until
from tests.faults.frozen import frozen
from tests.monitoring.conftest import Watched, promtool
from tests.monitoring.prometheus import Prometheus


def value(watched: Watched, name: str, **labels: str) -> float | None:
    """A sample of the scrape; None where there is none."""
    for family in text_string_to_metric_families(watched.scrape().text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


def test_prometheus_takes_every_sample(prometheus: Prometheus) -> None:
    [target] = [
        each
        for each in prometheus.api("targets")["activeTargets"]
        if each["labels"]["job"] == "sophia"
    ]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_promtool_finds_no_fault_in_names_types_and_help(watched: Watched) -> None:
    assert watched.recall("are there notes?").status_code == 200
    ended = promtool("check", "metrics", text=watched.scrape().text)
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_everything_exposed_is_declared_as_it_is(watched: Watched) -> None:
    declared = {each.name: each for each in METRICS}
    found = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(watched.scrape().text)
        if family.name.startswith("sophia_")
    }
    assert set(found) <= set(declared)
    for name, family in found.items():
        assert (family.type, family.documentation) == (declared[name].type, declared[name].help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(declared[name].labels)


def test_openmetrics_for_who_asks_for_it(watched: Watched) -> None:
    answer = watched.scrape("application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {"sophia_tier_up", "sophia_memories"} <= {each.name for each in openmetrics(answer.text)}
    assert watched.scrape().headers["content-type"].startswith("text/plain; version=0.0.4")


def test_a_histogram_counts_each_recall_once(watched: Watched) -> None:
    name, labels = "sophia_recall_duration_seconds", {"served_by": "gpu_cache"}
    assert watched.recall("a question of this test").status_code == 200
    before = value(watched, f"{name}_count", **labels) or 0.0
    for _ in range(5):
        assert watched.recall("a question of this test").json()["trace"]["served_by"] == "gpu_cache"
    assert value(watched, f"{name}_count", **labels) == before + 5
    assert value(watched, f"{name}_bucket", **labels, le="+Inf") == before + 5
    buckets = [
        sample.value
        for family in text_string_to_metric_families(watched.scrape().text)
        for sample in family.samples
        if sample.name == f"{name}_bucket" and sample.labels["served_by"] == "gpu_cache"
    ]
    assert len(buckets) == 17
    assert all(less <= more for less, more in itertools.pairwise(buckets))


def test_failures_are_counted_by_their_code(watched: Watched) -> None:
    labels = {"operation": "remember", "code": "invalid_input"}
    before = value(watched, "sophia_operation_failures_total", **labels) or 0.0
    assert watched.sophia("remember", " ").returncode == 2
    assert value(watched, "sophia_operation_failures_total", **labels) == before + 1


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--scope", "read"), 200),
        (("--scope", "admin"), 200),
        (("--scope", "write"), 403),
        (("--scope", "read", "--user", "ann"), 403),
        (("--scope", "read", "--kind", "coding"), 403),
    ],
)
def test_a_token_must_allow_it_and_reach_all_of_the_memory(
    watched: Watched, options: tuple[str, ...], status: int
) -> None:
    name = "-".join(("scrapes", *options)).replace("--", "")
    token = watched.sophia.data("token", "create", name, *options)[0]["token"]
    assert watched.scrape(token=token).status_code == status


def test_the_socket_in_the_home_asks_for_none(watched: Watched) -> None:
    path = rest_socket(str(watched.sophia.home))
    with httpx.Client(transport=httpx.HTTPTransport(uds=path)) as client:
        answer = client.get("http://sophia/metrics")
    assert answer.status_code == 200
    assert "sophia_build_info" in answer.text
    assert httpx.get(f"http://{watched.address}/metrics").status_code == 401


def test_a_tier_that_is_down_is_a_sample_and_no_error(watched: Watched) -> None:
    with frozen(watched.valkey):
        wait_until(lambda: value(watched, "sophia_tier_up", tier="hot_cache") == 0)
        assert value(watched, "sophia_tier_up", tier="records") == 1
        assert watched.scrape().status_code == 200
        down = value(watched, "sophia_tier_degraded_seconds_total", tier="hot_cache")
        wait_until(
            lambda: value(watched, "sophia_tier_degraded_seconds_total", tier="hot_cache") > down
        )
    wait_until(lambda: value(watched, "sophia_tier_up", tier="hot_cache") == 1)


def test_a_tier_that_was_killed_comes_back(watched: Watched) -> None:
    os.kill(watched.valkey, signal.SIGKILL)
    wait_until(lambda: value(watched, "sophia_tier_up", tier="hot_cache") == 1)
    assert watched.recall("is it back?").status_code == 200
