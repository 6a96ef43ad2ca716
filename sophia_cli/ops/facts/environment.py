"""A virtual environment of Python's: what is installed there."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from sophia_cli.ops.facts.lines import pairs

MARKER = ".sophia"
"""The file in an environment that says what it was installed from, once that is whole."""


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """An environment.

    Attributes:
        version: of the package; empty where it is not installed.
        marker: what the marker says; empty without one.
    """

    version: str = ""
    marker: str = ""


@dataclass(frozen=True, slots=True)
class PythonEnvironmentAt:
    """The environment at a path, and one package in it."""

    path: str
    package: str

    @property
    def command(self) -> str:
        """Prints the marker, and the package's metadata directories: pip itself takes too long."""
        path = shlex.quote(self.path)
        name = re.sub(r"[-_.]+", "_", self.package)
        return (
            f"[ -x {path}/bin/python ] || exit 0\n"
            f"printf 'marker=%s\\n' \"$(head -c 200 {path}/{MARKER})\"\n"
            f"find {path}/lib -mindepth 3 -maxdepth 3 -iname {shlex.quote(f'{name}-*.dist-info')} "
            "-printf 'package=%f\\n'; true"
        )

    def parse(self, output: str, exit_status: int) -> EnvironmentState:
        """What is installed there."""
        if exit_status == 124:
            raise ValueError(f"{self.path}: its file system does not answer")
        said = pairs(output)
        directory = said.get("package", "").removesuffix(".dist-info")
        return EnvironmentState(directory.rpartition("-")[2], said.get("marker", "").strip())
