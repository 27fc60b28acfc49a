"""What came of a search, as one of five words."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ctviz.experiments.trace import Trace

OUTCOMES = ("mature", "already", "short", "stuck", "impossible")
"""Reached τ; at τ before the first step; ran out of steps; stopped moving; no counterfactual exists."""

MATURE, ALREADY, SHORT, STUCK, IMPOSSIBLE = range(len(OUTCOMES))

REST_SHARE = 1e-3
"""A search is at rest if its last moves stay below this share of the data's extent."""

OSCILLATION = 3.0
"""A search oscillates if its path is this many times as long as the distance between its ends."""


def outcome_of(mature: Tensor, steps: Tensor, moved: Tensor, reachable: Tensor, tau: float) -> Tensor:
    """Index into ``OUTCOMES``, (m b).

    Args:
        mature, steps: of the search, (m b).
        moved: distance covered in its last quarter, or in its last step if that was longer, as a share of the data's
            extent, (m b).
        reachable: highest probability of the target anywhere, (m b).
        tau: the required probability.
    """
    failed = torch.where((moved < REST_SHARE) | (steps == 0), STUCK, SHORT)
    failed = torch.where(reachable < tau, IMPOSSIBLE, failed)
    return torch.where(mature, torch.where(steps == 0, ALREADY, MATURE), failed)


def swings(trace: Trace, arm: int, index: int) -> bool:
    """Whether a search went a long way and got nowhere, because its steps leap over what it looks for."""
    path = trace.points[arm, index, : int(trace.steps[arm, index]) + 1].astype(np.float64)  # t+1 d
    way = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    return bool(way > OSCILLATION * np.linalg.norm(path[-1] - path[0]))
