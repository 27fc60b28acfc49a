"""Counterfactual digits: one digit on its way to every class, and what that takes over many digits."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import streamlit as st
import torch

from ctviz.catalogue.metrics import DIGIT_METRICS
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import TrainingGeneratorName
from ctviz.evaluation.images import roughness
from ctviz.experiments.images.answers import ImageNumbers, ImageTrace
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures import digit_words as words
from ctviz.figures.theme import reference_pair
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import facts, pictures
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.layout import DigitsPart, Layout, Picture, interval_rows
from ctviz.ui.kit import search
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.facts import fact_list
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.settings import of_search

KEY = "digits-search"

FIRST = ("lambda_egy", "tau", "steps")
"""Settings of a search that everybody sees."""

MOST = {"steps": pictures.MOST_STEPS}
"""The largest numbers that the page offers: each step is a picture of every class by every model."""


def controls(draft: Draft[DigitsView], *, inside: bool = False) -> None:
    """The search; ``inside`` of a group that can be closed, which holds no other."""
    settings = search.generator(draft, KEY, get_args(TrainingGeneratorName), frame=None)
    used = GENERATORS[settings.generator].settings
    search.numbers(draft, KEY, [name for name in FIRST if name in used], most=MOST, frame=None)
    rest = [name for name in used if name not in FIRST]
    if rest:
        with st.container() if inside else st.expander("More on the search", key="group-search-view"):
            search.numbers(draft, KEY, rest, frame=None)
    search.back_button(draft, frame=None)


def show(layout: Layout) -> None:
    """Draws the part; the picture's frames are steps of the search."""
    run_view, snapshot, styles = layout.run_view, layout.snapshot, layout.styles
    digit = layout.chosen_digit()
    if digit is None:
        return
    with layout.left, st.spinner("Searching this digit's way to every class …"):
        trace = ask.counterfactuals(run_view, snapshot, digit, layout.view)
        shown = _picture(run_view, trace, digit, layout.view)
    layout.show_frames(shown, "digits-counterfactuals")
    limits, begun = pictures.limits_apart(layout.experiment), snapshot.epoch > 0
    with layout.right:
        fact_list([facts.one_digit_taken(trace, styles)])
        with st.spinner(f"Searching counterfactuals of {ask.GROUP} test digits (a few seconds) …"):
            numbers = ask.counterfactual_numbers(run_view, snapshot, layout.view)
        fact_list(facts.taken(numbers, styles, limits, started=begun))
        st.caption(
            "Each test digit is on its way to another class drawn at random, the same for all models. Beside each "
            "number its 99 % interval. A lock, which leaves fewer pixels to change, lowers unevenness by itself."
        )
    conventional, trained = reference_pair(styles)
    change, digits = None, 0
    if conventional is not None and trained is not None:
        change = change_of(trace, layout.explorer, (conventional, trained))
        digits = int(min(numbers.judged[conventional], numbers.judged[trained]))
    layout.say(
        words.headline_of_counterfactuals(
            styles, change, measured(numbers), digits, layout.accuracy, layout.prefix, limits, started=begun
        )
    )


def measured(numbers: ImageNumbers) -> dict[str, words.Measured]:
    """What headlines say of many digits."""
    return {
        name: words.Measured(ask.spans(numbers.metrics[name]), ask.spans(numbers.differences[name]))
        for name in (words.READ, *words.GAINS, *words.PRICES)
    }


def change_of(trace: ImageTrace, explorer: ImageExplorer, pair: tuple[int, int]) -> words.Change | None:
    """How two models change the one digit of a trace: to the class that the first finds likeliest of those that neither
    reads and both arrive at; None where there is none."""
    chosen = list(pair)
    there = (trace.valid[chosen] & trace.judged[chosen]).all(axis=0)
    if not there.any():
        return None
    at = int(np.where(there, trace.probability[pair[0], :, 0], -1).argmax())
    ends = torch.from_numpy(trace.final[chosen, at]).double()
    theirs, ours = roughness(ends - torch.from_numpy(trace.factuals[at]), explorer.grid).tolist()
    X, y = explorer.data.train
    first, second = y[torch.cdist(ends.float(), X).argmin(dim=1)].tolist()
    target = int(trace.targets[at])
    return words.Change(
        (int(trace.predicted[pair[0], at]), int(trace.predicted[pair[1], at])), target, (theirs, ours), (first, second)
    )


def picture(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> Picture | None:
    """The digit on its way to every class."""
    digit = ask.digit_of(run_view, view)
    if digit is None:
        return None
    return _picture(run_view, ask.counterfactuals(run_view, snapshot, digit, view), digit, view)


def _picture(run_view: RunView, trace: ImageTrace, digit: ask.Digit, view: DigitsView) -> Picture:
    grid = pictures.of_counterfactuals(trace, digit, run_view.experiment)
    last = grid.shape[2] - 1
    return Picture(grid, last if view.frame is None else min(view.frame, last), view.tint)


def rows(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> list[dict[str, Any]]:
    """What counterfactual digits take."""
    numbers = ask.counterfactual_numbers(run_view, snapshot, view)
    return [
        {**row, "searches_that_count": int(count)}
        for name in DIGIT_METRICS
        for row, count in zip(
            interval_rows(numbers.arms, snapshot, name, numbers.metrics[name], numbers.differences[name]),
            numbers.judged,
            strict=True,
        )
    ]


def _settings(run_view: RunView, view: DigitsView) -> dict[str, Any]:
    settings = search.search_of(run_view.experiment, view.search)
    return {f"search_{name}": getattr(settings, name) for name in of_search(settings)}


PART = DigitsPart(
    title="Counterfactual digits",
    lead="What would have to change for a model to read another digit? A search changes pixels until the model does, "
    "step by step.",
    controls=controls,
    show=show,
    picture=picture,
    rows=rows,
    settings=_settings,
    samples=lambda run_view, view: ask.GROUP,
)
