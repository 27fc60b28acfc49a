"""The picture of a sweep: a map, lines or a front, each of whose cells can be clicked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from ctviz.figures.theme import Palette
from ctviz.figures.tradeoffs.cells import LEVEL, Brush, axes_of, metrics_of
from ctviz.figures.tradeoffs.export import config
from ctviz.figures.tradeoffs.front import front
from ctviz.figures.tradeoffs.heatmap import heatmap
from ctviz.figures.tradeoffs.parallel import boxed, parallel, usual_dimensions
from ctviz.figures.tradeoffs.words import describe_front, describe_lines, describe_map
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.theme import palette
from ctviz.ui.tradeoffs.sweep_controls import brushes_of, chosen_axes
from ctviz.ui.tradeoffs.sweep_details import table
from ctviz.ui.tradeoffs.sweep_results import Loaded
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView, range_text


def figure(
    across: pd.DataFrame,
    view: TradeoffsView,
    palette: Palette,
    cell: int | None = None,
    paper: int | None = None,
    kept: Sequence[int] | None = None,
    scale: float = 1.0,
    level: float = LEVEL,
) -> Any:
    """The picture that a view asks for, as a plotly figure.

    Args:
        across: the results of the sweep.
        view: how they are looked at.
        palette: the colours of the theme.
        cell: the one that is picked.
        paper: the one of the paper's settings.
        kept: the cells that are looked at; None for all.
        scale: of type, above one where people sit far away.
        level: of the intervals.

    Raises:
        ConfigError: what cannot be drawn so, in a sentence.
    """
    common: dict[str, Any] = {"measure": view.show, "selected": cell, "paper": paper, "scale": scale}
    if view.chart == "lines":
        return parallel(across, palette, colour=view.metric, ranges=brushes_of(view), **common)
    if view.chart == "front":
        return front(across, view.against, view.metric, palette, kept=kept, level=level, **common)
    across, kept = pinned(across, view, kept)
    x, y, panels = chosen_axes(across, view)
    return heatmap(across, view.metric, palette, x=x, y=y, panels=panels, kept=kept, level=level, **common)


def pinned(
    across: pd.DataFrame, view: TradeoffsView, kept: Sequence[int] | None
) -> tuple[pd.DataFrame, Sequence[int] | None]:
    """The cells of a map: where it shows a mean over an axis, only those that are looked at are part of the mean."""
    shown = chosen_axes(across, view)
    hidden = [name for name, _ in view.only if name in axes_of(across) and name not in shown]
    if kept is None or not hidden:
        return across, kept
    brushes = {name: brush for name, brush in brushes_of(view).items() if name in hidden}
    left = across
    for name, brush in brushes.items():
        if isinstance(brush, frozenset):
            left = left[left[name].isin(list(brush))]
    return (left, kept) if len(left) else (across, kept)


def draw(
    draft: Draft[TradeoffsView],
    loaded: Loaded,
    cell: int | None,
    paper: int | None,
    kept: Sequence[int] | None,
    scale: float,
    level: float,
) -> None:
    """The picture; a click picks a cell, and over lines a box keeps what lies within.

    Raises:
        ConfigError: what cannot be drawn so, in a sentence.
    """
    view, across = draft.view, loaded.result.across
    of = view.of_chart(), palette(), cell, paper, None if kept is None else tuple(kept), scale, level
    drawn = loaded.drawings.get(of, lambda: figure(across, *of))
    key = f"trade-{view.chart}-{draft.opened}"
    st.plotly_chart(
        drawn, key=key, theme=None, alt=_described(across, view, kept, level), config=config("ctviz-sweep"),
        on_select=_taker(draft, key, across), selection_mode=("points", "box") if view.chart == "lines" else "points",
    )  # fmt: skip


def _described(across: pd.DataFrame, view: TradeoffsView, kept: Sequence[int] | None, level: float) -> str:
    """The text in the place of the picture."""
    if view.chart == "lines":
        return describe_lines(across, usual_dimensions(across), kept)
    if view.chart == "front":
        return describe_front(across, view.against, view.metric, view.show)
    return describe_map(across, view.metric, chosen_axes(across, view), view.show, level=level)


def _taker(draft: Draft[TradeoffsView], key: str, across: pd.DataFrame) -> Callable[[], None]:
    view = draft.view

    def take() -> None:
        selection = _selection(st.session_state.get(key))
        boxes = selection.get("box")
        if view.chart == "lines" and boxes:
            kept = dict(draft.view.only) | only_of(boxed(across, boxes, measure=view.show))
            draft.look(only=tuple(kept.items()))
            return
        cell = cell_of_click(selection, set(across["cell"].tolist()))
        if cell is not None:
            draft.look(cell=cell, draw=None)

    return take


def _selection(state: Any) -> Mapping[str, Any]:
    selection = state.get("selection") if isinstance(state, Mapping) else None
    return selection if isinstance(selection, Mapping) else {}


def cell_of_click(selection: Mapping[str, Any], known: set[int]) -> int | None:
    """The cell behind the points that a browser reports; None for anything that is no cell."""
    points = selection.get("points")
    for point in points if isinstance(points, list) else []:
        data = point.get("customdata") if isinstance(point, Mapping) else None
        data = next(iter(data.values())) if isinstance(data, Mapping) and data else data
        data = data[0] if isinstance(data, list | tuple) and data else data
        if isinstance(data, int | float) and not isinstance(data, bool) and data == int(data) and int(data) in known:
            return int(data)
    return None


def only_of(brushes: Mapping[str, Brush]) -> dict[str, str]:
    """Brushes as the link holds them; what holds nothing is left out."""
    found = {}
    for name, brush in brushes.items():
        if isinstance(brush, frozenset):
            if brush:
                found[name] = "|".join(sorted(str(value) for value in brush))
        elif brush[0] <= brush[1]:
            slack = 0.001 * (abs(brush[0]) + abs(brush[1])) / 2  # rounded, the ends still lie inside
            found[name] = range_text(brush[0] - slack, brush[1] + slack)
    return found


KEYS = {
    "map": "Gold: better than conventional training; purple: worse.",
    "lines": "One line for each cell, in the colour of the metric that is shown: gold is better, purple worse.",
    "front": "Filled: no other cell is better in both. Hollow: another one is. Grey diamonds: conventional training.",
}
"""What colours and marks say."""


def key_words(across: pd.DataFrame, view: TradeoffsView, level: float) -> str:
    """What the marks of the picture mean, and how far many cells deceive."""
    seeds, count = int(across["seeds"].max()), across["cell"].nunique()
    said = [KEYS[view.chart]]
    if view.chart == "front":
        return " ".join([*said, "Bars: one standard error over the seeds to either side."] if seeds > 1 else said)
    if view.chart == "map" and seeds > 1:
        said.append("±: standard error over the seeds.")
    if view.chart == "map" and view.show == "reduction":
        over = "Student’s t interval over the seeds" if seeds > 1 else "bootstrap interval of the one seed"
        said.append(f"*: the {100 * level:g} % {over} leaves out zero.")
        if count > 1:
            said.append(f"{count} cells are looked at, so some stars may be chance.")
    return " ".join(said)


def alternative(across: pd.DataFrame, view: TradeoffsView, level: float) -> None:
    """The numbers behind the picture."""
    if view.metric in metrics_of(across):
        with st.expander("The picture as a table"):
            st.dataframe(table(across, view, level), hide_index=True, key="trade-table")
