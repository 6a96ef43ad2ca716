"""Recall, latency and ingest beside other memories: python bench/peers DIRECTORY [--only NAME ...].

Needs bench/peers/requirements.txt; a peer whose packages are missing is named and left out.
docs/peers.md says what each was given. No peer calls a language model or downloads anything.
"""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from locomo import conversations
from peers.measuring import Row, measured, told
from peers.registry import ENTRIES
from peers.table import lines

from sophia_cli.bench.machine import Machine, this_machine
from sophia_cli.embedding.bundled import BundledEmbedder

_FAILED = 1


def main() -> int:
    names = [entry.name for entry in ENTRIES]
    parser = argparse.ArgumentParser(prog="python bench/peers", description=__doc__)
    parser.add_argument("directory", type=Path, help="LoCoMo files")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("-k", type=int, default=10, help="memories asked for (default 10)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--with", dest="earlier", type=Path, metavar="FILE", help="adds the rows of a --json before"
    )
    arguments = parser.parse_args()
    machine = this_machine()
    rows = {each.name: each for each in _earlier(arguments.earlier)}
    talks = conversations(arguments.directory)
    if not talks:
        parser.error(f"no LoCoMo files in {arguments.directory}")
    memories = sum(len(talk.drafts) for talk in talks)
    if any((row.memories, row.k) != (memories, arguments.k) for row in rows.values()):
        parser.error(f"{arguments.earlier} was measured on other data, or with another k")
    embedder = BundledEmbedder()
    failed: list[str] = []
    for entry in ENTRIES:
        if entry.name not in arguments.only:
            continue
        if missing := entry.missing():
            told(f"{entry.name}: left out, not installed: {', '.join(missing)}")
            continue
        told(f"{entry.name}: storing")
        rows.pop(entry.name, None)
        try:
            rows[entry.name] = measured(entry, talks, embedder, arguments.k)
        except Exception:
            # The others have taken minutes, and stand on their own.
            traceback.print_exc()
            failed.append(entry.name)
    found = [rows[name] for name in names if name in rows]
    if arguments.json:
        print(json.dumps({"machine": asdict(machine), "rows": [asdict(row) for row in found]}))
    elif found:
        printed(found, machine)
    return _FAILED if failed else 0


def printed(rows: Sequence[Row], machine: Machine) -> None:
    print("\n".join(lines(rows)))
    versions = {each: number for row in rows for each, number in row.versions.items()}
    print(f"\n{rows[0].memories:,} memories, {rows[0].questions:,} questions, k = {rows[0].k}")
    print(", ".join(f"{package} {number}" for package, number in sorted(versions.items())))
    print(f"{machine.processor}, {machine.cores} cores, Python {machine.python}")


def _earlier(path: Path | None) -> list[Row]:
    """The rows of an earlier result, for what is not measured now."""
    if path is None:
        return []
    return [Row(**row) for row in json.loads(path.read_text("utf-8"))["rows"]]
