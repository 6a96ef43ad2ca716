"""The tables of docs/monitoring.md, written from the declarations and from the rules.

`python -m sophia_cli.monitoring.reference` writes them again; a test fails while they differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from sophia_cli.monitoring.declarations import METRICS
from sophia_cli.monitoring.rendering import alerts
from sophia_cli.monitoring.thresholds import Thresholds

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
_PART = "<!-- {name}: python -m sophia_cli.monitoring.reference -->\n"
_END = "<!-- end -->\n"
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_VALUE = re.compile(r"\{\{ \$value \|? ?\w* ?\}\}")


def documented(page: str) -> str:
    """`page` with both tables as they are now."""
    for name, rows in (("metrics", _metrics()), ("alerts", _alerts())):
        head, mark, rest = page.partition(_PART.format(name=name))
        if not mark:
            raise ValueError(f"the page has no place for the {name}")
        page = head + mark + "\n" + "\n".join(rows) + "\n\n" + _END + rest.partition(_END)[2]
    return page


def _metrics() -> Iterator[str]:
    yield "| metric | type | labels | |"
    yield "|---|---|---|---|"
    for each in METRICS:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        yield f"| `{each.name}` | {each.type} | {labels} | {each.help} |"


def _alerts() -> Iterator[str]:
    yield "| alert | how bad | fires when | what to do |"
    yield "|---|---|---|---|"
    for group in yaml.safe_load(alerts(Thresholds(), qdrant=True))["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                notes = rule["annotations"]
                said = _VALUE.sub("…", _LABEL.sub(r"*\1*", notes["summary"]))
                severity = rule["labels"]["severity"]
                yield f"| `{rule['alert']}` | {severity} | {said} | {notes['action']} |"


if __name__ == "__main__":
    PAGE.write_text(documented(PAGE.read_text("utf-8")), "utf-8")
