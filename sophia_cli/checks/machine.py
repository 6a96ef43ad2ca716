"""This machine: what sophia needs of it, whatever it is used for."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned
from sophia_cli.checks.machine_files import FILES
from sophia_cli.checks.machine_memory import MEMORY

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_MIB, _GIB = 1 << 20, 1 << 30
_FULL = 200 * _MIB
"""What the engines need to go on writing: PostgreSQL's log, and 64 MiB the vectors keep free."""
_TIGHT, _TIGHT_SHARE = 5 * _GIB, 0.1
_FEW_FILES, _NEARLY = 1024, 0.8
_SKEW, _LARGE_SKEW = 2.0, 60.0
_FUTURE = 300.0


def _python(_: Scene) -> Iterator[Finding]:
    running = ".".join(map(str, sys.version_info[:3]))
    try:
        wanted = metadata("sophia-cli")["Requires-Python"] or ""
    except PackageNotFoundError:
        yield skipped("sophia is not installed as a package, so it says nothing of Python")
        return
    evidence = f"Python {running} at {sys.executable}; sophia-cli asks for {wanted or 'any'}"
    least = tuple(int(part) for part in wanted.removeprefix(">=").split(".") if part.isdigit())
    if wanted.startswith(">=") and sys.version_info[: len(least)] < least:
        yield failed(f"Python {running} is too old", "", evidence)
    else:
        yield passed(f"Python {running}", "", evidence)


def _disk(scene: Scene) -> Iterator[Finding]:
    place = scene.home.root
    while not place.exists():
        place = place.parent
    status = os.statvfs(place)
    free, size = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
    evidence = f"{place}: {free / _GIB:.1f} GiB of {size / _GIB:.1f} GiB are free"
    if status.f_files:
        evidence += f", {status.f_favail:,} of {status.f_files:,} inodes"
    if status.f_flag & os.ST_RDONLY:
        yield failed("the file system is read-only", "", evidence)
    elif free < _FULL:
        yield failed(f"{free // _MIB} MiB are free: nothing more can be stored", "", evidence)
    elif status.f_files and status.f_favail < 1000:
        yield failed(f"{status.f_favail:,} inodes are free", "", evidence)
    elif free < _TIGHT and free < _TIGHT_SHARE * size:
        yield warned(f"{free / _GIB:.1f} GiB are free, {free / size:.0%}", "", evidence)
    else:
        yield passed(f"{free / _GIB:.1f} GiB are free", "", evidence)


def _files(scene: Scene) -> Iterator[Finding]:
    pid = scene.standing.resident.pid
    if pid:
        yield from _of_process(pid)
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    evidence = f"limit of this process: {_number(soft)} open files"
    if soft != resource.RLIM_INFINITY and soft < _FEW_FILES:
        yield warned(f"a process may open {soft} files", "", evidence)
    else:
        yield passed(f"a process may open {_number(soft)} files", "", evidence)


def _of_process(pid: int) -> Iterator[Finding]:
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
        used = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  (names alone; thousands of them)
    except OSError as error:
        yield skipped(f"this system does not say what process {pid} has open: {error.strerror}")
        return
    soft = next(line.split()[3] for line in lines if line.startswith("Max open files"))
    evidence = f"resident process {pid}: {used} files open, limit {soft}"
    if not soft.isdigit():
        yield passed(f"{used} files open, without a limit", "", evidence)
    elif used > _NEARLY * int(soft):
        yield failed(f"{used} of {soft} files are open", "", evidence)
    elif int(soft) < _FEW_FILES:
        yield warned(f"the resident process may open {soft} files", "", evidence)
    else:
        yield passed(f"{used} of {soft} files are open", "", evidence)


def _number(limit: int) -> str:
    return "any number of" if limit == resource.RLIM_INFINITY else f"{limit:,}"


def _clock(scene: Scene) -> Iterator[Finding]:
    ours = scene.invocation.now.timestamp()
    newest = max(
        (path.stat().st_mtime for path in scene.home.logs.glob("*.log")), default=ours - _FUTURE
    )
    if newest - ours > _FUTURE:
        yield failed(
            f"a log was written {newest - ours:,.0f} s in the future: the clock was set back",
            "files",
            f"the newest of {scene.home.logs}: {_at(newest)}; now it is {_at(ours)}",
        )
    else:
        yield passed("nothing in the home is of the future", "files")
    yield from _against_records(scene)


def _against_records(scene: Scene) -> Iterator[Finding]:
    def asked() -> tuple[float, float, float]:
        before = scene.invocation.now.timestamp()
        [row] = scene.database.ask(
            lambda connection: connection.execute(
                "SELECT extract(epoch FROM clock_timestamp())::float8"
            ).fetchall()
        )
        return before, float(row[0]), scene.invocation.now.timestamp()

    asked()  # Opening the connection is none of the clock's.
    before, theirs, after = asked()
    # They looked at some moment in between: only what lies outside of it is a difference.
    skew = max(before - theirs, theirs - after, 0.0)
    evidence = f"PostgreSQL says {_at(theirs)}, we asked from {_at(before)} to {_at(after)}"
    if skew > _LARGE_SKEW:
        yield failed(f"the clocks differ by {skew:,.0f} s", "records", evidence)
    elif skew > _SKEW:
        yield warned(f"the clocks differ by {skew:,.1f} s", "records", evidence)
    else:
        yield passed("the records' clock says the same", "records", evidence)


def _at(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment)) + " UTC"


CHECKS: tuple[Check, ...] = (
    Check(
        "MA-01",
        "Python is one that sophia runs on",
        Severity.CRITICAL,
        "Compares the Python that runs this command with what the installed package asks for. An "
        "older one may start and then fail in the middle of a command.",
        "install sophia with a newer Python",
        _python,
    ),
    Check(
        "MA-02",
        "The home's disk has room",
        Severity.CRITICAL,
        "Looks at the free space and inodes of the file system that the home is on. PostgreSQL "
        "refuses to write to a full one, and the vectors keep 64 MiB in reserve, so with less "
        "than 200 MiB it fails. It warns below 10 % and 5 GiB.",
        "free some space, or move the home to a larger disk (`sophia down` first)",
        _disk,
        fast=True,
    ),
    *MEMORY,
    Check(
        "MA-04",
        "Enough files may be opened",
        Severity.SERIOUS,
        "Looks at the limit of open files of the resident process and at how many it has open; "
        "without one, at this process's own. Each connection, segment and socket is a file. With "
        "none left, commands are turned away.",
        "raise the limit (`ulimit -n 4096`, LimitNOFILE= in the unit), then `sophia down`",
        _files,
    ),
    Check(
        "MA-05",
        "The clocks agree",
        Severity.SERIOUS,
        "Compares this machine's clock with that of PostgreSQL, and looks for logs of the home "
        "that were written in the future. By the clock memories expire, cached answers end and "
        "what is new is told from what is old.",
        "set the clock by NTP: `timedatectl set-ntp true`",
        _clock,
    ),
    *FILES,
)
