"""A run as it is watched: where it is, the stage, its numbers; growing while it trains.

The stage and the curves are two fragments: each polls the store while a run is live, at its own pace, and rests
otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures.stage.film import arm_labels
from ctviz.figures.theme import arm_styles
from ctviz.progress import Progress, duration
from ctviz.ui import results
from ctviz.ui.draft import Draft, write_link
from ctviz.ui.feed import Feed
from ctviz.ui.link import View
from ctviz.ui.panel import train_button
from ctviz.ui.service import RunState, Service, about_seconds
from ctviz.ui.shell import guarded, literal
from ctviz.ui.stage import StageState, show_stage
from ctviz.ui.vocabulary import CHOICES

POLL = 0.3
"""Seconds between two looks while a run is live."""

HEAD_START = 0.12
"""Seconds that the picture of another run has before its curves: in one batch, the browser would draw them first."""

REDRAW = 2.0
"""Seconds between two drawings of the curves while a run is live: each one interrupts who is reading them."""


def watch(service: Service, draft: Draft) -> None:
    """The run of the draft's settings, live where it is being trained: finding, picture, the numbers beside it."""
    live = service.state(draft.experiment.key).live
    body: Callable[[], None] = guarded(lambda: _watch(service, live))
    st.fragment(body, run_every=POLL if live else None)()


def below(service: Service, draft: Draft) -> None:
    """Curves and table of the run, with a marker at the stage's epoch."""
    live = service.state(draft.experiment.key).live
    body: Callable[[], None] = guarded(lambda: _below(service))
    st.fragment(body, run_every=REDRAW if live else None)()


def _watch(service: Service, polled: bool) -> None:
    draft: Draft = st.session_state["draft"]
    state = service.state(draft.experiment.key)
    if polled != state.live:
        st.rerun()
    feed = service.feed(draft.experiment.key)
    if feed is not None and state.live and feed.attempt == draft.left_behind:
        feed = None  # its successor is on the way, and starts at its own beginning
    projecting = draft.view.view == "project"
    headline = st.container()
    with st.container(key="status"):
        _status(service, draft, state, feed)
    left, right = (st.container(), None) if projecting else st.columns([0.75, 0.25], gap="medium")
    if feed is None:
        with headline:
            results.title(_expectation(state))
        _show_earlier(service, draft, left, right)
        return
    st.session_state["shown"] = feed.key
    with left:
        seen = _stage(feed, draft.view, live=state.live, key=f"stage-{draft.opened}")
    _follow(draft, seen)
    styles, snapshot = arm_styles(feed.experiment), spoken_of(feed, draft.view)
    with headline:
        results.finding(styles, snapshot)
    if right is not None:
        with right:
            results.beside(styles, snapshot)


def spoken_of(feed: Feed, view: View) -> Snapshot:
    """The snapshot that words and numbers are about: where the stage rests; the newest while it plays."""
    return feed.at(None if view.play else view.epoch)


def _expectation(state: RunState) -> str:
    """The headline of a run of which nothing can be seen yet."""
    if state.live:
        return "Training begins."
    if state.state == "failed":
        return "Training ended with an error."
    if state.state in ("cancelled", "interrupted"):
        return "Training stopped before its first picture."
    return "These settings have not been trained yet."


def _show_earlier(service: Service, draft: Draft, left: DeltaGenerator, right: DeltaGenerator | None) -> None:
    """Keeps in sight, dimmed and named, the run seen last, else a preset, until there is something to show."""
    presets = [Experiment.preset(name).key for name in (draft.experiment.data.name, "moons")]
    feeds = (service.feed(key) for key in (st.session_state.get("shown"), *presets) if key)
    feed = next((found for found in feeds if found is not None), None)
    if feed is None:
        return
    with left, st.container(key="earlier"):
        _stage(feed, View(), live=False, key="stage-earlier")
    if right is not None:
        right.caption(f"Dimmed, until then: {_named(feed.experiment)}.")


