"""How much of a model's answer rests on which feature: integrated gradients (Sundararajan, Taly and Yan 2017)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from ctviz.errors import ConfigError, DataError

Logits = Callable[[Tensor], Tensor]
"""A model, (b d) → (b k), or a stack of m models, (m b d) → (m b k); differentiable."""

Output = Literal["logit", "probability"]

CHUNK = 1 << 17
"""Rows that captum holds at once."""


@dataclass(frozen=True)
class Attributions:
    """Integrated gradients of samples, and how well they add up."""

    values: Tensor  # (m) b d: g
    error: Tensor  # (m) b: Σ_d g_d − [F(x) − F(baseline)], 0 for an exact integral


def uniform_baselines(b: int, d: int, seed: int = 0) -> Tensor:
    """Baselines from U(−1, 1), (b d) (REFERENCE: section 4)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(b, d, generator=generator) * 2 - 1


def integrated_gradients(
    logits: Logits,
    X: Tensor,
    classes: Tensor | None = None,
    baselines: Tensor | None = None,
    steps: int = 50,
    output: Output = "logit",
) -> Attributions:
    """Integrated gradients of the model's output F for a class, along the straight line from a baseline.

        g_d = (x_d − x⁰_d) · ∫₀¹ ∂F(x⁰ + α (x − x⁰)) / ∂x_d dα,   F = M(·)[y] or softmax(M(·))[y]

    The integral is taken by Gauss and Legendre's rule (captum). For a linear model g_d = w_d (x_d − x⁰_d).

    Args:
        logits: the model or models.
        X: (b d) for a model, (m b d) for a stack.
        classes: y of each sample, (b) or (m b), int64; by default those that each model predicts.
        baselines: x⁰, of X's shape or (b d) for all models; by default ``uniform_baselines``.
        steps: nodes of the rule.
        output: which F.

    Returns:
        Attributions in units of F.

    Raises:
        ConfigError: fewer than one step, an unknown output.
        DataError: shapes that do not fit together.
    """
    if X.ndim not in (2, 3):
        raise DataError(f"Samples have shape {tuple(X.shape)}; expected (b d) or (m b d).")
    if baselines is None:
        baselines = uniform_baselines(*X.shape[-2:])
    if classes is None:
        with torch.no_grad():
            classes = logits(X).argmax(dim=-1)
    _check(X, classes, baselines, steps, output)
    lead, (b, d) = X.shape[:-2], X.shape[-2:]
    rows = lead.numel() * b
    if rows == 0:
        return Attributions(torch.zeros_like(X), X.new_zeros(X.shape[:-1]))

    def outputs(x: Tensor) -> Tensor:
        """F of n times the samples, (n m·b d) → (n m·b)."""
        n = len(x)
        z = logits(x.view(n, *lead, b, d).movedim(0, -3).reshape(*lead, n * b, d))  # … n·b k
        z = z if output == "logit" else torch.softmax(z, dim=-1)
        z = z.reshape(*lead, n, b, -1).movedim(-3, 0).reshape(n, rows, -1)
        return z.gather(-1, classes.reshape(1, rows, 1).expand(n, -1, -1)).squeeze(-1)

    def total(flat: Tensor) -> Tensor:
        """Captum puts the nodes of the rule first. A sum has the gradient of every row, at once."""
        return outputs(flat.view(-1, rows, d)).sum().reshape(1)

    end, start = X.detach().reshape(rows, d), baselines.to(X).expand_as(X).reshape(rows, d)
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Input Tensor .* did not already require gradients")
        values: Tensor = IntegratedGradients(total).attribute(
            end, start, n_steps=steps, internal_batch_size=rows * max(1, CHUNK // rows)
        )
    with torch.no_grad():
        high, low = outputs(torch.stack([end, start]))
    values = values.detach().to(X.dtype)
    return Attributions(values.view(X.shape), (values.sum(dim=-1) - (high - low)).view(X.shape[:-1]))


def share(values: Tensor) -> Tensor:
    """|g_d| / Σ |g|: how much of each sample's attribution falls to each feature, (… d); NaN where all are 0."""
    size = values.abs().double()
    total = size.sum(dim=-1, keepdim=True)
    return size / torch.where(total > 0, total, torch.nan)


def standardised(values: Tensor) -> Tensor:
    """|g_d| standardised per sample as in the paper, (… d); NaN where all features have the same.

    Two features: |g_d| / (max − min). More: (|g_d| − min) / (max − min).
    """
    size = values.abs().double()
    low, high = size.amin(dim=-1, keepdim=True), size.amax(dim=-1, keepdim=True)
    spread = torch.where(high > low, high - low, torch.nan)
    return (size if values.shape[-1] == 2 else size - low) / spread


def _check(X: Tensor, classes: Tensor, baselines: Tensor, steps: int, output: str) -> None:
    if not 1 <= steps <= 10_000:
        raise ConfigError("steps", steps, "1 to 10,000")
    if output not in ("logit", "probability"):
        raise ConfigError("output", output, "logit or probability")
    if classes.shape != X.shape[:-1] or baselines.shape not in (X.shape, X.shape[-2:]):
        given = ", ".join(str(tuple(t.shape)) for t in (X, classes, baselines))
        raise DataError(f"Samples, classes and baselines have shapes {given}; expected ((m) b d), ((m) b) and (b d).")
