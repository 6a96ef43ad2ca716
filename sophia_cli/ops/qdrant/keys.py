"""The keys of a Qdrant server's configuration, and what is wrong with a file of them.

The server ignores a key that it does not know without a word, and stops at some: so the file is
looked at before the server gets it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_LEVELS = ("OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
_WORDS = {
    "bool": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "a text",
    "list": "a list",
    "mapping": "a mapping",
    "level": "one of OFF, ERROR, WARN, INFO, DEBUG, TRACE",
}
# The write-ahead log is made at its full size: above this it costs gigabytes a replica.
_LARGEST_WAL_MB = 1024
# Where the container's volumes are; the server's own directory is /qdrant.
_MOUNTED = {"storage.storage_path": "storage", "storage.snapshots_path": "snapshots"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key that the server reads.

    Attributes:
        type: `bool`, `integer`, `number`, `string`, `level`, `list` or `mapping`.
        nullable: whether null may stand there.
        source: where it is known from.
    """

    name: str
    type: str
    nullable: bool
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one key of a file.

    Attributes:
        key: dotted; empty where it is about the whole file.
        line: counted from 1; 0 where there is none.
    """

    key: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.key}: {self.reason}" if self.key else f"{place}{self.reason}"


@dataclass(frozen=True, slots=True)
class _Known:
    keys: dict[str, Key]
    inventions: dict[str, str]
    deprecated: dict[str, str]


def known_keys() -> dict[str, Key]:
    """Every key that servers 1.18 and 1.19 read, by its dotted name."""
    return _known().keys


def validate(text: str) -> list[Finding]:
    """What is wrong with a configuration: one finding for each wrong key or value.

    Args:
        text: the file, as YAML.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        return [Finding("", mark.line + 1 if mark else 0, f"not YAML: {problem}")]
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        return [Finding("", 1, "must be a mapping of sections")]
    return list(_wrong(root, ""))


def notes(text: str) -> list[Finding]:
    """Keys of a valid configuration that work and are old."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return []
    deprecated = _known().deprecated
    return [
        Finding(name, line, f"deprecated {deprecated[name]}")
        for name, line, _ in _leaves(root, "")
        if name in deprecated
    ]


@cache
def _known() -> _Known:
    stored = yaml.safe_load(files(__package__).joinpath("keys.yaml").read_text("utf-8"))
    sources = stored["sources"]
    keys = {
        name: Key(name, type_.split()[0], type_.endswith(" or null"), sources[source])
        for name, (type_, source) in stored["keys"].items()
    }
    return _Known(keys, stored["inventions"], stored["deprecated"])


def _wrong(node: yaml.MappingNode, prefix: str) -> Iterator[Finding]:
    known = _known()
    seen: set[str] = set()
    for key, value in node.value:
        name, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if name in seen:
            yield Finding(name, line, "given twice")
            continue
        seen.add(name)
        if name in known.keys:
            reason = _wrong_value(known.keys[name], value)
            if reason:
                yield Finding(name, line, reason)
        elif name in known.inventions:
            yield Finding(name, line, known.inventions[name])
        elif any(other.startswith(name + ".") for other in (*known.keys, *known.inventions)):
            if isinstance(value, yaml.MappingNode):
                yield from _wrong(value, name + ".")
            elif not _is_null(value):
                yield Finding(name, line, "must be a mapping")
        else:
            yield Finding(name, line, _unknown(name, prefix))


def _wrong_value(key: Key, node: yaml.Node) -> str | None:
    if _is_null(node):
        return None if key.nullable else f"must be {_WORDS[key.type]}, not null"
    value = _value(node)
    if not _fits(key.type, value):
        return f"must be {_WORDS[key.type]}"
    if key.name == "storage.wal.wal_capacity_mb" and value > _LARGEST_WAL_MB:
        return (
            f"{value} MB are made in advance for each segment of the log of each replica: leave "
            "it at 32"
        )
    if directory := _MOUNTED.get(key.name):
        return _outside(str(value), directory)
    return None


def _outside(path: str, directory: str) -> str | None:
    """Why a path inside the container keeps nothing; None where the volume is."""
    inside = path.removeprefix("./").removeprefix("/qdrant/").rstrip("/")
    if inside == directory or inside.startswith(directory + "/"):
        return None
    return f"{path} is in no volume and goes with the container: leave it at ./{directory}"


def _fits(type_: str, value: object) -> bool:
    if type_ == "level":
        return isinstance(value, str) and value.upper() in _LEVELS
    if type_ == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    kinds: dict[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, float),
        "string": (str,),
        "list": (list,),
        "mapping": (dict,),
    }
    return isinstance(value, kinds[type_])


def _unknown(name: str, prefix: str) -> str:
    """The reason of a key that nobody knows, with the nearest one that somebody does."""
    last = name.removeprefix(prefix)
    siblings = {
        other.removeprefix(prefix).partition(".")[0]
        for other in _known().keys
        if other.startswith(prefix)
    }
    if near := difflib.get_close_matches(last[:80], siblings, n=1):
        return f"no such key, and it is ignored: perhaps `{prefix}{near[0]}`"
    if same := sorted(other for other in _known().keys if other.endswith("." + last)):
        return f"no such key here, and it is ignored: perhaps `{same[0]}`"
    return "no such key, and it is ignored"


def _leaves(node: yaml.MappingNode, prefix: str) -> Iterator[tuple[str, int, yaml.Node]]:
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if isinstance(value, yaml.MappingNode) and name not in _known().keys:
            yield from _leaves(value, name + ".")
        else:
            yield name, key.start_mark.line + 1, value


def names_in(text: str) -> list[str]:
    """The dotted names of all keys of a configuration, in the file's order."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return []
    return [name for name, _, _ in _leaves(root, "")]


def _value(node: yaml.Node) -> Any:
    """A node's value as `safe_load` makes it."""
    return yaml.safe_load(yaml.serialize(node, Dumper=yaml.SafeDumper))


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
