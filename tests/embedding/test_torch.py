from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from sophia_cli.embedding.torch import TorchEmbedder
from sophia_cli.errors import ConfigurationError


@pytest.mark.parametrize("library", ["torch", "sentence_transformers"])
def test_a_missing_extra_says_how_to_install_it(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    if library != "torch":
        monkeypatch.setitem(sys.modules, "torch", sys)
    with pytest.raises(ConfigurationError, match=f"needs {library}") as missing:
        TorchEmbedder("all-MiniLM-L6-v2")
    assert missing.value.hint == "pip install 'sophia-cli[gpu]'"


def test_a_model_on_the_disk_embeds_without_the_network() -> None:
    """In a process of its own: torch stays out of the others' memory."""
    pytest.importorskip("sentence_transformers", reason="the extra gpu is not installed")
    model = os.environ.get("SOPHIA_TEST_TORCH_MODEL")
    if model is None:
        pytest.skip("SOPHIA_TEST_TORCH_MODEL names no directory of a model")
    program = textwrap.dedent(
        """
        import sys
        import numpy as np
        from sophia_cli.embedding.torch import TorchEmbedder
        embedder = TorchEmbedder(sys.argv[1])
        texts = ["a", "a longer text " * 30, "b"]
        vectors = embedder.embed(texts)
        assert vectors.shape == (3, embedder.dimension) and vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert np.allclose(vectors[2], embedder.embed(["b"])[0], atol=1e-5)
        assert embedder.embed([]).shape == (0, embedder.dimension)
        """
    )
    subprocess.run(
        [sys.executable, "-c", program, model],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        timeout=100,
        check=True,
    )
