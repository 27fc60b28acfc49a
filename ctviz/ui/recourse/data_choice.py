"""Whose decisions the page is about: one of the tables that are at hand, or one of one's own."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from ctviz.data.kinds import kind_of_data
from ctviz.data.tables.settings import TABLES, TableSettings
from ctviz.experiments.config import Experiment
from ctviz.experiments.presets import PRESETS
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.service import service
from ctviz.ui.recourse import uploads
from ctviz.ui.recourse.recourse_view import FIRST, RecourseView

OWN = "own"
"""The choice of the table that the session has uploaded."""


def choose_data(draft: Draft[RecourseView]) -> None:
    """A menu of the tables whose models are trained, and of the session's own."""
    known, held = dict(at_hand()), uploads.held()
    titles = {name: TABLES[name].title for name in known}
    shown = None if _about_own(draft) else next((n for n, e in known.items() if e.data == draft.experiment.data), None)
    if held is not None:
        titles[OWN] = held.name
        shown = OWN if held.key == draft.view.own and _about_own(draft) else shown

    def take(name: str) -> None:
        if name == OWN and held is not None:
            uploads.turn_to(draft, held)
            return
        draft.start_from(known[name])
        if name == FIRST["preset"]:
            draft.look(person=int(FIRST["person"]))

    bind.choice(
        "Table", titles, bind.to("recourse-data", shown, take, renewed=True), words=titles,
        help="Each table has models of its own. For one of yours, see the end of the page.", placeholder=_called(draft),
    )  # fmt: skip


def _called(draft: Draft[RecourseView]) -> str:
    """The run of the page where the menu does not have it."""
    data = draft.experiment.data
    if not isinstance(data, TableSettings) or _about_own(draft):
        return "Another run"
    return f"{data.info.title}, another run" if data.name in dict(at_hand()) else data.info.title


def sentence(draft: Draft[RecourseView]) -> str:
    """What is decided, in the words of a known table; empty for one's own."""
    data = draft.experiment.data
    return TABLES[data.name].sentence if isinstance(data, TableSettings) and not _about_own(draft) else ""


def _about_own(draft: Draft[RecourseView]) -> bool:
    """Whether the page is about a table of one's own: one that models have learned from."""
    own = uploads.named(draft.view.own) if draft.view.own else None
    return own.run is not None if own is not None else uploads.kept_run(draft.view.own) is not None


def at_hand() -> Iterator[tuple[str, Experiment]]:
    """The presets on tables of people whose runs are in the store."""
    store = service().store
    return ((name, one) for name, one in _on_tables() if store.status(one.key).state == "done")


@functools.cache
def _on_tables() -> tuple[tuple[str, Experiment], ...]:
    """The presets on tables of people, which no rerun needs to make again."""
    presets = map(Experiment.preset, PRESETS)
    return tuple((one.data.name, one) for one in presets if kind_of_data(one.data).name == "table")
