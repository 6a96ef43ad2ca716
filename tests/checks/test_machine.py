"""This machine's checks: each made to fail for real, and then to pass."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sophia_cli.checks.check import Verdict
from sophia_cli.environment import utc_now
from sophia_cli.home import Home
from tests.checks.conftest import Store
from tests.checks.remote_disk import RemoteDisk
from tests.checks.scenes import looks, worst
from tests.conftest import Sophia, wait_until

_LOOK = """
import json, resource, sys
from pathlib import Path
from tests.checks.scenes import looks
_, home, number, limit, value = sys.argv
nowhere = {"SOPHIA_RECORDS__URL": "postgresql://sophia@127.0.0.1:1/postgres"}
found = looks(Path(home), number, nowhere)
if limit:
    value = int(value)
    if limit == "RLIMIT_AS":  # on top of what it has
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        value += pages * resource.getpagesize()
    resource.setrlimit(getattr(resource, limit), (value, value))
    found = looks(Path(home), number, nowhere)
print(json.dumps([[each.verdict, each.says] for each in found]))
"""


def elsewhere(
    home: Path, number: str, limit: str = "", value: int = 0, path: str = ""
) -> list[list[str]]:
    """What a check finds in a process of its own, with a limit of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", _LOOK, str(home), number, limit, str(value)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    found: list[list[str]] = json.loads(ended.stdout)
    return found


def test_a_python_that_is_too_old(home: Path, tmp_path: Path) -> None:
    assert elsewhere(home, "MA-01")[0][0] == "pass"
    info = tmp_path / "sophia_cli-99.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: sophia-cli\nVersion: 99\nRequires-Python: >=3.99\n"
    )
    [[verdict, says]] = elsewhere(home, "MA-01", path=str(tmp_path))
    assert verdict == "fail"
    assert "too old" in says


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 300 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m,mode=700", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, timeout=20).returncode != 0:
        pytest.skip("needs the right to mount")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True, timeout=20)


def test_a_disk_that_fills_up(store: Store, disk: Path) -> None:
    service = store.opened.service
    home = Home(disk / "home").prepare().root
    assert worst(looks(home, "MA-02", service=service)) is Verdict.PASS
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 150 << 20)
    [found] = looks(home, "MA-02", service=service)
    assert found.verdict is Verdict.FAIL
    assert "nothing more can be stored" in found.says
    ballast.unlink()
    assert worst(looks(home, "MA-02", service=service)) is Verdict.PASS
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, timeout=20)
    [found] = looks(home, "MA-02", service=service)
    assert found.says == "the file system is read-only"


def test_memory_that_is_short(home: Path) -> None:
    assert elsewhere(home, "MA-03")[0][0] == "pass"
    assert elsewhere(home, "MA-03", "RLIMIT_AS", 450 << 20)[0][0] == "warn"
    assert elsewhere(home, "MA-03", "RLIMIT_AS", 120 << 20)[0][0] == "fail"


def test_few_files_that_may_be_opened(home: Path) -> None:
    assert elsewhere(home, "MA-04", "RLIMIT_NOFILE", 4096)[0][0] == "pass"
    assert elsewhere(home, "MA-04", "RLIMIT_NOFILE", 200)[0][0] == "warn"


def test_a_resident_process_that_has_nearly_all_its_files_open(sophia: Sophia) -> None:
    assert sophia("up").returncode == 0
    assert worst(looks(sophia.home, "MA-04")) is Verdict.PASS
    before = resource.prlimit(sophia.resident(), resource.RLIMIT_NOFILE)
    used = len(list(Path(f"/proc/{sophia.resident()}/fd").iterdir()))
    resource.prlimit(sophia.resident(), resource.RLIMIT_NOFILE, (used + 3, before[1]))
    assert worst(looks(sophia.home, "MA-04")) is Verdict.FAIL
    resource.prlimit(sophia.resident(), resource.RLIMIT_NOFILE, before)
    assert worst(looks(sophia.home, "MA-04")) is Verdict.PASS


def test_a_clock_that_is_wrong(store: Store) -> None:
    assert worst(store.looks("MA-05")) is Verdict.PASS
    for seconds, verdict in ((10, Verdict.WARN), (-10, Verdict.WARN), (300, Verdict.FAIL)):
        found = store.looks("MA-05", now=lambda by=seconds: utc_now() + timedelta(seconds=by))
        assert worst(found) is verdict
        assert found[0].subject == "records"


def test_a_clock_that_was_set_back(store: Store) -> None:
    log = store.home.log("valkey")
    later = utc_now().timestamp() + 3600
    os.utime(log, (later, later))
    found = store.looks("MA-05")
    assert worst(found) is Verdict.FAIL
    assert "set back" in found[0].says
    os.utime(log)
    assert worst(store.looks("MA-05")) is Verdict.PASS


def test_sockets_that_others_may_use(store: Store) -> None:
    assert worst(store.looks("MA-06")) is Verdict.PASS
    for path in (store.home.sockets, store.valkey.socket):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | 0o066)
        [found] = store.looks("MA-06")
        assert found.verdict is Verdict.FAIL
        assert found.subject == str(path)
        assert found.command.startswith("chmod ")
        path.chmod(mode)
        assert worst(store.looks("MA-06")) is Verdict.PASS


def test_a_home_and_secrets_that_others_may_read(store: Store) -> None:
    secrets = store.home.root / "clusters" / "lab" / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    for folder in (secrets, *secrets.parents[:2]):
        folder.chmod(0o700)
    secret = secrets / "redis-password"
    secret.touch(mode=0o600)
    assert worst(store.looks("MA-07")) is Verdict.PASS
    for path, mode in ((store.home.root, 0o755), (store.home.vectors, 0o750), (secret, 0o644)):
        before = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode)
        [found] = store.looks("MA-07")
        assert found.verdict is Verdict.FAIL
        assert found.subject == str(path)
        path.chmod(before)
        assert worst(store.looks("MA-07")) is Verdict.PASS


def test_a_secret_of_somebody_else(store: Store) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a file away")
    folder = store.home.root / "clusters" / "theirs"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    os.chown(folder, 12345, -1)
    [found] = store.looks("MA-07")
    assert found.verdict is Verdict.FAIL
    assert "somebody else" in found.says
    folder.rmdir()
    assert worst(store.looks("MA-07")) is Verdict.PASS


def test_a_home_on_a_disk_of_another_machine(store: Store, tmp_path: Path) -> None:
    assert worst(store.looks("MA-08")) is Verdict.PASS
    with RemoteDisk.mounted(tmp_path):
        [found] = looks(tmp_path, "MA-08", service=store.opened.service)
        assert found.verdict is Verdict.FAIL
        assert "fuse.sshfs" in found.says
    wait_until(lambda: not os.path.ismount(tmp_path))
    assert worst(looks(tmp_path, "MA-08", service=store.opened.service)) is Verdict.PASS
