"""Roughness of pictures and of their changes, which tells scattered dots from strokes."""

from __future__ import annotations

import torch
from torch import Tensor

from ctviz.errors import DataError


def total_variation(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """Total variation of pictures, in both directions of the grid (anisotropic).

        TV(x) = Σ_ij |x[i+1, j] − x[i, j]| + Σ_ij |x[i, j+1] − x[i, j]|

    Args:
        x: pictures, or changes of pictures, (… d), row by row.
        grid: rows and columns, d = rows · columns.

    Returns:
        (…), float64, in units of the pixels.

    Raises:
        DataError: pictures of another size.
    """
    if x.ndim == 0 or x.shape[-1] != grid[0] * grid[1]:
        raise DataError(f"Pictures have shape {tuple(x.shape)}; expected {grid[0]} × {grid[1]} pixels last.")
    picture = x.double().unflatten(-1, grid)  # … rows columns
    return sum((picture.diff(dim=axis).abs().sum(dim=(-2, -1)) for axis in (-2, -1)), torch.zeros(()).to(picture))


def roughness(change: Tensor, grid: tuple[int, int]) -> Tensor:
    """TV(Δ) / ‖Δ‖₁ of changes Δ = x' − x (… d): how differently neighbouring pixels change, (…).

    It does not depend on how large the change is: 4 for pixels that change alone, far from each other; near 0 for a
    large patch that changes as one. NaN where nothing changes.
    """
    size = change.double().abs().sum(dim=-1)
    return total_variation(change, grid) / torch.where(size > 0, size, torch.nan)
