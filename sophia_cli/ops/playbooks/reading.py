"""Reading playbooks: every mistake of every file at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sophia_cli.config.document import compose
from sophia_cli.config.keys import nearest
from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.playbooks.playbook import ALL, FIRST, Playbook, Step
from sophia_cli.ops.playbooks.sources import Sources
from sophia_cli.ops.playbooks.templates import syntax_mistake

_HEAD = ("phase", "number", "title", "steps")
_STEP = ("name", "on", "when", "gate", "guard", "order")
_ORDERS = ("parallel", "one-by-one")
_LOCAL = "source"
_MOST_MISTAKES = 20


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that a playbook may use.

    Attributes:
        operations: by name, its arguments and whether each is required.
    """

    operations: Mapping[str, Mapping[str, bool]]
    gates: frozenset[str]
    guards: frozenset[str]

    @classmethod
    def known(cls) -> Vocabulary:
        """Those that sophia has."""
        from sophia_cli.ops.gates.registry import GATES, GUARDS
        from sophia_cli.ops.operations.registry import OPERATIONS, arguments

        operations = {
            name: {each.name: each.required for each in arguments(name)} for name in OPERATIONS
        }
        file = {name: False for name in operations["file"] if name != "content"} | {"path": True}
        # A file may be one of this machine's; a template is a file that is filled in.
        operations["file"] = {**file, "content": False, _LOCAL: False}
        operations["template"] = {_LOCAL: True, **file}
        return cls(operations, frozenset(GATES), frozenset(GUARDS))


def read_playbooks(sources: Sources, vocabulary: Vocabulary) -> list[Playbook]:
    """Every playbook, in the order of their numbers.

    Raises:
        ConfigurationError: one line a mistake, each with its file and line.
    """
    mistakes: list[str] = []
    playbooks = []
    for path, text in sources.playbook_files().values():
        reading = _Reading(path, vocabulary, mistakes)
        playbook = reading.playbook(compose(text, str(path)))
        if playbook is not None:
            playbooks.append(playbook)
    mistakes += _twice(playbooks)
    if mistakes:
        more = len(mistakes) - _MOST_MISTAKES
        shown = mistakes[:_MOST_MISTAKES] + ([f"and {more} more"] if more > 0 else [])
        raise ConfigurationError("\n".join(shown), "docs/playbooks.md says what a playbook holds")
    return sorted(playbooks, key=lambda playbook: playbook.number)


def _twice(playbooks: Iterable[Playbook]) -> Iterator[str]:
    names: set[object] = set()
    for playbook in playbooks:
        for what in (playbook.phase, playbook.number):
            if what in names:
                yield f"two playbooks are phase {what}"
            names.add(what)


