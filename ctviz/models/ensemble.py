"""Stacks in which some arms are ensembles: several models that answer as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ctviz.errors import DataError
from ctviz.models.architecture import Layers, Pass
from ctviz.models.stack import Stack


class EnsembleStack(Stack):
    """m arms of one architecture, each of one or several models, which share their weights with ``models``.

    An arm of M > 1 models is a deep ensemble (Lakshminarayanan, Pritzel and Blundell 2017): its probabilities are the
    mean of its members',

        p_c = 1/M Σ_i softmax(z_i)_c,    logits log p_c,

    and an arm of one model answers as that model does, bit for bit. The logits of an ensemble are normalised: its
    energy −log p_y says how unsure it is, and nothing of how likely a sample is. That is what counterfactuals of an
    ensemble descend by (Schut et al. 2021): both what the classes share and what the members disagree about.

    ``stack(x)``, ``run``, ``take`` and ``module`` are of arms; ``weights`` are those of all models, arm after arm, and
    training takes ``models``.

    Raises:
        DataError: members whose sum is not the number of models.
    """

    def __init__(self, models: Stack, members: Sequence[int]) -> None:
        if sum(members) != models.m or min(members, default=0) < 1:
            raise DataError(f"{models.m} models are no arms of {', '.join(map(str, members))} models.")
        self.models, self.members = models, tuple(members)
        self.architecture, self.flat, self.layers = models.architecture, models.flat, models.layers
        self.m = len(self.members)
        self.networks = None
        self.head = _Head(self.members, models.device)

    @property
    def widest(self) -> int:
        """Size of a pass's widest buffer, in numbers per sample and arm."""
        return self.models.widest * math.ceil(self.models.m / self.m)

    def split(self, flat: Tensor) -> tuple[Tensor, ...]:
        """Layers of all models."""
        return self.models.split(flat)

    def owners(self) -> Tensor:
        """For every entry of the flat vector, the model that it belongs to."""
        return self.models.owners()

    def take(self, arms: Sequence[int]) -> Stack:
        """A stack of copies of some of the arms."""
        rows = [row for arm in arms for row in self.head.rows_of(arm)]
        taken = self.models.take(rows).in_arms([self.members[arm] for arm in arms])
        taken.networks = self.networks.take(arms) if self.networks else None
        return taken

    def to(self, target: torch.device | torch.dtype | str) -> Stack:
        """A copy on another device or in another floating-point type."""
        moved = self.models.to(target).in_arms(self.members)
        moved.networks = self.networks.to(target) if self.networks else None
        return moved

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (m b k) of samples (m b d), differentiable by autograd, once, with respect to ``x``."""
        return self.head.pooled(self.models(self.head.to_models(x)), dim=-1)

    def run(self, b: int) -> EnsemblePass:
        """Buffers for forward and backward passes of ``b`` samples per arm."""
        return EnsemblePass(self.models.run(b), self.head)

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Those of all models, arm after arm: copies on the CPU."""
        return self.models.weights()

    def module(self, arm: int) -> nn.Sequential:
        """One of the arms as a plain ``torch.nn.Module`` from (b d) to logits (b k); a copy, on the CPU."""
        members = [self.models.module(row) for row in self.head.rows_of(arm)]
        return members[0] if len(members) == 1 else nn.Sequential(MeanOfMembers(members))


class MeanOfMembers(nn.Module):
    """log of the mean of the members' softmax, (b d) → (b k)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (b k) of samples (b d)."""
        return log_mean_softmax(torch.stack([member(x) for member in self.members]), members=0, classes=-1)


def log_mean_softmax(logits: Tensor, members: int, classes: int) -> Tensor:
    """log 1/M Σ_i softmax(z_i): the dimension ``members`` of the logits goes."""
    log_each = torch.log_softmax(logits, dim=classes)
    return torch.logsumexp(log_each, dim=members) - math.log(logits.shape[members])


