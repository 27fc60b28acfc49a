"""Train with these rules: a model beside the two, which keeps to the person's locks and directions in its training too,
and not in its advice alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import streamlit as st

from ctviz.catalogue.advice import training_title
from ctviz.catalogue.rows import in_words_of
from ctviz.data.rules import Rules
from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.config import Experiment
from ctviz.progress import duration
from ctviz.prose import listed, percent
from ctviz.ui.kit import messages, rights
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal, live
from ctviz.ui.kit.service import RunState, about_seconds, service
from ctviz.ui.kit.watch import how_far
from ctviz.ui.recourse import uploads
from ctviz.ui.recourse.context import AdviceContext, with_known, with_trained
from ctviz.ui.recourse.model_block import model_block
from ctviz.ui.recourse.recourse_view import RecourseView

POLL = 0.5
"""Seconds between two looks at a training."""

TITLE = training_title(True, with_rules=True)

WHAT = (
    "One more model, which learns from counterfactuals that keep these locks and directions. The others have learned "
    "as if everything could change: for them, the rules hold in advice alone. Ranges, levels and difficulties remain a "
    "matter of advice."
)

NOTHING = "These rules lock nothing and give no direction, so there is nothing that training could keep to."


LEARNS = "It learns with these rules; the page goes on meanwhile."


@dataclass(frozen=True)
class ModelWithRules:
    """The model that is trained with the rules of the page.

    Attributes:
        context: with it beside the others, where it is at hand.
        experiment: its training, where it is not.
        why_not: why there can be none, a sentence; or why one that was trained cannot be read.
        held: the features that the rules lock or direct.
    """

    context: AdviceContext | None = None
    experiment: Experiment | None = None
    why_not: str = ""
    held: tuple[str, ...] = ()


def model_with_rules(draft: Draft[RecourseView], context: AdviceContext, rules: Rules) -> ModelWithRules:
    """One of the run that has learned with the same rules, one that has been trained since, or how to train it."""
    held = rules.named("locked", "up", "down")
    arms = {arm.name: arm for arm in context.experiment.arms if arm.trains_on_counterfactuals}
    like = context.arms[1] if context.arms[1] in arms else next(iter(arms), None)
    if like is None:
        return ModelWithRules(why_not="No model of this run is trained on counterfactuals.")
    if not held:
        return ModelWithRules(why_not=NOTHING)
    try:
        experiment = context.experiment.under(rules, like)
        known = context.experiment.arm_under(rules, like)
    except ConfigError as error:
        return ModelWithRules(why_not=f"No model can be trained with these rules: {error}")
    if known in context.arms:
        return ModelWithRules(why_not="The model beside the conventional one was trained with these rules already.")
    if known is not None:
        return ModelWithRules(with_known(context, known), held=held)
    try:
        if (found := with_trained(context, experiment, draft)) is not None:
            return ModelWithRules(found, experiment, held=held)
        damaged = [notice for notice in service().store.notices() if experiment.key in notice]
    except StoreError as error:
        damaged = [str(error)]
    except ConfigError as error:  # a model of the run has its name
        return ModelWithRules(why_not=f"It cannot stand beside these models: {error}")
    return ModelWithRules(None, experiment, "".join(damaged[-1:]), held)


def rules_button(draft: Draft[RecourseView], with_rules: ModelWithRules) -> None:
    """Below the rules: trains that model, shows the one that there is, or hides it."""
    if draft.view.trained:
        st.button(
            "Hide the model with rules", key="train-rules-hide", icon=":material/visibility_off:", width="stretch",
            on_click=draft.look, kwargs={"trained": 0, "everyone": min(draft.view.everyone, 1)},
        )  # fmt: skip
        return
    _train_button(draft, with_rules, width="stretch")


def rules_column(draft: Draft[RecourseView], with_rules: ModelWithRules, table: str) -> None:
    """In place of advice: how far the training is, or why there is none and how to begin it.

    ``table``: its name, for the words about its rows.
    """
    if with_rules.experiment is None:
        st.html(model_block(TITLE, True, with_rules.why_not))
        return
    experiment = with_rules.experiment
    live(partial(_progress, draft, experiment, with_rules), lambda: POLL if _state(draft, experiment).live else None)
    if not _state(draft, experiment).live:
        st.caption(in_words_of(table, _train_button(draft, with_rules)))


def _train_button(
    draft: Draft[RecourseView], with_rules: ModelWithRules, width: Literal["stretch", "content"] = "content"
) -> str:
    """The button that trains the model, or shows the one that there is; what that takes, or why it cannot be, comes
    back as sentences."""
    ready, experiment = with_rules.context is not None, with_rules.experiment
    seconds = about_seconds(experiment) if experiment else 0.0
    reason = None if ready else with_rules.why_not if experiment is None else rights.too_large(seconds)
    took = "It is trained already." if ready else f"About {duration(seconds)} on an idle computer."
    said = reason or f"{WHAT} {took} The page goes on meanwhile."
    st.button(
        "Show the model trained with these rules" if ready else "Train with these rules", key="train-rules",
        icon=":material/model_training:", width=width, disabled=reason is not None, help=said, on_click=_press,
        args=(draft, with_rules),
    )  # fmt: skip
    return said


def rules_note(context: AdviceContext, with_rules: ModelWithRules) -> str:
    """Of the model with rules: what held in its training, and how often it and the second one are right."""
    accuracy = {one["name"]: percent(one["accuracy"]) for one in context.adviser.run.summary}
    without, own = (accuracy[arm] for arm in context.models[1:])
    beside = "as often as without the rules" if own == without else f"without the rules about {without}"
    said = f"On the test data this model is right about {own} of the people, {beside}."
    return f"In its training too, these rules held: {listed(with_rules.held)}. {said}"


def _state(draft: Draft[RecourseView], experiment: Experiment) -> RunState:
    """Where the training is: in the store's queue, or of a table of one's own in memory."""
    own = uploads.named(draft.view.own) if draft.view.own else None
    if own is None:
        return service().state(experiment.key)
    training = own.trainings_with_rules.get(experiment.key)
    if training is None:
        return RunState("absent")
    return RunState(**vars(training.status), ours=True)


def _press(draft: Draft[RecourseView], with_rules: ModelWithRules) -> None:
    draft.look(trained=1, third=0)
    if with_rules.context is not None or with_rules.experiment is None:
        return
    with messages.errors_as("error"):
        own = uploads.named(draft.view.own) if draft.view.own else None
        if own is not None:
            rights.check("upload")
            own.train_under(with_rules.experiment)
            return
        if service().train(with_rules.experiment):
            messages.say("warning", "Your earlier training was stopped: in a class, each has one at a time.")


def _cancel(draft: Draft[RecourseView], experiment: Experiment) -> None:
    with messages.errors_as("refused"):
        own = uploads.named(draft.view.own) if draft.view.own else None
        if own is None:
            service().cancel(experiment.key)
        elif (training := own.trainings_with_rules.get(experiment.key)) is not None:
            training.cancel()


def _progress(draft: Draft[RecourseView], experiment: Experiment, with_rules: ModelWithRules) -> None:
    state = _state(draft, experiment)
    st.html(model_block(TITLE, True, LEARNS if state.live else "No model has been trained with these rules yet."))
    if state.live:
        epochs = experiment.training.epochs
        st.progress(min(state.epochs_done / epochs, 1.0), text=how_far(state, epochs))
        if state.ours:
            reason = None if draft.view.own else service().reason_not_to_cancel(experiment.key)
            st.button(
                "Cancel", key="train-rules-cancel", icon=":material/stop:", disabled=reason is not None, help=reason,
                on_click=_cancel, args=(draft, experiment),
            )  # fmt: skip
    elif with_rules.why_not or state.state == "failed":
        st.error(f"{literal(with_rules.why_not or state.message)} Nothing else has changed.", icon=":material/error:")
    elif state.state in ("cancelled", "interrupted"):
        how = "was stopped" if state.state == "cancelled" else "ended early: its process is gone"
        st.info(f"This training {how}. Press the button to run it from the start.", icon=":material/pause:")
