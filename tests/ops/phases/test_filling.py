"""The engine's own reader takes these playbooks, and fills every step in on every host."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sophia_cli.ops.operations.operation import Operation
from sophia_cli.ops.playbooks.filling import operation_of, values_for, wanted
from sophia_cli.ops.playbooks.reading import Vocabulary, read_playbooks
from sophia_cli.ops.playbooks.sources import Sources
from tests.ops import services_local as local
from tests.ops.phases import stage

MINE = {"prepare": 0, "memory": 2, "service": 3, "production": 4}
FACTS = SimpleNamespace(memory_bytes=16 << 30, cpus=8, gpu=None, architecture="x86_64")


def filled(directory: Path, **services: Any) -> dict[tuple[str, str], Operation]:
    """Each step's operation by host."""
    site, sources = local.local_site(directory, stage.HOSTS, **services), Sources.of(None)
    playbooks = {each.phase: each for each in read_playbooks(sources, Vocabulary.known())}
    assert {name: playbooks[name].number for name in MINE} == MINE
    found = {}
    for host in site.inventory.hosts:
        for phase in MINE:
            values = values_for(site, host, FACTS, sources)
            for step in playbooks[phase].steps:
                if step.operation and host in step.hosts(site.inventory) and wanted(step, values):
                    found[host, step.name] = operation_of(step, values, sources)
    return found


def test_every_step_is_filled_in(tmp_path: Path) -> None:
    (tmp_path / "sophia_cli-0.1.0-py3-none-any.whl").write_bytes(b"a wheel")
    wheel = str(tmp_path / "sophia_cli-0.1.0-py3-none-any.whl")
    found = filled(tmp_path, sophia={"package": wheel})
    environment: Any = found["one", "sophia's Python environment"]
    assert environment.requirement == "/opt/sophia/sophia_cli-0.1.0-py3-none-any.whl"
    unit: Any = found["two", "sophia's unit"]
    assert "ExecStart=/opt/sophia/venv/bin/sophia serve" in unit.content
    firewall: Any = found["one", "Only the cluster reaches Redis"]
    assert firewall.allow == ("192.0.2.11", "192.0.2.12", "192.0.2.13")
    assert ("three", "sophia's unit") not in found


@pytest.mark.parametrize("change", ["the wheel", "a password", "the address of Redis"])
def test_sophias_unit_starts_anew_when_what_it_stands_on_changes(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "sophia_cli-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    services: dict[str, Any] = {"sophia": {"package": str(wheel)}}

    def token() -> str:
        unit: Any = filled(tmp_path, **services)["one", "sophia's unit"]
        return str(unit.restart_token)

    before = token()
    assert token() == before
    if change == "the wheel":
        wheel.write_bytes(b"another wheel of the same version")
    elif change == "a password":
        monkeypatch.setitem(stage.SECRETS, "redis-password", "z" * 43)
    else:
        services["redis"] = {"port": 6380}
    assert token() != before
