"""The lock of a run: one at a time, all hosts or none, and nobody's for long after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.environment import utc_now
from sophia_cli.ops.errors import CommandFailed, HostUnreachable, OutcomeUnknown
from sophia_cli.ops.lock import Leases, LockHeld, LockLost, Pace
from sophia_cli.ops.owner import Owner
from tests.conftest import wait_until
from tests.ops.keeping_local import DIRECTORY, LocalHosts

HOSTS = ("one", "two", "three")
HERE = Owner.of_this_process()
# Of whom nobody here can say whether they live.
ELSEWHERE = Owner("ana", "laptop", 4711, "another boot", 17)
# Nobody waits for the signs of life of these, nor becomes stale.
STILL = Pace(beat=3600.0, stale=86400, look=0.05)
QUICK = Pace(beat=0.2, stale=5, look=0.05)

HOLD = """
import sys, time
from pathlib import Path
from sophia_cli.ops.lock import Leases, Pace
from sophia_cli.ops.owner import Owner
from tests.ops.keeping_local import DIRECTORY, LocalHosts
with Leases(LocalHosts(Path(sys.argv[1])), sys.argv[2:], "deploy", Owner.of_this_process(),
            directory=DIRECTORY, pace=Pace(beat=0.2, stale=86400)):
    print("held", flush=True)
    time.sleep(600)
"""
RACE = """
import sys
from pathlib import Path
from sophia_cli.ops.lock import Leases, LockHeld, Pace
from sophia_cli.ops.owner import Owner
from tests.ops.keeping_local import DIRECTORY, LocalHosts
print("ready", flush=True)
sys.stdin.readline()
taken = 0
root = Path(sys.argv[1])
while taken < 10:
    try:
        with Leases(LocalHosts(root), ["one", "two"], "race", Owner.of_this_process(),
                    directory=DIRECTORY, pace=Pace(stale=86400)):
            count = int((root / "count").read_text())
            (root / "mine").mkdir()
            (root / "count").write_text(str(count + 1))
            (root / "mine").rmdir()
            taken += 1
    except LockHeld:
        pass
