"""Noise on the gradients of a search: a generator made worse on purpose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ctviz.counterfactuals.search_settings import SearchSettings

BLOCK = 256
"""Columns that are drawn together."""


@dataclass(frozen=True)
class Noise:
    """``g ← g + σ · ‖g‖₂ / √d · n`` with n from N(0, 1): for σ = 1, noise about as long as the gradient itself.

    A draw depends on the step and on the column of the search (the factual's position) alone: it is the same for all
    arms, and whatever is searched together.
    """

    share: Tensor  # m 1 1: σ

    @classmethod
    def of(cls, settings: Sequence[SearchSettings], like: Tensor) -> Noise | None:
        """The noise of m arms; None where no arm has any."""
        shares = [s.gradient_noise for s in settings]
        return cls(like.new_tensor(shares).view(-1, 1, 1)) if any(shares) else None

    def take(self, arms: Tensor) -> Noise:
        """The noise of some of the arms."""
        return Noise(self.share[arms])

    def add(self, gradient: Tensor, t: int, columns: Tensor, first: int, b: int) -> Tensor:
        """Add it, in place, to the gradient (m d w) of step ``t``, in a chunk of ``b`` columns from ``first`` on.

        ``columns`` (m w): positions within the chunk; those past its end are padding and get the last one's noise.
        """
        d = gradient.shape[1]
        n = draw(t, first, b, d).to(gradient)[:, columns.clamp(max=b - 1)].transpose(0, 1)  # m d w
        length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True).mul_(self.share / math.sqrt(d))
        return gradient.addcmul_(length, n)


def draw(t: int, first: int, b: int, d: int) -> Tensor:
    """Independent draws from N(0, 1) for step ``t`` and the ``b`` columns from ``first`` on, (d b), float64."""
    blocks = range(first // BLOCK, (first + b - 1) // BLOCK + 1)
    drawn = np.concatenate([np.random.default_rng((t, block, d)).standard_normal((BLOCK, d)) for block in blocks])
    start = first - blocks.start * BLOCK
    return torch.from_numpy(drawn[start : start + b].T)
