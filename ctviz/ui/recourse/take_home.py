"""What can be taken home from Recourse: the link, a sheet as HTML and as JSON, and the same sheet on paper."""

from __future__ import annotations

import datetime
from typing import Any

import streamlit as st

import ctviz
from ctviz.figures.recourse.sheet import PAPER, Sheet, data_words, to_html, to_json, to_paper
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import ExportFile, address, offer, share_menu
from ctviz.ui.recourse import uploads
from ctviz.ui.recourse.asked import Answer
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.rules_now import RulesNow

LINKED = "recourse-sheet-link"
"""The key of the switch that puts the link on the sheet."""

HTML, JSON = ("text/html", "article"), ("application/json", "data_object")
"""Type and icon of the files."""

OWN = (
    "Your table is in memory alone, so this link works in this browser only, as long as a page that holds the table is "
    "open. “Keep this run”, at the end of the page, makes it last."
)
"""Of the link to a table of one's own that was not kept."""

PRINT_JS = """
export default function ({ parentElement }) {
  if (parentElement.querySelector("button")) return;
  const button = document.createElement("button");
  button.textContent = "Print the sheet";
  button.addEventListener("click", () => window.print());
  parentElement.append(button);
}
"""

PRINT_CSS = """
button { background: transparent; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
  color: var(--st-text-color); cursor: pointer; font: inherit; padding: .45rem .75rem; width: 100%; }
button:hover { border-color: currentColor; }
button:focus-visible { outline: 2px solid currentColor; outline-offset: 1px; }
"""


def take_home(draft: Draft[RecourseView], found: Answer, now: RulesNow) -> None:
    """The menu "Share and take away"."""

    def draw() -> None:
        if uploads.named(draft.view.own) is not None:
            st.caption(OWN)
        st.toggle("The link on the sheet", key=LINKED, help="Off: the sheet names the run, not where this page is.")
        sheet = sheet_of(draft, found, now)
        name = file_name(sheet)
        _printer()(key="print-sheet")
        offer(
            [
                ExportFile("Sheet that works offline (HTML)", lambda: to_html(sheet), f"{name}.html", *HTML),
                ExportFile("All of the advice (JSON)", lambda: to_json(sheet), f"{name}.json", *JSON),
            ]
        )
        st.caption("Printed, this page is that sheet; the browser’s dialogue can save it as PDF.")

    share_menu(draft, draw)


def printed_sheet(draft: Draft[RecourseView], found: Answer, now: RulesNow) -> None:
    """The sheet, which is printed in place of the page and not seen on the screen."""
    st.html(to_paper(sheet_of(draft, found, now)))
    st.html(f"<style>{PAPER}</style>")  # Streamlit puts a style alone after those of the frame


def sheet_of(draft: Draft[RecourseView], found: Answer, now: RulesNow) -> Sheet:
    """The sheet of what the page shows; with the link to it only where that is asked for."""
    context, advice = found.asked.context, found.advice
    table = context.adviser.table
    return Sheet(
        advice, table.schema, data_words(context.experiment, table), now.words(table), ctviz.__version__,
        datetime.date.today(), context.models, draft.view.plan, found.cheaper,
        address(draft) if st.session_state.get(LINKED) else "",
    )  # fmt: skip


def file_name(sheet: Sheet) -> str:
    """Of the files, without an ending: it names the run and the row, never a person's values."""
    place = sheet.advice.place
    who = "person" if place is None else f"{place[0]}-{place[1]}"
    return f"ctviz-advice-{sheet.advice.run[:8]}-{who}"


@st.cache_resource(show_spinner=False)
def _printer() -> Any:
    return st.components.v2.component("ctviz_print", css=PRINT_CSS, js=PRINT_JS)
