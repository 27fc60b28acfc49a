"""The search that a page asks for: the one that a run was measured with, changed as the view says; and its controls.

A view that has it has a field ``search: Changes``, validated by ``valid_search``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from ctviz.catalogue.settings import setting
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import GeneratorName, SearchSettings
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import Changes, rounded, sentence


def measured_search(experiment: Experiment) -> SearchSettings:
    """The search that a run was measured with after each epoch."""
    return SearchSettings(**{name: getattr(experiment.evaluation, name) for name in SearchSettings.model_fields})


def steps_in_words(experiment: Experiment) -> str:
    """Which steps the searches take that a run was measured with; empty where no bound can be set on them."""
    search = measured_search(experiment)
    if "step_bound" not in GENERATORS[search.generator].settings:
        return ""
    return "searches in short steps" if search.step_bound else "searches in the paper's steps"


def search_of(experiment: Experiment, changes: Changes) -> SearchSettings:
    """The search that is asked for: the run's own with changes; τ is at least 1/k."""
    chosen = SearchSettings(**{**measured_search(experiment).model_dump(), **dict(changes)})
    return SearchSettings(**{**chosen.model_dump(), "tau": max(chosen.tau, 1 / experiment.data.classes)})


def changed_search(experiment: Experiment, changes: Changes, more: Mapping[str, Any]) -> Changes:
    """The changes with others; what equals the run's own is none.

    Raises:
        ConfigError: a value that the setting does not allow.
    """
    own = measured_search(experiment).model_dump()
    merged = {**dict(changes), **more}
    return valid_search({name: value for name, value in merged.items() if value != own.get(name)})


def valid_search(changes: Any) -> Changes:
    """Changes in the order of the settings, rounded to what the link writes, so that equal searches are equal.

    Raises:
        ConfigError: a value that a setting does not allow, or no longer once it is rounded.
    """
    given = changes if isinstance(changes, Mapping) else dict(changes)
    chosen = SearchSettings(**given)
    kept = {name: rounded(getattr(chosen, name)) for name in SearchSettings.model_fields if name in given}
    try:
        SearchSettings(**kept)
    except ConfigError as error:  # 0.999999 is below 1 until it is rounded
        raise ConfigError(error.field, given[error.field], f"{error.allowed}, in five digits") from None
    return tuple(kept.items())


def check_tau(search: Changes, k: int) -> tuple[Changes, list[str]]:
    """The changes without a τ below 1/k, which every search has reached from the start; and a sentence about it."""
    tau = dict(search).get("tau")
    if not isinstance(tau, float) or tau >= 1 / k:
        return search, []
    said = sentence("search.tau", tau, f"from 1/k = {1 / k:.3g} to below 1 for k = {k} classes")
    return tuple((name, value) for name, value in search if name != "tau"), [said]


# -- controls ----------------------------------------------------------------------------------------


def change(draft: Draft[Any], more: Mapping[str, Any], **also: Any) -> None:
    """Changes settings of the search, or says why that is not possible; ``also``: other fields of the view."""
    bind.change_view(draft, "search", lambda: changed_search(draft.experiment, draft.view.search, more), **also)


def generator(
    draft: Draft[Any], prefix: str, offered: Iterable[GeneratorName] | None = None, **also: Any
) -> SearchSettings:
    """The choice of the generator, with what it does; returns the search.

    Args:
        draft: whose view has a search.
        prefix: of the keys of all controls of the search.
        offered: the generators that fit the data, by default all; one from a link is shown as well.
        also: fields of the view that change with the search.
    """
    settings, described = search_of(draft.experiment, draft.view.search), setting("generator")
    binding = bind.to(
        f"{prefix}.generator", settings.generator, lambda name: change(draft, {"generator": name}, **also)
    )
    if offered is None:
        networks = bool(draft.experiment.with_network)
        offered = [name for name, one in GENERATORS.items() if networks or one.kind != "network"]
    listed = dict.fromkeys((*offered, settings.generator))
    bind.choice(described.label, listed, binding, words=lambda name: GENERATORS[name].title, help=described.help)
    st.caption(f"{GENERATORS[settings.generator].words} ({GENERATORS[settings.generator].source})")
    return settings


def numbers(
    draft: Draft[Any],
    prefix: str,
    names: Sequence[str],
    columns: int = 1,
    most: Mapping[str, int] | None = None,
    **also: Any,
) -> None:
    """A control for each of these settings of the search, in so many columns.

    Args:
        draft: whose view has a search.
        prefix: of the keys of all controls of the search.
        names: of the settings.
        columns: beside each other.
        most: the largest numbers that are offered, where the setting allows more.
        also: fields of the view that change with the search.
    """
    settings = search_of(draft.experiment, draft.view.search)
    for start in range(0, len(names), columns):
        cells = st.columns(columns) if columns > 1 else [st.container()]
        for cell, name in zip(cells, names[start : start + columns], strict=False):
            with cell:
                _number(draft, prefix, name, getattr(settings, name), (most or {}).get(name), **also)


def _number(draft: Draft[Any], prefix: str, name: str, value: Any, most: int | None, **also: Any) -> None:
    described = setting(name)
    low, high = described.bounds
    if name == "tau":
        low = max(low or 0.0, 1 / draft.experiment.data.classes)
    if most is not None:
        high = max(most, value)  # a link may ask for more
    bind.number(
        described.title,
        bind.to(f"{prefix}.{name}", value, lambda chosen: change(draft, {name: chosen}, **also), renewed=True),
        low, high, step=_step(value, described.step), help=described.help,
    )  # fmt: skip


def _step(value: float, usual: float) -> float:
    """What a press on + or − changes: less than usual where the value is small, so that it can be lowered at all."""
    if isinstance(value, int) or value <= 0:
        return usual
    return min(usual, 10.0 ** math.floor(math.log10(value / 2)))


def back_button(draft: Draft[Any], **also: Any) -> None:
    """Says whether this is the run's own search; if it is not, a button that goes back to it."""
    bind.say_why_not(draft, "view.search")
    if draft.view.search:
        st.button(
            "Back to the run's own search", key="reset-search", type="tertiary", icon=":material/undo:",
            on_click=draft.look, kwargs={"search": (), **also},
        )  # fmt: skip
    else:
        st.caption("The search that this run was measured with after each epoch.")
