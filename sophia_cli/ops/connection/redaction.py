"""Secrets are taken out of whatever is shown, logged or kept.

A secret is looked for as it is and in the forms that programs give it: base64 (at any place in a
longer text, as in an `Authorization` header), URL-encoded, quoted for a shell, for JSON and SQL.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import threading
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"

# Shorter ones are words of every text: masking them would tell more than it hides.
_SHORTEST = 6


class Redactor:
    """Knows secrets, and texts without them. It may be used by several threads.

    Text that comes in pieces is redacted line by line: each line of a secret of several lines, as a
    private key is, counts as a secret.

    Args:
        secrets: their values; those of less than 6 characters are not looked for.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """One more secret from now on."""
        found = {form for line in _lines(secret) for form in _forms(line)}
        with self._lock:
            if found <= self._forms:
                return
            self._forms |= found
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, text: str) -> str:
        """A text with `***` in the place of every secret."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(MASK, text)


def _lines(secret: str) -> Iterator[str]:
    """The secret, and its lines where it has several; not the headers of a PEM file."""
    if len(secret) >= _SHORTEST:
        yield secret
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1 or secret != secret.strip():
        for line in lines:
            if len(line) >= _SHORTEST and not line.startswith("-----"):
                yield line


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield from _in_base64(secret.encode("utf-8", "surrogateescape"))
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield shlex.quote(secret)[1:-1] if "'" in secret else secret
    yield secret.replace("'", "'\\''")
    yield secret.replace("'", "''")
    yield re.sub(r'([\\"$`])', r"\\\1", secret)
    for escaped in (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret)):
        yield escaped[1:-1]
        yield json.dumps(escaped[1:-1])[1:-1]


def _in_base64(data: bytes) -> Iterator[str]:
    """What is the same in the base64 of every text that holds the secret.

    Three bytes make four characters, so there are three ways to fall into step; the characters at
    both ends that depend on the neighbours as well are left out.
    """
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        first = (0, 2, 3)[before]
        last = len(encoded) - (1 if (before + len(data)) % 3 else 0)
        core = encoded[first:last]
        if len(core) >= _SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")
