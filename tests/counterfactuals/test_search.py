"""The stacked search: toys by hand, its results re-derived from its own paths, and what it must not depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import pytest
import torch
from torch import Tensor

from ctviz.counterfactuals import descent as module
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.penalties import decay
from ctviz.counterfactuals.search import SearchRequest, SearchResult, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.models.dense import Dense
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack

TIGHT = {"rtol": 1e-10, "atol": 1e-11}
FREE = Schema(features=(Feature(name="x1"), Feature(name="x2")))


def boxed(low: float = -2.0, high: float = 2.0, *mutability: Mutability) -> Schema:
    rules = mutability or (Mutability.BOTH, Mutability.BOTH)
    return Schema(
        features=tuple(Feature(name=f"x{i}", domain=(low, high), mutability=m) for i, m in enumerate(rules, 1))
    )


def generic(**changes: float) -> SearchSettings:
    return SearchSettings(**{"generator": "generic", "lambda_cost": 0.0, "tau": 0.999, **changes})


# -- by hand -------------------------------------------------------------------------------------------

W = torch.tensor([[1.0, -0.5], [-2.0, 0.25], [0.5, 1.5]], dtype=torch.float64)  # k d
B = torch.tensor([0.1, 0.0, -0.3], dtype=torch.float64)


def linear(m: int = 1) -> Stack:
    layer = torch.cat([W, B[:, None]], dim=1).expand(m, -1, -1)
    return Stack(Dense((2, 3), "relu"), layer.reshape(-1).clone(), m)


def one(x: Sequence[float], target: int, settings: SearchSettings, schema: Schema = FREE) -> SearchResult:
    """The search from one point under the linear model."""
    factual = torch.tensor(x, dtype=torch.float64).view(1, 2, 1)
    return search(
        SearchRequest(linear(), factual, torch.tensor([[target]]), [settings], Constraints.of([schema], factual), True)
    )


def point(found: SearchResult, t: int) -> Tensor:
    assert found.path is not None
    return found.path[t, 0, :, 0]


def class_step(x: Tensor, target: int) -> Tensor:
    """−∇ of the cross-entropy of a linear model: (1_t − p) W."""
    p = torch.softmax(W @ x + B, dim=0)
    return (torch.eye(3, dtype=torch.float64)[target] - p) @ W


def test_first_step_is_the_gradient_of_the_cross_entropy() -> None:
    x = torch.tensor([0.4, -0.7], dtype=torch.float64)
    found = one([0.4, -0.7], 1, generic(step_size=0.3, steps=2))
    first = x + 0.3 * class_step(x, 1)
    torch.testing.assert_close(point(found, 0), x, **TIGHT)
    torch.testing.assert_close(point(found, 1), first, **TIGHT)
    torch.testing.assert_close(point(found, 2), first + 0.3 * class_step(first, 1), **TIGHT)


def test_the_price_of_distance_acts_from_the_second_step_on_and_pulls_back() -> None:
    x = torch.tensor([0.4, -0.7], dtype=torch.float64)
    found = one([0.4, -0.7], 1, generic(step_size=0.3, steps=2, lambda_cost=0.05))
    first = x + 0.3 * class_step(x, 1)
    torch.testing.assert_close(point(found, 1), first, **TIGHT)
    second = first + 0.3 * (class_step(first, 1) - 0.05 * torch.sign(first - x))
    torch.testing.assert_close(point(found, 2), second, **TIGHT)


def test_low_energy_pulls_along_the_weights_of_the_target() -> None:
    x = torch.tensor([0.4, -0.7], dtype=torch.float64)
    settings = SearchSettings(generator="eccco", tau=0.999, steps=50, step_size=0.3, lambda_cost=0.0, lambda_egy=2.0)
    found = one([0.4, -0.7], 1, settings)
    for t in (1, 2, 3):  # b = 2, a = 0.2
        z = float(W[1] @ x + B[1])
        phi = 0.2 * (2 + t) ** -0.9
        x = x + 0.3 * (class_step(x, 1) + 2.0 * phi * (1 - 2e-3 * z) * W[1])
        torch.testing.assert_close(point(found, t), x, **TIGHT)


@pytest.mark.parametrize(
    ("t", "steps", "phi"),
    [
        (1, 30, 0.1 * 2**-0.9),
        (30, 30, 0.1 * 31**-0.9),
        (1, 50, 0.2 * 3**-0.9),
        (7, 100, 0.4 * 11**-0.9),
        (1, 13, 0.1 * 2**-0.9),
        (1, 12, 0.0),
        (5, 5, 0.0),
        (1, 1, 0.0),
        (3, 37, 0.1 * 4**-0.9),
        (3, 38, 0.2 * 5**-0.9),
    ],
)
def test_schedule_of_the_energy(t: int, steps: int, phi: float) -> None:
    assert decay(t, steps) == pytest.approx(phi, rel=1e-14, abs=0)


def test_too_short_a_search_knows_no_energy() -> None:
    long = SearchSettings(tau=0.999, steps=12, lambda_egy=20.0, lambda_cost=0.0)
    assert torch.equal(one([0.4, -0.7], 1, long).final, one([0.4, -0.7], 1, generic(steps=12)).final)


def test_a_target_already_reached_takes_no_step_and_does_not_move() -> None:
    found = one([-3.0, 0.5], 1, generic(tau=0.9))
    assert found.mature.all() and found.steps.item() == 0
    assert point(found, 0).tolist() == point(found, 30).tolist() == found.nascent[0, :, 0].tolist() == [-3.0, 0.5]


def test_tau_is_reached_when_it_is_met_exactly() -> None:
    even = Stack(Dense((2, 2), "relu"), torch.zeros(6, dtype=torch.float64), 1)  # every probability is one half
    x = torch.zeros(1, 2, 1, dtype=torch.float64)
    found = search(SearchRequest(even, x, torch.tensor([[1]]), [generic(tau=0.5)], Constraints.of([FREE], x)))
    assert found.mature.item() and found.steps.item() == 0


def test_maturing_with_the_last_step_allowed_counts() -> None:
    whole = one([0.4, -0.7], 1, generic(steps=200, tau=0.9))
    needed = int(whole.steps)
    assert whole.mature.all() and needed > 3
    assert one([0.4, -0.7], 1, generic(steps=needed, tau=0.9)).mature.all()
    short = one([0.4, -0.7], 1, generic(steps=needed - 1, tau=0.9))
    assert not short.mature.any() and short.steps.item() == needed - 1


def test_a_locked_feature_leaves_the_rest_of_the_step_as_it_is() -> None:
    x = torch.tensor([0.4, -0.7], dtype=torch.float64)
    found = one([0.4, -0.7], 1, generic(steps=1), boxed(-9, 9, Mutability.FIXED, Mutability.BOTH))
    expected = x + torch.tensor([0.0, 1.0], dtype=torch.float64) * 0.25 * class_step(x, 1)
    torch.testing.assert_close(found.final[0, :, 0], expected, **TIGHT)


# -- a mixed crowd -------------------------------------------------------------------------------------

CROWD = (
    SearchSettings(tau=0.75, steps=30),
    generic(tau=0.6, steps=12, step_size=0.7, lambda_cost=0.05),
    SearchSettings(tau=0.999999, steps=17, epsilon=0.05, lambda_egy=0.3),
    generic(tau=0.4, steps=40, step_size=0.1, epsilon=2.0),
    SearchSettings(tau=0.95, steps=25, step_size=1.2, lambda_egy=10.0),
)
RULES = (
    FREE,
    boxed(-2, 2),
    boxed(-2, 2, Mutability.INCREASE, Mutability.BOTH),
    boxed(-2, 2, Mutability.BOTH, Mutability.FIXED),
    boxed(-1.5, 9, Mutability.DECREASE, Mutability.BOTH),
)


@dataclass(frozen=True)
class Problem:
    """Five arms with nothing in common, three classes, b factuals of which some lie outside of some domains."""

    stack: Stack
    factuals: Tensor
    targets: Tensor
    settings: tuple[SearchSettings, ...] = CROWD
    rules: tuple[Schema, ...] = RULES

    @classmethod
    def of(cls, b: int = 43) -> Problem:
        stack = Stack.initialise(ModelSettings(hidden=(9,), activation="tanh"), 2, 3, range(5)).to(torch.float64)
        stack.flat.mul_(2.5)
        chance = torch.Generator().manual_seed(3)
        factuals = 1.3 * torch.randn(5, 2, b, generator=chance, dtype=torch.float64)
        return cls(stack, factuals, torch.randint(0, 3, (5, b), generator=chance))

    def some(self, arms: Sequence[int] = range(5), samples: Sequence[int] | slice = slice(None)) -> Problem:
        index = list(arms)
        return Problem(
            self.stack.take(index),
            self.factuals[index][..., samples],
            self.targets[index][..., samples],
            tuple(self.settings[i] for i in index),
            tuple(self.rules[i] for i in index),
        )

    def found(self, record: bool = True) -> SearchResult:
        rules = Constraints.of(self.rules, self.factuals)
        return search(SearchRequest(self.stack, self.factuals, self.targets, self.settings, rules, record))


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem.of()


@pytest.fixture(scope="module")
def whole(problem: Problem) -> SearchResult:
    return problem.found()


def assert_same(mine: SearchResult, other: SearchResult) -> None:
    for field in fields(SearchResult):
        a, b = getattr(mine, field.name), getattr(other, field.name)
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, **TIGHT, msg=lambda text, name=field.name: f"{name}: {text}")


def part(
    found: SearchResult, arms: Sequence[int] = range(5), samples: Sequence[int] | slice = slice(None)
) -> SearchResult:
    index = list(arms)
    own = {name: value for name, value in vars(found).items() if name != "path" and value is not None}
    rest = {name: value[index][..., samples] for name, value in own.items()}
    return SearchResult(**rest, path=None if found.path is None else found.path[:, index][..., samples])


def test_the_crowd_is_mixed(whole: SearchResult) -> None:
    """Guards the tests below: some searches end at once, some on their way, some never, in different arms."""
    assert (whole.steps[whole.mature] == 0).any() and (whole.steps[whole.mature] > 3).any()
    assert not whole.mature.all() and len(set(whole.mature.sum(dim=1).tolist())) > 2
    assert whole.mature.any(dim=1).sum() >= 4


def test_results_are_what_the_paths_say(problem: Problem, whole: SearchResult) -> None:
    assert whole.path is not None and whole.path.shape == (41, 5, 2, 43)
    for arm, settings in enumerate(problem.settings):
        points = whole.path[:, arm].mT  # t b d
        probabilities = torch.softmax(problem.stack.take([arm])(points.reshape(1, -1, 2))[0].view(41, 43, 3), dim=-1)
        for i in range(43):
            path, x = points[:, i], problem.factuals[arm, :, i]
            scores = probabilities[:, i, problem.targets[arm, i]].tolist()
            assert torch.equal(path[0], x)
            reached = [t for t in range(settings.steps + 1) if scores[t] >= settings.tau]
            assert bool(whole.mature[arm, i]) == bool(reached)
            steps = reached[0] if reached else settings.steps
            assert int(whole.steps[arm, i]) == steps
            assert (path[steps:] == path[steps]).all(), "moved after it had stopped"
            assert torch.equal(whole.final[arm, :, i], path[steps])
            near = [t for t in range(steps + 1) if (path[t] - x).abs().max() <= settings.epsilon]
            assert torch.equal(whole.nascent[arm, :, i], path[near[-1]])


def test_paths_are_recorded_only_on_request(problem: Problem, whole: SearchResult) -> None:
    without = problem.found(record=False)
    assert without.path is None
    assert_same(without, whole)


@pytest.mark.parametrize("working_set", [1, 32 * 5 * 10 + 1, 1 << 30], ids=["chunks of 32", "of 32 again", "at once"])
@pytest.mark.parametrize("pack_below", [0.0, 0.5, 1.0], ids=["never packed", "packed late", "always packed"])
def test_results_do_not_depend_on_chunks_and_packing(
    problem: Problem, whole: SearchResult, monkeypatch: pytest.MonkeyPatch, working_set: int, pack_below: float
) -> None:
    monkeypatch.setattr(module, "WORKING_SET", working_set)
    monkeypatch.setattr(module, "PACK_BELOW", pack_below)
    assert_same(problem.found(), whole)


@pytest.mark.parametrize("arms", [[0], [1], [2], [3], [4], [4, 1], [0, 2, 3]], ids=str)
def test_results_do_not_depend_on_the_other_arms(problem: Problem, whole: SearchResult, arms: list[int]) -> None:
    mine, expected = problem.some(arms).found(), part(whole, arms)
    longest = max(problem.settings[i].steps for i in arms)
    assert mine.path is not None and len(mine.path) == longest + 1
    assert_same(mine, SearchResult(**{**vars(expected), "path": whole.path[: longest + 1, arms]}))  # type: ignore[index]


@pytest.mark.parametrize("chosen", [range(43)[::-1], range(0, 43, 3), [5], [42], [7, 7, 7]], ids=str)
def test_results_do_not_depend_on_the_other_samples(
    problem: Problem, whole: SearchResult, chosen: Sequence[int]
) -> None:
    assert_same(problem.some(samples=list(chosen)).found(), part(whole, samples=list(chosen)))


@pytest.mark.parametrize("b", [1, 2, 33], ids=lambda b: f"{b} samples")
def test_outside_the_domain_only_those_that_have_arrived_stay_there(b: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two arms, of which the first has arrived at once; in chunks of 32 the last of 33 is on its own."""
    monkeypatch.setattr(module, "WORKING_SET", 1)
    models = Stack(Dense((2, 2), "relu"), torch.zeros(12, dtype=torch.float64), 2)
    models.layers[0][:, 1, 0] = torch.tensor([5.0, -5.0], dtype=torch.float64)
    factuals = torch.full((2, 2, b), 3.0, dtype=torch.float64)
    rules = Constraints.of([boxed(-1, 1)] * 2, factuals)
    found = search(
        SearchRequest(
            models, factuals, torch.ones(2, b, dtype=torch.int64), [generic(tau=0.9, steps=2)] * 2, rules, True
        )
    )
    assert found.path is not None
    assert found.mature[0].all() and (found.steps[0] == 0).all()
    assert (found.path[:, 0] == 3.0).all()
    assert (found.path[1:, 1] <= 1.0).all() and (found.steps[1] > 0).all()


