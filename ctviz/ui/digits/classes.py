"""All classes: where every model looks in each class of digits, on average."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from ctviz.experiments.snapshot import Snapshot
from ctviz.figures import digit_words as words
from ctviz.figures.digit_curves import by_row
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import facts, pictures
from ctviz.ui.digits.components import ImageGridState, show_image_grid
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.layout import DigitsPart, Layout, Picture, interval_rows
from ctviz.ui.digits.method import choose_method, method_in_words, method_settings, more_on_method
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.facts import fact_list
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.theme import palette

SAMPLES = 10 * ask.PER_CLASS


def controls(draft: Draft[DigitsView]) -> None:
    """The method, and whether the picture has signs."""
    choose_method(draft)
    bind.choice(
        "Shown", ["signed", "strength"], bind.to_view(draft, "sign", key="digits-sign"), kind="buttons",
        words={"signed": "for and against", "strength": "how much"},
        help="What speaks for a class and what against it, or how much a pixel matters either way (the paper's "
        "measure: |attribution| of each digit on a scale from 0 to 1).",
    )  # fmt: skip
    more_on_method(draft)


def show(layout: Layout) -> None:
    """Draws the part: the mean of each class, and a chart of the rows of pixels."""
    run_view, snapshot, styles = layout.run_view, layout.snapshot, layout.styles
    with layout.left, st.spinner(f"Averaging where the models look, over {SAMPLES} test digits (a few seconds) …"):
        means = ask.class_means(run_view, snapshot, layout.view)
        shown = picture(run_view, snapshot, layout.view)
    with layout.left:
        key, initial = f"digits-classes-{layout.draft.opened}", ImageGridState(None, shown.strength)
        resting = show_image_grid(shown.grid, key=key, initial=initial)
    layout.rest(strength=resting.strength)
    shares, apart = ask.spans(means.share), ask.spans(means.difference)
    locked = layout.explorer.locked
    layout.say(words.headline_of_classes(styles, shares, apart, int(locked.sum()), layout.prefix, layout.accuracy))
    with layout.right:
        fact_list(facts.attention(means, styles, int(locked.sum())))
        st.caption(
            f"{SAMPLES} test digits, {ask.PER_CLASS} of each class, the same for all models; attribution to the class "
            f"that each model reads. {method_in_words(layout.view)}. {words.of_mean_completeness(list(means.error))}"
        )
    if layout.view.view == "page":
        whole_rows = np.asarray(locked.reshape(layout.explorer.grid).all(axis=1))
        shaded = whole_rows if whole_rows.any() else None
        title = "Where each model looks, row by row" + ("" if shaded is None else ", locked rows shaded")
        layout.chart(title, by_row(means.rows.value, styles, palette(), shaded), "digits-rows")


def picture(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> Picture:
    """Where every model looks in each class, over the mean digit of the class."""
    means, digits = ask.class_means(run_view, snapshot, view), ask.mean_digits(run_view)
    locked = ask.answers().explorer(run_view.experiment).locked
    return Picture(pictures.of_classes(means, digits, run_view.experiment, locked, view.sign), 0, view.strength)


def rows(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> list[dict[str, Any]]:
    """How much of where every model looks is locked, and how much is on each row of pixels."""
    means = ask.class_means(run_view, snapshot, view)
    measured = [
        ("locked_share", means.share, means.difference),
        ("locked_standardised", means.standardised, means.standardised_difference),
    ]
    for row in range(means.rows.value.shape[1]):
        found, apart = (ask.at_position(interval, row) for interval in (means.rows, means.row_difference))
        measured.append((f"share_of_row_{row + 1}", found, apart))
    return [row for name, found, apart in measured for row in interval_rows(means.arms, snapshot, name, found, apart)]


PART = DigitsPart(
    title="All classes",
    lead="What a model looks at in each class, on average over many digits, and how much of that falls on pixels that "
    "are locked.",
    controls=controls,
    show=show,
    picture=picture,
    rows=rows,
    settings=lambda run_view, view: {**method_settings(view), "shown": view.sign},
    samples=lambda run_view, view: SAMPLES,
    one_digit=False,
)
