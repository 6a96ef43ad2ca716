"""Reading the inventory from sophia.yaml: every mistake of the whole file in one error."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sophia_cli.config.document import is_null, root_of
from sophia_cli.config.keys import nearest
from sophia_cli.config.loading import load
from sophia_cli.config.origins import Given, Mistake, Mistaken
from sophia_cli.config.places import file_of, home_of, path_from, usual_file
from sophia_cli.config.secrets import quoted
from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.inventory.document import Document, read_document
from sophia_cli.ops.inventory.layout import KEYS, Place, dotted, key_name
from sophia_cli.ops.inventory.model import Inventory, Role
from sophia_cli.ops.inventory.rules import broken

_HINT = "write an inventory with `sophia init`"
_NAME_SHAPE = "up to 63 letters, digits, - and ."
_PACKAGE: Place = ("services", "sophia", "package")


@dataclass(frozen=True, slots=True)
class ReadInventory:
    """An inventory that is right, and where it was read.

    Attributes:
        path: the file.
        lines: by dotted key, of every key and section that the file gives.
    """

    inventory: Inventory
    path: Path
    lines: Mapping[str, int]


def read_inventory(
    variables: Mapping[str, str],
    options: Mapping[str, object] | None = None,
    cwd: Path = Path(),
) -> ReadInventory:
    """The inventory in the file that the configuration is loaded from.

    Args:
        variables, options, cwd: as `config.loading.load` takes them. No variable and no option
            sets a key of the inventory.

    Raises:
        Mistaken: one line a mistake, those of the memory's configuration among them.
        ConfigurationError: there is no file, it cannot be read at all, or it names no host.
    """
    path = file_of(variables, (options or {}).get("config"), cwd)
    if path is None or not os.path.lexists(path):
        missing = path or usual_file(variables)
        raise ConfigurationError(f"{missing}: no such file, so no hosts", _HINT)
    others: list[Mistake] = []
    try:
        load(variables, options, cwd)
    except Mistaken as error:
        others = error.mistakes
    return _read(path, path.parent, home_of(variables), others)


def read_kept_inventory(path: Path, folder: Path) -> ReadInventory:
    """The inventory in a copy of a file that was kept, as that of a release.

    Args:
        folder: where the file was: what a relative path in it is relative to.

    Raises:
        Mistaken: one line a mistake of the inventory; what else the file holds is not looked at.
        ConfigurationError: it cannot be read at all, or names no host.
    """
    return _read(path, folder, home_of({}), [])


def has_hosts(path: Path | None) -> bool:
    """Whether a file says anything about hosts, right or wrong; None stands for no file.

    Raises:
        ConfigurationError: it cannot be read at all.
    """
    root = None if path is None else root_of(path)
    return root is not None and any(
        key.value == "hosts" and not is_null(node) and node.value for key, node in root.value
    )


def _read(path: Path, folder: Path, home: str, others: Sequence[Mistake]) -> ReadInventory:
    document = read_document(path, root_of(path))
    inventory = _validated(document, folder, home)
    if others or document.mistakes:
        raise Mistaken([*others, *document.mistakes])
    if not inventory.hosts:
        raise ConfigurationError(f"{path}: names no hosts", _HINT)
    lines = {dotted(place): line for place, line in document.lines.items()}
    return ReadInventory(inventory, path, MappingProxyType(lines))


def _validated(document: Document, folder: Path, home: str) -> Inventory:
    """The inventory; where something is wrong, of the rest, with each mistake noted."""
    values = _meant(document, folder, home)
    hosts = {place[1] for place in document.lines if len(place) > 1 and place[0] == "hosts"}
    while True:
        try:
            inventory = Inventory.model_validate(_nested(values, hosts))
            break
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        for detail in details:
            place = _place(detail)
            if not document.is_lost(place):
                document.wrong(document.origin(place), _described(detail, place, values), place)
            _put_right(place, values, hosts)
    for rule in broken(inventory):
        if not document.is_lost(rule.place) and not _is_wrong(document, rule.rests_on):
            # What is at its default is nowhere in the file; what makes it wrong may be.
            origins = [document.origin(place) for place in (rule.place, *rule.rests_on)]
            origin = next((each for each in origins if each.line), origins[0])
            document.mistakes.append(Mistake(origin, f"{dotted(rule.place)}: {rule.text}"))
    return inventory


def _put_right(place: Place, values: dict[Place, object], hosts: set[str]) -> None:
    """Takes what is wrong out, so that the rest can be looked at."""
    values.pop(place, None)
    if place[0] != "hosts":
        return
    name, *keys = place[1:]
    if not keys:
        hosts.discard(name)
        for each in [each for each in values if each[:2] == place]:
            del values[each]
    elif name not in hosts:
        return
    elif keys == ["address"]:
        values[place] = "unknown.invalid"
    elif keys == ["roles"]:
        values[place] = (Role.MONITORING,)


def _meant(document: Document, folder: Path, home: str) -> dict[Place, object]:
    """The values as the model takes them: paths are whole, and a text with commas is a list."""
    usual = {
        tuple(name.split(".")): key.default
        for name, key in KEYS.items()
        if key.type is Path and key.default.startswith("~")
    }
    return {
        place: _as_meant(place, value, folder, home)
        for place, value in {**usual, **document.values}.items()
        if place not in document.unusable
    }


def _as_meant(place: Place, value: Given, base: Path, home: str) -> object:
    kind = KEYS[key_name(place)].type
    if not isinstance(value, str):
        return value
    if kind is Path:
        return path_from(value, base, home)
    if kind is tuple:
        return tuple(item.strip() for item in value.split(","))
    if place == _PACKAGE and value.endswith(".whl") and "://" not in value:
        return str(path_from(value, base, home))
    return value


def _nested(values: Mapping[Place, object], hosts: set[str]) -> dict[str, Any]:
    nested: dict[str, Any] = {"hosts": {}}
    for place, value in values.items():
        inner = nested
        for name in place[:-1]:
            inner = inner.setdefault(name, {})
        inner[place[-1]] = value
    for name in hosts:
        nested["hosts"].setdefault(name, {})
    return nested


def _place(detail: ErrorDetails) -> Place:
    """The key that an error of the model is about."""
    *place, last = (part for part in detail["loc"] if isinstance(part, str))
    # pydantic says of a host's name that cannot be: hosts, the name, [key].
    return tuple(place) if last == "[key]" and len(place) == 2 else (*place, last)


def _described(detail: ErrorDetails, place: Place, values: Mapping[Place, object]) -> str:
    """What is wrong with a key, in one line, without secrets."""
    name = key_name(place)
    if name == "hosts.NAME":
        return f"hosts: {quoted(place[1])}: a host's name must be {_NAME_SHAPE}"
    key = KEYS[name]
    if detail["type"] == "missing":
        return f"{dotted(place[:-1])}: needs {place[-1]}: {key.shape}"
    item = next((part for part in detail["loc"] if isinstance(part, int)), None)
    subject = dotted(place) if item is None else f"{dotted(place)}: item {item + 1}"
    if detail["type"] == "value_error":
        return f"{subject}: {detail['ctx']['error']}"
    value = values[place]
    if isinstance(value, tuple) and item is not None:
        value = value[item]
    shown = quoted(value) if isinstance(value, str) else "a list" if value else "an empty list"
    if detail["type"] in ("enum", "literal_error"):
        known = key.shape.removeprefix("a list of ").split(" or ")
        found = nearest(str(value), known)
        mean = f"; did you mean {found}?" if found else ""
        return f"{subject}: must be {' or '.join(known)}, not {shown}{mean}"
    return f"{subject}: must be {key.shape}, not {shown}"


def _is_wrong(document: Document, places: Sequence[Place]) -> bool:
    """Whether one of these places, or something in it, could not be read."""
    return any(
        document.is_lost(place) or any(each[: len(place)] == place for each in document.unusable)
        for place in places
    )
