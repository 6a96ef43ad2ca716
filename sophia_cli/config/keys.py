"""The keys of the configuration, read off the model: names, variables, shapes, defaults."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from sophia_cli.config.durations import format_duration
from sophia_cli.config.model import Config
from sophia_cli.config.secrets import mask
from sophia_cli.config.shapes import Section, Shape


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        name: dotted, `records.url`.
        type: what a valid value is made by: `int`, `Path`, `tuple`, `Literal` and so on.
        shape: what a value must be, in words.
        default: as YAML writes it; `null` where there is none, empty where a value is needed.
        example: a value for the example file where the default is `null` or an empty list.
    """

    name: str
    type: object
    shape: str
    default: str
    example: str
    description: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "SOPHIA_" + self.name.upper().replace(".", "__")


def written(value: object) -> str:
    """A value as YAML writes it, passwords masked: `null`, `true`, `30s`, `[a, b]`."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case timedelta():
            return format_duration(value)
        case Enum():
            return str(value.value)
        case tuple():
            return f"[{', '.join(written(item) for item in value)}]"
        case _:
            return mask(str(value))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`, if one is."""
    return next(iter(difflib.get_close_matches(name[:80], list(known), n=1)), None)


def keys_of(section: Section, prefix: str = "") -> Iterator[Key]:
    """Yields every key of a section and of those below it, dotted, in the model's order."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from keys_of(value, f"{prefix}{name}.")
            continue
        annotation, metadata = _unwrapped(field)
        yield Key(
            name=f"{prefix}{name}",
            type=get_origin(annotation) or annotation,
            shape=_shape(annotation, metadata),
            default="" if field.is_required() else written(value),
            example=str(field.examples[0]) if field.examples else "",
            description=field.description or "",
        )


def _unwrapped(field: FieldInfo) -> tuple[Any, list[Any]]:
    """What is below `Annotated` and `| None`, and the metadata met on the way."""
    annotation: Any = field.annotation
    metadata = list(field.metadata)
    while (origin := get_origin(annotation)) in (Union, UnionType, Annotated):
        annotation, *more = get_args(annotation)
        if origin is Annotated:
            # Below `| None`, pydantic leaves a Field's bounds in the Field.
            metadata += [part for each in more for part in (each, *getattr(each, "metadata", ()))]
    return annotation, metadata


def _shape(annotation: Any, metadata: list[Any]) -> str:
    for part in metadata:
        if isinstance(part, Shape):
            return part.words
    if get_origin(annotation) is Literal:
        return " or ".join(get_args(annotation))
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        return "a list of texts" if item is str else f"a list of {_shape(item, [])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(str(member.value) for member in annotation)
    lowest = next((written(part.ge) for part in metadata if isinstance(part, Ge)), "")
    highest = next((written(part.le) for part in metadata if isinstance(part, Le)), "")
    bounds = f" from {lowest} to {highest}" if lowest else ""
    words = {bool: "true or false", int: "a whole number", timedelta: "a duration", Path: "a path"}
    return words.get(annotation, "a text") + bounds


def sections_of(section: Section, name: str = "") -> Iterator[tuple[str, Section]]:
    """Yields a section and every one below it, by its dotted name."""
    yield name, section
    for child in type(section).model_fields:
        value = getattr(section, child)
        if isinstance(value, Section):
            yield from sections_of(value, f"{name}.{child}" if name else child)


INVENTORY = ("cluster", "ssh", "hosts", "services")
"""The sections of the same file that are none of the memory's: `ops.inventory` reads them."""

SECTIONS: dict[str, Section] = dict(sections_of(Config()))
"""Every section by its dotted name, with its defaults; the whole configuration is ``''``."""

KEYS: dict[str, Key] = {key.name: key for key in keys_of(Config())}
"""Every key by its dotted name, in the model's order."""

BY_VARIABLE: dict[str, Key] = {key.variable: key for key in KEYS.values()}
"""Every key by the environment variable that sets it."""
