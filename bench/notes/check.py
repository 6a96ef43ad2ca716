"""Checks the labelled notes beside it: python bench/notes/check.py; exits 1 on a fault.

Counts (sections, questions), lengths in words, headings unique in their file, and that every
`relevant` names an existing section, written file-stem#Section heading.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
SECTIONS, QUESTIONS = 200, 60
WORDS = range(30, 111)  # of one note, its heading not counted
PER_FILE = range(6, 11)
RELEVANT = range(1, 4)
KINDS = {"lookup", "paraphrase", "person", "number", "why", "multi", "negation-ish"}


def main() -> int:
    notes, faults = corpus()
    rows = [json.loads(line) for line in (HERE / "questions.jsonl").read_text("utf-8").splitlines()]
    faults += labels(rows, notes)
    if len(notes) != SECTIONS or len(rows) != QUESTIONS:
        faults.append(f"{len(notes)} sections, {len(rows)} questions")
    lengths = sorted(notes.values())
    print(f"{len(notes)} notes, {lengths[0]} to {lengths[-1]} words, {sum(lengths)} in all")
    print(f"{len(rows)} questions,", dict(Counter(row["kind"] for row in rows)))
    print(sum(len(row["relevant"]) > 1 for row in rows), "questions with two or three sections")
    print("\n".join(faults) or "no faults")
    return 1 if faults else 0


def corpus() -> tuple[dict[str, int], list[str]]:
    """The words of each note by its name, and what is wrong with the files."""
    notes: dict[str, int] = {}
    faults = []
    for path in sorted((HERE / "corpus").glob("*.md")):
        title, *sections = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)
        if not re.fullmatch(r"# \S.*\n\n", title) or len(sections) not in PER_FILE:
            faults.append(f"{path.name}: no title, or {len(sections)} sections")
        for section in sections:
            heading, _, text = section.partition("\n")
            name = f"{path.stem}#{heading}"
            if name in notes or len(text.split()) not in WORDS:
                faults.append(f"{name}: heading twice, or {len(text.split())} words")
            notes[name] = len(text.split())
    return notes, faults


def labels(rows: list[dict], notes: dict[str, int]) -> list[str]:
    """What is wrong with the questions."""
    faults = []
    for number, row in enumerate(rows, 1):
        wrong = [name for name in row["relevant"] if name not in notes]
        repeated = len(set(row["relevant"])) != len(row["relevant"])
        if wrong or repeated or len(row["relevant"]) not in RELEVANT or row["kind"] not in KINDS:
            faults.append(f"question {number}: {wrong or 'its relevant or its kind'}")
    if len({row["question"] for row in rows}) != len(rows):
        faults.append("a question twice")
    return faults


if __name__ == "__main__":
    sys.exit(main())
