"""Memories and questions over HTTP: what programs do all day, on TCP and on the socket."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.daemon.rest.served import Served


def created(client: httpx.Client, content: str, user: str, **more: Any) -> str:
    answer = client.post("/v1/memories", json={"content": content, "user": user, **more})
    assert answer.status_code == 201, answer.text
    id_ = answer.json()["data"][0]["id"]
    assert answer.headers["location"] == f"/v1/memories/{id_}"
    return str(id_)


@pytest.mark.parametrize("way", ["client", "owner"])
def test_a_memory_is_stored_found_changed_and_forgotten(
    way: str, request: pytest.FixtureRequest, user: str
) -> None:
    client: httpx.Client = request.getfixturevalue(way)
    id_ = created(client, "We chose Qdrant over Weaviate", user, tags={"team": "db"})
    path = f"/v1/memories/{id_}"
    assert client.get(path).json()["data"][0]["content"] == "We chose Qdrant over Weaviate"
    for face, field in (("recall", "query"), ("similar", "text")):
        found = client.post(f"/v1/{face}", json={field: "which database?", "user": user}).json()
        assert [each["id"] for each in found["data"]] == [id_]
        assert (found["command"], found["status"]) == (face, "ok")
    changed = client.patch(path, json={"content": "We chose Milvus", "tags": {"year": "2026"}})
    assert changed.json()["data"][0]["tags"] == {"team": "db", "year": "2026"}
    receipt = client.delete(path).json()["data"][0]
    assert receipt["complete"] and set(receipt["tiers"].values()) == {"erased"}
    assert client.get(path).status_code == 404
    actions = [each["action"] for each in client.get(f"{path}/history").json()["data"]]
    assert actions == ["remembered", "updated", "forgotten"]
    assert client.post("/v1/recall", json={"query": "database", "user": user}).json()["data"] == []


def test_it_answers_as_the_command_line_does(rest: Served, client: httpx.Client, user: str) -> None:
    created(client, "Acme renewed for 40 seats", user)
    by_http = client.post("/v1/recall", json={"query": "Acme?", "user": user}).json()
    printed = rest.sophia("--json", "recall", "Acme?", "--user", user).stdout
    by_command = json.loads(printed)
    assert list(by_http) == list(by_command)
    assert by_http["data"] == by_command["data"]


def test_what_is_known_already_keeps_its_id(client: httpx.Client, user: str) -> None:
    id_ = created(client, "said twice", user)
    again = client.post("/v1/memories", json={"content": "said twice", "user": user})
    assert again.status_code == 200
    [row] = again.json()["data"]
    assert (row["id"], row["created"]) == (id_, False)


def test_a_batch_is_stored_whole_or_not_at_all(client: httpx.Client, user: str) -> None:
    good = [{"content": f"fact {number}", "user": user} for number in range(20)]
    stored = client.post("/v1/memories/batch", json={"memories": good})
    assert stored.status_code == 201
    assert stored.json()["count"] == 20
    bad = [{"content": "one more", "user": user}, {"content": "and this", "at": "whenever"}]
    assert client.post("/v1/memories/batch", json={"memories": bad}).status_code == 422
    assert client.get("/v1/memories", params={"user": user, "limit": 50}).json()["count"] == 20


def test_a_sentence_is_carried_out(client: httpx.Client, user: str) -> None:
    said = {"sentence": "Remember this: the launch is on Monday", "user": user}
    assert client.post("/v1/ask", json=said).json()["command"] == "ask"
    asked = client.post("/v1/ask", json={"sentence": "When is the launch?", "user": user}).json()
    assert asked["trace"]["understood"]["intent"] == "recall"
    assert "Monday" in asked["data"][0]["content"]


def test_a_list_comes_in_pages_or_in_lines(client: httpx.Client, user: str) -> None:
    ids = [created(client, f"page {number}", user, tags={"n": str(number)}) for number in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        params = {"user": user, "limit": "3"} | ({} if cursor is None else {"cursor": cursor})
        page = client.get("/v1/memories", params=params).json()
        seen += [each["id"] for each in page["data"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert seen == ids[::-1]
    lines = client.get(
        "/v1/memories", params={"user": user}, headers={"accept": "application/x-ndjson"}
    )
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["id"] for line in lines.text.splitlines()] == seen


def test_a_list_is_narrowed_by_every_filter(client: httpx.Client, user: str) -> None:
    id_ = created(
        client,
        "the one",
        user,
        kind="coding",
        agent="bot",
        session="s1",
        at="2026-03-01T10:00:00Z",
        tags={"team": "a", "year": "26"},
    )
    created(client, "the other", user, kind="business")
    fits = {
        **{"user": user, "kind": "coding", "agent": "bot", "session": "s1"},
        **{"since": "2026-03-01", "until": "2026-03-02"},
    }
    tags = [("tag", "team=a"), ("tag", "year=26")]
    found = client.get("/v1/memories", params=[*fits.items(), *tags]).json()
    assert [each["id"] for each in found["data"]] == [id_]
    for name, other in (
        ("kind", "business"),
        ("agent", "x"),
        ("tag", "team=b"),
        ("until", "2026-01-01"),
    ):
        params = [*(fits | {name: other}).items(), *(tags if name != "tag" else [])]
        assert client.get("/v1/memories", params=params).json().get("data", []) == []


def test_what_has_ended_is_listed_when_it_is_asked_for(
    rest: Served, client: httpx.Client, user: str
) -> None:
    old, new = created(client, "port 80", user), created(client, "port 443", user)
    rest.sophia.data("link", new, old, "--relation", "supersedes")
    for all_, ids in (("false", [new]), ("true", [new, old])):
        found = client.get("/v1/memories", params={"user": user, "all": all_}).json()["data"]
        assert [each["id"] for each in found] == ids


def test_many_are_forgotten_at_once_or_none(client: httpx.Client, user: str) -> None:
    ids = [created(client, f"to go {number}", user) for number in range(3)]
    nobody = "0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44"
    refused = client.post("/v1/memories/forget", json={"ids": [*ids, nobody]})
    assert refused.status_code == 404
    assert client.get("/v1/memories", params={"user": user}).json()["count"] == 3
    gone = client.post("/v1/memories/forget", json={"ids": ids}).json()
    assert [each["complete"] for each in gone["data"]] == [True] * 3


def test_a_version_that_was_overtaken_is_not_changed(client: httpx.Client, user: str) -> None:
    path = f"/v1/memories/{created(client, 'version one', user)}"
    first = client.get(path).headers["etag"]
    assert first == '"1"'
    assert client.get(path, headers={"if-none-match": first}).status_code == 304
    changed = client.patch(path, json={"content": "version two"}, headers={"if-match": first})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert client.get(path, headers={"if-none-match": first}).status_code == 200
    for stale in (first, 'W/"2"', '"2", "3"', "nonsense", '"99999999999999999999"'):
        late = client.patch(path, json={"content": "lost"}, headers={"if-match": stale})
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed"), stale
        assert client.delete(path, headers={"if-match": stale}).status_code == 412
    assert client.get(path).json()["data"][0]["content"] == "version two"
    assert client.delete(path, headers={"if-match": '"2"'}).status_code == 200


def test_figures_tell_of_every_tier(client: httpx.Client) -> None:
    figures = client.get("/v1/stats").json()["data"][0]
    assert {"records", "vectors", "hot_cache", "gpu_cache", "embedding"} <= set(figures)
