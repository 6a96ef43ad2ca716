"""The engines are stopped by their last user and by nobody else."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sophia_cli.engines.users import EngineUse
from sophia_cli.errors import Unreachable
from sophia_cli.home import Home

Elsewhere = Callable[[str], subprocess.Popen[str]]


def test_the_only_user_is_the_last(home: Home) -> None:
    with EngineUse(home) as use:
        assert use.last_user()


def test_one_of_two_is_not_the_last_and_the_other_then_is(home: Home) -> None:
    with EngineUse(home) as first, EngineUse(home) as second:
        assert not first.last_user()
        assert not first.last_user()
        assert second.last_user()


def test_of_users_that_leave_together_exactly_one_is_the_last(home: Home) -> None:
    with ThreadPoolExecutor(4) as threads:
        for _ in range(50):
            uses = [EngineUse(home) for _ in range(4)]
            for use in uses:
                use.acquire()
            assert sum(threads.map(EngineUse.last_user, uses)) == 1
            for use in uses:
                use.release()


def test_a_user_that_dies_no_longer_counts(home: Home, elsewhere: Elsewhere) -> None:
    other = elsewhere("EngineUse(home).acquire(); print('in', flush=True); time.sleep(60)")
    # Its object is collected at once, but the descriptor stays open until the process ends.
    assert other.stdout is not None
    assert other.stdout.readline() == "in\n"
    with EngineUse(home) as use:
        other.kill()
        other.communicate()
        assert use.last_user()


def test_nobody_starts_while_the_last_user_stops_them(home: Home) -> None:
    with EngineUse(home) as leaving:
        assert leaving.last_user()
        with pytest.raises(Unreachable, match="stopping"):
            EngineUse(home, timeout=0.1).acquire()
        with ThreadPoolExecutor(1) as threads:
            coming = EngineUse(home)
            entered = threads.submit(coming.acquire)
            time.sleep(0.1)
            assert not entered.done()
            leaving.release()
            entered.result(timeout=10)
            assert coming.last_user()
            coming.release()
