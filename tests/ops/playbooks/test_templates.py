"""Templates are filled in within a sandbox, and secrets stay where nobody sees them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.playbooks.templates import SecretOutOfPlace, Values

TEXTS = {"greeting": "hello {{ host.name }}", "secret": "{{ secrets['redis-password'] }}"}


class OneSecret:
    """One secret, as the store has it."""

    def value(self, name: str) -> SecretStr:
        assert name == "redis-password"
        return SecretStr("tiger")

    def all(self) -> dict[str, SecretStr]:
        return {"redis-password": self.value("redis-password")}


@pytest.fixture
def values() -> Values:
    host = SimpleNamespace(name="h1", labels=["a", "b c"], port=22)
    return Values({"host": host, "size": "2gb"}, OneSecret(), TEXTS.__getitem__)


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("{{ host.port }}", 22),
        ("{{ host.labels }}", ["a", "b c"]),
        (" {{ host.name }} ", "h1"),
        ("{{ host.name }}:{{ host.port }}", "h1:22"),
        ("echo {{ host.labels[1] | quote }}", "echo 'b c'"),
        ("{{ size | bytes }}", 2 << 30),
        ("{{ 'a: #b' | yaml }}", '"a: #b"'),
        ("plain", "plain"),
        (["{{ host.port }}", {"k": "{{ host.name }}"}], [22, {"k": "h1"}]),
    ],
)
def test_a_value_that_is_one_expression_keeps_its_type(
    values: Values, written: object, filled: object
) -> None:
    assert values.value(written) == filled


@pytest.mark.parametrize(
    "text",
    [
        "{{ nothing }}",
        "{{ host.nothing }}",
        "{{ host.nothing.more }}",
        "a {{ nothing }}",
        "{{ host.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ 1 / 0 }}",
        "{{ host.labels.append('x') }}",
    ],
)
def test_what_is_not_there_or_not_allowed_is_an_error(values: Values, text: str) -> None:
    with pytest.raises(ConfigurationError):
        values.value(text)


def test_a_secret_is_filled_in_only_where_nobody_sees_it(values: Values) -> None:
    text = "requirepass {{ secrets['redis-password'] }}"
    filled = values.fill(text, secrets=True)
    assert (filled.text, filled.secret) == ("requirepass tiger", True)
    assert values.fill("port {{ host.port }}", secrets=True).secret is False
    for written in (text, "{{ secrets['redis-password'] }}"):
        with pytest.raises(SecretOutOfPlace) as raised:
            values.value(written)
        assert "tiger" not in str(raised.value)


def test_a_digest_names_files_that_were_written_before(values: Values) -> None:
    values.digests.update({"/etc/a": "1", "/etc/b": "2"})
    both = values.value("{{ digest('/etc/a', '/etc/b') }}")
    values.digests["/etc/b"] = "3"
    assert values.value("{{ digest('/etc/a', '/etc/b') }}") != both


def test_a_template_is_filled_in_within_another(values: Values) -> None:
    assert values.value("{{ template('greeting') }}!") == "hello h1!"
    with pytest.raises(SecretOutOfPlace):
        values.value("{{ template('secret') }}")
