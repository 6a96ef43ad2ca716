"""`Idempotency-Key`: however often and whenever a request is sent, it is carried out once."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import wait_until
from tests.daemon.rest.served import Served, served


def sent(client: httpx.Client, key: str, path: str = "/v1/memories", **body: Any) -> httpx.Response:
    return client.post(path, json=body, headers={"idempotency-key": key})


def repeats(answer: httpx.Response) -> bool:
    return answer.headers.get("idempotency-repeated") == "true"


def test_a_repeated_request_is_answered_as_the_first_time(client: httpx.Client, user: str) -> None:
    first = sent(client, user, content="once", user=user)
    again = sent(client, user, content="once", user=user)
    assert (first.status_code, repeats(first)) == (201, False)
    assert (again.status_code, repeats(again)) == (201, True)
    assert again.json()["data"] == first.json()["data"]
    assert again.headers["location"] == first.headers["location"]


def test_a_repeat_never_brings_back_what_was_forgotten(client: httpx.Client, user: str) -> None:
    first = sent(client, user, content="to be forgotten", user=user)
    assert client.delete(first.headers["location"]).status_code == 200
    again = sent(client, user, content="to be forgotten", user=user)
    assert repeats(again) and again.json()["data"] == first.json()["data"]
    assert client.get("/v1/memories", params={"user": user}).json()["data"] == []
    assert client.get(first.headers["location"]).status_code == 404


def test_so_it_is_where_there_was_nothing_to_store(client: httpx.Client, user: str) -> None:
    known = client.post("/v1/memories", json={"content": "known", "user": user})
    first = sent(client, user, content="known", user=user)
    assert (first.status_code, first.json()["data"][0]["created"]) == (200, False)
    client.delete(known.headers["location"])
    again = sent(client, user, content="known", user=user)
    assert (again.status_code, repeats(again)) == (200, True)
    assert client.get("/v1/memories", params={"user": user}).json()["data"] == []


def test_a_key_belongs_to_one_request(client: httpx.Client, user: str) -> None:
    assert sent(client, user, content="one", user=user).status_code == 201
    for path, body in (
        ("/v1/memories", {"content": "swordfish", "user": user}),
        ("/v1/memories", {"content": "one", "user": user, "tags": {"a": "b"}}),
        ("/v1/memories/batch", {"memories": [{"content": "one", "user": user}]}),
    ):
        other = sent(client, user, path, **body)
        assert (other.status_code, other.json()["code"]) == (409, "conflict")
        assert "swordfish" not in other.text
    # Not what the client wrote counts, but what it means.
    spelled = client.post(
        "/v1/memories",
        content=f'{{ "user": "{user}", "content":"one", "kind": null }}',
        headers={"idempotency-key": user, "content-type": "application/json"},
    )
    assert repeats(spelled)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_key_that_is_none(client: httpx.Client, key: str) -> None:
    headers = {"idempotency-key": key.encode()}
    answer = client.post("/v1/memories", json={"content": "x"}, headers=headers)
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["detail"]


def test_a_batch_is_carried_out_once_too(client: httpx.Client, user: str) -> None:
    body = {"memories": [{"content": f"fact {n % 5}", "user": user} for n in range(7)]}
    first = sent(client, user, "/v1/memories/batch", **body)
    again = sent(client, user, "/v1/memories/batch", **body)
    assert repeats(again) and again.json()["data"] == first.json()["data"]
    assert [each["created"] for each in first.json()["data"]] == [True] * 5 + [False] * 2


def test_many_at_once_are_one(rest: Served, token: str, user: str) -> None:
    """Each of several keys by several clients at once: one memory a key, and one answer."""
    keys = [f"{user}-{number}" for number in range(6)]

    def send(place: int) -> tuple[str, int, str]:
        with rest.bearer(token) as client:
            key = keys[place % len(keys)]
            answer = sent(client, key, content=f"by {key}", user=user, session="s")
            return key, answer.status_code, str(answer.json()["data"])

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(48)))
    assert {status for _, status, _ in answers} == {201}
    assert len({(key, data) for key, _, data in answers}) == len(keys)
    with rest.bearer(token) as client:
        listed = client.get("/v1/memories", params={"user": user, "limit": 100}).json()["data"]
    assert sorted(each["content"] for each in listed) == [f"by {key}" for key in keys]


def test_what_was_done_before_a_crash_is_not_done_again() -> None:
    """The process is killed at any moment; the client asks again, and nothing is stored twice."""
    with served() as rest:
        with rest.owner() as client:
            first = sent(client, "crash", content="before the crash", user="ann")
            client.delete(first.headers["location"])
        with ThreadPoolExecutor(1) as pool:

            def store() -> int:
                done = 0
                with rest.owner() as client:
                    for number in range(10_000):
                        try:
                            sent(client, f"k{number}", content=f"fact {number}", user="bob")
                        except httpx.TransportError:
                            break
                        done += 1
                return done

            storing = pool.submit(store)
            with rest.owner() as client:
                params = {"user": "bob", "limit": 1000}
                wait_until(lambda: client.get("/v1/memories", params=params).json()["count"] >= 10)
            os.kill(rest.sophia.resident(), signal.SIGKILL)
            done = storing.result()
        assert rest.sophia("up").returncode == 0
        with rest.owner() as client:
            again = sent(client, "crash", content="before the crash", user="ann")
            assert repeats(again) and again.json()["data"] == first.json()["data"]
            for number in range(done):
                answer = sent(client, f"k{number}", content=f"fact {number}", user="bob")
                assert repeats(answer)
            last = sent(client, f"k{done}", content=f"fact {done}", user="bob")
            assert last.status_code == 201
            stored = client.get("/v1/memories", params=params).json()["data"]
            assert len(stored) == done + 1