def test_inputs_are_left_alone(problem: Problem) -> None:
    factuals, targets, weights = problem.factuals.clone(), problem.targets.clone(), problem.stack.flat.clone()
    problem.found()
    assert torch.equal(factuals, problem.factuals) and torch.equal(targets, problem.targets)
    assert torch.equal(weights, problem.stack.flat)


def test_single_precision_stays_single(problem: Problem) -> None:
    x = problem.factuals.float()
    rules = Constraints.of(problem.rules, x)
    found = search(SearchRequest(problem.stack.to(torch.float32), x, problem.targets, problem.settings, rules, True))
    assert {t.dtype for t in (found.final, found.nascent, found.path) if t is not None} == {torch.float32}


# -- numbers that are none -----------------------------------------------------------------------------


class _Flat:
    """A model of two classes with the same logits and the same gradient everywhere."""

    m, k, widest = 1, 2, 3

    def __init__(self, logits: Sequence[float], gradient: float) -> None:
        self.logits, self.gradient = logits, gradient

    def run(self, b: int) -> _Flat:
        return self

    def take(self, arms: Sequence[int]) -> _Flat:
        return self

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor(self.logits).view(1, 2, 1).expand(1, 2, x.shape[-1]).contiguous()

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return torch.full((1, 2, gradient.shape[-1]), self.gradient)


