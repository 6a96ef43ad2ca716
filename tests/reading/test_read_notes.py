"""Notes: Markdown along its structure, and plain text by its paragraphs."""

from __future__ import annotations

import pytest

from sophia_cli.reading import Format
from sophia_cli.reading.chunk import CHUNK, packed
from tests.reading.conftest import Read, drafts, faults, moment


def contents(read: Read, text: str, name: str = "notes.md") -> list[str]:
    return [draft.content for draft in drafts(read(text, name))]


def test_chunk_stands_under_the_path_of_its_headings(read: Read) -> None:
    text = "# Architecture\nIntro.\n## Storage\nPostgres.\n### Why\nTruth.\n## Cache\nValkey.\n"
    assert contents(read, text) == [
        "Architecture\nIntro.",
        "Architecture > Storage\nPostgres.",
        "Architecture > Storage > Why\nTruth.",
        "Architecture > Cache\nValkey.",
    ]


def test_underlined_headings_are_headings(read: Read) -> None:
    assert contents(read, "Top\n===\n\na\n\nSub\n---\nb\n") == ["Top\na", "Top > Sub\nb"]


def test_neighbours_of_a_section_share_a_chunk_and_sections_do_not(read: Read) -> None:
    assert contents(read, "# A\none\n\n- two\n- three\n\n# B\nfour\n") == [
        "A\none\n\n- two\n- three",
        "B\nfour",
    ]


def test_fence_stays_whole_and_what_is_in_it_is_no_heading(read: Read) -> None:
    code = "```py\n# not a heading\n\nx = 1\n```"
    padding = "word " * ((CHUNK - 20) // 5)
    assert contents(read, f"# A\n{padding}\n\n{code}\n") == [f"A\n{padding.strip()}", f"A\n{code}"]


def test_heading_with_nothing_under_it_is_kept(read: Read) -> None:
    assert contents(read, "# Decisions\n## We chose Qdrant\n## We chose Valkey\nfast\n") == [
        "Decisions > We chose Qdrant",
        "Decisions > We chose Valkey\nfast",
    ]


def test_front_matter_gives_title_author_date_and_tags(read: Read) -> None:
    text = (
        "---\ntitle: Retro\nauthor: Ann\ndate: 2024-05-01\ntags: [billing, team=core]\n---\n"
        "# Storage\nPostgres.\n"
    )
    [draft] = drafts(read(text, "retro.md"))
    assert draft.content == "Retro > Storage\nPostgres."
    assert (draft.speaker, draft.said_at) == ("Ann", moment("2024-05-01"))
    assert draft.tags == {"billing": "true", "team": "core", "source": "retro.md"}


@pytest.mark.parametrize(
    "front", ["a: [", "- x", "date: soon", "date: 2024-13-45", "x: !!python/name:os"]
)
def test_front_matter_that_cannot_be_read_is_noted_and_the_text_is_taken(
    read: Read, front: str
) -> None:
    items = read(f"---\n{front}\n---\ntext\n", "a.md")
    assert [draft.content for draft in drafts(items)] == ["text"]
    assert [(note.line, note.fatal) for note in faults(items)] == [(1, False)]


def test_rule_that_opens_a_file_is_no_front_matter(read: Read) -> None:
    assert contents(read, "---\nfirst\n\nsecond\n") == ["---\nfirst\n\nsecond"]


def test_notes_of_a_meeting_keep_who_said_what(read: Read) -> None:
    text = (
        "# Standup\n- Ann: the index is slow\n  since Monday\n- Bob: I take it\n\n# Todo\nBuy tea\n"
    )
    assert [(draft.speaker, draft.content) for draft in drafts(read(text, "m.md"))] == [
        ("Ann", "Standup\nthe index is slow\nsince Monday"),
        ("Bob", "Standup\nI take it"),
        (None, "Todo\nBuy tea"),
    ]


def test_notes_of_a_meeting_keep_the_place_and_the_day(read: Read) -> None:
    text = (
        "# Standup 2024-05-01\nAnn: I fixed the login\n\n**Bo:** I deploy it\n"
        "# Standup 2024-05-02\nAnn: done\nBo: thanks\n\n# Todo\nBuy tea\n"
    )
    found = drafts(read(text, "2024-04-30-team.md"))
    assert [(each.speaker, each.session, each.turn) for each in found] == [
        ("Ann", "2024-04-30-team", 0),
        ("Bo", "2024-04-30-team", 1),
        ("Ann", "2024-04-30-team", 2),
        ("Bo", "2024-04-30-team", 3),
        (None, None, None),
    ]
    days = ["2024-05-01", "2024-05-01", "2024-05-02", "2024-05-02", "2024-04-30"]
    assert [each.said_at for each in found] == [moment(day) for day in days]


@pytest.mark.parametrize("name", ["2024-13-45.md", "v1.2024-05-012.md", "notes.md"])
def test_no_day_is_made_up(read: Read, name: str) -> None:
    [draft] = drafts(read("Buy tea", name))
    assert draft.said_at is None


def test_paragraphs_of_a_text_are_merged_up_to_a_chunk(read: Read) -> None:
    paragraph = " ".join(["word"] * 100)
    text = "\n\n".join([paragraph] * 5)
    found = contents(read, text, "a.txt")
    assert [len(chunk) for chunk in found] == [1000, 1000, 499]
    assert " ".join(" ".join(found).split()) == " ".join(text.split())


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_no_word_of_a_long_text_is_lost(read: Read, name: str) -> None:
    words = [f"w{number}" for number in range(60_000)]
    lines = [" ".join(words[start : start + 12]) for start in range(0, len(words), 12)]
    found = contents(read, "\n".join(lines), name)
    assert max(map(len, found)) <= CHUNK
    assert " ".join(found).split() == words


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_line_without_an_end_is_refused_and_the_rest_goes_on(read: Read, name: str) -> None:
    items = read("before\n\n" + "x" * 1_000_000 + "\n\nafter\n\nb", name)
    assert [draft.content for draft in drafts(items)] == ["before", "after\n\nb"]
    assert [(bad.line, bad.reason) for bad in faults(items)] == [
        (3, "the line is longer than 100,000 characters")
    ]


def test_invalid_utf8_costs_one_line_of_a_text(read: Read) -> None:
    items = read(b"a\n\n\xff\xfe\xfd\n\nb\n", "a.txt", Format.TEXT)
    assert [draft.content for draft in drafts(items)] == ["a", "b"]
    assert [bad.line for bad in faults(items)] == [3]


def test_block_without_a_space_is_cut_at_the_limit() -> None:
    assert [len(chunk) for chunk in packed(["x" * 2_500], 1_000)] == [1_000, 1_000, 500]


def test_block_is_cut_between_lines_then_sentences_then_words() -> None:
    assert list(packed(["aaa bbb. ccc\nddd eee"], 14)) == ["aaa bbb. ccc", "ddd eee"]
    assert list(packed(["aaa bbb. ccc ddd"], 14)) == ["aaa bbb.", "ccc ddd"]
    assert list(packed(["aaa bbb ccc ddd"], 9)) == ["aaa bbb", "ccc ddd"]
