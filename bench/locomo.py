"""LoCoMo conversations (Maharana et al. 2024) as sessions of turns, and their questions.

The data is not part of this project (CC BY-NC 4.0, for evaluation only): give its directory.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sophia_cli.memory.model import Draft, Kind

_EVIDENCE = re.compile(r"D\d+:\d+")


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question and the turns that answer it, by their names in the data (`D3:12`)."""

    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation: its turns as drafts, the name of each, and the questions about it."""

    name: str
    drafts: list[Draft]
    turn_names: list[str]
    questions: list[LabelledQuestion]


def conversations(directory: Path) -> list[Conversation]:
    """Every conversation of a directory of LoCoMo files, in the order of their names."""
    return [_conversation(path) for path in sorted(directory.glob("*.json"))]


def plain(talk: Conversation) -> Conversation:
    """The same turns as notes: without speaker, date and session."""
    drafts = [
        Draft(draft.content, kind=draft.kind, user=f"{draft.user}-plain") for draft in talk.drafts
    ]
    return replace(talk, name=f"{talk.name}-plain", drafts=drafts)


def _conversation(path: Path) -> Conversation:
    data = json.loads(path.read_text("utf-8"))
    drafts, names = [], []
    for number in range(1, 1000):
        turns = data.get(f"session_{number}")
        if turns is None:
            break
        said = datetime.strptime(data[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y")
        for place, turn in enumerate(turns):
            drafts.append(
                Draft(
                    _text(turn),
                    kind=Kind.BUSINESS,
                    user=path.stem,
                    session=f"session_{number}",
                    turn=place,
                    speaker=turn["speaker"],
                    said_at=said.replace(tzinfo=UTC) + timedelta(seconds=place),
                )
            )
            names.append(turn["dia_id"])
    known = set(names)
    questions = []
    for each in data["qa"]:
        evidence = frozenset(_EVIDENCE.findall(" ".join(each.get("evidence", [])))) & known
        if evidence:
            questions.append(LabelledQuestion(each["question"], each["category"], evidence))
    return Conversation(path.stem, drafts, names, questions)


def _text(turn: dict[str, Any]) -> str:
    caption = turn.get("blip_caption")
    return f"{turn['text']} [shares {caption}]" if caption else str(turn["text"])
