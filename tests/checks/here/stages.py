"""Healthy laptops that faults are injected into, and what all checks come to on them.

`Inside`: a store in this process, as the resident process has it. `Outside`: the real resident
process, asked by the real `sophia doctor`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from sophia_cli.checks import redis
from sophia_cli.checks.registry import all_checks
from sophia_cli.checks.running import look
from sophia_cli.environment import utc_now
from sophia_cli.home import Home
from tests.checks.breaking.endpoint import Endpoint
from tests.checks.breaking.ports import free_port
from tests.checks.certificates import made
from tests.checks.conftest import Store, opened_store
from tests.checks.scenes import scene_of
from tests.conftest import Sophia, temporary_home

_WELL = ("pass", "skipped")
_WORST = ("fail", "unknown", "warn", "pass", "skipped")
_MEMORIES = (
    ("We chose Qdrant because of filtering speed", "coding"),
    ("Acme renewed for forty seats", "business"),
    ("The lease ends in March", "business"),
)


@dataclass(frozen=True)
class Seen:
    """What all checks came to.

    Attributes:
        alarms: by number, the verdict of every check that is neither passed nor skipped.
        said: what each of their findings says, a line each.
    """

    alarms: Mapping[str, str]
    said: str

    @staticmethod
    def of(rows: list[tuple[str, str, str, str]]) -> Seen:
        """From rows of number, verdict, subject and what it says."""
        numbers = {check.number for check in all_checks()}
        assert {number for number, *_ in rows} == numbers, "every check says something"
        worst = {
            number: min((row[1] for row in rows if row[0] == number), key=_WORST.index)
            for number in numbers
        }
        lines = [" ".join(row) for row in rows if row[1] not in _WELL]
        alarms = {number: verdict for number, verdict in worst.items() if verdict not in _WELL}
        return Seen(dict(sorted(alarms.items())), "\n".join(sorted(lines)))


@dataclass
class Inside:
    """A store that is open in this process.

    Attributes:
        folder: for what a fault needs beside the home.
        now: the clock of the command that looks.
        own: the variables that make it healthy.
        endpoint: its embedder, where that is one over HTTP.
    """

    store: Store
    folder: Path
    own: Mapping[str, str] = field(default_factory=dict)
    endpoint: Endpoint | None = None
    variables: dict[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = utc_now

    @contextlib.contextmanager
    def afresh(self) -> Iterator[None]:
        """What a fault alters here counts for the length of a block."""
        try:
            yield
        finally:
            self.variables, self.now = {}, utc_now

    def look(self) -> Seen:
        """What all checks come to; an error in a check itself fails the test."""
        store, variables = self.store, {**self.own, **self.variables}
        service = store.opened.service
        with (
            pytest.MonkeyPatch.context() as patch,
            scene_of(store.home.root, variables, service, lambda: self.now()) as scene,
        ):
            patch.setattr(redis, "_BETWEEN", 0.1)  # All others are done by then.
            found = look(list(all_checks()), scene)
        assert not (traces := [each.trace for each in found if each.trace]), "\n".join(traces)
        return Seen.of(
            [
                (each.check.number, finding.verdict.value, finding.subject, finding.says)
                for each in found
                for finding in each.findings
            ]
        )


@dataclass
class Outside:
    """A home with its resident process, which also listens on TCP with a certificate.

    Attributes:
        listen: where its REST listens.
        file: its configuration.
        variables: in the place of what makes it healthy.
    """

    sophia: Sophia
    folder: Path
    listen: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "sophia.yaml"

    @property
    def home(self) -> Home:
        return Home(self.sophia.home)

    def heal(self) -> None:
        """Writes its configuration as it was."""
        tls = "{certificate_file: rest.crt, key_file: rest.key}"
        self.file.write_text(f"rest: {{listen: '{self.listen}', tls: {tls}}}\n")

    @contextlib.contextmanager
    def afresh(self) -> Iterator[None]:
        """What a fault alters here counts for the length of a block."""
        try:
            yield
        finally:
            self.variables = {}

    def look(self) -> Seen:
        """What all checks come to, by `sophia doctor`, with an exit status that fits."""
        ended = self.sophia("--json", "doctor", env=self.variables)
        assert ended.stdout, ended.stderr
        data = json.loads(ended.stdout)["data"]
        rows = [(row["check"], row["verdict"], row["subject"] or "", row["says"]) for row in data]
        assert not [row for row in rows if "an error in the check itself" in row[3]], rows
        seen = Seen.of(rows)
        unwell = {"fail", "unknown"} & set(seen.alarms.values())
        assert ended.returncode == (3 if unwell else 0), ended.stderr
        return seen


@contextlib.contextmanager
def inside(*, over_http: bool = False) -> Iterator[Inside]:
    """A store in this process with some memories; its embedder over HTTP where that is asked."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        endpoint, own = None, dict[str, str]()
        if over_http:
            endpoint = Endpoint()
            stack.callback(endpoint.close)
            own = {
                "SOPHIA_EMBEDDING__PROVIDER": "openai",
                "SOPHIA_EMBEDDING__URL": f"http://127.0.0.1:{endpoint.port}/v1",
                "SOPHIA_EMBEDDING__MODEL": "word-hash",
                "SOPHIA_EMBEDDING__TIMEOUT": "1s",
            }
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        if not over_http and may_mount():
            # A disk of its own, which can be filled.
            stack.enter_context(mounted(disk, "-t", "tmpfs", "-o", "size=1500m,mode=700", "tmpfs"))
        store = stack.enter_context(opened_store(own, disk))
        for text, kind in _MEMORIES:
            store.console.remember(text, "--kind", kind)
        yield Inside(store, folder, own, endpoint)


@contextlib.contextmanager
def outside() -> Iterator[Outside]:
    """A home with its resident process and some memories."""
    with temporary_home() as home, tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        made(folder, 90)
        sophia = Sophia(home, {"SOPHIA_CONFIG": str(folder / "sophia.yaml")})
        stage = Outside(sophia, folder, f"127.0.0.1:{free_port()}")
        stage.file.touch(0o600)
        stage.heal()
        for text, kind in _MEMORIES:
            assert stage.sophia("remember", text, "--kind", kind).returncode == 0
        assert stage.sophia("up").returncode == 0
        yield stage


@contextlib.contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """Mounts something at a place, for the length of a block."""
    subprocess.run(["mount", *options, str(place)], check=True, timeout=20)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True, timeout=20)


def may_mount() -> bool:
    """Whether this process may mount file systems."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        try:
            with mounted(Path(place), "-t", "tmpfs", "tmpfs"):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


STAGES: Mapping[str, Callable[[], contextlib.AbstractContextManager[Inside | Outside]]] = {
    "inside": inside,
    "over_http": partial(inside, over_http=True),
    "outside": outside,
}
