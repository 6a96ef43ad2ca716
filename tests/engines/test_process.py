"""What both engines do: started once, adopted, stopped, and back after being killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from sophia_cli.engines import lock
from sophia_cli.engines.process import Engine
from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.home import Home
from sophia_cli.logs.file import cut

Elsewhere = Callable[[str], subprocess.Popen[str]]


def _pid(engine: Engine) -> int:
    pid = engine.pid()
    assert pid is not None
    return pid


def _output(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.strip()


def _servers(home: Home) -> set[int]:
    """The processes of this home's engines that no other of them started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink().is_relative_to(home.root):
                parents[int(entry.name)] = int((entry / "stat").read_text().split()[-49])
        except (OSError, IndexError):
            continue
    return {pid for pid, parent in parents.items() if parent not in parents}


def _descriptors(pid: int) -> set[str]:
    """What a process has open; one that it closes while we look is left out."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(descriptor.readlink()))
    return found


def test_it_starts_from_nothing_and_a_second_call_changes_nothing(engine: Engine) -> None:
    assert not engine.running()
    assert engine.pid() is None
    address = engine.ensure()
    pid = _pid(engine)
    assert engine.running()
    assert engine.ensure() == address
    assert engine.pid() == pid


def test_another_process_adopts_it(engine: Engine, elsewhere: Elsewhere) -> None:
    address = engine.ensure()
    kind = type(engine).__name__
    output = _output(elsewhere(f"e = {kind}(home); print(e.ensure()); print(e.pid())"))
    assert output.splitlines() == [address, str(engine.pid())]


def test_it_outlives_its_starter(engine: Engine, elsewhere: Elsewhere) -> None:
    kind = type(engine).__name__
    pid = _output(elsewhere(f"e = {kind}(home); e.ensure(); print(e.pid())"))
    assert engine.answers()
    assert engine.pid() == int(pid)


def test_many_processes_that_start_at_the_same_moment_end_with_one_server(
    engine: Engine, home: Home, elsewhere: Elsewhere
) -> None:
    code = f"e = {type(engine).__name__}(home); sys.stdin.read(1); e.ensure(); print(e.pid())"
    starters = [elsewhere(code) for _ in range(4)]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("\n")
        starter.stdin.flush()
    pids = {int(_output(starter)) for starter in starters}
    assert pids == {_pid(engine)}
    assert _servers(home) == pids


def test_eight_threads_that_start_it_get_one_server(engine: Engine, home: Home) -> None:
    with ThreadPoolExecutor(8) as threads:
        addresses = set(threads.map(lambda _: engine.ensure(), range(8)))
    assert addresses == {engine.address}
    assert _servers(home) == {_pid(engine)}


def test_it_is_started_by_the_waiting_process_when_the_starter_dies(
    engine: Engine, home: Home, elsewhere: Elsewhere
) -> None:
    home.prepare()
    name = engine.name
    code = (
        "from sophia_cli.engines import lock\n"
        f"lock.take(home.locks / '{name}.lock'); print('held', flush=True); time.sleep(60)"
    )
    starter = elsewhere(code)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "held\n"
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(engine.ensure)
        time.sleep(0.3)
        assert not waiting.done()
        starter.kill()
        starter.communicate()
        waiting.result(timeout=30)
    assert engine.answers()


def test_it_comes_back_right_after_being_killed(engine: Engine) -> None:
    engine.ensure()
    for _ in range(3):
        pid = _pid(engine)
        os.kill(pid, signal.SIGKILL)
        engine.ensure()
        assert engine.answers()
        assert engine.pid() != pid


def test_stopping_it_frees_the_data_directory(engine: Engine, home: Home) -> None:
    engine.ensure()
    pid = _pid(engine)
    assert engine.stop()
    assert not engine.running()
    assert _servers(home) == set()
    assert not Path(f"/proc/{pid}").exists()
    descriptor = lock.take(home.locks / f"{engine.name}.lock")
    assert descriptor is not None
    os.close(descriptor)
    assert not engine.stop()


def test_a_process_that_did_not_start_it_can_stop_it(engine: Engine, elsewhere: Elsewhere) -> None:
    engine.ensure()
    kind = type(engine).__name__
    assert _output(elsewhere(f"print({kind}(home).stop())")) == "True"
    assert not engine.running()


def test_a_server_that_hangs_is_stopped_by_force(engine: Engine) -> None:
    engine.ensure()
    os.kill(_pid(engine), signal.SIGSTOP)
    assert engine.stop(timeout=0.2)
    assert not engine.running()


def test_a_server_that_hangs_is_reported_not_waited_for(home: Home, engine: Engine) -> None:
    engine.ensure()
    pid = _pid(engine)
    os.kill(pid, signal.SIGSTOP)
    try:
        impatient = type(engine)(home, timeout=0.2)
        with pytest.raises(Unreachable, match="did not answer within") as caught:
            impatient.ensure()
        assert str(engine.log) in caught.value.hint
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_running_server_that_is_silent_is_not_waited_for_as_one_that_starts(
    home: Home, engine: Engine
) -> None:
    engine.ensure()
    pid = _pid(engine)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(Unreachable, match="did not answer within 2 s"):
            type(engine)(home, timeout=60).ensure()
        assert time.monotonic() - began < 6
    finally:
        os.kill(pid, signal.SIGCONT)
    engine.ensure()


def test_a_stale_socket_does_not_hinder_it(engine: Engine, home: Home) -> None:
    home.prepare()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(engine.socket))
    engine.ensure()
    assert engine.answers()


def test_it_opens_no_tcp_port_and_keeps_its_socket_private(engine: Engine, home: Home) -> None:
    engine.ensure()
    ours = {name for name in _descriptors(_pid(engine)) if name.startswith("socket:")}
    internet = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            internet.add(f"socket:[{line.split()[9]}]")
    assert ours
    assert not ours & internet
    assert engine.socket.stat().st_mode & 0o077 == 0
    assert home.sockets.stat().st_mode & 0o077 == 0


def test_it_has_no_terminal_and_nothing_else_of_its_starter(
    engine: Engine, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "value-of-the-key")
    with (tmp_path / "open").open("w") as opened:
        os.set_inheritable(opened.fileno(), True)
        engine.ensure()
    pid = _pid(engine)
    assert os.getsid(pid) == pid
    files = {name for name in _descriptors(pid) if name.startswith("/")} - {"/dev/null"}
    assert files <= {str(engine.log), str(home.locks / f"{engine.name}.lock")}
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
    assert b"value-of-the-key" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_home_that_cannot_be_used_is_one_clear_error(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SophiaError, match="file"):
        type(engine)(Home(tmp_path / "file" / "home")).ensure()


def test_a_log_that_cannot_be_written_is_one_clear_error(engine: Engine, home: Home) -> None:
    home.prepare()
    engine.log.mkdir()
    with pytest.raises(SophiaError, match=re.escape(str(engine.log))):
        engine.ensure()
    assert not engine.running()


def test_a_large_log_is_set_aside_while_the_engine_runs(engine: Engine, home: Home) -> None:
    home.prepare()
    with engine.log.open("wb") as log:
        log.truncate(9 << 20)
    engine.ensure()
    cut(engine.log, 8 << 20, 1)
    engine.stop()
    assert 0 < engine.log.stat().st_size < 1 << 20
    assert (home.logs / f"{engine.name}.log.1").stat().st_size > 9 << 20
