"""PostgreSQL: the system of record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned
from sophia_cli.checks.postgres_work import WORK, rows
from sophia_cli.errors import SophiaError, TierDown

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_OLDEST = 140000
_BUSY, _FULL = 0.8, 0.95


def _reachable(scene: Scene) -> Iterator[Finding]:
    import psycopg

    from sophia_cli.memory.identity import new_id
    from sophia_cli.tiers.records.probe import probe

    embedded = scene.loaded.config.records.url is None
    if embedded and scene.standing.attended and scene.standing.engines["postgres"] != "running":
        state = scene.standing.engines["postgres"]
        yield failed(
            f"it is {state}, though the resident process runs",
            "",
            str(scene.home.log("postgres")),
            command="sophia up" if state == "stopped" else "sophia down",
        )
        return
    try:
        database = scene.database
        probe(database, new_id())
    except TierDown as error:
        yield failed(error.message.removeprefix("records: "), command=error.hint)
    except SophiaError as error:
        yield failed(error.message, command=error.hint)
    except psycopg.Error as error:  # It answers, and refuses: a standby, or missing rights.
        yield failed(str(error).partition("\n")[0])
    else:
        yield passed("a row was written, read and removed")


def _version(scene: Scene) -> Iterator[Finding]:
    [(number, name)] = rows(
        scene,
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')",
    )
    evidence = f"server_version_num {number}; sophia needs {_OLDEST}"
    if number < _OLDEST:
        yield failed(f"PostgreSQL {name} is too old", "", evidence)
    else:
        yield passed(f"PostgreSQL {name}", "", evidence)


def _migrations(scene: Scene) -> Iterator[Finding]:
    from sophia_cli.tiers.records.migrate import migrations

    known = {each.version: each.checksum for each in migrations()}
    applied = dict(rows(scene, "SELECT version, checksum FROM schema_migration"))
    newest = max(known)
    altered = sorted(n for n in known.keys() & applied.keys() if known[n] != applied[n])
    missing = sorted(known.keys() - applied.keys())
    evidence = f"applied: {_list(applied)}; this program knows {_list(known)}"
    if applied and max(applied) > newest:
        yield failed(
            f"the store has version {max(applied)}, this program knows {newest}", "", evidence
        )
    elif altered:
        yield failed(f"{_list(altered)} were altered after they were applied", "", evidence)
    elif missing:
        yield warned(
            f"{_list(missing)} are not applied yet: the next start does so",
            "",
            evidence,
            command="sophia down",
        )
    else:
        yield passed(f"all {len(known)} are applied", "", evidence)


def _replication(scene: Scene) -> Iterator[Finding]:
    [(standby,)] = rows(scene, "SELECT pg_is_in_recovery()")
    if standby:
        yield failed("it is a standby: it takes no writes", "", "pg_is_in_recovery(): true")
        return
    slots = rows(
        scene,
        "SELECT slot_name, active, wal_status, coalesce("
        " pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint FROM pg_replication_slots"
        " WHERE NOT temporary ORDER BY slot_name",
    )
    standbys = rows(
        scene,
        "SELECT application_name || ' ' || coalesce(host(client_addr), 'local'), state,"
        " coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint,"
        " coalesce(extract(epoch FROM replay_lag), 0)::float8 FROM pg_stat_replication ORDER BY 1",
    )
    for name, active, status, kept in slots:
        evidence = f"slot {name}: active {active}, {status}, {kept >> 20} MiB of log are kept"
        if status == "lost":
            yield failed("its standby has lost the connection for good", name, evidence)
        elif not active:
            yield warned("nobody follows, and the log is kept for it", name, evidence)
        else:
            yield passed("a standby follows", name, evidence)
    for name, state, behind, lag in standbys:
        evidence = f"{name}: {state}, {behind >> 20} MiB and {lag:.1f} s behind"
        if state is None:
            yield skipped("this user may not see how far it is (GRANT pg_monitor)", name)
        elif state not in ("streaming", "backup") or behind > 256 << 20 or lag > 60:
            yield warned(f"it is {state}, {behind >> 20} MiB behind", name, evidence)
        else:
            yield passed(f"it is {state}", name, evidence)
    if not slots and not standbys:
        yield skipped("nobody follows this server")


def _connections(scene: Scene) -> Iterator[Finding]:
    [(used, most)] = rows(
        scene,
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
        " current_setting('max_connections')::int"
        " - current_setting('superuser_reserved_connections')::int",
    )
    said = f"{used} of {most} connections are used"
    if used >= _FULL * most:
        yield failed(said)
    elif used >= _BUSY * most:
        yield warned(said)
    else:
        yield passed(said)


def _durable(scene: Scene) -> Iterator[Finding]:
    found = rows(
        scene,
        "SELECT name, setting FROM pg_settings"
        " WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name",
    )
    evidence = [f"{name}: {setting}" for name, setting in found]
    off = [name for name, setting in found if setting == "off"]
    if off:
        yield failed(f"{_list(off)} is off: what was acknowledged can be lost", "", *evidence)
    else:
        yield passed("what is acknowledged is on the disk", "", *evidence)


def _checksums(scene: Scene) -> Iterator[Finding]:
    [(state,)] = rows(scene, "SELECT current_setting('data_checksums')")
    [(failures,)] = rows(
        scene, "SELECT coalesce(sum(checksum_failures), 0)::bigint FROM pg_stat_database"
    )
    evidence = (f"data_checksums: {state}", f"checksum_failures: {failures}")
    if failures:
        yield failed(f"{failures:,} pages on the disk were damaged", "", *evidence)
    elif state != "on":
        yield warned("they are off: damage on the disk goes unnoticed", "", *evidence)
    else:
        yield passed("they are on, and none has failed", "", *evidence)


def _list(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))


CHECKS: tuple[Check, ...] = (
    Check(
        "PG-01",
        "It takes a write and gives it back",
        Severity.CRITICAL,
        "Writes a row into a table of its own, reads it and removes it, on a new connection. What "
        "was acknowledged is in PostgreSQL; without it nothing can be stored, and recalls answer "
        "from the vectors alone.",
        "`sophia up` starts the embedded one; `sophia logs postgres` says why it does not",
        _reachable,
        fixable=True,
        fast=True,
    ),
    Check(
        "PG-02",
        "Its version is one that sophia knows",
        Severity.CRITICAL,
        "Asks for the server's version; 14 is the oldest that is still maintained.",
        "upgrade PostgreSQL",
        _version,
    ),
    Check(
        "PG-03",
        "The tables are this program's",
        Severity.CRITICAL,
        "Compares the migrations that were applied, and their checksums, with those that this "
        "program brings. A newer store is refused; an altered one is another than it seems.",
        "upgrade sophia on this machine, or restore a backup where a migration was altered",
        _migrations,
    ),
    Check(
        "PG-04",
        "Its standbys keep up",
        Severity.SERIOUS,
        "Looks whether this is the primary, how far each standby is behind (256 MiB or 60 s are "
        "too much) and whether each slot is followed. A slot that nobody follows keeps the log "
        "until the disk is full.",
        "bring the standby back, or drop the slot: SELECT pg_drop_replication_slot('NAME')",
        _replication,
    ),
    Check(
        "PG-05",
        "It has connections to spare",
        Severity.SERIOUS,
        "Counts the connections that are open. It warns at 80 % of what it allows; at 95 % the "
        "next process may be turned away.",
        "lower records.pool_size, or raise max_connections",
        _connections,
    ),
    *WORK,
    Check(
        "PG-09",
        "Its pages carry checksums",
        Severity.MINOR,
        "Looks whether data checksums are on, and whether one has failed: then the disk has "
        "damaged what was written.",
        "stop the server and run pg_checksums --enable; after a failure restore a backup",
        _checksums,
    ),
    Check(
        "PG-12",
        "What is acknowledged is on the disk",
        Severity.CRITICAL,
        "Looks at fsync, full_page_writes and synchronous_commit. With one of them off, a loss of "
        "power takes memories that were acknowledged, or the whole store.",
        "set them to on, and reload the server",
        _durable,
    ),
)
