"""The metrics of the limits, in addition to those of every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ctviz.data.dataset import Dataset
from ctviz.evaluation.tilt import tilt_between
from ctviz.experiments.config import Experiment
from ctviz.experiments.measure import EpochEvaluator
from ctviz.experiments.sensitivity import measure_sensitivity
from ctviz.isolation import isolated
from ctviz.models.stack import Stack
from ctviz.training.loop import PerArm

FINE = {"step_size": 0.01, "steps": 1000}
"""A search with steps of a tenth of the usual size or less, and enough of them to mature."""

EVEN = {"generator": "generic", "step_size": 50.0, "step_bound": 0.005, "steps": 1000}
"""A search in steps that are short and all of one length, a two-hundredth of the spread of the data: the gradient is
scaled up so far that only its direction counts. It arrives where a model is flat too, in which ``FINE`` starves."""

FINE_FACTUALS = 100

Measure = Callable[["MeasureContext", Stack], dict[str, PerArm]]


@dataclass(frozen=True)
class MeasureContext:
    """What a measure needs of a run besides the models; made once and used after every measured epoch."""

    experiment: Experiment
    data: Dataset
    fine: EpochEvaluator
    even: EpochEvaluator

    @classmethod
    @isolated()
    def of(cls, experiment: Experiment, data: Dataset, like: Tensor) -> MeasureContext:
        factuals = min(experiment.evaluation.factuals, FINE_FACTUALS)

        def by(search: Mapping[str, Any]) -> EpochEvaluator:
            changes = {"evaluation.factuals": factuals} | {
                f"evaluation.{name}": value for name, value in search.items()
            }
            return EpochEvaluator(experiment.replace(changes), data, data.validation, like)

        return cls(experiment, data, by(FINE), by(EVEN))


def fine(context: MeasureContext, stack: Stack) -> dict[str, PerArm]:
    """ip_fine, cost_fine, validity_fine: the same factuals, searched in steps a tenth as long (``FINE``).

    Where a model is steep, a long step overshoots the data; this shows how much of a number is due to that.
    """
    found = context.fine.metrics(stack, context.fine.search(stack))
    return {f"{name}_fine": found[name] for name in ("ip", "cost", "validity")}


def even(context: MeasureContext, stack: Stack) -> dict[str, PerArm]:
    """ip_even, validity_even: the same factuals, searched in short steps of one length (``EVEN``)."""
    found = context.even.metrics(stack, context.even.search(stack))
    return {f"{name}_even": found[name] for name in ("ip", "validity")}


@torch.no_grad()
def energy(context: MeasureContext, stack: Stack) -> dict[str, PerArm]:
    """energy: mean |E(x, y)| = |M(x)[y]| over validation samples and their own classes, (m)."""
    X, y = context.data.validation
    logits = stack(X.to(stack.flat).expand(stack.m, -1, -1))  # m b k
    own = logits.gather(-1, y.to(logits.device).expand(stack.m, -1).unsqueeze(-1))
    return {"energy": own.abs().double().mean(dim=(1, 2)).cpu().numpy().astype(np.float64)}


def locks(context: MeasureContext, stack: Stack) -> dict[str, PerArm]:
    """share, tilt: the share of each arm's locked feature in its outputs (integrated gradients, mean of |g_d| / Σ|g|),
    and the angle of the boundary to the x1 axis in degrees."""
    arms, data = context.experiment.arms, context.data
    locked = [data.schema.position(arm.locked[0]) for arm in arms]
    shares = measure_sensitivity(stack, data, arms).share.value  # m f
    tilt = tilt_between(stack, data)
    return {"share": shares[np.arange(len(arms)), locked], "tilt": tilt.double().cpu().numpy().astype(np.float64)}


MEASURES: dict[str, Measure] = {"fine": fine, "even": even, "energy": energy, "locks": locks}
