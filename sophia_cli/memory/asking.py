"""What a plain sentence asks for: the five kinds that `sophia ask` understands, by rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Intent(StrEnum):
    """What is to be done."""

    REMEMBER = "remember"
    RECALL = "recall"
    SIMILAR = "similar"
    DISCUSSIONS = "discussions"
    PERFORMANCE = "performance"


_ALL = 50


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood: the intent, and the text it is about."""

    intent: Intent
    text: str

    def limit(self, usual: int) -> int:
        """How many memories are wanted where nobody says: of all discussions, fifty."""
        return _ALL if self.intent is Intent.DISCUSSIONS else usual

    def sentence(self) -> str:
        """The understanding in words, as it is shown to the user."""
        said = {
            Intent.REMEMBER: f"remember: {self.text}",
            Intent.RECALL: f"recall: {self.text}",
            Intent.SIMILAR: f"find what is similar to: {self.text}",
            Intent.DISCUSSIONS: f"show all discussions about: {self.text}",
            Intent.PERFORMANCE: "show how the memory performs",
        }
        return said[self.intent]


_POLITE = r"(?:(?:please|hey sophia|sophia|can you|could you|would you)[,:]?\s+)*"
_THE = r"(?:(?:the|our|my|your)\s+)?"
_SHOW = r"(?:show|list|find|give|get|print)\s+(?:me\s+)?"
_FIGURES = r"(?:performance|statistics|stats|metrics|latency|latencies)"
_MEMORY = r"(?:memory|memories|sophia)"
_TALK = (
    r"(?:discussions?|conversations?|talks?|notes?|memories|memory|decisions?|mentions?|messages?"
    r"|things)"
)
_ABOUT = r"(?:about|on|of|with|regarding|concerning|around|that mention|mentioning)\s+"
_RULES: tuple[tuple[Intent, re.Pattern[str]], ...] = tuple(
    (intent, re.compile(f"{_POLITE}{pattern}", re.IGNORECASE | re.DOTALL))
    for intent, pattern in (
        # Of the memory itself: the performance of anything else is a question about it.
        (
            Intent.PERFORMANCE,
            rf"(?:analy[sz]e|show|report|check|measure|give|print)\s+(?:me\s+)?{_THE}"
            rf"(?:{_MEMORY}(?:['’]s)?\s+)?{_FIGURES}(?:\s+of\s+{_THE}{_MEMORY})?\W*(?P<text>)$",
        ),
        (
            Intent.PERFORMANCE,
            rf"how\s+(?:fast\s+|quick\s+|slow\s+|well\s+)?(?:is|are|does|do)\s+{_THE}{_MEMORY}"
            r"(?:\s+(?:perform|performing|doing))?\W*(?P<text>)$",
        ),
        # "Remember when ...?" asks; so does a "Note ...?" that says nothing of noting it.
        (Intent.RECALL, r"remember\s+(?:who|what|when|where|why|how|which)\b.*\?\s*$"),
        (
            Intent.REMEMBER,
            r"(?:remember|memori[sz]e|keep\s+in\s+mind|(?:don['’]t|do\s+not|never)\s+forget)\b"
            r"(?:\s+(?:that|this|the\s+fact\s+that)\b)?\s*[:,-]?\s*(?P<text>.+)$",
        ),
        (
            Intent.REMEMBER,
            r"(?:note|store|save|write|(?:make|take)\s+a\s+note)(?:\s+down)?"
            r"(?:\s+(?:that|this|the\s+fact\s+that)\b\s*[:,-]?|\s*:)\s*(?P<text>.+)$",
        ),
        (Intent.REMEMBER, r"(?:note|store|save)\s+(?P<text>.*[^?\s])\s*$"),
        (
            Intent.SIMILAR,
            r"(?:find|show|search(?:\s+for)?|get|look\s+for)\s+(?:me\s+)?"
            r"(?:(?:anything|something|things|everything)\s+)?"
            r"(?:similar|related|comparable|like)\s+(?:to\s+)?(?P<text>.+)$",
        ),
        (
            Intent.SIMILAR,
            r"what\s+(?:else\s+)?(?:is|are)\s+(?:similar|related)\s+to\s+(?P<text>.+)$",
        ),
        (
            Intent.SIMILAR,
            r"have\s+(?:we|you|i)\s+(?:ever\s+)?(?:seen|had)\s+(?:anything|something)\s+"
            r"(?:like|similar\s+to)\s+(?P<text>.+?)(?:\s+before)?\W*$",
        ),
        (
            Intent.DISCUSSIONS,
            rf"{_SHOW}(?:all|every|any)\b\s*(?:of\s+)?{_THE}(?:{_TALK}\b)?\s*(?:{_ABOUT})?"
            r"(?P<text>.+)$",
        ),
        (Intent.DISCUSSIONS, rf"{_SHOW}(?:everything|{_THE}{_TALK})\s+{_ABOUT}(?P<text>.+)$"),
    )
)
_WORD = re.compile(r"\w")
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"))


def understand(sentence: str) -> Understood:
    """What a sentence asks for. Whatever no rule knows is a question: recall answers it whole."""
    sentence = sentence.strip()
    for intent, pattern in _RULES:
        match = pattern.match(sentence)
        if match is None:
            continue
        if intent is Intent.RECALL:
            break
        text = _subject(match["text"], intent)
        if intent is Intent.PERFORMANCE or _WORD.search(text):
            return Understood(intent, text)
    return Understood(Intent.RECALL, sentence)


def _subject(text: str, intent: Intent) -> str:
    """What a request is about, out of its quotes; only what is to be kept keeps its end."""
    text = text.strip()
    if intent is not Intent.REMEMBER:
        text = text.rstrip("?!. \t\n")
    for first, last in _QUOTES:
        if len(text) > 1 and text.startswith(first) and text.endswith(last):
            return text[1:-1].strip()
    return text
