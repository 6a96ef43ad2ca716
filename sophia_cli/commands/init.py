"""`sophia init`: the inventory of a cluster, from answers or from options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_cli.config.places import file_of, usual_file
from sophia_cli.errors import InvalidInput, Refused
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

if TYPE_CHECKING:
    from sophia_cli.ops.inventory.draft import Draft, DraftBastion, DraftHost

_EXAMPLE = "sophia init --host gpu-1=192.0.2.11 --host gpu-2=192.0.2.12 --host gpu-3=192.0.2.13"
_BASTION = re.compile(r"(?:([^@]+)@)?(\[[^\]]+\]|[^:@\[\]]+)(?::([0-9]+))?")


def command(
    context: typer.Context,
    host: Annotated[
        list[str] | None,
        typer.Option(help="A host; may be repeated.", metavar="NAME=ADDRESS[:ROLE,ROLE]"),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="The user on every host, by default ubuntu.", metavar="NAME")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The private key, by default the SSH agent's.", metavar="FILE"),
    ] = None,
    bastion: Annotated[
        str | None,
        typer.Option(help="The host they are reached through.", metavar="[USER@]ADDRESS[:PORT]"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The cluster's name, by default sophia.", metavar="NAME")
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="Where to, if not where it is read from.", metavar="FILE")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there; it is kept as .bak.")
    ] = False,
) -> Outcome:
    """Write the inventory of a cluster: its hosts, how they are reached, what runs on them.

    Without --host it asks. Without roles, Qdrant is put on the first three hosts, and PostgreSQL,
    Redis, sophia and the monitoring are spread over all.

    \b
    Examples:
      sophia init
      sophia init --host gpu-1=192.0.2.11 --host gpu-2=192.0.2.12 --host gpu-3=192.0.2.13
      sophia init --host db=192.0.2.21:postgres,redis --host gpu-1=192.0.2.11:qdrant,sophia \\
        --user admin --key ~/.ssh/id_ed25519 --output cluster.yaml
    """
    from sophia_cli.ops.inventory.draft import write

    invocation = Invocation.of(context)
    variables = invocation.environment.variables
    given = output if output is not None else invocation.options.get("config")
    path = file_of(variables, given, invocation.environment.cwd) or usual_file(variables)
    if not force and path.exists():
        # Before anything is asked; `write` looks again.
        raise Refused(
            f"{path}: is there already",
            "name another with --output, or give --force, which keeps it as .bak",
        )
    if host:
        draft = _from_options(invocation, host, user, key, bastion, name)
    else:
        draft = _from_answers(invocation, user, key, bastion, name)
    backup = write(draft, path, variables, force=force)

    def text(terminal: Terminal) -> None:
        terminal.table(
            "host",
            "address",
            "roles",
            rows=[(each.name, each.address, ", ".join(each.roles)) for each in draft.hosts],
        )
        kept = f"; what was there is in {backup}" if backup else ""
        terminal.note(f"written to {path}{kept}")
        is_read = file_of(variables, invocation.options.get("config"), invocation.environment.cwd)
        chosen = "" if is_read == path else f" --config {path}"
        terminal.note(f"next: sophia hosts trust{chosen}")

    hosts = [
        {"name": each.name, "address": each.address, "roles": list(each.roles)}
        for each in draft.hosts
    ]
    row = {"path": str(path), "backup": str(backup) if backup else None, "hosts": hosts}
    return Outcome([row], text)


def _from_options(
    invocation: Invocation,
    hosts: Sequence[str],
    user: str | None,
    key: str | None,
    bastion: str | None,
    name: str | None,
) -> Draft:
    from sophia_cli.ops.inventory.draft import Draft

    return Draft(
        name="sophia" if name is None else name,
        user="ubuntu" if user is None else user,
        hosts=_placed([_host(each) for each in hosts]),
        key=_key(invocation, key),
        bastion=_bastion(bastion),
    )


def _from_answers(
    invocation: Invocation,
    user: str | None,
    key: str | None,
    bastion: str | None,
    name: str | None,
) -> Draft:
    from sophia_cli.ops.inventory.draft import Draft, DraftHost

    environment = invocation.environment
    if invocation.terminal.json_mode or not environment.stdin.isatty():
        raise InvalidInput("no --host was given, and there is no terminal to ask on", _EXAMPLE)
    name = name or _asked(invocation, "the cluster's name", "sophia")
    user = user or _asked(invocation, "the user on the hosts", "ubuntu")
    if key is None:
        key = _asked(invocation, "the private key's file (empty: the SSH agent's)", "")
    if bastion is None:
        bastion = _asked(invocation, "the bastion's [USER@]ADDRESS[:PORT] (empty: none)", "")
    hosts: list[DraftHost] = []
    while True:
        ordinal = len(hosts) + 1
        end = "" if ordinal == 1 else " (empty: that is all)"
        address = _asked(invocation, f"address of host {ordinal}{end}", "")
        if address:
            called = _asked(invocation, f"name of host {ordinal}", f"gpu-{ordinal}")
            hosts.append(DraftHost(called, address, ()))
        elif hosts:
            break
    placed = _placed(hosts)
    answered = []
    for each in placed:
        roles = _asked(invocation, f"roles of {each.name}", ", ".join(each.roles))
        answered.append(DraftHost(each.name, each.address, _roles(roles)))
    return Draft(name, user, tuple(answered), _key(invocation, key or None), _bastion(bastion))


def _asked(invocation: Invocation, question: str, default: str) -> str:
    """An answer; the default for an empty one."""
    environment = invocation.environment
    environment.stdout.flush()
    environment.stderr.write(f"{question}{f' [{default}]' if default else ''}: ")
    environment.stderr.flush()
    line = environment.stdin.readline()
    if not line:
        raise InvalidInput("the answers ended too early", "nothing was written")
    return line.strip() or default


def _host(given: str) -> DraftHost:
    """A host from `NAME=ADDRESS[:ROLE,ROLE]`; an IPv6 address stands in brackets."""
    from sophia_cli.ops.inventory.draft import DraftHost

    name, sign, rest = given.partition("=")
    if not sign or not name.strip() or not rest.strip():
        raise InvalidInput(f"--host {given[:60]!r} is not NAME=ADDRESS[:ROLE,ROLE]", _EXAMPLE)
    if rest.startswith("["):
        address, _, roles = rest[1:].partition("]")
        roles = roles.removeprefix(":")
    else:
        address, _, roles = rest.partition(":")
    return DraftHost(name.strip(), address.strip(), _roles(roles))


def _roles(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _placed(hosts: Sequence[DraftHost]) -> tuple[DraftHost, ...]:
    """The hosts with roles, those of their own or what fits their number."""
    from sophia_cli.ops.inventory.draft import DraftHost
    from sophia_cli.ops.inventory.placement import placed

    names = [each.name for each in hosts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidInput(f"two hosts are called {twice!r}", "give each host a name of its own")
    without = [each.name for each in hosts if not each.roles]
    if len(without) not in (0, len(hosts)):
        raise InvalidInput(
            f"{without[0]}: has no roles, and other hosts have", "give roles to all, or to none"
        )
    found = placed(names)
    return tuple(
        DraftHost(each.name, each.address, each.roles or found[each.name]) for each in hosts
    )


def _key(invocation: Invocation, given: str | None) -> str | None:
    """The key's file as it is written: what is relative here would be relative to the file."""
    if given is None:
        return None
    if not given.strip():
        raise InvalidInput("--key names no file")
    return given if given.startswith("~/") else str(invocation.path(given))


def _bastion(given: str | None) -> DraftBastion | None:
    from sophia_cli.ops.inventory.draft import DraftBastion

    if not given:
        return None
    parts = _BASTION.fullmatch(given)
    if parts is None:
        raise InvalidInput(
            f"--bastion {given[:60]!r} is not [USER@]ADDRESS[:PORT]", "--bastion ann@192.0.2.1"
        )
    return DraftBastion(parts[2].strip("[]"), parts[1], parts[3])
