"""The operations by name, and how one is built from what a playbook says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from sophia_cli.config.keys import nearest
from sophia_cli.config.shapes import Shape
from sophia_cli.ops.operations.container import DockerContainer
from sophia_cli.ops.operations.directory import Directory
from sophia_cli.ops.operations.file import File
from sophia_cli.ops.operations.firewall import Firewall
from sophia_cli.ops.operations.image import DockerImage
from sophia_cli.ops.operations.operation import Operation
from sophia_cli.ops.operations.packages import InstalledPackages
from sophia_cli.ops.operations.python_environment import PythonEnvironment
from sophia_cli.ops.operations.script import Script
from sophia_cli.ops.operations.systemd_unit import SystemdUnit
from sophia_cli.ops.operations.user import SystemUser
from sophia_cli.ops.operations.wipe import Wipe

OPERATIONS: dict[str, type] = {
    "container": DockerContainer,
    "directory": Directory,
    "file": File,
    "firewall": Firewall,
    "image": DockerImage,
    "packages": InstalledPackages,
    "python_environment": PythonEnvironment,
    "script": Script,
    "systemd_unit": SystemdUnit,
    "user": SystemUser,
    "wipe": Wipe,
}
"""Every operation, by the name that a playbook's step has for it."""

_PLAIN = {
    bool: "true or false",
    bytes: "a text",
    float: "a number",
    int: "a whole number",
    str: "a text",
    SecretStr: "a text",
    timedelta: "a time such as 30s or 5m",
    tuple: "a list",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an operation."""

    name: str
    required: bool


class WrongArguments(ValueError):
    """Arguments that an operation does not take.

    Attributes:
        problems: each argument and what is wrong with it, in one line; the argument is empty when
            it is not one alone. No line holds a value.
    """

    def __init__(self, operation: str, problems: tuple[tuple[str, str], ...]) -> None:
        self.operation = operation
        self.problems = problems
        said = (f"{name}: {message}" if name else message for name, message in problems)
        super().__init__(f"{operation}: {'; '.join(said)}")


def arguments(name: str) -> list[Argument]:
    """The arguments of an operation, in the order in which they are described.

    Raises:
        KeyError: there is no such operation.
    """
    return [
        Argument(field.name, _required(field)) for field in dataclasses.fields(OPERATIONS[name])
    ]


def build(name: str, values: Mapping[str, Any]) -> Operation:
    """An operation with these arguments.

    Raises:
        KeyError: there is no such operation.
        WrongArguments: says everything that is wrong at once.
    """
    known = [argument.name for argument in arguments(name)]
    problems = [(str(key), _unknown(str(key), known)) for key in values if key not in known]
    try:
        built: Operation = _adapter(name).validate_python(
            {key: value for key, value in values.items() if key in known}
        )
    except ValidationError as error:
        problems += dict.fromkeys(_described(name, each) for each in error.errors())
    if problems:
        raise WrongArguments(name, tuple(problems))
    return built


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(OPERATIONS[name])


def _required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _unknown(name: str, known: list[str]) -> str:
    if found := nearest(name, known):
        return f"no such argument; did you mean {found}?"
    return f"no such argument; known are {', '.join(known)}"


def _described(operation: str, detail: ErrorDetails) -> tuple[str, str]:
    """An argument and what is wrong with it, without the value: it may be a secret."""
    if not detail["loc"]:
        return "", str(detail.get("ctx", {}).get("error", detail["msg"]))
    name, *inner = detail["loc"]
    if detail["type"].startswith("missing"):
        return str(name), "must be given"
    hint = get_type_hints(OPERATIONS[operation], include_extras=True)[str(name)]
    where = "".join(f"[{part}]" for part in inner if part != "[key]")
    return f"{name}{where}", f"must be {_wanted(hint, len(inner) > 0, '[key]' in inner)}"


def _wanted(hint: Any, inside: bool, of_key: bool) -> str:
    """What a value must be, in words; of one inside a list or mapping, if it is one of those."""
    parts = list(_parts(hint))
    origin = next((each for each in parts if get_origin(each) in (tuple, Mapping)), None)
    if inside and origin is not None:
        inner = [each for each in get_args(origin) if each is not Ellipsis]
        return _wanted(inner[0] if of_key else inner[-1], False, False)
    for each in parts:
        if isinstance(each, Shape):
            return each.words
    for each in parts:
        if get_origin(each) is Literal:
            return " or ".join(map(str, get_args(each)))
        if isinstance(each, type) and each in _PLAIN:
            return _PLAIN[each]
        if get_origin(each) is tuple:
            return _PLAIN[tuple]
        if get_origin(each) is Mapping:
            return "names with their values"
    return "another value"


def _parts(hint: Any) -> Iterator[Any]:
    """A type without its `Annotated` and `| None`, and what they add to it, the outermost first."""
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        yield from reversed(metadata)
        yield from _parts(inner)
    elif get_origin(hint) in (Union, UnionType):
        for each in get_args(hint):
            yield from _parts(each)
    else:
        yield hint
