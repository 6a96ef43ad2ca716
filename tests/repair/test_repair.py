"""`sophia repair`: shown first, done when asked, safe to interrupt; the records stay."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sophia_cli.exit_status import ExitStatus
from sophia_cli.memory.model import KINDS, Kind
from tests.checks.stage import Stage, staged
from tests.checks.tier_faults import (
    FAULTS,
    emptied,
    entry,
    live,
    of_nobody,
    other_vector,
    row_deleted,
)


@pytest.fixture(scope="module")
def open_stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture
def stage(open_stage: Stage) -> Stage:
    open_stage.empty()
    open_stage.fill()
    return open_stage


def rows(stage: Stage) -> list[object]:
    """Everything that the records hold, but for the vectors and the outbox."""
    return [
        stage.sql(f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in ("memory", "memory_event", "memory_link")
    ]


def test_without_apply_nothing_is_changed(stage: Stage) -> None:
    for fault in FAULTS[1:4]:
        fault.put(stage)
    before, differing = rows(stage), stage.differs()
    shown = stage.console.ok("repair").out
    assert "nothing was changed: sophia repair --apply does it" in shown
    assert differing == stage.differs() != []
    assert rows(stage) == before


def test_nothing_to_mend_is_said(stage: Stage) -> None:
    count = sum(stage.service.vectors.count(kind) for kind in KINDS)
    assert stage.console.ok("repair", "--apply").out == (
        f"{count} points looked at: nothing to mend\n"
    )


def test_all_faults_at_once_are_mended_and_the_records_stay_as_they_are(stage: Stage) -> None:
    for fault in FAULTS:
        if fault.name not in ("index emptied", "row deleted in PostgreSQL", "outbox stuck"):
            fault.put(stage)
    before = rows(stage)
    ended = stage.console("--json", "repair", "--apply")
    assert ended.status is ExitStatus.PARTLY_DONE  # the points of nobody stay
    assert {step["action"] for step in ended.data} == {"embed", "write", "delete", "export", "drop"}
    stage.settle()
    assert stage.failing("TI") == {"TI-01", "TI-04"}
    assert rows(stage) == before


def test_only_one_kind_is_mended(stage: Stage) -> None:
    emptied(stage)
    stage.console.ok("repair", "--apply", "--kind", "business")
    assert stage.service.vectors.count(Kind.CODING) == 0
    assert stage.service.vectors.count(Kind.BUSINESS) == len(live(stage, Kind.BUSINESS))


def test_vector_of_the_records_that_is_not_of_its_text_is_made_again(stage: Stage) -> None:
    one = live(stage)[8]
    right = stage.service.records.queries.vectors([one])[one]
    stage.sql(
        "UPDATE memory_vector SET vector = %s WHERE memory_id = %s",
        [other_vector().astype("<f4").tobytes(), one],
    )
    stage.console.ok("repair", "--apply")
    assert (stage.service.records.queries.vectors([one])[one] == right).all()
    assert stage.differs() == []


def test_altered_point_does_not_change_the_vector_of_the_records(stage: Stage) -> None:
    one = live(stage)[8]
    right = stage.service.records.queries.vectors([one])[one]
    altered = replace(entry(stage, one), dense=other_vector())
    stage.service.vectors.upsert(Kind.CODING, [altered])
    stage.console.ok("repair", "--apply")
    assert (stage.service.records.queries.vectors([one])[one] == right).all()
    assert stage.differs() == []


def test_interrupted_repair_is_gone_on_with(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    emptied(stage)
    console = stage.console
    apply, applied = stage.service.indexer.apply, []

    def interrupted(owed: object) -> None:
        apply(owed)  # type: ignore[arg-type]
        applied.append(owed)
        console.cancelled.set()

    monkeypatch.setattr(stage.service.indexer, "apply", interrupted)
    assert console("repair", "--apply").status is ExitStatus.INTERRUPTED
    monkeypatch.undo()
    assert len(applied) == 1
    console.cancelled = threading.Event()
    console.ok("repair", "--apply")
    assert stage.failing("TI") == set()
    assert stage.differs() == []


def test_what_is_owed_but_not_applied_is_done_without_another_repair(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied(stage)

    class Killed(BaseException):
        pass

    def killed(_: object) -> None:
        raise Killed

    monkeypatch.setattr(stage.service.indexer, "apply", killed)
    with pytest.raises(Killed):
        stage.console("repair", "--apply", "--kind", "coding")
    monkeypatch.undo()
    stage.settle()
    assert stage.service.vectors.count(Kind.CODING) == len(live(stage))


def test_what_only_the_vectors_have_is_exported_and_can_be_taken_in_again(
    stage: Stage, tmp_path: Path
) -> None:
    one = live(stage)[0]
    before = stage.service.get(one)
    row_deleted(stage)
    file = tmp_path / "found.jsonl"
    ended = stage.console.ok("repair", "--export", str(file))
    assert f"1 exported: sophia import {file} takes them in again" in ended.out
    assert file.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [str(one)]
    assert stage.service.vectors.present(Kind.CODING, [one]) == {one}

    stage.console.ok("import", str(file))
    stage.settle()
    assert stage.service.get(one) == replace(before, model=stage.service.get(one).model)
    assert stage.failing("TI") == set()
    assert stage.differs() == []
    again = stage.console("remember", before.content, "--kind", "coding", "--user", "ana")
    assert again.status is ExitStatus.OK


def test_export_never_overwrites(stage: Stage, tmp_path: Path) -> None:
    of_nobody(stage)
    file = tmp_path / "found.jsonl"
    file.write_text("mine")
    assert stage.console("repair", "--export", str(file)).status is ExitStatus.USAGE
    assert file.read_text() == "mine"


def test_memory_that_was_written_meanwhile_is_not_deleted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A point of the wrong kind becomes the right one between the plan and the deed."""
    from sophia_cli.repair import mending

    one = live(stage)[5]
    stage.service.vectors.upsert(Kind.BUSINESS, [entry(stage, one)])
    delete = mending._delete

    def late(service: object, kind: Kind, ids: object) -> None:
        stage.sql("UPDATE memory SET kind = 'business', version = 2 WHERE id = %s", [one])
        stage.service.records.outbox.owe([one])
        stage.settle()
        delete(service, kind, ids)  # type: ignore[arg-type]

    monkeypatch.setattr(mending, "_delete", late)
    stage.console.ok("repair", "--apply")
    stage.settle()
    assert stage.service.vectors.present(Kind.BUSINESS, [one]) == {one}
    assert stage.differs() == []
