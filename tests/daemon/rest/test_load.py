"""Eight clients for a while, and engines that are killed meanwhile: nothing acknowledged is lost.

`SOPHIA_TEST_LOAD=60` runs it in its full form.
"""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.process import Engine
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from tests.conftest import wait_until
from tests.daemon.rest.served import Served, served

SECONDS = float(os.environ.get("SOPHIA_TEST_LOAD", "8"))
CLIENTS = 8
_PATIENCE = 60.0


@dataclass(slots=True)
class Done:
    """What one client did: what is to be there in the end, by id, and what is not."""

    live: dict[str, str] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    answers: int = 0
    unavailable: int = 0


def sent(
    client: httpx.Client, done: Done, method: str, path: str, **body: object
) -> httpx.Response:
    """An answer that is one: a tier that is down is asked again, under the same key."""
    headers = {"idempotency-key": uuid4().hex}
    deadline = time.monotonic() + _PATIENCE
    while True:
        answer = client.request(method, path, headers=headers, **body)  # type: ignore[arg-type]
        done.answers += 1
        if answer.status_code != 503:
            return answer
        done.unavailable += 1
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


def work(rest: Served, token: str, who: int, until: float) -> Done:
    """Stores, recalls, reads and forgets what is its own, as fast as it is answered."""
    done, chance = Done(), random.Random(who)
    with rest.bearer(token) as client:
        number = 0
        while time.monotonic() < until:
            number += 1
            content = f"client {who} noted fact {number}"
            stored = sent(
                client, done, "POST", "/v1/memories", json={"content": content, "user": f"u{who}"}
            )
            assert stored.status_code == 201, stored.text
            id_ = stored.json()["data"][0]["id"]
            done.live[id_] = content
            found = sent(
                client, done, "POST", "/v1/recall", json={"query": content, "user": f"u{who}"}
            )
            assert found.status_code == 200, found.text
            assert not done.forgotten & {each["id"] for each in found.json()["data"]}
            if chance.random() < 0.3:
                victim = chance.choice(list(done.live))
                gone = sent(client, done, "DELETE", f"/v1/memories/{victim}")
                # A first attempt that was not heard of may have done it.
                assert gone.status_code in (200, 404), gone.text
                del done.live[victim]
                done.forgotten.add(victim)
    return done


def kill(engine: Engine) -> None:
    pid = engine.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: engine.pid() not in (None, pid) and engine.answers(), 60)


def test_nothing_acknowledged_is_lost_while_engines_are_killed() -> None:
    with served() as rest:
        home, token = Home(rest.sophia.home), rest.token()
        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            working = [
                pool.submit(work, rest, token, who, began + SECONDS) for who in range(CLIENTS)
            ]
            for moment, engine in (
                (0.25, Valkey(home)),
                (0.5, Postgres(home)),
                (0.75, Valkey(home)),
            ):
                time.sleep(max(0.0, began + SECONDS * moment - time.monotonic()))
                kill(engine)
            ended = [each.result() for each in working]
        with rest.bearer(token) as client:
            for who, done in enumerate(ended):
                lines = client.get(
                    "/v1/memories",
                    params={"user": f"u{who}"},
                    headers={"accept": "application/x-ndjson"},
                )
                listed = [httpx.Response(200, text=line).json() for line in lines.text.splitlines()]
                assert {each["id"]: each["content"] for each in listed} == done.live
                assert not done.forgotten & {each["id"] for each in listed}
        answers, unavailable = (
            sum(getattr(d, n) for d in ended) for n in ("answers", "unavailable")
        )
        print(f"{answers} answers in {SECONDS:g} s, {unavailable} of them 503")
        assert answers > 8 * CLIENTS
        assert '"level": "error"' not in rest.log()
