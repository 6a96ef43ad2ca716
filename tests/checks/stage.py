"""A store of real engines that faults are put into by hand, and the checks and repair before it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from sophia_cli import assembly
from sophia_cli.assembly import OpenService, open_service
from sophia_cli.checks.check import Check, Finding, Verdict
from sophia_cli.checks.digests import deep
from sophia_cli.checks.registry import checks_of
from sophia_cli.checks.scene import Scene
from sophia_cli.config.loading import load
from sophia_cli.environment import Environment, utc_now
from sophia_cli.home import Home
from sophia_cli.invocation import Invocation
from sophia_cli.memory.model import KINDS, Draft, Kind
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Terminal
from tests.commands.console import Console
from tests.conftest import temporary_home

DIMENSION = 32


class Embedder:
    """Vectors by chance, the same for the same text."""

    model, dimension = "by-chance", DIMENSION

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        rows = [np.random.default_rng(seed).standard_normal(DIMENSION) for seed in seeds]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32)

    def close(self) -> None:
        """Has nothing to release."""


@dataclass
class Stage:
    """An open store with memories in it."""

    opened: OpenService
    home: Home
    variables: Mapping[str, str]

    @property
    def service(self) -> MemoryService:
        return self.opened.service

    @property
    def console(self) -> Console:
        return Console(self.service, self.home, self.home.root, variables=dict(self.variables))

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Something done to PostgreSQL by hand."""

        def work(connection: psycopg.Connection[Any]) -> list[Any]:
            done = connection.execute(statement.encode(), values)
            return done.fetchall() if done.description else []

        return self.service.records.database.run(work)

    def empty(self) -> None:
        """Everything is gone, from every tier."""
        self.sql(
            "TRUNCATE memory, memory_vector, memory_event, memory_link, outbox, feedback CASCADE"
        )
        self.sql("UPDATE store SET erase_answers = false")
        for kind in KINDS:
            self.service.vectors.reset(kind, DIMENSION)
        self.service.answers.erase_kept()

    def fill(self, count: int = 60) -> list[UUID]:
        """Memories of both kinds, some in sessions, a few changed, forgotten and superseded."""
        stored: list[UUID] = []
        for kind in KINDS:
            drafts = [
                Draft(
                    f"{kind} matter {number}: we chose the plan {number * 7}",
                    kind=kind,
                    user="ana",
                    session=f"s{number // 8}" if number % 4 else None,
                    speaker="Ana" if number % 2 else None,
                    tags={"team": "platform", "é": "1"} if number % 3 else {},
                )
                for number in range(count // 2)
            ]
            remembered = self.service.remember(drafts, utc_now(), Trace())
            stored += [each.id for each in remembered]
        self.service.update(stored[1], {"content": "changed since"}, utc_now(), Trace())
        self.service.forget(stored[2:4], utc_now(), Trace())
        self.service.link(stored[5], "supersedes", stored[6], utc_now(), Trace())
        self.settle()
        return [id_ for id_ in stored if id_ not in (*stored[2:4], stored[6])]

    def settle(self) -> None:
        while self.service.indexer.drain(everything=True):
            pass

    def ask(self, text: str = "which plan?") -> None:
        """A question whose answer is kept in the hot cache."""
        self.service.recall(Question(text), 50, utc_now(), Trace())
        self.service.answers.vector("none", "none", Trace())
        for filling in list(self.service.answers._filling.values()):
            filling.result()

    @contextlib.contextmanager
    def scene(self) -> Iterator[Scene]:
        environment = Environment.of_this_process()
        environment.variables = {"SOPHIA_HOME": str(self.home.root), **self.variables}

        @contextlib.contextmanager
        def opener(_: Any) -> Iterator[MemoryService]:
            yield self.service

        with contextlib.ExitStack() as stack:
            yield Scene(Invocation(environment, Terminal(environment), opener), stack)

    def findings(self, *subjects: str) -> dict[str, list[Finding]]:
        """What each check of these subjects finds."""
        with self.scene() as scene:
            return {
                check.number: list(check.look(scene))
                for subject in subjects
                for check in checks_of(subject)
            }

    def failing(self, *subjects: str) -> set[str]:
        """The checks that are neither passed nor skipped."""
        fine = (Verdict.PASS, Verdict.SKIPPED)
        return {
            number
            for number, found in self.findings(*subjects).items()
            if any(each.verdict not in fine for each in found)
        }

    def deep(self, **settings: Any) -> list[Finding]:
        with self.scene() as scene:
            return list(deep(scene, **settings))

    def differs(self) -> list[str]:
        """What a reading of every point finds, a line a finding."""
        return [
            f"{each.subject} {each.says}" for each in self.deep() if each.verdict is Verdict.FAIL
        ]


@contextlib.contextmanager
def staged(variables: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """An empty store; its engines end with it."""
    with temporary_home() as root, opened_stage(root, variables) as stage:
        yield stage


@contextlib.contextmanager
def opened_stage(root: Path, variables: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """The store of a home."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(assembly, "_embedder", lambda *_: Embedder())
        home, settings = Home(root), dict(variables or {})
        opened = open_service(load(settings, {}, Path.cwd()).config, home)
        try:
            yield Stage(opened, home, settings)
        finally:
            opened.close()


def check(number: str) -> Check:
    """A check by its number."""
    return next(each for each in checks_of(number[:2]) if each.number == number)


__all__ = ["DIMENSION", "Embedder", "Kind", "Stage", "check", "staged"]
