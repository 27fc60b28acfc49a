"""What came of a search, as one of five words."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ctviz.experiments.trace import Trace

OUTCOMES = ("mature", "already", "short", "stuck", "impossible")
"""Reached τ; had reached it before the first step; ran out of steps; stopped moving; nowhere to be found."""

MATURE, ALREADY, SHORT, STUCK, IMPOSSIBLE = range(len(OUTCOMES))

STILL = 1e-3
"""A search whose last moves stay below this share of the data's extent has come to rest."""

SWINGING = 3.0
"""A search whose way is so many times as long as the distance it has got swings to and fro."""


def outcome_of(mature: Tensor, steps: Tensor, moved: Tensor, reachable: Tensor, tau: float) -> Tensor:
    """Index into ``OUTCOMES``, (m b).

    Args:
        mature, steps: of the search, (m b).
        moved: how far it got in its last quarter, or in its last step if that was longer, as a share of the data's
            extent, (m b).
        reachable: highest probability of the target anywhere, (m b).
        tau: the probability asked for.
    """
    failed = torch.where((moved < STILL) | (steps == 0), STUCK, SHORT)
    failed = torch.where(reachable < tau, IMPOSSIBLE, failed)
    return torch.where(mature, torch.where(steps == 0, ALREADY, MATURE), failed)


def swings(trace: Trace, arm: int, index: int) -> bool:
    """Whether a search went a long way and got nowhere, because its steps leap over what it looks for."""
    path = trace.points[arm, index, : int(trace.steps[arm, index]) + 1].astype(np.float64)  # t+1 d
    way = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    return bool(way > SWINGING * np.linalg.norm(path[-1] - path[0]))
