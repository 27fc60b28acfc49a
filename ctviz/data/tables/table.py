"""A table as a data set: beside samples and schema its rules, and its people in original units."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from ctviz.data.dataset import Dataset
from ctviz.data.people import Person, Value, to_person, to_row, to_texts
from ctviz.data.rules import Rules
from ctviz.data.schema import Array
from ctviz.data.tables.preprocessing import Preprocessing

if TYPE_CHECKING:
    import pandas as pd


ROWS_AT_ONCE = 4096
"""Rows that are held in double precision at once."""


@dataclass(frozen=True, repr=False, eq=False)
class Table(Dataset):
    """A data set of people, with what is needed to speak of them.

    Attributes:
        preprocessing: from original units to the columns, and back.
        rules: the usual rules of a plan.
        protected: the features that the law protects, or that tell one that it does.
        favourable: the class that people want.
        notes: what was done with the table, and what is odd about it, each a sentence.
    """

    preprocessing: Preprocessing
    rules: Rules = field(default_factory=Rules)
    protected: tuple[str, ...] = ()
    favourable: int = 1
    notes: tuple[str, ...] = ()

    def person(self, row: npt.ArrayLike | torch.Tensor) -> dict[str, Value]:
        """What people read of a row (d)."""
        return to_person(self.schema, row)

    def texts(self, row: npt.ArrayLike | torch.Tensor) -> dict[str, str]:
        """The same as text, with units."""
        return to_texts(self.schema, row)

    def row(self, person: Person) -> Array:
        """The columns (d) of a person; ``DataError`` for a feature that is missing, or a value that it cannot have."""
        return to_row(self.schema, person)

    def frame(self, X: npt.ArrayLike | torch.Tensor) -> pd.DataFrame:
        """Rows (n d) as a table in original units and categories."""
        return self.preprocessing.inverse(X)

    def csv(self, X: npt.ArrayLike | torch.Tensor) -> str:
        """The same as CSV, for a spreadsheet."""
        frame = self.frame(X)
        for name in frame.columns:
            if frame[name].dtype.kind not in "iuf":
                frame[name] = frame[name].map(escaped)
        return frame.rename(columns=escaped).to_csv(index=False)

    @cached_property
    def unseen_pairs(self) -> npt.NDArray[np.int64]:
        """Pairs of columns of two categories whose levels never occur together in any row of the data, (p 2)."""
        together = np.zeros((self.d, self.d))
        for X, _ in (self.train, self.validation, self.test):
            for part in X.split(ROWS_AT_ONCE):
                rows = part.numpy().astype(np.float64)
                together += rows.T @ rows
        spans = [s for f, s in zip(self.schema.features, self.schema.spans, strict=True) if f.kind == "category"]
        found = [
            (first.start + i, second.start + j)
            for first, second in combinations(spans, 2)
            for i, j in np.argwhere(together[first, second] == 0)
        ]
        return np.array(found, dtype=np.int64).reshape(-1, 2)


def escaped(cell: str) -> str:
    """A cell for a spreadsheet: one that would be read as a formula (=, +, −, @ first) becomes text."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
