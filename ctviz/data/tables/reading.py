"""A caller's file, CSV or Parquet, as columns of numbers and texts; whatever cannot be read is told in a sentence."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctviz.data.numerals import NUMBER
from ctviz.errors import DataError, shorten
from ctviz.paths import expanded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

MOST_BYTES, MOST_ROWS, MOST_COLUMNS = 50_000_000, 200_000, 200

MOST_UNPACKED = 1_000_000_000
"""Bytes of a Parquet file, unpacked: it may be packed a thousand times."""

KEPT_OF_EACH = 100
"""Rows of each class that a sample of a large table keeps, if there are so many."""

MISSING = ("", "?", "-", "–", ".", "na", "n/a", "nan", "null")
"""Cells that hold nothing, in small letters."""

MISSING_NUMBERS = ("none", "missing")
"""The same among numbers; among texts these are levels."""

_SEPARATORS = (";", "\t", ",", "|")

_NUMBER = rf"^({NUMBER}|[+-]?(?i:inf(inity)?))$"


def read_table(path: str | Path) -> pd.DataFrame:
    """The columns of a file: numbers as float64, everything else as text; missing values as NaN.

    CSV in UTF-8 (or UTF-16 with its mark), cells separated by commas, semicolons, tabs or |; where commas separate
    nothing, they may be decimal commas. Dates of a Parquet file become texts.

    Raises:
        DataError: no such file, too large, not a table, or a table that is not clear.
    """
    place = expanded(str(path), "path")
    try:
        size = place.stat().st_size if place.is_file() else -1
        if size < 0:
            raise DataError(f"{place} is not a file; expected a table as CSV or Parquet.")
        if size > MOST_BYTES:
            raise DataError(f"{place.name} has {size:,} bytes; allowed: at most {MOST_BYTES:,}.")
        raw = place.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{shorten(str(path))} cannot be read: {reason.lower()}.") from None
    return table_of(raw, place.name)


def table_of(raw: bytes, name: str) -> pd.DataFrame:
    """As ``read_table``, of the content of a file; ``name`` is what errors call it."""
    return sample_of(raw, name)[0]


def sample_of(
    raw: bytes, name: str, most: int = MOST_ROWS, target: str = "", seed: int = 0
) -> tuple[pd.DataFrame, int]:
    """As ``table_of``, of at most ``most`` rows drawn at random, in their order, and how many rows the file has.

    Of each value of the column ``target`` at least ``KEPT_OF_EACH`` rows are drawn, if there are so many. Only the rows
    that were drawn are taken apart, which saves time and memory.
    """
    import pyarrow as pa

    if len(raw) > MOST_BYTES:
        raise DataError(f"{name} has {len(raw):,} bytes; allowed: at most {MOST_BYTES:,}.")
    table, commas = (_parquet(raw, name), False) if raw[:4] == b"PAR1" else _csv(raw, name)
    if table.num_rows == 0:
        raise DataError(f"{name} has no rows below its line of names.")
    if table.num_rows > MOST_ROWS:
        raise DataError(f"{name} has {table.num_rows:,} rows; allowed: at most {MOST_ROWS:,}.")
    rows = table.num_rows
    if rows > most:
        table = table.take(pa.array(_drawn(table, most, target, seed)))
    try:
        return _frame(table, commas), rows
    except (pa.ArrowException, ValueError, OverflowError) as error:  # such as dates in the year 9,999,999
        raise DataError(f"{name} has cells that cannot be read: {_first_line(error)}.") from None


def _drawn(table: pa.Table, most: int, target: str, seed: int) -> npt.NDArray[np.int64]:
    """Positions of ``most`` rows drawn at random, with some of each value of the target, in their order."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(table.num_rows)
    if target not in table.column_names:
        return np.sort(order[:most])
    codes = table[target].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)[order]
    values = np.unique(codes)
    if len(values) * KEPT_OF_EACH > most:  # no classes
        return np.sort(order[:most])
    first = np.concatenate([np.flatnonzero(codes == value)[:KEPT_OF_EACH] for value in values])
    rest = np.setdiff1d(np.arange(len(order)), first)[: most - len(first)]
    return np.sort(order[np.concatenate([first, rest])])


# -- files ---------------------------------------------------------------------------------------------


def _parquet(raw: bytes, name: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(raw))
        _check_names(list(file.schema_arrow.names), name)
        if file.metadata.num_rows > MOST_ROWS:
            raise DataError(f"{name} has {file.metadata.num_rows:,} rows; allowed: at most {MOST_ROWS:,}.")
        parts = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        if (size := sum(part.total_byte_size for part in parts)) > MOST_UNPACKED:
            raise DataError(f"{name} holds {size:,} bytes, unpacked; allowed: at most {MOST_UNPACKED:,}.")
        return file.read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} begins like a Parquet file but cannot be read: {_first_line(error)}.") from None


