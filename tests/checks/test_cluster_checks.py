"""The checks of the cluster and of hosts, as they are shown and documented."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sophia_cli.checks.check import Check
from sophia_cli.checks.hosts import CHECKS as OF_HOSTS
from sophia_cli.checks.hosts.network import _dropped
from sophia_cli.checks.qdrant import CHECKS as OF_QDRANT
from sophia_cli.checks.qdrant.figures import figures
from sophia_cli.checks.registry import checks_of

ALL = (*OF_QDRANT, *OF_HOSTS)


def test_they_are_in_the_registry_in_the_order_of_their_numbers() -> None:
    for subject, checks in (("QD", OF_QDRANT), ("HO", OF_HOSTS)):
        assert checks_of(subject) == checks
        numbers = [f"{subject}-{number:02}" for number in range(1, len(checks) + 1)]
        assert [check.number for check in checks] == numbers


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.number)
def test_each_says_what_should_be_so_what_it_means_and_what_mends_it(check: Check) -> None:
    assert not check.title.endswith(".")
    assert check.meaning.endswith(".")
    assert check.mend
    assert not check.fixable, "nothing here is mended without somebody who looks"
    assert check.timeout < 12


def test_titles_are_all_different() -> None:
    assert len({check.title for check in ALL}) == len(ALL)


def test_loading_them_loads_neither_ssh_nor_a_client() -> None:
    code = (
        "import sys, sophia_cli.checks.qdrant, sophia_cli.checks.hosts; "
        "print([name for name in ('paramiko', 'fabric', 'httpx', 'qdrant_client', 'cryptography') "
        "if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("rule", "ports"),
    [
        ('tcp dport 6335 drop comment "x"', {6335}),
        ("tcp dport { 6333, 6334 } drop", {6333, 6334}),
        ("tcp dport { 6333-6335, 7000 } drop", {6333, 6334, 6335, 7000}),
        ("ip saddr { 192.0.2.11 } tcp dport 6335 accept", set()),
        ("", set()),
    ],
)
def test_what_a_table_of_nftables_drops(rule: str, ports: set[int]) -> None:
    assert _dropped(f"table inet x {{\n\t\t{rule}\n}}\n") == ports


def test_figures_are_summed_over_their_labels() -> None:
    text = '# HELP a b\na{x="1"} 2\na{x="2"} 3\nb 4.5e3\nc NaN\nnot a figure at all\n'
    found = figures(text)
    assert (found["a"], found["b"]) == (5, 4500)
    assert figures(None) == {}
