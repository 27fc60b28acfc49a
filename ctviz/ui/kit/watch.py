"""A run as it is watched: where it is, the stage, its numbers; growing while it trains.

The stage and the curves are two fragments: each polls the store while a run is live, at its own pace, and rests
otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.catalogue.settings import CHOICES
from ctviz.experiments.config import Experiment
from ctviz.experiments.in_memory import TrainingStatus
from ctviz.experiments.snapshot import Scene, Snapshot, losses_of
from ctviz.figures.stage.recording import ArmLabel, arm_labels
from ctviz.figures.theme import arm_styles
from ctviz.progress import Progress, duration
from ctviz.ui.kit import messages, results
from ctviz.ui.kit.draft import Draft, draft_now, run_again, write_link
from ctviz.ui.kit.energies import class_chosen, energies_of, energy_facts
from ctviz.ui.kit.export import share_is_open
from ctviz.ui.kit.frame import details, literal, live, page_title
from ctviz.ui.kit.link import View
from ctviz.ui.kit.player import PinnedWalks, StageState, show_stage
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.search import steps_in_words
from ctviz.ui.kit.service import RunState, Service, about_seconds, reason_not_to_train
from ctviz.ui.kit.sight import in_sight, seen
from ctviz.ui.kit.theme import follow_theme
from ctviz.ui.kit.training import train_button

POLL = 0.3
"""Seconds between two looks while a run is live."""

HEAD_START = 0.12
"""Seconds that a new picture has before the charts below it."""

REDRAW = 2.0
"""Seconds between two drawings of the curves while a run is live: each one interrupts who is reading them."""


@dataclass(frozen=True)
class RunDrawing:
    """A run as a page draws it: ``key`` names what the browser holds, so another dress has another key."""

    key: str
    scene: Scene
    labels: tuple[ArmLabel, ...]
    since: Callable[[int], Iterable[Snapshot]]


@dataclass(frozen=True)
class RunDisplay:
    """What a page says of the run it watches; where nothing else is given, what Boundaries says.

    What is said is told the snapshot that is spoken of and whether the run is still being trained. On a large
    screen there is nothing beside the picture, and below it only what is ``projected``.
    """

    drawing: Callable[[RunView], RunDrawing]
    headline: Callable[[RunView, Snapshot, bool], None]
    facts: Callable[[RunView, Snapshot, bool], None]
    details: Callable[[RunView, Snapshot, bool], None] = lambda run_view, snapshot, live: None
    projected: Callable[[RunView, Snapshot, bool], None] = lambda run_view, snapshot, live: None
    shares: tuple[float, float] = (0.75, 0.25)  # of the width: the picture, the numbers beside it
    pinned: Callable[[RunView, Snapshot, bool], PinnedWalks | None] = lambda run_view, snapshot, live: None
    """The searches from the place that is pinned, which the stage draws over the others."""
    below: Callable[[], bool] = lambda: False
    """Whether a part of the page below shows the epoch too, and is drawn."""


def _drawing(run_view: RunView) -> RunDrawing:
    return RunDrawing(run_view.attempt, run_view.scene, arm_labels(run_view.experiment), run_view.since)


BOUNDARIES = RunDisplay(
    drawing=_drawing,
    headline=lambda run_view, snapshot, live: results.finding(
        run_view, arm_styles(run_view.experiment), snapshot, live
    ),
    facts=lambda run_view, snapshot, live: results.facts_of(arm_styles(run_view.experiment), snapshot),
    below=seen,
)


def watch(service: Service, draft: Draft[Any], display: RunDisplay = BOUNDARIES) -> None:
    """The run of the draft's settings, live where it is being trained: finding, picture, the numbers beside it."""
    follow_theme()
    live(lambda: _watch(service, display), lambda: POLL if trains(service) else None, slower(service))


def below(service: Service) -> None:
    """Curves and table of the run, with a marker at the stage's epoch, once they are in sight."""
    with details():
        live(lambda: _below(service), lambda: REDRAW if seen() and trains(service) else None, slower(service))


def trains(service: Service) -> bool:
    """Whether the run that the session looks at is being trained."""
    return service.state(draft_now().experiment.key).live


def slower(service: Service) -> float:
    """What ``live`` is told of a run that the session looks at: 1, unless many watch runs that grow."""
    key = draft_now().experiment.key
    return service.watch(key) if service.state(key).live else 1.0


