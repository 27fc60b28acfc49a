"""The settings a person is working on, in the session and in the link at once.

The session holds, for each page, the last valid experiment, the changes that are not valid (yet) with the reason, and
the view. The link is read when a person opens or moves through links, and written after each change.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, overload

import streamlit as st

from ctviz.data.kinds import kind_of_data
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.ui.kit import link
from ctviz.ui.kit.link import BaseView, V, View, W
from ctviz.ui.kit.pages import Page

LAG = 30.0
"""Seconds in which a rerun may still arrive with a link that has just been replaced: a busy server answers late, and
what was taken for a link that somebody opened would undo their last change."""


@dataclass
class Draft(Generic[V]):
    """What one session is working on, on one page."""

    experiment: Experiment
    view: V
    pending: dict[str, dict[str, Any]] = field(default_factory=dict)  # control -> changes that are refused
    refused: dict[str, str] = field(default_factory=dict)  # control -> why
    problems: tuple[str, ...] = ()  # of the link that was opened
    opened: int = 0  # how many links this session has opened: a new one remounts the stage
    started: int = 0  # how often another experiment was put in the place of the one that was opened
    touched: bool = False  # whether this rerun is that of a control
    left_behind: str | None = None  # the attempt that Train was pressed to replace
    written: dict[str, str] = field(default_factory=dict)  # the link as it was opened or written last
    replaced: list[tuple[float, dict[str, str]]] = field(default_factory=list)  # links before that, and until when
    offered: Experiment | None = None  # what the page itself opened with, since nobody had asked for anything
    carried: Experiment | None = None  # the last experiment that was taken over from another page

    def change(self, control: str, changes: Mapping[str, Any]) -> None:
        """Takes over changes; those that are not valid wait, with the reason, until others make them so."""
        self.touched = True
        self.pending[control] = dict(changes)
        together = {path: value for waiting in self.pending.values() for path, value in waiting.items()}
        try:
            self.experiment = self.experiment.replace(together)
            self.pending = {}
        except ConfigError:
            self._take_what_is_valid(control)
        self.refused = {name: self._reason(waiting) for name, waiting in self.pending.items()}
        self.problems = ()

    def _take_what_is_valid(self, control: str) -> None:
        for name in [control, *(other for other in self.pending if other != control)]:
            try:
                self.experiment = self.experiment.replace(self.pending[name])
                del self.pending[name]
            except ConfigError:
                continue

    def _reason(self, changes: Mapping[str, Any]) -> str:
        try:
            self.experiment.replace(changes)
        except ConfigError as error:
            return f"{error.value!r} is not possible; allowed: {error.allowed}."
        return "Not possible together with the other changes that are waiting."

    def start_from(self, experiment: Experiment) -> None:
        """Puts another experiment in place of this one; nothing waits any more."""
        self.touched = True
        self.started += 1
        self.experiment = experiment
        self.pending, self.refused, self.problems = {}, {}, ()
        self.view = self.view.elsewhere()

    def look(self, **changes: Any) -> None:
        """Changes the view."""
        self.touched = True
        self.view = self.view.model_copy(update=changes)

    def waiting(self, control: str) -> dict[str, Any] | None:
        return self.pending.get(control)


@overload
def current(page: Page) -> Draft: ...
@overload
def current(
    page: Page,
    view: type[W],
    preset: str | None = ...,
    follows: Page | None = ...,
    first: Mapping[str, str] | None = ...,
) -> Draft[W]: ...
def current(
    page: Page,
    view: type[BaseView] = View,
    preset: str | None = None,
    follows: Page | None = None,
    first: Mapping[str, str] | None = None,
) -> Draft[Any]:
    """The session's draft of a page, after taking over the link if the person has opened or gone to another one.

    Args:
        page: each keeps a draft of its own while the session lasts.
        view: how this page is looked at.
        preset: what a link that names none starts from; by default that of the page.
        follows: another page. Who comes to this one without a link finds here what was looked at there last, if that
            is something they chose.
        first: the link that is opened for who comes without one and has chosen nothing on the other page.
    """
    query, state, preset = dict(st.query_params), st.session_state, preset or page.preset
    drafts: dict[str, Draft[Any]] = state.setdefault("drafts", {})
    draft, arriving = drafts.get(page.name), state.get("page") != page.name
    other = drafts.get(follows.name) if follows else None
    if other is not None and not kind_of_data(other.experiment.data).drawn:
        other = None  # what is no plane has pages of its own, where nothing is followed
    usual = (other and other.offered) or Experiment.preset(preset)
    chosen = other is not None and (other.experiment != usual or bool(draft and draft.carried))
    if draft is None:
        draft = _open(query or dict({} if chosen else first or {}), 0, view, preset)
        draft.offered = None if query or chosen else draft.experiment
    elif query and query != draft.written and not (draft.touched and _lags_behind(query, draft)):
        draft = _open(query, draft.opened + 1, view, preset)
    if arriving and not query and other is not None and chosen:
        _carry_over(other.experiment, draft)
    draft.touched = False
    state["page"], state["draft"], drafts[page.name] = page.name, draft, draft
    return draft


def draft_now() -> Draft[Any]:
    """The draft of the page that the session shows; for what runs on its own, such as a fragment."""
    draft: Draft[Any] = st.session_state["draft"]
    return draft


def run_again() -> NoReturn:
    """Runs the page again by itself, not because of a link.

    The browser may not have heard yet of the link that was written last. Its older one is not taken for one that
    somebody has opened, which would undo their last change.
    """
    draft: Draft[Any] | None = st.session_state.get("draft")
    if draft is not None:
        draft.touched = True
    st.rerun()


def _open(query: dict[str, str], opened: int, view: type[W], preset: str) -> Draft[W]:
    found = link.read(query, view, preset)
    looked, problems, last = found.view, found.problems, found.experiment.training.epochs
    if looked.epoch is not None and looked.epoch > last:
        problems += (link.sentence("epoch", looked.epoch, f"0 to {last}, the last of this run"),)
        looked = looked.model_copy(update={"epoch": None})
    target, classes = getattr(looked, "energy_class", None), found.experiment.data.classes
    if target is not None and target >= classes:
        problems += (link.sentence("energy_class", target, f"0 to {classes - 1}, the classes of these data"),)
        looked = looked.model_copy(update={"energy_class": None})
    return Draft(found.experiment, looked, problems=problems, opened=opened, written=query)


def _carry_over(experiment: Experiment, draft: Draft[Any]) -> None:
    """Goes on with what was looked at on another page, unless that was done before and nothing has changed there."""
    if experiment != draft.carried:
        draft.carried = experiment
        draft.start_from(experiment)


def _lags_behind(query: dict[str, str], draft: Draft[Any]) -> bool:
    """Whether a control was used before the browser heard of the link written last.

    The same link may also come from the browser's back button, but then no control has been touched.
    """
    now = time.monotonic()
    return any(query == old and now - when < LAG for when, old in draft.replaced)


def write_link(draft: Draft[Any]) -> None:
    """Brings the address in line with the draft; a link that says the same is left alone."""
    query = link.write(draft.experiment, draft.view)
    if query == dict(st.query_params):
        draft.written = query
        return
    now = time.monotonic()
    draft.replaced = [*((when, old) for when, old in draft.replaced if now - when < LAG), (now, draft.written)]
    draft.written = query
    st.query_params.from_dict(query)
