"""The control for a setting of the experiment, made from its declaration and its words."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any, Literal

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.vocabulary import CHOICES, WORDS, bounds, field_of, generic, value_of


def setting(draft: Draft[Any], path: str, label: str | None = None, **more: Any) -> None:
    """The control that fits the type of a setting: a choice, a whole number, a number, or a text.

    Args:
        draft: whose experiment has the setting.
        path: of the setting, such as ``training.epochs`` or ``arms.full.tau``.
        label: in place of the usual one.
        more: of the binding, see ``to_settings``.
    """
    words, kind = WORDS[generic(path)], field_of(path).annotation
    read = (lambda value: {path: value.strip()}) if kind is str else None
    binding = bind.to_settings(draft, path, value_of(draft.experiment, path), read, **more)
    label = label or words.label
    parts = (kind, *typing.get_args(kind))
    options = [typing.get_args(part) for part in parts if typing.get_origin(part) is Literal]
    if options:
        bind.choice(label, options[0], binding, words=CHOICES, help=words.help)
    elif kind is str:
        bind.text(label, binding, help=words.help, max_chars=40)
    else:
        # Only a setting that may be left out gets a control that can be emptied.
        empty: dict[str, Any] = {"none": True, "placeholder": "its own"} if field_of(path).default is None else {}
        bind.number(label, binding, *bounds(path), step=words.step, whole=int in parts, help=words.help, **empty)


def settings(draft: Draft[Any], prefix: str, names: Iterable[str]) -> None:
    """The controls of several settings."""
    for name in names:
        setting(draft, prefix + name)


def of_search(chosen: SearchSettings) -> tuple[str, ...]:
    """The choice of a generator and the settings that it uses."""
    return ("generator", *GENERATORS[chosen.generator].settings)
