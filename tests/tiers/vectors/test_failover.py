"""One peer down is not the vectors down. The peers are stand-ins, not Qdrant."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sophia_cli.errors import TierDown
from sophia_cli.memory.model import Kind, Where
from sophia_cli.tiers.vectors.server import ServerVectors

from .entries import DIMENSION, entry, numbered, unit
from .standin import Peer

CODING = Kind.CODING
Start = Callable[..., ServerVectors]


@pytest.fixture
def start() -> Iterator[Start]:
    """Opens `ServerVectors` on some addresses, closed at the end."""
    opened: list[ServerVectors] = []

    def open_on(*peers: Peer | str, **changes: Any) -> ServerVectors:
        urls = [peer if isinstance(peer, str) else peer.url for peer in peers]
        arguments: dict[str, Any] = {"api_key": None, "dimension": DIMENSION, "prefix": "t"}
        arguments |= {"grpc": False, "write_timeout": 6.0, "read_timeout": 1.0}
        opened.append(ServerVectors(urls, **(arguments | changes)))
        return opened[-1]

    yield open_on
    for vectors in opened:
        vectors.close()


@pytest.fixture
def pair(peers: Callable[[int], list[Peer]]) -> tuple[Peer, Peer]:
    one, two = peers(2)
    return one, two


def _refused_address() -> str:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def _writes(peer: Peer) -> list[list[str]]:
    """The ids of each upsert that reached a peer."""
    return [
        [point["id"] for point in body["points"]]
        for method, path, body in peer.requests
        if method == "PUT" and "/points?" in path
    ]


def test_a_refused_connection_sends_the_call_to_the_next_peer(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    vectors = start(_refused_address(), pair[0])
    vectors.upsert(CODING, [entry(1, "word")])
    assert vectors.count(CODING) == 1
    assert vectors.candidates(CODING, unit(1), "word", Where(), 5).ids == [numbered(1)]


def test_a_frozen_peer_costs_one_read_its_time_out_and_no_more(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    frozen, good = pair
    vectors = start(frozen, good)
    vectors.upsert(CODING, [entry(1)])
    frozen.freeze()
    asked = len(frozen.requests)
    assert vectors.count(CODING) == 1
    assert len(frozen.requests) == asked + 1
    for _ in range(5):
        vectors.candidates(CODING, unit(1), "x", Where(), 5)
    assert len(frozen.requests) == asked + 1


def test_an_answer_of_500_sends_a_read_on(start: Start, pair: tuple[Peer, Peer]) -> None:
    failing, good = pair
    vectors = start(failing, good)
    vectors.upsert(CODING, [entry(1)])
    failing.fail(500)
    assert vectors.present(CODING, [numbered(1)]) == {numbered(1)}
    assert vectors.nearest(CODING, unit(1), Where(), 1)[0][0] == numbered(1)


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_a_failed_write_is_repeated_with_the_same_ids(
    start: Start, pair: tuple[Peer, Peer], status: int
) -> None:
    failing, good = pair
    vectors = start(failing, good)
    vectors.count(CODING)
    failing.fail(status, only="/points")
    vectors.upsert(CODING, [entry(1), entry(2)])
    ids = [str(numbered(1)), str(numbered(2))]
    assert _writes(failing) == [ids]
    assert _writes(good) == [ids]
    failing.recover()
    assert vectors.count(CODING) == 2


def test_a_write_that_timed_out_but_was_done_is_repeated_and_stays_one_point(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    slow, good = pair
    vectors = start(slow, good, write_timeout=3.0)
    vectors.count(CODING)

    def done_but_never_said(method: str, path: str) -> tuple[int, Any] | None:
        if method != "PUT":
            return None
        slow.recover()
        slow.answer(method, path, slow.requests[-1][2], {})
        slow.released.wait(30)
        return 500, {}

    slow.behave = done_but_never_said
    vectors.upsert(CODING, [entry(1)])
    assert _writes(slow) == _writes(good) == [[str(numbered(1))]]
    assert vectors.count(CODING) == 1


@pytest.mark.parametrize("said", ["acknowledged", "wait_timeout"])
def test_a_write_that_was_only_taken_is_repeated_until_it_is_applied(
    start: Start, pair: tuple[Peer, Peer], said: str
) -> None:
    busy, good = pair
    vectors = start(busy, good)
    vectors.count(CODING)
    answer = {"result": {"operation_id": 1, "status": said}, "status": "ok", "time": 0.0}
    busy.behave = lambda method, path: (200, answer) if path.endswith("/points") else None
    vectors.upsert(CODING, [entry(1)])
    assert _writes(good) == [[str(numbered(1))]]


def test_one_server_that_restarts_gets_the_write_all_the_same(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    vectors = start(pair[0])
    vectors.count(CODING)
    refused = []

    def starting(method: str, path: str) -> tuple[int, Any] | None:
        refused.append(path)
        return (503, {}) if len(refused) < 4 else None

    pair[0].behave = starting
    vectors.upsert(CODING, [entry(1)])
    assert _writes(pair[0]) == [[str(numbered(1))]] * 4
    assert vectors.count(CODING) == 1


def test_a_write_is_given_up_when_its_time_is_used_up(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    vectors = start(*pair, write_timeout=3.0)
    vectors.count(CODING)
    for peer in pair:
        peer.fail(500)
    began = time.monotonic()
    with pytest.raises(TierDown, match="500 Service internal error") as down:
        vectors.upsert(CODING, [entry(1)])
    assert time.monotonic() - began < 10
    assert all(peer.url in down.value.message for peer in pair)
    assert len(_writes(pair[0])) > 1
    for peer in pair:
        peer.recover()
    vectors.upsert(CODING, [entry(1)])
    assert vectors.count(CODING) == 1


def test_a_write_that_a_peer_refuses_is_not_repeated(start: Start, pair: tuple[Peer, Peer]) -> None:
    vectors = start(*pair)
    vectors.count(CODING)
    pair[0].fail(400, only="/points")
    with pytest.raises(TierDown, match="400"):
        vectors.upsert(CODING, [entry(1)])
    assert _writes(pair[1]) == []


def test_a_peer_that_comes_back_is_asked_when_the_good_one_goes(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    one, two = pair
    vectors = start(one, two, cool_down=0.2)
    vectors.upsert(CODING, [entry(1)])
    one.fail()
    assert vectors.count(CODING) == 1
    one.recover()
    time.sleep(0.3)
    two.fail()
    assert vectors.count(CODING) == 1


def test_a_peer_that_failed_lately_is_asked_last(
    start: Start, peers: Callable[[int], list[Peer]]
) -> None:
    one, two, three = peers(3)
    vectors = start(one, two, three, cool_down=60.0)
    vectors.upsert(CODING, [entry(1)])
    one.fail()
    vectors.count(CODING)
    two.fail()
    asked = len(one.requests)
    vectors.count(CODING)
    assert len(one.requests) == asked
    one.recover()
    three.fail()
    assert vectors.count(CODING) == 1


def test_every_peer_down_names_them_all(start: Start, pair: tuple[Peer, Peer]) -> None:
    dead = _refused_address()
    vectors = start(dead, pair[0])
    vectors.count(CODING)
    pair[0].freeze()
    with pytest.raises(TierDown) as down:
        vectors.count(CODING)
    assert f"{dead}: no connection" in down.value.message
    assert f"{pair[0].url}: no answer in time" in down.value.message


def test_a_drained_peer_is_asked_no_more_until_it_is_taken_back(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    one, two = pair
    vectors = start(one, two)
    vectors.upsert(CODING, [entry(1)])
    vectors.follow(lambda: [one.url])
    asked = len(one.requests)
    vectors.upsert(CODING, [entry(2)])
    assert vectors.count(CODING) == 2
    assert len(one.requests) == asked
    vectors.follow(lambda: [one.url, two.url])
    with pytest.raises(TierDown, match="drained"):
        vectors.count(CODING)
    with pytest.raises(TierDown, match="drained"):
        vectors.upsert(CODING, [entry(3)])
    vectors.follow(lambda: [two.url])
    assert vectors.count(CODING) == 2


@pytest.mark.parametrize("answer", [{"hello": "world"}, {"result": 5}, b"<html>hello</html>"])
def test_something_that_is_no_qdrant_is_told_apart(
    start: Start, pair: tuple[Peer, Peer], answer: Any
) -> None:
    pair[0].behave = lambda method, path: (200, answer)
    vectors = start(*pair)
    assert vectors.count(CODING) == 0
    alone = start(pair[0])
    with pytest.raises(TierDown, match="none of Qdrant's"):
        alone.count(CODING)


def test_with_every_peer_frozen_one_read_waits_and_the_next_fail_at_once(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    vectors = start(*pair)
    vectors.upsert(CODING, [entry(1)])
    for peer in pair:
        peer.freeze()
    _down_in(lambda: vectors.count(CODING), 2.0, 4.0)
    for _ in range(10):
        _down_in(lambda: vectors.nearest(CODING, unit(1), Where(), 1), 0.0, 0.2)
        _down_in(lambda: vectors.upsert(CODING, [entry(2)]), 0.0, 0.2)
    for peer in pair:
        peer.recover()
    time.sleep(1.1)
    vectors.upsert(CODING, [entry(2)])
    assert vectors.count(CODING) == 2


def test_after_a_write_in_vain_the_next_one_first_looks(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    vectors = start(*pair, write_timeout=3.0)
    vectors.count(CODING)
    for peer in pair:
        peer.freeze()
    _down_in(lambda: vectors.upsert(CODING, [entry(1)]), 1.0, 6.0)
    written = len(_writes(pair[0])) + len(_writes(pair[1]))
    _down_in(lambda: vectors.upsert(CODING, [entry(1)]), 1.0, 4.0)
    assert len(_writes(pair[0])) + len(_writes(pair[1])) == written
    for peer in pair:
        peer.recover()


def test_one_frozen_peer_delays_reads_by_one_time_out_of_two_seconds_in_all(
    start: Start, pair: tuple[Peer, Peer]
) -> None:
    frozen, _ = pair
    vectors = start(*pair, read_timeout=2.0)
    vectors.upsert(CODING, [entry(1)])
    frozen.freeze()
    began = time.monotonic()
    assert vectors.count(CODING) == 1
    assert 2.0 <= time.monotonic() - began < 3.5
    began = time.monotonic()
    for _ in range(20):
        assert vectors.nearest(CODING, unit(1), Where(), 1)
    assert time.monotonic() - began < 1.5


def _down_in(call: Callable[[], object], least: float, most: float) -> None:
    began = time.monotonic()
    with pytest.raises(TierDown):
        call()
    assert least <= time.monotonic() - began < most


STRANGE: list[Any] = [
    {"result": [{"points": []}] * 3},
    {"result": [{"points": [{"id": 7, "version": 0, "score": 0.5, "payload": {}}]}] * 4},
    {"result": [{"points": [{"id": "x", "version": 0, "score": 0.5, "payload": {}}]}] * 4},
    {"result": [{"points": [{"id": str(numbered(1)), "version": 0, "score": "high"}]}] * 4},
    b'{"result": [{"points": [{"id": "%s", "version": 0, "score": NaN}]}, {"points": []},'
    b'{"points": []}, {"points": []}]}' % str(numbered(1)).encode(),
    b'{"result": [{"points": [{"id": "%s", "version": 0, "score": 1e300}]}, {"points": []},'
    b'{"points": []}, {"points": []}]}' % str(numbered(1)).encode(),
    *(
        {
            "result": [
                {"points": [{"id": str(numbered(1)), "version": 0, "score": 1, "payload": facts}]}
            ]
            * 2
        }
        for facts in ({"turn": "x"}, {"shape": [1]}, {"speaker": []}, {"thread": {}}, {"at": "y"})
    ),
]


@pytest.mark.parametrize("answer", STRANGE, ids=range(len(STRANGE)))
def test_candidates_that_do_not_hold_together_are_not_believed(
    start: Start, pair: tuple[Peer, Peer], answer: Any
) -> None:
    lying, good = pair
    vectors = start(lying, good)
    vectors.upsert(CODING, [entry(1, "word")])
    lying.behave = lambda method, path: (200, answer) if path.endswith("/batch") else None
    assert vectors.candidates(CODING, unit(1), "word", Where(), 5).ids == [numbered(1)]
    good.behave = lying.behave
    with pytest.raises(TierDown, match="none of Qdrant's"):
        vectors.candidates(CODING, unit(1), "word", Where(), 5)
