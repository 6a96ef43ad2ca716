"""The stretches of time that a question names: `last week`, `in May`, `two days before the launch`.

They are a signal for ranking, never a filter: a reading that is wrong must cost little. Days are
UTC days, weeks begin on Monday, seasons are those of the northern hemisphere by whole months.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sophia_cli.memory.understanding.calendar_words import Phrase, may_begin, may_name_a_time
from sophia_cli.memory.understanding.dates_joined import Reader
from sophia_cli.memory.understanding.dates_relative import BEFORE
from sophia_cli.memory.understanding.events import event_at
from sophia_cli.memory.understanding.lookalikes import without_lookalikes
from sophia_cli.memory.understanding.readings import longest
from sophia_cli.memory.understanding.stretches import DAY, Stretch


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that a question names; None where it is open ("since May").

    Attributes:
        phrase: as it stands in the text.
        start: aware, UTC; it belongs to the stretch.
        end: aware, UTC; it does not.
        yearly: no year was named, so that any year's May is meant; `start` and `end` are then those
            of the latest such stretch that began before the time of asking.
    """

    phrase: str
    start: datetime | None
    end: datetime | None
    yearly: bool = False


@dataclass(frozen=True, slots=True)
class Anchored:
    """A stretch that hangs on an event: "two days before the launch".

    Attributes:
        phrase: as it stands in the text.
        anchor: the words of the event, without what follows it in the sentence: "the launch".
        earliest: from midnight of the event's day: -2 days.
        latest: the same, excluded: -1 day.
    """

    phrase: str
    anchor: str
    earliest: timedelta
    latest: timedelta


# Where a date may begin: not within a word, an address, a path, a version or a price.
_STARTS = re.compile(r"(?<![\w@#$€£/\\:=~+&-])(?<!\w['’.,])(?=[a-z0-9])")
_NEAR = 3 * DAY
_SIDE = Phrase(
    r"(?:(?P<near>right|just|shortly|soon|immediately) )?"
    r"(?P<side>since|starting|from|before|prior(?= to)|after|until|till|by|up(?= to)"
    r"|through)(?: (?:of|to|in|on|from))? (?!lately|recently)"
)
_ONWARDS = Phrase(r" (?:on|onwards?)(?!\w)")
# What is over includes the day or month it is over with: "by Friday", "until May".
_UNTIL = ("until", "till", "by", "up", "through")
# Where it begins and ends, and what it is; None keeps shorter readings of the same words away.
_Found = tuple[int, int, Span | Anchored | None]


def spans_in(text: str, now: datetime) -> list[Span | Anchored]:
    """The stretches of time that a text names, in its order; of readings that overlap the longest.

    "On Monday" is the latest Monday, or the next one where the sentence says what will be; "next
    Monday" is the first after today. "8/5/2023" is 8 May. What no calendar has, "31 February", is
    not understood.

    Args:
        now: the time of asking, aware.
    """
    if not may_name_a_time(text):
        return []
    try:
        now = now.astimezone(UTC)
    except OverflowError:  # at the ends of the calendar
        now = now.replace(tzinfo=UTC)
    plain = without_lookalikes(text)
    if not may_name_a_time(plain):
        return []
    reader = Reader(plain, now)
    starts = list(_starts(reader.text))
    dates = {at: one for at in starts if (one := _date_at(reader, text, at))}
    found = [*dates.values(), *_anchored(reader, text, starts, dates)]
    return [span for _, _, span in _apart(found, len(text)) if span]


def _starts(plain: str) -> Iterator[int]:
    for found in _STARTS.finditer(plain):
        if may_begin(plain, found.start()):
            yield found.start()


def _apart(found: list[_Found], length: int) -> list[_Found]:
    """Those that do not overlap, the longest first chosen, as they stand in the text."""
    taken, chosen = bytearray(length), []
    for one in sorted(found, key=lambda one: one[0] - one[1]):
        start, end, _ = one
        if 1 not in taken[start:end]:
            taken[start:end] = b"\1" * (end - start)
            chosen.append(one)
    return sorted(chosen, key=lambda one: one[0])


def _date_at(reader: Reader, text: str, at: int) -> _Found | None:
    """The longest date that begins at `at`; without a span where no calendar has it."""
    closed = longest((reader.stretch_at(at), reader.range_at(at)))
    opened = _open_at(reader, text, at)
    if closed is None or (opened and opened[1] > closed.end):
        return opened
    stretch = closed.latest(reader.now)
    words = text[at : closed.end]
    return at, closed.end, stretch and Span(words, *_midnights(stretch), closed.yearly)


def _open_at(reader: Reader, text: str, at: int) -> _Found | None:
    """`since May`, `before 2023`, `by the end of June`, `from Monday on`."""
    found = _SIDE.match(reader.text, at)
    reading = found and reader.stretch_at(found.end(), cued=True)
    if not found or not reading:
        return None
    end, side = reading.end, found["side"]
    onwards = _ONWARDS.match(reader.text, end)
    if side == "from" and not onwards:
        return None
    if onwards and side not in _UNTIL:
        end = onwards.end()
    stretch = reading.latest(reader.now)
    return at, end, stretch and Span(text[at:end], *_opened(stretch, side, bool(found["near"])))


def _opened(stretch: Stretch, side: str, near: bool) -> tuple[datetime | None, datetime | None]:
    first, after = _midnights(stretch)
    if side in BEFORE:
        return first - _NEAR if near else None, first
    if side in _UNTIL:
        return None, after
    if side == "after":
        return after, after + _NEAR if near else None
    return first, None


def _anchored(
    reader: Reader, text: str, starts: list[int], dates: Mapping[int, _Found]
) -> Iterator[_Found]:
    for at in starts:
        event = event_at(reader.text, at, dates)
        if event:
            anchor = text[event.begin : event.end]
            span = Anchored(text[at : event.end], anchor, event.earliest, event.latest)
            yield at, event.end, span


def _midnights(stretch: Stretch) -> tuple[datetime, datetime]:
    return (
        datetime.combine(stretch.first, time(), UTC),
        datetime.combine(stretch.after, time(), UTC),
    )
