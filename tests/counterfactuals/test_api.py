"""``ctviz.search`` with any model, any kind of input, and any mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import ctviz
from ctviz import GENERATORS, ConfigError, CtvizError, DataError, Feature, Mutability, Schema
from ctviz.counterfactuals import inputs
from ctviz.data.display import DisplayScale
from ctviz.models.vae import Vae

NAN = float("nan")
OF_ANY_MODULE = [name for name in GENERATORS if name != "counternet"]


def linear(k: int = 2, d: int = 2, seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(d, k)


def points(b: int = 9, d: int = 2) -> Tensor:
    return torch.randn(b, d, generator=torch.Generator().manual_seed(1))


def samples(n: int = 40, d: int = 2, k: int = 2) -> tuple[Tensor, Tensor]:
    """What is known, on both sides of most models."""
    return 2 * torch.randn(n, d, generator=torch.Generator().manual_seed(2)), torch.arange(n) % k


pytestmark = pytest.mark.usefixtures("hasty_autoencoders")


# -- models --------------------------------------------------------------------------------------------


class Moody(nn.Module):
    """Dropout and batch normalisation, partly frozen, in training mode except for one part."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.head = nn.Linear(8, 2)
        self.train()
        self.frozen.eval()

    def forward(self, x: Tensor) -> Tensor:
        head: Tensor = self.head(self.frozen(self.body(x)))
        return head


def test_a_model_is_left_as_it_was() -> None:
    model = Moody()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = {name: module.training for name, module in model.named_modules()}
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    model.head.weight.grad = torch.full_like(model.head.weight, 7.0)

    ctviz.search(model, points(), 1, tau=0.9)

    assert {name: module.training for name, module in model.named_modules()} == modes
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == flags
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert (model.head.weight.grad == 7.0).all()
    assert all(p.grad is None for name, p in model.named_parameters() if name != "head.weight")


def test_a_model_is_left_as_it_was_also_when_it_fails() -> None:
    class Fails(Moody):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) > 1:
                raise KeyError("not today")
            return super().forward(x)

    model = Fails()
    with pytest.raises(DataError, match="does not take 9 samples of 2 columns: KeyError: 'not today'"):
        ctviz.search(model, points(), 1)
    assert model.training and model.body.training and not model.frozen.training


def test_a_model_in_training_mode_is_searched_as_in_evaluation_mode() -> None:
    model = Moody()
    first, again = (ctviz.search(model, points(), 1, tau=0.9) for _ in range(2))
    assert torch.equal(first.final, again.final)
    assert torch.equal(ctviz.search(model.eval(), points(), 1, tau=0.9).final, first.final)


def test_results_do_not_carry_gradients() -> None:
    found = ctviz.search(linear(), points().requires_grad_(), 1, tau=0.9)
    for value in (found.factuals, found.final, found.nascent, found.path):
        assert value is not None and not value.requires_grad


@pytest.mark.parametrize("generator", OF_ANY_MODULE)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_search_runs_in_the_type_of_the_model(dtype: torch.dtype, generator: str) -> None:
    given = {"generator": generator, "samples": samples(), "gradient_noise": 0.5}
    if generator == "exact" and dtype.itemsize < 4:
        with pytest.raises(ConfigError, match="float32 or float64"):
            ctviz.search(linear().to(dtype), points(), 1, tau=0.9, **given)
        return
    found = ctviz.search(linear().to(dtype), points(), 1, tau=0.9, locked=[0], **given)
    assert found.path is not None
    assert found.final.dtype == found.nascent.dtype == found.path.dtype == found.factuals.dtype == dtype
    assert torch.equal(found.path[0], found.factuals)
    assert torch.equal(found.final[:, 0], found.factuals[:, 0])


