"""Advice in words: what a person is asked to change, what is proved of it, and whom it would make them like.

Every sentence is computed from an ``Advice``; ``advice_text`` puts them together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ctviz.catalogue.rows import in_words_of
from ctviz.experiments.advice import Advice, AdvisedPlan, AdvisedRelease, FeatureChange, ModelAdvice
from ctviz.prose import begun, decimal, listed, number, percent, quoted

UNPROVED = "These are the cheapest plans that a descent found; whether there are cheaper ones is not proved."
"""Said once of plans for which no proof was asked."""

JOINING = " to ", " or "
"""Words of the sentences on changes: levels that hold them, such as ``0 to 200 DM``, are quoted."""


def advice_text(advice: Advice) -> str:
    """All of it: the person, what is asked for, and a paragraph for each model."""
    parts = [person_sentence(advice), asked_sentence(advice)]
    if all(model.outcome == "accepted" for model in advice.models):
        parts.append(f"{_everyone(len(advice.models))} this person as they are: there is nothing to change.")
    paragraphs = ["\n".join(parts)]
    paragraphs += ["\n".join([_headed(advice, model), *model_sentences(model)]) for model in advice.models]
    if not advice.exact and any(model.plans for model in advice.models):
        paragraphs.append(UNPROVED)
    return in_words_of(advice.data, "\n\n".join(paragraphs))


def _everyone(models: int) -> str:
    return {1: "The model accepts", 2: "Both models accept"}.get(models, f"All {models} models accept")


def person_sentence(advice: Advice) -> str:
    """Who the person is: ``Person 17 of the test data: age 39 years, …``"""
    who = "The person" if advice.place is None else "Person {1} of the {0} data".format(*advice.place)
    return f"{who}: {', '.join(f'{name} {text}' for name, text in advice.texts.items())}."


def asked_sentence(advice: Advice) -> str:
    """From which score on a model accepts, and what a score is."""
    wanted = f"A score is how sure a model is of “{advice.wanted}”, from 0 to 100; it need not be a probability."
    if advice.tau == "rate":
        share = percent(advice.rate)
        reached = f"{share} of people reach, the share of “{advice.wanted}” in the data"
        return f"{wanted} Each model accepts from the score that {reached}."
    return f"{wanted} A person with {score_words(advice.tau)} or more is accepted."


def score_words(score: float) -> str:
    """A score from 0 to 100, rounded down to a decimal, so that none looks as if it reached what it does not: ``50.0``,
    ``71.2``."""
    return decimal(math.floor(1000 * score + 1e-6) / 10, 1)


def model_title(model: ModelAdvice, alone: bool = True) -> str:
    """How a model was trained; with its name where it is not ``alone`` in that."""
    title = model.rival or training_title(model.counterfactual, model.with_rules)
    return title if alone else f"{title} ({model.arm})"


def training_title(counterfactual: bool, with_rules: bool = False) -> str:
    """How a model was trained; ``with_rules``: under rules that held in training too."""
    if not counterfactual:
        return "Conventional training"
    return f"Counterfactual training{' with rules' if with_rules else ''}"


def title_among(model: ModelAdvice, models: Sequence[ModelAdvice]) -> str:
    """``model_title``, with the name where others of these were trained in the same way."""
    return model_title(model, [model_title(other) for other in models].count(model_title(model)) == 1)


def verdict_words(model: ModelAdvice, needed: bool = True) -> str:
    """``refused with a score of 34.0; 60.0 is needed``; without what is ``needed`` where that is the same for all."""
    verb = "accepted" if model.outcome == "accepted" else "refused"
    asked = f"; {score_words(model.threshold)} is needed" if needed else ""
    return f"{verb} with a score of {score_words(model.score)}{asked}"


def _headed(advice: Advice, model: ModelAdvice) -> str:
    return f"{title_among(model, advice.models)}: {verdict_words(model, advice.tau == 'rate')}."


def model_sentences(model: ModelAdvice) -> list[str]:
    """What one model asks, a line for each plan; or why there is none."""
    lines = [f"{begun(model.unfit)} So nothing is proved of this model."] if model.unfit else []
    if model.outcome == "none":
        return [*lines, none_sentence(model.release)]
    if model.outcome == "unknown":
        return [*lines, unknown_sentence(model)]
    for i, plan in enumerate(model.plans):
        mark = f"{i + 1}. " if len(model.plans) > 1 else ""
        lines.append(f"{mark}{plan_sentence(plan)} {plan_notes(plan, first=not i)}")
    if model.plans and model.complete:
        lines.append(
            "There is no further plan that leaves out one of the changes of each of these, and that is proved."
        )
    return lines


# -- one plan --------------------------------------------------------------------------------------------


def plan_sentence(plan: AdvisedPlan) -> str:
    """What to change: ``Raise hours per week from 38 to 45 hours; keep everything else.``"""
    return f"{begun(listed([change_words(change) for change in plan.changes]))}; keep everything else."


def change_words(change: FeatureChange) -> str:
    """One change: ``raise age from 35 to 38 years``, ``change occupation from sales to management``."""
    verb = "change" if change.kind == "category" else "raise" if change.rises else "lower"
    before, after = quoted(change.texts, *JOINING)
    return f"{verb} {change.feature} from {before} to {after}"


def plan_notes(plan: AdvisedPlan, first: bool = True) -> str:
    """What it takes, what is proved, whether a slip voids it, and whom the person would be like."""
    score = f"Score {score_words(plan.score)}, effort {number(plan.effort, 3)}."
    parts = [score, proof_sentence(plan, first), slip_sentence(plan), nearness_sentence(plan)]
    return " ".join(part for part in parts if part)


def proof_sentence(plan: AdvisedPlan, first: bool = True) -> str:
    """How far from the cheapest a plan can be; empty where no proof was asked for.

    ``first``: among all plans, not among those that differ from earlier ones.
    """
    if plan.proof == "none asked":
        return ""
    among = "" if first else " that differs from those before"
    if plan.proof == "optimal":
        return f"No cheaper plan exists{among}."
    most = math.ceil(100 * plan.gap - 1e-9)
    if most >= 100:
        return f"How much cheaper a plan{among} could be is open."
    return f"At most {most} % cheaper is possible{', for a plan' if among else ''}{among}."


def slip_sentence(plan: AdvisedPlan) -> str:
    """Whether a tenth less of a change voids a plan; empty where it changes no number."""
    numbers = [change.feature for change in plan.changes if change.with_less is not None]
    if not numbers:
        return ""
    if plan.voided_by:
        return f"If the change of {' or '.join(plan.voided_by)} falls a tenth short, the person is still refused."
    which = f"the change of {numbers[0]}" if len(numbers) == 1 else "one of these numbers"
    return f"If {which} falls a tenth short, the person is still accepted."


def nearness_sentence(plan: AdvisedPlan) -> str:
    """How near one would be to a real person who was accepted, beside how near accepted people are to the nearest other
    one. Shares are rounded to the side that claims less."""
    share = plan.closer_than
    if share is None:
        return f"The nearest real person who was accepted is {number(plan.distance, 2)} away."
    if plan.distance == 0:
        return "Just like a real person who was accepted."
    if ABOUT[0] <= share <= ABOUT[1]:
        return "About as similar to real accepted people as these are to each other."
    if share > ABOUT[1]:
        most = _floor_percent(share)
        return f"Similar to a real accepted person: {most} of accepted people have no other one as similar."
    most = _floor_percent(1 - share)
    return f"Not very similar to any accepted person: {most} of accepted people have another one at least as similar."


ABOUT = (0.4, 0.6)
"""Shares of accepted people, around half of them, at which one is about as close as they are to each other."""


def _floor_percent(share: float) -> str:
    """``86 %``; above 99 %, though not all: ``more than 99 %``. Of a share of a sample, 100 % is not said."""
    whole = math.floor(100 * share + 1e-9)
    return "more than 99 %" if whole >= 99 else f"{whole} %"


def then_sentence(plan: AdvisedPlan) -> str:
    """What the plan leads to, and what it takes: ``Accepted then, with a score of 67.1; effort 1.25.``"""
    return f"Accepted then, with a score of {score_words(plan.score)}; effort {number(plan.effort, 3)}."


# -- while a proof is under way --------------------------------------------------------------------------

PROVING = "Whether a cheaper plan exists is being checked."
"""Of a plan whose proof is under way."""

PROVING_NONE = "No plan was found at first. Whether there is one is being checked."
"""Of a model without a plan so far."""


def cheaper_sentence(shown: AdvisedPlan, found: AdvisedPlan, whole: bool = False) -> str:
    """That the proof has found a cheaper plan than the one that is shown; the ``whole`` of it, or what it takes."""
    said = f"with an effort of {number(found.effort, 3)} in place of {number(shown.effort, 3)}"
    changes = f": {listed([change_words(change) for change in found.changes])}" if whole else ""
    return f"A cheaper plan was found since, {said}{changes}."


# -- no plan ---------------------------------------------------------------------------------------------


def none_sentence(release: AdvisedRelease | None) -> str:
    """That there is no plan, which locks stand in the way, and the plan without them."""
    told = released_sentence(release)
    if release is None or release.plan is None:
        return told
    return f"{told} {plan_sentence(release.plan)} {plan_notes(release.plan)}"


def released_sentence(release: AdvisedRelease | None) -> str:
    """That there is no plan, and which locks stand in the way."""
    proved = "No plan exists under these rules, and that is proved."
    if release is None:
        return f"{proved} Nothing is locked: directions and ranges stand in the way."
    if release.plan is None:
        open_ = "Whether releasing locks would give one was not found in time."
        return f"{proved} {'Without any lock there is none either.' if release.smallest else open_}"
    fewest = " No smaller set of locks does." if release.smallest and len(release.features) > 1 else ""
    return f"{proved} Releasing {listed(release.features)} gives one.{fewest}"


def unknown_sentence(model: ModelAdvice) -> str:
    """That none was found, though there may be one."""
    tried = f" in {model.limit:g} s" if model.limit else ""
    return f"No plan was found{tried}, nor is it proved that there is none."
