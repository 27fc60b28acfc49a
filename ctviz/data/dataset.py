"""A data set as the rest of ctviz sees it: a schema and three disjoint splits."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctviz.data.schema import Schema
from ctviz.errors import DataError
from ctviz.short_repr import ShortRepr

Split = tuple[torch.Tensor, torch.Tensor]
"""Features, float32 (n d), and class labels, int64 (n)."""


@dataclass(frozen=True, repr=False, eq=False)
class Dataset(ShortRepr):
    """Three splits of one draw; every class occurs in the training split."""

    name: str
    schema: Schema
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            X, y = getattr(self, part)
            if X.ndim != 2 or X.shape != (len(y), self.schema.d):
                raise DataError(f"{part} of {self.name} has shape {tuple(X.shape)}; expected ({len(y)}, {self.d}).")
            if not torch.isfinite(X).all():
                raise DataError(f"{part} of {self.name} holds values that are not finite.")
            if len(y) and not (int(y.min()) >= 0 and int(y.max()) < self.k):
                raise DataError(f"{part} of {self.name} holds labels outside 0 to {self.k - 1}.")
        missing = set(range(self.k)) - set(self.train[1].tolist())
        if missing:
            raise DataError(f"No training sample of {self.name} has class {sorted(missing)[0]}.")

    @property
    def d(self) -> int:
        """Number of columns."""
        return self.schema.d

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.classes)
