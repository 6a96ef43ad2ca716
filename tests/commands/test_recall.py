"""`sophia recall` and `sophia similar`: what comes back, and what no longer may."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console

FACTS = (
    ("We chose Qdrant over Weaviate because of filtering speed", "coding"),
    ("The nightly build fails when the certificate expires", "coding"),
    ("Acme renewed for 40 seats, champion is Dana", "business"),
    ("Globex wants a discount before the fair in spring", "business"),
)


@pytest.fixture
def facts(console: Console, user: str) -> dict[str, str]:
    """The id of each fact by its first word, all of one user."""
    return {
        text.split()[0]: console.remember(text, "--kind", kind, "--user", user)
        for text, kind in FACTS
    }


def _ids(console: Console, *arguments: str) -> list[str]:
    return [memory["id"] for memory in console.data(*arguments)]


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("which vector database did we pick?", "We"),
        ("who is our champion at Acme?", "Acme"),
        ("why is the nightly build red?", "The"),
        ("who asks for a lower price?", "Globex"),
    ],
)
def test_the_right_memory_comes_first(
    console: Console, user: str, facts: dict[str, str], question: str, best: str
) -> None:
    found = console.data("recall", question, "--user", user)
    assert found[0]["id"] == facts[best]
    scores = [memory["score"] for memory in found]
    assert scores == sorted(scores, reverse=True)


def test_similar_goes_by_the_meaning_alone(
    console: Console, user: str, facts: dict[str, str]
) -> None:
    found = console.data("similar", "renewal of seats", "--user", user)
    assert found[0]["id"] == facts["Acme"]
    assert -1.0 <= found[0]["score"] <= 1.0


def test_a_filter_by_kind_and_a_limit(console: Console, user: str, facts: dict[str, str]) -> None:
    found = console.data("recall", "Acme and Qdrant", "--user", user, "--kind", "business")
    assert {memory["kind"] for memory in found} == {"business"}
    assert len(console.data("recall", "Acme and Qdrant", "--user", user, "-n", "1")) == 1


def test_another_users_memories_stay_theirs(
    console: Console, user: str, facts: dict[str, str]
) -> None:
    assert _ids(console, "recall", "champion at Acme", "--user", f"{user}-other") == []
    assert _ids(console, "similar", "champion at Acme", "--user", f"{user}-other") == []


def test_filters_by_session_agent_and_tag(console: Console, user: str) -> None:
    plain = ("remember", "The gateway times out after thirty seconds", "--user", user)
    in_session = console.data(*plain, "--session", "retro")[0]["id"]
    by_agent = console.data(*plain, "--agent", "helper")[0]["id"]
    tagged = console.data(*plain, "--speaker", "x", "--tag", "team=platform", "--tag", "a=b")
    ask = ("recall", "gateway timeout", "--user", user)
    assert len(_ids(console, *ask)) == 3
    assert _ids(console, *ask, "--session", "retro") == [in_session]
    assert _ids(console, *ask, "--agent", "helper") == [by_agent]
    assert _ids(console, *ask, "--tag", "team=platform") == [tagged[0]["id"]]
    assert _ids(console, *ask, "--tag", "team=platform", "--tag", "a=c") == []


def test_a_span_of_time_holds_its_beginning_and_not_its_end(console: Console, user: str) -> None:
    days = {
        day: console.remember(f"Standup number {day}", "--user", user, "--at", f"2026-03-0{day}")
        for day in (1, 2, 3)
    }
    ask = ("recall", "standup", "--user", user)
    assert _ids(console, *ask, "--since", "2026-03-02", "--until", "2026-03-03") == [days[2]]
    assert set(_ids(console, *ask, "--since", "2026-03-02")) == {days[2], days[3]}
    assert _ids(console, *ask, "--until", "2026-03-02T00:00Z") == [days[1]]


@pytest.mark.parametrize("command", ["recall", "similar"])
def test_what_has_expired_is_left_out_also_of_a_cached_answer(
    console: Console, user: str, command: str
) -> None:
    kept = console.remember("The badge opens the lab", "--user", user)
    ending = console.remember("The badge opens the roof", "--user", user, "--expires", "30d")
    ask = (command, "what does the badge open?", "--user", user)
    assert set(_ids(console, *ask)) == {kept, ending}
    later = console.now() + timedelta(days=31)
    console.now = lambda: later
    assert _ids(console, *ask) == [kept]


def test_what_is_superseded_is_left_out(console: Console, user: str) -> None:
    old = console.remember("The office is in Berlin", "--user", user)
    new = console.remember("The office moved to Hamburg", "--user", user)
    assert set(_ids(console, "recall", "where is the office?", "--user", user)) == {old, new}
    console.ok("link", new, old, "--relation", "supersedes")
    assert _ids(console, "recall", "where is the office?", "--user", user) == [new]


def test_a_repeated_question_is_answered_by_the_caches_until_something_changes(
    console: Console, user: str, facts: dict[str, str]
) -> None:
    ask = ("--json", "recall", "which database?", "--user", user)
    first, second = (console.ok(*ask).envelope for _ in range(2))
    console.service.front.clear()  # as in another process
    third = console.ok(*ask).envelope
    served = [each["trace"]["served_by"] for each in (first, second, third)]
    assert served == ["vectors", "gpu_cache", "hot_cache"]
    assert first["data"] == second["data"] == third["data"]
    added = console.remember("The database is backed up at night", "--user", user)
    last = console.ok(*ask).envelope
    assert last["trace"]["served_by"] == "vectors"
    assert added in {memory["id"] for memory in last["data"]}


def test_explain_shows_the_parts_of_the_score(
    console: Console, user: str, facts: dict[str, str]
) -> None:
    found = console.data("recall", "Acme champion", "--user", user, "--explain")
    parts = found[0]["explain"]
    assert {"dense", "context", "bm25_context"} <= set(parts)
    assert sum(parts.values()) == pytest.approx(found[0]["score"], abs=1e-3)
    assert all("explain" not in memory for memory in console.data("recall", "x", "--user", user))
    shown = console.ok("recall", "Acme champion", "--user", user, "--explain")
    assert "dense +" in shown.out
    assert "served by" in shown.err


def test_text_for_people_is_plain_in_a_pipe_and_is_never_read_as_markup(
    console: Console, user: str
) -> None:
    text = "[bold]not bold[/bold] :smile: [/] %s"
    console.remember(text, "--user", user)
    shown = console.ok("recall", "not bold", "--user", user)
    assert shown.out.startswith(f"1. {text}\n")
    assert "\x1b" not in shown.out
    in_colour = console.ok("recall", "not bold", "--user", user, terminal=True)
    assert text in in_colour.out
    assert "\x1b[1m" in in_colour.out
    plain = console.ok(
        "recall", "not bold", "--user", user, terminal=True, variables={"NO_COLOR": "1"}
    )
    assert "\x1b[3" not in plain.out


def test_nothing_found_is_said_and_is_no_failure(console: Console, user: str) -> None:
    nothing = console.ok("recall", "anything", "--user", user)
    assert (nothing.out, nothing.err) == ("", "nothing was found\n")
    assert console.ok("-q", "recall", "anything", "--user", user).err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("",), "the question is empty"),
        (("x", "-n", "0"), "-n 0 is not between 1 and 1,000"),
        (("x", "-n", "-5"), "-n -5 is not between 1 and 1,000"),
        (("x", "-n", "many"), "should be a valid integer"),
        (("x", "--since", "2026-02-02", "--until", "2026-02-01"), "nothing can match"),
        (("x", "--since", "the war"), "--since: 'the war' is not a time"),
        (("x", "--tag", "platform"), "has no ="),
        (("x", "--user", ""), "the user is empty"),
        (("x", "--session", "\udcff"), "not valid UTF-8"),
    ],
)
def test_a_question_that_cannot_be_asked(
    console: Console, arguments: tuple[str, ...], said: str
) -> None:
    for command in ("recall", "similar"):
        ended = console(command, *arguments)
        assert ended.status is ExitStatus.USAGE
        assert said in ended.err.replace("the text is empty", "the question is empty")


def test_what_the_question_says_is_shown(console: Console, user: str) -> None:
    scope = ("--user", user, "--kind", "business")
    painted = console.remember(
        "I painted the harbour", "--speaker", "Ann", "--at", "2026-05-07", *scope
    )
    console.remember("I painted the church", "--speaker", "Ann", "--at", "2026-02-03", *scope)
    console.remember("I painted a dog", "--speaker", "Bo", "--at", "2026-05-08", *scope)
    question = ("recall", "What did Ann paint last month?", *scope, "--now", "2026-06-20")
    for _ in range(2):  # the second time from the cache
        answer = console.ok("--json", *question, "--explain").envelope
        assert answer["data"][0]["id"] == painted
        assert {"speaker", "date"} <= set(answer["data"][0]["explain"])
        says = answer["trace"]["says"]
        assert says["people"] == ["ann"]
        assert [span["phrase"] for span in says["times"]] == ["last month"]
        assert says["times"][0]["from"].startswith("2026-05-01")
    shown = console.ok(*question, "--explain").err
    assert "the question says: ann · 'last month' 2026-05-01..2026-06-01" in shown
    assert "says" not in console.ok("--json", *question).envelope["trace"]


def test_the_time_of_asking_makes_another_answer(console: Console, user: str) -> None:
    scope = ("--user", user, "--kind", "business")
    may = console.remember("lunch with the board", "--at", "2026-05-07", *scope)
    june = console.remember("lunch with the team", "--at", "2026-06-27", *scope)
    for number in range(8):
        console.remember(f"call number {number}", "--at", "2026-01-01", *scope)
    question = ("recall", "lunch last month", *scope, "--now")
    assert _ids(console, *question, "2026-06-28")[0] == may
    assert _ids(console, *question, "2026-07-20")[0] == june


def test_a_time_of_asking_that_is_none(console: Console) -> None:
    failed = console("recall", "lunch", "--now", "someday")
    assert failed.status == ExitStatus.USAGE
    assert "--now" in failed.err
