"""JSONL: the keys, what is wrong with a line, and the turns of a session."""

from __future__ import annotations

import json

import pytest

from sophia_cli.memory.model import Draft, Kind
from tests.reading.conftest import Read, drafts, faults, moment


def test_every_key_of_the_data_model_is_read(read: Read) -> None:
    record = {
        "content": "We keep JSON lines",
        "kind": "coding",
        "user": "ann",
        "agent": "editor",
        "session": "s1",
        "turn": 7,
        "speaker": "Ann",
        "at": "2024-05-01T10:00Z",
        "tags": {"team": "core", "year": 2024, "open": True},
        "expires": "30d",
    }
    assert read(json.dumps(record), "a.jsonl") == [
        Draft(
            "We keep JSON lines",
            Kind.CODING,
            "ann",
            "editor",
            "s1",
            7,
            "Ann",
            moment("2024-05-01T10:00"),
            {"team": "core", "year": "2024", "open": "true"},
            moment("2024-06-30T12:30"),
        )
    ]


def test_unknown_key_is_reported_with_the_nearest_and_the_memory_is_taken(read: Read) -> None:
    items = read('{"content": "x", "sesion": "s"}', "a.jsonl")
    [note] = faults(items)
    assert (note.line, note.fatal) == (1, False)
    assert note.reason == "unknown key 'sesion', did you mean `session`?"
    assert [draft.content for draft in drafts(items)] == ["x"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nope", "not JSON: Expecting value"),
        ('{"content": "x"', "not JSON: Expecting ',' delimiter"),
        ("[1]", "not a JSON object"),
        ("[" * 5_000, "not JSON: cannot be parsed"),
        ("{}", "there is no `content`"),
        ('{"content": 3}', "`content` is not a text"),
        ('{"content": "  "}', "the text is empty"),
        ('{"content": "\\ud800"}', "the text is not valid UTF-8 at character 1"),
        ('{"content": "x", "user": ["a"]}', "`user` is not a text"),
        ('{"content": "x", "kind": "poem"}', "`kind` is 'poem', not coding, business or auto"),
        ('{"content": "x", "turn": "1"}', "`turn` is not a whole number"),
        ('{"content": "x", "turn": true}', "`turn` is not a whole number"),
        ('{"content": "x", "turn": -1}', "`turn` is not between 0 and 2147483647"),
        ('{"content": "x", "at": 1714557600}', "`at` is not a text"),
        ('{"content": "x", "at": "soon"}', "'soon' is not a time"),
        ('{"content": "x", "expires": "30"}', "'30' is not a time"),
        ('{"content": "x", "tags": ["a"]}', "`tags` is not an object"),
        ('{"content": "x", "tags": {"a": {}}}', "the tag 'a' is not a text"),
        (json.dumps({"content": "x" * 100_001}), "the text has 100,001 characters"),
    ],
)
def test_bad_line_is_reported_and_the_rest_goes_on(read: Read, line: str, reason: str) -> None:
    items = read(f'{{"content": "before"}}\n{line}\n{{"content": "after"}}\n', "a.jsonl")
    assert [draft.content for draft in drafts(items)] == ["before", "after"]
    [bad] = faults(items)
    assert (bad.line, bad.fatal) == (2, True)
    assert bad.reason.startswith(reason)


def test_invalid_utf8_costs_one_line(read: Read) -> None:
    items = read(b'{"content": "a"}\n{"content": "\xff"}\n{"content": "b"}', "a.jsonl")
    assert [draft.content for draft in drafts(items)] == ["a", "b"]
    assert [(bad.line, bad.reason) for bad in faults(items)] == [
        (2, "not valid UTF-8 at byte 14 of the line")
    ]


def test_turns_are_numbered_as_they_come_within_their_session(read: Read) -> None:
    sessions = ["a", "b", "a", None, "b"]
    text = "\n".join(json.dumps({"content": "x", "session": session}) for session in sessions)
    assert [(draft.session, draft.turn) for draft in drafts(read(text, "a.jsonl"))] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
        (None, None),
        ("b", 1),
    ]


def test_mending_a_refused_line_moves_no_other_turn(read: Read) -> None:
    lines = [{"content": "x", "session": "s"} for _ in range(3)]
    whole = drafts(read("\n".join(map(json.dumps, lines)), "a.jsonl"))
    lines[1]["at"] = "soon"
    broken = drafts(read("\n".join(map(json.dumps, lines)), "a.jsonl"))
    assert broken == [whole[0], whole[2]]


def test_control_characters_are_left_out_and_newlines_are_one(read: Read) -> None:
    [draft] = drafts(read(json.dumps({"content": "a\0b\x1b[31m\r\nc\td"}), "a.jsonl"))
    assert draft.content == "ab[31m\nc\td"


def test_byte_order_mark_and_blank_lines_are_no_fault(read: Read) -> None:
    assert len(drafts(read('\ufeff{"content": "a"}\r\n\r\n{"content": "b"}\r\n', "a.jsonl"))) == 2
