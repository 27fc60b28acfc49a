"""What a model in training is penalised for on account of one counterfactual."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ctviz.errors import ConfigError
from ctviz.experiments.trace import Trace
from ctviz.training.arm import Objective

_TINY = float(np.finfo(np.float32).tiny)
"""The smallest probability whose logarithm is taken."""


@dataclass(frozen=True)
class LossTerms:
    """The terms of the objective for one counterfactual, without and with the arm's weights.

    E(x, y) = −M(x)[y]; x⁺ is the neighbour after the immutable mask (shield). Where the search failed, x' is x⁺, as in
    training.
    """

    target: int
    label: int  # true class of the factual
    guessed: bool  # the true class is unknown: the label is the model's prediction
    mature: bool
    neighbour: tuple[float, ...]  # x⁺, as drawn
    shielded: tuple[float, ...]  # x⁺, after the immutable mask
    replaced: tuple[int, ...]  # columns in which the mask has put x' in place of x⁺
    energy_neighbour: float  # E(x⁺, y⁺)
    energy_counterfactual: float  # E(x', y⁺)
    divergence: float  # E(x⁺, y⁺) − E(x', y⁺)
    ridge: float  # E(x⁺, y⁺)² + E(x', y⁺)²
    adversarial: float  # cross-entropy of the nascent point with the label
    lambda_div: float
    lambda_adv: float
    lambda_reg: float
    augmented: float = math.nan  # cross-entropy of x' with the target; NaN where the search failed
    lambda_aug: float = 0.0

    @property
    def sign(self) -> int:
        """Sign of the divergence: 1 if the model finds the counterfactual likelier than the real sample."""
        return (self.divergence > 0) - (self.divergence < 0)

    @property
    def weighted_divergence(self) -> float:
        """λ_div · divergence."""
        return self.lambda_div * self.divergence

    @property
    def weighted_ridge(self) -> float:
        """λ_reg · ridge."""
        return self.lambda_reg * self.ridge

    @property
    def weighted_adversarial(self) -> float:
        """λ_adv · adversarial loss."""
        return self.lambda_adv * self.adversarial

    @property
    def weighted_augmented(self) -> float:
        """λ_aug · cross-entropy; 0 where a real sample is learned in its place."""
        return self.lambda_aug * self.augmented if self.mature else 0.0

    @property
    def total(self) -> float:
        """What this counterfactual adds to the objective (before means over the batch are taken)."""
        return self.weighted_divergence + self.weighted_adversarial + self.weighted_ridge + self.weighted_augmented


def loss_terms_of(trace: Trace, arm: int, index: int, weights: Objective, label: int | None = None) -> LossTerms:
    """The terms of search ``index`` for ``arm``; without a ``label``, the class that it predicts is taken.

    Raises:
        ConfigError: a label that is not a class.
    """
    logits = trace.nascent_logits[arm, index].astype(np.float64)
    if label is not None and not 0 <= label < len(logits):
        raise ConfigError("label", label, f"a class from 0 to {len(logits) - 1}")
    known = int(trace.predicted[arm, index]) if label is None else int(label)
    mature = bool(trace.mature[arm, index])
    near = float(trace.neighbour_energy[arm, index])
    far = near - float(trace.divergence[arm, index])
    drawn, shielded = trace.neighbours[arm, index], trace.shielded[arm, index]
    return LossTerms(
        target=int(trace.targets[index]),
        label=known,
        guessed=label is None,
        mature=mature,
        neighbour=tuple(drawn.tolist()),
        shielded=tuple(shielded.tolist()),
        replaced=tuple(np.flatnonzero(drawn != shielded).tolist()),
        energy_neighbour=near,
        energy_counterfactual=far,
        divergence=near - far,
        ridge=near**2 + far**2,
        adversarial=float(np.logaddexp.reduce(logits) - logits[known]),
        lambda_div=weights.lambda_div,
        lambda_adv=weights.lambda_adv,
        lambda_reg=weights.lambda_reg,
        augmented=-math.log(max(float(trace.probability[arm, index, -1]), _TINY)) if mature else math.nan,
        lambda_aug=weights.lambda_aug,
    )
