"""The models of some arms of a stack, for methods that look at their gradients before each step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ctviz.models.architecture import Pass
from ctviz.models.stack import Stack


class ArmModels:
    """The models of ``arms`` as they are now, with buffers that are made once for each size of a batch.

    ``follow`` brings them up to date. Where they are all models of the stack they are the stack itself, and no weight
    is copied.
    """

    def __init__(self, arms: Sequence[int]) -> None:
        self._arms = list(arms)
        self._source: Stack | None = None
        self._buffers: dict[int, tuple[Pass, Tensor]] = {}

    def follow(self, stack: Stack) -> None:
        """Take over the weights of ``stack``."""
        if stack is not self._source:
            whole = self._arms == list(range(stack.m))
            self._source, self._own, self._buffers = stack, stack if whole else stack.take(self._arms), {}
            self._index = torch.tensor(self._arms, dtype=torch.int64, device=stack.device)
        elif self._own is not stack:
            for own, layer in zip(self._own.layers, stack.layers, strict=True):
                torch.index_select(layer, 0, self._index, out=own)

    def at(self, points: Tensor) -> tuple[Pass, Tensor]:
        """A pass of ``b`` samples per model, and its input (p d+1 b) that holds ``points`` (p d b) over a row of ones.

        The next call overwrites the input.
        """
        b = points.shape[-1]
        if b not in self._buffers:
            self._buffers[b] = self._own.run(b), points.new_ones(points.shape[0], points.shape[1] + 1, b)
        forward, inputs = self._buffers[b]
        inputs[:, :-1] = points
        return forward, inputs
