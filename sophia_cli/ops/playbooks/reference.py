"""The reference of operations, gates and guards, written from the code.

`python -m sophia_cli.ops.playbooks.reference` writes it again, from the root of the repository.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from sophia_cli.ops.gates.registry import GATES, GUARDS
from sophia_cli.ops.operations.registry import OPERATIONS, arguments
from sophia_cli.ops.playbooks.reading import Vocabulary

_BEGIN = "<!-- The reference: python -m sophia_cli.ops.playbooks.reference -->\n"
_PAGE = Path("docs/playbooks.md")
_ATTRIBUTE = re.compile(r"^    (\w+): (.*)$")


def reference() -> str:
    """One Markdown table an operation, then the gates and guards."""
    lines = []
    for name, kind in OPERATIONS.items():
        lines += [
            f"### `{name}`",
            "",
            _about(kind),
            "",
            "| argument | default | |",
            "|---|---|---|",
        ]
        lines += list(_rows(name, kind))
        lines.append("")
    accepted = ", ".join(f"`{each}`" for each in Vocabulary.known().operations["template"])
    lines += [
        "### `template`",
        "",
        f"A `file` that is filled in from a template. Takes {accepted}.",
    ]
    lines += ["", "### Gates and guards", ""]
    lines.append("Gates: " + ", ".join(f"`{name}`" for name in GATES) + ".")
    lines.append("Guards: " + ", ".join(f"`{name}`" for name in GUARDS) + ".")
    return "\n".join(lines) + "\n"


def documented(page: str) -> str:
    """`page` with the reference below its mark."""
    return page[: page.index(_BEGIN)] + _BEGIN + "\n" + reference()


def _about(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _rows(name: str, kind: type) -> Iterator[str]:
    said = _said(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for argument in arguments(name):
        default = "required" if argument.required else _default(fields[argument.name])
        yield f"| `{argument.name}` | {default} | {said.get(argument.name, '')} |"


def _default(field: dataclasses.Field[object]) -> str:
    if field.default is dataclasses.MISSING:
        return "none"
    value = field.default
    if value is None or value in ("", ()):
        return "none"
    if hasattr(value, "total_seconds"):
        return f"`{value.total_seconds():g}s`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _said(kind: type) -> dict[str, str]:
    """What the docstring says of each attribute."""
    found: dict[str, str] = {}
    part = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    last = ""
    for line in part.splitlines():
        if match := _ATTRIBUTE.match(line):
            last, text = match[1], match[2]
            found[last] = text
        elif last:
            found[last] += " " + line.strip()
    return {name: text.replace("|", "\\|") for name, text in found.items()}


if __name__ == "__main__":
    _PAGE.write_text(documented(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
