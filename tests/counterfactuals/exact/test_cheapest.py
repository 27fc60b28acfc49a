"""The exact search against all points of small lattices, fine grids and samples, and against a solver that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz.counterfactuals.exact import cheapest as module
from ctviz.counterfactuals.exact.cheapest import Answer, Near, Plan, cheapest, several, smallest_release
from ctviz.counterfactuals.exact.network import Network, least_margin, margin
from ctviz.counterfactuals.exact.program import Affine, Deadline, Program, Solved
from ctviz.counterfactuals.lattice import Category, Lattice, Number
from ctviz.errors import ConfigError, DataError
from tests.counterfactuals.lattices import box_lattice, brute_force, lattices, random_network

sizes = st.sampled_from([(), (6,), (12,), (5, 4)])
seeds = st.integers(0, 10**6)
taus = st.sampled_from([0.35, 0.5, 0.8, 0.95])


@contextmanager
def by(way: str) -> Iterator[None]:
    """Leave the proof to the solver alone, or to boxes where these can tell."""
    with patch.object(module, "least_cost", lambda *arguments: None) if way == "solver" else nullcontext():
        yield


ways = st.sampled_from(["boxes", "solver"])


@pytest.fixture
def solver() -> Iterator[None]:
    with by("solver"):
        yield


def same(value: float) -> object:
    return pytest.approx(value, rel=1e-4, abs=1e-6)


@settings(max_examples=50)
@given(lattice=lattices(), seed=seeds, hidden=sizes, k=st.sampled_from([2, 3]), tau=taus, way=ways)
def test_the_cheapest_is_that_of_all_points(
    lattice: Lattice, seed: int, hidden: tuple[int, ...], k: int, tau: float, way: str
) -> None:
    network = random_network(seed, lattice.d, hidden, k)
    _, costs = brute_force(network, lattice, 1, tau)
    with by(way):
        found = cheapest(network, lattice, 1, tau)
    if not len(costs):
        assert (found.status, found.plan, found.bound) == ("none", None, np.inf)
        return
    plan = found.plan
    assert found.status == "optimal"
    assert plan is not None
    assert plan.effort == pytest.approx(costs.min(), rel=1e-9, abs=1e-9)
    assert found.bound <= costs.min() + 1e-9
    assert found.gap <= 1e-4 or plan.objective - found.bound <= 1e-6
    assert lattice.broken(plan.point) is None
    assert plan.confidence >= tau - 1e-12
    assert np.array_equal(plan.columns, lattice.encode(plan.point))
    assert plan.changed == tuple(np.flatnonzero(plan.point != lattice.own))


@settings(max_examples=40)
@given(lattice=lattices(stepped=False), seed=seeds, hidden=sizes, k=st.sampled_from([2, 3]), tau=taus)
def test_no_sampled_point_is_cheaper(lattice: Lattice, seed: int, hidden: tuple[int, ...], k: int, tau: float) -> None:
    network = random_network(seed, lattice.d, hidden, k)
    found = cheapest(network, lattice, 1, tau)
    chance = np.random.default_rng(seed)
    points = lattice.project(lattice.factual + chance.normal(scale=3, size=(4000, lattice.d)))
    points = points[lattice.holds(points)]
    valid = points[margin(network.logits(lattice.encode(points)), 1) >= least_margin(tau)]
    assert found.status in ("optimal", "none")
    assert (lattice.cost(valid) >= found.bound - 1e-6).all()
    if found.plan is not None:
        assert lattice.broken(found.plan.point) is None
        assert margin(network.logits(found.plan.columns), 1) >= least_margin(tau)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_in_a_plane_a_fine_grid_is_nowhere_cheaper(seed: int, k: int) -> None:
    network, tau = random_network(seed, 2, (10,), k), (0.5, 0.75, 0.9)[seed % 3]
    x = np.random.default_rng(seed).normal(size=2).astype(np.float32)
    lattice = box_lattice(x, [-3, -3], [3, 3] if seed % 2 else [3, x[1]])
    found = cheapest(network, lattice, 1, tau)
    steps = np.linspace(0, 1, 301)
    low, high = (np.array([getattr(f, end) for f in lattice.features]) for end in ("low", "high"))
    points = low + np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * (high - low)
    points = points[margin(network.logits(points), 1) >= least_margin(tau)]
    if found.plan is None:
        assert (found.status, len(points)) == ("none", 0)
        return
    nearest = np.abs(points - lattice.own).sum(axis=1).min(initial=np.inf)
    assert found.status == "optimal"
    assert found.bound <= nearest + 1e-6
    assert found.plan.effort <= nearest + 1e-6
    assert margin(network.logits(found.plan.columns), 1) >= least_margin(tau)
    assert ((found.plan.columns >= low) & (found.plan.columns <= high)).all()


# -- what else is asked for -------------------------------------------------------------------------


@settings(max_examples=30)
@given(lattice=lattices(), seed=seeds, most=st.integers(0, 2), tau=taus)
def test_at_most_so_many_features_change(lattice: Lattice, seed: int, most: int, tau: float) -> None:
    network = random_network(seed, lattice.d, (8,), 2)
    points, costs = brute_force(network, lattice, 1, tau)
    fine = lattice.changed(points).sum(axis=1) <= most
    found = cheapest(network, lattice, 1, tau, max_changes=most)
    assert (found.status == "none") == (not fine.any())
    if found.plan is not None:
        assert found.plan.effort == same(costs[fine].min())
        assert len(found.plan.changed) <= most


@settings(max_examples=40)
@given(lattice=lattices(), seed=seeds, tau=taus, way=ways)
def test_different_plans_change_other_features(lattice: Lattice, seed: int, tau: float, way: str) -> None:
    network = random_network(seed, lattice.d, (8,), 2)
    points, costs = brute_force(network, lattice, 1, tau)
    changed, left = lattice.changed(points), np.ones(len(points), dtype=bool)
    with by(way):
        answers = several(network, lattice, 1, tau, 5)
    last = answers[-1].plan
    assert len(answers) == 5 or last is None or not last.changed
    for found in answers:
        if found.plan is None:
            assert (found.status, left.any()) == ("none", False)
            break
        assert found.plan.effort == same(costs[left].min())
        left &= ~changed[:, list(found.plan.changed)].all(axis=1)


SUM = Network(((np.ones((1, 3)), np.zeros(1)), (np.array([[0.0], [1.0]]), np.array([2.0, 0.0]))))
THREE = Lattice(
    tuple(
        Number(name, i, own=0.0, low=0.0, high=high, step=1.0, per_unit=effort)
        for i, (name, effort, high) in enumerate((("x", 1.0, 1.0), ("y", 2.0, 2.0), ("z", 4.0, 2.0)))
    ),
    np.zeros(3, np.float32),
)
"""x + y + z ≥ 2 from 0, with efforts of 1, 2 and 4."""


def test_different_plans_by_hand() -> None:
    with patch.object(Program, "solve", lambda *arguments, **named: pytest.fail("boxes suffice")):
        answers = several(SUM, THREE, 1, 0.5, 5)
    changed = [answer.plan.changed if answer.plan else answer.status for answer in answers]
    assert changed == [(0, 1), (1,), (0, 2), (2,), "none"]
    assert [answer.plan.effort for answer in answers if answer.plan] == [3.0, 4.0, 5.0, 8.0]


def test_boxes_leave_half_of_the_time_to_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a plan leaves x or y as it is, one of the two is looked at; the solver finds that y alone is cheapest."""
    asked: list[Lattice] = []
    look = module.least_cost
    monkeypatch.setattr(module, "least_cost", lambda *arguments: asked.append(arguments[1]) or look(*arguments))
    monkeypatch.setattr(Deadline, "spent", property(lambda self: 6.0))
    monkeypatch.setattr(Deadline, "left", property(lambda self: 4.0))
    first, second = several(SUM, THREE, 1, 0.5, 2)
    assert first.plan is not None and first.plan.changed == (0, 1)
    assert second.plan is not None and (second.plan.changed, second.status) == ((1,), "optimal")
    assert len(asked) == 2


