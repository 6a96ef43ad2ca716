"""Whatever is in the file and in the environment: a configuration, or an error in clear lines."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_cli.config.keys import BY_VARIABLE, KEYS, SECTIONS
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.errors import ConfigurationError

PIECES = [
    "&a ",
    "*a",
    "!!x ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "? ",
    "\t",
    "\n",
    "  ",
    "|",
    "'",
    '"',
]
WORDS = sorted({part for key in KEYS for part in key.split(".")} | {"local", "3", "30s", "null"})
texts = st.text(max_size=40)
values = st.one_of(
    texts,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.sampled_from(["30s", "http://a"]),
)
trees = st.recursive(
    values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), texts), inner, max_size=5),
    ),
    max_leaves=12,
)


def _loads_or_explains(content: bytes, variables: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sophia.yaml"
        path.write_bytes(content)
        try:
            loaded = load(variables, {"config": path})
        except ConfigurationError as error:
            lines = error.message.split("\n")
            assert all(line and line.isprintable() for line in lines), lines
            assert len(lines) <= 21
        else:
            assert isinstance(loaded.config, Config)
            assert [row[0] for row in loaded.rows()] == list(KEYS)
            assert len(loaded.config.tiers_fingerprint()) == 64


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    _loads_or_explains(content, {})


@given(st.lists(st.sampled_from(PIECES + WORDS), max_size=40))
def test_any_pieces_of_yaml(pieces: list[str]) -> None:
    _loads_or_explains("".join(pieces).encode(), {})


@settings(max_examples=200, deadline=None)
@given(trees)
def test_any_tree(tree: object) -> None:
    _loads_or_explains(yaml.safe_dump(tree, allow_unicode=True).encode(errors="replace"), {})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.fixed_dictionaries({}, optional=dict.fromkeys(fields, values))
            for name, fields in (
                (name, list(type(section).model_fields))
                for name, section in SECTIONS.items()
                if name and "." not in name
            )
        },
    )
)
def test_any_values_at_the_right_keys(tree: object) -> None:
    _loads_or_explains(yaml.safe_dump(tree).encode(), {})


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from(sorted(BY_VARIABLE)),
            st.text(max_size=20).map("SOPHIA_".__add__),
            st.from_regex(r"SOPHIA_[A-Z_]{1,20}", fullmatch=True),
        ),
        st.one_of(texts, st.sampled_from(["[", "[a", "{}", "*a", "null", ",", "\udcff", "\x00"])),
        max_size=6,
    )
)
def test_any_environment(variables: dict[str, str]) -> None:
    variables.pop("SOPHIA_CONFIG", None)
    _loads_or_explains(b"", variables)


@given(st.one_of(texts, st.just("\udcff")).filter(lambda text: "\n" not in text))
def test_any_name_of_a_file(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            load({"SOPHIA_CONFIG": name, "HOME": folder}, cwd=Path(folder))
        except ConfigurationError as error:
            assert "\n" not in error.message
