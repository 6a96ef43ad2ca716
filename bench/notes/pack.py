"""Packs the labelled notes for `sophia bench recall`: python bench/notes/pack.py.

Writes sophia_cli/bench/data/notes.jsonl: each section as `sophia ingest` reads one, headings first,
and the questions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sophia_cli.memory.model import Draft
from sophia_cli.reading import read_path

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "sophia_cli" / "bench" / "data" / "notes.jsonl"


def main() -> None:
    text = packed()
    TARGET.write_text(text, "utf-8")
    print(f"{TARGET}: {text.count(chr(10))} lines, {len(text.encode()):,} bytes")


def packed() -> str:
    """The whole file."""
    rows = [*notes(), *questions()]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def notes() -> Iterator[dict[str, str]]:
    """Each note as a memory, of the kind that `ingest` gives its file."""
    for path in sorted((HERE / "corpus").glob("*.md")):
        first = next(read_path(path, None, datetime.now(UTC)))
        assert isinstance(first, Draft) and first.kind is not None, first
        title, *sections = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)
        for section in sections:
            heading, _, text = section.partition("\n")
            yield {
                "id": f"{path.stem}#{heading}",
                "content": f"{title.removeprefix('# ').strip()} > {heading}\n{text.strip()}",
                "kind": first.kind.value,
            }


def questions() -> Iterator[dict[str, object]]:
    """Each question with what is right for it."""
    for line in (HERE / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        yield {"question": row["question"], "right": row["relevant"], "category": row["kind"]}


if __name__ == "__main__":
    main()
