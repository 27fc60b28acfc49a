"""Cost, validity and redundancy of counterfactuals."""

from __future__ import annotations

from torch import Tensor

from ctviz.evaluation.features import FeatureColumns
from ctviz.evaluation.reduce import masked_mean


def cost(
    factuals: Tensor, counterfactuals: Tensor, mask: Tensor | None = None, features: FeatureColumns | None = None
) -> Tensor:
    """Mean ℓ1 distance ``‖x' − x‖₁`` from the factuals, in units of the features; a changed category counts 1.

    Args:
        factuals: (… b d) or shared (b d).
        counterfactuals: (… b d).
        mask: which samples count, (… b) or shared (b), bool; the paper counts the valid ones. None: all.
        features: which columns belong to each feature. None: each column is a number.

    Returns:
        (…), float64; NaN where no sample counts.
    """
    moved = counterfactuals.double() - factuals.double()
    return masked_mean(moved.abs().sum(-1) if features is None else features.cost(moved), mask)


def is_valid(logits: Tensor, targets: Tensor) -> Tensor:
    """Whether the model puts each counterfactual into its target class: logits (… b k), targets (… b) → (… b)."""
    return logits.argmax(-1) == targets


def validity(logits: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
    """Share of counterfactuals that the model puts into their target class, ``argmax M(x') = y⁺``.

    Args:
        logits: of the counterfactuals, (… b k).
        targets: (… b) or shared (b), int64.
        mask: which samples count, (… b) or shared (b), bool. None: all.

    Returns:
        (…), float64, 0 to 1; NaN where no sample counts.
    """
    return masked_mean(is_valid(logits, targets), mask)


def redundancy(
    factuals: Tensor,
    counterfactuals: Tensor,
    mask: Tensor | None = None,
    tolerance: float = 0.0,
    features: FeatureColumns | None = None,
) -> Tensor:
    """Mean share of features that the counterfactual leaves unchanged, ``|x'_d − x_d| ≤ tolerance`` in all columns.

    Args:
        factuals: (… b d) or shared (b d).
        counterfactuals: (… b d).
        mask: which samples count, (… b) or shared (b), bool. None: all.
        tolerance: largest change that still counts as none, in units of the features.
        features: which columns belong to each feature. None: each column is a number.

    Returns:
        (…), float64, 0 to 1; NaN where no sample counts.
    """
    moved = counterfactuals - factuals  # … b d
    unchanged = moved.abs() <= tolerance if features is None else features.unchanged(moved, tolerance)
    return masked_mean(unchanged.double().mean(-1), mask)
