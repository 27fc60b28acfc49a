"""Functions of searches without gradients: probabilities at many points, and paths whose points are known
beforehand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.search_result import Searchable, SearchRequest, SearchResult

WORKING_SET = 1 << 20
"""Most numbers in the widest activation of a chunk."""


def probabilities(model: Searchable, points: Tensor) -> Tensor:
    """softmax(M(points)) of m models at points (m d b), (m k b)."""
    m, d, b = points.shape
    size = max(32, WORKING_SET // (m * max(model.widest, d + 1)))
    passing, parts = None, []
    for part in points.split(size, dim=-1):
        if passing is None or part.shape[-1] < min(size, b):
            passing = model.run(part.shape[-1])
        logits = passing.forward(torch.cat([part, torch.ones_like(part[:, :1])], dim=1))
        parts.append(torch.softmax(logits, dim=1))
    return torch.cat(parts, dim=-1)


def reached(request: SearchRequest, points: Tensor) -> Tensor:
    """Whether softmax(M(x))[y⁺] ≥ τ at ``points`` (m d b), (m b)."""
    tau = points.new_tensor([s.tau for s in request.settings]).unsqueeze(-1)
    return probabilities(request.model, points).gather(1, request.targets.unsqueeze(1)).squeeze(1) >= tau


def reachable_range(constraints: Constraints, factuals: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds (m d b) of what can be reached from each factual: domain, ranges, locks and directions.

    Where a factual lies outside the domain, it may enter unless its direction forbids that.
    """
    low, high = constraints.box(factuals)
    low = torch.where(constraints.may_fall, low, low.maximum(factuals))
    high = torch.where(constraints.may_rise, high, high.minimum(factuals))
    return low, torch.maximum(low, high)


def enter_domain(request: SearchRequest, done: Tensor) -> tuple[Tensor, Tensor]:
    """Where searches without a goal end, (m d b), and whether τ is reached there, (m b).

    A factual outside the domain is moved into it, as far as its directions allow; one that is ``done`` (m b), or
    inside, stays.
    """
    factuals = request.factuals
    inside = factuals.clamp(*reachable_range(request.constraints, factuals))
    inside = torch.where(done.unsqueeze(1), factuals, inside)
    return inside, done if torch.equal(inside, factuals) else reached(request, inside)


def result_along(request: SearchRequest, at: Callable[[int], Tensor], steps: Tensor, mature: Tensor) -> SearchResult:
    """The result of a search whose point t = 1 … ``steps`` (m b) is ``at(t)`` (m d b); afterwards it stays there."""
    factuals, boxes = request.factuals, request.boxes
    point, nascent = factuals.clone(), factuals.clone()
    longest = max(s.steps for s in request.settings)
    moves = int(steps.max()) if steps.numel() else 0
    path = factuals.new_empty(longest + 1, *factuals.shape) if request.record else None
    for t in range(moves + 1):
        if t:
            point = torch.where((t <= steps).unsqueeze(1), at(t), point)
        inside = ((point - factuals).abs() <= boxes).all(dim=1, keepdim=True)
        nascent = torch.where(inside, point, nascent)
        if path is not None:
            path[t] = point
    if path is not None:
        path[moves + 1 :] = point
    return SearchResult(final=point, nascent=nascent, mature=mature, steps=steps, path=path)


def lines(request: SearchRequest, end: Tensor, mature: Tensor) -> SearchResult:
    """A search that goes straight to ``end`` (m d b) in T equal moves, clamped to what can be reached because of
    rounding and of factuals outside the domain."""
    factuals = request.factuals
    total = torch.tensor([s.steps for s in request.settings], device=factuals.device).view(-1, 1, 1)
    way = end - factuals
    low, high = reachable_range(request.constraints, factuals)
    low, high = low.maximum(end.minimum(factuals)), high.minimum(end.maximum(factuals))

    def at(t: int) -> Tensor:
        share = (t / total.float()).to(factuals.dtype)
        return torch.where(t < total, (factuals + share * way).clamp(low, high), end)

    steps = torch.where((way != 0).any(dim=1), total.squeeze(-1), 0)
    return result_along(request, at, steps, mature)
