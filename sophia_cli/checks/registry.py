"""All checks, in the order of their subjects; each subject is loaded when it is asked for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

from sophia_cli.checks.check import Check
from sophia_cli.errors import InvalidInput

SUBJECTS: dict[str, tuple[str, str]] = {
    "MA": ("machine", "This machine"),
    "CO": ("configuration", "Configuration and secrets"),
    "RE": ("resident", "The resident process"),
    "PG": ("postgres", "PostgreSQL: the records"),
    "RD": ("redis", "Redis or Valkey: the hot cache"),
    "VE": ("vectors", "The vectors in this process"),
    "QD": ("qdrant", "The Qdrant cluster"),
    "EM": ("embedder", "The embedder"),
    "GP": ("gpu", "GPUs"),
    "HO": ("hosts", "Hosts over SSH"),
    "TI": ("tiers", "The tiers against the records"),
    "RP": ("replicas", "Each replica against the records"),
}
"""By the beginning of a check's number: its module in `sophia_cli.checks`, and its title."""

BY_HAND: dict[str, tuple[str, str]] = {
    "AD": ("addresses", "Addresses given to sophia health"),
}
"""Likewise; looked at only where a command names what to look at."""
DEEP_TOTAL = 86_400.0
"""Seconds that comparing everything may take."""


def subjects() -> list[str]:
    """The subjects that this program has the checks of."""
    return [subject for subject, (module, _) in SUBJECTS.items() if _is_here(module)]


def title_of(subject: str) -> str:
    """What a subject is called."""
    return (SUBJECTS | BY_HAND)[subject][1]


def checks_of(subject: str) -> tuple[Check, ...]:
    """The checks of one subject."""
    module, _ = (SUBJECTS | BY_HAND)[subject]
    found: tuple[Check, ...] = import_module(f"sophia_cli.checks.{module}").CHECKS
    return found


def all_checks() -> Iterator[Check]:
    """Every check that doctor makes."""
    for subject in subjects():
        yield from checks_of(subject)


def deep_checks() -> tuple[Check, ...]:
    """Those that read everything, and take as long as that takes."""
    from sophia_cli.checks.digests import deep
    from sophia_cli.checks.tiers import DEEP

    return (replace(DEEP, look=deep, timeout=DEEP_TOTAL),)


def documented() -> Iterator[Check]:
    """Every check that there is."""
    yield from all_checks()
    for subject in BY_HAND:
        yield from checks_of(subject)


def chosen(names: Iterable[str]) -> list[Check]:
    """The checks that these names mean, in their order; all of them where there is no name.

    Args:
        names: subjects as `QD` or `qdrant`, checks as `QD-07`, in either case.

    Raises:
        InvalidInput: there is no such subject or check; the message has the nearest.
    """
    wanted = [name.strip() for name in names if name.strip()]
    if not wanted:
        return list(all_checks())
    by_name = {SUBJECTS[subject][0]: subject for subject in subjects()}
    found: set[str] = set()
    for name in wanted:
        subject = by_name.get(name.lower(), name.upper().partition("-")[0])
        numbers = {check.number for check in checks_of(subject)} if subject in subjects() else set()
        if "-" in name:
            numbers &= {name.upper()}
        if not numbers:
            raise InvalidInput(f"no check and no subject is named {name[:40]!r}", _nearest(name))
        found |= numbers
    return [check for check in all_checks() if check.number in found]


def _nearest(name: str) -> str:
    known = [*subjects(), *(SUBJECTS[subject][0] for subject in subjects())]
    known += [check.number for check in documented()]
    like = difflib.get_close_matches(name.upper(), known, n=1) or difflib.get_close_matches(
        name.lower(), known, n=1
    )
    return f"perhaps {like[0]}" if like else "`sophia doctor --verbose` shows all of them"


def check_of(number: str) -> Check:
    """A check by its number.

    Raises:
        InvalidInput: there is none; the message has the nearest.
    """
    for check in documented():
        if check.number == number.strip().upper():
            return check
    raise InvalidInput(f"no check has the number {number[:40]!r}", _nearest(number))


def _is_here(module: str) -> bool:
    return find_spec(f"sophia_cli.checks.{module}") is not None
