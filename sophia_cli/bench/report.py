"""The report: one HTML page that needs no network and no script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sophia_cli.bench import plots, wording
from sophia_cli.bench.compare import Comparison
from sophia_cli.bench.results import Figure, Run, ScenarioResult
from sophia_cli.bench.scenarios import SCENARIOS

_TEMPLATE = "report.html.j2"
_LIMIT_AT = 80.0


@dataclass(frozen=True, slots=True)
class _Bar:
    """How long a figure's bar is, % of the track; the limit stands at 80."""

    median: float
    tail: float
    over: bool


@dataclass(frozen=True, slots=True)
class _Headline:
    """A scenario in one figure: its first, and what it should keep to.

    Attributes:
        tone: `good`, `bad` or `quiet`.
    """

    scenario: str
    name: str
    value: str
    limit: str
    tone: str


def page(run: Run, comparison: Comparison | None = None) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        run=run,
        comparison=comparison,
        about={scenario.name: _about(scenario.name) for scenario in run.scenarios},
        headlines=list(_headlines(run)),
        bar_of=_bar,
        tone_of=_tone,
        measured_once=_measured_once,
        distributions=plots.distributions(run),
        loads=plots.loads(run),
        recalls=[plots.recall(each) for one in run.scenarios for each in one.recalls],
        wording=wording,
    )


def _headlines(run: Run) -> Iterator[_Headline]:
    for scenario in run.scenarios:
        for figure in () if scenario.recalls else scenario.figures[:1]:
            yield _Headline(
                scenario.name,
                figure.name,
                wording.with_unit(figure.value.value, figure.unit),
                wording.limit(figure, figure.target or figure.bound).strip(wording.NOTHING)
                or figure.note,
                _tone(figure),
            )
        for measured in scenario.recalls[:1]:
            kind, by_k = next(iter(measured.values.items()))
            deepest = max(by_k)
            yield _Headline(
                scenario.name,
                f"of the evidence in the first {deepest}",
                f"{100 * by_k[deepest].value:.0f} %",
                f"{measured.name}, {kind}",
                "quiet",
            )


def _tone(figure: Figure) -> str:
    kept = [figure.keeps(limit) for limit in (figure.target, figure.bound) if limit]
    if False in kept:
        return "bad"
    return "good" if kept and None not in kept else "quiet"


def _measured_once(scenario: ScenarioResult) -> bool:
    """Whether its figures are no times of many calls and have no limits: names and values do."""
    return not any(each.quantiles or each.target or each.bound for each in scenario.figures)


def _about(scenario: str) -> str:
    known = SCENARIOS.get(scenario)
    return known.about if known else ""


def _bar(figure: Figure) -> _Bar | None:
    """A bar against the guide's target, else ours; None where there is neither."""
    limit = figure.target or figure.bound
    if limit is None or limit.value <= 0:
        return None
    median, tail = (
        round(max(0.0, min(100.0, _LIMIT_AT * value / limit.value)), 1)
        for value in (figure.value.value, (figure.p95 or figure.value).value)
    )
    return _Bar(median, tail, figure.keeps(limit) is False)
