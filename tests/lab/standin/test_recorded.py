"""The stand-in answers as the real server did, in every recorded situation."""

from __future__ import annotations

import pytest

from .conftest import Start
from .recorded import Stage, names
from .situations import SITUATIONS, STARTED_WITH
from .table import AUTH, BELONG, SINGLE


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_cluster_in_this_situation_answers_as_recorded(start: Start, situation: str) -> None:
    stage = Stage(start(**STARTED_WITH.get(situation, {})))
    SITUATIONS[situation](stage)
    assert stage.compared == set(BELONG[situation])


def test_one_server_answers_as_recorded(start: Start) -> None:
    stage = Stage(start(peers=1, enabled=False), "single")
    for name in SINGLE:
        answer = stage.check(name)
        if name.startswith("query-") and answer.status == 200:
            recorded = stage.load(name)["response"]["body"]["result"]["points"]
            found = answer.result["points"]
            assert {one["id"] for one in found} == {one["id"] for one in recorded}
            # Two of the texts score the same, so their ranks, which fusions count, are left open.
            if "rrf" not in name and "dbsf" not in name:
                assert [one["id"] for one in found] == [one["id"] for one in recorded]
                scores = [one["score"] for one in recorded]
                assert [one["score"] for one in found] == pytest.approx(scores, abs=0.01)


def test_keys_open_and_close_what_was_recorded(start: Start) -> None:
    keys = {"alt_api_key": "next-key", "read_only_api_key": "read-key", "jwt_rbac": True}
    cluster = start(peers=1, enabled=False, api_key="admin-key", service=keys)
    stage = Stage(cluster, "auth")
    for name in AUTH:
        stage.check(name)


def test_every_recording_has_its_situation() -> None:
    belonging = [name for each in BELONG.values() for name in each]
    assert names("cluster") == set(belonging)
    assert names("single") == set(SINGLE)
    assert names("auth") == set(AUTH)
