"""Searches as they are explored: the picture of every arm's paths, what came of them, and where they end.

The picture is a fragment, so that a click or a change of epoch is answered without the rest of the page; that follows
in a second run, where intervals and figures are drawn too.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.catalogue.settings import CHOICES
from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment
from ctviz.experiments.endpoints import Endpoints
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.trace import Trace
from ctviz.figures.advice import Names
from ctviz.figures.checked import CheckedFigure, Drawings
from ctviz.figures.endpoints import Ends, Reference, describe, endpoints
from ctviz.figures.stage.live_search import live_search
from ctviz.figures.stage.recording import arm_labels
from ctviz.figures.stage.trace import locks_of
from ctviz.figures.theme import ArmStyle, Palette, arm_styles
from ctviz.ui.kit import link, sight
from ctviz.ui.kit.autoencoder import awaited, say_fitting
from ctviz.ui.kit.draft import Draft, draft_now, run_again, write_link
from ctviz.ui.kit.export import share_is_open
from ctviz.ui.kit.facts import fact_list
from ctviz.ui.kit.feature_names import names_of, renamed
from ctviz.ui.kit.frame import details, link_to, literal, live, page_title
from ctviz.ui.kit.pages import BOUNDARIES
from ctviz.ui.kit.player import PathsState, show_paths
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import POINT, Answer, Question, searches
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.tables import scrolling
from ctviz.ui.kit.theme import follow_theme, palette
from ctviz.ui.kit.watch import REDRAW, expectation, let_picture_go_first, run_view_of, slower, status, trains
from ctviz.ui.trajectories import words as words
from ctviz.ui.trajectories.tracks_view import TracksView, is_exact, question, settings_of

SHARES = (0.76, 0.24)
"""Of the width: the picture, and what is beside it."""

POLL = 0.5
"""Seconds between two looks while a run is live, or while the autoencoder of a data set is fitted."""


@dataclass(frozen=True)
class ShownSearches:
    """What a page shows at the moment."""

    run_view: RunView
    asked: Question
    answer: Answer
    trace: Trace  # at the epoch that the picture rests on
    explorer: Explorer
    names: Names
    styles: tuple[ArmStyle, ...]
    selected: int | None  # the factual that was chosen; the only one, if there is one


def explore(service: Service, draft: Draft[TracksView]) -> None:
    """Finding, picture, and beside it what came of the searches; growing while the run trains."""
    follow_theme()
    st.session_state["explore-whole"] = True

    def every() -> float | None:
        now = draft_now()
        return POLL if service.state(now.experiment.key).live or _awaits_vae(service, now) else None

    live(lambda: _explore(service), every, slower(service))


def below(service: Service) -> None:
    """What training would make of the chosen search; where the searches end, against real data: once in sight."""
    with details():
        live(lambda: _below(service), lambda: REDRAW if sight.seen() and trains(service) else None, slower(service))


# -- the picture -------------------------------------------------------------------------------------


def _explore(service: Service) -> None:
    draft: Draft[TracksView] = draft_now()
    whole = st.session_state.pop("explore-whole", False)
    state = service.state(draft.experiment.key)
    run_view = run_view_of(service, draft, state)
    headline = st.container()
    with st.container(key="status"):
        status(service, draft, state, run_view)
    if run_view is None:
        with headline:
            page_title(expectation(state))
        _show_another(service, draft)
        return
    said = st.container()
    projecting = draft.view.view == "project"
    left, right = (st.container(), None) if projecting else st.columns(SHARES, gap="medium")
    seen = _searched(service, draft, run_view, live=state.live, said=said)
    with left:
        resting = _tracks(draft, run_view, seen, live=state.live)
    followed = sight.seen() or share_is_open()
    if _follow(draft, resting):
        st.rerun(scope="app" if whole or followed else "fragment")
    _tell(draft, seen, headline, said, right)
    about = _about(draft.view, seen if followed else None, live=state.live)
    if not whole and st.session_state.get("explored") != about:
        run_again()
    st.session_state["explored"] = about


def _about(view: TracksView, seen: ShownSearches | None, *, live: bool) -> tuple[object, ...]:
    """What the rest of the page depends on: the controls on where searches start, and what is told of searches
    elsewhere (``seen``, if it is) on all of them; of a live run, only on what the person has chosen, since it redraws
    by itself."""
    told = () if seen is None else (view.epoch, view.selected, None if live else (seen.asked, seen.trace.epoch))
    return view.pick, view.at, *told


def _show_another(service: Service, draft: Draft[TracksView]) -> None:
    """Keeps a run in sight, dimmed and named, until there is something to show of the one that was asked for."""
    names = (draft.experiment.data.name, "moons")
    run_view = next(
        (found for found in (service.run_view(Experiment.preset(name).key) for name in names) if found), None
    )
    if run_view is None:
        return
    st.caption(f"Dimmed, until then: {CHOICES[run_view.experiment.data.name]}, without searches.")
    left, _ = st.columns(SHARES, gap="medium")
    dimmed = Draft(run_view.experiment, TracksView(layers=("points", "contours")))
    with left, st.container(key="earlier"):
        _tracks(dimmed, run_view, None, live=False, key="another")


def _searched(
    service: Service, draft: Draft[TracksView], run_view: RunView, *, live: bool, said: DeltaGenerator
) -> ShownSearches | None:
    """The searches that the view asks for; None where there are none, and then why, in words."""
    if _awaits_vae(service, draft):
        with said:
            say_fitting(service, draft.experiment.data, settings_of(draft.experiment, draft.view))
        return None
    exact = is_exact(settings_of(draft.experiment, draft.view))
    try:
        with said, st.spinner("Looking for the cheapest and its proof …") if exact else nullcontext():
            return _seen(draft.view, run_view, live=live)
    except CtvizError as error:
        said.error(literal(str(error)), icon=":material/block:")
        return None


def _seen(view: TracksView, run_view: RunView, *, live: bool) -> ShownSearches:
    """What there is to see, searched now or before.

    Raises:
        CtvizError: settings or factuals that cannot be searched.
    """
    asked, shared = question(run_view, view, live=live), searches()
    answer = shared.answer(run_view, asked)
    trace = answer.at(run_view.at(view.epoch).epoch)
    factuals = int(trace.group[-1]) + 1 if len(trace) else 0
    chosen = view.selected
    selected = 0 if factuals == 1 else chosen if chosen is not None and chosen < factuals else None
    explorer, names = shared.explorer(run_view.experiment), names_of(run_view.scene, view.names)
    return ShownSearches(
        run_view,
        asked,
        answer,
        trace,
        explorer,
        names,
        arm_styles(run_view.experiment, names.features, names.scales),
        selected,
    )


def seen_now(service: Service, draft: Draft[TracksView]) -> ShownSearches | None:
    """What the page shows at the moment; None where that is nothing, the picture having said why."""
    run_view = service.run_view(draft.experiment.key)
    if run_view is None or _awaits_vae(service, draft):
        return None
    try:
        return _seen(draft.view, run_view, live=service.state(draft.experiment.key).live)
    except CtvizError:
        return None


def _tracks(
    draft: Draft[TracksView], run_view: RunView, seen: ShownSearches | None, *, live: bool, key: str | None = None
) -> PathsState:
    view, experiment = draft.view, run_view.experiment
    settings, names = settings_of(experiment, view), names_of(run_view.scene, view.names)

    def place(at: tuple[float, float]) -> None:
        draft.view = TracksView(**{**draft.view.model_dump(), "pick": POINT, "at": at, "selected": None})

    return show_paths(
        run_key=f"{run_view.attempt}.{view.names}" if names.loan else run_view.attempt,
        scene=renamed(run_view.scene, names),
        arms=arm_labels(experiment, names.features, names.scales),
        snapshots_since=run_view.since,
        traces=seen.answer.traces if seen else (),
        trace_key=seen.asked.key if seen else "",
        total_epochs=experiment.training.epochs,
        live=live,
        initial=PathsState(
            epoch=view.epoch, step=view.step, selected=view.selected, playing=bool(view.play), speed=view.speed,
            loop=bool(view.loop), layers=view.layers,
        ),
        tau=settings.tau,
        epsilon=settings.epsilon,
        locks=[locks_of(arm, run_view.scene.features) for arm in experiment.arms],
        on_place=place if seen or key is None else None,
        live_search=live_search(seen.explorer, settings, view.target, run_view.last) if seen else None,
        key=key or f"tracks-{draft.opened}",
    )  # fmt: skip


def _follow(draft: Draft[TracksView], resting: PathsState) -> bool:
    """Takes what the person has come to rest on into the view; whether that asks for another answer."""
    before = draft.view
    rest = {
        "epoch": resting.epoch, "step": resting.step, "selected": resting.selected, "play": int(resting.playing),
        "speed": resting.speed, "loop": int(resting.loop), "layers": resting.layers,
    }  # fmt: skip
    draft.view = TracksView(**{**before.model_dump(), **rest})
    write_link(draft)
    return (draft.view.epoch, draft.view.selected) != (before.epoch, before.selected)


def _tell(
    draft: Draft[TracksView],
    seen: ShownSearches | None,
    headline: DeltaGenerator,
    said: DeltaGenerator,
    right: DeltaGenerator | None,
) -> None:
    """The finding over the picture, the outcomes beside it, and the way to the same run on Boundaries."""
    if seen is None:
        with headline:
            page_title("Nothing has been searched yet.")
        return
    trace, styles, ends = seen.trace, seen.styles, ends_of(seen)
    with headline:
        page_title(words.headline(trace, styles, ends, seen.run_view.last))
    for note in words.notes(trace, seen.selected, seen.asked.count):
        said.caption(f":material/info: {note}")
    if right is not None:
        with right:
            _beside(seen, ends)
            there = link.write(draft.experiment, link.View(epoch=draft.view.epoch))
            link_to(BOUNDARIES, "Open in Boundaries", there, ":material/open_in_new:")


def _beside(seen: ShownSearches, ends: Endpoints | None) -> None:
    trace, styles, chosen = seen.trace, seen.styles, seen.selected
    if chosen is None:
        facts = words.outcome_facts(trace, styles) + (words.end_facts(ends, styles) if ends else [])
    else:
        facts = words.search_facts(seen.explorer, trace, styles, chosen, seen.names)
    fact_list(facts)
    if chosen is None:
        st.caption("Choose a path, or click anywhere in a picture, to follow one search.")


def ends_of(seen: ShownSearches) -> Endpoints | None:
    """Where the searches ended, measured; nothing for a single one."""
    return searches().endpoints(seen.run_view, seen.asked, seen.trace) if len(seen.trace) > 1 else None


# -- what REVISE needs once ----------------------------------------------------------------------------


def _awaits_vae(service: Service, draft: Draft[TracksView]) -> bool:
    """Whether the chosen search needs an autoencoder that is still to be fitted."""
    return awaited(service, draft.experiment.data, settings_of(draft.experiment, draft.view))


# -- below -------------------------------------------------------------------------------------------


def _below(service: Service) -> None:
    draft: Draft[TracksView] = draft_now()
    seen = seen_now(service, draft)
    if seen is None or not len(seen.trace) or not sight.in_sight():
        return
    if not trains(service):
        let_picture_go_first("ends", seen.asked)
    if seen.selected is not None:
        _lesson(seen, seen.selected)
    ends = ends_of(seen)
    if ends is not None:
        _where_they_end(seen, ends)


def _lesson(seen: ShownSearches, factual: int) -> None:
    st.subheader("What training would make of this search", anchor=False)
    label = None if seen.answer.labels is None else int(seen.answer.labels[factual])
    rows = [words.best_row(seen.trace, arm, factual) for arm in range(seen.trace.m)]
    loss_terms = [seen.explorer.loss_terms(seen.trace, arm, row, label) for arm, row in enumerate(rows)]
    scrolling("What training would make of this search", words.loss_terms_table(loss_terms, seen.styles))
    st.caption(
        "Energies are of the class aimed at, E(x, y⁺) = −M(x)[y⁺]: the lower, the likelier the model finds the point. "
        "The real sample x⁺ is drawn from that class; what a lock forbids to change is taken from the counterfactual."
    )


def _where_they_end(seen: ShownSearches, ends: Endpoints) -> None:
    st.subheader("Where the searches end, against real data of the class aimed at", anchor=False)
    aimed = _aimed_at(ends, seen.names)
    colours, scene = palette(), renamed(seen.run_view.scene, seen.names)
    for cell, feature in zip(st.columns(2, gap="large"), range(len(scene.features)), strict=True):
        shown = seen.names.scales[feature].to_shown
        parts = [shown(ends.projected(arm, aimed, feature)[0]) for arm in range(seen.trace.m)]
        drawn = [Ends(style, values) for style, values in zip(seen.styles, parts, strict=True)]
        reference = Reference(scene.classes[aimed], aimed, shown(ends.samples[aimed][:, feature]))
        extent = (float(shown(scene.lower[feature])), float(shown(scene.upper[feature])))
        name = seen.names.scales[feature].titled(scene.features[feature])
        cell.plotly_chart(
            _drawn(name, drawn, reference, extent, colours), key=f"ends-{feature}", theme=None,
            alt=describe(name, drawn, reference), config={"displayModeBar": False},
        )  # fmt: skip
    scrolling("Where the searches end, in numbers", words.ends_table(ends, seen.styles))
    st.caption(
        f"Filled: real data. Lines and ticks: where searches end, of {_judged(ends)}. Below each number its 99 % "
        "interval, by drawing the points anew 2,000 times; * marks differences whose interval leaves out zero. "
        "Real data are the validation samples."
    )


_DRAWINGS = Drawings()


def _drawn(
    feature: str, ends: Sequence[Ends], reference: Reference, extent: tuple[float, float], colours: Palette
) -> CheckedFigure:
    """A chart of where searches end, drawn once for all sessions."""
    of = tuple((end.style, end.values.tobytes()) for end in ends)
    place = feature, of, reference.name, reference.colour, reference.values.tobytes(), extent, colours
    return _DRAWINGS.get(place, lambda: endpoints(feature, ends, reference, extent, colours))


def _judged(ends: Endpoints) -> str:
    counts = sorted(set(ends.judged.tolist()))
    if len(counts) == 1:
        return f"{counts[0]} searches that set out from another class"
    return f"{counts[0]} to {counts[-1]} searches that set out from another class, by model"


def _aimed_at(ends: Endpoints, names: Names) -> int:
    """The class whose endpoints are drawn: the most frequent target, or another that the person prefers."""
    classes, counts = np.unique(ends.targets, return_counts=True)
    most = int(classes[np.argmax(counts)])
    if len(classes) == 1:
        return most
    chosen = st.segmented_control(
        "Searches that aim at", classes.tolist(), default=most, format_func=names.headed, required=True,
        key="explore-aimed",
    )  # fmt: skip
    return most if chosen is None else int(chosen)
