from __future__ import annotations

import os
from pathlib import Path

import pytest

from sophia_cli.config.model import Config, Records
from sophia_cli.config.secrets import mask, quoted, read_secret
from sophia_cli.errors import ConfigurationError

KEY = "records.password_file"


def _secret_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"hunter2\n\n", "hunter2\n"),
        (b" hunter2 ", " hunter2 "),
    ],
)
def test_a_secret_is_the_file_less_one_newline(tmp_path: Path, content: bytes, secret: str) -> None:
    assert read_secret(_secret_file(tmp_path, content), KEY).get_secret_value() == secret


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_a_secret_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = _secret_file(tmp_path, b"hunter2", mode)
    with pytest.raises(ConfigurationError) as raised:
        read_secret(path, KEY)
    assert raised.value.message == f"{KEY}: {path}: others may open it"
    assert raised.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\xff", "is not UTF-8 (byte 7)"),
        (b"x" * (64 * 1024 + 1), "is larger than 64 KiB"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_without_its_content(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = _secret_file(tmp_path, content)
    with pytest.raises(ConfigurationError) as raised:
        read_secret(path, KEY)
    assert raised.value.message == f"{KEY}: {path}: {reason}"
    assert raised.value.__cause__ is None


def test_a_secret_that_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "loop").symlink_to("loop")
    for name, reason in [
        ("pipe", "is not a regular file"),
        ("", "is a directory"),
        ("missing", "no such file"),
        ("loop", "cannot be read: too many levels of symbolic links"),
    ]:
        with pytest.raises(ConfigurationError, match=reason):
            read_secret(tmp_path / name, KEY)


def test_a_section_reads_its_secret_when_it_is_asked(tmp_path: Path) -> None:
    records = Records(password_file=_secret_file(tmp_path, b"first"))
    _secret_file(tmp_path, b"second")
    password = records.password()
    assert password is not None
    assert password.get_secret_value() == "second"
    assert "second" not in repr(password)
    assert Config().records.password() is None
    assert Config().vectors.api_key() is None


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://sophia:hunter2@h1,h2:5433/db", "postgresql://sophia:***@h1,h2:5433/db"),
        (
            "postgresql://sophia@h/db?a=b&password=hunter2",
            "postgresql://sophia@h/db?a=b&password=***",
        ),
        ("redis://:hunter2@h:6379/0", "redis://:***@h:6379/0"),
        ("postgresql://a:b@hunter2/x?y@h/db", "postgresql://a:***@h/db"),
        ("postgresql://a@b:hunter2@h/db", "postgresql://a@b:***@h/db"),
        ("postgresql://a:hunt\ner2@h", "postgresql://a:***@h"),
        ("https://h/v1?api_key=hunter2&x=1", "https://h/v1?api_key=***&x=1"),
        ("http://a:hunter2@h,http://b:hunter2@h", "http://a:***@h"),
        ("http://192.0.2.1:6333", "http://192.0.2.1:6333"),
    ],
)
def test_the_password_of_a_url_is_masked(url: str, masked: str) -> None:
    assert mask(url) == masked


def test_a_quoted_text_is_one_short_line() -> None:
    assert quoted("a\n\x1b[31m\ud800") == r"'a\n\x1b[31m\ud800'"
    assert len(quoted("x" * 1000)) == 62


def test_the_representation_of_a_configuration_holds_no_password() -> None:
    config = Config.model_validate(
        {
            "records": {"url": "postgresql://sophia:hunter2@192.0.2.1/db"},
            "vectors": {"urls": ["http://sophia:hunter2@192.0.2.1:6333"]},
            "hot_cache": {"url": "redis://:hunter2@192.0.2.1"},
        }
    )
    assert "hunter2" not in repr(config) + str(config) + f"{config.vectors}"
    assert repr(config).count("***") == 3
