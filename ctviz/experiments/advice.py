"""Advice for one person: the plans that the models of a run ask for, with what is proved of them, as records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ctviz.data.people import Value
from ctviz.data.rules import Rules
from ctviz.data.schema import Array, FeatureKind
from ctviz.short_repr import ShortRepr

Proof = Literal["optimal", "feasible", "none asked"]
"""Of a plan: no other costs less (to a share of 10⁻⁴); none costs less than its bound; nobody asked for a proof."""

Outcome = Literal["accepted", "advised", "none", "unknown"]
"""Of a model: the person is accepted as they are; there are plans; proved that there is none; none was found."""


Tau = float | Literal["rate"]
"""The score from which on a person is accepted, or "rate": that which as many people reach as are of the favourable
class, a score for each model."""


@dataclass(frozen=True)
class FeatureScale:
    """Where the values of a number, or the ranks of ordered levels, lie; in the unit that people read.

    Attributes:
        before, after: the person's own value, and that of the plan.
        domain: the least and the greatest value of the data set.
        reach: those that the rules leave this person, the own value included.
        accepted: between which half of the real people lie who were accepted: the quartiles.
        domain_texts, accepted_texts: the same as people read them.
    """

    before: float
    after: float
    domain: tuple[float, float]
    reach: tuple[float, float]
    accepted: tuple[float, float]
    domain_texts: tuple[str, str]
    accepted_texts: tuple[str, str]


@dataclass(frozen=True)
class FeatureChange:
    """What a plan changes of one feature, as people read it.

    ``before`` and ``after`` are numbers in the unit or names of levels, ``texts`` the same
    as they stand after “from” and “to”, with the unit at the second. ``with_less`` is
    the score where a number changes by a tenth less and all else as planned; None for levels.
    ``scale`` is what the change is drawn on, None for a category; ``accepted`` are the shares of the real people who
    were accepted that have the levels before and after, None for a number.
    """

    feature: str
    kind: FeatureKind
    before: Value
    after: Value
    texts: tuple[str, str]
    effort: float
    rises: bool  # the number or the ordered level
    with_less: float | None = None
    scale: FeatureScale | None = None
    accepted: tuple[float, float] | None = None


@dataclass(frozen=True, repr=False, eq=False)
class AdvisedPlan(ShortRepr):
    """One plan: what to change, what it takes, what is proved of it, and whom one would be like.

    Attributes:
        columns: as the model sees the person then, (d).
        person: all features then, as people read them.
        effort: Σ of the changes' efforts (``PersonLattices``).
        score: the model's probability of the favourable class.
        proof: see ``Proof``; for a second plan and those after it, among plans that leave something unchanged that
            each earlier one changes.
        bound: no such plan takes less effort; 0 where no proof was asked for.
        distance: to the nearest real person who was accepted (``AcceptedPeople``), who is ``nearest``.
        closer_than: the share of accepted people who are farther from the nearest other one; None if there is one
            alone.
    """

    changes: tuple[FeatureChange, ...]
    columns: Array
    person: Mapping[str, Value]
    effort: float
    score: float
    threshold: float
    proof: Proof
    bound: float
    distance: float
    nearest: Mapping[str, Value]
    closer_than: float | None

    @property
    def gap(self) -> float:
        """By which share of its effort the plan may at most be above the cheapest one."""
        return max(self.effort - self.bound, 0.0) / self.effort if self.effort else 0.0

    @property
    def voided_by(self) -> tuple[str, ...]:
        """The features of which a tenth less of the change leaves the person below the threshold."""
        found = [(change.feature, change.with_less) for change in self.changes]
        return tuple(feature for feature, score in found if score is not None and score < self.threshold)

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        values = {name: value for name, value in vars(self).items() if name not in ("columns", "changes")}
        changes = [asdict(change) for change in self.changes]
        return {**values, "changes": changes, "gap": self.gap, "voided_by": self.voided_by}


@dataclass(frozen=True, repr=False, eq=False)
class AdvisedRelease(ShortRepr):
    """The locks whose release gives a plan where there is none, and the cheapest with so few of them.

    ``smallest``: proved that fewer do not suffice. ``features`` is empty where even without locks there is none
    (``smallest``: proved), and ``plan`` None.
    """

    features: tuple[str, ...]
    smallest: bool
    plan: AdvisedPlan | None


@dataclass(frozen=True, repr=False, eq=False)
class ModelAdvice(ShortRepr):
    """What one model asks of the person.

    Attributes:
        arm: the model's name in the run. ``counterfactual``: whether it was trained on counterfactuals.
        score: its probability of the favourable class; from ``threshold`` on the person is accepted.
        outcome: see ``Outcome``.
        plans: the cheapest first; none changes all that an earlier one changes.
        complete: whether it is proved that there are no more such plans.
        release: where it is proved that there is no plan.
        limit: seconds that each plan's proof was given; 0 where none was asked for or possible.
        unfit: why nothing can be proved of this model, a sentence; empty if it can.
        rival: title of its method where it is neither conventional nor counterfactual training.
        with_rules: whether rules, be it these or others, held in its training too.
    """

    arm: str
    counterfactual: bool
    score: float
    threshold: float
    outcome: Outcome
    plans: tuple[AdvisedPlan, ...] = ()
    complete: bool = False
    release: AdvisedRelease | None = None
    limit: float = 0.0
    unfit: str = ""
    seconds: float = 0.0
    rival: str = ""
    with_rules: bool = False

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        release = self.release
        return {
            **vars(self),
            "plans": [plan.record() for plan in self.plans],
            "release": None if release is None else {**vars(release), "plan": _record_of(release.plan)},
        }


def _record_of(plan: AdvisedPlan | None) -> dict[str, Any] | None:
    return None if plan is None else plan.record()


@dataclass(frozen=True, repr=False, eq=False)
class Advice(ShortRepr):
    """What the models of a run ask of one person under the same rules, side by side.

    Attributes:
        run, epoch, data: the key of the run, the epoch of its models, and the name of its data.
        wanted: what the class that is wanted is called.
        place: the split and the row of the person; None for one who was given.
        person, texts: their features as people read them, and with units.
        tau: the score that was asked for, or "rate": as many are accepted as in the data. ``rate``: how many that is,
            of the validation data.
        exact, time_limit: whether proofs were asked for, and the seconds that each plan was given.
    """

    run: str
    epoch: int
    data: str
    wanted: str
    place: tuple[str, int] | None
    person: Mapping[str, Value]
    texts: Mapping[str, str]
    rules: Rules
    tau: Tau
    rate: float
    exact: bool
    time_limit: float
    models: tuple[ModelAdvice, ...]

    def model(self, arm: str) -> ModelAdvice:
        """What one model asks, by the name of its arm."""
        return next(model for model in self.models if model.arm == arm)

    def words(self) -> str:
        """All of it in sentences, a paragraph for each model."""
        from ctviz.catalogue.advice import advice_text  # words lie a floor higher; this is only the way to them

        return advice_text(self)

    def record(self) -> dict[str, Any]:
        """All of it as JSON holds it, without what is said of it."""
        return {
            **vars(self),
            "rules": self.rules.model_dump(mode="json"),
            "models": [model.record() for model in self.models],
        }

    def to_json(self) -> str:
        """All of it as JSON, with ``words``."""
        return json.dumps({**self.record(), "words": self.words()}, ensure_ascii=False, allow_nan=False)
