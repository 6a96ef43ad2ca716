"""What the clients do while processes are killed: remember, say it again, recall, forget."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

from sophia_cli.exit_status import ExitStatus
from tests.crash.client import ACKNOWLEDGED, Answer, Client

_SENTENCES = (
    "The {word} worker retries a failed upload three times before it gives up",
    "We fixed the {word} parser: it dropped the last byte of every chunk",
    "Deploying {word} needs the migration to run before the new pods start",
    "The index on {word} made the slow query four times faster",
    "Acme asked for the {word} report before the renewal call",
    "The {word} deal slipped to next quarter, the champion changed teams",
    "Marketing wants the {word} campaign to start with the spring fair",
    "Support says that {word} is what customers complain about most",
)
_SYLLABLES = [consonant + vowel for consonant in "bdfgjklmprtvz" for vowel in "aiou"]
# All that may happen to a command besides success while its processes are killed.
_NOT_ACKNOWLEDGED = (ExitStatus.UNREACHABLE,)
_MOST_ATTEMPTS = 40


@dataclass(slots=True)
class Said:
    """One text and what became of it. `forgotten` once its erasure was acknowledged."""

    text: str
    word: str
    session: str | None
    id: str
    forgotten: bool = False


def word_of(number: int) -> str:
    """A word that no other memory holds and no stemmer shortens; different for every number."""
    scrambled = number * 7919 % len(_SYLLABLES) ** 3
    syllables = []
    for _ in range(3):
        scrambled, place = divmod(scrambled, len(_SYLLABLES))
        syllables.append(_SYLLABLES[place])
    return "".join(syllables) + "x"


class Work:
    """The work of all clients together; it goes on until `enough` are said and `finish` is called.

    Args:
        enough: how many texts are remembered at least.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._lock = threading.Lock()
        self._started = 0
        self._may_end = threading.Event()
        self.said: list[Said] = []
        self.faults: list[BaseException] = []
        self.unacknowledged: Counter[str] = Counter()
        self.degraded = 0

    def progress(self) -> float:
        """How much is done, 0 to 1."""
        return len(self.said) / self._enough

    def finish(self) -> None:
        """Lets the clients end once enough is said."""
        self._may_end.set()

    def client(self, client: Client, chance: random.Random) -> None:
        """One client's work, the body of its thread; what goes wrong is kept in `faults`."""
        own: list[Said] = []
        try:
            while not self.faults and not (self._may_end.is_set() and self.progress() >= 1):
                own.append(self._remember(client, chance))
                if chance.random() < 0.15:
                    self._forget(client, chance.choice(own))
                if chance.random() < 0.15:
                    self._recall(client, chance.choice(own))
        except BaseException as fault:
            self.faults.append(fault)

    def _remember(self, client: Client, chance: random.Random) -> Said:
        with self._lock:
            number = self._started
            self._started += 1
        word = word_of(number)
        text = chance.choice(_SENTENCES).format(word=word)
        session = f"standup-{number % 7}" if chance.random() < 0.4 else None
        arguments = ["remember", text, *(["--session", session] if session else [])]
        stored = self._acknowledged(client, arguments).data[0]
        said = Said(text, word, session, stored["id"])
        if chance.random() < 0.1:
            again = self._acknowledged(client, arguments).data[0]
            assert (again["id"], again["created"]) == (said.id, False), text
        with self._lock:
            self.said.append(said)
        return said

    def _forget(self, client: Client, said: Said) -> None:
        self._acknowledged(client, ["forget", said.id])
        said.forgotten = True

    def _recall(self, client: Client, said: Said) -> None:
        """Whatever is down, what was forgotten does not come back."""
        found = self._acknowledged(client, ["recall", said.word])
        if said.forgotten:
            assert said.id not in {memory["id"] for memory in found.data}, said.text

    def _acknowledged(self, client: Client, arguments: list[str]) -> Answer:
        """Repeats a command until it is acknowledged, as a person would."""
        for _ in range(_MOST_ATTEMPTS):
            answer = client.ask(*arguments)
            if answer.status in ACKNOWLEDGED:
                return answer
            assert answer.status in _NOT_ACKNOWLEDGED, (arguments, answer)
            with self._lock:
                self.unacknowledged[arguments[0]] += 1
            time.sleep(0.05)
        raise AssertionError(f"never acknowledged: {arguments}, last: {answer.output}")
