"""Tables that ctviz knows, as a ``Table``: read, checked, split, preprocessed; and the files that ship.

What ships lies in ``assets/datasets/NAME/NAME.parquet`` and is written by ``ctviz datasets build``; Give Me Some Credit
is read from the user's folder. Every table is checked against the digest of its content, once per process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from ctviz.data.dataset import Split
from ctviz.data.schema import Array
from ctviz.data.tables.declaration import Column, TableInfo
from ctviz.data.tables.files import digest
from ctviz.data.tables.preprocessing import Preprocessing
from ctviz.data.tables.settings import TABLES, TableSettings
from ctviz.data.tables.table import Table
from ctviz.errors import DataError
from ctviz.paths import assets

if TYPE_CHECKING:
    import pandas as pd

Rows = npt.NDArray[np.int64]


def load_known(settings: TableSettings) -> Table:
    """The table that the settings describe; the same settings give the same bits.

    The seed draws which rows of the larger class are taken where classes are balanced, and which rows are for tests,
    validation and training.

    Raises:
        DataError: the file is missing, or is not the one that was published.
    """
    info = settings.info
    made = _made(settings, None if info.ships else user_folder(info))

    def part(rows: Rows) -> Split:
        return torch.from_numpy(made.X[rows]), torch.from_numpy(made.labels[rows])

    test, validation, train = made.splits
    return Table(
        name=info.name,
        schema=made.preprocessing.schema,
        classes=info.classes,
        train=part(train),
        validation=part(validation),
        test=part(test),
        preprocessing=made.preprocessing,
        rules=info.rules,
        protected=info.protected,
    )


@dataclass(frozen=True)
class _Made:
    """What settings make of a table; nobody writes into it."""

    preprocessing: Preprocessing
    X: Array  # n d
    labels: Rows  # n
    splits: tuple[Rows, Rows, Rows]  # of tests, validation and training


@lru_cache(maxsize=4)
def _made(settings: TableSettings, folder: Path | None) -> _Made:
    info = settings.info
    frame = checked(info.name, folder)
    favourable = info.label(frame).to_numpy(dtype=bool)
    rng = np.random.default_rng(settings.seed)
    order = rng.permutation(_rows(favourable, settings.balanced, rng))
    ends = np.cumsum([settings.n_test, settings.n_validation, settings.n_train])
    test, validation, train, _ = np.split(order, ends)
    preprocessing, X = Preprocessing.fit(info.columns, readable(frame, info.columns), train)
    return _Made(preprocessing, X, favourable.astype(np.int64), (test, validation, train))


def _rows(favourable: npt.NDArray[np.bool_], balanced: bool, rng: np.random.Generator) -> Rows:
    """All rows, or as many of each class as there are of the smaller one."""
    if not balanced:
        return np.arange(len(favourable))
    parts = [np.flatnonzero(favourable == wanted) for wanted in (False, True)]
    n = min(map(len, parts))
    return np.sort(np.concatenate([rng.permutation(part)[:n] for part in parts]))


def readable(frame: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """A table of the file as people read it: one column per feature, numbers in the unit, levels by name."""
    import pandas as pd

    found = {}
    for column in columns:
        values = frame[column.source]
        if column.levels:
            found[column.name] = values.astype(str).map(dict(column.levels)).to_numpy(dtype=object)
        else:
            found[column.name] = values.to_numpy(dtype=np.float64) * column.factor
    return pd.DataFrame(found)


# -- files ---------------------------------------------------------------------------------------------


def shipped_folder(name: str) -> Path:
    """The folder of a table that comes with ctviz."""
    return assets() / "datasets" / name


def user_folder(info: TableInfo) -> Path:
    """The folder that the user has named, for a table that does not ship.

    Raises:
        DataError: none is named.
    """
    from ctviz.data.images import DATASETS_VARIABLE, datasets_folder

    folder = datasets_folder()
    if folder is None:
        raise DataError(
            f"{info.title} has no open licence and does not come with ctviz: put its file into a folder of yours and "
            f"name the folder in {DATASETS_VARIABLE}, or run `ctviz datasets use FOLDER`."
        )
    return folder


@lru_cache(maxsize=len(TABLES))
def checked(name: str, folder: Path | None) -> pd.DataFrame:
    """The table as it was published; ``folder``: that of the user's, None for what ships. Callers do not change it."""
    import pandas as pd

    info = TABLES[name]
    if folder is not None:
        return _original(info, folder)
    path = shipped_folder(name) / f"{name}.parquet"
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {str(error).lower()}; install ctviz again.") from None
    return _published(info, frame, path)


def _original(info: TableInfo, folder: Path) -> pd.DataFrame:
    """The original file in a folder, checked."""
    try:
        frame = info.read(folder)
    except (KeyError, TypeError, ValueError):  # other columns, or not a table
        raise DataError(f"{folder} holds a file named as that of {info.title}, with something else in it.") from None
    return _published(info, frame, folder)


def _published(info: TableInfo, frame: pd.DataFrame, where: Path) -> pd.DataFrame:
    if (found := digest(frame)) != info.digest:
        raise DataError(
            f"{where} does not hold {info.title} as it was published: the digest of its content begins with "
            f"{found[:12]}, expected {info.digest[:12]}."
        )
    return frame


def build(folder: Path, out: Path, name: str) -> Path:
    """Writes the file of a table that ships, from the original one in ``folder``, into ``out``.

    Raises:
        DataError: the original is missing or is not the one that was published; nothing can be written.
    """
    info = TABLES[name]
    if not info.ships:
        raise DataError(f"{info.title} has no open licence, so it does not come with ctviz.")
    frame, path = _original(info, folder), out / f"{name}.parquet"
    try:
        out.mkdir(parents=True, exist_ok=True)
        compact(frame).to_parquet(path, index=False, compression="zstd", compression_level=19)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {(error.strerror or str(error)).lower()}.") from None
    return path


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """The same values in the smallest types that hold them."""
    import pandas as pd

    found = frame.copy()
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind in "iu":
            found[name] = pd.to_numeric(column, downcast="integer")
        elif column.dtype.kind != "f":
            found[name] = column.astype("category")
    return found