print(taken, flush=True)
"""


@pytest.fixture
def hosts(tmp_path: Path) -> LocalHosts:
    return LocalHosts(tmp_path)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def process(script: str, *arguments: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", script, tmp_path, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[2],
            )
        )
        assert started[-1].stdout is not None
        started[-1].stdout.readline()
        return started[-1]

    yield process
    for each in started:
        each.kill()
        each.communicate()


def leases(hosts: LocalHosts, owner: Owner = ELSEWHERE, **more: Any) -> Leases:
    settings: dict[str, Any] = {"patience": 0.0, "pace": STILL, "directory": DIRECTORY, **more}
    return Leases(hosts, settings.pop("on", HOSTS), "deploy qdrant", owner, **settings)


def free(hosts: LocalHosts) -> bool:
    return not any(hosts.lock(host).exists() for host in HOSTS)


def age(hosts: LocalHosts, seconds: float) -> None:
    """As if the leases had had their last sign of life so long ago."""
    for host in HOSTS:
        then = hosts.lock(host).stat().st_mtime - seconds
        os.utime(hosts.lock(host), (then, then))


def test_the_lock_says_whose_it_is_on_every_host_while_the_run_lasts(hosts: LocalHosts) -> None:
    with leases(hosts, HERE) as held:
        held.check()
        for host in HOSTS:
            says = json.loads(hosts.lock(host).read_text())
            assert (says["owner"], says["pid"]) == (str(HERE), os.getpid())
            assert says["purpose"] == "deploy qdrant" and datetime.fromisoformat(says["since"])
            assert hosts.lock(host).stat().st_mode & 0o077 == 0
    assert free(hosts)
    with leases(hosts):
        pass


def test_who_comes_second_is_told_whose_it_is_and_leaves_nothing_behind(hosts: LocalHosts) -> None:
    with leases(hosts, on=["two"]):
        with pytest.raises(LockHeld) as told, leases(hosts, HERE):
            pass
        assert "two is locked by ana@laptop (process 4711, deploy qdrant, since 2" in str(
            told.value
        )
        assert "sophia deploy --break-lock" in told.value.hint
        assert not hosts.lock("one").exists() and not hosts.lock("three").exists()
        assert "laptop" in hosts.lock("two").read_text()
    assert free(hosts)


def test_a_host_that_cannot_be_reached_leaves_the_others_free(hosts: LocalHosts) -> None:
    hosts["three"].is_cut = True
    with pytest.raises(HostUnreachable, match="three"), leases(hosts):
        pass
    assert free(hosts)


def test_a_lease_whose_taking_got_no_answer_is_given_up_too(hosts: LocalHosts) -> None:
    hosts["three"].loses_answers = True
    with pytest.raises(OutcomeUnknown, match="three"), leases(hosts):
        pass
    assert free(hosts)


def test_processes_that_want_it_at_once_have_it_one_after_the_other(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    (tmp_path / "count").write_text("0")
    racing = [start(RACE), start(RACE)]
    for each in racing:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.communicate(timeout=100)[0].strip() for each in racing] == ["10", "10"]
    assert (tmp_path / "count").read_text() == "20"


def test_of_those_who_take_over_a_stale_lease_one_wins(hosts: LocalHosts) -> None:
    with leases(hosts, pace=STILL):
        pass
    for _ in range(10):
        hosts.lock("one").write_text('{"id": "dead"}\n')
        os.utime(hosts.lock("one"), (1, 1))
        start = threading.Barrier(4)
        done = threading.Barrier(4)
        won: list[int] = []

        def take(number: int, start: Any = start, done: Any = done, won: Any = won) -> None:
            start.wait(60)
            try:
                with leases(hosts, on=["one"]):
                    won.append(number)
                    done.wait(60)
            except LockHeld:
                done.wait(60)

        takers = [threading.Thread(target=take, args=(number,)) for number in range(4)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join(60)
        assert len(won) == 1
        assert free(hosts)


def test_a_killed_owner_on_this_machine_is_replaced_without_waiting(
    hosts: LocalHosts, start: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = start(HOLD, *HOSTS)
    with (
        pytest.raises(LockHeld, match=f"process {holder.pid}, deploy"),
        leases(hosts, HERE, patience=3600.0),
    ):
        pass
    holder.send_signal(signal.SIGKILL)  # and not waited for: it stays a zombie
    said: list[str] = []
    wait_until(lambda: Owner("", "", holder.pid, HERE.space, 0).is_gone)
    with leases(hosts, HERE, patience=0.0, say=lambda host, text: said.append(text)) as held:
        held.check()
    assert len(said) == 3
    assert all("taking over the lock" in text and "has ended" in text for text in said)
    assert free(hosts)


def test_an_owner_of_whom_nothing_is_heard_any_more_is_waited_for(hosts: LocalHosts) -> None:
    abandoned = leases(hosts, pace=Pace(beat=86400.0, stale=86400))  # each check asks the host
    abandoned.__enter__()
    said: list[str] = []
    with leases(
        hosts, HERE, patience=60.0, pace=QUICK, say=lambda host, text: said.append(text)
    ) as held:
        held.check()
        with pytest.raises(LockLost, match=f"was taken over by {HERE}"):
            abandoned.check("one")
    assert "waiting 60 s at most for ana@laptop" in said[0]
    assert "took over the lock of ana@laptop" in said[-1]


def test_nobody_waits_for_an_owner_who_is_heard_of(hosts: LocalHosts) -> None:
    with (
        leases(hosts, pace=Pace(beat=0.2, stale=86400)),
        pytest.raises(LockHeld),
        leases(hosts, HERE, patience=3600.0),
    ):
        pass


def test_a_lease_lasts_as_long_as_its_owner_works(hosts: LocalHosts) -> None:
    with leases(hosts, pace=QUICK) as held:
        first = hosts.lock("two").stat().st_mtime
        wait_until(lambda: hosts.lock("two").stat().st_mtime > first + QUICK.stale)
        held.check()
        with pytest.raises(LockHeld), leases(hosts, HERE, pace=QUICK):
            pass


@pytest.mark.parametrize("years", [-3, 3])
def test_this_machines_clock_counts_for_nothing(hosts: LocalHosts, years: int) -> None:
    def wrong() -> datetime:
        return utc_now() + timedelta(days=365 * years)

    with leases(hosts, now=wrong, pace=Pace(beat=3600.0)):
        with pytest.raises(LockHeld), leases(hosts, HERE, pace=Pace()):
            pass
        age(hosts, 20)
        with pytest.raises(LockHeld, match=r"silent for 2\d s"), leases(hosts, HERE, pace=Pace()):
            pass
        age(hosts, 15)
        with leases(hosts, HERE, pace=Pace()) as held:
            held.check()


def test_a_hosts_clock_that_was_set_back_locks_nobody_out(hosts: LocalHosts) -> None:
    leases(hosts).__enter__()
    age(hosts, -86400)
    said: list[str] = []
    with leases(hosts, HERE, pace=Pace(), say=lambda host, text: said.append(text)):
        assert "before its host's clock was set back" in said[0]


def test_a_broken_lock_is_noticed_before_the_next_step(hosts: LocalHosts) -> None:
    said: list[str] = []
    with leases(hosts, pace=Pace(beat=0.1, stale=86400)) as first:
        first.check()
        with leases(hosts, HERE, breaking=True, say=lambda host, text: said.append(text)):
            assert "breaking the lock of ana@laptop (process 4711, deploy qdrant" in said[0]

            def noticed() -> bool:
                try:
                    first.check("two")
                except LockLost as lost:
                    return f"two: the lock was taken over by {HERE}" in str(lost)
                return False

            wait_until(noticed)
    assert free(hosts)


def test_who_comes_in_between_is_not_broken_too(hosts: LocalHosts) -> None:
    leases(hosts).__enter__()
    later = Owner("bob", "ci", 1, "yet another boot", 1)

    def bob_breaks_it_first(host: str, text: str) -> None:
        if host == "one" and "breaking" in text:
            leases(hosts, later, breaking=True).__enter__()

    with (
        pytest.raises(LockHeld, match="bob@ci"),
        leases(hosts, HERE, breaking=True, say=bob_breaks_it_first),
    ):
        pass
    assert "bob" in hosts.lock("one").read_text()


def test_a_lock_that_was_removed_by_hand_is_noticed(hosts: LocalHosts) -> None:
    with leases(hosts, pace=Pace(beat=0.1, stale=86400)) as held:
        hosts.lock("two").unlink()

        def noticed() -> bool:
            try:
                held.check()
            except LockLost as lost:
                return str(lost) == "two: the lock was removed"
            return False

        wait_until(noticed)


def test_a_run_that_was_long_out_of_touch_asks_before_the_next_step(hosts: LocalHosts) -> None:
    # Its beats come too late, as those of a machine that slept do.
    with leases(hosts, pace=Pace(beat=3600.0, stale=3600)) as held:
        hosts["one"].is_cut = True
        with pytest.raises(HostUnreachable):
            held.check()
        held.check("two", "three")
        hosts["one"].is_cut = False
        held.check()


def test_a_host_that_is_lost_at_the_end_is_said_and_expires(hosts: LocalHosts) -> None:
    said: list[tuple[str, str]] = []
    with leases(hosts, say=lambda host, text: said.append((host, text))):
        hosts["two"].is_cut = True
    assert said == [("two", "the lock ends by itself within 86400 s: two: no route to the host")]
    hosts["two"].is_cut = False
    assert not hosts.lock("one").exists() and hosts.lock("two").exists()
    age_of_two = hosts.lock("two").stat().st_mtime - STILL.stale - 1
    os.utime(hosts.lock("two"), (age_of_two, age_of_two))
    with leases(hosts, HERE):
        pass


def test_a_torn_lock_counts_until_it_is_stale(hosts: LocalHosts) -> None:
    with leases(hosts, on=["one"]):
        pass
    for torn in ("", '{"id": "12', "\x00\x00", "[]"):
        hosts.lock("one").write_text(torn)
        with pytest.raises(LockHeld, match="cannot be read"), leases(hosts, HERE):
            pass
        with leases(hosts, HERE, breaking=True):
            pass
        hosts.lock("one").write_text(torn)
        os.utime(hosts.lock("one"), (1, 1))
        with leases(hosts, HERE):
            pass


def test_a_disk_that_cannot_be_written_is_said(hosts: LocalHosts) -> None:
    hosts["one"].root.mkdir()
    (hosts["one"].root / "var").write_text("in the way")
    with pytest.raises(CommandFailed, match=f"one: lock in {DIRECTORY}: .*var"), leases(hosts):
        pass


def test_an_interrupted_run_lets_go(hosts: LocalHosts) -> None:
    with pytest.raises(KeyboardInterrupt), leases(hosts):
        raise KeyboardInterrupt
    assert free(hosts)


def test_no_command_line_says_who_it_is(hosts: LocalHosts) -> None:
    with leases(hosts) as held:
        held.check()
    shown = "".join(command.text for command in hosts["one"].commands)
    assert "lock" in shown and "laptop" not in shown and "deploy qdrant" not in shown


def test_a_pid_that_was_used_again_is_another_process() -> None:
    assert not HERE.is_gone and HERE.is_here
    assert Owner("x", "x", HERE.pid, HERE.space, HERE.started + 1).is_gone
    assert not Owner("x", "x", HERE.pid, "another space", HERE.started + 1).is_gone
