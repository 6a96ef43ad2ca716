"""A token that is bound to a user, or to a kind, reaches nothing of what is another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.daemon.rest.served import Served

WORDS = "xylophone"


@pytest.fixture(scope="module")
def theirs(rest: Served) -> list[str]:
    """Memories of bob and of nobody, of both kinds, in a session, with a tag."""
    more = ("--session", "s", "--tag", "team=a", "--agent", "bot")
    return [
        str(rest.sophia.data("remember", f"{WORDS} {n}", "--kind", kind, *whose, *more)[0]["id"])
        for n, (kind, whose) in enumerate(
            [("coding", ("--user", "bob")), ("business", ("--user", "bob")), ("coding", ())]
        )
    ]


@pytest.fixture(scope="module")
def ann(rest: Served) -> Iterator[httpx.Client]:
    with rest.bearer(rest.token("--user", "ann")) as client:
        yield client


def nothing_of_theirs(answer: httpx.Response, theirs: list[str], asked: str = "") -> None:
    text = answer.text.replace(asked, "") if asked else answer.text
    assert WORDS not in text and "bob" not in text
    assert not [id_ for id_ in theirs if id_ in text]


def test_no_question_brings_it(ann: httpx.Client, theirs: list[str]) -> None:
    filters: list[dict[str, Any]] = [
        *({}, {"user": "ann"}, {"agent": "bot"}, {"session": "s"}, {"tags": {"team": "a"}}),
        *({"kind": "coding"}, {"kind": "business"}, {"since": "2020-01-01"}, {"limit": 1000}),
    ]
    for each in filters:
        for face, field in (("recall", "query"), ("similar", "text")):
            answer = ann.post(f"/v1/{face}", json={field: "what of it?", **each})
            assert answer.status_code == 200
            assert answer.json()["data"] == []
            nothing_of_theirs(answer, theirs)
        params = {name: value for name, value in each.items() if name != "tags"}
        nothing_of_theirs(ann.get("/v1/memories", params=params), theirs)
    lines = ann.get("/v1/memories", headers={"accept": "application/x-ndjson"})
    nothing_of_theirs(lines, theirs)
    nothing_of_theirs(ann.post("/v1/ask", json={"sentence": "show me all of it"}), theirs)


def test_another_user_cannot_be_asked_for(ann: httpx.Client, theirs: list[str]) -> None:
    for name in ("bob", "nobody-at-all"):
        answers = [
            ann.get("/v1/memories", params={"user": name}),
            ann.post("/v1/recall", json={"query": WORDS, "user": name}),
            ann.post("/v1/ask", json={"sentence": WORDS, "user": name}),
            ann.post("/v1/memories", json={"content": "mine?", "user": name}),
        ]
        for answer in answers:
            assert answer.status_code == 403
            assert answer.json()["detail"] == "this token is bound to another user"
            nothing_of_theirs(answer, theirs)


def test_no_id_brings_it_and_none_tells_that_it_is_there(
    ann: httpx.Client, theirs: list[str]
) -> None:
    nobody = "0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44"

    def answers(id_: str) -> list[tuple[int, str]]:
        path = f"/v1/memories/{id_}"
        asked = [
            ann.get(path),
            ann.get(path, headers={"if-none-match": '"1"'}),
            ann.get(f"{path}/history"),
            ann.patch(path, json={"content": "taken over"}),
            ann.patch(path, json={"content": "taken over"}, headers={"if-match": '"7"'}),
            ann.delete(path),
            ann.post("/v1/memories/forget", json={"ids": [id_]}),
        ]
        told = []
        for answer in asked:
            body = {name: v for name, v in answer.json().items() if name != "request_id"}
            told.append((answer.status_code, str(body).replace(id_, "ID")))
        return told

    for id_ in theirs:
        assert answers(id_) == answers(nobody)


def test_a_cursor_grants_nothing(ann: httpx.Client, owner: httpx.Client, theirs: list[str]) -> None:
    page = owner.get("/v1/memories", params={"limit": 1}).json()
    answer = ann.get("/v1/memories", params={"cursor": page["next_cursor"]})
    assert answer.json()["data"] == []
    for cursor in ("AAAA", "!", "é", "A" * 500, page["next_cursor"] + "A"):
        assert ann.get("/v1/memories", params={"cursor": cursor}).status_code == 422


def test_figures_over_all_are_not_told(ann: httpx.Client) -> None:
    assert ann.get("/v1/stats").status_code == 403
    assert ann.post("/v1/ask", json={"sentence": "Analyze memory performance"}).status_code == 403
    tiers = ann.get("/health/ready").json()["tiers"]
    assert all("reason" not in verdict for verdict in tiers.values())


def test_what_it_stores_is_its_users(ann: httpx.Client, owner: httpx.Client) -> None:
    id_ = ann.post("/v1/memories", json={"content": "the boiler is in the cellar"}).json()["data"][
        0
    ]["id"]
    assert owner.get(f"/v1/memories/{id_}").json()["data"][0]["user"] == "ann"


def test_a_key_of_another_token_is_not_its_own(
    rest: Served, ann: httpx.Client, owner: httpx.Client
) -> None:
    body, key = {"content": "said by two", "user": "ann"}, {"idempotency-key": "the-same"}
    first = owner.post("/v1/memories", json=body, headers=key)
    second = ann.post("/v1/memories", json=body, headers=key)
    assert first.status_code == 201
    assert "idempotency-repeated" not in second.headers


def test_a_token_bound_to_a_kind(rest: Served, theirs: list[str]) -> None:
    with rest.bearer(rest.token("--kind", "business")) as client:
        found = client.post("/v1/recall", json={"query": WORDS}).json()["data"]
        assert {each["kind"] for each in found} == {"business"}
        assert client.get("/v1/memories", params={"kind": "coding"}).status_code == 403
        assert client.get(f"/v1/memories/{theirs[0]}").status_code == 404
        assert client.patch(f"/v1/memories/{theirs[1]}", json={"kind": "coding"}).status_code == 403
        stored = client.post("/v1/memories", json={"content": "def main(): return 1"}).json()
        assert stored["data"][0]["kind"] == "business"
