"""What holds for every command: the envelope of --json, the global options, help, exit statuses."""

from __future__ import annotations

import re

import pytest

from sophia_cli.command_tree import COMMANDS, root
from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console

ENVELOPE = ["status", "command", "duration_ms", "count", "data", "degraded", "trace", "error"]
VISIBLE = [name for name in COMMANDS if not root().commands[name].hidden]


@pytest.mark.parametrize(
    "arguments",
    [
        ("remember", "an envelope has eight keys"),
        ("recall", "envelope"),
        ("similar", "envelope"),
        ("ask", "what has eight keys?"),
        ("list", "-n", "1"),
        ("stats",),
        ("status",),
        ("config", "show"),
        ("reindex", "--kind", "business"),
        ("forget", "--query", "envelope", "--dry-run"),
    ],
)
def test_json_prints_one_object_with_the_same_keys(
    console: Console, arguments: tuple[str, ...]
) -> None:
    ended = console.ok(*arguments, "--json")
    assert ended.out.count("\n") == 1
    envelope = ended.envelope
    assert list(envelope) == ENVELOPE
    assert envelope["status"] == "ok"
    assert envelope["command"] == arguments[0]
    assert envelope["count"] == len(envelope["data"])
    assert envelope["duration_ms"] > 0
    assert envelope["degraded"] == []
    assert {"served_by", "tiers_ms"} <= set(envelope["trace"])
    assert envelope["error"] is None


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("recall", ""), ExitStatus.USAGE, "invalid_input"),
        (("recall",), ExitStatus.USAGE, "usage"),
        (("recal", "x"), ExitStatus.USAGE, "usage"),
        (("show", "0" * 32), ExitStatus.FAILED, "not_found"),
        (("recall", "x", "--profile", "laptop"), ExitStatus.USAGE, "configuration"),
        (("recall", "x", "--config", "missing.yaml"), ExitStatus.USAGE, "configuration"),
        (("forget", "--query", "x"), ExitStatus.REFUSED, "refused"),
    ],
)
def test_an_error_is_an_object_too(
    console: Console, arguments: tuple[str, ...], status: ExitStatus, code: str
) -> None:
    console.remember("so that there is something to find")
    ended = console("--json", *arguments)
    assert ended.status is status
    assert list(ended.envelope) == ENVELOPE
    assert ended.envelope["status"] == "error"
    assert ended.envelope["data"] == []
    assert ended.envelope["error"]["code"] == code
    assert ended.envelope["error"]["message"]
    assert ended.err == ""


def test_global_options_may_stand_anywhere_but_behind_two_dashes(
    console: Console, user: str
) -> None:
    for place in range(4):
        arguments = ["remember", "anywhere", "--user", user]
        arguments.insert(place if place < 3 else 4, "--json")
        assert console.ok(*arguments).envelope["status"] == "ok"
    plain = console.ok("remember", "--user", user, "--", "--json")
    assert plain.out.startswith("remembered ")
    assert "--json" in {memory["content"] for memory in console.data("list", "--user", user)}


def test_a_misspelt_name_is_answered_with_the_right_one(console: Console) -> None:
    for arguments, right in (
        (("recal", "x"), "recall"),
        (("recall", "x", "--explian"), "--explain"),
        (("recall", "x", "--kind", "codin"), "coding"),
    ):
        ended = console(*arguments)
        assert ended.status is ExitStatus.USAGE
        assert right in ended.err
    ended = console("recall", "x", variables={"SOPHIA_RECAL__LIMIT": "3"})
    assert ended.status is ExitStatus.USAGE
    assert "SOPHIA_RECALL__LIMIT" in ended.err


def test_quiet_leaves_out_notes_and_verbose_adds_who_answered(console: Console, user: str) -> None:
    console.remember("quiet please", "--user", user)
    arguments = ("recall", "quiet", "--user", user)
    assert console.ok("-q", *arguments).err == ""
    assert console.ok("-v", *arguments).err.startswith("served by ")


