"""The picture of a step: models of a run that ships, the search of one person, and what is pointed out on it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from ctviz.experiments.energy import EnergyField
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.snapshot import Scene, Snapshot, evenly_spaced
from ctviz.experiments.trace import Trace
from ctviz.figures.advice import Names
from ctviz.figures.boundary import Way, boundary_png, energy_tints
from ctviz.figures.stage.energy import EnergySource
from ctviz.figures.stage.live_search import live_search
from ctviz.figures.stage.recording import ArmLabel, arm_labels
from ctviz.figures.stage.trace import Mark, Plain, locks_of
from ctviz.figures.theme import LIGHT
from ctviz.ui.kit.feature_names import names_of, renamed
from ctviz.ui.kit.frame import link_to
from ctviz.ui.kit.link import PlaneLayer
from ctviz.ui.kit.pages import BOUNDARIES
from ctviz.ui.kit.player import PathsState, show_paths
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import searches
from ctviz.ui.kit.service import Service
from ctviz.ui.learn.facts import (
    Facts,
    Picture,
    Point,
    Search,
    energy_of,
    facts_of,
    only,
    searches_of,
    settings_of,
    traces_of,
)

EPOCHS_SHOWN = 26
"""Of a run that is shown at all its epochs, evenly spread."""

TINTED = ": the darker, the lower the energy of a yes"
"""Said below a still that is coloured by energy."""

UNDECIDED = 127
"""A field of this probability (of 255) has no colour and no line: the model is hidden."""

Place = Callable[[Point], None]


@dataclass(frozen=True)
class Showing:
    """How a picture is shown at this moment.

    Attributes:
        key: tells apart pictures that begin to play from the start.
        hint: below it.
        asking: whether a click is a guess, with ``searched`` for whether searches are seen at the same time.
        hidden: whether the models are hidden, so that only the data are seen.
        at: the person that is searched from.
        near: whether lines lead to the nearest real samples, where the picture has them.
        marks: what is pointed out besides.
        plays: whether it plays by itself.
        epoch: that is shown at first; None for the last one.
        layer: what colours the plane at first, where the picture has the energy.
    """

    key: str
    hint: str
    at: Point
    asking: bool = False
    searched: bool = True
    hidden: bool = False
    near: bool = True
    marks: tuple[Mark, ...] = ()
    plays: bool = True
    epoch: int | None = None
    layer: PlaneLayer = "energy"


def run_of(service: Service, picture: Picture) -> RunView | None:
    """The run of a picture; where it is missing, what to do is said."""
    experiment = picture.experiment
    run_view = service.run_view(experiment.key)
    if run_view is None or not run_view.complete(experiment.training.epochs):
        st.info(
            "The run of this step is not here yet: train it on Boundaries, and come back.", icon=":material/school:"
        )
        link_to(BOUNDARIES, "Open it on Boundaries", experiment.to_query())
        return None
    return run_view


def facts_now(run_view: RunView, picture: Picture) -> Facts:
    """What a picture shows in numbers, measured once for everybody."""

    def measure(explorer: Explorer) -> Facts:
        return facts_of(explorer, run_view.scene, run_view.snapshots, picture)

    return searches().ask(run_view.experiment, ("learn", run_view.attempt, picture), measure)


def searches_from(run_view: RunView, picture: Picture, at: Point) -> dict[str, Search]:
    """Where the searches of another person end."""
    last = run_view.snapshots[-1]
    question = ("learn searches", run_view.attempt, picture, at)
    return searches().ask(run_view.experiment, question, lambda explorer: searches_of(explorer, last, picture, at))


def energies_of(run_view: RunView, picture: Picture) -> EnergySource | None:
    """The energies of the class aimed at, where the picture has them."""
    if not picture.energy:
        return None

    def of(shown: Sequence[Snapshot], _: int) -> EnergyField:
        whole = [run_view.at(snapshot.epoch) for snapshot in shown]
        return energy_of(searches().explorer(run_view.experiment), run_view.scene, whole, picture)

    return EnergySource(of, picture.target)


def labels_of(picture: Picture, names: Names) -> tuple[ArmLabel, ...]:
    """The headings of the panels."""
    own = arm_labels(picture.experiment, names.features, names.scales)
    labels = [own[i] for i in picture.index]
    if picture.headings:
        labels = [replace(label, title=title) for label, title in zip(labels, picture.headings, strict=True)]
    return tuple(labels)


def scene_of(run_view: RunView, picture: Picture) -> tuple[Scene, Names]:
    """What the picture is drawn on, and what features and classes are called."""
    names = names_of(run_view.scene, "figure" if picture.loan else "plain")
    return renamed(run_view.scene, names), names


def show(run_view: RunView, picture: Picture, showing: Showing, on_place: Place | None) -> PathsState:
    """Shows a picture, and returns what the person has come to rest on; ``on_place`` takes a place that was clicked,
    or where the start was dragged to."""
    scene, names = scene_of(run_view, picture)
    snapshots = _snapshots(run_view, picture, hidden=showing.hidden)
    traces = _traces(run_view, picture, showing)
    experiment = run_view.experiment
    settings, dragged = settings_of(experiment), None
    arms = [experiment.arms[i] for i in picture.index]
    if traces and on_place is not None and not showing.asking:
        explorer = searches().explorer(experiment)
        dragged = live_search(explorer, settings, picture.target, run_view.last, picture.index)
    run_key = f"{run_view.attempt}.learn.{showing.key}"
    return show_paths(
        run_key=run_key,
        scene=scene,
        arms=labels_of(picture, names),
        snapshots_since=lambda epoch: [snapshot for snapshot in snapshots if snapshot.epoch >= epoch],
        traces=traces,
        trace_key=f"{run_key} {showing.at} {len(traces)}" if traces else "",
        total_epochs=experiment.training.epochs,
        live=False,
        initial=PathsState(epoch=showing.epoch, playing=showing.plays and bool(traces), layer=showing.layer),
        tau=settings.tau,
        epsilon=settings.epsilon,
        locks=[locks_of(arm, run_view.scene.features) for arm in arms],
        on_place=on_place,
        live_search=dragged,
        energies=energies_of(run_view, picture),
        plain=Plain(
            hint=showing.hint,
            asking=showing.asking,
            columns=picture.columns,
            near=picture.near and showing.near,
            box=picture.box,
            neighbour=picture.neighbour,
            hidden=showing.hidden,
            marks=marks_of(run_view, picture, showing),
        ),
        key="learn-picture",
    )


def marks_of(run_view: RunView, picture: Picture, showing: Showing) -> tuple[Mark, ...]:
    """The person, the nascent point where the step is about it, and what the caller points out."""
    person = "this person" if picture.loan else "start"
    start = tuple(Mark(i, "start", showing.at, text=person) for i in range(len(picture.arms)))
    if not (picture.searched and showing.searched):
        return (*start, *showing.marks)
    found = list(searches_from(run_view, picture, showing.at).values())
    halfway = tuple(Mark(i, "point", one.halfway, text="early") for i, one in enumerate(found) if picture.box)
    return (*start, *halfway, *showing.marks)


def _epochs(run_view: RunView, picture: Picture) -> list[Snapshot]:
    """The snapshots that can be looked at."""
    return evenly_spaced(run_view.snapshots, EPOCHS_SHOWN) if picture.throughout else [run_view.snapshots[-1]]


def _snapshots(run_view: RunView, picture: Picture, *, hidden: bool) -> list[Snapshot]:
    """Those that are shown, with the models that are."""
    own = [only(snapshot, picture.index) for snapshot in _epochs(run_view, picture)]
    if not hidden:
        return own
    return [replace(s, field=None if s.field is None else np.full_like(s.field, UNDECIDED)) for s in own]


def _traces(run_view: RunView, picture: Picture, showing: Showing) -> tuple[Trace, ...]:
    at = showing.at
    if not (picture.searched and showing.searched):
        return ()

    def search(explorer: Explorer) -> tuple[Trace, ...]:
        return traces_of(explorer, _epochs(run_view, picture), picture, at)

    return searches().ask(run_view.experiment, ("learn traces", run_view.attempt, picture, at), search)


def still(run_view: RunView, picture: Picture) -> str:
    """The picture as HTML for print: one still for each model, under its heading."""
    scene, names = scene_of(run_view, picture)
    last = only(run_view.snapshots[-1], picture.index)
    traces = _traces(run_view, picture, Showing("still", "", picture.at))
    found = searches_from(run_view, picture, picture.at)
    source = energies_of(run_view, picture)
    tints = energy_tints(source.of([run_view.snapshots[-1]], source.usual)) if source else [None] * len(picture.arms)
    parts = []
    for i, (label, one) in enumerate(zip(labels_of(picture, names), found.values(), strict=True)):
        line = traces[-1].points[i, 0, : one.steps + 1] if traces else np.array([picture.at], dtype=np.float32)
        nearest = one.nearest if picture.near and traces else None
        ways = [Way(line, one.predicted, picture.target, one.arrived, nearest)]
        if last.field is None:
            continue
        png = base64.b64encode(boundary_png(scene, last.field[i], LIGHT, ways=ways, energy=tints[i])).decode()
        what = f"the energy of “{names.classes[picture.target]}”" if source else "the model's answers"
        alt = f"{label.title}: {what} over {names.features[0]} and {names.features[1]}, with one search."
        image = f'<img src="data:image/png;base64,{png}" alt="{alt}">'
        said = f"{label.title}{TINTED if source else ''}"
        parts.append(f"<figure>{image}<figcaption>{said}</figcaption></figure>")
    return f'<div class="ctviz-stills">{"".join(parts)}</div>'
