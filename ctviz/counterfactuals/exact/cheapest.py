"""The provably cheapest counterfactual of a ReLU network under all rules of a person's lattice.

What is proven, and what is not:

- A plan is checked by the network itself, in float64 on the columns as the model sees them, and by the lattice.
- ``bound`` comes from the solver: no plan costs less, within its tolerances (10⁻⁶ for rows and whole numbers).
- Of few free numbers with steps, boxes of points are cut until none is left that may hold a cheaper plan (``boxes``):
  in float64, without a solver's tolerances. Else a mixed-integer program is solved, by HiGHS.
- *None* is said after a second solve without presolve and without an upper bound on the cost, for HiGHS's presolve has
  called feasible programs infeasible; and never where a plan is known.
- Where a layer's outputs may exceed 10⁶, rounding in the solver could feign either: of a program no bound is given
  then, and *none* is not said. Boxes allow for their rounding.
- Where time runs out, the best plan so far comes back with the bound so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.exact import formulation
from ctviz.counterfactuals.exact.bounds import layer_bounds
from ctviz.counterfactuals.exact.boxes import least_cost
from ctviz.counterfactuals.exact.formulation import Choice, Pattern
from ctviz.counterfactuals.exact.network import Floats, Network, confidence, least_margin, margin
from ctviz.counterfactuals.exact.program import Affine, Deadline, Program, Solved
from ctviz.counterfactuals.lattice import Category, Columns, Feature, Lattice, Mask, Number, bounded
from ctviz.counterfactuals.polish import polish
from ctviz.counterfactuals.search_settings import PRECISION
from ctviz.errors import ConfigError, DataError

GAP = PRECISION / 2
"""Share of a plan's cost by which it may at most be above the cheapest to be called the cheapest, or 10⁻⁶ where that is
more: the solver's own tolerance."""

TOLERANCE = 1e-6
"""That of the solver, in units of effort."""

PRECISE = 1e6
"""Largest output of a layer for which the solver's word is a proof. Of small random programs it was first wrong at
1.2 × 10⁸; what it computes in float64 rounds here by far less than its tolerances. Trained models of tables reach some
hundreds."""

TIME_LIMIT = 10.0
"""Seconds for one plan where nobody says."""

MOST_PARTS = 200
"""Most parts of a lattice that are cut into boxes one after the other."""

RELAXED = 1.0
"""Most seconds beyond the time limit for a bound without whole numbers."""

WIDE = 1e3
"""How far a number without a finite range is followed until a plan is known."""

Status = Literal["optimal", "feasible", "none", "unknown"]


@dataclass(frozen=True, eq=False)
class Near:
    """Real people (n d) to be close to, by ℓ1 of numbers' columns and 1 for each other level.

    The nearest of them may be at most ``within`` away, and its distance costs ``weight`` times as much as effort.
    """

    people: Columns
    within: float = np.inf
    weight: float = 0.0

    def distances(self, lattice: Lattice, points: Floats) -> Floats:
        """Distance of points (n f) to the nearest of them, (n)."""
        columns, total = lattice.encode(points).astype(np.float64), np.zeros((len(points), len(self.people)))
        for i, feature in enumerate(lattice.features):
            if isinstance(feature, Number):
                total += np.abs(columns[:, feature.column, None] - self.people[:, feature.column])
            else:
                total += points[:, i, None] != self.levels(feature)
        return np.asarray(total.min(axis=1))

    def levels(self, feature: Category) -> npt.NDArray[np.int64]:
        """Each person's level of a category, (n)."""
        return np.asarray(self.people[:, list(feature.columns)].argmax(axis=1))


