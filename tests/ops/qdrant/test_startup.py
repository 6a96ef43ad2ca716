"""A server that dies at its start, or starts as something else, is explained."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sophia_cli.ops.qdrant.startup import Start, explain
from tests.ops.qdrant.recorded import FIXTURES

CASES = {
    case["case"]: case for case in json.loads((FIXTURES / "startup-failures.json").read_text())
}
NO_METHOD = next(name for name in CASES if name.startswith("consensus log holds an entry"))
# What is around a start whose log does not tell, as the host and the other peers do.
AROUND: dict[str, dict[str, Any]] = {
    "--uri without a scheme": {"arguments": ("--uri", "192.0.2.11:6335")},
    "unknown log level": {"configuration": "log_level: LOUD"},
    "cluster storage started with cluster off": {"clustered": False},
    "lost volume, joins again with the same uri": {"listed": True},
    "peer without the key, internal auth enforced": {"listed": False},
}
EXPLAINED = {
    "bootstrap peer not up yet": "the peer that it was to join does not answer",
    "cluster on, neither --uri nor --bootstrap": "started with neither --uri nor --bootstrap",
    "--uri without a scheme": "--uri 192.0.2.11:6335 has no scheme",
    "port taken": "another process has one of its ports",
    "storage path is a file": "/var/lib/qdrant-1/storage is a file where a directory must be",
    "tls on without certificates": "TLS is on and ./tls/cert.pem is not there",
    "unknown log level": "its configuration is wrong: line 1: log_level: must be one of",
    "raft state damaged": "the state of its consensus (storage/raft_state.json) is damaged",
    "two servers on one storage": "another server works on the same storage",
    "a segment damaged": "a segment of /var/lib/qdrant-1/storage/collections/x/0 is damaged",
    "cluster storage started with cluster off": "it runs alone: its cluster is off",
    "lost volume, joins again with the same uri": "it lost its storage",
    "peer without the key, internal auth enforced": "it has not the key that the peers enforce",
    NO_METHOD: "the consensus log holds an entry that cannot be applied",
}


def _start(case: dict[str, Any]) -> Start:
    code = re.search(r"exited (\d+)", case["outcome"])
    return Start(
        case["log"],
        int(code[1]) if code else None,
        running=code is None,
        **AROUND.get(case["case"], {}),
    )


def test_every_recorded_case_is_explained() -> None:
    assert set(EXPLAINED) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_start_that_failed_has_a_cause_and_a_next_step(name: str) -> None:
    found = explain(_start(CASES[name]))

    assert EXPLAINED[name] in found.cause
    for line in (found.cause, found.next_step):
        assert line and "\n" not in line


def test_each_case_has_a_cause_and_a_next_step_of_its_own() -> None:
    found = [explain(_start(case)) for case in CASES.values()]

    assert len({each.cause for each in found}) == len(found)


def test_the_same_words_without_a_witness_leave_both_causes() -> None:
    found = explain(_start({**CASES["lost volume, joins again with the same uri"], "case": ""}))

    assert "or it has not the key" in found.cause


@pytest.mark.parametrize(
    ("log", "code", "cause"),
    [
        (
            ["Error: duplicate field `max_segment_size` for key `storage.optimizers`"],
            1,
            "its configuration has max_segment_size, which YAML wants with another name",
        ),
        (
            ['Error: invalid type: string "x", expected an integer for key `service.http_port`'],
            1,
            "its configuration has a wrong value for service.http_port",
        ),
        (["all is well"], 137, "it was killed (exit 137)"),
        (["something new", ""], 101, "it ended with 101: something new"),
        ([], 2, "it ended with 2: it says nothing"),
    ],
)
def test_what_was_not_recorded_is_explained_as_far_as_it_is_known(
    log: list[str], code: int, cause: str
) -> None:
    assert cause in explain(Start(log, code)).cause
