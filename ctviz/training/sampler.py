"""The counterfactuals that an epoch learns from (Algorithm 1, lines before the mini-batches)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.diversity import groups
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.dataset import Dataset
from ctviz.data.schema import Feature, Schema
from ctviz.models.stack import Stack, predict, with_ones
from ctviz.training.arm import Arm
from ctviz.training.draws import EpochDraws
from ctviz.training.methods.counterfactual import COUNTERFACTUAL, COUNTERFACTUALS, NASCENT, NEIGHBOURS
from ctviz.training.methods.method import ExampleMaker, Examples


@dataclass(frozen=True)
class CounterfactualBatch:
    """One epoch's counterfactuals for m arms, of which only those in ``arms`` are searched."""

    arms: list[int]  # p
    nascent: Tensor  # p d c
    neighbours: Tensor  # p d c: x⁺, after protection
    counterfactuals: Tensor  # p d c: x'; where the search failed, the neighbour
    labels: Tensor  # m c: true label of the factual
    targets: Tensor  # m c
    mature: Tensor  # m: share of searches that reached τ; NaN without a search
    steps: Tensor  # m: mean number of steps

    def examples(self) -> Examples:
        """The parts of the batches that they are."""
        return Examples(
            {
                NASCENT.name: self.nascent,
                NEIGHBOURS.name: self.neighbours,
                COUNTERFACTUALS.name: self.counterfactuals,
            },
            {NASCENT.name: self.labels, NEIGHBOURS.name: self.targets, COUNTERFACTUALS.name: self.targets},
            {"mature": self.mature, "steps": self.steps},
        )


def apply_immutable_masks(neighbours: Tensor, counterfactuals: Tensor, constraints: Constraints) -> Tensor:
    """Neighbours x⁺ (m d c), with x' in place of values that a feature could not have reached.

    x⁺[d] := x'[d] for every d that is locked, that may only decrease while x⁺[d] > x'[d], or that may only increase
    while x⁺[d] < x'[d]: so the divergence ignores what cannot change. Ranges are an addition to the paper: x⁺[d] :=
    x'[d] also where x⁺[d] lies outside the range of d, since no advice could lead there.
    """
    above, below = neighbours > counterfactuals, neighbours < counterfactuals
    out_of_reach = (above & ~constraints.may_rise) | (below & ~constraints.may_fall)
    out_of_range = (neighbours < constraints.lower) | (neighbours > constraints.upper)
    return torch.where(out_of_reach | out_of_range, counterfactuals, neighbours)


def immutable_masks(arms: Sequence[Arm], schema: Schema, like: Tensor) -> Constraints:
    """Immutable masks of m arms, for ``apply_immutable_masks``; that of an arm without shield masks nothing."""
    bare = Schema(features=tuple(Feature(name=f"column {i}") for i in range(schema.d)))
    shielded = [arm.constraints_for(schema, "training") if arm.shield == "on" else bare for arm in arms]
    return Constraints.of(shielded, like)


def group_size(settings: SearchSettings) -> int:
    """Number of counterfactuals that a search makes of each factual."""
    return settings.per_factual if settings.generator == "dice" else 1


