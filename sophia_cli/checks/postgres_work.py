"""PostgreSQL at its work: what piles up, what holds it up, what is not kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned
from sophia_cli.errors import SophiaError

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

LONG = timedelta(minutes=5)
"""From which age on a transaction holds up others, and the clearing away of old rows."""
IDLE = timedelta(minutes=1)
"""How long a transaction may wait for its client."""
_FEWEST_DEAD, _DEAD_SHARE = 10_000, 0.3
_WRAPAROUND = 1_000_000_000
_LOG_TIMES = 4
_NOT_ALLOWED = "this user may not see it (GRANT pg_monitor)"


def _bloat(scene: Scene) -> Iterator[Finding]:
    found = rows(
        scene,
        "SELECT relname, n_live_tup, n_dead_tup, greatest(last_vacuum, last_autovacuum)"
        " FROM pg_stat_user_tables ORDER BY n_dead_tup DESC",
    )
    wrong = False
    for name, live, dead, vacuumed in found:
        if dead > _FEWEST_DEAD and dead > _DEAD_SHARE * (live + dead):
            wrong = True
            when = "never" if vacuumed is None else f"{vacuumed:%Y-%m-%d %H:%M} UTC"
            yield warned(
                f"{dead:,} dead rows beside {live:,}",
                name,
                f"{name}: {live:,} rows, {dead:,} dead, last vacuumed {when}",
                command=f"VACUUM {name}",
            )
    if not wrong:
        yield passed(f"{sum(row[2] for row in found):,} dead rows in {len(found)} tables")


def _long(scene: Scene) -> Iterator[Finding]:
    found = rows(
        scene,
        "SELECT pid, application_name, state, clock_timestamp() - xact_start,"
        " clock_timestamp() - state_change FROM pg_stat_activity"
        " WHERE xact_start IS NOT NULL AND backend_type = 'client backend'"
        " AND pid <> pg_backend_pid() ORDER BY xact_start",
    )
    wrong = False
    for pid, name, state, age, idle in found:
        waits = (state or "").startswith("idle in transaction")
        if age > LONG or (waits and idle > IDLE):
            wrong = True
            yield warned(
                f"a transaction has been open for {_seconds(age)}",
                f"process {pid}",
                f"process {pid} ({name or 'without a name'}): {state}, since {_seconds(idle)}",
                command=f"SELECT pg_terminate_backend({pid})",
            )
    prepared = rows(
        scene,
        "SELECT gid, clock_timestamp() - prepared FROM pg_prepared_xacts"
        " WHERE database = current_database()",
    )
    for gid, age in prepared:
        if age > LONG:
            wrong = True
            yield warned(f"a prepared transaction has waited for {_seconds(age)}", gid)
    if not wrong:
        yield passed(f"{len(found)} transactions are open, none of them for long")


def _log_piles_up(scene: Scene) -> Iterator[Finding]:
    try:
        [(size, most)] = rows(
            scene,
            "SELECT (SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()),"
            " (SELECT setting::bigint << 20 FROM pg_settings WHERE name = 'max_wal_size')",
        )
    except _NotAllowed:
        yield skipped(_NOT_ALLOWED)
        return
    said = f"{size >> 20:,} MiB of log, {most >> 20:,} MiB are usual"
    if size > _LOG_TIMES * most:
        yield warned(said, "", "pg_ls_waldir(): slots and failing archives keep it")
    else:
        yield passed(said)


def _archived(scene: Scene) -> Iterator[Finding]:
    [(mode,)] = rows(scene, "SELECT current_setting('archive_mode')")
    if mode == "off":
        yield skipped("archive_mode is off: backups, if any, are not known here")
        return
    [(archived, last, failures, last_failed)] = rows(
        scene,
        "SELECT archived_count, last_archived_time, failed_count, last_failed_time"
        " FROM pg_stat_archiver",
    )
    evidence = (
        f"archive_mode {mode}; {archived:,} archived, the last {_when(last)};"
        f" {failures:,} failed, the last {_when(last_failed)}"
    )
    if last_failed is not None and (last is None or last_failed > last):
        yield failed("the log is not archived any more", "", evidence)
    else:
        yield passed(f"{archived:,} files of the log are archived", "", evidence)


def _autovacuum(scene: Scene) -> Iterator[Finding]:
    [(vacuum, counts, age)] = rows(
        scene,
        "SELECT current_setting('autovacuum'), current_setting('track_counts'),"
        " (SELECT max(age(datfrozenxid)) FROM pg_database)",
    )
    evidence = (
        f"autovacuum {vacuum}, track_counts {counts}",
        f"the oldest row that is not frozen is {age:,} transactions old",
    )
    if age > _WRAPAROUND:
        yield failed(f"{age:,} transactions were not cleared away after", "", *evidence)
    elif "off" in (vacuum, counts):
        yield warned("it is off: dead rows stay, and the tables grow", "", *evidence)
    else:
        yield passed("it is on", "", *evidence)


class _NotAllowed(SophiaError):
    """What only members of pg_monitor may see."""


def rows(scene: Scene, query: str) -> Sequence[tuple[Any, ...]]:
    """What a query that only reads brings, on a connection of our own.

    Raises:
        TierDown: the records do not answer.
    """
    from psycopg.errors import InsufficientPrivilege

    try:
        return scene.database.ask(lambda connection: connection.execute(query.encode()).fetchall())
    except InsufficientPrivilege as error:
        raise _NotAllowed(_NOT_ALLOWED) from error


def _seconds(age: timedelta) -> str:
    return str(timedelta(seconds=int(age.total_seconds())))


def _when(moment: Any) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


WORK: tuple[Check, ...] = (
    Check(
        "PG-06",
        "Dead rows are cleared away",
        Severity.MINOR,
        "Compares the dead rows of each table with the living. Above 10,000 and 30 % the table is "
        "larger than it need be, and slower.",
        "VACUUM the table, and see that nothing holds it up (PG-07, PG-11)",
        _bloat,
    ),
    Check(
        "PG-07",
        "No transaction is left open",
        Severity.SERIOUS,
        "Looks for transactions that are older than five minutes, that wait for their client for "
        "a minute, or that were prepared and forgotten. Nothing that is deleted while one is open "
        "can be cleared away, and what it has locked stays locked.",
        "end the program that holds it, or SELECT pg_terminate_backend(PID)",
        _long,
    ),
    Check(
        "PG-08",
        "Its log does not pile up",
        Severity.SERIOUS,
        "Compares the size of the write-ahead log on the disk with max_wal_size; four times that "
        "means that something keeps it: a slot that nobody follows, or an archive that fails.",
        "see PG-04 and PG-10",
        _log_piles_up,
    ),
    Check(
        "PG-10",
        "The log is archived where it is to be",
        Severity.SERIOUS,
        "Where archive_mode is on, looks whether the last attempt to archive the log went well. "
        "While it fails no backup can be brought up to date, and the log fills the disk.",
        "read the server's log for what archive_command says",
        _archived,
    ),
    Check(
        "PG-11",
        "Autovacuum is on",
        Severity.SERIOUS,
        "Looks at autovacuum and at the age of the oldest row that is not frozen: at two thousand "
        "million transactions the server stops taking writes, at half of that it fails.",
        "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()",
        _autovacuum,
    ),
)
