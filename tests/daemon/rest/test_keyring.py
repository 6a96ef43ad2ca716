"""What is remembered of tokens, and for how long: with a real store, and a clock that is turned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest

from sophia_cli.api import tokens
from sophia_cli.api.access import Scope
from sophia_cli.config.model import Config
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.daemon.rest.keyring import Keyring
from sophia_cli.daemon.rest.rates import Rates
from sophia_cli.daemon.rest.settings import Settings
from sophia_cli.errors import ConfigurationError, RateLimited, TierDown, Unauthorized
from sophia_cli.memory.service import MemoryService
from sophia_cli.tiers.records.tokens import Token
from tests.commands.console import Console
from tests.commands.stores import opened_console

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Seconds that pass when they are told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@dataclass(slots=True)
class Store:
    """A service whose records can be cut off."""

    service: MemoryService
    down: bool = False

    @contextlib.contextmanager
    def open(self, config: Config) -> Iterator[MemoryService]:
        if self.down:
            raise TierDown("records", "cut off")
        yield self.service


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    with opened_console() as opened:
        yield opened


@pytest.fixture
def store(console: Console) -> Store:
    return Store(console.service)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(store: Store, clock: Clock) -> Keyring:
    return Keyring(Backend(Settings(Config), store.open), clock, clock.now)


def issued(store: Store, **more: object) -> tuple[str, Token]:
    text, token = tokens.issue(f"t{token_hex(5)}", [Scope.READ], NOW)
    token = replace(token, **more)  # type: ignore[arg-type]
    store.service.records.tokens.add(token)
    return text, token


def test_a_good_token_is_remembered_for_two_seconds(
    store: Store, keyring: Keyring, clock: Clock
) -> None:
    text, token = issued(store)
    assert keyring.remembered(text) is None
    assert keyring.verified(text).id == token.id
    clock.seconds = 1.9
    assert keyring.remembered(text) is not None
    clock.seconds = 2.0
    assert keyring.remembered(text) is None


def test_its_last_use_is_noted_once_a_minute(store: Store, keyring: Keyring, clock: Clock) -> None:
    text, token = issued(store)

    def used() -> datetime | None:
        found = store.service.records.tokens.find(token.id)
        return found.used_at if found else None

    for seconds, noted in ((0, 0), (59, 0), (61, 61)):
        clock.seconds = seconds
        keyring.verified(text)
        assert used() == NOW + timedelta(seconds=noted)


def test_a_revocation_here_is_seen_at_once(store: Store, keyring: Keyring) -> None:
    text, token = issued(store)
    keyring.verified(text)
    store.service.records.tokens.revoke(token.id, NOW)
    assert keyring.remembered(text) is None
    with pytest.raises(Unauthorized):
        keyring.verified(text)


def test_without_the_records_it_is_good_for_five_minutes_and_never_beyond_its_end(
    store: Store, keyring: Keyring, clock: Clock
) -> None:
    text, _ = issued(store)
    short, _ = issued(store, expires_at=NOW + timedelta(seconds=60))
    unseen, _ = issued(store)
    for each in (text, short):
        keyring.verified(each)
    store.down = True
    clock.seconds = 59
    assert keyring.verified(short)
    clock.seconds = 60
    with pytest.raises(Unauthorized):
        keyring.verified(short)
    with pytest.raises(TierDown):
        keyring.verified(unseen)
    clock.seconds = 300
    assert keyring.verified(text)
    clock.seconds = 301
    with pytest.raises(TierDown):
        keyring.verified(text)


def test_one_that_was_revoked_before_the_records_went_down_is_not_good(
    store: Store, keyring: Keyring
) -> None:
    text, token = issued(store)
    keyring.verified(text)
    store.service.records.tokens.revoke(token.id, NOW)
    with pytest.raises(Unauthorized):
        keyring.verified(text)
    store.down = True
    with pytest.raises(TierDown):
        keyring.verified(text)


def test_what_is_no_token_is_not_looked_for(store: Store, keyring: Keyring) -> None:
    store.down = True
    for text in ("", "sophia_", "sophia_a_b", "x" * 10_000, "é", "sophia_" + "a" * 13 + "_"):
        with pytest.raises(Unauthorized):
            keyring.verified(text)


def test_a_bucket_gives_its_burst_and_then_its_rate(clock: Clock) -> None:
    rates = Rates(clock)

    def taken() -> int:
        count = 0
        with contextlib.suppress(RateLimited):
            while True:
                rates.take("a", 2.0, 5)
                count += 1
        return count

    assert taken() == 5
    clock.seconds = 1.0
    assert taken() == 2
    with pytest.raises(RateLimited) as limited:
        rates.take("a", 2.0, 5)
    assert limited.value.seconds == pytest.approx(0.5)
    rates.take("b", 2.0, 5)
    clock.seconds = 1000.0
    assert taken() == 5


def test_a_mistake_in_the_configuration_leaves_the_one_before(clock: Clock) -> None:
    found: list[Config | ConfigurationError] = [ConfigurationError("a mistake\nand another")]

    def read() -> Config:
        if isinstance(found[0], ConfigurationError):
            raise found[0]
        return found[0]

    settings = Settings(read, clock)
    clock.seconds = 1.0
    assert settings.fault == "a mistake"
    assert settings.rest == Config().rest
    with pytest.raises(ConfigurationError):
        _ = settings.config
    good = Config.model_validate({"rest": {"rate": 7}})
    found[0] = good
    assert settings.fault == "a mistake"
    clock.seconds = 2.5
    assert (settings.fault, settings.config) == (None, good)
    found[0] = ConfigurationError("a new one")
    clock.seconds = 4.0
    assert (settings.fault, settings.rest.rate) == ("a new one", 7)