def test_a_point_on_the_edge_of_the_box_is_nascent() -> None:
    """Steps of a quarter, all exact in binary: the second of them lands on ε."""
    factuals = torch.zeros(1, 2, 1)
    found = search(
        SearchRequest(
            _Flat((0.0, 0.0), -1.0),
            factuals,
            torch.tensor([[1]]),
            [generic(tau=0.9, epsilon=0.5, step_size=0.25)],
            Constraints.of([FREE], factuals),
        )
    )
    assert found.nascent.flatten().tolist() == [0.5, 0.5] and found.final.flatten().tolist() == [7.5, 7.5]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("logits", [(NAN, NAN), (0.0, NAN), (INF, INF), (INF, -INF), (-INF, -INF), (0.0, INF)], ids=str)
@pytest.mark.parametrize("gradient", [NAN, INF, -INF, 3e38], ids=str)
def test_logits_and_gradients_that_are_no_numbers_do_no_harm(logits: tuple[float, float], gradient: float) -> None:
    factuals = torch.linspace(-1, 1, 12).view(1, 2, 6)
    rules = Constraints.of([boxed(-1, 1, Mutability.BOTH, Mutability.FIXED)], factuals)
    targets = torch.ones(1, 6, dtype=torch.int64)
    found = search(SearchRequest(_Flat(logits, gradient), factuals, targets, [SearchSettings(tau=0.5)], rules, True))
    assert found.path is not None and found.path.isfinite().all()
    assert (found.path >= -1).all() and (found.path <= 1).all()
    assert torch.equal(found.path[:, :, 1], factuals[:, 1].expand(31, -1, -1))
    assert not found.mature.any() and (found.steps == 30).all()
    if gradient != 3e38:
        assert torch.equal(found.final, factuals)
