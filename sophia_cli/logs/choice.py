"""Which lines of a log are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic_core import SchemaError, SchemaValidator, core_schema

from sophia_cli.errors import InvalidInput
from sophia_cli.logs.events import LEVELS
from sophia_cli.logs.lines import Line

_LONGEST_PATTERN = 1000


class Pattern:
    """A regular expression whose search takes a time in proportion to the text, whatever it is.

    It is that of pydantic, which is Rust's: without back-references and look-around, and without
    Python's way of trying every combination.

    Raises:
        InvalidInput: it is none, or too large.
    """

    def __init__(self, expression: str) -> None:
        hint = "a text finds itself; put \\ before . * + ? ( ) [ ] { } | \\ ^ $ that are meant so"
        if len(expression) > _LONGEST_PATTERN:
            raise InvalidInput(f"a pattern of over {_LONGEST_PATTERN:,} characters", hint)
        try:
            schema = core_schema.str_schema(pattern=expression, regex_engine="rust-regex")
            self._validator = SchemaValidator(schema)
        except (SchemaError, UnicodeError):
            raise InvalidInput(f"not a pattern: {expression[:60]!r}", hint) from None

    def is_in(self, text: str) -> bool:
        """Whether it is found anywhere in the text."""
        return self._validator.isinstance_python(text)


@dataclass(frozen=True, slots=True)
class Choice:
    """All conditions that a line must meet; None asks for nothing.

    Attributes:
        since: written at or after it; a line that does not say when counts as the one before it.
        level: at least as bad.
        pattern: found in the line as it stands in the file.
        request: of this request.
    """

    since: datetime | None = None
    level: str = "debug"
    pattern: Pattern | None = None
    request: str | None = None

    def may_hold(self, raw: bytes) -> bool:
        """Whether a line that is not read yet can be wanted: cheap, for files of many megabytes."""
        if self.request is None:
            return not raw.isspace() and raw != b""
        return self.request.encode(errors="replace") in raw

    def wants(self, line: Line) -> bool:
        """Whether a line is wanted; `since` is for who knows the lines around it."""
        return (
            (self.request is None or line.request == self.request)
            and LEVELS.get(line.level, 40) >= LEVELS[self.level]
            and (self.pattern is None or self.pattern.is_in(line.text))
        )
