"""Reading evaluation reports for a reproduction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ctviz.experiments.reports import Report
from ctviz.studies import summary
from ctviz.studies.reproduce.intervals import Paired
from ctviz.studies.summary import Mean


def paired(report: Report, arm: str, reference: str, metric: str) -> Paired:
    """A metric round by round, of an arm and its reference: the mean over those λ_egy in which both are defined."""
    both = report.rounds[report.metrics.index(metric)][[report.arms.index(arm), report.arms.index(reference)]]  # 2 λ r
    both = np.where(np.isfinite(both).all(axis=0), both, np.nan)
    counted = np.isfinite(both).sum(axis=1)  # 2 r
    value, base = np.where(counted > 0, np.nansum(both, axis=1) / np.maximum(counted, 1), np.nan)
    return Paired.of(value, base)


def paired_samples(report: Report, arm: str, reference: str, array: str) -> Paired:
    """A metric sample by sample, of an arm and its reference, over those of which both have a value."""
    value, base = (report.samples[array].array[report.arms.index(name), 0] for name in (arm, reference))
    return Paired.of(value, base)


def overall(report: Report, arm: str, metric: str) -> float:
    """A metric over all rounds; NaN where there is none."""
    return parts(report, arm, metric).get("", math.nan)


def parts(report: Report, arm: str, metric: str) -> dict[str, float]:
    """Part → a metric over all rounds: ε of an attack, name of a feature."""
    table = report.overall
    rows = table[(table["metric"] == metric) & (table["arm"] == arm)]
    return {str(part): float(value) for part, value in zip(rows["part"], rows["value"], strict=True)}


def mean(values: Sequence[float]) -> float:
    """Mean of the finite values; NaN without any."""
    return summary.mean(values).value


def reduced(combined: Mean, pairs: Sequence[Paired]) -> dict[str, Any]:
    """The fields of a ``Reduction``: over the draws, with the means of both sides."""
    return {
        "reduction": combined.value,
        "low": combined.low,
        "high": combined.high,
        "significant": combined.significant if math.isfinite(combined.low) else None,
        "error": combined.error,
        "value": mean([float(p.value.mean()) for p in pairs if p.value.size]),
        "base": mean([float(p.base.mean()) for p in pairs if p.base.size]),
    }
