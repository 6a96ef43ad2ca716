"""Left-over code of earlier memories in a repository: Weaviate, Pinecone and old memory services.

A file goes if its path names one of them, or if it is an old memory service by its name. Lines in
other files are for people to mend: who imports, requires or starts what goes has other work too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from sophia_cli.config.secrets import quoted
from sophia_cli.ops.old_services import services_of

ARCHIVE = PurePosixPath("archive/old_memory_implementations")
# Larger ones are data, whatever their name says.
_LARGEST = 1024 * 1024
_BEGINNING = 8192
_PRODUCT = re.compile("weaviate|pinecone", re.IGNORECASE)
_OLD_SERVICE = re.compile(
    r"(?:test_)?(?:old_|legacy_|deprecated_)?"
    r"(?:memory_services?|memory_store|vector_stores?|vectorstore|vector_service|vector_db)"
    r"(?:[._](?:test|spec))?"
)
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IMPORTS = {
    **dict.fromkeys((".py", ".pyi"), re.compile(r"\s*(?:from|import)\s")),
    **dict.fromkeys(
        (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".vue", ".svelte"),
        re.compile(r"""\s*(?:import|export)\b|.*\b(?:require|import)\s*\(|.*\bfrom\s+['"]"""),
    ),
    ".go": re.compile(r'\s*(?:import\s+)?(?:[\w.]+\s+)?"[^"]+"\s*$'),
    **dict.fromkeys(
        (".java", ".kt", ".scala", ".rs", ".cs", ".rb", ".php"),
        re.compile(r"\s*(?:import|use|using|require|require_relative)\b"),
    ),
}
_COMMENT = re.compile(r"(?:^|\s)(?:#|//).*$")
_REQUIREMENTS = re.compile(
    r".*requirements.*\.(?:txt|in)|constraints.*\.txt|pyproject\.toml|setup\.(?:py|cfg)|Pipfile|"
    r"environment\.ya?ml|package\.json|go\.mod|Gemfile|Cargo\.toml|pom\.xml|build\.gradle(?:\.kts)?"
)
_COMPOSE = re.compile(r"(?:docker-)?compose.*\.ya?ml")


class Fate(StrEnum):
    """What becomes of a finding."""

    MOVE = "move"
    """The file goes to the archive."""
    MEND = "mend"
    """A line for people."""
    LEAVE = "leave"
    """The file's name is an old one, and it is no code."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        file: its path below the root.
        line: from 1; 0 stands for the whole file.
    """

    file: PurePosixPath
    fate: Fate
    reason: str
    line: int = 0


def find(
    root: Path, files: Iterable[PurePosixPath], *, with_imports: bool = False
) -> list[Finding]:
    """What is left over among files, in the order of their paths.

    Links are passed over, and so is what is in the archive.

    Args:
        root: what the files' paths start from.
        with_imports: files that import a client go too.
    """
    found: list[Finding] = []
    others: list[tuple[PurePosixPath, list[str]]] = []
    for file in sorted(set(files)):
        if ARCHIVE in file.parents or not _is_file(root, file):
            continue
        reason = _named(file)
        lines = _lines(root / file) if reason or _is_read(file) else None
        if reason:
            kind = "; it is binary or large, and no code" if lines is None else ""
            found.append(Finding(file, Fate.LEAVE if kind else Fate.MOVE, reason + kind))
        elif lines is not None:
            others.append((file, lines))
    if with_imports:
        for file, lines in others:
            if first := next(_imports(file, lines, ()), None):
                found.append(Finding(file, Fate.MOVE, f"{first.reason} in line {first.line}"))
    going = {each.file for each in found if each.fate is Fate.MOVE}
    modules = sorted({file.stem for file in going if file.suffix in _IMPORTS})
    for file, lines in others:
        if file not in going:
            found += _imports(file, lines, modules)
            found += _required(file, lines)
            found += _started(file, lines)
    return sorted(found, key=lambda each: (each.fate, each.file, each.line))


def _named(file: PurePosixPath) -> str:
    """Why a file goes for its path; empty where it does not."""
    if named := _PRODUCT.search(file.name):
        return f"its name says {named[0].capitalize()}"
    if named := _PRODUCT.search(str(file.parent)):
        return f"its directory says {named[0].capitalize()}"
    stem = _WORD_BEGINS.sub("_", file.stem).replace("-", "_").lower()
    if file.suffix in _IMPORTS and _OLD_SERVICE.fullmatch(stem):
        return "an old memory service by its name"
    return ""


def _imports(
    file: PurePosixPath, lines: Sequence[str], modules: Sequence[str]
) -> Iterator[Finding]:
    """Lines that import a client, or a module that goes."""
    is_import = _IMPORTS.get(file.suffix)
    if is_import is None:
        return
    goes = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, modules)) or '(?!)'})(?!\w)")
    for number, line in enumerate(lines, 1):
        if not is_import.match(line):
            continue
        code = _COMMENT.sub("", line)
        if named := goes.search(code):
            yield Finding(file, Fate.MEND, f"imports {named[0]}, which goes", number)
        elif named := _PRODUCT.search(code):
            yield Finding(file, Fate.MEND, f"imports {named[0].capitalize()}", number)


def _required(file: PurePosixPath, lines: Sequence[str]) -> Iterator[Finding]:
    """Lines that make a client a requirement."""
    if not _REQUIREMENTS.fullmatch(file.name):
        return
    is_import = _IMPORTS.get(file.suffix)
    for number, line in enumerate(lines, 1):
        code = _COMMENT.sub("", line)
        if _PRODUCT.search(code) and not (is_import and is_import.match(line)):
            yield Finding(file, Fate.MEND, f"requires {quoted(code.strip())}", number)


def _started(file: PurePosixPath, lines: Sequence[str]) -> Iterator[Finding]:
    """Services of a compose file."""
    if _COMPOSE.fullmatch(file.name):
        for line, service in services_of("\n".join(lines), _PRODUCT):
            yield Finding(file, Fate.MEND, service, line)


def _is_read(file: PurePosixPath) -> bool:
    return file.suffix in _IMPORTS or any(
        names.fullmatch(file.name) for names in (_REQUIREMENTS, _COMPOSE)
    )


def _is_file(root: Path, file: PurePosixPath) -> bool:
    """Whether it is a regular file with no link on the way to it."""
    path = root / file
    below = [root / parent for parent in file.parents if parent.parts]
    return path.is_file() and not any(each.is_symlink() for each in (path, *below))


def _lines(path: Path) -> list[str] | None:
    """A file's lines; None where it is binary, large or cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError:
        return None
    if len(content) > _LARGEST or b"\0" in content[:_BEGINNING]:
        return None
    return content.decode("utf-8", "replace").split("\n")
