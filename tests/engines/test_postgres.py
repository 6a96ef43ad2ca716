"""The embedded PostgreSQL: its cluster, what survives, and what it says when it cannot start."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from sophia_cli.engines import unprivileged
from sophia_cli.engines.postgres import Postgres
from sophia_cli.errors import OutOfSpace, SophiaError, Unreachable
from sophia_cli.home import Home

Elsewhere = Callable[[str], subprocess.Popen[str]]


def query(address: str, statement: str) -> list[tuple[object, ...]]:
    """Runs one statement in a transaction of its own and returns its rows."""
    with psycopg.connect(address, connect_timeout=10) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _kill(engine: Postgres) -> None:
    pid = engine.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _one_line(error: SophiaError) -> bool:
    return bool(error.message) and "\n" not in error.message + error.hint


def test_committed_rows_are_there_after_kill_9_and_an_immediate_start(postgres: Postgres) -> None:
    query(postgres.ensure(), "CREATE TABLE kept (n int)")
    for n in range(3):
        query(postgres.ensure(), f"INSERT INTO kept VALUES ({n})")
        _kill(postgres)
        rows = query(postgres.ensure(), "SELECT n FROM kept ORDER BY n")
        assert rows == [(i,) for i in range(n + 1)]


def test_backends_of_a_killed_server_keep_a_second_one_out(postgres: Postgres) -> None:
    """They may still write: the lock is theirs until the last of them is gone."""
    busy = "SELECT count(*) FROM generate_series(1, 40000000) a WHERE a % 7 = 3"
    address = postgres.ensure()
    connection = psycopg.connect(address)
    backend = connection.info.backend_pid

    def work() -> None:
        with pytest.raises(psycopg.OperationalError):
            connection.execute(busy)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.2)
    os.kill(backend, signal.SIGSTOP)
    _kill(postgres)
    try:
        with pytest.raises(Unreachable):
            Postgres(postgres.home, timeout=0.5).ensure()
        assert postgres.running()
        assert postgres.pid() is None
    finally:
        os.kill(backend, signal.SIGKILL)
        thread.join()
    assert query(postgres.ensure(), "SELECT 1") == [(1,)]


def test_a_pid_file_that_names_another_living_process_means_nothing(postgres: Postgres) -> None:
    postgres.ensure()
    _kill(postgres)
    postgres.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as innocent:
        for stale in (
            postgres.data / "postmaster.pid",
            postgres.socket.with_name(postgres.socket.name + ".lock"),
        ):
            lines = [str(innocent.pid), str(postgres.data), "0", "5432", "", "", "", "ready"]
            stale.write_text("\n".join(lines) + "\n")
        assert not postgres.stop()
        assert query(postgres.ensure(), "SELECT 1") == [(1,)]
        postgres.stop()
        assert innocent.poll() is None
        innocent.communicate(b"\n")


def test_an_unfinished_cluster_is_thrown_away(postgres: Postgres, home: Home) -> None:
    home.prepare()
    unfinished = home.root / "postgres.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    assert query(postgres.ensure(), "SELECT 1") == [(1,)]
    assert not unfinished.exists()


def test_a_start_that_is_killed_while_it_makes_the_cluster_can_be_repeated(
    postgres: Postgres, elsewhere: Elsewhere, home: Home
) -> None:
    for delay in (0.0, 0.1, 0.3):
        starter = elsewhere("Postgres(home).ensure()")
        while not (home.root / "postgres.new").exists():
            assert starter.poll() is None
            time.sleep(0.001)
        time.sleep(delay)
        starter.kill()
        starter.communicate()
        assert query(postgres.ensure(), "SELECT 1") == [(1,)]
        postgres.stop()
        shutil.rmtree(postgres.data)


def test_what_a_memory_says_never_reaches_the_log(postgres: Postgres) -> None:
    query(postgres.ensure(), "CREATE TABLE memory (content text PRIMARY KEY)")
    query(postgres.address, "INSERT INTO memory VALUES ('the-secret-content')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        query(postgres.address, "INSERT INTO memory VALUES ('the-secret-content')")
    assert "duplicate key" in postgres.log.read_text()
    assert "the-secret-content" not in postgres.log.read_text()


def test_letters_beyond_ascii_are_letters(postgres: Postgres) -> None:
    rows = query(postgres.ensure(), "SELECT lower('ÄÉ'), to_tsvector('simple', 'Größe')::text")
    assert rows == [("äé", "'größe':1")]


def test_extensions_of_the_wheel_are_there(postgres: Postgres) -> None:
    query(postgres.ensure(), "CREATE EXTENSION pg_trgm")
    assert query(postgres.address, "SELECT similarity('Größe', 'größe')") == [(1.0,)]


def test_a_home_with_blanks_and_quotes_in_its_path(home: Home) -> None:
    odd = Postgres(Home(home.root / 'it\'s "a" \\ home'))
    try:
        assert query(odd.ensure(), "SELECT 1") == [(1,)]
    finally:
        odd.stop()


def test_a_home_too_deep_for_a_socket(home: Home) -> None:
    deep = Postgres(Home(home.root / ("deep" * 20) / "home"))
    try:
        assert query(deep.ensure(), "SELECT 1") == [(1,)]
        assert len(str(deep.socket)) < 100
    finally:
        deep.stop()
        shutil.rmtree(deep.home.sockets)


@pytest.mark.parametrize(
    ("victim", "content", "expected"),
    [
        ("PG_VERSION", b"nonsense", "PG_VERSION|not a valid data directory"),
        ("PG_VERSION", b"9\n", "incompatible"),
        ("global/pg_control", b"short", "pg_control"),
        ("pg_wal", None, "pg_wal"),
    ],
)
def test_a_damaged_data_directory_is_one_clear_error_and_is_left_alone(
    postgres: Postgres, victim: str, content: bytes | None, expected: str
) -> None:
    postgres.ensure()
    postgres.stop()
    path = postgres.data / victim
    if content is None:
        shutil.rmtree(path)
    else:
        path.write_bytes(content)
    before = {entry.name for entry in (postgres.data / "base").iterdir()}
    with pytest.raises(Unreachable, match=expected) as caught:
        postgres.ensure()
    assert _one_line(caught.value)
    assert "did not start" in caught.value.message
    assert str(postgres.log) in caught.value.hint
    assert not postgres.running()
    assert {entry.name for entry in (postgres.data / "base").iterdir()} == before


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A real file system of 80 MiB."""
    root = Path(tempfile.mkdtemp(prefix="sophia-disk-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=80m,mode=700", "tmpfs", str(root)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, timeout=10).returncode != 0:
        root.rmdir()
        pytest.skip("needs the right to mount")
    yield root
    subprocess.run(["umount", str(root)], check=True, timeout=10)
    root.rmdir()


def _fill(disk: Path, leave: int) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(disk).free - leave)
    return ballast


