"""Points of one's own as a table: read from what was copied out of a spreadsheet, written as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ctviz.data.drawn import (
    EXTENT,
    MOST_CLASSES,
    MOST_POINTS,
    PLACES,
    USUAL_NAMES,
    DrawnSettings,
    Places,
    Words,
    decode,
    encode,
    places_of,
    values_of,
)
from ctviz.data.numerals import number_in
from ctviz.errors import ConfigError, DataError

MOST_TABLE = 200_000
"""Characters of a table that is read."""

MARGIN = 13
"""Places that are left free around points from a table, for searches need room."""


def to_csv(settings: DrawnSettings) -> str:
    """The points as a table: two columns of numbers in [−3, 3], and the class."""
    places, labels = decode(settings.points)
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow([*settings.columns, "class"])
    called = [*settings.labels, *(str(c) for c in range(len(settings.labels), MOST_CLASSES))]
    table.writerows([f"{x:.4f}", f"{y:.4f}", called[c]] for (x, y), c in zip(values_of(places), labels, strict=True))
    return written.getvalue()


def from_table(text: str) -> DrawnSettings:
    """The points of a table: two columns of numbers and one of classes, with or without a line of names.

    Columns are separated by tabs, semicolons, commas or spaces; where commas separate nothing, they may be decimal
    commas. Each column of numbers is stretched linearly over the square, with some room around it. Numbers without
    names of their own that lie in [−3, 3] and span half of it are left as they are. Classes that are numbers are
    taken in their order, others in that in which they occur.

    Raises:
        DataError, ConfigError: a table that cannot be read as that, in one sentence.
    """
    if len(text) > MOST_TABLE:
        raise DataError(f"The table has {len(text):,} characters; allowed: at most {MOST_TABLE:,}.")
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if not lines:
        raise DataError("The table is empty; needed are two columns of numbers and one of classes.")
    rows, decimal = _cells(lines)
    names: tuple[str, str] = USUAL_NAMES
    first = 0
    if len(rows[0]) == 3 and not any(_is_number(cell, decimal) for cell in rows[0][:2]):
        names, first = (rows[0][0], rows[0][1]), 1
    if len(rows) == first:
        raise DataError("The table has no rows below its line of names; needed are numbers and a class in each.")
    if len(rows) - first > MOST_POINTS:
        raise ConfigError("points", Words(f"a table of {len(rows) - first:,} rows"), f"at most {MOST_POINTS:,}")
    values, classes = [], []
    for at, row in enumerate(rows[first:], first + 1):
        if len(row) != 3:
            columns = "1 column" if len(row) == 1 else f"{len(row)} columns"
            raise DataError(
                f"Row {at} of the table has {columns}; needed are three: two of numbers and one of classes."
            )
        values.append([_number(cell, at, name, decimal) for cell, name in zip(row[:2], names, strict=True)])
        if not row[2]:
            raise DataError(f"Row {at} of the table has no class in its third column.")
        classes.append(row[2])
    kinds = _kinds(classes)
    labels = np.array([kinds.index(one) for one in classes], dtype=np.uint8)
    points = encode(_fitted(np.array(values), names), labels)
    usual = kinds == [str(c) for c in range(len(kinds))]
    return DrawnSettings(points=points, columns=names, labels=() if usual else kinds)


def _cells(lines: Sequence[str]) -> tuple[list[list[str]], bool]:
    """The cells of each line, and whether a comma in them is a decimal one."""
    last = lines[-1]
    if any(separator in last for separator in "\t;"):
        separator = "\t" if "\t" in last else ";"
        return _split(lines, separator), True
    by_comma = _split(lines, ",")
    # Numbers hold no spaces: in “1,5 2,5 a” it is these that separate.
    if len(by_comma[-1]) > 1 and not any(len(cell.split()) > 1 for cell in by_comma[-1][:2]):
        return by_comma, False
    return [line.split() for line in lines], True


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]


def _as_number(cell: str, decimal: bool) -> float:
    return number_in(cell, "decimal" if decimal else "none")


def _is_number(cell: str, decimal: bool) -> bool:
    return not math.isnan(_as_number(cell, decimal))


def _number(cell: str, row: int, column: str, decimal: bool) -> float:
    value = _as_number(cell, decimal)
    if not math.isfinite(value) or abs(value) > 1e150:
        shown = cell if len(cell) <= 20 else f"{cell[:20]}…"
        raise DataError(f"Row {row} of the table has “{shown}” in column {column}; needed is a finite number.")
    return value


def _kinds(classes: Sequence[str]) -> list[str]:
    """The classes that there are, in their order."""
    kinds = list(dict.fromkeys(classes))
    if not 2 <= len(kinds) <= MOST_CLASSES:
        held = "one class" if len(kinds) == 1 else f"{len(kinds)} classes"
        raise DataError(f"The third column of the table has {held}; needed are two to {MOST_CLASSES}.")
    if all(_is_number(kind, True) for kind in kinds):
        kinds.sort(key=lambda kind: _as_number(kind, True))
    return kinds


def _fitted(values: npt.NDArray[np.float64], names: tuple[str, str]) -> Places:
    low, high = values.min(0), values.max(0)
    for name, least, most in zip(names, low, high, strict=True):
        if not most > least:
            raise DataError(f"Column {name} of the table holds one value only, {least:g}; needed are two or more.")
    if names == USUAL_NAMES and (np.abs(values) <= EXTENT + 1e-4).all() and (high - low >= EXTENT).all():
        return places_of(values)
    share = (values - low) / (high - low)
    places: Places = np.rint(MARGIN + share * (PLACES - 1 - 2 * MARGIN)).astype(np.uint8)
    return places
