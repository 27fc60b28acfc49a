"""The angle of a decision boundary in the plane: which of two features decides."""

from __future__ import annotations

import torch
from torch import Tensor

from ctviz.data.dataset import Dataset
from ctviz.errors import DataError
from ctviz.models.stack import Stack

SIDE = 96
"""Nodes per axis of the grid on which the boundary is looked for."""


def boundary_tilt(
    stack: Stack, lower: Tensor, upper: Tensor, centres: Tensor, classes: tuple[int, int] = (0, 1)
) -> Tensor:
    """Angle between the boundary of two classes and the x1 axis in degrees, (m), for models of d = 2 features.

    0 is horizontal, where x2 alone decides; 90 is vertical, where x1 alone does. The boundary is where f = M(x)[b] −
    M(x)[a] changes its sign between nodes of a grid over the window ``lower`` … ``upper`` (2); there ∇f is its normal.
    Normals are averaged as lines are, by twice their angle, so that n and −n agree, with the weight exp(−r²/2R²): r is
    the distance from the point midway between the two ``centres`` (2 2) of the classes, R half the distance of the
    centres. So the boundary between the clusters counts, not its course where there are no data. NaN where there is no
    boundary in the window.

    Raises:
        DataError: other than two features, or centres that coincide.
    """
    if stack.d != 2:
        raise DataError(f"A boundary is tilted in a plane; the models have {stack.d} features.")
    middle, reach = centres.mean(dim=0), (centres[0] - centres[1]).norm() / 2
    if not reach > 0:
        raise DataError("The centres of the two classes coincide, so that there is no middle between them.")
    with torch.no_grad():
        x1, x2 = (torch.linspace(float(a), float(b), SIDE).to(stack.flat) for a, b in zip(lower, upper, strict=True))
        grid = torch.stack([x1.repeat(SIDE), x2.repeat_interleave(SIDE)], dim=1)  # g² 2
        values = _difference(stack, grid.expand(stack.m, -1, -1), classes).view(stack.m, SIDE, SIDE)
    nodes = grid.view(SIDE, SIDE, 2)
    points, weights = zip(*(_crossings(values, nodes, axis, middle, reach) for axis in (0, 1)), strict=True)
    normals = _normals(stack, torch.cat(points, dim=1), classes)
    weight = torch.cat(weights, dim=1)
    angle = torch.atan2(normals[..., 1], normals[..., 0])  # m p
    east, north = ((f(2 * angle) * weight).sum(dim=1) for f in (torch.cos, torch.sin))
    mean = torch.atan2(north, east) / 2  # of the normals, −90 to 90 degrees from the x1 axis
    tilt = 90 - torch.rad2deg(mean).abs()
    return torch.where(weight.sum(dim=1) > 0, tilt, torch.nan)


def tilt_between(stack: Stack, data: Dataset, classes: tuple[int, int] = (0, 1)) -> Tensor:
    """``boundary_tilt`` in the domain of a data set, about the means of two classes' training samples, (m)."""
    X, y = data.train
    lower, upper = (torch.from_numpy(bound) for bound in data.schema.bounds())
    return boundary_tilt(stack, lower, upper, torch.stack([X[y == c].mean(dim=0) for c in classes]), classes)


def _difference(stack: Stack, x: Tensor, classes: tuple[int, int]) -> Tensor:
    logits = stack(x)
    return logits[..., classes[1]] - logits[..., classes[0]]


def _crossings(values: Tensor, nodes: Tensor, axis: int, middle: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Where f = 0 on the edges along one axis of the grid, (m p 2), and the weight of each, 0 where it is not."""
    n = SIDE - 1
    first, second = values.narrow(axis + 1, 0, n), values.narrow(axis + 1, 1, n)
    start, end = nodes.narrow(axis, 0, n), nodes.narrow(axis, 1, n)
    crosses = (first > 0) != (second > 0)
    share = torch.where(crosses, first / (first - second), 0.5).unsqueeze(-1)
    points = (start + share * (end - start)).flatten(1, 2)
    weights = torch.exp(-(points - middle).square().sum(dim=-1) / (2 * reach**2))
    return points, weights * crosses.flatten(1)


def _normals(stack: Stack, points: Tensor, classes: tuple[int, int]) -> Tensor:
    """∇f at points, (m p 2)."""
    with torch.inference_mode(False), torch.enable_grad():
        x = points.clone().requires_grad_()
        return torch.autograd.grad(_difference(stack, x, classes).sum(), x)[0]
