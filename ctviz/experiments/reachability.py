"""The highest confidence in the target that advice can reach, which tells whether a counterfactual exists."""

from __future__ import annotations

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.trail import reachable_range
from ctviz.models.stack import Stack

NODES = 64
"""Nodes per axis of the grid that is searched for the highest probability where both features are free."""

LINE_NODES = 4 * NODES
"""Nodes of the line where one feature is free; and of all edges of the allowed rectangle where both are."""

CHUNK = 1 << 20
"""Most numbers in the widest activation of a forward pass."""


def logits_at(stack: Stack, points: Tensor) -> Tensor:
    """Logits of points (m d n) → (m k n), some columns at a time."""
    width = max(1, CHUNK // (stack.m * stack.widest))
    ones = points.new_ones(points.shape[0], 1, 1)
    passing, parts = stack.run(min(width, points.shape[-1])), []
    for chunk in torch.split(points, width, dim=-1):
        if chunk.shape[-1] < min(width, points.shape[-1]):
            passing = stack.run(chunk.shape[-1])  # the last chunk
        inputs = torch.cat([chunk, ones.expand(-1, -1, chunk.shape[-1])], dim=1)
        parts.append(passing.forward(inputs).clone())  # the buffers are reused
    return torch.cat(parts, dim=-1)


def target_probability(logits: Tensor, targets: Tensor) -> Tensor:
    """softmax(z)[y⁺] of logits (m k …) and targets (m …) → (m …)."""
    return torch.softmax(logits, dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)


def reachable(stack: Stack, factuals: Tensor, targets: Tensor, constraints: Constraints, wanted: Tensor) -> Tensor:
    """The highest probability of the target that a search from each factual could reach, on a grid.

        max softmax(M(x'))[y⁺] over all x' that domain, ranges, locks and directions allow

    Evaluated on 64 × 64 nodes of the domain, on 64 nodes of each edge of the allowed rectangle, corners included, and
    at the factual; where only one feature is free, on a line of 256 nodes. A peak narrower than the grid is missed.

    Args:
        factuals: (m d b), d = 2.
        targets: (m b), int64.
        wanted: the factuals to evaluate, (m b), bool.

    Returns:
        (m b), in [0, 1]; NaN where not wanted.
    """
    result = torch.full(targets.shape, torch.nan, dtype=factuals.dtype)
    arms, columns = wanted.any(dim=1).nonzero().squeeze(1), wanted.any(dim=0).nonzero().squeeze(1)
    if len(columns) == 0:
        return result
    every = len(arms) == stack.m
    some = stack if every else stack.take(arms.tolist())
    rules = constraints if every else constraints.take(arms)
    x, goal = factuals[arms][..., columns], targets[arms][:, columns]
    low, high = reachable_range(rules, x)
    # Some factuals at a time: the edges have many points for each.
    width = max(1, 2 * CHUNK // (x.shape[0] * x.shape[1] * (LINE_NODES + 1)))
    pieces = zip(*(t.split(width, dim=-1) for t in (x, low, high, goal)), strict=True)
    edges = torch.cat([_on_edges(some, *piece) for piece in pieces], dim=-1)
    best = torch.maximum(edges, _inside(some, rules, low, high, goal))
    found = torch.full_like(result, torch.nan)
    found[arms.unsqueeze(1), columns] = best
    return torch.where(wanted, found, result)


def _on_edges(stack: Stack, x: Tensor, low: Tensor, high: Tensor, targets: Tensor) -> Tensor:
    """Highest probability at the factual and on the edges of its box (a line where one feature is free), (m b)."""
    m, d, b = x.shape
    unit = torch.linspace(0, 1, NODES)
    zero, one = torch.zeros(NODES), torch.ones(NODES)
    around = torch.stack([torch.cat([unit, unit, zero, one]), torch.cat([zero, one, unit, unit])])  # d 4·nodes
    along = torch.linspace(0, 1, LINE_NODES).expand(d, -1)
    flat = (high <= low).any(dim=1)[:, None, :, None]  # m 1 b 1: then going along the axes together walks the line
    share = torch.where(flat, along[:, None], around[:, None])  # m d b nodes
    points = low.unsqueeze(-1) + share * (high - low).unsqueeze(-1)
    points = torch.minimum(torch.maximum(points, low.unsqueeze(-1)), high.unsqueeze(-1))
    points = torch.cat([points, x.unsqueeze(-1)], dim=-1)
    n = points.shape[-1]
    logits = logits_at(stack, points.reshape(m, d, b * n)).view(m, -1, b, n)
    return target_probability(logits, targets.unsqueeze(-1).expand(-1, -1, n)).amax(dim=-1)


def _inside(stack: Stack, constraints: Constraints, low: Tensor, high: Tensor, targets: Tensor) -> Tensor:
    """Highest probability on the nodes of the domain's grid inside each box, (m b); 0 where there are none."""
    m, b = targets.shape
    best = low.new_zeros(m, b)
    spacious = (high > low).all(dim=1)  # m b
    if not spacious.any():
        return best
    unit = torch.linspace(0, 1, NODES)
    nodes = constraints.lower + unit * (constraints.upper - constraints.lower)  # m d g
    first, second = nodes[:, 0].repeat_interleave(NODES, dim=1), nodes[:, 1].repeat(1, NODES)
    field = torch.softmax(logits_at(stack, torch.stack([first, second], dim=1)), dim=1)  # m k g·g
    field = field.view(m, -1, NODES, NODES)
    rows = torch.arange(m).unsqueeze(1)
    width = max(1, 2 * CHUNK // (m * NODES * NODES))
    for part in torch.split(torch.arange(b), width):
        inside = (nodes.unsqueeze(2) >= low[..., part, None]) & (nodes.unsqueeze(2) <= high[..., part, None])  # m d b g
        if inside.all():
            best[:, part] = field.amax(dim=(2, 3)).gather(1, targets[:, part])
            continue
        planes = field[rows, targets[:, part]]  # m b g g
        lines = torch.where(inside[:, 1].unsqueeze(2), planes, 0.0).amax(dim=3)  # m b g
        best[:, part] = torch.where(inside[:, 0], lines, 0.0).amax(dim=2)
    return best
