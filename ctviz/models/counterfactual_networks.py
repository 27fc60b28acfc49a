"""Networks that answer with a counterfactual: those of CounterNet (Guo et al. 2023), one for each arm that has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.models.dense import Dense
from ctviz.models.model_settings import ModelSettings
from ctviz.models.sizes import NETWORK_HIDDEN
from ctviz.models.stack import Stack

SETTINGS = ModelSettings(hidden=NETWORK_HIDDEN, activation="relu", initial="glorot")
"""Their architecture: from a sample, the model's probabilities and the wanted class to a sample."""


def initial(d: int, k: int, seeds: Sequence[int], like: Tensor) -> Stack:
    """Fresh networks for samples of ``d`` columns and ``k`` classes, one for each seed."""
    own = [(seed + 1) % 2**31 for seed in seeds]  # not the numbers that the models themselves start from
    return Stack.initialise(SETTINGS, d + 2 * k, d, own, like.device).to(like.dtype)


def inputs(x: Tensor, probabilities: Tensor, targets: Tensor) -> Tensor:
    """What networks are given, (p d+2k+1 b): samples (p d b), what the models say of them (p k b), the wanted classes
    (p b) as zeros and a one, and a last row of ones."""
    classes = torch.arange(probabilities.shape[1], device=x.device).view(-1, 1)
    wanted = (targets.unsqueeze(1) == classes).to(x.dtype)
    return torch.cat([x, probabilities, wanted, torch.ones_like(x[:, :1])], dim=1)


@dataclass(frozen=True)
class CounterfactualNetworks:
    """Networks of some of m arms: ``place`` of each arm's network in ``stack``, None for an arm without one."""

    stack: Stack
    place: tuple[int | None, ...]

    def take(self, arms: Sequence[int]) -> CounterfactualNetworks:
        """Those of some of the arms."""
        return CounterfactualNetworks(self.stack, tuple(self.place[arm] for arm in arms))

    def to(self, target: torch.device | torch.dtype | str) -> CounterfactualNetworks:
        """A copy on another device or in another floating-point type."""
        return CounterfactualNetworks(self.stack.to(target), self.place)

    @property
    def arms(self) -> list[int]:
        """Arms that have one."""
        return [arm for arm, place in enumerate(self.place) if place is not None]

    def answer(self, x: Tensor, probabilities: Tensor, targets: Tensor) -> Tensor:
        """Of the arms that have a network, its raw answer (p d b) to ``inputs``."""
        own = self.stack.take([place for place in self.place if place is not None])
        given = inputs(x, probabilities, targets)
        return own.run(given.shape[-1]).forward(given).clone()

    @classmethod
    def of(
        cls, weights: Sequence[Mapping[str, npt.NDArray[np.float32]]], arms: Sequence[int], m: int
    ) -> CounterfactualNetworks:
        """From the weights of one or more snapshots of m arms each, of which ``arms`` have a network."""
        joined = {name: np.concatenate([one[name] for one in weights]) for name in weights[0]}
        layers = [
            torch.cat([torch.tensor(joined[f"{i}.weight"]), torch.tensor(joined[f"{i}.bias"]).unsqueeze(-1)], dim=-1)
            for i in range(len(joined) // 2)
        ]
        sizes = (layers[0].shape[2] - 1, *(layer.shape[1] for layer in layers))
        stack = Stack(Dense(sizes, "relu"), torch.cat([layer.reshape(-1) for layer in layers]), len(layers[0]))
        place: list[int | None] = [None] * (m * len(weights))
        for e in range(len(weights)):
            for i, arm in enumerate(arms):
                place[e * m + arm] = e * len(arms) + i
        return cls(stack, tuple(place))
