"""What a person chooses on Trajectories: the run, the factuals, the class aimed at, the search and its settings.

What a control shows comes from the draft, so that the link, a click in the picture and a reset move it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import streamlit as st

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.reference_data import SAMPLES
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import DATASETS, FEATURE_NAMES
from ctviz.errors import ConfigError
from ctviz.experiments.config import PRESETS, STRESSES, Experiment
from ctviz.figures.advice import LOAN, Names
from ctviz.ui.kit import link
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import link_to, literal
from ctviz.ui.kit.pages import BOUNDARIES
from ctviz.ui.kit.panel import train_button
from ctviz.ui.kit.searches import searches
from ctviz.ui.kit.service import Service
from ctviz.ui.trajectories.names import names_in
from ctviz.ui.trajectories.view import (
    CLASS,
    MOST_FACTUALS,
    POINT,
    RANDOM,
    TracksView,
    change_search,
    measured_with,
    settings_of,
    used,
)  # fmt: skip
from ctviz.ui.vocabulary import CHOICES, WORDS, bounds

OPEN = -1
"""The choice that leaves the class aimed at open."""

PLANES = tuple(name for name, changes in PRESETS.items() if changes["data.name"] in DATASETS)
"""The presets whose data lie in a plane; those on images have a page of their own."""

OWN = "own"
"""The choice that stands for settings which no preset has."""

PICKS = {POINT: "Point", CLASS: "Class", RANDOM: "Random"}

TITLES = {
    "lock": "Moons, first feature locked",
    "objectives": "Moons, the four objectives",
    "generators": "Moons, trained without gradients",
    "stress": "Linearly separable, trained on bad searches",
    "figure1": "Figure 1 of the paper, x2 locked",
    "figure1-debt": "Figure 1 of the paper, x1 locked",
    "where": "Where a lock acts",
    "proxies": "Two Gaussians: proxies",
}
"""Presets that compare something; those of the data sets go by the name of the data."""


def choices(service: Service, draft: Draft[TracksView]) -> None:
    """Everything left of the picture."""
    _run(service, draft)
    names = names_in(service.run_view(draft.experiment.key), draft.experiment, draft.view)
    _names(draft)
    _factuals(draft, names)
    _target(draft, names)
    _search(draft)
    st.button(
        "Project: hide the controls", key="project", icon=":material/cast:", width="stretch",
        help="A view for a large screen; it is in the link.", on_click=draft.look, kwargs={"view": "project"},
    )  # fmt: skip


# -- the run -------------------------------------------------------------------------------------


def title_of(preset: str) -> str:
    """A preset in plain words."""
    return "As set on Boundaries" if preset == OWN else TITLES.get(preset) or CHOICES.get(preset) or preset


def preset_of(experiment: Experiment) -> str:
    """The preset that an experiment is, or ``OWN``."""
    return next((name for name in PLANES if Experiment.preset(name) == experiment), OWN)


def _run(service: Service, draft: Draft[TracksView]) -> None:
    shown = preset_of(draft.experiment)
    options = [*PLANES, *([OWN] if shown == OWN else [])]

    def take(preset: str) -> None:
        if preset != OWN:
            draft.start_from(Experiment.preset(preset))

    st.selectbox(
        "Models", options, options.index(shown), format_func=title_of,
        help="The run whose models are searched. Runs of other settings are made on Boundaries.",
        **_control("run", shown, take),
    )  # fmt: skip
    there = link.write(draft.experiment, link.View(epoch=draft.view.epoch))
    link_to(BOUNDARIES, "Open in Boundaries", there, ":material/open_in_new:")
    if service.state(draft.experiment.key).state != "done":
        train_button(service, draft)


# -- where searches start, and where to ------------------------------------------------------------


def _names(draft: Draft[TracksView]) -> None:
    """What features and classes are called, where the paper's first figure has names for them."""
    shown = draft.view.names
    if shown == "plain" and draft.experiment.data != Experiment.preset("figure1").data:
        return
    options = {"figure": ", ".join(LOAN), "plain": ", ".join(FEATURE_NAMES)}
    st.segmented_control(
        "Names", list(options), default=shown, required=True, format_func=options.__getitem__,
        help="What features and classes are called. It changes nothing but the words.",
        **_control("names", shown, lambda names: draft.look(names=names)),
    )  # fmt: skip


