"""The column left of Paper's panels: which result, which data set in detail, what can be taken away."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.experiments.reproduce.reproduction import Reproduction
from ctviz.experiments.reproduce.result import Table1
from ctviz.figures.paper_tables import to_csv, to_latex, to_markdown
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import address
from ctviz.ui.paper.results import Shown, called
from ctviz.ui.paper.view import SHIPPED, PaperView

IDEA = (
    "The paper trains a conventional model and one with counterfactual training on each data set, and reports by how "
    "much the latter's counterfactuals are closer to real data and, with a feature locked, cheaper. Here everything is "
    "computed anew, with settings chosen on validation data."
)


def panel(draft: Draft[PaperView], shown: Shown) -> None:
    """Everything left of the panels."""
    known, result = shown.known, shown.result
    st.markdown(IDEA)
    if len(known) > 1:
        words, now = called(known), draft.view.result if draft.view.result in known else SHIPPED
        st.session_state["paper-result"] = now  # also where the link has changed it

        def take() -> None:
            name = st.session_state["paper-result"]
            if name in known:  # else the words of a list that has changed since
                draft.problems = ()
                draft.look(result=name)

        st.selectbox(
            "Result", list(known), list(known).index(now), format_func=lambda name: words.get(name, name),
            key="paper-result", on_change=take,
        )  # fmt: skip
    if result is not None and result.rows:
        titles = {row.data: row.title for row in result.rows}
        data = list(titles)
        st.selectbox(
            "Settings and draws of", data, index=data.index(draft.view.data) if draft.view.data in data else 0,
            format_func=lambda name: titles[name], key="paper-data",
            on_change=lambda: draft.look(data=st.session_state["paper-data"]),
        )  # fmt: skip
        _take_away(draft, result)
    st.button(
        "Project: hide the controls", key="project", icon=":material/cast:", width="stretch",
        help="A view for a large screen; it is in the link.", on_click=draft.look, kwargs={"view": "project"},
    )  # fmt: skip


def _take_away(draft: Draft[PaperView], result: Table1) -> None:
    with st.popover("Share and take away", icon=":material/ios_share:", width="stretch"):
        st.markdown("**Link** to exactly what you see")
        st.code(address(draft), language=None, wrap_lines=True)
        files: tuple[tuple[str, Any, str, str], ...] = (
            ("Everything (JSON)", result.to_json, "json", "application/json"),
            ("Table with every draw (CSV)", lambda: to_csv(result), "csv", "text/csv"),
            ("Table (LaTeX)", lambda: to_latex(result), "tex", "text/plain"),
            ("Table (Markdown)", lambda: to_markdown(result), "md", "text/markdown"),
        )
        for label, content, ending, kind in files:
            st.download_button(
                label, content, f"ctviz-table1.{ending}", kind, key=f"paper-{ending}", on_click="ignore",
                width="stretch",
            )  # fmt: skip
        st.markdown("**Command** that computes the same")
        line = command(result)
        if line is None:
            st.caption("The settings of this result are those of no command; they are part of the JSON.")
        else:
            st.code(line, language="bash", wrap_lines=True)


def command(result: Table1) -> str | None:
    """The command line behind a result; None where its settings are those of no command."""
    try:
        made = Reproduction(**result.reproduction)
        fast = made == Reproduction.quick(data=made.data, seeds=made.seeds)
        if not fast and made != Reproduction(data=made.data, seeds=made.seeds):
            return None
    except CtvizError:  # of another version
        return None
    quick = " --quick" if fast else ""
    return f"ctviz reproduce table1 --data {','.join(made.data)} --seeds {made.seeds}{quick} --json"
