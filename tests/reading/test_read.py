"""Reading as a whole: formats, folders, kinds, what the user gave; any bytes; a large file."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sophia_cli.errors import InvalidInput, NotFound
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.reading import BadLine, Format, Given, read_path, read_stream
from sophia_cli.reading.formats import format_of
from sophia_cli.reading.source import Source
from tests.reading.conftest import NOW, Read, drafts, faults, moment


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.md", "Ann: hi\nBob: yo\nAnn: ok\n", Format.MARKDOWN),
        ("a.jsonl", "", Format.JSONL),
        ("a.NDJSON", "x", Format.JSONL),
        ("a.txt", "", Format.TEXT),
        ("a.txt", "Just words: that is all.\n\nMore of them.\n", Format.TEXT),
        ("a.txt", "# Title\n\nwords\n", Format.MARKDOWN),
        ("a.txt", "Ann: hi\nBob: yo\nAnn: ok\n", Format.CHAT),
        ("a.txt", "host: a\nport: 1\nuser: b\npath: c\n", Format.TEXT),
        ("stdin", '{"content": "x"}\n{"content": "y"}\n', Format.JSONL),
        ("stdin", '{"content": "' + "x" * 90_000 + '"}\n', Format.JSONL),
        ("stdin", '{"messages": []}', Format.CHAT),
        ("a.json", '[\n {"text": "x"}\n]', Format.CHAT),
        ("a.log", "[2024-05-01 10:00] Ann: hi\n[2024-05-01 10:01] Bob: yo\n", Format.CHAT),
        ("a.log", "2024-05-01 10:00:00 ERROR: x\n2024-05-01 10:00:01 ERROR: y\n", Format.TEXT),
        ("a.md", "commit 0123456789abcdef\nAuthor: A <a@example.com>\n", Format.GIT),
    ],
)
def test_format_is_told_from_name_and_content(name: str, text: str, expected: Format) -> None:
    assert format_of(Source(io.StringIO(text), name)) is expected


def test_given_format_overrides_what_the_file_looks_like(read: Read) -> None:
    assert drafts(read("Ann: hi\nBob: yo\nAnn: ok", fmt=Format.TEXT))[0].speaker is None


def test_folder_is_read_in_order_without_hidden_binary_and_other_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/.hidden.md", ".git/x.txt", "code.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"in {name}")
    (tmp_path / "image.txt").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.txt")
    items = list(read_path(tmp_path, None, NOW))
    assert [(draft.content, draft.tags["source"]) for draft in drafts(items)] == [
        ("in b.txt", "b.txt"),
        ("in a/z.md", "a/z.md"),
    ]
    assert faults(items) == []


def test_path_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(read_path(tmp_path / "nothing", None, NOW))
    with pytest.raises(InvalidInput):
        list(read_path(Path("/dev/null"), None, NOW))
    binary = tmp_path / "a.bin"
    binary.write_bytes(b"\0\1\2")
    assert list(read_path(binary, None, NOW)) == [BadLine(str(binary), 0, "not a text in UTF-8")]


def test_file_name_that_is_not_unicode_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("Ann: hi\nBob: yo\nAnn: ok")
    [first, *_] = drafts(list(read_path(tmp_path, None, NOW)))
    assert (first.session, first.tags["source"]) == ("caf?", "caf?.txt")


def test_session_is_of_one_kind_and_single_memories_are_left_to_be_classified(read: Read) -> None:
    records = [
        {"content": "Good morning", "session": "s"},
        {"content": "parse_config() raises KeyError", "session": "s"},
        {"content": "Dana signed the contract", "session": "t"},
        {"content": "alone"},
        {"content": "named", "session": "u", "kind": "coding"},
        {"content": "follows", "session": "u"},
    ]
    found = drafts(read("\n".join(map(json.dumps, records)), "a.jsonl"))
    assert [draft.kind for draft in found] == [
        Kind.CODING,
        Kind.CODING,
        Kind.BUSINESS,
        None,
        Kind.CODING,
        Kind.CODING,
    ]


def test_kind_of_the_first_turns_holds_for_the_rest_of_a_long_session(read: Read) -> None:
    technical = [{"content": f"bug {n} in parse_config()", "session": "s"} for n in range(500)]
    sales = [{"content": f"customer {n} signed the contract", "session": "s"} for n in range(900)]
    found = drafts(read("\n".join(map(json.dumps, technical + sales)), "a.jsonl"))
    assert {draft.kind for draft in found} == {Kind.CODING}


def test_file_of_notes_is_of_one_kind(read: Read) -> None:
    text = "# Cache\nparse_config() raises KeyError in config.yaml\n# Lunch\nSoup\n"
    assert {draft.kind for draft in drafts(read(text, "a.md"))} == {Kind.CODING}


def test_what_the_user_gave_fills_what_a_line_leaves_open(read: Read) -> None:
    text = '{"content": "a", "user": "ann"}\n{"content": "b", "kind": "coding"}\n'
    found = read(text, "a.jsonl", user="bob", agent="x", session="s", kind=Kind.BUSINESS)
    assert found == [
        Draft("a", Kind.BUSINESS, "ann", "x", "s", 0),
        Draft("b", Kind.BUSINESS, "bob", "x", "s", 1),
    ]


def test_text_stream_is_read_as_bytes_are(read: Read) -> None:
    text = "Ann: hé\nBob: \ud800\nAnn: ok\nBob: d"
    items = list(read_stream(io.StringIO(text), Format.CHAT, "stdin", NOW))
    assert [(draft.turn, draft.content) for draft in drafts(items)] == [
        (0, "hé"),
        (2, "ok"),
        (3, "d"),
    ]
    assert [bad.line for bad in faults(items)] == [2]


class Dribble(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = io.BytesIO(data), size

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._size))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_line_ends_and_letters_may_be_split_between_reads(size: int) -> None:
    padding = "x" * 70_000  # more than the head that is looked at
    data = f"{padding}\r\n\r\né one\r\rtwo\n\nlast\r".encode()
    source = Source(Dribble(data, size), "a.txt")
    assert [(line.number, line.text) for line in source.lines()] == [
        (1, padding), (2, ""), (3, "é one"), (4, ""), (5, "two"), (6, ""), (7, "last"),
    ]  # fmt: skip


PIECES = st.sampled_from(
    [
        "Ann: hi\n",
        "[2024-05-01 10:00] Bob: x\n",
        "## 2024-05-01\n",
        "# A\n",
        "```\n",
        "---\n",
        "\n",
        '{"content": "x"}\n',
        '{"messages": [',
        '[{"text": "a", "ts": "1e999"}]',
        "commit 0123456789\n",
        "Author: A <b>\n",
        "    text\n",
        "- a: b\n",
        "Session 1\n",
        "=\n",
        "01/05/2024, 10:00 - Ann: hi\n",
        "title: x\n",
        "date: 2024-99-99\n",
        '"at": ',
        "x" * 3000,
        "\0",
        "\x1b",
        "\ud800",
        "\r",
        "é",
    ]
)
KEYS = st.sampled_from(
    [
        "content",
        "kind",
        "at",
        "turn",
        "session",
        "tags",
        "expires",
        "messages",
        "text",
        "ts",
        "user",
        "role",
    ]
)
DATA = st.one_of(
    st.binary(max_size=400),
    st.lists(PIECES, max_size=30).map(lambda all_: "".join(all_).encode("utf-8", "surrogatepass")),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=150, deadline=None)
@given(DATA, st.sampled_from([None, *Format]), st.sampled_from(["a.txt", "a.md", "a.json", ""]))
@example(b'[{"text": "a", "ts": ' + b"9" * 400 + b"}]", None, "a.json")
@example(b'{"content": "x", "session": "s", "turn": ' + b"9" * 400 + b"}", Format.JSONL, "")
def test_any_bytes_give_storable_drafts_or_bad_lines_and_the_same_again(
    data: bytes, fmt: Format | None, name: str
) -> None:
    items = list(read_stream(io.BytesIO(data), fmt, name, NOW, Given(user="ann")))
    for item in items:
        if isinstance(item, BadLine):
            assert "\n" not in item.reason and len(item.reason) < 300
            item.reason.encode()
        else:
            assert item.content.strip() and "\0" not in item.content
            item.content.encode()
            assert item.session is None or item.turn is not None
    assert list(read_stream(io.BytesIO(data), fmt, name, NOW, Given(user="ann"))) == items


@pytest.mark.parametrize("fmt", list(Format))
@pytest.mark.parametrize(
    "unit", ["-" * 99 + "\n", "a: " * 50 + "\n", "# " * 30 + "\n", "[" * 5000, "`"]
)
def test_odd_text_is_read_in_bounded_time(read: Read, fmt: Format, unit: str) -> None:
    read(unit * (200_000 // len(unit)), "a", fmt)


class Generated(io.RawIOBase):
    """50 MB of JSON lines that are made as they are read."""

    def __init__(self, lines: int) -> None:
        self._lines = self._make(lines)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (line := next(self._lines, None)):
            self._rest += line
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return chunk

    @staticmethod
    def _make(lines: int) -> Iterator[bytes]:
        filling = "word " * 5_000
        for number in range(lines):
            yield f'{{"content": "{number} {filling}", "session": "s{number % 9}"}}\n'.encode()


def test_large_file_is_read_in_bounded_memory() -> None:
    lines = 2_000
    tracemalloc.start()
    try:
        read = read_stream(Generated(lines), None, "big.jsonl", NOW, Given(kind=Kind.BUSINESS))
        assert sum(isinstance(item, Draft) for item in read) == lines
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
        tracemalloc.reset_peak()
        read = read_stream(Generated(lines // 4), None, "big.jsonl", NOW)
        assert sum(isinstance(item, Draft) for item in read) == lines // 4
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_moment_of_a_line_counts_from_now(read: Read) -> None:
    [draft] = drafts(read('{"content": "x", "at": "2 days ago"}', "a.jsonl"))
    assert draft.said_at == moment("2024-05-29T12:30")
