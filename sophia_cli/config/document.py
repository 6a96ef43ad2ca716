"""The file sophia.yaml: from bytes to entries, each with its line; mistakes are collected.

Every scalar is taken as the text that is written, and its key decides what the text means: `no` is
a word for `prefix` and false for `grpc`. Nothing is built from tags, and since only the model's own
keys are followed, aliases cannot blow up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from sophia_cli.config.files import read_small_file
from sophia_cli.config.keys import INVENTORY, KEYS, SECTIONS, nearest
from sophia_cli.config.origins import Entry, Given, Layer, Origin, Reading
from sophia_cli.config.secrets import quoted
from sophia_cli.errors import ConfigurationError

_LARGEST = 64 * 1024
_TAG = "tag:yaml.org,2002:"
_SCALARS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value")}


def read_document(path: Path, reading: Reading) -> None:
    """Adds what the file holds to `reading`; what is the inventory's is left to `ops.inventory`.

    Raises:
        ConfigurationError: it cannot be read as YAML at all.
    """
    root = root_of(path)
    if root is not None:
        _Walk(path, reading).section(root, "")


def root_of(path: Path) -> yaml.MappingNode | None:
    """The file's keys and values as nodes; None where it holds nothing.

    Raises:
        ConfigurationError: it cannot be read as YAML at all, or holds no keys.
    """
    content = read_small_file(path, _LARGEST)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}:{line}: is not UTF-8") from None
    root = compose(text, str(path))
    if root is None or is_null(root):
        return None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError(
            f"{path}:{line_of(root)}: the file must hold keys, as `profile: local`"
        )
    return root


def compose(text: str, name: str) -> yaml.Node | None:
    """The nodes of one YAML document; `ConfigurationError` with line and column if it is none."""
    try:
        # PyYAML's own parser, not libyaml's: it fails on deep nesting without ending the process.
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigurationError(f"{place}: {_reason(error)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigurationError(f"{name}:{line}: holds a control character") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # chr() of an escape beyond Unicode
        raise ConfigurationError(f"{name}: is not YAML") from None
    except RecursionError:
        raise ConfigurationError(f"{name}: is nested too deeply") from None


def given(node: yaml.Node) -> Given:
    """What a node gives: a text, several, or None for nothing. ValueError says what it is not."""
    if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
        return None if is_null(node) else node.value
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        if not all(
            isinstance(item, yaml.ScalarNode) and item.tag in _SCALARS for item in node.value
        ):
            raise ValueError("a list of something else than texts")
        return tuple(item.value for item in node.value)
    if isinstance(node, yaml.MappingNode):
        raise ValueError("keys of its own")
    raise ValueError(f"tagged {quoted(node.tag)}")


class _Walk:
    """One walk over the nodes of a file, section by section."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self._path = path
        self._reading = reading

    def section(self, node: yaml.MappingNode, section: str) -> None:
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            origin = Origin(Layer.FILE, str(self._path), line_of(key_node))
            if not isinstance(key_node, yaml.ScalarNode):
                self._reading.wrong(origin, "a key must be a word")
                continue
            name = key_node.value
            if name in first:
                dotted = f"{section}.{name}" if section else name
                self._reading.wrong(
                    origin, f"{plain(dotted)}: given twice, first in line {first[name]}"
                )
                continue
            first[name] = origin.line
            self._entry(section, name, value_node, origin)

    def _entry(self, section: str, name: str, node: yaml.Node, origin: Origin) -> None:
        dotted = f"{section}.{name}" if section else name
        if dotted in INVENTORY:
            return
        if name not in type(SECTIONS[section]).model_fields:
            more = () if section else INVENTORY
            self._reading.wrong(origin, unknown_key(section, name, more))
        elif dotted in KEYS:
            try:
                value = given(node)
            except ValueError as error:
                self._reading.wrong(
                    origin, f"{dotted}: must be {KEYS[dotted].shape}, not {error}", dotted
                )
            else:
                self._reading.entries.append(Entry(dotted, value, origin, self._path.parent))
        elif isinstance(node, yaml.MappingNode):
            self.section(node, dotted)
        elif not is_null(node):
            self._reading.wrong(origin, f"{dotted}: must hold keys, one a line below it", dotted)


def unknown_key(section: str, name: str, more: Iterable[str] = ()) -> str:
    """The message about a key that a section does not have, with the nearest right one.

    Args:
        more: what may stand there besides the section's own keys.
    """
    return no_such_key(section, name, [*type(SECTIONS[section]).model_fields, *more], KEYS)


def no_such_key(section: str, name: str, siblings: Sequence[str], keys: Iterable[str]) -> str:
    """The message about a key that is none, with the nearest right one.

    Args:
        siblings: the keys that the section has.
        keys: all there are, dotted: it may belong to another section.
    """
    keys = list(keys)
    dotted = f"{section}.{name}" if section else name
    said = f"{plain(dotted)}: no such key"
    if name in keys:
        parent, _, own = name.rpartition(".")
        return f"{said}; did you mean {own} below {parent}?"
    if found := nearest(name, siblings):
        return f"{said}; did you mean {found}?"
    elsewhere = {own: parent for parent, _, own in (key.rpartition(".") for key in keys) if parent}
    if found := nearest(name, elsewhere):
        return f"{said}; did you mean {found} below {elsewhere[found]}?"
    return f"{said}; known here: {', '.join(siblings)}"


def plain(name: str) -> str:
    """A key's name for a message: as it is where it is a word, in quotes where it is not."""
    is_plain = len(name) <= 60 and name.replace(".", "").replace("-", "").isidentifier()
    return name if is_plain else quoted(name)


def is_null(node: yaml.Node) -> bool:
    """Whether it stands for the default."""
    return isinstance(node, yaml.ScalarNode) and (node.tag == _TAG + "null" or not node.value)


def line_of(node: yaml.Node) -> int:
    """The line that it starts in, from 1."""
    return int(node.start_mark.line) + 1


def _reason(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, without the words of the file: they may be a secret."""
    problem = error.problem or "is not YAML"
    if "'\\t'" in problem:
        return "a tab cannot indent YAML; use spaces"
    if "alias" in problem or "anchor" in problem or "tag" in problem:
        return "put a value that starts with *, & or ! in quotes"
    if "cannot start any token" in problem:
        return f"{problem}; put the value in quotes"
    return problem
