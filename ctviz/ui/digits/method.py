"""How answers are attributed to pixels: the controls, and what was chosen in words."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.evaluation.attribution import AttributionSettings
from ctviz.evaluation.baselines import BASELINES
from ctviz.evaluation.methods import METHODS
from ctviz.figures import digit_words as words
from ctviz.ui.digits.view import DigitsView, attribution_of, valid_attribution
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.vocabulary import Words

MORE = {
    "steps": Words("Steps", "How many places between baseline and digit are looked at; more add up better.", 10),
    "seed": Words("Seed of the baseline", "Another number draws another noise; the same for all models and digits."),
    "smooth": Words(
        "Noisy copies", "How many noisy copies of the digit are explained and averaged (noise tunnel); 0 for none.", 5
    ),
    "noise": Words("Noise of the copies", "Spread of the noise on the copies, as a share of a pixel's range.", 0.05),
}
"""Settings of attributions that experts find below the method."""

MOST = 9999
"""The largest number that a control offers."""


def choose_method(draft: Draft[DigitsView]) -> None:
    """The method, and the baseline where it compares the digit with one."""
    settings = attribution_of(draft.view)
    method = METHODS[settings.method]
    bind.choice(
        "Method", METHODS, bind.to("digits-method", settings.method, lambda name: _change(draft, "method", name)),
        words=lambda name: METHODS[name].title, help="How an answer is handed out to the pixels (attribution).",
    )  # fmt: skip
    st.caption(f"{method.words} ({method.source})")
    if "baseline" in method.settings:
        bind.choice(
            "Compared with", BASELINES,
            bind.to("digits-baseline", settings.baseline, lambda name: _change(draft, "baseline", name)),
            kind="buttons", words=words.BASELINES,
            help="The baseline: a picture that is taken to say nothing. It matters: try another one.",
        )  # fmt: skip
        st.caption(BASELINES[settings.baseline])


def more_on_method(draft: Draft[DigitsView]) -> None:
    """The settings of the method that a newcomer need not see."""
    settings = attribution_of(draft.view)
    with st.expander("More on the method", key="group-method"):
        for name in MORE:
            if name in ("smooth", "noise", *METHODS[settings.method].settings):
                _number(draft, name, getattr(settings, name))
    bind.say_why_not(draft, "view.attribution")


def _number(draft: Draft[DigitsView], name: str, value: float) -> None:
    rules = AttributionSettings.model_fields[name].metadata
    ends = {key: getattr(rule, key) for rule in rules for key in ("ge", "le", "lt") if hasattr(rule, key)}
    high = max(min(ends.get("le", ends.get("lt", MOST)), MOST), value)  # a link may ask for more
    binding = bind.to(f"digits-attribution.{name}", value, lambda chosen: _change(draft, name, chosen))
    bind.number(MORE[name].label, binding, ends["ge"], high, step=MORE[name].step, help=MORE[name].help)


def _change(draft: Draft[DigitsView], name: str, value: Any) -> None:
    changes = {**dict(draft.view.attribution), name: value}
    bind.change_view(draft, "attribution", lambda: valid_attribution(changes))


# -- in words ----------------------------------------------------------------------------------------


def method_in_words(view: DigitsView) -> str:
    """The method, what it compares with, and the seed of that."""
    settings = attribution_of(view)
    method = METHODS[settings.method]
    parts = [method.title]
    if "baseline" in method.settings:
        drawn = f", seed {settings.seed}" if settings.baseline == "uniform" else ""
        parts.append(f"baseline: {words.BASELINES[settings.baseline].lower()}{drawn}")
    if "steps" in method.settings:
        parts.append(f"{settings.steps} steps")
    if settings.smooth:
        parts.append(f"mean of {settings.smooth} noisy copies")
    return "; ".join(parts)


def method_settings(view: DigitsView) -> dict[str, Any]:
    """The settings that the method uses, by name."""
    settings = attribution_of(view)
    used = METHODS[settings.method].settings
    names = ["method", *(name for name in ("baseline", "steps") if name in used)]
    names += ["seed"] if ("baseline" in used and settings.baseline == "uniform") or settings.smooth else []
    names += ["smooth", "noise"] if settings.smooth else []
    return {name: getattr(settings, name) for name in names}
