"""Which kind a text is: weighted words and patterns, read from kinds.yaml beside this file.

No model: the rules can be read, changed and tested, and a verdict names the words that decided.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from sophia_cli.memory.model import KINDS, Kind

_WORD = re.compile(r"[a-z0-9][a-z0-9+-]*")
_LONGEST_PHRASE = 3
_REASONS = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """The kind of a text and why.

    Attributes:
        reason: one line for people, e.g. `coding: vector database (+4), schema (+3)`.
        scores: the sum of the weights that spoke for each kind.
    """

    kind: Kind
    reason: str
    scores: Mapping[Kind, int]


@dataclass(frozen=True, slots=True)
class _Sign:
    """One word or pattern that speaks for a kind."""

    name: str
    kind: Kind
    weight: int


@dataclass(frozen=True, slots=True)
class _Pattern:
    """An expression, tried only on a text that has one of `needs` in it."""

    sign: _Sign
    needs: frozenset[str]
    expression: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules, ready to use: signs by their words, the words they begin with, the patterns."""

    words: Mapping[tuple[str, ...], _Sign]
    beginnings: frozenset[str]
    patterns: tuple[_Pattern, ...]


def classify(text: str) -> Verdict:
    """The kind of one text. Every sign counts once, however often it is there."""
    return kind_of([text])


def kind_of(texts: Iterable[str]) -> Verdict:
    """The one kind of texts that belong together: a session's turns, the parts of a document.

    A sign counts once for each text it is in.
    """
    found: Counter[_Sign] = Counter()
    for text in texts:
        found.update(_signs(text))
    weights = {
        kind: {sign.name: sign.weight * n for sign, n in found.items() if sign.kind is kind}
        for kind in KINDS
    }
    scores = {kind: sum(weights[kind].values()) for kind in KINDS}
    kind = Kind.CODING if scores[Kind.CODING] > scores[Kind.BUSINESS] else Kind.BUSINESS
    heaviest = sorted(weights[kind].items(), key=lambda item: (-item[1], item[0]))[:_REASONS]
    deciding = ", ".join(f"{name} (+{weight})" for name, weight in heaviest if weight)
    return Verdict(kind, f"{kind}: {deciding or 'no technical words'}", scores)


def _signs(text: str) -> set[_Sign]:
    """The signs that are in a text."""
    rules = _rules()
    characters = frozenset(text)
    found = {
        pattern.sign
        for pattern in rules.patterns
        if (not pattern.needs or not pattern.needs.isdisjoint(characters))
        and pattern.expression.search(text)
    }
    words = _WORD.findall(text.lower())
    following = 0
    for place in [place for place, word in enumerate(words) if word in rules.beginnings]:
        if place < following:
            continue
        for length in range(_LONGEST_PHRASE, 0, -1):
            sign = rules.words.get(tuple(words[place : place + length]))
            if sign is not None:
                found.add(sign)
                following = place + length
                break
    return found


@cache
def _rules() -> _Rules:
    """Reads kinds.yaml: once a process, about 10 ms."""
    table = yaml.safe_load(files("sophia_cli.memory").joinpath("kinds.yaml").read_text("utf-8"))
    words: dict[tuple[str, ...], _Sign] = {}
    endings: dict[tuple[str, ...], _Sign] = {}
    patterns = []
    for kind in KINDS:
        for weight, listed in table[kind]["words"].items():
            for phrase in listed.split(","):
                sign = _Sign(phrase.strip(), kind, weight)
                *before, last = _WORD.findall(sign.name)
                words.setdefault((*before, last), sign)
                for form in _forms(last):
                    endings.setdefault((*before, form), sign)
        for name, (weight, needs, expression) in table[kind]["patterns"].items():
            compiled = re.compile(expression, re.MULTILINE)
            patterns.append(_Pattern(_Sign(name, kind, weight), frozenset(needs), compiled))
    words = endings | words
    return _Rules(words, frozenset(phrase[0] for phrase in words), tuple(patterns))


def _forms(word: str) -> Iterator[str]:
    """The plain endings of an English word; forms that do not exist do no harm."""
    if len(word) < 3 or not word.isalpha():
        return
    stem = word
    if word.endswith("e"):
        stem = word[:-1]
        yield word + "s"
    elif word.endswith("y") and word[-2] not in "aeiou":
        stem = word[:-1] + "i"
        yield stem + "es"
        yield word + "ing"
    elif word.endswith(("s", "x", "z", "ch", "sh")):
        yield word + "es"
    else:
        yield word + "s"
        if word[-1] not in "aeiouwxy" and word[-2] in "aeiou" and word[-3] not in "aeiou":
            yield word + word[-1] + "ed"
            yield word + word[-1] + "ing"
    yield stem + "ed"
    yield stem + "ing"
