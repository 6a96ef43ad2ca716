"""Templates: Jinja2 in its sandbox, over what is known of a cluster and one of its hosts.

Secrets are within reach of files and of what a command reads; anywhere else naming one is an error,
so that none can end up in a process list, a plan or a journal.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sophia_cli.config.shapes import bytes_in
from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.site import Secrets

_ONE_EXPRESSION = re.compile(r"\s*\{\{((?:(?!\}\}|\{\{).)*)\}\}\s*", re.DOTALL)
_JINJA = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,
)
_JINJA.filters["quote"] = lambda value: shlex.quote(str(value))
_JINJA.filters["bytes"] = bytes_in
_JINJA.filters["seconds"] = lambda duration: math.ceil(duration.total_seconds())
# JSON is YAML: a text in quotes, with nothing in it that YAML would take for something else.
_JINJA.filters["yaml"] = lambda value: json.dumps(value, ensure_ascii=False)


def syntax_mistake(text: str) -> str | None:
    """What is wrong with a template's syntax, in one line; None for nothing."""
    try:
        _JINJA.parse(text)
    except TemplateSyntaxError as error:
        return f"is no template: {error.message}"
    return None


class SecretOutOfPlace(ConfigurationError):
    """A secret is named where it would be seen."""


@dataclass(slots=True)
class _Secrets:
    """The secrets as a template sees them."""

    source: Secrets
    allowed: bool
    used: bool = False

    def __getitem__(self, name: str) -> str:
        if not self.allowed:
            raise SecretOutOfPlace(
                f"secrets[{name!r}] is named where it would be seen",
                "name it in a file or a template, or in a script's stdin",
            )
        self.used = True
        return self.source.value(name).get_secret_value()


@dataclass(frozen=True, slots=True)
class Filled:
    """A text that was filled in, and whether a secret is in it."""

    text: str
    secret: bool


@dataclass(frozen=True, slots=True)
class Values:
    """What templates are filled in with, for one host.

    Attributes:
        names: `cluster`, `services`, `host` and so on.
        text_of: the text of a template by its name; `template(name)` in another fills it in.
        digests: by path, what the files that were filled in for this host hold; `digest(path...)`
            in a template names them together.
    """

    names: Mapping[str, Any]
    secrets: Secrets
    text_of: Callable[[str], str]
    digests: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str, *, secrets: bool = False) -> Filled:
        """Fills in a text.

        Args:
            secrets: whether it may name secrets.

        Raises:
            ConfigurationError: it names what is not there, or a secret out of place.
        """
        seen = _Secrets(self.secrets, secrets)
        try:
            filled = _template(text).render(self._names(seen))
        except (TemplateError, ValueError, TypeError, ArithmeticError) as error:
            raise ConfigurationError(_said(error)) from None
        return Filled(filled, seen.used)

    def value(self, written: Any, *, secrets: bool = False) -> Any:
        """A playbook's value: texts filled in; one that is a single expression keeps its type.

        Raises:
            ConfigurationError: see `fill`.
        """
        match written:
            case str():
                return self._text(written, secrets)
            case Mapping():
                return {key: self.value(each, secrets=secrets) for key, each in written.items()}
            case list() | tuple():
                return [self.value(each, secrets=secrets) for each in written]
            case _:
                return written

    def _text(self, text: str, secrets: bool) -> Any:
        alone = _ONE_EXPRESSION.fullmatch(text)
        if alone is None:
            return self.fill(text, secrets=secrets).text if "{" in text else text
        try:
            found = _expression(alone[1])(self._names(_Secrets(self.secrets, secrets)))
            # An undefined value says what is missing once it is used.
            return str(found) if isinstance(found, StrictUndefined) else found
        except (TemplateError, ValueError, TypeError, ArithmeticError) as error:
            raise ConfigurationError(_said(error)) from None

    def _names(self, secrets: _Secrets) -> dict[str, Any]:
        return {
            **self.names,
            "secrets": secrets,
            "digest": self._digest,
            "template": lambda name: _template(self.text_of(name)).render(self._names(secrets)),
        }

    def _digest(self, *paths: str) -> str:
        """One digest over files that were filled in before; one that no step wrote counts as none.

        A step may not have been wanted on this host.
        """
        joined = "\n".join(self.digests.get(path, "") for path in paths)
        return hashlib.sha256(joined.encode()).hexdigest()[:16]


# The same texts are filled in for every host.
_template = lru_cache(maxsize=512)(_JINJA.from_string)
_expression = lru_cache(maxsize=512)(partial(_JINJA.compile_expression, undefined_to_none=False))


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
