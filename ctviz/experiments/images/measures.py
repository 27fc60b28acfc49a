"""What is measured over many pictures: where models look on average, and what their counterfactuals take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ctviz.counterfactuals.settings import SearchSettings
from ctviz.evaluation.attribution import Attributions, AttributionSettings, share, standardised
from ctviz.evaluation.bootstrap import Bootstrap, Estimate
from ctviz.evaluation.images import roughness, total_variation
from ctviz.evaluation.plausibility import ReferenceSamples
from ctviz.experiments.images.answers import IMAGE_METRICS, ClassMeans, ImageNumbers, nothing
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
        intervals = [(nothing((len(g),)), nothing((len(g),)))] * 2
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


@dataclass(frozen=True)
class Ended:
    """Searches of b pictures by m arms, where they began and ended."""

    start: Tensor  # b d
    final: Tensor  # m b d
    targets: Tensor  # b
    mature: Tensor  # m b
    steps: Tensor  # m b
    before: Tensor  # m b: predicted class of the factual
    after: Tensor  # m b: of the counterfactual
    group: Tensor | None  # b: the factual of each row, where several rows belong to one


def measure_numbers(
    ended: Ended,
    real: ReferenceSamples,
    grid: tuple[int, int],
    arms: tuple[str, ...],
    settings: SearchSettings,
    level: float,
    seed: int,
) -> ImageNumbers:
    """Means over the searches that count; all arms share the resamples of the factuals."""
    judged, valid = ended.before != ended.targets, ended.after == ended.targets
    change = ended.final.double() - ended.start
    over_all = {
        "validity": valid,
        "mature": ended.mature,
        "steps": ended.steps,
        "ip": real.implausibility(ended.final, ended.targets.expand(ended.steps.shape)),
    }
    over_valid = {
        "cost": change.abs().sum(dim=-1),
        "variation": total_variation(ended.final, grid),
        "change_variation": total_variation(change, grid),
        "roughness": roughness(change, grid),
    }
    n = len(ended.targets) if ended.group is None else int(ended.group[-1]) + 1
    bootstrap = Bootstrap.of(n, ROUNDS, seed)
    estimates = {name: bootstrap.mean(values, judged, ended.group) for name, values in over_all.items()}
    estimates |= {name: bootstrap.mean(values, judged & valid, ended.group) for name, values in over_valid.items()}
    return ImageNumbers(
        arms=arms,
        settings=settings,
        level=level,
        samples=n,
        judged=judged.sum(dim=1).numpy(),
        metrics={name: estimates[name].interval(level) for name in IMAGE_METRICS},
        differences={name: estimates[name].against_first().interval(level) for name in IMAGE_METRICS},
    )


def _mean(bootstrap: Bootstrap, values: Tensor) -> Estimate:
    """Means over the pictures, where they are defined, of values (m … b)."""
    return bootstrap.mean(values, values.isfinite())


def _by_class(values: Tensor, y: Tensor, k: int) -> Floats:
    """Means over the pictures of each class, where they are defined, of values (m b d), (m k d)."""
    means = [values[:, y == c].nanmean(dim=1) for c in range(k)]
    return np.asarray(torch.stack(means, dim=1).float().numpy())
