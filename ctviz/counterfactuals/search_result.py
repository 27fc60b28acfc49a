"""The interface of a search: the model that it takes, its signature and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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


@dataclass(frozen=True)
class SearchResult:
    """Counterfactuals of m arms; samples last."""

    final: Tensor  # m d b: where each search ended
    nascent: Tensor  # m d b: last point with ‖x' − x‖∞ ≤ ε
    mature: Tensor  # m b, bool: reached τ within T steps
    steps: Tensor  # m b, int64: steps taken, 0 to T
    path: Tensor | None  # t+1 m d b
    bound: Tensor | None = None  # m b, float64: proved that no counterfactual costs less; NaN where nothing is proved


def nascent_boxes(settings: Sequence[SearchSettings], like: Tensor, epsilon: Tensor | None) -> Tensor:
    """ε of m arms, (m 1 1), or of each factual where it is given (m b), (m 1 b)."""
    if epsilon is not None:
        return epsilon.to(like).unsqueeze(1)
    return like.new_tensor([s.epsilon for s in settings]).view(-1, 1, 1)


class Search(Protocol):
    """A search of arms that are all of one kind, from ``factuals`` (m d b) to classes ``targets`` (m b).

    ``epsilon`` (m b): ε of each factual, in place of that of the settings.
    """

    def __call__(
        self,
        model: Searchable,
        factuals: Tensor,
        targets: Tensor,
        settings: Sequence[SearchSettings],
        constraints: Constraints,
        record: bool = False,
        reference_data: ReferenceData | None = None,
        epsilon: Tensor | None = None,
    ) -> SearchResult: ...
