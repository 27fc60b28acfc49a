"""Metrics of the ends of searches: every arm's values, with intervals, and the differences between arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from ctviz.data.kinds import PLANE, DataKind
from ctviz.errors import ConfigError
from ctviz.evaluation.bootstrap import ROUNDS, Bootstrap, Interval
from ctviz.evaluation.ends import END_METRICS, Comparison, SearchEnds, estimates, metrics_of
from ctviz.evaluation.wilson import wilson
from ctviz.experiments.trace import Floats, SearchTrace, Trace
from ctviz.short_repr import ShortRepr

MAX_FACTUALS = 5_000
"""Every resample has a count for each of them, and IP* one for each pair."""

ENDPOINT_METRICS = metrics_of(PLANE)


@dataclass(frozen=True, repr=False, eq=False)
class EndNumbers(ShortRepr):
    """Metrics of counterfactuals for every arm, with intervals, whatever the kind of data.

    An arm is judged on the factuals that it does not already put into the target class. NaN where fewer than two are
    left.
    """

    arms: tuple[str, ...]
    level: float
    judged: npt.NDArray[np.int64]  # m: searches that are judged
    metrics: Mapping[str, Interval]  # (m) each
    differences: Mapping[str, Interval]  # (m) each: an arm minus the first one; NaN for the first
    """Paired, over the factuals that are judged in both arms."""


@dataclass(frozen=True, repr=False, eq=False)
class Endpoints(EndNumbers):
    """Metrics of the counterfactuals of a trace.

    Which ones, depends on the kind of data (``evaluation.ends.metrics_of``). Of the factuals that are judged,
    ``validity`` and ``mature`` are the shares that end in the target class, and that reach τ; ``ip``, ``ip_star`` and
    ``nearest`` are taken over all of them, ``cost`` and ``redundancy`` over the valid ones.
    """

    points: Floats  # m b d: where the searches ended
    counted: npt.NDArray[np.bool_]  # m b: which of them are judged
    targets: npt.NDArray[np.int64]  # b
    samples: tuple[Floats, ...]  # k times (n d): real samples of each class

    def projected(self, arm: int, target: int, feature: int) -> tuple[Floats, Floats]:
        """One coordinate of an arm's endpoints with a target class, and of that class's real samples: for a rug or a
        density."""
        chosen = self.counted[arm] & (self.targets == target)
        return self.points[arm, chosen, feature], self.samples[target][:, feature]


def ends_of(trace: SearchTrace) -> SearchEnds:
    """The ends of the searches of a trace."""
    arrays = (trace.factuals, trace.final.copy(), trace.targets, trace.valid, trace.mature, trace.steps)
    ends = SearchEnds(*map(torch.from_numpy, arrays))
    nearest = torch.from_numpy(trace.nearest) if isinstance(trace, Trace) else None
    return replace(ends, nearest=nearest, group=torch.from_numpy(trace.group))


def end_numbers(
    ends: SearchEnds,
    judged: torch.Tensor,
    by: Comparison,
    kind: DataKind,
    arms: tuple[str, ...],
    level: float,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> EndNumbers:
    """Metrics of the ends of searches, with intervals; all arms share the resamples of the factuals.

    Args:
        judged: the searches that count, (m b).
        kind: of the data, which says what is measured.
        rounds: resamples.

    Raises:
        ConfigError: a level that is not between 0 and 1, more than 5,000 factuals.
    """
    group = torch.arange(judged.shape[1]) if ends.group is None else ends.group
    n = int(group[-1]) + 1 if len(group) else 0
    if n > MAX_FACTUALS:
        raise ConfigError("factuals", n, f"at most {MAX_FACTUALS:,} to be measured")
    ends = replace(ends, group=None if n == len(group) else group)
    found, paired = estimates(ends, judged, by, metrics_of(kind), Bootstrap.of(n, rounds, seed))
    metrics = {name: estimate.interval(level) for name, estimate in found.items()}
    if kind.wilsons:
        counted = _factuals(judged, ends.group).sum(dim=1).double().numpy()
        shares = [name for name in metrics if END_METRICS[name].share]
        metrics |= {name: wilson(metrics[name].value, counted, level) for name in shares}
    differences = {name: estimate.interval(level) for name, estimate in paired.items()}
    return EndNumbers(arms, level, judged.sum(dim=1).numpy(), metrics, differences)


def _factuals(judged: torch.Tensor, group: torch.Tensor | None) -> torch.Tensor:
    """The factuals of which any search is judged (m b) → (m n): several searches of one are not independent, so it
    counts once, which is conservative."""
    if group is None:
        return judged
    return torch.stack([judged[:, group == factual].any(dim=1) for factual in group.unique()], dim=1)


def compare_endpoints(
    trace: SearchTrace, by: Comparison, kind: DataKind, arms: tuple[str, ...], level: float = 0.99
) -> Endpoints:
    """``end_numbers`` of a trace.

    Raises:
        ConfigError: a level that is not between 0 and 1, more than 5,000 factuals.
    """
    judged = torch.from_numpy(trace.judged)
    found = end_numbers(ends_of(trace), judged, by, kind, arms, level)
    return Endpoints(
        **vars(found),
        points=trace.final,
        counted=trace.judged,
        targets=trace.targets,
        samples=tuple(real.float().numpy() for real in by.real.samples),
    )
