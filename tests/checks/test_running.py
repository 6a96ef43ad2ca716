"""Running checks: together, in time, and whatever they do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.checks.check import Check, Finding, Look, Severity, Verdict, failed, passed, warned
from sophia_cli.checks.digests.copies import copies_of
from sophia_cli.checks.running import Looked, look
from sophia_cli.checks.scene import Scene
from sophia_cli.errors import Interrupted, TierDown
from tests.checks.scenes import scene_of
from tests.conftest import Sophia


@pytest.fixture
def scene(home: Path) -> Iterator[Scene]:
    nowhere = {"SOPHIA_RECORDS__URL": "postgresql://sophia@127.0.0.1:1/postgres"}
    with scene_of(home, nowhere) as scene:
        yield scene


def check(
    number: str, look: Look, timeout: float = 8.0, severity: Severity = Severity.MINOR
) -> Check:
    return Check(number, "title", severity, "meaning", "mend", look, timeout=timeout)


def test_all_are_made_at_once(scene: Scene) -> None:
    together = threading.Barrier(5, timeout=30)

    def meet(_: Scene) -> Iterator[Finding]:
        together.wait()
        yield passed("met")

    found = look([check(f"XX-0{n}", meet, 40.0) for n in range(5)], scene, 40.0)
    assert {each.verdict for each in found} == {Verdict.PASS}


def test_what_hangs_is_left_behind_with_what_it_had_found(scene: Scene) -> None:
    ended = threading.Event()

    def hang(_: Scene) -> Iterator[Finding]:
        yield passed("so far", "first")
        ended.wait(60)
        yield failed("too late", "second")

    done: list[Looked] = []
    found = look(
        [check("XX-01", hang, 0.3), check("XX-02", lambda _: iter([passed("fine")]))],
        scene,
        30.0,
        done.append,
    )
    assert [each.check.number for each in done] == ["XX-02", "XX-01"]
    hung = found[0]
    assert [each.verdict for each in hung.findings] == [Verdict.UNKNOWN, Verdict.PASS]
    assert "within 0.3 s" in hung.findings[0].says
    ended.set()
    time.sleep(0.2)
    assert len(hung.findings) == 2


def test_all_together_have_a_time_too(scene: Scene) -> None:
    def hang(_: Scene) -> Iterator[Finding]:
        threading.Event().wait(60)
        yield passed("never")

    found = look([check("XX-01", hang, 50.0)], scene, 0.3)
    assert found[0].verdict is Verdict.UNKNOWN


def test_an_error_is_a_finding(scene: Scene) -> None:
    def down(_: Scene) -> Iterator[Finding]:
        yield passed("first", "one")
        raise TierDown("records", "gone\nand more", "sophia up")

    def wrong(_: Scene) -> Iterator[Finding]:
        raise ValueError("hunter2")
        yield

    def nothing(_: Scene) -> Iterator[Finding]:
        yield from ()

    checks = [check("XX-01", down), check("XX-02", wrong), check("XX-03", nothing)]
    found = {each.check.number: each for each in look(checks, scene)}
    assert found["XX-01"].findings[0].says == "records: gone"
    assert found["XX-01"].findings[0].command == "sophia up"
    assert found["XX-01"].findings[1].verdict is Verdict.PASS
    assert found["XX-02"].findings[0].says == "an error in the check itself: ValueError"
    assert "ValueError: hunter2" in found["XX-02"].trace
    assert found["XX-03"].findings[0].verdict is Verdict.UNKNOWN
    assert not found["XX-01"].trace


def test_the_worst_comes_first(scene: Scene) -> None:
    checks = [
        check("PG-01", lambda _: iter([passed("")])),
        check("MA-02", lambda _: iter([passed("")])),
        check("XX-03", lambda _: iter([warned("")]), severity=Severity.CRITICAL),
        check("XX-04", lambda _: iter([passed(""), failed("")])),
        check("XX-05", lambda _: iter([failed("")]), severity=Severity.CRITICAL),
    ]
    found = [each.check.number for each in look(checks, scene)]
    assert found == ["XX-05", "XX-04", "XX-03", "MA-02", "PG-01"]


def test_the_user_may_stop_it(scene: Scene) -> None:
    def hang(_: Scene) -> Iterator[Finding]:
        scene.invocation.environment.cancelled.set()
        threading.Event().wait(60)
        yield passed("never")

    with pytest.raises(Interrupted):
        look([check("XX-01", hang, 50.0)], scene, 50.0)


def test_a_check_may_be_the_first_that_asks_for_the_copies(sophia: Sophia, home: Path) -> None:
    assert sophia("up").returncode == 0

    def count(scene: Scene) -> Iterator[Finding]:
        yield passed(f"{len(copies_of(scene))} copies")

    with scene_of(home) as scene:
        found = look([check("XX-01", count, 40.0)], scene, 40.0)
    assert found[0].findings == (passed("1 copies"),)