def test_a_model_without_parameters_takes_the_type_of_the_factuals() -> None:
    class Bowl(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([-(x**2).sum(dim=1), x.sum(dim=1)], dim=1)

    for dtype in (torch.float32, torch.float64):
        assert ctviz.search(Bowl(), points().to(dtype), 1).final.dtype == dtype


def test_a_model_that_works_in_place_is_no_trouble() -> None:
    found = ctviz.search(nn.Sequential(nn.LeakyReLU(inplace=True), linear()), points(), 1, tau=0.9, steps=50)
    expected = ctviz.search(nn.Sequential(nn.LeakyReLU(), linear()), points(), 1, tau=0.9, steps=50)
    assert torch.equal(found.final, expected.final)


@pytest.mark.parametrize("generator", OF_ANY_MODULE)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=lambda mode: mode.__name__)
def test_the_search_works_where_gradients_are_switched_off(mode: Callable[[], Any], generator: str) -> None:
    expected = ctviz.search(linear(), points(), 1, generator=generator, samples=samples(), tau=0.9)
    model = linear()
    inputs._reference_data.cache_clear()  # so that an autoencoder, too, is fitted there
    with mode():
        found = ctviz.search(model, points(), 1, generator=generator, samples=samples(), tau=0.9)
    assert torch.equal(found.final, expected.final) and found.steps.sum() > 0


def test_three_classes_and_a_target_for_each() -> None:
    targets = torch.arange(9) % 3
    model = linear(k=3)
    found = ctviz.search(model, points(), targets, tau=0.5, steps=200, step_size=1.0)
    assert found.mature.all() and torch.equal(found.targets, targets)
    probabilities = torch.softmax(model(found.final), dim=1)[torch.arange(9), targets]
    assert (probabilities >= 0.5 - 1e-6).all()
    assert torch.equal(model(found.final).argmax(dim=1), targets)


def test_more_samples_than_fit_at_once_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = linear(k=3).double()
    whole = ctviz.search(model, points(70), 1, tau=0.8)
    monkeypatch.setattr("ctviz.counterfactuals.descent.WORKING_SET", 1)
    torch.testing.assert_close(ctviz.search(model, points(70), 1, tau=0.8).path, whole.path, rtol=1e-10, atol=1e-12)


# -- generators ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("generator", [name for name in OF_ANY_MODULE if name != "exact"])
def test_any_module_can_be_searched_in_any_way(generator: str) -> None:
    """Three classes, in training mode, with layers that work in place, on its own mood and on the batch."""
    model = nn.Sequential(nn.LeakyReLU(inplace=True), nn.BatchNorm1d(2), nn.Dropout(0.5), linear(k=3))
    with torch.no_grad():
        model[3].weight.copy_(2 * torch.tensor([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]]))
        model[3].bias.zero_()
    known = samples(60, k=3)
    found = ctviz.search(model, points(20), 0, generator=generator, samples=known, tau=0.6, steps=80)
    rows = 80 if generator == "dice" else 20
    assert found.path is not None and found.path.shape == (81, rows, 2) and len(found) == len(found.of) == rows
    assert all(part.training for part in model.modules())
    chance = torch.softmax(model.eval()(found.final.clone()), dim=1)[:, 0]
    assert torch.equal(chance >= 0.6, found.mature) and found.mature.float().mean() > 0.5
    assert (found.steps[found.mature] > 0).any()


