"""The ends of searches, and every metric of them once: a value for each search, its means, and intervals of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import torch
from torch import Tensor

from ctviz.data.kinds import PICTURES, PLANE, TABLE, DataKind, kind_of_data
from ctviz.data.schema import Grid, Schema
from ctviz.evaluation.bootstrap import Bootstrap, Estimate
from ctviz.evaluation.features import FeatureColumns
from ctviz.evaluation.images import roughness, total_variation
from ctviz.evaluation.plausibility import ReferenceSamples
from ctviz.evaluation.reader import read_digits, reads
from ctviz.evaluation.reduce import masked_mean


@dataclass(frozen=True)
class SearchEnds:
    """Where b searches by m models started and ended, and what came of them; for one model the axis m may be left out.

    ``nearest`` are the real samples of the target classes that lie nearest to the end points, where they are known;
    ``group`` is the factual of each search, in order, where several belong to one.
    """

    start: Tensor  # m b d, or b d where all models start from the same: x
    final: Tensor  # m b d: x'
    target: Tensor  # m b, or b: y⁺
    valid: Tensor  # m b, bool: whether the model puts x' into the target class, argmax M(x') = y⁺
    mature: Tensor  # m b, bool: reached τ within the allowed steps
    steps: Tensor  # m b: steps taken
    nearest: Tensor | None = None  # m b d
    group: Tensor | None = None  # b

    @cached_property
    def change(self) -> Tensor:
        """x' − x, (m b d), float64."""
        return self.final.double() - self.start.double()

    @cached_property
    def read(self) -> tuple[Tensor, Tensor]:
        """The digits that the reader reads before and after each search, (m b) or (b), and (m b)."""
        before, after = (read_digits(points).argmax(dim=-1) for points in (self.start, self.final))
        return before, after

    def cost(self, features: FeatureColumns) -> Tensor:
        """‖x' − x‖₁ of each search, (m b), where a changed category counts 1."""
        return features.cost(self.change)


@dataclass(frozen=True)
class Comparison:
    """With what the ends of searches are compared: real samples of each class, and what their columns are."""

    real: ReferenceSamples
    features: FeatureColumns
    grid: Grid | None = None  # rows and columns of images, whose columns are pixels
    kernels: bool = True  # whether IP* is taken with its usual length scale

    @classmethod
    def of(cls, schema: Schema, X: Tensor, y: Tensor, k: int) -> Comparison:
        """That with samples X (n d) of classes y (n)."""
        kernels = kind_of_data(schema).kernels
        return cls(ReferenceSamples.of(X, y, k), FeatureColumns.of(schema), schema.grid, kernels)

    @property
    def legible(self) -> bool:
        """Whether the samples are digits of the size that the reader reads."""
        return reads(self.grid, self.real.k)

    @cached_property
    def _at_median(self) -> ReferenceSamples:
        return self.real.at_median()

    def kernel(self, name: str) -> ReferenceSamples | None:
        """The real samples with the kernel of one of ``IP_STARS``; None where it is not taken."""
        if name == "ip_star_median":
            return self._at_median
        return self.real if self.kernels else None


@dataclass(frozen=True)
class EndMetric:
    """A metric of the ends of searches.

    Attributes:
        value: of each search, (m b); None for IP*, which has no value of a search: it is taken over all of them.
        kinds: the kinds of data, by name, of which the ends of searches are compared by it.
        of_valid: whether its mean is over the valid searches alone; else over all that are judged.
        share: whether its mean is a share of searches.
    """

    value: Callable[[SearchEnds, Comparison], Tensor] | None
    kinds: tuple[str, ...] = ()
    of_valid: bool = False
    share: bool = False


def _nearest(ends: SearchEnds, by: Comparison) -> Tensor:
    """‖x' − x_j‖₂ to the nearest real sample x_j."""
    nearest = by.real.nearest(ends.final, ends.target)[1] if ends.nearest is None else ends.nearest
    away: Tensor = (ends.final.double() - nearest).norm(dim=-1)
    return away


def _nearest_five(ends: SearchEnds, by: Comparison) -> Tensor:
    """1/5 Σ ‖x' − x_j‖₂ over the five nearest real samples x_j, or over all where there are fewer."""
    return by.real.mean_of_nearest(ends.final, ends.target, 5)


def _redundancy(ends: SearchEnds, by: Comparison) -> Tensor:
    """Share of features with x'_f = x_f in all their columns."""
    return by.features.unchanged(ends.change).double().mean(dim=-1)


def _read_as(ends: SearchEnds, by: Comparison) -> Tensor:
    """1 where the reader reads the target class in x', else 0; NaN for samples that it cannot read."""
    if not by.legible:
        return torch.full_like(ends.steps, torch.nan, dtype=torch.float64)
    return ends.read[1] == ends.target


def _read_as_before(ends: SearchEnds, by: Comparison) -> Tensor:
    """1 where the reader reads in x' what it reads in x, else 0; NaN for samples that it cannot read."""
    if not by.legible:
        return torch.full_like(ends.steps, torch.nan, dtype=torch.float64)
    return ends.read[1] == ends.read[0]


def _grid(by: Comparison) -> Grid:
    if by.grid is None:
        raise RuntimeError("roughness is that of images")
    return by.grid


_NO_IMAGES = (PLANE.name, TABLE.name)
_IMAGES = (PICTURES.name,)
_ALL = (*_NO_IMAGES, *_IMAGES)

