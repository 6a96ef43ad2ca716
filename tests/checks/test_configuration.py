"""The configuration's checks: each made to fail with real files and servers, and then to pass."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sophia_cli.checks.check import Finding, Verdict
from tests.checks.certificates import made, showing
from tests.checks.conftest import Store
from tests.checks.scenes import worst

# A port of this machine that nobody listens on; these checks do not connect to it.
_URL = "postgresql://sophia@127.0.0.1:1/sophia"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sophia.yaml"
    path.touch(0o600)
    return path


def looks(store: Store, number: str, file: Path, text: str) -> list[Finding]:
    file.write_text(text)
    return store.looks(number, variables={"SOPHIA_CONFIG": str(file)})


def test_a_file_with_mistakes(store: Store, file: Path) -> None:
    assert worst(looks(store, "CO-01", file, "recall: {limit: 5}\n")) is Verdict.PASS
    found = looks(store, "CO-01", file, "recal: {limit: 5}\nrest: {rate: many}\n")
    assert worst(found) is Verdict.FAIL
    assert found[0].says == "it has 2 mistakes"
    assert any("recal" in line for line in found[0].evidence)


def test_an_inventory_with_mistakes(store: Store, file: Path) -> None:
    text = "cluster: {name: lab}\nhosts: {one: {address: 127.0.0.2, roles: [redis]}}\n"
    found = looks(store, "CO-01", file, text)
    assert worst(found) is Verdict.PASS, found
    found = looks(store, "CO-01", file, text.replace("redis", "radish"))
    assert worst(found) is Verdict.FAIL
    assert found[0].subject == "inventory"


def test_everything_says_so_while_the_file_cannot_be_used(store: Store, file: Path) -> None:
    for number in ("CO-02", "PG-05", "RD-01", "VE-02"):
        [found] = looks(store, number, file, "recal: {limit: 5}\n")
        assert found.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("records: {password_file: pw}", "records.password_file"),
        (f"records: {{url: '{_URL}?password=x', password_file: pw}}", "records.password_file"),
        ("vectors: {urls: [http://127.0.0.1:1]}", "vectors.urls"),
        ("hot_cache: {enabled: false, max_memory: 1gb}", "hot_cache.max_memory"),
        ("hot_cache: {url: 'redis://127.0.0.1:1', max_memory: 1gb}", "hot_cache.max_memory"),
        ("gpu_cache: {vectors: false, device: cuda}", "gpu_cache.device"),
        ("embedding: {model: text-embedding-3-small}", "embedding.model"),
        ("rest: {tls: {certificate_file: a.crt}}", "rest.tls.certificate_file"),
        ("tracing: {sample_ratio: 0.5}", "tracing.sample_ratio"),
    ],
)
def test_a_key_without_its_effect(store: Store, file: Path, text: str, key: str) -> None:
    found = looks(store, "CO-02", file, f"{text}\n")
    assert worst(found) is Verdict.WARN
    assert [each.subject for each in found] == [key]
    assert "sophia.yaml:1" in found[0].evidence[0]


def test_keys_that_have_their_effect(store: Store, file: Path) -> None:
    text = (
        "recall: {limit: 5}\nhot_cache: {max_memory: 512mb}\nrest: {listen: 127.0.0.1:1, rate: 9}\n"
    )
    [found] = looks(store, "CO-02", file, text)
    assert found.says == "4 keys are set, each has its effect"


def test_a_secret_that_others_may_read(store: Store, file: Path) -> None:
    secret = file.with_name("pw")
    secret.write_text("hunter2-canary\n")
    text = f"records: {{url: '{_URL}', password_file: pw}}\n"
    for mode, content, verdict in (
        (0o644, "hunter2-canary\n", Verdict.FAIL),
        (0o600, "", Verdict.FAIL),
        (0o600, "hunter2-canary\n", Verdict.PASS),
    ):
        secret.write_text(content)
        secret.chmod(mode)
        found = looks(store, "CO-03", file, text)
        assert worst(found) is verdict
        assert "hunter2" not in str(found)
    if os.geteuid() == 0:
        os.chown(secret, 12345, -1)
        assert worst(looks(store, "CO-03", file, text)) is Verdict.FAIL
    secret.unlink()
    assert worst(looks(store, "CO-03", file, text)) is Verdict.FAIL


def test_a_file_that_others_may_change_or_that_shows_a_password(store: Store, file: Path) -> None:
    shown = "records: {url: 'postgresql://sophia:hunter2@127.0.0.1:1/sophia'}\n"
    for mode, text, verdict, says in (
        (0o644, "recall: {limit: 5}\n", Verdict.PASS, "nobody else"),
        (0o646, "recall: {limit: 5}\n", Verdict.FAIL, "may change"),
        (0o644, shown, Verdict.FAIL, "a password is in the file"),
        (0o600, shown, Verdict.PASS, "nobody else"),
    ):
        file.chmod(mode)
        found = looks(store, "CO-03", file, text)
        assert worst(found) is verdict
        assert says in found[0].says
        assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("days", "verdict", "says"),
    [(-3, Verdict.FAIL, "ended 3 days ago"), (5, Verdict.WARN, "5 days"), (90, Verdict.PASS, "")],
)
def test_our_own_certificate(
    store: Store, file: Path, days: float, verdict: Verdict, says: str
) -> None:
    made(file.parent, days)
    tls = "{certificate_file: rest.crt, key_file: rest.key}"
    found = looks(store, "CO-04", file, f"rest: {{listen: 127.0.0.1:1, tls: {tls}}}\n")
    assert worst(found) is verdict
    assert says in found[0].says


def test_a_certificate_that_is_none_and_one_of_another_key(store: Store, file: Path) -> None:
    certificate, _ = made(file.parent, 90)
    made(file.parent, 90, "other")
    text = "rest: {listen: 127.0.0.1:1, tls: {certificate_file: rest.crt, key_file: other.key}}\n"
    found = looks(store, "CO-04", file, text)
    assert worst(found) is Verdict.FAIL
    assert "do not go together" in found[0].says
    certificate.write_text("nothing of the kind\n")
    assert looks(store, "CO-04", file, text)[0].says == "it holds no certificate as PEM"


@pytest.mark.parametrize("postgres", [False, True])
def test_the_certificate_of_a_server(store: Store, file: Path, postgres: bool) -> None:
    for days, verdict in ((-3, Verdict.FAIL), (5, Verdict.WARN), (90, Verdict.PASS)):
        with showing(*made(file.parent, days), postgres=postgres) as port:
            address = (
                f"records: {{url: 'postgresql://sophia@127.0.0.1:{port}/s?sslmode=require'}}"
                if postgres
                else f"hot_cache: {{url: 'rediss://127.0.0.1:{port}/0'}}"
            )
            found = looks(store, "CO-05", file, f"{address}\n")
            assert worst(found) is verdict, found
    [found] = looks(store, "CO-05", file, f"{address}\n")
    assert found.verdict is Verdict.UNKNOWN
    assert "connection refused" in found.says


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("records: {url: 'postgresql://s@127.0.0.1,192.0.2.10:5432/s'}", "records.url"),
        ("hot_cache: {url: 'redis://cache.example.com'}", "hot_cache.url"),
        (
            "cluster: {name: lab}\nhosts: {one: {address: 192.0.2.11, roles: [redis]}}",
            "hosts.one.address",
        ),
    ],
)
def test_an_address_of_an_example(store: Store, file: Path, text: str, key: str) -> None:
    found = looks(store, "CO-06", file, f"{text}\n")
    assert worst(found) is Verdict.FAIL
    assert found[0].subject == key


def test_addresses_of_ones_own(store: Store, file: Path) -> None:
    text = "records: {url: 'postgresql://s@127.0.0.1,[::1]:5432/s'}\n"
    [found] = looks(store, "CO-06", file, text)
    assert found.verdict is Verdict.PASS
    assert found.says.startswith("2 addresses")
