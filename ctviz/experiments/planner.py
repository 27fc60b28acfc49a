"""Plans of many people by several models, without words: all that a worker process needs to make them.

What is made for some people depends on them, the rules and the models alone, so that it can be made anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.exact.cheapest import Answer, Solver, several
from ctviz.counterfactuals.exact.network import Network, margin
from ctviz.counterfactuals.lattice import Lattice
from ctviz.counterfactuals.person_lattice import PersonLattices
from ctviz.counterfactuals.polish import Judged, polish
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.dataset import Split
from ctviz.data.rules import Rules
from ctviz.data.schema import Array, Schema
from ctviz.data.tables.table import Table
from ctviz.evaluation.accepted import AcceptedPeople
from ctviz.experiments.advice import Proof
from ctviz.isolation import isolated
from ctviz.models.stack import Stack

Floats = npt.NDArray[np.float64]


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

    @classmethod
    def joined(cls, parts: Sequence[ManyPlans]) -> ManyPlans:
        """The plans of several parts of the people, one or more, one after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts], axis=1) for field in fields(cls)))


@dataclass(frozen=True, eq=False)
class Model:
    """One model, as plans need it."""

    arm: str
    counterfactual: bool
    judge: Judged
    threshold: float
    least: float  # the margin at the threshold
    unfit: str  # why nothing can be proved of it
    rival: str = ""  # the title of its method, see ``Arm.rival``
    with_rules: bool = False  # see ``Arm.trained_with_rules``


@dataclass(frozen=True)
class PlanRequest:
    """How plans are asked for; ``solver``: of the exact search, None for this thread."""

    plans: int
    exact: bool
    time_limit: float
    solver: Solver | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """A plan on a lattice, and what is proved of it."""

    point: Floats
    effort: float
    proof: Proof
    bound: float


@dataclass(frozen=True, eq=False)
class FoundPlans:
    """Plans, and whether it is proved that there are no others."""

    plans: list[Plan]
    complete: bool


def margins(judge: Judged, X: npt.ArrayLike, target: int) -> Floats:
    """log(p/(1 − p)) of a class for rows (… d), (…)."""
    return margin(judge.rest(judge.first(X)), target)


def proved(answer: Answer) -> Plan | None:
    """The plan of an answer, with what is proved of it; None where there is none."""
    plan = answer.plan
    if plan is None:
        return None
    return Plan(plan.point, plan.effort, "optimal" if answer.status == "optimal" else "feasible", answer.bound)


@dataclass(frozen=True, eq=False)
class Planner:
    """Makes the plans of some models for people of a table; safe for threads, and picklable.

    ``train``: the training samples, for searches that need some. ``settings``: of the gradient search.
    """

    schema: Schema
    target: int
    unseen_pairs: npt.NDArray[np.int64]
    train: Split
    k: int
    stack: Stack
    settings: SearchSettings
    models: tuple[Model, ...]
    accepted: AcceptedPeople

    @classmethod
    def of(
        cls, table: Table, stack: Stack, settings: SearchSettings, models: Sequence[Model], accepted: AcceptedPeople
    ) -> Planner:
        """For the people of a table."""
        schema, target, pairs = table.schema, table.favourable, table.unseen_pairs
        return cls(schema, target, pairs, table.train, table.k, stack, settings, tuple(models), accepted)

    def __reduce__(self) -> tuple[Any, ...]:
        return Planner, tuple(getattr(self, field.name) for field in fields(self))

    @cached_property
    def _reference(self) -> ReferenceData:
        return ReferenceData(*self.train, self.k)

    @cached_property
    def lattices(self) -> Callable[[Rules], PersonLattices]:
        """The lattices of people under rules; some are kept."""
        return lru_cache(8)(self._lattices)

    def _lattices(self, rules: Rules) -> PersonLattices:
        return PersonLattices(self.schema, rules, self.unseen_pairs)

    @cached_property
    def ends_of(self) -> Callable[[bytes, Rules], npt.NDArray[np.float32]]:
        """Where the search from one person, as the bytes of their columns (d), ends with each model, (m d).

        Some are kept: the plans and all proofs of a person start there. Nobody may write into them.
        """
        return lru_cache(64)(self._ends_of)

    def _ends_of(self, person: bytes, rules: Rules) -> npt.NDArray[np.float32]:
        found = self.ends(np.frombuffer(person, dtype=np.float32)[None].copy(), rules)[:, 0]
        found.flags.writeable = False
        return found

    def ends(self, X: Array, rules: Rules) -> npt.NDArray[np.float32]:
        """Where the gradient search from people (b d) ends with each model, (m b d)."""
        settings = [SearchSettings(**{**self.settings.model_dump(), "tau": model.threshold}) for model in self.models]
        samples = torch.from_numpy(X)
        start = samples.T.expand(len(self.models), -1, -1).contiguous()
        goal = torch.full(start.shape[::2], self.target)
        limits = Constraints.of([rules.on(self.schema)] * len(self.models), samples)
        with torch.no_grad():
            found = search(SearchRequest(self.stack, start, goal, settings, limits, False, self._reference))
        return np.ascontiguousarray(found.final.mT.numpy())

    def plans(self, model: Model, lattice: Lattice, end: Array, request: PlanRequest) -> FoundPlans:
        """The cheapest plans: proved, or polished from the end of the search and from the person."""
        target = self.target
        if request.exact and isinstance(model.judge, Network):
            answers = several(
                model.judge, lattice, target, model.threshold, request.plans,
                time_limit=request.time_limit, known=end, solver=request.solver,
            )  # fmt: skip
            return FoundPlans([one for one in map(proved, answers) if one is not None], answers[-1].status == "none")
        plans: list[Plan] = []
        for _ in range(request.plans):
            earlier = [np.flatnonzero(lattice.changed(plan.point)) for plan in plans]
            rule = partial(lattice.differs, sets=earlier) if earlier else None
            (found,) = polish(model.judge, [lattice], [target], model.threshold, end[None], rule)
            if not found.valid:
                break
            plans.append(Plan(found.point, found.cost, "none asked", 0.0))
        kept: list[Plan] = []
        for plan in sorted(plans, key=lambda plan: plan.effort):  # one found later may be cheaper, and change less
            if lattice.differs(plan.point, [np.flatnonzero(lattice.changed(other.point)) for other in kept]):
                kept.append(plan)
        return FoundPlans(kept, False)

    @isolated()
    def many(self, people: Array, rules: Rules, request: PlanRequest) -> ManyPlans:
        """The cheapest plan of each of some people (n d)."""
        lattices, ends = [self.lattices(rules).of(x) for x in people], self.ends(people, rules)
        shape = len(self.models), len(people)
        columns = np.broadcast_to(people, (*shape, self.schema.d)).copy()
        refused = np.stack([margins(model.judge, people, self.target) < model.least for model in self.models])
        effort, bound, seconds = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
        for m, n in np.argwhere(refused).tolist():
            begun = time.perf_counter()
            found = self.plans(self.models[m], lattices[n], ends[m, n], request)
            seconds[m, n] = time.perf_counter() - begun
            bound[m, n] = np.inf if found.complete and not found.plans else 0.0
            for plan in found.plans:
                effort[m, n], bound[m, n], columns[m, n] = plan.effort, plan.bound, lattices[n].encode(plan.point)
        distance = self.accepted.nearest(columns.reshape(-1, self.schema.d))[0].reshape(shape)
        planned = np.isfinite(effort)
        distance[~planned] = np.nan
        closer = np.where(planned, self.accepted.closer_than(distance), np.nan)
        return ManyPlans(refused, planned, effort, bound, columns, distance, closer, seconds)