@given(sets=st.lists(st.frozensets(st.integers(0, 5), max_size=4), max_size=4))
def test_the_smallest_choices_have_one_of_each(sets: list[frozenset[int]]) -> None:
    every = [frozenset(own) for size in range(7) for own in combinations(range(6), size)]
    meeting = [own for own in every if all(own & members for members in sets)]
    expected = {own for own in meeting if not any(other < own for other in meeting)}
    found = module._one_of_each(sets)
    assert set(found) == expected
    assert len(found) == len(expected)


@settings(max_examples=40)
@given(lattice=lattices(), seed=seeds, tau=taus, tight=st.sampled_from([0.0, 0.5, 1.0]))
def test_plans_of_searches_that_ran_out_of_time_come_in_order_with_bounds_that_hold(
    lattice: Lattice, seed: int, tau: float, tight: float
) -> None:
    """Each search leaves any valid plan that differs from those before, and a bound that is right for it."""
    chance = np.random.default_rng(seed)
    network = random_network(seed, lattice.d, (8,), 2)
    points, costs = brute_force(network, lattice, 1, tau)
    changed, left = lattice.changed(points), np.ones(len(points), dtype=bool)
    answers: list[Answer] = []
    while left.any() and len(answers) < 4:
        at = chance.choice(np.flatnonzero(left))
        sets = tuple(np.flatnonzero(changed[at]).tolist())
        plan = Plan(points[at], lattice.encode(points[at]), costs[at], costs[at], tau, sets)
        best = costs[left].min()
        bound = best if chance.random() < tight else 0.5 * best
        answers.append(Answer("optimal" if costs[at] == bound else "feasible", plan, bound, 0.0))
        left &= ~changed[:, list(sets)].all(axis=1)
        if not sets:
            break
    ended = Answer("none", None, np.inf, 0.0)
    found = module._in_order([*answers, ended])
    assert found[-1] is ended
    efforts = [answer.plan.effort for answer in found if answer.plan is not None]
    assert efforts == sorted(efforts)
    assert efforts[:1] == sorted(answer.plan.effort for answer in answers if answer.plan is not None)[:1]
    left = np.ones(len(points), dtype=bool)
    for answer in found[:-1]:
        assert answer.plan is not None
        here = (points == answer.plan.point).all(axis=1)
        assert left[here].all(), "it leaves something unchanged that each cheaper plan changes"
        assert answer.bound <= costs[left].min() + 1e-9
        assert (answer.status == "optimal") <= (answer.plan.effort == same(costs[left].min()))
        left &= ~changed[:, list(answer.plan.changed)].all(axis=1)


