"""What two models ask of one person, in a headline: gain, price and caveat; and the rules that they ask it under.

Nothing is claimed beyond this person and these plans, and what is about the same is said to be so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ctviz.catalogue.advice import JOINING, change_words, title_among
from ctviz.catalogue.differences import SMALL, difference, effort_words
from ctviz.catalogue.metrics import METRICS, Metric
from ctviz.catalogue.rules import CHANGES, DIFFICULTIES, link_sentence, rule_words
from ctviz.data.rules import Rules, plain_rule
from ctviz.data.schema import Schema
from ctviz.experiments.advice import Advice, AdvisedPlan, FeatureChange, ModelAdvice
from ctviz.prose import begun, inside, listed, quoted

NEARNESS = Metric(
    "nearness", "Distance to a real accepted person", "",
    "How far the person of a plan would be from the nearest real person who was accepted.",
    direction="less", less="nearer to a real accepted person", more="farther from any real accepted person",
    alike="as near to a real accepted person",
)  # fmt: skip

SHORT = "A change that falls a tenth short can still mean a refusal"
"""That a slip voids a plan."""

NAMED = 3
"""The most changes that a headline names each."""


@dataclass(frozen=True)
class _Asked:
    """A model, what a headline calls it, the plan that is looked at, and one that is known to be cheaper."""

    model: ModelAdvice
    name: str
    plan: AdvisedPlan | None
    cheaper: AdvisedPlan | None

    @property
    def says(self) -> str:
        return begun(self.name)

    @property
    def demands(self) -> dict[tuple[str, str], FeatureChange]:
        """What is done with which feature → the change."""
        changes = self.plan.changes if self.plan is not None else ()
        return {(_verb(change), change.feature): change for change in changes}


Plans = Mapping[str, AdvisedPlan]
"""Name of a model → a plan of it."""

NO_PLANS: Plans = MappingProxyType({})


def headline(advice: Advice, arms: Sequence[str] = (), plan: int = 0, cheaper: Plans = NO_PLANS) -> str:
    """What the models ask of the person: the gain of counterfactual training, its price, and what is open.

    Args:
        arms: the names of the two models that are compared, the reference first; by default a conventional one and the
            first that was trained on counterfactuals, or whichever two come first. Of one model, what it asks.
        plan: position of the plan that is looked at; of a model with fewer, its last one.
        cheaper: plans that a proof has found since and that are not among those of ``advice``, each cheaper than its
            model's first. Models are compared by the cheapest plans that are known.
    """
    chosen = [advice.model(arm) for arm in arms] or _usual_pair(advice.models)
    pair = [_asked(model, chosen, plan, cheaper) for model in chosen[:2]]
    if len(pair) == 1:
        return " ".join([_alone(pair[0]), *_caveats(pair)])
    first, second = pair
    outcomes = {one.model.outcome for one in pair}
    if outcomes == {"accepted"}:
        return "Both models accept this person as they are: there is nothing to change."
    if first.plan is not None and second.plan is not None:
        return " ".join([*_both(first, second), *_caveats(pair)])
    if outcomes <= {"none", "unknown"}:
        return _neither(first, second)
    if "accepted" in outcomes:
        accepting, other = (second, first) if second.model.outcome == "accepted" else (first, second)
        accepted = f"{accepting.says} accepts this person as they are"
        if other.plan is not None:
            return " ".join([f"{accepted}; {other.name} asks {_asks(other.plan.changes)}.", *_caveats([other])])
        return f"{accepted}. {_has_none(other)}"
    one, other = (second, first) if second.plan is not None else (first, second)
    assert one.plan is not None  # the two that have none are told above
    only = f"Only {one.name} has a plan for this person: {_plan(one.plan.changes)}."
    return " ".join([only, _has_none(other), *_caveats([one])])


def rules_model_sentence(advice: Advice, arms: Sequence[str], plan: int = 0, cheaper: Plans = NO_PLANS) -> str:
    """What a third model asks, which was trained with the rules, beside the second one, which was trained without them;
    empty where ``arms`` names but two."""
    if len(arms) < 3:
        return ""
    second, third = (_asked(model, advice.models, plan, cheaper) for model in map(advice.model, arms[1:3]))
    if third.model.outcome == "accepted":
        return f"{TOO} the model accepts this person as they are."
    if third.plan is None:
        return _has_none(third)
    asks = _asks(third.plan.changes)
    if second.plan is None:
        return f"{TOO} the model asks {asks}."
    differs = third.demands.keys() != second.demands.keys()
    if not differs and all(one.after == second.demands[key].after for key, one in third.demands.items()):
        return f"{TOO} the model asks for the same plan."
    how = f"asks {asks}" if differs else "asks for the same changes with other values"
    return f"{TOO} the model {how}. {_compared(second, third, 'compared with the plan without them, this one')}"


TOO = "Trained with the rules too,"
"""Of a model that knew the rules in its training, and not in its advice alone."""


def _usual_pair(models: Sequence[ModelAdvice]) -> list[ModelAdvice]:
    conventional = [model for model in models if not (model.counterfactual or model.rival)]
    trained = [model for model in models if model.counterfactual]
    return [conventional[0], trained[0]] if conventional and trained else list(models[:2])


def _asked(model: ModelAdvice, models: Sequence[ModelAdvice], plan: int, cheaper: Plans) -> _Asked:
    at = min(plan, len(model.plans) - 1)
    chosen = model.plans[at] if model.plans else None
    known = cheaper.get(model.arm) or next(iter(model.plans), None)
    if chosen is None or known is None or not known.effort < chosen.effort:
        known = None
    return _Asked(model, inside(title_among(model, models)), chosen, known)


# -- both have a plan -------------------------------------------------------------------------------------


def _both(first: _Asked, second: _Asked) -> list[str]:
    assert first.plan is not None and second.plan is not None
    ours, theirs = second.demands, first.demands
    common = [ours[key] for key in ours if key in theirs]
    more, less = ([one for key, one in a.items() if key not in b] for a, b in ((ours, theirs), (theirs, ours)))
    if not (more or less):
        differing = [change for key, change in ours.items() if change.after != theirs[key].after]
        if not differing:
            same = f"Both models ask for the same plan: {_plan(common, whole=True)}."
            return [same, _compared(first, second)] if first.cheaper or second.cheaper else [same]
        # Of one feature alone, which has just been named, only the values differ.
        how = ": " if len(common) == 1 else "; "
        said = f"Both models ask {_asks(common)}{how}{_apart(differing, first, second, named=len(common) == 1)}."
        return [said, _compared(first, second)]
    if not common:
        said = f"{first.says} asks {_asks(less)}, {second.name} {_asks(more)}."
        return [said, _compared(first, second)]
    extras = [f"{one.name} also {_asks(own)}" for one, own in ((first, less), (second, more)) if own]
    said = f"Both models ask {_asks(common)}; {', '.join(extras)}."
    return [said, _compared(first, second, "its plan" if more else "")]


def _apart(differing: Sequence[FeatureChange], first: _Asked, second: _Asked, named: bool) -> str:
    """In what two plans differ that change the same features in the same directions; ``named``: the one feature is."""
    if len(differing) > 1:
        whole = len(differing) == len(first.demands)
        return "the values differ" if whole else f"the plans differ in {_features(differing)}"
    (ours,) = differing
    theirs = first.demands[_verb(ours), ours.feature]
    which = "" if named else f"{ours.feature} "
    after, other = quoted((ours.texts[1], theirs.texts[1]), *JOINING)
    return f"{which}to {after} with {second.name}, to {other} with {first.name}"


def _compared(first: _Asked, second: _Asked, subject: str = "") -> str:
    """The second plan against the first one, each the cheapest that is known: how near to real people, and for which
    effort; and of which a cheaper one is known than that looked at.

    ``subject``: what the second plan is called where there is none.
    """
    one, other = (asked.cheaper or asked.plan for asked in (first, second))
    assert one is not None and other is not None
    subject, both = subject or f"the plan of {second.name}", "the two plans"
    if cheaper := [asked.name for asked in (first, second) if asked.cheaper]:
        known = "cheaper plans of both are known" if len(cheaper) > 1 else f"a cheaper plan of {cheaper[0]} is known"
        one_said, other_said = (
            "it" if cheaper == [asked.name] else f"that of {asked.name}" for asked in (first, second)
        )
        subject, both = f"{known}; compared with {one_said}, {other_said}", f"{known}; the cheapest two"
    near = difference(NEARNESS, other.distance, one.distance)
    effort = difference(METRICS["cost"], other.effort, one.effort)
    takes = f"takes {effort_words(other.effort / one.effort, effort.words)}"
    is_near = f"is {NEARNESS.less if near.side == 'less' else NEARNESS.more}"
    if near.alike and effort.alike:
        return f"{begun(both)} take about {METRICS['cost'].alike} and are about {NEARNESS.alike}."
    if effort.alike:
        return f"{begun(subject)} {is_near}, for about {METRICS['cost'].alike}."
    if near.alike:
        return f"{begun(subject)} {takes} and is about {NEARNESS.alike}."
    gains: list[str] = []
    prices: list[str] = []
    for words, side in ((is_near, near.side), (takes, effort.side)):
        (gains if side == "less" else prices).append(words)
    said = ", but ".join(" and ".join(part) for part in (gains, prices) if part)
    return f"{begun(subject)} {said}."


# -- one has none, or both --------------------------------------------------------------------------------


def _neither(first: _Asked, second: _Asked) -> str:
    proved = [one for one in (first, second) if one.model.outcome == "none"]
    if not proved:
        return "Neither model has a plan that was found for this person; that there is none is not proved."
    if len(proved) == 1:
        said = f"Of {proved[0].name} it is proved that there is none under these rules."
        return " ".join(
            filter(None, ["For this person no plan of either model was found.", said, _released(proved[0])])
        )
    said = "Neither model has a plan for this person under these rules, and that is proved."
    freed = [_freed(one) for one in proved]
    if not any(freed):
        return said
    if freed[0] == freed[1]:
        return f"{said} Releasing {listed(freed[0])} would give one of each."
    parts = [
        f"releasing {listed(names)} would give one of {one.name}"
        for one, names in zip(proved, freed, strict=True)
        if names
    ]
    return f"{said} {begun(', '.join(parts))}."


def _has_none(one: _Asked) -> str:
    if one.model.outcome == "unknown":
        return f"Of {one.name} none was found, which does not prove that there is none."
    said = f"{one.says} has no plan under these rules, and that is proved."
    return " ".join(filter(None, [said, _released(one)]))


def _released(one: _Asked) -> str:
    freed = _freed(one)
    return f"Releasing {listed(freed)} would give one." if freed else ""


def _freed(one: _Asked) -> tuple[str, ...]:
    release = one.model.release
    return release.features if release is not None and release.plan is not None else ()


def _alone(one: _Asked) -> str:
    if one.model.outcome == "accepted":
        return f"{one.says} accepts this person as they are: there is nothing to change."
    return f"{one.says} asks {_asks(one.plan.changes)}." if one.plan is not None else _has_none(one)


# -- what is open -----------------------------------------------------------------------------------------


def _caveats(asked: Sequence[_Asked]) -> list[str]:
    """That cheaper plans are known, or not ruled out; if they are, whether a slip voids a plan."""
    plans = [(one, one.plan) for one in asked if one.plan is not None]
    one_plan = len(plans) == 1
    if any(one.cheaper for one, _ in plans):  # a comparison has told it
        return [f"A cheaper plan of {plans[0][0].name} is known."] if one_plan else []
    open_ = [one for one, plan in plans if plan.proof != "optimal" and 100 * plan.gap >= SMALL]
    if len(open_) == len(plans):
        return [f"That there {'is no cheaper plan' if one_plan else 'are no cheaper plans'} is not proved."]
    if open_:
        return [f"That {open_[0].name} has no cheaper plan is not proved."]
    voided = [one for one, plan in plans if plan.voided_by]
    if not voided:
        return []
    if len(voided) == len(plans):
        return [f"{SHORT}{'' if one_plan else ', with either plan'}."]
    return [f"{SHORT} with the plan of {voided[0].name}, not with the other."]


# -- changes ----------------------------------------------------------------------------------------------


def _verb(change: FeatureChange) -> str:
    return "change" if change.kind == "category" else "raise" if change.rises else "lower"


def _asks(changes: Sequence[FeatureChange], whole: bool = False) -> str:
    """What follows “asks”: ``to raise age and lower amount``; of many changes how many, and the largest one.

    ``whole``: with the values.
    """
    if len(changes) > NAMED:
        largest = max(changes, key=lambda change: change.effort)
        return f"for {len(changes)} changes, the largest to {_verb(largest)} {largest.feature}"
    if whole:
        return f"to {listed([change_words(change) for change in changes])}"
    verbs: dict[str, list[str]] = {}
    for change in changes:
        verbs.setdefault(_verb(change), []).append(change.feature)
    parts = [f"{verb} {listed(features)}" for verb, features in verbs.items()]
    return f"to {', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else f"to {parts[0]}"


def _plan(changes: Sequence[FeatureChange], whole: bool = False) -> str:
    """The same after a colon."""
    return _asks(changes, whole).removeprefix("for ")


def _features(changes: Sequence[FeatureChange]) -> str:
    names = [change.feature for change in changes]
    return listed(names) if len(names) <= NAMED else f"{len(names)} features, such as {names[0]}"


# -- the rules --------------------------------------------------------------------------------------------


def rules_sentences(rules: Rules, schema: Schema) -> list[str]:
    """Rules in sentences: what is locked, what goes one way, what else holds of a feature, and what is free."""
    plain: dict[str, list[str]] = {change: [] for change in ("locked", "up", "down", "free")}
    special = []
    for feature in schema.features:
        rule = rules.of(feature.name)
        if rule == plain_rule(feature.name, rule.change):
            plain[rule.change].append(feature.name)
        else:
            special.append(f"{begun(feature.name)}: {rule_words(rule, feature).removeprefix('free, ')}.")
    free = plain.pop("free")
    said = [f"{begun(CHANGES[change])}: {listed(names)}." for change, names in plain.items() if names]
    said += special
    said += [f"Free to change: {listed(free)}."] if free else []
    said += [link_sentence(link) for link in rules.links]
    said += _difficulties(rules, schema)
    if rules.unseen_pairs == "excluded" and sum(feature.kind == "category" for feature in schema.features) > 1:
        said.append("Levels that never occur together in the data stay apart.")
    return said


def _difficulties(rules: Rules, schema: Schema) -> list[str]:
    """Which of the features that may change are easier or harder to change than usual, as the table has it."""
    found: dict[int, list[str]] = {}
    for feature in schema.features:
        rule = rules.of(feature.name)
        if rule.change != "locked" and rule.effort is None and feature.effort != 3:
            found.setdefault(feature.effort, []).append(feature.name)
    parts = [f"{DIFFICULTIES[effort]}: {listed(names)}" for effort, names in sorted(found.items())]
    return [f"Counted as {part}." for part in parts]
