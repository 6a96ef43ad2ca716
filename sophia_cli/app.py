"""The command tree and how a command line is run: every command is loaded when it is needed."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, Exit, TyperException

from sophia_cli import __version__
from sophia_cli.environment import Environment
from sophia_cli.errors import Interrupted, OutOfSpace, SophiaError
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation, Opener
from sophia_cli.terminal import Outcome, Terminal

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
    "stats": "stats",
    "export": "export",
    "import": "import_",
    "reindex": "reindex",
    "config": "config",
    "up": "up",
    "down": "down",
    "status": "status",
    "serve": "serve",
    "logs": "logs",
    "lend-vectors": "lend_vectors",
}
"""Each command and the module of `sophia_cli.commands` that defines it, in the order of --help."""

_FLAGS = ("--json", "--quiet", "-q", "--verbose", "-v", "--debug", "--no-color", "--no-daemon")
_WITH_VALUE = ("--config", "--profile")


def run(arguments: Sequence[str], environment: Environment, opener: Opener | None = None) -> int:
    """Runs one command line; the same function in the foreground and in the resident process.

    Args:
        arguments: without the program's name.
        environment: streams, directory, variables and clock.
        opener: opens the service; None opens one in the foreground.

    Returns:
        The exit status. No exception leaves this function.
    """
    started = time.perf_counter()
    arguments = hoisted(arguments)
    globals_ = _globals_of(arguments)
    terminal = Terminal(
        environment,
        json_mode="--json" in globals_,
        quiet="--quiet" in globals_ or "-q" in globals_,
        colour="--no-color" not in globals_,
    )
    invocation = Invocation(
        environment,
        terminal,
        opener,
        verbose="--verbose" in globals_ or "-v" in globals_,
        debug="--debug" in globals_,
    )
    name = arguments[len(globals_)] if len(arguments) > len(globals_) else None
    try:
        error = _run(arguments, invocation, name, started)
        if isinstance(error, SophiaError):
            terminal.fail(name, error, started)
            return int(error.exit_status)
        environment.stdout.flush()
        return error
    except BrokenPipeError:
        # The reader of our output has seen enough.
        return int(ExitStatus.OK)


def _run(
    arguments: Sequence[str], invocation: Invocation, name: str | None, started: float
) -> int | SophiaError:
    try:
        outcome = root().main(
            list(arguments), prog_name="sophia", standalone_mode=False, obj=invocation
        )
        if isinstance(outcome, Outcome):
            invocation.terminal.finish(name or "", outcome, started)
            return int(outcome.exit_status)
        return outcome if isinstance(outcome, int) else int(ExitStatus.OK)
    except SophiaError as error:
        _traceback(invocation)
        return error
    except TyperException as error:
        return _usage(error, name)
    except Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, Abort):
        return Interrupted("interrupted")
    except BrokenPipeError:
        raise
    except OSError as error:
        _traceback(invocation)
        return _system(error)
    except Exception as error:
        _traceback(invocation)
        return _Unexpected(
            f"an error in sophia itself: {type(error).__name__}: {_first_line(error)}",
            "run it again with --debug and report what it prints",
        )


def _traceback(invocation: Invocation) -> None:
    """With --debug, where the error in hand came from."""
    if invocation.debug:
        import traceback

        traceback.print_exc(file=invocation.environment.stderr)


class _Unexpected(SophiaError):
    code = "internal"


class _Usage(SophiaError):
    code = "usage"
    exit_status = ExitStatus.USAGE


def _usage(error: TyperException, name: str | None) -> _Usage:
    message = _first_line(error.format_message()).rstrip(".")
    command = f" {name}" if name in COMMANDS else ""
    hint = f"see sophia{command} --help"
    if message.startswith("No such option"):
        hint += "; put -- before a text that begins with a dash"
    return _Usage(message[:1].lower() + message[1:] if message else "nothing to do", hint)


def _system(error: OSError) -> SophiaError:
    import errno

    where = f"{error.filename}: " if error.filename else ""
    message = f"{where}{error.strerror or error}"
    if error.errno == errno.ENOSPC:
        return OutOfSpace(message, "free some space and run it again")
    return SophiaError(message)


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def hoisted(arguments: Sequence[str]) -> list[str]:
    """Global options first, wherever they were given: `recall --json TEXT` is `--json recall TEXT`.

    Behind `--` everything is text.
    """
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest.append(word)
            rest.extend(words)
        elif word in _FLAGS:
            front.append(word)
        elif word in _WITH_VALUE:
            front.append(word)
            front.extend(value for value in [next(words, None)] if value is not None)
        elif word.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def _globals_of(arguments: Sequence[str]) -> list[str]:
    """The global options at the front of a hoisted command line."""
    count = 0
    while count < len(arguments):
        word = arguments[count]
        if word in _WITH_VALUE:
            count += 2
        elif word in _FLAGS or word.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            count += 1
        else:
            break
    return list(arguments[:count])


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
        group.command(name, hidden=getattr(module, "HIDDEN", False))(module.command)
    built = typer.main.get_command(group)
    built.name = name
    return built


class _Group(TyperGroup):
    """The root group over the lazily loaded commands."""

    def __init__(self, **settings: Any) -> None:
        settings.pop("commands", None)
        super().__init__(commands=None, **settings)
        self.commands = _Commands()


_root: list[Any] = []


def root() -> Any:
    """The root command; built once."""
    if not _root:
        application = typer.Typer(
            cls=_Group,
            rich_markup_mode=None,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        application.callback()(_global_options)
        _root.append(typer.main.get_command(application))
    return _root[0]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sophia {__version__}")
        raise typer.Exit


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
