"""What Recourse advises with: the models of a run on a table, read once for all sessions."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import streamlit as st

from ctviz.cache import Cache
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import ARM_WITH_RULES, Run, load_run
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import sentence
from ctviz.ui.kit.pages import RECOURSE
from ctviz.ui.kit.service import service
from ctviz.ui.recourse import uploads
from ctviz.ui.recourse.data_choice import at_hand
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.uploads import OwnTable

MOST_WITH_RULES = 4
"""Models that were trained with the rules of the page, which are kept of each context."""

MOST_CONTEXTS = 6
"""Runs, with the score that they ask for, whose models and people are kept at hand."""


@dataclass(frozen=True, eq=False)
class AdviceContext:
    """What the page advises with: the models of a run on a table.

    Attributes:
        adviser: has the table, the run and all its models.
        key: names run, epoch and threshold wherever an answer on it is kept.
        experiment: of the run.
        arms: the two models that are shown beside each other: conventional, counterfactual.
        refused: the rows of the test data whom both of these refuse, ascending.
        with_rules: the conventional model and that which was trained with the rules of the page, where it is shown too.
        base: without that model, where that is of another run.
        contexts_with_rules: what is kept of such models, as long as this is.
    """

    adviser: Adviser
    key: str
    experiment: Experiment
    arms: tuple[str, str]
    refused: tuple[int, ...] = field(repr=False)
    with_rules: AdviceContext | None = field(default=None, repr=False)
    base: AdviceContext | None = field(default=None, repr=False)
    contexts_with_rules: Cache = field(default_factory=lambda: Cache(MOST_WITH_RULES), repr=False)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are shown beside each other."""
        return self.arms if self.with_rules is None else (*self.arms, self.with_rules.arms[1])

    def key_of(self, arm: str) -> str:
        """``key``; of a model of the run whose advice is kept already, the same as without the one of another run."""
        return self.base.key if self.base is not None and arm in self.base.adviser.run.arms else self.key


def context_of(draft: Draft[RecourseView]) -> AdviceContext | None:
    """What the page advises with; None where the run has not been trained, or has one model alone.

    An epoch and a model of the link that there are not are said among the problems of the draft, and left out.

    Raises:
        DataError: its data cannot be read. StoreError: the run cannot.
    """
    experiment, view = draft.experiment, draft.view
    own = uploads.named(view.own) if view.own else None
    if own is not None and (found := own.settle()) is not None:
        if not own.shown:
            own.shown = True
            uploads.turn_to(draft, own)
        _check(draft, found.experiment, [snapshot.epoch for snapshot in found.snapshots])
        return _on_own(found, own, draft.view)
    experiment = uploads.kept_run(view.own) or experiment
    store = service().store
    if len(experiment.arms) < 2 or store.status(experiment.key).state != "done":
        return None
    _check(draft, experiment, store.follow(experiment.key))
    if (stored := _stored(experiment, draft.view)) is None:
        return None
    made, arms = stored.adviser, arms_of(experiment, draft.view.arm)
    if arms not in stored.contexts:
        stored.contexts[arms] = AdviceContext(made, stored.key, experiment, arms, _refused(made, arms))
    return stored.contexts[arms]


@dataclass(frozen=True, eq=False)
class _Stored:
    """What a stored run advises with, what names it, and its contexts by the two models that are shown: they are kept
    as long as it is, and no longer."""

    adviser: Adviser
    key: str
    contexts: dict[tuple[str, str], AdviceContext] = field(default_factory=dict)


def _stored(experiment: Experiment, view: RecourseView) -> _Stored | None:
    """For all sessions; None where it has not been trained.

    Raises:
        DataError: its data cannot be read. StoreError: the run cannot.
    """
    shared = service()
    status = shared.store.status(experiment.key)
    if status.state != "done":
        return None
    models = f"{experiment.key}.{int(1000 * status.started):x} {view.epoch}"
    key = f"{models} {view.score}"

    def stored() -> _Stored:
        made = _same_models().get(models)
        if made is None:
            made = Adviser(load_run(experiment.key, shared.store), tau=view.score, epoch=view.epoch)
        elif made.tau != view.score:
            made = made.at(view.score)
        _same_models()[models] = made
        return _Stored(made, key)

    return _advisers().get(key, stored)


