"""`gpu`: an encoder and a search in the memory of a GPU, wherever torch sees one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency
from sophia_cli.bench.machine import gpu
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.results import Limit, Skipped

_LAYERS, _WIDTH, _HEADS, _INNER = 6, 384, 12, 1536  # all-MiniLM-L6-v2
_TOKENS = 32
_ROWS = 100_000
_BEST = 50
_ENCODER = "MiniLM's shape, random weights, 32 tokens a text"


def run(context: Context) -> Iterator[Measurement | Skipped]:  # noqa: ARG001
    """An encoder of MiniLM's shape, and the nearest of 100,000 vectors, all in device memory.

    The encoder's weights are random, since they do not matter to its time: so nothing is
    downloaded. The model that is configured, on a GPU too, is measured by `embedding`.
    """
    device, name = gpu()
    if device is None:
        yield Skipped("all of it", f"no GPU here, {name}")
        return
    try:
        yield from measurements(device)
    except RuntimeError as error:
        yield Skipped("all of it", f"{name} failed: {str(error).splitlines()[0]}")


def measurements(device: str) -> Iterator[Measurement]:
    """The measurements on one of torch's devices; `cpu` will do for a test."""
    import torch

    wait: Callable[[], None] = {
        "cuda": torch.cuda.synchronize,
        "mps": torch.mps.synchronize,
    }.get(device, lambda: None)
    layer = torch.nn.TransformerEncoderLayer(
        _WIDTH, _HEADS, _INNER, activation="gelu", batch_first=True
    )
    encoder = torch.nn.TransformerEncoder(layer, _LAYERS).to(device).eval()
    rows = torch.randn(_ROWS, _WIDTH, device=device)
    query = torch.randn(_WIDTH, device=device)

    def encode(texts: int) -> Callable[[int], None]:
        tokens = torch.randn(texts, _TOKENS, _WIDTH, device=device)

        def once(_: int) -> None:
            with torch.inference_mode():
                encoder(tokens)
            wait()

        return once

    def search(_: int) -> None:
        with torch.inference_mode():
            torch.topk(rows @ query, _BEST)
        wait()

    calls = [encode(1), encode(64), search]
    for call in calls:
        call(0)  # what the device cannot do, it says now
    yield Measurement(
        *calls,
        figures=lambda one, many, searched, pace: [
            latency("encoder, one text", one, pace, target=Limit(50, "p95"), note=_ENCODER),
            latency("encoder, 64 texts", many, pace, note=_ENCODER),
            latency("nearest of 100,000", searched, pace, target=Limit(10, "p95")),
        ],
    )
