"""The file of trusted host keys, as OpenSSH writes it: looked up, and added to line by line.

The parser is our own: paramiko's loses comments, markers and whatever it does not know when it
writes. What is not ours stays byte for byte. The format is described in sshd(8).
"""

from __future__ import annotations

import base64 as encoding
import binascii
import contextlib
import fcntl
import fnmatch
import hashlib
import hmac
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sophia_cli.config.files import read_small_file
from sophia_cli.errors import ConfigurationError, Refused, Unreachable

SSH_PORT = 22

_LARGEST = 8 << 20
_LOCK_WAIT = 10.0
_PAUSE = 0.02
# What a name may consist of that is written into the file: nothing that makes it a pattern.
_NAME = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9._:%-]*")


@dataclass(frozen=True, slots=True)
class HostKey:
    """One public key of a host.

    Attributes:
        kind: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`.
        base64: the key as OpenSSH writes it, in one word.
    """

    kind: str
    base64: str

    @property
    def data(self) -> bytes:
        """The key as it goes over the wire."""
        return encoding.b64decode(self.base64)

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it: `SHA256:` and 43 characters."""
        digest = hashlib.sha256(self.data).digest()
        return "SHA256:" + encoding.b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line; `key` None where it pins nothing: a comment, or one that cannot be read."""

    text: str
    marker: str = ""
    patterns: tuple[str, ...] = ()
    key: HostKey | None = None

    def is_of(self, name: str) -> bool:
        """Whether it is about this host: one of its patterns is, and none excludes it."""
        wanted = [pattern for pattern in self.patterns if not pattern.startswith("!")]
        excluded = [pattern[1:] for pattern in self.patterns if pattern.startswith("!")]
        return any(_fits(name, each) for each in wanted) and not any(
            _fits(name, each) for each in excluded
        )


class KnownHosts:
    """The keys that are trusted. The file is read at each call; one that is missing holds none.

    Args:
        path: an absolute path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def keys_for(self, address: str, port: int = SSH_PORT) -> tuple[HostKey, ...]:
        """The keys that a host may show, in the file's order; empty when it is not known.

        A key that the file revokes is none of them, nor is that of an authority.

        Args:
            address: as it is connected to; case does not matter.
            port: another than 22 is looked up as `[address]:port` and only so.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        about = [line for line in self._lines() if line.is_of(name_of(address, port))]
        revoked = {line.key for line in about if line.marker == "@revoked"}
        return tuple(
            dict.fromkeys(
                line.key
                for line in about
                if line.key and not line.marker and line.key not in revoked
            )
        )

    def is_revoked(self, address: str, port: int, key: HostKey) -> bool:
        """Whether the file says that this key must never be trusted for this host."""
        name = name_of(address, port)
        return any(
            line.marker == "@revoked" and line.key == key and line.is_of(name)
            for line in self._lines()
        )

    def pin(self, address: str, port: int, key: HostKey, *, replace: bool = False) -> bool:
        """Trusts a key for a host from now on; True if the file had to be changed.

        The file is replaced in one step, with mode 0600; lines of others stay as they are. Two
        programs of ours wait for each other.

        Args:
            replace: whether the keys that were pinned for this host before go.

        Raises:
            Refused: another key is pinned and `replace` is not given; the key is revoked; or a
                pattern of several hosts pins the old one.
            ConfigurationError: the file or its directory cannot be used.
        """
        if not _NAME.fullmatch(address):
            raise ConfigurationError(f"{address!r} is no address that a key can be pinned for")
        name = name_of(address, port)
        target = self.path.resolve()
        with _directory_locked(target.parent):
            lines = self._lines()
            pinned = self.keys_for(address, port)
            if self.is_revoked(address, port, key):
                raise Refused(
                    f"{address}: {self.path} revokes the key {key.fingerprint}",
                    "a revoked key is never trusted: give the host a new one",
                )
            if pinned == (key,) or (key in pinned and not replace):
                return False
            if pinned and not replace:
                raise Refused(
                    f"{address}: {self.path} pins another key: {pinned[0].fingerprint}",
                    "if the host's key was changed on purpose, replace it",
                )
            kept = [_without(line, name, self.path) for line in lines]
            text = "".join(f"{line.text}\n" for line in kept if line is not None)
            _replace(target, f"{text}{name} {key.kind} {key.base64}\n")
        return True

    def _lines(self) -> list[_Line]:
        try:
            content = read_small_file(self.path, _LARGEST)
        except ConfigurationError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []
            raise
        text = content.decode("utf-8", "surrogateescape")
        return [_parsed(line) for line in text.removesuffix("\n").split("\n")] if text else []


def name_of(address: str, port: int = SSH_PORT) -> str:
    """What a host is called in the file: its address, or `[address]:port`."""
    lower = address.lower()
    return lower if port == SSH_PORT else f"[{lower}]:{port}"


def _parsed(text: str) -> _Line:
    words = text.split()
    if not words or words[0].startswith("#"):
        return _Line(text)
    marker = words.pop(0) if words[0].startswith("@") else ""
    if len(words) < 3:
        return _Line(text)
    names, kind, written, *_ = words
    return _Line(text, marker, tuple(names.split(",")), _key(kind, written))


def _key(kind: str, written: str) -> HostKey | None:
    """A key that says itself of which kind it is; None where there is no such thing."""
    try:
        data = encoding.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        return None
    said = kind.encode("utf-8", "surrogateescape")
    if not data.startswith(len(said).to_bytes(4, "big") + said):
        return None
    return HostKey(kind, encoding.b64encode(data).decode())


def _fits(name: str, pattern: str) -> bool:
    if pattern.startswith("|"):
        return _hashes_to(name, pattern)
    # In OpenSSH only * and ? are special; a [ is one of `[host]:port`.
    return fnmatch.fnmatchcase(name, pattern.lower().replace("[", "[[]"))


def _hashes_to(name: str, pattern: str) -> bool:
    """Whether `|1|salt|hash` stands for a name: HMAC-SHA1 of it, keyed with the salt."""
    try:
        _, version, salt, digest = pattern.split("|")
        made = hmac.digest(encoding.b64decode(salt), name.encode(), "sha1")
        return version == "1" and hmac.compare_digest(made, encoding.b64decode(digest))
    except ValueError:
        return False


def _without(line: _Line, name: str, path: Path) -> _Line | None:
    """A line that no longer pins a key for a host: None where nothing is left of it.

    Raises:
        Refused: it pins one for a pattern, which stands for other hosts too.
    """
    if line.marker or line.key is None or not line.is_of(name):
        return line
    left = [each for each in line.patterns if not _fits(name, each)]
    for each in line.patterns:
        if _fits(name, each) and each.lower() != name and not each.startswith("|"):
            raise Refused(
                f"{path}: pins another key of {name} with the pattern {each}",
                "take that line out by hand: it stands for other hosts as well",
            )
    if not any(not each.startswith("!") for each in left):
        return None
    text = line.text.replace(",".join(line.patterns), ",".join(left), 1)
    return _Line(text, "", tuple(left), line.key)


@contextlib.contextmanager
def _directory_locked(directory: Path) -> Iterator[None]:
    """Keeps our other programs out of the file meanwhile; a lock of the directory leaves no file.

    Raises:
        Unreachable: another one holds it for too long.
        ConfigurationError: there can be no such directory.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigurationError(f"{directory}: {error.strerror or error}") from error
    try:
        deadline = time.monotonic() + _LOCK_WAIT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unreachable(
                        f"{directory}: another program has it locked", "run it again"
                    ) from None
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:  # mkstemp makes it 0600
                file.write(text.encode("utf-8", "surrogateescape"))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error
