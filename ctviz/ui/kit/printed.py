"""What a printed page says below the picture: the settings of the run, and the link to it."""

from __future__ import annotations

import functools
from html import escape

import streamlit as st

from ctviz.catalogue.settings import CONSTRAINTS, constraint_words, generic, setting, words_of
from ctviz.data.catalogue import columns_of
from ctviz.experiments.config import Experiment
from ctviz.experiments.differences import ALL_ARMS, differences
from ctviz.figures.theme import DARK
from ctviz.training.arm import TrainingSearch
from ctviz.ui.kit.theme import palette

SECTIONS = ("data", "model", "training", "arms", "seed")
"""Of the settings, those that say how the models came about; how they are drawn is seen."""

OFF = {"arms.step_bound", "arms.gradient_noise"}
"""Settings that do nothing at 0; a bound of 0 would read as if the searches that are drawn had none either."""

DARK_CHARTS = "@media print { .stPlotlyChart { filter: invert(1) hue-rotate(180deg); } }"
"""Charts are drawn in the colours of the screen's theme, and paper is light."""


def printed(experiment: Experiment | None) -> None:
    """The foot of the printed page, which the screen does not show; the browser writes the link as it prints."""
    said = f"<p><b>Settings</b> {escape('; '.join(settings_in_words(experiment)))}.</p>" if experiment else ""
    dark = f"<style>{DARK_CHARTS}</style>" if palette() == DARK else ""
    st.html(f'{dark}<div class="ctviz-printed">{said}<p><b>Link</b> <span class="ctviz-address"></span></p></div>')


@functools.lru_cache(256)
def settings_in_words(experiment: Experiment) -> tuple[str, ...]:
    """The settings that say how the models of a run came about, each in a few words; what does nothing is left out.

    Of a setting that the models do not share, the value of each.
    """
    said: dict[str, list[str]] = {}
    constrained = any(getattr(arm, name) for arm in experiment.arms for name in CONSTRAINTS)
    used = {name for arm in experiment.arms for name in arm.used}
    ignored = {f"arms.{name}" for name in set(TrainingSearch.model_fields) - used - {"generator"}}
    if all(arm.epsilon_rule == "fixed" for arm in experiment.arms):
        ignored |= {"arms.epsilon_rule"}
    if all(arm.averaging == 1 for arm in experiment.arms):
        ignored |= {"arms.averaging"}
    of_methods = {arm.name: arm.ignored for arm in experiment.arms}
    of_none = frozenset.intersection(*of_methods.values())
    if not constrained:
        ignored |= {"arms.lock_when", "arms.shield"}
    for entry in differences([experiment], alike=True):
        section, _, name = entry.path.partition(".")
        (value,) = entry.values
        if (
            section not in SECTIONS
            or entry.path == "arms"
            or generic(entry.path) in ignored
            or not (value or value == 0)
        ):
            continue
        arm = "" if section != "arms" or entry.path.startswith(ALL_ARMS) else name.rpartition(".")[0]
        if section == "arms" and name.rpartition(".")[2] in of_methods.get(arm, of_none):
            continue
        if value == 0 and (arm or generic(entry.path) in OFF):
            continue
        if generic(entry.path).removeprefix("arms.") in CONSTRAINTS:
            value = [constraint_words(one, columns_of(experiment.data)) for one in value]
        said.setdefault(setting(entry.path).label, []).append(
            words_of(entry.path, value) + (f" ({arm})" if arm else "")
        )
    return tuple(f"{label} {', '.join(values)}" for label, values in said.items())
