"""The part of Trade-offs that compares stored runs: the list, and the runs chosen from it side by side."""

from __future__ import annotations

import streamlit as st

from ctviz.experiments.store import Store
from ctviz.ui.kit import results
from ctviz.ui.kit.service import Service
from ctviz.ui.tradeoffs.runs import beside, table
from ctviz.ui.tradeoffs.runs.listing import Line
from ctviz.ui.tradeoffs.runs.table import Look
from ctviz.ui.tradeoffs.runs.view import MOST, RunsView


def compare(service: Service, view: RunsView, look: Look) -> None:
    """Shows the stored runs, and beside each other those that are chosen.

    Args:
        service: whose store is listed.
        view: what the link says.
        look: changes fields of the view, from a callback; as ``Draft.look``.
    """
    store = service.store
    lines = table.lines_of(store)
    chosen = _chosen(lines, view)
    runs = beside.chosen_of(chosen)
    results.title(beside.finding(store, runs) if runs else _invitation(lines))
    table.said()
    _missing(store, lines, view, look)
    if view.view != "project" or not runs:
        table.finder(view, look, sum(line.stack for line in lines))
        table.table(table.shown(lines, view), view, look)
        table.chooser(lines, view, look)
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


def _chosen(lines: list[Line], view: RunsView) -> list[Line]:
    known = {line.key: line for line in lines}
    return [known[key] for key in view.chosen if key in known]


def _invitation(lines: list[Line]) -> str:
    own = sum(not line.info.preset for line in lines)
    if not lines:
        return "No run is stored yet: train one on another page, and it is listed here."
    more = f"{own} of your own and {len(lines) - own} that ship with ctviz" if own else f"{len(lines)} ship with ctviz"
    return f"Choose up to {MOST} stored runs to see them side by side: {more}."


def _missing(store: Store, lines: list[Line], view: RunsView, look: Look) -> None:
    """Says which runs of the link are not here, and brings back what is in the bin."""
    gone = [key for key in view.chosen if key not in {line.key for line in lines}]
    if not gone:
        return
    binned = {info.key for info in store.binned()}
    for key in gone:
        where = "is in the bin" if key in binned else "is not stored here; it may have been deleted to make space"
        st.info(f"Run {key} {where}.", icon=":material/search_off:")
        if key in binned:
            table.bring_back_button(store, key, view, look)