@pytest.mark.parametrize("leave", [1 << 20, 20 << 20])
def test_a_full_disk_before_the_first_start(small_disk: Path, leave: int) -> None:
    home = Home(small_disk / "h")
    home.prepare()
    ballast = _fill(small_disk, leave)
    engine = Postgres(home)
    with pytest.raises(OutOfSpace) as caught:
        engine.ensure()
    assert _one_line(caught.value)
    ballast.unlink()
    assert query(engine.ensure(), "SELECT 1") == [(1,)]
    engine.stop()


def test_a_full_disk_at_a_later_start(small_disk: Path) -> None:
    engine = Postgres(Home(small_disk / "h"))
    engine.ensure()
    engine.stop()
    ballast = _fill(small_disk, 0)
    with pytest.raises(OutOfSpace):
        engine.ensure()
    assert not engine.running()
    ballast.unlink()
    assert query(engine.ensure(), "SELECT 1") == [(1,)]
    engine.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_an_ordinary_user_can_run_it(home: Home) -> None:
    root = Path(tempfile.mkdtemp(prefix="sophia-user-", dir="/tmp"))
    os.chown(root, 65534, 65534)
    code = (
        "from pathlib import Path\n"
        "from sophia_cli.engines.postgres import Postgres\n"
        "from sophia_cli.home import Home\n"
        f"engine = Postgres(Home(Path({str(root)!r})))\n"
        "engine.ensure(); print(engine.stop())\n"
    )
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    owner = (root / "postgres" / "PG_VERSION").stat().st_uid
    shutil.rmtree(root)
    assert done.stdout.strip() == "True", done.stderr
    assert owner == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="root only")
def test_as_root_the_files_stay_roots_and_the_server_has_no_privileges(postgres: Postgres) -> None:
    postgres.ensure()
    status = (postgres.data / "PG_VERSION").stat()
    assert status.st_uid == 0
    assert postgres.data.stat().st_mode & 0o077 == 0
    assert (
        Path(f"/proc/{postgres.pid()}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
    )
    capabilities = Path(f"/proc/{postgres.pid()}/status").read_text()
    assert "CapEff:\t0000000000000000" in capabilities


@pytest.mark.skipif(os.geteuid() != 0, reason="root only")
def test_without_user_namespaces_the_error_says_the_way_out(home: Home) -> None:
    """In a user namespace that may make no further ones: the kernel's own limit."""
    code = (
        "from pathlib import Path\n"
        "from sophia_cli.engines.postgres import Postgres\n"
        "from sophia_cli.errors import SophiaError\n"
        "from sophia_cli.home import Home\n"
        "Path('/proc/sys/user/max_user_namespaces').write_text('0')\n"
        f"engine = Postgres(Home(Path({str(home.root)!r})))\n"
        "try: engine.ensure()\n"
        "except SophiaError as error: print(error.message, '|', error.hint)\n"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "refuses to run as root, and user namespaces are blocked" in done.stdout, done.stderr
    assert "ordinary user" in done.stdout
    assert "records.url" in done.stdout


def test_the_launcher_needs_the_standard_library_only() -> None:
    arguments = unprivileged.command([sys.executable, "-c", "print(__import__('os').getuid())"])
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.strip() == "65534" or done.returncode == unprivileged.BLOCKED
