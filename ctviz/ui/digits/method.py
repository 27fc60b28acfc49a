"""How answers are attributed to pixels: the controls, and what was chosen in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import streamlit as st

from ctviz.catalogue.settings import CHOICES, setting
from ctviz.evaluation.baselines import BASELINES
from ctviz.evaluation.methods import METHODS
from ctviz.ui.digits.digits_view import DigitsView, attribution_of, valid_attribution
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft

MORE = ("steps", "seed", "smooth", "noise")
"""Settings of attributions that experts find below the method."""

MAX_SHOWN = 9999
"""The largest number that a control offers, unless a link asks for more."""


def choose_method(draft: Draft[DigitsView]) -> None:
    """The method, and the baseline where it compares the digit with one."""
    settings = attribution_of(draft.view)
    method = METHODS[settings.method]
    _choice(draft, "method", METHODS, "menu")
    st.caption(f"{method.words} ({method.source})")
    if "baseline" in method.settings:
        _choice(draft, "baseline", BASELINES, "buttons")
        st.caption(BASELINES[settings.baseline])


def more_on_method(draft: Draft[DigitsView]) -> None:
    """The settings of the method that a newcomer need not see."""
    settings = attribution_of(draft.view)
    with st.expander("More on the method", key="group-method"):
        for name in MORE:
            if name in ("smooth", "noise", *METHODS[settings.method].settings):
                _number(draft, name, getattr(settings, name))
    bind.say_why_not(draft, "view.attribution")


def _choice(draft: Draft[DigitsView], name: str, options: Iterable[str], kind: bind.Kind) -> None:
    described, value = setting(f"attribution.{name}"), getattr(attribution_of(draft.view), name)
    binding = bind.to(f"digits-{name}", value, lambda chosen: _change(draft, name, chosen))
    bind.choice(described.label, options, binding, kind=kind, words=described.choices, help=described.help)


def _number(draft: Draft[DigitsView], name: str, value: float) -> None:
    described = setting(f"attribution.{name}")
    low, high = described.bounds
    high = max(min(high or MAX_SHOWN, MAX_SHOWN), value)
    binding = bind.to(f"digits-attribution.{name}", value, lambda chosen: _change(draft, name, chosen))
    bind.number(described.label, binding, low, high, step=described.step, whole=described.whole, help=described.help)


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
        parts.append(f"baseline: {CHOICES[settings.baseline].lower()}{drawn}")
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
