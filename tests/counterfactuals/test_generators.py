"""The registry of generators, and how a search of arms of different kinds is put together."""

from __future__ import annotations

import functools
from typing import get_args

import pytest
import torch
from torch import Tensor

from ctviz.counterfactuals import search as module
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.generators import GENERATORS, Generator, Kind
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchRequest, SearchResult, search
from ctviz.counterfactuals.search_result import Search
from ctviz.counterfactuals.search_settings import GeneratorName, SearchSettings
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.errors import ConfigError
from ctviz.models.counterfactual_networks import CounterfactualNetworks, initial
from ctviz.models.dense import Dense
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack

pytestmark = pytest.mark.usefixtures("hasty_autoencoders")

B, D, K = 9, 2, 3
RULES = Schema(
    features=(Feature(name="a", domain=(-3, 3)), Feature(name="b", domain=(-3, 3), mutability=Mutability.INCREASE))
)

FREE = Schema(features=(Feature(name="a"), Feature(name="b")))
CENTRES = torch.tensor([[1.5, 0.0], [-1.0, 1.3], [-1.0, -1.3]])

# -- the registry --------------------------------------------------------------------------------------


def test_every_name_has_a_generator() -> None:
    assert tuple(GENERATORS) == get_args(GeneratorName)
    assert set(module.SEARCHES) == set(get_args(Kind)) == {g.kind for g in GENERATORS.values()}


@pytest.mark.parametrize("generator", GENERATORS.values(), ids=list(GENERATORS))
def test_entries_are_complete(generator: Generator) -> None:
    assert set(generator.settings) <= set(SearchSettings.model_fields)
    assert len(set(generator.settings)) == len(generator.settings)
    assert {"tau", "steps", "epsilon"} <= set(generator.settings)  # what every search has
    assert generator.words.endswith(".") and generator.words[0].isupper() and generator.source
    assert generator.needs_samples == (
        generator.kind not in ("gradient", "exact", "network") or "gravity" in generator.penalties
    )


WEIGHTS = {
    "distance": "lambda_cost",
    "energy": "lambda_egy",
    "gravity": "lambda_gravity",
    "diversity": "lambda_diversity",
}


@pytest.mark.parametrize("generator", GENERATORS.values(), ids=list(GENERATORS))
def test_the_weight_of_a_penalty_is_a_setting_exactly_where_it_is_used(generator: Generator) -> None:
    weights = set(WEIGHTS.values())
    assert set(generator.settings) & weights == {WEIGHTS[penalty] for penalty in generator.penalties}


CHANGES: dict[str, float] = {
    "tau": 0.97, "steps": 2, "step_size": 0.9, "epsilon": 1.5, "lambda_cost": 0.3, "lambda_egy": 40.0,
    "lambda_gravity": 0.1, "lambda_diversity": 4.0, "per_factual": 2, "latent": 1, "neighbours": 2,
    "gradient_noise": 1.0, "step_bound": 0.01, "time_limit": 9.0,
}  # fmt: skip


@functools.cache
def of_many(name: GeneratorName, **changes: float) -> SearchResult:
    people = 8 if name == "exact" else 40  # a program for each
    chosen = SearchSettings(generator=name, tau=0.7, steps=25, step_size=0.2).model_copy(update=changes)
    return search(SearchRequest(linear(), *crowd(1, people), [chosen], rules(1, FREE), True, KNOWN))


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("field", CHANGES)
def test_a_generator_listens_to_the_settings_that_it_names_and_to_no_other(name: GeneratorName, field: str) -> None:
    a, b = of_many(name), of_many(name, **{field: CHANGES[field]})
    assert a.path is not None and b.path is not None
    longest = min(len(a.path), len(b.path))
    same = torch.equal(a.path[:longest], b.path[:longest]) and all(
        torch.equal(getattr(a, part), getattr(b, part)) for part in ("final", "nascent", "mature", "steps")
    )
    time_enough = field == "time_limit"  # the same program is solved to its end
    assert same == (field not in GENERATORS[name].settings or time_enough)


def test_every_setting_is_tried() -> None:
    assert {"generator", "polish", *CHANGES} == set(SearchSettings.model_fields)  # all generators listen to `polish`


# -- arms of several kinds -----------------------------------------------------------------------------


def models(m: int = 1) -> Stack:
    stack = Stack.initialise(ModelSettings(hidden=(7,), activation="tanh"), D, K, range(m)).to(torch.float64)
    stack.flat.mul_(3)
    stack.networks = CounterfactualNetworks(initial(D, K, range(m), stack.flat), tuple(range(m)))
    return stack


def linear() -> Stack:
    """The class is that of the nearest centre."""
    layer = torch.cat([1.5 * CENTRES, torch.zeros(K, 1)], dim=1).double()
    stack = Stack(Dense((D, K), "relu"), layer.reshape(-1), 1)
    stack.networks = CounterfactualNetworks(initial(D, K, [0], stack.flat), (0,))
    return stack


def known() -> ReferenceData:
    chance = torch.Generator().manual_seed(0)
    y = torch.arange(150) % K
    return ReferenceData(CENTRES[y] + 0.4 * torch.randn(150, D, generator=chance), y, K)


