"""Fool it: one digit under attack, and how often every model is still right on many."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from ctviz.experiments.analyses import AttackedSamples
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures import digit_words as words
from ctviz.figures.digit_curves import robust
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import facts, pictures
from ctviz.ui.digits.digits_view import EPSILONS, OWN, DigitsView
from ctviz.ui.digits.layout import DigitsPart, Layout, Picture, interval_rows
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.facts import fact_list
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.theme import palette

USUAL = EPSILONS.index(0.1)
"""The strength of the attack that is shown at first: the paper's, where models differ most."""


def controls(draft: Draft[DigitsView]) -> None:
    """The attack."""
    bind.choice(
        "Attack", ["fgsm", "pgd"], bind.to_view(draft, "attack", key="digits-attack"), kind="buttons",
        words={"fgsm": "one step (FGSM)", "pgd": "40 steps (PGD)"},
        help="One step along the gradient, or many small ones, which find more.",
    )  # fmt: skip
    bind.toggle(
        "Pixels may leave their range",
        bind.to("digits-within", not draft.view.within, lambda beyond: draft.look(within=int(not beyond))),
        help="Blacker than black and whiter than white, as the paper's attack seems to have allowed; it fools more.",
    )
    st.caption("The strength ε is the slider below the picture: how far each pixel may move, of a range from −1 to 1.")


def show(layout: Layout) -> None:
    """Draws the part; the picture's frames are strengths."""
    run_view, snapshot, styles = layout.run_view, layout.snapshot, layout.styles
    digit = layout.chosen_digit()
    if digit is None:
        return
    with layout.left, st.spinner("Attacking this digit at 31 strengths …"):
        labels = ask.labels_of(layout.explorer, snapshot, digit)
        found = ask.fooled(run_view, snapshot, digit, labels, layout.view)
        shown = _picture(run_view, found, digit, labels, layout.view)
    at = layout.show_frames(shown, "digits-fool", USUAL)
    with layout.right:
        fact_list(facts.readings(np.asarray(found.probabilities)[:, at, 0], styles, digit.label))
    count, epsilon = ask.attacked(run_view, layout.view), EPSILONS[at]
    with layout.left, st.spinner(f"Attacking {count:,} test digits (a few seconds) …"):
        curves = ask.robustness(run_view, snapshot, layout.view)
    strengths = ask.strengths(layout.view)
    near = int(np.abs(np.array(strengths) - epsilon).argmin())
    shares, apart = (ask.spans(ask.at_position(part, near)) for part in (curves.accuracy, curves.difference))
    layout.say(
        words.headline_of_fooling(styles, shares, apart, strengths[near], layout.prefix, epsilon, layout.accuracy)
    )
    with layout.right:
        fact_list([facts.right_at(shares, apart, styles, strengths[near], epsilon)])
        st.caption(_attack_in_words(layout.view))
    ends = (curves.accuracy.value, curves.accuracy.low, curves.accuracy.high)
    layout.chart(
        f"How often each model is right under attack ({count:,} test digits, bands: 99 % intervals)",
        robust(strengths, ends, styles, palette(), epsilon), "digits-robust",
    )  # fmt: skip


def _attack_in_words(view: DigitsView) -> str:
    how = {
        "fgsm": "FGSM moves every pixel once, by ε, up or down as the gradient of the model's own loss says.",
        "pgd": "PGD does so in 40 small steps, never farther than ε from the digit.",
    }[view.attack]
    where = "Pixels stay between black and white." if view.within else "Pixels may leave their range."
    own = " A drawing counts as what each model reads unattacked." if view.pick == OWN else ""
    return f"{how} {where} Each model is attacked by what hurts it most itself.{own}"


def picture(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> Picture | None:
    """The digit under attack on every model."""
    digit = ask.digit_of(run_view, view)
    if digit is None:
        return None
    labels = ask.labels_of(ask.answers().explorer(run_view.experiment), snapshot, digit)
    return _picture(run_view, ask.fooled(run_view, snapshot, digit, labels, view), digit, labels, view)


def _picture(
    run_view: RunView, found: AttackedSamples, digit: ask.Digit, labels: tuple[int, ...], view: DigitsView
) -> Picture:
    grid = pictures.of_fooled(found, digit, labels, run_view.experiment)
    return Picture(grid, USUAL if view.frame is None else min(view.frame, grid.shape[2] - 1), view.tint)


def rows(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> list[dict[str, Any]]:
    """How often every model is right at each strength."""
    curves = ask.robustness(run_view, snapshot, view)
    return [
        {**row, "epsilon": epsilon}
        for at, epsilon in enumerate(curves.epsilons)
        for row in interval_rows(
            curves.arms, snapshot, "right",
            ask.at_position(curves.accuracy, at), ask.at_position(curves.difference, at),
        )
    ]  # fmt: skip


PART = DigitsPart(
    title="Fool it",
    lead="How little ink does it take to fool a model? Every pixel is moved by at most ε, in the direction that hurts "
    "this model most.",
    controls=controls,
    show=show,
    picture=picture,
    rows=rows,
    settings=lambda run_view, view: {"attack": view.attack, "pixels_stay_in_range": bool(view.within)},
    samples=ask.attacked,
)
