"""The checks as a whole: numbers, names, and what is said of each."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import sophia_cli.checks
from sophia_cli.checks import registry
from sophia_cli.checks.check import Check
from sophia_cli.checks.fixing import is_runnable
from sophia_cli.checks.reference import PAGE, documented
from sophia_cli.errors import InvalidInput

EVERY = list(registry.documented())


def test_the_page_about_the_checks_is_up_to_date() -> None:
    page = PAGE.read_text("utf-8")
    assert page == documented(page), "run: python -m sophia_cli.checks.reference"
    for check in EVERY:
        assert f"**{check.number} {check.title}**" in page


def test_every_module_with_checks_is_in_the_registry() -> None:
    known = {module for module, _ in (registry.SUBJECTS | registry.BY_HAND).values()}
    for path in Path(sophia_cli.checks.__file__).parent.glob("*.py"):
        if path.stem != "__init__" and "\nCHECKS: tuple" in path.read_text("utf-8"):
            assert path.stem in known | {"digests"}
    for subject in registry.subjects():
        module = import_module(f"sophia_cli.checks.{registry.SUBJECTS[subject][0]}")
        assert all(check.subject == subject for check in module.CHECKS)


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.number)
def test_every_check_says_what_it_means_and_how_to_mend_it(check: Check) -> None:
    assert re.fullmatch(r"[A-Z]{2}-[0-9]{2}", check.number)
    assert not check.title.endswith(".")
    assert len(check.meaning) > 40
    assert check.meaning.endswith((".", ":"))
    assert check.mend
    assert not check.mend.endswith(".")
    assert 0 < check.timeout <= 12 or check in _deep()


def _deep() -> tuple[Check, ...]:
    return registry.deep_checks() if registry._is_here("digests") else ()


def test_no_number_is_given_twice() -> None:
    numbers = [check.number for check in EVERY]
    assert len(set(numbers)) == len(numbers)


def test_checks_are_chosen_by_subject_module_and_number() -> None:
    def numbers(*names: str) -> list[str]:
        return [check.number for check in registry.chosen(names)]

    assert numbers("PG-07", "redis")[:2] == ["PG-07", "RD-01"]
    assert numbers("pg-07") == ["PG-07"]
    assert numbers("pg") == numbers("postgres") == numbers("PG")
    assert len(numbers()) == len(list(registry.all_checks()))
    for name, hint in (("postgras", "postgres"), ("PG-7", "PG-07"), ("XX", "")):
        with pytest.raises(InvalidInput) as raised:
            registry.chosen([name])
        assert hint in raised.value.hint
    with pytest.raises(InvalidInput):
        registry.check_of("PG-99")


def test_a_fix_is_a_command_and_not_a_sentence() -> None:
    assert is_runnable("chmod 600 '/a b/c'")
    assert is_runnable("sophia down")
    for sentence in (
        "`sophia down` ends a frozen one",
        "chmod 600 the file; renew it",
        "rm -rf /",
        "VACUUM memory",
        "sophia",
        "chmod '",
    ):
        assert not is_runnable(sentence)
