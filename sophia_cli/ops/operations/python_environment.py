"""A virtual environment of Python's with one package and all that it needs."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from sophia_cli.config.shapes import Shape, WebUrl
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.environment import MARKER, PythonEnvironmentAt
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.operations.arguments import AbsolutePath, Text
from sophia_cli.ops.operations.operation import Change, Nothing, Run

_MAKE_TIMEOUT = 300.0
_INSTALL_TIMEOUT = 2400.0
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# A line of standard input each: an index's address may hold a password, and argv is seen by all.
_VARIABLES = 'while IFS= read -r line; do export "$line"; done'

Requirement = Annotated[
    str,
    Field(pattern=r"^(/[^\s]+\.whl(\[[A-Za-z0-9,._-]+\])?|[A-Za-z0-9][A-Za-z0-9._\[\],<>=!~ -]*)$"),
    Shape("a requirement as sophia-cli==0.1.0, or a wheel's path on the host"),
]
Interpreter = Annotated[
    str,
    Field(pattern=r"^(/[A-Za-z0-9._/-]+|python3(\.[0-9]+)?)$"),
    Shape("python3, python3.12 or a path"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonEnvironment:
    """A virtual environment.

    Attributes:
        requirement: what is installed: for pip, or a wheel on the host.
        digest: of the wheel, so that another one of the same version is installed too.
        index: the package index; without it, what pip on the host is configured for.
        find_links: a directory on the host, or a page, with further packages.
        python: what makes the environment; it needs the package python3-venv.
    """

    path: AbsolutePath
    requirement: Requirement
    digest: Text = ""
    index: WebUrl | None = field(default=None, repr=False)
    find_links: str | None = field(default=None, repr=False)
    python: Interpreter = "python3"

    @property
    def title(self) -> str:
        """`Python environment /opt/sophia`."""
        return f"Python environment {self.path}"

    def needs(self) -> Sequence[Fact[Any]]:
        """What is installed there, and what it was installed from."""
        return (self._fact,)

    def compare(self, known: Known) -> Change | Nothing:
        """Makes it, or installs into it what it was not installed from."""
        state = known[self._fact]
        if state.version and state.marker == self._spec:
            return Nothing(f"has {self._package} {state.version}")
        asked = self.requirement.rpartition("/")[2]
        said = f"install {asked} in {self.path}"
        if state.version:
            said += f", in place of {state.version}"
        return Change(said, (Run(self._made()), Run(self._installed())))

    @property
    def _fact(self) -> PythonEnvironmentAt:
        return PythonEnvironmentAt(self.path, self._package)

    @property
    def _package(self) -> str:
        """The package's name: the first part of a requirement, and of a wheel's file name."""
        name = self.requirement.rpartition("/")[2]
        if self.requirement.startswith("/"):
            return name.partition("-")[0]
        found = _NAME.match(re.split(r"[\[<>=!~ ,]", name)[0])
        return found[0] if found else name

    @property
    def _spec(self) -> str:
        everything = [self.requirement, self.digest, self.python]
        return hashlib.sha256(json.dumps(everything).encode()).hexdigest()

    def _made(self) -> Command:
        """The mark goes first: an environment that is only half installed has none."""
        path, mark = shlex.quote(self.path), shlex.quote(f"{self.path}/{MARKER}")
        return Command(
            f"umask 022 && rm -f -- {mark} && {self.python} -m venv -- {path}",
            timeout=_MAKE_TIMEOUT,
        )

    def _installed(self) -> Command:
        python = shlex.quote(f"{self.path}/bin/python")
        mark = shlex.quote(f"{self.path}/{MARKER}")
        pip = f"{python} -m pip --no-input --disable-pip-version-check install -q"
        requirement = shlex.quote(self.requirement)
        steps = [f"{pip} --upgrade -- {requirement}"]
        if self.requirement.startswith("/"):
            # pip takes a wheel of the version that is there for the same one.
            steps.append(f"{pip} --force-reinstall --no-deps -- {requirement}")
        steps.append(f"printf '%s\\n' {self._spec} > {mark}")
        variables = {"PIP_INDEX_URL": self.index, "PIP_FIND_LINKS": self.find_links}
        stdin = "".join(f"{name}={value}\n" for name, value in variables.items() if value)
        return Command(
            f"umask 022\n{_VARIABLES}\n{' && '.join(steps)}",
            stdin.encode(),
            timeout=_INSTALL_TIMEOUT,
        )
