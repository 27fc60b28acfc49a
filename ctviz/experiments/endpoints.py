"""Metrics of the endpoints of a trace: every arm's values, with intervals, and the differences between arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ctviz.errors import ConfigError
from ctviz.evaluation.bootstrap import Bootstrap, Interval
from ctviz.evaluation.ends import Comparison, SearchEnds, estimates
from ctviz.experiments.trace import Floats, Trace
from ctviz.short_repr import ShortRepr

MAX_FACTUALS = 5_000
"""Every resample has a count for each of them, and IP* one for each pair."""

ENDPOINT_METRICS = ("ip", "ip_star", "nearest", "cost", "validity", "redundancy", "mature")


@dataclass(frozen=True, repr=False, eq=False)
class Endpoints(ShortRepr):
    """Metrics of the counterfactuals of a trace.

    An arm is judged on the factuals that it does not already put into the target class. Of these, ``validity`` and
    ``mature`` are the shares that end in the target class, and that reach τ; ``ip``, ``ip_star`` and
    ``nearest`` are taken over all of them, ``cost`` and ``redundancy`` over the valid ones. NaN where fewer than two
    are left.
    """

    arms: tuple[str, ...]
    level: float
    judged: npt.NDArray[np.int64]  # m: factuals that are judged
    metrics: Mapping[str, Interval]  # (m) each
    differences: Mapping[str, Interval]  # (m) each: an arm minus the first one; NaN for the first
    """Paired, over the factuals that are judged in both arms."""
    points: Floats  # m b d: where the searches ended
    counted: npt.NDArray[np.bool_]  # m b: which of them are judged
    targets: npt.NDArray[np.int64]  # b
    samples: tuple[Floats, ...]  # k times (n d): real samples of each class

    def projected(self, arm: int, target: int, feature: int) -> tuple[Floats, Floats]:
        """One coordinate of an arm's endpoints with a target class, and of that class's real samples: for a rug or a
        density."""
        chosen = self.counted[arm] & (self.targets == target)
        return self.points[arm, chosen, feature], self.samples[target][:, feature]


def ends_of(trace: Trace) -> SearchEnds:
    """The ends of the searches of a trace."""
    final = trace.final.copy()
    arrays = (trace.factuals, final, trace.targets, trace.valid, trace.mature, trace.steps, trace.nearest)
    return SearchEnds(*map(torch.from_numpy, arrays))


def factuals_of(group: npt.NDArray[np.int64]) -> tuple[int, torch.Tensor | None]:
    """Number of factuals of searches of which several may belong to one, and the factual of each; None: one each."""
    n = int(group[-1]) + 1 if len(group) else 0
    return n, None if n == len(group) else torch.from_numpy(group)


def compare_endpoints(
    trace: Trace, by: Comparison, arms: tuple[str, ...], level: float = 0.99, seed: int = 0
) -> Endpoints:
    """Measure a trace; all arms share the resamples of its factuals.

    Raises:
        ConfigError: a level that is not between 0 and 1, more than 5,000 factuals.
    """
    n, group = factuals_of(trace.group)
    if n > MAX_FACTUALS:
        raise ConfigError("factuals", n, f"at most {MAX_FACTUALS:,} to be measured")
    judged = trace.judged
    counted, bootstrap = torch.from_numpy(judged), Bootstrap.of(n, seed=seed)
    metrics, differences = estimates(ends_of(trace), counted, by, ENDPOINT_METRICS, bootstrap, group)
    return Endpoints(
        arms=arms,
        level=level,
        judged=judged.sum(axis=1),
        metrics={name: estimate.interval(level) for name, estimate in metrics.items()},
        differences={name: estimate.interval(level) for name, estimate in differences.items()},
        points=trace.final,
        counted=judged,
        targets=trace.targets,
        samples=tuple(real.float().numpy() for real in by.real.samples),
    )
