"""Averages of weights over epochs: what models answer with, while training goes on from their own weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ctviz.models.stack import Stack
from ctviz.training.arm import Arm


class Averages:
    """The mean weights of m models over their last epochs, for those whose arm asks for it (``Arm.averaging``).

    After epoch e, w̄ ← w̄ + (w − w̄) / min(e, averaging): the mean of all epochs at first, later an exponential one in
    which an epoch loses weight as others follow. Training with counterfactuals goes back and forth, since each epoch
    answers its own searches and those of the next go elsewhere; the mean does not. A network that is trained beside a
    model (CounterNet) is not averaged.
    """

    def __init__(self, stack: Stack, arms: Sequence[Arm]) -> None:
        self._stack, self._owners = stack, stack.owners()
        self._epochs = stack.flat.new_tensor([arm.averaging for arm in arms])
        self._averaged = (self._epochs > 1)[self._owners]
        self._own, self._mean = stack.flat.clone(), stack.flat.clone()
        self._taken = 0

    @classmethod
    def of(cls, stack: Stack, arms: Sequence[Arm]) -> Averages | None:
        """None where no arm asks for any."""
        return cls(stack, arms) if any(arm.averaging > 1 for arm in arms) else None

    @torch.no_grad()
    def take_back(self) -> None:
        """Puts the models' own weights into the stack, to be trained on."""
        self._stack.flat.copy_(self._own)

    @torch.no_grad()
    def hand_out(self) -> None:
        """Keeps the weights that an epoch ended with, and puts the mean ones into the stack."""
        self._own.copy_(self._stack.flat)
        self._taken += 1
        self._mean.lerp_(self._own, (1 / self._epochs.clamp(max=self._taken))[self._owners])
        self._stack.flat.copy_(torch.where(self._averaged, self._mean, self._own))
