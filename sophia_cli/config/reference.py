"""The reference of every key and the annotated example file, both written from the model.

`python -m sophia_cli.config.reference` writes them again, from the root of the repository.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sophia_cli.config.keys import INVENTORY, KEYS, SECTIONS, Key
from sophia_cli.config.shapes import Section
from sophia_cli.ops.inventory import layout

_BEGIN = "<!-- The reference: python -m sophia_cli.config.reference -->\n"
_HEAD = """\
# sophia.yaml: every key, at its default where it has one. A key that is commented out has none;
# take the # away to set it. docs/configuration.md says where this file is looked for and what
# wins over it. Nothing in it is needed for profile local.
"""
_INVENTORY_HEAD = """\
# The inventory: the hosts of a cluster, for `sophia hosts`, `sophia plan` and `sophia deploy`. The
# memory does without it. No variable sets a key of it. `sophia init` writes one that fits.
"""
_HOSTS_ABOUT = (
    "The hosts, each below a name of its own: up to 63 letters, digits, - and . Three are the "
    "least for Qdrant to go on without one of them."
)
_MORE_HOSTS = {
    "gpu-2": {"address": "192.0.2.12", "roles": "[qdrant, postgres]"},
    "gpu-3": {"address": "192.0.2.13", "roles": "[qdrant, sophia, monitoring]"},
}
_WIDTH = 99


def reference() -> str:
    """One Markdown table a section: key, environment variable, what it takes, default, meaning."""
    memory = [_table(_MEMORY, name) for name in _MEMORY.sections]
    inventory = [_table(_INVENTORY, name) for name in _INVENTORY.sections]
    return "\n".join([*memory, "## Every key of the inventory\n", *inventory])


def example() -> str:
    """A sophia.yaml with every key and its description; it loads, and changes nothing."""
    parts = [_HEAD, *_example(_MEMORY, "", ""), _INVENTORY_HEAD, *_inventory()]
    return "\n".join(parts).rstrip() + "\n"


def documented(page: str) -> str:
    """`page` with the reference of this model below its mark."""
    return page[: page.index(_BEGIN)] + _BEGIN + "\n" + reference()


@dataclass(frozen=True, slots=True)
class _Part:
    """The sections and keys of a part of the file."""

    sections: Mapping[str, Section]
    keys: Mapping[str, Key]
    has_variables: bool


_MEMORY = _Part(SECTIONS, KEYS, has_variables=True)
_INVENTORY = _Part(layout.SECTIONS, layout.KEYS, has_variables=False)


def _table(part: _Part, section: str) -> str:
    own = [key for key in part.keys.values() if key.name.rpartition(".")[0] == section]
    head = [f"### {f'`{section}`' if section else 'At the top'}", "", _about(part, section), ""]
    if not own:
        return "\n".join(head)
    variable = [" variable |", "---|"] if part.has_variables else ["", ""]
    rows = [
        f"| `{key.name}` |{f' `{key.variable}` |' if part.has_variables else ''} {key.shape} | "
        f"{f'`{key.default}`' if key.default else 'needed'} | {key.description} |"
        for key in own
    ]
    names = [f"| key |{variable[0]} takes | default | |", f"|---|{variable[1]}---|---|---|"]
    return "\n".join([*head, *names, *rows, ""])


def _example(part: _Part, section: str, indent: str) -> Iterator[str]:
    for name in type(part.sections[section]).model_fields:
        dotted = f"{section}.{name}" if section else name
        if dotted in part.sections:
            yield from _section(part, dotted, name, indent)
            continue
        key = part.keys[dotted]
        yield from _comment(f"{key.description} Takes {key.shape}.", indent)
        yield f"{indent}#{name}: {key.example}" if key.example else f"{indent}{name}: {key.default}"
        yield ""


def _section(part: _Part, dotted: str, name: str, indent: str) -> Iterator[str]:
    yield from _comment(_about(part, dotted), indent)
    yield f"{indent}{name}:"
    yield from _example(part, dotted, indent + "  ")


def _inventory() -> Iterator[str]:
    for name in INVENTORY:
        if name in layout.SECTIONS:
            yield from _section(_INVENTORY, name, name, "")
            continue
        yield from _comment(_HOSTS_ABOUT, "")
        yield "#hosts:"
        yield "  #gpu-1:"
        yield from _example(_INVENTORY, f"hosts.{layout.HOST}", "    ")
        for host, values in _MORE_HOSTS.items():
            yield f"  #{host}:"
            yield from (f"    #{key}: {value}" for key, value in values.items())
            yield ""


def _about(part: _Part, section: str) -> str:
    return (type(part.sections[section]).__doc__ or "").partition("\n")[0]


def _comment(text: str, indent: str) -> list[str]:
    lines = textwrap.wrap(text, _WIDTH - len(indent) - 2, break_on_hyphens=False)
    return [f"{indent}# {line}" for line in lines]


def _write_again(root: Path) -> None:
    page = root / "docs" / "configuration.md"
    page.write_text(documented(page.read_text(encoding="utf-8")), encoding="utf-8")
    (root / "configs" / "sophia.example.yaml").write_text(example(), encoding="utf-8")


if __name__ == "__main__":
    _write_again(Path.cwd())