def with_trained(context: AdviceContext, experiment: Experiment, draft: Draft[RecourseView]) -> AdviceContext | None:
    """The same with the one model of ``Experiment.under`` beside the two; None where it has not been trained.

    Raises:
        StoreError: its run cannot be read.
    """
    own = uploads.named(draft.view.own) if draft.view.own else None
    if own is None:
        status = service().store.status(experiment.key)
        if status.state != "done":
            return None
        version = f"{int(1000 * status.started):x}"
        load = partial(load_run, experiment.key, service().store)
    else:
        training = own.trainings_with_rules.get(experiment.key)
        if training is None or own.table is None or (run := training.run) is None:
            return None
        version, load = f"{own.version}", partial(uploads.bound, run, own.table)

    def made() -> AdviceContext:
        adviser = context.adviser.beside(load())
        joined = replace(context, adviser=adviser, experiment=adviser.run.experiment, base=context)
        return _beside(joined, ARM_WITH_RULES)

    found: AdviceContext = context.contexts_with_rules.get((experiment.key, version), made)
    return found


def with_known(context: AdviceContext, arm: str) -> AdviceContext:
    """The same with a model of the run that was trained with these rules beside the two."""
    found: AdviceContext = context.contexts_with_rules.get(arm, lambda: _beside(context, arm))
    return found


def _beside(context: AdviceContext, arm: str) -> AdviceContext:
    pair = context.arms[0], arm
    key = context.key if context.base is None else f"{context.key} {context.adviser.run.key}"
    with_rules = replace(context, key=key, arms=pair, refused=_refused(context.adviser, pair))
    return replace(context, key=key, with_rules=with_rules)


def _on_own(run: Run, own: OwnTable, view: RecourseView) -> AdviceContext:
    """What the page advises with on a table of one's own; it is kept with the table, and not for all sessions."""
    key = f"{run.key}.{own.key}.{own.version} {view.epoch} {view.score}"
    made: Adviser = own.kept.get(key, lambda: Adviser(run, tau=view.score, epoch=view.epoch))
    arms = arms_of(run.experiment, view.arm)
    found: AdviceContext = own.kept.get(
        (key, arms), lambda: AdviceContext(made, key, run.experiment, arms, _refused(made, arms))
    )
    return found


def _check(draft: Draft[RecourseView], experiment: Experiment, epochs: Sequence[int]) -> None:
    """Leaves out what the link asks for and the run does not have, and says so."""
    view, trained = draft.view, [arm.name for arm in experiment.arms if arm.learns_from_examples]
    if view.epoch is not None and view.epoch not in epochs:
        draft.problems += (sentence("epoch", view.epoch, f"a stored epoch, such as {epochs[-1]}"),)
        draft.view = view.model_copy(update={"epoch": None})
    if view.arm and view.arm not in trained:
        allowed = (
            f"one of {', '.join(trained)}" if trained else "nothing, for no model of this run learnt from examples"
        )
        draft.problems += (sentence("arm", view.arm, allowed),)
        draft.view = draft.view.model_copy(update={"arm": ""})


def arms_of(experiment: Experiment, wanted: str = "") -> tuple[str, str]:
    """A conventional model, and one that is wanted beside it, or the first of counterfactual training."""
    conventional = [arm.name for arm in experiment.arms if not arm.learns_from_examples]
    counterfactual = [arm.name for arm in experiment.arms if arm.trains_on_counterfactuals]
    first, *others = [*conventional, *counterfactual, *(arm.name for arm in experiment.arms if arm.rival)]
    return first, wanted if wanted in others else [*(n for n in counterfactual if n != first), *others][0]


def _refused(adviser: Adviser, arms: tuple[str, str]) -> tuple[int, ...]:
    shown = [(i, model.threshold) for i, model in enumerate(adviser.models) if model.arm in arms]
    scores = adviser.scores(adviser.table.test[0].numpy())
    refused = np.all([scores[i] < threshold for i, threshold in shown], axis=0)
    return tuple(np.flatnonzero(refused).tolist())


@st.cache_resource(show_spinner=False)
def _advisers() -> Cache:
    return Cache(MOST_CONTEXTS)


@st.cache_resource(show_spinner=False)
def _same_models() -> weakref.WeakValueDictionary[str, Adviser]:
    """By run and epoch, one of the advisers that are kept, whatever its threshold: others share its table."""
    return weakref.WeakValueDictionary()


def prepare() -> None:
    """Reads what the page opens with, and the other tables of its menu, before a class comes."""
    for experiment in (Experiment.preset(RECOURSE.preset), *dict(at_hand()).values()):
        context_of(Draft(experiment, RecourseView()))
