"""A data set as the rest of ctviz sees it: a schema and three disjoint splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
            X, y = self._pair(part)
            if X.ndim != 2 or X.shape != (len(y), self.schema.d):
                raise DataError(f"{part} of {self.name} has shape {tuple(X.shape)}; expected ({len(y)}, {self.d}).")
            if not torch.isfinite(X).all():
                raise DataError(f"{part} of {self.name} holds values that are not finite.")
            if len(y) and not (int(y.min()) >= 0 and int(y.max()) < self.k):
                raise DataError(f"{part} of {self.name} holds labels outside 0 to {self.k - 1}.")
        missing = set(range(self.k)) - set(self.train[1].tolist())
        if missing:
            raise DataError(f"No training sample of {self.name} has class {sorted(missing)[0]}.")

    def _pair(self, part: str) -> Split:
        given: Any = getattr(self, part)
        pair = given if isinstance(given, tuple | list) else (given,)
        types = [one.dtype if isinstance(one, torch.Tensor) else type(one).__name__ for one in pair]
        if types != [torch.float32, torch.int64] or pair[1].ndim != 1:
            raise DataError(
                f"{part} of {self.name} must be a pair of tensors, samples in float32 (n d) and labels in int64 (n); "
                f"got {' and '.join(map(str, types))}."
            )
        return pair[0], pair[1]

    @property
    def d(self) -> int:
        """Number of columns."""
        return self.schema.d

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.classes)
