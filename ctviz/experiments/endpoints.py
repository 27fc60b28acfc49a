"""Metrics of the endpoints of a trace: every arm's values, with intervals, and the differences between arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ctviz.errors import ConfigError
from ctviz.evaluation.bootstrap import Bootstrap, Estimate, Interval
from ctviz.evaluation.features import FeatureColumns
from ctviz.evaluation.plausibility import ReferenceSamples
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


def compare_endpoints(
    trace: Trace,
    samples: ReferenceSamples,
    features: FeatureColumns,
    arms: tuple[str, ...],
    level: float = 0.99,
    seed: int = 0,
) -> Endpoints:
    """Measure a trace; all arms share the resamples of its factuals.

    Raises:
        ConfigError: a level that is not between 0 and 1, more than 5,000 factuals.
    """
    if len(trace) and (n := int(trace.group[-1]) + 1) > MAX_FACTUALS:
        raise ConfigError("factuals", n, f"at most {MAX_FACTUALS:,} to be measured")
    estimates, differences, judged = _estimates(trace, samples, features, seed)
    return Endpoints(
        arms=arms,
        level=level,
        judged=judged.sum(axis=1),
        metrics={name: estimate.interval(level) for name, estimate in estimates.items()},
        differences={name: estimate.interval(level) for name, estimate in differences.items()},
        points=trace.final,
        counted=judged,
        targets=trace.targets,
        samples=tuple(real.float().numpy() for real in samples.samples),
    )


def _estimates(
    trace: Trace, samples: ReferenceSamples, features: FeatureColumns, seed: int
) -> tuple[dict[str, Estimate], dict[str, Estimate], npt.NDArray[np.bool_]]:
    """Estimates for every arm and for its difference to the first; and which factuals are judged, (m b)."""
    counts = trace.predicted != trace.targets
    final, factuals = torch.from_numpy(trace.final.copy()), torch.from_numpy(trace.factuals)
    targets = torch.from_numpy(trace.targets).expand(final.shape[:2])  # m b
    judged, mature = torch.from_numpy(counts), torch.from_numpy(trace.mature)
    valid = torch.from_numpy(trace.predicted_final) == targets
    group = torch.from_numpy(trace.group)
    n = int(group[-1]) + 1 if len(group) else 0
    rows = None if n == len(group) else group
    bootstrap = Bootstrap.of(n, seed=seed)
    moved = final.double() - factuals.double()
    measured = {
        "ip": (samples.implausibility(final, targets), judged),
        "nearest": ((final.double() - torch.from_numpy(trace.nearest)).norm(dim=-1), judged),
        "cost": (features.cost(moved), judged & valid),
        "validity": (valid, judged),
        "redundancy": (features.unchanged(moved).double().mean(dim=-1), judged & valid),
        "mature": (mature, judged),
    }
    estimates = {name: bootstrap.mean(*given, rows) for name, given in measured.items()}
    differences = {name: bootstrap.pairs(*given, rows) for name, given in measured.items()}
    estimates["ip_star"] = bootstrap.ip_star(final, targets, judged, samples, rows)
    differences["ip_star"] = _ip_star_differences(
        estimates["ip_star"], bootstrap, final, targets, judged, samples, rows
    )
    in_order = ({name: found[name] for name in ENDPOINT_METRICS} for found in (estimates, differences))
    return *in_order, counts


def _ip_star_differences(
    estimate: Estimate,
    bootstrap: Bootstrap,
    final: torch.Tensor,
    targets: torch.Tensor,
    judged: torch.Tensor,
    samples: ReferenceSamples,
    rows: torch.Tensor | None,
) -> Estimate:
    """The difference in IP* of every arm to the first, over the factuals that are judged in both."""
    result = estimate.against_first()
    for arm in range(1, len(final)):
        if torch.equal(judged[arm], judged[0]):
            continue
        pair, both = [0, arm], (judged[0] & judged[arm]).expand(2, -1)
        difference = bootstrap.ip_star(final[pair], targets[pair], both, samples, rows).against_first()
        result.value[arm], result.resampled[:, arm] = difference.value[1], difference.resampled[:, 1]
    return result
