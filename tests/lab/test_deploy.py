"""From hosts without a trace of sophia to a running memory, and what a second deployment does."""

from __future__ import annotations

import json
import time
from pathlib import Path

from sophia_cli import Sophia
from tests.lab.controller import Controller
from tests.lab.filesystem import difference
from tests.lab.host import Host
from tests.lab.memory import Memory, inspect, services_of, state_of

_SOPHIA = "/opt/sophia/bin/sophia"
_REDIS_LIMIT = "docker exec sophia-redis grep ^maxmemory /etc/redis/redis.conf"


def test_a_host_is_only_logged_in_to_once_its_key_is_pinned(
    tmp_path: Path, hosts: tuple[Host, ...]
) -> None:
    controller = Controller(tmp_path / "controller", hosts)
    before = controller.run("hosts", "--json")
    assert before.exit_status == 5
    assert [each["key"] for each in before.data] == ["unknown"] * 3
    refused = controller.run("plan")
    assert refused.exit_status == 5
    assert "sophia hosts trust" in refused.err
    nobody = controller.run("hosts", "trust")
    assert nobody.exit_status == 5
    assert "--fingerprint" in nobody.err
    assert not controller.known_hosts.exists()
    controller.does("hosts", "trust", "--yes")
    shown = controller.does("hosts", "--json").data
    assert [(each["name"], each["key"]) for each in shown] == [
        (host.name, "trusted") for host in hosts
    ]


def test_a_plan_shows_what_would_be_done_and_changes_nothing(
    tmp_path: Path, hosts: tuple[Host, ...]
) -> None:
    controller = Controller(tmp_path / "controller", hosts)
    controller.trust()
    before = state_of(hosts)
    said = controller.does("plan")
    assert "~" in said.out
    assert "known after step" in said.out
    assert state_of(hosts) == before


def test_a_second_deployment_changes_nothing(memory: Memory) -> None:
    assert memory.controller.does("plan").out.strip() == "no changes"
    before = state_of(memory.hosts, left_out=())
    again = memory.controller.does("deploy", "--yes", "--json").data[0]
    assert again["changed"] == 0
    after = state_of(memory.hosts, left_out=())
    for name in before.files:
        assert difference(before.files[name], after.files[name]) == {}
    assert after.containers == before.containers
    assert after.units == before.units


def test_it_remembers_and_recalls_on_the_host_and_over_rest(memory: Memory) -> None:
    host = memory.hosts[2]
    text = "We chose Qdrant over Weaviate because of filtering speed"
    host.run(_SOPHIA, "remember", text, "--user", "ana")
    found = json.loads(
        host.run(_SOPHIA, "--json", "recall", "which vector database?", "--user", "ana")
    )
    assert found["data"][0]["content"] == text
    assert not found["degraded"]
    token = "sophia_" + memory.controller.secrets()["rest-token"]
    with Sophia(f"http://{host.address}:{_port(memory)}", token) as client:
        recalled = client.recall("which vector database?", user="ana")
        assert recalled[0].memory.content == text
        assert not recalled.degraded
        ben = client.remember("Retries back off exponentially", user="ben").one
        assert [each.memory.id for each in client.recall("how to retry?", user="ben")] == [ben.id]
        client.forget([ben.id, recalled[0].memory.id])


def test_services_run_as_their_roles_say_and_are_watched(memory: Memory) -> None:
    running = {name: sorted(containers) for name, containers in services_of(memory.hosts).items()}
    assert running == {
        "h1": ["sophia-prometheus", "sophia-qdrant", "sophia-redis"],
        "h2": ["sophia-postgres", "sophia-qdrant"],
        "h3": ["sophia-qdrant"],
    }
    targets = json.loads(
        memory.hosts[0].run("curl", "--silent", "http://127.0.0.1:9090/api/v1/targets")
    )["data"]["activeTargets"]
    assert {each["labels"]["job"] for each in targets} >= {"qdrant", "sophia"}
    deadline = time.monotonic() + 60
    while not _all_up(memory.hosts[0]):
        assert time.monotonic() < deadline, "Prometheus cannot scrape all of them"
        time.sleep(1)


def test_a_change_is_deployed_and_taken_back(memory: Memory) -> None:
    controller, host = memory.controller, memory.hosts[0]
    before = services_of(memory.hosts)
    assert "64mb" in host.ask(_REDIS_LIMIT)[1] or "67108864" in host.ask(_REDIS_LIMIT)[1]
    controller.configure(redis={"max_memory": "96mb"})
    plan = controller.does("plan", "--json").data
    assert {each["host"] for each in plan} == {"h1"}
    controller.does("deploy", "--yes")
    assert "64mb" not in host.ask(_REDIS_LIMIT)[1]
    changed = services_of(memory.hosts)
    assert [name for name in before if before[name] != changed[name]] == ["h1"]
    back = controller.does("rollback", "--yes")
    assert "changed" in back.out
    assert services_of(memory.hosts) == before
    controller.configure()
    assert controller.does("plan").out.strip() == "no changes"


def test_a_saved_plan_is_refused_once_a_host_has_moved(memory: Memory) -> None:
    controller, host = memory.controller, memory.hosts[0]
    file = "/etc/sophia/prometheus/sophia-alerts.yml"
    text = host.run("cat", file)
    controller.configure(redis={"max_memory": "96mb"})
    try:
        controller.does("plan", "--out", "tonight.plan")
        host.run("sh", "-c", f"echo '# by hand' >>{file}")
        refused = controller.run("deploy", "tonight.plan", "--yes")
        assert refused.exit_status == 5
        assert "h1" in refused.err
        assert "What it warns of" in refused.err
        assert "maxmemory" not in inspect(host, "sophia-redis", "{{json .Args}}")
    finally:
        controller.configure()
        controller.does("deploy", "--yes")
    assert host.run("cat", file) == text


def test_without_anybody_to_ask_nothing_is_done(memory: Memory) -> None:
    memory.controller.configure(redis={"max_memory": "96mb"})
    before = state_of(memory.hosts)
    refused = memory.controller.run("deploy")
    memory.controller.configure()
    assert refused.exit_status == 5
    assert "--yes" in refused.err
    assert state_of(memory.hosts) == before


def test_one_command_runs_on_chosen_hosts(memory: Memory) -> None:
    everywhere = memory.controller.does("exec", "--json", "--", "hostname").data
    assert [each["stdout"].strip() for each in everywhere] == ["h1", "h2", "h3"]
    said = memory.controller.run("exec", "--on", "sophia", "--sudo", "--", "id -u; exit 3")
    assert said.exit_status == 6
    assert "h3 | 0" in said.out


def test_the_journals_say_what_was_done_by_whom_and_when(memory: Memory) -> None:
    events = memory.controller.journal()
    assert {"run started", "run ended", "step changed", "gate opened"} <= {
        each["what"] for each in events
    }
    shown = memory.controller.does("journal", "--json", "--host", "h2", "--limit", "1000").data
    assert shown
    assert {each["host"] for each in shown} == {"h2"}
    for host in memory.hosts:
        lines = host.run("cat", "/var/log/sophia-deploy/journal.jsonl").splitlines()
        there = [json.loads(line) for line in lines]
        assert {each["host"] for each in there} == {host.name}
        assert all(each["user"] and each["at"] and each["run"] for each in there)


def _port(memory: Memory) -> int:
    from sophia_cli.ops.inventory.services import Services

    return Services().sophia.port


def _all_up(host: Host) -> bool:
    answer = json.loads(host.run("curl", "--silent", "http://127.0.0.1:9090/api/v1/targets"))
    return all(each["health"] == "up" for each in answer["data"]["activeTargets"])
