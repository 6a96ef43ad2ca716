from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.config.keys import KEYS
from sophia_cli.config.loading import Loaded, load
from sophia_cli.errors import ConfigurationError
from sophia_cli.exit_status import ExitStatus

Load = Callable[..., Loaded]
CLUSTER = "records: {url: 'postgresql://192.0.2.1/x'}\nvectors: {urls: ['http://192.0.2.1:6333']}\n"


def test_without_file_variables_or_options_all_is_default(home: Path) -> None:
    loaded = load({"HOME": str(home)})
    assert loaded.path is None
    assert list(loaded.origins) == [key for key, _, _ in loaded.rows()] == list(KEYS)
    assert {str(origin) for origin in loaded.origins.values()} == {"default"}


def test_an_option_wins_over_the_environment_over_the_file_over_the_default(
    load_text: Load, tmp_path: Path
) -> None:
    text = "profile: local\n" + CLUSTER
    file = tmp_path / "sophia.yaml"
    variables = {"SOPHIA_PROFILE": "local"}
    steps: list[tuple[dict[str, str], dict[str, object], str, str]] = [
        ({}, {}, "local", f"file:{file}:1"),
        (variables, {}, "local", "environment:SOPHIA_PROFILE"),
        (variables, {"profile": None}, "local", "environment:SOPHIA_PROFILE"),
        (variables, {"profile": "cluster"}, "cluster", "option:--profile"),
    ]
    for given, options, profile, origin in steps:
        loaded = load_text(text, given, options)
        assert (loaded.config.profile, str(loaded.origins["profile"])) == (profile, origin)
        assert str(loaded.origins["records.url"]) == f"file:{file}:2"
        assert str(loaded.origins["records.timeout"]) == "default"


def test_the_named_file_wins_over_the_variable_over_the_xdg_directory(home: Path) -> None:
    def write(path: Path, limit: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"recall: {{limit: {limit}}}")
        return path

    default = write(home / ".config/sophia/sophia.yaml", 1)
    xdg = write(home / "xdg/sophia/sophia.yaml", 2)
    by_variable = write(home / "variable.yaml", 3)
    by_option = write(home / "option.yaml", 4)
    variables = {"HOME": str(home)}
    assert load(variables).path == default
    variables["XDG_CONFIG_HOME"] = str(home / "xdg")
    assert load(variables).path == xdg
    variables["SOPHIA_CONFIG"] = "~/variable.yaml"
    assert load(variables).path == by_variable
    loaded = load(variables, {"config": "option.yaml"}, cwd=home)
    assert (loaded.path, loaded.config.recall.limit) == (by_option, 4)


def test_the_working_directory_is_never_looked_in(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sophia.yaml").write_text("recall: {limit: 1}")
    monkeypatch.chdir(tmp_path)
    assert load({"HOME": str(home)}, cwd=tmp_path).path is None


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_named_file_that_is_missing_is_an_error(home: Path, by: str) -> None:
    missing = str(home / "missing.yaml")
    options = {"config": missing} if by == "option" else {}
    variables = {"SOPHIA_CONFIG": missing} if by == "variable" else {}
    with pytest.raises(ConfigurationError, match=r"missing\.yaml: no such file$") as raised:
        load({"HOME": str(home), **variables}, options)
    assert raised.value.exit_status == ExitStatus.USAGE


def test_a_default_file_that_leads_nowhere_is_an_error(home: Path) -> None:
    path = home / ".config/sophia/sophia.yaml"
    path.parent.mkdir(parents=True)
    path.symlink_to(home / "gone.yaml")
    with pytest.raises(ConfigurationError, match="no such file"):
        load({"HOME": str(home)})


def test_every_key_can_be_set_by_its_variable(load_text: Load) -> None:
    values = {
        "a path": "/run/x",
        "a text": "x",
        "true or false": "no",
        "local or cluster": "cluster",
        "edge or server": "server",
        "bundled or openai or torch": "torch",
        "a postgresql:// URL": "postgresql://h1,h2/db",
        "a redis://, rediss:// or unix:// URL": "unix:///run/x.sock",
        "an http:// or https:// URL": "https://example.com",
        "a list of http:// or https:// URLs": "http://a:1, http://b:2",
        "a number above 0, at most 1": "0.5",
        "auto, numpy, cpu, cuda, cuda:1 or mps": "numpy",
        "HOST:PORT": "[::1]:8420",
        "a size such as 256mb or 2gb": "1gb",
        "up to 64 letters, digits, - and _": "no",
    }
    variables = {
        key.variable: values.get(key.shape, "77ms" if "duration" in key.shape else "1")
        for key in KEYS.values()
    }
    loaded = load_text("", variables)
    assert [str(origin) for origin in loaded.origins.values()] == [
        f"environment:{name}" for name in variables
    ]
    assert loaded.config.vectors.urls == ("http://a:1", "http://b:2")
    assert loaded.config.vectors.grpc is False
    assert loaded.config.vectors.prefix == "no"


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("http://a", ("http://a",)),
        ("http://a,http://b", ("http://a", "http://b")),
        ("[http://a, 'http://b']", ("http://a", "http://b")),
        ("[]", ()),
    ],
)
def test_a_list_in_a_variable_has_commas(load_text: Load, text: str, urls: tuple[str, ...]) -> None:
    assert load_text("", {"SOPHIA_VECTORS__URLS": text}).config.vectors.urls == urls


