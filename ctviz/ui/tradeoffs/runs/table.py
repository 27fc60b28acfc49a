"""The list of stored runs: searched, ordered, chosen from, named, pinned, deleted and brought back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
import streamlit as st

from ctviz.errors import CtvizError
from ctviz.experiments.store import Busy, Store
from ctviz.experiments.store.labels import LONGEST
from ctviz.ui.kit.frame import literal
from ctviz.ui.tradeoffs.runs.listing import CHANGES, Line, line, matches, ordered, title_of
from ctviz.ui.tradeoffs.runs.view import MOST, ORDERS, RunsView, joined

Look = Callable[..., None]

TABLE, CHOSEN, SAID, DELETED, ROWS = "runs-table", "runs-chosen", "runs-said", "runs-deleted", "runs-rows"
ROW, HEAD = 35, 37
SEEN = 7
"""Rows of the list that are seen at once; the rest is scrolled to."""

ABOUT = (
    "IP (distance to real data), IP* (mismatch with real data) and cost (effort of the advice) are those of the best "
    "counterfactually trained model against the conventional one of the same run, on test data: 40 % is 40 % less, "
    "which is better. Choose rows with a click on their left edge, or by name below the table."
)


def lines_of(store: Store) -> list[Line]:
    """Every stored run, as the store lists them."""
    return [line(info) for info in store.list()]


def finder(view: RunsView, look: Look, stacks: int) -> None:
    """Search, order, and whether the runs of sweeps are listed."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs-finder"):
        _follow("runs-search", view.search)
        st.text_input(
            "Search", key="runs-search", icon=":material/search:", max_chars=100, placeholder="moons tau=0.5",
            help="Words in a run's name, data, models or key; a setting as tau=0.5 or training.epochs=20. "
            "A run is listed if it has all of them.",
            on_change=lambda: look(search=st.session_state["runs-search"]),
        )  # fmt: skip
        _follow("runs-order", view.order)
        st.selectbox(
            "Order", list(ORDERS), key="runs-order", format_func=lambda order: ORDERS[order], width=210,
            help="What is pinned comes first. A click on a column's head sorts by that column.",
            on_change=lambda: look(order=st.session_state["runs-order"]),
        )  # fmt: skip
        if stacks:
            _follow("runs-stacks", bool(view.stacks))
            st.toggle(
                f"Runs of sweeps and studies ({stacks})", key="runs-stacks",
                help="They train many models together and keep their numbers, without pictures; each is a run too.",
                on_change=lambda: look(stacks=int(st.session_state["runs-stacks"])),
            )  # fmt: skip


