"""The cause of a failed start, found in a log."""

from __future__ import annotations

from pathlib import Path

from sophia_cli.engines.failure import last_words


def test_the_last_severe_line_is_the_cause(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "2026-01-01 00:00:00.000 UTC [7] LOG:  starting\n"
        "2026-01-01 00:00:00.000 UTC [7] FATAL:  could not open file\n"
        "2026-01-01 00:00:00.000 UTC [7] LOG:  database system is shut down\n"
    )
    assert last_words(log, 0) == "could not open file"


def test_lines_of_an_earlier_attempt_say_nothing_about_this_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("FATAL:  No space left on device\n")
    before = log.stat().st_size
    assert last_words(log, before) == "it logged nothing"
    with log.open("a") as stream:
        stream.write("7:M 01 Jan 2026 00:00:00.000 # Failed listening on the socket\n\n")
    assert last_words(log, before) == "Failed listening on the socket"


def test_a_log_that_was_set_aside_meanwhile_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("FATAL:  new\n")
    assert last_words(log, 1000) == "new"


def test_no_log_is_not_another_error(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none", 0) == "it logged nothing"