def test_the_exact_search_takes_relu_networks_and_refuses_others_in_words() -> None:
    model = nn.Sequential(nn.Linear(2, 6), nn.Dropout(0.5), nn.ReLU(), nn.Linear(6, 2))
    found = ctviz.search(model, points(5), 1, generator="exact", tau=0.6, locked=[1], ranges=[(0, -9, 9)], steps=4)
    assert torch.equal(found.final[:, 1], found.factuals[:, 1])
    chance = torch.softmax(model.eval()(found.final), dim=1)[:, 1]
    assert torch.equal(chance >= 0.6 - 1e-6, found.mature)
    with pytest.raises(ConfigError, match=r"model for the exact search is 'one with Tanh'; allowed: linear layers"):
        ctviz.search(nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 2)), points(5), 1, generator="exact")
    with pytest.raises(ConfigError, match=r"time_limit is 0\.0"):
        ctviz.search(model, points(5), 1, generator="exact", time_limit=0.0)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_polished_ends_are_levels_that_reach_the_target(activation: type[nn.Module]) -> None:
    schema = Schema(
        features=(Feature(name="a", domain=(-2, 2)), Feature(name="c", kind="category", levels=("p", "q", "r")))
    )
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 2))
    with torch.no_grad():
        model[2].weight.mul_(8)
        X = torch.cat([torch.linspace(-2, 2, 12)[:, None], torch.eye(3).repeat(4, 1)], dim=1)
        model[2].bias.sub_(model(X).mean(dim=0))  # so that both classes are there
    target = 1 - model(X).argmax(dim=1)
    options = {"schema": schema, "tau": 0.7, "steps": 60, "generator": "generic"}
    plain, found = (ctviz.search(model, X, target, polish=on, **options) for on in (False, True))
    walked = torch.arange(61)[:, None] <= plain.steps
    assert torch.equal(plain.path[walked], found.path[:-1][walked])  # and then one move to the polished end
    assert torch.equal(found.path[-1], found.final) and found.path.shape == (62, 12, 4)
    assert torch.equal(found.steps, plain.steps + (found.final != plain.final).any(dim=1))
    assert found.mature.any()
    assert sorted(set(found.final[:, 1:].flatten().tolist())) == [0, 1]
    assert (found.final[:, 1:].sum(dim=1) == 1).all()
    chance = torch.softmax(model(found.final), dim=1)[torch.arange(12), target]
    assert (chance[found.mature] >= 0.7 - 1e-5).all()
    if activation is nn.ReLU:
        proved = ctviz.search(model, X, target, **{**options, "generator": "exact"})
        assert not (found.mature & ~proved.mature).any()
    locked = ctviz.search(model, X, target, polish=True, locked=["a"], **options)
    assert torch.equal(locked.final[:, 0], X[:, 0])


def test_plans_keep_to_the_steps_of_a_schema() -> None:
    schema = Schema(
        features=(
            Feature(name="age", kind="integer", domain=(-2, 3), display=DisplayScale(offset=40.0, scale=10.0)),
            Feature(name="c", kind="category", levels=("p", "q", "r"), allowed=("p", "q")),
        )
    )
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    X = torch.cat([torch.linspace(-1.5, 2, 6)[:, None].mul(10).round() / 10, torch.eye(3).repeat(2, 1)], dim=1)
    for options in ({"generator": "exact"}, {"generator": "generic", "polish": True}):
        found = ctviz.search(model, X, 1 - model(X).argmax(dim=1), schema=schema, tau=0.55, **options)
        ages = 40 + 10 * found.final[:, 0].double()
        torch.testing.assert_close(ages, ages.round(), atol=1e-5, rtol=0)
        assert not (found.final[:, 3] > X[:, 3]).any()
        assert found.mature.any() or options["generator"] != "exact"


def test_the_exact_search_goes_to_levels_of_a_category_and_not_between_them() -> None:
    schema = Schema(
        features=(Feature(name="a", domain=(-1, 1)), Feature(name="c", kind="category", levels=("p", "q", "r")))
    )
    model = nn.Sequential(nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, -3.0, 0.5, 1.5]]))
        model[0].bias.zero_()
    found = ctviz.search(model, torch.tensor([[0.0, 1, 0, 0]]), 1, schema=schema, generator="exact", tau=0.5)
    assert found.mature.all()
    assert sorted(found.final[0, 1:].tolist()) == [0, 0, 1]
    assert found.final[0, 0] == 0  # another level is enough


@pytest.mark.parametrize("generator", ["nearest", "face"])
def test_a_model_that_no_gradient_flows_through_can_be_searched_without_gradients(generator: str) -> None:
    found = ctviz.search(Cut(), points(30), 1, generator=generator, samples=samples(), tau=0.6)
    assert (found.steps > 0).any() and found.mature.any()
    chance = torch.softmax(Cut()(found.final), dim=1)[:, 1]
    assert (chance[found.mature] >= 0.6 - 1e-6).all()


