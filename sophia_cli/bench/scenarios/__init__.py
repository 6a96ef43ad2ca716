"""The scenarios of `sophia bench`: one file each, loaded when it is run.

A new one is a module here with `run(context)`, and a line below. It yields measurements, which are
then visited in turns with those of the other scenarios; or results that it has at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from sophia_cli.bench.context import Context
from sophia_cli.bench.load import LoadMeasurement
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.results import Measured

Step = Measurement | LoadMeasurement | Measured


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario.

    Attributes:
        about: what it measures, in a few words.
        store: whether it is given a filled store, on whose size its figures depend.
        apart: whether it runs only where it is named: it is for a store that takes minutes to fill,
            which is done with vectors that are made up.
    """

    name: str
    about: str
    store: bool = False
    apart: bool = False

    def run(self, context: Context) -> Iterable[Step]:
        """What is to be measured, and what is known already."""
        module = import_module(f"{__name__}.{self.name.replace('-', '_')}")
        steps: Iterable[Step] = module.run(context)
        return steps


SCENARIOS: dict[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("embedding", "text to vectors: one question, and batches"),
        Scenario("vectors", "the vector store: searched by all signals, by meaning, written", True),
        Scenario("cache", "the hot cache: an answer read, written, and given again", True),
        Scenario("end-to-end", "recall and remember beside their embedding; several clients", True),
        Scenario("rest", "a question asked before over HTTP, beside the service; clients", True),
        Scenario("recall", "how much of the evidence comes back, by kind of question"),
        Scenario("ingest", "storing many memories, beside embedding alone"),
        Scenario("gpu", "an encoder and a search in the memory of a GPU, where torch sees one"),
        Scenario("comparison", "every point compared with the records; recall meanwhile", True),
        Scenario("metrics", "recall with and without its meters, and a scrape", True),
        Scenario("gpu-cache", "the rows of the GPU tier, beside a bare product and a bare copy"),
        Scenario("scale", "recall as the store grows, and while memories are ingested", True, True),
    )
}
"""Every scenario by name, in the order in which `all` runs them."""