@settings(max_examples=25)
@given(lattice=lattices(), seed=seeds, tau=taus, weight=st.sampled_from([0.0, 0.5, 2.0]), bounded=st.booleans())
def test_plans_keep_near_to_real_people(lattice: Lattice, seed: int, tau: float, weight: float, bounded: bool) -> None:
    network, chance = random_network(seed, lattice.d, (8,), 2), np.random.default_rng(seed)
    people = lattice.encode(lattice.project(lattice.factual + chance.normal(scale=2, size=(4, lattice.d))))
    near = Near(people, within=1.5 if bounded else np.inf, weight=weight)
    points, costs = brute_force(network, lattice, 1, tau)
    apart = np.array([_distance(lattice, point, people) for point in points])
    fine = apart <= near.within
    found = cheapest(network, lattice, 1, tau, near=near)
    assert (found.status == "none") == (not fine.any())
    if found.plan is not None:
        assert found.plan.objective == same((costs + weight * apart)[fine].min())


def _distance(lattice: Lattice, point: np.ndarray, people: np.ndarray) -> float:
    """To the nearest of some people, written out: numbers by their columns, categories by whether they are the same."""
    seen, distances = lattice.encode(point).astype(float), []
    for person in people.astype(float):
        apart = 0.0
        for feature in lattice.features:
            own = abs(seen[list(feature.columns)] - person[list(feature.columns)]).sum()
            apart += own if isinstance(feature, Number) else own / 2
        distances.append(apart)
    return min(distances)


@settings(max_examples=25)
@given(lattice=lattices(), seed=seeds, tau=taus)
def test_the_smallest_set_of_locks_is_released(lattice: Lattice, seed: int, tau: float) -> None:
    network = random_network(seed, lattice.d, (8,), 2)
    locked = replace(lattice, features=tuple(_locked(feature) for feature in lattice.features), links=(), forbidden=())
    released = replace(locked, features=lattice.features)
    points, costs = brute_force(network, released, 1, tau)
    found = smallest_release(network, locked, released, 1, tau)
    freed = [i for i, (a, b) in enumerate(zip(locked.features, released.features, strict=True)) if a != b]
    if not len(points):
        assert (found.answer.status, found.features) == ("none", ())
        return
    count = released.changed(points)[:, freed].sum(axis=1)
    assert found.smallest
    assert len(found.features) == count.min()
    assert found.answer.plan is not None
    assert found.answer.plan.effort == same(costs[count == count.min()].min())


