"""What a plain sentence is taken for, and which words of it are searched or stored."""

from __future__ import annotations

import pytest

from sophia_cli.memory.asking import Intent, understand

SENTENCES = (
    # Remember: the words behind the request are what is stored, as they are.
    (
        "Remember this architectural decision: all writes go through the outbox",
        Intent.REMEMBER,
        "architectural decision: all writes go through the outbox",
    ),
    ("Remember that Acme renewed for 40 seats", Intent.REMEMBER, "Acme renewed for 40 seats"),
    ("remember: the staging key is rotated", Intent.REMEMBER, "the staging key is rotated"),
    ("Please note that Dana left Acme", Intent.REMEMBER, "Dana left Acme"),
    ("Keep in mind that we deploy on Tuesdays", Intent.REMEMBER, "we deploy on Tuesdays"),
    ("Could you please save this: port 6334 is gRPC", Intent.REMEMBER, "port 6334 is gRPC"),
    ("Note down that the demo moved to Friday", Intent.REMEMBER, "the demo moved to Friday"),
    ("Don't forget that the trial ends in May", Intent.REMEMBER, "the trial ends in May"),
    ('Remember: "ship it" is what Ann said', Intent.REMEMBER, '"ship it" is what Ann said'),
    (
        "Save the runbook under ops/failover.md",
        Intent.REMEMBER,
        "the runbook under ops/failover.md",
    ),
    ('Remember "freeze until Monday"', Intent.REMEMBER, "freeze until Monday"),
    ("Make a note that Bob owns billing", Intent.REMEMBER, "Bob owns billing"),
    # Recall: a question is searched whole.
    *(
        (question, Intent.RECALL, question)
        for question in (
            "What did we decide about the vector database?",
            "who is our champion at Acme?",
            "Which port does Qdrant use for gRPC?",
            "How fast is the new parser?",
            "Do you remember what we said about sharding?",
            "What should I remember about the Acme call?",
            "Why did the deploy fail yesterday?",
            "Store opening hours in Berlin?",
            "Note the difference between edge and server?",
            "Remember when we dropped Weaviate?",
            "Remember who signed for Acme?",
            "Notes on the last retro",
            "pgvector or Qdrant",
        )
    ),
    # Similar: what stands behind "similar to" is compared.
    (
        "Find similar bug fixes to authentication issues",
        Intent.SIMILAR,
        "bug fixes to authentication issues",
    ),
    ("Find something like the pool exhaustion bug", Intent.SIMILAR, "the pool exhaustion bug"),
    ("Show me things related to the Acme renewal", Intent.SIMILAR, "the Acme renewal"),
    ("search for similar incidents to the March outage", Intent.SIMILAR, None),
    ("What else is similar to the flaky login test?", Intent.SIMILAR, "the flaky login test"),
    ("Have we seen anything like this timeout before?", Intent.SIMILAR, "this timeout"),
    # Discussions: all that was said about something.
    ("Show me all discussions about customer health", Intent.DISCUSSIONS, "customer health"),
    ("List every decision about storage", Intent.DISCUSSIONS, "storage"),
    ("list all conversations with Dana", Intent.DISCUSSIONS, "Dana"),
    ("Give me everything about the migration", Intent.DISCUSSIONS, "the migration"),
    ("Show me all our notes on sharding", Intent.DISCUSSIONS, "sharding"),
    ("Find all mentions of Redis", Intent.DISCUSSIONS, "Redis"),
    ("show discussions about onboarding", Intent.DISCUSSIONS, "onboarding"),
    # Performance: of the memory, not of anything else.
    ("Analyze memory performance", Intent.PERFORMANCE, None),
    ("analyse the memory's performance", Intent.PERFORMANCE, None),
    ("How fast is the memory?", Intent.PERFORMANCE, None),
    ("Show me the memory statistics", Intent.PERFORMANCE, None),
    ("How is the memory performing?", Intent.PERFORMANCE, None),
    ("show stats", Intent.PERFORMANCE, None),
    ("Analyze the performance of the Acme campaign", Intent.RECALL, None),
    ("Show me performance reviews of the sales team", Intent.RECALL, None),
    ("Report latency regressions in the checkout service", Intent.RECALL, None),
)


@pytest.mark.parametrize(("sentence", "intent", "text"), SENTENCES)
def test_a_sentence_is_understood(sentence: str, intent: Intent, text: str | None) -> None:
    understood = understand(sentence)
    assert understood.intent is intent
    if text is not None:
        assert understood.text == text


def test_words_to_remember_keep_their_case_and_their_question_mark() -> None:
    understood = understand("remember Dana asked: does it run on ARM?")
    assert understood.text == "Dana asked: does it run on ARM?"


@pytest.mark.parametrize(
    "sentence", ["remember", "Remember this:", "Remember: ...", "show me all", "find similar"]
)
def test_a_request_without_a_subject_is_a_question(sentence: str) -> None:
    assert understand(f" {sentence} ").intent is Intent.RECALL


def test_the_understanding_is_said_in_words() -> None:
    assert understand("Find all mentions of Redis").sentence() == (
        "show all discussions about: Redis"
    )