@dataclass(frozen=True, eq=False)
class Question:
    """Which plan is wanted: the class and its probability τ, and what else must hold.

    ``caps``: pairs of features and the most of them that may change. ``excluded``: sets of features that may not all
    change. ``counted``: features whose changes are counted in place of the effort.
    """

    network: Network
    lattice: Lattice
    target: int
    tau: float
    caps: tuple[tuple[frozenset[int], int], ...] = ()
    excluded: tuple[frozenset[int], ...] = ()
    near: Near | None = None
    counted: frozenset[int] | None = None

    def allows(self, points: Floats) -> Mask:
        """Whether points (n f) obey what goes beyond the lattice, (n)."""
        changed, fine = self.lattice.changed(points), self.lattice.differs(points, self.excluded)
        for features, most in self.caps:
            fine &= changed[:, sorted(features)].sum(axis=1) <= most
        if self.near is not None and np.isfinite(self.near.within):
            fine &= self.near.distances(self.lattice, points) <= self.near.within
        return fine

    def objective(self, point: Floats) -> float:
        """What is minimised, at a point (f)."""
        if self.counted is not None:
            return float(self.lattice.changed(point)[sorted(self.counted)].sum())
        cost = float(self.lattice.cost(point))
        if self.near is not None and self.near.weight:
            cost += self.near.weight * float(self.near.distances(self.lattice, point[None])[0])
        return cost

    def margin(self, points: Floats) -> Floats:
        """log(p_y/(1 − p_y)) at points (… f), in float64 on the columns as the model sees them, (…)."""
        return margin(self.network.logits(self.lattice.encode(points)), self.target)


@dataclass(frozen=True, eq=False)
class Plan:
    """A counterfactual that obeys every rule."""

    point: Floats  # f, in people's units
    columns: Columns  # d, as the model sees it
    effort: float
    objective: float  # the effort, unless something else was minimised
    confidence: float  # the target's probability
    changed: tuple[int, ...]  # features


@dataclass(frozen=True, eq=False)
class Answer:
    """What is known of the cheapest plan.

    ``status``: "optimal" (no plan costs less, to a share of 10⁻⁴), "feasible" (none costs less than ``bound``), "none"
    (proved: there is no plan), "unknown" (none was found, and it is not proved that there is none).
    """

    status: Status
    plan: Plan | None
    bound: float  # of the objective; ∞ where there is none
    seconds: float

    @property
    def gap(self) -> float:
        """By which share of its objective the plan may at most be above the cheapest one."""
        if self.plan is None:
            return np.inf
        return max(self.plan.objective - self.bound, 0.0) / self.plan.objective if self.plan.objective else 0.0


@dataclass(frozen=True, eq=False)
class Release:
    """The smallest set of locked features whose release gives a plan, and the cheapest plan with so few of them."""

    features: tuple[int, ...]
    smallest: bool  # proved: fewer do not suffice
    answer: Answer


def cheapest(
    network: Network,
    lattice: Lattice,
    target: int,
    tau: float,
    *,
    max_changes: int | None = None,
    near: Near | None = None,
    time_limit: float = TIME_LIMIT,
    known: npt.ArrayLike | None = None,
) -> Answer:
    """The cheapest plan at which the network gives ``target`` a probability of τ or more.

    Args:
        max_changes: most features that change.
        near: real people to be close to.
        time_limit: seconds; what is known by then comes back.
        known: the end of a search (d) or several (n d), from which a first plan is polished.

    Raises:
        ConfigError: a τ, a target, a number of changes or a time that is not allowed. DataError: sizes that do not fit.
    """
    return solve(_question(network, lattice, target, tau, max_changes, near), time_limit, known)


def solve(question: Question, time_limit: float, known: npt.ArrayLike | None) -> Answer:
    """The cheapest plan of a question; ``time_limit`` and ``known`` as in ``cheapest``.

    Question and answer are picklable, and this module needs no torch: so a small process can solve for another one.
    """
    return _Solver(question, _time(time_limit), known).answer()


Solver = Callable[[Question, float, npt.ArrayLike | None], Answer]
"""What answers questions as ``solve`` does, wherever that is."""


def several(
    network: Network,
    lattice: Lattice,
    target: int,
    tau: float,
    count: int = 5,
    *,
    max_changes: int | None = None,
    near: Near | None = None,
    time_limit: float = TIME_LIMIT,
    known: npt.ArrayLike | None = None,
    solver: Solver | None = None,
) -> list[Answer]:
    """Up to ``count`` plans, the cheapest first, none of which changes all features that an earlier one changes.

    Arguments as ``cheapest``; the time is for each. ``solver`` answers each question, by default ``solve``. The list
    ends with the first answer that is no plan, if fewer exist or are found; a person who has reached τ has one plan, no
    change.
    """
    if not 1 <= count <= 20:
        raise ConfigError("plans", count, "1 to 20")
    question, answers = _question(network, lattice, target, tau, max_changes, near), []
    for _ in range(count):
        answers.append((solver or solve)(question, time_limit, known))
        plan = answers[-1].plan
        if plan is None or not plan.changed:
            break
        question = replace(question, excluded=(*question.excluded, frozenset(plan.changed)))
    return _in_order(answers)


