"""How a table is declared: its columns as people read them, its classes, and its usual rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ctviz.data.rules import Rules
from ctviz.data.schema import FeatureKind

if TYPE_CHECKING:
    import pandas as pd

OTHER, UNKNOWN = "other", "unknown"

VALIDATION_SIZE = 1_000
"""Most samples for validation; of small tables a tenth."""


@dataclass(frozen=True)
class Column:
    """One feature of a table.

    Attributes:
        name: what people call it.
        source: name of the column in the file.
        kind: as in ``Feature``.
        levels: of a category or of ordered levels: value in the file → what people read, in order. Several values may
            have one name: rare and undocumented ones are merged so.
        unit, prefix: as in ``DisplayScale``.
        factor: what people read is this many times the number in the file.
        rounding: shown numbers are rounded to it.
        step: shown numbers in a plan are multiples of it; None: of ``rounding``.
        effort: its difficulty, 1 (easy) to 5 (hard).
    """

    name: str
    source: str
    kind: FeatureKind = "number"
    levels: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    prefix: str = ""
    factor: float = 1.0
    rounding: float = 1.0
    step: float | None = None
    effort: int = 3

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the levels, each once, in their order."""
        return tuple(dict.fromkeys(self.levels.values()))

    @property
    def width(self) -> int:
        """Number of columns that the feature takes."""
        return len(self.names) if self.kind == "category" else 1


def usual_sizes(n: int) -> tuple[int, int, int]:
    """The paper's sizes of the splits of n rows, training, validation and test: a fifth for tests, 1,000 for validation
    (of small tables a tenth), the rest to train on."""
    test, validation = n // 5, min(VALIDATION_SIZE, n // 10)
    return n - test - validation, validation, test


@dataclass(frozen=True)
class TableInfo:
    """A table that ctviz knows.

    Attributes:
        title, sentence: what it is, in one plain sentence.
        source: who published it, where, and under which licence.
        columns: its features, in the order of the columns of the data.
        classes: what people call the two classes; the second one is the favourable one.
        rows, favourable: how many rows the file has, and how many of the favourable class.
        balance: whether usually as many of each class are taken, as the paper does.
        rules: the usual rules of a plan.
        protected: the features that are, or tell, what the law protects: a plan must not ask for them, whatever else it
            may ask for.
        read: reads the original file in a folder into a frame of the sources of the columns and the class.
        label: whether each row of the frame is of the favourable class.
        digest: 32 hexadecimal digits of the content of that frame (``files.digest``).
        ships: whether it comes with ctviz; else it is read from a folder of the user's.
        row: what a row is.
    """

    name: str
    title: str
    sentence: str
    source: str
    columns: tuple[Column, ...]
    classes: tuple[str, str]
    rows: int
    favourable: int
    balance: bool
    rules: Rules
    protected: tuple[str, ...]
    read: Callable[[Path], pd.DataFrame]
    label: Callable[[pd.DataFrame], pd.Series[bool]]
    digest: str
    ships: bool = True
    row: str = "person"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(column.name for column in self.columns)

    def usable(self, balance: bool) -> int:
        """How many rows there are to split."""
        return 2 * min(self.favourable, self.rows - self.favourable) if balance else self.rows

    def sizes(self, balance: bool) -> tuple[int, int, int]:
        """The usual sizes of the splits."""
        return usual_sizes(self.usable(balance))
