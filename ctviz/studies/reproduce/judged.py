"""The judge that needs no search: the final models by their exact cheapest counterfactuals; and their calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ctviz.evaluation.calibration import reliability
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.task import Task
from ctviz.experiments.reports import CONFIDENCE, GAP, Report
from ctviz.studies.reproduce import reproduction as what
from ctviz.studies.reproduce.intervals import combine
from ctviz.studies.reproduce.reading import mean, overall, paired_samples, reduced
from ctviz.studies.reproduce.reproduction import Reproduction
from ctviz.studies.reproduce.result import ExactOutcome, Reduction, ReliabilityCurve
from ctviz.studies.reproduce.work import Work
from ctviz.studies.steps import Steps

PART = "solving the same models exactly"

JUDGED = ("ip", "nearest", "nearest_five", "cost")
"""Metrics of exact counterfactuals, without ``exact_``."""

_REFERENCES = {what.FULL: what.CONVENTIONAL}


@dataclass(frozen=True)
class Judgement:
    """What the models of a data set's draws are without a search: ``exact`` is None where nothing was solved; errors of
    calibration are of each draw, by arm."""

    exact: ExactOutcome | None
    reliability: tuple[ReliabilityCurve, ...]
    calibration: Mapping[str, tuple[float, ...]]


def tasks_of(reproduction: Reproduction, data: str, finals: Sequence[Experiment]) -> list[Task]:
    """The task of each draw's final models."""
    protocol = reproduction.on_test_exactly(data)
    return [Task(experiment, protocol, tuple(_REFERENCES.items())) for experiment in finals]


def judged(work: Work, finals: Mapping[str, Sequence[Experiment]]) -> Steps[dict[str, Judgement]]:
    """Data → what the judge says of the final models of all draws; these are trained where the store lacks them."""
    tasks = {data: work.first_done(tasks_of(work.reproduction, data, several)) for data, several in finals.items()}
    flat = yield from work.reports([task for several in tasks.values() for task in several], PART)
    reports = iter(flat)
    return {data: _judgement([next(reports) for _ in several]) for data, several in tasks.items() if several}


def _judgement(reports: Sequence[Report]) -> Judgement:
    arms = (what.CONVENTIONAL, what.FULL)
    errors = {arm: tuple(overall(report, arm, "calibration") for report in reports) for arm in arms}
    return Judgement(_exact(reports), tuple(_curve(reports, arm, errors[arm]) for arm in arms), errors)


def _exact(reports: Sequence[Report]) -> ExactOutcome | None:
    if not reports or GAP not in reports[0].samples:
        return None
    protocol = reports[0].protocol
    found = {}
    for metric in JUDGED:
        pairs = [paired_samples(report, what.FULL, what.CONVENTIONAL, f"exact_{metric}") for report in reports]
        found[metric] = Reduction(**reduced(combine(pairs, protocol.level), pairs))
    shares = {
        (arm, name): mean([overall(report, arm, name) for report in reports])
        for arm in (what.FULL, what.CONVENTIONAL)
        for name in ("exact_found", "exact_proved")
    }
    return ExactOutcome(
        tau=protocol.tau,
        factuals=reports[0].samples[GAP].array.shape[-1],
        draws=len(reports),
        **found,
        found=shares[what.FULL, "exact_found"],
        conventional_found=shares[what.CONVENTIONAL, "exact_found"],
        proved=mean([shares[arm, "exact_proved"] for arm in (what.FULL, what.CONVENTIONAL)]),
        gap=max(_largest_gap(report) for report in reports),
    )


def _largest_gap(report: Report) -> float:
    """Of plans, found by either model; 0 where none was found."""
    gaps = report.samples[GAP].array[[report.arms.index(arm) for arm in (what.FULL, what.CONVENTIONAL)]]
    return float(gaps[np.isfinite(gaps)].max(initial=0.0))


def _curve(reports: Sequence[Report], arm: str, errors: Sequence[float]) -> ReliabilityCurve:
    """The reliability curve of an arm over the samples of all draws."""
    sure, right = (
        torch.from_numpy(np.concatenate([each.samples[name].array[each.arms.index(arm), 0] for each in reports]))
        for name in (CONFIDENCE, "accuracy")
    )
    curve = reliability(sure, right)
    kept = curve.count > 0
    bins = {
        name: tuple(getattr(curve, name)[kept].tolist()) for name in ("low", "high", "count", "confidence", "accuracy")
    }
    known = right[right.isfinite()]
    share = float(known.double().mean()) if len(known) else float("nan")
    return ReliabilityCurve(arm=arm, **bins, error=mean(errors), accuracy_overall=share)