def _follow(key: str, value: Any) -> None:
    """Brings a control in line with the link."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def shown(lines: Sequence[Line], view: RunsView) -> list[Line]:
    """The lines that are listed."""
    kept = [found for found in lines if (view.stacks or not found.stack) and matches(found, view.search)]
    return ordered(kept, view.order)


def table(listed: Sequence[Line], view: RunsView, look: Look) -> None:
    """The list; the rows that are chosen in it are compared."""
    if not listed:
        st.info(
            "No stored run has all of these words."
            if view.search
            else "Nothing is stored but runs of sweeps and studies; the switch above lists them.",
            icon=":material/search_off:",
        )
        return
    st.session_state[ROWS] = [found.key for found in listed]
    rows = [index for index, found in enumerate(listed) if found.key in view.chosen]
    state = st.session_state.get(TABLE)
    if state is None or list(state["selection"]["rows"]) != rows:
        st.session_state[TABLE] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        _frame(listed), key=TABLE, hide_index=True, on_select=lambda: _choose(view, look), placeholder="–",
        selection_mode="multi-row", row_height=ROW, height=HEAD + ROW * min(len(listed), SEEN),
        column_config=_columns(listed), alt=f"{len(listed)} stored runs with their settings and results.",
    )  # fmt: skip
    st.caption(ABOUT)


def _choose(view: RunsView, look: Look) -> None:
    """Takes over the rows that were chosen; what the search hides stays chosen."""
    rows: list[str] = st.session_state[ROWS]
    picked = [rows[index] for index in st.session_state[TABLE]["selection"]["rows"] if index < len(rows)]
    kept = [key for key in view.chosen if key not in rows or key in picked]
    _take([*kept, *(key for key in picked if key not in kept)], look)


def _take(keys: Sequence[str], look: Look) -> None:
    if len(keys) > MOST:
        say("warning", f"At most {MOST} runs are compared at once; the first {MOST} are.")
    look(runs=joined(keys[:MOST]))


def _frame(listed: Sequence[Line]) -> pd.DataFrame:
    unfinished = any(found.info.state != "done" for found in listed)
    rows = [
        {
            "pinned": "★" if found.info.pinned else "",
            "name": found.title,
            "state": found.info.state,
            "data": found.info.data,
            "models": ", ".join(found.info.arms) if len(found.info.arms) <= 5 else f"{len(found.info.arms)} models",
            "epochs": found.info.epochs,
            "seed": found.info.experiment.seed,
            "when": datetime.fromtimestamp(found.info.started, UTC),
            "size": found.info.bytes / 1e6,
            "accuracy": 100 * found.accuracy,
            **{name: round(-100 * found.change(name), 0) + 0.0 for name in CHANGES},
            "key": found.key,
        }
        for found in listed
    ]
    frame = pd.DataFrame(rows)
    return frame if unfinished else frame.drop(columns="state")


def _columns(listed: Sequence[Line]) -> dict[str, Any]:
    config, less = st.column_config, "than the conventional model of the same run, in %: positive is better."
    return {
        "pinned": config.TextColumn("★", help="Pinned: listed first, never removed to make space.", width=40),
        "name": config.TextColumn("Name", width=300),
        "state": config.TextColumn("State", width=90),
        "data": config.TextColumn("Data", width=75),
        "models": config.TextColumn("Models", width=170),
        "epochs": config.NumberColumn("Epochs", width=65),
        "seed": config.NumberColumn("Seed", width=50, format="%d"),
        "when": config.DatetimeColumn("Trained", format="D MMM YYYY, HH:mm", width=145),
        "size": config.NumberColumn("Size", format="%.1f MB", width=75),
        "accuracy": config.NumberColumn("Accuracy", format="%.1f %%", width=80, help="Right on test data."),
        "ip": config.NumberColumn("IP less", format="%.0f %%", width=75, help=f"How much closer to real data {less}"),
        "ip_star": config.NumberColumn("IP* less", format="%.0f %%", width=75, help=f"How much less mismatch {less}"),
        "cost": config.NumberColumn("Cost less", format="%.0f %%", width=80, help=f"How much less effort {less}"),
        "key": config.TextColumn("Key", width=150, help="Names the run on the command line and in Python."),
    }


# -- what can be done with the runs that are chosen ----------------------------------------------------------


def chooser(lines: Sequence[Line], view: RunsView, look: Look) -> None:
    """The runs that are compared, by name: the same choice as in the table, for the keyboard."""
    titles = {found.key: found.title for found in lines if view.stacks or not found.stack or found.key in view.chosen}
    chosen = [key for key in view.chosen if key in titles]
    _follow(CHOSEN, chosen)
    named = list(titles.values())

    def called(key: str) -> str:
        title = titles.get(key, key)
        return f"{title} ({key[:4]})" if named.count(title) > 1 else title

    st.multiselect(
        "Compared runs", list(titles), key=CHOSEN, format_func=called, max_selections=MOST,
        placeholder="Choose two or more", on_change=lambda: _take(st.session_state[CHOSEN], look),
    )  # fmt: skip


def actions(store: Store, chosen: Sequence[Line], view: RunsView, look: Look) -> None:
    """Name, pin and delete what is chosen; the bin."""
    with st.container(horizontal=True, key="runs-actions"):
        if len(chosen) == 1:
            _rename(store, chosen[0])
        if chosen:
            pinned = all(found.info.pinned for found in chosen)
            st.button(
                "Unpin" if pinned else "Pin", key="runs-pin",
                icon=":material/keep_off:" if pinned else ":material/keep:",
                help="A pinned run is listed first and never removed to make space.",
                on_click=_safely, args=(lambda: _pin(store, chosen, not pinned),),
            )  # fmt: skip
            _delete(store, chosen, view, look)
        _bin(store, view, look)
    _undo(store, view, look)


def _pin(store: Store, runs: Sequence[Line], pinned: bool) -> None:
    for run in runs:
        store.labels.pin(run.key, pinned)


def _rename(store: Store, run: Line) -> None:
    with st.popover("Rename", icon=":material/edit:"), st.form("runs-rename", border=False):
        st.text_input(
            "Name", run.info.name, key=f"runs-name-{run.key}", max_chars=LONGEST, placeholder=run.title,
            help="Empty goes back to what the run is called by itself.",
        )  # fmt: skip
        # The callback reads what was typed when the form is sent.
        st.form_submit_button(
            "Save the name", on_click=_safely,
            args=(lambda: store.labels.rename(run.key, st.session_state[f"runs-name-{run.key}"]),),
        )  # fmt: skip


def _delete(store: Store, chosen: Sequence[Line], view: RunsView, look: Look) -> None:
    own = [found for found in chosen if not found.info.preset]
    st.button(
        "Delete" if len(own) < 2 else f"Delete {len(own)} runs", key="runs-delete", icon=":material/delete:",
        disabled=not own, on_click=lambda: _put_into_bin(store, own, view, look),
        help="It can be undone." if own else "What ships with ctviz cannot be deleted.",
    )  # fmt: skip


def _put_into_bin(store: Store, runs: Sequence[Line], view: RunsView, look: Look) -> None:
    gone: dict[str, str] = {}
    for run in runs:
        try:
            store.bin(run.key)
            gone[run.key] = run.title
        except Busy:
            say("error", f"“{run.title}” is being trained at this moment and was not deleted; cancel it first.")
        except CtvizError as error:
            say("error", f"“{run.title}” was not deleted: {error}")
    st.session_state[DELETED] = gone
    look(runs=joined(key for key in view.chosen if key not in gone))


def _undo(store: Store, view: RunsView, look: Look) -> None:
    gone: dict[str, str] = st.session_state.get(DELETED) or {}
    if gone:
        with st.container(horizontal=True, vertical_alignment="center", key="runs-undo"):
            names = ", ".join(f"“{title}”" for title in gone.values())
            st.markdown(literal(f"{names} {'is' if len(gone) == 1 else 'are'} in the bin."), width="content")
            st.button(
                "Undo", key="runs-undo-button", icon=":material/undo:",
                on_click=lambda: bring_back(store, gone, view, look),
            )  # fmt: skip


def bring_back(store: Store, keys: Iterable[str], view: RunsView, look: Look) -> None:
    """Takes runs out of the bin and chooses them."""
    back = []
    for key in keys:
        try:
            store.restore(key)
            back.append(key)
        except Busy:
            say("error", "A run of the same settings is being trained at this moment; try again when it is done.")
        except CtvizError as error:
            say("error", str(error))
    left = {key: title for key, title in (st.session_state.get(DELETED) or {}).items() if key not in back}
    st.session_state[DELETED] = left
    chosen = [*view.chosen, *(key for key in back if key not in view.chosen)]
    look(runs=joined(chosen[:MOST]))


def _bin(store: Store, view: RunsView, look: Look) -> None:
    binned = store.binned()
    if not binned:
        return
    with st.popover(f"Bin ({len(binned)})", icon=":material/delete_history:"):
        st.caption("Kept for two weeks, as long as there is space.")
        for info in binned[:20]:
            when = f"{datetime.fromtimestamp(info.deleted, UTC):%-d %B, %H:%M} UTC"
            st.markdown(f"**{literal(title_of(info))}**, {info.bytes / 1e6:.1f} MB, deleted {when}")
            bring_back_button(store, info.key, view, look, place="bin")
        st.button(
            f"Empty the bin ({sum(info.bytes for info in binned) / 1e6:.1f} MB)", key="runs-empty",
            icon=":material/delete_forever:", on_click=_empty, args=(store,), help="This cannot be undone.",
        )  # fmt: skip


def bring_back_button(store: Store, key: str, view: RunsView, look: Look, place: str = "page") -> None:
    """A button that takes a run out of the bin."""
    st.button(
        "Bring back", key=f"runs-back-{place}-{key}", icon=":material/restore_from_trash:",
        on_click=lambda: bring_back(store, [key], view, look),
    )  # fmt: skip


def _empty(store: Store) -> None:
    _safely(store.empty_bin)
    st.session_state[DELETED] = {}


def _safely(act: Callable[[], Any]) -> None:
    """What a press asks for; what goes wrong is said when the page is shown."""
    try:
        act()
    except CtvizError as error:
        say("error", str(error))


def say(kind: Literal["error", "warning"], words: str) -> None:
    """Keeps a sentence for the page that follows a press."""
    st.session_state[SAID] = [*st.session_state.get(SAID, []), (kind, words)]


def said() -> None:
    """Shows the sentences that were kept, once."""
    for kind, words in st.session_state.pop(SAID, []):
        (st.error if kind == "error" else st.warning)(literal(words), icon=f":material/{kind}:")
