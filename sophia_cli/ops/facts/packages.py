"""Debian packages: which are installed, and what an upgrade would bring."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

# How old the lists of packages may be before nobody can say what an upgrade would bring, minutes.
_FRESH = 24 * 60
STAMP = "/var/lib/apt/periodic/update-success-stamp"
"""The file that is touched when the lists of packages were fetched, as Ubuntu does it."""


@dataclass(frozen=True, slots=True)
class Packages:
    """The installed versions among these packages, by name."""

    names: tuple[str, ...]

    @property
    def command(self) -> str:
        """Prints name, state and version of each that dpkg has heard of."""
        names = " ".join(map(shlex.quote, self.names))
        form = r"${Package}\t${db:Status-Abbrev}\t${Version}\n"
        return f"dpkg-query -W -f='{form}' -- {names}; true"

    def parse(self, output: str, exit_status: int) -> Mapping[str, str]:
        """Those that are installed; one that is only half so is not."""
        if exit_status == 124:
            raise ValueError("dpkg-query did not answer in time")
        rows = (line.split("\t") for line in output.splitlines() if line)
        return {name: version for name, state, version in rows if state[1:].startswith("i ")}


@dataclass(frozen=True, slots=True)
class UpgradeState:
    """What an upgrade would do.

    Attributes:
        fresh: whether the lists of packages are younger than a day.
        names: what it would bring up to date, as far as the lists know.
    """

    fresh: bool
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What `apt-get upgrade` would do; it is only simulated."""

    @property
    def command(self) -> str:
        """Prints `fresh` where the lists are, and a line `Inst NAME ...` a package."""
        return (
            f"find {STAMP} -mmin -{_FRESH} -printf 'fresh\\n'; "
            "apt-get -q -s -o Debug::NoLocking=1 upgrade; true"
        )

    def parse(self, output: str, exit_status: int) -> UpgradeState:
        """What it would do; when apt took too long, nothing is known to be fresh."""
        names = re.findall(r"^Inst (\S+)", output, re.MULTILINE)
        fresh = exit_status != 124 and "fresh" in output.splitlines()
        return UpgradeState(fresh, tuple(names))
