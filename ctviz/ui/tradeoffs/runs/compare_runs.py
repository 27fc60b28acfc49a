"""The part of Trade-offs that compares stored runs: the list, and the runs chosen from it side by side."""

from __future__ import annotations

import streamlit as st

from ctviz.experiments.store import Store
from ctviz.ui.kit.frame import page_title
from ctviz.ui.kit.service import Service
from ctviz.ui.tradeoffs.runs.comparison_view import MOST, ComparisonView
from ctviz.ui.tradeoffs.runs.run_entries import RunEntry
from ctviz.ui.tradeoffs.runs.run_list import Look


def compare(service: Service, view: ComparisonView, look: Look) -> None:
    """Shows the stored runs, and beside each other those that are chosen.

    Args:
        service: whose store is listed.
        view: what the link says.
        look: changes fields of the view, from a callback; as ``Draft.look``.
    """
    store = service.store
    entries = table.entries_of(store)
    chosen = _chosen(entries, view)
    runs = beside.chosen_of(chosen)
    page_title(beside.finding(store, runs) if runs else _invitation(entries))
    table.said()
    _missing(store, entries, view, look)
    if view.view != "project" or not runs:
        table.finder(view, look, sum(entry.stack for entry in entries))
        table.table(table.shown(entries, view), view, look)
        table.chooser(entries, view, look)
        table.actions(store, chosen, view, look)
    if not runs:
        return
    st.subheader("Results", anchor=False)
    beside.results(store, runs)
    st.subheader("The last boundaries", anchor=False)
    beside.boundaries(service, runs)
    beside.curves(service, runs, view, look)
    if len(runs) > 1:
        st.subheader("What differs in the settings", anchor=False)
        beside.settings(runs, view, look)


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


def _missing(store: Store, entries: list[RunEntry], view: ComparisonView, look: Look) -> None:
    """Says which runs of the link are not here, and brings back what is in the bin."""
    gone = [key for key in view.chosen if key not in {entry.key for entry in entries}]
    if not gone:
        return
    binned = {info.key for info in store.binned()}
    for key in gone:
        where = "is in the bin" if key in binned else "is not stored here; it may have been deleted to make space"
        st.info(f"Run {key} {where}.", icon=":material/search_off:")
        if key in binned:
            table.bring_back_button(store, key, view, look)
