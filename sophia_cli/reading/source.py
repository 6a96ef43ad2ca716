"""One source of bytes: its beginning to tell the format by, its lines, never all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO

from sophia_cli.memory.validation import LONGEST_CONTENT, LONGEST_NAME

_HEAD = 64 * 1024
_CHUNK = 256 * 1024
_BYTES_PER_CHARACTER = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its newline. Where `fault` says why it is unusable, `text` is empty."""

    number: int
    text: str
    fault: str | None = None


class Source:
    """A stream that is read once, from the beginning.

    Args:
        stream: bytes or text; text that is not valid Unicode is reported as bytes would be.
        name: the path within what the user named, e.g. `general/2024-05-01.json`.
        shown: how messages name it; `name` where it is not given.
    """

    def __init__(self, stream: IO[bytes] | IO[str], name: str, shown: str = "") -> None:
        self._stream = stream
        self.name = _printable(name)
        self.shown = _printable(shown or name)
        self.head = b""
        while len(self.head) < _HEAD and (chunk := self._read(_HEAD - len(self.head))):
            self.head += chunk

    @property
    def stem(self) -> str:
        """The name without its ending, fit to be a session."""
        return self.name.removesuffix(PurePath(self.name).suffix)[-LONGEST_NAME:]

    @property
    def tag(self) -> str:
        """The name, fit to be a tag's value."""
        return self.name[-LONGEST_NAME:]

    def lines(self, longest: int = LONGEST_CONTENT) -> Iterator[Line]:
        """Its lines, each with its number from 1; one over `longest` characters is a fault."""
        number = 0
        for piece in self._pieces(longest * _BYTES_PER_CHARACTER):
            number += 1
            too_long = f"the line is longer than {longest:,} characters"
            if piece is None:
                yield Line(number, "", too_long)
                continue
            try:
                text = piece.decode()
            except UnicodeDecodeError as error:
                yield Line(number, "", f"not valid UTF-8 at byte {error.start + 1} of the line")
                continue
            if number == 1:
                text = text.removeprefix("\ufeff")
            yield Line(number, "", too_long) if len(text) > longest else Line(number, text)

    def everything(self, most: int) -> bytes | None:
        """All of it, or None where it has more than `most` bytes."""
        whole = bytearray()
        for chunk in self._chunks():
            whole += chunk
            if len(whole) > most:
                return None
        return bytes(whole)

    def _pieces(self, longest: int) -> Iterator[bytes | None]:
        """What stands between line ends (LF, CR LF, CR); None for what is longer than `longest`."""
        rest, too_long = b"", False
        for chunk in self._chunks():
            data = rest + chunk
            # A CR at the very end may be half of a CR LF.
            held = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            *whole, rest = data.split(b"\n")
            for piece in whole:
                yield None if too_long or len(piece) > longest else piece
                too_long = False
            if len(rest) > longest:
                rest, too_long = b"", True
            rest += held
        if rest or too_long:
            yield None if too_long else rest.removesuffix(b"\r")

    def _chunks(self) -> Iterator[bytes]:
        head, self.head = self.head, b""
        if head:
            yield head
        while chunk := self._read(_CHUNK):
            yield chunk

    def _read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        # A text stream may hold half of a surrogate pair: as bytes it is invalid and is reported.
        return chunk if isinstance(chunk, bytes) else chunk.encode("utf-8", "surrogatepass")


def _printable(name: str) -> str:
    """A file's name without line ends and without what is not Unicode."""
    return " ".join(name.encode("utf-8", "replace").decode().split())
