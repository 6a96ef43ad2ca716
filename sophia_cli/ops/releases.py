"""Releases: what each successful deployment was made from, kept so that it can be made again.

A release holds sophia.yaml and every playbook and template as they were. So going back is a plan
and an apply like any other, with the inputs of an earlier release.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets as random
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import SecretStr

from sophia_cli.errors import NotFound, Refused
from sophia_cli.ops import private
from sophia_cli.ops.release import Inputs, Opened, Release, check_no_secret, sum_of

_KEPT = 20
_NUMBER = re.compile(r"[0-9]{6}")
_ABOUT, _INVENTORY, _PLAYBOOKS = "release.json", "sophia.yaml", "playbooks"


class Releases:
    """The releases of one cluster, the last 20.

    Args:
        directory: of one's own, 0700; made with the first release.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def record(
        self, inputs: Inputs, phase: str, at: datetime, secrets: Mapping[str, SecretStr]
    ) -> Release:
        """Keeps what a phase was deployed from; the same as the last time is kept once.

        It is there as a whole or not at all, whatever ends the process on the way.

        Args:
            secrets: those that there are: none may be in a file.

        Raises:
            Refused: a file holds a secret, or the directory is not ours alone.
            OSError: it cannot be written.
        """
        check_no_secret(inputs, secrets)
        private.own_directory(self.directory)
        with private.alone(self.directory):
            self._sweep()
            known = self.list()
            if known and known[-1].digest == inputs.digest:
                phases = tuple(dict.fromkeys((*known[-1].phases, phase)))
                same = replace(known[-1], at=at, phases=phases)
                private.replace(self._place(same.number) / _ABOUT, _written(same))
                return same
            release = self._write(known[-1].number + 1 if known else 1, inputs, phase, at)
            for old in known[: max(0, len(known) + 1 - _KEPT)]:
                self._remove(old.number)
            return release

    def list(self) -> list[Release]:
        """All of them, the oldest first.

        Raises:
            Refused: see `record`; or one was changed by hand.
        """
        with contextlib.suppress(FileNotFoundError):
            private.check_directory(self.directory)
            numbers = [int(path.name) for path in self.directory.iterdir() if _is_release(path)]
            return [self._read(number) for number in sorted(numbers)]
        return []

    def last_good(self, before: int | None = None, phase: str | None = None) -> Release | None:
        """The latest release, or None.

        Args:
            before: only one with a lower number.
            phase: only one that this phase was deployed from.
        """
        for release in reversed(self.list()):
            if (before is None or release.number < before) and phase in (None, *release.phases):
                return release
        return None

    def open(self, number: int) -> Opened:
        """The files of a release, as they were: each is compared with its digest.

        Raises:
            NotFound: there is no such release.
            Refused: one of them was changed since.
        """
        numbers = [release.number for release in self.list()]
        if number not in numbers:
            there = ", ".join(map(str, numbers)) or "none"
            raise NotFound(f"there is no release {number}", f"those that are kept: {there}")
        release, place = self._read(number), self._place(number)
        found = {
            path.relative_to(place).as_posix(): path
            for path in place.rglob("*")
            if not path.is_dir() and not path.name.lstrip(".").startswith(_ABOUT)
        }
        for name in sorted({*found, *release.files}):
            path = found.get(name)
            if (
                path is None
                or path.is_symlink()
                or sum_of(path.read_bytes()) != release.files.get(name)
            ):
                raise Refused(
                    f"release {number}: {place / name} is not as it was",
                    "go back to another release, or put it right",
                )
        return Opened(release, place / _INVENTORY, place / _PLAYBOOKS)

    def _write(self, number: int, inputs: Inputs, phase: str, at: datetime) -> Release:
        fresh = self.directory / f".new-{random.token_hex(4)}"
        contents = {_INVENTORY: inputs.inventory}
        for name, content in inputs.playbooks.items():
            contents[f"{_PLAYBOOKS}/{_below(name)}"] = content
        sums = {name: sum_of(content) for name, content in contents.items()}
        release = Release(number, at, (phase,), inputs.version, inputs.source, inputs.digest, sums)
        private.own_directory(fresh / _PLAYBOOKS)
        for name, content in {**contents, _ABOUT: _written(release)}.items():
            private.own_directory((fresh / name).parent)
            private.replace(fresh / name, content)
        fresh.rename(self._place(number))
        private.sync(self.directory)
        return release

    def _remove(self, number: int) -> None:
        gone = self.directory / f".old-{random.token_hex(4)}"
        self._place(number).rename(gone)
        shutil.rmtree(gone)

    def _sweep(self) -> None:
        """Removes what a process left that was ended on the way; nobody else writes now."""
        for path in self.directory.iterdir():
            if path.name.startswith((".new-", ".old-")):
                shutil.rmtree(path)

    def _read(self, number: int) -> Release:
        path = self._place(number) / _ABOUT
        try:
            told: dict[str, Any] = json.loads(path.read_bytes())
            return Release(
                number,
                datetime.fromisoformat(told["at"]),
                tuple(map(str, told["phases"])),
                str(told["version"]),
                Path(told["source"]),
                str(told["digest"]),
                {str(name): str(value) for name, value in told["files"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Refused(
                f"release {number}: {path} cannot be read", f"remove {path.parent}"
            ) from None

    def _place(self, number: int) -> Path:
        return self.directory / f"{number:06}"


def _written(release: Release) -> bytes:
    told = {**asdict(release), "at": release.at.astimezone(UTC).isoformat()}
    return json.dumps({**told, "source": str(release.source)}, indent=1).encode() + b"\n"


def _below(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise Refused(f"{name}: is not a path below a directory of playbooks")
    return path


def _is_release(path: Path) -> bool:
    return _NUMBER.fullmatch(path.name) is not None
