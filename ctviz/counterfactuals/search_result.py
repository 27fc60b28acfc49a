"""The interface of a search: what it is asked, the model that it takes, and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ctviz.counterfactuals.constraints import Constraints
    from ctviz.counterfactuals.reference_data import ReferenceData
    from ctviz.counterfactuals.search_settings import SearchSettings


class SearchPass(Protocol):
    """A forward pass and its derivative with respect to the input; see ``ctviz.models.architecture.Pass``."""

    def forward(self, x: Tensor) -> Tensor: ...
    def input_gradient(self, gradient: Tensor) -> Tensor: ...


class Searchable(Protocol):
    """m models that can be searched together: a stack, or any module behind an adapter."""

    @property
    def m(self) -> int: ...
    @property
    def k(self) -> int: ...
    @property
    def widest(self) -> int: ...
    def run(self, b: int) -> SearchPass: ...
    def take(self, arms: Sequence[int]) -> Searchable: ...


@dataclass(frozen=True, eq=False)
class SearchRequest:
    """What a search is asked: counterfactuals of b factuals for each of m models."""

    model: Searchable
    factuals: Tensor  # m d b
    targets: Tensor  # m b, int64: the classes that they are to have
    settings: Sequence[SearchSettings]  # m
    constraints: Constraints
    record: bool = False  # whether to keep every point of the paths
    reference_data: ReferenceData | None = None
    epsilon: Tensor | None = None  # m b: ε of each factual, in place of that of the settings

    @property
    def boxes(self) -> Tensor:
        """ε of each arm, (m 1 1), or of each factual, (m 1 b)."""
        if self.epsilon is not None:
            return self.epsilon.to(self.factuals).unsqueeze(1)
        return self.factuals.new_tensor([s.epsilon for s in self.settings]).view(-1, 1, 1)

    def take(self, arms: Sequence[int]) -> SearchRequest:
        """What some of the arms are asked."""
        index = torch.tensor(arms, device=self.factuals.device)
        return replace(
            self,
            model=self.model.take(arms),
            factuals=self.factuals[index],
            targets=self.targets[index],
            settings=[self.settings[arm] for arm in arms],
            constraints=self.constraints.take(index),
            epsilon=None if self.epsilon is None else self.epsilon[index],
        )

    def part(self, columns: slice) -> SearchRequest:
        """What is asked of some of the factuals."""
        return replace(
            self,
            factuals=self.factuals[..., columns],
            targets=self.targets[:, columns],
            epsilon=None if self.epsilon is None else self.epsilon[:, columns],
        )


@dataclass(frozen=True)
class SearchResult:
    """Counterfactuals of m arms; samples last."""

    final: Tensor  # m d b: where each search ended
    nascent: Tensor  # m d b: last point with ‖x' − x‖∞ ≤ ε
    mature: Tensor  # m b, bool: reached τ within T steps
    steps: Tensor  # m b, int64: steps taken, 0 to t
    path: Tensor | None  # t+1 m d b: t = T, or T + 1 where ends are polished
    bound: Tensor | None = None  # m b, float64: proved that no counterfactual costs less; NaN where nothing is proved


class Search(Protocol):
    """A search of arms that are all of one kind."""

    def __call__(self, request: SearchRequest) -> SearchResult: ...
