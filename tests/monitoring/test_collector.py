"""What is collected of a service on real engines: tiers that are off, that hang, and a GPU."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.assembly import open_service
from sophia_cli.config.loading import load
from sophia_cli.engines.postgres import Postgres
from sophia_cli.errors import TierDown
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService
from sophia_cli.monitoring import declarations as of
from sophia_cli.monitoring import figures as module
from sophia_cli.monitoring.collector import samples
from sophia_cli.monitoring.declarations import Metric
from sophia_cli.monitoring.exposition import exposition
from sophia_cli.monitoring.figures import Figures
from tests.commands.console import Console
from tests.commands.stores import opened_console
from tests.conftest import temporary_home, wait_until
from tests.faults.frozen import frozen


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    with opened_console() as found:
        found.ok("remember", "a memory to count", "--kind", "coding")
        found.ok("recall", "which memory?")
        yield found


@pytest.fixture(autouse=True)
def never_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is asked at each look."""
    asked = [
        module.Question(each.name, each.tier, each.ask, fresh=0.0) for each in module.QUESTIONS
    ]
    monkeypatch.setattr(module, "QUESTIONS", tuple(asked))


def told(service: MemoryService, figures: Figures, metric: Metric) -> dict[tuple[str, ...], object]:
    found = samples(service, figures).get(metric.name, ())
    return {labels: value for _, labels, value in found}


def test_every_tier_that_is_there_is_told(console: Console) -> None:
    figures = Figures(console.service, patience=10.0)
    assert told(console.service, figures, of.TIER_UP) == {
        (tier,): True for tier in ("embedding", "records", "vectors", "hot_cache", "gpu_cache")
    }
    assert told(console.service, figures, of.MEMORIES)["coding", "live"] == 1
    assert told(console.service, figures, of.INDEX_POINTS) == {("coding",): 1, ("business",): 0}
    assert set(told(console.service, figures, of.TIER_SIZE)) == {("records",), ("vectors",)}


def test_what_is_fresh_is_not_asked_again(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def question(name: str) -> module.Question:
        return module.Question(name, None, lambda _: asked.append(name), fresh=3600.0)

    names = [each.name for each in module.QUESTIONS]
    monkeypatch.setattr(module, "QUESTIONS", tuple(map(question, names)))
    figures = Figures(console.service, patience=10.0)
    for _ in range(3):
        figures.refresh()
    assert sorted(asked) == sorted(names)


def test_a_tier_that_hangs_is_down_after_a_while_and_its_figures_stay_away(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = Figures(console.service, patience=0.05)
    monkeypatch.setattr(module, "LATE", 0.0)
    with frozen(Postgres(console.home).pid()):
        found = told(console.service, figures, of.TIER_UP)
        assert found["records",] is False
        assert found["embedding",] is True
        assert of.OUTBOX_ENTRIES.name not in samples(console.service, figures)
    wait_until(lambda: told(console.service, figures, of.TIER_UP)["records",])


def test_nobody_waits_twice_for_the_same_answer(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, asked = threading.Event(), []

    def hang(_: MemoryService) -> object:
        asked.append(1)
        answered.wait(20)
        return (0, 0.0)

    questions = [
        module.Question("outbox", "records", hang, 0.0) if each.name == "outbox" else each
        for each in module.QUESTIONS
    ]
    monkeypatch.setattr(module, "QUESTIONS", tuple(questions))
    figures = Figures(console.service, patience=0.05)
    for _ in range(5):
        figures.refresh()
    assert len(asked) == 1
    assert figures.up("records") is None  # it was not late yet
    answered.set()
    wait_until(lambda: figures.up("records"))


def test_a_question_that_goes_wrong_in_another_way_is_told_once(
    console: Console, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(_: MemoryService) -> object:
        raise KeyError("secret")

    monkeypatch.setattr(module, "QUESTIONS", (module.Question("gpu", None, wrong, 0.0),))
    figures = Figures(console.service, patience=10.0)
    for _ in range(3):
        figures.refresh()
    assert caplog.messages == ["metrics: gpu is missing: KeyError"]


def test_what_a_look_finds_down_counts_as_degraded(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: MemoryService) -> object:
        raise TierDown("hot_cache", "refused")

    monkeypatch.setattr(
        module, "QUESTIONS", (module.Question("hot_cache", "hot_cache", down, 0.0),)
    )
    Figures(console.service, patience=10.0).refresh()
    assert console.service.meters.down("hot_cache")
    monkeypatch.undo()
    Figures(console.service, patience=10.0).refresh()
    assert not console.service.meters.down("hot_cache")


def test_a_gpu_is_told_where_there_is_one(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "nvidia-smi"
    fake.write_text("#!/bin/sh\necho '0, NVIDIA H100, 2048, 81920, 35, 41, [N/A]'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    figures = Figures(console.service, patience=10.0)
    assert told(console.service, figures, of.GPU_USED) == {("0",): 2048 << 20}
    assert told(console.service, figures, of.GPU_MEMORY) == {("0",): 81920 << 20}
    assert told(console.service, figures, of.GPU_BUSY) == {("0",): 0.35}
    assert told(console.service, figures, of.GPU_HEAT) == {("0",): 41}
    body, _ = exposition(console.service)
    assert b"sophia_gpu_memory_bytes{" in body


def test_a_cache_that_is_switched_off_is_not_told_as_down() -> None:
    with temporary_home() as home:
        config = load({"SOPHIA_HOT_CACHE__ENABLED": "false"}, {}).config
        opened = open_service(config, Home(home))
        try:
            found = told(opened.service, Figures(opened.service, patience=10.0), of.TIER_UP)
        finally:
            opened.close()
    assert ("hot_cache",) not in found
    assert found["records",] is True


def test_figures_keep_no_service_alive() -> None:
    class Service:
        """Stands for one."""

    service = Service()
    figures, gone = Figures(service), weakref.ref(service)  # type: ignore[arg-type]
    del service
    gc.collect()
    assert gone() is None
    figures.refresh()
    assert figures["outbox"] is None
