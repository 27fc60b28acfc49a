"""One digit: what every model reads in it and where it looks, at all stored epochs."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from ctviz.experiments.snapshot import Snapshot
from ctviz.figures import digit_words as words
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import facts, pictures
from ctviz.ui.digits.components import ImageGridState, show_image_grid
from ctviz.ui.digits.digits_view import OWN, DigitsView
from ctviz.ui.digits.layout import DigitsPart, Layout, Picture
from ctviz.ui.digits.method import choose_method, method_in_words, method_settings, more_on_method
from ctviz.ui.digits.pick import show_pad
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.facts import fact_list
from ctviz.ui.kit.run_view import RunView

EACH = -1
"""The choice that explains each model's own answer."""


def controls(draft: Draft[DigitsView]) -> None:
    """The method, and which answer is explained."""
    choose_method(draft)
    explain = draft.view.explain
    binding = bind.to(
        "digits-explain", EACH if explain is None else explain,
        lambda c: draft.look(explain=None if c == EACH else c),
    )  # fmt: skip
    bind.choice(
        "Explain", [EACH, *range(10)], binding,
        words=lambda c: "each model's own answer" if c == EACH else f"the answer {c}",
        help="What would have to speak for which answer? The same for all models, or each one's own.",
    )  # fmt: skip
    more_on_method(draft)


def show(layout: Layout) -> None:
    """Draws the part; the picture's frames are epochs."""
    draft, run_view = layout.draft, layout.run_view
    own = draft.view.pick == OWN
    with layout.left:
        place = show_pad(draft) if own else st.container()
    digit = ask.digit_of(run_view, draft.view)
    if digit is None:
        layout.say("Draw a digit: what do the models read, and where do they look?")
        return
    with place, st.spinner("Asking every model where it looks, at every stored epoch …"):
        found = ask.seen(run_view, digit, draft.view)
    epoch, experiment = draft.view.epoch, layout.experiment
    with place:
        resting = show_image_grid(
            pictures.of_digit(digit, found, experiment, layout.explorer.locked, bare=not own),
            key=f"digits-one-{draft.opened}",
            initial=ImageGridState(
                None if epoch is None else found.at(epoch), draft.view.strength, bool(draft.view.play)
            ),
        )  # fmt: skip
    epoch = pictures.epochs_at(found.epochs, resting.frame)
    layout.rest(epoch=epoch, strength=resting.strength, play=int(resting.playing))
    layout.snapshot = run_view.at(epoch)
    at = found.at(run_view.last if epoch is None else epoch)
    probabilities, shares = found.probabilities[at], list(found.shares[at])
    predicted, locked = [int(c) for c in probabilities.argmax(-1)], pictures.whose_lock(experiment)
    layout.say(words.headline_of_digit(layout.styles, predicted, digit.label, shares, layout.prefix, locked))
    with layout.right:
        readings = facts.readings(probabilities, layout.styles, digit.label)
        fact_list(readings + facts.shares(shares, layout.styles, locked))
        st.caption(_small_print(draft.view, found.error[at]))


def _small_print(view: DigitsView, errors: Any) -> str:
    """How the picture was made, and how far its parts miss their sum."""
    whose = "each model's own answer" if view.explain is None else f"the answer {view.explain}"
    return f"{method_in_words(view)}. Explained: {whose}. {words.of_completeness(list(np.ravel(errors)))}"


def picture(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> Picture | None:
    """The digit, and where every model looks."""
    digit = ask.digit_of(run_view, view)
    if digit is None:
        return None
    found, locked = ask.seen(run_view, digit, view), ask.answers().explorer(run_view.experiment).locked
    grid = pictures.of_digit(digit, found, run_view.experiment, locked)
    return Picture(grid, found.at(snapshot.epoch), view.strength)


def rows(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> list[dict[str, Any]]:
    """Of every model and epoch: how far the attributions miss their sum, and the probabilities."""
    digit = ask.digit_of(run_view, view)
    if digit is None:
        return []
    seen, names = ask.seen(run_view, digit, view), [arm.name for arm in run_view.experiment.arms]
    return [
        {
            "model": name, "epoch": epoch,
            "completeness_error": seen.error[e, arm], "locked_share": seen.shares[e, arm],
            **{f"p{c}": seen.probabilities[e, arm, c] for c in range(seen.probabilities.shape[-1])},
        }
        for e, epoch in enumerate(seen.epochs)
        for arm, name in enumerate(names)
    ]  # fmt: skip


PART = DigitsPart(
    title="One digit",
    lead="Where does a model look when it reads a digit? Colours show which pixels speak for its answer and which "
    "against it, by every model on one scale.",
    controls=controls,
    show=show,
    picture=picture,
    rows=rows,
    settings=lambda run_view, view: {
        **method_settings(view),
        "explained": "own answer" if view.explain is None else view.explain,
    },
)