def let_picture_go_first(name: str, shown: Hashable) -> None:
    """Waits a moment before new charts below a picture: sent together, the browser would draw the charts first.

    Args:
        name: of the charts.
        shown: what they show; there is no wait where it is the same as before.
    """
    if st.session_state.get(f"drawn-after-{name}") != shown:
        st.session_state[f"drawn-after-{name}"] = shown
        time.sleep(HEAD_START)


def _watch(service: Service, display: RunDisplay) -> None:
    draft = draft_now()
    state = service.state(draft.experiment.key)
    if state.live:
        service.watch(draft.experiment.key)
    run_view = run_view_of(service, draft, state)
    projecting = draft.view.view == "project"
    headline = st.container()
    with st.container(key="status"):
        status(service, draft, state, run_view)
    left, right = (st.container(), None) if projecting else st.columns(display.shares, gap="medium")
    if run_view is None:
        with headline:
            page_title(expectation(state))
        _show_earlier(service, draft, display, left, right)
        return
    st.session_state["shown"] = run_view.key
    with left:
        walks = display.pinned(run_view, spoken_of(run_view, draft.view), state.live)
        seen = _stage(run_view, display, draft.view, walks, live=state.live, key=f"stage-{draft.opened}")
    _follow(draft, seen, display)
    snapshot = spoken_of(run_view, draft.view)
    with headline:
        display.headline(run_view, snapshot, state.live)
    if right is not None:
        with right:
            drawn = display.drawing(run_view).scene
            styles = arm_styles(run_view.experiment, drawn.features, drawn.display)
            energy_facts(run_view, draft.view, snapshot, styles, drawn.classes)
            display.facts(run_view, snapshot, state.live)
    with left:
        (display.projected if right is None else display.details)(run_view, snapshot, state.live)


def run_view_of(service: Service, draft: Draft[Any], state: RunState) -> RunView | None:
    """The run of the draft's settings, if there is something to see of it."""
    run_view = service.run_view(draft.experiment.key)
    if run_view is not None and state.live and run_view.attempt == draft.left_behind:
        return None  # its successor is on the way, and starts at its own beginning
    return run_view


def spoken_of(run_view: RunView, view: View) -> Snapshot:
    """The snapshot that words and numbers are about: where the stage rests; the newest while it plays."""
    return run_view.at(None if view.play else view.epoch)


def expectation(state: RunState) -> str:
    """The headline of a run of which nothing can be seen yet."""
    if state.live:
        return "Training begins."
    if state.state == "failed":
        return "Training ended with an error."
    if state.state in ("cancelled", "interrupted"):
        return "Training stopped before its first picture."
    return "These settings have not been trained yet."


def _show_earlier(
    service: Service, draft: Draft[Any], display: RunDisplay, left: DeltaGenerator, right: DeltaGenerator | None
) -> None:
    """Keeps in sight, dimmed and named, the run seen last, else a preset, until there is something to show."""
    presets = [Experiment.preset(name).key for name in (draft.experiment.data.name, "moons")]
    run_views = (service.run_view(key) for key in (st.session_state.get("shown"), *presets) if key)
    run_view = next((found for found in run_views if found is not None), None)
    if run_view is None:
        return
    with left, st.container(key="earlier"):
        _stage(run_view, display, View(), None, live=False, key="stage-earlier")
    if right is not None:
        right.caption(f"Dimmed, until then: {_named(run_view.experiment)}.")


def _stage(
    run_view: RunView, display: RunDisplay, view: View, walks: PinnedWalks | None, *, live: bool, key: str
) -> StageState:
    drawn = display.drawing(run_view)
    return show_stage(
        run_key=drawn.key,
        scene=drawn.scene,
        arms=drawn.labels,
        snapshots_since=drawn.since,
        total_epochs=run_view.experiment.training.epochs,
        live=live,
        initial=StageState(
            view.epoch, bool(view.play), view.speed, bool(view.loop), view.layers, view.probe, view.layer,
            class_chosen(run_view, view),
        ),
        energies=energies_of(run_view, view, drawn.scene),
        pinned=walks,
        key=key,
    )  # fmt: skip