KNOWN = known()  # with the autoencoders that the tests have asked for


def crowd(m: int, b: int = B) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(2)
    factuals = 1.5 * torch.randn(m, D, b, generator=chance, dtype=torch.float64)
    return factuals, torch.randint(0, K, (m, b), generator=chance)


def rules(m: int, schema: Schema = RULES) -> Constraints:
    return Constraints.of([schema] * m, torch.zeros((), dtype=torch.float64))


MIXED = (
    SearchSettings(generator="face", steps=9),
    SearchSettings(generator="eccco", steps=21, tau=0.6),
    SearchSettings(generator="dice", steps=14),
    SearchSettings(generator="revise", steps=17),
    SearchSettings(generator="nearest", steps=5),
    SearchSettings(generator="gravitational", steps=30),
    SearchSettings(generator="dice", steps=12, per_factual=3),
    SearchSettings(generator="generic", gradient_noise=1.0, steps=8),
    SearchSettings(generator="face", steps=3, neighbours=4),
    SearchSettings(generator="counternet", steps=6),
)


@pytest.mark.parametrize("record", [True, False], ids=["with paths", "without"])
def test_a_mixed_search_is_the_searches_of_its_arms(record: bool) -> None:
    m = len(MIXED)
    stack, (factuals, targets) = models(m), crowd(m)
    whole = search(SearchRequest(stack, factuals, targets, MIXED, rules(m), record, KNOWN))
    assert (whole.path is not None) == record
    for arm, chosen in enumerate(MIXED):
        own = search(
            SearchRequest(stack.take([arm]), factuals[[arm]], targets[[arm]], [chosen], rules(1), record, KNOWN)
        )
        torch.testing.assert_close(whole.final[arm], own.final[0], rtol=1e-10, atol=1e-11)
        torch.testing.assert_close(whole.nascent[arm], own.nascent[0], rtol=1e-10, atol=1e-11)
        assert torch.equal(whole.mature[arm], own.mature[0]) and torch.equal(whole.steps[arm], own.steps[0])
        if whole.path is not None and own.path is not None:
            assert whole.path.shape == (31, m, D, B) and len(own.path) == chosen.steps + 1
            mine = whole.path[: chosen.steps + 1, arm]
            torch.testing.assert_close(mine, own.path[:, 0], rtol=1e-10, atol=1e-11)
            assert torch.equal(whole.path[chosen.steps :, arm], mine[-1:].expand(31 - chosen.steps, -1, -1))


def test_arms_of_one_kind_go_in_one_search(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Kind, list[SearchSettings]]] = []

    def noting(kind: Kind) -> Search:
        real = dict(module.SEARCHES)[kind]()

        def note(request: SearchRequest) -> SearchResult:
            asked.append((kind, list(request.settings)))
            return real(request)

        return note

    searches = {kind: noting(kind) for kind in module.SEARCHES}
    monkeypatch.setattr(module, "SEARCHES", {kind: lambda run=run: run for kind, run in searches.items()})
    m = len(MIXED)
    search(SearchRequest(models(m), *crowd(m), MIXED, rules(m), False, KNOWN))
    names = [(kind, [s.generator for s in settings]) for kind, settings in asked]
    assert names == [
        ("face", ["face", "face"]),
        ("gradient", ["eccco", "gravitational", "generic"]),
        ("gradient", ["dice"]),
        ("latent", ["revise"]),
        ("nearest", ["nearest"]),
        ("gradient", ["dice"]),
        ("network", ["counternet"]),
    ]
    assert all(len(settings) == 1 for kind, settings in asked if settings[0].generator == "dice")
    asked.clear()
    both = [SearchSettings(generator="generic"), SearchSettings(), SearchSettings(generator="dice", per_factual=1)]
    search(SearchRequest(models(3), *crowd(3), both, rules(3)))
    assert len(asked) == 1


@pytest.mark.parametrize("name", [n for n, g in GENERATORS.items() if g.needs_samples])
def test_a_generator_that_needs_samples_says_so(name: GeneratorName) -> None:
    chosen = [SearchSettings(generator="generic"), SearchSettings(generator=name)]
    with pytest.raises(ConfigError, match=r"training samples \(reference_data\)") as caught:
        search(SearchRequest(models(2), *crowd(2), chosen, rules(2)))
    assert caught.value.field == "generator" and caught.value.value == name


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("noise", [0.0, 1.0], ids=["", "noise"])
def test_no_factuals_give_no_counterfactuals(name: GeneratorName, noise: float) -> None:
    factuals, targets = (t[..., :0] for t in crowd(2))
    chosen = [SearchSettings(generator=name, steps=5, gradient_noise=noise)] * 2
    model = models(2)
    if name == "exact":  # which does not know tanh
        model = Stack.initialise(ModelSettings(hidden=(7,)), D, K, range(2)).to(torch.float64)
    found = search(SearchRequest(model, factuals, targets, chosen, rules(2), True, KNOWN))
    assert found.final.shape == found.nascent.shape == (2, D, 0) and found.mature.shape == found.steps.shape == (2, 0)
    assert found.path is not None and found.path.shape == (6, 2, D, 0)
