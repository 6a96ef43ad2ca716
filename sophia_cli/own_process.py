"""What is settled at the start of a process that is sophia's own, and in no other program's."""

from __future__ import annotations

import os

from sophia_cli.heap import collect_seldom

_NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def settle() -> None:
    """To be called before pydantic and typer are loaded.

    No plugin that happens to be installed for pydantic is loaded: it would run with every command,
    and looking for one takes 30 ms. Typer sets the same variable around each option that it reads,
    and deletes it again, which two threads of the resident process cannot do at once; it leaves the
    variable alone where it is set.
    """
    collect_seldom()
    os.environ[_NO_PLUGINS] = "1"
