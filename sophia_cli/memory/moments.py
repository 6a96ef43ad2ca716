"""Moments as people and chat programs write them: `yesterday`, `2024-05-01`, `1:56 pm on 8 May`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sophia_cli.config.durations import parse_duration
from sophia_cli.errors import InvalidInput

_HINT = "write it as 2024-05-01, 2024-05-01T10:00Z, yesterday or 3 days ago"
_LONGEST = 60
# WhatsApp puts left-to-right marks around its dates.
_MARKS = str.maketrans("", "", "\u200e\u200f\ufeff")

# Not the calendar module: its names follow the locale.
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

_TIME = (
    r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
    r"(?: ?(?P<half>[ap])\.?m\b\.?)?"
)
_ZONE = r"(?: ?(?P<zone>z|utc|gmt|[+-][0-9]{2}(?::?[0-9]{2})?))?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_NAME = r"(?P<name>[a-z]{3,9})\.?"
_YEAR = r"(?P<year>[0-9]{4})"
_DATES = (
    rf"{_YEAR}(?P<sep>[-/.])(?P<month>[0-9]{{1,2}})(?P=sep)(?P<day>[0-9]{{1,2}})",
    r"(?P<left>[0-9]{1,2})(?P<sep>[-/.])(?P<right>[0-9]{1,2})(?P=sep)(?P<year>[0-9]{4}|[0-9]{2})",
    rf"{_DAY}[ -](?:of )?{_NAME},?[ -]{_YEAR}",
    rf"{_NAME} {_DAY},? {_YEAR}",
)
_FORMS = (
    *(
        re.compile(_WEEKDAY + form)
        for date in _DATES
        for form in (
            rf"{date}(?:(?:t|,? (?:at |- )?){_TIME}{_ZONE})?",
            rf"{_TIME}{_ZONE}(?:,| on)? {_WEEKDAY}{date}",
        )
    ),
    re.compile(rf"{_WEEKDAY}{_NAME} {_DAY} {_TIME} {_YEAR}{_ZONE}"),  # git and ctime
    re.compile(rf"(?P<word>today|yesterday)(?: (?:at )?{_TIME}{_ZONE})?"),
)
_AGO = re.compile(r"([0-9]{1,9}|an?|one) ?(second|minute|hour|day|week|month|year)s? ago", re.ASCII)
_CLOCK = re.compile(_TIME + _ZONE)


def parse_moment(text: str, now: datetime, *, month_first: bool = False) -> datetime:
    """The moment that `text` writes, aware, in UTC; without a zone it is taken as UTC.

    Understood: ISO 8601; `now`, `today`, `yesterday` (midnight, or with a time), `3 weeks ago`;
    `8 May 2023`, `May 8, 2023`, `1:56 pm on 8 May, 2023`; git's `Wed May 1 10:00:00 2024 +0200`;
    `01/05/2024, 10:00`, which is 1 May: day first, unless `month_first`. A date alone is midnight.

    Raises:
        InvalidInput: it is none of these, or no such day or time exists.
    """
    plain = " ".join(text[: _LONGEST * 2].translate(_MARKS).lower().split()).strip("[]()")
    if len(text) <= _LONGEST * 2 and len(plain) <= _LONGEST:
        try:
            return _moment(plain, now, month_first).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise InvalidInput(f"{text[:40]!r} is not a time", _HINT)


def parse_expiry(text: str, now: datetime) -> datetime:
    """When something expires: a duration from now (`30d`, `12h`) or a moment.

    Raises:
        InvalidInput: it is neither.
    """
    if re.fullmatch(r"\s*[0-9.]+ ?[a-z]+\s*", text):
        try:
            return now.astimezone(UTC) + parse_duration(text)
        except OverflowError:
            raise InvalidInput(f"{text[:40]!r} ends after the year 9999") from None
    try:
        return parse_moment(text, now)
    except InvalidInput as error:
        raise InvalidInput(error.message, "write it as 30d, 12h or 2030-01-31") from None


def moment_in(field: str, text: str, now: datetime) -> datetime:
    """The moment that a field or option names.

    Raises:
        InvalidInput: it is none; the message names the field.
    """
    return _named(field, parse_moment, text, now)


def expiry_in(field: str, text: str, now: datetime) -> datetime:
    """When a field or option says that something expires.

    Raises:
        InvalidInput: it does not say so, or it is over already; the message names the field.
    """
    expires = _named(field, parse_expiry, text, now)
    if expires <= now:
        raise InvalidInput(f"{field} {text[:60]!r} is over already", "say 30d, or a date to come")
    return expires


def _named(
    field: str, read: Callable[[str, datetime], datetime], text: str, now: datetime
) -> datetime:
    try:
        return read(text, now)
    except InvalidInput as error:
        raise InvalidInput(f"{field}: {error.message}", error.hint) from None


def parse_clock(text: str, day: datetime) -> datetime:
    """A time of day (`10:02`, `3:15 pm`) on the day of `day`, in UTC.

    Raises:
        InvalidInput: it is none.
    """
    found = _CLOCK.fullmatch(" ".join(text[:_LONGEST].translate(_MARKS).lower().split()))
    try:
        if found is not None:
            return _at(day.astimezone(UTC), found)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(f"{text[:40]!r} is not a time of day", "write it as 10:02 or 3:15 pm")


def moment_of_epoch(seconds: float) -> datetime:
    """The moment `seconds` after 1970, as chat programs export it; milliseconds where it is huge.

    Raises:
        InvalidInput: it is out of the calendar.
    """
    try:
        # 1e11 seconds is the year 5138, 1e11 milliseconds is 1973.
        scaled = seconds / 1000 if abs(seconds) >= 1e11 else seconds
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=scaled)
    except (ValueError, OverflowError):
        raise InvalidInput("a time stamp is out of the calendar", _HINT) from None


def _moment(plain: str, now: datetime, month_first: bool) -> datetime:
    """The moment, in any zone. Raises ValueError or OverflowError where there is none."""
    if plain == "now":
        return now
    if plain[4:5] == "-" and plain[10:11] in ("", "t", " "):
        try:
            moment = datetime.fromisoformat(plain.upper())
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        except ValueError:
            pass  # `2024-05-01 3:15 pm` is none of ISO's
    ago = _AGO.fullmatch(plain)
    if ago is not None:
        return _ago(int(ago[1]) if ago[1].isdigit() else 1, ago[2], now)
    for form in _FORMS:
        found = form.fullmatch(plain)
        if found is not None:
            return _at(_day(found.groupdict(), now, month_first), found)
    raise ValueError(plain)


def _ago(number: int, unit: str, now: datetime) -> datetime:
    if unit in ("month", "year"):
        months = now.year * 12 + now.month - 1 - number * (12 if unit == "year" else 1)
        year, month = divmod(months, 12)
        # 31 March less a month is the last of February.
        for day in range(now.day, now.day - 4, -1):
            try:
                return now.replace(year=year, month=month + 1, day=day)
            except ValueError:
                continue
        raise OverflowError(number)
    return now - timedelta(**{f"{unit}s": number})


def _day(found: dict[str, str | None], now: datetime, month_first: bool) -> datetime:
    """Midnight of the date that a form found, in UTC."""
    if found.get("word"):
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return today if found["word"] == "today" else today - timedelta(days=1)
    year = int(found["year"] or 0)
    if found.get("left"):
        day, month = int(found["left"] or 0), int(found["right"] or 0)
        if month_first:
            day, month = month, day
        return datetime(
            year + 2000 if len(found["year"] or "") == 2 else year, month, day, 0, 0, 0, 0, UTC
        )
    name = found.get("name")
    month = _month(name) if name else int(found["month"] or 0)
    return datetime(year, month, int(found["day"] or 0), tzinfo=UTC)


def _month(name: str) -> int:
    for number, month in enumerate(_MONTHS, 1):
        if month.startswith(name) or name == month[:4]:
            return number
    raise ValueError(name)


def _at(day: datetime, found: re.Match[str]) -> datetime:
    """`day` with the time and zone that a form found, if it found any."""
    parts = found.groupdict()
    if not parts.get("hour"):
        return day
    hour, half = int(parts["hour"]), parts["half"]
    if half is None and parts["minute"] is None:
        raise ValueError("an hour alone")
    if half is not None:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if half == "p" else 0)
    zone = parts.get("zone")
    moment = day.replace(
        hour=hour,
        minute=int(parts["minute"] or 0),
        second=int(parts["second"] or 0),
        microsecond=int(((parts["fraction"] or "") + "000000")[:6]),
    )
    if zone is None or zone[0] not in "+-":
        return moment
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= timedelta(days=1):
        raise ValueError("no such zone")
    return moment - offset if zone[0] == "+" else moment + offset
