"""The dependence of the gain on the evaluation's search steps: the same models, searched with other steps.

Where a model is steep, a step overshoots the data. Conventional models grow steeper than those
trained on counterfactuals, so the longer the steps, the worse they look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.task import Task
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import Report
from ctviz.studies.reproduce import reproduction as what
from ctviz.studies.reproduce.intervals import combine
from ctviz.studies.reproduce.reading import paired, reduced
from ctviz.studies.reproduce.reproduction import Reproduction
from ctviz.studies.reproduce.result import Reduction, SearchVariant
from ctviz.studies.reproduce.studies import Final
from ctviz.studies.reproduce.work import Work
from ctviz.studies.steps import Steps

SEARCHES = ((0.01, 1000), (0.25, 50))
"""Pairs of η and T that are tried besides the protocol's: steps a tenth of the size, with enough of them to mature; and
the paper's η of training."""

DRAWS = 10
"""Draws that are searched again: the short steps take as long as everything else."""

_REFERENCES = {what.FULL: what.CONVENTIONAL}


def searches_of(reproduction: Reproduction, data: str, finals: Sequence[Experiment]) -> list[Task]:
    """The tasks that search a data set's final models again, each draw's together; none for images."""
    if finals and finals[0].data.grid is not None:
        return []
    protocol, references = reproduction.on_test(data), tuple(_REFERENCES.items())
    return [Task(final, _with(protocol, *search), references) for final in finals[:DRAWS] for search in SEARCHES]


def searched(work: Work, finals: Mapping[str, Sequence[Final]]) -> Steps[dict[str, tuple[SearchVariant, ...]]]:
    """Data → IP and IP* with each search, over the first ``DRAWS`` draws; not for images, which take minutes."""
    planes = {data: several[:DRAWS] for data, several in finals.items() if several[0].experiment.data.grid is None}
    tasks = [
        task
        for data, several in planes.items()
        for task in searches_of(work.reproduction, data, [final.experiment for final in several])
    ]
    flat = yield from work.reports(tasks, "searching the same models in shorter and longer steps")
    reports = iter(flat)
    found: dict[str, tuple[SearchVariant, ...]] = dict.fromkeys(finals, ())
    for data, several in planes.items():
        usual = several[0].report.protocol
        by_search = {(usual.step_size, usual.steps): [final.report for final in several]}
        for final_reports in [[next(reports) for _ in SEARCHES] for _ in several]:
            for search, report in zip(SEARCHES, final_reports, strict=True):
                by_search.setdefault(search, []).append(report)
        found[data] = tuple(_compared(*search, by_search[search], usual.level) for search in sorted(by_search))
    return found


def _with(protocol: Protocol, step_size: float, steps: int) -> Protocol:
    return protocol.change({"step_size": step_size, "steps": steps, "also": (), "attacks": ()})


def _compared(step_size: float, steps: int, reports: Sequence[Report], level: float) -> SearchVariant:
    pairs = {
        metric: [paired(report, what.FULL, what.CONVENTIONAL, metric) for report in reports]
        for metric in ("ip", "ip_star")
    }
    found = {metric: Reduction(**reduced(combine(several, level), several)) for metric, several in pairs.items()}
    return SearchVariant(step_size=step_size, steps=steps, **found)
