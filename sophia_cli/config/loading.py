"""Loading: option over environment over file over default, every mistake in one error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sophia_cli.config.document import read_document
from sophia_cli.config.keys import KEYS, written
from sophia_cli.config.model import Config, lacking
from sophia_cli.config.origins import Entry, Given, Mistake, Mistaken, Origin, Reading
from sophia_cli.config.places import file_of, home_of, path_from
from sophia_cli.config.secrets import quoted
from sophia_cli.config.variables import PREFIX, read_options, read_variables

_DEFAULT = Origin()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is right, and where each of its values came from.

    Attributes:
        origins: by dotted key, every key.
        path: the file that was read, None when there is none.
    """

    config: Config
    origins: Mapping[str, Origin]
    path: Path | None

    def rows(self) -> list[tuple[str, str, str]]:
        """Every key, its value as YAML writes it with passwords masked, and its origin."""
        return [
            (key, written(value), str(self.origins[key])) for key, value in self.config.values()
        ]


def load(
    variables: Mapping[str, str],
    options: Mapping[str, object] | None = None,
    cwd: Path = Path(),
) -> Loaded:
    """The configuration that holds for one command. Nothing is read twice that has not changed.

    Args:
        variables: the environment.
        options: by dotted key, `config` being the file; None stands for an option not given.
        cwd: what a relative path from the command line or the environment is relative to; one in
            the file is relative to the file.

    Raises:
        Mistaken: one line a mistake, each with its file and line, variable or option.
        ConfigurationError: the file cannot be read at all.
    """
    given = {name: _text(value) for name, value in (options or {}).items() if value is not None}
    path = file_of(variables, given.pop("config", None), cwd)
    settings = sorted(item for item in variables.items() if item[0].startswith(PREFIX))
    return _load(path, _stamp(path), tuple(settings), tuple(given.items()), cwd, home_of(variables))


def _text(value: object) -> Given:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    try:
        status = path.stat() if path else None
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None


@lru_cache(maxsize=32)
def _load(
    path: Path | None,
    stamp: tuple[int, int, int] | None,  # noqa: ARG001  (a changed file is another call)
    variables: tuple[tuple[str, str], ...],
    options: tuple[tuple[str, Given], ...],
    cwd: Path,
    home: str,
) -> Loaded:
    reading = Reading()
    if path:
        read_document(path, reading)
    read_variables(variables, cwd, reading)
    read_options(dict(options), cwd, reading)
    entries = {entry.key: entry for entry in sorted(reading.entries, key=lambda e: e.origin.layer)}
    origins = {key: entries[key].origin if key in entries else _DEFAULT for key in KEYS}
    config, mistakes = _validated(entries, origins, home, reading.unusable)
    if config is None or reading.mistakes:
        raise Mistaken(reading.mistakes + mistakes)
    return Loaded(config, MappingProxyType(origins), path)


def _validated(
    entries: Mapping[str, Entry],
    origins: Mapping[str, Origin],
    home: str,
    unusable: set[str],
) -> tuple[Config | None, list[Mistake]]:
    values = {
        key: path_from(entry.value, entry.base, home)
        if KEYS[key].type is Path and isinstance(entry.value, str)
        else entry.value
        for key, entry in entries.items()
        if entry.value is not None
    }
    try:
        return Config.model_validate(_nested(values)), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    # The model looks at what is lacking only once all else is right; here all is said at once.
    wrong = [
        (cause, f"{cause}: {values[cause]} needs {key}")
        for cause, key in lacking(values)
        if unusable.isdisjoint((key, key.partition(".")[0]))
    ]
    wrong += [_described(detail, values) for detail in details if detail["loc"]]
    return None, [Mistake(origins[key], text) for key, text in wrong]


def _nested(values: Mapping[str, object]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return nested


def _described(detail: ErrorDetails, values: Mapping[str, object]) -> tuple[str, str]:
    """The key that an error of the model is about, and the error in one line, without secrets."""
    key = ".".join(part for part in detail["loc"] if isinstance(part, str))
    item = next((part for part in detail["loc"] if isinstance(part, int)), None)
    subject = key if item is None else f"{key}: item {item + 1}"
    if detail["type"] == "value_error":
        return key, f"{subject}: {detail['ctx']['error']}"
    value = values[key]
    shown = quoted(value) if isinstance(value, str) else "a list"
    return key, f"{subject}: must be {KEYS[key].shape}, not {shown}"
