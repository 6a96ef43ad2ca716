"""The thin client by itself: what it loads, and which command lines it hands over."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sophia_cli import app, command_tree
from sophia_cli.__main__ import FOREGROUND, WITH_VALUE, for_resident
from tests.conftest import Sophia


def modules_of(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_client_loads_nothing_that_python_has_not_loaded() -> None:
    loaded = modules_of("import sophia_cli.__main__") - modules_of("")
    assert loaded == {
        "sophia_cli",
        "sophia_cli.__main__",
        "sophia_cli.locations",
        "sophia_cli.wire",
    }


def test_a_command_loads_only_the_socket_besides(served: Sophia) -> None:
    program = "import sys; from sophia_cli.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        # Not through the console script: what pip writes into it (`import re`) is not ours.
        [sys.executable, "-X", "importtime", "-c", program, "recall", "which database?"],
        env=served.environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    plain = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "pass"], capture_output=True, text=True
    )
    assert imported(done.stderr) - imported(plain.stderr) <= {
        "_socket",
        "sophia_cli",
        "sophia_cli.__main__",
        "sophia_cli.locations",
        "sophia_cli.wire",
    }


def imported(said: str) -> set[str]:
    return {line.rpartition("|")[2].strip() for line in said.splitlines() if "import time" in line}


def test_the_commands_of_the_foreground_are_commands_of_the_program() -> None:
    assert set(command_tree.COMMANDS) >= FOREGROUND


def test_the_client_and_the_program_agree_on_options_with_a_value() -> None:
    root = command_tree.root()
    taking = {
        name
        for option in root.params
        if not getattr(option, "is_flag", True)
        for name in option.opts
        if not name.endswith("-completion")
    }
    assert taking == WITH_VALUE
    assert set(app._WITH_VALUE) == WITH_VALUE


@pytest.mark.parametrize(
    ("line", "handed_over"),
    [
        ("recall x", True),
        ("--json recall x", True),
        ("--config down recall x", True),
        ("--config x.yaml down", False),
        ("--profile=local recall x", True),
        ("recall --no-daemon x", False),
        ("recall -- --no-daemon", True),
        ("recall --help", False),
        ("--json", False),
        ("", False),
        ("status", False),
        ("no-such-command", True),
    ],
)
def test_command_lines_are_handed_over(line: str, handed_over: bool) -> None:
    assert for_resident(line.split()) is handed_over
