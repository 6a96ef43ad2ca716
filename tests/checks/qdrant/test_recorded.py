"""Every check of the cluster, shown every situation that was recorded of real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sophia_cli.checks.qdrant import CHECKS
from sophia_cli.checks.qdrant.hearing import Hearing, Wanted, hear
from sophia_cli.checks.qdrant.sources import give
from sophia_cli.checks.scene import Scene
from sophia_cli.ops.qdrant.asks import Answer, Peer, Silence
from tests.checks.cluster_scene import alarms, findings_of, scene_of
from tests.checks.qdrant.recorded import DoctorsRecorded, answer_of, door, heard
from tests.checks.qdrant.situations import (
    AUTH_ORDERS,
    DOORS,
    OF_HOSTS,
    OPEN_TO_ALL,
    ORDERS,
    OWN_KEY,
    SINGLE_ALARMS,
    SINGLE_ASKED,
    SINGLE_ORDERS,
    SINGLE_VARIANTS,
    SITUATIONS,
    Situation,
)
from tests.ops.qdrant.recorded import FIXTURES, PEERS

OF_PEERS = [check for check in CHECKS if check.number not in OF_HOSTS]
ONE = Peer("192.0.2.11:6333", "http://192.0.2.11:6333", "http://192.0.2.11:6335")
ONE_SERVER = Wanted(
    listed=False, clustered=False, collections=("sophia_coding",), factor=None, keyed=True
)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    # All of it was recorded a few days before.
    with scene_of(tmp_path, now=datetime(2026, 12, 1, tzinfo=UTC)) as made:
        yield made


def said(scene: Scene) -> str:
    return "\n".join(
        f"{check.number} {finding.subject}: {finding.says}"
        for check in OF_PEERS
        for finding in findings_of(scene, check)
    )


def world_of(situation: Situation) -> DoctorsRecorded:
    return DoctorsRecorded(
        situation.files,
        situation.silent,
        PEERS[: situation.peers],
        situation.factor,
        situation.known,
        apart=situation.apart,
        like=situation.like,
        mended=situation.mended,
        version=situation.version,
    )


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_recorded_situation_comes_to_these_verdicts_and_no_others(
    name: str, scene: Scene
) -> None:
    situation = SITUATIONS[name]
    give(scene, heard(world_of(situation), PEERS[: situation.peers]))
    assert alarms(scene, OF_PEERS) == situation.alarms, said(scene)
    assert situation.words in said(scene)


def test_every_recording_has_its_verdicts() -> None:
    """A new recording is given a situation in the table, or it is said why nobody asks for it."""
    in_situations = {file for situation in SITUATIONS.values() for file in situation.files}
    assert names("cluster") == in_situations | set(ORDERS)
    assert not in_situations & set(ORDERS)
    assert names("single") == {*SINGLE_ASKED, *SINGLE_VARIANTS, *SINGLE_ORDERS}
    assert names("auth") == {*DOORS, *OWN_KEY, *OPEN_TO_ALL, *AUTH_ORDERS}
    assert set(SINGLE_VARIANTS) == set(SINGLE_ALARMS)


def names(directory: str) -> set[str]:
    return {path.stem for path in (FIXTURES / directory).glob("*.json")}


def test_the_table_knows_every_check() -> None:
    numbers = {check.number for check in CHECKS}
    named = {number for situation in SITUATIONS.values() for number in situation.alarms}
    assert named <= numbers
    assert set(OF_HOSTS) <= numbers


class OneServer:
    """A server that is no cluster, as recorded; fails on a question that it was not told of."""

    def __init__(self, **instead: str) -> None:
        self._answers: dict[str, Answer] = {}
        for name in SINGLE_ASKED:
            path = json.loads((FIXTURES / "single" / f"{name}.json").read_text())["request"]["path"]
            self._answers[urlsplit(path).path] = answer_of("single", name)
        known = {"collections": [{"name": "coding"}]}
        self._answers["/collections"] = Answer(200, {"result": known})
        self.say(**instead)

    def say(self, **instead: str) -> None:
        for name, path in instead.items():
            self._answers[path] = answer_of("single", name)

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = 5.0
    ) -> Answer | Silence:
        plain = urlsplit(path).path
        assert method == "GET", f"nobody told of {method} {path}"
        if plain == "/cluster/telemetry":
            return Answer(404, "")
        return self._answers[plain]


def one_server(asks: OneServer, wanted: Wanted = ONE_SERVER) -> Hearing:
    return hear(asks, (ONE,), wanted, door, pause=0.0)


# The recorded snapshot is old by now, and of the indexes sophia wants the server has one.
_AS_RECORDED = {"QD-35": "warn"}


def test_one_server_that_is_no_cluster_is_well(scene: Scene) -> None:
    give(scene, one_server(OneServer()))
    assert alarms(scene, OF_PEERS) == _AS_RECORDED, said(scene)


@pytest.mark.parametrize("name", SINGLE_VARIANTS)
def test_one_servers_other_answers(name: str, scene: Scene) -> None:
    give(scene, one_server(OneServer(**{name: SINGLE_VARIANTS[name]})))
    expected = SINGLE_ALARMS[name] | ({} if name == "collections-empty" else _AS_RECORDED)
    assert alarms(scene, OF_PEERS) == expected, said(scene)


def test_a_collection_of_ours_lacks_indexes(scene: Scene) -> None:
    give(scene, one_server(OneServer(), replace(ONE_SERVER, collections=("coding",))))
    assert alarms(scene, OF_PEERS) == _AS_RECORDED | {"QD-26": "fail"}
    assert "no keyword index of agent" in said(scene)
    assert "index of user" not in said(scene)


@pytest.mark.parametrize("name", DOORS)
def test_who_is_let_in(name: str, scene: Scene) -> None:
    to_wrong_key, expected = DOORS[name]

    def knocked(_: Peer, key: str | None) -> Answer | Silence:
        if (key is not None) is to_wrong_key:
            return answer_of("auth", name)
        return answer_of("auth", "none-collections")

    give(scene, hear(OneServer(), (ONE,), ONE_SERVER, knocked, pause=0.0))
    number = "QD-32" if to_wrong_key else "QD-31"
    found = alarms(scene, [check for check in OF_PEERS if check.number in ("QD-31", "QD-32")])
    assert found == ({} if expected == "pass" else {number: expected})