END_METRICS: Mapping[str, EndMetric] = MappingProxyType(
    {
        "ip": EndMetric(lambda ends, by: by.real.implausibility(ends.final, ends.target), _ALL),
        "ip_star": EndMetric(None, _NO_IMAGES),
        "ip_star_median": EndMetric(None, (TABLE.name,)),
        "nearest": EndMetric(_nearest, _NO_IMAGES),
        "nearest_five": EndMetric(_nearest_five),  # of exact ends alone
        "cost": EndMetric(lambda ends, by: ends.cost(by.features), _ALL, of_valid=True),
        "validity": EndMetric(lambda ends, by: ends.valid, _ALL, share=True),
        "redundancy": EndMetric(_redundancy, _NO_IMAGES, of_valid=True),
        "mature": EndMetric(lambda ends, by: ends.mature, _ALL, share=True),
        "steps": EndMetric(lambda ends, by: ends.steps, _IMAGES),
        "variation": EndMetric(lambda ends, by: total_variation(ends.final, _grid(by)), _IMAGES, of_valid=True),
        "change_variation": EndMetric(lambda ends, by: total_variation(ends.change, _grid(by)), _IMAGES, of_valid=True),
        "roughness": EndMetric(lambda ends, by: roughness(ends.change, _grid(by)), _IMAGES, of_valid=True),
        "read_as": EndMetric(_read_as, _IMAGES, share=True),
        "read_as_before": EndMetric(_read_as_before, _IMAGES, share=True),
    }
)
"""Name → metric.

| ``ip`` | 1/n Σ_j ‖x' − x_j‖₁ over the n real samples x_j of the target class |
| ``ip_star`` | squared MMD to the real samples, with a length scale of 0.5 in units of the columns |
| ``ip_star_median`` | the same with the median distance between real samples |
| ``nearest`` | min_j ‖x' − x_j‖₂ |
| ``nearest_five`` | the mean of ‖x' − x_j‖₂ over the five nearest |
| ``cost`` | ‖x' − x‖₁, where a changed category counts 1 |
| ``validity``, ``mature`` | whether the search ended in the target class, and whether it reached τ |
| ``redundancy`` | share of features that are as they were, in all their columns |
| ``steps`` | steps taken |
| ``variation``, ``change_variation`` | of images: total variation of x' and of x' − x |
| ``roughness`` | of images: TV(x' − x) / ‖x' − x‖₁ |
| ``read_as`` | of digits: whether an independent reader reads the target class in x' (``evaluation.reader``) |
| ``read_as_before`` | of digits: whether it reads in x' what it reads in x |
"""


IP_STARS = tuple(name for name, metric in END_METRICS.items() if metric.value is None)
"""The two forms of IP*."""


def metrics_of(kind: DataKind) -> tuple[str, ...]:
    """The metrics by which the ends of searches on such data are compared."""
    return tuple(name for name, metric in END_METRICS.items() if kind.name in metric.kinds)


def measured(ends: SearchEnds, by: Comparison, names: Sequence[str]) -> dict[str, Tensor]:
    """The values of metrics, one for each search, (m b) each, float64; IP* is left out."""
    values = {name: END_METRICS[name].value for name in names}
    return {name: value(ends, by).double() for name, value in values.items() if value is not None}


def counted(name: str, ends: SearchEnds, judged: Tensor) -> Tensor:
    """The searches over which the mean of a metric is taken, (m b), of those that are ``judged`` (m b)."""
    return judged & ends.valid if END_METRICS[name].of_valid else judged


def means(ends: SearchEnds, judged: Tensor, by: Comparison, names: Sequence[str]) -> dict[str, Tensor]:
    """Means over the judged searches (m b), of some metrics over the valid ones among them; (m) each, float64.

    NaN where no search counts, and IP* where no kernels are taken.
    """
    found = measured(ends, by, names)
    result = {name: masked_mean(values, counted(name, ends, judged)) for name, values in found.items()}
    for name in set(names).intersection(IP_STARS):
        nothing = ends.final.new_full(ends.final.shape[:1], torch.nan)
        real = by.kernel(name)
        result[name] = nothing if real is None else real.ip_star(ends.final, ends.target, judged)
    return {name: result[name] for name in names}


def estimates(
    ends: SearchEnds,
    judged: Tensor,
    by: Comparison,
    names: Sequence[str],
    bootstrap: Bootstrap,
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """The same with resamples of the factuals: of every model, and of its difference to the first.

    Differences are paired: over the searches that count for both models.
    """
    values, paired = {}, {}
    for name, found in measured(ends, by, names).items():
        over = counted(name, ends, judged)
        values[name] = bootstrap.mean(found, over, ends.group)
        paired[name] = bootstrap.pairs(found, over, ends.group)
    for name in set(names).intersection(IP_STARS):
        real = by.kernel(name) or by.real
        target = ends.target.expand(ends.final.shape[:2])
        values[name] = bootstrap.ip_star(ends.final, target, judged, real, ends.group)
        paired[name] = _ip_star_differences(values[name], bootstrap, ends, judged, real)
    return {name: values[name] for name in names}, {name: paired[name] for name in names}


def _ip_star_differences(
    estimate: Estimate,
    bootstrap: Bootstrap,
    ends: SearchEnds,
    judged: Tensor,
    real: ReferenceSamples,
) -> Estimate:
    """The difference in IP* of every model to the first, over the searches that are judged in both."""
    result, target = estimate.against_first(), ends.target.expand(ends.final.shape[:2])
    for model in range(1, len(ends.final)):
        if torch.equal(judged[model], judged[0]):
            continue
        pair, both = [0, model], (judged[0] & judged[model]).expand(2, -1)
        difference = bootstrap.ip_star(ends.final[pair], target[pair], both, real, ends.group).against_first()
        result.value[model], result.resampled[:, model] = difference.value[1], difference.resampled[:, 1]
    return result