def _follow(draft: Draft[Any], seen: StageState, display: RunDisplay) -> None:
    """Takes what the person has come to rest on into the view, and so into the link and the curves."""
    before = draft.view
    rest = {
        "epoch": seen.epoch, "play": int(seen.playing), "speed": seen.speed, "loop": int(seen.loop),
        "layers": seen.layers, "probe": seen.probe, "layer": seen.layer, "energy_class": seen.energy_class,
    }  # fmt: skip
    draft.view = type(before)(**{**before.model_dump(), **rest})
    write_link(draft)
    moved = (draft.view.epoch, draft.view.play) != (before.epoch, before.play)
    repinned = display.pinned is not BOUNDARIES.pinned and draft.view.probe != before.probe
    if repinned or (moved and before.view == "page" and (display.below() or share_is_open())):
        run_again()


def status(service: Service, draft: Draft[Any], state: RunState, run_view: RunView | None) -> None:
    """One line: how far the run is and how to stop it, or what it was, or what to do next."""
    experiment, epochs = draft.experiment, draft.experiment.training.epochs
    if state.live:
        bar, stop = st.columns([0.84, 0.16], vertical_alignment="center")
        bar.progress(min(state.epochs_done / epochs, 1.0), text=how_far(state, epochs))
        if state.ours:
            reason = service.reason_not_to_cancel(experiment.key)
            stop.button(
                "Cancel", key="cancel", icon=":material/stop:", width="stretch", disabled=reason is not None,
                help=reason, on_click=_cancel, args=(service, experiment.key),
            )  # fmt: skip
    elif state.state == "failed":
        st.error(f"{literal(state.message)} Press “Try again” to train from the start.", icon=":material/error:")
    elif state.state in ("cancelled", "interrupted"):
        how = "was stopped" if state.state == "cancelled" else "ended early: its process is gone"
        seen = f"; you see it up to epoch {run_view.last} of {epochs}" if run_view else ""
        st.info(f"This training {how}{seen}. Press Train to run it from the start.", icon=":material/pause:")
    elif run_view is None and reason_not_to_train(experiment) is None:
        st.caption(f"Press Train: about {duration(about_seconds(experiment))} on an idle computer.")
    elif run_view is not None and draft.view.view == "page":
        chosen = "search" in type(draft.view).model_fields  # on the page itself, which then says which search it is
        how = "" if chosen else steps_in_words(experiment)
        st.caption(" · ".join(filter(None, (_what_it_is(experiment, state), how))))
    if not state.live and state.state != "done":
        # On a phone the controls come after the picture; the style shows this second button there only.
        train_button(service, draft, key="train-here")


def _cancel(service: Service, key: str) -> None:
    with messages.errors_as("refused"):
        service.cancel(key)


def how_far(state: TrainingStatus, epochs: int, doing: str = "Training") -> str:
    """How far a training under way is: its place in the queue, or its epochs and about the time that is left."""
    if state.state == "queued" and state.position > 1:
        return f"Waiting for a worker: place {state.position} in the queue, where small trainings go first."
    if state.state == "queued":
        return "Waiting for a worker: it is the next one."
    return f"{doing}: {Progress(state.epochs_done, epochs, state.seconds).words()}"


def _named(experiment: Experiment) -> str:
    names = ", ".join(style.title for style in arm_styles(experiment))
    return f"another run ({CHOICES[experiment.data.name]}, {experiment.training.epochs} epochs; {names})"


def _what_it_is(experiment: Experiment, state: RunState) -> str:
    count = len(experiment.arms)
    models = "1 model" if count == 1 else f"{count} models, same first weights and batches"
    if experiment.models > count > 1:
        models += " except within ensembles"
    took = ", ships with ctviz" if state.preset else f", trained in {duration(state.seconds)}"
    return f"{CHOICES[experiment.data.name]} · {models} · {experiment.training.epochs} epochs{took}"


def _below(service: Service) -> None:
    draft = draft_now()
    run_view = service.run_view(draft.experiment.key)
    if run_view is None or not in_sight():
        return
    let_picture_go_first("curves", run_view.attempt)
    snapshot = spoken_of(run_view, draft.view)
    styles = arm_styles(run_view.experiment)
    st.subheader("How it came about, epoch by epoch", anchor=False)
    results.curves(run_view, styles, snapshot, results.CURVES, 3)
    st.subheader("What training weighs: the terms of the objective, each before its weight λ", anchor=False)
    results.curves(run_view, styles, snapshot, losses_of(run_view.experiment), 4)
    st.subheader(f"All numbers at epoch {snapshot.epoch}", anchor=False)
    results.table(styles, snapshot, losses_of(run_view.experiment))
    st.caption(
        "On validation data; losses, steps and what is said of training are those of the epoch's own searches. A dash: "
        "nothing to measure, as before training, without counterfactuals in training, or where too few searches count."
    )
