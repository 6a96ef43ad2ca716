"""`sophia token`: who may use the memory over TCP."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Annotated, Any

import typer

from sophia_cli.api.access import Scope
from sophia_cli.api.token_text import split
from sophia_cli.api.tokens import issue, opens
from sophia_cli.commands.options import KindOption, UserOption, expiry_of
from sophia_cli.errors import Conflict, InvalidInput, NotFound, Unauthorized
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_name
from sophia_cli.terminal import Outcome, Terminal
from sophia_cli.tiers.records.tokens import Token

_LONGEST = 4096
_WANTED = ("digest", "name", "scopes", "user", "kind")

group = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    help="Who may use the memory over TCP: REST and MCP.\n\n\b\nExamples:\n"
    "  sophia token list\n  sophia token revoke ci",
)


@group.command(cls=Command)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What you call it.")],
    scope: Annotated[
        list[Scope], typer.Option(help="What it allows; may be repeated.", metavar="SCOPE")
    ],
    user: UserOption = None,
    kind: KindOption = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 90d, or a time.", metavar="WHEN")
    ] = None,
    token_stdin: Annotated[
        bool,
        typer.Option("--token-stdin", help="Take the token from stdin and print none."),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="End the one that has this name now.")
    ] = False,
) -> Outcome:
    """Make a token and print it, this once: of its secret only a digest is kept.

    A scope is read, write or admin; each allows nothing but itself. With --user or --kind the
    token reaches only that part of the memory. A token from stdin was made elsewhere, as by
    `sophia deploy`; storing it again changes nothing.

    \b
    Examples:
      sophia token create ci --scope read --scope write
      sophia token create ann-laptop --scope read --scope write --user ann --expires 90d
      sophia token create deploy --scope read --token-stdin --replace < deploy.token
    """
    invocation = Invocation.of(context)
    text, token = issue(
        _checked(name),
        scope,
        invocation.now,
        user=checked_name("user", user),
        kind=kind,
        expires_at=expiry_of(invocation, expires),
        text=_given(invocation) if token_stdin else None,
    )
    with invocation.service() as service:
        tokens = service.records.tokens
        stored = tokens.find(token.id) if token_stdin else None
        if stored is None:
            if replace:
                with contextlib.suppress(NotFound):
                    tokens.revoke(token.name, invocation.now)
            tokens.add(token)
        elif not _same(stored, token, invocation.now):
            raise Conflict(
                f"this token is stored already, otherwise: as {stored.name!r}, "
                f"{' '.join(sorted(stored.scopes))}, {_state(stored, invocation.now)}",
                "make a new one: sophia token create",
            )

    def show(terminal: Terminal) -> None:
        if token_stdin:
            terminal.line(f"{token.name} ({token.id}) {'is stored' if stored else 'was stored'}")
            return
        terminal.line(text)
        terminal.note("it is not shown again")

    row = _row(stored or token, invocation.now)
    return Outcome(
        [row if token_stdin else {**row, "token": text}], show, Trace(served_by="records")
    )


@group.command(cls=Command)
def check(context: typer.Context) -> Outcome:
    """Say which token the text on stdin is; exit status 5 when it opens nothing.

    \b
    Examples:
      sophia token check < deploy.token
    """
    invocation = Invocation.of(context)
    parts = split(_given(invocation))
    with invocation.service() as service:
        token = service.records.tokens.find(parts[0]) if parts else None
    if (
        parts is None
        or token is None
        or not opens(token, parts[1])
        or not token.holds(invocation.now)
    ):
        raise Unauthorized("this token opens nothing", "sophia token list shows which do")
    return Outcome(
        [_row(token, invocation.now)],
        lambda terminal: terminal.line(f"{token.name}: {' '.join(sorted(token.scopes))}"),
        Trace(served_by="records"),
    )


@group.command("list", cls=Command)
def list_(context: typer.Context) -> Outcome:
    """Show every token, without its secret, the newest first.

    \b
    Examples:
      sophia token list
    """
    invocation = Invocation.of(context)
    with invocation.service() as service:
        tokens = service.records.tokens.all()
    now = invocation.now

    def show(terminal: Terminal) -> None:
        if not tokens:
            terminal.note("there is no token")
            return
        terminal.table(
            *("name", "id", "scopes", "user", "kind", "state", "used"),
            rows=[
                [
                    token.name,
                    token.id,
                    " ".join(sorted(token.scopes)),
                    token.user or "",
                    "" if token.kind is None else token.kind.value,
                    _state(token, now),
                    f"{token.used_at:%Y-%m-%d %H:%M}" if token.used_at else "never",
                ]
                for token in tokens
            ],
        )

    return Outcome([_row(token, now) for token in tokens], show, Trace(served_by="records"))


@group.command(cls=Command)
def revoke(
    context: typer.Context,
    which: Annotated[str, typer.Argument(metavar="ID|NAME", help="The token's id or name.")],
) -> Outcome:
    """End a token: from now on it opens nothing. Other processes see it within two seconds.

    \b
    Examples:
      sophia token revoke ci
    """
    invocation = Invocation.of(context)
    with invocation.service() as service:
        token = service.records.tokens.revoke(_checked(which), invocation.now)
    return Outcome(
        [_row(token, invocation.now)],
        lambda terminal: terminal.line(f"revoked {token.name} ({token.id})"),
        Trace(served_by="records"),
    )


def _given(invocation: Invocation) -> str:
    """The token on stdin, with its newline or without."""
    return invocation.environment.stdin.read(_LONGEST).strip()


def _same(stored: Token, token: Token, now: datetime) -> bool:
    """Whether what is stored is what is wanted, its secret too, and still holds."""
    same = all(getattr(stored, key) == getattr(token, key) for key in _WANTED)
    return same and stored.holds(now)


def _checked(name: str) -> str:
    checked = checked_name("name", name) if name.strip() else None
    if checked is None:
        raise InvalidInput("a token has a name", "give one: sophia token create ci --scope read")
    return checked


def _row(token: Token, now: datetime) -> dict[str, Any]:
    times = {
        name: getattr(token, name) for name in ("created_at", "expires_at", "used_at", "revoked_at")
    }
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "user": token.user,
        "kind": None if token.kind is None else token.kind.value,
        "state": _state(token, now),
        **{name: None if moment is None else moment.isoformat() for name, moment in times.items()},
    }


def _state(token: Token, now: datetime) -> str:
    if token.holds(now):
        return "valid" if token.expires_at is None else f"until {token.expires_at:%Y-%m-%d}"
    return "expired" if token.revoked_at is None else "revoked"
