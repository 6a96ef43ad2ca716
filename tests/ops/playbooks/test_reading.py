"""Playbooks are read with every mistake at once, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.inventory.model import Host, Inventory, Role
from sophia_cli.ops.playbooks.playbook import Playbook
from sophia_cli.ops.playbooks.reading import Vocabulary, read_playbooks
from sophia_cli.ops.playbooks.sources import Sources

VOCABULARY = Vocabulary(
    {
        "directory": {"path": True, "mode": False},
        "script": {"name": True, "run": True, "check": False},
        "template": {"source": True, "path": True, "mode": False},
    },
    frozenset({"redis", "qdrant"}),
    frozenset({"qdrant"}),
)
GOOD = """\
phase: memory
number: 2
title: Redis
steps:
  - name: data
    on: redis
    directory: {path: "{{ services.redis.data_dir }}", mode: "0700"}
  - name: one at a time
    on: first qdrant
    order: one-by-one
    guard: qdrant
    when: "{{ facts.gpu }}"
    script: {name: x, run: echo}
  - {name: answers, on: redis, gate: redis}
"""


def read(tmp_path: Path, **files: str) -> list[Playbook]:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return read_playbooks(Sources([tmp_path], []), VOCABULARY)


def test_steps_keep_what_is_written(tmp_path: Path) -> None:
    [playbook] = read(tmp_path, memory=GOOD)
    data, one, answers = playbook.steps
    assert (playbook.phase, playbook.number, playbook.title) == ("memory", 2, "Redis")
    assert data.arguments == {"path": "{{ services.redis.data_dir }}", "mode": "0700"}
    assert (one.one_by_one, one.guard, one.when) == (True, "qdrant", "{{ facts.gpu }}")
    assert (answers.operation, answers.gate) == (None, "redis")
    assert data.place == f"{tmp_path}/memory.yaml:5"


def test_playbooks_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    first = GOOD.replace("phase: memory", "phase: prepare").replace("number: 2", "number: 0")
    assert [each.phase for each in read(tmp_path, a=GOOD, b=first)] == ["prepare", "memory"]


def test_an_operators_file_hides_ours_by_its_name(tmp_path: Path) -> None:
    own, ours = tmp_path / "own", tmp_path / "ours"
    own.mkdir()
    ours.mkdir()
    (ours / "2-memory.yaml").write_text(GOOD)
    (own / "2-memory.yaml").write_text(GOOD.replace("title: Redis", "title: Mine"))
    [playbook] = read_playbooks(Sources([own, ours], []), VOCABULARY)
    assert playbook.title == "Mine"


def test_hosts_are_chosen_by_role(tmp_path: Path) -> None:
    [playbook] = read(tmp_path, memory=GOOD)
    inventory = Inventory(
        hosts={
            "a": Host(address="192.0.2.11", roles=(Role.QDRANT, Role.REDIS)),
            "b": Host(address="192.0.2.12", roles=(Role.QDRANT,)),
        }
    )
    assert [step.hosts(inventory) for step in playbook.steps] == [["a"], ["a"], ["a"]]


MISTAKES = [
    ("- a\n", ["bad.yaml: must hold keys"]),
    ("phase: x\nnumber: one\ntitle: t\nsteps: [1]\n", ["2: number: must be", "4: a step must"]),
    ("phase: x\nnumber: 1\ntitel: t\nsteps: []\n", ["3: titel: a playbook has no such key; did"]),
    (
        GOOD.replace("directory: {path", "directori: {path"),
        ["7: directori: a step has no such key; did you mean directory?", "5: data: must have one"],
    ),
    (GOOD.replace("mode:", "moed:"), ["7: moed: directory has no such key; did you mean mode?"]),
    (GOOD.replace("run: echo", "check: x"), ["13: script: run: is missing"]),
    (GOOD.replace("gate: redis", "gate: redsi"), ["gate: there is no 'redsi'; did you mean redis"]),
    (GOOD.replace("on: first qdrant", "on: first quadrant"), ["no such role: 'first quadrant'"]),
    (GOOD.replace("data_dir }}", "data_dir }"), ["7: directory.path: is no template"]),
    (GOOD.replace("one-by-one", "two"), ["order: there is no 'two'"]),
    (GOOD.replace("guard: qdrant", "guard: [a]"), ["guard: must be a text"]),
    (GOOD + "title: again\n", ["title: given twice"]),
]


@pytest.mark.parametrize(("text", "messages"), MISTAKES)
def test_every_mistake_is_reported_with_its_line(
    tmp_path: Path, text: str, messages: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, bad=text)
    for message in messages:
        assert message in raised.value.message
        assert f"{tmp_path}/bad.yaml" in raised.value.message


def test_two_playbooks_of_one_phase_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="two playbooks are phase memory"):
        read(tmp_path, a=GOOD, b=GOOD)


def test_a_folder_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no directory"):
        read_playbooks(Sources([tmp_path / "none"], []), VOCABULARY)


@pytest.mark.parametrize("name", ["/etc/passwd", "../secrets", "none"])
def test_a_template_is_found_below_its_folders_alone(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="template"):
        Sources([], [tmp_path]).template(name)


def test_what_a_release_keeps_is_read_back_as_the_same_playbooks(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "redis").mkdir(parents=True)
    (own / "redis" / "more.conf").write_text("a template of the operator's")
    (own / ".git" / "objects").mkdir(parents=True)
    (own / ".git" / "objects" / "pack").write_bytes(b"\xff\xfe")
    kept = Sources.of(own).everything()
    assert "redis/more.conf" in kept
    assert not [name for name in kept if name.startswith(".")]
    for name, text in kept.items():
        (tmp_path / "release" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "release" / name).write_text(text)
    released = read_playbooks(Sources.of_release(tmp_path / "release"), Vocabulary.known())
    today = read_playbooks(Sources.of(own), Vocabulary.known())
    assert [each.phase for each in released] == [each.phase for each in today]
