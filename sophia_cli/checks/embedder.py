"""The embedder: whether it answers, and with vectors that this memory can use."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned
from sophia_cli.errors import ConfigurationError, SophiaError

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

# How far from 1 a length may be: float32, and a model that computes in int8.
_NEARLY = 1e-3
_SAME, _TIMES, _BATCH = 0.999, 3, 8
_ONE, _OTHER = "We chose the database for its speed", "The invoice was paid in March"


def _answers(scene: Scene) -> Iterator[Finding]:
    try:
        [vector] = scene.embedder.embed([f"probe {secrets.token_hex(8)}"])
    except ConfigurationError:
        raise  # It could not even be asked.
    except SophiaError as error:
        yield failed(error.message.removeprefix("embedding: "), command=error.hint)
    else:
        yield passed(f"{scene.embedder.model}: a text became {len(vector)} numbers")


def _fits(scene: Scene) -> Iterator[Finding]:
    embedder = scene.embedder
    found = scene.database.ask(
        lambda connection: connection.execute(
            "SELECT e.name, e.dimension FROM store s JOIN embedding_model e ON e.id = s.model_id"
        ).fetchall()
    )
    if not found:
        yield skipped("the store has no model before its first memory")
        return
    name, dimension = found[0]
    length = embedder.embed([_ONE]).shape[1]
    evidence = (
        f"the store: {name}, {dimension} dimensions",
        f"the embedder: {embedder.model}, {length} dimensions",
    )
    if (name, dimension) != (embedder.model, length):
        yield failed("the store is built with another model", "", *evidence)
    else:
        yield passed(f"{name}, {dimension} dimensions", "", *evidence)


def _sound(scene: Scene) -> Iterator[Finding]:
    import numpy as np

    vectors = scene.embedder.embed([_ONE, _OTHER, _ONE])
    lengths = [float(length) for length in np.linalg.norm(vectors, axis=1)]
    same, other = float(vectors[0] @ vectors[2]), float(vectors[0] @ vectors[1])
    evidence = (
        f"lengths: {', '.join(f'{length:.4f}' for length in lengths)}",
        f"cosine of a text with itself {same:.4f}, with another {other:.4f}",
    )
    if not all(abs(length - 1) <= _NEARLY for length in lengths):
        yield failed("a vector is not of length 1", "", *evidence)
    elif same < _SAME:
        yield failed("the same text has two vectors", "", *evidence)
    elif other > _SAME:
        yield failed("two texts have the same vector", "", *evidence)
    else:
        yield passed("vectors are of length 1, and tell texts apart", "", *evidence)


def _fast(scene: Scene) -> Iterator[Finding]:
    embedder, section = scene.embedder, scene.loaded.config.embedding
    embedder.embed([_OTHER])
    one = statistics.median(_timed(embedder, 1) for _ in range(_TIMES))
    many = _timed(embedder, _BATCH)
    said = f"a text takes {one * 1000:.0f} ms, one of {_BATCH} at once {many / _BATCH / one:.0%}"
    evidence = f"median of {_TIMES}: {one * 1000:.1f} ms; {_BATCH} texts: {many * 1000:.1f} ms"
    patience = section.timeout.total_seconds()
    if section.provider == "openai" and one > patience / 2:
        yield warned(f"{said}: {one / patience:.0%} of embedding.timeout", "", evidence)
    else:
        yield passed(said, "", evidence)


def _timed(embedder: Any, count: int) -> float:
    texts = [f"{_ONE} {secrets.token_hex(8)}" for _ in range(count)]
    started = time.perf_counter()
    embedder.embed(texts)
    return time.perf_counter() - started


CHECKS: tuple[Check, ...] = (
    Check(
        "EM-01",
        "It answers",
        Severity.CRITICAL,
        "Has a text embedded that nobody has embedded before. Without it, new memories are stored "
        "and indexed later, and recalls go by words alone.",
        "see that the endpoint of embedding.url is up; `pip install --force-reinstall "
        "sophia-cli` for the bundled one",
        _answers,
        fast=True,
    ),
    Check(
        "EM-02",
        "Its model is the store's",
        Severity.CRITICAL,
        "Compares the name and the length of its vectors with those that the store is built with. "
        "Vectors of two models cannot be compared.",
        "set the model back, or change the store: sophia reindex --re-embed",
        _fits,
    ),
    Check(
        "EM-03",
        "Its vectors are sound",
        Severity.CRITICAL,
        "Embeds three texts: each vector has to be of length 1, the same text has to have the "
        "same one, and another text another.",
        "see what the endpoint serves: the model, and how it pools",
        _sound,
    ),
    Check(
        "EM-04",
        "How fast it is",
        Severity.MINOR,
        "Times one text and eight at once. How fast is fast enough depends on the machine, so this "
        "tells and does not judge; only an endpoint that takes half of embedding.timeout is warned "
        "of, since it is about to fail.",
        "`sophia bench embedding` measures it in full",
        _fast,
    ),
)
