"""The inventory's part of sophia.yaml: from nodes to values by place, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from sophia_cli.config.document import given, is_null, line_of, no_such_key
from sophia_cli.config.keys import INVENTORY, nearest
from sophia_cli.config.origins import Given, Layer, Mistake, Origin
from sophia_cli.ops.inventory.layout import KEYS, SECTIONS, Place, dotted, key_name


@dataclass(slots=True)
class Document:
    """What a file gives.

    Attributes:
        path: the file.
        values: by place, as they are written; what is null is not in it.
        lines: of every key that is given, also of sections.
        mistakes: what cannot be read.
        unusable: the places that were given, but not so that they can be read.
    """

    path: Path
    values: dict[Place, Given] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    unusable: set[Place] = field(default_factory=set)

    def origin(self, place: Place) -> Origin:
        """Where a place is in the file; one that is not given is in the section that lacks it."""
        while place and place not in self.lines:
            place = place[:-1]
        return Origin(Layer.FILE, str(self.path), self.lines.get(place, 0))

    def is_lost(self, place: Place) -> bool:
        """Whether a place, or what it is in, was given but cannot be read."""
        return any(place[:length] in self.unusable for length in range(1, len(place) + 1))

    def wrong(self, origin: Origin, text: str, place: Place = ()) -> None:
        """Notes a mistake, and the place that it makes unusable."""
        self.mistakes.append(Mistake(origin, text))
        if place:
            self.unusable.add(place)


def read_document(path: Path, root: yaml.MappingNode | None) -> Document:
    """Reads the inventory's sections; all else in the file is left to `config.loading`.

    Args:
        root: the file's nodes, None for a file that holds nothing.
    """
    document = Document(path)
    if root is not None:
        for key_node, node in root.value:
            name = key_node.value
            if isinstance(key_node, yaml.ScalarNode) and name in INVENTORY:
                place = (str(name),)
                if place not in document.lines:  # `config.loading` says that it is given twice
                    document.lines[place] = line_of(key_node)
                    _value(document, node, place)
    return document


def _value(document: Document, node: yaml.Node, place: Place) -> None:
    name = key_name(place)
    if name in KEYS:
        _scalar(document, node, place)
    elif isinstance(node, yaml.MappingNode):
        if name == "hosts":
            _hosts(document, node, place)
        else:
            _section(document, node, place)
    elif not is_null(node):
        what = "hosts, each by its name," if name == "hosts" else "keys,"
        document.wrong(
            document.origin(place),
            f"{dotted(place)}: must hold {what} one a line below it",
            place,
        )


def _scalar(document: Document, node: yaml.Node, place: Place) -> None:
    try:
        value = given(node)
    except ValueError as error:
        shape = KEYS[key_name(place)].shape
        document.wrong(
            document.origin(place), f"{dotted(place)}: must be {shape}, not {error}", place
        )
        return
    if value is not None:
        document.values[place] = value


def _section(document: Document, node: yaml.MappingNode, place: Place) -> None:
    section = key_name(place)
    siblings = list(type(SECTIONS[section]).model_fields)
    for name, below, origin in _entries(document, node, place):
        if name in siblings:
            _value(document, below, (*place, name))
        else:
            del document.lines[(*place, name)]
            text = no_such_key(dotted(place), name, siblings, KEYS)
            document.wrong(origin, text.replace("hosts.NAME", "a host"), (*place, name))
            if (meant := nearest(name, siblings)) and (*place, meant) not in document.lines:
                document.unusable.add((*place, meant))  # wrong, so not lacking


def _hosts(document: Document, node: yaml.MappingNode, place: Place) -> None:
    for name, below, _ in _entries(document, node, place):
        _value(document, below, (*place, name))


def _entries(
    document: Document, node: yaml.MappingNode, place: Place
) -> Iterator[tuple[str, yaml.Node, Origin]]:
    """Each key of a mapping once, with what is below it; its line is noted."""
    for key_node, below in node.value:
        origin = Origin(Layer.FILE, str(document.path), line_of(key_node))
        if not isinstance(key_node, yaml.ScalarNode):
            document.wrong(origin, "a key must be a word", place)
            continue
        name = str(key_node.value)
        inner = (*place, name)
        if inner in document.lines:
            first = document.lines[inner]
            document.wrong(origin, f"{dotted(inner)}: given twice, first in line {first}")
            continue
        document.lines[inner] = origin.line
        yield name, below, origin
