"""What a command writes on one stream: where it begins, its lines as they come, and all of it."""

from __future__ import annotations

from collections.abc import Callable

from sophia_cli.ops.connection.shell import BEGUN

# More than any fact or answer; a command that writes without an end must not fill our memory.
_LARGEST = 64 << 20
# What a login shell or sudo says before; the end of it is the reason of a refusal.
_LARGEST_BEFORE = 64 << 10


class TooMuch(Exception):
    """It wrote more than is kept."""


class Output:
    """One stream.

    Args:
        on_line: gets each line without its end.

    Attributes:
        before: what came before the command began.
        group: the process group it said it has; None before it began.
    """

    def __init__(self, on_line: Callable[[str], None] | None = None) -> None:
        self.before = bytearray()
        self.group: int | None = None
        self._on_line = on_line
        self._kept = bytearray()
        self._told = 0
        self._searched = 0

    @property
    def text(self) -> str:
        """All that the command wrote; what is no UTF-8 is replaced."""
        return self._kept.decode("utf-8", "replace")

    @property
    def last_words_before(self) -> str:
        """The last line that came before the command began."""
        lines = self.before.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def feed(self, data: bytes) -> None:
        """More of it has come.

        Raises:
            TooMuch: more than 64 MiB.
        """
        if self.group is None:
            self.before += data
            begun = BEGUN.search(self.before)
            if begun is None:
                del self.before[:-_LARGEST_BEFORE]
                return
            self.group = int(begun[1])
            data = bytes(self.before[begun.end() :])
            del self.before[begun.start() :]
        self._kept += data
        if len(self._kept) > _LARGEST:
            raise TooMuch
        self._tell()

    def forget(self, words: bytes) -> None:
        """Takes out what came before the command began, up to these words."""
        at = self.before.index(words)
        del self.before[: at + len(words)]

    def end(self) -> None:
        """Nothing more comes: a last line without an end is told."""
        if self._on_line is not None and self._told < len(self._kept):
            self._on_line(self._kept[self._told :].decode("utf-8", "replace"))
            self._told = len(self._kept)

    def _tell(self) -> None:
        if self._on_line is None:
            return
        while (at := self._kept.find(b"\n", self._searched)) >= 0:
            line = self._kept[self._told : at].decode("utf-8", "replace")
            self._told = self._searched = at + 1
            self._on_line(line)
        self._searched = len(self._kept)
