"""Counterfactuals of one factual that repel each other, after DiCE (Mothilal, Sharma and Tan 2020).

For the n = ``per_factual`` counterfactuals x_1 … x_n of one factual, the penalty is the negative logarithm of a
determinantal point process,

    −λ_diversity · log det(K + ρI),  K_ij = 1 / (1 + r_ij),  r_ij = ‖x_i + o_i − x_j − o_j‖₂.

All begin at the same factual: the offsets o_i, tiny and fixed, break the symmetry, and ρ = 0.1 keeps the gradient
finite where points coincide. With A = (K + ρI)⁻¹ the gradient is

    ∂/∂x_i = 2 λ_diversity · Σ_j A_ij K_ij² · (x_i + o_i − x_j − o_j) / r_ij.

K is positive definite for distinct points (1/(1 + r) is a mixture of exponentials of −r), so A exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings

RHO = 0.1
"""What is added to the diagonal of K."""

OFFSET = 0.01
"""Standard deviation of each coordinate of the offsets."""


def groups(b: int, per_factual: int) -> Tensor:
    """The factual of each of b columns, (b): ``0 … 0 1 … 1 2 …``, ``per_factual`` times each; the last group may be
    shorter.

    Callers repeat their factuals by it: ``factuals[..., groups(b, per_factual)]``.
    """
    return torch.arange(b) // per_factual


def repelling(settings: SearchSettings) -> int:
    """How many counterfactuals of one factual repel each other in a search; 0 where none do."""
    wanted = "diversity" in GENERATORS[settings.generator].penalties and settings.lambda_diversity > 0
    return settings.per_factual if wanted and settings.per_factual > 1 else 0


@cache
def offsets(n: int, d: int) -> tuple[tuple[float, ...], ...]:
    """o_1 … o_n, (n d), the same for the same n and d."""
    drawn = OFFSET * np.random.default_rng((n, d)).standard_normal((n, d))
    return tuple(map(tuple, drawn.tolist()))


@dataclass(frozen=True)
class Repulsion:
    """The diversity of m arms that all search the same number of counterfactuals of each factual."""

    weight: Tensor  # m 1 1: λ_diversity
    n: int  # per factual
    offsets: Tensor  # n d

    @classmethod
    def of(cls, settings: Sequence[SearchSettings], like: Tensor) -> Repulsion | None:
        """For points like ``like`` (m d b); None where no arm has counterfactuals that repel each other."""
        sizes = {repelling(s) for s in settings}
        if sizes == {0}:
            return None
        if len(sizes) > 1:  # the dispatcher keeps them apart
            raise ValueError(f"arms that repel {sorted(sizes)} at a time in one search")
        (n,) = sizes
        weights = like.new_tensor([s.lambda_diversity for s in settings]).view(-1, 1, 1)
        return cls(weights, n, like.new_tensor(offsets(n, like.shape[1])))

    def take(self, arms: Tensor) -> Repulsion:
        """The repulsion of some of the arms."""
        return Repulsion(self.weight[arms], self.n, self.offsets)

    def gradient(self, points: Tensor) -> Tensor:
        """With respect to ``points`` (m d b), whose columns come in groups of n; the last group may be shorter."""
        m, d, b = points.shape
        n, width = self.n, -(-b // self.n) * self.n
        # Matrices are inverted in single precision at least.
        exact = torch.promote_types(points.dtype, torch.float32)
        padded = torch.nn.functional.pad(points.to(exact), (0, width - b))
        x = padded.mT.reshape(m, -1, n, d) + self.offsets
        apart = x.unsqueeze(3) - x.unsqueeze(2)  # m groups n n d
        r = torch.linalg.vector_norm(apart, dim=-1)
        kernel = 1 / (1 + r)
        real = (torch.arange(width, device=points.device) < b).view(-1, n)  # groups n
        kernel = torch.where(real.unsqueeze(1) & real.unsqueeze(2), kernel, 0.0)  # padding repels nothing
        diagonal = torch.where(real, kernel.new_tensor(RHO), kernel.new_tensor(1.0))
        inverse = torch.linalg.inv_ex(kernel + diagonal.diag_embed()).inverse
        pull = torch.where(r > 0, inverse * kernel.square() / r, 0.0)
        push: Tensor = (pull.unsqueeze(-1) * apart).sum(dim=3)  # m groups n d
        columns = push.reshape(m, width, d).mT[..., :b]
        return (columns * (2 * self.weight)).to(points.dtype)
