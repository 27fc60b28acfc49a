"""Baselines of attributions: inputs that are taken to carry no information."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ctviz.errors import ConfigError, DataError

BaselineName = Literal["uniform", "black", "blurred", "mean"]

BLUR = 3.0
"""Standard deviation of the blur, in pixels."""

BASELINES: dict[BaselineName, str] = {
    "uniform": "Random noise: every pixel anywhere between black and white, as in the paper.",
    "black": "An empty picture: every pixel black.",
    "blurred": "The picture itself, blurred until its strokes are gone.",
    "mean": "The average of all training pictures.",
}
"""Name → description."""


def uniform_baselines(b: int, d: int, seed: int = 0) -> Tensor:
    """Baselines from U(−1, 1), (b d) (REFERENCE: section 4)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(b, d, generator=generator) * 2 - 1


def blurred(x: Tensor, grid: tuple[int, int], sigma: float = BLUR) -> Tensor:
    """Pictures (… d) under a Gaussian blur; at the edges, its weights are those inside the picture."""
    rows, columns = (_smoothing(n, sigma).to(x) for n in grid)
    smooth: Tensor = rows @ x.unflatten(-1, grid) @ columns.mT
    return smooth.flatten(-2)


def mean_sample(samples: Tensor) -> Tensor:
    """The mean of samples (n d), taken in float64 some of them at a time, (d)."""
    total = sum((part.double().sum(dim=0) for part in samples.split(1 << 12)), torch.zeros((), dtype=torch.float64))
    return (total / len(samples)).to(samples)


def make_baselines(
    name: BaselineName,
    X: Tensor,
    seed: int = 0,
    grid: tuple[int, int] | None = None,
    background: Tensor | None = None,
) -> Tensor:
    """Baselines x⁰ of samples X (… b d): of X's shape, or (b d) where they do not depend on the sample.

    Raises:
        ConfigError: an unknown name; a blur of data that are not pictures.
        DataError: a mean without ``background`` (n d).
    """
    b, d = X.shape[-2:]
    if name == "uniform":
        return uniform_baselines(b, d, seed).to(X)
    if name == "black":
        return X.new_full((b, d), -1.0)
    if name == "blurred":
        if grid is None:
            raise ConfigError("baseline", name, "uniform, black or mean for data that are no pictures")
        return blurred(X, grid)
    if name == "mean":
        if background is None or not len(background):
            raise DataError("A mean baseline needs samples to take the mean of (background).")
        return mean_sample(background).to(X).expand(b, d)
    raise ConfigError("baseline", name, f"one of {', '.join(BASELINES)}")


def _smoothing(n: int, sigma: float) -> Tensor:
    """Weights exp(−(i − j)² / 2σ²) of neighbours j for each of n pixels i, adding up to 1, (n n)."""
    place = torch.arange(n, dtype=torch.float64)
    weights = torch.exp(-(place.unsqueeze(1) - place).square() / (2 * sigma**2))
    return weights / weights.sum(dim=1, keepdim=True)