class _Reading:
    """One file."""

    def __init__(self, path: Path, vocabulary: Vocabulary, mistakes: list[str]) -> None:
        self._path = path
        self._vocabulary = vocabulary
        self._mistakes = mistakes

    def playbook(self, root: yaml.Node | None) -> Playbook | None:
        before = len(self._mistakes)
        if not isinstance(root, yaml.MappingNode):
            self._mistakes.append(f"{self._path}: must hold keys: {', '.join(_HEAD)}")
            return None
        entries = self._entries(root, _HEAD, "a playbook")
        for name in _HEAD:
            if name not in entries:
                self._wrong(root, f"{name}: is missing")
        phase = self._word(entries.get("phase"), "phase")
        number = self._word(entries.get("number"), "number")
        if number and not number.isdecimal():
            self._wrong(entries["number"], f"number: must be a whole number, not {number!r}")
        title = self._word(entries.get("title"), "title")
        steps = self._steps(entries.get("steps"))
        if len(self._mistakes) > before:
            return None
        return Playbook(phase, int(number), title, tuple(steps))

    def _steps(self, node: yaml.Node | None) -> list[Step]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._wrong(node, "steps: must be a list of steps")
            return []
        return [step for item in node.value if (step := self._step(item)) is not None]

    def _step(self, node: yaml.Node) -> Step | None:
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, "a step must hold keys: name, on, and an operation or a gate")
            return None
        known = (*_STEP, *self._vocabulary.operations)
        entries = self._entries(node, known, "a step")
        operations = [name for name in entries if name in self._vocabulary.operations]
        name = self._word(entries.get("name"), "name") or "(no name)"
        for required in ("name", "on"):
            if required not in entries:
                self._wrong(node, f"{name}: {required}: is missing")
        if len(operations) + ("gate" in entries) != 1:
            self._wrong(node, f"{name}: must have one operation or one gate")
            return None
        operation = operations[0] if operations else None
        return Step(
            name,
            self._chosen(entries.get("on"), "on", self._place_for),
            operation,
            self._arguments(operation, entries[operation]) if operation else {},
            self._one_of(entries.get("gate"), "gate", self._vocabulary.gates),
            self._one_of(entries.get("guard"), "guard", self._vocabulary.guards),
            self._one_of(entries.get("order"), "order", _ORDERS) == "one-by-one",
            self._template(entries.get("when"), "when"),
            f"{self._path}:{_line(node)}",
        )

    def _arguments(self, operation: str, node: yaml.Node) -> dict[str, Any]:
        accepted = self._vocabulary.operations[operation]
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{operation}: must hold its arguments: {', '.join(accepted)}")
            return {}
        entries = self._entries(node, accepted, operation)
        for name, required in accepted.items():
            if required and name not in entries:
                self._wrong(node, f"{operation}: {name}: is missing")
        return {name: self._value(value, f"{operation}.{name}") for name, value in entries.items()}

    def _value(self, node: yaml.Node, subject: str) -> Any:
        """Texts, lists and mappings; a scalar is taken as the text that is written."""
        if isinstance(node, yaml.MappingNode):
            return {
                key.value: self._value(value, f"{subject}.{key.value}") for key, value in node.value
            }
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, subject) for item in node.value]
        return self._template(node, subject)

    def _template(self, node: yaml.Node | None, subject: str) -> str | None:
        if node is None:
            return None
        text = str(node.value)
        if mistake := syntax_mistake(text):
            self._wrong(node, f"{subject}: {mistake}")
        return text

    def _place_for(self, on: str) -> str | None:
        roles = [role.value for role in Role]
        if on == ALL or on.removeprefix(FIRST) in roles:
            return None
        known = [ALL, *roles, *(FIRST + role for role in roles)]
        return f"no such role: {on!r}{_meant(on, known)}"

    def _chosen(
        self, node: yaml.Node | None, subject: str, mistake: Callable[[str], str | None]
    ) -> str:
        word = self._word(node, subject)
        if node is not None and word and (said := mistake(word)):
            self._wrong(node, f"{subject}: {said}")
        return word

    def _one_of(self, node: yaml.Node | None, subject: str, known: Iterable[str]) -> str | None:
        word = self._word(node, subject)
        if node is not None and word and word not in known:
            self._wrong(node, f"{subject}: there is no {word!r}{_meant(word, sorted(known))}")
        return word or None

    def _word(self, node: yaml.Node | None, subject: str) -> str:
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self._wrong(node, f"{subject}: must be a text")
            return ""
        return str(node.value)

    def _entries(
        self, node: yaml.MappingNode, known: Iterable[str], what: str
    ) -> dict[str, yaml.Node]:
        names = list(known)
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in found:
                self._wrong(key, f"{name}: given twice")
            elif name not in names:
                meant = _meant(name, names) or f"; it has {', '.join(names)}"
                self._wrong(key, f"{name}: {what} has no such key{meant}")
            else:
                found[name] = value
        return found

    def _wrong(self, node: yaml.Node, text: str) -> None:
        self._mistakes.append(f"{self._path}:{_line(node)}: {text}")


def _meant(name: str, known: Iterable[str]) -> str:
    found = nearest(name, known)
    return f"; did you mean {found}?" if found else ""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
