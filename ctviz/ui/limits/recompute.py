"""Computing a limit again on this computer: the button, how far it is, how to stop it, whether the numbers agree."""

from __future__ import annotations

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.experiments.limits.limit import Limit
from ctviz.experiments.limits.results import LimitResult, agreement, stored_limit, work_limit
from ctviz.jobs import JobStatus
from ctviz.progress import duration
from ctviz.ui.kit.frame import guarded, literal
from ctviz.ui.kit.service import Service

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


def live(job: JobStatus | None) -> bool:
    """Whether the job is waiting or under way."""
    return job is not None and job.state in ("queued", "running")


def recompute(service: Service, study: Limit, result: LimitResult) -> None:
    """The button and what is to be said beside it, which follows the job while it is under way."""
    job = status(service, study)
    if not live(job):
        _idle(service, study, result, job)  # no fragment: its button runs the whole page again, which then polls
        return

    @guarded
    def body() -> None:
        now = status(service, study)
        if live(now):
            _under_way(service, study, now)
        else:
            st.rerun()  # it has ended since the page was drawn: its numbers belong into the picture

    st.fragment(body, run_every=POLL)()


def _under_way(service: Service, study: Limit, job: JobStatus | None) -> None:
    found = stored_limit(study, service.store, shipped=False)
    total = len(found.stands)
    if job is not None and job.state == "queued":
        st.progress(0.0, f"Waiting for a worker, place {job.position} in the queue.")
    else:
        st.progress(found.done / total, f"Computing on this computer: draw {min(found.done + 1, total)} of {total}.")
    st.button("Stop; draws that are done stay", key="limits-stop", icon=":material/stop:", width="stretch",
              on_click=service.jobs.cancel, args=(job_key(study),))  # fmt: skip


def _idle(service: Service, study: Limit, result: LimitResult, job: JobStatus | None) -> None:
    here = sum(source == "here" for source in result.sources)
    total = len(result.stands)
    if job is not None and job.state == "failed":
        st.error(literal(job.message or "The computation failed."), icon=":material/error:")
    if here == total:
        st.caption(_compared(result))
        return
    label = "Compute it again on this computer" if not here else f"Compute the other {total - here} draws here too"
    st.button(
        label, key="limits-compute", icon=":material/refresh:", width="stretch",
        help=f"Trains {total - here} stacks of models in the background, about {_about(study)} on an idle computer; "
        "what is done stays. Afterwards the numbers of this computer are shown instead of those that ship.",
        on_click=_press, args=(service, study),
    )  # fmt: skip


def _about(study: Limit) -> str:
    from ctviz.ui.kit.service import about_seconds

    seconds = sum(about_seconds(stand.experiment) for stand in study.stands())
    return duration(seconds * (2 if "fine" in study.measures else 1))


def _press(service: Service, study: Limit) -> None:
    try:
        service.jobs.submit(job_key(study), work_limit, study.name, str(service.store.root))
    except CtvizError as error:
        st.session_state["limits-problem"] = str(error)


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
