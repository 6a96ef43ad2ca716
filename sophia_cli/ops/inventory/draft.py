"""A new inventory: from a few words to a commented file, which is right before it is there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sophia_cli.config.origins import Layer, Mistaken
from sophia_cli.errors import InvalidInput, Refused
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.inventory.placement import copies
from sophia_cli.ops.inventory.reading import read_inventory

# What YAML takes for a text as it stands.
_PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./~-]*|~/[A-Za-z0-9_./~-]*")


@dataclass(frozen=True, slots=True)
class DraftHost:
    """A host as it was named; nothing of it has been looked at."""

    name: str
    address: str
    roles: tuple[Role | str, ...]


@dataclass(frozen=True, slots=True)
class DraftBastion:
    """The host that the others are reached through."""

    address: str
    user: str | None = None
    port: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What an inventory is made of.

    Attributes:
        name: the cluster's.
        user: on every host.
        key: the private key's file; None for the agent's and the usual ones.
    """

    name: str
    user: str
    hosts: tuple[DraftHost, ...]
    key: str | None = None
    bastion: DraftBastion | None = None

    def text(self) -> str:
        """The file, with a comment on whatever may be changed."""
        return "\n".join(_lines(self)) + "\n"


def write(
    draft: Draft, path: Path, variables: Mapping[str, str], *, force: bool = False
) -> Path | None:
    """Writes a draft as a file of mode 0600, once it has been read back as an inventory.

    Args:
        variables: the environment: what in it is wrong keeps the file from being read.
        force: whether a file that is there may go; it is kept beside it as `.bak`.

    Returns:
        The copy of what was there, if anything was.

    Raises:
        InvalidInput: it would not be an inventory; says what is wrong, all at once.
        Refused: there is such a file already.
        OSError: it cannot be written.
    """
    if not force and os.path.lexists(path):
        raise Refused(
            f"{path}: is there already",
            "name another with --output, or give --force, which keeps it as .bak",
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".yaml", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:  # mkstemp makes it 0600
            file.write(draft.text())
            file.flush()
            os.fsync(file.fileno())
        _checked(temporary, variables)
        return _put(temporary, path, force=force)
    finally:
        temporary.unlink(missing_ok=True)


def _put(temporary: Path, path: Path, *, force: bool) -> Path | None:
    if not force:
        try:
            path.hardlink_to(temporary)  # unlike a rename, it takes the place of nothing
            return None
        except FileExistsError:
            raise Refused(f"{path}: was made meanwhile", "look at it") from None
        except OSError:  # a file system without links
            pass
    backup = None
    if os.path.lexists(path):
        backup = path.with_name(f"{path.name}.bak")
        with contextlib.suppress(FileNotFoundError):
            path.replace(backup)
            backup.chmod(0o600)
    temporary.replace(path)
    return backup


def _checked(path: Path, variables: Mapping[str, str]) -> None:
    try:
        read_inventory(variables, {"config": path})
    except Mistaken as error:
        said = [
            mistake.text if mistake.origin.layer is Layer.FILE else str(mistake)
            for mistake in error.mistakes
        ]
        raise InvalidInput("\n".join(said), "nothing was written") from error


def _lines(draft: Draft) -> Iterator[str]:
    yield "# The inventory of a cluster: its hosts, how they are reached, and what runs on them."
    yield "# docs/configuration.md describes every key; the ones that are not here are at their"
    yield "# defaults. Next: `sophia hosts trust`, `sophia plan`, `sophia deploy`."
    yield ""
    yield "cluster:"
    yield "  # What `sophia clean` wants typed."
    yield f"  name: {_scalar(draft.name)}"
    yield ""
    yield from _ssh(draft)
    yield ""
    yield "# Roles: qdrant, redis (one host), postgres (one host), sophia, monitoring."
    yield "hosts:"
    for host in draft.hosts:
        yield f"  {_scalar(host.name)}:"
        yield f"    address: {_scalar(host.address)}"
        yield "    # Where its services listen, if that is another address:"
        yield "    #private_address: 192.0.2.11"
        yield f"    roles: [{', '.join(_scalar(str(role)) for role in host.roles)}]"
    yield ""
    yield from _services(draft)


def _ssh(draft: Draft) -> Iterator[str]:
    yield "# Host keys are always verified; `sophia hosts trust` pins them."
    yield "ssh:"
    yield f"  user: {_scalar(draft.user)}"
    if draft.key is None:
        yield "  # Without a key's file, the SSH agent's and the usual ones."
        yield "  #key_file: ~/.ssh/id_ed25519"
    else:
        yield f"  key_file: {_scalar(draft.key)}"
    yield "  # Needed where sudo asks for a password; the file holds it, mode 0600."
    yield "  #sudo_password_file: ~/.config/sophia/sudo.password"
    if draft.bastion is not None:
        yield "  # The host that the others are reached through."
        yield "  bastion:"
        yield f"    address: {_scalar(draft.bastion.address)}"
        if draft.bastion.port:
            yield f"    port: {_scalar(draft.bastion.port)}"
        if draft.bastion.user:
            yield f"    user: {_scalar(draft.bastion.user)}"


def _services(draft: Draft) -> Iterator[str]:
    peers = sum(Role.QDRANT in host.roles for host in draft.hosts)
    factor, confirming = copies(peers)
    yield "services:"
    yield "  qdrant:"
    yield f"    # Copies of each shard: at most one a host with the role qdrant, of which {peers}"
    yield f"    # {'is' if peers == 1 else 'are'} above."
    yield f"    replication_factor: {factor}"
    yield "    # Copies that must confirm a write."
    yield f"    write_consistency_factor: {confirming}"


def _scalar(text: str) -> str:
    """A text as YAML reads it back."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() != "null"
    return text if is_plain else json.dumps(text, ensure_ascii=True)
