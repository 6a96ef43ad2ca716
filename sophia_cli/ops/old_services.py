"""The services of a compose file that have to do with something."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from sophia_cli.config.secrets import quoted


def services_of(text: str, about: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """The line and a description of each service whose name, or anything in it, matches.

    Of a file that is no YAML, the lines that match.
    """
    try:
        document = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        for number, line in enumerate(text.split("\n"), 1):
            if named := about.search(line):
                yield number, f"names {named[0].capitalize()}"
        return
    for name, service in _pairs(_value(document, "services")):
        image = _value(service, "image")
        found = next((each for each in _scalars(name, service) if about.search(each)), None)
        if found is not None:
            shown = image.value if isinstance(image, yaml.ScalarNode) else found
            yield name.start_mark.line + 1, f"service {name.value}: {quoted(str(shown))}"


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    return next((value for name, value in _pairs(node) if name.value == key), None)


def _scalars(*nodes: yaml.Node) -> Iterator[str]:
    """Every scalar once, however often it is referred to."""
    left, seen = list(nodes), set()
    while left:
        node = left.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield str(node.value)
        elif isinstance(node, yaml.MappingNode):
            left += [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value
