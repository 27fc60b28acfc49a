"""Calibration of finished models: what they say of each sample, and the score that accepts as many as the data do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.data.dataset import Dataset
from ctviz.evaluation.calibration import acceptance_threshold
from ctviz.models.stack import Stack

FAVOURABLE = 1
"""The class that is accepted, of two: as in tables, the last one."""

CHUNK = 1 << 21
"""Most numbers in the widest layer at once."""

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """What the arms say of each sample of a split; NaN for arms that are not sound.

    ``threshold`` is the score, the probability of class 1, from which on an arm accepts as large a share of the
    validation data as is of class 1; ``rate`` is that share. Both are of two classes alone.
    """

    confidence: Singles  # m n: probability of the class that is predicted
    accepted: Singles | None  # m n: 1 where the score reaches the threshold
    threshold: npt.NDArray[np.float64] | None  # m
    rate: float


@torch.no_grad()
def answers(stack: Stack, sound: Sequence[int], data: Dataset, X: Tensor) -> Answers:
    """The answers of m models for samples X (n d), with a threshold from the validation data."""
    confidence = np.full((stack.m, len(X)), np.nan, dtype=np.float32)
    binary = data.k == 2 and len(data.validation[1]) > 0
    accepted = np.full_like(confidence, np.nan) if binary else None
    threshold, rate = np.full(stack.m, np.nan), float("nan")
    if binary:
        Xv, yv = data.validation
        rate = float((yv == FAVOURABLE).double().mean())
    for arm in sound:
        own = stack.take([arm])
        probability = _probabilities(own, X)  # n k
        confidence[arm] = probability.amax(dim=1).cpu().numpy()
        if accepted is not None:
            scores = _probabilities(own, Xv.to(X))[:, FAVOURABLE]
            threshold[arm] = acceptance_threshold(scores.cpu(), rate)
            accepted[arm] = (probability[:, FAVOURABLE] >= threshold[arm]).cpu().numpy()
    return Answers(confidence, accepted, threshold if binary else None, rate)


def _probabilities(stack: Stack, X: Tensor) -> Tensor:
    """softmax of one model's logits, (n k), float64: the classes' probabilities at samples (n d)."""
    parts = torch.split(X, max(1, CHUNK // stack.widest))
    return torch.cat([torch.softmax(stack(part.unsqueeze(0))[0].double(), dim=-1) for part in parts])