def _factuals(draft: Draft[TracksView], names: Names) -> None:
    view, classes = draft.view, draft.experiment.data.classes
    shown = CLASS if view.own_class is not None else view.pick

    def take(pick: str | None) -> None:
        if pick == POINT:
            draft.view = _with_point(draft.view, _first_sample(draft.experiment))
            draft.touched = True
        else:
            draft.look(pick=f"{CLASS}0" if pick == CLASS else RANDOM, at=None, selected=None)

    st.segmented_control(
        "Searches start from", list(PICKS), default=shown, format_func=PICKS.__getitem__, required=True,
        help="Points whose decision is to be changed (factuals). Clicking in a picture always chooses that point.",
        **_control("pick", shown, take),
    )  # fmt: skip
    if shown == POINT and view.at is not None:
        _coordinates(draft, view.at, names)
        return
    if shown == CLASS:
        own = view.own_class or 0
        st.selectbox(
            "Class", range(classes), own, format_func=names.headed, help="Validation samples of this class.",
            **_control("own-class", own, lambda c: draft.look(pick=f"{CLASS}{c}", selected=None)),
        )  # fmt: skip
    st.number_input(
        "How many", 1, MOST_FACTUALS, view.count, step=10,
        help="Validation samples, drawn once and kept; fewer where there are not so many.",
        **_control("count", view.count, lambda count: draft.look(count=count, selected=None)),
    )  # fmt: skip
    if shown == RANDOM and view.count != 100:
        st.button(
            "One hundred at random", key="hundred", type="tertiary", on_click=draft.look,
            kwargs={"count": 100, "selected": None},
        )  # fmt: skip


def _with_point(view: TracksView, at: tuple[float, float]) -> TracksView:
    return TracksView(**{**view.model_dump(), "pick": POINT, "at": at, "selected": None})


def _first_sample(experiment: Experiment) -> tuple[float, float]:
    """A point to begin with where one is to be chosen and none has been clicked."""
    X, _ = searches().explorer(experiment).pick("random", 1)
    return float(X[0, 0]), float(X[0, 1])


def _coordinates(draft: Draft[TracksView], at: tuple[float, float], names: Names) -> None:
    """The point in numbers, for who does not click."""
    for axis, cell in enumerate(st.columns(2)):
        feature = names.features[axis]

        def take(value: float, axis: int = axis) -> None:
            draft.view = _with_point(draft.view, (value, at[1]) if axis == 0 else (at[0], value))
            draft.touched = True

        with cell:
            st.number_input(
                feature.capitalize() if names.loan else feature, -1e6, 1e6, at[axis], step=0.1, format="%g",
                help="Where the search starts, in data units.",
                **_control(f"at-{axis}", at[axis], take),
            )  # fmt: skip


def _target(draft: Draft[TracksView], names: Names) -> None:
    classes, target = draft.experiment.data.classes, draft.view.target
    shown = OPEN if target is None else target
    options = [OPEN, *range(classes)]
    undecided = "The other class" if classes == 2 else "The next class"
    st.selectbox(
        "Aim at", options, options.index(shown),
        format_func=lambda c: undecided if c == OPEN else names.headed(c),
        help="The class that the decision is to change to (y⁺). Left open, it is the one after that which the first "
        "model gives the point; the same for all models.",
        **_control("target", shown, lambda c: draft.look(target=None if c == OPEN else c)),
    )  # fmt: skip


# -- the search --------------------------------------------------------------------------------------


def _search(draft: Draft[TracksView]) -> None:
    settings = settings_of(draft.experiment, draft.view)
    st.selectbox(
        "Search", list(GENERATORS), list(GENERATORS).index(settings.generator),
        format_func=lambda name: GENERATORS[name].title, help="How counterfactuals are found (generator).",
        **_control("search.generator", settings.generator, lambda name: _change(draft, {"generator": name})),
    )  # fmt: skip
    st.caption(f"{GENERATORS[settings.generator].words} ({GENERATORS[settings.generator].source})")
    # Noise belongs to the searches made worse: it is shown where there is some.
    names = [name for name in used(settings) if name != "gradient_noise" or settings.gradient_noise]
    for start in range(0, len(names), 2):
        for cell, name in zip(st.columns(2), names[start : start + 2], strict=False):
            with cell:
                _knob(draft, settings, name)
    _say_neighbours(draft.experiment, settings)
    for refused in draft.refused.values():
        st.error(literal(refused), icon=":material/block:")
    _slow_motion(draft, settings)
    _stress(draft, settings)
    if draft.view.search:
        st.button(
            "Back to the run's own search", key="reset-search", type="tertiary", icon=":material/undo:",
            on_click=draft.look, kwargs={"search": ()},
        )  # fmt: skip
    else:
        st.caption("The search that this run was measured with after each epoch.")


