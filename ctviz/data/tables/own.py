"""A table of one's own: types inferred and open to correction, missing values handled and counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from ctviz.data.dataset import Split
from ctviz.data.rules import Rules
from ctviz.data.schema import Feature
from ctviz.data.tables.declaration import OTHER, UNKNOWN, Column, usual_sizes
from ctviz.data.tables.names import protected_features, protected_note, rules_note, usual_rules
from ctviz.data.tables.preprocessing import Preprocessing
from ctviz.data.tables.reading import read_table
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError, CtvizError, DataError, shorten
from ctviz.isolation import isolated
from ctviz.prose import listed

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "integer", "category", "leave out"]

KINDS: tuple[Kind, ...] = ("number", "integer", "category", "leave out")

MOST_LEVELS = 30
"""Levels of a category; where there are more, the rarest become one."""

MOST_CLASSES = 10

FEWEST = 10
"""Rows of a class."""

MOST_CELLS = 50_000_000
"""Numbers in the columns of all rows, one-hot: 200 MB."""

_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?")

_LARGEST = 1e12


@isolated()
def load_table(
    path: str | Path,
    target: str,
    *,
    favourable: str | None = None,
    kinds: Mapping[str, Kind | Sequence[str]] | None = None,
    missing: Literal["impute", "drop"] = "impute",
    rules: Rules | None = None,
    protected: Sequence[str] | None = None,
    seed: int = 0,
) -> Table:
    """A table of one's own, from CSV or Parquet, as a data set: ``Experiment.on_table(load_table(…))`` trains on it.

    Columns of numbers are numbers (whole ones integers; of two values alone a category), others are categories.
    A column of one value, of dates, or of a different text in nearly each row is left out. A fifth of the rows is for
    tests, of the rest up to 1,000 for validation. What was done stands in ``notes``.

    Args:
        path: a file of at most 50 MB, 200,000 rows and 200 columns, with a line of names.
        target: name of the column of classes; rows without one are dropped.
        favourable: the class that people want; by default the last one in their order.
        kinds: corrections: name of a column → "number", "integer", "category", "leave out", or for levels with an
            order all of their names, lowest first.
        missing: whether missing values are imputed (the median of a number, a level of its own for a category), or
            their rows dropped.
        rules: the usual rules of a plan. By default they are guessed from the names of columns: age and education may
            only rise, sex, race, nationality, marital status, religion, disability and their like are locked, and
            everything else is free.
        protected: the features that the law protects; by default those whose names tell it.
        seed: draws which rows are for what.

    Raises:
        DataError, ConfigError: a file that cannot be used, or a correction that does not fit, in one sentence.
    """
    options = TableOptions(target, favourable, kinds or {}, missing, rules, protected, seed)
    return table_from(read_table(path), Path(path).stem, options)


@dataclass(frozen=True)
class TableOptions:
    """What is asked of a table beside its file: the arguments of ``load_table``."""

    target: str
    favourable: str | None = None
    kinds: Mapping[str, Kind | Sequence[str]] = field(default_factory=dict)
    missing: str = "impute"
    rules: Rules | None = None
    protected: Sequence[str] | None = None
    seed: int = 0


@isolated()
def table_from(frame: pd.DataFrame, name: str, options: TableOptions, most_cells: int | None = None) -> Table:
    """As ``load_table``, of columns that were read already (``reading.sample_of``).

    ``most_cells``: numbers in the columns of all rows, one-hot; by default ``MOST_CELLS``.
    """
    target, missing, seed = options.target, options.missing, options.seed
    if missing not in ("impute", "drop"):
        raise ConfigError("missing", missing, "impute or drop")
    if not isinstance(seed, int) or seed < 0:
        raise ConfigError("seed", seed, "a whole number, 0 or more")
    if target not in frame.columns:
        raise ConfigError("target", target, f"one of the columns, {', '.join(map(str, frame.columns))}")
    wanted = _checked_kinds(options.kinds, [column for column in frame.columns if column != target])
    notes: list[str] = []
    frame = _with_classes(frame, target, notes)
    found = [_found(frame[at], wanted.get(at), notes) for at in frame.columns if at != target]
    kept = [one for one in found if one is not None]
    if not kept:
        raise DataError(f"{name} has no feature beside {target} that a model could learn from.")
    kept, classes = _without_missing(kept, frame[target], missing, notes)
    people, columns = _people(kept), tuple(one.column for one in kept)
    labels, names = _labels(classes, target, options.favourable)
    most = most_cells or MOST_CELLS
    if (cells := len(people) * sum(column.width for column in columns)) > most:
        raise DataError(
            f"{name} would take {cells:,} numbers, one column for each level; allowed: {most:,}; leave out "
            "columns with many levels."
        )
    table = _split(name, people, labels, names, columns, seed)
    said = _said_of(table.schema.features, options.rules, options.protected, notes)
    table = replace(table, **said, notes=tuple(notes))
    table.rules.on(table.schema)  # says what does not fit
    return table


def _said_of(
    features: Sequence[Feature], rules: Rules | None, protected: Sequence[str] | None, notes: list[str]
) -> dict[str, Any]:
    """Usual rules and protected features, as they are given or as names of columns tell them."""
    if rules is None:
        rules = usual_rules(features)
        notes.append(rules_note(rules))
    if protected is None:
        protected = protected_features(features)
        notes.append(protected_note(protected))
    names = [feature.name for feature in features]
    for name in protected:
        if name not in names:
            raise ConfigError("protected", name, f"some of the features, {', '.join(names)}")
    notes[:] = filter(None, notes)
    return {"rules": rules, "protected": tuple(protected)}


@dataclass(frozen=True)
class ColumnLook:
    """How a column of a table of one's own looks before anything is corrected.

    Attributes:
        name: of the column.
        kind: as it would be taken; "leave out" for one that models could not learn from.
        missing: how many of its values are missing.
        distinct: how many different ones there are.
        levels: of a category, or of numbers of few values: their names, in order.
        note: what is odd about it, in a sentence.
    """

    name: str
    kind: Kind
    missing: int
    distinct: int
    levels: tuple[str, ...] = ()
    note: str = ""

    @property
    def classes(self) -> bool:
        """Whether it can be the target."""
        return 2 <= self.distinct <= MOST_CLASSES


def looks(frame: pd.DataFrame) -> tuple[ColumnLook, ...]:
    """How each column of a table that was read would be taken."""
    return tuple(_look(frame[name]) for name in frame.columns)


def _look(values: pd.Series[Any]) -> ColumnLook:
    notes: list[str] = []
    there = values.dropna()
    try:
        found = _found(values, None, notes)
    except CtvizError as error:  # such as numbers that are too large
        found, notes = None, [str(error)]
    distinct = int(there.nunique())
    few = distinct <= MOST_LEVELS
    levels = tuple(sorted(map(str, _texts(there).unique()), key=_order)) if few else ()
    kind: Kind = "leave out" if found is None else "category" if found.column.levels else found.column.kind  # type: ignore[assignment]  # no levels: a number
    return ColumnLook(str(values.name), kind, len(values) - len(there), distinct, levels, " ".join(notes))


# -- columns -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """A feature: how it is declared, and its values, NaN where they are missing."""

    column: Column
    cells: pd.Series[Any]


def _checked_kinds(kinds: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(kinds, Mapping):
        raise ConfigError("kinds", kinds, "names of columns, each with its kind")
    for name, kind in kinds.items():
        if name not in names:
            raise ConfigError("kinds", name, f"one of the columns, {', '.join(names)}")
        if kind not in KINDS if isinstance(kind, str) else not isinstance(kind, list | tuple):
            raise ConfigError(f"kinds.{name}", kind, f"{', '.join(KINDS)}, or the levels in their order")
        if not isinstance(kind, str) and (len(set(map(str, kind))) != len(kind) or len(kind) < 2):
            raise ConfigError(f"kinds.{name}", list(kind), "two levels or more, each once, the lowest first")
    return dict(kinds)


def _found(values: pd.Series[Any], wanted: Any, notes: list[str]) -> _Found | None:
    """The feature of a column as it was asked for, or as it looks; None for one that is left out."""
    name, there = str(values.name), values.dropna()
    if wanted == "leave out":
        return None
    numeric = values.dtype.kind == "f"
    if numeric and not (there.abs() <= _LARGEST).all():  # larger ones may be one as float64, though they differ
        raise DataError(f"Column {name} holds numbers beyond ±{_LARGEST:,.0f}; rescale them or leave the column out.")
    if there.nunique() < 2:
        held = "no values" if there.empty else f"one value only, {shorten(_texts(there).iloc[0])},"
        notes.append(f"Column {name} holds {held} and was left out.")
        return None
    if wanted is not None and not isinstance(wanted, str):
        return _ordered(values, [str(level) for level in wanted])
    if wanted in ("number", "integer") and not numeric:
        texts = [text for text in there if not isinstance(text, float)]
        raise ConfigError(f"kinds.{name}", wanted, f"category here, for it holds {shorten(texts[0])}")
    if numeric and wanted != "category" and (wanted or there.nunique() > 2):
        return _number(values, wanted, notes)
    return _category(values, wanted, notes)


def _number(values: pd.Series[Any], wanted: str | None, notes: list[str]) -> _Found:
    name, there = str(values.name), values.dropna().to_numpy(dtype=np.float64)
    whole = bool((there == np.round(there)).all())
    if wanted == "integer" and not whole:
        raise ConfigError(f"kinds.{name}", wanted, f"number here, for it holds {there[there != np.round(there)][0]:g}")
    if whole and wanted is None and len(there) > FEWEST and len(np.unique(there)) == len(there):
        notes.append(
            f"Column {name} holds a different whole number in each row, as a number of the row would; if it is one, "
            "leave it out."
        )
    step = _rounding(there)
    integer = whole and wanted != "number" and step <= 1
    column = Column(name, name, "integer" if integer else "number", rounding=1.0 if integer else step)
    return _Found(column, values)


def _rounding(values: npt.NDArray[np.float64]) -> float:
    """What numbers are rounded to when they are shown: as many decimals as they have, within what float32 can tell."""
    decimals = next((n for n in range(7) if np.allclose(values, np.round(values, n), rtol=0, atol=1e-9)), 6)
    least = 10.0 ** np.ceil(np.log10(max(float(np.ptp(values)), 1e-300)) - 6)
    return float(max(10.0**-decimals, least))


def _category(values: pd.Series[Any], wanted: str | None, notes: list[str]) -> _Found | None:
    import pandas as pd

    name = str(values.name)
    texts = _texts(values)
    counts = texts.value_counts()
    if wanted is None and all(_DATE.fullmatch(text) for text in counts.index[:1000]):
        notes.append(f"Column {name} holds dates and was left out; a number, such as an age, could be learned from.")
        return None
    if wanted is None and len(counts) > max(MOST_LEVELS, len(texts) // 2):
        notes.append(f"Column {name} holds a different text in nearly each row and was left out.")
        return None
    levels = {level: level for level in sorted(counts.index, key=_order)}
    if len(levels) > MOST_LEVELS:
        rare = set(counts.index[MOST_LEVELS - 1 :])
        levels = {level: OTHER if level in rare else level for level in levels}
        notes.append(f"Column {name} holds {len(levels):,} levels; the {len(rare):,} rarest became “{OTHER}”.")
    kept = pd.Series(texts.map(levels), dtype=object)
    return _Found(Column(name, name, "category", levels), kept)


def _ordered(values: pd.Series[Any], levels: list[str]) -> _Found:
    name, texts = str(values.name), _texts(values)
    if unknown := sorted(set(texts.dropna()) - set(levels)):
        raise ConfigError(f"kinds.{name}", levels, f"all levels that there are; {shorten(unknown[0])} is another one")
    return _Found(Column(name, name, "ordered", {level: level for level in levels}), texts)


def _texts(values: pd.Series[Any]) -> pd.Series[Any]:
    """Values as names of levels: whole numbers without decimals."""
    if values.dtype.kind != "f":
        return values
    numbers = [float(value) for value in values.dropna().unique()]
    return values.map({one: str(int(one) if one.is_integer() else one) for one in numbers}).astype(object)


def _order(level: str) -> tuple[bool, float, str]:
    """Numbers by size, then texts by letters."""
    try:
        return (False, float(level), level)
    except ValueError:
        return (True, 0.0, level)


# -- rows ----------------------------------------------------------------------------------------------


def _with_classes(frame: pd.DataFrame, target: str, notes: list[str]) -> pd.DataFrame:
    """The rows that have a class, its name as text."""
    there = frame[target].notna()
    if lost := int((~there).sum()):
        notes.append(f"{_rows(lost)} without a value of {target} {_were(lost)} dropped.")
    found = frame[there].reset_index(drop=True)
    found[target] = _texts(found[target])
    counts = found[target].value_counts()
    if len(counts) < 2:
        held = f"one class only, {shorten(counts.index[0])}" if len(counts) else "no values"
        raise DataError(f"Column {target} holds {held}; needed are two classes or more.")
    if len(counts) > MOST_CLASSES:
        raise DataError(
            f"Column {target} holds {len(counts):,} different values; needed are two to {MOST_CLASSES} classes."
        )
    return found


def _without_missing(
    found: list[_Found], classes: pd.Series[Any], missing: str, notes: list[str]
) -> tuple[list[_Found], pd.Series[Any]]:
    """Features and classes with missing values imputed, or their rows dropped."""
    import pandas as pd

    gaps = pd.concat([one.cells.isna() for one in found], axis=1).any(axis=1).to_numpy()
    if not gaps.any():
        return found, classes
    if missing == "impute":
        said: list[str] = []
        whole = [_imputed(one, said) for one in found]
        notes.append(f"Missing values were imputed: {listed(said)}.")
        return whole, classes
    if gaps.all():
        raise DataError("Every row lacks a value; impute them, or leave out the columns that lack most.")
    notes.append(f"{_rows(int(gaps.sum()))} with missing values {_were(int(gaps.sum()))} dropped.")
    kept = [_Found(one.column, one.cells[~gaps].reset_index(drop=True)) for one in found]
    return kept, classes[~gaps].reset_index(drop=True)


def _imputed(one: _Found, said: list[str]) -> _Found:
    """The median in place of a missing number, of integers and ranks the lower one of two; a level of its own in place
    of a missing category. ``said`` gets a phrase on it."""
    column, values = one.column, one.cells
    if not (count := int(values.isna().sum())):
        return one
    if column.kind == "category":
        said.append(f"{count:,} of {column.name} by a level of their own, “{UNKNOWN}”")
        levels = {**column.levels, UNKNOWN: UNKNOWN}
        return _Found(replace(column, levels=levels), values.fillna(UNKNOWN))
    if column.kind == "ordered":
        ranks = sorted(column.names.index(value) for value in values.dropna())
        usual: float | str = column.names[ranks[(len(ranks) - 1) // 2]]
    else:
        middle = float(values.median())
        usual = float(np.floor(middle)) if column.kind == "integer" else middle
    said.append(f"{count:,} of {column.name} by the median, {usual if isinstance(usual, str) else f'{usual:g}'}")
    return _Found(column, values.fillna(usual))


def _people(found: Sequence[_Found]) -> pd.DataFrame:
    """The features as a table, in the types that are preprocessed.

    Raises:
        DataError: fewer than five times ``FEWEST`` rows.
    """
    import pandas as pd

    frame = pd.DataFrame({one.column.name: one.cells for one in found})
    if len(frame) < 5 * FEWEST:
        raise DataError(f"The table has {_rows(len(frame))} that can be used; needed are {5 * FEWEST} or more.")
    return frame.astype({one.column.name: object if one.column.levels else np.float64 for one in found})


def _labels(
    classes: pd.Series[Any], target: str, favourable: str | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Classes as numbers, the favourable one last, and their names."""
    counts = classes.value_counts()
    names = sorted(counts.index, key=_order)
    if len(names) < 2:
        raise DataError(f"Only class {shorten(names[0])} of {target} is left; needed are two or more.")
    for name in names:
        if counts[name] < FEWEST:
            raise DataError(f"Class {shorten(name)} of {target} has {_rows(int(counts[name]))}; needed are {FEWEST}.")
    if favourable is not None:
        if favourable not in names:
            raise ConfigError("favourable", favourable, f"one of the classes, {', '.join(names)}")
        names = [*(name for name in names if name != favourable), favourable]
    return classes.map(names.index).to_numpy(dtype=np.int64), tuple(names)


def _split(
    name: str,
    people: pd.DataFrame,
    labels: npt.NDArray[np.int64],
    classes: tuple[str, ...],
    columns: tuple[Column, ...],
    seed: int,
) -> Table:
    n = len(labels)
    order = np.random.default_rng(seed).permutation(n)
    _, held_out, for_tests = usual_sizes(n)
    test, validation, train = np.split(order, [for_tests, for_tests + held_out])
    preprocessing, X = Preprocessing.fit(columns, people, train)

    def part(rows: npt.NDArray[np.int64]) -> Split:
        return torch.from_numpy(X[rows]), torch.from_numpy(labels[rows])

    return Table(
        name=name,
        schema=preprocessing.schema,
        classes=classes,
        train=part(train),
        validation=part(validation),
        test=part(test),
        preprocessing=preprocessing,
        favourable=len(classes) - 1,
    )


def _rows(n: int) -> str:
    return f"{n:,} row{'s' if n != 1 else ''}"


def _were(n: int) -> str:
    return "were" if n != 1 else "was"
