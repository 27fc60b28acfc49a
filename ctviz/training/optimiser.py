"""Adam on the flat parameters of a stack: seven operations a step, however many models and layers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ctviz.models.stack import Stack
from ctviz.training.schedule import Schedule

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

Scale = tuple[Tensor, Tensor]


class Adam:
    """Adam (Kingma and Ba 2015), or AMSGrad (Reddi et al. 2018), as in ``torch.optim.Adam``.

    θ ← θ − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε), written as θ ← θ − m / (√v · s₁ + s₂) so that the
    bias corrections cost nothing. Each model counts its own steps t: one that skips a batch stays behind.
    """

    def __init__(self, stack: Stack, schedule: Schedule) -> None:
        self.stack = stack
        self.lr = schedule.lr
        self.mean = torch.zeros_like(stack.flat)
        self.square = torch.zeros_like(stack.flat)
        self.largest = torch.zeros_like(stack.flat) if schedule.optimiser == "amsgrad" else None
        self.taken = np.zeros(stack.m, dtype=np.int64)
        self._owners = stack.owners()
        self._root = torch.empty_like(stack.flat)

    def scales(self, steps: int) -> list[Scale]:
        """s₁ and s₂ of the next steps: one number for all models, or one per parameter where their counts differ."""
        alike = len(set(self.taken.tolist())) == 1
        t = (self.taken[:1] if alike else self.taken) + np.arange(1, steps + 1)[:, None]
        first, second = 1 - BETA_1**t, np.sqrt(1 - BETA_2**t)
        tables = [self.stack.flat.new_tensor(s) for s in (first / (self.lr * second), EPSILON * first / self.lr)]
        columns = [table[:, 0] if alike else table[:, self._owners] for table in tables]
        return list(zip(columns[0].unbind(), columns[1].unbind(), strict=True))

    def step(self, gradient: Tensor, scale: Scale) -> None:
        """One step of all models; the caller counts it in ``taken``."""
        self.mean.lerp_(gradient, 1 - BETA_1)
        self.square.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        square = self.square
        if self.largest is not None:
            square = torch.maximum(self.largest, square, out=self.largest)
        torch.sqrt(square, out=self._root)
        torch.addcmul(scale[1], self._root, scale[0], out=self._root)
        self.stack.flat.addcdiv_(self.mean, self._root, value=-1)

    def state(self) -> list[Tensor]:
        """Everything that a step changes, for ``keep`` and ``restore``."""
        return [self.stack.flat, self.mean, self.square, *([] if self.largest is None else [self.largest])]

    def restore(self, kept: list[Tensor], arms: Tensor | None = None) -> None:
        """Put back copies of ``state()``, for all models or for those marked in ``arms`` (m)."""
        where = None if arms is None else arms[self._owners]
        for now, before in zip(self.state(), kept, strict=True):
            now.copy_(before if where is None else torch.where(where, before, now))
