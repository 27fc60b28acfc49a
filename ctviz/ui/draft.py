"""The settings a person is working on, in the session and in the link at once.

The session holds the last valid experiment, the changes that are not valid (yet) with the reason, and the view. The
link is read when a person opens or moves through links, and written after each change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.ui import link
from ctviz.ui.link import View

LAG = 3.0
"""Seconds in which a rerun may still arrive with a link that has just been replaced."""


@dataclass
class Draft:
    """What one session is working on."""

    experiment: Experiment
    view: View
    pending: dict[str, dict[str, Any]] = field(default_factory=dict)  # control -> changes that are refused
    refused: dict[str, str] = field(default_factory=dict)  # control -> why
    problems: tuple[str, ...] = ()  # of the link that was opened
    opened: int = 0  # how many links this session has opened: a new one remounts the stage
    touched: bool = False  # whether this rerun is that of a control
    left_behind: str | None = None  # the attempt that Train was pressed to replace

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
        self.experiment = experiment
        self.pending, self.refused, self.problems = {}, {}, ()
        self.view = self.view.model_copy(update={"epoch": None, "probe": None})

    def look(self, **changes: Any) -> None:
        """Changes the view."""
        self.touched = True
        self.view = self.view.model_copy(update=changes)

    def waiting(self, control: str) -> dict[str, Any] | None:
        return self.pending.get(control)


def current() -> Draft:
    """The session's draft, after taking over the link if the person has opened or gone to another one."""
    query = dict(st.query_params)
    state = st.session_state
    draft: Draft | None = state.get("draft")
    if draft is None:
        draft = _open(query, 0)
    elif query and query != state["written"] and not (draft.touched and _lags_behind(query)):
        draft = _open(query, draft.opened + 1)
    draft.touched = False
    state["draft"] = draft
    state.setdefault("written", query)
    state.setdefault("replaced", [])
    return draft


def _open(query: dict[str, str], opened: int) -> Draft:
    found = link.read(query)
    return Draft(found.experiment, found.view, problems=found.problems, opened=opened)


def _lags_behind(query: dict[str, str]) -> bool:
    """Whether a control was used before the browser heard of the link written last.

    The same link may also come from the browser's back button, but then no control has been touched.
    """
    now = time.monotonic()
    return any(query == old and now - when < LAG for when, old in st.session_state["replaced"])


def write_link(draft: Draft) -> None:
    """Brings the address in line with the draft; a link that says the same is left alone."""
    state = st.session_state
    query = link.write(draft.experiment, draft.view)
    if query == dict(st.query_params):
        state["written"] = query
        return
    now = time.monotonic()
    recent = [(when, old) for when, old in state["replaced"] if now - when < LAG]
    state["replaced"] = [*recent, (now, state["written"])]
    state["written"] = query
    st.query_params.from_dict(query)


def on_change(control: str, changes_of: Callable[[Any], Mapping[str, Any]], key: str) -> None:
    """Callback of a control: its new value, as changes of the experiment, into the draft."""
    draft: Draft = st.session_state["draft"]
    draft.change(control, changes_of(st.session_state[key]))
