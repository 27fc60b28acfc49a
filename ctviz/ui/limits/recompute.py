"""Computing a limit again on this computer: the button, how far it is, how to stop it, whether the numbers agree."""

from __future__ import annotations

import functools

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.experiments.limits.limit import Limit
from ctviz.experiments.limits.results import LimitResult, agreement, limit_job, stored_limit
from ctviz.jobs import JobStatus
from ctviz.progress import duration
from ctviz.ui.kit import messages, rights
from ctviz.ui.kit.frame import literal, live
from ctviz.ui.kit.service import Service, about_seconds

POLL = 1.0
"""Seconds between two looks while a limit is being computed."""

SAME = 1e-6
"""Relative deviation up to which numbers count as the same: they are kept in single precision."""


def job_key(study: Limit) -> str:
    """Of the background job that computes a limit: one for all sessions."""
    return f"limit-{study.name}"


def status(service: Service, study: Limit) -> JobStatus | None:
    """Where the job is, if there is one."""
    return service.jobs.status(job_key(study))


def under_way(job: JobStatus | None) -> bool:
    """Whether the job is waiting or under way."""
    return job is not None and job.state in ("queued", "running")


def recompute(service: Service, study: Limit, result: LimitResult) -> None:
    """The button and what is to be said beside it, which follows the job while it is under way."""
    if not under_way(status(service, study)):
        _idle(service, study, result, status(service, study))  # no fragment: its button runs the whole page again
        return
    live(
        lambda: _progress(service, study, status(service, study)),
        # Once it has ended, the page runs again: its numbers belong into the picture.
        lambda: POLL if under_way(status(service, study)) else None,
    )


def _progress(service: Service, study: Limit, job: JobStatus | None) -> None:
    found = stored_limit(study, service.store, shipped=False)
    total = len(found.panel_draws)
    if job is not None and job.state == "queued":
        st.progress(0.0, f"Waiting for a worker, place {job.position} in the queue.")
    else:
        st.progress(found.done / total, f"Computing on this computer: draw {min(found.done + 1, total)} of {total}.")
    rights.button("recompute", "Stop; draws that are done stay", key="limits-stop", icon=":material/stop:",
                  width="stretch", on_click=service.jobs.cancel, args=(job_key(study),))  # fmt: skip


def _idle(service: Service, study: Limit, result: LimitResult, job: JobStatus | None) -> None:
    here = sum(source == "here" for source in result.sources)
    total = len(result.panel_draws)
    if job is not None and job.state == "failed":
        st.error(literal(job.message or "The computation failed."), icon=":material/error:")
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
def _seconds(study: Limit) -> float:
    seconds = sum(about_seconds(stand.experiment) for stand in study.all_draws())
    return seconds * (2 if "fine" in study.measures else 1)


def _press(service: Service, study: Limit) -> None:
    with messages.errors_as("error"):
        service.jobs.submit(job_key(study), limit_job, study.name, str(service.store.root), seconds=_seconds(study))


def _compared(result: LimitResult) -> str:
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
