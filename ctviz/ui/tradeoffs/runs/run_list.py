"""The list of stored runs: searched, ordered, chosen from, named, pinned, deleted and brought back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from ctviz.catalogue.metrics import RECORDED
from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.store import Busy, RunInfo, Store
from ctviz.experiments.store.labels import MAX_NAME_LENGTH
from ctviz.figures.words import as_lists
from ctviz.ui.kit import bind, messages, rights
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.tradeoffs.memory import memory
from ctviz.ui.tradeoffs.runs.comparison_view import MOST, ORDERS, ComparisonView, joined
from ctviz.ui.tradeoffs.runs.run_entries import CHANGES, RunEntry, entry_of, matches, ordered, title_of

TABLE = "runs-table"
ROW, HEAD = 35, 37
SEEN = 7
"""Rows of the list that are seen at once; the rest is scrolled to."""

ABOUT = (
    "IP (distance to real data), IP* (mismatch with real data) and cost (effort of the advice) are those of the "
    "counterfactually trained model against the conventional one of the same run (of a sweep's run, the best of its "
    "models), on validation data at the last epoch, as on all pages: 40 % is 40 % less, which is better. Choose rows "
    "with a click on their left edge, or by name below the table."
)


def entries_of(store: Store) -> list[RunEntry]:
    """Every stored run, as the store lists them."""
    return [entry_of(info, results_of(store, info)) for info in store.list()]


def results_of(store: Store, info: RunInfo) -> Mapping[str, Sequence[float]] | None:
    """The metrics of a finished run at its last epoch, (m) each; None where there are none."""
    if info.state != "done":
        return None
    with contextlib.suppress(StoreError):  # deleted or damaged since it was listed
        return _last_metrics(info.key, info.started, info.epochs, store)
    return None


@st.cache_data(max_entries=2000, show_spinner=False)
def _last_metrics(key: str, started: float, epoch: int, _store: Store) -> dict[str, list[float]]:
    return as_lists(_store.snapshot(key, epoch))


def finder(draft: Draft[ComparisonView], stacks: int) -> None:
    """Search, order, and whether the runs of sweeps are listed."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs-finder"):
        bind.text(
            "Search", bind.to_view(draft, "search", key="runs-search"), icon=":material/search:", max_chars=100,
            placeholder="moons tau=0.5",
            help="Words in a run's name, data, models or key; a setting as tau=0.5 or training.epochs=20. "
            "A run is listed if it has all of them.",
        )  # fmt: skip
        bind.choice(
            "Order", ORDERS, bind.to_view(draft, "order", key="runs-order"), words=ORDERS, width=210,
            help="What is pinned comes first. A click on a column's head sorts by that column.",
        )  # fmt: skip
        if stacks:
            binding = bind.to("runs-stacks", bool(draft.view.stacks), lambda on: draft.look(stacks=int(on)))
            bind.toggle(
                f"Runs of sweeps and studies ({stacks})", binding,
                help="They train many models together and keep their numbers, without pictures; each is a run too.",
            )  # fmt: skip


def shown(entries: Sequence[RunEntry], view: ComparisonView) -> list[RunEntry]:
    """The entries that are listed: without those that were overtaken, unless they are compared."""
    kept = [
        found
        for found in entries
        if (view.stacks or not found.stack)
        and (not found.info.overtaken or found.key in view.chosen)
        and matches(found, view.search)
    ]
    return ordered(kept, view.order)


def table(listed: Sequence[RunEntry], draft: Draft[ComparisonView]) -> None:
    """The list; the rows that are chosen in it are compared."""
    if not listed:
        st.info(
            "No stored run has all of these words."
            if draft.view.search
            else "Nothing is stored but runs of sweeps and studies; the switch above lists them.",
            icon=":material/search_off:",
        )
        return
    rows = [index for index, found in enumerate(listed) if found.key in draft.view.chosen]
    state = st.session_state.get(TABLE)
    if state is None or list(state["selection"]["rows"]) != rows:
        st.session_state[TABLE] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        _frame(listed), key=TABLE, hide_index=True, on_select=lambda: _choose(draft, listed), placeholder="–",
        selection_mode="multi-row", row_height=ROW, height=HEAD + ROW * min(len(listed), SEEN),
        column_config=_columns(listed), alt=f"{len(listed)} stored runs with their settings and results.",
    )  # fmt: skip
    st.caption(ABOUT)