def _in_order(answers: list[Answer]) -> list[Answer]:
    """Answers with the cheapest plan first, and what is proved of each in that order.

    A search that ran out of time may have left a cheaper plan to a later one. Such a plan goes first; one that changes
    all that a cheaper one changes is no longer different, and left out. What the i-th search proved holds for plans
    that differ from those of all searches before it; so a plan has its bound if those are all before it now.
    """
    there = [i for i, answer in enumerate(answers) if answer.plan is not None]
    kept: list[int] = []
    for i in sorted(there, key=lambda i: _plan(answers[i]).objective):
        if not _covers(answers[i], [answers[j] for j in kept]):
            kept.append(i)
    if kept == there:
        return answers
    before: set[int] = set()
    ordered: list[Answer] = []
    for i in kept:
        # A plan that was left out changes more than a kept one: what differs from that one differs from it too.
        gone = {k for k in there if k not in kept and _covers(answers[k], [answers[j] for j in before])}
        bound = max(answer.bound for n, answer in enumerate(answers) if set(range(n)) <= before | gone)
        effort = _plan(answers[i]).objective
        bound = min(bound, effort)
        ordered.append(replace(answers[i], bound=bound, status="optimal" if _tight(effort, bound) else "feasible"))
        before.add(i)
    return [*ordered, *(answer for answer in answers if answer.plan is None)]


def _plan(answer: Answer) -> Plan:
    assert answer.plan is not None
    return answer.plan


def _covers(answer: Answer, others: list[Answer]) -> bool:
    """Whether a plan changes all that one of the others changes."""
    return any(set(_plan(answer).changed) >= set(_plan(other).changed) for other in others)


def _tight(objective: float, bound: float) -> bool:
    """Whether a bound leaves no room for a plan that counts as cheaper."""
    return objective - bound <= max(GAP * objective, TOLERANCE)


def smallest_release(
    network: Network,
    locked: Lattice,
    released: Lattice,
    target: int,
    tau: float,
    *,
    time_limit: float = TIME_LIMIT,
    solver: Solver | None = None,
) -> Release:
    """The fewest features of which ``released`` allows more than ``locked`` and that must change for a plan.

    The plan is the cheapest with so few. The time is for each of the two questions; ``solver`` as in ``several``.

    Raises:
        ConfigError, DataError: as ``cheapest``; lattices of other features.
    """
    if [feature.columns for feature in locked.features] != [feature.columns for feature in released.features]:
        raise DataError("The two lattices have different features.")
    pairs = enumerate(zip(locked.features, released.features, strict=True))
    freed = frozenset(i for i, (before, after) in pairs if before != after)
    question, solver = _question(network, released, target, tau, None, None), solver or solve
    fewest = solver(replace(question, counted=freed), time_limit, None)
    if fewest.plan is None:
        return Release((), fewest.status == "none", fewest)
    count = round(fewest.plan.objective)
    capped = replace(question, caps=((freed, count),))
    seen = released.encode(fewest.plan.point)
    answer = solver(capped, time_limit, seen)
    changed = tuple(i for i in (answer.plan or fewest.plan).changed if i in freed)
    return Release(changed, fewest.status == "optimal", answer)


def _question(
    network: Network, lattice: Lattice, target: int, tau: float, max_changes: int | None, near: Near | None
) -> Question:
    if network.d != lattice.d:
        raise DataError(f"The network takes {network.d} columns; the lattice has {lattice.d}.")
    if not 0 <= target < network.k:
        raise ConfigError("target", target, f"0 to {network.k - 1}")
    if not 0 < tau < 1:
        raise ConfigError("tau", tau, "between 0 and 1")
    if max_changes is not None and max_changes < 0:
        raise ConfigError("max_changes", max_changes, "0 or more")
    if near is not None and (near.people.ndim != 2 or near.people.shape[1] != lattice.d or not len(near.people)):
        raise DataError(f"The people to be near to have shape {near.people.shape}; expected (n {lattice.d}).")
    if near is not None and not np.isfinite(near.people).all():
        raise DataError("The people to be near to have values that are not finite.")
    if near is not None and not (near.within >= 0 and 0 <= near.weight < np.inf):
        raise ConfigError("near", (near.within, near.weight), "a distance and a finite weight, 0 or more")
    every = frozenset(range(len(lattice.features)))
    return Question(network, lattice, target, tau, () if max_changes is None else ((every, max_changes),), near=near)


