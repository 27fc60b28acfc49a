"""The share menu of a sweep: the link, the numbers, the picture, the settings, the code; and a sweep brought back."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pandas as pd
import streamlit as st

from ctviz.catalogue.settings import CHOICES
from ctviz.experiments.store import Store
from ctviz.figures.theme import Palette
from ctviz.figures.tradeoffs.cells import LEVEL, metrics_of
from ctviz.figures.tradeoffs.export import can_draw, image, standalone
from ctviz.figures.tradeoffs.tables import across_table, latex, markdown
from ctviz.figures.tradeoffs.words import finding
from ctviz.studies.sweeps.catalogue import keep_sweep
from ctviz.studies.sweeps.declaration import Sweep
from ctviz.studies.sweeps.plan import plan
from ctviz.studies.sweeps.results import SweepResult
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import ExportFile, bring_back, offer, read_toml, share_menu, show_code
from ctviz.ui.kit.theme import palette
from ctviz.ui.tradeoffs.bounds import within_page
from ctviz.ui.tradeoffs.charts import figure
from ctviz.ui.tradeoffs.sweep_controls import kept_cells
from ctviz.ui.tradeoffs.sweep_list import look_at
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView

_CODE = '''\
import ctviz

sweep = ctviz.Sweep.from_toml(r"""
{toml}""")
result = ctviz.sweep(sweep)  # key {key}; what is stored is not trained again

print(result.across.query("metric == 'ip'"))  # one row for each cell, over the seeds
result.to_csv("{stem}.csv")  # one row for each cell, seed and metric
'''


def share_sweep(store: Store, draft: Draft[TradeoffsView], result: SweepResult | None) -> None:
    """The menu; what is costly is made when it is asked for."""

    def take(content: bytes) -> None:
        sweep = from_toml(content)
        plan(sweep, store)  # says which cell cannot be trained, before the sweep is kept for everybody
        keep_sweep(sweep, store)
        look_at(draft, sweep.key)

    with share_menu(draft):
        if result is not None:
            if metrics_of(result.across):
                st.caption("The picture as a drawing (SVG): the button in the picture's upper right corner.")
            offer(_files(draft.view, result))
        bring_back("**Bring back** a sweep", "Settings of a sweep as a TOML file", "trade-upload", take)
        if result is not None:
            name = stem(result.sweep)
            show_code(
                "**Command** that computes the same sweep, beside its settings (TOML) from above", command_line(name),
                "bash",
            )  # fmt: skip
            show_code("**Python** that does", python_code(result.sweep, name), "python", height=220)


def stem(sweep: Sweep) -> str:
    """Name of files about a sweep, without its ending."""
    return f"ctviz-sweep-{sweep.base.data.name}-{sweep.key[:8]}"


def _files(view: TradeoffsView, result: SweepResult) -> Iterator[ExportFile]:
    across, name, level = result.across, stem(result.sweep), result.sweep.protocol.level
    data = CHOICES.get(result.sweep.base.data.name, result.sweep.base.data.name)

    if metrics_of(across):
        colours = palette()
        yield ExportFile(
            "Picture that works offline (HTML)", lambda: html(result, view, colours), f"{name}.html", "text/html",
            "html",
        )  # fmt: skip
        if can_draw():
            yield ExportFile("Picture (PNG)", lambda: png(result, view, colours), f"{name}.png", "image/png", "image")
        yield ExportFile(
            "Table for a paper (LaTeX)", lambda: tex(across, view, level, data), f"{name}.tex", "text/x-tex",
            "functions",
        )  # fmt: skip
        yield ExportFile(
            "Table for a README (Markdown)", lambda: md(across, view, level, data), f"{name}.md", "text/markdown",
            "notes",
        )  # fmt: skip
    yield ExportFile("All numbers (CSV)", lambda: result.table.to_csv(index=False), f"{name}.csv", "text/csv", "table")
    yield ExportFile(
        "All numbers (Parquet)", lambda: parquet(result.table), f"{name}.parquet", "application/vnd.apache.parquet",
        "table_rows",
    )  # fmt: skip
    yield ExportFile("Settings (TOML)", result.sweep.to_toml(), f"{name}.toml", "application/toml", "settings")


def parquet(table: pd.DataFrame) -> bytes:
    """A table as the bytes of a file."""
    to = BytesIO()
    table.to_parquet(to, index=False)
    return to.getvalue()


def html(result: SweepResult, view: TradeoffsView, colours: Palette) -> str:
    """The picture as a page that needs no network."""
    across, level = result.across, result.sweep.protocol.level
    words = finding(across, view.metric, view.show, level=level)
    table = across_table(across, view.metric, view.show, level=level)
    title = f"ctviz sweep {result.sweep.key}"
    return standalone(_drawn(result, view, colours), title, colours, words, table, stem(result.sweep))


def png(result: SweepResult, view: TradeoffsView, colours: Palette) -> bytes:
    """The picture as pixels, where something that draws it is installed."""
    return image(_drawn(result, view, colours), "png")


def _drawn(result: SweepResult, view: TradeoffsView, colours: Palette) -> Any:
    across, level = result.across, result.sweep.protocol.level
    return figure(across, view, colours, view.cell, None, kept_cells(across, view), level=level)


def shown_metrics(across: pd.DataFrame, view: TradeoffsView) -> list[str]:
    """The metric that is shown, and those that a paper would print beside it."""
    measured = metrics_of(across)
    return [name for name in dict.fromkeys((view.metric, "ip", "ip_star", "cost", "accuracy")) if name in measured]


def tex(across: pd.DataFrame, view: TradeoffsView, level: float = LEVEL, data: str = "") -> str:
    """The cells as a LaTeX table."""
    return latex(across, shown_metrics(across, view), view.show, level=level, data=data)


def md(across: pd.DataFrame, view: TradeoffsView, level: float = LEVEL, data: str = "") -> str:
    """The cells as a Markdown table."""
    return markdown(across, shown_metrics(across, view), view.show, level=level, data=data)


def python_code(sweep: Sweep, stem: str) -> str:
    """A script that computes the sweep; ``stem`` names its files. No TOML string holds three quotes in a row."""
    return _CODE.format(toml=sweep.to_toml(), key=sweep.key, stem=stem)


def command_line(stem: str) -> str:
    """The same for a terminal, from the file with the settings: a line cannot hold all that a sweep may be."""
    return f"ctviz sweep {stem}.toml --csv {stem}.csv"


def from_toml(content: bytes) -> Sweep:
    """The sweep in an uploaded file; raises ``ConfigError`` if it is none, or too much for this page."""
    sweep = Sweep.from_toml(read_toml(content))
    within_page(sweep)
    return sweep
