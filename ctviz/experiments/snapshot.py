"""The snapshot that a run yields after an epoch, and the fixed scene of all its snapshots."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from ctviz.data.display import DisplayScale
from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.short_repr import ShortRepr
from ctviz.training.arm import TERMS

if TYPE_CHECKING:
    from ctviz.models.stack import Stack

T = TypeVar("T")

LOSSES = tuple(f"loss_{term}" for term in TERMS)
"""Metrics of the terms of the objective."""


def losses_of(experiment: Experiment) -> tuple[str, ...]:
    """Those of the terms that the methods of an experiment's arms have."""
    had = {term for arm in experiment.arms for term in arm.weights}
    return tuple(f"loss_{term}" for term in TERMS if term in had)


METRICS = (
    *LOSSES, "skipped", "mature", "steps",
    "train_accuracy", "validation_accuracy", "ip", "ip_star", "cost", "validity", "robust_accuracy",
)  # fmt: skip
"""Names of the metrics of a snapshot, in the order they are listed.

``loss_*``: means over the epoch's batches of the terms of the objective, each before its λ. What is measured while an
ensemble is trained is the mean over its models.
``skipped``: batches left out because their loss was not finite. ``mature``, ``steps``: share of the epoch's
training counterfactuals that reached τ, and their mean number of steps. The rest is measured on
validation data after the epoch. A metric that does not apply (a search that did not happen) is NaN.
"""


@dataclass(frozen=True, repr=False, eq=False)
class Paths(ShortRepr):
    """Quantised counterfactual paths of one snapshot; the same factuals in every arm and epoch.

    ``points`` are steps of 1/65535 of the scene's extent, from its lower to its upper bound; after its
    last step a path stays where it is.
    """

    points: npt.NDArray[np.uint16]  # m b t+1 d
    steps: npt.NDArray[np.uint16]  # m b: steps taken, 0 to t
    nascent: npt.NDArray[np.uint16]  # m b: index of the last point inside the ε-box
    mature: npt.NDArray[np.bool_]  # m b


@dataclass(frozen=True, repr=False, eq=False)
class Snapshot(ShortRepr):
    """The state of a run after ``epoch`` epochs (0: before the first)."""

    epoch: int
    seconds: float  # since the run began
    metrics: dict[str, npt.NDArray[np.float64]]  # name -> (m)
    weights: dict[str, npt.NDArray[np.float32]]
    """``"0.weight"`` (M out in), ``"0.bias"`` (M out), ``"1.weight"`` …, of all M models, arm after arm: one for each
    arm, several for an ensemble (``Experiment.members``)."""
    field: npt.NDArray[np.uint8] | None  # m c g g: 255 × probability; row 0 is the lowest x2; None without a plane
    """``c`` is 1 for two classes (the probability of class 1), else k."""
    paths: Paths | None
    networks: dict[str, npt.NDArray[np.float32]] = dataclasses.field(default_factory=dict)
    """Weights, named alike, of the networks beside arms of CounterNet (``Experiment.with_network``); else empty."""
    origin: str = ""
    """``Experiment.origin`` of its run, if known."""


def evenly_spaced(snapshots: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of the snapshots, evenly spread, the first and the last among them; the last alone where only
    one may be kept."""
    if len(snapshots) <= most:
        return list(snapshots)
    if most < 2:
        return [snapshots[-1]]
    return [snapshots[round(i * (len(snapshots) - 1) / (most - 1))] for i in range(most)]


def stack_of(snapshots: Sequence[Snapshot], experiment: Experiment) -> Stack:
    """The arms of one or more snapshots of a run with this experiment, e·m of them.

    Raises:
        DataError: a snapshot of another run, or with other models.
    """
    from ctviz.models.stack import architecture  # imports torch, which the store does not need

    settings, grid = experiment.model, experiment.data.grid
    known = architecture(settings, experiment.d, experiment.data.classes, grid)
    expected, origin = (experiment.models, known.shapes), experiment.origin
    for snapshot in snapshots:
        shapes = [array.shape for name, array in snapshot.weights.items() if name.endswith("weight")]
        if (found := (shapes[0][0], tuple(shape[1:] for shape in shapes))) != expected:
            held, wanted = (", ".join(f"{out} × {d}" for out, d in layers) for layers in (found[1], expected[1]))
            raise DataError(
                f"The snapshot holds {found[0]} models of layers {held}; "
                f"the run has {expected[0]} models of layers {wanted}."
            )
        if snapshot.origin not in ("", origin):
            raise DataError(
                f"The snapshot of epoch {snapshot.epoch} is of another run: its models were trained on other data, "
                "with other settings or from another seed."
            )
    return stacked(snapshots, experiment)


def stacked(snapshots: Sequence[Snapshot], experiment: Experiment) -> Stack:
    """As ``stack_of``, of snapshots that are known to be the run's."""
    from ctviz.models.counterfactual_networks import CounterfactualNetworks
    from ctviz.models.stack import Stack

    names = snapshots[0].weights
    weights = {name: np.concatenate([snapshot.weights[name] for snapshot in snapshots]) for name in names}
    members = experiment.members * len(snapshots)
    stack = Stack.from_weights(weights, experiment.model, experiment.data.grid, members)
    if experiment.with_network and all(snapshot.networks for snapshot in snapshots):
        own = [snapshot.networks for snapshot in snapshots]
        stack.networks = CounterfactualNetworks.of(own, experiment.with_network, len(experiment.arms))
    return stack


@dataclass(frozen=True, repr=False, eq=False)
class Scene(ShortRepr):
    """What all snapshots of a run share: the window, its points, the factuals."""

    lower: npt.NDArray[np.float32]  # d: lower bound of the extent (the domain)
    upper: npt.NDArray[np.float32]  # d
    points: npt.NDArray[np.float32]  # n d: a sample of the training data (at most 600)
    labels: npt.NDArray[np.uint8]  # n
    factuals: npt.NDArray[np.float32]  # b d: validation samples whose paths are recorded
    factual_labels: npt.NDArray[np.uint8]  # b
    targets: npt.NDArray[np.uint8]  # b
    classes: tuple[str, ...]
    features: tuple[str, ...]  # f: their names; a category is one feature of several columns
    display: tuple[DisplayScale, ...] = ()
    """How people read the numbers of each feature; empty where they read them as they are. It is not stored."""

    @property
    def plane(self) -> bool:
        """Whether the data are points in a plane."""
        return len(self.features) == len(self.lower) == 2

    @property
    def usual_target(self) -> int:
        """The class that most of the recorded searches go to; class 1 where none is recorded."""
        return int(np.bincount(self.targets).argmax()) if len(self.targets) else 1

    def dequantise(self, points: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
        """Data units of quantised points, (… d) → (… d)."""
        span = (self.upper - self.lower).astype(np.float64)
        return (self.lower + points.astype(np.float64) / 65535 * span).astype(np.float32)

    def quantise(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
        """Nearest steps of 1/65535 of the extent, (… d) → (… d); points outside are clipped to its edge."""
        span = (self.upper - self.lower).astype(np.float64)
        scaled = (points.astype(np.float64) - self.lower) / np.where(span > 0, span, 1) * 65535
        return np.clip(np.rint(scaled), 0, 65535).astype(np.uint16)
