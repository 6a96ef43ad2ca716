"""Nobody without a good token gets a byte of anything, whatever they send."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import wait_until
from tests.daemon.rest.served import Served

HIDDEN = "The password of the vault is swordfish"
PATHS = [
    *("/", "/v1", "/v1/memories", "/v1/memories/batch", "/v1/recall", "/v1/stats", "/mcp"),
    *("/health/live", "/health/ready", "/openapi.json", "/metrics", "/docs", "/redoc", "/nowhere"),
    *("/v1/memories/0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44/history", "//v1/memories", "/%2e%2e/v1"),
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"]
QUESTION = {"query": "the password of the vault?"}


@pytest.fixture(scope="module")
def secret(rest: Served) -> str:
    """The id of a memory that the tests look for in what they get."""
    return str(rest.sophia.data("remember", HIDDEN)[0]["id"])


@pytest.fixture(scope="module")
def good(rest: Served) -> str:
    return rest.token()


@pytest.fixture(scope="module")
def stranger(rest: Served) -> httpx.Client:
    """A client without a token."""
    return rest.bearer(None)


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 401, (answer.request.url, answer.status_code)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    if answer.request.method != "HEAD":
        assert answer.json()["code"] == "unauthorized"
    assert "swordfish" not in answer.text
    assert not {"location", "etag", "set-cookie", "access-control-allow-origin"} & set(
        answer.headers
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_served_without_a_token(
    stranger: httpx.Client, secret: str, path: str, method: str
) -> None:
    refused(stranger.request(method, path))


_printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


@st.composite
def _headers(draw: st.DrawFn, good: str) -> dict[str, str]:
    """Anything but the right token."""
    prefix, id_, secret = good.split("_")
    place = draw(st.integers(0, len(secret) - 1))
    other = "a" if secret[place] != "a" else "b"
    wrong = draw(
        st.sampled_from(
            (
                f"{prefix}_{id_}_{secret[:place]}{other}{secret[place + 1 :]}",
                f"{prefix}_{id_}_{secret[:-1]}",
                f"{prefix}_{id_}_",
                f"{prefix}_{'a' * len(id_)}_{secret}",
                f"{good}a",
                good.upper(),
                f"{good}, Bearer x",
                f'"{good}"',
                draw(_printable),
            )
        )
    )
    scheme = draw(st.sampled_from(("Bearer ", "bearer ", "Basic ", "", "Token ", "Bearer: ")))
    value = f"{scheme}{wrong}" if scheme.lower() == "bearer " else f"{scheme}{good}"
    name = draw(st.sampled_from(("authorization", "authorization", "x-api-key", "cookie")))
    value = value if name == "authorization" else f"Bearer {good}"
    more = {"host": draw(st.sampled_from(("sophia", "evil.example.com", "localhost")))}
    return {name: value, **more}


@settings(
    max_examples=int(os.environ.get("SOPHIA_TEST_FUZZ", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_wrong_token_gets_a_byte(
    stranger: httpx.Client, good: str, secret: str, data: st.DataObject
) -> None:
    method = data.draw(st.sampled_from(METHODS))
    path = data.draw(st.sampled_from([*PATHS, f"/v1/memories/{secret}"]))
    headers = data.draw(_headers(good))
    answer = stranger.request(method, path, headers=headers, json=QUESTION)
    refused(answer)
    assert secret not in answer.text.replace(path, "")


@pytest.mark.parametrize("query", ["access_token={}", "x={}", "token=anything", "api_key=1"])
def test_a_token_in_an_address_is_refused(rest: Served, good: str, query: str) -> None:
    for client in (rest.bearer(None), rest.bearer(good)):
        with client:
            answer = client.get(f"/health/live?{query.format(good)}")
        assert answer.status_code == 422
        assert good not in answer.text
    assert good not in rest.log()


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [(("read",), 200, 403), (("write",), 403, 201), (("admin",), 403, 403)],
)
def test_a_scope_allows_nothing_but_itself(
    rest: Served, user: str, scopes: tuple[str, ...], reads: int, writes: int
) -> None:
    with rest.bearer(rest.token(scopes=scopes)) as client:
        for path in ("/v1/memories", "/v1/stats"):
            assert client.get(path).status_code == reads
        for path in ("/v1/recall", "/v1/ask"):
            body = QUESTION if path == "/v1/recall" else {"sentence": "what of the vault?"}
            answer = client.post(path, json=body)
            assert answer.status_code == reads
            assert reads == 200 or "swordfish" not in answer.text
        stored = client.post("/v1/memories", json={"content": f"by {user}", "user": user})
        assert stored.status_code == writes
        said = {"sentence": f"Remember this: {user} was here", "user": user}
        assert client.post("/v1/ask", json=said).status_code in (200, writes)
        assert client.get("/health/live").status_code == 200


def test_a_token_that_is_over_or_revoked_opens_nothing(rest: Served) -> None:
    short = rest.token("--expires", "2s")
    with rest.bearer(short) as client:
        assert client.get("/health/live").status_code == 200
        wait_until(lambda: client.get("/health/live").status_code == 401)
    ended = rest.token()
    with rest.bearer(ended) as client:
        assert client.get("/health/live").status_code == 200
        rest.sophia("token", "revoke", ended.split("_")[1])
        refused(client.get("/health/live"))


def test_a_revocation_by_another_process_is_seen(rest: Served) -> None:
    ended = rest.token()
    with rest.bearer(ended) as client:
        assert client.get("/health/live").status_code == 200
        assert rest.sophia("--no-daemon", "token", "revoke", ended.split("_")[1]).returncode == 0
        wait_until(lambda: client.get("/health/live").status_code == 401)


def test_the_socket_is_the_owners_alone(rest: Served, owner: httpx.Client) -> None:
    assert stat.S_IMODE(Path(rest.socket).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(rest.socket).parent.stat().st_mode) == 0o700
    assert owner.get("/v1/stats").status_code == 200


def test_a_request_has_an_id(client: httpx.Client) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", client.get("/health/live").headers["x-request-id"])
    for given_, kept in (("my-trace.1", True), ("a b", False), ("x" * 200, False), ("é", False)):
        answer = client.get("/nowhere", headers={"x-request-id": given_.encode()})
        assert (answer.headers["x-request-id"] == given_) is kept
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
