"""Releases: kept as they were, once each, whole whatever ends the process, without secrets."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from sophia_cli.errors import NotFound, Refused
from sophia_cli.ops.release import Inputs
from sophia_cli.ops.releases import Releases

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
INPUTS = Inputs(
    b"cluster: {name: east}\n",
    Path("/srv/east/sophia.yaml"),
    {"qdrant.yaml": b"phase: qdrant\n", "redis/redis.conf": b"port 6379\n"},
    "1.2.3",
)

RECORD_FOR_EVER = """
import sys
from dataclasses import replace
from pathlib import Path
from sophia_cli.ops.releases import Releases
from tests.ops.test_releases import INPUTS, NOON
releases = Releases(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    kind = replace(INPUTS, inventory=b"%d" % (number // 2))
    print(releases.record(kind, "phase-%d" % (number % 2), NOON, {}).number, flush=True)
"""


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path / "releases")


def other(number: int) -> Inputs:
    return replace(INPUTS, inventory=b"another %d\n" % number)


def test_a_release_is_read_back_as_it_was(releases: Releases) -> None:
    release = releases.record(INPUTS, "qdrant", NOON, {})
    assert releases.list() == [release] == [releases.last_good()]
    assert (release.number, release.version, release.source) == (1, "1.2.3", INPUTS.source)
    opened = releases.open(1)
    assert opened.release == release
    assert opened.inventory.read_bytes() == INPUTS.inventory
    for name, content in INPUTS.playbooks.items():
        assert (opened.playbooks_dir / name).read_bytes() == content
    for path in releases.directory.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_the_same_release_is_kept_once_with_all_its_phases(releases: Releases) -> None:
    for minute, phase in enumerate(["qdrant", "memory", "qdrant"]):
        releases.record(INPUTS, phase, NOON + timedelta(minutes=minute), {})
    (release,) = releases.list()
    assert release.phases == ("qdrant", "memory")
    assert release.at == NOON + timedelta(minutes=2)
    assert releases.open(1).release == release


def test_what_comes_back_after_another_is_a_release_of_its_own(releases: Releases) -> None:
    for inputs in (INPUTS, other(1), INPUTS):
        releases.record(inputs, "qdrant", NOON, {})
    digests = [release.digest for release in releases.list()]
    assert digests[0] == digests[2] == INPUTS.digest != digests[1]


@pytest.mark.parametrize(
    "inputs",
    [
        replace(INPUTS, version="1.2.4"),
        replace(INPUTS, source=Path("/elsewhere/sophia.yaml")),
        replace(INPUTS, playbooks={**INPUTS.playbooks, "redis/redis.conf": b"port 6380\n"}),
        replace(INPUTS, playbooks={"qdrant.yaml": b"phase: qdrant\n"}),
        replace(
            INPUTS,
            playbooks={"qdrant.yamlp": b"hase: qdrant\n", "redis/redis.conf": b"port 6379\n"},
        ),
    ],
)
def test_any_other_input_makes_another_release(releases: Releases, inputs: Inputs) -> None:
    releases.record(INPUTS, "qdrant", NOON, {})
    assert releases.record(inputs, "qdrant", NOON, {}).number == 2


def test_the_last_good_one_is_found(releases: Releases) -> None:
    assert releases.last_good() is None
    for number, phase in enumerate(["qdrant", "memory", "qdrant"]):
        releases.record(other(number), phase, NOON, {})

    def number(**wanted: object) -> int | None:
        found = releases.last_good(**wanted)  # type: ignore[arg-type]
        return found.number if found else None

    assert (number(), number(before=3), number(before=1)) == (3, 2, None)
    assert (number(phase="memory"), number(before=3, phase="qdrant")) == (2, 1)
    assert number(phase="service") is None


def test_the_last_twenty_are_kept(releases: Releases) -> None:
    for number in range(25):
        releases.record(other(number), "qdrant", NOON, {})
    assert [release.number for release in releases.list()] == list(range(6, 26))
    with pytest.raises(NotFound, match="no release 5") as missing:
        releases.open(5)
    assert "6, 7," in missing.value.hint


@pytest.mark.parametrize(
    "inputs",
    [
        replace(INPUTS, inventory=b"key: 'correct-horse'\n"),
        replace(INPUTS, playbooks={"redis/redis.conf": b"requirepass correct-horse"}),
    ],
)
def test_a_file_with_a_secret_is_not_kept(releases: Releases, inputs: Inputs) -> None:
    secrets = {"other": SecretStr("short"), "redis-password": SecretStr("correct-horse\n")}
    with pytest.raises(Refused, match="holds the secret redis-password") as refused:
        releases.record(inputs, "qdrant", NOON, secrets)
    assert "correct-horse" not in str(refused.value) + refused.value.hint
    assert not releases.directory.exists()
    assert releases.record(INPUTS, "qdrant", NOON, secrets).number == 1


def test_a_release_that_was_changed_by_hand_is_not_used(releases: Releases) -> None:
    for change in ("edit", "add", "remove", "link"):
        number = releases.record(other(hash(change)), "qdrant", NOON, {}).number
        directory = releases.open(number).playbooks_dir
        file = directory / "qdrant.yaml"
        if change == "edit":
            file.write_text("phase: other\n")
        elif change == "add":
            (directory / "memory.yaml").write_text("phase: memory\n")
        else:
            file.rename(releases.directory.parent / change)
            if change == "link":
                file.symlink_to(releases.directory.parent / change)
        with pytest.raises(Refused, match=f"release {number}: .* is not as it was"):
            releases.open(number)


def test_a_release_whose_description_is_torn_is_said(releases: Releases) -> None:
    releases.record(INPUTS, "qdrant", NOON, {})
    (releases.directory / "000001" / "release.json").write_text('{"at"')
    with pytest.raises(Refused, match=r"release 1: .* cannot be read"):
        releases.list()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ""])
def test_nothing_is_written_outside_the_release(releases: Releases, name: str) -> None:
    with pytest.raises(Refused, match="not a path below"):
        releases.record(replace(INPUTS, playbooks={name: b""}), "qdrant", NOON, {})
    assert releases.list() == []


def test_a_directory_that_others_may_open_is_refused(releases: Releases) -> None:
    releases.record(INPUTS, "qdrant", NOON, {})
    releases.directory.chmod(0o755)
    with pytest.raises(Refused, match="others may open it"):
        releases.list()


@pytest.mark.parametrize("told", [1, 7, 30, 61])
def test_a_killed_process_leaves_whole_releases(releases: Releases, told: int) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", RECORD_FOR_EVER, releases.directory],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    for _ in range(told):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    there = releases.list()
    for release in there:
        releases.open(release.number)
    last = releases.record(INPUTS, "qdrant", NOON, {})
    assert last.number == there[-1].number + 1
    assert len(releases.list()) <= 20
    left = {path.name for path in releases.directory.iterdir()}
    assert left == {f"{release.number:06}" for release in releases.list()}


def test_those_who_record_at_once_get_numbers_of_their_own(releases: Releases) -> None:
    def record(number: int) -> int:
        return Releases(releases.directory).record(other(number), "qdrant", NOON, {}).number

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(record, range(12))) == list(range(1, 13))
    for number in range(1, 13):
        releases.open(number)
