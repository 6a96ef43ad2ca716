from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.bench.result_file import VERSION, as_document, read, write
from sophia_cli.errors import InvalidInput
from tests.bench.runs import full


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write(full(), tmp_path / "run.json")
    assert read(tmp_path / "run.json") == full()


def test_the_envelope_of_json_can_be_read_as_well(tmp_path: Path) -> None:
    envelope = {"status": "ok", "count": 1, "data": [as_document(full()) | {"comparison": None}]}
    (tmp_path / "run.json").write_text(json.dumps(envelope))
    assert read(tmp_path / "run.json") == full()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no result of `sophia bench`"),
        (b"\xff\x00", "no result of `sophia bench`"),
        (b"[" * 100_000, "no result of `sophia bench`"),
        (b"7", "no result of `sophia bench`"),
        (b"{}", "no result of `sophia bench`"),
        (b'{"data": []}', "no result of `sophia bench`"),
        (b'{"format": "sophia-export", "version": 1}', "no result of `sophia bench`"),
        (b'{"format": "sophia-bench"}', "format version None"),
        (b'{"format": "sophia-bench", "version": 1}', "damaged result, at started"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "old.json").write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        read(tmp_path / "old.json")
    assert said in refused.value.message
    assert refused.value.hint


def test_a_file_that_is_not_there_or_a_directory_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(InvalidInput):
            read(path)


def _damaged(path: list[Any], value: Any) -> dict[str, Any]:
    document = json.loads(json.dumps(as_document(full())))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    found: dict[str, Any] = document
    return found


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (_damaged(["version"], VERSION + 1), f"format version {VERSION + 1}"),
        (_damaged(["scenarios", 0, "figures", 0, "value"], "fast"), "scenarios.0.figures.0.value"),
        (_damaged(["scenarios", 0, "figures", 0, "better"], "more"), "figures.0.better"),
        (_damaged(["scenarios", 0, "figures", 0, "pace"], {"python": [0.0, 1.0]}), "pace"),
        (_damaged(["scenarios", 0, "loads", 0, "best"], 0), "loads.0.best"),
        (_damaged(["machine"], None), "machine"),
    ],
)
def test_a_damaged_result_says_where(tmp_path: Path, document: Any, said: str) -> None:
    (tmp_path / "old.json").write_text(json.dumps(document))
    with pytest.raises(InvalidInput, match="result") as refused:
        read(tmp_path / "old.json")
    assert said in refused.value.message
