"""The resident process: whether it answers, what it is, what it takes, what it says."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sophia_cli import __version__
from sophia_cli.checks.check import (
    Check,
    Finding,
    Severity,
    failed,
    passed,
    skipped,
    warned,
)
from sophia_cli.config.shapes import bytes_in
from sophia_cli.daemon.presence import Condition
from sophia_cli.daemon.rest import presence as rest
from sophia_cli.logs.choice import Choice
from sophia_cli.logs.lines import LogName
from sophia_cli.logs.reading import last

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_MIB = 1 << 20
_BASE = 1536 * _MIB
"""What a resident process comes to with the bundled model and 100,000 memories, twice over."""
_LATELY = timedelta(minutes=10)
_MOST_LINES = 1000
_PATIENCE = 3.0


def _answers(scene: Scene) -> Iterator[Finding]:
    found = scene.standing
    pid = found.resident.pid
    evidence = f"lock {scene.home.locks / 'resident.lock'}: process {pid or 'unknown'}"
    if found.state == "running":
        yield passed("it answers", "", evidence)
    elif found.state == "frozen":
        yield failed("it holds its socket and says nothing", "", evidence, command="sophia down")
    elif found.state == "not ready":
        age = time.time() - found.resident.started_at
        patience = scene.loaded.config.resident.start_timeout.total_seconds()
        if pid and age > patience:
            yield failed(
                f"it has been starting for {age:,.0f} s", "", evidence, command="sophia down"
            )
        else:
            yield passed("it is starting", "", evidence)
    elif found.inside:
        yield passed("this is the process that answers")
    elif (listen := scene.loaded.config.rest.listen) is not None:
        yield failed(
            f"none runs, though REST is to listen on {listen}", "", evidence, command="sophia up"
        )
    else:
        yield skipped("none runs: the next command starts it")


def _version(scene: Scene) -> Iterator[Finding]:
    resident = scene.standing.resident
    if not resident.pid:
        yield skipped("none runs")
        return
    evidence = f"process {resident.pid} says {resident.version}, this program is {__version__}"
    if scene.standing.is_other_version:
        yield warned(
            f"it is version {resident.version}: the next command replaces it",
            "",
            evidence,
            command="sophia up",
        )
    else:
        age = timedelta(seconds=int(time.time() - resident.started_at))
        yield passed(f"version {resident.version}, up {age}", "", evidence)


def _memory(scene: Scene) -> Iterator[Finding]:
    pid = scene.standing.resident.pid
    if not pid:
        yield skipped("none runs")
        return
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError as error:
        yield skipped(f"this system does not say what process {pid} takes: {error.strerror}")
        return
    sizes = {
        name: int(value.split()[0]) << 10
        for name, _, value in (line.partition(":") for line in lines)
        if name in ("RssAnon", "VmSwap")
    }
    front = scene.loaded.config.gpu_cache
    usual = _BASE + bytes_in(front.answer_memory) + bytes_in(front.vector_memory)
    taken = sizes.get("RssAnon", 0) + sizes.get("VmSwap", 0)
    evidence = (
        f"process {pid}: {taken // _MIB:,} MiB of its own, {sizes.get('VmSwap', 0) // _MIB:,} MiB "
        f"of them swapped out; up to {usual // _MIB:,} MiB are usual with these caches"
    )
    if taken > usual:
        yield warned(f"it takes {taken // _MIB:,} MiB", "", evidence, command="sophia down")
    else:
        yield passed(f"it takes {taken // _MIB:,} MiB", "", evidence)


def _errors(scene: Scene) -> Iterator[Finding]:
    path = scene.home.log("resident")
    if not path.exists():
        yield skipped("there is no log yet")
        return
    choice = Choice(since=scene.invocation.now - _LATELY, level="error")
    lines = last({LogName.RESIDENT: path}, _MOST_LINES, choice)
    minutes = int(_LATELY.total_seconds() // 60)
    if not lines:
        yield passed(f"no error in the last {minutes} minutes", "", str(path))
        return
    counts = Counter(line.event[:100] for line in lines)
    evidence = [f"{count} times: {event}" for event, count in counts.most_common(10)]
    yield warned(
        f"{len(lines)} errors in the last {minutes} minutes",
        "",
        *evidence,
        command=f"sophia logs --level error --since {minutes}m",
    )


def _listens(scene: Scene) -> Iterator[Finding]:
    found, config = scene.standing, scene.loaded.config.rest
    if found.state == "frozen":
        yield skipped("the process is frozen: see RE-01")
        return
    if not found.resident.pid:
        if config.listen is None:
            yield skipped("none runs")
        else:
            yield failed(f"nobody listens on {config.listen}", config.listen, command="sophia up")
        return
    # It begins to listen a little after the process does.
    rest.wait_until_ready(scene.home, _PATIENCE)
    state, detail = rest.condition(scene.home, _PATIENCE)
    if state is Condition.RUNNING:
        yield passed("it answers on its socket", "socket", detail)
    else:
        yield failed(f"it is {state.value}", "socket", detail, command="sophia logs")
    if config.listen is None:
        return
    scheme = "https" if config.tls.certificate_file else "http"
    evidence = f"GET {scheme}://{config.listen}/health/live"
    try:
        status, body = _live(config.listen, encrypted=scheme == "https")
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "strerror", None) or type(error).__name__
        yield failed(f"it does not answer: {str(cause).lower()}", config.listen, evidence, detail)
        return
    if status == 401 and body.get("code") == "unauthorized":
        yield passed("it answers, and asks for a token", config.listen, evidence)
    elif status == 200 and body.get("status") == "ok":
        yield failed("it answers without a token", config.listen, evidence)
    else:
        yield failed(f"another answers there, with {status}", config.listen, evidence)


def _live(listen: str, *, encrypted: bool) -> tuple[int, dict[str, object]]:
    host, _, port = listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104
    connection: http.client.HTTPConnection
    if encrypted:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # Nothing is told to it.
        connection = http.client.HTTPSConnection(
            host, int(port), timeout=_PATIENCE, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, int(port), timeout=_PATIENCE)
    try:
        connection.request("GET", "/health/live")
        answer = connection.getresponse()
        content = answer.read(1 << 16)
    finally:
        connection.close()
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    return answer.status, body if isinstance(body, dict) else {}


CHECKS: tuple[Check, ...] = (
    Check(
        "RE-01",
        "The resident process answers",
        Severity.CRITICAL,
        "Asks the resident process on its socket, as the client does before a command. One that "
        "is frozen takes no commands; nothing that was stored is lost by ending it. Where none "
        "runs there is nothing to mend, unless rest.listen says that programs expect one.",
        "`sophia down` ends a frozen one, `sophia up` starts it",
        _answers,
        fixable=True,
        fast=True,
    ),
    Check(
        "RE-02",
        "The resident process is of this version",
        Severity.MINOR,
        "Compares what the resident process wrote into its lock file with this program. After an "
        "upgrade the old one serves on until the next command replaces it.",
        "sophia up",
        _version,
        fixable=True,
    ),
    Check(
        "RE-03",
        "The resident process takes no more memory than usual",
        Severity.MINOR,
        "Looks at the memory that the resident process has to itself, swapped out or not; files "
        "that it maps do not count. It warns above 1.5 GiB and the caches of gpu_cache, twice "
        "what 100,000 memories take.",
        "`sophia down`: the next command starts a fresh one; report it if it comes back",
        _memory,
    ),
    Check(
        "RE-04",
        "The log has no errors of late",
        Severity.MINOR,
        "Counts the events of level error in the resident process's log, of the last ten minutes.",
        "`sophia logs --level error` shows them",
        _errors,
    ),
    Check(
        "RE-05",
        "REST listens where it is to",
        Severity.SERIOUS,
        "Asks REST on its socket and, where rest.listen is set, on that address without a token: "
        "it has to answer, and to ask for one.",
        "`sophia logs` says why it does not listen; then `sophia down` and `sophia up`",
        _listens,
    ),
)
