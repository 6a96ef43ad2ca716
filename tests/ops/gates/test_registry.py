"""Gates and guards by the names that playbooks give them."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from sophia_cli.ops.gates.registry import GATES, GUARDS


@pytest.mark.parametrize("name", sorted(set(GATES) - {"qdrant", "qdrant_collections"}))
def test_a_gate_is_where_the_registry_says(name: str) -> None:
    module, _, function = GATES[name].place.partition(":")  # type: ignore[attr-defined]
    assert callable(getattr(import_module(f"sophia_cli.ops.{module}"), function))


def test_to_name_a_gate_loads_none_of_them() -> None:
    code = (
        "import sys; from sophia_cli.ops.gates import registry; "
        "assert registry.GATES['redis'] and registry.GUARDS['qdrant']; "
        "print([name for name in sys.modules if name in "
        "('paramiko', 'httpx', 'sophia_cli.ops.gates.redis', 'sophia_cli.ops.gates.smoke')])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_there_is_a_guard_for_qdrant() -> None:
    assert set(GUARDS) == {"qdrant"}
