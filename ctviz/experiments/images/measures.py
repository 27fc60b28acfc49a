"""Metrics over many pictures: mean attributions, and metrics of counterfactuals."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.evaluation.attribution import Attributions, AttributionSettings, share, standardised
from ctviz.evaluation.bootstrap import Bootstrap, Estimate, Interval
from ctviz.evaluation.ends import END_METRICS, Comparison, SearchEnds, estimates
from ctviz.evaluation.wilson import wilson
from ctviz.experiments.endpoints import factuals_of
from ctviz.experiments.images.answers import IMAGE_METRICS, ClassMeans, ImageNumbers, undefined_interval
from ctviz.experiments.trace import Floats, Ints

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


def measure_numbers(
    ends: SearchEnds,
    judged: Tensor,
    by: Comparison,
    group: Ints,
    arms: tuple[str, ...],
    settings: SearchSettings,
    level: float,
    seed: int,
) -> ImageNumbers:
    """Means over the judged searches (m b); all arms share the resamples of the factuals.

    ``group`` (b): the factual of each search, where several may belong to one.
    """
    n, several = factuals_of(group)
    metrics, differences = estimates(ends, judged, by, IMAGE_METRICS, Bootstrap.of(n, ROUNDS, seed), several)
    return ImageNumbers(
        arms=arms,
        settings=settings,
        level=level,
        samples=n,
        judged=judged.sum(dim=1).numpy(),
        metrics={
            name: _of_share(estimate, judged, several, level) if END_METRICS[name].share else estimate.interval(level)
            for name, estimate in metrics.items()
        },
        differences={name: estimate.interval(level) for name, estimate in differences.items()},
    )


def _of_share(estimate: Estimate, judged: Tensor, group: Tensor | None, level: float) -> Interval:
    """A share of the judged searches (m b), with its interval.

    Several searches of one factual are not independent, so the factual counts once, which is conservative.
    """
    if group is not None:
        judged = torch.stack([judged[:, group == factual].any(dim=1) for factual in group.unique()], dim=1)
    return wilson(estimate.interval(level).value, judged.sum(dim=1).double().numpy(), level)


def _mean(bootstrap: Bootstrap, values: Tensor) -> Estimate:
    """Means over the pictures, where they are defined, of values (m … b)."""
    return bootstrap.mean(values, values.isfinite())


def _by_class(values: Tensor, y: Tensor, k: int) -> Floats:
    """Means over the pictures of each class, where they are defined, of values (m b d), (m k d)."""
    means = [values[:, y == c].nanmean(dim=1) for c in range(k)]
    return np.asarray(torch.stack(means, dim=1).float().numpy())
