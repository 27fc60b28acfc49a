"""Who may do what. Everybody may do everything, except in a class (``ctviz serve --class``), where one is the teacher.

The teacher is who sits at the computer that runs ctviz: a session whose line comes from it directly. All others are
students: they may look, search, draw and train small things. A press that arrives all the same, from a page made by
hand, does nothing and says why: it is refused where it is carried out, not where its button is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal, ParamSpec

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ctviz.errors import CtvizError
from ctviz.progress import duration
from ctviz.ui.kit import messages

P = ParamSpec("P")

Right = Literal[
    "delete",
    "restore",
    "pin",
    "rename",
    "sweep",
    "stop sweep",
    "recompute",
    "upload",
    "folder",
    "dismiss",
    "cancel",
    "everyone",
]

ADDRESS = "CTVIZ_CLASS"
"""The variable of the environment in which ``ctviz serve --class`` leaves the address of the class."""

LARGEST = 30.0
"""Seconds that a student's training may take on one idle processor."""

FORWARDED = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
"""Headers of a proxy: behind one, a line from this computer may be anybody's."""

REFUSED: dict[Right, str] = {
    "delete": "delete",
    "restore": "bring back what was deleted",
    "pin": "pin",
    "rename": "rename runs",
    "sweep": "start sweeps",
    "stop sweep": "stop a sweep",
    "recompute": "compute limits again",
    "upload": "upload files",
    "folder": "name folders of the computer that runs ctviz",
    "dismiss": "dismiss messages to all",
    "cancel": "stop a training that others wait for too",
    "everyone": "have everyone advised",
}
"""What students may not do, as in “In a class, students cannot …”."""

STUDENT = (
    "You are in a class: look, search, draw and train small things. Deleting, pinning, uploading and starting sweeps "
    "is left to the teacher, at the computer that runs ctviz."
)


class NotAllowedError(CtvizError):
    """Something that a student may not do."""


def class_address() -> str | None:
    """Where students find the app; None where there is no class."""
    return os.environ.get(ADDRESS) or None


def is_teacher() -> bool:
    """Whether this session may do everything.

    Streamlit gives None for the address of this computer, but also where it knows no line, as when it has just been
    closed: then it knows no headers either.
    """
    if class_address() is None:
        return True
    headers = {name.lower() for name in st.context.headers}
    return st.context.ip_address is None and "host" in headers and not headers & FORWARDED


def refusal(right: Right) -> str | None:
    """Why this session may not do something, in a sentence; None if it may."""
    return None if is_teacher() else f"In a class, students cannot {REFUSED[right]}; the teacher can."


def check(right: Right) -> None:
    """Raises ``NotAllowedError`` where this session may not do something."""
    if reason := refusal(right):
        raise NotAllowedError(reason)


def too_large(seconds: float) -> str | None:
    """Why this session may not train what takes so long, in a sentence; None if it may."""
    if is_teacher() or seconds <= LARGEST:
        return None
    return (
        f"In a class, students train what takes up to {duration(LARGEST)}; this would take about {duration(seconds)}. "
        "Fewer epochs or fewer models make it smaller."
    )


def only(right: Right, act: Callable[P, Any]) -> Callable[P, None]:
    """The same for a callback: where this session may not, it does nothing and says why."""

    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        if reason := refusal(right):
            messages.say("refused", reason)
        else:
            act(*args, **kwargs)

    return checked


def button(
    right: Right,
    label: str,
    *,
    on_click: Callable[..., Any],
    place: DeltaGenerator | None = None,
    disabled: bool = False,
    help: str | None = None,
    **rest: Any,
) -> None:
    """A button that needs a right: without it, it cannot be pressed and its help says why.

    Args:
        right: what it does.
        label: as of ``st.button``, and so ``on_click``, ``disabled``, ``help`` and the rest.
        place: where it stands; by default where the script is.
    """
    reason = refusal(right)
    (st if place is None else place).button(
        label, on_click=only(right, on_click), disabled=disabled or reason is not None, help=reason or help, **rest
    )


def uploader(label: str, *, help: str | None = None, megabytes: int = 2, **rest: Any) -> UploadedFile | None:
    """A place for one file, as ``st.file_uploader``; a student's cannot be used, and whatever arrives there is left.

    ``megabytes``: the largest file, in units of 2**20 bytes.
    """
    reason = refusal("upload")
    if reason is not None:
        st.caption(reason)
    file: UploadedFile | None = st.file_uploader(
        label, disabled=reason is not None, help=help, max_upload_size=megabytes, **rest
    )
    return None if reason is not None else file


def say_role() -> None:
    """Says on top of a page that whoever sees it is a student; nothing to anybody else."""
    if not is_teacher():
        st.caption(f":material/school: {STUDENT}")
