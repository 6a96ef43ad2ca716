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


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood: the intent, and the text it is about."""

    intent: Intent
    text: str

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
_RULES: tuple[tuple[Intent, re.Pattern[str]], ...] = tuple(
    (intent, re.compile(f"^{_POLITE}{pattern}", re.IGNORECASE | re.DOTALL))
    for intent, pattern in (
        (
            Intent.PERFORMANCE,
            r"(?:analy[sz]e|show|report|check|measure)\s+(?:me\s+)?(?:the\s+|our\s+)?(?:memory\s+)?"
            r"(?:performance|statistics|stats|metrics|latenc(?:y|ies))\b(?P<text>.*)$",
        ),
        (Intent.PERFORMANCE, r"how (?:fast|quick) (?:is|are) (?:the |our )?memor(?P<text>.*)$"),
        (
            Intent.REMEMBER,
            r"(?:remember|memori[sz]e|note|keep in mind|store|save)\b"
            r"(?:\s+(?:this|that|the fact that|down))?\s*[:,-]?\s+(?P<text>.+)$",
        ),
        (
            Intent.SIMILAR,
            r"(?:find|show|search(?: for)?|get|look for)\s+(?:me\s+)?"
            r"(?:(?:anything|something|things|everything)\s+)?(?:similar|related|comparable|like)\s+"
            r"(?:to\s+)?(?P<text>.+)$",
        ),
        (Intent.SIMILAR, r"what (?:else )?(?:is|are) (?:similar|related) to (?P<text>.+)$"),
        (
            Intent.DISCUSSIONS,
            r"(?:show|list|find|give|get)\s+(?:me\s+)?(?:all|every|any)\b\s*(?:the\s+|our\s+)?"
            r"(?:discussions?|conversations?|talks?|notes?|memories|memory|decisions?|things)?\s*"
            r"(?:(?:about|on|of|regarding|concerning|that mention|mentioning)\s+)?(?P<text>.+)$",
        ),
    )
)


def understand(sentence: str) -> Understood:
    """What a sentence asks for. Whatever no rule knows is a question: recall answers it whole."""
    sentence = sentence.strip()
    for intent, pattern in _RULES:
        match = pattern.match(sentence)
        if match is not None:
            text = match["text"].strip(" \t\n\"'“”").rstrip("?").strip()
            if text or intent is Intent.PERFORMANCE:
                return Understood(intent, text)
    return Understood(Intent.RECALL, sentence)
