"""The slow reference itself, against toys worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ctviz.bench.plain import (
    PlainConstraints,
    PlainDraws,
    PlainTerms,
    chunks,
    own_draws,
    phi,
    pick_neighbours,
    plain_counterfactuals,
    plain_model,
    plain_objective,
    plain_search,
    plain_train,
    protect,
)
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.models.model_settings import ModelSettings
from ctviz.training.arm import Arm, Objective
from ctviz.training.schedule import Schedule

W = torch.tensor([[2.0, -1.0], [-1.0, 0.5]], dtype=torch.float64)
B = torch.tensor([0.3, -0.2], dtype=torch.float64)
LINEAR = ModelSettings(hidden=())
X0 = torch.tensor([[1.0, 0.0], [-0.4, 2.0], [0.1, 0.2]], dtype=torch.float64)
TARGETS = torch.tensor([1, 0, 1])


@pytest.fixture
def linear() -> nn.Sequential:
    return plain_model(LINEAR, 2, 2, [W, B])


def probability(x: Tensor, targets: Tensor) -> Tensor:
    """Of the targets under the linear model, by the logistic function of the difference of logits."""
    z = x @ W.T + B
    difference = torch.where(targets == 1, z[:, 1] - z[:, 0], z[:, 0] - z[:, 1])
    return 1 / (1 + torch.exp(-difference))


def class_gradient(x: Tensor, targets: Tensor) -> Tensor:
    """∇ₓ of the cross-entropy in closed form: (softmax − onehot) W."""
    p = probability(x, targets)
    sign = torch.where(targets == 1, 1.0, -1.0).to(x.dtype)
    return (1 - p)[:, None] * sign[:, None] * (W[0] - W[1])


def box(mutability: list[Mutability], domain: tuple[float, float] = (-5.0, 5.0)) -> PlainConstraints:
    features = tuple(Feature(name=f"x{i}", domain=domain, mutability=m) for i, m in enumerate(mutability))
    return PlainConstraints.of(Schema(features=features))


def generic(**changes: float) -> SearchSettings:
    return SearchSettings(**{"generator": "generic", "tau": 0.9999, "lambda_cost": 0.0, "steps": 1, **changes})


def test_model_is_the_given_affine_map(linear: nn.Sequential) -> None:
    torch.testing.assert_close(linear(X0), X0 @ W.T + B)


def test_hidden_layers_alternate_with_the_activation() -> None:
    model = plain_model(ModelSettings(hidden=(3, 4), activation="tanh"), 2, 5)
    assert [type(layer) for layer in model] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert [tuple(p.shape) for p in model.parameters()] == [(3, 2), (3,), (4, 3), (4,), (5, 4), (5,)]


def test_first_generic_step_in_closed_form(linear: nn.Sequential) -> None:
    found = plain_search(linear, X0, TARGETS, generic(step_size=0.25))
    torch.testing.assert_close(found.final, X0 - 0.25 * class_gradient(X0, TARGETS))


def test_cost_pulls_back_only_once_the_sample_has_moved(linear: nn.Sequential) -> None:
    s = generic(step_size=0.25, lambda_cost=0.4, steps=2)
    found = plain_search(linear, X0, TARGETS, s, keep_path=True)
    first = X0 - 0.25 * class_gradient(X0, TARGETS)
    second = first - 0.25 * (class_gradient(first, TARGETS) + 0.4 * torch.sign(first - X0))
    assert found.path is not None
    torch.testing.assert_close(found.path, torch.stack([X0, first, second]))


def test_first_eccco_step_in_closed_form(linear: nn.Sequential) -> None:
    s = SearchSettings(generator="eccco", tau=0.9999, steps=1, step_size=0.25, lambda_egy=5.0)
    fifty = SearchSettings(**{**s.model_dump(), "steps": 50})
    found = plain_search(linear, X0, TARGETS, fifty, keep_path=True)
    e = -(X0 @ W.T + B).gather(1, TARGETS[:, None])
    phi_1 = 0.2 * 3**-0.9  # T = 50: b = 2, a = 0.2, t = 1
    energy_gradient = -W[TARGETS] * (1 + 2e-3 * e)
    expected = X0 - 0.25 * (class_gradient(X0, TARGETS) + 5 * phi_1 * energy_gradient)
    assert found.path is not None
    torch.testing.assert_close(found.path[1], expected)


@pytest.mark.parametrize(
    ("t", "steps", "expected"),
    [(1, 30, 0.1 * 2**-0.9), (3, 50, 0.2 * 5**-0.9), (1, 5, 0.0), (10, 100, 0.4 * 14**-0.9)],
)
def test_phi_by_hand(t: int, steps: int, expected: float) -> None:
    assert phi(t, steps) == pytest.approx(expected, rel=1e-12)


def test_without_energy_eccco_is_generic(linear: nn.Sequential) -> None:
    settings = {"tau": 0.8, "steps": 12, "lambda_cost": 0.05, "lambda_egy": 0.0}
    a = plain_search(linear, X0, TARGETS, SearchSettings(generator="eccco", **settings))
    b = plain_search(linear, X0, TARGETS, SearchSettings(generator="generic", **settings))
    assert torch.equal(a.final, b.final)


def test_a_mature_factual_takes_no_step(linear: nn.Sequential) -> None:
    p = probability(X0, TARGETS)
    found = plain_search(linear, X0, TARGETS, generic(tau=float(p.max()) - 1e-9, steps=7), keep_path=True)
    winner = int(p.argmax())
    assert found.steps[winner] == 0 and found.mature[winner]
    assert found.path is not None and found.path.shape == (8, 3, 2)
    assert torch.equal(found.path[:, winner], X0[winner].expand(8, 2))


def test_each_sample_stops_at_its_first_point_past_tau(linear: nn.Sequential) -> None:
    found = plain_search(linear, X0, TARGETS, generic(tau=0.8, steps=40), keep_path=True)
    assert found.path is not None and found.mature.all()
    assert len(set(found.steps.tolist())) > 1
    for i, n in enumerate(found.steps.tolist()):
        along = probability(found.path[: n + 1, i], TARGETS[i].expand(n + 1))
        assert along[-1] >= 0.8 and (along[:-1] < 0.8).all()
        assert torch.equal(found.path[n:, i], found.final[i].expand(41 - n, 2))


def test_immature_samples_have_taken_all_steps(linear: nn.Sequential) -> None:
    found = plain_search(linear, X0, TARGETS, generic(steps=3))
    assert found.steps.tolist() == [3, 3, 3] and not found.mature.any()


def test_nascent_is_the_last_point_in_the_box(linear: nn.Sequential) -> None:
    s = generic(tau=0.9, steps=40, epsilon=0.35)
    found = plain_search(linear, X0, TARGETS, s, keep_path=True)
    assert found.path is not None
    for i in range(len(X0)):
        inside = [x for x in found.path[:, i] if float((x - X0[i]).abs().max()) <= 0.35]
        assert torch.equal(found.nascent[i], inside[-1])
    assert not torch.equal(found.nascent[0], found.final[0])


def test_nascent_is_the_factual_if_the_first_step_leaves_the_box(linear: nn.Sequential) -> None:
    assert torch.equal(plain_search(linear, X0, TARGETS, generic(epsilon=0.0, steps=5)).nascent, X0)


def test_locked_column_stays_even_outside_the_domain(linear: nn.Sequential) -> None:
    limits = box([Mutability.BOTH, Mutability.FIXED], (-0.5, 0.5))
    found = plain_search(linear, X0, TARGETS, generic(steps=20), limits, keep_path=True)
    assert found.path is not None
    assert torch.equal(found.path[:, :, 1], X0[:, 1].expand(21, 3))
    assert (found.path[1:, :, 0].abs() <= 0.5).all()


@pytest.mark.parametrize(("mutability", "sign"), [(Mutability.INCREASE, 1), (Mutability.DECREASE, -1)])
def test_one_way_columns_never_turn(linear: nn.Sequential, mutability: Mutability, sign: int) -> None:
    limits = box([mutability, mutability])
    found = plain_search(linear, X0, TARGETS, generic(steps=20), limits, keep_path=True)
    assert found.path is not None
    assert (sign * found.path.diff(dim=0) >= 0).all()
    assert (found.final != X0).any()


def test_protection_by_hand() -> None:
    neighbours = torch.tensor([[2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    ends = torch.ones(2, 4)
    limits = box([Mutability.BOTH, Mutability.FIXED, Mutability.DECREASE, Mutability.INCREASE])
    expected = torch.tensor([[2.0, 1.0, 1.0, 2.0], [0.0, 1.0, 0.0, 1.0]])
    assert torch.equal(protect(neighbours, ends, limits), expected)


def test_neighbours_are_picked_from_the_targets_class_in_order() -> None:
    y = torch.tensor([2, 0, 1, 0, 2, 0])
    picked = pick_neighbours(y, torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0.0, 0.4, 0.99, 0.7, 0.49, 0.5]), 3)
    assert picked.tolist() == [1, 3, 5, 2, 0, 4]


def test_objective_by_hand() -> None:
    model = plain_model(LINEAR, 2, 2, [torch.eye(2), torch.zeros(2)])  # logits are the features
    x, y = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]]), torch.tensor([0, 0])
    final, nascent = torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, math.log(4)]])
    neighbour, labels, targets = torch.tensor([[1.0, 3.0]]), torch.tensor([0]), torch.tensor([1])
    weights = Objective(lambda_class=2.0, lambda_div=0.5, lambda_adv=0.25, lambda_reg=0.1)
    terms = plain_objective(model, x, y, weights, (final, nascent, neighbour, labels, targets))
    class_ = (math.log(2) + math.log(4 / 3)) / 2
    expected = {"class_": class_, "div": -3.0 + 2.0, "adv": math.log(5), "reg": 9.0 + 4.0}
    assert {name: float(value.detach()) for name, value in vars(terms).items() if name != "total"} == pytest.approx(
        expected
    )
    assert float(terms.total.detach()) == pytest.approx(2 * class_ - 0.5 + 0.25 * math.log(5) + 1.3)


def test_objective_without_counterfactuals_is_the_class_term(linear: nn.Sequential) -> None:
    terms = plain_objective(linear, X0, TARGETS, Objective(lambda_class=3.0))
    assert float(terms.total.detach()) == pytest.approx(float(-3 * probability(X0, TARGETS).log().mean()))
    assert float(terms.div) == float(terms.adv) == float(terms.reg) == 0.0


def toy(n: int = 40) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    y = torch.arange(n) % 2
    return torch.randn(n, 2, generator=generator) + 3.0 * y[:, None], y


def test_immature_counterfactuals_become_their_neighbours() -> None:
    X, y = toy()
    model, limits = plain_model(ModelSettings(), 2, 2), box([Mutability.BOTH, Mutability.FIXED])
    made = plain_counterfactuals(model, X, y, 2, Arm.variant("full", steps=1, tau=0.9999), limits, draw(X))
    immature = ~made.found.mature
    assert immature.all()
    assert torch.equal(made.final, made.neighbours)
    assert torch.equal(y[[X.tolist().index(row) for row in made.neighbours.tolist()]], made.targets)


def test_targets_avoid_the_predicted_class() -> None:
    X, _ = toy()
    y = torch.arange(40) % 3
    model = plain_model(ModelSettings(), 2, 3)
    drawn = next(own_draws(40, 3, 40, 0))
    made = plain_counterfactuals(model, X, y, 3, Arm.variant("full"), box([Mutability.BOTH] * 2), drawn)
    predicted = model(X[drawn.factuals]).argmax(1)
    assert (made.targets != predicted).all() and set(made.targets.tolist()) <= {0, 1, 2}
    assert torch.equal(made.labels, y[drawn.factuals])


def draw(X: Tensor, c: int = 10) -> PlainDraws:
    return next(own_draws(len(X), 2, c, 3))


@pytest.mark.parametrize(("c", "parts", "sizes"), [(10, 4, [3, 3, 2, 2]), (3, 5, [1, 1, 1, 0, 0]), (6, 3, [2, 2, 2])])
def test_counterfactuals_are_dealt_contiguously(c: int, parts: int, sizes: list[int]) -> None:
    X, y = toy()
    model = plain_model(ModelSettings(), 2, 2)
    made = plain_counterfactuals(model, X, y, 2, Arm.variant("full"), box([Mutability.BOTH] * 2), draw(X, c))
    dealt = chunks(made, parts)
    assert [len(chunk[0]) for chunk in dealt] == sizes
    assert torch.equal(torch.cat([chunk[0] for chunk in dealt]), made.final)
    assert torch.equal(torch.cat([chunk[4] for chunk in dealt]), made.targets)


def train(
    arm: Arm, schedule: Schedule, X: Tensor, y: Tensor
) -> tuple[nn.Sequential, list[tuple[list[PlainTerms], int, bool]]]:
    torch.manual_seed(0)
    model = plain_model(ModelSettings(hidden=(4,)), 2, 2)
    draws = own_draws(len(X), 2, schedule.n_ce, 1)
    epochs = plain_train(model, X, y, 2, arm, schedule, box([Mutability.BOTH] * 2), draws)
    return model, [(e.terms, e.skipped, e.counterfactuals is not None) for e in epochs]


def test_training_lowers_the_class_loss() -> None:
    X, y = toy()
    _, epochs = train(Arm.variant("full"), Schedule(epochs=15, batch=10, n_ce=12, lr=0.04), X, y)
    assert len(epochs) == 15
    means = [float(torch.stack([t.class_ for t in terms]).mean()) for terms, _, _ in epochs]
    assert means[-1] < 0.5 * means[0]


def test_burn_in_is_vanilla_then_counterfactual() -> None:
    X, y = toy()
    _, epochs = train(Arm.variant("full"), Schedule(epochs=4, batch=10, n_ce=12, burnin=0.5), X, y)
    assert [made for _, _, made in epochs] == [False, False, True, True]
    vanilla, _ = train(Arm.variant("vanilla"), Schedule(epochs=2, batch=10, n_ce=12), X, y)
    full, _ = train(Arm.variant("full"), Schedule(epochs=2, batch=10, n_ce=12, burnin=1.0), X, y)
    assert all(torch.equal(a, b) for a, b in zip(vanilla.parameters(), full.parameters(), strict=True))


def test_a_batch_that_is_not_finite_is_skipped_and_counted() -> None:
    X, y = toy()
    X[5] = torch.inf
    model, epochs = train(Arm.variant("vanilla"), Schedule(epochs=2, batch=10), X, y)
    assert [(len(terms), skipped) for terms, skipped, _ in epochs] == [(3, 1), (3, 1)]
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_first_adam_step_has_the_length_of_the_learning_rate() -> None:
    X, y = toy(10)
    torch.manual_seed(0)
    model = plain_model(LINEAR, 2, 2)
    before = [p.detach().clone() for p in model.parameters()]
    schedule = Schedule(epochs=1, batch=10, lr=0.01)
    list(
        plain_train(model, X, y, 2, Arm.variant("vanilla"), schedule, PlainConstraints.none(2), own_draws(10, 2, 0, 0))
    )
    for old, new in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close((new - old).abs(), torch.full_like(old, 0.01), rtol=1e-3, atol=1e-6)