def _choose(draft: Draft[ComparisonView], listed: Sequence[RunEntry]) -> None:
    """Takes over the rows that were chosen; what the search hides stays chosen."""
    rows = [found.key for found in listed]
    picked = [rows[index] for index in st.session_state[TABLE]["selection"]["rows"] if index < len(rows)]
    kept = [key for key in draft.view.chosen if key not in rows or key in picked]
    _take(draft, [*kept, *(key for key in picked if key not in kept)])


def _take(draft: Draft[ComparisonView], keys: Sequence[str]) -> None:
    if len(keys) > MOST:
        messages.say("warning", f"At most {MOST} runs are compared at once; the first {MOST} are.")
    draft.look(runs=joined(keys[:MOST]))


def _frame(listed: Sequence[RunEntry]) -> pd.DataFrame:
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


def _columns(listed: Sequence[RunEntry]) -> dict[str, Any]:
    config = st.column_config
    less = {
        name: f"How much {RECORDED[name].less} than the conventional model of the same run, in %: positive is better."
        for name in ("ip", "ip_star", "cost")
    }
    return {
        "pinned": config.TextColumn("★", help="Pinned: listed first, never removed to make space.", width=40),
        "name": config.TextColumn("Name", width=280),
        "state": config.TextColumn("State", width=90),
        "data": config.TextColumn("Data", width=75),
        "models": config.TextColumn("Models", width=170),
        "epochs": config.NumberColumn("Epochs", width=65),
        "seed": config.NumberColumn("Seed", width=50, format="%d"),
        "when": config.DatetimeColumn("Trained", format="D MMM YYYY, HH:mm", width=145),
        "size": config.NumberColumn("Size", format="%.1f MB", width=75),
        "accuracy": config.NumberColumn("Accuracy", format="%.1f %%", width=80, help="Right on validation data."),
        "ip": config.NumberColumn("IP less", format="%.0f %%", width=75, help=less["ip"]),
        "ip_star": config.NumberColumn("IP* less", format="%.0f %%", width=75, help=less["ip_star"]),
        "cost": config.NumberColumn("Cost less", format="%.0f %%", width=80, help=less["cost"]),
        "key": config.TextColumn("Key", width=170, help="Names the run on the command line and in Python."),
    }


# -- what can be done with the runs that are chosen ----------------------------------------------------------


def chooser(entries: Sequence[RunEntry], draft: Draft[ComparisonView]) -> None:
    """The runs that are compared, by name: the same choice as in the table, for the keyboard."""
    view = draft.view
    titles = {
        found.key: found.title
        for found in entries
        if found.key in view.chosen or ((view.stacks or not found.stack) and not found.info.overtaken)
    }
    chosen = [key for key in view.chosen if key in titles]
    named = list(titles.values())

    def called(key: str) -> str:
        title = titles.get(key, key)
        return f"{title} ({key[:4]})" if named.count(title) > 1 else title

    bind.several_of_many(
        "Compared runs", list(titles), bind.to("runs-chosen", chosen, lambda keys: _take(draft, keys)), words=called,
        max_selections=MOST, placeholder="Choose two or more",
    )  # fmt: skip


def actions(store: Store, chosen: Sequence[RunEntry], draft: Draft[ComparisonView]) -> None:
    """Name, pin and delete what is chosen; the bin."""
    with st.container(horizontal=True, key="runs-actions"):
        if len(chosen) == 1:
            _rename(store, chosen[0])
        if chosen:
            pinned = all(found.info.pinned for found in chosen)
            rights.button(
                "pin", "Unpin" if pinned else "Pin", key="runs-pin",
                icon=":material/keep_off:" if pinned else ":material/keep:",
                help="A pinned run is listed first and never removed to make space.",
                on_click=_safely, args=(lambda: _pin(store, chosen, not pinned),),
            )  # fmt: skip
            _delete(store, chosen, draft)
        _bin(store, draft)
    _undo(store, draft)


def _pin(store: Store, runs: Sequence[RunEntry], pinned: bool) -> None:
    for run in runs:
        store.labels.pin(run.key, pinned)


