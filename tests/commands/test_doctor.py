"""`sophia doctor` and `sophia health` as their users run them."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sophia_cli import wire
from sophia_cli.app import run
from sophia_cli.checks.registry import all_checks
from sophia_cli.environment import Environment
from tests.commands.console import Console
from tests.conftest import Sophia, processes_of, temporary_home

WELL = {"pass", "skipped"}


@pytest.fixture(scope="module")
def healthy() -> Iterator[Sophia]:
    """A laptop on which sophia runs and holds some memories."""
    with temporary_home() as home:
        sophia = Sophia(home)
        for text, kind in (("We chose Qdrant", "coding"), ("Acme renewed", "business")):
            assert sophia("remember", text, "--kind", kind).returncode == 0
        assert sophia("up").returncode == 0
        yield sophia


def rows(sophia: Sophia, *arguments: str, status: int = 0, **more: Any) -> list[dict[str, Any]]:
    ended = sophia("--json", *arguments, **more)
    assert ended.returncode == status, ended.stdout + ended.stderr
    envelope = json.loads(ended.stdout)
    assert envelope["status"] == ("ok" if status == 0 else "error")
    found: list[dict[str, Any]] = envelope["data"]
    return found


@pytest.mark.parametrize("options", [(), ("--no-daemon",)])
def test_a_healthy_laptop_is_all_green(healthy: Sophia, options: tuple[str, ...]) -> None:
    found = rows(healthy, "doctor", *options)
    assert [row for row in found if row["verdict"] not in WELL] == []
    assert {row["check"] for row in found} == {check.number for check in all_checks()}
    looked = {row["check"] for row in found if row["verdict"] == "pass"}
    assert {"MA-02", "CO-01", "RE-01", "PG-01", "RD-01", "VE-02", "EM-01"} <= looked
    healthy_now = rows(healthy, "health", *options)
    assert {row["verdict"] for row in healthy_now} <= WELL


def test_where_nothing_runs_it_is_opened_and_closed_again(home: Path) -> None:
    sophia = Sophia(home)
    found = rows(sophia, "doctor")
    assert [row for row in found if row["verdict"] not in WELL] == []
    verdicts = {row["check"]: row["verdict"] for row in found}
    assert verdicts["RE-01"] == "skipped"
    assert verdicts["PG-01"] == verdicts["RD-01"] == verdicts["EM-01"] == "pass"
    assert sophia("health").returncode == 0
    assert processes_of(home) == []


def test_people_see_a_line_a_subject_and_a_summary(healthy: Sophia) -> None:
    ended = healthy("doctor")
    lines = ended.stdout.splitlines()
    assert "pass     PostgreSQL: the records: 10 checks" in lines
    assert "skipped  GPUs: 6 checks do not apply" in lines
    assert " passed, " in lines[-1]
    told = healthy("doctor", "--only", "PG-02,redis", "--verbose").stdout
    assert "PG-02 Its version is one that sophia knows: PostgreSQL" in told
    assert "server_version_num" in told
    assert "PG-01" not in told


def test_one_that_is_frozen_is_told_and_the_rest_is_complete(healthy: Sophia) -> None:
    pid = healthy.resident()
    os.kill(pid, signal.SIGSTOP)
    try:
        found = rows(healthy, "doctor", status=3)
        verdicts = {row["check"]: row["verdict"] for row in found}
        assert verdicts["RE-01"] == "fail"
        assert verdicts["VE-02"] == "unknown"
        others = {
            number: verdict
            for number, verdict in verdicts.items()
            if number not in ("RE-01", "VE-02")
            and not number.startswith("TI-")  # it holds the vectors
        }
        assert set(others.values()) <= WELL, others
        assert found[0]["check"] == "RE-01"
        assert rows(healthy, "health", status=3)[0]["check"] == "RE-01"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert healthy("health").returncode == 0
    assert healthy.resident() == pid


def test_what_is_wrong_is_mended_and_looked_at_again(healthy: Sophia) -> None:
    healthy.home.chmod(0o755)
    try:
        told = healthy("doctor", "--only", "MA-07")
        assert told.returncode == 3
        assert f"to mend it: chmod 700 {healthy.home}" in told.stdout
        refused = healthy("doctor", "--only", "MA-07", "--fix")
        assert refused.returncode == 5
        assert f"would run: chmod 700 {healthy.home} (MA-07)" in refused.stderr
        assert stat.S_IMODE(healthy.home.stat().st_mode) == 0o755
        fixed = healthy("doctor", "--only", "MA-07", "--fix", "--yes")
        assert fixed.returncode == 0, fixed.stdout
        assert f"ran: chmod 700 {healthy.home} (MA-07)" in fixed.stderr
    finally:
        assert stat.S_IMODE(healthy.home.stat().st_mode) == 0o700


def test_a_frozen_one_is_ended_by_fix(sophia: Sophia) -> None:
    assert sophia("up").returncode == 0
    frozen = sophia.resident()
    os.kill(frozen, signal.SIGSTOP)
    assert rows(sophia, "doctor", "--only", "RE", "--fix", "--yes")
    assert sophia.resident() != frozen
    assert sophia("health").returncode == 0


def test_what_has_changed_since_the_last_run(healthy: Sophia) -> None:
    last = healthy.home / "checks" / "last.json"
    assert rows(healthy, "doctor")
    assert stat.S_IMODE(last.stat().st_mode) == 0o600
    assert rows(healthy, "doctor", "--since") == []
    socket = healthy.home / "run" / "rest.sock"
    socket.chmod(0o666)
    [change] = rows(healthy, "doctor", "--since", "--only", "MA", status=3)
    assert change["check"], change["subject"] == ("MA-06", str(socket))
    assert (change["before"], change["verdict"]) == (None, "fail")
    socket.chmod(0o600)
    told = healthy("doctor", "--since", "--only", "RE,MA-02").stdout
    assert "nothing has changed" in told
    [change] = rows(healthy, "doctor", "--since")
    assert (change["before"], change["verdict"]) == ("fail", None)


def test_a_check_is_explained(healthy: Sophia) -> None:
    told = healthy("doctor", "explain", "pg-07").stdout
    assert told.startswith("PG-07 No transaction is left open\n")
    assert "to mend it: " in told
    [row] = rows(healthy, "doctor", "explain", "RE-01")
    assert row["fast"] is True
    assert row["fixable"] is True
    ended = healthy("doctor", "explain", "PG-7")
    assert ended.returncode == 2
    assert "PG-07" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--yes",),
        ("--only", "nothing"),
        ("--report", "report.zip"),
        ("--fix", "explain", "PG-07"),
    ],
)
def test_what_cannot_be_meant(console: Console, arguments: tuple[str, ...]) -> None:
    assert console("doctor", *arguments).status == 2


def test_a_wrong_configuration_is_a_finding_and_no_error(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "sophia.yaml"
    file.write_text("recal: {limit: 5}\n")
    ended = Sophia(home, {"SOPHIA_CONFIG": str(file)})("doctor")
    assert ended.returncode == 3
    assert "CO-01 The configuration can be used: it has 1 mistake" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert ended.stdout.count("PG-01") == 1


@pytest.mark.parametrize("options", [["--fix"], ["--fix", "--yes"]])
def test_what_ends_the_resident_process_is_handed_back(
    console: Console, options: list[str]
) -> None:
    assert _status(console, ["doctor", *options], {}) == wire.NOT_HERE


def test_hosts_are_looked_at_from_the_foreground(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "sophia.yaml"
    file.write_text("cluster: {name: lab}\nhosts: {one: {address: 127.0.0.2, roles: [redis]}}\n")
    variables = {"SOPHIA_CONFIG": str(file)}
    assert _status(console, ["doctor", "--only", "CO"], variables) == wire.NOT_HERE
    assert _status(console, ["doctor", "--only", "CO"], {}) == 0


def _status(console: Console, arguments: list[str], variables: dict[str, str]) -> int:
    environment = Environment(
        io.StringIO(),
        io.StringIO(),
        io.StringIO(),
        console.cwd,
        {"SOPHIA_HOME": str(console.home.root), **variables},
        resident=True,
    )
    status = run(arguments, environment, console._open)
    assert status != wire.NOT_HERE or environment.stdout.getvalue() == ""  # type: ignore[attr-defined]
    return status


SECRETS = ("canary-password", "canary-key-7731", "canary-header")
CONTENT = "canary content that is nobody's business"


def test_a_bundle_holds_no_content_and_no_secret(sophia: Sophia, tmp_path: Path) -> None:
    for name, secret in zip(("key", "headers"), (SECRETS[1], f"X-Key: {SECRETS[2]}"), strict=True):
        (tmp_path / name).write_text(f"{secret}\n")
        (tmp_path / name).chmod(0o600)
    sophia.variables |= {
        "SOPHIA_HOT_CACHE__URL": f"redis://:{SECRETS[0]}@127.0.0.1:1/0",
        "SOPHIA_VECTORS__API_KEY_FILE": str(tmp_path / "key"),
        "SOPHIA_TRACING__HEADERS_FILE": str(tmp_path / "headers"),
    }
    user = ("--user", "canary-user")
    assert sophia("remember", CONTENT, "--kind", "coding", *user).returncode == 0
    assert sophia("recall", "canary question", *user).returncode == 0
    leaked = base64.b64encode(f"user:{SECRETS[1]}".encode()).decode()
    with (sophia.home / "logs" / "resident.log").open("a") as log:
        event = {"timestamp": "2026-01-02T03:04:05Z", "level": "info", "event": "leak"}
        log.write(json.dumps(event | {"header": leaked, "key": SECRETS[2]}) + "\n")
    report = tmp_path / "report.tar.gz"
    ended = sophia("doctor", "--report", str(report))
    assert ended.returncode == 3  # The cache is not there.
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    texts = {}
    with tarfile.open(report) as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            texts[entry.name.removeprefix("sophia-report/")] = file.read().decode()
    assert set(texts) == {
        "README.txt",
        "findings.json",
        "machine.json",
        "configuration.txt",
        "status.json",
        "statistics.json",
        "logs/resident.jsonl",
        "logs/postgres.jsonl",
        "logs/valkey.jsonl",
    }
    for text in (*texts.values(), ended.stdout, ended.stderr):
        assert "canary" not in text
        assert leaked not in text
    assert '"leak"' in texts["logs/resident.jsonl"]
    assert "hot_cache.url: redis://:***@127.0.0.1:1/0" in texts["configuration.txt"]
    assert json.loads(texts["status.json"])["engines"]["postgres"] == "running"
    assert json.loads(texts["statistics.json"])["memories"]["coding"]["live"] == 1
    assert {row["check"] for row in json.loads(texts["findings.json"])} >= {"PG-01", "RD-01"}


def test_without_its_cache_it_is_healthy_and_degraded(sophia: Sophia) -> None:
    sophia.variables["SOPHIA_HOT_CACHE__URL"] = "redis://127.0.0.1:1/0"
    assert sophia("up").returncode == 0
    ended = sophia("--json", "health")
    assert ended.returncode == 0
    envelope = json.loads(ended.stdout)
    assert envelope["status"] == "degraded"
    assert envelope["degraded"][0].startswith("RD-01: ")
    assert rows(sophia, "doctor", "--only", "RD-01", status=3)
