"""The gates of sophia, Prometheus and Grafana, and the smoke test.

sophia is a real resident process with REST on TCP. Prometheus and Grafana are stand-ins that answer
as theirs do, and 404 to whatever they were not told; a real Prometheus is asked where there is one.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.api.token_text import around
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.gates import grafana as grafana_gate
from sophia_cli.ops.gates import prometheus as prometheus_gate
from sophia_cli.ops.gates import service as service_gate
from sophia_cli.ops.gates import smoke as smoke_gate
from sophia_cli.ops.site import Site
from tests.conftest import Sophia, temporary_home, wait_until
from tests.ops import services_local as local
from tests.ops.phases import stage

AT = "127.0.0.1"
HOSTS = {
    "one": {"address": AT, "roles": ["sophia"]},
    "three": {"address": AT, "roles": ["monitoring"]},
}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for gate in (grafana_gate, prometheus_gate, service_gate, smoke_gate):
        monkeypatch.setattr(gate, "_PATIENCE", 2.0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    ports = {name: {"port": local.free_port()} for name in ("sophia", "prometheus", "grafana")}
    made = local.local_site(tmp_path, HOSTS, **ports)
    active(made, "exit 0")
    return made


def active(site: Site, said: str) -> None:
    """What `systemctl is-active` comes to."""
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    connections.at("one").stub("systemctl", f"#!/bin/sh\n{said}\n")


@pytest.fixture
def sophia(site: Site) -> Iterator[Sophia]:
    """The resident process of host one, with the token that whoever deploys has."""
    with temporary_home() as home:
        listen = f"{AT}:{site.inventory.services.sophia.port}"
        found = Sophia(home, {"SOPHIA_REST__LISTEN": listen})
        assert found("up").returncode == 0
        scopes = [word for scope in ("read", "write", "admin") for word in ("--scope", scope)]
        token = around(site.secrets.value("rest-token").get_secret_value())
        stored = found("token", "create", "deploy", *scopes, "--token-stdin", input=token)
        assert stored.returncode == 0, stored.stderr
        wait_until(lambda: "rest" in found("status").stdout)
        yield found
        found("down")


def test_a_service_is_ready_with_all_its_tiers_and_the_smoke_test_keeps_nothing(
    site: Site, sophia: Sophia
) -> None:
    assert service_gate.service(site, ["one"]) == "sophia is ready on one"
    before = sophia.contents()
    assert "stored, recalled and forgotten through one" in smoke_gate.smoke(site, ["one"])
    assert sophia.contents() == before == []
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    secret = site.secrets.value("rest-token").get_secret_value()
    assert not any(secret in command.text for command in connections.at("one").commands)


def test_another_clusters_token_is_refused_without_being_shown(site: Site, sophia: Sophia) -> None:
    site.secrets.values["rest-token"] = "x" * 43  # type: ignore[attr-defined]
    with pytest.raises(GateFailed, match="does not take the token") as failed:
        service_gate.service(site, ["one"])
    assert "xxx" not in failed.value.message
    with pytest.raises(GateFailed, match="HTTP 401"):
        smoke_gate.smoke(site, ["one"])


def test_a_service_that_does_not_run_is_told_with_its_last_words(site: Site) -> None:
    active(site, "echo activating; exit 3")
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    connections.at("one").stub("journalctl", "#!/bin/sh\necho 'records: connection refused'\n")
    with pytest.raises(GateFailed, match=r"one: the unit .* connection refused"):
        service_gate.service(site, ["one"])
    active(site, "exit 0")
    with pytest.raises(GateFailed, match=r"/health/ready: "):
        service_gate.service(site, ["one"])


Answers = Callable[[str, str], tuple[int, Any]]


@pytest.fixture
def serve() -> Iterator[Callable[[int, Answers], None]]:
    """Serves answers by path and authorization at a port."""
    servers: list[ThreadingHTTPServer] = []

    def start(port: int, answers: Answers) -> None:
        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                status, body = answers(self.path, self.headers.get("Authorization", ""))
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = respond  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        servers.append(ThreadingHTTPServer((AT, port), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def ready(**tiers: str) -> dict[str, Any]:
    states = dict.fromkeys(("records", "vectors", "embedding", "hot_cache", "gpu_cache"), "ok")
    return {
        "status": "ok",
        "tiers": {
            name: {"state": state, "duration_ms": 1.0, "reason": f"{name}: why"}
            for name, state in {**states, **tiers}.items()
        },
    }


@pytest.mark.parametrize(
    ("tiers", "passes"),
    [
        ({}, True),
        ({"gpu_cache": "failed"}, True),
        ({"hot_cache": "off"}, True),
        ({"records": "failed"}, False),
        ({"vectors": "failed"}, False),
        ({"embedding": "failed"}, False),
    ],
)
def test_a_service_without_a_tier_that_is_needed_is_refused(
    site: Site, serve: Any, tiers: dict[str, str], passes: bool
) -> None:
    serve(site.inventory.services.sophia.port, lambda path, _: (200, ready(**tiers)))
    if passes:
        service_gate.service(site, ["one"])
    else:
        with pytest.raises(GateFailed, match=f"{next(iter(tiers))}: why"):
            service_gate.service(site, ["one"])


def test_without_its_hot_cache_a_service_of_a_site_with_redis_is_refused(
    tmp_path: Path, serve: Any
) -> None:
    hosts = {"one": {"address": AT, "roles": ["sophia", "redis"]}}
    site = local.local_site(tmp_path, hosts, sophia={"port": local.free_port()})
    active(site, "exit 0")
    serve(site.inventory.services.sophia.port, lambda *_: (200, ready(hot_cache="failed")))
    with pytest.raises(GateFailed, match="hot_cache: why"):
        service_gate.service(site, ["one"])


@pytest.mark.parametrize("said", ["lost", "degraded", "kept"])
def test_a_memory_that_does_its_work_by_half_fails_the_smoke_test(
    site: Site, serve: Any, said: str
) -> None:
    heard: list[str] = []

    def answers(path: str, _: str) -> tuple[int, Any]:
        heard.append(path)
        found = [] if said == "lost" else [{"id": "the-id"}]
        status = "degraded" if said == "degraded" else "ok"
        return {
            "/v1/memories": (201, {"data": [{"id": "the-id"}]}),
            "/v1/recall": (200, {"data": found, "status": status, "degraded": ["vectors: down"]}),
            "/v1/memories/forget": (
                200,
                {"data": [{"id": "the-id", "complete": True, "tiers": {}}]},
            ),
            "/v1/memories/the-id": (200, {"data": []}),
        }.get(path, (404, {}))

    serve(site.inventory.services.sophia.port, answers)
    reason = {"lost": "not recalled", "degraded": "degraded: vectors", "kept": "still recalled"}
    with pytest.raises(GateFailed, match=reason[said]):
        smoke_gate.smoke(site, ["one"])
    # Whatever went wrong, what was stored is erased.
    assert {"/v1/memories/the-id", "/v1/memories/forget"} & set(heard)


def target(job: str, instance: str, health: str = "up", error: str = "") -> dict[str, Any]:
    return {
        "labels": {"job": job, "instance": instance},
        "health": health,
        "lastError": error,
    }


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        (lambda at: [target("sophia", at)], ""),
        (lambda at: [target("sophia", at, "down", "HTTP status 401")], "down: HTTP status 401"),
        (lambda at: [target("sophia", at, "unknown")], "not scraped yet"),
        (lambda at: [], "is no target"),
        (lambda at: [target("sophia", "192.0.2.99:1")], "is no target"),
    ],
)
def test_prometheus_must_scrape_every_target_of_the_inventory(
    site: Site, serve: Any, targets: Any, reason: str
) -> None:
    at = f"{AT}:{site.inventory.services.sophia.port}"

    def answers(path: str, _: str) -> tuple[int, Any]:
        if path == "/-/ready":
            return 200, "Prometheus Server is Ready.\n"
        if path == "/api/v1/targets?state=active":
            return 200, {"status": "success", "data": {"activeTargets": targets(at)}}
        return 404, ""

    serve(site.inventory.services.prometheus.port, answers)
    if not reason:
        assert prometheus_gate.prometheus(site, ["three"]) == "Prometheus scrapes 1 target"
    else:
        with pytest.raises(GateFailed, match=reason):
            prometheus_gate.prometheus(site, ["three"])


def test_a_real_prometheus_on_the_rendered_files_scrapes_the_real_service(
    site: Site, sophia: Sophia, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.monitoring.prometheus import running

    monkeypatch.setattr(prometheus_gate, "_PATIENCE", 30.0)
    token = tmp_path / "token"
    token.write_text(around(site.secrets.value("rest-token").get_secret_value()))
    directory = tmp_path / "prometheus"
    directory.mkdir()
    for name, text in stage.monitoring_files(site.inventory).items():
        text = text.replace("/etc/prometheus/sophia.token", str(token)).replace("15s", "1s")
        (directory / name).write_text(text)
    with running(directory) as started:
        port = int(started.url.rpartition(":")[2])
        services = site.inventory.services
        moved = services.prometheus.model_copy(update={"port": port})
        services = services.model_copy(update={"prometheus": moved})
        inventory = site.inventory.model_copy(update={"services": services})
        at = Site(inventory, site.connections, site.secrets)
        assert prometheus_gate.prometheus(at, ["three"]) == "Prometheus scrapes 1 target"
        sophia("token", "revoke", "deploy")
        wait_until(lambda: _fails(at))


def _fails(site: Site) -> bool:
    try:
        prometheus_gate._look(site, "three")
    except GateFailed as failed:
        return "401" in failed.message
    return False


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("", ""),
        ("database", "not healthy"),
        ("password", "does not take the admin's password"),
        ("source", "no data source"),
        ("dashboard", "no dashboard"),
    ],
)
def test_grafana_must_have_its_data_source_and_dashboard(
    site: Site, serve: Any, wrong: str, reason: str
) -> None:
    password = site.secrets.value("grafana-password").get_secret_value()
    login = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()

    def answers(path: str, authorization: str) -> tuple[int, Any]:
        if path == "/api/health":
            return 200, {"database": "failing" if wrong == "database" else "ok"}
        if authorization != login or wrong == "password":
            return 401, {"message": "Invalid username or password"}
        if path == "/api/datasources/uid/sophia-prometheus":
            return (404, {}) if wrong == "source" else (200, {"uid": "sophia-prometheus"})
        if path == "/api/search?type=dash-db&tag=sophia":
            return 200, [] if wrong == "dashboard" else [{"uid": "sophia-memory"}]
        return 404, {}

    serve(site.inventory.services.grafana.port, answers)
    if not reason:
        assert "three" in grafana_gate.grafana(site, ["three"])
    else:
        with pytest.raises(GateFailed, match=reason) as failed:
            grafana_gate.grafana(site, ["three"])
        assert password not in failed.value.message
