"""The support bundle: what somebody else needs to help, without a memory's content or a secret."""

from __future__ import annotations

import contextlib
import io
import json
import platform
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sophia_cli.config.secrets import mask
from sophia_cli.errors import SophiaError
from sophia_cli.logs.choice import Choice
from sophia_cli.logs.lines import LogName
from sophia_cli.logs.reading import last
from sophia_cli.ops.connection.redaction import Redactor

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene
    from sophia_cli.config.model import Config

_LINES = 500
_README = """A support bundle of sophia, made by `sophia doctor --report`.

findings.json       what doctor found
machine.json        versions of Python, sophia and what it stands on; the system
configuration.txt   every key, its value with passwords masked, and where it is from
status.json         the processes of the home
statistics.json     sizes, hits and latencies of each tier
logs/               the last lines of each log

No memory, no question, no name of a user of the memory and no secret is in it. Names of hosts and
paths are.
"""


def write(path: Path, findings: Sequence[Mapping[str, Any]], scene: Scene) -> list[str]:
    """Writes a gzipped tar file, 0600, as a whole or not at all; returns the names in it.

    A part that cannot be had is there all the same, and says why.

    Raises:
        OSError: it cannot be written.
    """
    from sophia_cli.ops.private import replace

    redactor = Redactor(_secrets(scene))
    now = scene.invocation.now
    packed = io.BytesIO()
    names = []
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, make in _parts(findings, scene):
            text = redactor.text(mask_lines(_made(make)))
            _add(archive, name, text.encode("utf-8", "replace"), now)
            names.append(name)
    replace(path, packed.getvalue())
    return names


def mask_lines(text: str) -> str:
    """A text in which every line is masked by itself: a mask is greedy to the last @."""
    return "\n".join(mask(line) for line in text.split("\n"))


def _parts(
    findings: Sequence[Mapping[str, Any]], scene: Scene
) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "README.txt", lambda: _README
    yield "findings.json", lambda: _json(list(findings))
    yield "machine.json", _machine
    yield "configuration.txt", lambda: _configuration(scene)
    yield "status.json", lambda: _status(scene)
    yield "statistics.json", lambda: _statistics(scene)
    for log in LogName:
        yield f"logs/{log.value}.jsonl", lambda log=log: _log(scene, log)  # type: ignore[misc]


def _made(make: Callable[[], str]) -> str:
    try:
        return make()
    except SophiaError as error:
        return f"{error.message}\n"
    except Exception as error:
        return f"an error in the bundle itself: {type(error).__name__}\n"


def _machine() -> str:
    from sophia_cli.bench.machine import this_machine

    return _json(asdict(this_machine()) | {"platform": platform.platform()})


def _configuration(scene: Scene) -> str:
    return "".join(f"{key}: {value}  # {origin}\n" for key, value, origin in scene.loaded.rows())


def _status(scene: Scene) -> str:
    found = scene.standing
    return _json(
        {
            "resident": {"state": found.state, "inside": found.inside} | asdict(found.resident),
            "engines": dict(found.engines),
        }
    )


def _statistics(scene: Scene) -> str:
    from sophia_cli.memory.statistics import statistics
    from sophia_cli.memory.trace import Trace

    trace = Trace()
    figures = statistics(scene.service, scene.invocation.now, trace)
    return _json({**figures, "degraded": trace.degraded})


def _log(scene: Scene, log: LogName) -> str:
    lines = last({log: scene.home.log(log.value)}, _LINES, Choice())
    return "".join(f"{json.dumps(line.as_json(), default=str)}\n" for line in lines)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"


def _add(archive: tarfile.TarFile, name: str, content: bytes, now: datetime) -> None:
    entry = tarfile.TarInfo(f"sophia-report/{name}")
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(now.timestamp())
    archive.addfile(entry, io.BytesIO(content))


def _secrets(scene: Scene) -> Iterator[str]:
    """Every secret that this configuration and this home know."""
    with contextlib.suppress(SophiaError):
        config = scene.loaded.config
        yield from _in_urls(config)
        for read in (
            config.records.password,
            config.vectors.api_key,
            config.hot_cache.password,
            config.embedding.api_key,
        ):
            with contextlib.suppress(SophiaError):
                if (secret := read()) is not None:
                    yield secret.get_secret_value()
        with contextlib.suppress(SophiaError):
            yield from config.tracing.headers().values()
    with contextlib.suppress(SophiaError):
        if scene.inventory is not None:
            for secret in scene.site.secrets.all().values():
                yield secret.get_secret_value()


def _in_urls(config: Config) -> Iterator[str]:
    for _, value in config.values():
        for url in value if isinstance(value, tuple) else (value,):
            if isinstance(url, str) and "://" in url:
                with contextlib.suppress(ValueError):
                    parts = urlsplit(url)
                    yield from (unquote(parts.password or ""), parts.password or "")
                    for name, each in parse_qsl(parts.query):
                        if mask(f"?{name}=x") != f"?{name}=x":
                            yield each
