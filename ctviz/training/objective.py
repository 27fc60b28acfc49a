"""The objective of counterfactual training, and its gradient with respect to the logits in closed form.

    λ_class · CE(M(x), y) + λ_div · [E(x⁺, y⁺) − E(x', y⁺)] + λ_adv · CE(M(x_ae), y) + λ_reg · [E(x⁺, y⁺)² + E(x', y⁺)²]

with E(x, y) = −M(x)[y], means over the batch, and the counterfactuals constants (equation 1 of the paper; the ridge
from its appendix). Every column of a batch is one input whose logits z enter one term, and each term's gradient has
the form A · softmax(z) + c₀ · 1_y + c₁ · z · 1_y:

    column                  A          c₀          c₁
    sample x, label y       λ_class/B  −λ_class/B  0
    nascent x_ae, label y   λ_adv/C    −λ_adv/C    0
    neighbour x⁺, y⁺        0          −λ_div/C    2 λ_reg/C
    mature x', y⁺           0          +λ_div/C    2 λ_reg/C

for B samples and C counterfactuals in the batch. Columns come in this order: B, then C, C and C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ctviz.training.arm import Objective


@dataclass(frozen=True)
class Weights:
    """λ of m arms, (m) each."""

    classify: Tensor
    div: Tensor
    adv: Tensor
    reg: Tensor

    @classmethod
    def of(cls, arms: Sequence[Objective], like: Tensor) -> Weights:
        names = ("lambda_class", "lambda_div", "lambda_adv", "lambda_reg")
        return cls(*(like.new_tensor([getattr(arm, name) for arm in arms]) for name in names))


@dataclass(frozen=True)
class Coefficients:
    """A, c₀ · 1_y and c₁ · 1_y of the columns of every batch."""

    onehot: Tensor  # m k n r
    share: Tensor  # m 1 n r: A
    constant: Tensor  # m k n r: c₀ · 1_y
    linear: Tensor | None  # m k n r: c₁ · 1_y; None where there are no counterfactuals

    @classmethod
    def of(cls, weights: Weights, onehot: Tensor, per_sample: Tensor, per_counterfactual: Tensor) -> Coefficients:
        """From 1/B of every sample column (n B) and 1/C of every counterfactual column (n C), 0 in padding."""

        def times(weight: Tensor, mean: Tensor) -> Tensor:
            return weight.view(-1, 1, 1, 1) * mean

        classify, adv = times(weights.classify, per_sample), times(weights.adv, per_counterfactual)
        if per_counterfactual.shape[1] == 0:
            return cls(onehot, classify, onehot * -classify, None)
        div, reg = times(weights.div, per_counterfactual), times(2 * weights.reg, per_counterfactual)
        none = torch.zeros_like(div)
        share = torch.cat([classify, adv, none, none], dim=-1)
        constant = torch.cat([-classify, -adv, -div, div], dim=-1)
        linear = torch.cat([torch.zeros_like(classify), none, reg, reg], dim=-1)
        return cls(onehot, share, onehot * constant, onehot * linear)

    def batches(self) -> list[tuple[Tensor, Tensor, Tensor | None]]:
        """A, c₀ and c₁ batch by batch, (m · r) each."""
        linear = [None] * self.onehot.shape[2] if self.linear is None else self.linear.unbind(2)
        return list(zip(self.share.unbind(2), self.constant.unbind(2), linear, strict=True))


def logit_gradient(logits: Tensor, share: Tensor, constant: Tensor, linear: Tensor | None, out: Tensor) -> Tensor:
    """Gradient of the objective with respect to the logits of one batch, (m k r)."""
    probabilities = torch.softmax(logits, dim=1)
    if linear is None:
        return torch.addcmul(constant, probabilities, share, out=out)
    torch.addcmul(constant, linear, logits, out=out)
    return out.addcmul_(probabilities, share)


@dataclass(frozen=True)
class Terms:
    """The four terms of every batch, before their λ, (m n) each; NaN where a batch has no counterfactuals."""

    classify: Tensor
    div: Tensor
    adv: Tensor
    reg: Tensor
    empty: Tensor  # n: batches without counterfactuals

    def total(self, weights: Weights) -> Tensor:
        """The objective of every batch, (m n)."""
        total = weights.classify[:, None] * self.classify
        for weight, term in ((weights.div, self.div), (weights.adv, self.adv), (weights.reg, self.reg)):
            total = total + torch.where(self.empty, 0, weight[:, None] * term)
        return total


def terms(logits: Tensor, onehot: Tensor, per_sample: Tensor, per_counterfactual: Tensor) -> Terms:
    """The terms of the objective from the logits (m k n r) of all columns."""
    b, c = per_sample.shape[1], per_counterfactual.shape[1]
    chosen = (logits * onehot).sum(dim=1)  # m n r
    entropy = torch.logsumexp(logits[..., : b + c], dim=1) - chosen[..., : b + c]
    empty = per_counterfactual.sum(dim=1) == 0

    def mean(values: Tensor, weights: Tensor) -> Tensor:
        return torch.where(weights > 0, values * weights, 0).sum(dim=-1)

    def per_batch(values: Tensor) -> Tensor:
        return torch.where(empty, torch.nan, mean(values, per_counterfactual))

    near, far = -chosen[..., b + c : b + 2 * c], -chosen[..., b + 2 * c :]  # E(x⁺), E(x')
    return Terms(
        classify=mean(entropy[..., :b], per_sample),
        div=per_batch(near - far),
        adv=per_batch(entropy[..., b:]),
        reg=per_batch(near.square() + far.square()),
        empty=empty,
    )
