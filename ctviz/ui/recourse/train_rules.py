"""Train with these rules: a model that knows the person's locks in training too, beside the one that meets them in
advice alone."""

from __future__ import annotations

from functools import partial
from html import escape

import streamlit as st

from ctviz.catalogue import advice as words
from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.advice import ModelAdvice
from ctviz.experiments.config import Experiment
from ctviz.progress import duration
from ctviz.prose import begun, listed, number, percent
from ctviz.ui.kit import messages, rights
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal, live
from ctviz.ui.kit.service import RunState, about_seconds, service
from ctviz.ui.kit.settings import group
from ctviz.ui.kit.watch import how_far
from ctviz.ui.recourse import uploads
from ctviz.ui.recourse.asked import Answer, Asked
from ctviz.ui.recourse.context import AdviceContext, under_rules
from ctviz.ui.recourse.model_block import model_block
from ctviz.ui.recourse.recourse_view import RecourseView

POLL = 0.5
"""Seconds between two looks at a training."""

TITLES = ("Locked in advice only", "Locked in training too")

WHAT = (
    "So far these rules hold in advice alone: the model has learned as if everything could change. Trained with them, "
    "it learns from counterfactuals that keep to the locks and directions too, and then needs what is locked less. "
    "Ranges, levels and difficulties remain a matter of advice."
)


def train_rules(draft: Draft[RecourseView], found: Answer) -> None:
    """The disclosure; what is in it is drawn once it is open."""
    group("Train with these rules", "recourse-train-rules", lambda: _open(draft, found))


def _open(draft: Draft[RecourseView], found: Answer) -> None:
    """The button, how far the training is, and in the end both models' plans beside each other."""
    context, rules = found.asked.context, found.asked.rules
    like = next((arm.name for arm in context.experiment.arms if arm.trains_on_counterfactuals), None)
    held = rules.named("locked", "up", "down")
    if like is None or not held:
        st.caption(
            "These rules lock nothing and give no direction, so there is nothing that training could keep to."
            if like is not None
            else "No model of this run is trained on counterfactuals."
        )
        return
    st.caption(WHAT, help=f"These rules lock or direct {listed(held)}.")
    try:
        experiment = context.experiment.under(rules, like)
        known = context.experiment.arm_under(rules, like)
    except ConfigError as error:
        st.info(literal(f"No model can be trained so: {error}"), icon=":material/block:")
        return
    if known is not None:
        _beside(found, like, AdviceContext(context.adviser, context.key, context.experiment, (known, known), ()))
        return
    live(partial(_progress, draft, experiment), lambda: POLL if _state(draft, experiment).live else None)
    trained = under_rules(experiment, draft)
    if trained is not None:
        _beside(found, like, trained)
        return
    _button(draft, experiment)


def _state(draft: Draft[RecourseView], experiment: Experiment) -> RunState:
    """Where the training is: in the store's queue, or of a table of one's own in memory."""
    own = uploads.named(draft.view.own) if draft.view.own else None
    if own is None:
        return service().state(experiment.key)
    training = own.ruled.get(experiment.key)
    if training is None:
        return RunState("absent")
    return RunState(**vars(training.status), ours=True)


def _button(draft: Draft[RecourseView], experiment: Experiment) -> None:
    state, seconds = _state(draft, experiment), about_seconds(experiment)
    if state.live:
        return
    reason = rights.too_large(seconds)
    st.button(
        "Train with these rules", key="train-rules", icon=":material/play_arrow:", disabled=reason is not None,
        help=reason or f"About {duration(seconds)} on an idle computer; the page goes on meanwhile.",
        on_click=_train, args=(draft, experiment),
    )  # fmt: skip
    st.caption(reason or f"One more model, about {duration(seconds)} on an idle computer.")


def _train(draft: Draft[RecourseView], experiment: Experiment) -> None:
    with messages.errors_as("error"):
        own = uploads.named(draft.view.own) if draft.view.own else None
        if own is not None:
            rights.check("upload")
            own.train_under(experiment)
        elif service().train(experiment):
            messages.say("warning", "Your earlier training was stopped: in a class, each has one at a time.")


