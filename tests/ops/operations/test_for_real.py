"""Operations that are really carried out on this machine, in a directory of the test's own.

What was applied once needs nothing any more.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import stat
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.errors import Refused
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.facts.fact import gather
from sophia_cli.ops.operations.operation import Change, Nothing
from sophia_cli.ops.operations.registry import build
from tests.ops.local import LocalConnection

python_with_venv = pytest.mark.skipif(
    not Path("/usr/bin/python3").exists()
    or subprocess.run(
        ["/usr/bin/python3", "-c", "import ensurepip"], capture_output=True, timeout=20
    ).returncode
    != 0,
    reason="no python3-venv here",
)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="operations are carried out as root")


def compare(name: str, arguments: Mapping[str, Any]) -> Change | Nothing:
    operation = build(name, arguments)
    return operation.compare(gather(LocalConnection(), operation.needs()))


def apply(name: str, arguments: Mapping[str, Any]) -> Change:
    """Does what is needed, and makes sure that nothing is needed then."""
    change = compare(name, arguments)
    assert isinstance(change, Change), change
    LocalConnection().apply(change)
    assert isinstance(compare(name, arguments), Nothing)
    return change


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directory_is_made_with_owner_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "my data" / "it's"
    apply("directory", {"path": str(path), "owner": 999, "group": "998", "mode": "0750"})
    assert (mode(path), path.stat().st_uid, path.stat().st_gid) == (0o750, 999, 998)
    assert (mode(path.parent), path.parent.stat().st_uid) == (0o755, 0)


def test_what_is_in_a_directory_keeps_its_owner_when_the_directory_s_changes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data"
    path.mkdir()
    inner = path / "inner"
    inner.write_text("kept")
    os.chown(inner, 4711, 4711)
    apply("directory", {"path": str(path), "owner": "999", "mode": "0700"})
    assert (path.stat().st_uid, inner.stat().st_uid, inner.read_text()) == (999, 4711, "kept")


def test_a_link_to_a_directory_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    apply("directory", {"path": str(tmp_path / "data"), "owner": "999"})
    assert (tmp_path / "disk").stat().st_uid == 999
    assert (tmp_path / "data").is_symlink()


def test_a_directory_whose_parent_lacks_is_refused_when_that_is_asked(tmp_path: Path) -> None:
    arguments = {"path": str(tmp_path / "a" / "b"), "parents": False}
    change = compare("directory", arguments)
    assert isinstance(change, Change)
    with pytest.raises(CommandFailed):
        LocalConnection().apply(change)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("content", [b"", b"one\n", b"no end", b"\0\1\xff", b"x" * 300_000])
@pytest.mark.parametrize("secret", [False, True])
def test_a_file_is_written_and_then_replaced(content: bytes, secret: bool, tmp_path: Path) -> None:
    path = tmp_path / "it's a file"
    arguments = {"path": str(path), "content": content, "owner": "999", "secret": secret}
    apply("file", arguments)
    assert path.read_bytes() == content
    assert (mode(path), path.stat().st_uid) == (0o600 if secret else 0o644, 999)
    apply("file", {**arguments, "content": content + b"more"})
    assert path.read_bytes() == content + b"more"


def test_a_file_of_another_mode_stays_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "mounted in a container"
    path.write_bytes(b"same")
    before = path.stat().st_ino
    apply("file", {"path": str(path), "content": "same", "owner": "999", "mode": "0400"})
    assert (path.stat().st_ino, mode(path), path.stat().st_uid) == (before, 0o400, 999)


def test_a_file_takes_the_place_of_a_link_and_not_of_what_it_leads_to(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("other")
    link.symlink_to(target)
    apply("file", {"path": str(link), "content": "mine"})
    assert (link.is_symlink(), link.read_text(), target.read_text()) == (False, "mine", "other")


def test_a_script_runs_once_with_its_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "password"
    arguments = {
        "name": "keep a password",
        "run": f"cat >> {path}",
        "check": f"test -s {path}",
        "stdin": "hunter2",
    }
    apply("script", arguments)
    assert path.read_text() == "hunter2"


def test_a_script_that_brings_nothing_about_has_failed(tmp_path: Path) -> None:
    change = compare("script", {"name": "do it", "run": "true", "check": "false"})
    assert isinstance(change, Change)
    with pytest.raises(CommandFailed, match="its check still fails"):
        LocalConnection().apply(change)


def test_a_script_without_root_cannot_do_what_root_can() -> None:
    arguments = {"name": "x", "run": "test $(id -u) != 0", "check": "false", "sudo": False}
    change = compare("script", arguments)
    assert isinstance(change, Change)
    first = change.actions[0]
    LocalConnection().apply(Change(change.summary, (first,)))


def test_wiping_deletes_what_is_named_and_nothing_beside_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("redis", "qdrant", "somebody else's"):
        (data / name / "deep").mkdir(parents=True)
        (data / name / "deep" / "file").write_text("x")
    (data / "redis" / "out").symlink_to(data / "somebody else's")
    arguments = {"paths": [str(data / "redis"), str(data / "qdrant")], "allowed": [str(data)]}
    change = apply("wipe", arguments)
    assert change.destroys
    assert [path.name for path in data.iterdir()] == ["somebody else's"]
    assert (data / "somebody else's" / "deep" / "file").read_text() == "x"


def test_a_link_that_took_the_place_since_it_was_planned_is_left_alone(tmp_path: Path) -> None:
    data, important = tmp_path / "data", tmp_path / "important"
    data.mkdir()
    important.mkdir()
    (important / "file").write_text("x")
    change = compare("wipe", {"paths": [str(data)], "allowed": [str(tmp_path)]})
    assert isinstance(change, Change)
    data.rmdir()
    data.symlink_to(important)
    with pytest.raises(CommandFailed, match="is or goes through a link now"):
        LocalConnection().apply(change)
    assert (important / "file").read_text() == "x"


def test_a_path_through_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real" / "redis").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "real")
    with pytest.raises(Refused, match="goes through one"):
        compare("wipe", {"paths": [str(tmp_path / "data" / "redis")], "allowed": [str(tmp_path)]})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    path = tmp_path / "data" / "disk"
    path.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], capture_output=True, timeout=20
    )
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True, timeout=20)


def test_a_disk_below_is_a_reason_to_delete_nothing(disk: Path, tmp_path: Path) -> None:
    (disk / "file").write_text("x")
    with pytest.raises(Refused, match="is mounted below"):
        compare("wipe", {"paths": [str(disk.parent)], "allowed": [str(tmp_path)]})
    assert (disk / "file").read_text() == "x"


def test_a_disk_is_emptied_and_stays_mounted(disk: Path, tmp_path: Path) -> None:
    (disk / "deep" / "er").mkdir(parents=True)
    (disk / ".hidden").write_text("x")
    apply("wipe", {"paths": [str(disk)], "allowed": [str(tmp_path)]})
    assert list(disk.iterdir()) == []
    assert disk.is_mount()


def test_a_disk_mounted_since_it_was_planned_is_left_alone(tmp_path: Path, disk: Path) -> None:
    (disk / "file").write_text("x")
    path = disk.parent
    subprocess.run(["umount", disk], check=True, timeout=20)
    change = compare("wipe", {"paths": [str(path)], "allowed": [str(tmp_path)]})
    assert isinstance(change, Change)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True, timeout=20)
    (disk / "file").write_text("x")
    with pytest.raises(CommandFailed, match="something is mounted below"):
        LocalConnection().apply(change)
    assert (disk / "file").read_text() == "x"


def wheel(directory: Path, text: str, version: str = "1.0") -> Path:
    """A package `some-thing` with one module that has one value."""
    path = directory / f"some_thing-{version}-py3-none-any.whl"
    info = f"some_thing-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("some_thing.py", f"VALUE = {text!r}\n")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: some-thing\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def value(environment: Path) -> str:
    asked = [environment / "bin" / "python", "-c", "import some_thing; print(some_thing.VALUE)"]
    return subprocess.run(
        asked, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


@python_with_venv
def test_an_environment_has_the_very_wheel_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "its own"
    for text in ("first", "second"):
        file = wheel(tmp_path, text)
        arguments = {
            "path": str(path),
            "requirement": str(file),
            "digest": hashlib.sha256(file.read_bytes()).hexdigest(),
            "index": "http://127.0.0.1:9/simple",
            "python": "/usr/bin/python3",
        }
        apply("python_environment", arguments)
        assert value(path) == text


class Index(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A package index with one package, and a password that it does not look at."""
    directory = tmp_path / "simple" / "some-thing"
    directory.mkdir(parents=True)
    wheel(directory, "from the index", "2.0")
    handler = functools.partial(Index, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://me:hunter2@127.0.0.1:{server.server_port}/simple"
        server.shutdown()


@python_with_venv
def test_an_environment_is_installed_from_the_index_that_is_told(
    tmp_path: Path, index: str
) -> None:
    path = tmp_path / "environment"
    arguments = {
        "path": str(path),
        "requirement": "some-thing>=2",
        "index": index,
        "python": "/usr/bin/python3",
    }
    apply("python_environment", arguments)
    assert value(path) == "from the index"
    assert compare("python_environment", arguments) == Nothing("has some-thing 2.0")
