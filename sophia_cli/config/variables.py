"""The environment and the options: from names and texts to entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sophia_cli.config.document import compose, given, plain, unknown_key
from sophia_cli.config.keys import BY_VARIABLE, KEYS, SECTIONS, nearest
from sophia_cli.config.origins import Entry, Given, Layer, Origin, Reading
from sophia_cli.errors import ConfigurationError

PREFIX = "SOPHIA_"

# Names that start with SOPHIA_ and are no configuration keys. The last line is what Kubernetes
# gives every pod next to a service named sophia or sophia-something.
_RESERVED = re.compile(
    r"SOPHIA_(HOME|CONFIG|URL|TOKEN|TEST_.*|NO_.*"
    r"|(?!.*__)([A-Z0-9_]+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)?))",
    re.DOTALL,
)


def read_variables(variables: Iterable[tuple[str, str]], cwd: Path, reading: Reading) -> None:
    """Adds what variables named `SOPHIA_...` say to `reading`; an empty one says nothing.

    Args:
        cwd: what a relative path is relative to.
    """
    for name, text in variables:
        if _RESERVED.fullmatch(name):
            continue
        origin = Origin(Layer.ENVIRONMENT, plain(name))
        key = BY_VARIABLE.get(name)
        if key is None:
            reading.wrong(origin, _unknown_variable(name))
        elif text.strip():
            try:
                value = _value(key.type, text.strip(), name)
            except (ConfigurationError, ValueError):
                mistake = f"{key.name}: must be {key.shape}, with commas between them"
                reading.wrong(origin, mistake, key.name)
            else:
                reading.entries.append(Entry(key.name, value, origin, cwd))


def read_options(options: Mapping[str, Given], cwd: Path, reading: Reading) -> None:
    """Adds what the command line says to `reading`, by dotted key; None says nothing."""
    for name, value in options.items():
        origin = Origin(Layer.OPTION, f"--{name}")
        if value is None:
            continue
        if name in KEYS:
            reading.entries.append(Entry(name, value, origin, cwd))
        else:
            reading.wrong(origin, unknown_key("", name))


def _value(kind: object, text: str, name: str) -> Given:
    if text in ("null", "~"):
        return None
    if kind is tuple and text.startswith("["):
        node = compose(text, name)
        return None if node is None else given(node)
    return text


def _unknown_variable(name: str) -> str:
    section = name.removeprefix(PREFIX).lower().replace("__", ".")
    if section and section in SECTIONS:
        return f"{section} is a section; set one of its keys, as {_first_variable(section)}"
    # Without the prefix, which makes any two names look alike.
    known = [variable.removeprefix(PREFIX) for variable in BY_VARIABLE]
    found = nearest(name.removeprefix(PREFIX), known)
    return f"no such key; did you mean {PREFIX}{found}?" if found else "no such key"


def _first_variable(section: str) -> str:
    return next(key.variable for key in KEYS.values() if key.name.startswith(section + "."))
