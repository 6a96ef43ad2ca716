"""The reference of every key and the annotated example file, both written from the model.

`python -m sophia_cli.config.reference` writes them again, from the root of the repository.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from sophia_cli.config.keys import KEYS, SECTIONS, Key

_BEGIN = "<!-- The reference: python -m sophia_cli.config.reference -->\n"
_HEAD = """\
# sophia.yaml: every key, at its default where it has one. A key that is commented out has none;
# take the # away to set it. docs/configuration.md says where this file is looked for and what
# wins over it. Nothing in it is needed for profile local.
"""
_WIDTH = 99


def reference() -> str:
    """One Markdown table a section: key, environment variable, what it takes, default, meaning."""
    return "\n".join(_table(name) for name in SECTIONS)


def example() -> str:
    """A sophia.yaml with every key and its description; it loads, and changes nothing."""
    return "\n".join([_HEAD, *_example("", "")]).rstrip() + "\n"


def documented(page: str) -> str:
    """`page` with the reference of this model below its mark."""
    return page[: page.index(_BEGIN)] + _BEGIN + "\n" + reference()


def _table(section: str) -> str:
    rows = [
        f"| `{key.name}` | `{key.variable}` | {key.shape} | `{key.default}` | {key.description} |"
        for key in _own_keys(section)
    ]
    head = [
        f"### {f'`{section}`' if section else 'At the top'}",
        "",
        _about(section),
        "",
        "| key | variable | takes | default | |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


def _example(section: str, indent: str) -> Iterator[str]:
    for name in type(SECTIONS[section]).model_fields:
        dotted = f"{section}.{name}" if section else name
        if dotted in SECTIONS:
            yield from _comment(_about(dotted), indent)
            yield f"{indent}{name}:"
            yield from _example(dotted, indent + "  ")
            continue
        key = KEYS[dotted]
        yield from _comment(f"{key.description} Takes {key.shape}.", indent)
        yield f"{indent}#{name}: {key.example}" if key.example else f"{indent}{name}: {key.default}"
        yield ""


def _own_keys(section: str) -> list[Key]:
    return [key for key in KEYS.values() if key.name.rpartition(".")[0] == section]


def _about(section: str) -> str:
    return (type(SECTIONS[section]).__doc__ or "").partition("\n")[0]


def _comment(text: str, indent: str) -> list[str]:
    lines = textwrap.wrap(text, _WIDTH - len(indent) - 2, break_on_hyphens=False)
    return [f"{indent}# {line}" for line in lines]


def _write_again(root: Path) -> None:
    page = root / "docs" / "configuration.md"
    page.write_text(documented(page.read_text(encoding="utf-8")), encoding="utf-8")
    (root / "configs" / "sophia.example.yaml").write_text(example(), encoding="utf-8")


if __name__ == "__main__":
    _write_again(Path.cwd())
