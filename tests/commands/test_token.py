"""`sophia token`: made once, listed without its secret, revoked by id or name."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

from sophia_cli.api import token_text, tokens
from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console


def create(console: Console, name: str, *options: str) -> str:
    made = console.data("token", "create", name, "--scope", "read", *options)
    return str(made[0]["token"])


def test_a_token_is_printed_once_and_kept_as_a_digest(console: Console, user: str) -> None:
    ended = console.ok("token", "create", user, "--scope", "read", "--scope", "write")
    text = ended.out.strip()
    assert re.fullmatch(r"sophia_[a-z2-7]{13}_[a-z2-7]{52}", text)
    assert "not shown again" in ended.err
    id_, secret = token_text.split(text) or ("", "")
    stored = console.service.records.tokens.find(id_)
    assert stored is not None and tokens.opens(stored, secret)
    assert not tokens.opens(stored, "a" * 52) and not tokens.opens(None, secret)
    for shown in (console.ok("token", "list").out, console.ok("--json", "token", "list").out):
        assert id_ in shown and secret not in shown

    def read(connection: Any) -> Any:
        return connection.execute("SELECT t::text FROM token t WHERE id = %s", [id_]).fetchall()

    assert secret not in str(console.service.records.database.ask(read))


def test_what_it_reaches_is_said(console: Console, user: str) -> None:
    create(console, user, "--user", "ann", "--kind", "business", "--expires", "90d")
    row = next(each for each in console.data("token", "list") if each["name"] == user)
    assert (row["user"], row["kind"], row["scopes"]) == ("ann", "business", ["read"])
    assert row["state"].startswith("until ") and row["used_at"] is None
    assert "token" not in row


def test_it_is_revoked_by_name_or_id_and_its_name_is_free_again(
    console: Console, user: str
) -> None:
    first = create(console, user)
    taken = console("token", "create", user, "--scope", "read")
    assert taken.status is ExitStatus.FAILED and "already" in taken.err
    assert console.data("token", "revoke", user)[0]["state"] == "revoked"
    second = create(console, user)
    id_ = second.split("_")[1]
    assert console.data("token", "revoke", id_)[0]["id"] == id_ != first.split("_")[1]
    assert console.data("token", "revoke", id_)[0]["state"] == "revoked"
    assert console("token", "revoke", "nobody-has-this").status is ExitStatus.FAILED


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--scope", "everything"),
        ("--scope", "read", "--kind", "poetry"),
        ("--scope", "read", "--expires", "yesterday"),
        ("--scope", "read", "--user", " "),
    ],
)
def test_one_that_cannot_be_is_refused(
    console: Console, user: str, options: tuple[str, ...]
) -> None:
    assert console("token", "create", user, *options).status is ExitStatus.USAGE
    assert user not in console.ok("token", "list").out


SCOPES = ("--scope", "read", "--scope", "write")


@pytest.mark.parametrize(
    "text",
    [token_text.new_text(), token_text.around(secrets.token_urlsafe(32))],
    ids=["whole", "around"],
)
def test_one_that_was_made_elsewhere_is_taken_from_stdin_once_and_never_shown(
    console: Console, user: str, text: str
) -> None:
    given = f"{text}\n".encode()
    secret = text[-40:]
    assert token_text.occurs_in(f"?q={text}&n=1")
    assert console("token", "check", stdin=given).status is ExitStatus.REFUSED
    for said in ("was stored", "is stored"):
        ended = console.ok("token", "create", user, *SCOPES, "--token-stdin", stdin=given)
        assert said in ended.out and secret not in ended.out + ended.err
    checked = console.ok("--json", "token", "check", stdin=given)
    assert checked.data[0]["name"] == user and secret not in checked.out
    wrong = (text[:-1] + ("a" if text[-1] != "a" else "b")).encode()
    assert console("token", "check", stdin=wrong).status is ExitStatus.REFUSED
    assert console("token", "check", stdin=b"hello").status is ExitStatus.REFUSED
    other = console("token", "create", user, "--scope", "admin", "--token-stdin", stdin=given)
    assert other.status is ExitStatus.FAILED and "read write" in other.err
    nonsense = console("token", "create", user, *SCOPES, "--token-stdin", stdin=b"hunter2")
    assert nonsense.status is ExitStatus.USAGE and "hunter2" not in nonsense.err


def test_a_new_one_takes_the_place_of_the_one_that_has_its_name(
    console: Console, user: str
) -> None:
    texts = [token_text.new_text().encode() for _ in range(2)]
    for text in texts:
        console.ok("token", "create", user, *SCOPES, "--token-stdin", "--replace", stdin=text)
    assert console("token", "check", stdin=texts[0]).status is ExitStatus.REFUSED
    assert console.ok("token", "check", stdin=texts[1]).out.startswith(user)
