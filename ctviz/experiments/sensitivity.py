"""Sensitivity of models to each feature, by integrated gradients, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ctviz.data.dataset import Dataset
from ctviz.evaluation.attribution import integrated_gradients, share, standardised, uniform_baselines
from ctviz.evaluation.bootstrap import Bootstrap, Estimate, Interval
from ctviz.evaluation.features import FeatureColumns
from ctviz.isolation import isolated
from ctviz.models.stack import Stack
from ctviz.short_repr import ShortRepr
from ctviz.training.arm import Arm

SAMPLES = 2500
"""Most test samples that are attributed."""

ROUNDS = 1000
"""Resamples; the paper's 100 would leave half a resample outside each end of a 99 % interval."""


@dataclass(frozen=True, repr=False, eq=False)
class Sensitivity(ShortRepr):
    """Integrated gradients of the logit of the predicted class, per arm and feature.

    ``share`` is |g_f| / Σ |g|, averaged over samples: the feature's share of the output; the shares of an arm add up to
    1. The attribution g_f of a category is the sum of those of its columns. ``standardised`` is the paper's
    |g_f| / (max − min) (two features), whose mean a few samples with nearly equal
    parts can dominate. Differences are taken to the first arm, sample by sample.
    """

    arms: tuple[str, ...]
    features: tuple[str, ...]
    locked: npt.NDArray[np.bool_]  # m f: features that the arm may not change
    level: float
    samples: int
    share: Interval  # m f
    standardised: Interval  # m f
    share_difference: Interval  # m f
    standardised_difference: Interval  # m f
    error: float  # mean completeness error, as a share of mean Σ |g|: the accuracy of the integral


@isolated()
def measure_sensitivity(
    stack: Stack, data: Dataset, arms: Sequence[Arm], level: float = 0.99, seed: int = 0
) -> Sensitivity:
    """Attribute the predictions for up to 2,500 test samples; baselines from U(−1, 1), shared by all arms."""
    X = data.test[0][:SAMPLES]
    with torch.no_grad():
        inputs = X.expand(stack.m, -1, -1)
        classes = stack(inputs).argmax(dim=-1)
    found = integrated_gradients(stack, inputs, classes, uniform_baselines(len(X), data.d, seed))
    error = found.error.abs().sum() / found.values.abs().sum().clamp_min(torch.finfo(X.dtype).tiny)
    bootstrap = Bootstrap.of(len(X), ROUNDS, seed)
    by_feature = FeatureColumns.of(data.schema).total(found.values)  # m b f
    parts = _means(bootstrap, share(by_feature)), _means(bootstrap, standardised(by_feature))
    held = [{i for ref in arm.locked for i in data.schema.positions(ref)} for arm in arms]
    locked = [[i in positions for i in range(len(data.schema.features))] for positions in held]
    return Sensitivity(
        arms=tuple(arm.name for arm in arms),
        features=data.schema.names,
        locked=np.array(locked, dtype=bool).reshape(len(arms), len(data.schema.features)),
        level=level,
        samples=len(X),
        share=parts[0].interval(level),
        standardised=parts[1].interval(level),
        share_difference=parts[0].against_first().interval(level),
        standardised_difference=parts[1].against_first().interval(level),
        error=float(error),
    )


def _means(bootstrap: Bootstrap, values: torch.Tensor) -> Estimate:
    """Means over the samples, where they are defined, of values (m b f)."""
    by_feature = values.mT  # m f b
    return bootstrap.mean(by_feature, by_feature.isfinite())
