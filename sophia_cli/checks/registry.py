"""All checks, in the order of their subjects; each subject is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from sophia_cli.checks.check import Check

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


def checks_of(subject: str) -> tuple[Check, ...]:
    """The checks of one subject."""
    module, _ = SUBJECTS[subject]
    found: tuple[Check, ...] = import_module(f"sophia_cli.checks.{module}").CHECKS
    return found


def all_checks() -> Iterator[Check]:
    """Every check."""
    for subject in SUBJECTS:
        yield from checks_of(subject)
