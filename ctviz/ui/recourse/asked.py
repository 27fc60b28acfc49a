"""What is asked of the models for the person of the page, and the answers, which all sessions share."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import streamlit as st

from ctviz.cache import Cache
from ctviz.catalogue.advice import title_among, training_title
from ctviz.counterfactuals.exact.cheapest import Solver
from ctviz.data.rules import Rules
from ctviz.experiments.advice import Advice, AdvisedPlan, ModelAdvice
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.kept import KEPT
from ctviz.ui.kit.service import SEARCHES_AT_ONCE
from ctviz.ui.recourse.context import AdviceContext
from ctviz.ui.recourse.person import Picked
from ctviz.ui.recourse.proofs import SECONDS, Failure, Proofs, Task, cheaper, size_of, with_proof

SHOWN = "recourse-exact"
"""Where the session keeps of which answers it wants to see the proved plans."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A person, the rules, and how many plans are wanted.

    Attributes:
        arms: the models that are asked, as they are shown.
    """

    context: AdviceContext
    person: Picked
    rules: Rules
    plans: int
    arms: tuple[str, ...]

    def key(self, arm: str, plans: int = 0) -> Hashable:
        """Names what one model answers wherever it is kept."""
        rules = sorted(rule.model_dump_json() for rule in self.rules.rules)
        others = self.rules.model_copy(update={"rules": ()}).model_dump_json()
        return self.context.key_of(arm), arm, self.person.key, (*rules, others), plans or self.plans

    def polished(self) -> Advice:
        """The cheapest plans that a descent finds.

        Raises:
            DataError: rules that leave a feature of this person no value.
        """
        if (base := self.context.base) is not None and len(self.arms) > 1:  # its advice stays as it was
            *first, last = self.arms
            before = replace(self, context=base, arms=tuple(first)).polished()
            third = replace(self, arms=(last,)).polished()
            return replace(before, run=third.run, models=(*before.models, *third.models))

        def advice() -> Advice:
            return self.context.adviser.advise(
                self.person.asked, self.rules, plans=self.plans, exact=False, time_limit=SECONDS, arms=self.arms
            )

        found: Advice = _answers().get(self.shown_key, advice)
        return found

    def tasks(self, advice: Advice) -> list[Task]:
        """The proofs of what the models ask: first of the cheapest plan of each, then of all."""
        wanted = [model.arm for model in advice.models if model.outcome != "accepted"]
        counts = (1, self.plans) if self.plans > 1 else (1,)
        return [
            Task(self.key(arm, count), _Prove(self, arm, count), self.key(arm, 1)) for count in counts for arm in wanted
        ]

    def proved(self, arm: str, proofs: Proofs) -> ModelAdvice | Failure | None:
        """As much as is proved by now of what a model asks: of all plans, or of the cheapest."""
        whole, first = (proofs.result(self.key(arm, count)) for count in (self.plans, 1))
        return first if whole is None or (isinstance(whole, Failure) and first is not None) else whole

    @property
    def shown_key(self) -> Hashable:
        """Names all that is asked."""
        return tuple(self.key(arm) for arm in self.arms)


@dataclass(frozen=True, eq=False)
class _Prove:
    """The exact search for the plans of one model."""

    asked: Asked
    arm: str
    plans: int

    def __call__(self, solver: Solver, seconds: float) -> ModelAdvice:
        asked = self.asked
        advice = asked.context.adviser.advise(
            asked.person.asked, asked.rules, plans=self.plans, time_limit=seconds, arms=(self.arm,), solver=solver
        )
        return advice.models[0]


@dataclass(frozen=True, eq=False)
class Answer:
    """What is shown of the models' advice.

    Attributes:
        asked: whom it is for, under which rules.
        advice: the plans that are shown, with as much as is proved of them.
        proved: by model, what the exact search found, if it has ended.
        pending: the models whose proofs are still under way.
        failed: by model, why there is no proof, a sentence.
        open: how many proofs are still under way.
    """

    asked: Asked
    advice: Advice
    proved: dict[str, ModelAdvice]
    pending: tuple[str, ...]
    failed: dict[str, str]
    open: int

    def title(self, model: ModelAdvice) -> str:
        """What a model is called beside the others."""
        return title_among(model, self.advice.models)

    @property
    def cheaper(self) -> dict[str, AdvisedPlan]:
        """By model, the plan that the proof has found where it is cheaper than the first one that is shown."""
        known = ((model, self.proved.get(model.arm)) for model in self.advice.models)
        return {model.arm: found.plans[0] for model, found in known if found is not None and cheaper(model, found)}


def answer(asked: Asked, proofs: Proofs, session: str, exact: frozenset[str] = frozenset()) -> Answer:
    """What the models ask of the person; begins the proofs, or says how far they are.

    Args:
        exact: the models of which the proved plans are shown in place of the polished ones.
    """
    advice = asked.polished()
    tasks = asked.tasks(advice)
    proofs.want(session, tasks)
    proved: dict[str, ModelAdvice] = {}
    failed: dict[str, str] = {}
    models = []
    for model in advice.models:
        found = asked.proved(model.arm, proofs) if model.outcome != "accepted" else None
        if isinstance(found, Failure):
            failed[model.arm] = found.words
            found = None
        if found is not None:
            proved[model.arm] = found
        models.append(found if found is not None and model.arm in exact and found.plans else with_proof(model, found))
    open_ = {task.key for task in tasks if proofs.result(task.key) is None}
    pending = tuple(model.arm for model in advice.models if {asked.key(model.arm), asked.key(model.arm, 1)} & open_)
    return Answer(asked, replace(advice, models=tuple(models)), proved, pending, failed, len(open_))


def exact_shown(found_key: object) -> frozenset[str]:
    """The models of which this session wants to see the proved plans, for what it looks at now."""
    key, arms = st.session_state.get(SHOWN, (None, frozenset()))
    return frozenset(arms) if key == found_key else frozenset()


def titles(experiment: Experiment) -> dict[str, str]:
    """By name, what the models of a run are called: how they were trained, and whether rules held in training too."""
    found = {}
    for arm in experiment.arms:
        found[arm.name] = arm.rival or training_title(arm.trains_on_counterfactuals, arm.trained_with_rules)
    said = list(found.values())
    return {name: title if said.count(title) == 1 else f"{title} ({name})" for name, title in found.items()}


@st.cache_resource(show_spinner=False)
def _answers() -> Cache:
    return Cache(KEPT, size=lambda advice: sum(map(size_of, advice.models)), at_once=SEARCHES_AT_ONCE)