def _csv(raw: bytes, name: str) -> tuple[pa.Table, bool]:
    """The table, and whether commas in its numbers are decimal ones: where they separate nothing."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    text = _decoded(raw, name)
    separator, names = _header(text, name)
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=0, skip_rows_after_names=1),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        found = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", str(error))
        if found:
            row = f"Row {int(found[1]):,}" if found[1] else "A row"
            raise DataError(f"{row} of {name} has {found[3]} cells; its line of names has {found[2]}.") from None
        raise DataError(f"{name} cannot be read as CSV: {_first_line(error)}.") from None
    return table, separator != ","


def _decoded(raw: bytes, name: str) -> str:
    """The text of a file, without the mark of its encoding.

    Raises:
        DataError: it is no text, or in another encoding.
    """
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in raw[:4096]:
            raise DataError(f"{name} is not a table: it is neither text nor Parquet.") from None
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(f"{name} is not in UTF-8 (line {line:,}); save it as “CSV UTF-8” and try again.") from None
    if "\0" in text:
        raise DataError(f"{name} is not a table: it is neither text nor Parquet.")
    if not text.strip():
        raise DataError(f"{name} is empty; needed are a line of names and rows.")
    return text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n") + "\n"


def _header(text: str, name: str) -> tuple[str, list[str]]:
    """The separator, and the names of the columns."""
    line = text[: text.find("\n") + 1 or None]
    bare = re.sub(r'"[^"]*"', "", line)
    separator = max(_SEPARATORS, key=bare.count)  # of equal ones the first
    if separator not in bare:
        raise DataError(f"{name} has one column only; needed are features and a target, separated by commas.")
    if (count := bare.count(separator) + 1) > MOST_COLUMNS:
        raise DataError(f"{name} has {count:,} columns; allowed: at most {MOST_COLUMNS}.")
    try:
        names = [cell.strip() for cell in next(csv.reader([line], delimiter=separator, strict=True))]
    except csv.Error as error:
        raise DataError(f"The line of names of {name} cannot be read: {error}.") from None
    _check_names(names, name)
    return separator, names


def _check_names(names: list[str], name: str) -> None:
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{name} has {len(names):,} columns; allowed: at most {MOST_COLUMNS}.")
    if len(names) < 2:
        raise DataError(f"{name} has one column only; needed are features and a target.")
    for at, column in enumerate(names):
        if not column.strip():
            raise DataError(f"Column {at + 1} of {name} has no name; each column needs one.")
        if column in names[:at]:
            raise DataError(f"{name} has more than one column called {shorten(column)}; expected each name once.")
        if not column.isprintable():
            raise DataError(f"Column {at + 1} of {name} has a name with signs that cannot be shown: {shorten(column)}.")


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return shorten(lines[0] if lines else "no reason was given", 120).strip("'\".")


# -- columns -------------------------------------------------------------------------------------------


def _frame(table: pa.Table, commas: bool) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    found = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
            found[name] = pd.Series(column.cast(pa.float64(), safe=False).to_numpy())
        elif pa.types.is_boolean(kind):
            found[name] = pd.Series(column.to_pandas(), dtype=object).map({True: "yes", False: "no"})
        elif pa.types.is_string(kind):
            found[name] = _parsed(column, commas)
        else:
            texts = pd.Series(column.to_pandas(), dtype=object).map(str, na_action="ignore")
            found[name] = _parsed(pa.chunked_array([pa.array(texts, pa.string(), from_pandas=True)]), commas)
    return pd.DataFrame(found)


def _parsed(column: pa.ChunkedArray, commas: bool) -> pd.Series[Any]:
    """Texts as numbers where all of them are numbers, else as texts without spaces around them; missing ones as NaN.

    Arrow does it, not Python: there may be millions of cells.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from pyarrow import compute

    texts = compute.utf8_trim_whitespace(column)
    lower, nothing = compute.utf8_lower(texts), pa.scalar(None, pa.string())
    texts = compute.if_else(compute.is_in(lower, pa.array(MISSING)), nothing, texts)
    numbers = compute.if_else(compute.is_in(lower, pa.array(MISSING_NUMBERS)), nothing, texts)
    numbers = compute.replace_substring(numbers, "−", "-")
    if commas:
        numbers = compute.replace_substring(numbers, ",", ".", max_replacements=1)
    all_numbers = compute.all(compute.match_substring_regex(numbers, _NUMBER)).as_py()  # None: there is nothing
    if (all_numbers and numbers.null_count < len(numbers)) or texts.null_count == len(texts):
        plain = compute.replace_substring_regex(numbers, r"^\+", "")
        return pd.Series(compute.cast(plain, pa.float64()).to_numpy())
    found = pd.Series(texts.to_pandas(), dtype=object)
    return found.where(found.notna(), np.nan)