def _stage(feed: Feed, view: View, *, live: bool, key: str) -> StageState:
    return show_stage(
        run_key=feed.attempt,
        scene=feed.scene,
        arms=arm_labels(feed.experiment),
        snapshots_since=feed.since,
        total_epochs=feed.experiment.training.epochs,
        live=live,
        initial=StageState(view.epoch, bool(view.play), view.speed, bool(view.loop), view.layers, view.probe),
        key=key,
    )


def _follow(draft: Draft, seen: StageState) -> None:
    """Takes what the person has come to rest on into the view, and so into the link and the curves."""
    before = draft.view
    draft.view = View(
        epoch=seen.epoch, play=int(seen.playing), speed=seen.speed, loop=int(seen.loop),
        view=before.view, layers=seen.layers, probe=seen.probe,
    )  # fmt: skip
    write_link(draft)
    moved = (draft.view.epoch, draft.view.play) != (before.epoch, before.play)
    if moved and before.view == "page":
        st.rerun()


def _status(service: Service, draft: Draft, state: RunState, feed: Feed | None) -> None:
    """One line: how far the run is and how to stop it, or what it was, or what to do next."""
    experiment, epochs = draft.experiment, draft.experiment.training.epochs
    if state.live:
        bar, stop = st.columns([0.84, 0.16], vertical_alignment="center")
        bar.progress(min(state.epochs_done / epochs, 1.0), text=_how_far(state, epochs))
        if state.ours:
            stop.button(
                "Cancel", key="cancel", icon=":material/stop:", width="stretch",
                on_click=service.cancel, args=(experiment.key,),
            )  # fmt: skip
    elif state.state == "failed":
        st.error(f"{literal(state.message)} Press “Try again” to train from the start.", icon=":material/error:")
    elif state.state in ("cancelled", "interrupted"):
        how = "was stopped" if state.state == "cancelled" else "ended early: its process is gone"
        seen = f"; you see it up to epoch {feed.last} of {epochs}" if feed else ""
        st.info(f"This training {how}{seen}. Press Train to run it from the start.", icon=":material/pause:")
    elif feed is None:
        st.caption(f"Press Train: about {duration(about_seconds(experiment))} on an idle computer.")
    elif draft.view.view == "page":
        st.caption(_what_it_is(experiment, state))
    if not state.live and state.state != "done":
        # On a phone the controls come after the picture; the style shows this second button there only.
        train_button(service, draft, key="train-here")


def _how_far(state: RunState, epochs: int) -> str:
    if state.state == "queued":
        return "Waiting for a worker" + (f"; {state.position - 1} before it" if state.position > 1 else "")
    return f"Training: {Progress(state.epochs_done, epochs, state.seconds).words()}"


def _named(experiment: Experiment) -> str:
    names = ", ".join(style.title for style in arm_styles(experiment))
    return f"another run ({CHOICES[experiment.data.name]}, {experiment.training.epochs} epochs; {names})"


def _what_it_is(experiment: Experiment, state: RunState) -> str:
    count = len(experiment.arms)
    models = "1 model" if count == 1 else f"{count} models, same first weights and batches"
    took = ", ships with ctviz" if state.preset else f", trained in {duration(state.seconds)}"
    return f"{CHOICES[experiment.data.name]} · {models} · {experiment.training.epochs} epochs{took}"


def _below(service: Service) -> None:
    draft: Draft = st.session_state["draft"]
    feed = service.feed(draft.experiment.key)
    if feed is None:
        return
    if st.session_state.get("curved") != feed.attempt:
        st.session_state["curved"] = feed.attempt
        time.sleep(HEAD_START)
    snapshot = spoken_of(feed, draft.view)
    styles = arm_styles(feed.experiment)
    st.subheader("How it came about, epoch by epoch", anchor=False)
    results.curves(feed, styles, snapshot, results.CURVES, 3)
    st.subheader("What training weighs: the terms of the objective, each before its weight λ", anchor=False)
    results.curves(feed, styles, snapshot, results.LOSSES, 4)
    st.subheader(f"All numbers at epoch {snapshot.epoch}", anchor=False)
    results.table(styles, snapshot)