def test_several_counterfactuals_of_each_factual_follow_one_another() -> None:
    targets = torch.tensor([1, 0, 1])
    found = ctviz.search(linear(), points(3), targets, generator="dice", per_factual=3, lambda_diversity=2.0, tau=0.9)
    assert found.of.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert torch.equal(found.factuals, points(3)[found.of]) and torch.equal(found.targets, targets[found.of])
    for i in range(3):
        own = found.final[found.of == i]
        assert found.steps[found.of == i].max() == 0 or torch.pdist(own).min() > 0.01
    assert ctviz.search(linear(), points(3), 1).of.tolist() == [0, 1, 2]
    none = ctviz.search(linear(), points(0), 1, generator="dice")
    assert none.path is not None and len(none.of) == 0 and none.path.shape == (31, 0, 2)


def test_an_autoencoder_is_fitted_once_for_the_same_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[int] = []
    fit = Vae.fit
    monkeypatch.setattr(Vae, "fit", lambda X, latent: fitted.append(len(X)) or fit(X, latent))
    inputs._reference_data.cache_clear()

    def go(given: Any, **changes: Any) -> Tensor:
        wanted = {"generator": "revise", "tau": 0.9, **changes}
        return ctviz.search(linear(), points(), 1, samples=given, **wanted).final

    X, y = samples(30)
    first = go((X, y))
    assert torch.equal(first, go((X.numpy().copy(), y.tolist()))) and fitted == [30]
    go((X, y), tau=0.8, step_size=0.1)
    assert fitted == [30]
    go((X, y), latent=1)
    assert fitted == [30, 30]
    X[0, 0] += 1  # what was given is not what is kept
    assert not torch.equal(first, go((X, y))) and fitted == [30, 30, 30]
    for n in range(31, 36):  # a few are kept, not all that ever were
        go(samples(n))
    go((X, y))
    assert fitted == [30, 30, 30, 31, 32, 33, 34, 35, 30]


def test_ranges_bound_the_counterfactuals_by_position_or_name_or_singly() -> None:
    rules = Schema(features=(Feature(name="debt"), Feature(name="age")))
    wanted = {"tau": 0.95, "steps": 100}
    free = ctviz.search(linear(), points(), 1, schema=rules, **wanted).final
    assert not ((free[:, 0] >= -0.1) & (free[:, 0] <= 0.2)).all()
    ends = [
        ctviz.search(linear(), points(), 1, schema=rules, ranges=given, **wanted).final
        for given in ([(0, -0.1, 0.2)], ("debt", -0.1, 0.2), [["debt", np.float64(-0.1), 0.2]], ((0, -0.1, 0.2),))
    ]
    started = (ends[0] != points()).any(dim=1)
    assert started.sum() > 3
    low, high = np.float32([-0.1, 0.2])
    assert ((ends[0][started, 0] >= low) & (ends[0][started, 0] <= high)).all()
    assert all(torch.equal(end, ends[0]) for end in ends)


# -- inputs and outputs --------------------------------------------------------------------------------


X = [[0.5, -1.0], [2.0, 0.25]]


@pytest.mark.parametrize(
    ("given", "targets"),
    [
        (X, 1),
        (tuple(map(tuple, X)), np.int64(1)),
        (np.array(X), [1, 1]),
        (np.array(X, dtype=np.float32), np.array([1, 1], dtype=np.uint8)),
        (np.array(X, dtype=">f4"), torch.tensor(1)),
        (np.array(X[::-1])[::-1], 1),
        (torch.tensor(X), [1, 1]),
        (torch.tensor(X), torch.tensor(1)),
        (torch.tensor(X).to_sparse(), 1),
        (pd.DataFrame(X), np.array([1, 1], dtype=np.uint8)),
    ],
    ids=[
        "lists",
        "tuples",
        "float64 array",
        "float32 array",
        "array of another byte order",
        "array turned around",
        "tensor",
        "tensors",
        "sparse tensor",
        "table",
    ],
)
def test_any_kind_of_numbers_will_do(given: Any, targets: Any) -> None:
    expected = ctviz.search(linear(), torch.tensor(X), torch.tensor([1, 1]), tau=0.9)
    found = ctviz.search(linear(), given, targets, tau=0.9)
    assert torch.equal(found.final, expected.final) and torch.equal(found.steps, expected.steps)


