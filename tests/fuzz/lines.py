"""Command lines as nobody should type them: right, wrong, broken and hostile."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from sophia_cli.config.keys import BY_VARIABLE

REAL_ID = "@id@"
"""Stands for the id of a memory that exists; `@id@8` for its first eight characters."""

HOSTILE = (
    *("", " ", "\t\n ", "\0", "a\0b", "\x07\x08\x1b[31mred\x1b[0m", "\x9b31m", "\udcff", "\ud800x"),
    *("[bold]x[/bold]", "[/]", "[link=file:///]x", ":smile:", "%s %d %(x)s {0} {x}", "\\", "\\x1b"),
    *("' OR 1=1 --", "'; DROP TABLE memory; --", "$1", "*?[a-z]", "--", "-", "-n", "--json"),
    *("🦄👩‍👩‍👧", "מה החלטנו על מסד הנתונים", "\u202eevil", "e\u0301" * 50, "ﷺ" * 20, "\ufeff"),
    *("word" * 5_000, "long " * 15_000, "x" * 1_000_000, "\n" * 3_000, "~", "~nobody-here/x"),
    *("NaN", "null", "true", "0", "-1", "1e400", "9" * 400, "None", "[]", "{}", '{"a":1}'),
)
FILES = (
    *("notes.md", "plain.txt", "lines.jsonl", "chat.txt", "export.json", "broken.json", "git.log"),
    *("binary.bin", "latin.txt", "empty.txt", "folder", ".", "missing", "loop", "dangling", "-"),
    *("backup.jsonl", "backwards.jsonl", "/dev/null", "", "a\0b", "~nobody-here/x", "[bold].md"),
)
# Hypothesis likes the ends of a range: the rare case is in the middle.
_mostly = st.integers(0, 20).map(lambda number: number != 11)
_rarely = _mostly.map(lambda usual: not usual)
_ordinary = st.sampled_from(
    (
        *("We chose Qdrant over Weaviate because of filtering speed", "Acme renewed for 40 seats"),
        *("Remember this: writes go through the outbox", "What did we decide about the database?"),
        *(
            "Show me all discussions about health",
            "Find similar bugs",
            "Analyze memory performance",
        ),
    )
)
_anything = st.text(st.characters(exclude_categories=()), max_size=40)
_text = st.one_of(_ordinary, _ordinary, _ordinary, st.sampled_from(HOSTILE), _anything)
_id = st.one_of(
    st.sampled_from((REAL_ID, REAL_ID, REAL_ID, f"{REAL_ID}8")),
    st.sampled_from(
        ("0" * 32, "0198c2f1", "zzz", "f" * 33, "0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44")
    ),
    _text,
)
_file = st.one_of(st.sampled_from(FILES), st.text("abc.é \n", max_size=12))
_target = st.sampled_from(
    ("out.jsonl", "out", "missing/out", ".", "", "out\0", "out é\n", "/dev/x/y")
)
_kind = st.one_of(
    st.sampled_from(("coding", "business")),
    st.sampled_from(("coding", "business")),
    st.sampled_from(("auto", "Coding", "", "c")),
)
_number = st.one_of(
    st.sampled_from(("1", "3", "20")),
    st.sampled_from(("1", "3", "20")),
    st.sampled_from(("1", "3", "1000", "0", "-1", "1001", "1.5", "9" * 400, "", "٣", "1_0")),
    st.integers().map(str),
)
_moment = st.one_of(
    st.sampled_from(("yesterday", "2024-05-01", "2090-01-01")),
    st.sampled_from(("yesterday", "2024-05-01", "2090-01-01")),
    st.sampled_from(
        (
            *("yesterday", "3 days ago", "2024-05-01", "2024-05-01T10:00Z", "30d", "1h", "never"),
            *(
                "0001-01-01",
                "9999-12-31",
                "9999-12-31T23:59:59-12:00",
                "999999 years ago",
                "99999d",
            ),
            *("2024-02-30", "1:56 pm on 8 May, 2023", "36500d", "0001-01-01T00:00+14:00", "-1d"),
        )
    ),
    _anything,
)
_tag = st.one_of(
    st.just("team=platform"),
    st.sampled_from(("team=platform", "a=b=c", "=", "=x", "x=", "x", "\0=\0", "k=" + "v" * 501)),
    _text,
)
_name = st.one_of(
    st.sampled_from(("ann", "bob")),
    st.sampled_from(("ann", "bob")),
    st.sampled_from(("ann", "bob", "", " ", "n" * 201, "\udcff", "a\x1fb")),
    _text,
)

_scope = {"--user": _name, "--agent": _name, "--session": _name}
_filter = _scope | {"--kind": _kind, "--tag": _tag, "--since": _moment, "--until": _moment}
_limit = {"-n": _number, "--limit": _number}
_flag = st.none()


@dataclass(frozen=True, slots=True)
class Command:
    """A command's words: its positional arguments, and its options (None: without a value)."""

    name: str
    positional: tuple[st.SearchStrategy[str], ...] = ()
    options: dict[str, st.SearchStrategy[str | None]] | None = None


