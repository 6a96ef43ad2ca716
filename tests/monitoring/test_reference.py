"""docs/monitoring.md tells of every metric and alert, as they are."""

from __future__ import annotations

import re

from sophia_cli.monitoring.declarations import METRICS
from sophia_cli.monitoring.reference import PAGE, documented


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text("utf-8")
    assert documented(page) == page, "run: python -m sophia_cli.monitoring.reference"


def test_every_metric_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    assert [each.name for each in METRICS if f"| `{each.name}` |" not in page] == []


def test_names_are_as_prometheus_wants_them() -> None:
    names = [each.name for each in METRICS]
    assert len(names) == len(set(names)) > 20
    for each in METRICS:
        assert re.fullmatch(r"sophia_[a-z]+(_[a-z0-9]+)*", each.name)
        assert each.help.endswith(".")
        assert (each.type == "counter") == each.name.endswith("_total")
        assert not each.name.endswith(("_ms", "_mb", "_percent"))
        assert each.type != "histogram" or each.name.endswith("_seconds")
