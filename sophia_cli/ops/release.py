"""What a release is: the inputs of a deployment, and what is said of them once they are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from sophia_cli.errors import Refused

# Shorter ones are words that stand in any file; nothing that sophia makes is.
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a deployment is made from.

    Attributes:
        inventory: the text of sophia.yaml.
        source: where that file is: relative paths in it start from its directory.
        playbooks: playbooks and templates by their paths below a `playbooks_dir`, all that were
            used, sophia's own too.
        version: sophia's.
    """

    inventory: bytes
    source: Path
    playbooks: Mapping[str, bytes]
    version: str

    @property
    def digest(self) -> str:
        """The SHA-256 of all of it, 64 hexadecimal digits."""
        parts = [self.version.encode(), str(self.source).encode(), self.inventory]
        for name, content in sorted(self.playbooks.items()):
            parts += [name.encode(), content]
        return sum_of(b"".join(len(part).to_bytes(8, "big") + part for part in parts))


@dataclass(frozen=True, slots=True)
class Release:
    """One release.

    Attributes:
        number: from 1; a later one is higher.
        at: when a phase was last deployed from it, aware.
        phases: those that were, in the order of the first time.
        digest: of its inputs.
        files: the SHA-256 of each file by its path in the release.
    """

    number: int
    at: datetime
    phases: tuple[str, ...]
    version: str
    source: Path
    digest: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A release's files, to plan with.

    Attributes:
        inventory: its sophia.yaml; relative paths in it start from `release.source.parent`.
        playbooks_dir: takes the place of `cluster.playbooks_dir`, and has all playbooks and
            templates.
    """

    release: Release
    inventory: Path
    playbooks_dir: Path


def check_no_secret(inputs: Inputs, secrets: Mapping[str, SecretStr]) -> None:
    """Sees that no known secret is in a file that is kept; also before anything is deployed.

    Raises:
        Refused: one is; names the file and the secret.
    """
    files = {str(inputs.source): inputs.inventory, **inputs.playbooks}
    for name, secret in secrets.items():
        value = secret.get_secret_value().strip().encode()
        if len(value) < _SHORTEST_SECRET:
            continue
        for file, content in files.items():
            if value in content:
                raise Refused(
                    f"{file} holds the secret {name}",
                    "take it out: files and templates name it, as "
                    f"{{{{ secrets[{json.dumps(name)}] }}}}; sophia.yaml never does",
                )


def sum_of(content: bytes) -> str:
    """The SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