def _locked(feature: Number | Category) -> Number | Category:
    """The feature at its own value alone, if that is allowed."""
    if not feature.allowed(feature.own):
        return feature
    if isinstance(feature, Number):
        return replace(feature, low=feature.own, high=feature.own)
    return replace(feature, allowed_levels=(feature.own,))


# -- proofs -----------------------------------------------------------------------------------------

ONE_UNIT = Network(((np.array([[1.0, 1.0]]), np.array([-1.0])), (np.array([[0.0], [1.0]]), np.array([1.0, 0.0]))))
"""z_1 − z_0 = relu(x1 + x2 − 1) − 1: class 1 where x1 + x2 ≥ 2."""


def test_a_case_by_hand() -> None:
    lattice = box_lattice(np.zeros(2, dtype=np.float32), [-1, -1], [1.5, 3])
    found = cheapest(ONE_UNIT, lattice, 1, 0.5)
    assert (found.status, found.plan is not None) == ("optimal", True)
    assert found.plan is not None
    assert found.plan.effort == pytest.approx(2, abs=1e-5)
    assert cheapest(ONE_UNIT, box_lattice(np.zeros(2, np.float32), [-1, -1], [0.9, 1]), 1, 0.5).status == "none"
    assert cheapest(ONE_UNIT, box_lattice(np.array([3, 0], np.float32), [-1, -1], [3, 3]), 1, 0.5).plan.effort == 0


def test_a_range_without_ends_still_has_a_cheapest_plan() -> None:
    lattice = box_lattice(np.zeros(2, dtype=np.float32), [-np.inf, 0], [np.inf, 0])
    found = cheapest(ONE_UNIT, lattice, 1, 0.5)
    assert (found.status, round(found.bound, 4)) == ("optimal", 2.0)
    never = Network(((np.zeros((1, 2)), np.zeros(1)), (np.array([[0.0], [1.0]]), np.array([1.0, 0.0]))))
    assert cheapest(never, lattice, 1, 0.5).status == "unknown"  # nobody has looked everywhere


def wrong_presolve(monkeypatch: pytest.MonkeyPatch, always: bool) -> list[bool]:
    """HiGHS as it was seen to be wrong: with presolve it calls every program infeasible; or without as well."""
    asked: list[bool] = []

    def solve(
        self: Program, objective: Affine, seconds: float, gap: float = 0.0, presolve: bool = True, relaxed: bool = False
    ) -> Solved:
        asked.append(presolve)
        if presolve or always:
            return Solved("infeasible", None, -np.inf)
        return right(self, objective, seconds, gap, presolve)

    right = Program.solve
    monkeypatch.setattr(Program, "solve", solve)
    return asked


@pytest.mark.usefixtures("solver")
@pytest.mark.parametrize("plan_is_known", [True, False])
def test_what_presolve_calls_infeasible_is_solved_without_it(
    monkeypatch: pytest.MonkeyPatch, plan_is_known: bool
) -> None:
    if not plan_is_known:
        monkeypatch.setattr(module, "polish", lambda *arguments: [])
    asked = wrong_presolve(monkeypatch, always=False)
    step = Number("a", 0, own=0.0, low=0.0, high=4.0, step=1.0)
    lattice = Lattice((step, replace(step, name="b", column=1, per_unit=3.0)), np.zeros(2, np.float32))
    found = cheapest(ONE_UNIT, lattice, 1, 0.5)
    assert (found.status, round(found.bound, 4)) == ("optimal", 2.0)
    assert asked == [True, False]


@pytest.mark.usefixtures("solver")
def test_none_is_never_said_against_a_known_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_presolve(monkeypatch, always=True)
    lattice = box_lattice(np.zeros(2, dtype=np.float32), [-1, -1], [3, 3])
    found = cheapest(ONE_UNIT, lattice, 1, 0.5)
    assert (found.status, found.bound, found.gap) == ("feasible", 0.0, 1.0)