def _time(seconds: float) -> Deadline:
    if not seconds > 0:
        raise ConfigError("time_limit", seconds, "seconds above 0")
    return Deadline(seconds)


# -- the solver -------------------------------------------------------------------------------------


class _Solver:
    """One question: the best plan and the best bound so far."""

    def __init__(self, question: Question, deadline: Deadline, known: npt.ArrayLike | None) -> None:
        self.question, self.deadline = question, deadline
        self.least = least_margin(question.tau)
        self.tangents = formulation.tangents(question.network.k)
        self.bound = 0.0
        self.best: Plan | None = None
        self._polish(known)

    def answer(self) -> Answer:
        """Solve until the gap is closed or the time has gone."""
        if self._closed():
            status = self._status()
        else:
            status = self._by_boxes() or self._solve()
        bound = np.inf if status == "none" else min(self.bound, self.best.objective if self.best else np.inf)
        return Answer(status, self.best, bound, self.deadline.spent)

    def _status(self) -> Status:
        if self.best is None:
            return "unknown"
        return "optimal" if self._closed() else "feasible"

    def _closed(self) -> bool:
        return self.best is not None and _tight(self.best.objective, self.bound)

    # -- plans ----------------------------------------------------------------------------------

    def _polish(self, known: npt.ArrayLike | None) -> None:
        q = self.question
        ends: Sequence[Floats | None] = [None] if known is None else list(np.atleast_2d(np.asarray(known, np.float64)))
        if any(end is not None and end.shape != (q.lattice.d,) for end in ends):
            raise DataError(f"The known ends need {q.lattice.d} columns, as the lattice has.")
        for end in ends:
            own = None if end is None else end[None]
            for found in polish(q.network, [q.lattice], [q.target], q.tau, own, q.allows):
                self._consider(found.point)

    def _consider(self, point: Floats) -> bool:
        """Keep a point that is a plan and the best so far; whether it is a plan."""
        q = self.question
        reached = float(q.margin(point))
        if not (reached >= self.least and q.lattice.holds(point) and q.allows(point[None])[0]):
            return False
        objective = q.objective(point)
        if self.best is None or objective < self.best.objective:
            changed = tuple(np.flatnonzero(q.lattice.changed(point)).tolist())
            effort, sure = float(q.lattice.cost(point)), float(confidence(reached))
            self.best = Plan(point, q.lattice.encode(point), effort, objective, sure, changed)
        return True

    # -- without a solver -------------------------------------------------------------------------

    def _by_boxes(self) -> Status | None:
        """The answer, where boxes of points can be cut until none may hold a cheaper plan.

        What leaves something of each excluded set as it is lies where all features of some choice, one of each set,
        stay: each such part of the lattice is a lattice.
        """
        q, bound = self.question, np.inf
        choices = _one_of_each(q.excluded)
        if q.caps or q.near is not None or q.counted is not None or len(choices) > MOST_PARTS:
            return None
        for n, choice in enumerate(choices):
            if n and self.deadline.spent > self.deadline.left:
                return None  # the other half of the time is the solver's
            lattice, open_ended = self._narrowed(budgeted=True)
            staying = [_own(feature) if i in choice else feature for i, feature in enumerate(lattice.features)]
            if any(feature is None for feature in staying):
                continue  # one of them has to change
            lattice = replace(lattice, features=tuple(feature for feature in staying if feature is not None))
            slack = _slack(q, lattice)
            if open_ended or not np.isfinite(slack):
                return None
            found = least_cost(q.network, lattice, q.target, self.least, self.most(), self._keep, slack)
            if found is None:
                return None
            bound = min(bound, found)
        self.bound = max(self.bound, bound)
        return "none" if self.best is None else self._status()

    def _keep(self, points: Floats) -> float:
        """Consider points (n f), the cheapest first, and what is polished from the first plan; the cost below which
        another one is better."""
        q, none = self.question, self.best is None
        plans = points[(q.margin(points) >= self.least) & q.lattice.holds(points) & q.allows(points)]
        if len(plans):
            self._consider(plans[0])
        if none and self.best is not None:
            self._polish(self.best.columns)
        return self.most()

    # -- the program ----------------------------------------------------------------------------

    def _solve(self) -> Status:
        extra, trusted = 0.0, True
        while True:
            lattice, open_ended = self._narrowed(budgeted=trusted)
            program = _Assembled(self, lattice, self.least - _slack(self.question, lattice) + extra, trusted)
            solved = program.solve(self.deadline.left, presolve=trusted)
            if solved.status == "infeasible" and extra == 0.0:
                if not trusted:
                    proved = program.precise and not open_ended and self.best is None
                    return "none" if proved else self._status()
                trusted = False  # ask again without presolve and without the bound on the cost
                continue
            if extra == 0.0 and not open_ended and program.precise:
                self.bound = max(self.bound, solved.bound, program.relaxed() if solved.x is None else 0.0)
            before = self.best
            short = 0.0 if solved.x is None else self._take(program, solved.x)
            if self._closed() or solved.x is None or self.deadline.left <= 0:
                return self._status()
            if program.cut or (open_ended and self.best is not before):
                continue
            if short <= 0.0 or extra > 1.0:
                return self._status()
            extra = 2 * extra + 1.5 * short + 1e-7  # the solver's tolerances let it through

    def _narrowed(self, budgeted: bool) -> tuple[Lattice, bool]:
        """What may still be part of a plan better than the best one, and whether that was cut off at some distance."""
        lattice, budget = self.question.lattice, self.budget() if budgeted else np.inf
        features = [_within(feature, budget) for feature in lattice.features]
        cut = [_bounded(feature) for feature in features]
        return replace(lattice, features=tuple(cut)), cut != features

    def budget(self) -> float:
        """The most effort of a plan that is no worse than the best one."""
        return np.inf if self.question.counted is not None else self.most()

    def most(self) -> float:
        """The objective of a plan that is no worse than the best one, with room for the solver's tolerance."""
        return np.inf if self.best is None else self.best.objective + TOLERANCE * (1 + self.best.objective)

    def _take(self, program: _Assembled, x: Floats) -> float:
        """Make plans of a solution; by how much its margin falls short where it is none."""
        q = self.question
        point = _point_of(q.lattice, program.choice, x)
        columns = q.lattice.encode(point)
        logits = q.network.logits(columns)
        fine = self._consider(point)
        if q.network.k > 2:
            values = np.delete(logits, q.target) - logits[q.target]
            if float(margin(logits, q.target)) < self.least - 1e-9:
                self._add_tangent(program, values)
        if _continuous(q.lattice, point):
            fine = self._refine(program, point) or fine
        if fine:
            return 0.0
        return max(self.least - float(margin(logits, q.target)), 1e-7)

    def _add_tangent(self, program: _Assembled, values: Floats) -> None:
        pi = formulation.tangent_at(values)
        if all(np.abs(pi - known).max() > 1e-7 for known in self.tangents):
            self.tangents.append(pi)
            program.cut = True

    def _refine(self, program: _Assembled, point: Floats) -> bool:
        """The cheapest numbers without steps for which everything else, and which units are active, is as at ``point``:
        a linear program, whose solution keeps a margin that survives rounding."""
        q = self.question
        fixed = _fixed(q.lattice, point)
        pattern = _pattern(q.network, q.lattice.encode(point))
        room = _room(q, fixed, pattern) + 1e-9 * (1 + abs(self.least))
        for _ in range(12):
            part = _Assembled(self, fixed, self.least + room, True, pattern)
            solved = part.solve(min(self.deadline.left, 1.0))
            if solved.x is None:
                return False
            found = _point_of(q.lattice, part.choice, solved.x)
            if self._consider(found):
                return True
            logits = q.network.logits(q.lattice.encode(found))
            part.cut = False
            if q.network.k > 2:
                self._add_tangent(part, np.delete(logits, q.target) - logits[q.target])
            program.cut = program.cut or part.cut
            room = room if part.cut else 4 * room
        return False


