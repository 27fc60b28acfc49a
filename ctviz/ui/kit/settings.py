"""The control for a setting of the experiment, made from its declaration and its words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from ctviz.catalogue import settings as catalogue
from ctviz.catalogue.settings import CHOICES, value_of
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.training.arm import TrainingSearch
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft


def setting(draft: Draft[Any], path: str, label: str | None = None, **more: Any) -> None:
    """The control that fits the type of a setting: a choice, a whole number, a number, or a text.

    Args:
        draft: whose experiment has the setting.
        path: of the setting, such as ``training.epochs`` or ``arms.full.tau``.
        label: in place of the usual one.
        more: of the binding, see ``to_settings``.
    """
    described = catalogue.setting(path)
    text = described.declared.annotation is str
    read = (lambda value: {path: value.strip()}) if text else None
    binding = bind.to_settings(draft, path, value_of(draft.experiment, path), read, **more)
    label = label or described.label
    if described.options:
        bind.choice(label, described.options, binding, words=CHOICES, help=described.help)
    elif text:
        bind.text(label, binding, help=described.help, max_chars=40)
    else:
        # Only a setting that may be left out gets a control that can be emptied.
        empty: dict[str, Any] = {"none": True, "placeholder": "its own"} if described.declared.default is None else {}
        bind.number(
            label, binding, *described.bounds, step=described.step, whole=described.whole, help=described.help, **empty
        )


def settings(draft: Draft[Any], prefix: str, names: Iterable[str]) -> None:
    """The controls of several settings."""
    for name in names:
        setting(draft, prefix + name)


def group(title: str, key: str, draw: Callable[[], None]) -> None:
    """Controls under a heading that opens; they are drawn once it is open, since most people never open it and a page
    with forty controls more takes three times as long to run."""
    box = st.expander(title, key=key, on_change="rerun")
    if box.open:
        with box:
            draw()


def of_search(chosen: SearchSettings) -> tuple[str, ...]:
    """The choice of a generator and the settings that it uses."""
    used = chosen.used if isinstance(chosen, TrainingSearch) else GENERATORS[chosen.generator].settings
    return ("generator", *used)
