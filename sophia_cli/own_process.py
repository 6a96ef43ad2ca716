"""What is settled in a process that is sophia's own, and in no other program's."""

from __future__ import annotations

import gc
import os

_NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def settle() -> None:
    """To be called before pydantic and typer are loaded.

    No plugin that happens to be installed for pydantic is loaded: it would run with every command.
    Typer sets the same variable around each option that it reads, and deletes it again, which two
    threads of the resident process cannot do at once; where it is set, it stays.

    Python looks for cycles of garbage 70 times less often than by default: loading the program
    makes 300,000 objects and no garbage.
    """
    os.environ[_NO_PLUGINS] = "1"
    gc.set_threshold(50_000, 20, 20)


def keep_what_is_loaded() -> None:
    """What is there now, the loaded program, is not looked through any more for garbage."""
    gc.freeze()