def _cancel(draft: Draft[RecourseView], experiment: Experiment) -> None:
    with messages.errors_as("refused"):
        own = uploads.named(draft.view.own) if draft.view.own else None
        if own is None:
            service().cancel(experiment.key)
        elif (training := own.ruled.get(experiment.key)) is not None:
            training.cancel()


def _progress(draft: Draft[RecourseView], experiment: Experiment) -> None:
    state = _state(draft, experiment)
    if state.live:
        bar, stop = st.columns([0.84, 0.16], vertical_alignment="center")
        epochs = experiment.training.epochs
        bar.progress(min(state.epochs_done / epochs, 1.0), text=how_far(state, epochs))
        if state.ours:
            own = bool(draft.view.own)
            reason = None if own else service().reason_not_to_cancel(experiment.key)
            stop.button(
                "Cancel", key="train-rules-cancel", icon=":material/stop:", width="stretch",
                disabled=reason is not None, help=reason, on_click=_cancel, args=(draft, experiment),
            )  # fmt: skip
    elif state.state == "failed":
        st.error(f"{literal(state.message)} Nothing else has changed: try again.", icon=":material/error:")
    elif state.state in ("cancelled", "interrupted"):
        how = "was stopped" if state.state == "cancelled" else "ended early: its process is gone"
        st.info(f"This training {how}. Press the button to run it from the start.", icon=":material/pause:")


# -- beside each other ------------------------------------------------------------------------------------


def _beside(found: Answer, like: str, trained: AdviceContext) -> None:
    """The first plan of each model for the person of the page."""
    asked = found.asked
    try:
        advice = [
            Asked(context, asked.person, asked.rules, 1, (arm,)).polished().models[0]
            for context, arm in ((asked.context, like), (trained, trained.arms[0]))
        ]
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/rule:")
        return
    st.html(f"<p>{escape(compared(*advice))}</p>")
    for column, title, model in zip(st.columns(2, gap="medium"), TITLES, advice, strict=True):
        with column:
            st.html(model_block(title, True, f"{begun(words.verdict_words(model))}.", _plan(model), level=3))
    st.caption(f"Polished plans; nothing is proved of them here. {_accuracies(asked.context, like, trained)}")


def _plan(model: ModelAdvice) -> str:
    if model.outcome == "accepted":
        return "<p>There is nothing to change.</p>"
    if not model.plans:
        return "<p>No plan was found under these rules.</p>"
    plan = model.plans[0]
    lines = "".join(f"<li>{escape(begun(words.change_words(change)))}</li>" for change in plan.changes)
    notes = (words.then_sentence(plan), words.nearness_sentence(plan))
    said = "".join(f"<p>{escape(note)}</p>" for note in notes if note)
    return f'<div class="ctviz-plan"><ul>{lines}</ul>{said}</div>'


def compared(only: ModelAdvice, too: ModelAdvice) -> str:
    """What training under the rules has changed for this person, in a sentence."""
    if "accepted" in (only.outcome, too.outcome):
        who = [title for title, model in zip(TITLES, (only, too), strict=True) if model.outcome == "accepted"]
        return f"{begun(listed([one.lower() for one in who]))}: this person is accepted as they are."
    if not (only.plans and too.plans):
        found = [title for title, model in zip(TITLES, (only, too), strict=True) if model.plans]
        only_one = f"A plan was found for one of the models alone: {found[0].lower()}." if found else ""
        return only_one or "For neither model was a plan found."
    first, second = only.plans[0].effort, too.plans[0].effort
    efforts = f"{number(second, 3)} against {number(first, 3)}"
    if abs(second - first) <= 0.05 * max(first, second):
        return f"Locked in training too, the plan takes about as much effort: {efforts}."
    return f"Locked in training too, the plan takes {'less' if second < first else 'more'} effort: {efforts}."


def _accuracies(context: AdviceContext, like: str, trained: AdviceContext) -> str:
    """How often each model is right on the test data."""
    pairs = ((context, like), (trained, trained.arms[0]))
    found = [next(one for one in g.adviser.run.summary if one["name"] == arm)["accuracy"] for g, arm in pairs]
    first, second = map(percent, found)
    return f"On the test data, the first is right about {first} of the people, the second about {second}."
