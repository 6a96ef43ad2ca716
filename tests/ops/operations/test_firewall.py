"""The firewall's table: kept, loaded, and found again as nft itself writes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.ops.facts.content import FileText
from sophia_cli.ops.facts.fact import Known
from sophia_cli.ops.facts.firewall import FirewallTable
from sophia_cli.ops.facts.path import AtPath, Kind, PathState
from sophia_cli.ops.facts.unit import Unit, UnitState
from sophia_cli.ops.operations.firewall import Firewall
from sophia_cli.ops.operations.operation import Change, Nothing, Operation, Put, Run
from sophia_cli.ops.operations.registry import build

QDRANT = {
    "name": "qdrant",
    "ports": [6335, 6334],
    "allow": ["192.0.2.11", "192.0.2.12", "192.0.2.64/26", "2001:db8::/64"],
}
# As nft 1.0.6 of Debian 12 lists what it was given for QDRANT.
LISTED = """\
table inet sophia_qdrant {
	chain input {
		type filter hook input priority filter; policy accept;
		iifname "lo" tcp dport { 6334, 6335 } accept
		ip saddr { 192.0.2.11-192.0.2.12, 192.0.2.64/26 } tcp dport { 6334, 6335 } accept
		ip6 saddr 2001:db8::/64 tcp dport { 6334, 6335 } accept
		tcp dport { 6334, 6335 } drop comment "sophia 635d20bd58d846d3528e7d17a455743b"
	}
}
"""
DIRECTORY = PathState(Kind.DIRECTORY, "0755", "root", "root", 0, 0)
FILE = PathState(Kind.FILE, "0644", "root", "root", 0, 0)


def bare(operation: Operation) -> Known:
    """A host that has nothing of it."""
    return Known(
        {
            fact: fact.parse("-" if isinstance(fact, FileText) else "", 0)
            for fact in operation.needs()
        }
    )


def applied(operation: Operation, table: str = LISTED) -> Known:
    """A host on which everything was done."""
    change = operation.compare(bare(operation))
    assert isinstance(change, Change)
    rules, unit = texts(change)
    values: dict[Any, Any] = {}
    for fact in operation.needs():
        if isinstance(fact, FirewallTable):
            values[fact] = fact.parse(table, 0)
        elif isinstance(fact, FileText):
            values[fact] = rules if fact.path.endswith(".nft") else unit
        elif isinstance(fact, AtPath):
            values[fact] = DIRECTORY if fact.follow else FILE
        else:
            assert isinstance(fact, Unit)
            values[fact] = UnitState("loaded", "active", "exited", "enabled")
    return Known(values)


def texts(change: Change) -> tuple[bytes, bytes]:
    """The rules, and the unit that loads them."""
    (rules,) = (each.file.content for each in change.actions if isinstance(each, Put))
    (unit,) = (
        each.command.stdin
        for each in change.actions
        if isinstance(each, Run) and each.command.stdin.startswith(b"[Unit]")
    )
    return rules, unit


def commands(outcome: Change | Nothing) -> list[str]:
    assert isinstance(outcome, Change)
    return [each.command.text for each in outcome.actions if isinstance(each, Run)]


def test_what_was_loaded_and_kept_needs_nothing() -> None:
    operation = build("firewall", QDRANT)
    assert operation.compare(applied(operation)) == Nothing("is as it should be")


@pytest.mark.parametrize(
    "table",
    [
        "",
        LISTED.replace("635d", "0000"),
        LISTED.replace('\t\ttcp dport { 6334, 6335 } drop comment "sophia', "\t\t# "),
        "".join(line for line in LISTED.splitlines(True) if "ip6" not in line),
    ],
    ids=["gone", "of other rules", "without the end", "with a rule less"],
)
def test_a_table_that_somebody_took_away_or_changed_is_loaded_again(table: str) -> None:
    operation = build("firewall", QDRANT)
    outcome = operation.compare(applied(operation, table))
    assert commands(outcome)[1:] == ["systemctl restart sophia-firewall-qdrant.service"]


def test_other_addresses_load_another_table() -> None:
    before = build("firewall", QDRANT)
    after = build("firewall", {**QDRANT, "allow": ["192.0.2.11"]})
    outcome = after.compare(applied(before))
    assert isinstance(outcome, Change)
    assert outcome.summary == "open ports 6334, 6335 to 192.0.2.11 alone"
    assert "+        ip saddr { 192.0.2.11 } tcp dport" in outcome.diff
    assert "systemctl restart sophia-firewall-qdrant.service" in commands(outcome)[-2]


def test_a_table_that_would_not_come_back_with_the_host_is_kept_again() -> None:
    operation = build("firewall", QDRANT)
    known = applied(operation)
    unit = Unit("sophia-firewall-qdrant.service")
    disabled = known.with_more(Known({unit: UnitState("loaded", "active", "exited", "disabled")}))
    outcome = operation.compare(disabled)
    assert isinstance(outcome, Change)
    assert outcome.summary.endswith("alone (it is not kept as it should be)")
    assert commands(outcome)[1:] == ["systemctl -q enable sophia-firewall-qdrant.service"]


def test_without_addresses_only_the_host_itself_gets_through() -> None:
    operation = build("firewall", {"name": "grafana", "ports": [3000]})
    change = operation.compare(bare(operation))
    assert isinstance(change, Change)
    assert change.summary == "open ports 3000 to nobody but the host itself alone"
    rules, _ = texts(change)
    assert b"saddr" not in rules


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    operation = build("firewall", QDRANT)
    change = operation.compare(bare(operation))
    assert isinstance(change, Change)
    path = tmp_path / "sophia-firewall-qdrant.service"
    path.write_bytes(texts(change)[1].replace(b"/usr/sbin/nft", b"/bin/true"))
    analysed = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    complaints = [line for line in analysed.stderr.splitlines() if path.name in line]
    assert complaints == []


def test_the_rules_are_those_that_nft_takes_and_lists() -> None:
    nft, unshare = shutil.which("nft"), shutil.which("unshare")
    if nft is None or unshare is None:
        pytest.skip("no nft here")
    operation = build("firewall", QDRANT)
    assert isinstance(operation, Firewall)
    change = operation.compare(bare(operation))
    assert isinstance(change, Change)
    # Twice: a table that is there is replaced. In a network of its own, so nothing here changes.
    script = (
        f"cat > rules; {nft} -c -f rules && {nft} -f rules && {nft} -f rules && {nft} list ruleset"
    )
    loaded = subprocess.run(
        [unshare, "-n", "sh", "-c", f"cd $(mktemp -d) && {script}"],
        input=texts(change)[0].decode(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "Operation not permitted" in loaded.stderr:
        pytest.skip("no network of its own here")
    assert loaded.returncode == 0, loaded.stderr
    known = applied(operation, loaded.stdout)
    assert operation.compare(known) == Nothing("is as it should be")
