"""The list of sweeps: what each is called, the choice of one, and taking one's own off the list."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import streamlit as st

from ctviz.catalogue.settings import CHOICES
from ctviz.experiments.store import Store
from ctviz.figures.tradeoffs.metrics import what
from ctviz.studies.sweeps.catalogue import SweepInfo, delete_sweep, keep_sweep, list_sweeps
from ctviz.studies.sweeps.declaration import Axis, Sweep, shown
from ctviz.ui.kit import bind, messages, rights
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.runner import Runner
from ctviz.ui.kit.unique_names import apart
from ctviz.ui.tradeoffs.memory import memory
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView, linked

MOST_VALUES = 6
"""Values of an axis that a name lists."""


def names(infos: Sequence[SweepInfo], running: Container[str] = ()) -> dict[str, str]:
    """Key → what a sweep is called, no two alike: data and what varies, and what else tells it apart."""
    return apart({info.key: _names(info, info.key in running) for info in infos})


def _names(info: SweepInfo, running: bool) -> tuple[str, ...]:
    sweep = info.sweep
    data = CHOICES.get(sweep.base.data.name, sweep.base.data.name)
    seeds = f", {sweep.seeds} seeds" if sweep.seeds > 1 else ""
    cells = "1 cell" if sweep.size == 1 else f"{sweep.size:,} cells"
    named = f"{info.name}: " if info.name and not info.shipped else ""
    state = "" if info.shipped else ", yours, running" if running else ", yours"
    settings = " × ".join(what(axis.setting) for axis in sweep.axes)
    values = " × ".join(f"{what(axis.setting)} {_values(axis)}" for axis in sweep.axes)
    begin, end = f"{named}{data}: ", f" ({cells}{seeds}{state})"
    sizes = f"{sweep.base.data.n_train:,} samples, {sweep.base.training.epochs} epochs, {sweep.protocol.rounds} rounds"
    measured = f" ({cells}{seeds}, {sizes}{state})"
    # The control has room for no more; how large a sweep is stands in its headline too.
    short = (f"{begin}{settings}",) if info.shipped else ()
    return *short, f"{begin}{settings}{end}", f"{begin}{values}{end}", f"{begin}{values}{measured}"


def _values(axis: Axis) -> str:
    if axis.is_range:
        return f"{axis.low:g} to {axis.high:g}"
    words = [CHOICES.get(text, text) for text in map(shown, axis.values)]
    return ", ".join(words if len(words) <= MOST_VALUES else [*words[: MOST_VALUES - 2], "…", words[-1]])


def look_at(draft: Draft[TradeoffsView], name: str) -> None:
    """Shows another sweep, by its name or its key; an empty name is the first that there is."""
    draft.problems = ()
    draft.view = draft.view.elsewhere()
    draft.look(sweep=linked(name), part="sweep")


def sweep_choice(store: Store, draft: Draft[TradeoffsView], sweep: Sweep | None, sweeps: Runner) -> None:
    """The choice of a sweep, and taking one off the list or putting it back."""
    infos = {info.key: info for info in list_sweeps(store)}
    if sweep is not None:
        _choice(infos, draft, sweep, sweeps)
        if sweep.key in infos and not infos[sweep.key].shipped:
            _forgetting(store, draft, sweep, sweeps)
    forgotten = memory().forgotten
    if forgotten is not None and forgotten.key not in infos:
        _undo(store, draft, forgotten)


def _choice(infos: Mapping[str, SweepInfo], draft: Draft[TradeoffsView], sweep: Sweep, sweeps: Runner) -> None:
    words = names(list(infos.values()), sweeps.running())
    words.setdefault(sweep.key, sweep.name or sweep.key)

    def take(key: str) -> None:
        if key not in words:  # the words of a list that has changed since
            return
        info = infos.get(key)
        look_at(draft, info.name if info is not None and info.shipped else key)

    bind.choice(
        "Sweep", words, bind.to("trade-sweep", sweep.key, take), words=words,
        help="Those that ship with ctviz, and those that were run here.",
    )  # fmt: skip


def _forgetting(store: Store, draft: Draft[TradeoffsView], sweep: Sweep, sweeps: Runner) -> None:
    live = sweep.key in sweeps.running()
    rights.button(
        "delete", "Take it off the list", key="trade-forget", type="tertiary", icon=":material/playlist_remove:",
        disabled=live,
        help="It is under way; stop it first." if live else "Its models stay in the store, and it can be undone.",
        on_click=_forget, args=(store, draft, sweep),
    )  # fmt: skip


def _forget(store: Store, draft: Draft[TradeoffsView], sweep: Sweep) -> None:
    with messages.errors_as("refused"):
        delete_sweep(sweep.key, store)
        memory().forgotten = sweep
        look_at(draft, "")


def _undo(store: Store, draft: Draft[TradeoffsView], sweep: Sweep) -> None:
    st.caption(literal(f"A sweep of {sweep.size:,} cells is off the list; its models are still stored."))
    rights.button(
        "restore", "Undo", key="trade-unforget", type="tertiary", icon=":material/undo:", on_click=_put_back,
        args=(store, draft, sweep),
    )  # fmt: skip


def _put_back(store: Store, draft: Draft[TradeoffsView], sweep: Sweep) -> None:
    with messages.errors_as("refused"):
        keep_sweep(sweep, store)
        memory().forgotten = None
        look_at(draft, sweep.key)
