"""Calibration: whether a model is right as often as it says, and the score that stands for the data's own rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.evaluation.bootstrap import Bootstrap, Estimate

BINS = 15
"""Bins of equal width between confidences 0 and 1, as in Guo et al. (2017)."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """A reliability curve: of each bin (low, high] of confidence, what is in it; NaN where nothing is."""

    low: Floats  # bins
    high: Floats  # bins
    count: npt.NDArray[np.int64]  # bins
    confidence: Floats  # bins: mean
    accuracy: Floats  # bins: share of right answers


def bin_of(confidence: Tensor, bins: int = BINS) -> Tensor:
    """The bin of each confidence: b for b/B < confidence ≤ (b + 1)/B; 0 belongs to the first. Any shape, int64."""
    return (confidence.double() * bins).ceil().long().sub(1).clamp(0, bins - 1)


def reliability(confidence: Tensor, right: Tensor, bins: int = BINS) -> Reliability:
    """The reliability curve of one model.

    Args:
        confidence: the probability of the class that the model predicts, (n); NaN is left out.
        right: 1 where the prediction is right, else 0, (n).
        bins: number of bins of equal width.
    """
    known = confidence.isfinite() & right.isfinite()
    confidence, right = confidence[known].double(), right[known].double()
    place = bin_of(confidence, bins)
    count = torch.bincount(place, minlength=bins)
    sums = [torch.zeros(bins, dtype=torch.float64).index_add_(0, place, one) for one in (confidence, right)]
    means = [np.asarray((one / torch.where(count > 0, count, torch.nan)).numpy()) for one in sums]
    edges = np.arange(bins + 1) / bins
    return Reliability(edges[:-1], edges[1:], np.asarray(count.numpy()), *means)


def calibration_error(
    confidence: Tensor, right: Tensor, counted: Tensor, bootstrap: Bootstrap, bins: int = BINS
) -> Estimate:
    """Expected calibration error of m models.

        ECE = Σ_B |B|/n · |accuracy(B) − confidence(B)|        over bins B of confidence

    Naeini et al. (2015), Guo et al. (2017). It is never negative, so that its resamples lie above it on average where
    it is small, and few samples make it larger.

    Args:
        confidence: the probability of the predicted class, (m n).
        right: 1 where the prediction is right, else 0, (m n).
        counted: which samples count, (m n), bool.
        bootstrap: resamples of the n samples.
        bins: number of bins of equal width.

    Returns:
        (m), in [0, 1]; NaN for fewer than two samples that count.
    """
    counts = bootstrap.counts  # 1+r n
    errors = counts.new_full((len(counts), len(confidence)), torch.nan)
    for model, here in enumerate(counted):
        if int(here.sum()) < 2:
            continue
        gaps = (right[model].double() - confidence[model].double())[here]
        columns = counts.new_zeros(len(gaps), bins).scatter_(
            1, bin_of(confidence[model][here], bins).unsqueeze(1), gaps.unsqueeze(1)
        )  # n bins
        drawn = counts[:, here]
        errors[:, model] = (drawn @ columns).abs().sum(dim=1) / drawn.sum(dim=1)
    return Estimate(errors[0], errors[1:])


def acceptance_threshold(scores: Tensor, rate: float) -> float:
    """The score from which on the share ``rate`` of samples is accepted.

    The ⌈rate · n⌉-th largest of the n scores: accepted is whoever has at least so much. Of equal scores more may be.

    Args:
        scores: of n samples, (n).
        rate: share to be accepted, 0 to 1.

    Returns:
        The threshold; ∞ where nobody is accepted, NaN without scores or where one is not finite.
    """
    if not len(scores) or not bool(scores.isfinite().all()):
        return float("nan")
    # A rate is a count over a count: what it is a hair too much by is rounding.
    accepted = int(np.ceil(rate * len(scores) - 1e-9))
    return float(scores.double().sort(descending=True).values[accepted - 1]) if accepted else float("inf")
