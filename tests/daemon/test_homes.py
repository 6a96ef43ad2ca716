"""Where the home lies, whose it is, and what its disk allows."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sophia_cli.errors import Refused
from sophia_cli.home import Home
from sophia_cli.locations import home_directory, socket_directory
from tests.conftest import Sophia, end_processes_of, wait_until
from tests.daemon.test_faults import one_error

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount or to change owners")
Disk = Callable[[str], Sophia]


@pytest.fixture
def disk(home: Path) -> Iterator[Disk]:
    """A home that is a small file system of its own, of a size such as `8m`."""
    home.mkdir()

    def mounted(size: str) -> Sophia:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", home], capture_output=True
        )
        if done.returncode != 0:
            pytest.skip(f"cannot mount: {done.stderr.decode().strip()}")
        return Sophia(home)

    yield mounted
    end_processes_of(home)
    subprocess.run(["umount", "-l", home], capture_output=True)


def fill(directory: Path) -> Path:
    path = directory / "filling"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue
    return path


@ROOT_ONLY
def test_a_disk_that_is_too_small_for_a_start(disk: Disk) -> None:
    sophia = disk("8m")
    for command in (["remember", "no room for it"], ["up"]):
        ended = sophia(*command)
        assert ended.returncode == 1
        assert "the disk is full" in one_error(ended.stderr)
    assert sophia.resident() == 0 or sophia("down").returncode == 0


@ROOT_ONLY
def test_a_disk_that_fills_up_loses_nothing(disk: Disk) -> None:
    sophia = disk("300m")
    assert sophia("remember", "stored before").returncode == 0
    filling = fill(sophia.home)
    acknowledged, refused = ["stored before"], None
    for number in range(100):  # What PostgreSQL has set aside holds some more.
        text = f"{number} {random.Random(number).randbytes(15_000).hex()}"
        ended = sophia("remember", text)
        if ended.returncode != 0:
            refused = ended
            break
        acknowledged.append(text)
    assert refused is not None
    assert refused.returncode == 1
    assert "free some space" in refused.stderr
    one_error(refused.stderr)
    filling.unlink()
    assert sophia("remember", "stored after").returncode == 0
    assert set(sophia.contents()) == {*acknowledged, "stored after"}


@ROOT_ONLY
def test_a_start_on_a_full_disk_is_said(disk: Disk) -> None:
    sophia = disk("300m")
    assert sophia("remember", "stored before").returncode == 0
    assert sophia("down").returncode == 0
    filling = fill(sophia.home)
    for command in (["remember", "no room"], ["--no-daemon", "remember", "no room"]):
        ended = sophia(*command)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        assert "full" in one_error(ended.stderr)
    filling.unlink()
    assert sophia.contents() == ["stored before"]


@ROOT_ONLY
def test_a_home_that_is_read_only(disk: Disk) -> None:
    sophia = disk("300m")
    assert sophia("remember", "stored before").returncode == 0
    assert sophia("down").returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", sophia.home], check=True)
    for command in (["list"], ["up"]):
        ended = sophia(*command)
        assert ended.returncode == 1
        assert "ead-only" in one_error(ended.stderr)
    assert sophia("status").returncode == 0
    subprocess.run(["mount", "-o", "remount,rw", sophia.home], check=True)
    assert sophia.contents() == ["stored before"]


@ROOT_ONLY
def test_a_home_of_another_user_is_refused(sophia: Sophia) -> None:
    sophia.home.mkdir()
    shutil.chown(sophia.home, 65534)
    for command in (["list"], ["down"]):
        ended = sophia(*command)
        assert ended.returncode == 5
        assert "belongs to user 65534" in one_error(ended.stderr)


@pytest.mark.parametrize("what", ["postgres", "notes.txt"])
def test_a_directory_with_other_data_is_refused_and_left_as_it_is(
    sophia: Sophia, what: str
) -> None:
    sophia.home.mkdir(mode=0o755)
    (sophia.home / what).mkdir()
    ended = sophia("list")
    assert ended.returncode == 5
    assert "not sophia's" in one_error(ended.stderr)
    assert [path.name for path in sophia.home.iterdir()] == [what]
    assert sophia.home.stat().st_mode & 0o777 == 0o755


def test_a_home_that_is_a_file_is_refused(sophia: Sophia) -> None:
    sophia.home.write_text("not a directory")
    ended = sophia("list")
    assert ended.returncode == 5
    assert "is not a directory" in one_error(ended.stderr)


@pytest.mark.parametrize(
    "name",
    ["with space", "bücher-ライブラリ", "a,b", "per%20cent?#", 'it\'s "quoted"', "deep" * 25],
)
def test_homes_with_odd_names(home: Path, name: str) -> None:
    sophia = Sophia(home / name)
    try:
        assert sophia("remember", "stored here").returncode == 0
        assert sophia.contents() == ["stored here"]
        assert sophia("status").returncode == 0
        wait_until(lambda: sophia("status").stdout.count("running") == 4)
    finally:
        end_processes_of(home)
        shutil.rmtree(socket_directory(str(sophia.home)), ignore_errors=True)


def test_a_relative_home_is_relative_to_the_working_directory(home: Path) -> None:
    home.mkdir()
    relative = Sophia(Path("memory"))
    try:
        assert relative("remember", "stored here", cwd=home).returncode == 0
        assert Sophia(home / "memory").contents() == ["stored here"]
    finally:
        Sophia(home / "memory")("down")


def test_without_home_the_directory_of_the_user_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    assert home_directory({}) == str(Path("~/.local/share/sophia").expanduser())
    assert home_directory({"HOME": "/h", "XDG_DATA_HOME": "relative"}) == "/h/.local/share/sophia"
    assert home_directory({"HOME": "/h", "XDG_DATA_HOME": "/data"}) == "/data/sophia"


def test_without_home_and_user_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user that no file knows: `~` is nowhere, and not a directory's name."""
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(Refused, match="HOME is not set"):
        Home.of({}).prepare()
