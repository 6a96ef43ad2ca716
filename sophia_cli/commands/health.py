"""`sophia health`: whether it can be used just now, for load balancers and CI."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from sophia_cli.checks import registry
from sophia_cli.checks.addresses import Address
from sophia_cli.checks.beginning import begin
from sophia_cli.checks.check import Check, Severity, Verdict
from sophia_cli.checks.running import Looked, look
from sophia_cli.checks.scene import Scene
from sophia_cli.commands.doctor_page import rows, show, status_of, summary
from sophia_cli.commands.options import path_of
from sophia_cli.config.secrets import mask, read_secret
from sophia_cli.config.urls import check_url
from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal

_TOTAL = 5.0
_FORMS: Mapping[str, tuple[str, int, tuple[str, ...], str]] = {
    "endpoint": ("https", 443, ("http", "https"), ""),
    "qdrant": ("http", 6333, ("http", "https"), "QDRANT_API_KEY"),
    "redis": ("redis", 6379, ("redis", "rediss", "unix"), "REDISCLI_AUTH"),
    "postgres": ("postgresql", 5432, ("postgresql", "postgres"), "PGPASSWORD"),
}
"""By kind: scheme and port of a bare host, what a URL may begin with, the password's variable."""
_NUMBERS = {"endpoint": "AD-01", "qdrant": "AD-02", "redis": "AD-03", "postgres": "AD-04"}

_UNHEALTHY = (Verdict.FAIL, Verdict.UNKNOWN)
_Urls = list[str] | None


def command(
    context: typer.Context,
    endpoint: Annotated[
        _Urls, typer.Option(help="An HTTP address that must answer 2xx.", metavar="URL")
    ] = None,
    qdrant: Annotated[_Urls, typer.Option(help="A Qdrant peer.", metavar="URL|HOST")] = None,
    redis: Annotated[
        _Urls, typer.Option(help="A Redis or Valkey server.", metavar="URL|HOST")
    ] = None,
    postgres: Annotated[
        _Urls, typer.Option(help="A PostgreSQL server.", metavar="URL|HOST")
    ] = None,
    password_file: Annotated[
        list[str] | None,
        typer.Option(
            help="What a kind of server wants to see: redis=FILE, postgres=FILE, qdrant=FILE, "
            "endpoint=FILE.",
            metavar="KIND=FILE",
        ),
    ] = None,
) -> Outcome:
    """Say whether the memory can be used just now: exit status 0, or 3 when it cannot.

    It makes the fast checks of `sophia doctor`: each tier does a write or a read of its own. What
    only makes it faster, as the hot cache does, is named as degraded and costs no exit status. With
    addresses it looks at those servers and at nothing of this machine; each option may be repeated.
    A password is in a file of --password-file, or in REDISCLI_AUTH, PGPASSWORD or QDRANT_API_KEY.

    \b
    Examples:
      sophia health
      sophia health --json
      sophia health --endpoint https://api.example.com/health --qdrant 192.0.2.11
      sophia health --postgres 192.0.2.14 --password-file postgres=/etc/sophia/records.password
    """
    invocation = Invocation.of(context)
    given = {"endpoint": endpoint, "qdrant": qdrant, "redis": redis, "postgres": postgres}
    passwords = _passwords(invocation, password_file or [])
    addresses = [
        Address(kind, _url(kind, text), passwords.get(kind))
        for kind, texts in given.items()
        for text in texts or ()
    ]
    if passwords_without := sorted(_named(password_file or []) - {each.kind for each in addresses}):
        raise InvalidInput(f"--password-file {passwords_without[0]}=... goes with no address")
    started = time.monotonic()
    looked = _looked(invocation, addresses)
    spent = time.monotonic() - started

    def text(terminal: Terminal) -> None:
        if invocation.verbose or status_of(looked):
            show(terminal, looked, verbose=invocation.verbose, debug=invocation.debug)
        terminal.line(summary(looked, spent))

    trace = Trace()
    for each in looked:
        if each.check.severity is not Severity.CRITICAL and each.verdict in _UNHEALTHY:
            trace.degrade(f"{each.check.number}: {each.findings[0].says}")
    critical = [each for each in looked if each.check.severity is Severity.CRITICAL]
    return Outcome(rows(looked), text, trace, exit_status=status_of(critical))


def _looked(invocation: Invocation, addresses: Sequence[Address]) -> list[Looked]:
    with contextlib.ExitStack() as stack:
        scene, checks = Scene(invocation, stack), _checks(addresses)
        if addresses:
            scene.shared["addresses"] = addresses
        else:
            scene.prepare(partial(begin, scene, checks))
        return look(checks, scene, _TOTAL)


def _checks(addresses: Sequence[Address]) -> list[Check]:
    if not addresses:
        return [check for check in registry.all_checks() if check.fast]
    numbers = {_NUMBERS[each.kind] for each in addresses}
    return [check for check in registry.checks_of("AD") if check.number in numbers]


def _url(kind: str, text: str) -> str:
    """An address as it was given, or as a bare host is meant.

    Raises:
        InvalidInput: it is none, or a password is in it.
    """
    scheme, port, schemes, variable = _FORMS[kind]
    url = text.strip()
    if "://" not in url:
        host = f"[{url}]" if url.count(":") > 1 and not url.startswith("[") else url
        port_given = host.rpartition("]")[2].rpartition(":")[2].isdigit() and ":" in host
        url = f"{scheme}://{host}" if port_given else f"{scheme}://{host}:{port}"
    try:
        check_url(url, schemes)
        secret = urlsplit(url).password or mask(url) != url
    except ValueError as error:
        raise InvalidInput(f"--{kind} {mask(text)[:60]!r} {error}") from None
    if secret:
        raise InvalidInput(
            f"--{kind}: a password on a command line can be read by everybody on this machine",
            f"--password-file {kind}=FILE" + (f", or {variable}" if variable else ""),
        )
    return url


def _passwords(invocation: Invocation, given: Sequence[str]) -> dict[str, str]:
    variables = invocation.environment.variables
    found = {
        kind: variables[variable]
        for kind, (*_, variable) in _FORMS.items()
        if variables.get(variable)
    }
    for word in given:
        kind, mark, file = word.partition("=")
        if kind not in _FORMS or not mark:
            raise InvalidInput(
                f"--password-file {word[:60]!r} is not KIND=FILE",
                "KIND is endpoint, qdrant, redis or postgres",
            )
        path: Path = path_of(invocation, file)
        found[kind] = read_secret(path, f"--password-file {kind}").get_secret_value()
    return found


def _named(given: Sequence[str]) -> set[str]:
    return {word.partition("=")[0] for word in given}
