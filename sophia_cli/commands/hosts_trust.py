"""`sophia hosts trust`: host keys are shown, compared by a person, and pinned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_cli.errors import InvalidInput, NotFound, Refused
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal

if TYPE_CHECKING:
    from sophia_cli.ops.connection.target import Target
    from sophia_cli.ops.connection.trusting import Judged
    from sophia_cli.ops.inventory.model import Inventory

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def trust(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Hosts, or bastion; all without any.", metavar="NAME"),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask: you have compared them.")
    ] = False,
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(help="What a key must be; may be repeated.", metavar="NAME=SHA256:..."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also pin a key that has changed.")
    ] = False,
) -> Outcome:
    """Fetch the keys of the hosts, show their fingerprints and, once you agree, pin them.

    No host is logged in to, save the bastion once its key is pinned: that one comes first. Compare
    each fingerprint with the one on the host's console, where `ssh-keygen -lf
    /etc/ssh/ssh_host_ed25519_key.pub` prints it. A key with the fingerprint that --fingerprint
    gives is pinned without a question. A key that has changed is shown old against new, and
    refused without --replace.

    \b
    Examples:
      sophia hosts trust
      sophia hosts trust gpu-1 \\
        --fingerprint gpu-1=SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
      sophia hosts trust gpu-2 --replace
    """
    from sophia_cli.ops.connection.link import Link
    from sophia_cli.ops.connection.target import bastion_of
    from sophia_cli.ops.connection.trusting import judged

    invocation = Invocation.of(context)
    inventory = invocation.inventory.inventory
    first, others = _targets(inventory, names or [])
    expected = _fingerprints(fingerprint or [], [*first, *others])
    cancelled = invocation.environment.cancelled

    def done(targets: Sequence[Target], link: Link | None) -> list[Judged]:
        found = judged(targets, link, expected, inventory.ssh.parallel, cancelled, replace=replace)
        invocation.environment.check_cancelled()
        _show(invocation, found)
        wanted = [each for each in found if each.is_to_be_pinned]
        if not yes and not all(each.is_vouched_for for each in wanted):
            _ask(invocation, wanted)
        for each in wanted:
            each.pin()
        return found

    found = done(first, None) if first else []
    if others and all(each.error is None for each in found):
        bastion = bastion_of(inventory)
        link = None if bastion is None else Link(bastion)
        try:
            found += done(others, link)
        finally:
            if link is not None:
                link.close()
    degraded = [f"{each.error.message}; {each.error.hint}" for each in found if each.error]
    if others and first and found[0].error:
        degraded.append("the hosts behind the bastion were not looked at")
    return Outcome(
        [each.as_json() for each in found],
        lambda terminal: _summary(terminal, found),
        Trace(degraded=degraded),
        _status(found),
    )


def _targets(inventory: Inventory, names: Sequence[str]) -> tuple[list[Target], list[Target]]:
    """The bastion, if there is one that matters here, and the hosts.

    Raises:
        NotFound: there is no such host.
    """
    from sophia_cli.ops.connection.target import BASTION, bastion_of, target_of

    bastion = bastion_of(inventory)
    known = [*([BASTION] if bastion else []), *inventory.hosts]
    if unknown := next((name for name in names if name not in known), None):
        raise NotFound(f"no host is called {unknown}", f"the inventory has: {', '.join(known)}")
    chosen = [name for name in inventory.hosts if not names or name in names]
    return [bastion] if bastion else [], [target_of(inventory, name) for name in chosen]


def _fingerprints(given: Sequence[str], targets: Sequence[Target]) -> dict[str, str]:
    """What --fingerprint says, by host."""
    found = {}
    for word in given:
        name, _, text = word.partition("=")
        text = text.rstrip("=")
        if not _FINGERPRINT.fullmatch(text):
            raise InvalidInput(
                f"--fingerprint {word[:80]!r} is not NAME=SHA256: and 43 characters",
                "take it from `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host",
            )
        if name not in [target.name for target in targets]:
            raise InvalidInput(f"--fingerprint names {name!r}, which is not looked at")
        found[name] = text
    return found


def _show(invocation: Invocation, found: Sequence[Judged]) -> None:
    """Each key with its fingerprint; of one that has changed, old against new."""
    terminal = invocation.terminal
    if terminal.json_mode:
        return
    lines = []
    for each in found:
        if each.seen is None:
            continue
        key, place = each.seen.key, each.target.place
        lines.append(f"{place}: {key.kind} {key.fingerprint} {each.seen.state.value}")
        if each.seen.state.value == "changed":
            lines += [f"  pinned: {old.kind} {old.fingerprint}" for old in each.seen.pinned]
            lines.append(f"  shown:  {key.kind} {key.fingerprint}")
    for line in lines:  # never wrapped: it is compared by eye and copied
        terminal.out.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)


def _ask(invocation: Invocation, wanted: Sequence[Judged]) -> None:
    """Asks on a terminal; without one, --yes or --fingerprint must have been given."""
    environment = invocation.environment
    if invocation.terminal.json_mode or not environment.stdin.isatty():
        named = ", ".join(
            f"{each.target.name} {each.seen.key.fingerprint}" for each in wanted if each.seen
        )
        raise Refused(
            f"would pin {named}, and cannot ask",
            "compare with the hosts' consoles, then give --fingerprint NAME=SHA256:... or --yes",
        )
    question = "is this what the host's console shows? pin it?"
    if len(wanted) > 1:
        question = f"are these {len(wanted)} what the hosts' consoles show? pin them?"
    environment.stdout.flush()
    environment.stderr.write(f"{question} [y/N] ")
    environment.stderr.flush()
    if environment.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was pinned")


def _summary(terminal: Terminal, found: Sequence[Judged]) -> None:
    for each in found:
        if each.is_to_be_pinned:
            terminal.note(f"{each.target.name}: {each.verdict.value}")
    if found and not any(each.is_to_be_pinned or each.error for each in found):
        terminal.note("all keys are trusted already")


def _status(found: Sequence[Judged]) -> ExitStatus:
    """A key that was refused is graver than a host that is away."""
    return max((each.error.exit_status for each in found if each.error), default=ExitStatus.OK)
