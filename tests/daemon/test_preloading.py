"""What is loaded before it is wanted does not get in the way of commands."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
from sophia_cli.daemon.preloading import preload

opening = threading.Thread(target=lambda: None)
opening.start()
answers = iter([True, True, True])
seen = []

def busy():
    answer = next(answers, False)
    if answer:
        seen.append("mcp" in sys.modules)
    return answer

preload(after=opening, busy=busy, begin_after=0).join()
assert seen == [False] * 3, seen
assert "sophia_cli.mcp.server" in sys.modules
"""


def test_the_sdk_is_loaded_once_no_command_runs() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
