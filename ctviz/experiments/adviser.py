"""Advice by the models of a run: a gradient search, its end polished on the person's lattice, and the proof.

All models advise under the same rules, those of the person; the constraints that an arm was trained with are no part of
them. The three steps are one after the other: the search by which the run is measured (relaxed categories), the
descent on the lattice (``polish``), and the exact search, to which the polished plan is a first bound.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.exact.cheapest import TIME_LIMIT, Answer, several, smallest_release
from ctviz.counterfactuals.exact.network import Network, confidence, least_margin, margin, networks_of
from ctviz.counterfactuals.lattice import Category, Lattice, Number
from ctviz.counterfactuals.person_lattice import PersonLattices
from ctviz.counterfactuals.polish import AnyModel, Judged, polish
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.people import Person, text_of
from ctviz.data.rules import Rules
from ctviz.data.schema import Array, Feature
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.accepted import AcceptedPeople
from ctviz.experiments.advice import (
    Advice,
    AdvisedPlan,
    AdvisedRelease,
    FeatureChange,
    FeatureScale,
    ModelAdvice,
    Outcome,
    Proof,
    Tau,
)
from ctviz.experiments.run import Run
from ctviz.experiments.snapshot import stack_of
from ctviz.isolation import isolated

Floats = npt.NDArray[np.float64]

MOST_PLANS = 5
"""Most different plans of one model."""

LESS = 0.1
"""Share of a change that a slip leaves out."""

SPLITS = ("train", "validation", "test")


def advise(
    run: Run,
    person: int | Person | npt.ArrayLike,
    rules: Rules | Iterable[str] | None = None,
    *,
    plans: int = 1,
    exact: bool = True,
    tau: Tau = 0.5,
    time_limit: float = TIME_LIMIT,
    split: str = "test",
    arms: Iterable[str] = (),
    epoch: int | None = None,
    settings: SearchSettings | None = None,
) -> Advice:
    """What each model of a run on a table asks a person to change, so that it accepts them.

    A model accepts who has a score, its probability of the table's favourable class, of ``tau`` or more. Of each plan
    it is told what changes, in original units; its effort; what is proved of it; its score; whether a tenth less of a
    change voids it; and how near it is to real people who were accepted (``AdvisedPlan``).

    Args:
        person: a row of ``split``, a person's features as people read them, or the columns of one (d).
        rules: what may change; names of features are locked beside the table's usual rules, which also hold without
            any.
        plans: how many different plans at most, 1 to 5. None changes all that an earlier one changes.
        exact: prove that there is no cheaper plan, or none at all; then also the smallest set of locks is told whose
            release gives one. Without it, plans are the cheapest that a descent finds. A model that the solver cannot
            take is told.
        tau: the least score; "rate" is that which as many people of the validation data reach as are of the favourable
            class there, a score of its own for each model. A score need not be calibrated as a probability.
        time_limit: seconds for each plan's proof.
        arms: names of the models; by default all. ``epoch``: after which epoch; by default the last.
        settings: of the gradient search; by default those that the run is measured with, at the threshold.

    Raises:
        ConfigError: an option or a rule that is not allowed.
        DataError: data without people; a person who is none of them; rules that leave a feature no value.
    """
    adviser = Adviser(run, tau=tau, arms=arms, epoch=epoch, settings=settings)
    return adviser.advise(person, rules, plans=plans, exact=exact, time_limit=time_limit, split=split)


@dataclass(frozen=True, eq=False)
class ManyPlans:
    """The cheapest plan of n people with each of m models, without proofs unless asked for.

    Who is accepted needs no plan. Of a person without one, effort and distance are NaN, and the columns their own.
    """

    refused: npt.NDArray[np.bool_]  # m n
    found: npt.NDArray[np.bool_]  # m n
    effort: Floats  # m n
    bound: Floats  # m n: no plan takes less effort; ∞ where there is none, 0 where no proof was asked for
    columns: npt.NDArray[np.float32]  # m n d
    distance: Floats  # m n: to the nearest real person who was accepted
    closer_than: Floats  # m n: see AdvisedPlan
    seconds: Floats  # m n: for the plan, without the gradient search


@dataclass(frozen=True, eq=False)
class _Model:
    """One model, as advice needs it."""

    arm: str
    counterfactual: bool
    judge: Judged
    threshold: float
    least: float  # the margin at the threshold
    unfit: str  # why nothing can be proved of it


class Adviser:
    """Advises any number of people with the models of a run, and keeps what all of them need; safe for threads.

    Args and errors as ``advise``.
    """

    @isolated()
    def __init__(
        self,
        run: Run,
        *,
        tau: Tau = 0.5,
        arms: Iterable[str] = (),
        epoch: int | None = None,
        settings: SearchSettings | None = None,
    ) -> None:
        table = run.data
        if not isinstance(table, Table):
            raise DataError(f"Advice is for tables of people; {table.name} is none.")
        if (isinstance(tau, str) and tau != "rate") or (not isinstance(tau, str) and not 0 < tau < 1):
            raise ConfigError("tau", tau, "between 0 and 1, or rate")
        self.run, self.table, self.tau = run, table, tau
        chosen = _positions(arms, run.arms)
        snapshot = run.snapshot(epoch)
        self.epoch = snapshot.epoch
        self._stack = stack_of([snapshot], run.experiment).take(chosen)
        self._settings = settings or _usual(run)
        if self._settings.generator in ("dice", "exact"):
            raise ConfigError("generator", self._settings.generator, "one with one end for each person, before proofs")
        self._reference = ReferenceData.of(table)
        X, y = table.train
        self._granted = X[y == table.favourable].numpy()
        self.accepted = AcceptedPeople(table.schema, self._granted)
        self.rate = float((table.validation[1] == table.favourable).double().mean())
        self.models = [self._model(i, run.experiment.arms[arm]) for i, arm in enumerate(chosen)]
        self._lattices = lru_cache(8)(self._lattices_of)

    def _model(self, i: int, arm: Any) -> _Model:
        one, unfit = self._stack.take([i]), ""
        try:
            judge: Judged = networks_of(one)[0]
        except ConfigError as error:
            judge, unfit = AnyModel(one, self.table.train[0][:1].T), str(error)
        threshold = self._threshold(judge) if self.tau == "rate" else float(self.tau)
        return _Model(arm.name, arm.trains_on_counterfactuals, judge, threshold, least_margin(threshold), unfit)

    def _threshold(self, judge: Judged) -> float:
        """The score that a share ``rate`` of the validation data reaches."""
        margins = np.sort(self._margins(judge, self.table.validation[0].numpy()))[::-1]
        scores = confidence(margins)
        at = min(max(round(self.rate * len(scores)), 1), len(scores)) - 1
        return float(np.clip(scores[at], 1e-9, 1 - 1e-9))

    def _margins(self, judge: Judged, X: npt.ArrayLike) -> Floats:
        """log(p/(1 − p)) of the favourable class for rows (… d), (…)."""
        return margin(judge.rest(judge.first(X)), self.table.favourable)

    @isolated()
    def scores(self, X: npt.ArrayLike) -> Floats:
        """Each model's probability of the favourable class for rows (b d), (m b)."""
        return np.stack([confidence(self._margins(model.judge, X)) for model in self.models])

    # -- people and rules -------------------------------------------------------------------------

    def row(self, person: int | Person | npt.ArrayLike, split: str = "test") -> tuple[Array, tuple[str, int] | None]:
        """The columns of a person (d), and their place in the data; None for one who is given.

        Raises:
            ConfigError: no such split or row. DataError: a person who lacks a feature, or with a value that it cannot
                have.
        """
        if isinstance(person, Mapping):
            return self.table.row(person), None
        if isinstance(person, int | np.integer) and not isinstance(person, bool):
            if split not in SPLITS:
                raise ConfigError("split", split, f"one of {', '.join(SPLITS)}")
            X = getattr(self.table, split)[0]
            if not 0 <= person < len(X):
                raise ConfigError("person", int(person), f"0 to {len(X) - 1:,}, a row of the {split} data")
            return X[int(person)].numpy().copy(), (split, int(person))
        x = np.asarray(person, dtype=np.float32)
        if x.shape != (self.table.d,) or not np.isfinite(x).all():
            raise DataError(f"A person has {self.table.d} finite columns; got shape {x.shape}.")
        return x, None

    def rules(self, rules: Rules | Iterable[str] | None) -> Rules:
        """Rules as they are, or the table's usual ones with these features locked."""
        if isinstance(rules, Rules):
            return rules
        names = (rules,) if isinstance(rules, str) else tuple(rules or ())
        return self.table.rules.locking(*names)

    def _lattices_of(self, rules: Rules) -> PersonLattices:
        return PersonLattices(self.table.schema, rules, self.table.unseen_pairs)

    # -- one person -------------------------------------------------------------------------------

    @isolated()
    def advise(
        self,
        person: int | Person | npt.ArrayLike,
        rules: Rules | Iterable[str] | None = None,
        *,
        plans: int = 1,
        exact: bool = True,
        time_limit: float = TIME_LIMIT,
        split: str = "test",
        arms: Iterable[str] = (),
    ) -> Advice:
        """As ``advise``; ``arms``: the models that are asked, by default all that the adviser has."""
        if not 1 <= plans <= MOST_PLANS:
            raise ConfigError("plans", plans, f"1 to {MOST_PLANS}")
        if not time_limit > 0:
            raise ConfigError("time_limit", time_limit, "seconds above 0")
        asked = _positions(arms, [model.arm for model in self.models])
        ruled = self.rules(rules)
        x, place = self.row(person, split)
        lattice = self._lattices(ruled).of(x)
        ends = self._ends(x[None], ruled)[:, 0]
        how = _How(plans, exact, time_limit)
        return Advice(
            run=self.run.key,
            epoch=self.epoch,
            data=self.table.name,
            wanted=self.table.classes[self.table.favourable],
            place=place,
            person=self.table.person(x),
            texts=self.table.texts(x),
            rules=ruled,
            tau=self.tau,
            rate=self.rate,
            exact=exact,
            time_limit=time_limit,
            models=tuple(self._asked(self.models[i], ends[i], lattice, ruled, how) for i in asked),
        )

    def _asked(self, model: _Model, end: Array, lattice: Lattice, rules: Rules, how: _How) -> ModelAdvice:
        """What one model asks of the person of a lattice; ``end`` (d): of the gradient search."""
        begun = time.perf_counter()
        known = float(self._margins(model.judge, lattice.factual))
        told: dict[str, Any] = {"arm": model.arm, "counterfactual": model.counterfactual, "threshold": model.threshold}
        told["score"] = float(confidence(known))
        if known >= model.least:
            return ModelAdvice(**told, outcome="accepted")
        found = self._plans(model, lattice, end, how)
        release = None
        if found.complete and not found.plans and isinstance(model.judge, Network):
            release = self._release(model, model.judge, lattice, rules, how)
        empty: Outcome = "none" if found.complete else "unknown"
        return ModelAdvice(
            **told,
            outcome="advised" if found.plans else empty,
            plans=tuple(self._told(model, lattice, plan) for plan in found.plans),
            complete=found.complete,
            release=release,
            limit=how.time_limit if how.exact and not model.unfit else 0.0,
            unfit=model.unfit if how.exact else "",
            seconds=time.perf_counter() - begun,
        )

    def _plans(self, model: _Model, lattice: Lattice, end: Array, how: _How) -> _Found:
        """The cheapest plans: proved, or polished from the end of the search and from the person."""
        target = self.table.favourable
        if how.exact and isinstance(model.judge, Network):
            limit = how.time_limit
            answers = several(model.judge, lattice, target, model.threshold, how.plans, time_limit=limit, known=end)
            return _Found([one for one in map(_proved, answers) if one is not None], answers[-1].status == "none")
        plans: list[_Plan] = []
        for _ in range(how.plans):
            earlier = [np.flatnonzero(lattice.changed(plan.point)) for plan in plans]
            rule = partial(lattice.differs, sets=earlier) if earlier else None
            (found,) = polish(model.judge, [lattice], [target], model.threshold, end[None], rule)
            if not found.valid:
                break
            plans.append(_Plan(found.point, found.cost, "none asked", 0.0))
        kept: list[_Plan] = []
        for plan in sorted(plans, key=lambda plan: plan.effort):  # one found later may be cheaper, and change less
            if lattice.differs(plan.point, [np.flatnonzero(lattice.changed(other.point)) for other in kept]):
                kept.append(plan)
        return _Found(kept, False)

    def _release(
        self, model: _Model, network: Network, lattice: Lattice, rules: Rules, how: _How
    ) -> AdvisedRelease | None:
        """The fewest locks whose release gives a plan; None without locks."""
        locks = rules.named("locked")
        if not locks:
            return None
        released = self._lattices(rules.freeing(*locks)).of(lattice.factual)
        target, limit = self.table.favourable, how.time_limit
        found = smallest_release(network, lattice, released, target, model.threshold, time_limit=limit)
        plan = _proved(found.answer)
        names = tuple(lattice.features[i].name for i in found.features)
        return AdvisedRelease(names, found.smallest, None if plan is None else self._told(model, released, plan))

    def _told(self, model: _Model, lattice: Lattice, plan: _Plan) -> AdvisedPlan:
        columns = lattice.encode(plan.point)
        before, after = self.table.person(lattice.factual), self.table.person(columns)
        score = float(confidence(self._margins(model.judge, columns)))
        distance, nearest = self.accepted.nearest(columns[None])
        changed = np.flatnonzero(lattice.changed(plan.point)).tolist()
        return AdvisedPlan(
            changes=tuple(self._change(model, lattice, plan.point, i, before, after) for i in changed),
            columns=columns.astype(np.float32),
            person=after,
            effort=plan.effort,
            score=max(score, model.threshold),  # it is valid, whatever the last bit of a second look says
            threshold=model.threshold,
            proof=plan.proof,
            bound=plan.bound,
            distance=float(distance[0]),
            nearest=self.table.person(self._granted[int(nearest[0])]),
            closer_than=self.accepted.closer_than(distance)[0].item() if len(self.accepted) > 1 else None,
        )

    def _change(
        self, model: _Model, lattice: Lattice, point: Floats, i: int, before: Person, after: Person
    ) -> FeatureChange:
        feature, own = self.table.schema.features[i], lattice.features[i]
        with_less = None
        if not feature.levels:
            slipped = point.copy()
            slipped[i] = own.own + (1 - LESS) * (point[i] - own.own)
            with_less = float(confidence(self._margins(model.judge, lattice.encode(slipped))))
        values = before[feature.name], after[feature.name]
        return FeatureChange(
            feature=feature.name,
            kind=feature.kind,
            before=values[0],
            after=values[1],
            texts=(text_of(feature, values[0], unit=False), text_of(feature, values[1])),
            effort=float(own.effort(point[i])),
            rises=bool(point[i] > own.own),
            with_less=with_less,
            scale=None if isinstance(own, Category) else self._scale(feature, own, float(point[i])),
            accepted=self._shares(own, int(point[i])) if isinstance(own, Category) else None,
        )

    def _scale(self, feature: Feature, own: Number, after: float) -> FeatureScale:
        """Where the values of a number lie, or the ranks of ordered levels."""
        quartiles = self._quartiles[:, own.column]
        low, high = (feature.display.rounded(float(one)) for one in quartiles)
        least, most = feature.shown_domain
        return FeatureScale(
            before=own.own,
            after=after,
            domain=(least, most),
            reach=(min(own.low, own.own), max(own.high, own.own)),
            accepted=(low, high),
            domain_texts=(feature.text_of(least), feature.text_of(most)),
            accepted_texts=(feature.text_of(low), feature.text_of(high)),
        )

    def _shares(self, own: Category, after: int) -> tuple[float, float]:
        """The shares of accepted people who have a person's own level of a category, and another one."""
        before, then = self._granted[:, [own.columns[own.own], own.columns[after]]].mean(axis=0, dtype=np.float64)
        return float(before), float(then)

    @cached_property
    def _quartiles(self) -> Floats:
        """Of each column over accepted people, (2 d)."""
        return np.asarray(np.quantile(self._granted, (0.25, 0.75), axis=0), dtype=np.float64)

    def _ends(self, X: Array, rules: Rules) -> npt.NDArray[np.float32]:
        """Where the gradient search from people (b d) ends with each model, (m b d)."""
        settings = [SearchSettings(**{**self._settings.model_dump(), "tau": model.threshold}) for model in self.models]
        samples = torch.from_numpy(X)
        start = samples.T.expand(len(self.models), -1, -1).contiguous()
        goal = torch.full(start.shape[::2], self.table.favourable)
        limits = Constraints.of([rules.on(self.table.schema)] * len(self.models), samples)
        with torch.no_grad():
            found = search(self._stack, start, goal, settings, limits, False, self._reference)
        return np.ascontiguousarray(found.final.mT.numpy())

    # -- many people ------------------------------------------------------------------------------

    @isolated()
    def many(
        self,
        X: npt.ArrayLike,
        rules: Rules | Iterable[str] | None = None,
        *,
        exact: bool = False,
        time_limit: float = TIME_LIMIT,
    ) -> ManyPlans:
        """The cheapest plan of each of some people (n d), as ``advise`` with one plan, as arrays."""
        people, ruled = np.asarray(X, dtype=np.float32).reshape(-1, self.table.d), self.rules(rules)
        lattices, ends = [self._lattices(ruled).of(x) for x in people], self._ends(people, ruled)
        shape = len(self.models), len(people)
        columns = np.broadcast_to(people, (*shape, self.table.d)).copy()
        refused = np.stack([self._margins(model.judge, people) < model.least for model in self.models])
        effort, bound, seconds = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
        how = _How(1, exact, time_limit)
        for m, n in np.argwhere(refused).tolist():
            begun = time.perf_counter()
            found = self._plans(self.models[m], lattices[n], ends[m, n], how)
            seconds[m, n] = time.perf_counter() - begun
            bound[m, n] = np.inf if found.complete and not found.plans else 0.0
            for plan in found.plans:
                effort[m, n], bound[m, n], columns[m, n] = plan.effort, plan.bound, lattices[n].encode(plan.point)
        distance = self.accepted.nearest(columns.reshape(-1, self.table.d))[0].reshape(shape)
        planned = np.isfinite(effort)
        distance[~planned] = np.nan
        closer = np.where(planned, self.accepted.closer_than(distance), np.nan)
        return ManyPlans(refused, planned, effort, bound, columns, distance, closer, seconds)


