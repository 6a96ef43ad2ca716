"""Origins: which layer gave a value, and where in it; and what is wrong there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from sophia_cli.errors import ConfigurationError

_MOST_MISTAKES = 20


class Layer(IntEnum):
    """Where a value can come from; the higher one wins."""

    DEFAULT = 0
    FILE = 1
    ENVIRONMENT = 2
    OPTION = 3


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A layer and a place in it: a file and its line (from 1), a variable, an option."""

    layer: Layer = Layer.DEFAULT
    name: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """`sophia.yaml:12`, `SOPHIA_RECORDS__URL`, `--profile`; empty for a default."""
        return f"{self.name}:{self.line}" if self.line else self.name

    def __str__(self) -> str:
        layer = self.layer.name.lower()
        return f"{layer}:{self.place}" if self.name else layer


Given = str | tuple[str, ...] | None
"""A value as it is written. Its key decides what the text means; None stands for the default."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key's value in one layer; `base` is what a relative path in it is relative to."""

    key: str
    value: Given = field(repr=False)
    origin: Origin
    base: Path


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong with one place of a layer, in one line."""

    origin: Origin
    text: str

    def __str__(self) -> str:
        return f"{self.origin.place}: {self.text}" if self.origin.name else self.text


class Mistaken(ConfigurationError):
    """Every mistake at once, one a line in the order of their places; a flood of them is cut.

    Attributes:
        mistakes: all of them.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        lines = [str(mistake) for mistake in self.mistakes]
        if len(lines) > _MOST_MISTAKES:
            more = len(lines) - _MOST_MISTAKES
            lines = [*lines[:_MOST_MISTAKES], f"and {more} more"]
        super().__init__("\n".join(lines), "docs/configuration.md describes every key")


@dataclass(slots=True)
class Reading:
    """What reading the layers has brought so far.

    `unusable` names the keys and sections that were given, but not so that they can be read: they
    are wrong, not lacking.
    """

    entries: list[Entry] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    unusable: set[str] = field(default_factory=set)

    def wrong(self, origin: Origin, text: str, name: str = "") -> None:
        """Notes a mistake, and what it makes unusable."""
        self.mistakes.append(Mistake(origin, text))
        if name:
            self.unusable.add(name)
