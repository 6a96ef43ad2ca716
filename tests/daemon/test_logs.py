"""What the processes of a home log: whose request, what became of it, and never its words."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.conftest import Sophia, wait_until

CANARY = "xyzzyplugh"


def request_of(sophia: Sophia, *arguments: str, **settings: object) -> str:
    found: str = json.loads(sophia("--json", *arguments, **settings).stdout)["trace"]["request"]
    return found


def logged(sophia: Sophia, *options: str) -> list[dict[str, object]]:
    return sophia.data("logs", "all", "-n", "1000", *options)


def test_a_request_is_found_in_the_logs_by_its_id(served: Sophia) -> None:
    id_ = request_of(served, "recall", "which vector database?")
    assert re.fullmatch("[0-9a-f]{16}", id_)
    operation, command = logged(served, "--request", id_)
    assert operation["event"] == "operation"
    assert (operation["operation"], operation["error"]) == ("recall", None)
    assert operation["kinds"] == ["business", "coding"]
    assert operation["count"]
    assert "records" in operation["tiers_ms"]
    assert (command["event"], command["command"], command["exit_status"]) == (
        "command",
        "recall",
        0,
    )
    assert request_of(served, "recall", "which vector database?") != id_


def test_an_error_is_logged_by_its_code_and_says_its_request_where_more_is_wanted(
    served: Sophia,
) -> None:
    for option in ("-v", "--debug"):
        ended = served("recall", "", option)
        id_ = re.findall(r"^  request (\w+)$", ended.stderr, re.MULTILINE)[0]
        [command] = logged(served, "--request", id_)
        assert (command["error"], command["exit_status"]) == ("invalid_input", 2)
    assert "request" not in served("recall", "").stderr
    [command] = logged(served, "--request", request_of(served, "show", "0" * 32))
    assert (command["command"], command["error"]) == ("show", "not_found")


def test_a_command_beside_the_resident_process_is_in_the_same_log(served: Sophia) -> None:
    id_ = request_of(served, "--no-daemon", "recall", "which vector database?")
    found = logged(served, "--request", id_)
    assert {"operation", "command"} <= {line["event"] for line in found}
    assert served.resident() not in {line["pid"] for line in found}


def test_what_the_tiers_did_is_logged(sophia: Sophia) -> None:
    id_ = request_of(sophia, "remember", "the first one")
    events = {str(line["event"]) for line in logged(sophia)}
    assert {"serving", "opening", "engine started", "model loaded", "device opened"} <= events
    assert sophia("forget", sophia.data("list")[0]["id"]).returncode == 0
    assert sophia("down").returncode == 0
    assert sophia("up").returncode == 0
    found = logged(sophia)
    assert {line["event"] for line in found if line.get("request") == id_} == {
        "operation",
        "command",
    }
    assert [line["event"] for line in found if line["event"] == "engine stopped"] == [
        "engine stopped"
    ] * 2
    assert "answers erased" in {line["event"] for line in found}
    lines = sophia("logs", "-n", "1000", "--level", "warning").stdout
    assert lines == ""


def test_no_words_of_a_memory_and_no_secrets_are_in_any_log(sophia: Sophia, tmp_path: Path) -> None:
    scope = ["--user", f"user-{CANARY}", "--session", f"session-{CANARY}"]
    more = ["--speaker", f"speaker-{CANARY}", "--tag", f"tag{CANARY}=value-{CANARY}"]
    assert sophia("remember", f"content {CANARY}", *scope, *more).returncode == 0
    id_ = sophia.data("list")[0]["id"]
    for _ in range(2):
        sophia("recall", f"question {CANARY}?", *scope, "--explain")
    sophia("similar", f"text {CANARY}", "--tag", f"tag{CANARY}=value-{CANARY}")
    sophia("ask", f"What did speaker-{CANARY} decide about {CANARY}?")
    sophia("update", id_, f"changed {CANARY}")
    lines = tmp_path / "lines.jsonl"
    lines.write_text(f'{{"content": "imported {CANARY}", "user": "user-{CANARY}"}}\nnot {CANARY}\n')
    sophia("import", str(lines))
    sophia("ingest", str(lines))
    sophia("feedback", id_, "--query", f"question {CANARY}")
    # And all that fails, in the parser, in the service and in a tier.
    sophia(f"command-{CANARY}")
    sophia("recall", f"question {CANARY}", f"--option-{CANARY}")
    sophia("remember", f"content {CANARY}", "--at", f"time-{CANARY}")
    sophia("remember", f"content {CANARY}", "--tag", f"tag{CANARY}")
    sophia("show", f"id-{CANARY}")
    sophia("import", f"missing-{CANARY}.jsonl")
    sophia("remember", "-", input=f"\0{CANARY}".encode(), text=False)
    secret = tmp_path / "secret"
    secret.write_text(f"key-{CANARY}")
    secret.chmod(0o600)
    away = {
        "SOPHIA_RECORDS__URL": f"postgresql://sophia:password-{CANARY}@127.0.0.1:9/x",
        "SOPHIA_HOT_CACHE__URL": f"redis://:password-{CANARY}@127.0.0.1:9/0",
        "SOPHIA_RECORDS__TIMEOUT": "200ms",
    }
    sophia("recall", f"question {CANARY}", env=away)
    embedder = {
        "SOPHIA_EMBEDDING__PROVIDER": "openai",
        "SOPHIA_EMBEDDING__URL": "http://127.0.0.1:9/v1",
        "SOPHIA_EMBEDDING__MODEL": "m",
        "SOPHIA_EMBEDDING__API_KEY_FILE": str(secret),
        "SOPHIA_EMBEDDING__TIMEOUT": "200ms",
    }
    sophia("remember", f"content {CANARY} again", *scope, env=embedder)
    sophia("--no-daemon", "recall", f"question {CANARY}", *scope)
    sophia("forget", id_)
    assert sophia("down").returncode == 0
    files = list((sophia.home / "logs").iterdir())
    assert {"resident.log", "postgres.log", "valkey.log"} <= {file.name for file in files}
    told = [line for file in files for line in file.read_text(errors="replace").splitlines()]
    assert [line for line in told if CANARY in line] == []
    operations = {line.get("operation") for line in logged(sophia)}
    assert {"remember", "recall", "similar", "update", "forget"} <= operations
    assert "tier_down" in {line.get("error") for line in logged(sophia)}


def test_logs_are_followed_until_ctrl_c(served: Sophia) -> None:
    people = served.start("logs", "-f", "-n", "1", "--grep", '"event":"command"')
    programs = served.start("logs", "-f", "-n", "1", "--json", "--grep", '"event":"command"')
    assert people.stdout.readline()
    assert json.loads(programs.stdout.readline())["event"] == "command"
    ids = [request_of(served, "list", "-n", "1") for _ in range(3)]
    for id_ in ids:
        assert f" request={id_} command=list " in people.stdout.readline()
        assert json.loads(programs.stdout.readline())["request"] == id_
    for each in (people, programs):
        each.send_signal(signal.SIGINT)
        out, error = each.communicate(timeout=20)
        assert (each.returncode, out, error) == (130, "", "")


def test_following_ends_well_when_its_reader_has_seen_enough(served: Sophia) -> None:
    follower = served.start("logs", "-f", "-n", "5")
    assert follower.stdout.readline()
    follower.stdout.close()
    served("list")
    assert follower.wait(20) == 0
    assert follower.stderr.read() == ""
    follower.stdin.close()
    follower.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--grep", "("], "not a pattern: '('"),
        (["--since", "whenever"], "--since: "),
        (["--level", "loud"], "loud"),
        (["mysql"], "mysql"),
        (["-n", "0"], "-n 0 is not between"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(
    served: Sophia, arguments: list[str], said: str
) -> None:
    ended = served("logs", *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr.splitlines()[0]
    assert len(ended.stderr.splitlines()) <= 2


def test_the_log_is_cut_while_the_process_runs(sophia: Sophia) -> None:
    small = {"SOPHIA_LOG__LARGEST": "2kb", "SOPHIA_LOG__KEPT": "2"}
    assert sophia("up", env=small).returncode == 0
    resident = sophia.resident()
    logs = sophia.home / "logs"
    for _ in range(20):
        assert sophia("list", env=small).returncode == 0
    wait_until(lambda: (logs / "resident.log.2").exists())
    assert {file.name for file in logs.glob("resident.log*")} == {
        "resident.log",
        "resident.log.1",
        "resident.log.2",
    }
    assert all(file.stat().st_size <= 2048 for file in logs.glob("resident.log*"))
    assert sophia.resident() == resident
    # Standard error, where a library's last words go, has followed.
    assert Path(f"/proc/{resident}/fd/2").readlink() == logs / "resident.log"