class EnsemblePass:
    """A forward pass through all models of m arms and its derivatives, written out; see ``Pass``.

    With shares s_ic = softmax(z_i)_c / Σ_j softmax(z_j)_c and the gradient g with respect to an ensemble's logits, the
    gradient with respect to the logits of its member i is g_c · s_ic − softmax(z_i)_c · Σ_c' g_c' · s_ic'.
    """

    def __init__(self, models: Pass, head: _Head) -> None:
        self._models, self._head = models, head

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m k b) of inputs with a last row of ones (m d+1 b)."""
        self._of_models = self._models.forward(self._head.to_models(x))  # M k b
        return self._head.pooled(self._of_models, dim=1)

    def weight_gradient(self, gradient: Tensor, x: Tensor, into: Layers) -> None:
        """From the gradient with respect to the logits (m k b), the one with respect to the layers of all models."""
        back = self._head.back(gradient, self._of_models)
        self._models.weight_gradient(back, self._head.to_models(x), into)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """From the gradient with respect to the logits (m k b), the one with respect to the inputs (m d b)."""
        return self._head.summed(self._models.input_gradient(self._head.back(gradient, self._of_models)))


class _Head:
    """From the answers of all M models to those of m arms, and back. Arms of one size are computed together."""

    def __init__(self, members: Sequence[int], device: torch.device) -> None:
        ends = list(accumulate(members))
        self._rows = [range(end - size, end) for size, end in zip(members, ends, strict=True)]
        sizes = dict.fromkeys(members)
        arms = {size: [arm for arm, its in enumerate(members) if its == size] for size in sizes}
        rows = {size: [row for arm in own for row in self._rows[arm]] for size, own in arms.items()}

        def index(numbers: Sequence[int]) -> Tensor:
            return torch.tensor(numbers, dtype=torch.int64, device=device)

        self._owner = index([arm for arm, size in enumerate(members) for _ in range(size)])
        self._groups = [(size, index(arms[size]), index(rows[size])) for size in sizes]
        self._arm_order = torch.cat([own for _, own, _ in self._groups]).argsort()
        self._model_order = torch.cat([own for _, _, own in self._groups]).argsort()

    def rows_of(self, arm: int) -> range:
        """Which models an arm has."""
        return self._rows[arm]

    def to_models(self, x: Tensor) -> Tensor:
        """What each arm is given, for each of its models, (m …) → (M …)."""
        return x.index_select(0, self._owner)

    def pooled(self, logits: Tensor, dim: int) -> Tensor:
        """Logits of the arms from those of the models, (M …) → (m …), with the classes in ``dim``."""
        parts = [self._pooled(logits, size, rows, dim) for size, _, rows in self._groups]
        return parts[0] if len(parts) == 1 else torch.cat(parts).index_select(0, self._arm_order)

    @staticmethod
    def _pooled(logits: Tensor, size: int, rows: Tensor, dim: int) -> Tensor:
        own = logits.index_select(0, rows)
        if size == 1:
            return own
        return log_mean_softmax(own.unflatten(0, (-1, size)), members=1, classes=dim if dim < 0 else dim + 1)

    def back(self, gradient: Tensor, logits: Tensor) -> Tensor:
        """From the gradient with respect to the arms' logits (m k b), the one with respect to the models', (M k b)."""
        parts = []
        for size, arms, rows in self._groups:
            own = gradient.index_select(0, arms)
            if size == 1:
                parts.append(own)
                continue
            log_each = torch.log_softmax(logits.index_select(0, rows).unflatten(0, (-1, size)), dim=2)
            shared = torch.softmax(log_each, dim=1).mul_(own.unsqueeze(1))  # g s k b
            each = log_each.exp_().mul_(shared.sum(dim=2, keepdim=True))
            parts.append(shared.sub_(each).flatten(0, 1))
        return parts[0] if len(parts) == 1 else torch.cat(parts).index_select(0, self._model_order)

    def summed(self, values: Tensor) -> Tensor:
        """Sums over the models of each arm, (M …) → (m …)."""
        parts = []
        for size, _, rows in self._groups:
            own = values.index_select(0, rows)
            parts.append(own if size == 1 else own.unflatten(0, (-1, size)).sum(dim=1))
        return parts[0] if len(parts) == 1 else torch.cat(parts).index_select(0, self._arm_order)