class Sampler(ExampleMaker):
    """Makes the counterfactuals of each epoch from the training data and the current model.

    For the arms of one ``method``. ``reference_data``: the training data, shared by the searches of all epochs; by
    default made from ``dataset``.
    """

    method = COUNTERFACTUAL.name

    def __init__(
        self, dataset: Dataset, arms: Sequence[Arm], like: Tensor, reference_data: ReferenceData | None = None
    ) -> None:
        X, y = dataset.train
        self.X = X.to(like).contiguous()  # n d
        self.y = y.to(like.device)
        self.k = dataset.k
        self.arms: list[int] = [
            i for i, arm in enumerate(arms) if arm.method == self.method and arm.searches_in_training
        ]
        self.settings = [arms[i] for i in self.arms]
        self.like = like
        self.group_sizes = [group_size(arm) for arm in arms]
        self.reference_data = reference_data or ReferenceData.of(dataset)
        schemas = [arm.constraints_for(dataset.schema, "training") for arm in self.settings]
        self.constraints = Constraints.of(schemas, like) if schemas else None
        self.immutable_masks = immutable_masks(self.settings, dataset.schema, like) if schemas else None
        self._by_class = torch.argsort(self.y, stable=True)
        self._count = torch.bincount(self.y, minlength=self.k)
        self._start = self._count.cumsum(0) - self._count

    @cached_property
    def largest_boxes(self) -> Tensor | None:
        """The largest ε of every training sample for each of the p arms, (p n); None where all take that of their
        settings.

        By the way: a share of the distance to the nearest training sample of another class, ‖·‖∞ over the columns that
        the arm may change in training. Where one lies on the sample, ε is 0 and the nascent point is the sample itself.
        """
        if self.constraints is None or all(arm.epsilon_rule == "fixed" for arm in self.settings):
            return None
        free = (self.constraints.may_rise | self.constraints.may_fall).squeeze(-1)  # p d
        rows = [
            self.like.new_full((len(self.X),), arm.epsilon)
            if arm.epsilon_rule == "fixed"
            else arm.epsilon_share * self.reference_data.gaps(free[i]).to(self.like)
            for i, arm in enumerate(self.settings)
        ]
        return torch.stack(rows)

    def boxes_of(self, factuals: Tensor, draws: Tensor) -> Tensor | None:
        """ε of training samples by their indices, (p c); None where all arms take that of their settings.

        ``draws`` (p c), uniform in [0, 1): for arms whose boxes are drawn. What chose the neighbour are its leading
        digits, so that those from the 26th binary digit on are another uniform number.
        """
        if self.largest_boxes is None:
            return None
        shares = (draws * 2**26).frac().to(self.like)
        drawn = [arm.epsilon_rule == "varied" for arm in self.settings]
        shares = torch.where(torch.tensor(drawn, device=shares.device).unsqueeze(1), shares, 1.0)
        return shares * self.largest_boxes.gather(1, factuals)

    def neighbours_of(self, targets: Tensor, draws: Tensor) -> Tensor:
        """Index of the neighbour: item ⌊u · count⌋ of the training samples of the target class, (m c)."""
        offset = (draws * self._count[targets]).long()
        return self._by_class[self._start[targets] + offset]

    def drawn(self, draws: EpochDraws) -> tuple[Tensor, Tensor]:
        """Factuals and shifts of the targets, (m c) each, as drawn. For an arm that makes several counterfactuals of
        each factual (DiCE), the first ones are repeated, so that an epoch has as many counterfactuals as otherwise."""
        c = draws.factuals.shape[1]
        if all(size == 1 for size in self.group_sizes):
            return draws.factuals, draws.shifts
        index = torch.stack([groups(c, size) for size in self.group_sizes]).to(draws.factuals.device)  # m c
        return draws.factuals.gather(1, index), draws.shifts.gather(1, index)

    def samples(self, index: Tensor) -> Tensor:
        """Training samples by their indices, (m c) → (m d c)."""
        return self.X[index].mT.contiguous()

    def epoch(self, stack: Stack, draws: EpochDraws) -> Examples | None:
        found = self.sample(stack, draws)
        return None if found is None else found.examples()

    def sample(self, stack: Stack, draws: EpochDraws) -> CounterfactualBatch | None:
        """The counterfactuals of the next epoch; None where no arm needs any, or none are drawn."""
        if self.constraints is None or self.immutable_masks is None or draws.factuals.shape[1] == 0:
            return None
        chosen, shifts = self.drawn(draws)
        arms = self.arms
        models, own = stack.take(arms), self.samples(chosen[arms])
        predicted = predict(models.run(own.shape[-1]).forward(with_ones(own.mT)))
        wanted = (predicted + shifts[arms]) % self.k
        boxes = self.boxes_of(chosen[arms], draws.neighbours[arms])
        found = search(
            SearchRequest(
                models, own, wanted, self.settings, self.constraints, reference_data=self.reference_data, epsilon=boxes
            )
        )
        neighbours = self.samples(self.neighbours_of(wanted, draws.neighbours[arms]))
        counterfactuals = torch.where(found.mature.unsqueeze(1), found.final, neighbours)
        labels = self.y[chosen]
        targets, mature, steps = (
            labels.clone(),
            own.new_full((stack.m,), torch.nan),
            own.new_full((stack.m,), torch.nan),
        )
        targets[arms] = wanted
        mature[arms] = found.mature.to(own.dtype).mean(dim=1)
        steps[arms] = found.steps.to(own.dtype).mean(dim=1)
        neighbours = apply_immutable_masks(neighbours, counterfactuals, self.immutable_masks)
        return CounterfactualBatch(arms, found.nascent, neighbours, counterfactuals, labels, targets, mature, steps)
