"""The searches of chosen factuals through every arm, step by step, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.short_repr import ShortRepr

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, repr=False, eq=False)
class SearchTrace(ShortRepr):
    """The searches of b factuals by m arms after one epoch, step by step: what those in all kinds of data have.

    After its last step, a path and the values along it stay constant. With a generator that makes several
    counterfactuals of each factual (DiCE), these are rows of their own that share factual and target.
    """

    epoch: int
    settings: SearchSettings
    factuals: Floats  # b d
    targets: Ints  # b
    group: Ints  # b: index of the factual that a row belongs to
    points: Floats  # m b t+1 d: x'
    steps: Ints  # m b: steps taken, 0 to t
    mature: Bools  # m b: reached τ
    probability: Floats  # m b t+1: softmax(M(x'))[y⁺]
    predicted: Ints  # m b: class of the factual
    predicted_final: Ints  # m b: class of the last point

    @property
    def m(self) -> int:
        """Number of arms."""
        return len(self.steps)

    @property
    def final(self) -> Floats:
        """Where each search ended, (m b d)."""
        last: Floats = self.points[:, :, -1]
        return last

    @property
    def judged(self) -> Bools:
        """The searches by which an arm is judged: of factuals that it does not already put into the target class,
        (m b)."""
        return np.asarray(self.predicted != self.targets)

    @property
    def valid(self) -> Bools:
        """Which end points the arm puts into the target class, (m b)."""
        return np.asarray(self.predicted_final == self.targets)

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, repr=False, eq=False)
class Trace(SearchTrace):
    """The searches of b factuals in a plane, or of any columns, with what explains them."""

    outside: Bools  # b: the factual lies outside the data's domain
    excluded: Bools  # m b: the factual lies outside the domain and ranges of the arm
    nascent: Ints  # m b: index of the last point with ‖x' − x‖∞ ≤ ε
    energy: Floats  # m b t+1: E(x', y⁺) = −M(x')[y⁺]
    distance: Floats  # m b t+1: ‖x' − x‖₁, where a changed category counts 1
    neighbours: Floats  # m b d: x⁺, a training sample of the target class
    shielded: Floats  # m b d: x⁺ after the immutable mask, as in training
    neighbour_energy: Floats  # m b: E(x⁺, y⁺), after the mask
    divergence: Floats  # m b: E(x⁺, y⁺) − E(x', y⁺); 0 where the search failed, as in training
    nearest: Floats  # m b d: of the samples that pictures show, the one of the target class nearest to the last point
    nascent_logits: Floats  # m b k: of the nascent point
    reachable: Floats  # m b: highest probability of the target anywhere that the constraints allow; NaN where mature
    outcome: Ints  # m b: index into OUTCOMES

    @property
    def gap(self) -> Floats:
        """‖x' − x_j‖₂ from each last point to the real sample that is nearest to it, (m b)."""
        return np.asarray(np.linalg.norm(self.final - self.nearest, axis=-1))
