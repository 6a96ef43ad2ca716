"""Where the processes of a home write their events."""

from __future__ import annotations

import os
import sys

from sophia_cli.config.faces import Log
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.config.shapes import bytes_in
from sophia_cli.errors import ConfigurationError
from sophia_cli.home import Home
from sophia_cli.logs.events import take_over, to_file, to_stream
from sophia_cli.logs.file import LogFile


def configure(home: Home, *, foreground: bool) -> None:
    """The resident process: its log, which takes its standard output and error along.

    Args:
        foreground: under a supervisor, which keeps what it writes to standard error.
    """
    settings = _settings()
    if foreground:
        to_stream(sys.stderr, settings.level)
    else:
        to_file(_file(home, settings, (1, 2)), settings.level)
    take_over()


def beside(home: Home, settings: Log) -> None:
    """A process beside the resident one: the same log, and nothing else of it changes."""
    to_file(_file(home, settings, ()), settings.level)


def _settings() -> Log:
    """As this process was started; the commands say what is wrong with a configuration."""
    try:
        return load(dict(os.environ), {}).config.log
    except ConfigurationError:
        return Config().log


def _file(home: Home, settings: Log, descriptors: tuple[int, ...]) -> LogFile:
    return LogFile(home.log("resident"), bytes_in(settings.largest), settings.kept, descriptors)
