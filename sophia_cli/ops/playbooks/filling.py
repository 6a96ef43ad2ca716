"""Filling in: what templates know of one host, and the operation that a step is there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sophia_cli
from sophia_cli.config.files import read_small_file
from sophia_cli.config.shapes import Section
from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.inventory.model import Host, Inventory, Role
from sophia_cli.ops.operations.operation import Operation
from sophia_cli.ops.operations.registry import WrongArguments, build
from sophia_cli.ops.playbooks.playbook import Step
from sophia_cli.ops.playbooks.sources import Sources
from sophia_cli.ops.playbooks.templates import Values
from sophia_cli.ops.site import Site

# Where a secret may stand: it reaches the host through a pipe, and is shown nowhere.
# A wheel of sophia's has the model beside it, not in it.
_LARGEST = 64 << 20
_MAY_HOLD_SECRETS = {("file", "content"), ("script", "stdin")}


class _Monitoring:
    """What `sophia monitor render` would write, by file name; rendered when it is named."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def __getitem__(self, name: str) -> str:
        return self._files[name]

    @cached_property
    def _files(self) -> dict[str, str]:
        from sophia_cli.ops.monitoring import monitoring_files

        return monitoring_files(self._inventory)


def values_for(site: Site, host: str, facts: object, sources: Sources) -> Values:
    """What the templates of a host may name; playbooks/README.md lists it.

    Args:
        facts: what the host says of itself, a dataclass.
    """
    inventory = site.inventory
    views = {name: _view(name, each) for name, each in inventory.hosts.items()}
    names = {
        "cluster": _section(inventory.cluster),
        "ssh": _section(inventory.ssh),
        "services": _section(inventory.services),
        "host": views[host],
        "hosts": list(views.values()),
        "roles": {role.value: [views[name] for name in inventory.with_role(role)] for role in Role},
        "facts": asdict(facts) if is_dataclass(facts) and not isinstance(facts, type) else facts,
        "monitoring": _Monitoring(inventory),
        "version": sophia_cli.__version__,
    }
    return Values(names, site.secrets, sources.template)


def wanted(step: Step, values: Values) -> bool:
    """Whether the step is for this host: its `when`.

    Raises:
        ConfigurationError: see `operation_of`.
    """
    if step.when is None:
        return True
    try:
        found = values.value(step.when)
    except ConfigurationError as error:
        raise _placed(step, "when", error) from None
    return (
        found.strip().lower() not in ("", "false", "no", "0")
        if isinstance(found, str)
        else bool(found)
    )


def operation_of(step: Step, values: Values, sources: Sources) -> Operation:
    """The operation that a step is on a host.

    Raises:
        ConfigurationError: a template names what is not there, or a value is none for its
            argument; says the playbook's file and line.
    """
    assert step.operation is not None  # noqa: S101  (a gate has none, and is not asked)
    name, arguments = step.operation, _filled(step, values)
    if name == "template":
        try:
            text = values.fill(sources.template(arguments.pop("source")), secrets=True)
        except ConfigurationError as error:
            raise _placed(step, str(step.arguments["source"]), error) from None
        name = "file"
        arguments |= {"content": text.text.encode()}
        if text.secret:
            arguments["secret"] = True
    elif name == "file" and "source" in arguments:
        try:
            arguments["content"] = read_small_file(Path(arguments.pop("source")), _LARGEST)
        except ConfigurationError as error:
            raise _placed(step, "file.source", error) from None
    if name == "file":
        content = arguments.get("content", b"")
        data = content.encode() if isinstance(content, str) else bytes(content)
        values.digests[str(arguments.get("path"))] = hashlib.sha256(data).hexdigest()
    try:
        return build(name, arguments)
    except WrongArguments as error:
        raise _placed(step, name, error) from None


def _filled(step: Step, values: Values) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for name, written in step.arguments.items():
        may_hold = (step.operation, name) in _MAY_HOLD_SECRETS
        try:
            if may_hold and isinstance(written, str):
                text = values.fill(written, secrets=True)
                filled[name] = text.text
                if text.secret and step.operation == "file":
                    filled["secret"] = True
            else:
                filled[name] = values.value(written)
        except ConfigurationError as error:
            raise _placed(step, f"{step.operation}.{name}", error) from None
    return filled


def _placed(step: Step, subject: str, error: Exception) -> ConfigurationError:
    message = error.message if isinstance(error, ConfigurationError) else str(error)
    hint = error.hint if isinstance(error, ConfigurationError) else ""
    return ConfigurationError(f"{step.place}: {step.name}: {subject}: {message}", hint)


def _view(name: str, host: Host) -> SimpleNamespace:
    fields = {key: _plain(getattr(host, key)) for key in type(host).model_fields}
    return SimpleNamespace(**{**fields, "name": name, "reached_at": host.reached_at})


def _section(section: Section) -> SimpleNamespace:
    """A section as templates see it: `services.redis.port`."""
    return SimpleNamespace(
        **{
            name: _section(value) if isinstance(value, Section) else _plain(value)
            for name in type(section).model_fields
            for value in [getattr(section, name)]
        }
    )


def _plain(value: Any) -> Any:
    """A value without types of our own: a role is its name."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, Role) else value
