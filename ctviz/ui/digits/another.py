"""One digit that is to become another: before, after, what changed, and who can read it, a person first."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.catalogue.metrics import RECORDED
from ctviz.experiments.config import Experiment
from ctviz.experiments.presets import READABLE_SEARCH
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures import digit_words as words
from ctviz.figures.theme import reference_pair
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import counterfactuals, facts, pictures
from ctviz.ui.digits.components import ImageGridState, show_image_grid
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.layout import DigitsPart, Layout, Picture
from ctviz.ui.digits.memory import memory
from ctviz.ui.kit import bind, search
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.facts import fact_list
from ctviz.ui.kit.pages import DIGITS, FIRST_DIGITS
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.service import service

SEARCHES = {"strong": "Until it is sure", "paper": "As in the paper", "own": "As set"}
"""How far the search goes, as the page calls it; the last where it is neither."""

GUESSES: dict[str, tuple[bool, bool] | None] = {
    "In both": (True, True),
    "Only in the conventional one": (True, False),
    "Only in the counterfactual one": (False, True),
    "In neither": (False, False),
    "I would rather see": None,
}
"""What a person may answer → whether they read the target in the conventional model's digit, and in the other's."""

COLOURS = 85
"""Strength of the colours of changes and attributions here, in per cent."""


def controls(draft: Draft[DigitsView]) -> None:
    """How far the search goes, and its settings."""
    _how_far(draft)
    with st.expander("More on the search", key="group-search-another"):
        counterfactuals.controls(draft, inside=True)


def searches() -> dict[str, dict[str, Any]]:
    """The settings of the searches that are one click away."""
    measured = search.measured_search(Experiment.preset(DIGITS.preset)).model_dump()
    return {"strong": dict(READABLE_SEARCH), "paper": {name: measured[name] for name in READABLE_SEARCH}}


def _how_far(draft: Draft[DigitsView]) -> None:
    now = search.search_of(draft.experiment, draft.view.search).model_dump()
    offered = searches()
    shown = next((name for name, wanted in offered.items() if wanted.items() <= now.items()), "own")

    def take(name: str) -> None:
        if name in offered:
            search.change(draft, offered[name])

    bind.choice(
        "How far a search goes", [*offered, *(["own"] if shown == "own" else [])],
        bind.to("digits-how-far", shown, take), kind="buttons", words=SEARCHES,
        help="Until the model is all but sure of the digit aimed at, which shows what it knows of that digit; or, as "
        "in the paper, until it reads it at all.",
    )  # fmt: skip


def prepare() -> None:
    """Has many digits of the run that ships read before a class looks at them: that takes seconds."""
    run_view = service().run_view(Experiment.preset(FIRST_DIGITS["preset"]).key)
    if run_view is None:
        return
    snapshot = run_view.snapshots[-1]
    ask.counterfactual_numbers(run_view, snapshot, DigitsView(part="read"))
    ask.right(run_view, snapshot)


def show(layout: Layout) -> None:
    """Draws the part: the question first, then what the reader and the person say."""
    digit = layout.chosen_digit()
    if digit is None:
        return
    run_view, snapshot, view = layout.run_view, layout.snapshot, layout.view
    with layout.left, st.spinner("Making other digits of this one …"):
        found = ask.another(run_view, snapshot, digit, view)
        to = target(found, styles_pair(layout), view)
        seen = ask.looks(run_view, snapshot, _before_and_after(found, to), view)
    asked: Hashable = (run_view.key, snapshot.epoch, digit.key, to, view.search)
    pair, experiment = styles_pair(layout), layout.experiment
    answered = pair is None or asked in memory().guesses
    with layout.left:
        one, beside = st.columns([0.6, 0.4], gap="small")
        with one:
            grid = pictures.of_another(found, digit, to, experiment, told=answered)
            show_image_grid(grid, key=f"digits-another-{layout.draft.opened}", initial=ImageGridState(None, COLOURS))
        with beside:
            grid = pictures.of_looks(found, seen, to, experiment)
            show_image_grid(grid, key=f"digits-looks-{layout.draft.opened}", initial=ImageGridState(None, COLOURS))
    question = layout.right.container(key="digits-question")  # before all other digits, where one column holds both
    with layout.left:
        grid = pictures.of_targets(found, to, experiment, told=answered)
        show_image_grid(
            grid, key=f"digits-others-{layout.draft.opened}", on_cell=lambda cell: layout.draft.look(to=cell[1])
        )
    if not answered:
        layout.say(f"{layout.prefix}Would you read {words.an(to)} here?")
        with question:
            _ask(asked, to)
        return
    _tell(layout, question, found, to, memory().guesses.get(asked))


def _ask(asked: Hashable, to: int) -> None:
    """The question, and the answers that a person may give."""
    st.html(f'<p class="ctviz-invite">In which digit under “After” would you read {words.an(to)}?</p>')
    for position, (name, guess) in enumerate(GUESSES.items()):
        st.button(
            name, key=f"digits-guess-{position}", type="tertiary" if guess is None else "secondary", width="stretch",
            on_click=memory().guesses.__setitem__, args=(asked, guess),
        )  # fmt: skip
    st.caption(words.READER_ASKS)


def _tell(layout: Layout, beside: DeltaGenerator, found: ask.Another, to: int, guess: tuple[bool, bool] | None) -> None:
    """What the reader says of this digit and of many."""
    run_view, snapshot, styles, view = layout.run_view, layout.snapshot, layout.styles, layout.view
    pair = styles_pair(layout)
    with beside:
        fact_list([facts.read_here(found, to, styles, guess, pair)])
        with st.spinner(f"Reading counterfactuals of {ask.GROUP} test digits (a few seconds) …"):
            numbers = ask.counterfactual_numbers(run_view, snapshot, view)
            right, apart = ask.right(run_view, snapshot)
        limits, begun = pictures.limits_apart(layout.experiment), snapshot.epoch > 0
        taken = facts.taken(numbers, styles, limits, started=begun, only=facts.READ)
        fact_list([*taken[1:3], facts.right_as_is(right, apart, styles), *taken[3:], taken[0]])
        st.caption(words.about_reader())
    found_of_many, digits = counterfactuals.measured(numbers), _judged(numbers, pair)
    price = words.Measured(right, apart).between(RECORDED["validation_accuracy"], *(pair or (0, 0)))
    layout.say(words.headline_of_reading(styles, found_of_many, digits, price, layout.prefix))


def _judged(numbers: Any, pair: tuple[int, int] | None) -> int:
    return 0 if pair is None else int(min(numbers.judged[arm] for arm in pair))


def styles_pair(layout: Layout) -> tuple[int, int] | None:
    """Positions of the conventional model and of the one that is compared with it, if there are both."""
    conventional, trained = reference_pair(layout.styles)
    return None if conventional is None or trained is None else (conventional, trained)


def target(found: ask.Another, pair: tuple[int, int] | None, view: DigitsView) -> int:
    """The class that is aimed at: the one that was asked for, else the likeliest that no model reads already."""
    if view.to is not None:
        return view.to
    trace, first = found.trace, pair[0] if pair else 0
    open_ = trace.judged.all(axis=0)
    chances = np.where(open_, trace.probability[first, :, 0], -1)
    return int(trace.targets[int(chances.argmax())])


def _before_and_after(found: ask.Another, to: int) -> Any:
    points = found.trace.points
    return np.concatenate([points[:1, to, 0], points[:, to, 1]])


def picture(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> Picture | None:
    """The digit before and after."""
    digit = ask.digit_of(run_view, view)
    if digit is None:
        return None
    found = ask.another(run_view, snapshot, digit, view)
    conventional, trained = reference_pair(pictures.styles_of(run_view.experiment))
    pair = None if conventional is None or trained is None else (conventional, trained)
    grid = pictures.of_another(found, digit, target(found, pair, view), run_view.experiment, told=True)
    return Picture(grid, 0, COLOURS)


PART = DigitsPart(
    title="Can you read it?",
    lead="A model is to read another digit, so a search changes the pixels until it does. Would you read that digit "
    "too? Judge first; then see what a reader says that has no part in these models.",
    controls=controls,
    show=show,
    picture=picture,
    rows=counterfactuals.rows,
    settings=counterfactuals.PART.settings,
    samples=counterfactuals.PART.samples,
)
