"""The numbers of the limits: gains over conventional training, means over draws with intervals, and their words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev

import numpy as np
import pandas as pd

from ctviz import prose
from ctviz.evaluation.student import half_width

LEVEL = 0.99
"""Confidence level of all intervals, which are Student's t over the draws."""

CONVENTIONAL = "conventional"
"""The variant relative to which gains are computed."""

GROUP = ["panel", "variant", "dose", "epoch"]


@dataclass(frozen=True)
class Mean:
    """A mean over draws with its interval; ``low`` and ``high`` are NaN for fewer than two draws."""

    value: float
    low: float
    high: float
    n: int

    @property
    def sign(self) -> int:
        """1 or −1 where zero lies outside of the interval, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def mean(values: Iterable[float]) -> Mean:
    """``x̄ ± t(n−1) · s / √n`` of the values that are finite."""
    finite = [float(value) for value in values if math.isfinite(value)]
    n = len(finite)
    if n == 0:
        return Mean(math.nan, math.nan, math.nan, 0)
    value = fmean(finite)
    if n == 1:
        return Mean(value, math.nan, math.nan, 1)
    half = float(half_width(stdev(finite), n, LEVEL))
    return Mean(value, value - half, value + half, n)


def values_of(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of one metric: columns panel, variant, dose, seed, epoch, value."""
    return table.loc[table["metric"] == metric, ["panel", "variant", "dose", "seed", "epoch", "value"]]


def gains(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Reduction of a metric relative to the conventional model of the same draw and epoch, in %.

        100 · (base − value) / base

    Same columns as ``values_of``, without the conventional models; positive is less. NaN where the base is 0.
    """
    rows = values_of(table, metric)
    base = rows[rows["variant"] == CONVENTIONAL].set_index(["panel", "seed", "epoch"])["value"]
    found = rows[rows["variant"] != CONVENTIONAL].join(base.rename("base"), on=["panel", "seed", "epoch"])
    found = found.assign(base=found["base"].where(found["base"] != 0))
    return found.assign(value=100 * (found["base"] - found["value"]) / found["base"]).drop(columns="base")


def geometric(values: Iterable[float]) -> Mean:
    """Geometric mean of the values above 0, with the interval of the mean of their logarithms: for values that grow by
    factors."""
    found = mean(math.log(value) for value in values if value > 0 and math.isfinite(value))
    return Mean(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n)


def across(rows: pd.DataFrame, *, log: bool = False) -> pd.DataFrame:
    """Means over draws with intervals: columns panel, variant, dose, epoch, value, low, high, n.

    Args:
        log: geometric means, as fits a logarithmic axis.
    """
    found = [
        (*key, summary.value, summary.low, summary.high, summary.n)
        for key, group in rows.groupby(GROUP, sort=False, dropna=False)
        for summary in [(geometric if log else mean)(group["value"])]
    ]
    return pd.DataFrame(found, columns=[*GROUP, "value", "low", "high", "n"])


def difference(first: pd.DataFrame, second: pd.DataFrame) -> Mean:
    """Mean of ``first − second`` over the draws that both have; several rows of a draw are averaged first."""
    one, other = (rows.groupby("seed")["value"].mean() for rows in (first, second))
    return mean((one - other).dropna().to_numpy())


def by_draw(rows: pd.DataFrame) -> Mean:
    """Mean over draws; several rows of a draw are averaged first."""
    return mean(rows.groupby("seed")["value"].mean().to_numpy())


# -- words ---------------------------------------------------------------------------------------------


number = partial(prose.number, group=",", exponents=False, missing="unknown")
"""Two significant digits: ``0.43``, ``12``, ``3,400``."""

percent = partial(prose.decimal, digits=0, unit=" %", missing="unknown")
"""Whole per cent of a number in per cent."""


def interval(found: Mean, unit: str = "") -> str:
    """``35 % (30 to 41 %)``, or without a unit ``3.5 (2.9 to 4.1)``; without an interval for one draw."""
    said = percent if unit == "%" else number
    if not np.isfinite(found.low):
        return said(found.value)
    return f"{said(found.value)} ({said(found.low).removesuffix(' %')} to {said(found.high)})"