def test_an_empty_variable_says_nothing_and_null_goes_back_to_the_default(load_text: Load) -> None:
    text = "recall: {limit: 3}"
    assert load_text(text, {"SOPHIA_RECALL__LIMIT": ""}).config.recall.limit == 3
    assert load_text(text, {"SOPHIA_RECALL__LIMIT": "null"}).config.recall.limit == 10


@pytest.mark.parametrize(
    "name",
    [
        "SOPHIA_HOME",
        "SOPHIA_TEST_QDRANT_URL",
        "SOPHIA_NO_DAEMON",
        "SOPHIA_SERVICE_HOST",
        "SOPHIA_PORT",
        "SOPHIA_PORT_8080_TCP_ADDR",
        "SOPHIA_VALKEY_SERVICE_PORT_REDIS",
        "SOPHIAS_OWN",
    ],
)
def test_other_variables_are_left_alone(load_text: Load, name: str) -> None:
    load_text("", {name: "x"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SOPHIA_RECORDS__ULR", "no such key; did you mean SOPHIA_RECORDS__URL?"),
        ("SOPHIA_RECORDS_URL", "no such key; did you mean SOPHIA_RECORDS__URL?"),
        ("SOPHIA_PROFIL", "no such key; did you mean SOPHIA_PROFILE?"),
        ("SOPHIA_RECORDS__PORT", "no such key; did you mean SOPHIA_RECORDS__URL?"),
        ("SOPHIA_RECORDS", "records is a section; set one of its keys, as SOPHIA_RECORDS__URL"),
        (
            "SOPHIA_HOT_CACHE__TTL",
            "hot_cache.ttl is a section; set one of its keys, as SOPHIA_HOT_CACHE__TTL__CODING",
        ),
        ("SOPHIA_", "no such key"),
        ("SOPHIA_QQQQ", "no such key"),
    ],
)
def test_a_variable_that_names_no_key_is_an_error(
    mistakes: Callable[..., list[str]], name: str, said: str
) -> None:
    assert mistakes("", {name: "x"}) == [f"{name}: {said}"]


def test_a_relative_path_is_relative_to_what_names_it(home: Path, tmp_path: Path) -> None:
    file = home / "sophia.yaml"
    file.write_text("records: {password_file: a}\nvectors: {api_key_file: ~/b}\n")
    loaded = load(
        {"HOME": str(home), "SOPHIA_HOT_CACHE__PASSWORD_FILE": "c"},
        {"config": file, "embedding.api_key_file": Path("/d")},
        cwd=tmp_path,
    )
    assert loaded.config.records.password_file == home / "a"
    assert loaded.config.vectors.api_key_file == home / "b"
    assert loaded.config.hot_cache.password_file == tmp_path / "c"
    assert loaded.config.embedding.api_key_file == Path("/d")


def test_nothing_is_loaded_twice_until_the_file_changes(load_text: Load, tmp_path: Path) -> None:
    first = load_text("recall: {limit: 3}")
    options: dict[str, object] = {"config": tmp_path / "sophia.yaml"}
    variables = {"HOME": str(tmp_path / "home")}
    assert load({**variables, "UNRELATED": "x"}, options) is first
    os.utime(tmp_path / "sophia.yaml", ns=(1, 1))
    assert load(variables, options) is not first
    (tmp_path / "sophia.yaml").write_text("recall: {limit: 44}")
    assert load(variables, options).config.recall.limit == 44


def test_the_rows_are_what_yaml_would_write_with_passwords_masked(load_text: Load) -> None:
    variables = {"SOPHIA_RECORDS__URL": "postgresql://sophia:hunter2@192.0.2.1/db"}
    text = "vectors: {urls: ['http://a:hunter2@b', 'http://c']}"
    rows = {key: (value, origin) for key, value, origin in load_text(text, variables).rows()}
    assert rows["records.url"] == (
        "postgresql://sophia:***@192.0.2.1/db",
        "environment:SOPHIA_RECORDS__URL",
    )
    assert rows["vectors.urls"][0] == "[http://a:***@b, http://c]"
    assert rows["records.password_file"] == ("null", "default")
    assert rows["vectors.grpc"] == ("true", "default")
    assert rows["hot_cache.timeout"] == ("200ms", "default")


def test_a_loaded_configuration_cannot_be_changed(home: Path) -> None:
    loaded: Any = load({"HOME": str(home)})
    with pytest.raises(TypeError):
        loaded.origins["profile"] = None
    with pytest.raises(AttributeError):
        loaded.config = None
