from __future__ import annotations

import time

import pytest

from sophia_cli.errors import TierDown
from sophia_cli.tiers.breaker import Breaker


def _breaker(cooldown: float = 0.1) -> Breaker:
    return Breaker(lambda cause: TierDown("records", cause), cooldown)


def test_while_the_tier_answers_every_call_goes_through_and_none_looks() -> None:
    breaker = _breaker()
    assert [breaker.enter() for _ in range(3)] == [False] * 3
    breaker.passed()
    assert not breaker.open


def test_after_a_failure_calls_fail_at_once_with_its_cause() -> None:
    breaker = _breaker(cooldown=60)
    assert str(breaker.failed("no answer within 2 s")) == "records: no answer within 2 s"
    with pytest.raises(TierDown, match="no answer within 2 s"):
        breaker.enter()


def test_then_one_call_at_a_time_looks_and_the_others_go_on_failing() -> None:
    breaker = _breaker()
    breaker.failed("frozen")
    time.sleep(0.15)
    assert breaker.enter()
    with pytest.raises(TierDown):
        breaker.enter()
    breaker.failed("still frozen")
    with pytest.raises(TierDown, match="still"):
        breaker.enter()
    time.sleep(0.15)
    assert breaker.enter()
    breaker.passed()
    assert not breaker.enter()
