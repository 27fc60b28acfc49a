"""Metrics over many pictures: mean attributions, and metrics of counterfactuals."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ctviz.evaluation.attribution import Attributions, AttributionSettings, share, standardised
from ctviz.evaluation.bootstrap import Bootstrap, Estimate
from ctviz.experiments.images.answers import ClassMeans, undefined_interval
from ctviz.experiments.trace import Floats

ROUNDS = 1_000
"""Resamples behind an interval."""


def measure_means(
    found: Attributions,
    y: Tensor,
    k: int,
    grid: tuple[int, int],
    locked: Tensor,
    arms: tuple[str, ...],
    settings: AttributionSettings,
    level: float,
    seed: int,
) -> ClassMeans:
    """Means of attributions (m b d) of pictures of classes y (b); ``locked`` (d), bool."""
    g = found.values
    parts, scaled = share(g), standardised(g)
    bootstrap = Bootstrap.of(len(y), ROUNDS, seed)
    by_row = _mean(bootstrap, parts.unflatten(-1, grid).sum(dim=-1).mT)  # m r
    measures = [_mean(bootstrap, parts[..., locked].sum(-1)), _mean(bootstrap, scaled[..., locked].mean(-1))]
    intervals = [(one.interval(level), one.against_first().interval(level)) for one in measures]
    if not locked.any():
        intervals = [(undefined_interval((len(g),)), undefined_interval((len(g),)))] * 2
    size = g.abs().sum(dim=-1).double().mean(dim=-1)
    return ClassMeans(
        arms=arms,
        settings=settings,
        level=level,
        samples=len(y),
        counts=np.bincount(y.numpy(), minlength=k),
        mean=_by_class(scaled, y, k),
        signed=_by_class(g.double(), y, k),
        locked=locked.numpy(),
        share=intervals[0][0],
        difference=intervals[0][1],
        standardised=intervals[1][0],
        standardised_difference=intervals[1][1],
        rows=by_row.interval(level),
        row_difference=by_row.against_first().interval(level),
        error=(found.error.abs().double().mean(dim=-1) / torch.where(size > 0, size, torch.nan)).numpy(),
    )


def _mean(bootstrap: Bootstrap, values: Tensor) -> Estimate:
    """Means over the pictures, where they are defined, of values (m … b)."""
    return bootstrap.mean(values, values.isfinite())


def _by_class(values: Tensor, y: Tensor, k: int) -> Floats:
    """Means over the pictures of each class, where they are defined, of values (m b d), (m k d)."""
    means = [values[:, y == c].nanmean(dim=1) for c in range(k)]
    return np.asarray(torch.stack(means, dim=1).float().numpy())
