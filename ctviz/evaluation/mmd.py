"""The squared maximum mean discrepancy (MMD) between two samples, of which one may be weighted.

The kernel is ``k(x, y) = exp(−‖x − y‖² / (2 ℓ²))``: the distance is divided by the length scale ℓ before the standard
kernel exp(−r²/2) is taken. Everything is computed and returned in float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ctviz.errors import DataError

LENGTH_SCALE = 0.5
"""Length scale of the kernel behind IP*, in units of the features."""

BLOCK = 2**21
"""Most kernel values held in memory at once (16 MB)."""


def mmd2(x: Tensor, y: Tensor, length_scale: float = LENGTH_SCALE) -> Tensor:
    """Unbiased estimate of the squared MMD between two samples. Being unbiased, it may be negative.

        1/(n(n−1)) Σ_{i≠j} k(x_i, x_j) + 1/(l(l−1)) Σ_{i≠j} k(y_i, y_j) − 2/(nl) Σ_{i,j} k(x_i, y_j)

    Args:
        x: (… n d).
        y: (… l d); leading axes broadcast against those of x.
        length_scale: of the kernel, in units of the features.

    Returns:
        (…), float64; NaN where either sample has fewer than two points.

    Raises:
        DataError: when the numbers of features differ.
    """
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise DataError(f"MMD is taken between (… n d) and (… l d); got {tuple(x.shape)} and {tuple(y.shape)}.")
    x, y = x.double(), y.double()
    between = kernel_sums(x, y, length_scale).sum(-1) / (x.shape[-2] * y.shape[-2] or torch.nan)
    return within(x, length_scale) + within(y, length_scale) - 2 * between


def weighted_mmd2(pairs: Tensor, alone: Tensor, number: Tensor, nearness: Tensor, real: Tensor) -> Tensor:
    """The same between points x of weights w and a sample y, from sums over the points.

        (Σ_ij w_i w_j k(x_i, x_j) − a) / (n² − a) + r − 2/n Σ_i w_i k̄(x_i)        with n = Σ_i w_i

    Args:
        pairs: Σ_ij w_i w_j k(x_i, x_j), (…).
        alone: a, the part of n² that are no pairs, (…): n where a point that was drawn w times makes pairs with its
            other draws, Σ w_i² where it makes none with itself.
        number: n, (…).
        nearness: Σ_i w_i k̄(x_i) with the mean kernel k̄ between x_i and the sample, (…).
        real: r, the mean kernel between two different points of the sample (``within``).

    Returns:
        (…), float64; NaN where there are no pairs.
    """
    return (pairs - alone) / (number * number - alone) + real - 2 * (nearness / number)


def within(x: Tensor, length_scale: float) -> Tensor:
    """Mean kernel between two different points of x (… n d) → (…); NaN for n < 2."""
    n = x.shape[-2]
    return (kernel_sums(x, x, length_scale).sum(-1) - n) / (n * (n - 1) or torch.nan)


def kernel_sums(x: Tensor, y: Tensor, length_scale: float) -> Tensor:
    """``Σ_j k(x_i, y_j)`` for each i: (… n d) and (… l d) → (… n); a block of rows of x at a time."""
    # −‖x − y‖²/2 = x·y − ‖x‖²/2 − ‖y‖²/2 is one product of matrices; about the centre of y the terms are
    # small, so that little is lost to cancellation.
    centre = y.mean(-2, keepdim=True)
    x, y = (x - centre) / length_scale, (y - centre) / length_scale
    left = torch.cat([x, _half_square(x), torch.ones_like(x[..., :1])], dim=-1)  # … n d+2
    right = torch.cat([y, torch.ones_like(y[..., :1]), _half_square(y)], dim=-1)  # … l d+2
    copies = max(1, math.prod(left.shape[:-2]), math.prod(right.shape[:-2]))
    rows = max(1, BLOCK // copies // max(1, y.shape[-2]))
    parts = torch.split(left, rows, dim=-2)
    return torch.cat([(part @ right.mT).clamp_max_(0).exp_().sum(-1) for part in parts], dim=-1)


def pair_sums(x: Tensor, weights: Tensor, length_scale: float, owner: Tensor | None = None) -> Tensor:
    """``Σ_ij w_i w_j k(x_i, x_j)`` of points x (u d) for every row w of weights (r u) → (r).

    ``owner`` (u): the column of weights (r n) that each point has its weight from; None: each one of its own. Either
    all pairs are taken at once, or those of each row alone, whichever needs fewer kernel values.
    """
    if owner is not None:
        pairs = _pairs_of_owners(x, owner, weights.shape[1], length_scale)
        return ((weights @ pairs) * weights).sum(dim=1)
    weighted = weights > 0
    if int(weighted.sum(dim=1).square().sum()) < len(x) ** 2:
        rows = [(x[chosen], row[chosen].unsqueeze(0)) for row, chosen in zip(weights, weighted, strict=True)]
        return torch.cat([_all_pairs(points, row, length_scale) for points, row in rows])
    return _all_pairs(x, weights, length_scale)


def _all_pairs(x: Tensor, weights: Tensor, length_scale: float) -> Tensor:
    """Like ``pair_sums``, over all pairs."""
    total = weights.new_zeros(len(weights))
    for here, block in _blocks(x, length_scale):
        total += ((weights[:, here] @ block) * weights).sum(dim=1)
    return total


def _pairs_of_owners(x: Tensor, owner: Tensor, n: int, length_scale: float) -> Tensor:
    """The kernel summed over the points of each pair of owners, (n n)."""
    pairs = x.new_zeros(n, n)
    for here, block in _blocks(x, length_scale):
        pairs.index_add_(0, owner[here], block.new_zeros(len(block), n).index_add_(1, owner, block))
    return pairs


def _blocks(x: Tensor, length_scale: float) -> Iterator[tuple[slice, Tensor]]:
    """``k(x_i, x_j)`` of points (u d), some rows i after the other: which rows, and their values (rows u).

    As in ``kernel_sums``, but half squares are subtracted one after the other: with the other rounding, evaluations
    that are stored could not be computed again to the bit.
    """
    x = (x - x.mean(dim=0)) / length_scale
    half = -_half_square(x)
    size = max(1, BLOCK // max(1, len(x)))
    for first in range(0, len(x), size):
        here = slice(first, first + size)
        yield here, (x[here] @ x.T - half[here] - half.T).clamp_max_(0).exp_()


def _half_square(x: Tensor) -> Tensor:
    """``−‖x‖²/2``, (… d) → (… 1)."""
    return x.square().sum(-1, keepdim=True) / -2
