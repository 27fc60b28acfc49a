"""Metrics over many pictures: mean attributions, and metrics of counterfactuals."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.errors import ConfigError
from ctviz.evaluation.attribution import Attributions, AttributionSettings, share, standardised
from ctviz.evaluation.bootstrap import Bootstrap, Estimate, Interval
from ctviz.evaluation.bootstrap import Floats as Doubles
from ctviz.evaluation.images import roughness, total_variation
from ctviz.evaluation.plausibility import ReferenceSamples
from ctviz.experiments.images.answers import IMAGE_METRICS, ClassMeans, ImageNumbers, undefined_interval
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


@dataclass(frozen=True)
class SearchEnds:
    """Start and end points of searches of b pictures by m arms."""

    start: Tensor  # b d
    final: Tensor  # m b d
    targets: Tensor  # b
    mature: Tensor  # m b
    steps: Tensor  # m b
    before: Tensor  # m b: predicted class of the factual
    after: Tensor  # m b: of the counterfactual
    group: Tensor | None  # b: the factual of each row, where several rows belong to one


def measure_numbers(
    ended: SearchEnds,
    real: ReferenceSamples,
    grid: tuple[int, int],
    arms: tuple[str, ...],
    settings: SearchSettings,
    level: float,
    seed: int,
) -> ImageNumbers:
    """Means over the judged searches; all arms share the resamples of the factuals."""
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
    differences = {name: bootstrap.pairs(values, judged, ended.group) for name, values in over_all.items()}
    differences |= {name: bootstrap.pairs(values, judged & valid, ended.group) for name, values in over_valid.items()}
    return ImageNumbers(
        arms=arms,
        settings=settings,
        level=level,
        samples=n,
        judged=judged.sum(dim=1).numpy(),
        metrics={name: estimates[name].interval(level) for name in IMAGE_METRICS}
        | {name: _of_share(estimates[name], judged, ended.group, level) for name in SHARES},
        differences={name: differences[name].interval(level) for name in IMAGE_METRICS},
    )


SHARES = ("validity", "mature")
"""Metrics that are shares of searches."""


def _of_share(estimate: Estimate, judged: Tensor, group: Tensor | None, level: float) -> Interval:
    """A share of the judged searches (m b), with its interval.

    Several searches of one factual are not independent, so the factual counts once, which is conservative.
    """
    if group is not None:
        judged = torch.stack([judged[:, group == factual].any(dim=1) for factual in group.unique()], dim=1)
    return wilson(estimate.interval(level).value, judged.sum(dim=1).double().numpy(), level)


def wilson(share: Doubles, counted: Doubles, level: float) -> Interval:
    """Wilson's interval of a share, which has a positive width even at 0 and 1, where all resamples are alike.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n) with z the normal quantile of (1 + level)/2 (Wilson 1927).

    Args:
        share: p, (…); NaN stays NaN.
        counted: n of each, of a shape that fits.

    Raises:
        ConfigError: a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError("level", level, "a number between 0 and 1, such as 0.99")
    z = NormalDist().inv_cdf((1 + level) / 2)
    n = np.where(np.isnan(share), np.nan, np.broadcast_to(counted, np.shape(share)))
    middle = share + z * z / (2 * n)
    away = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((middle + side) / (1 + z * z / n) for side in (-away, away))
    # At 0 and 1, one end is the share itself, which rounding may miss.
    return Interval(share, np.minimum(low, share).clip(0, 1), np.maximum(high, share).clip(0, 1))


def _mean(bootstrap: Bootstrap, values: Tensor) -> Estimate:
    """Means over the pictures, where they are defined, of values (m … b)."""
    return bootstrap.mean(values, values.isfinite())


def _by_class(values: Tensor, y: Tensor, k: int) -> Floats:
    """Means over the pictures of each class, where they are defined, of values (m b d), (m k d)."""
    means = [values[:, y == c].nanmean(dim=1) for c in range(k)]
    return np.asarray(torch.stack(means, dim=1).float().numpy())
