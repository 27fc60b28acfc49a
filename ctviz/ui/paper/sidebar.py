"""The column left of Paper's panels: which result, which data set in detail, what can be taken away."""

from __future__ import annotations

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.figures.paper_tables import to_csv, to_latex, to_markdown
from ctviz.studies.reproduce.reproduction import Reproduction
from ctviz.studies.reproduce.result import Table1
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import ExportFile, offer, share_menu, show_code
from ctviz.ui.kit.frame import project_button
from ctviz.ui.paper.files import ShownResult, called
from ctviz.ui.paper.paper_view import SHIPPED, PaperView

IDEA = (
    "The paper trains a conventional model and one with counterfactual training on each data set, and reports by how "
    "much the latter's counterfactuals are closer to real data and, with a feature locked, cheaper. Here everything is "
    "computed anew, with settings chosen on validation data."
)


def panel(draft: Draft[PaperView], shown: ShownResult) -> None:
    """Everything left of the panels."""
    known, result = shown.known, shown.result
    st.markdown(IDEA)
    if len(known) > 1:
        titles, now = called(known), draft.view.result if draft.view.result in known else SHIPPED

        def take(name: str) -> None:
            if name in known:  # else the words of a list that has changed since
                draft.problems = ()
                draft.look(result=name)

        bind.choice("Result", known, bind.to("paper-result", now, take), words=titles)
    if result is not None and result.rows:
        sets = {row.data: row.title for row in result.rows}
        shown_now = draft.view.data if draft.view.data in sets else next(iter(sets))
        bind.choice(
            "Settings and draws of", sets, bind.to("paper-data", shown_now, lambda data: draft.look(data=data)),
            words=sets,
        )  # fmt: skip
        share(draft, result)
    project_button(draft)


def share(draft: Draft[PaperView], result: Table1) -> None:
    """The menu "Share and take away"."""
    files = (
        ("Everything (JSON)", result.to_json, "json", "application/json"),
        ("Table with every draw (CSV)", lambda: to_csv(result), "csv", "text/csv"),
        ("Table (LaTeX)", lambda: to_latex(result), "tex", "text/plain"),
        ("Table (Markdown)", lambda: to_markdown(result), "md", "text/markdown"),
    )

    def draw() -> None:
        offer(ExportFile(label, made, f"ctviz-table1.{end}", mime, "download") for label, made, end, mime in files)
        line = command(result)
        if line is None:
            st.caption("The settings of this result are those of no command; they are part of the JSON.")
        else:
            show_code("**Command** that computes the same", line, "bash")

    share_menu(draft, draw)


def command(result: Table1) -> str | None:
    """The command line behind a result; None where its settings are those of no command."""
    try:
        made = Reproduction(**result.reproduction)
        same = {"data": made.data, "seeds": made.seeds, "exact": made.exact}
        fast = made == Reproduction.quick(**same)
        if not fast and made != Reproduction(**same):
            return None
    except CtvizError:  # of another version
        return None
    quick = " --quick" if fast else ""
    exact = "" if made.exact is None else f" --exact {made.exact}"
    return f"ctviz reproduce table1 --data {','.join(made.data)} --seeds {made.seeds}{exact}{quick} --json"
