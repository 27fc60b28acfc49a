"""The penalties that a search adds to the cross-entropy of its target, as closed-form gradients.

With logits z, target class y⁺ and energy E = −z[y⁺] (REFERENCE, section 2):

- distance: λ_cost · ‖x' − x‖₁, whose gradient is λ_cost · sign(x' − x);
- energy: λ_egy · φ_t · (E + 10⁻³ E²) with φ_t = a (b + t)^(−0.9), b = round(T / 25), a = b / 10, t = 1 … T.
  Its gradient with respect to z[y⁺] is −λ_egy · φ_t · (1 + 2 · 10⁻³ E);
- gravity: λ_gravity · mean over samples s of y⁺ of ‖x' − s‖₁, whose gradient is λ_gravity · mean of sign(x' − s): it
  lowers the implausibility of x' (REFERENCE, section 4: IP);
- diversity: see ``ctviz.counterfactuals.diversity``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from ctviz.counterfactuals.diversity import Repulsion
from ctviz.counterfactuals.generators import GENERATORS, Penalty
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search_settings import SearchSettings

RIDGE = 1e-3
"""Weight of E² relative to E."""


def decay(t: int, steps: int) -> float:
    """φ_t, the weight of the energy at step t of at most ``steps``; 0 throughout for fewer than 13 steps."""
    b = round(steps / 25)
    return b / 10 * (b + t) ** -0.9 if b else 0.0


@cache
def decays(steps: int, longest: int) -> tuple[float, ...]:
    """φ_1 … φ_longest of a search of at most ``steps`` steps."""
    return tuple(decay(t, steps) for t in range(1, longest + 1))


@dataclass(frozen=True)
class Gravity:
    """The pull of samples of each class on m arms."""

    weight: Tensor  # m 1 1: λ_gravity
    samples: Tensor  # k d a, each row in ascending order, padded with infinity
    count: Tensor  # k: samples of each class

    @classmethod
    def of(cls, weights: Sequence[float], reference_data: ReferenceData, like: Tensor) -> Gravity:
        samples = reference_data.attractors(like)
        count = samples[:, 0].isfinite().sum(dim=-1).clamp_min(1)
        return cls(like.new_tensor(weights).view(-1, 1, 1), samples.sort(dim=-1).values, count)

    def take(self, arms: Tensor) -> Gravity:
        """The pull on some of the arms."""
        return replace(self, weight=self.weight[arms])

    def gradient(self, points: Tensor, targets: Tensor) -> Tensor:
        """λ_gravity · mean of sign(x' − s) at ``points`` (m d b) over the samples s of classes ``targets`` (m b).

        The mean is (#{s < x'} − #{s > x'}) / a, and both counts come from a binary search in the sorted samples: exact,
        in log a steps, with little memory.
        """
        x = points.transpose(0, 1)  # d m b
        result = torch.zeros_like(x)
        drawn = self.weight.squeeze(-1) > 0
        for c, (samples, count) in enumerate(zip(self.samples, self.count, strict=True)):
            chosen = (targets == c) & drawn
            own = x[:, chosen].contiguous()  # d n
            below = torch.searchsorted(samples, own)
            not_above = torch.searchsorted(samples, own, right=True)
            result[:, chosen] = (below + not_above - count).to(points.dtype) / count
        return result.transpose(0, 1) * self.weight


@dataclass(frozen=True)
class Penalties:
    """The penalties of m arms, ready to be added to gradients; None for what no arm uses."""

    cost: Tensor  # m 1 1
    charged: bool  # whether any arm penalises the distance
    energy: Tensor | None  # t m 1 1: λ_egy φ_t
    gravity: Gravity | None
    repulsion: Repulsion | None

    @classmethod
    def of(
        cls, settings: Sequence[SearchSettings], like: Tensor, reference_data: ReferenceData | None = None
    ) -> Penalties:
        """For points like ``like`` (m d b)."""
        cost = _weights(settings, "distance", "lambda_cost")
        pull = _weights(settings, "energy", "lambda_egy")
        gravity = _weights(settings, "gravity", "lambda_gravity")
        longest = max(s.steps for s in settings)
        weights = like.new_tensor([decays(s.steps, longest) for s in settings]) * like.new_tensor(pull).unsqueeze(-1)
        return cls(
            cost=like.new_tensor(cost).view(-1, 1, 1),
            charged=any(cost),
            energy=weights.T.reshape(longest, -1, 1, 1) if any(pull) else None,
            gravity=Gravity.of(gravity, reference_data, like) if any(gravity) and reference_data is not None else None,
            repulsion=Repulsion.of(settings, like),
        )

    def take(self, arms: Tensor) -> Penalties:
        """The penalties of some of the arms."""
        return replace(
            self,
            cost=self.cost[arms],
            energy=None if self.energy is None else self.energy[:, arms],
            gravity=None if self.gravity is None else self.gravity.take(arms),
            repulsion=None if self.repulsion is None else self.repulsion.take(arms),
        )

    def logit_gradient(self, probabilities: Tensor, logits: Tensor, onehot: Tensor, t: int) -> Tensor:
        """Gradient of cross-entropy and energy at step ``t`` (from 1) with respect to the logits, (m k b)."""
        if self.energy is None:
            return probabilities - onehot
        weight = self.energy[t - 1]
        pull = torch.addcmul(1 + weight, logits, weight, value=-2 * RIDGE)  # 1 + w (1 + 2·10⁻³ E) where E = −z
        return torch.addcmul(probabilities, onehot, pull, value=-1)

    def add_distance_gradient(self, gradient: Tensor, moved: Tensor) -> Tensor:
        """Add λ_cost · sign(x' − x) to the gradient with respect to the input, (m d b); ``moved`` is overwritten."""
        return gradient.addcmul_(moved.sign_(), self.cost) if self.charged else gradient

    def add_forces(self, gradient: Tensor, points: Tensor, onehot: Tensor) -> Tensor:
        """Add the gradients of gravity and diversity at ``points`` (m d b) of targets ``onehot`` (m k b)."""
        if self.gravity is not None:
            gradient += self.gravity.gradient(points, onehot.argmax(dim=1))
        if self.repulsion is not None:
            gradient += self.repulsion.gradient(points)
        return gradient


def _weights(settings: Sequence[SearchSettings], penalty: Penalty, field: str) -> list[float]:
    """A weight of each arm, 0 where its generator does not use the penalty."""
    return [getattr(s, field) if penalty in GENERATORS[s.generator].penalties else 0.0 for s in settings]
