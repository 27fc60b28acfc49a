"""Advice by the models of a run: a gradient search, its end polished on the person's lattice, and the proof.

All models advise under the same rules, those of the person; the constraints that an arm was trained with are no part of
them. The three steps are one after the other: the search by which the run is measured (relaxed categories), the
descent on the lattice (``polish``), and the exact search, to which the polished plan is a first bound.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.exact.cheapest import TIME_LIMIT, Solver, smallest_release
from ctviz.counterfactuals.exact.conversion import AnyModel, networks_of
from ctviz.counterfactuals.exact.network import Network, confidence, least_margin
from ctviz.counterfactuals.lattice import Category, Lattice, Number
from ctviz.counterfactuals.polish import Judged
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.people import Person, text_of
from ctviz.data.rules import Rules
from ctviz.data.schema import Array, Feature
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError, DataError, JobError
from ctviz.evaluation.accepted import AcceptedPeople
from ctviz.experiments.advice import (
    Advice,
    AdvisedPlan,
    AdvisedRelease,
    FeatureChange,
    FeatureScale,
    ModelAdvice,
    Outcome,
    Tau,
)
from ctviz.experiments.engines.base import never_cancelled
from ctviz.experiments.planner import ManyPlans, Model, Plan, Planner, PlanRequest, margins, proved
from ctviz.experiments.run import ARM_WITH_RULES, Run, joined
from ctviz.experiments.snapshot import stack_of
from ctviz.isolation import isolated
from ctviz.progress import Progress
from ctviz.worker_pool import WorkerPool

Floats = npt.NDArray[np.float64]

MOST_PLANS = 5
"""Most different plans of one model."""

LESS = 0.1
"""Share of a change that a slip leaves out."""

PART = 10
"""People whose plans are made at once."""

MOST_WORKERS = 64

SPLITS = ("train", "validation", "test")


class ManyOptions(TypedDict, total=False):
    """How the plans of many people are made, see ``Adviser.many_parts``."""

    exact: bool
    time_limit: float
    workers: int
    cancelled: Callable[[], bool]


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
        self.run, self.table, self.tau = run, table, _checked(tau)
        chosen = _positions(arms, run.arms)
        snapshot = run.snapshot(epoch)
        self.epoch = snapshot.epoch
        self._stack = stack_of([snapshot], run.experiment).take(chosen)
        asked = settings or _usual(run)
        if asked.generator in ("dice", "exact"):
            raise ConfigError("generator", asked.generator, "one with one end for each person, before proofs")
        X, y = table.train
        self._granted = X[y == table.favourable].numpy()
        self.accepted = AcceptedPeople(table.schema, self._granted)
        self.rate = float((table.validation[1] == table.favourable).double().mean())
        self.models = [self._model(i, run.experiment.arms[arm]) for i, arm in enumerate(chosen)]
        self._settings = asked
        self._begin()

    def _begin(self) -> None:
        self._planner = Planner.of(self.table, self._stack, self._settings, self.models, self.accepted)
        self._guard, self._pools = threading.Lock(), list[WorkerPool]()

    @isolated()
    def at(self, tau: Tau) -> Adviser:
        """The same models with another threshold; what does not depend on it is shared."""
        made = copy(self)
        made.tau = _checked(tau)
        thresholds = [made._threshold(model.judge) if tau == "rate" else float(tau) for model in self.models]
        made.models = [
            replace(model, threshold=threshold, least=least_margin(threshold))
            for model, threshold in zip(self.models, thresholds, strict=True)
        ]
        made._begin()
        return made

    @isolated()
    def beside(self, other: Run) -> Adviser:
        """These models and the one of another run, trained on the same data, as ``ARM_WITH_RULES``; what
        depends on the data alone is shared.

        Raises:
            DataError, ConfigError: as ``joined``; a run that lacks the epoch.
        """
        made = copy(self)
        made.run = joined(self.run, other)
        chosen = [made.run.arms.index(name) for name in (*(model.arm for model in self.models), ARM_WITH_RULES)]
        made._stack = stack_of([made.run.snapshot(self.epoch)], made.run.experiment).take(chosen)
        made.models = [*self.models, made._model(len(self.models), made.run.experiment.arms[-1])]
        made._begin()
        return made

    def _model(self, i: int, arm: Any) -> Model:
        one, unfit = self._stack.take([i]), ""
        try:
            judge: Judged = networks_of(one)[0]
        except ConfigError as error:
            judge, unfit = AnyModel(one, self.table.train[0][:1].T), str(error)
        threshold = self._threshold(judge) if self.tau == "rate" else float(self.tau)
        least = least_margin(threshold)
        how = arm.trains_on_counterfactuals, judge, threshold, least, unfit, arm.rival, arm.trained_with_rules
        return Model(arm.name, *how)

    def _threshold(self, judge: Judged) -> float:
        """The score that a share ``rate`` of the validation data reaches."""
        scores = confidence(np.sort(self._margins(judge, self.table.validation[0].numpy()))[::-1])
        at = min(max(round(self.rate * len(scores)), 1), len(scores)) - 1
        return float(np.clip(scores[at], 1e-9, 1 - 1e-9))

    def _margins(self, judge: Judged, X: npt.ArrayLike) -> Floats:
        return margins(judge, X, self.table.favourable)

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

    def lattice(self, x: Array, rules: Rules) -> Lattice:
        """All that a person with columns ``x`` (d) may become under rules."""
        return self._planner.lattices(rules).of(x)

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
        solver: Solver | None = None,
    ) -> Advice:
        """As ``advise``; ``arms``: the models that are asked, by default all that the adviser has; ``solver``: of the
        exact search, by default in this thread."""
        if not 1 <= plans <= MOST_PLANS:
            raise ConfigError("plans", plans, f"1 to {MOST_PLANS}")
        asked = _positions(arms, [model.arm for model in self.models])
        held = self.rules(rules)
        x, place = self.row(person, split)
        lattice = self.lattice(x, held)
        ends = self._planner.ends_of(np.ascontiguousarray(x, dtype=np.float32).tobytes(), held)
        request = PlanRequest(plans, exact, _seconds(time_limit), solver)
        return Advice(
            run=self.run.key,
            epoch=self.epoch,
            data=self.table.name,
            wanted=self.table.classes[self.table.favourable],
            place=place,
            person=self.table.person(x),
            texts=self.table.texts(x),
            rules=held,
            tau=self.tau,
            rate=self.rate,
            exact=exact,
            time_limit=time_limit,
            models=tuple(self._asked(self.models[i], ends[i], lattice, held, request) for i in asked),
        )

    def _asked(self, model: Model, end: Array, lattice: Lattice, rules: Rules, request: PlanRequest) -> ModelAdvice:
        """What one model asks of the person of a lattice; ``end`` (d): of the gradient search."""
        begun = time.perf_counter()
        known = float(self._margins(model.judge, lattice.factual))
        told: dict[str, Any] = {"arm": model.arm, "counterfactual": model.counterfactual, "threshold": model.threshold}
        told |= {"score": float(confidence(known)), "rival": model.rival, "with_rules": model.with_rules}
        if known >= model.least:
            return ModelAdvice(**told, outcome="accepted")
        found = self._planner.plans(model, lattice, end, request)
        release = None
        if found.complete and not found.plans and isinstance(model.judge, Network):
            release = self._release(model, model.judge, lattice, rules, request)
        empty: Outcome = "none" if found.complete else "unknown"
        return ModelAdvice(
            **told,
            outcome="advised" if found.plans else empty,
            plans=tuple(self._told(model, lattice, plan) for plan in found.plans),
            complete=found.complete,
            release=release,
            limit=request.time_limit if request.exact and not model.unfit else 0.0,
            unfit=model.unfit if request.exact else "",
            seconds=time.perf_counter() - begun,
        )

    def _release(
        self, model: Model, network: Network, lattice: Lattice, rules: Rules, request: PlanRequest
    ) -> AdvisedRelease | None:
        """The fewest locks whose release gives a plan; None without locks."""
        locks = rules.named("locked")
        if not locks:
            return None
        released = self._planner.lattices(rules.freeing(*locks)).of(lattice.factual)
        found = smallest_release(
            network, lattice, released, self.table.favourable, model.threshold,
            time_limit=request.time_limit, solver=request.solver,
        )  # fmt: skip
        plan = proved(found.answer)
        names = tuple(lattice.features[i].name for i in found.features)
        return AdvisedRelease(names, found.smallest, None if plan is None else self._told(model, released, plan))

    def _told(self, model: Model, lattice: Lattice, plan: Plan) -> AdvisedPlan:
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
        self, model: Model, lattice: Lattice, point: Floats, i: int, before: Person, after: Person
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

    # -- many people ------------------------------------------------------------------------------

    def many(
        self,
        X: npt.ArrayLike,
        rules: Rules | Iterable[str] | None = None,
        *,
        progress: Callable[[Progress], None] = lambda progress: None,
        **options: Unpack[ManyOptions],
    ) -> ManyPlans:
        """The cheapest plan of each of some people (n d), as ``advise`` with one plan, as arrays.

        ``progress`` is called with the number of people who have theirs. Options and errors as of ``many_parts``;
        JobError also where it was cancelled.
        """
        begun, done, found = time.perf_counter(), 0, dict[int, ManyPlans]()
        for people, plans in self.many_parts(X, rules, **options):
            found[people.start] = plans
            done += people.stop - people.start
            progress(Progress(done, len(np.asarray(X)), time.perf_counter() - begun))
        if done < len(np.asarray(X)):
            raise JobError("Stopped before everybody had a plan.")
        return ManyPlans.joined([found[at] for at in sorted(found)])

    def many_parts(
        self,
        X: npt.ArrayLike,
        rules: Rules | Iterable[str] | None = None,
        *,
        exact: bool = False,
        time_limit: float = TIME_LIMIT,
        workers: int = 1,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[tuple[slice, ManyPlans]]:
        """As ``many``, ``PART`` people at a time: which ones, and their plans, as they come. Stop iterating to cancel.

        Args:
            workers: processes among which people are divided; 1: this one. They stay for a minute, for the next people.
                Their number changes nothing of the plans, but for proofs that their time runs out for.
            cancelled: asked often; once it is true, no more plans come.

        Raises:
            ConfigError, DataError: as ``advise``. JobError: a worker process was killed twice with the same people;
                what came before stays valid.
        """
        if not 1 <= workers <= MOST_WORKERS:
            raise ConfigError("workers", workers, f"1 to {MOST_WORKERS}")
        people, request = self._people(X), PlanRequest(1, exact, _seconds(time_limit))
        held = self.rules(rules)
        self._planner.lattices(held)  # says what does not fit
        parts = [slice(at, min(at + PART, len(people))) for at in range(0, max(1, len(people)), PART)]
        return self._in_parts([(people[part], held, request) for part in parts], parts, workers, cancelled)

    def _in_parts(
        self, items: Sequence[tuple[Any, ...]], parts: Sequence[slice], workers: int, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[slice, ManyPlans]]:
        if min(workers, len(parts)) <= 1:
            for part, item in zip(parts, items, strict=True):
                if cancelled():
                    return
                yield part, self._planner.many(*item)
            return
        with self._pool(workers) as pool:
            for at, plans in pool.map(Planner.many, items, cancelled):
                yield parts[at], plans

    @contextmanager
    def _pool(self, workers: int) -> Iterator[WorkerPool]:
        """A pool for one caller at a time, kept for the next one."""
        with self._guard:
            fitting = [pool for pool in self._pools if pool.workers == workers]
            pool = fitting[0] if fitting else WorkerPool(self._planner, workers)
            self._pools = [other for other in self._pools if other is not pool]
        try:
            yield pool
        finally:
            with self._guard:
                self._pools.append(pool)

    def _people(self, X: npt.ArrayLike) -> Array:
        people = np.asarray(X, dtype=np.float32)
        if people.ndim != 2 or people.shape[1] != self.table.d:
            raise DataError(f"People have shape (n {self.table.d}); got {people.shape}.")
        return people


def _checked(tau: Tau) -> Tau:
    if (isinstance(tau, str) and tau != "rate") or (not isinstance(tau, str) and not 0 < tau < 1):
        raise ConfigError("tau", tau, "between 0 and 1, or rate")
    return tau


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


def _seconds(time_limit: float) -> float:
    if not time_limit > 0:
        raise ConfigError("time_limit", time_limit, "seconds above 0")
    return time_limit
