"""What is wanted of every host: all results, or one error that names each host that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from sophia_cli.errors import SophiaError
from sophia_cli.ops.connection.pool import on_hosts
from sophia_cli.ops.site import Site

T = TypeVar("T")


def on_all(site: Site, hosts: Iterable[str], action: Callable[[str], T]) -> dict[str, T]:
    """Does something on every host, on so many at once as the inventory allows.

    Raises:
        SophiaError: of the first host that failed, with the messages of all that did.
    """
    done: dict[str, T] = {}
    failed: dict[str, SophiaError] = {}
    for host, result in on_hosts(
        list(hosts), action, site.inventory.ssh.parallel, site.cancelled
    ).items():
        if isinstance(result, SophiaError):
            failed[host] = result
        else:
            done[host] = result
    if failed:
        raise joined(failed)
    return done


def redacted(error: SophiaError, redact: Callable[[str], str]) -> SophiaError:
    """The error without secrets: what a command or a server said may hold one.

    It is changed itself, and what caused it: a traceback shows them as well.
    """
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))  # one may be raised from itself, by mistake
        if isinstance(cause, SophiaError):
            cause.message, cause.hint = redact(cause.message), redact(cause.hint)
            cause.args = (cause.message,)
        cause = cause.__cause__
    return error


def joined(failed: Mapping[str, SophiaError]) -> SophiaError:
    """One error out of several: the first one's kind, the messages and hints of all."""
    errors = list(failed.values())
    if len(errors) == 1:
        return errors[0]
    message = "\n".join(dict.fromkeys(error.message for error in errors))
    hint = "\n  ".join(dict.fromkeys(error.hint for error in errors if error.hint))
    return type(errors[0])(message, hint)
