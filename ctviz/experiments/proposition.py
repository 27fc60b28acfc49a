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
from torch import Tensor

from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.data.dataset import Dataset
from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Snapshot
from ctviz.models.stack import Stack
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
    """One assumption of the proposition: whether it holds, and a sentence with the number that says so."""

    name: str
    holds: bool
    sentence: str


def locked_columns(arms: Sequence[Arm]) -> tuple[int, ...]:
    """Columns that any of the arms locks in training."""
    refs = [ref for arm in arms if arm.holds("training") for ref in arm.locked]
    return tuple(sorted({FEATURE_NAMES.index(ref) if isinstance(ref, str) else ref for ref in refs}))


def assumptions(
    experiment: Experiment, dataset: Dataset, features: Sequence[str] = FEATURE_NAMES
) -> tuple[Assumption, ...]:
    """The assumptions in order, each measured on the training data; ``features``: names of the columns."""
    X, y = dataset.train
    groups = [X[y == c].numpy().astype(np.float64) for c in range(dataset.k)]
    locks = {locked_columns([arm]) for arm in experiment.arms} - {()} or {()}
    free = [[i for i in range(dataset.d) if i not in locked] for locked in sorted(locks)]
    return (
        _linear(experiment),
        _normal(groups),
        _common(groups, features),
        _uncorrelated(groups, features),
        _discriminative(groups, free, features),
    )


def _linear(experiment: Experiment) -> Assumption:
    layers = len(experiment.model.hidden)
    if layers == 0:
        return Assumption("linear", True, "The models are linear.")
    have = "a hidden layer" if layers == 1 else f"{layers} hidden layers"
    return Assumption("linear", False, f"The models have {have}; the proposition speaks of linear ones.")


def _normal(groups: Sequence[Numbers]) -> Assumption:
    scaled = [(g - g.mean(0)) / _spread(g) for g in groups]
    skewness = max(float(np.abs((z**3).mean(0)).max()) for z in scaled)
    tails = max(float(np.abs((z**4).mean(0) - 3).max()) for z in scaled)
    holds = skewness <= MAX_SKEWNESS and tails <= MAX_KURTOSIS
    shape = "looks normal" if holds else "does not look normal"
    sentence = f"Each class {shape}: skewness up to {skewness:.2f}, excess kurtosis up to {tails:.2f}."
    return Assumption("normal", holds, sentence.replace("Each class does not look", "Not each class looks"))


def _common(groups: Sequence[Numbers], features: Sequence[str]) -> Assumption:
    spreads = np.stack([_spread(g) for g in groups])  # k d
    ratios = spreads.max(0) / spreads.min(0)
    worst = int(ratios.argmax())
    holds = bool(ratios[worst] <= MAX_SPREAD_RATIO)
    how = "spread alike" if holds else "spread differently"
    times = f"the standard deviation of {features[worst]} differs by a factor of {ratios[worst]:.2f}"
    return Assumption("common", holds, f"The classes {how}: {times}.")


def _uncorrelated(groups: Sequence[Numbers], features: Sequence[str]) -> Assumption:
    pairs = list(combinations(range(groups[0].shape[1]), 2))
    found = {pair: max((_correlation(g, *pair) for g in groups), key=abs) for pair in pairs}
    (i, j), worst = max(found.items(), key=lambda item: abs(item[1]))
    holds = abs(worst) <= MAX_CORRELATION
    text = f"{worst:.2f}".replace("-", "−")
    together = "do not go together" if holds else "go together"
    sentence = f"Within a class, {features[i]} and {features[j]} {together}: their correlation is {text}."
    return Assumption("uncorrelated", holds, sentence)


def _discriminative(groups: Sequence[Numbers], free: Sequence[Sequence[int]], features: Sequence[str]) -> Assumption:
    """``free``: the free columns, for each distinct set of locks; the worst case decides."""
    means = np.stack([g.mean(0) for g in groups])
    spread = np.sqrt(np.mean([_spread(g) ** 2 for g in groups], axis=0))
    effects = np.max([np.abs(a - b) for a, b in combinations(means, 2)], axis=0) / spread
    best = min((max(own, key=lambda i: effects[i]) for own in free), key=lambda i: effects[i])
    holds = bool(effects[best] >= MIN_EFFECT)
    tells = "tells the classes apart" if holds else "hardly tells the classes apart"
    apart = f"their means are {effects[best]:.1f} standard deviations apart"
    return Assumption("discriminative", holds, f"The free feature {features[best]} {tells}: {apart}.")


def _spread(group: Numbers) -> Numbers:
    spread: Numbers = np.maximum(group.std(0), 1e-12)
    return spread


def _correlation(group: Numbers, i: int, j: int) -> float:
    moved = group - group.mean(0)
    product = (moved[:, i] * moved[:, j]).mean()
    return float(product / (_spread(group)[i] * _spread(group)[j]))


def weight_share(stack: Stack, column: int, classes: tuple[int, int] = (0, 1)) -> Tensor:
    """|w_d| / Σ|w| of each linear model, (m), with w the difference of two classes' weights; NaN without weights.

    Raises:
        DataError: models with hidden layers, whose sensitivity differs from point to point.
    """
    if len(stack.layers) != 1:
        raise DataError("Only a linear model has one weight for each feature; these have hidden layers.")
    rows = stack.layers[0][:, :, :-1]
    weights = (rows[:, classes[1]] - rows[:, classes[0]]).abs()  # m d
    return weights[:, column] / weights.sum(dim=1)


def overshoots(experiment: Experiment, snapshot: Snapshot) -> bool:
    """Whether the counterfactuals of an arm that locks features end beyond the real samples: its divergence is > 0."""
    divergence = snapshot.metrics["loss_div"]
    return any(
        arm.lambda_div > 0 and arm.shield == "on" and locked_columns([arm]) and divergence[i] > MAX_DIVERGENCE
        for i, arm in enumerate(experiment.arms)
    )


PROMISE = "protection lowers the share of the locked feature"

CONSEQUENCES = {
    "linear": "the promise is not proven for such models, though it may hold",
    "normal": "the promise is not proven for such data",
    "common": "the promise is not proven for such data",
    "uncorrelated": (
        "the free feature is a proxy: the weight of the locked one may shrink while decisions go along with it"
    ),
    "discriminative": "without the locked feature there is little left to decide by, and protection changes little",
}
"""The consequence of each assumption that fails."""


def verdict(found: Sequence[Assumption], beyond: bool = False) -> str:
    """One line: what the proposition claims here, or which assumptions fail and with what consequence.

    ``beyond``: whether the counterfactuals overshoot, as ``overshoots`` tells.
    """
    failed = [assumption for assumption in found if not assumption.holds]
    warning = (
        " But counterfactuals go beyond the real samples here, which reverses the divergence and may raise the share."
        if beyond
        else ""
    )
    if not failed:
        return f"The assumptions hold, so the paper's proposition promises: {PROMISE}.{warning}"
    reasons = [f"{a.sentence[0].lower()}{a.sentence[1:].rstrip('.')}, so {CONSEQUENCES[a.name]}" for a in failed]
    count = "One assumption fails" if len(failed) == 1 else f"{len(failed)} assumptions fail"
    return f"{count}: {'; '.join(reasons)}.{warning}"
