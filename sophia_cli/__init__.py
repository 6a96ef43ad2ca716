"""sophia: one command line that stands up, runs and uses a hybrid memory.

Importing this package costs nothing: the thin client (`__main__`) runs on every command and may
load the standard library only.
"""

__version__ = "0.1.0"

MYPY = False
if MYPY:
    from sophia_cli.client import AsyncSophia as AsyncSophia
    from sophia_cli.client import Sophia as Sophia


def __getattr__(name: str) -> object:
    """The client for programs, loaded when it is asked for: `from sophia_cli import Sophia`."""
    if name in ("Sophia", "AsyncSophia"):
        import sophia_cli.client

        return getattr(sophia_cli.client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
