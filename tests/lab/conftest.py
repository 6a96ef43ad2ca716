"""The lab for tests: three hosts with docker, brought up once, mended after each test.

`make test-lab` runs what needs it. SOPHIA_TEST_LAB=required makes its absence a failure,
SOPHIA_TEST_LAB=keep leaves the hosts up at the end, SOPHIA_TEST_LAB_FULL=1 runs the long tests too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.docker import what_is_missing
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.memory import Memory

_TAKES_AT_MOST = 600  # seconds a test; the first one's also builds what is missing
_BUILDS_WITHIN = 900
FULL = bool(os.environ.get("SOPHIA_TEST_LAB_FULL"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what asks for the lab, so that `-m lab` and `-m 'not lab'` choose by it."""
    of_lab = [item for item in items if "lab" in getattr(item, "fixturenames", ())]
    for number, item in enumerate(of_lab):
        item.add_marker(pytest.mark.lab)
        if not item.get_closest_marker("timeout"):
            longest = _TAKES_AT_MOST if number else _BUILDS_WITHIN
            item.add_marker(pytest.mark.timeout(longest))


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab, with the hosts h1, h2 and h3; no other session has it meanwhile."""
    wish = os.environ.get("SOPHIA_TEST_LAB", "")
    if hasattr(request.config, "workerinput"):
        pytest.skip("there is one lab, and several workers: `make test-lab`")
    if missing := what_is_missing():
        (pytest.fail if wish == "required" else pytest.skip)(missing)
    with Lab(say=lambda what: _say(request, what)).alone() as found:
        try:
            found.build()
            found.up()
            yield found
        finally:
            if wish != "keep":
                found.down()


@pytest.fixture
def hosts(lab: Lab) -> Iterator[tuple[Host, ...]]:
    """The three hosts; every fault is undone afterwards."""
    yield tuple(lab.hosts.values())
    lab.mend()


@pytest.fixture
def h1(hosts: tuple[Host, ...]) -> Host:
    """The first host."""
    return hosts[0]


@pytest.fixture
def fresh_hosts(lab: Lab) -> Iterator[tuple[Host, ...]]:
    """Three hosts that nothing was ever done to."""
    yield lab.up()
    lab.mend()


@pytest.fixture
def bare_hosts(lab: Lab) -> Iterator[tuple[Host, ...]]:
    """Three hosts without docker, as an operator gets them; others take their place afterwards."""
    yield lab.up(kind="bare")
    lab.up()


@pytest.fixture(scope="session")
def one_memory(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Memory:
    """The memory that tests share; not deployed yet."""
    return Memory(lab, tmp_path_factory.mktemp("memory"))


@pytest.fixture
def memory(one_memory: Memory, lab: Lab) -> Iterator[Memory]:
    """A memory on the three hosts; every fault is undone afterwards, and so are changes of it."""
    yield one_memory.ready()
    lab.mend()


def _say(request: pytest.FixtureRequest, what: str) -> None:
    """Says it now: what takes minutes must not look like a hang."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\nlab: {what}", end="", flush=True)
