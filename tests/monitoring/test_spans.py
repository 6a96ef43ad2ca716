"""Spans as a collector receives them: real times, a child for each stay in a tier, no content."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest

from sophia_cli.config.faces import Tracing
from sophia_cli.engines.valkey import Valkey
from sophia_cli.errors import ConfigurationError
from sophia_cli.memory.meters import Meters
from sophia_cli.memory.trace import Trace
from sophia_cli.monitoring import otel
from sophia_cli.monitoring.spans import spans_to
from tests.commands.console import Console
from tests.commands.stores import opened_console
from tests.conftest import Sophia, wait_until
from tests.faults.frozen import frozen
from tests.monitoring.collector import Collector, collecting
from tests.monitoring.prometheus import free_port

WORD = "zanzibar"


@pytest.fixture(scope="module")
def traced() -> Iterator[tuple[Console, Collector]]:
    """A service on real engines whose spans are sent at once."""
    with pytest.MonkeyPatch.context() as patch, collecting() as collector:
        patch.setattr(otel, "_PAUSE_MS", 50)
        names = {"SOPHIA_TRACING__ENDPOINT": collector.url, "SOPHIA_TRACING__SERVICE_NAME": "ours"}
        with opened_console(names) as console:
            yield console, collector


@pytest.fixture
def console(traced: tuple[Console, Collector]) -> Console:
    return traced[0]


@pytest.fixture
def collector(traced: tuple[Console, Collector]) -> Collector:
    """Of the console; what came before is forgotten."""
    found = traced[1]
    assert traced[0].service.meters.observer is not None
    traced[0].service.meters.observer._provider.force_flush()  # type: ignore[attr-defined]
    found.spans.clear()
    found.raw.clear()
    return found


def operate(settings: Tracing, operations: int = 1) -> None:
    """Measures so many recalls, tells them to a collector, and ends."""
    meters = Meters()
    meters.observer = spans = spans_to(settings)
    assert spans is not None
    for _ in range(operations):
        with meters.measure("recall", trace := Trace()), trace.tier("records"):
            pass
    spans.close()


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
        "sophia.request": ANY,
        "sophia.count": 1,
        "sophia.kinds": ["coding"],
        "sophia.degraded": False,
    }
    assert recalled.attributes == {
        "sophia.request": ANY,
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
        operate(Tracing(endpoint=collector.url), 3)
        assert len(collector.named("sophia.recall")) == len(collector.named("sophia.records")) == 3


def test_the_share_that_is_not_sampled_is_not_sent() -> None:
    with collecting() as collector:
        operate(Tracing(endpoint=collector.url, sample_ratio=1e-12), 10)
        assert not collector.spans


def test_headers_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("Authorization: Basic c29waGlh\nX-Team:  memory \n")
    file.chmod(0o600)
    with collecting() as collector:
        operate(Tracing(endpoint=collector.url, headers_file=file))
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
    monkeypatch.setattr(otel, "_PAUSE_MS", 10)
    monkeypatch.setattr(otel, "_BATCH", 1)
    monkeypatch.setattr(otel, "_TIMEOUT", 0.2)
    operate(Tracing(endpoint=f"http://user:secret@127.0.0.1:{free_port()}/v1/traces"), 3)
    [told] = caplog.messages
    assert "takes no spans" in told and "secret" not in told


def test_a_collector_that_comes_back_is_told(
    console: Console, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    console.ok("recall", "refused")
    wait_until(lambda: "takes no spans" in caplog.text)
    collector.status = 200
    caplog.clear()
    console.ok("recall", "taken")
    wait_until(lambda: "takes spans again" in caplog.text)
    assert collector.named("sophia.recall")


def test_without_the_package_it_is_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "sophia_cli.monitoring.otel")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    assert spans_to(Tracing(endpoint="http://127.0.0.1:1/v1/traces")) is None
    [told] = caplog.messages
    assert "pip install 'sophia-cli[otel]'" in told


def test_without_an_observer_a_trace_notes_no_stays() -> None:
    with Meters().measure("recall", trace := Trace()), trace.tier("records"):
        trace.tell(1, ["coding"])
    assert trace.stays is None


def test_a_fault_of_ours_is_no_fault_of_the_operation(caplog: pytest.LogCaptureFixture) -> None:
    spans = spans_to(Tracing(endpoint="http://127.0.0.1:1/v1/traces"))
    assert spans is not None
    try:
        for _ in range(2):
            spans("recall", 0.0, 1.0, None, None)  # type: ignore[arg-type]
    finally:
        spans.close()
    assert [each for each in caplog.messages if "could not be made" in each] == caplog.messages[:1]


def test_the_resident_process_and_the_foreground_send_them(sophia: Sophia) -> None:
    with collecting() as collector:
        sophia.variables["SOPHIA_TRACING__ENDPOINT"] = collector.url
        ended = sophia("--no-daemon", "remember", "by a process of its own")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert len(collector.named("sophia.remember")) == 1
        assert sophia("remember", "by the resident process").returncode == 0
        assert sophia("down").returncode == 0
        assert len(collector.named("sophia.remember")) == 2
