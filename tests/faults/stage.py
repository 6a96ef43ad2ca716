"""A service on real engines of its own, each of which can be killed, frozen and made to lie."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sophia_cli.assembly import OpenService, open_service
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.daemon.upkeep import Upkeep
from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.process import Engine
from sophia_cli.engines.valkey import Valkey
from sophia_cli.environment import utc_now
from sophia_cli.home import Home
from sophia_cli.memory.searching import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.gpu_cache.patient import PatientOpener
from tests.commands.console import Console
from tests.faults.device import Device
from tests.faults.frozen import frozen
from tests.faults.relay import Relay
from tests.faults.serving import MODEL, Served

Fault = Callable[[], contextlib.AbstractContextManager[None]]

SECONDS = {
    "records.timeout": 1.0,
    "vectors.timeout": 3.0,
    "vectors.read_timeout": 1.0,
    "hot_cache.timeout": 0.2,
    "embedding.timeout": 1.0,
}


@dataclass(slots=True)
class Stage:
    """The service, and how each tier of it fails: `faults[tier, fault]` is a block's length."""

    console: Console
    opened: OpenService
    faults: dict[tuple[str, str], Fault]


@contextlib.contextmanager
def stage(root: Path) -> Iterator[Stage]:
    """Opens all of it under `root`, with the upkeep that the resident process has."""
    with contextlib.ExitStack() as ending:
        elsewhere = Home(root / "engines").prepare()
        postgres, valkey = Postgres(elsewhere), Valkey(elsewhere)
        for engine in (postgres, valkey):
            ending.callback(engine.stop)
            engine.ensure()
        relays = [Relay(str(engine.socket)) for engine in (postgres, valkey)]
        served = [Served("vectors", str(root / "points")), Served("embedding")]
        for each in served:
            ending.callback(each.kill)
        for relay in relays:
            ending.callback(relay.close)
        config = _configured(root, relays, served)
        home, cwd = Home(root / "home"), root / "cwd"
        cwd.mkdir()
        opened = open_service(config, home)
        ending.callback(opened.close)
        upkeep = Upkeep(opened, config)
        upkeep.start()
        ending.callback(upkeep.stop)
        faults: dict[tuple[str, str], Fault] = {}
        for tier, engine, relay in zip(
            ("records", "hot_cache"), (postgres, valkey), relays, strict=True
        ):
            faults |= _of_engine(tier, engine, relay)
        for tier, each in zip(("vectors", "embedding"), served, strict=True):
            faults |= _of_served(tier, each)
        faults |= _of_device(opened)
        yield Stage(Console(opened.service, home, cwd), opened, faults)


def _configured(root: Path, relays: list[Relay], served: list[Served]) -> Config:
    values = {
        "records.url": f"postgresql://sophia@127.0.0.1:{relays[0].port}/postgres",
        "hot_cache.url": f"redis://127.0.0.1:{relays[1].port}/0",
        "vectors.engine": "server",
        "vectors.urls": served[0].url,
        "vectors.grpc": "false",
        "gpu_cache.similar_from": "1",
        "embedding.provider": "openai",
        "embedding.url": f"{served[1].url}/v1",
        "embedding.model": MODEL,
        **{key: f"{int(value * 1000)}ms" for key, value in SECONDS.items()},
    }
    names = {f"SOPHIA_{key.replace('.', '__').upper()}": value for key, value in values.items()}
    return load(names, {}).config


def _of_engine(tier: str, engine: Engine, relay: Relay) -> dict[tuple[str, str], Fault]:
    @contextlib.contextmanager
    def down() -> Iterator[None]:
        os.kill(engine.pid() or 0, signal.SIGKILL)
        engine.stop()
        yield
        engine.ensure()

    @contextlib.contextmanager
    def lying() -> Iterator[None]:
        relay.babbling = True
        yield
        relay.babbling = False
        relay.cut()

    return {
        (tier, "down"): down,
        (tier, "slow"): lambda: frozen(engine.pid()),
        (tier, "lying"): lying,
    }


def _of_device(opened: OpenService) -> dict[tuple[str, str], Fault]:
    """The device of the GPU tier is a stand-in: no GPU is at hand."""
    front, dimension = opened.service.front, opened.service.embedder.dimension

    def fault(behaviour: str) -> Fault:
        @contextlib.contextmanager
        def block() -> Iterator[None]:
            device = Device()
            front.open(dimension, PatientOpener(device))
            opened.service.recall(Question("is the device there?"), 10, utc_now(), Trace())
            device.behaviour = behaviour
            yield
            assert device.misbehaved, "the device was not asked"
            device.behaviour = ""
            front.open(dimension, PatientOpener(device))

        return block

    return {("gpu", name): fault(name) for name in ("down", "slow", "lying")}


def _of_served(tier: str, served: Served) -> dict[tuple[str, str], Fault]:
    @contextlib.contextmanager
    def down() -> Iterator[None]:
        served.kill()
        yield
        served.start()

    @contextlib.contextmanager
    def lying() -> Iterator[None]:
        served.send(signal.SIGUSR1)
        yield
        served.send(signal.SIGUSR2)

    return {
        (tier, "down"): down,
        (tier, "slow"): lambda: frozen(served.pid),
        (tier, "lying"): lying,
    }