class _Assembled:
    """The program of a question for a lattice that is part of the question's."""

    def __init__(
        self, solver: _Solver, lattice: Lattice, least: float, budgeted: bool, pattern: Pattern | None = None
    ) -> None:
        q, self.program, self.cut = solver.question, Program(), False
        counted = {i for features, _ in q.caps for i in features} | {i for features in q.excluded for i in features}
        self.precise = _precise(q.network, lattice)
        self.choice = formulation.choose(self.program, lattice, counted | (q.counted or frozenset()))
        budget = solver.budget() if budgeted else np.inf
        bounds = [] if pattern is not None else layer_bounds(q.network, lattice, budget)
        values = formulation.differences(self.program, q.network, self.choice.columns, q.target, bounds, pattern)
        formulation.require_margin(self.program, values, least, solver.tangents)
        self._changes(q)
        self.objective = self._objective(q, lattice)
        if budgeted and solver.best is not None:
            self.program.require(self.objective, high=solver.most())

    def solve(self, seconds: float, presolve: bool = True) -> Solved:
        return self.program.solve(self.objective, seconds, GAP / 4, presolve)

    def relaxed(self) -> float:
        """A bound where the solver has none to tell: without whole numbers, which takes some milliseconds."""
        return self.program.solve(self.objective, RELAXED, relaxed=True).bound

    def _changes(self, q: Question) -> None:
        for features, most in q.caps:
            self.program.require(_sum(self.choice.changed[i] for i in features), high=most)
        for features in q.excluded:
            self.program.require(_sum(self.choice.changed[i] for i in features), high=len(features) - 1)

    def _objective(self, q: Question, lattice: Lattice) -> Affine:
        objective = self.choice.effort
        if q.counted is not None:
            objective = _sum(self.choice.changed[i] for i in q.counted)
        if q.near is not None:
            distance = formulation.distance(self.program, self.choice, lattice, q.near.people, q.near.levels)
            if np.isfinite(q.near.within):
                self.program.require(distance, high=q.near.within)
            objective = objective + distance.times(q.near.weight)
        return objective


