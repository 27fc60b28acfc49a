"""The paper's proposition as an experiment: its assumptions, its claim, and whether the data meet the assumptions.

For a linear classifier and normal classes with a common diagonal covariance, protecting an immutable feature in
counterfactual training lowers the classifier's sensitivity to that feature relative to the others, provided that at
least one mutable feature is discriminative.

Two limits were found by experiment (see the tests) and are not part of the proposition. The divergence of a locked
search is w · (x' − x⁺) over the free features: where counterfactuals stop short of the real samples x⁺ it is negative
and pulls the free weights up, which is why protection works. Where a counterfactual has to go beyond the real samples
to make up for the locked feature, it is positive, pulls the free weights down, and the share of the locked feature
rises. And a small weight is not independence: features that correlate with the locked one act as proxies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.data.dataset import Dataset
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Snapshot
from ctviz.training.arm import Arm

Numbers = npt.NDArray[np.float64]

MAX_CORRELATION = 0.1
"""Largest correlation within classes that counts as none."""

MAX_SPREAD_RATIO = 1.25
"""Largest ratio of a feature's standard deviations in two classes that counts as common."""

MAX_SKEWNESS = 0.5
MAX_KURTOSIS = 1.0
"""Largest skewness and excess kurtosis within a class that count as normal."""

MIN_EFFECT = 1.0
"""Least distance of two class means, in standard deviations, at which a feature discriminates: below it protection
changed the share of the locked feature by 0.01 or less in our runs."""

MAX_DIVERGENCE = 0.01
"""Divergence above which locked counterfactuals count as going beyond the real samples."""


@dataclass(frozen=True)
class Assumption:
    """One assumption of the proposition, whether it holds, and by which numbers, of which columns."""

    name: str
    holds: bool
    numbers: tuple[float, ...]
    columns: tuple[int, ...] = ()


def locked_columns(arms: Sequence[Arm]) -> tuple[int, ...]:
    """Columns that any of the arms locks in training."""
    refs = [ref for arm in arms if arm.holds("training") for ref in arm.locked]
    return tuple(sorted({FEATURE_NAMES.index(ref) if isinstance(ref, str) else ref for ref in refs}))


def assumptions(experiment: Experiment, dataset: Dataset) -> tuple[Assumption, ...]:
    """The assumptions in their order, each measured on the training data."""
    X, y = dataset.train
    groups = [X[y == c].numpy().astype(np.float64) for c in range(dataset.k)]
    locks = {locked_columns([arm]) for arm in experiment.arms} - {()} or {()}
    free = [[i for i in range(dataset.d) if i not in locked] for locked in sorted(locks)]
    layers = len(experiment.model.hidden)
    return (
        Assumption("linear", layers == 0, (layers,)),
        _normal(groups),
        _common(groups),
        _uncorrelated(groups),
        _discriminative(groups, free),
    )


def _normal(groups: Sequence[Numbers]) -> Assumption:
    """By the largest skewness and the largest excess kurtosis."""
    scaled = [(g - g.mean(0)) / _spread(g) for g in groups]
    skewness = max(float(np.abs((z**3).mean(0)).max()) for z in scaled)
    tails = max(float(np.abs((z**4).mean(0) - 3).max()) for z in scaled)
    return Assumption("normal", skewness <= MAX_SKEWNESS and tails <= MAX_KURTOSIS, (skewness, tails))


def _common(groups: Sequence[Numbers]) -> Assumption:
    """By the largest ratio of a feature's standard deviations in two classes."""
    spreads = np.stack([_spread(g) for g in groups])  # k d
    ratios = spreads.max(0) / spreads.min(0)
    worst = int(ratios.argmax())
    return Assumption("common", bool(ratios[worst] <= MAX_SPREAD_RATIO), (float(ratios[worst]),), (worst,))


def _uncorrelated(groups: Sequence[Numbers]) -> Assumption:
    """By the largest correlation within a class."""
    pairs = list(combinations(range(groups[0].shape[1]), 2))
    found = {pair: max((_correlation(g, *pair) for g in groups), key=abs) for pair in pairs}
    pair, worst = max(found.items(), key=lambda item: abs(item[1]))
    return Assumption("uncorrelated", abs(worst) <= MAX_CORRELATION, (worst,), pair)


def _discriminative(groups: Sequence[Numbers], free: Sequence[Sequence[int]]) -> Assumption:
    """By the distance of two class means in standard deviations.

    ``free``: the columns that an arm leaves free, for each set of locks; the worst off decides.
    """
    means = np.stack([g.mean(0) for g in groups])
    spread = np.sqrt(np.mean([_spread(g) ** 2 for g in groups], axis=0))
    effects = np.max([np.abs(a - b) for a, b in combinations(means, 2)], axis=0) / spread
    best = min((max(own, key=lambda i: effects[i]) for own in free), key=lambda i: effects[i])
    return Assumption("discriminative", bool(effects[best] >= MIN_EFFECT), (float(effects[best]),), (best,))


def _spread(group: Numbers) -> Numbers:
    spread: Numbers = np.maximum(group.std(0), 1e-12)
    return spread


def _correlation(group: Numbers, i: int, j: int) -> float:
    moved = group - group.mean(0)
    product = (moved[:, i] * moved[:, j]).mean()
    return float(product / (_spread(group)[i] * _spread(group)[j]))


def overshoots(experiment: Experiment, snapshot: Snapshot) -> bool:
    """Whether the counterfactuals of an arm that locks features end beyond the real samples: its divergence is > 0."""
    divergence = snapshot.metrics["loss_div"]
    return any(
        arm.lambda_div > 0 and arm.shield == "on" and locked_columns([arm]) and divergence[i] > MAX_DIVERGENCE
        for i, arm in enumerate(experiment.arms)
    )
