"""What a request is refused with, and what ends a server at start; the words are recorded ones."""

from __future__ import annotations

CONSENSUS_ERROR = "Failed to handle committed entries"
DISK_FULL = "No space left on device: WAL buffer size exceeds available disk space"


class Refusal(Exception):
    """An answer that is an error: `{"status": {"error": ...}}`."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class StartFailure(Exception):
    """The server ends before it serves: its last words and its exit code."""

    def __init__(self, code: int, *lines: str, panic: str = "") -> None:
        super().__init__(panic or (lines[0] if lines else ""))
        self.code = code
        self.lines = lines
        self.panic = panic


def wrong_input(text: str) -> Refusal:
    return Refusal(400, f"Wrong input: {text}")


def bad_request(text: str) -> Refusal:
    return Refusal(400, f"Bad request: {text}")


def bad_json(text: str) -> Refusal:
    return Refusal(400, f"Format error in JSON body: {text}")


def internal(text: str) -> Refusal:
    return Refusal(500, f"Service internal error: {text}")


def not_found(name: str) -> Refusal:
    return Refusal(404, f"Not found: Collection `{name}` doesn't exist!")


def timed_out(seconds: float) -> Refusal:
    """A consensus operation that was not committed in time; it may be carried out later."""
    return internal(
        f"Waiting for consensus operation commit failed. Timeout set at: {seconds:g} seconds"
    )


def not_told(what: str) -> Refusal:
    """The stand-in does not know this; the real server may."""
    return Refusal(501, f"the stand-in was not told: {what}")


def consensus_start(*causes: str) -> StartFailure:
    """Consensus could not be initialised: the panic with its causes, exit 101."""
    numbered = len(causes) > 1
    listed = [f"    {f'{at}: ' if numbered else ''}{cause}" for at, cause in enumerate(causes)]
    return StartFailure(
        101,
        "",
        "Caused by:",
        *listed,
        panic="Panic occurred in file src/main.rs at line 613: Can't initialize consensus: "
        "Failed to initialize Consensus for new Raft state",
    )