@pytest.mark.usefixtures("solver")
def test_where_time_runs_out_the_best_plan_comes_back_with_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    lattice = box_lattice(np.zeros(2, dtype=np.float32), [-1, -1], [3, 3])
    monkeypatch.setattr(Program, "solve", lambda *arguments, **named: Solved("limit", None, 1.5))
    found = cheapest(ONE_UNIT, lattice, 1, 0.5)
    assert (found.status, found.bound) == ("feasible", 1.5)
    assert found.gap == pytest.approx(0.25, abs=1e-4)
    monkeypatch.setattr(module, "polish", lambda *arguments: [])
    assert cheapest(ONE_UNIT, lattice, 1, 0.5).status == "unknown"


@pytest.mark.usefixtures("solver")
def test_a_solver_that_tells_no_bound_leaves_that_without_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def solve(self: Program, objective: Affine, seconds: float, *rest: object, relaxed: bool = False) -> Solved:
        return right(self, objective, seconds, relaxed=True) if relaxed else Solved("limit", None, -np.inf)

    right = Program.solve
    step = Number("a", 0, own=0.0, low=0.0, high=4.0, step=1.0)
    lattice = Lattice((step, replace(step, name="b", column=1, per_unit=3.0)), np.zeros(2, np.float32))
    monkeypatch.setattr(Program, "solve", solve)
    found = cheapest(ONE_UNIT, lattice, 1, 0.5)
    assert found.status == "feasible"
    assert 0 < found.bound <= 2


@pytest.mark.usefixtures("solver")
def test_a_plan_that_only_the_solver_believes_in_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "polish", lambda *arguments: [])
    monkeypatch.setattr(Program, "solve", lambda self, *rest, **named: Solved("optimal", np.zeros(self.n), 0.0))
    found = cheapest(ONE_UNIT, box_lattice(np.zeros(2, np.float32), [-1, -1], [3, 3]), 1, 0.5)
    assert (found.status, found.plan) == ("unknown", None)


def test_what_is_not_allowed_is_said() -> None:
    lattice = box_lattice(np.zeros(2, dtype=np.float32), [-1, -1], [3, 3])
    for wrong, words in (
        ({"time_limit": 0.0}, "time_limit is 0.0; allowed: seconds above 0"),
        ({"max_changes": -1}, "max_changes is -1"),
        ({"target": 2}, "target is 2; allowed: 0 to 1"),
        ({"tau": 1.0}, "tau is 1.0"),
        ({"near": Near(np.zeros((1, 2)), weight=-1.0)}, "near is"),
        ({"near": Near(np.zeros((1, 2)), within=np.nan)}, "near is"),
    ):
        with pytest.raises(ConfigError, match=words):
            cheapest(**{"network": ONE_UNIT, "lattice": lattice, "target": 1, "tau": 0.5, **wrong})
    with pytest.raises(ConfigError, match="plans is 0"):
        several(ONE_UNIT, lattice, 1, 0.5, 0)
    with pytest.raises(DataError, match="columns"):
        cheapest(random_network(0, 3, (4,), 2), lattice, 1, 0.5)
    with pytest.raises(DataError, match="near"):
        cheapest(ONE_UNIT, lattice, 1, 0.5, near=Near(np.zeros((0, 2), np.float32)))
    with pytest.raises(DataError, match="not finite"):
        cheapest(ONE_UNIT, lattice, 1, 0.5, near=Near(np.full((1, 2), np.nan)))
    with pytest.raises(DataError, match="known ends need 2 columns"):
        cheapest(ONE_UNIT, lattice, 1, 0.5, known=[0.0, 0.0, 0.0])


