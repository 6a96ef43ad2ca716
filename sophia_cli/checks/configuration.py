"""The configuration: whether it can be used, whether it means what it says, what it gives away."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sophia_cli.checks.certificates import endpoints, in_file, of_server
from sophia_cli.checks.check import (
    Check,
    Finding,
    Severity,
    failed,
    passed,
    skipped,
    warned,
)
from sophia_cli.checks.owned import open_to_others
from sophia_cli.checks.settings import contradictions, without_use
from sophia_cli.config.origins import Mistaken
from sophia_cli.config.secrets import mask, read_secret
from sophia_cli.errors import ConfigurationError

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene
    from sophia_cli.config.model import Config

# Addresses that documentation uses and that nobody has: RFC 5737, RFC 3849, RFC 2606.
_NOBODYS_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
    )
)
_NOBODYS_NAMES = re.compile(r"(^|\.)(example(\.(com|org|net))?|invalid)\.?$", re.IGNORECASE)
_SECRETS = (
    "records.password_file",
    "vectors.api_key_file",
    "hot_cache.password_file",
    "embedding.api_key_file",
    "tracing.headers_file",
)


def _loads(scene: Scene) -> Iterator[Finding]:
    try:
        loaded = scene.loaded
    except Mistaken as error:
        lines = [str(mistake) for mistake in error.mistakes[:20]]
        count = len(error.mistakes)
        words = "1 mistake" if count == 1 else f"{count} mistakes"
        yield failed(f"it has {words}", "", *lines, command="sophia config show")
    except ConfigurationError as error:
        yield failed(error.message.splitlines()[0], command=error.hint)
    else:
        where = str(loaded.path) if loaded.path else "no file: defaults and variables alone"
        yield passed(f"it loads, profile {loaded.config.profile}", "", where)
        yield from _inventory(scene)


def _inventory(scene: Scene) -> Iterator[Finding]:
    try:
        read = scene.inventory
    except ConfigurationError as error:
        lines = error.message.splitlines()
        yield failed("the inventory has mistakes", "inventory", *lines[:20], command=error.hint)
    else:
        if read is not None:
            yield passed(f"{len(read.inventory.hosts)} hosts", "inventory")


def _means(scene: Scene) -> Iterator[Finding]:
    loaded = scene.loaded
    found = False
    for key, reason in contradictions(loaded.config):
        found = True
        yield warned(f"{reason}: one of both is not used", key, f"{key}: {loaded.origins[key]}")
    for key, reason in without_use(loaded):
        found = True
        yield warned(f"nothing reads it: {reason}", key, f"{key}: {loaded.origins[key]}")
    if not found:
        count = sum(str(origin) != "default" for origin in loaded.origins.values())
        yield passed(f"{count} keys are set, each has its effect")


def _secret_files(scene: Scene) -> Iterator[Finding]:
    values = dict(scene.loaded.config.values())
    files = [(key, values[key]) for key in _SECRETS if values[key] is not None]
    tls = scene.loaded.config.rest.tls
    if key_file := tls.key_file or tls.certificate_file:
        name = "rest.tls.key_file" if tls.key_file else "rest.tls.certificate_file"
        files.append((name, key_file))
    for key, path in files:
        yield _secret(key, path)
    yield from _file_itself(scene.loaded.path)
    if not files and scene.loaded.path is None:
        yield skipped("no file holds a secret or a setting")


def _secret(key: str, path: Path) -> Finding:
    try:
        for wrong in open_to_others(path.resolve()):
            return failed(wrong.says, key, *wrong.evidence, command=wrong.command)
        if not key.startswith("rest."):
            read_secret(path, key)
    except OSError as error:
        return failed(f"{path} cannot be looked at: {(error.strerror or '').lower()}", key)
    except ConfigurationError as error:
        return failed(error.message.removeprefix(f"{key}: "), key, command=error.hint)
    return passed("open to its owner alone", key, f"{path}: {stat.filemode(path.stat().st_mode)}")


def _file_itself(path: Path | None) -> Iterator[Finding]:
    """Who may write to it decides where memories are sent; a password in it is a secret."""
    if path is None:
        return
    status = path.stat()
    mode, name = stat.S_IMODE(status.st_mode), str(path)
    evidence = f"{path}: of user {status.st_uid}, mode {mode:04o}"
    quoted = shlex.quote(name)
    text = path.read_text("utf-8", "replace")
    if status.st_uid not in (os.geteuid(), 0):
        yield failed("the file belongs to somebody else", name, evidence)
    elif mode & 0o002 or (mode & 0o020 and status.st_gid != os.getegid()):
        yield failed("others may change the file", name, evidence, command=f"chmod go-w {quoted}")
    elif mode & 0o044 and mask(text) != text:
        yield failed(
            "a password is in the file, which others may read",
            name,
            evidence,
            command=f"chmod 600 {quoted}",
        )
    else:
        yield passed("nobody else may change the file", name, evidence)


def _own_certificate(scene: Scene) -> Iterator[Finding]:
    tls = scene.loaded.config.rest.tls
    if tls.certificate_file is None:
        yield skipped("rest.tls.certificate_file is not set")
        return
    yield from in_file(tls.certificate_file, tls.key_file, scene.invocation.now)


def _server_certificates(scene: Scene) -> Iterator[Finding]:
    found = [(key, url) for key, url in _urls(scene.loaded.config) if endpoints(url)]
    if not found:
        yield skipped("no address is encrypted")
    for key, url in found:
        yield from of_server(url, key, scene.invocation.now)


def _placeholders(scene: Scene) -> Iterator[Finding]:
    found = [(key, host) for key, url in _urls(scene.loaded.config) for host in _hosts(url)]
    read = None
    with contextlib.suppress(ConfigurationError):  # CO-01 has it.
        read = scene.inventory
    if read is not None:
        for name, host in read.inventory.hosts.items():
            found.append((f"hosts.{name}.address", host.address))
            if host.private_address:
                found.append((f"hosts.{name}.private_address", host.private_address))
    wrong = [(key, host) for key, host in found if _is_nobodys(host)]
    for key, name in wrong:
        yield failed(f"{name} is an address for examples, and nobody's", key)
    if not found:
        yield skipped("the configuration names no address")
    elif not wrong:
        yield passed(f"{len(found)} addresses, none of them an example's")


def _urls(config: Config) -> list[tuple[str, str]]:
    values = (
        ("records.url", config.records.url),
        *(("vectors.urls", url) for url in config.vectors.urls),
        ("hot_cache.url", config.hot_cache.url),
        ("embedding.url", config.embedding.url),
        ("tracing.endpoint", config.tracing.endpoint),
    )
    return [(key, url) for key, url in values if url is not None]


def _hosts(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return
    for each in parts.netloc.rpartition("@")[2].split(","):
        host = re.sub(r":[0-9]+$", "", each).strip("[]")
        if host:
            yield host


def _is_nobodys(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(_NOBODYS_NAMES.search(host))
    return any(address in network for network in _NOBODYS_NETWORKS)


CHECKS: tuple[Check, ...] = (
    Check(
        "CO-01",
        "The configuration can be used",
        Severity.CRITICAL,
        "Reads the file, the variables and the options as every command does, and the inventory "
        "where there is one. A mistake in it stops every command.",
        "correct the lines that are named; docs/configuration.md has every key",
        _loads,
        fast=True,
    ),
    Check(
        "CO-02",
        "Every key that is set has its effect",
        Severity.MINOR,
        "Looks for keys that were set and that nothing reads with the others as they are, and for "
        "those of which only one can hold. What somebody meant to be so is not so.",
        "remove the key, or set the one that it goes with",
        _means,
    ),
    Check(
        "CO-03",
        "Files with secrets are their owner's alone",
        Severity.CRITICAL,
        "Looks at the owner, the mode and the content (whether there is any) of each file that a "
        "key names for a password or a key, and at who may write to the configuration itself: who "
        "may, decides where memories are sent.",
        "chmod 600 the file; renew a secret that others could read",
        _secret_files,
        fixable=True,
    ),
    Check(
        "CO-04",
        "REST's certificate holds",
        Severity.CRITICAL,
        "Reads rest.tls.certificate_file: from when to when it is valid, and whether the key "
        "belongs to it. It warns 14 days before the end; after it, no client connects.",
        "renew the certificate, then `sophia down`",
        _own_certificate,
    ),
    Check(
        "CO-05",
        "The certificates of the servers hold",
        Severity.CRITICAL,
        "Asks each server whose address is encrypted (https, rediss, postgresql with sslmode "
        "require or more) for its certificate, and looks how long it is valid. It warns 14 days "
        "before the end.",
        "renew the server's certificate",
        _server_certificates,
    ),
    Check(
        "CO-06",
        "No address is one of an example",
        Severity.SERIOUS,
        "Compares every address of the configuration and of the inventory with those that are set "
        "aside for documentation (192.0.2.0/24 and its like, example.com). Nobody answers there.",
        "set the address of your own server",
        _placeholders,
    ),
)
