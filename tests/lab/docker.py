"""The docker of the machine that the lab runs on, and why there may be none."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

PROGRAMS = ("docker", "debootstrap", "ip", "iptables", "nsenter", "ssh", "ssh-keygen")


class LabError(Exception):
    """The lab cannot do what was asked; the message says why."""


def run(argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0) -> str:
    """Runs a program of this machine to its end and returns what it wrote.

    Raises:
        LabError: it failed or took longer than `timeout` seconds; with the end of its output.
    """
    try:
        ended = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv[:4])} ... took longer than {timeout:g} s") from error
    if ended.returncode:
        said = (ended.stdout + ended.stderr).decode(errors="replace").strip()
        raise LabError(f"{' '.join(argv[:4])} ... ended with {ended.returncode}: {said[-2000:]}")
    return ended.stdout.decode(errors="replace")


def docker(*arguments: str, stdin: bytes = b"", timeout: float = 60.0) -> str:
    """Runs `docker` and returns what it wrote, without the last line's end."""
    return run(["docker", *arguments], stdin=stdin, timeout=timeout).rstrip("\n")


def inspected(kind: str, name: str, template: str) -> str:
    """One value of a container, image or network; empty when there is no such thing."""
    try:
        return docker(kind, "inspect", "--format", template, name)
    except LabError as error:
        if "no such" in str(error).lower() or "not found" in str(error).lower():
            return ""
        raise


def what_is_missing() -> str:
    """Why the lab cannot be had here, in one line; empty when it can."""
    if os.geteuid() != 0:
        return "the lab needs root"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"the lab needs {', '.join(absent)}: apt-get install docker.io debootstrap iproute2 \
iptables openssh-client"
    try:
        docker("info", timeout=20.0)
    except LabError as error:
        return f"the lab needs a running dockerd: {str(error).splitlines()[-1]}"
    return ""
