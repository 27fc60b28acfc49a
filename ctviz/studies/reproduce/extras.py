"""Results beside Table 1: the ablation, accuracy under attack, sensitivity to locked features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from ctviz.data.catalogue import feature_name
from ctviz.evaluation.attribution import integrated_gradients, share, uniform_baselines
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import Report
from ctviz.experiments.run import Run
from ctviz.isolation import isolated
from ctviz.models.stack import Stack
from ctviz.studies import summary
from ctviz.studies.reproduce import reproduction as what
from ctviz.studies.reproduce.intervals import combine
from ctviz.studies.reproduce.reading import mean, paired, parts
from ctviz.studies.reproduce.result import Ablation, Curve, SensitivityResult
from ctviz.studies.summary import Floats

MAX_SAMPLES = 600
"""Most samples that are attributed."""

SENSITIVITY_ARMS = (what.LOCKED_FULL, what.LOCKED_CONVENTIONAL, what.UNLOCKED)
"""Arms whose sensitivity to locked features is measured."""

Attack = Literal["fgsm", "pgd"]


def ablation(data: str, reports: Sequence[Report], level: float) -> list[Ablation]:
    """IP and IP* of each variant of the objective against conventional training."""
    found = []
    for arm in what.VARIANTS_COMPARED:
        for metric in ("ip", "ip_star"):
            one = combine([paired(report, arm, what.CONVENTIONAL, metric) for report in reports], level)
            found.append(
                Ablation(
                    data=data,
                    arm=arm,
                    metric=metric,
                    reduction=one.value,
                    low=one.low,
                    high=one.high,
                    significant=one.significant if math.isfinite(one.low) else None,
                    error=one.error,
                )
            )
    return found


def curves(data: str, reports: Sequence[Report]) -> list[Curve]:
    """Accuracy of each variant under attacks of growing strength."""
    found = []
    for attack in get_args(Attack):
        for arm in (what.CONVENTIONAL, *what.VARIANTS_COMPARED):
            per_draw = [
                {float(part): value for part, value in parts(report, arm, attack).items()} for report in reports
            ]
            strengths = sorted({epsilon for one in per_draw for epsilon in one})
            if not strengths:
                continue
            values = np.array([[one.get(epsilon, math.nan) for epsilon in strengths] for one in per_draw])  # s ε
            found.append(
                Curve(
                    data=data,
                    arm=arm,
                    attack=attack,
                    epsilon=tuple(strengths),
                    accuracy=_numbers(values.mean(axis=0)),
                    least=_numbers(values.min(axis=0)),
                    greatest=_numbers(values.max(axis=0)),
                )
            )
    return found


def _numbers(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(value) if math.isfinite(value) else None for value in values)


def sensitivity(data: str, finals: Sequence[tuple[Run, Report]], level: float) -> list[SensitivityResult]:
    """Sensitivity to the locked features, of the model trained with the lock and of the conventional one."""
    names, arms = [feature_name(ref) for ref in what.LOCKED[data]], SENSITIVITY_ARMS
    standardised, shares = [], []
    for run, report in finals:
        known = [parts(report, arm, "sensitivity") for arm in arms]
        standardised.append([mean([one.get(name, math.nan) for name in names]) for one in known])
        shares.append(locked_shares(run, report.protocol, arms))
    feature = " and ".join(names)
    return [
        _compared(data, feature, "standardised", standardised, level),
        _compared(data, feature, "share", shares, level),
    ]


@isolated()
def locked_shares(run: Run, protocol: Protocol, arms: Sequence[str]) -> list[float]:
    """Mean over samples of Σ |g_d| over the features that an arm locks, as a share of Σ |g| over all features:
    integrated gradients of the predicted class's logit, from baselines U(−1, 1)."""
    experiment, data = run.experiment, run.data
    whole = Stack.from_weights(run.snapshot().weights, experiment.model, experiment.data.grid, experiment.members)
    X = protocol.samples(data)[0][:MAX_SAMPLES]
    baselines = uniform_baselines(len(X), data.d, protocol.seed)
    found = []
    for name in arms:
        position = run.arms.index(name)
        columns = [i for ref in experiment.arms[position].locked for i in data.schema.columns_of(ref)]
        stack = whole.take([position])
        values = integrated_gradients(stack, X.expand(1, -1, -1), baselines=baselines).values[0]  # b d
        found.append(mean(share(values)[:, columns].sum(dim=-1).tolist()))
    return found


def _compared(
    data: str, feature: str, measure: Literal["standardised", "share"], pairs: Sequence[Sequence[float]], level: float
) -> SensitivityResult:
    """Student's interval of the difference over the draws."""
    found = summary.mean([value - base for value, base, _ in pairs], level)
    return SensitivityResult(
        data=data,
        feature=feature,
        measure=measure,
        value=mean([value for value, _, _ in pairs]),
        base=mean([base for _, base, _ in pairs]),
        unlocked=mean([unlocked for _, _, unlocked in pairs]),
        difference=found.value,
        low=found.low,
        high=found.high,
        significant=found.significant if math.isfinite(found.low) else None,
    )
