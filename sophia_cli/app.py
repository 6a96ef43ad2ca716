"""How a command line is run: its global options, its errors, its exit status."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from typer.exceptions import Abort, Exit, TyperException

from sophia_cli.command_tree import COMMANDS, OutputClosed, root
from sophia_cli.correlation import request
from sophia_cli.environment import Environment
from sophia_cli.errors import Interrupted, OutOfSpace, SophiaError
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation, Opener
from sophia_cli.terminal import Outcome, Terminal

_FLAGS = ("--json", "--quiet", "-q", "--verbose", "-v", "--debug", "--no-color", "--no-daemon")
_WITH_VALUE = ("--config", "--profile")
_LONGEST_MESSAGE = 300


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
    globals_ = globals_of(arguments)
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
    with request():
        error: int | SophiaError = int(ExitStatus.OK)
        with contextlib.suppress(BrokenPipeError, OutputClosed):
            error = _run(arguments, invocation, name, started)
        status = error if isinstance(error, int) else int(error.exit_status)
        _note(invocation, name, status, error, started)
        if isinstance(error, SophiaError):
            # If nobody can be told, the exit status still says it.
            with contextlib.suppress(OSError, SophiaError):
                told_more = invocation.verbose or invocation.debug
                terminal.fail(name, error, started, verbose=told_more)
                environment.stdout.flush()
        return status


def _run(
    arguments: Sequence[str], invocation: Invocation, name: str | None, started: float
) -> int | SophiaError:
    try:
        outcome = root().main(
            list(arguments), prog_name="sophia", standalone_mode=False, obj=invocation
        )
        if isinstance(outcome, Outcome):
            invocation.terminal.finish(name or "", outcome, started)
            outcome = int(outcome.exit_status)
        invocation.environment.stdout.flush()
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
    except (BrokenPipeError, OutputClosed):
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


def _note(
    invocation: Invocation,
    name: str | None,
    status: int,
    error: int | SophiaError,
    started: float,
) -> None:
    """One event in the log; what was typed is none of its business."""
    if invocation.is_logged:
        from sophia_cli.logs.events import log

        log.info(
            "command",
            command=name if name in COMMANDS else None,
            exit_status=status,
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            error=None if isinstance(error, int) else error.code,
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
    # It quotes what was typed, which may be a whole file.
    said = " ".join(error.format_message().replace("Value error, ", "").split())
    message = said.rstrip(".")[:_LONGEST_MESSAGE]
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


def globals_of(arguments: Sequence[str]) -> list[str]:
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