@dataclass(frozen=True)
class _How:
    """How plans are asked for."""

    plans: int
    exact: bool
    time_limit: float


@dataclass(frozen=True, eq=False)
class _Plan:
    """A plan on a lattice, and what is proved of it."""

    point: Floats
    effort: float
    proof: Proof
    bound: float


@dataclass(frozen=True, eq=False)
class _Found:
    """Plans, and whether it is proved that there are no others."""

    plans: list[_Plan]
    complete: bool


def _proved(answer: Answer) -> _Plan | None:
    plan = answer.plan
    if plan is None:
        return None
    return _Plan(plan.point, plan.effort, "optimal" if answer.status == "optimal" else "feasible", answer.bound)


def _positions(arms: Iterable[str], known: Sequence[str]) -> list[int]:
    """The positions of arms by name; all without any."""
    names = (arms,) if isinstance(arms, str) else tuple(arms) or known
    for name in names:
        if name not in known:
            raise ConfigError("arm", name, f"one of {', '.join(known)}")
    return [known.index(name) for name in names]


def _usual(run: Run) -> SearchSettings:
    """The search by which a run is measured; with DiCE, which has several ends, that without its repulsion."""
    values = {name: getattr(run.experiment.evaluation, name) for name in SearchSettings.model_fields}
    return SearchSettings(**{**values, "generator": "generic"} if values["generator"] == "dice" else values)
