"""From columns to features: a category is one feature of several columns, one for each level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ctviz.data.schema import Schema


@dataclass(frozen=True)
class FeatureColumns:
    """Which columns belong to each feature: the next ``widths[f]`` ones to feature f.

    Searches, distances to real samples (IP, IP*) and models know columns, d of them; locks, cost, redundancy and
    sensitivity are about features, f of them.
    """

    widths: tuple[int, ...]
    categories: tuple[bool, ...]

    @classmethod
    def of(cls, schema: Schema) -> FeatureColumns:
        """Those of a schema."""
        return cls(tuple(f.width for f in schema.features), tuple(f.kind == "category" for f in schema.features))

    @property
    def numbers(self) -> bool:
        """Whether every feature is a number, and so one column."""
        return not any(self.categories)

    def total(self, values: Tensor) -> Tensor:
        """Sums over the columns of each feature, such as of attributions, (… d) → (… f)."""
        if self.numbers:
            return values
        return torch.stack([part.sum(dim=-1) for part in values.split(self.widths, dim=-1)], dim=-1)

    def sizes(self, changes: Tensor) -> Tensor:
        """How large the change of each feature is, (… d) → (… f): of a number |x'_d − x_d|, of a category half the sum
        of that over its columns, so that another level is a change of 1."""
        if self.numbers:
            return changes.abs()
        half = changes.new_tensor([0.5 if category else 1.0 for category in self.categories])
        return self.total(changes.abs()) * half

    def cost(self, changes: Tensor) -> Tensor:
        """Sum of the sizes, (… d) → (…)."""
        return self.sizes(changes).sum(dim=-1)

    def unchanged(self, changes: Tensor) -> Tensor:
        """Which features are as they were, in all their columns, (… d) → (… f)."""
        same = changes == 0
        if self.numbers:
            return same
        return torch.stack([part.all(dim=-1) for part in same.split(self.widths, dim=-1)], dim=-1)
