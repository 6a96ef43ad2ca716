"""The command line of the real server, and what it says of itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

VERSION = os.environ.get("STANDIN_VERSION", "1.18.3")
COMMIT = {
    "1.18.3": "db8fa43fcb6aedec1e739487e17a99731b74590a",
    "1.19.0": "74f3e85b9473c62560006c043e13737ce6b48412",
}.get(VERSION, "0" * 40)

_VALUED = {"--bootstrap", "--uri", "--config-path", "--storage-snapshot", "--snapshot"}
_FLAGS = {"--force-snapshot", "--disable-telemetry", "--stacktrace", "--reinit"}
_REFUSED_BY_STANDIN = {"--storage-snapshot", "--snapshot", "--reinit"}
_USAGE_ERROR = 2

HELP = """Qdrant (pronounced: /quadrant/) is a vector similarity search engine and vector database.
This is a stand-in for it, for tests; not Qdrant.

Usage: qdrant [OPTIONS]

Options:
      --bootstrap <URI>
          Uri of the peer to bootstrap from, with several peers [env: QDRANT_BOOTSTRAP=]
      --uri <URI>
          Uri of this peer. Other peers should be able to reach it by this uri [env: QDRANT_URI=]
      --force-snapshot
          Force snapshot re-creation
      --snapshot <PATH:NAME>
          List of paths to snapshot files
      --storage-snapshot <PATH>
          Path to snapshot of multiple collections
      --config-path <CONFIG_PATH>
          Path to an alternative configuration file
      --disable-telemetry
          Disable telemetry sending to developers
      --stacktrace
          Run stacktrace collector. Used for debugging
      --reinit
          Reinit consensus state
  -h, --help
          Print help
  -V, --version
          Print version
"""


@dataclass(frozen=True, slots=True)
class Arguments:
    uri: str | None = None
    bootstrap: str | None = None
    config_path: str | None = None


class Ended(Exception):
    """Nothing is to be served: what to print, and the exit code."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


def parse(argv: Sequence[str]) -> Arguments:
    """Reads the command line as the real one does.

    Raises:
        Ended: `--help`, `--version`, or an argument that it does not know (exit 2).
    """
    given: dict[str, str | None] = {
        "--uri": os.environ.get("QDRANT_URI"),
        "--bootstrap": os.environ.get("QDRANT_BOOTSTRAP"),
    }
    rest = list(argv)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in ("-h", "--help"):
            raise Ended(HELP)
        if name in ("-V", "--version"):
            raise Ended(f"qdrant {VERSION}\n")
        if name in _REFUSED_BY_STANDIN:
            raise Ended(f"error: the stand-in was not told of {name}\n", _USAGE_ERROR)
        if name in _FLAGS and not equals:
            continue
        if name not in _VALUED:
            raise Ended(_unexpected(name), _USAGE_ERROR)
        if not equals:
            if not rest:
                raise Ended(_valueless(name), _USAGE_ERROR)
            value = rest.pop(0)
        given[name] = value
    return Arguments(given["--uri"], given["--bootstrap"], given.get("--config-path"))


def _unexpected(name: str) -> str:
    return (
        f"error: unexpected argument '{name}' found\n\nUsage: qdrant [OPTIONS]\n\n"
        "For more information, try '--help'.\n"
    )


def _valueless(name: str) -> str:
    return (
        f"error: a value is required for '{name} <VALUE>' but none was supplied\n\n"
        "For more information, try '--help'.\n"
    )
