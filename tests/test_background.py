"""Work in the background: its result, its error, its request, and nobody has to wait for it."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from sophia_cli.background import begun
from sophia_cli.checks.in_time import in_time
from sophia_cli.correlation import current, request


def test_it_is_a_part_of_the_request_that_began_it() -> None:
    with request("asked-first"):
        result = begun(current, "a work")
    assert result.result(10) == "asked-first"


def test_what_it_raises_is_raised_for_whoever_asks() -> None:
    def fails() -> None:
        raise LookupError("not there")

    with pytest.raises(LookupError, match="not there"):
        begun(fails, "a work").result(10)


def test_one_that_is_late_is_given_up_and_one_that_times_out_itself_is_not_late() -> None:
    goes_on = threading.Event()
    with pytest.raises(InterruptedError):
        in_time(goes_on.wait, 0.05, lambda: InterruptedError("late"))
    goes_on.set()

    def times_out() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        in_time(times_out, 10, lambda: InterruptedError("late"))


def test_the_end_of_the_program_does_not_wait_for_it() -> None:
    code = (
        "import time; from sophia_cli.background import begun; begun(lambda: time.sleep(60), 'x')"
    )
    ended = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert ended.returncode == 0
