"""What a text is like: whether it asks, and how many of each sort of word it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.memory.shape import Shape, shape_of


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Shall we move to Bern?", True),
        ('She asked "shall we move?"', True),
        ("Really?! [shares a photo of a dog]", True),
        ("Is it done? (the second time)", False),
        ("What? No. It works.", False),
        ("See https://example.com/?q=1 for more", False),
        ("", False),
    ],
)
def test_a_question_is_what_ends_in_one(text: str, asks: bool) -> None:
    assert bool(shape_of(text).asks) is asks


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("We met yesterday, and on Monday in May 2023.", {"times": 4, "numbers": 1}),
        ("It may fail; march on.", {"times": 0}),
        ("Two weeks ago I had 3 cats and several dogs", {"times": 1, "numbers": 3, "first": 1}),
        ("Yesterday Ana met Bo in Bern. Carl was there", {"names": 3}),
        ("I think you and I told you my plan", {"first": 3}),
        ("one, two: three", {"words": 3}),
        ("don't", {"words": 1}),
    ],
)
def test_words_of_a_sort_are_counted(text: str, counts: dict[str, int]) -> None:
    found = shape_of(text)._asdict()
    assert {name: found[name] for name in counts} == counts


@given(st.text(max_size=2000))
def test_every_text_has_a_shape_that_can_be_stored(text: str) -> None:
    shape = shape_of(text)
    assert all(0 <= count <= 65_535 for count in shape)
    assert shape.asks in (0, 1)


def test_a_megabyte_is_read_in_part() -> None:
    assert shape_of("you and me " * 100_000).words < 65_535
    assert Shape._fields[0] == "asks"
