"""Events: whose request they belong to, at which level, and what never gets into them."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sophia_cli.correlation import carried, current, headers, request
from sophia_cli.logs.events import at_level, debugging, log, take_over
from tests.logs.conftest import Written


def test_an_event_has_the_id_of_its_request(written: Written) -> None:
    with request() as bound:
        log.info("inside")
    log.info("outside")
    inside, outside = written()
    assert inside["request"] == bound
    assert len(bound) == 16
    assert "request" not in outside
    assert list(inside)[:3] == ["timestamp", "level", "event"]
    assert inside["timestamp"].endswith("Z")


def test_a_request_within_one_is_the_same_one_unless_it_brings_its_own() -> None:
    with request("from-a-client.1") as outer:
        assert outer == "from-a-client.1"
        with request() as inner:
            assert inner == outer
        with request("another") as other:
            assert (other, current(), headers()) == ("another", "another", {"X-Request-Id": other})
        assert current() == outer
    assert current() is None
    assert headers() == {}


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "line\nbreak", "naïve", '"'])
def test_an_id_that_could_not_stand_in_a_header_is_not_taken(given: str) -> None:
    with request(given) as bound:
        assert bound != given
        assert len(bound) == 16


def test_a_request_is_carried_into_a_thread(written: Written) -> None:
    with ThreadPoolExecutor(1) as other, request() as bound:
        other.submit(carried(lambda: log.info("carried"))).result()
        other.submit(lambda: log.info("left behind")).result()
    carried_, left = written()
    assert carried_["request"] == bound
    assert "request" not in left


def test_the_level_is_that_of_the_request_around_it(written: Written) -> None:
    log.debug("not wanted")
    with at_level("debug"):
        assert debugging()
        log.debug("wanted")
    with at_level("error"):
        log.warning("not wanted")
    assert not debugging()
    assert [line["event"] for line in written()] == ["wanted"]


def failing() -> None:
    raise KeyError("the secret plan")


def test_of_an_error_its_place_is_logged_and_its_text_in_debug_alone(written: Written) -> None:
    for level in ("info", "debug"):
        with at_level(level):
            try:
                failing()
            except KeyError:
                log.exception("it failed")
    at_info, at_debug = written()
    assert at_info["error"] == "KeyError"
    assert at_info["at"][-1].startswith("test_events.py:")
    assert at_info["at"][-1].endswith(" failing")
    assert "secret" not in str(at_info)
    assert "secret" in at_debug["text"]


def test_what_libraries_log_has_no_values_at_info(written: Written) -> None:
    take_over()
    logging.getLogger("some.library").warning("cannot read %s", "the secret plan")
    logging.getLogger("some.library").info("below")
    dying = threading.Thread(target=failing)
    dying.start()
    dying.join()
    library, thread = written()
    assert library["event"] == "library"
    assert (library["logger"], library["said"]) == ("some.library", "cannot read %s")
    assert (thread["event"], thread["error"]) == ("a thread ended", "KeyError")


def test_values_that_are_no_json_are_written_all_the_same(written: Written) -> None:
    log.info("odd", lone="\udcff", number=float("nan"), thing=object())
    [line] = written()
    assert line["event"] == "odd"


def test_a_program_that_uses_the_package_has_its_output_to_itself() -> None:
    program = "from sophia_cli.logs.events import log; log.error('not here')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert (ended.stdout, ended.stderr) == (b"", b"")
