"""The thin client: hands a command to the resident process, or runs it in the foreground.

It is on the path of every command, so it imports nothing that Python has not loaded at start: the
socket comes from the C module (`socket` alone costs as much as the rest of the client).
"""

import os
import sys

from sophia_cli import __version__, wire
from sophia_cli.locations import (
    home_directory,
    resident_lock,
    resident_socket,
    working_directory,
)

MYPY = False
if MYPY:
    from _socket import socket

# Commands about the resident process, that outlive one request, on a store of their own or on none.
FOREGROUND = frozenset(
    {
        "up",
        "down",
        "status",
        "serve",
        "logs",
        "config",
        "bench",
        "init",
        "hosts",
        "plan",
        "deploy",
        "rollback",
        "clean",
        "exec",
        "journal",
    }
)
# Commands below a command that have to do with no memory.
FOREGROUND_BELOW = frozenset({("mcp", "install"), ("mcp", "uninstall")})
# Commands that look whether all is well: the resident process runs them where it runs and takes
# them, which is faster; it is neither started nor replaced for them.
LOOKING = frozenset({"doctor", "health"})
# Global options that take a value, so that the value is not taken for the command.
WITH_VALUE = frozenset({"--config", "--profile"})

_ACCEPT_TIMEOUT = 6.0
_PATIENCE_WHEN_LOOKING = 2.0
_PAUSE = 0.01
# One that goes away and one of another version may both be met before one stays.
_ROUNDS = 5
_UNREACHABLE = 4
_INTERRUPTED = 130
_BY_THE_USER = ("interrupted", _INTERRUPTED)  # code and status


def main() -> int:
    """Runs the command line of this process; returns the exit status."""
    try:
        _open_closed_streams()
        arguments = sys.argv[1:]
        if arguments == ["--version"]:
            print(f"sophia {__version__}")  # noqa: T201  (loads nothing to say one line)
            return 0
        if not for_resident(arguments) or "_SOPHIA_COMPLETE" in os.environ:
            return _foreground(arguments)
        if _command(arguments) in LOOKING:
            return _look(arguments)
        return _ask(arguments)
    except KeyboardInterrupt:
        return _say("interrupted", "what was done before stays", *_BY_THE_USER)


def for_resident(arguments: list[str]) -> bool:
    """Whether the resident process runs this command line."""
    for argument in arguments:
        if argument == "--":
            break
        if argument in ("--help", "-h", "--no-daemon", "--version"):
            return False
        if argument.startswith(("--install-completion", "--show-completion")):
            return False
    words = _words(arguments)
    if not words or words[0] in FOREGROUND:
        return False
    return tuple(words[:2]) not in FOREGROUND_BELOW


def _command(arguments: list[str]) -> str | None:
    """The command's name in a command line."""
    words = _words(arguments)
    return words[0] if words else None


def _words(arguments: list[str]) -> list[str]:
    """What is no option, nor the value of a global one: the command first."""
    found = []
    words = iter(arguments)
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            found.append(word)
    return found


def _open_closed_streams() -> None:
    """Puts empty streams in place of those that the user closed (`<&-`).

    The next descriptor that is opened would take their number, and be read or written as theirs.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", encoding="utf-8"))


def _foreground(arguments: list[str]) -> int:
    from sophia_cli.environment import Environment
    from sophia_cli.own_process import settle

    environment = Environment.of_this_process()
    settle()
    from sophia_cli.app import run

    status = run(arguments, environment)
    try:
        sys.stdout.flush()
    except OSError:
        # The reader has gone; Python would complain when it flushes once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status


def _look(arguments: list[str]) -> int:
    """Hands the command to the resident process if it takes it; else runs it here."""
    home = home_directory(os.environ)
    if _is_of_this_version(home):
        try:
            connection = connect(resident_socket(home), _PATIENCE_WHEN_LOOKING)
            if connection is not None and _hand_over(connection, _request(arguments)):
                status = _wait(connection)
                return _foreground(arguments) if status == wire.NOT_HERE else status
        except OSError:
            pass  # What is the matter with it, the command itself will say.
    return _foreground(arguments)


def _is_of_this_version(home: str) -> bool:
    """Whether the resident process of a home wrote down that it is of this version."""
    try:
        with open(resident_lock(home)) as file:
            return f'"{__version__}"' in file.read(4096)
    except OSError:
        return False


def _request(arguments: list[str]) -> bytes:
    return wire.pack(
        __version__,
        os.fsencode(working_directory(os.environ)),
        [os.fsencode(argument) for argument in arguments],
        [name + b"=" + value for name, value in os.environb.items()],
    )


def _ask(arguments: list[str]) -> int:
    """Hands the command to the resident process and waits for its exit status."""
    path = resident_socket(home_directory(os.environ))
    request = _request(arguments)
    for _ in range(_ROUNDS):
        try:
            connection = connect(path) or _start(path)
        except TimeoutError:
            break
        if connection is None:
            return _foreground(arguments)
        try:
            accepted = _hand_over(connection, request)
        except TimeoutError:
            break
        except OSError:
            accepted = False  # It went away between two bytes: the next round starts a new one.
        if accepted:
            return _wait(connection)
        connection.close()
    return _say(
        "the resident process does not take the command, which was not carried out",
        "`sophia status` shows it, `sophia down` ends it; nothing that was stored is lost",
    )


def connect(path: str, timeout: float = _ACCEPT_TIMEOUT) -> "socket | None":
    """A connection to the resident process, or None when none of ours listens.

    Args:
        timeout: seconds for this, and for every answer on it.

    Raises:
        TimeoutError: one listens and takes no more connections.
    """
    import _socket

    if not _is_ours(path):
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.settimeout(timeout)
    for _ in range(int(timeout / _PAUSE)):
        try:
            connection.connect(path)
            return connection
        except BlockingIOError:  # The queue of those that wait to be accepted is full.
            import time

            time.sleep(_PAUSE)
        except OSError:
            connection.close()
            return None
    connection.close()
    raise TimeoutError


def _is_ours(path: str) -> bool:
    """Whether the socket's directory is ours: who listens there gets our variables and streams."""
    try:
        return os.lstat(os.path.dirname(path)).st_uid == os.geteuid()
    except OSError:
        return False


