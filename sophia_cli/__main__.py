"""The thin client: hands a command to the resident process, or runs it in the foreground.

It is on the path of every command, so it imports nothing that Python has not loaded at start: the
socket comes from the C module (`socket` alone costs as much as the rest of the client).
"""

from __future__ import annotations

import os
import sys

from sophia_cli import __version__, wire
from sophia_cli.locations import home_directory, resident_socket

MYPY = False
if MYPY:
    from _socket import socket

# Commands about the resident process itself, or that outlive one request.
FOREGROUND = frozenset({"up", "down", "status", "serve", "logs", "config"})
# Global options that take a value, so that the value is not taken for the command.
WITH_VALUE = frozenset({"--config", "--profile"})

_ACCEPT_TIMEOUT = 5.0
_START_TIMEOUT = 60.0
_START_PAUSE = 0.01
_SAY_STARTING_AFTER = 0.7
_INTERRUPT_TIMEOUT = 10.0
_UNREACHABLE = 4
_INTERRUPTED = 130


def main() -> int:
    """Runs the command line of this process; returns the exit status."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"sophia {__version__}")  # noqa: T201  (loads nothing to say one line)
        return 0
    if not for_resident(arguments) or "_SOPHIA_COMPLETE" in os.environ:
        return _foreground(arguments)
    try:
        return _ask(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED


def for_resident(arguments: list[str]) -> bool:
    """Whether the resident process runs this command line."""
    command = None
    skip = False
    for argument in arguments:
        if argument == "--":
            break
        if argument in ("--help", "-h", "--no-daemon", "--version"):
            return False
        if argument.startswith(("--install-completion", "--show-completion")):
            return False
        if skip:
            skip = False
        elif argument in WITH_VALUE and command is None:
            skip = True
        elif command is None and not argument.startswith("-"):
            command = argument
    return command is not None and command not in FOREGROUND


def _foreground(arguments: list[str]) -> int:
    from sophia_cli.app import run
    from sophia_cli.environment import Environment

    status = run(arguments, Environment.of_this_process())
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain when it flushes once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status


def _ask(arguments: list[str]) -> int:
    """Hands the command to the resident process and waits for its exit status."""
    path = resident_socket(home_directory(os.environ))
    request = wire.pack(
        __version__,
        os.fsencode(os.getcwd()),
        [os.fsencode(argument) for argument in arguments],
        [name + b"=" + value for name, value in os.environb.items()],
    )
    for _ in range(3):
        connection = _connect(path) or start(path)
        if connection is None:
            return _foreground(arguments)
        try:
            answer = _send(connection, request)
            if answer == wire.ACCEPTED:
                return _wait(connection)
        except TimeoutError:
            return _say(
                "the resident process does not answer",
                "`sophia down` ends it (its data is safe), the next command starts a new one",
            )
        except OSError:
            pass  # It went away between two bytes: the next round starts a new one.
        finally:
            connection.close()
    return _say("the resident process keeps going away", "sophia logs says why")


def _connect(path: str) -> socket | None:
    """A connection to the resident process, or None when none listens."""
    import _socket

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.settimeout(_ACCEPT_TIMEOUT)
    try:
        connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        return None
    except OSError:
        connection.close()
        return None
    return connection


def _send(connection: socket, request: bytes) -> bytes:
    """Sends a request with our three streams; returns the first byte that comes back."""
    import _socket

    descriptors = b"".join(
        _open_descriptor(number).to_bytes(4, sys.byteorder) for number in range(3)
    )
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)]
    sent = connection.sendmsg([request], rights)
    if sent < len(request):
        connection.sendall(request[sent:])
    answer: bytes = connection.recv(1)
    return answer


def _open_descriptor(number: int) -> int:
    """The descriptor, or an empty one in place of a stream that the user closed."""
    try:
        os.fstat(number)
    except OSError:
        return os.open(os.devnull, os.O_RDWR)
    return number


def _wait(connection: socket) -> int:
    """Waits for the exit status of a command that runs; passes an interrupt on."""
    connection.settimeout(wire.SILENCE)
    interrupted = False
    while True:
        try:
            byte = connection.recv(1)
            if byte == wire.DONE:
                status = connection.recv(1)
                if status:
                    return int(status[0])
                byte = b""
            if not byte:
                if interrupted:
                    return _INTERRUPTED
                return _say(
                    "the resident process ended while the command ran: it may or may not be done",
                    "run it again: a memory that is already stored is not stored twice",
                )
        except TimeoutError:
            return _say(
                "the resident process has stopped answering: the command may or may not be done",
                "`sophia down` ends it, then run the command again",
            )
        except OSError:
            return _say("the resident process went away: the command may or may not be done")
        except KeyboardInterrupt:
            if interrupted:
                return _INTERRUPTED
            interrupted = True
            connection.settimeout(_INTERRUPT_TIMEOUT)
            connection.sendall(wire.INTERRUPT)


def start(path: str) -> socket | None:
    """Starts the resident process and connects; None when it could not be started."""
    import time

    null = os.devnull
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, null, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0),
    ]
    program = "from sophia_cli.daemon.process import main; main()"
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", program],
        os.environ,
        file_actions=actions,
        setsid=True,
    )
    started = time.monotonic()
    said = False
    running = True
    while (waited := time.monotonic() - started) < _START_TIMEOUT:
        connection = _connect(path)
        if connection is not None:
            return connection
        if running and os.waitpid(child, os.WNOHANG)[0] == child:
            running = False  # It found another one starting up, or it could not start.
            started = time.monotonic() - _START_TIMEOUT + 5.0
            if not _is_locked(os.path.join(home_directory(os.environ), "locks", "resident.lock")):
                return None
        if not said and waited > _SAY_STARTING_AFTER and os.isatty(2):
            said = True
            os.write(2, b"starting sophia ...\n")
        time.sleep(_START_PAUSE)
    return None


def _is_locked(path: str) -> bool:
    """Whether some process holds the lock file."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _say(message: str, hint: str = "") -> int:
    """One line of error, and one of what to do; as JSON where that was asked for."""
    if "--json" in sys.argv:
        import json

        error = {"code": "unreachable", "message": message, "hint": hint}
        print(json.dumps({"status": "error", "error": error}))  # noqa: T201
    else:
        sys.stderr.write(f"sophia: {message}\n" + (f"  {hint}\n" if hint else ""))
    return _UNREACHABLE


if __name__ == "__main__":
    sys.exit(main())
