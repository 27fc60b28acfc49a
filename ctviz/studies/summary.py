"""How results of studies are summed up: means over seeds with intervals, and reductions against a reference.

Results are tidy tables, a row for each value: with columns ``seed``, ``metric`` and ``value``, and others that say what
was measured (cell and axes of a sweep; panel, variant, dose and epoch of a limit).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ctviz.evaluation import student

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

LEVEL = 0.99
"""Confidence level of intervals, unless a protocol names another."""

CONVENTIONAL = "conventional"
"""The variant relative to which gains are computed."""

GROUP = ("panel", "variant", "dose", "epoch")


@dataclass(frozen=True)
class Mean:
    """A mean over seeds with its interval and standard error, which are NaN for fewer than two values."""

    value: float
    low: float
    high: float
    n: int
    error: float = math.nan

    @property
    def sign(self) -> int:
        """1 or −1 where zero lies outside of the interval, else 0."""
        return int(self.low > 0) - int(self.high < 0)

    @property
    def significant(self) -> bool:
        """Whether zero lies outside of the interval."""
        return self.sign != 0


def mean(values: Iterable[float], level: float = LEVEL) -> Mean:
    """``x̄ ± t(n−1) · s / √n`` of the values that are finite (``evaluation.student``).

    Raises:
        ConfigError: a level that is not between 0 and 1.
    """
    finite = np.array([value for value in values if math.isfinite(value)], dtype=np.float64)
    low, high = map(float, student.interval(finite, level))
    n = len(finite)
    if n == 0:
        return Mean(math.nan, low, high, n)
    return Mean(float(finite.mean()), low, high, n, float(finite.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan)


def geometric(values: Iterable[float]) -> Mean:
    """Geometric mean of the values above 0, with the interval of the mean of their logarithms: for values that grow by
    factors."""
    found = mean(math.log(value) for value in values if value > 0 and math.isfinite(value))
    return Mean(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n)


def reduction(value: npt.ArrayLike, base: npt.ArrayLike) -> Floats:
    """How much less there is than in the reference, in %: ``100 · (base − value) / base``; NaN unless the base lies
    above 0. Shapes: (…), (…) → (…)."""
    v, b = np.asarray(value, dtype=np.float64), np.asarray(base, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(b > 0, 100 * (b - v) / b, np.nan), dtype=np.float64)


# -- tables ----------------------------------------------------------------------------------------------


def across(
    rows: pd.DataFrame,
    by: Sequence[str] = GROUP,
    column: str = "value",
    level: float = LEVEL,
    *,
    log: bool = False,
) -> pd.DataFrame:
    """Means over seeds of one column: the columns ``by``, value, low, high, n and sd, a row for each group in the order
    of the table; as ``mean``, for thousands of groups at once.

    Args:
        log: geometric means, as fits a logarithmic axis.
    """
    import pandas as pd

    values = rows[column].astype(float)
    values = values.where(np.isfinite(values) & ((values > 0) | (not log)))
    scaled = pd.Series(np.log(values) if log else values)
    groups = scaled.groupby([rows[name] for name in by], sort=False, dropna=False)
    found = pd.DataFrame({"value": groups.mean(), "sd": groups.std(ddof=1), "n": groups.count()})
    wide = student.half_width(found["sd"].to_numpy(), found["n"].to_numpy(), level)
    found = found.assign(low=found["value"] - wide, high=found["value"] + wide)
    if log:
        found = found.assign(**{name: np.exp(found[name]) for name in ("value", "low", "high")})
    return found.reset_index()[[*by, "value", "low", "high", "n", "sd"]]


def values_of(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of one metric: columns panel, variant, dose, seed, epoch, value."""
    return table.loc[table["metric"] == metric, ["panel", "variant", "dose", "seed", "epoch", "value"]]


def gains(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Reduction of a metric relative to the conventional model of the same draw and epoch, in %; and of the same dose,
    where conventional models have one.

    Same columns as ``values_of``, without the conventional models; positive is less.
    """
    rows = values_of(table, metric)
    plain = rows["variant"] == CONVENTIONAL
    same = ["panel", "seed", "epoch", *(["dose"] if rows.loc[plain, "dose"].notna().any() else [])]
    base = rows[plain].set_index(same)["value"]
    found = rows[~plain].join(base.rename("base"), on=same)
    return found.assign(value=reduction(found["value"], found["base"])).drop(columns="base")


def difference(first: pd.DataFrame, second: pd.DataFrame) -> Mean:
    """Mean of ``first − second`` over the draws that both have; several rows of a draw are averaged first."""
    one, other = (rows.groupby("seed")["value"].mean() for rows in (first, second))
    return mean((one - other).dropna().to_numpy())


def by_draw(rows: pd.DataFrame) -> Mean:
    """Mean over draws; several rows of a draw are averaged first."""
    return mean(rows.groupby("seed")["value"].mean().to_numpy())
