"""up, down, status, logs and serve; and a configuration that changes between two commands."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Sophia, processes_of, wait_until
from tests.daemon.conftest import started
from tests.daemon.test_faults import one_error, waiting_command
from tests.daemon.test_interrupts import remember_many


def test_up_and_down_start_and_end_every_process(sophia: Sophia) -> None:
    before = sophia("status")
    assert (before.returncode, before.stdout.count("stopped")) == (0, 4)
    assert not sophia.home.exists()
    up = sophia("up")
    assert up.returncode == 0
    assert up.stdout.count("running") == 4
    again = sophia("up")
    assert again.returncode == 0
    assert sophia("logs").stdout.count(" serving ") == 1
    assert sophia("down").returncode == 0
    assert processes_of(sophia.home) == []
    nothing = sophia("down")
    assert (nothing.returncode, nothing.stdout.strip()) == (0, "nothing was running")


def test_down_lets_commands_finish(running: Sophia) -> None:
    waiting = waiting_command(running)
    down = running.start("down")
    wait_until(lambda: "not ready" in running("status").stdout)
    out, error = waiting.communicate("finished all the same", timeout=30)
    assert waiting.returncode == 0, out + error
    assert down.wait(30) == 0
    down.communicate()
    assert "finished all the same" in running.contents()


def test_down_interrupts_a_command_that_does_not_end(running: Sophia) -> None:
    waiting = waiting_command(running)
    assert running("down", timeout=40).returncode == 0
    _, error = waiting.communicate(timeout=10)
    assert waiting.returncode == 130
    assert "interrupted" in one_error(error)
    assert processes_of(running.home) == []


def test_two_downs_at_once(running: Sophia) -> None:
    both = [running.start("down") for _ in range(2)]
    for each in both:
        _, error = each.communicate(timeout=40)
        assert (each.returncode, error) == (0, "")
    assert processes_of(running.home) == []


def test_down_and_a_command_at_once(running: Sophia) -> None:
    down = running.start("down")
    command = running.start("list")
    for each in (down, command):
        _, error = each.communicate(timeout=60)
        assert each.returncode == 0, error


def test_engines_that_a_foreground_command_uses_stay(running: Sophia) -> None:
    foreground = running.start("--no-daemon", "ingest", "-", "--format", "text")
    wait_until(lambda: len(list(Path(f"/proc/{foreground.pid}/task").iterdir())) > 2, 30)
    assert running("down", timeout=40).returncode == 0
    assert "PostgreSQL        running" in running("status").stdout
    out, error = foreground.communicate("written in the foreground\n", timeout=60)
    assert foreground.returncode == 0, out + error
    wait_until(lambda: processes_of(running.home) == [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_on_a_signal_and_finishes_its_commands(
    running: Sophia, number: signal.Signals
) -> None:
    sophia = running
    assert sophia("down").returncode == 0
    server = sophia.start("serve", stdin=subprocess.DEVNULL)
    wait_until(lambda: "resident process  running" in sophia("status").stdout)
    assert sophia.resident() == server.pid
    assert sophia("remember", "served").returncode == 0
    waiting = waiting_command(sophia)
    server.send_signal(number)
    wait_until(lambda: "not ready" in sophia("status").stdout)
    waiting.communicate("finished", timeout=20)
    assert waiting.returncode == 0
    _, log = server.communicate(timeout=20)
    assert server.returncode == 0
    assert [json.loads(line)["event"] for line in log.splitlines()][-1] == "stopped"
    assert processes_of(sophia.home) == []


def test_serve_beside_a_running_process_is_refused(served: Sophia) -> None:
    ended = served("serve")
    assert ended.returncode == 5
    assert f"pid {served.resident()}" in one_error(ended.stderr)


def test_logs_of_each_process(served: Sophia) -> None:
    assert " serving " in served("logs", "resident", "-n", "1000").stdout
    assert "ready to accept connections" in served("logs", "postgres", "-n", "100").stdout
    assert served("logs", "valkey").returncode == 0


def test_status_tells_the_processes_of_this_home(served: Sophia) -> None:
    def states() -> set[str]:
        return {part["state"] for part in served.data("status")}

    wait_until(lambda: states() == {"running"})  # REST comes behind the first command
    parts = {part["name"]: part for part in served.data("status")}
    assert {part["pid"] for part in parts.values()} <= set(processes_of(served.home))
    assert re.match(r"version \S+, up \d+ s", parts["resident process"]["detail"])


def test_a_changed_configuration_is_followed_without_a_restart(served: Sophia) -> None:
    recall = ["recall", "which vector database?", "--session", "alpha", "-v"]
    served(*recall)
    assert "served by gpu_cache" in served(*recall).stderr
    off = {"SOPHIA_HOT_CACHE__ENABLED": "false"}
    assert "served by vectors" in served(*recall, env=off).stderr
    assert "served by hot_cache" in served(*recall).stderr


def test_commands_of_two_configurations_at_once_are_not_cut(served: Sophia) -> None:
    off = {"SOPHIA_HOT_CACHE__ENABLED": "false"}
    clients = [
        served.start("remember", f"configuration {number}", env=off if number % 2 else {})
        for number in range(12)
    ]
    for client in clients:
        out, error = client.communicate(timeout=60)
        assert client.returncode == 0, out + error
    stored = {text for text in served.contents() if text.startswith("configuration ")}
    assert len(stored) == 12


def test_a_command_that_waits_for_another_configuration_can_be_interrupted(
    served: Sophia, tmp_path: Path
) -> None:
    remember_many(served, tmp_path, 300)
    busy = served.start("export")  # far more than a pipe holds
    busy.stdout.readline()  # It is at work, and waits for its reader.
    other, _ = started(served, "list", env={"SOPHIA_HOT_CACHE__ENABLED": "false"})
    other.send_signal(signal.SIGINT)
    _, error = other.communicate(timeout=10)
    _, complaint = busy.communicate(timeout=20)
    assert other.returncode == 130
    assert "interrupted" in one_error(error)
    assert busy.returncode == 0, complaint


def test_a_broken_configuration_is_said_and_harms_nobody_else(served: Sophia) -> None:
    ended = served("list", env={"SOPHIA_HOT_CACHE__ENABLE": "false"})
    assert ended.returncode == 2
    assert "SOPHIA_HOT_CACHE__ENABLE" in ended.stderr


def test_an_index_that_an_older_version_laid_out_is_built_anew(sophia: Sophia) -> None:
    assert sophia("remember", "We chose Qdrant.", "--user", "ana").returncode == 0
    assert sophia("down").returncode == 0
    (sophia.home / "vectors" / "layout").write_text("1\n")

    def answered() -> bool:
        found = sophia.data("recall", "what did we choose?", "--user", "ana")
        return [each["content"] for each in found] == ["We chose Qdrant."]

    wait_until(answered)
    assert sophia.data("stats")[0]["vectors"]["points"] == {"coding": 1, "business": 0}


def test_a_device_that_is_not_there_is_said_and_costs_nothing_else(served: Sophia) -> None:
    away = {"SOPHIA_GPU_CACHE__DEVICE": "cuda:99"}
    ask = ("--json", "recall", "which vector database?")

    def said() -> list[str]:
        envelope = json.loads(served(*ask, env=away).stdout)
        assert envelope["data"]
        found: list[str] = envelope["degraded"]
        return found

    wait_until(said)
    assert said()[0].startswith("gpu_cache: ")
    assert json.loads(served(*ask).stdout)["degraded"] == []
    wait_until(lambda: served.data("cache", "stats")[0]["state"] == "open")
