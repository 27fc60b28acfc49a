"""The button that trains, and what a page says on top: problems of the link, what happened to the store."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.progress import duration
from ctviz.ui.kit import messages, rights
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.feature_names import features_of, lent, scales_of
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.service import Service, about_seconds, reason_not_to_train


def say_problems(service: Service, draft: Draft[Any]) -> None:
    """What was left out of the link that was opened, and why; what happened to the store; what a student may do."""
    rights.say_role()
    messages.show()
    if draft.problems:
        st.warning("\n\n".join(literal(problem) for problem in draft.problems), icon=":material/link_off:")
    notices = service.store.notices()
    if notices:
        st.info("\n\n".join(literal(notice) for notice in notices[-3:]), icon=":material/inventory_2:")
        rights.button("dismiss", "Understood", key="notices", type="tertiary", on_click=service.store.clear_notices)


def train_button(service: Service, draft: Draft[Any], key: str = "train") -> None:
    """Train, and if that is not possible, why."""
    state = service.state(draft.experiment.key)
    seconds = about_seconds(draft.experiment)
    features = features_of(draft.view, draft.experiment)
    scales = scales_of(features, draft.experiment) if lent(features, draft.experiment) else ()
    reason = reason_not_to_train(draft.experiment, features, scales) or rights.too_large(seconds)
    if draft.pending:
        reason = "One of the settings is not possible, as said beside it; change it to train."
    about = f"About {duration(seconds)} on an idle computer."
    st.button(
        LABELS.get(state.state, "Train"), key=key, type="primary", width="stretch", icon=":material/play_arrow:",
        disabled=reason is not None or state.live or state.state == "done",
        help="Change a setting to train anew." if state.state == "done" else about,
        on_click=press_train, args=(service, draft),
    )  # fmt: skip
    if reason is not None:
        st.caption(reason)


LABELS = {"done": "Trained", "failed": "Try again", "queued": "Training …", "running": "Training …"}
"""What the button says in each state of a run; in all others, “Train”."""


def press_train(service: Service, draft: Draft[Any]) -> None:
    """Asks for the run, to be watched from its beginning; what speaks against it is said on top of the page."""
    draft.look(epoch=None, play=0)
    run_view = service.run_view(draft.experiment.key)
    draft.left_behind = run_view.attempt if run_view else None
    try:
        replaced = service.train(draft.experiment)
    except CtvizError as error:
        draft.problems = (str(error),)
        return
    if replaced:
        draft.problems = ("Your earlier training was stopped: in a class, each has one at a time.",)