def _rename(store: Store, run: RunEntry) -> None:
    reason = rights.refusal("rename")
    with (
        st.popover("Rename", icon=":material/edit:", disabled=reason is not None, help=reason),
        st.form("runs-rename", border=False),
    ):
        st.text_input(
            "Name", run.info.name, key=f"runs-name-{run.key}", max_chars=MAX_NAME_LENGTH, placeholder=run.title,
            help="Empty goes back to what the run is called by itself.",
        )  # fmt: skip
        # The callback reads what was typed when the form is sent.
        st.form_submit_button(
            "Save the name", on_click=rights.only("rename", _safely),
            args=(lambda: store.labels.rename(run.key, st.session_state[f"runs-name-{run.key}"]),),
        )  # fmt: skip


def _delete(store: Store, chosen: Sequence[RunEntry], draft: Draft[ComparisonView]) -> None:
    own = [found for found in chosen if not found.info.preset]
    rights.button(
        "delete", "Delete" if len(own) < 2 else f"Delete {len(own)} runs", key="runs-delete", icon=":material/delete:",
        disabled=not own, on_click=lambda: _put_into_bin(store, own, draft),
        help="It can be undone." if own else "What ships with ctviz cannot be deleted.",
    )  # fmt: skip


def _put_into_bin(store: Store, runs: Sequence[RunEntry], draft: Draft[ComparisonView]) -> None:
    gone: dict[str, str] = {}
    for run in runs:
        try:
            store.bin(run.key)
            gone[run.key] = run.title
        except Busy:
            messages.say(
                "error", f"“{run.title}” is being trained at this moment and was not deleted; cancel it first."
            )
        except CtvizError as error:
            messages.say("error", f"“{run.title}” was not deleted: {error}")
    memory().deleted = gone
    draft.look(runs=joined(key for key in draft.view.chosen if key not in gone))


def _undo(store: Store, draft: Draft[ComparisonView]) -> None:
    gone = memory().deleted
    if gone:
        with st.container(horizontal=True, vertical_alignment="center", key="runs-undo"):
            names = ", ".join(f"“{title}”" for title in gone.values())
            st.markdown(literal(f"{names} {'is' if len(gone) == 1 else 'are'} in the bin."), width="content")
            rights.button(
                "restore", "Undo", key="runs-undo-button", icon=":material/undo:",
                on_click=lambda: bring_back(store, gone, draft),
            )  # fmt: skip


def bring_back(store: Store, keys: Iterable[str], draft: Draft[ComparisonView]) -> None:
    """Takes runs out of the bin and chooses them."""
    back = []
    for key in keys:
        try:
            store.restore(key)
            back.append(key)
        except Busy:
            messages.say(
                "error", "A run of the same settings is being trained at this moment; try again when it is done."
            )
        except CtvizError as error:
            messages.say("error", str(error))
    memory().deleted = {key: title for key, title in memory().deleted.items() if key not in back}
    chosen = [*draft.view.chosen, *(key for key in back if key not in draft.view.chosen)]
    draft.look(runs=joined(chosen[:MOST]))


def _bin(store: Store, draft: Draft[ComparisonView]) -> None:
    binned = store.binned()
    if not binned:
        return
    with st.popover(f"Bin ({len(binned)})", icon=":material/delete_history:"):
        st.caption("Kept for two weeks, as long as there is space.")
        for info in binned[:20]:
            when = f"{datetime.fromtimestamp(info.deleted, UTC):%-d %B, %H:%M} UTC"
            st.markdown(f"**{literal(title_of(info))}**, {info.bytes / 1e6:.1f} MB, deleted {when}")
            bring_back_button(store, info.key, draft, place="bin")
        rights.button(
            "delete", f"Empty the bin ({sum(info.bytes for info in binned) / 1e6:.1f} MB)", key="runs-empty",
            icon=":material/delete_forever:", on_click=_empty, args=(store,), help="This cannot be undone.",
        )  # fmt: skip


def bring_back_button(store: Store, key: str, draft: Draft[ComparisonView], place: str = "page") -> None:
    """A button that takes a run out of the bin."""
    rights.button(
        "restore", "Bring back", key=f"runs-back-{place}-{key}", icon=":material/restore_from_trash:",
        on_click=lambda: bring_back(store, [key], draft),
    )  # fmt: skip


def _empty(store: Store) -> None:
    _safely(store.empty_bin)
    memory().deleted = {}


def _safely(act: Callable[[], Any]) -> None:
    """Does what a press asks for, or says why not."""
    with messages.errors_as("error"):
        act()
