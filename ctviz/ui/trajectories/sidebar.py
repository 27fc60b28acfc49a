"""What a person chooses on Trajectories: the run, the factuals, the class aimed at, the search and its settings.

What a control shows comes from the draft, so that the link, a click in the picture and a reset move it too.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.catalogue.settings import CHOICES
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.reference_data import MAX_SAMPLES
from ctviz.counterfactuals.search_settings import SHORT_STEP, SearchSettings
from ctviz.data.catalogue import PLANES
from ctviz.data.display import DisplayScale
from ctviz.experiments.config import Experiment
from ctviz.experiments.presets import PRESETS, STRESSES
from ctviz.figures.advice import Names
from ctviz.ui.kit import bind, link, search
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.feature_names import choose_names, names_in
from ctviz.ui.kit.frame import project_button
from ctviz.ui.kit.searches import CLASS, POINT, RANDOM, searches
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.training import train_button
from ctviz.ui.trajectories.tracks_view import MOST_FACTUALS, MOST_SOLVED, TracksView, is_exact

OPEN = -1
"""The choice that leaves the class aimed at open."""

ON_PLANES = tuple(name for name, changes in PRESETS.items() if changes["data.name"] in PLANES)
"""The presets whose data lie in a plane; those on images have a page of their own."""

OWN = "own"
"""The choice that stands for settings which no preset has."""

PICKS = {POINT: "Point", CLASS: "Class", RANDOM: "Random"}

TITLES = {
    "lock": "Moons, first feature locked",
    "objectives": "Moons, the four objectives",
    "generators": "Moons, trained without gradients",
    "stress": "Linearly separable, trained on bad searches",
    "loans": "Loans, in short steps",
    "figure1": "Figure 1 of the paper, x2 locked",
    "figure1-debt": "Figure 1 of the paper, x1 locked",
    "figure1-short": "Figure 1 of the paper, x2 locked, in short steps",
    "figure1-varied": "Figure 1 of the paper without locks, boxes by the way, in short steps",
    "ls-averaged": "Linearly separable, boxes by the way, averaged weights",
    "where": "Where a lock acts",
    "where-short": "Where a lock acts, in short steps",
    "proxies": "Two Gaussians: proxies",
    "proxies-linked": "Two Gaussians: proxies that go along",
}
"""Presets that compare something; those of the data sets go by the name of the data."""


def sidebar(service: Service, draft: Draft[TracksView]) -> None:
    """Everything left of the picture."""
    _run(service, draft)
    names = names_in(service.run_view(draft.experiment.key), draft.experiment, draft.view.names)
    if draft.view.names == "figure" or draft.experiment.data == Experiment.preset("figure1").data:
        choose_names(draft, "explore-names")
    _factuals(draft, names)
    _target(draft, names)
    _search(draft)
    project_button(draft)


# -- the run -------------------------------------------------------------------------------------


def title_of(preset: str) -> str:
    """A preset in plain words."""
    return "As set on Boundaries" if preset == OWN else TITLES.get(preset) or CHOICES.get(preset) or preset


def preset_of(experiment: Experiment) -> str:
    """The preset that an experiment is, or ``OWN``."""
    return next((name for name in ON_PLANES if Experiment.preset(name) == experiment), OWN)


def _run(service: Service, draft: Draft[TracksView]) -> None:
    shown = preset_of(draft.experiment)

    def take(preset: str) -> None:
        if preset != OWN:
            draft.start_from(Experiment.preset(preset))

    bind.choice(
        "Models", [*ON_PLANES, *([OWN] if shown == OWN else [])], bind.to("explore-run", shown, take), words=title_of,
        help="The run whose models are searched. Runs of other settings are made on Boundaries.",
    )  # fmt: skip
    if service.state(draft.experiment.key).state != "done":
        train_button(service, draft)


# -- where searches start, and where to ------------------------------------------------------------


def _factuals(draft: Draft[TracksView], names: Names) -> None:
    view, classes = draft.view, draft.experiment.data.classes
    shown = CLASS if view.own_class is not None else view.pick

    def take(pick: str) -> None:
        if pick == POINT:
            _take_point(draft, _first_sample(draft.experiment))
        else:
            draft.look(pick=f"{CLASS}0" if pick == CLASS else RANDOM, at=None, selected=None)

    bind.choice(
        "Searches start from", PICKS, bind.to("explore-pick", shown, take), kind="buttons", words=PICKS,
        help="Points whose decision is to be changed (factuals). Clicking in a picture always chooses that point.",
    )  # fmt: skip
    if shown == POINT and view.at is not None:
        _coordinates(draft, view.at, names)
        return
    if shown == CLASS:
        own = bind.to("explore-own-class", view.own_class, lambda c: draft.look(pick=f"{CLASS}{c}", selected=None))
        bind.choice("Class", range(classes), own, words=names.headed, help="Validation samples of this class.")
    bind.number(
        "How many", bind.to_view(draft, "count", key="explore-count", selected=None), 1, MOST_FACTUALS, step=10,
        help="Validation samples, drawn once and kept; fewer where there are not so many.",
    )  # fmt: skip
    if shown == RANDOM and view.count != 100:
        st.button(
            "One hundred at random", key="hundred", type="tertiary", on_click=draft.look,
            kwargs={"count": 100, "selected": None},
        )  # fmt: skip


def _take_point(draft: Draft[TracksView], at: tuple[float, float]) -> None:
    draft.look(**TracksView(pick=POINT, at=at).model_dump(include={"pick", "at", "selected"}))


def _first_sample(experiment: Experiment) -> tuple[float, float]:
    """A point to begin with where one is to be chosen and none has been clicked."""
    X, _ = searches().explorer(experiment).pick("random", 1)
    return float(X[0, 0]), float(X[0, 1])


def _coordinates(draft: Draft[TracksView], at: tuple[float, float], names: Names) -> None:
    """The coordinates of the point, for people who do not click."""
    for axis, cell in enumerate(st.columns(2)):
        feature, scale = names.features[axis], names.scales[axis]

        def take(value: float, axis: int = axis, scale: DisplayScale = scale) -> None:
            moved = value if scale.plain else float(link.rounded(scale.of_shown(value)))
            _take_point(draft, (moved, at[1]) if axis == 0 else (at[0], moved))

        with cell:
            bind.number(
                scale.titled(feature.capitalize() if names.loan else feature),
                bind.to(f"explore-at-{axis}", at[axis] if scale.plain else scale.rounded(at[axis]), take),
                -1e6, 1e6, step=0.1 if scale.plain else scale.step, help="Where the search starts.",
            )  # fmt: skip


def _target(draft: Draft[TracksView], names: Names) -> None:
    classes, target = draft.experiment.data.classes, draft.view.target
    undecided = "The other class" if classes == 2 else "The next class"
    bind.choice(
        "Aim at", [OPEN, *range(classes)],
        bind.to("explore-target", OPEN if target is None else target,
                lambda c: draft.look(target=None if c == OPEN else c)),
        words=lambda c: undecided if c == OPEN else names.headed(c),
        help="The class that the decision is to change to (y⁺). Left open, it is the one after that which the first "
        "model gives the point; the same for all models.",
    )  # fmt: skip


# -- the search --------------------------------------------------------------------------------------


def _search(draft: Draft[TracksView]) -> None:
    settings = search.generator(draft, "explore-search")
    # Noise belongs to the searches made worse: it is shown where there is some.
    used = GENERATORS[settings.generator].settings
    names = [name for name in used if name != "gradient_noise" or settings.gradient_noise]
    search.numbers(draft, "explore-search", names, columns=2)
    if is_exact(settings):
        st.caption(f"Up to {MOST_SOLVED} starting points at the epoch shown: each is a program to be solved.")
    _say_neighbours(draft.experiment, settings)
    _slow_motion(draft, settings)
    _stress(draft, settings)
    search.back_button(draft)


def _say_neighbours(experiment: Experiment, settings: SearchSettings) -> None:
    samples = min(experiment.data.n_train, MAX_SAMPLES)
    if settings.generator == "face" and settings.neighbours >= samples:
        st.caption(f"There are only {samples} samples: each is joined to all the others.")


def _slow_motion(draft: Draft[TracksView], settings: SearchSettings) -> None:
    """Shorter steps, so that the way is seen and not only its ends."""
    used, own = GENERATORS[settings.generator].settings, search.measured_search(draft.experiment)
    slow, how = own.short_steps(), f"No step longer than {SHORT_STEP:.0%} of the spread of the data,"
    if "step_bound" not in used:
        del slow["step_bound"]
        slow["step_size"], how = float(f"{own.step_size / 10:.5g}"), "Steps ten times smaller,"
    if "step_size" in used and not worsened_by(settings, slow):
        st.button(
            "Slow motion: short steps", key="slow-motion", type="tertiary", icon=":material/slow_motion_video:",
            help=f"{how} and four times as many, so that the way is seen and not only its ends. Long steps also leap "
            "across a boundary: what they find says less about the model.",
            on_click=lambda: search.change(draft, slow),
        )  # fmt: skip


def _stress(draft: Draft[TracksView], settings: SearchSettings) -> None:
    """Searches made worse on purpose, and the way back."""
    shown = next((name for name, stress in STRESSES.items() if worsened_by(settings, dict(stress.changes))), None)
    own = search.measured_search(draft.experiment)

    def take(name: str | None) -> None:
        back = {field: getattr(own, field) for stress in STRESSES.values() for field in dict(stress.changes)}
        search.change(draft, {**back, **(dict(STRESSES[name].changes) if name else {})})

    bind.choice(
        "A search made worse", STRESSES, bind.to("explore-stress", shown, take), kind="pills", none=True,
        words=lambda name: STRESSES[name].title,
        help="What becomes of advice when the search behind it is bad: settings that spoil it on purpose.",
    )  # fmt: skip
    if shown:
        st.caption(STRESSES[shown].words)


def worsened_by(settings: SearchSettings, changes: dict[str, Any]) -> bool:
    """Whether a search has all these settings."""
    return all(getattr(settings, name) == value for name, value in changes.items())