def _start(path: str) -> "socket | None":
    from sophia_cli.daemon.starting import start

    return start(path)


def _hand_over(connection: "socket", request: bytes) -> bool:
    """Sends a request and, once it is accepted, our three streams; then the command runs.

    From then on it is the command that says that it was interrupted: where this returns True, an
    interrupt is held back until `_wait` can pass it on.

    Raises:
        TimeoutError: no answer; the streams were not sent.
        OSError: the process went away before it had them.
    """
    import _signal
    import _socket

    connection.sendall(request)
    if connection.recv(1) != wire.ACCEPTED:
        return False
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)]
    held = _signal.pthread_sigmask(_signal.SIG_BLOCK, [_signal.SIGINT])
    handed = False
    try:
        handed = connection.sendmsg([wire.STREAMS], rights) == len(wire.STREAMS)
    finally:
        if not handed:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, held)
    return handed


def _wait(connection: "socket") -> int:
    """Waits for the exit status of a command that runs; passes an interrupt on."""
    import _signal

    connection.settimeout(wire.SILENCE)
    interrupted = False
    while True:
        try:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [_signal.SIGINT])
            status = _status(connection)
            if status is not None:
                return status
            fault = "the resident process ended while the command ran"
        except TimeoutError:
            fault = "the resident process has frozen while the command ran; `sophia down` ends it"
        except KeyboardInterrupt:
            if interrupted:
                return _INTERRUPTED
            interrupted = True
            try:  # noqa: SIM105  (contextlib is not loaded)
                connection.sendall(wire.INTERRUPT)
            except OSError:
                pass  # it has ended just now; how, is still to be read
            continue
        if interrupted:
            return _say(f"interrupted; {fault}", "what was done before stays", *_BY_THE_USER)
        return _say(
            f"{fault}: it may or may not be done",
            "run it again: a memory that is already stored is not stored twice",
        )


def _status(connection: "socket") -> int | None:
    """The exit status once the command is done; None when the connection ends before.

    Raises:
        TimeoutError: no sign of life for too long.
    """
    try:
        while byte := connection.recv(1):
            if byte == wire.DONE:
                status = connection.recv(1)
                return int(status[0]) if status else None
    except TimeoutError:
        raise
    except OSError:
        pass
    return None


def _say(
    message: str, hint: str, code: str = "unreachable", exit_status: int = _UNREACHABLE
) -> int:
    """One line of error, and one of what to do; as JSON where that was asked for."""
    arguments = sys.argv[1:]
    if "--json" in arguments[: arguments.index("--") if "--" in arguments else None]:
        import json

        envelope: dict[str, object] = {
            "status": "error",
            "command": _command(arguments),
            "duration_ms": 0.0,
            "count": 0,
            "data": [],
            "degraded": [],
            "trace": {},
            "error": {"code": code, "message": message, "hint": hint},
        }
        stream, text = sys.stdout, json.dumps(envelope)
    else:
        stream, text = sys.stderr, f"sophia: {message}\n  {hint}"
    try:
        stream.write(text + "\n")
        stream.flush()
    except OSError:
        return exit_status  # Nobody reads it.
    return exit_status


if __name__ == "__main__":
    sys.exit(main())
