"""Secrets are found in the forms that programs give them, and nothing else is taken away."""

from __future__ import annotations

import base64
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.ops.connection.redaction import Redactor

SECRETS = ["s3cret-word", 'it\'s "quoted" & $more\\', "pässwörd/with+signs=", "a b c d e f"]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_in_every_form(secret: str) -> None:
    redactor = Redactor([secret])
    raw = secret.encode()
    for form in (
        secret,
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").lower(),
        shlex.quote(secret),
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        json.dumps({"line": json.dumps(secret)}),
        repr(secret),
        f"PASSWORD '{secret.replace(chr(39), chr(39) * 2)}'",
    ):
        redacted = redactor.text(f"before {form} after")
        assert form not in redacted
        assert "***" in redacted
        assert redacted.startswith("before ")
        assert redacted.endswith(" after")


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(SECRETS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
def test_a_secret_inside_a_text_in_base64_is_found(before: str, secret: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    redacted = Redactor([secret]).text(encoded)
    assert "***" in redacted
    # What is left of it at the ends is less than two bytes of the secret.
    kept = len(redacted.replace("***", ""))
    around = len(base64.b64encode(f"{before}{after}".encode()))
    assert kept <= around + 8


def test_each_line_of_a_key_is_a_secret() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
    redactor = Redactor([key])
    assert redactor.text("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"
    assert [redactor.text(line) for line in ("MIIEvQIBADANBg", "x kqhkiG9w0BAQEF y")] == [
        "***",
        "x *** y",
    ]


def test_words_of_every_text_are_left_alone() -> None:
    redactor = Redactor(["", "true", "admin", "       "])
    assert redactor.text("true is what admin said") == "true is what admin said"


def test_the_longest_goes_first() -> None:
    assert Redactor(["secret", "secret-and-more"]).text("a secret-and-more b") == "a *** b"


def test_one_may_be_added_later() -> None:
    redactor = Redactor()
    assert redactor.text("the password") == "the password"
    redactor.add("password")
    assert redactor.text("the password") == "the ***"
    assert redactor.text(redactor.text("the password")) == "the ***"
