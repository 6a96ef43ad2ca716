"""What each check means, in docs/doctor.md: written from the checks themselves.

`python -m sophia_cli.checks.reference` writes it again; a test fails while it differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from sophia_cli.checks.check import Check
from sophia_cli.checks.registry import documented as all_documented
from sophia_cli.checks.registry import title_of

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
_START = "<!-- checks: python -m sophia_cli.checks.reference -->\n"
_END = "<!-- end -->\n"


def documented(page: str) -> str:
    """`page` with the part about the checks as they are now."""
    head, mark, rest = page.partition(_START)
    if not mark:
        raise ValueError("the page has no place for the checks")
    return head + mark + "\n" + "\n".join(_lines()) + "\n" + _END + rest.partition(_END)[2]


def _lines() -> Iterator[str]:
    for subject, checks in groupby(all_documented(), lambda check: check.subject):
        yield f"### {subject}: {title_of(subject)}"
        yield ""
        for check in sorted(checks, key=lambda check: check.number):
            yield from _entry(check)


def _entry(check: Check) -> Iterator[str]:
    more = [check.severity.value]
    if check.fast:
        more.append("`sophia health` looks at it")
    if check.fixable:
        more.append("`--fix` may mend it")
    yield f"**{check.number} {check.title}** ({'; '.join(more)}). {check.meaning}"
    yield ""
    yield f"To mend it: {check.mend}."
    yield ""


if __name__ == "__main__":
    PAGE.write_text(documented(PAGE.read_text("utf-8")), "utf-8")
