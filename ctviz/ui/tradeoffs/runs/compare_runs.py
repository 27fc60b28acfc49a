"""The part of Trade-offs that compares stored runs: the list, and the runs chosen from it side by side."""

from __future__ import annotations

import streamlit as st

from ctviz.experiments.store import Store
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import page_title
from ctviz.ui.kit.service import Service
from ctviz.ui.tradeoffs.runs import run_list, side_by_side
from ctviz.ui.tradeoffs.runs.comparison_view import MOST, ComparisonView
from ctviz.ui.tradeoffs.runs.run_entries import RunEntry


def compare_runs(service: Service, draft: Draft[ComparisonView]) -> None:
    """Shows the stored runs, and beside each other those that are chosen."""
    store, view = service.store, draft.view
    entries = run_list.entries_of(store)
    chosen = _chosen(entries, view)
    runs = side_by_side.chosen_of(chosen)
    page_title(side_by_side.finding(service, runs) if runs else _invitation(entries))
    _missing(store, entries, draft)
    if view.view != "project" or not runs:
        run_list.finder(draft, sum(entry.stack for entry in entries))
        run_list.table(run_list.shown(entries, view), draft)
        run_list.chooser(entries, draft)
        run_list.actions(store, chosen, draft)
    if not runs:
        return
    st.subheader("Results", anchor=False)
    side_by_side.results(store, runs)
    st.subheader("The last boundaries", anchor=False)
    side_by_side.boundaries(service, runs)
    side_by_side.curves(service, runs, draft)
    if len(runs) > 1:
        st.subheader("What differs in the settings", anchor=False)
        side_by_side.settings(runs, draft)


def _chosen(entries: list[RunEntry], view: ComparisonView) -> list[RunEntry]:
    known = {entry.key: entry for entry in entries}
    return [known[key] for key in view.chosen if key in known]


def _invitation(entries: list[RunEntry]) -> str:
    own = sum(not entry.info.preset for entry in entries)
    if not entries:
        return "No run is stored yet: train one on another page, and it is listed here."
    more = (
        f"{own} of your own and {len(entries) - own} that ship with ctviz" if own else f"{len(entries)} ship with ctviz"
    )
    return f"Choose up to {MOST} stored runs to see them side by side: {more}."


def _missing(store: Store, entries: list[RunEntry], draft: Draft[ComparisonView]) -> None:
    """Says which runs of the link are not here, and brings back what is in the bin."""
    gone = [key for key in draft.view.chosen if key not in {entry.key for entry in entries}]
    if not gone:
        return
    binned = {info.key for info in store.binned()}
    for key in gone:
        where = "is in the bin" if key in binned else "is not stored here; it may have been deleted to make space"
        st.info(f"Run {key} {where}.", icon=":material/search_off:")
        if key in binned:
            run_list.bring_back_button(store, key, draft)