def test_debug_shows_where_an_error_came_from(console: Console) -> None:
    assert "Traceback" not in console("show", "0" * 32).err
    assert "Traceback" in console("--debug", "show", "0" * 32).err


def test_the_limit_of_a_recall_is_configured(console: Console, user: str) -> None:
    for n in range(4):
        console.remember(f"number {n}", "--user", user)
    found = console.data(
        "recall", "number", "--user", user, variables={"SOPHIA_RECALL__LIMIT": "2"}
    )
    assert len(found) == 2


def test_the_configuration_is_shown_with_origins_and_without_secrets(console: Console) -> None:
    variables = {
        "SOPHIA_RECALL__LIMIT": "7",
        "SOPHIA_RECORDS__URL": "postgresql://sophia:hunter2@db.example.com/sophia",
    }
    rows = {row["key"]: row for row in console.data("config", "show", variables=variables)}
    assert rows["recall.limit"]["value"] == "7"
    assert rows["recall.limit"]["origin"] == "environment:SOPHIA_RECALL__LIMIT"
    assert rows["recall.candidates"]["origin"] == "default"
    assert "db.example.com" in rows["records.url"]["value"]
    assert "hunter2" not in console.ok("config", "show", variables=variables).out


def test_statistics_count_and_measure(console: Console, user: str) -> None:
    before = console.data("stats")[0]
    id_ = console.remember("counted", "--user", user, "--kind", "coding")
    console.ok("recall", "counted", "--user", user)
    after = console.data("stats")[0]
    assert after["memories"]["coding"]["live"] == before["memories"]["coding"]["live"] + 1
    assert after["vectors"]["points"]["coding"] == before["vectors"]["points"]["coding"] + 1
    assert after["records"]["outbox"] == 0
    assert after["latencies"]["remember"]["calls"] > 0
    assert after["latencies"]["remember"]["p50_ms"] > 0
    console.ok("forget", id_)
    forgotten = console.data("stats")[0]["memories"]["coding"]["forgotten"]
    assert forgotten == after["memories"]["coding"]["forgotten"] + 1
    assert "points" in console.ok("stats").out


def test_a_reindex_changes_nothing_that_is_found(console: Console, user: str) -> None:
    for n in range(3):
        console.remember(f"turn {n} of the talk", "--user", user, "--session", "s")
    ask = ("recall", "turn of the talk", "--user", user, "--explain")
    before = console.data(*ask)
    for options in ((), ("--from-scratch",), ("--re-embed",)):
        written = console.data("reindex", *options)[0]
        assert written["orphans"] == 0
        assert console.data(*ask) == before


@pytest.mark.parametrize("name", VISIBLE)
def test_help_has_examples_that_name_only_what_exists(console: Console, name: str) -> None:
    told = console.ok(name, "--help")
    assert told.err == ""
    commands = getattr(root().commands[name], "commands", {})
    for page, command in [
        (told.out, root().commands[name]),
        *((console.ok(name, each, "-h").out, commands[each]) for each in commands),
    ]:
        examples = page.split("Examples:")[1].split("\n\n")[0]
        # A line that does not begin a command goes on with the one before.
        joined = re.sub(r"\n\s+(?!.*\bsophia\b)", " ", examples.strip())
        lines = [line.strip() for line in joined.splitlines() if line.strip()]
        assert any(f"sophia {name}" in line for line in lines)
        known = {
            option
            for group in (root(), command, *getattr(command, "commands", {}).values())
            for each in group.params
            for option in each.opts
        }
        for line in lines:
            ours = line[line.index("sophia") :]
            for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", re.sub(r'"[^"]*"', "", ours)):
                assert option in known, line


def test_help_and_version_go_to_the_commands_own_output(console: Console) -> None:
    assert console.ok("--help").out.startswith("Usage: sophia")
    assert console.ok("--version").out.startswith("sophia ")
    for arguments in ((), ("config",)):
        ended = console(*arguments)
        assert ended.status is ExitStatus.USAGE
        assert "missing command" in ended.err
