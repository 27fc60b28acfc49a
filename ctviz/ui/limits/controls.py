"""Which limit is told, and by which number; what can be taken away."""

from __future__ import annotations

import io
import json
from typing import Any

import streamlit as st

from ctviz.experiments.limits.catalogue import LIMITS
from ctviz.experiments.limits.results import LimitResult
from ctviz.ui.held import held
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import address
from ctviz.ui.limits.view import LimitsView


def stories(draft: Draft[LimitsView]) -> None:
    """The choice of the limit."""
    st.segmented_control(
        "Limit", list(LIMITS), default=draft.view.limit, required=True, label_visibility="collapsed",
        format_func=lambda name: LIMITS[name].title,
        **held("limits-limit", draft.view.limit, lambda name: draft.look(limit=name, metric="")),
    )  # fmt: skip


def measure(draft: Draft[LimitsView]) -> None:
    """The choice of the number that the pictures show."""
    shown = {metric.name: metric for metric in draft.view.study.shown}
    chosen = draft.view.chosen
    st.selectbox(
        "The pictures show", list(shown), index=list(shown).index(chosen.name),
        format_func=lambda name: shown[name].title, help=chosen.help,
        **held(f"limits-metric-{draft.view.limit}", chosen.name, lambda name: draft.look(metric=name)),
    )  # fmt: skip


def take_away(draft: Draft[LimitsView], result: LimitResult) -> None:
    """Link, numbers, settings, and the commands that compute the same."""
    name = draft.view.limit
    with st.popover("Share and take away", icon=":material/ios_share:", width="stretch"):
        st.markdown("**Link** to exactly what you see")
        st.code(address(draft), language=None, wrap_lines=True)
        files: tuple[tuple[str, Any, str, str], ...] = (
            ("All numbers (CSV)", lambda: result.table.to_csv(index=False), "csv", "text/csv"),
            ("All numbers (Parquet)", lambda: parquet(result), "parquet", "application/vnd.apache.parquet"),
            ("Settings of every panel (JSON)", lambda: settings(result), "json", "application/json"),
        )
        for label, content, ending, kind in files:
            st.download_button(
                label, content, f"ctviz-limit-{name}.{ending}", kind, key=f"limits-{ending}", on_click="ignore",
                icon=":material/download:", width="stretch",
            )  # fmt: skip
        st.markdown("**Command** that computes the same")
        st.code(f"ctviz limits {name} --seeds {result.limit.seeds}", language="bash", wrap_lines=True)
        st.markdown("**Python** that does")
        code = f'import ctviz\n\nresult = ctviz.run_limit("{name}")\nresult.table  # {", ".join(result.table.columns)}'
        st.code(code, language="python", wrap_lines=True)


def parquet(result: LimitResult) -> bytes:
    """The table as a Parquet file."""
    buffer = io.BytesIO()
    result.table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def settings(result: LimitResult) -> str:
    """The experiment of every panel as JSON; a draw sets the seeds of the data and of the arms."""
    return json.dumps({p.name: json.loads(p.experiment.to_json()) for p in result.limit.panels}, indent=2)
