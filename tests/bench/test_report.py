from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from sophia_cli.bench.compare import compare
from sophia_cli.bench.report import page
from sophia_cli.bench.results import Run
from sophia_cli.bench.wording import with_unit
from tests.bench.runs import full, recall, run, scenario, time

HOSTILE = "<script>alert('1')</script>&amp;\"'"


def _root(html: str) -> ElementTree.Element:
    """The page as a tree: it is written as XML too, so that nothing is left open."""
    return ElementTree.fromstring(html.partition("<!DOCTYPE html>")[2])  # noqa: S314  (our own)


def test_the_page_holds_the_machine_every_figure_and_every_plot() -> None:
    html = page(full())
    for expected in (
        *("AMD EPYC", "2 cores usable", "all-MiniLM-L6-v2-int8", "2026-11-24 13:56 UTC"),
        *("asked before", "≤ 200 ms (p95)", "≤ 4 x", "stored", "torch is not installed"),
        *("Latency distributions", "recall: throughput", "recall: latency"),
        *("Recall by kind of question: the set", "single hop (200)", "clients"),
    ):
        assert expected in html, expected
    assert len(_root(html).findall(".//figure")) == 4


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(full(), id="everything"),
        pytest.param(run(), id="nothing"),
        pytest.param(run(scenario(time(3), name="of a later tier")), id="another scenario"),
    ],
)
def test_the_page_is_whole_and_refers_to_nothing_outside(shown: Run) -> None:
    html = page(shown, compare(shown, shown))
    tags = {element.tag for element in _root(html).iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "a"}
    assert not re.search(r"https?:|//[a-z]|url\(|@import|src=|href=", html)
    assert "prefers-color-scheme: dark" in html


def test_each_scenario_is_headed_by_one_figure() -> None:
    shown = run(
        scenario(time(10.0), time(400.0, "another")),
        scenario(time(400.0), name="late"),
        scenario(name="recall", memories=None, recalls=[recall(0.72)]),
    )
    tiles = _root(page(shown)).findall(".//div[@class='tiles']/section")
    assert [
        " | ".join(text.strip() for text in tile.itertext() if text.strip()) for tile in tiles
    ] == [
        f"end-to-end | {_median(shown, 0)} | recall | ≤ 200 ms (p95)",
        f"late | {_median(shown, 1)} | recall | ≤ 200 ms (p95)",
        "recall | 72 % | of the evidence in the first 5 | the set, single hop",
    ]
    assert [tile[3].get("class") for tile in tiles] == ["good", "bad", "quiet"]


def _median(shown: Run, place: int) -> str:
    return with_unit(shown.scenarios[place].figures[0].value.value, "ms")


def test_nothing_in_a_result_is_taken_for_markup() -> None:
    hostile = replace(full(), model=HOSTILE)
    named = replace(
        hostile, scenarios=(*full().scenarios, scenario(time(1, HOSTILE), name=HOSTILE))
    )
    html = page(named, compare(named, named))
    assert "<script>" not in html
    assert HOSTILE in "".join(_root(html).itertext())


def test_a_comparison_is_shown_where_there_is_one() -> None:
    assert "Compared with" not in page(full())
    slower = replace(full(), scenarios=(scenario(time(20.0)),))
    html = page(slower, compare(full(), slower))
    assert "Compared with the run of 2026-11-24 13:56 UTC" in html
    assert "+100 %" in html and "worse" in html
