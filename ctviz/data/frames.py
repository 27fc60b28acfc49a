"""Tables of other libraries, such as a pandas DataFrame: their numbers and the labels of their columns and rows.

A frame is recognised by its methods: a pandas object has ``iloc``, others (pyarrow, polars) have ``to_pandas``. So a
plain array imports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ctviz.errors import DataError, shorten

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame
    from torch import Tensor


@dataclass(frozen=True)
class TableLabels:
    """Labels of a table's columns and rows."""

    names: tuple[str, ...] = ()  # of the columns, as text; empty where columns have positions alone
    numbered: bool = False  # some labels are numbers other than positions, so a number is ambiguous
    columns: Any = field(default=None, compare=False)  # the frame's own labels
    rows: Any = field(default=None, compare=False)  # its own index

    def named(self, d: int) -> tuple[str, ...]:
        """Names of all d columns: x1, x2, … where they have none."""
        return self.names or default_names(d)

    def frame(self, values: Tensor, rows: Tensor | None = None) -> DataFrame:
        """Values (b d) as a frame with these labels; ``rows`` (b) says to which row of the table each belongs."""
        import pandas as pd

        array = (values.float() if str(values.dtype) == "torch.bfloat16" else values).cpu().numpy()
        columns = self.columns if self.columns is not None else list(self.named(array.shape[1]))
        index = np.arange(len(array)) if rows is None else rows.numpy()
        index = index if self.rows is None else self.rows.take(index)
        return pd.DataFrame(array, index=index, columns=columns)


NO_LABELS = TableLabels()


def default_names(d: int) -> tuple[str, ...]:
    """Names of columns that have none: x1, x2, …"""
    return tuple(f"x{i + 1}" for i in range(d))


def frame_of(values: Any) -> Any:
    """``values`` as a pandas DataFrame or Series, if they are one or can be converted; else None."""
    if hasattr(values, "to_pandas"):
        values = values.to_pandas()
    rows = isinstance(values, list | tuple) and len(values) > 0 and all(hasattr(row, "iloc") for row in values)
    if rows or (isinstance(values, np.ndarray) and values.dtype.names):  # rows of a frame; a structured array
        import pandas as pd

        return pd.DataFrame(values)
    return values if hasattr(values, "iloc") else None


def row_of(values: Any, name: str, d: int) -> Any:
    """One row (d) as a table (1 d); a Series, such as a frame's row, keeps its index as the names of the columns.

    Raises:
        DataError: not a single row.
    """
    frame = frame_of(values)
    if frame is not None and frame.ndim == 1:
        return frame.to_frame().T
    row = np.asarray(values)
    if row.ndim != 1:
        raise DataError(f"{name} has shape {row.shape}; expected ({d},).")
    return row[None]


def labels_of(values: Any, name: str) -> TableLabels:
    """Labels of a table; ``name`` is what errors call it.

    Labels 0, 1, … d − 1 in this order are positions, not names; all others are names, numbers as text ("7").

    Raises:
        DataError: columns with several levels, or two with one name.
    """
    frame = frame_of(values)
    if frame is None or frame.ndim != 2:
        return TableLabels()
    if frame.columns.nlevels > 1:
        raise DataError(
            f"{name} have column labels of {frame.columns.nlevels} levels; expected a single name for each."
        )
    given = frame.columns.tolist()
    if given == list(range(len(given))) and not any(isinstance(label, bool | np.bool_) for label in given):
        return TableLabels(columns=frame.columns, rows=frame.index)
    names = tuple(map(str, given))
    if len(set(names)) < len(names):
        twice = next(each for i, each in enumerate(names) if each in names[:i])
        raise DataError(f"{name} have more than one column called {shorten(twice)}; expected each name once.")
    return TableLabels(names, any(isinstance(label, Number) for label in given), frame.columns, frame.index)


def common_labels(*tables: tuple[str, TableLabels]) -> TableLabels:
    """The labels of the first table, with the names of whichever table has any; tables without names match by position.

    Raises:
        DataError: two tables whose names are not the same in the same order.
    """
    named = [(what, labels) for what, labels in tables if labels.names]
    for what, labels in named[1:]:
        first, expected = named[0]
        for i, (ours, theirs) in enumerate(zip(expected.names, labels.names, strict=False)):
            if ours != theirs:
                raise DataError(
                    f"Column {i + 1} is {shorten(ours)} in {first} and {shorten(theirs)} in {what}; "
                    "expected the same names in the same order."
                )
    own = tables[0][1]
    return TableLabels(named[0][1].names, named[0][1].numbered, own.columns, own.rows) if named else own


def check_rows(*tables: tuple[str, Any]) -> None:
    """Check that no two tables have the same row labels in another order: rows are matched by position.

    Raises:
        DataError: two tables do.
    """
    known = [(what, frame.index) for what, values in tables if (frame := frame_of(values)) is not None]
    for what, index in known[1:]:
        first, expected = known[0]
        if len(index) == len(expected) and not index.equals(expected) and set(index) == set(expected):
            raise DataError(f"{what} have the row labels of {first} in another order; expected the same order.")


def numbers_of(values: Any, name: str) -> npt.NDArray[Any]:
    """The numbers of a frame as an array; anything else as numpy converts it. ``name`` is what errors call it.

    Numbers in columns or arrays of Python objects are numbers; text is never read as a number.

    Raises:
        DataError: a column of a frame that holds something else, is not finite or lacks values; masked values.
    """
    frame = frame_of(values)
    if frame is None:
        if np.ma.is_masked(values):
            raise DataError(f"{name} hold masked values.")
        return _plain(np.asarray(values))
    if frame.ndim == 1:
        return _column(frame, name)
    columns = [_column(frame.iloc[:, i], name, whole=False) for i in range(frame.shape[1])]
    return np.column_stack(columns) if columns else np.empty(frame.shape)


def _column(column: Any, name: str, whole: bool = True) -> npt.NDArray[Any]:
    """A column as numbers; a categorical one only where it is the ``whole``, such as classes."""
    where = "" if column.name is None else f" in column {shorten(column.name)}"
    missing = column.isna().to_numpy(dtype=bool)
    array = _plain(column[~missing].to_numpy())
    if array.dtype.kind not in "biufc" or (column.dtype.name == "category" and not whole):
        raise DataError(f"{name} hold something that is not a number{where} ({column.dtype}).")
    if missing.any():
        raise DataError(f"{name} hold missing values{where}.")
    if not np.isfinite(array).all():
        raise DataError(f"{name} hold values that are not finite{where}.")
    return array


def _plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert an array of Python objects to numbers if all of them are; any other array is returned as it is."""
    if array.dtype == np.longdouble:  # torch has none
        return array.astype(np.float64)
    if array.dtype != object or not all(isinstance(value, Number | np.bool_) for value in array.flat):
        return array
    found = np.array(array.tolist()).reshape(array.shape)
    try:
        return found.astype(np.float64) if found.dtype == object else found
    except (TypeError, OverflowError):
        return array
