"""The gradient searches one counterfactual at a time, from the formulas, by autograd; nothing shared with ctviz."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Draw = Callable[[int, int], Tensor]
"""(step, column) → what is drawn from N(0, I), (d)."""


@dataclass(frozen=True)
class Slow:
    """Weights of the penalties, and what they refer to."""

    tau: float
    steps: int
    step_size: float
    epsilon: float
    cost: float = 0.0
    energy: float = 0.0
    gravity: float = 0.0
    diversity: float = 0.0
    noise: float = 0.0
    attractors: Sequence[Tensor] = ()  # (n d) of each class
    offsets: Tensor | None = None  # n d
    draw: Draw | None = None
    longest_step: float = math.inf


@dataclass(frozen=True)
class Ways:
    """The counterfactuals of one factual."""

    path: Tensor  # t+1 n d
    nascent: Tensor  # n d
    mature: list[bool]
    steps: list[int]


def log_det(points: Sequence[Tensor], offsets: Tensor) -> Tensor:
    """log det(K + 0.1 I) of the points (d) of one factual."""
    shifted = [x + o for x, o in zip(points, offsets, strict=True)]
    rows = []
    for i, a in enumerate(shifted):
        row = []
        for j, b in enumerate(shifted):
            # Not the norm of zeros, whose derivative is none.
            r = torch.zeros((), dtype=a.dtype) if i == j else torch.sqrt(((a - b) ** 2).sum())
            row.append(1 / (1 + r) + (0.1 if i == j else 0.0))
        rows.append(torch.stack(row))
    return torch.logdet(torch.stack(rows))


def loss_of_one(model: nn.Module, x: Tensor, factual: Tensor, target: int, s: Slow, t: int) -> Tensor:
    """Everything but the diversity, for one point (d) at step t."""
    z = model(x[None])[0]
    total = -torch.log_softmax(z, dim=0)[target]
    total = total + s.cost * (x - factual).abs().sum()
    b = round(s.steps / 25)
    if s.energy and b:
        e = -z[target]
        total = total + s.energy * (b / 10) * (b + t) ** -0.9 * (e + e**2 / 1000)
    if s.gravity:
        total = total + s.gravity * (x - s.attractors[target]).abs().sum(dim=1).mean()
    return total


def slow_search(
    model: nn.Module,
    factual: Tensor,
    target: int,
    s: Slow,
    limits: Sequence[tuple[float, float]],
    columns: Sequence[int],
) -> Ways:
    """One counterfactual for each of ``columns`` (their places in the whole search), which repel each other."""
    n = len(columns)
    now = [factual.clone() for _ in range(n)]
    nascent = [factual.clone() for _ in range(n)]
    steps: list[int | None] = [None] * n
    path = [torch.stack(now)]
    for t in range(s.steps + 1):
        for i in range(n):
            p = torch.softmax(model(now[i][None])[0].detach(), dim=0)[target]
            if steps[i] is None and float(p) >= s.tau:
                steps[i] = t
        if t == s.steps:
            break
        leaves = [x.detach().clone().requires_grad_() for x in now]
        total = sum(loss_of_one(model, x, factual, target, s, t + 1) for x in leaves)
        if s.diversity and n > 1:
            assert s.offsets is not None
            total = total - s.diversity * log_det(leaves, s.offsets[:n])
        gradients = torch.autograd.grad(total, leaves)  # type: ignore[arg-type]
        for i in range(n):
            if steps[i] is not None:
                continue
            g = gradients[i]
            if s.noise:
                assert s.draw is not None
                g = g + s.noise * g.norm() / math.sqrt(len(g)) * s.draw(t + 1, columns[i]).to(g)
            step = s.step_size * g
            if float(step.norm()) > s.longest_step:
                step = step / step.norm() * s.longest_step
            moved = now[i] - step
            bounds = zip(moved.tolist(), limits, strict=True)
            now[i] = factual.new_tensor([min(max(v, low), high) for v, (low, high) in bounds])
            if float((now[i] - factual).abs().max()) <= s.epsilon:
                nascent[i] = now[i]
        path.append(torch.stack(now))
    mature = [taken is not None for taken in steps]
    return Ways(torch.stack(path), torch.stack(nascent), mature, [s.steps if t is None else t for t in steps])
