"""Means over masked samples."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean of ``values`` (… b) over the samples that ``mask`` (… b, bool; none: all) picks → (…), float64.

    NaN where it picks none. Values that it leaves out may be anything, even NaN.
    """
    values = values.double()
    if mask is None:
        return values.mean(-1)
    return torch.where(mask, values, 0.0).sum(-1) / mask.expand(values.shape).sum(-1)
