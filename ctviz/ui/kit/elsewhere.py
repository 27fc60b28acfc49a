"""Runs on different kinds of data are shown on different pages: each sends on who comes with another kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import streamlit as st

from ctviz.data.given import GivenSettings
from ctviz.data.kinds import kind_of_data
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import link_to, page_title
from ctviz.ui.kit.pages import BOUNDARIES, DIGITS, RECOURSE, TRAJECTORIES, Page


@dataclass(frozen=True)
class ShownKind:
    """Where runs on a kind of data are shown, and what pages say that show another kind.

    Attributes:
        pages: those that show a run; others lead to the first. Empty where none does.
        title: of a page of another kind that is asked for such a run.
        words: what that page says.
        usual: what a page of this kind calls the data with which one may stay on it.
        undrawn: why there is no picture of a boundary; empty where there is one.
    """

    pages: tuple[Page, ...]
    title: str
    words: str
    usual: str
    undrawn: str = ""


SHOWN: Mapping[str, ShownKind] = MappingProxyType(
    {
        "plane": ShownKind(
            pages=(BOUNDARIES, TRAJECTORIES),
            title="This run is about points in a plane.",
            words="The page Digits shows models that read images; Boundaries shows those of two features.",
            usual="data in a plane",
        ),
        "images": ShownKind(
            pages=(DIGITS,),
            title="Digits have a page of their own.",
            words="This page draws the plane of two features, and the link that you opened is about images, which have "
            "hundreds. The page Digits shows them.",
            usual="digits",
            undrawn="Images have no plane to draw a boundary in; Digits shows what these models look at.",
        ),
        "table": ShownKind(
            pages=(RECOURSE,),
            title="This run is about a table of people.",
            words="This page draws the plane of two features, and the link that you opened is about a table of many. "
            "The page Recourse shows what its models ask of people.",
            usual="tables",
            undrawn="A table of many features has no plane to draw a boundary in.",
        ),
    }
)
"""By the name of the kind."""


def shown_kind(experiment: Experiment) -> ShownKind:
    """Where a run is shown."""
    return SHOWN[kind_of_data(experiment.data).name]


RUN = "run-"
"""Begins what a link calls a run that was kept with its table, before its key."""


def link_of(experiment: Experiment) -> dict[str, str]:
    """The parameters of a link to a run where it is shown: its settings, or of one on a table of somebody's own, which
    no link can carry, its key in the store."""
    if isinstance(experiment.data, GivenSettings):
        return {"own": f"{RUN}{experiment.key}"}
    return experiment.to_query()


def send_on(draft: Draft[Any], kind: str, preset: str) -> None:
    """Where a page is asked for a run on another kind of data, says so, leads to where it is shown, and stops there.

    Args:
        draft: what the page has been asked for.
        kind: the kind of data that the page shows.
        preset: what the page shows instead, if the person would rather stay.
    """
    of_run = shown_kind(draft.experiment)
    if of_run is SHOWN[kind]:
        return
    page_title(of_run.title)
    st.markdown(of_run.words)
    for page in of_run.pages[:1]:
        link_to(page, f"Open this run in {page.title}", draft.experiment.to_query())
    st.button(
        f"Stay here, with {SHOWN[kind].usual}", key="stay", icon=":material/undo:",
        on_click=lambda: draft.start_from(Experiment.preset(preset)),
    )  # fmt: skip
    st.stop()
