"""Nobody who may write to the embedded records comes and goes unseen."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from sophia_cli.engines.writers import Writers
from sophia_cli.home import Home

Elsewhere = Callable[[str], subprocess.Popen[str]]


def test_the_only_writer_is_alone_for_as_long_as_nobody_comes(home: Home) -> None:
    home.prepare()
    writers = Writers(home)
    before = writers.alone()
    assert before is not None
    assert writers.alone() == before
    writers.close()


def test_nobody_is_alone_beside_another_and_its_visit_is_seen_afterwards(home: Home) -> None:
    home.prepare()
    first = Writers(home)
    before = first.alone()
    second = Writers(home)
    assert first.alone() is None
    assert second.alone() is None
    second.close()
    assert first.alone() not in (None, before)
    first.close()


def test_a_writer_that_is_killed_is_gone_and_was_seen(home: Home, elsewhere: Elsewhere) -> None:
    home.prepare()
    writers = Writers(home)
    before = writers.alone()
    other = elsewhere(
        "from sophia_cli.engines.writers import Writers\n"
        "kept = Writers(home); print('in', flush=True); time.sleep(60)"
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "in\n"
    assert writers.alone() is None
    other.kill()
    other.communicate()
    assert writers.alone() not in (None, before)
    writers.close()