@pytest.mark.parametrize("scale", [1e8, 1e20, 1e60])
def test_none_is_not_said_where_rounding_could_feign_it(scale: float) -> None:
    """Both units are off beside 0, where the second one alone is on and decides."""
    W, V = np.array([[-1.6], [-0.2]]), np.array([[0.6, -1.1], [0.1, 0.4]])
    network = Network(((scale * W, np.array([-2.3, 2.7])), (scale * V, np.array([2.8, 0.2]))))
    own = 6 * 0.1
    number = Number("a", 0, own=own, low=0.0, high=own, step=0.1)
    lattice = Lattice((number,), np.array([own]))
    points, costs = brute_force(network, lattice, 1, 0.999999)
    assert (points.tolist(), costs.tolist()) == ([[0.0]], [own])
    found = cheapest(network, lattice, 1, 0.999999)
    assert found.status != "none"
    assert found.bound <= own
    assert network.largest([2.0]) == pytest.approx(
        scale * max(1.5, 0.6 * (3.2 * scale + 2.3) + 1.1 * (0.4 * scale + 2.7))
    )


UNITS = 1e6 * np.array([[-24, 22], [20, 11], [-2.6, 1.7], [4.3, 0.86]]), np.array([1.9, -0.2, -3.0, 4.4])
LAST = np.array([[2.3, -2.7, -1.1, 0.35], [-2.8, 1.6, -3.5, -0.71]]), np.array([-1.5, 5.4])
MORE_UNITS = np.array([[0.0, -140.0], [-110, -86], [-13, 110]]), np.array([0.3, 3.6, 0.2])
MORE_LAST = 1e5 * np.array([[6.4, 6.0, -1.5], [-1.5, 6.8, 4.5]]), np.array([0.0, 2.9])


@pytest.mark.usefixtures("solver")
@pytest.mark.parametrize(
    ("network", "step", "own", "tau"),
    [(Network((UNITS, LAST)), 0.1, (1, 5), 0.5), (Network((MORE_UNITS, MORE_LAST)), 1.0, (5, 4), 0.95)],
)
def test_where_the_solver_is_wrong_its_word_is_no_proof(
    network: Network, step: float, own: tuple[int, int], tau: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HiGHS calls a plan of twice the cost the cheapest; and says that there is none."""
    monkeypatch.setattr(module, "polish", lambda *arguments: [])
    numbers = tuple(Number(f"n{i}", i, own=step * n, low=0.0, high=6 * step, step=step) for i, n in enumerate(own))
    lattice = Lattice(numbers, np.array([number.own for number in numbers]))
    _, costs = brute_force(network, lattice, 1, tau)
    found = cheapest(network, lattice, 1, tau)
    assert found.status != "none" and found.bound <= costs.min()
    assert found.status != "optimal" or found.plan.effort == same(costs.min())


@settings(max_examples=40)
@given(lattice=lattices(), seed=seeds, tau=taus, size=st.integers(1, 9))
def test_boxes_allow_for_rounding(lattice: Lattice, seed: int, tau: float, size: int) -> None:
    """Each unit beside one that takes it back but for a bias: large outputs, whose differences count."""
    (W, b), (V, c) = random_network(seed, lattice.d, (6,), 2).layers
    doubled = np.concatenate([10**size * W, 10**size * W]), np.concatenate([b, b + 1])
    network = Network((doubled, (np.concatenate([V, -V], axis=1), c)))
    _, costs = brute_force(network, lattice, 1, tau)
    found = cheapest(network, lattice, 1, tau)
    assert found.status != "none" or not len(costs)
    assert found.bound <= costs.min(initial=np.inf) + 1e-9
    assert found.status != "optimal" or found.plan.effort == same(costs.min())


@pytest.mark.parametrize("way", ["boxes", "solver"])
def test_an_own_column_beside_the_steps(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns 0.4 are read as 0. A step of a and b each gains 1.4 + 1.4 for 2; ten of c gain 2.8 too, for 2.2."""
    monkeypatch.setattr(module, "polish", lambda *arguments: [])
    down = tuple(Number(name, i, own=0.0, low=-10.0, high=0.0, step=1.0) for i, name in enumerate("ab"))
    up = Number("c", 2, own=0.0, low=0.0, high=10.0, step=1.0, per_unit=0.22)
    network = Network(
        ((np.array([[-1, -1, 0.28]]), np.array([20.0])), (np.array([[0.0], [1.0]]), np.array([0, 1e-6 - 22])))
    )
    with by(way):
        answer = cheapest(network, Lattice((*down, up), np.array([0.4, 0.4, 0.0])), 1, 0.5)
    assert answer.status == "optimal" and answer.plan is not None
    assert answer.plan.effort == 2.0 and answer.bound <= 2.0
