"""What a person can take away of a sweep: the link, the numbers, the picture, the settings, the code."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pandas as pd
import streamlit as st

from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.store import Store
from ctviz.experiments.sweeps.catalogue import keep_sweep
from ctviz.experiments.sweeps.declaration import Sweep
from ctviz.experiments.sweeps.plan import plan
from ctviz.experiments.sweeps.results import SweepResult
from ctviz.figures.tradeoffs.cells import LEVEL, metrics_of
from ctviz.figures.tradeoffs.export import can_draw, image, standalone
from ctviz.figures.tradeoffs.tables import across_table, latex, markdown
from ctviz.figures.tradeoffs.words import finding
from ctviz.ui.kit import results
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import MOST_TOML, address
from ctviz.ui.kit.frame import literal
from ctviz.ui.tradeoffs.bounds import within_page
from ctviz.ui.tradeoffs.charts import figure
from ctviz.ui.tradeoffs.code import command_line, python_code
from ctviz.ui.tradeoffs.controls import kept_cells
from ctviz.ui.tradeoffs.view import TradeoffsView, linked
from ctviz.ui.vocabulary import CHOICES


def take_away(store: Store, draft: Draft[TradeoffsView], result: SweepResult | None) -> None:
    """Everything that can be taken away, in one place; what is costly is made when it is asked for."""
    with st.popover("Share and take away", icon=":material/ios_share:", width="stretch"):
        st.markdown("**Link** to exactly what you see")
        st.code(address(draft), language=None, wrap_lines=True)
        if result is not None:
            _files(draft, result)
        _bring_back(store, draft)
        if result is not None:
            name = stem(result.sweep)
            st.markdown("**Command** that computes the same sweep, beside its settings (TOML) from above")
            st.code(command_line(name), language="bash", wrap_lines=True)
            st.markdown("**Python** that does")
            st.code(python_code(result.sweep, name), language="python", height=220)


def stem(sweep: Sweep) -> str:
    """Name of files about a sweep, without its ending."""
    return f"ctviz-sweep-{sweep.base.data.name}-{sweep.key[:8]}"


def _files(draft: Draft[TradeoffsView], result: SweepResult) -> None:
    across, view, name, level = result.across, draft.view, stem(result.sweep), result.sweep.protocol.level
    data = CHOICES.get(result.sweep.base.data.name, result.sweep.base.data.name)
    if metrics_of(across):
        st.caption("The picture as a drawing (SVG): the button in the picture's upper right corner.")
        _offer("Picture that works offline (HTML)", html(result, view), f"{name}.html", "text/html", "html")
        if can_draw():
            _offer("Picture (PNG)", png(result, view), f"{name}.png", "image/png", "image")
        _offer(
            "Table for a paper (LaTeX)", lambda: tex(across, view, level, data), f"{name}.tex", "text/x-tex",
            "functions",
        )  # fmt: skip
        _offer(
            "Table for a README (Markdown)", lambda: md(across, view, level, data), f"{name}.md", "text/markdown",
            "notes",
        )  # fmt: skip
    _offer("All numbers (CSV)", lambda: result.table.to_csv(index=False), f"{name}.csv", "text/csv", "table")
    _offer(
        "All numbers (Parquet)", lambda: parquet(result.table), f"{name}.parquet",
        "application/vnd.apache.parquet", "table_rows",
    )  # fmt: skip
    _offer("Settings (TOML)", result.sweep.to_toml(), f"{name}.toml", "application/toml", "settings")


def _offer(label: str, made: str | Callable[[], str] | Callable[[], bytes], file: str, kind: str, icon: str) -> None:
    st.download_button(
        label, made, file, kind, key=f"trade-take-{icon}", on_click="ignore", icon=f":material/{icon}:",
        width="stretch",
    )  # fmt: skip


def parquet(table: pd.DataFrame) -> bytes:
    """A table as the bytes of a file."""
    to = BytesIO()
    table.to_parquet(to, index=False)
    return to.getvalue()


def html(result: SweepResult, view: TradeoffsView) -> Callable[[], str]:
    """The picture as a page that needs no network, made on demand."""
    palette, level = results.palette(), result.sweep.protocol.level

    def made() -> str:
        across = result.across
        drawn = figure(across, view, palette, view.cell, None, kept_cells(across, view), level=level)
        words = finding(across, view.metric, view.show, level=level)
        table = across_table(across, view.metric, view.show, level=level)
        return standalone(drawn, _title(result.sweep), palette, words, table, stem(result.sweep))

    return made


def png(result: SweepResult, view: TradeoffsView) -> Callable[[], bytes]:
    """The picture as pixels, made on demand where something that draws it is installed."""
    palette, level = results.palette(), result.sweep.protocol.level

    def made() -> bytes:
        across = result.across
        return image(figure(across, view, palette, view.cell, None, kept_cells(across, view), level=level), "png")

    return made


def _title(sweep: Sweep) -> str:
    return f"ctviz sweep {sweep.key}"


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


def _bring_back(store: Store, draft: Draft[TradeoffsView]) -> None:
    """Takes over the settings of a sweep from a TOML file, once for each file; nothing is trained."""
    st.markdown("**Bring back** a sweep")
    file = st.file_uploader("Settings of a sweep as a TOML file", type="toml", key="trade-upload")
    if file is None or st.session_state.get("trade-uploaded") == file.file_id:
        return
    try:
        sweep = from_toml(file.getvalue())
        plan(sweep, store)  # says which cell cannot be trained, before the sweep is kept for everybody
        keep_sweep(sweep, store)
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.session_state["trade-uploaded"] = file.file_id
    draft.view = draft.view.elsewhere()
    draft.look(sweep=linked(sweep.key))
    st.rerun()


def from_toml(content: bytes) -> Sweep:
    """The sweep in an uploaded file; raises ``ConfigError`` if it is none, or too much for this page."""
    if len(content) > MOST_TOML:
        raise ConfigError("The file", f"{len(content)} bytes", f"at most {MOST_TOML} bytes")
    try:
        sweep = Sweep.from_toml(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigError("The file", "not text", "TOML in UTF-8") from None
    within_page(sweep)
    return sweep
