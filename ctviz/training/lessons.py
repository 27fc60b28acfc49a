"""The counterfactuals that an epoch learns from (Algorithm 1, lines before the mini-batches)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.search import search
from ctviz.data.dataset import Dataset
from ctviz.models.stack import Stack, predict, with_ones
from ctviz.training.arm import Arm
from ctviz.training.draws import Draws


@dataclass(frozen=True)
class Lessons:
    """One epoch's counterfactuals for m arms; arms that need none get zeros, with no weight in the loss.

    Zeros, and no samples, because even without weight a logit that overflows would make the gradient NaN (0 · ∞).
    """

    nascent: Tensor  # m d c
    neighbours: Tensor  # m d c: x⁺, after protection
    counterfactuals: Tensor  # m d c: x'; where the search failed, the neighbour
    labels: Tensor  # m c: true label of the factual
    targets: Tensor  # m c
    mature: Tensor  # m: share of searches that reached τ; NaN without a search
    steps: Tensor  # m: mean number of steps


def protect(neighbours: Tensor, counterfactuals: Tensor, constraints: Constraints) -> Tensor:
    """Neighbours x⁺ (m d c) that take over x' where a feature could not have gone there.

    x⁺[d] := x'[d] for every d that is locked, that may only decrease while x⁺[d] > x'[d], or that may only increase
    while x⁺[d] < x'[d]: then the divergence says nothing about what nobody can change.
    """
    above, below = neighbours > counterfactuals, neighbours < counterfactuals
    out_of_reach = (above & ~constraints.may_rise) | (below & ~constraints.may_fall)
    return torch.where(out_of_reach, counterfactuals, neighbours)


class Teacher:
    """Makes the counterfactuals of each epoch from the training data and the model as it stands."""

    def __init__(self, dataset: Dataset, arms: Sequence[Arm], like: Tensor) -> None:
        X, y = dataset.train
        self.X = X.to(like).T.contiguous()  # d n
        self.y = y.to(like.device)
        self.k = dataset.k
        self.searching = [i for i, arm in enumerate(arms) if arm.trains_on_counterfactuals]
        self.settings = [arms[i] for i in self.searching]
        schemas = [dataset.schema.constrain(arm.locked, arm.increase_only, arm.decrease_only) for arm in self.settings]
        self.constraints = Constraints.of(schemas, like) if schemas else None
        self._by_class = torch.argsort(self.y, stable=True)
        self._count = torch.bincount(self.y, minlength=self.k)
        self._start = self._count.cumsum(0) - self._count

    def neighbours_of(self, targets: Tensor, draws: Tensor) -> Tensor:
        """Index of the neighbour: item ⌊u · count⌋ of the training samples of the target class, (m c)."""
        offset = (draws * self._count[targets]).long()
        return self._by_class[self._start[targets] + offset]

    def lessons(self, stack: Stack, draws: Draws) -> Lessons:
        m, c = draws.factuals.shape
        factuals = self.X[:, draws.factuals].permute(1, 0, 2).contiguous()  # m d c
        labels = self.y[draws.factuals]
        nothing = factuals.new_full((m,), torch.nan)
        result = Lessons(
            nascent=torch.zeros_like(factuals),
            neighbours=torch.zeros_like(factuals),
            counterfactuals=torch.zeros_like(factuals),
            labels=labels,
            targets=labels.clone(),
            mature=nothing,
            steps=nothing.clone(),
        )
        if self.constraints is None or c == 0:
            return result
        pupils = torch.tensor(self.searching, device=factuals.device)
        students = stack.take(self.searching)
        own = factuals[pupils]
        predicted = predict(students.run(c).forward(with_ones(own.mT)))
        targets = (predicted + draws.shifts[pupils]) % self.k
        found = search(students, own, targets, self.settings, self.constraints)
        neighbours = self.X[:, self.neighbours_of(targets, draws.neighbours[pupils])].permute(1, 0, 2)
        counterfactuals = torch.where(found.mature.unsqueeze(1), found.final, neighbours)
        result.nascent[pupils] = found.nascent
        result.neighbours[pupils] = protect(neighbours, counterfactuals, self.constraints)
        result.counterfactuals[pupils] = counterfactuals
        result.targets[pupils] = targets
        result.mature[pupils] = found.mature.to(factuals.dtype).mean(dim=1)
        result.steps[pupils] = found.steps.to(factuals.dtype).mean(dim=1)
        return result
