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
class Trace(ShortRepr):
    """The searches of b factuals by m arms after one epoch, step by step.

    After its last step, a path and the values along it stay constant. With a generator that makes several
    counterfactuals of each factual (DiCE), these are rows of their own that share factual and target.
    """

    epoch: int
    settings: SearchSettings
    factuals: Floats  # b d
    targets: Ints  # b
    group: Ints  # b: index of the factual that a row belongs to
    outside: Bools  # b: the factual lies outside the data's domain
    excluded: Bools  # m b: the factual lies outside the domain and ranges of the arm
    points: Floats  # m b t+1 d: x'
    steps: Ints  # m b: steps taken, 0 to t
    nascent: Ints  # m b: index of the last point with ‖x' − x‖∞ ≤ ε
    mature: Bools  # m b: reached τ
    probability: Floats  # m b t+1: softmax(M(x'))[y⁺]
    energy: Floats  # m b t+1: E(x', y⁺) = −M(x')[y⁺]
    distance: Floats  # m b t+1: ‖x' − x‖₁, where a changed category counts 1
    predicted: Ints  # m b: class of the factual
    predicted_final: Ints  # m b: class of the last point
    neighbours: Floats  # m b d: x⁺, a training sample of the target class
    shielded: Floats  # m b d: x⁺ after the immutable mask, as in training
    neighbour_energy: Floats  # m b: E(x⁺, y⁺), after the mask
    divergence: Floats  # m b: E(x⁺, y⁺) − E(x', y⁺); 0 where the search failed, as in training
    nearest: Floats  # m b d: of the samples that pictures show, the one of the target class nearest to the last point
    nascent_logits: Floats  # m b k: of the nascent point
    reachable: Floats  # m b: highest probability of the target anywhere that the constraints allow; NaN where mature
    outcome: Ints  # m b: index into OUTCOMES
    bound: npt.NDArray[np.float64] | None = None  # m b: proved, none is nearer (∞: there is none); of the exact search

    @property
    def m(self) -> int:
        """Number of arms."""
        return len(self.steps)

    @property
    def final(self) -> Floats:
        """Where each search ended, (m b d)."""
        last: Floats = self.points[:, :, -1]
        return last

    def __len__(self) -> int:
        return len(self.targets)
