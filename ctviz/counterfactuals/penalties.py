"""What a search minimises besides the loss of reaching its target, as closed-form gradients.

With logits z, target class y⁺ and energy E = −z[y⁺] (REFERENCE, section 2):

- distance: λ_cost · ‖x' − x‖₁, whose gradient is λ_cost · sign(x' − x);
- energy: λ_egy · φ_t · (E + 10⁻³ E²) with φ_t = a (b + t)^(−0.9), b = round(T / 25), a = b / 10, t = 1 … T.
  Its gradient with respect to z[y⁺] is −λ_egy · φ_t · (1 + 2 · 10⁻³ E).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.settings import SearchSettings

RIDGE = 1e-3
"""Weight of E² beside E."""


def decay(t: int, steps: int) -> float:
    """φ_t, the weight of the energy at step t of at most ``steps``; 0 throughout for fewer than 13 steps."""
    b = round(steps / 25)
    return b / 10 * (b + t) ** -0.9 if b else 0.0


@cache
def decays(steps: int, longest: int) -> tuple[float, ...]:
    """φ_1 … φ_longest of a search of at most ``steps`` steps."""
    return tuple(decay(t, steps) for t in range(1, longest + 1))


@dataclass(frozen=True)
class Penalties:
    """The penalties of m arms, ready to be added to gradients."""

    cost: Tensor  # m 1 1
    energy: Tensor | None  # t m 1 1: λ_egy φ_t; None where no arm uses it
    charged: bool  # whether any arm prices the distance

    @classmethod
    def of(cls, settings: Sequence[SearchSettings], like: Tensor) -> Penalties:
        used = [GENERATORS[s.generator].penalties for s in settings]
        cost = [s.lambda_cost if "distance" in p else 0.0 for s, p in zip(settings, used, strict=True)]
        longest = max(s.steps for s in settings)
        pull = [s.lambda_egy if "energy" in p else 0.0 for s, p in zip(settings, used, strict=True)]
        weights = like.new_tensor([decays(s.steps, longest) for s in settings]) * like.new_tensor(pull).unsqueeze(-1)
        return cls(
            cost=like.new_tensor(cost).view(-1, 1, 1),
            energy=weights.T.reshape(longest, -1, 1, 1) if any(pull) else None,
            charged=any(cost),
        )

    def take(self, arms: Tensor) -> Penalties:
        """The penalties of some of the arms."""
        energy = None if self.energy is None else self.energy[:, arms]
        return replace(self, cost=self.cost[arms], energy=energy)

    def logit_gradient(self, probabilities: Tensor, logits: Tensor, onehot: Tensor, t: int) -> Tensor:
        """Gradient of cross-entropy and energy at step ``t`` (from 1) with respect to the logits, (m k b)."""
        if self.energy is None:
            return probabilities - onehot
        weight = self.energy[t - 1]
        pull = torch.addcmul(1 + weight, logits, weight, value=-2 * RIDGE)  # 1 + w (1 + 2·10⁻³ E) where E = −z
        return torch.addcmul(probabilities, onehot, pull, value=-1)

    def add_distance_gradient(self, gradient: Tensor, moved: Tensor) -> Tensor:
        """Add λ_cost · sign(x' − x) to the gradient with respect to the input, (m d b)."""
        return gradient.addcmul_(torch.sign(moved), self.cost) if self.charged else gradient
