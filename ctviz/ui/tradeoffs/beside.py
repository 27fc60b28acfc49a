"""What stands beside the picture of a sweep: the finding, and the numbers of the cell that is picked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from ctviz.figures.tradeoffs.cells import LEVEL, axes_of, best_cell, cells, metrics_of, ordered, setting_of
from ctviz.figures.tradeoffs.metrics import (
    better_of,
    difference_words,
    interval,
    metric_words,
    shown,
    spelled,
    state_words,
)
from ctviz.figures.tradeoffs.words import marginal_means
from ctviz.ui.kit import results
from ctviz.ui.kit.draft import Draft
from ctviz.ui.tradeoffs.controls import hold, label
from ctviz.ui.tradeoffs.view import TradeoffsView

PRICES = ("cost", "accuracy", "validity", "mature", "ip", "ip_star", "fgsm")
"""What a gain may be paid with, in the order in which it is looked for."""

MEANS = "The percentages are means of the seeds’ reductions, so they need not be the ratio of the two means."

FIRST = ("ip", "ip_star", "cost", "accuracy")
"""Metrics of a cell that stand beside the picture, after the one that the picture shows."""


def headline(across: pd.DataFrame, metric: str) -> str:
    """What the best cell buys of a metric, and at what price; one sentence."""
    if across.empty or metric not in metrics_of(across):
        return "What does each weight buy, and at what price?"
    best = best_cell(across, metric)
    if best is None:
        return f"{metric_words(metric).title}: what each setting does to it."
    reduction = _number(across, best, metric, "reduction")
    gained, better = difference_words(metric, reduction), better_of(metric, "reduction")
    if not math.isfinite(reduction) or (reduction < 1 if better == "high" else reduction > -1):
        at_best = f": at best, {gained}" if gained else ""
        return f"No cell of this sweep is clearly better than conventional training here{at_best}."
    most = matters_most(across, metric)
    start = f"{label(most)} matters most{_range(across, most)}. " if most else ""
    count = int(cells(across, metric)["counts"].sum())
    chosen = f" (best of {count}, so flattered)" if count > 1 else ""
    return f"{start}At best: {gained} than with conventional training{chosen}. {price(across, best, metric)}"


def _range(across: pd.DataFrame, axis: str) -> str:
    """From which value to which a setting goes; a weight of zero says that the penalty is off."""
    values = [value for value in ordered(across[axis].tolist()) if value is not None]
    return f" (from {spelled(values[0])} to {spelled(values[-1])})" if isinstance(values[0], int | float) else ""


def matters_most(across: pd.DataFrame, metric: str) -> str | None:
    """Of several settings, the one over whose values the mean reduction differs most."""
    frame = cells(across, metric)
    done = frame[frame["counts"]]
    ranges = {}
    for axis in axes_of(across):
        means = [mean for _, mean in marginal_means(done, axis)]
        if len(means) > 1:
            ranges[axis] = max(means) - min(means)
    return max(ranges, key=lambda axis: ranges[axis]) if len(ranges) > 1 else None


def price(across: pd.DataFrame, cell: int, metric: str) -> str:
    """What a cell does worse than the conventional model, in a short sentence."""
    sure: list[str] = []
    unsure: list[str] = []
    for name in PRICES:
        reduction, low, high = (_number(across, cell, name, column) for column in ("reduction", "low", "high"))
        better = better_of(name, "reduction")
        if name == metric or not (reduction < -1 if better == "high" else reduction > 1):
            continue
        chance = low <= 0 <= high
        (unsure if chance else sure).append(difference_words(name, reduction))
    if sure:
        return f"The price: {sure[0]}."
    return f"The price: perhaps {unsure[0]}." if unsure else "No other number is worse there."


def _number(across: pd.DataFrame, cell: int, metric: str, column: str) -> float:
    row = across[(across["cell"] == cell) & (across["metric"] == metric)]
    return float(row[column].iloc[0]) if len(row) else math.nan


def beside(
    draft: Draft[TradeoffsView],
    across: pd.DataFrame,
    said: str,
    cell: int | None,
    kept: Sequence[int] | None,
    level: float = LEVEL,
) -> None:
    """What the picture shows (``said``), how many cells are left by the filters, and the cell that is picked."""
    view = draft.view
    st.html(f'<p class="ctviz-said">{escape(said)}</p>')
    if kept is not None:
        count = across["cell"].nunique()
        st.caption(f"{len(kept)} of {count} cells are left by “Look at”; the others fade.")
    if cell is None:
        st.html('<p class="ctviz-invite">Click a cell: its models appear below, with all their numbers here.</p>')
        return
    _pick(draft, across, cell)
    numbers(across, cell, view.metric, level)


def _pick(draft: Draft[TradeoffsView], across: pd.DataFrame, cell: int) -> None:
    """The cell that is picked; for those who do not use a mouse, all others too."""
    options = sorted(int(index) for index in across["cell"].unique())
    words = {index: setting_of(across, index) for index in options}
    st.selectbox(
        "Cell", options, options.index(cell), format_func=words.__getitem__, help="Or click one in the picture.",
        **hold("cell", cell, lambda index: draft.look(cell=index, draw=None)),
    )  # fmt: skip


def numbers(across: pd.DataFrame, cell: int, metric: str, level: float = LEVEL) -> None:
    """The numbers of a cell: what the difference means, its interval, and the two means; most of them on demand."""
    rows = across[across["cell"] == cell]
    if rows.empty:
        return
    said = state_words(str(rows["state"].iloc[0]), str(rows["reason"].iloc[0]))
    if said:
        st.html(f'<p class="ctviz-trouble">{escape(said[0].upper() + said[1:])}.</p>')
    known = {str(row["metric"]): row for row in rows.to_dict("records") if math.isfinite(row["value"])}
    first = [name for name in dict.fromkeys((metric, *FIRST)) if name in known][:4]
    rest = [name for name in known if name not in first]
    _list(first, known, level)
    if rest:
        with st.expander("All numbers of this cell"):
            _list(rest, known, level)
    if (rows["seeds"] > 1).any():
        st.caption(MEANS)


def _list(names: Sequence[str], known: Mapping[str, Mapping[Any, Any]], level: float) -> None:
    colours = results.palette()
    style = f"--accent:{colours.accent};--conventional:{colours.conventional}"
    items = "".join(_block(name, known[name], level) for name in names)
    st.html(f'<dl class="ctviz-beside ctviz-cell" style="{style}">{items}</dl>')


def _block(name: str, row: Mapping[Any, Any], level: float) -> str:
    words = metric_words(name, str(row.get("part") or ""))
    said = difference_words(name, float(row["reduction"])) if math.isfinite(row["base"]) else ""
    between = interval(name, float(row["low"]), float(row["high"]), "reduction")
    sure = ""
    if between and said and max(abs(row["low"]), abs(row["high"])) >= 1:
        out = row["low"] > 0 or row["high"] < 0 or abs(row["reduction"]) < 1
        chance = "" if out else ": it may be chance"
        sure = f"<small>{100 * level:g} % interval of the reduction {between} %{chance}</small>"
    unit = f" {words.unit}" if words.unit else ""
    means = "".join(
        f'<dd class="{role}"><span>{title}</span> <b>{escape(shown(name, float(row[column]), "value"))}{unit}</b></dd>'
        for role, title, column in (("conventional", "Conventional", "base"), ("counterfactual", "This cell", "value"))
        if math.isfinite(row[column])
    )
    head = f'<dd class="ctviz-words">{escape(said)}</dd>' if said else ""
    tail = f'<dd class="ctviz-sure">{sure}</dd>' if sure else ""
    return f'<div title="{escape(words.sentence)}"><dt>{escape(words.title)}</dt>{head}{means}{tail}</div>'


def table(across: pd.DataFrame, view: TradeoffsView, level: float = LEVEL) -> pd.DataFrame:
    """The numbers of the picture as a table, for those who do not see it."""
    frame = cells(across, view.metric, view.show, level)
    frame = frame.drop(columns=["error", "counts"])
    return frame.rename(columns={"shown": f"{view.metric}, {view.show}"})