def _say_neighbours(experiment: Experiment, settings: SearchSettings) -> None:
    samples = min(experiment.data.n_train, SAMPLES)
    if settings.generator == "face" and settings.neighbours >= samples:
        st.caption(f"There are only {samples} samples: each is joined to all the others.")


def _slow_motion(draft: Draft[TracksView], settings: SearchSettings) -> None:
    """Smaller steps, so that the way is seen and not only its ends."""
    own = measured_with(draft.experiment.evaluation)
    slow = {"step_size": float(f"{own.step_size / 10:.5g}"), "steps": min(4 * own.steps, 1000)}
    if "step_size" in used(settings) and not worsened_by(settings, slow):
        st.button(
            "Slow motion: tenth of a step", key="slow-motion", type="tertiary", icon=":material/slow_motion_video:",
            help="Steps ten times smaller and four times as many, so that the way is seen and not only its ends. Long "
            "steps also leap across a boundary: what they find says less about the model.",
            on_click=lambda: _change(draft, slow),
        )  # fmt: skip


def _knob(draft: Draft[TracksView], settings: SearchSettings, name: str) -> None:
    path = f"arms.{name}"
    words, value = WORDS[path], getattr(settings, name)
    low, high = bounds(f"arms.any.{name}")
    if name == "tau":
        low = max(low or 0.0, 1 / draft.experiment.data.classes)
    cast: Callable[[Any], Any] = int if isinstance(value, int) else float
    st.number_input(
        plain_label(words.label), None if low is None else cast(low), None if high is None else cast(high), cast(value),
        step=cast(_press(value, words.step)), format="%d" if cast is int else "%g", help=words.help,
        **_control(f"search.{name}", cast(value), lambda chosen: _change(draft, {name: chosen})),
    )  # fmt: skip


def _press(value: float, usual: float) -> float:
    """What a press on + or − changes: less than usual where the value is small, so that it can be lowered at all."""
    if isinstance(value, int) or value <= 0:
        return usual
    return min(usual, 10.0 ** math.floor(math.log10(value / 2)))


def plain_label(label: str) -> str:
    """A label without its symbol, which the help gives."""
    return label.partition(" (")[0]


def _change(draft: Draft[TracksView], changes: dict[str, Any]) -> None:
    try:
        view = change_search(draft.experiment, draft.view, changes)
    except ConfigError as error:
        draft.refused = {f"search.{error.field}": f"{error.value!r} is not possible; allowed: {error.allowed}."}
        return
    draft.refused = {}
    draft.look(search=view.search)


def _stress(draft: Draft[TracksView], settings: SearchSettings) -> None:
    """Searches made worse on purpose, and the way back."""
    shown = next((name for name, stress in STRESSES.items() if worsened_by(settings, dict(stress.changes))), None)
    own = measured_with(draft.experiment.evaluation)

    def take(name: str | None) -> None:
        back = {field: getattr(own, field) for stress in STRESSES.values() for field in dict(stress.changes)}
        _change(draft, {**back, **(dict(STRESSES[name].changes) if name else {})})

    st.pills(
        "A search made worse", list(STRESSES), default=shown, format_func=lambda n: STRESSES[n].title,
        help="What becomes of advice when the search behind it is bad: settings that spoil it on purpose.",
        **_control("stress", shown, take),
    )  # fmt: skip
    if shown:
        st.caption(STRESSES[shown].words)


def worsened_by(settings: SearchSettings, changes: dict[str, Any]) -> bool:
    """Whether a search has all these settings."""
    return all(getattr(settings, name) == value for name, value in changes.items())


# -- one control -----------------------------------------------------------------------------------


def _control(name: str, shown: Any, take: Callable[[Any], None]) -> dict[str, Any]:
    """Makes a control show ``shown``, and what every widget needs: its key, and what becomes of a new value."""
    key = f"explore-{name}"
    if key not in st.session_state or st.session_state[key] != shown:
        st.session_state[key] = shown

    def changed() -> None:
        value = st.session_state[key]
        # Who clicks into the picture while the controls are still loading makes each of them report what it shows.
        if value != shown and (value is not None or name == "stress"):
            take(value)

    return {"key": key, "on_change": changed}