def test_whole_numbers_are_numbers() -> None:
    found = ctviz.search(linear(), [[1, 2], [3, 4]], 0)
    assert found.factuals.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_results_do_not_share_memory_with_what_was_given() -> None:
    given = points()
    found = ctviz.search(linear(), given, 1)
    kept = found.factuals.clone()
    given.zero_()
    assert torch.equal(found.factuals, kept)


def test_shapes_and_types() -> None:
    found = ctviz.search(linear(), points(), 1, steps=17, tau=0.9)
    assert found.path is not None and found.path.shape == (18, 9, 2) and len(found) == 9
    assert found.final.shape == found.nascent.shape == found.factuals.shape == (9, 2)
    assert found.mature.shape == found.steps.shape == found.targets.shape == (9,)
    assert found.mature.dtype == torch.bool and found.steps.dtype == found.targets.dtype == torch.int64
    assert torch.equal(found.path[-1], found.final) and torch.equal(found.path[0], found.factuals)
    assert ctviz.search(linear(), points(), 1, path=False).path is None


@pytest.mark.parametrize("targets", [0, [], torch.zeros(0, dtype=torch.int64)], ids=repr)
def test_no_factuals_give_no_counterfactuals(targets: Any) -> None:
    found = ctviz.search(linear(), np.zeros((0, 2)), targets, steps=5)
    assert found.path is not None and found.path.shape == (6, 0, 2) and len(found) == 0
    assert found.final.shape == found.nascent.shape == (0, 2)
    assert found.mature.dtype == torch.bool and found.steps.dtype == torch.int64
    assert found.mature.shape == found.steps.shape == (0,)
    polished = ctviz.search(linear(), np.zeros((0, 2)), targets, steps=5, polish=True)
    assert polished.path is not None and polished.path.shape == (7, 0, 2)


def test_features_are_named_by_position_or_name_or_singly() -> None:
    rules = Schema(features=(Feature(name="debt"), Feature(name="age")))
    model, expected = linear(), ctviz.search(linear(), points(), 1, locked=[1], tau=0.9)
    for locked in (["age"], "age", 1, np.int64(1), (np.int64(1),), {1}):
        assert torch.equal(ctviz.search(model, points(), 1, schema=rules, locked=locked, tau=0.9).final, expected.final)


def test_a_category_is_locked_with_all_its_columns() -> None:
    rules = Schema(
        features=(
            Feature(name="kind", kind="category", levels=("a", "b", "c"), mutability=Mutability.FIXED),
            Feature(name="size"),
        )
    )
    factuals = torch.cat([torch.eye(3), torch.ones(3, 1)], dim=1)
    found = ctviz.search(linear(d=4), factuals, 1, schema=rules, tau=0.95)
    assert torch.equal(found.final[:, :3], torch.eye(3)) and (found.final[:, 3] != 1).any()


# -- mistakes ------------------------------------------------------------------------------------------


