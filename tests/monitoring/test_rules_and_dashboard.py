"""What is rendered, before a real Prometheus: every query finds data, every rule is understood."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from sophia_cli.monitoring.dashboard import model, queries
from sophia_cli.monitoring.declarations import METRICS
from sophia_cli.monitoring.rendering import DASHBOARD, RULES, Wanted, rendered
from tests.conftest import wait_until
from tests.faults.frozen import frozen
from tests.monitoring.conftest import Watched, promtool
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.qdrant_peers import say

EVERYTHING = Wanted(["192.0.2.10:8420"], ["192.0.2.11:6333", "192.0.2.12:6333"])
PANELS = queries(("qdrant",))
# No client of the recorded peers spoke gRPC.
NOBODY_ASKED = "grpc_responses_total"


def asked(query: str) -> str:
    """As Grafana would ask, with all instances chosen."""
    return query.replace("$__rate_interval", "1m").replace("$instance", ".*")


@pytest.mark.parametrize(("panel", "query"), PANELS, ids=[panel for panel, _ in PANELS])
def test_every_query_of_the_dashboard_finds_data(
    prometheus: Prometheus, panel: str, query: str
) -> None:
    if NOBODY_ASKED in query:
        prometheus.ask(asked(query))
    else:
        wait_until(lambda: prometheus.ask(asked(query)))


def test_the_queries_on_gpus_are_understood(prometheus: Prometheus) -> None:
    for panel, query in queries(("gpu",)):
        if panel.startswith("GPU"):
            prometheus.ask(asked(query))


def test_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    def health() -> dict[str, str]:
        groups = prometheus.api("rules")["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    wait_until(lambda: set(health().values()) == {"ok"})
    assert len(health()) == len(rules())


def test_every_expression_of_an_alert_has_something_to_compare(prometheus: Prometheus) -> None:
    """Without its comparisons each finds data: no name in it is misspelt."""
    for name, expression in rules().items():
        for metric in set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b(?=[{\[ )])", expression)):
            wait_until(lambda metric=metric: prometheus.ask(f"count({{__name__='{metric}'}})"))
        assert prometheus.api("query", query=expression) is not None, name


def test_the_names_of_the_guide_are_recorded(prometheus: Prometheus) -> None:
    for name in ("gpu_cache_latency_ms", "qdrant_search_latency_ms", "redis_cache_latency_ms"):
        wait_until(lambda name=name: prometheus.value(name))


def test_a_tier_that_hangs_fires_an_alert_which_ends_with_it(
    watched: Watched, prometheus: Prometheus
) -> None:
    assert "SophiaCacheDown" not in prometheus.firing()
    with frozen(watched.valkey):
        wait_until(lambda: "SophiaCacheDown" in prometheus.firing())
        assert "SophiaTierDown" not in prometheus.firing()
    wait_until(lambda: "SophiaCacheDown" not in prometheus.firing())


def test_a_lost_qdrant_peer_fires_alerts(watched: Watched, prometheus: Prometheus) -> None:
    healthy = {each for each in prometheus.firing() if each.startswith("Qdrant")}
    assert healthy == set()
    say(watched.qdrant[0], "dead-peer")
    try:
        wait_until(lambda: {"QdrantReplicasDead", "QdrantReplicasFew"} <= prometheus.firing())
    finally:
        say(watched.qdrant[0], "healthy")
    wait_until(lambda: not any(each.startswith("Qdrant") for each in prometheus.firing()))


def rules() -> dict[str, str]:
    """Each rule's expression by its name."""
    groups = yaml.safe_load(rendered(EVERYTHING)[RULES])["groups"]
    return {
        rule.get("alert", rule.get("record")): rule["expr"]
        for group in groups
        for rule in group["rules"]
    }


@pytest.mark.parametrize(
    "wanted",
    [
        EVERYTHING,
        Wanted(["192.0.2.10:8420", "[2001:db8::1]:8420"], tls=True),
        Wanted(["a:1"], ["b:2"], qdrant_tls=True, qdrant_key_file="/a 'b'/\"c\".key"),
    ],
    ids=["everything", "without Qdrant", "with keys"],
)
def test_promtool_accepts_the_files(wanted: Wanted, tmp_path: Path) -> None:
    for name, text in rendered(wanted).items():
        (tmp_path / name).write_text(text)
    for check in (
        ("check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")),
        ("check", "rules", str(tmp_path / RULES)),
    ):
        ended = promtool(*check)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_an_alert_says_how_bad_it_is_and_what_to_do() -> None:
    groups = yaml.safe_load(rendered(EVERYTHING)[RULES])["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert len(alerts) > 15
    for alert in alerts:
        assert alert["labels"]["severity"] in ("warning", "critical"), alert["alert"]
        assert alert["annotations"]["summary"] and alert["annotations"]["action"]


def test_what_is_queried_of_sophia_is_declared() -> None:
    suffixes = "(?:_bucket|_count|_sum)?"
    declared = "|".join(each.name for each in METRICS)
    texts = [query for _, query in queries(("qdrant", "gpu"))] + list(rules().values())
    for text in texts:
        for name in re.findall(r"\bsophia_\w+", text):
            assert re.fullmatch(f"(?:{declared}){suffixes}", name), name


def test_the_dashboard_is_one_that_grafana_can_provision() -> None:
    dashboard = model(("qdrant", "gpu"))
    assert dashboard["id"] is None and dashboard["uid"] and "__inputs" not in dashboard
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"


def test_the_config_map_holds_the_same_dashboard() -> None:
    files = rendered(EVERYTHING)
    manifest = yaml.safe_load(files["grafana-dashboard.yaml"])
    assert manifest["kind"] == "ConfigMap"
    assert manifest["metadata"]["name"] == "sophia-memory-dashboard"
    assert manifest["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert manifest["data"] == {DASHBOARD: files[DASHBOARD]}
    assert json.loads(files[DASHBOARD])["panels"]
    assert len(files["grafana-dashboard.yaml"]) < 256 << 10  # kubectl's limit of an annotation


def test_the_same_is_rendered_each_time() -> None:
    assert rendered(EVERYTHING) == rendered(EVERYTHING)


def test_without_a_cluster_nothing_is_said_of_one() -> None:
    assert "qdrant" not in rendered(Wanted(["a:1"]))["prometheus.yml"]
    assert "Qdrant" not in rendered(Wanted(["a:1"]))[RULES]
    assert "Qdrant" not in rendered(Wanted(["a:1"]))[DASHBOARD]
