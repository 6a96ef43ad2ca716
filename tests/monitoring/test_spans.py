"""Spans as a collector receives them: real times, a child for each stay in a tier, no content."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.config.model import Tracing
from sophia_cli.engines.valkey import Valkey
from sophia_cli.errors import ConfigurationError
from sophia_cli.monitoring import otel
from sophia_cli.monitoring.spans import spans_to
from tests.commands.console import Console
from tests.commands.stores import opened_console
from tests.conftest import Sophia, wait_until
from tests.faults.frozen import frozen
from tests.monitoring.collector import Collector, collecting
from tests.monitoring.prometheus import free_port

WORD = "zanzibar"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setattr(otel, "_PAUSE_MS", 50)
    with collecting() as found:
        yield found


@pytest.fixture
def console(collector: Collector) -> Iterator[Console]:
    variables = {"SOPHIA_TRACING__ENDPOINT": collector.url, "SOPHIA_TRACING__SERVICE_NAME": "ours"}
    with opened_console(variables) as found:
        yield found


def test_an_operation_is_a_span_and_each_stay_in_a_tier_one_below_it(
    console: Console, collector: Collector
) -> None:
    before = time.time_ns()
    console.ok("remember", f"the {WORD} project uses Qdrant", "--kind", "coding")
    console.ok("recall", f"what does {WORD} use?")
    after = time.time_ns()
    wait_until(lambda: collector.named("sophia.recall"))
    [stored], [recalled] = collector.named("sophia.remember"), collector.named("sophia.recall")
    assert stored.attributes == {
        "sophia.count": 1,
        "sophia.kinds": ["coding"],
        "sophia.degraded": False,
    }
    assert recalled.attributes == {
        "sophia.count": 1,
        "sophia.kinds": ["business", "coding"],
        "sophia.degraded": False,
        "sophia.served_by": "vectors",
    }
    for span in (stored, recalled):
        below = collector.below(span)
        assert {"sophia.records", "sophia.embedding", "sophia.vectors"} <= {
            each.name for each in below
        }
        assert before <= span.started <= below[0].started
        assert max(each.ended for each in below) <= span.ended <= after
        assert all(each.started <= each.ended for each in below)
        assert not span.failed and not span.parent
    assert collector.service["service.name"] == "ours"
    assert not any(WORD.encode() in body for body in collector.raw)


def test_a_failure_has_its_code_and_nothing_of_its_message(
    console: Console, collector: Collector
) -> None:
    console("remember", " ")
    wait_until(lambda: collector.named("sophia.remember"))
    [failed] = collector.named("sophia.remember")
    assert failed.failed
    assert failed.attributes["error.type"] == "invalid_input"
    assert not any(b"empty" in body for body in collector.raw)


def test_a_tier_that_was_down_shows_in_its_own_span(console: Console, collector: Collector) -> None:
    console.ok("recall", "is the hot cache there?")
    with frozen(Valkey(console.home).pid()):
        console.ok("recall", "is it degraded?")
    wait_until(lambda: len(collector.named("sophia.recall")) == 2)
    first, asked = sorted(collector.named("sophia.recall"), key=lambda each: each.started)
    assert (first.attributes["sophia.degraded"], asked.attributes["sophia.degraded"]) == (
        False,
        True,
    )
    assert not asked.failed
    assert {each.name for each in collector.below(asked) if each.failed} == {"sophia.hot_cache"}


def test_what_waits_is_sent_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otel, "_PAUSE_MS", 3_600_000)
    with collecting() as collector:
        with opened_console({"SOPHIA_TRACING__ENDPOINT": collector.url}) as console:
            console.ok("remember", "sent at the end")
            assert not collector.spans
        assert collector.named("sophia.remember")


def test_the_share_that_is_not_sampled_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        variables = {
            "SOPHIA_TRACING__ENDPOINT": collector.url,
            "SOPHIA_TRACING__SAMPLE_RATIO": "1e-12",
        }
        with opened_console(variables) as console:
            console.ok("recall", "anything")
        assert not collector.spans


def test_headers_come_from_a_file(collector: Collector, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("Authorization: Basic c29waGlh\nX-Team:  memory \n")
    file.chmod(0o600)
    variables = {
        "SOPHIA_TRACING__ENDPOINT": collector.url,
        "SOPHIA_TRACING__HEADERS_FILE": str(file),
    }
    with opened_console(variables) as console:
        console.ok("recall", "anything")
    assert collector.headers["authorization"] == "Basic c29waGlh"
    assert collector.headers["x-team"] == "memory"


@pytest.mark.parametrize("text", ["no colon", "Name:", ": value"])
def test_a_file_of_headers_that_are_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "headers"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match="a line in it is not"):
        Tracing(headers_file=file).headers()


def test_a_collector_that_is_down_is_told_once_and_fails_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otel, "_PAUSE_MS", 50)
    monkeypatch.setattr(otel, "_TIMEOUT", 0.2)
    endpoint = f"http://user:secret@127.0.0.1:{free_port()}/v1/traces"
    with opened_console({"SOPHIA_TRACING__ENDPOINT": endpoint}) as console:
        for number in range(3):
            console.ok("recall", f"question {number}")
            wait_until(lambda: caplog.records)
    told = [each.getMessage() for each in caplog.records if "tracing" in each.getMessage()]
    assert len(told) == 1
    assert "takes no spans" in told[0] and "secret" not in told[0]


def test_a_collector_that_comes_back_is_told(
    console: Console, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    console.ok("recall", "refused")
    wait_until(lambda: "takes no spans" in caplog.text)
    collector.status = 200
    console.ok("recall", "taken")
    wait_until(lambda: "takes spans again" in caplog.text)
    assert collector.named("sophia.recall")


def test_without_the_package_it_is_said_and_everything_works(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "sophia_cli.monitoring.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with (
        caplog.at_level(logging.WARNING),
        opened_console({"SOPHIA_TRACING__ENDPOINT": "http://127.0.0.1:1/v1/traces"}) as console,
    ):
        console.ok("recall", "anything")
        assert console.service.meters.observer is None
    [told] = [each for each in caplog.messages if "tracing" in each]
    assert "pip install 'sophia-cli[otel]'" in told


def test_without_an_endpoint_nothing_is_loaded_and_nothing_noted() -> None:
    with opened_console() as console:
        console.ok("recall", "anything")
        assert console.service.meters.observer is None


def test_a_fault_of_ours_is_no_fault_of_the_operation(caplog: pytest.LogCaptureFixture) -> None:
    spans = spans_to(Tracing(endpoint="http://127.0.0.1:1/v1/traces"))
    assert spans is not None
    try:
        for _ in range(2):
            spans("recall", 0.0, 1.0, None, None)  # type: ignore[arg-type]
    finally:
        spans.close()
    assert [each for each in caplog.messages if "could not be made" in each] == caplog.messages[:1]


def test_the_resident_process_sends_them(sophia: Sophia, collector: Collector) -> None:
    sophia.variables["SOPHIA_TRACING__ENDPOINT"] = collector.url
    assert sophia("remember", "by the resident process").returncode == 0
    assert sophia("down").returncode == 0
    assert collector.named("sophia.remember")


def test_a_command_in_the_foreground_sends_them(sophia: Sophia, collector: Collector) -> None:
    sophia.variables["SOPHIA_TRACING__ENDPOINT"] = collector.url
    ended = sophia("--no-daemon", "remember", "by a process of its own")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert collector.named("sophia.remember")
