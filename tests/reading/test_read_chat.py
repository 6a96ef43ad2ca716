"""Chats: how turns begin, who said them and when, and the exports in JSON."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from sophia_cli.reading import Format
from tests.reading.conftest import Read, drafts, faults, moment

MORNING = moment("2024-05-01T10:00")


# How a turn begins in each style, in a file that begins so, and when it was said.
STYLES = [
    ("", "{}: ", None),
    ("", "**{}:** ", None),
    ("", "<{}> ", None),
    ("", "[2024-05-01 10:00] {}: ", MORNING),
    ("", "2024-05-01T10:00:00Z {}: ", MORNING),
    ("", "01/05/2024, 10:00 - {}: ", MORNING),
    ("", "\u200e[01/05/24, 10:00:00\u202fAM] {}: ", MORNING),
    ("1 May 2024\n", "{} [10:00]: ", MORNING),
    ("## 2024-05-01\n", "[10:00] <{}> ", MORNING),
]


@pytest.mark.parametrize(("heading", "style", "said_at"), STYLES)
def test_turns_of_each_style(
    read: Read, heading: str, style: str, said_at: datetime | None
) -> None:
    turns = [("Ann", "hi"), ("Bob", "yo"), ("Ann", "ok")]
    text = heading + "\n".join(style.format(name) + said for name, said in turns)
    items = read(text, "talk.log")
    assert faults(items) == []
    found = [
        (draft.session, draft.turn, draft.speaker, draft.content, draft.said_at)
        for draft in drafts(items)
    ]
    assert found == [
        ("talk", 0, "Ann", "hi", said_at),
        ("talk", 1, "Bob", "yo", said_at),
        ("talk", 2, "Ann", "ok", said_at),
    ]


def test_line_that_begins_no_turn_belongs_to_the_turn_before(read: Read) -> None:
    text = "Ann: first\nsecond\n\nNote: third\nsee http://example.com\nBob: yo\nAnn: a\nBob: b"
    assert drafts(read(text, "talk.txt"))[0].content == (
        "first\nsecond\n\nNote: third\nsee http://example.com"
    )


def test_name_alone_begins_no_turn_where_the_others_have_a_time(read: Read) -> None:
    text = "[2024-05-01 10:00] Ann: hi\nBob: said this to me\n[2024-05-01 10:01] Cleo: ok"
    assert [draft.speaker for draft in drafts(read(text))] == ["Ann", "Cleo"]


def test_notice_of_the_program_has_no_speaker(read: Read) -> None:
    text = "01/05/2024, 10:00 - Ann added Bob\n01/05/2024, 10:01 - Ann: hi\n"
    assert [draft.speaker for draft in drafts(read(text))] == [None, "Ann"]


def test_dates_are_month_first_where_the_file_can_be_read_no_other_way(read: Read) -> None:
    text = "5/1/24, 10:00 AM - Ann: hi\n5/13/24, 10:00 AM - Bob: yo\n"
    found = [draft.said_at for draft in drafts(read(text))]
    assert found == [MORNING, moment("2024-05-13T10:00")]


def test_time_that_is_none_is_noted_and_the_turn_is_taken(read: Read) -> None:
    text = "[2024-05-01 10:00] Ann: a\n[2024-13-45 10:00] Bob: b\n"
    items = read(text)
    assert [draft.speaker for draft in drafts(items)] == ["Ann", "Bob"]
    assert [(note.line, note.fatal) for note in faults(items)] == [(2, False)]


def test_session_heading_begins_a_session_and_dates_its_turns(read: Read) -> None:
    text = (
        "Session 1 (1:56 pm on 8 May, 2023)\nMel: hi\nCaro: yo\n"
        "## Session 2 - 9 May 2023\nMel: again\nCaro: yes\nSession 3\nMel: late"
    )
    found = [
        (draft.session, draft.turn, draft.said_at) for draft in drafts(read(text, "locomo.txt"))
    ]
    assert found == [
        ("locomo session 1", 0, moment("2023-05-08T13:56")),
        ("locomo session 1", 1, moment("2023-05-08T13:56")),
        ("locomo session 2", 0, moment("2023-05-09")),
        ("locomo session 2", 1, moment("2023-05-09")),
        ("locomo session 3", 0, None),
    ]


def test_given_session_is_the_session(read: Read) -> None:
    found = drafts(read("Ann: hi\nBob: yo\nAnn: ok", "talk.txt", session="standup"))
    assert {draft.session for draft in found} == {"standup"}


def test_unreadable_line_costs_one_turn_and_moves_no_other(read: Read) -> None:
    items = read(b"Ann: a\nBob: \xff\nAnn: c\nBob: d\n", "talk.txt", Format.CHAT)
    assert [(draft.turn, draft.content) for draft in drafts(items)] == [
        (0, "a"),
        (2, "c"),
        (3, "d"),
    ]
    assert [bad.line for bad in faults(items)] == [2]


def test_turn_that_is_too_long_is_refused_whole(read: Read) -> None:
    long = "Bob: x\n" + "word " * 15_000 + "\n" + "word " * 15_000
    items = read(f"Ann: a\n{long}\nAnn: c\nBob: d", "talk.txt", Format.CHAT)
    assert [(draft.turn, draft.content) for draft in drafts(items)] == [
        (0, "a"),
        (2, "c"),
        (3, "d"),
    ]
    assert [(bad.line, bad.reason) for bad in faults(items)] == [
        (2, "the turn is longer than 100,000 characters")
    ]


def test_slack_export(read: Read) -> None:
    messages = [
        {"user": "U1", "user_profile": {"real_name": "Ann"}, "text": "hi", "ts": "1714557600.0001"},
        {"user": "U2", "text": "yo", "ts": "1714557600.0002"},
        {"user": "U2", "text": "", "ts": "1714557660.0002"},
    ]
    items = read(json.dumps(messages), "general/2024-05-01.json")
    assert [
        (draft.session, draft.turn, draft.speaker, draft.content) for draft in drafts(items)
    ] == [("general/2024-05-01", 0, "Ann", "hi"), ("general/2024-05-01", 1, "U2", "yo")]
    assert drafts(items)[0].said_at == MORNING.replace(microsecond=100)
    assert [(bad.line, bad.reason) for bad in faults(items)] == [(3, "the message has no text")]


def test_roles_and_parts_of_model_conversations(read: Read) -> None:
    parts = [{"type": "text", "text": "Post"}, {"type": "image"}, {"type": "text", "text": "gres"}]
    document = {
        "messages": [{"role": "user", "content": "db?"}, {"role": "assistant", "content": parts}]
    }
    found = [
        (draft.speaker, draft.content)
        for draft in drafts(read(json.dumps(document, indent=2), "c"))
    ]
    assert found == [("user", "db?"), ("assistant", "Post\ngres")]


def test_each_conversation_of_an_export_is_a_session(read: Read) -> None:
    document = [
        {"uuid": "u1", "chat_messages": [{"sender": "human", "text": "a", "created_at": "soon"}]},
        {"uuid": "u2", "chat_messages": [{"sender": "human", "text": "b"}]},
    ]
    items = read(json.dumps(document), "all.json")
    assert [draft.session for draft in drafts(items)] == ["all u1", "all u2"]
    assert [(note.line, note.fatal) for note in faults(items)] == [(1, False)]


def test_json_that_is_no_chat_is_said_to_be_none(read: Read) -> None:
    for text in ("[]", '[{"a": 1}]', "[{", '{\n"a": 1}'):
        items = read(text, "data.json")
        assert len(items) == len(faults(items)) == 1, text
