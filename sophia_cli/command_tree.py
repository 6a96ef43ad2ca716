"""The command tree: every command is loaded when it is needed."""

# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from sophia_cli import __version__
from sophia_cli.errors import Interrupted
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation

COMMANDS: dict[str, str] = {
    "remember": "remember",
    "ingest": "ingest",
    "recall": "recall",
    "similar": "similar",
    "ask": "ask",
    "show": "show",
    "list": "list_",
    "history": "history",
    "update": "update",
    "link": "link",
    "forget": "forget",
    "feedback": "feedback",
    "stats": "stats",
    "cache": "cache",
    "monitor": "monitor",
    "bench": "bench",
    "export": "export",
    "import": "import_",
    "reindex": "reindex",
    "repair": "repair",
    "config": "config",
    "init": "init",
    "hosts": "hosts",
    "token": "token",
    "vectors": "vectors",
    "up": "up",
    "down": "down",
    "status": "status",
    "serve": "serve",
    "logs": "logs",
    "doctor": "doctor",
    "health": "health",
    "mcp": "mcp",
    "plan": "plan",
    "deploy": "deploy",
    "rollback": "rollback",
    "clean": "clean",
    "exec": "exec_",
    "journal": "journal",
    "lend-vectors": "lend_vectors",
}
"""Each command and the module of `sophia_cli.commands` that defines it, in the order of --help."""


class _Commands(MutableMapping[str, Any]):
    """The commands by name, each imported when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            module = import_module(f"sophia_cli.commands.{COMMANDS[name]}")
            self._loaded[name] = _built(name, module)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _built(name: str, module: Any) -> Any:
    """A module's function `command`, or its Typer `group`, as a command of the tree."""
    group: typer.Typer | None = getattr(module, "group", None)
    if group is None:
        group = typer.Typer(add_completion=False, rich_markup_mode=None)
        hidden = getattr(module, "HIDDEN", False)
        group.command(name, cls=Command, hidden=hidden)(module.command)
    built = typer.main.get_command(group)
    built.name = name
    return built


class OutputClosed(Exception):
    """The reader of our output has seen enough."""


@contextmanager
def _told() -> Iterator[None]:
    """For a BrokenPipeError Typer would end Python; at Ctrl-C it ends without a word."""
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosed from error
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted") from error


class _Root(Group):
    """The root group over the lazily loaded commands."""

    def __init__(self, **settings: Any) -> None:
        settings.pop("commands", None)
        super().__init__(commands=None, **settings)
        self.commands = _Commands()

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        with _told():
            return super().make_context(*arguments, **settings)

    def invoke(self, context: Any) -> Any:
        with _told():
            return super().invoke(context)


_root: list[Any] = []


def root() -> Any:
    """The root command; built once."""
    if not _root:
        application = typer.Typer(
            cls=_Root,
            rich_markup_mode=None,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        application.callback()(_global_options)
        _root.append(typer.main.get_command(application))
    return _root[0]


def _version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        Invocation.of(context).environment.stdout.write(f"sophia {__version__}\n")
        raise typer.Exit


# `app.run` has read them all before the parser sees them; here they get their place in --help.
def _global_options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="The configuration file.", metavar="FILE")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="local or cluster.", metavar="NAME")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Results only.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say how the answer came about.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour.")] = False,
    no_daemon: Annotated[bool, typer.Option("--no-daemon", help="Run in the foreground.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version)
    ] = False,
) -> None:
    """One memory for a team and its agents: remember, recall, and run what it stands on.

    \b
    Examples:
      sophia remember "We chose Qdrant over Weaviate because of filtering speed"
      sophia recall "which vector database did we pick?"
      sophia ask "What did we decide about the database?"
      sophia ingest notes/ chat.jsonl
      sophia status
    """
    invocation = Invocation.of(context)
    if config is not None:
        invocation.options["config"] = str(config)
    if profile is not None:
        invocation.options["profile"] = profile
