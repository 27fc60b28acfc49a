"""Points of one's own on a page: the pad to paint them on, a table to paste, the CSV to take home, and training.

A page calls ``paint(draft, service)`` where its experiment's data are ``drawn``, and ``go_on(draft)`` where a person
chooses them. Who paints or pastes trains; who chooses them or opens a link does not.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st

from ctviz.data.drawn import USUAL_NAMES, DrawnSettings, Labels, Places, decode, encode, problem
from ctviz.data.pasted import from_table, to_csv
from ctviz.errors import CtvizError, StoreError
from ctviz.figures.painting import painted_points, painting_message
from ctviz.progress import duration
from ctviz.ui.kit import bind
from ctviz.ui.kit.bind import say_why_not
from ctviz.ui.kit.component_files import mounted
from ctviz.ui.kit.draft import Draft, draft_now
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.service import Service, about_seconds, reason_not_to_train, session
from ctviz.ui.kit.training import press_train

AT_ONCE = 6.0
"""Seconds: a run that is estimated to take longer waits for Train to be pressed."""


@dataclass
class _Memory:
    """What a session knows of the points that were painted or pasted.

    Attributes:
        taken: what was used last.
        own: pad → the points that it told of last.
        why_not: why what is on the pad now cannot be used.
        table: why the table that was pasted cannot be used.
        trains: key of the run that was asked for last.
    """

    taken: DrawnSettings | None = None
    own: dict[str, str] = field(default_factory=dict)
    why_not: str = ""
    table: str = ""
    trains: str = ""


def go_on(draft: Draft[Any]) -> None:
    """Goes on with what was painted before in this session."""
    taken = _memory().taken
    if taken is not None:
        draft.change("data.points", _changes(taken))


def paint(draft: Draft[Any], service: Service, key: str = "painter") -> None:
    """The pad, on which points are painted, and what to do with them.

    Args:
        draft: whose data are ``drawn``.
        service: trains on them.
        key: of the component; one pad per key.
    """
    data, memory = draft.experiment.data, _memory()
    if not isinstance(data, DrawnSettings):
        return
    own = memory.own.get(key) == data.points
    mounted("PointPainter")(
        key=key,
        data=painting_message(
            key, data, memory.why_not, own=own, held=key in memory.own,
            bad=bool(memory.why_not),
        ),
        on_view_change=partial(_take, service, key),
    )  # fmt: skip
    say_why_not(draft, "data.points")
    _as_i_paint(draft, service, key)
    with st.container(horizontal=True, gap="small"):
        with st.popover("Paste a table", icon=":material/content_paste:", key=f"{key}-paste"):
            _paste(draft, service, key)
        st.download_button(
            "CSV", lambda: to_csv(data), "points.csv", "text/csv", key=f"{key}-csv", icon=":material/download:",
            help="Download these points as a table: two columns of numbers, and the class.",
        )  # fmt: skip
    if memory.why_not:
        st.caption("Until then the models are those of the points before.")
        return
    st.caption(
        f"{data.n_train} of them are for training, {data.n_validation} for the numbers beside the picture. "
        "With so few, small differences are chance."
    )


def _as_i_paint(draft: Draft[Any], service: Service, key: str) -> None:
    """Whether each stroke trains, where that takes seconds; otherwise the button does."""
    seconds = about_seconds(draft.experiment)
    slow = seconds > AT_ONCE

    def take(on: bool) -> None:
        draft.look(paint="train" if on else "wait")
        train_at_once(draft, service)

    bind.toggle(
        "Train as I paint", bind.to(f"{key}-trains", draft.view.paint == "train" and not slow, take), disabled=slow,
        help=f"These settings take about {duration(seconds)}: paint first, then press Train." if slow
        else "Off: paint first, then press Train. On: every stroke trains, and only the last run of a painting is kept "
        "in the list of runs; name or pin one to keep it too.",
    )  # fmt: skip


def _take(service: Service, key: str) -> None:
    """Takes over what was painted, before the page runs again; what cannot be used yet waits on the pad."""
    draft, memory = draft_now(), _memory()
    found = painted_points(st.session_state[key].get("view"))
    if found is None or not isinstance(draft.experiment.data, DrawnSettings):
        return
    data = draft.experiment.data
    names = {"data.columns": data.columns, "data.labels": data.labels} if are_left(data, *found) else _NO_NAMES
    error = problem(*found, names["data.labels"])
    memory.own[key] = encode(*found)
    memory.why_not = "" if error is None else f"So far: {error.value}. Needed: {error.allowed}."
    if error is None:
        _use(draft, service, {"data.points": memory.own[key], **names})


_NO_NAMES: dict[str, tuple[str, ...]] = {"data.columns": USUAL_NAMES, "data.labels": ()}


def are_left(data: DrawnSettings, places: Places, labels: Labels) -> bool:
    """Whether a tenth of the points of the settings is left: those that replace them do not have their names."""
    before, now = (
        {(int(c), int(x), int(y)) for (x, y), c in zip(*points, strict=True)}
        for points in (decode(data.points), (places, labels))
    )
    return len(before & now) > len(before) / 10


def _changes(data: DrawnSettings) -> dict[str, Any]:
    """Points and names as changes of an experiment."""
    return {f"data.{name}": getattr(data, name) for name in ("points", "columns", "labels")}


def _use(draft: Draft[Any], service: Service, changes: dict[str, Any]) -> None:
    """Takes points over into the experiment, and trains on them."""
    before = draft.experiment
    draft.change("data.points", changes)
    data, memory = draft.experiment.data, _memory()
    if isinstance(data, DrawnSettings):
        memory.taken = data
    if draft.experiment != before:
        train_at_once(draft, service)


def train_at_once(draft: Draft[Any], service: Service) -> None:
    """Trains, if the person wishes so and it takes seconds.

    The run that was asked for here before gives way: one that is not finished is stopped, and it is not listed any
    more, unless it was named or pinned or somebody else has asked for it.
    """
    experiment, memory = draft.experiment, _memory()
    if (
        draft.view.paint == "wait"
        or draft.pending
        or reason_not_to_train(experiment) is not None
        or about_seconds(experiment) > AT_ONCE
    ):
        return
    before, memory.trains = memory.trains, experiment.key
    if before and before != experiment.key:
        if service.state(before).live:
            service.cancel(before)
        _overtake(service, before, experiment.key)
    if service.state(experiment.key).state != "done":
        press_train(service, draft)


def _overtake(service: Service, before: str, now: str) -> None:
    """Takes a run that nobody else has asked for out of the list of runs, and the one in its place back into it."""
    if service.wanted.askers(before) <= {session()} and service.store.status(before).state != "absent":
        with contextlib.suppress(StoreError):  # a label less is no reason not to train
            service.store.labels.overtake(before, by=now)


def _paste(draft: Draft[Any], service: Service, key: str) -> None:
    """A table, pasted: taken over when the button is pressed; one that cannot be read stays, with the reason."""
    st.text_area(
        "Two columns of numbers and one of classes", key=f"{key}-table", height=180,
        placeholder="income\tage\tgranted\n2,1\t34\tyes\n0,8\t51\tno",
        help="As copied from a spreadsheet, or separated by commas or semicolons; the first line may hold names. "
        "Each column of numbers is stretched over the square.",
    )  # fmt: skip
    st.button("Use this table", key=f"{key}-use", type="primary", on_click=_take_table, args=(service, f"{key}-table"))
    if (why := _memory().table) != "":
        st.error(literal(why), icon=":material/block:")


def _take_table(service: Service, control: str) -> None:
    memory = _memory()
    try:
        found = from_table(str(st.session_state.get(control) or ""))
    except CtvizError as error:
        memory.table = str(error)
        return
    memory.table = memory.why_not = ""
    draft = draft_now()
    memory.own.clear()  # so that the pads take the points over
    _use(draft, service, _changes(found))


def _memory() -> _Memory:
    memory: _Memory = st.session_state.setdefault("_painted", _Memory())
    return memory
