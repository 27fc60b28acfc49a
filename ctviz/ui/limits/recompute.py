"""Computing a limit again on this computer: the button, how far it is, how to stop it, whether the numbers agree."""

from __future__ import annotations

import functools

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.progress import duration
from ctviz.studies.results import StudyResult, agreement, steps_of
from ctviz.studies.study import Study
from ctviz.ui.kit import messages, rights
from ctviz.ui.kit.frame import literal, live
from ctviz.ui.kit.runner import runner
from ctviz.ui.kit.service import Service

POLL = 1.0
"""Seconds between two looks while a limit is being computed."""

SAME = 1e-6
"""Relative deviation up to which numbers count as the same: they are kept in single precision."""


def job_key(study: Study) -> str:
    """Of the work that computes a limit: one for all sessions."""
    return f"limit-{study.name}"


def under_way(study: Study) -> bool:
    """Whether it is being computed."""
    progress = runner().progress(job_key(study))
    return progress is not None and progress.live


def recompute(service: Service, study: Study, result: StudyResult) -> None:
    """The button and what is to be said beside it, which follows the work while it is under way."""
    if not under_way(study):
        _idle(service, study, result)  # no fragment: its button runs the whole page again
        return
    # Once it has ended, the page runs again: its numbers belong into the picture.
    live(lambda: _progress(study), lambda: POLL if under_way(study) else None)


def _progress(study: Study) -> None:
    progress = runner().progress(job_key(study))
    if progress is not None:
        st.progress(progress.share, progress.words())
    rights.button("recompute", "Stop; draws that are done stay", key="limits-stop", icon=":material/stop:",
                  width="stretch", on_click=runner().cancel, args=(job_key(study),))  # fmt: skip


def _idle(service: Service, study: Study, result: StudyResult) -> None:
    here = sum(source == "here" for source in result.sources)
    total = len(result.panel_draws)
    progress = runner().progress(job_key(study))
    if progress is not None and progress.state == "failed":
        st.error(literal(progress.message), icon=":material/error:")
    if here == total:
        st.caption(_compared(result))
        return
    label = "Compute it again on this computer" if not here else f"Compute the other {total - here} draws here too"
    rights.button(
        "recompute", label, key="limits-compute", icon=":material/refresh:", width="stretch",
        help=f"Trains {total - here} stacks of models in the background, about {duration(_seconds(study))} on an idle "
        "computer; what is done stays. Afterwards the numbers of this computer are shown instead of those that ship.",
        on_click=_press, args=(service, study),
    )  # fmt: skip


@functools.lru_cache(32)
def _seconds(study: Study) -> float:
    return sum(draw.seconds for draw in study.all_draws())


def _press(service: Service, study: Study) -> None:
    with messages.errors_as("error"):
        key, steps = job_key(study), steps_of(study, service.store, shipped=False)
        runner().start(key, steps, "draws are computed", owner=key)


def _compared(result: StudyResult) -> str:
    try:
        apart = agreement(result)
    except CtvizError as error:
        return literal(str(error))
    if apart is None:
        return "Computed on this computer; nothing ships to compare with."
    if apart <= SAME:
        return "Computed on this computer, with the very numbers that ship with ctviz."
    return (
        f"Computed on this computer. The largest deviation from the numbers that ship is {100 * apart:.2g} %: another "
        "processor rounds differently, and a training carries that on."
    )