_said = {"--kind": _kind, "--speaker": _name, "--tag": _tag, "--at": _moment, "--expires": _moment}
COMMANDS = (
    Command("remember", (_text,), _scope | _said | {"--explain": _flag}),
    Command(
        "ingest",
        (_file, _file),
        _scope
        | {
            "--kind": _kind,
            "--format": st.sampled_from(("markdown", "text", "jsonl", "chat", "git", "pdf")),
        },
    ),
    Command("recall", (_text,), _filter | _limit | {"--explain": _flag}),
    Command("similar", (_text,), _filter | _limit | {"--explain": _flag}),
    Command("ask", (_text,), _limit | {"--kind": _kind, "--user": _name, "--explain": _flag}),
    Command("show", (_id,)),
    Command("list", (), _filter | _limit | {"--before": _id, "--all": _flag}),
    Command("history", (_id,)),
    Command("update", (_id, _text), _said),
    Command(
        "link",
        (_id, _id),
        {"--relation": st.one_of(st.sampled_from(("supersedes", "related", "A b")), _text)},
    ),
    Command("forget", (_id,), _limit | {"--query": _text, "--dry-run": _flag, "--yes": _flag}),
    Command(
        "forget",
        (_text.map("--query={}".format),),
        _filter | _limit | {"--dry-run": _flag, "--yes": _flag},
    ),
    Command(
        "feedback",
        (_id, _text.map("--query={}".format)),
        _scope | {"--kind": _kind, "--wrong": _flag, "--undo": _flag, "--now": _moment},
    ),
    Command("stats", (), {"--interval": _moment}),
    Command("export", (_target,)),
    Command("import", (_file,)),
    Command("reindex", (), {"--kind": _kind, "--from-scratch": _flag, "--re-embed": _flag}),
    Command("config", (st.sampled_from(("show", "show", "shwo", "")),)),
    Command("token", (st.sampled_from(("list", "list", "lsit", "create")),)),
    Command(
        "token",
        (st.just("create"), _name),
        {
            "--scope": st.sampled_from(("read", "write", "admin", "all")),
            "--user": _name,
            "--kind": _kind,
            "--expires": _moment,
        },
    ),
    Command("token", (st.just("revoke"), _name)),
    Command("status"),
    Command("logs", (st.sampled_from(("resident", "postgres", "valkey", "x")),), _limit),
    Command("lend-vectors"),
    Command(""),
    Command("recal", (_text,)),
)
_GLOBAL = ("--json", "--json", "-q", "-v", "--no-color", "--debug", "--help", "-h", "--version")
_variables = st.dictionaries(
    st.one_of(
        st.sampled_from((*sorted(BY_VARIABLE), "SOPHIA_PROFILE", "SOPHIA_CONFIG", "NO_COLOR")),
        st.sampled_from(("SOPHIA_RECAL__LIMIT", "SOPHIA_", "SOPHIA_X", "COLUMNS", "TERM", "HOME")),
    ),
    st.one_of(
        st.sampled_from(("5", "-5", "local", "cluster", "true", "30s", "sophia.yaml", "missing")),
        _anything.filter(lambda value: "\0" not in value),
    ),
    max_size=3,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One command line, what is piped into it, its variables, and whether it has a terminal."""

    arguments: tuple[str, ...]
    stdin: bytes
    variables: dict[str, str]
    terminal: bool


@st.composite
def lines(draw: st.DrawFn, command: Command) -> Line:
    """Any command line of one command, most of them nearly right, so that they get far."""
    words = [[draw(each)] for each in command.positional if draw(_mostly)]
    options = command.options or {}
    for option in draw(st.lists(st.sampled_from(sorted(options)), max_size=3)) if options else ():
        value = draw(options[option])
        words.append([option] if value is None else [option, value])
    words += [[word] for word in draw(st.lists(st.sampled_from(_GLOBAL), max_size=1))]
    if draw(_rarely):
        words.append([draw(st.sampled_from(("--nope", "-z", "--limit", "--kind=", "--")))])
    if draw(_rarely):
        words.append(
            [draw(st.sampled_from(("--config", "--profile"))), draw(st.sampled_from(FILES))]
        )
    if draw(_rarely):
        words = draw(st.permutations(words))
    arguments = [command.name, *(word for group in words for word in group)]
    if draw(_rarely):
        arguments.pop(draw(st.integers(0, len(arguments) - 1)))
    return Line(
        tuple(arguments),
        draw(st.one_of(st.binary(max_size=60), st.sampled_from((b"y\n", b"text", b"[1]\n{}\n")))),
        draw(_variables) if draw(_rarely) else {},
        draw(st.booleans()),
    )