def _sum(parts: Iterable[Affine]) -> Affine:
    total = Affine.constants(0.0)
    for part in parts:
        total = total + part
    return total


def _one_of_each(sets: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    """All smallest sets that have a member in common with each of ``sets``."""
    choices = [frozenset[int]()]
    for members in sets:
        grown = {own | {one} for own in choices if not own & members for one in members} | {
            own for own in choices if own & members
        }
        choices = [own for own in grown if not any(other < own for other in grown)]
    return sorted(choices, key=sorted)


def _own(feature: Feature) -> Feature | None:
    """A feature that stays as it is; None where it may not."""
    if not feature.allowed(feature.own):
        return None
    if isinstance(feature, Category):
        return replace(feature, allowed_levels=(feature.own,))
    return replace(feature, low=feature.own, high=feature.own)


def _within(feature: Feature, budget: float) -> Feature:
    """The part of a feature that a budget pays for."""
    if not np.isfinite(budget):
        return feature
    if isinstance(feature, Category):
        levels = tuple(level for level in feature.allowed_levels if feature.efforts[level] <= budget)
        return replace(feature, allowed_levels=levels or feature.allowed_levels)
    if not feature.per_unit > 0:
        return feature
    far = max(budget - feature.per_change, 0.0) / feature.per_unit * (1 + 1e-9)
    low, high = max(feature.low, feature.own - far), min(feature.high, feature.own + far)
    narrowed = replace(feature, low=low, high=high) if low <= high else feature
    return narrowed if narrowed.possible else feature


def _bounded(feature: Feature) -> Feature:
    """A feature with a finite range."""
    if isinstance(feature, Category):
        return feature
    return bounded(feature, min(max(feature.own, feature.low), feature.high), WIDE)


def _sizes(lattice: Lattice) -> Floats:
    """The largest size of each column, (d), the person's own included."""
    sizes = np.maximum(1.0, np.abs(lattice.factual.astype(np.float64)))
    for feature in lattice.features:
        if isinstance(feature, Number):
            ends = (abs(end - feature.centre) / feature.spread for end in (*feature.ends, feature.own))
            sizes[feature.column] = max(*ends, abs(float(lattice.factual[feature.column])))
    return sizes


def _precise(network: Network, lattice: Lattice) -> bool:
    """Whether the solver tells the outputs of all layers apart as finely as a proof needs."""
    return network.largest(_sizes(lattice)) <= PRECISE


def _continuous(lattice: Lattice, point: Floats) -> bool:
    """Whether a number without steps differs from the person's own."""
    pairs = zip(lattice.features, point, strict=True)
    return any(isinstance(f, Number) and not f.step and not f.fixed and at != f.own for f, at in pairs)


def _fixed(lattice: Lattice, point: Floats) -> Lattice:
    """The lattice whose features are all as at ``point``, except for numbers without steps that differ from the own."""
    features: list[Feature] = []
    for feature, at in zip(lattice.features, point.tolist(), strict=True):
        if isinstance(feature, Category):
            features.append(replace(feature, allowed_levels=(int(at),)))
        elif feature.step or at == feature.own:
            features.append(replace(feature, low=at, high=at, step=0.0))
        else:
            features.append(_bounded(feature))
    return replace(lattice, features=tuple(features))


def _pattern(network: Network, columns: Columns) -> Pattern:
    outputs, pattern = network.first(columns), []
    for W, b in network.layers[1:]:
        pattern.append(outputs >= 0)
        outputs = np.maximum(outputs, 0.0) @ W.T + b
    return pattern


def _point_of(lattice: Lattice, choice: Choice, x: Floats) -> Floats:
    """The point nearest to a solution of the program."""
    point = np.empty(len(lattice.features))
    for i, feature in enumerate(lattice.features):
        if isinstance(feature, Category):
            point[i] = max(choice.levels[i], key=lambda level: float(choice.levels[i][level].at(x)[0]))
            continue
        value = float(choice.values[i].at(x)[0])
        if not feature.step:
            same = abs(value - feature.own) <= 1e-8 * (1 + abs(feature.own)) and feature.allowed(feature.own)
            value = feature.own if same else value
            if feature.is_column:  # as the model will see it
                value = float(np.asarray(value, dtype=lattice.factual.dtype))
        point[i] = float(feature.nearest(value))
    return point


def _slack(question: Question, lattice: Lattice) -> float:
    """By how much the margin of a point may differ from that of the program, since a model sees rounded columns: Σ_j of
    at most |∂(z_c − z_y)/∂x_j| times the error of x_j. A number that is its own column has none. And float64 rounds
    sums, in whichever order they are added up."""
    network = question.network
    steep = np.abs(_last(question))
    for weights, _ in reversed(network.layers[:-1]):
        steep = steep @ np.abs(weights)
    terms = network.d + sum(len(bias) for _, bias in network.layers)
    rounding = 8 * terms * np.finfo(np.float64).eps * network.largest(_sizes(lattice))
    numbers = [f for f in lattice.features if isinstance(f, Number) and not f.is_column]
    return _error(lattice, steep, numbers) + float(rounding)


def _room(question: Question, lattice: Lattice, pattern: Pattern) -> float:
    """By how much rounding may lower the margin where these units are active."""
    steep = _last(question)
    for (weights, _), active in zip(reversed(question.network.layers[:-1]), reversed(pattern), strict=True):
        steep = (steep * active) @ weights
    return _error(lattice, np.abs(steep), [f for f in lattice.features if isinstance(f, Number)])


def _last(question: Question) -> Floats:
    """The last layer's weights of z_c − z_y for each other class, (k − 1 h)."""
    W = question.network.layers[-1][0]
    return np.asarray(np.delete(W, question.target, axis=0) - W[question.target])


def _error(lattice: Lattice, steep: Floats, numbers: list[Number]) -> float:
    total = np.zeros(len(steep))
    for feature in numbers:
        size = max(abs(end - feature.centre) / feature.spread for end in (*feature.ends, feature.own))
        total += steep[:, feature.column] * size
    return float(total.max(initial=0.0) * np.finfo(lattice.factual.dtype).eps + 1e-9)