class Constant(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros(len(x), 2)


class Cut(nn.Module):
    """Trained, but no gradient comes through."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = linear()

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.round().detach())  # type: ignore[no-any-return]


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def knowing(given: Any) -> dict[str, Any]:
    return {"generator": "nearest", "samples": given}


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "factuals of one axis": ({"factuals": [1.0, 2.0]}, "factuals"),
    "factuals of three axes": ({"factuals": torch.zeros(2, 2, 2)}, "factuals"),
    "factuals without columns": ({"factuals": torch.zeros(2, 0)}, "factuals"),
    "factuals that are NaN": ({"factuals": [[1.0, NAN]]}, "factuals"),
    "factuals that are infinite": ({"factuals": [[1.0, -np.inf]]}, "factuals"),
    "factuals too large for the model": ({"factuals": np.full((3, 2), 1e300)}, "float32"),
    "factuals without values": ({"factuals": torch.zeros(3, 2, device="meta")}, "factuals"),
    "factuals that are words": ({"factuals": [["a", "b"]]}, "factuals"),
    "ragged factuals": ({"factuals": [[1.0], [1.0, 2.0]]}, "factuals"),
    "complex factuals": ({"factuals": torch.zeros(2, 2, dtype=torch.complex64)}, "factuals"),
    "no factuals": ({"factuals": None}, "factuals"),
    "factuals too wide for the model": ({"factuals": torch.zeros(2, 5)}, "5 columns"),
    "a schema that is a number": ({"schema": 3}, "schema"),
    "a schema that is a table": ({"schema": {"features": []}}, "schema"),
    "factuals too wide for the schema": ({"schema": Schema(features=(Feature(name="a"),))}, "schema"),
    "a target too large": ({"targets": 2}, "targets"),
    "a target below zero": ({"targets": [0, -1, 0]}, "targets"),
    "fractional targets": ({"targets": [0.5, 1.0, 0.0]}, "targets"),
    "true or false as targets": ({"targets": [True, False, True]}, "targets"),
    "targets that are words": ({"targets": "yes"}, "targets"),
    "ragged targets": ({"targets": [[1], [1, 0]]}, "targets"),
    "no targets": ({"targets": None}, "targets"),
    "too few targets": ({"targets": [1, 0]}, "targets"),
    "targets in a table": ({"targets": torch.zeros(3, 1, dtype=torch.int64)}, "targets"),
    "τ below chance": ({"tau": 0.4}, "tau"),
    "τ of one": ({"tau": 1.0}, "tau"),
    "τ that is NaN": ({"tau": NAN}, "tau"),
    "no steps": ({"steps": 0}, "steps"),
    "half a step": ({"steps": 2.5}, "steps"),
    "steps as text": ({"steps": "30"}, "steps"),
    "a step back": ({"step_size": -0.1}, "step_size"),
    "a negative ε": ({"epsilon": -1.0}, "epsilon"),
    "an unknown generator": ({"generator": "wachter"}, "generator"),
    "an unknown setting": ({"temperature": 1.0}, "temperature"),
    "an unknown name locked": ({"locked": ["age"]}, "locked"),
    "an unknown position locked": ({"locked": [2]}, "locked"),
    "a negative position locked": ({"locked": [-1]}, "locked"),
    "half a position locked": ({"locked": [0.5]}, "locked"),
    "a truth locked": ({"locked": [True]}, "locked"),
    "nothing locked": ({"locked": None}, "locked"),
    "an unknown name one-way": ({"increase_only": ["age"]}, "increase_only"),
    "everything locked": ({"locked": [0, 1]}, "locked"),
    "two constraints at once": ({"locked": [0], "decrease_only": [0]}, "x1"),
    "one logit": ({"model": nn.Linear(2, 1)}, "logits"),
    "logits without samples": ({"model": nn.Sequential(nn.Linear(2, 2), nn.Flatten(0))}, "logits"),
    "logits in a table too deep": ({"model": nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (2, 2)))}, "logits"),
    "several outputs": ({"model": Pair()}, "logits"),
    "a model that is a function": ({"model": lambda x: x}, "model"),
    "a model without values": ({"model": nn.Linear(2, 2, device="meta")}, "meta"),
    "no model": ({"model": None}, "model"),
    **{
        f"no samples for {name}": ({"generator": name}, "samples is None; allowed: training samples")
        for name, generator in GENERATORS.items()
        if generator.needs_samples
    },
    "samples without classes": (knowing(torch.zeros(3, 2)), "pair"),
    "samples that are a number": (knowing(7), "pair"),
    "samples in three parts": (knowing((1, 2, 3)), "pair"),
    "samples of one axis": (knowing((torch.zeros(4), torch.zeros(4, dtype=torch.int64))), "samples"),
    "samples too wide": (knowing(samples(d=3)), "3 columns"),
    "samples that are NaN": (knowing(([[NAN, 1.0]], [1])), "samples hold values that are not finite"),
    "samples that are words": (knowing(([["a", "b"]], [1])), "samples"),
    "no rows of samples": (knowing((torch.zeros(0, 2), [])), "no rows"),
    "fewer classes than samples": (knowing((torch.zeros(3, 2), [0, 1])), "classes"),
    "fractional classes of samples": (knowing((torch.zeros(2, 2), [0.5, 1.0])), "classes"),
    "samples of a class too many": (knowing((torch.zeros(2, 2), [1, 2])), "classes"),
    "samples of one class": (knowing((torch.zeros(3, 2), [0, 0, 0])), "No sample has class 1"),
    "a target without samples": (
        {"model": linear(k=3), "targets": 2, **knowing(samples())},
        "No sample has class 2, which is a target; there are samples of 0, 1.",
    ),
    "samples given and not needed are looked at, too": ({"samples": 3}, "samples"),
    "more neighbours than samples": (
        {"generator": "face", "samples": samples(8), "neighbours": 8},
        "neighbours is 8; allowed: 1 to 7, with 8 samples",
    ),
    "neighbours for a sample alone": (
        {"generator": "face", "samples": (torch.zeros(1, 2), [1]), "neighbours": 1},
        "two samples",
    ),
    "no neighbours": ({"generator": "face", "samples": samples(), "neighbours": 0}, "neighbours"),
    "no latent space": ({"generator": "revise", "samples": samples(), "latent": 0}, "latent"),
    "no counterfactual of a factual": ({"generator": "dice", "per_factual": 0}, "per_factual"),
    "several counterfactuals of CounterNet": (
        {"generator": "counternet", "per_factual": 3},
        "per_factual is 3; allowed: 1",
    ),
    "a module without CounterNet's network": (
        {"generator": "counternet"},
        "models that were not trained as CounterNet",
    ),
    "a negative λ_gravity": ({"lambda_gravity": -1.0}, "lambda_gravity"),
    "noise that is NaN": ({"gradient_noise": NAN}, "gradient_noise"),
    "a range of an unknown feature": ({"ranges": [("age", 0, 1)]}, "ranges is 'age'"),
    "a range of an unknown position": ({"ranges": [(2, 0, 1)]}, "ranges is 2"),
    "a range that is a number": ({"ranges": 3}, "triples"),
    "a range without its end": ({"ranges": [(0, 1.0)]}, "triples"),
    "a range in words": ({"ranges": [(0, "low", "high")]}, "triples"),
    "a range of truths": ({"ranges": [(0, False, True)]}, "triples"),
    "a range the wrong way round": ({"ranges": [(0, 1.0, -1.0)]}, "ranges"),
    "a range that is NaN": ({"ranges": [(0, NAN, 1.0)]}, "ranges"),
    "a range beyond floats": ({"ranges": [(0, 0, 10**400)]}, "ranges"),
    "a range outside the domain": (
        {"schema": Schema(features=(Feature(name="a", domain=(0, 1)), Feature(name="b"))), "ranges": [("a", 2, 3)]},
        "domain of a",
    ),
    "two ranges of a feature": ({"ranges": [(0, 0, 1), (0, 0, 2)]}, "one range"),
    "a range of a locked feature": ({"ranges": [(0, 0, 1)], "locked": [0]}, "locked"),
    "a constant model": ({"model": Constant()}, "gradient"),
    "a model without gradient": ({"model": Cut()}, "gradient"),
}


@pytest.mark.parametrize(("change", "named"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_that_names_it(change: dict[str, Any], named: str) -> None:
    call = {"model": linear(), "factuals": points(3), "targets": 1, **change}
    with pytest.raises(CtvizError) as caught:
        ctviz.search(call.pop("model"), call.pop("factuals"), call.pop("targets"), **call)
    message = str(caught.value)
    assert named in message and message.endswith(".") and "\n" not in message and len(message) < 250


def test_chance_among_three_classes_is_a_third() -> None:
    with pytest.raises(ConfigError, match=r"1/k = 0\.333"):
        ctviz.search(linear(k=3), points(), 1, tau=0.33)
    ctviz.search(linear(k=3), points(), 1, tau=0.34)
