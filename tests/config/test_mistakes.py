from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sophia_cli.config.loading import Loaded, load
from sophia_cli.errors import ConfigurationError

Lines = Callable[..., list[str]]
ENCODE = "in a password write @ as %40, / as %2F, : as %3A, ? as %3F and # as %23"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "\nrecords:\n  pool_sise: 4",
            "3: records.pool_sise: no such key; did you mean pool_size?",
        ),
        ("profil: x", "1: profil: no such key; did you mean profile?"),
        ("pool_sise: 4", "1: pool_sise: no such key; did you mean pool_size below records?"),
        ("pool_size: 4", "1: pool_size: no such key; did you mean pool_size below records?"),
        ("records.url: x", "1: records.url: no such key; did you mean url below records?"),
        (
            "recall: {zzz: 1}",
            "1: recall.zzz: no such key; known here: limit, candidates",
        ),
        ("recall: {limit: 1}\nrecall: {}", "2: recall: given twice, first in line 1"),
        ("recall: {limit: 1,\n limit: 2}", "2: recall.limit: given twice, first in line 1"),
        ("recall: 3", "1: recall: must hold keys, one a line below it"),
        ("profile: clustr", "1: profile: must be local or cluster, not 'clustr'"),
        ("profile: {a: b}", "1: profile: must be local or cluster, not keys of its own"),
        ("profile: [a]", "1: profile: must be local or cluster, not a list"),
        (
            "records: {pool_size: many}",
            "1: records.pool_size: must be a whole number from 1 to 100, not 'many'",
        ),
        (
            "records: {timeout: 5 minutes}",
            "1: records.timeout: '5 minutes' is not a duration; "
            "write it as 250ms, 30s, 5m, 1h or 30d",
        ),
        (
            "records: {timeout: 2h}",
            "1: records.timeout: must be a duration from 1ms to 1h, not '2h'",
        ),
        (
            "records: {url: 'postgresql://sophia:hunter2/x@192.0.2.1/db'}",
            f"1: records.url: has a host or a port that is none; {ENCODE}",
        ),
        (
            "records: {url: 'mysql://sophia:hunter2@192.0.2.1'}",
            "1: records.url: must start with postgresql:// or postgres://",
        ),
        (
            "vectors: {urls: [http://a, x]}",
            "1: vectors.urls: item 2: must start with http:// or https://",
        ),
        (
            "vectors: {urls: [[a]]}",
            "1: vectors.urls: must be a list of http:// or https:// URLs, "
            "not a list of something else than texts",
        ),
        (
            "vectors: {replication_factor: 2, write_consistency_factor: 3}",
            "1: vectors.write_consistency_factor: 3 copies cannot confirm: replication_factor is 2",
        ),
        ("vectors: {engine: server}", "1: vectors.engine: server needs vectors.urls"),
        ("vectors: {grpc: !!python/name:os.system x}", None),
        ("? [a]\n: b", "1: a key must be a word"),
        ('"a\\nb": 1', None),
        ("records:\n\turl: x", "2:1: a tab cannot indent YAML; use spaces"),
        ("records: {url: *hunter2}", "1:16: put a value that starts with *, & or ! in quotes"),
        ("profile: @local", None),
        ("records: [", None),
        ("a: b\n---\nc: d", None),
        ("- a", "1: the file must hold keys, as `profile: local`"),
        ("hello", "1: the file must hold keys, as `profile: local`"),
        ("profile: local\n# \x07", "2: holds a control character"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(mistakes: Lines, text: str, line: str | None) -> None:
    lines = mistakes(text)
    assert len(lines) == 1
    assert lines[0].startswith("sophia.yaml:")
    assert lines[0].isprintable()
    assert "hunter2" not in lines[0]
    if line is not None:
        assert lines == [f"sophia.yaml:{line}"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"profile: local\n# \xe9\n", "sophia.yaml:2: is not UTF-8"),
        (b"x" * 10_000_000, "sophia.yaml: is larger than 64 KiB"),
        (b"[" * 60_000, "sophia.yaml: is nested too deeply"),
        (b'profile: "\\UFFFFFFFF"', "sophia.yaml: is not YAML"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_line(
    mistakes: Lines, content: bytes, line: str
) -> None:
    assert mistakes(content) == [line]


def test_a_directory_and_a_pipe_are_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in [(tmp_path, "is a directory"), (tmp_path / "pipe", "is not a regular")]:
        with pytest.raises(ConfigurationError, match=reason):
            load({}, {"config": path})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sophia.yaml"
    path.write_text("")
    path.chmod(0)
    with pytest.raises(ConfigurationError, match=r"cannot be read: permission denied$"):
        load({}, {"config": path})


def test_aliases_that_would_fill_the_memory_do_not(mistakes: Lines) -> None:
    rows = ["a0: &a0 [x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 15)]
    lines = mistakes("\n".join([*rows, "vectors: {urls: *a14}"]))
    assert lines[-1].startswith("sophia.yaml:16: vectors.urls: must be a list")
    assert mistakes("hot_cache: &a {ttl: *a}")[0].startswith("sophia.yaml:1: hot_cache.ttl.ttl: no")


def test_what_is_empty_or_null_is_the_default(load_text: Callable[..., Loaded]) -> None:
    default = load_text("").config
    for text in (
        "# nothing",
        "null",
        "records:\nvectors: ~\n",
        "records: {url: , pool_size: null}",
        "\ufeffprofile: ''",
        "hot_cache: {ttl: }",
    ):
        assert load_text(text).config == default


def test_every_mistake_is_reported_at_once_in_the_order_of_the_layers(mistakes: Lines) -> None:
    text = "recall: {limit: 0}\nprofile: cluster\nvectors: {url: x}\nembedding: {provider: openai}"
    assert mistakes(text, {"SOPHIA_RECORDS__TIMEOUT": "soon", "SOPHIA_X": "1"}, {"who": "me"}) == [
        "sophia.yaml:1: recall.limit: must be a whole number from 1 to 1000, not '0'",
        "sophia.yaml:2: profile: cluster needs records.url",
        "sophia.yaml:2: profile: cluster needs vectors.urls",
        "sophia.yaml:3: vectors.url: no such key; did you mean urls?",
        "sophia.yaml:4: embedding.provider: openai needs embedding.model",
        "sophia.yaml:4: embedding.provider: openai needs embedding.url",
        "SOPHIA_RECORDS__TIMEOUT: records.timeout: 'soon' is not a duration; "
        "write it as 250ms, 30s, 5m, 1h or 30d",
        "SOPHIA_X: no such key",
        "--who: who: no such key; known here: profile, records, vectors, gpu_cache, hot_cache, "
        "embedding, recall, resident, rest, log, tracing",
    ]


def test_a_key_that_is_wrong_is_not_also_called_lacking(mistakes: Lines) -> None:
    lines = mistakes("profile: cluster\nrecords: {url: {}}\nvectors: 3")
    assert [line.split(": ")[1] for line in lines] == ["records.url", "vectors"]


def test_a_flood_of_mistakes_is_cut(mistakes: Lines) -> None:
    lines = mistakes("".join(f"k{n}: 1\n" for n in range(100)))
    assert (len(lines), lines[-1]) == (21, "and 80 more")


def test_no_password_is_ever_part_of_a_mistake(mistakes: Lines) -> None:
    url = "postgresql://sophia:hunter2@192.0.2.1:x/db"
    text = "\n".join(
        [
            f"'{url}': 1",
            f"profile: '{url}'",
            f"records: {{url: '{url}', timeout: '{url}', pool_size: '{url}'}}",
            "hot_cache: {url: 'redis:/:hunter2@h', max_memory: 'redis://:hunter2@h'}",
            "vectors: {api_key: hunter2, urls: ['http://a:hunter2@b:x']}",
        ]
    )
    lines = mistakes(text, {"SOPHIA_EMBEDDING__URL": "https://a:hunter2@[", "SOPHIA_A": "hunter2"})
    assert len(lines) == 11
    assert "hunter2" not in "\n".join(lines)
