"""What may not change does not change, at any step of any path: exactly, whatever the model and the factuals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import ctviz
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchRequest, SearchResult, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.experiments.reachability import logits_at
from ctviz.models.counterfactual_networks import CounterfactualNetworks, initial
from ctviz.models.dense import Dense
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.models.vae import Vae

pytestmark = pytest.mark.usefixtures("hasty_autoencoders")

D, K, B, M = 3, 3, 6, 3
INF = math.inf

bounds = st.floats(-3, 3, width=32)


@st.composite
def domains(draw: st.DrawFn) -> tuple[float, float]:
    """Bounded, half open, open, or a single point."""
    low, high = sorted((draw(bounds), draw(bounds)))
    kind = draw(st.sampled_from(["bounded", "point", "from below", "from above", "open"]))
    return {
        "bounded": (low, high),
        "point": (low, low),
        "from below": (low, INF),
        "from above": (-INF, high),
        "open": (-INF, INF),
    }[kind]


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    return Schema(
        features=tuple(
            Feature(name=f"x{i}", domain=draw(domains()), mutability=draw(st.sampled_from(Mutability)))
            for i in range(D)
        )
    )


searches = st.builds(
    SearchSettings,
    generator=st.sampled_from([name for name in GENERATORS if name not in ("exact", "counternet")]),  # tried below
    tau=st.sampled_from([0.35, 0.6, 0.99]),
    steps=st.integers(1, 20),
    step_size=st.sampled_from([0.05, 0.7, 30.0]),
    lambda_cost=st.sampled_from([0.0, 0.001, 2.0]),
    lambda_egy=st.sampled_from([0.0, 5.0, 500.0]),
    lambda_gravity=st.sampled_from([0.0, 1.0, 300.0]),
    lambda_diversity=st.sampled_from([0.0, 0.5, 300.0]),
    per_factual=st.integers(1, 4),
    latent=st.integers(1, 2),
    neighbours=st.integers(1, 12),
    gradient_noise=st.sampled_from([0.0, 0.0, 1.0, 50.0]),
    step_bound=st.sampled_from([0.0, 0.0, 0.03, 1.0]),
)
dtypes = st.sampled_from([torch.float32, torch.float64])


def known() -> ReferenceData:
    chance = torch.Generator().manual_seed(0)
    X, y = 1.5 * torch.randn(60, D, generator=chance), torch.arange(60) % K
    return ReferenceData(X, y, K, lambda latent: Vae.fit(X, latent))


KNOWN = known()
NOTHING_NEAR = ReferenceData(*(part[KNOWN.y > 0] for part in (KNOWN.X + 50, KNOWN.y)), K, KNOWN.vae)
"""Samples far from most factuals, outside of most domains, and none of class 0: nothing can be reached."""


def models(seed: int, dtype: torch.dtype, m: int = M, ensemble: bool = False) -> Stack:
    """m arms; with an ``ensemble``, the first is one."""
    members = [3 if ensemble and arm == 0 else 1 for arm in range(m)]
    stack = Stack.initialise(ModelSettings(hidden=(5,)), D, K, range(seed, seed + sum(members))).to(dtype)
    stack.flat.mul_(3)
    arms = stack.in_arms(members)
    networks = initial(D, K, range(seed, seed + m), stack.flat)
    networks.flat.mul_(3)
    arms.networks = CounterfactualNetworks(networks, tuple(range(m)))
    return arms


def crowd(seed: int, spread: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Factuals (m d b), some of them outside of most domains, and targets (m b)."""
    chance = torch.Generator().manual_seed(seed)
    factuals = spread * torch.randn(M, D, B, generator=chance, dtype=torch.float64)
    return factuals.to(dtype), torch.randint(0, K, (M, B), generator=chance)


def check(path: Tensor, factuals: Tensor, rules: Schema, steps: Tensor, mature: Tensor) -> None:
    """One arm's path (t+1 b d) from its factuals (b d); only what is mature at once may stay outside the domain."""
    assert torch.equal(path[0], factuals)
    assert not path.isnan().any()
    moved = path.diff(dim=0)  # t b d
    started = ((steps > 0) | ~mature).expand(len(path) - 1, -1)
    for i, feature in enumerate(rules.features):
        if feature.mutability is Mutability.FIXED:
            assert (path[..., i] == factuals[:, i]).all(), "a locked feature moved"
        if feature.mutability is Mutability.INCREASE:
            assert (path[1:, :, i] >= path[:-1, :, i]).all(), "went down"
        if feature.mutability is Mutability.DECREASE:
            assert (path[1:, :, i] <= path[:-1, :, i]).all(), "went up"
        if feature.mutability is Mutability.BOTH:
            low, high = feature.domain
            inside = (path[1:, :, i] >= low) & (path[1:, :, i] <= high)
            assert inside[started].all(), "left the domain"
        else:  # where a direction forbids to enter the domain, none the further out
            low, high = (torch.as_tensor(bound, dtype=path.dtype) for bound in feature.domain)
            assert (path[..., i] >= factuals[:, i].minimum(low)).all()
            assert (path[..., i] <= factuals[:, i].maximum(high)).all()
            may_enter = factuals[:, i] < low if feature.mutability is Mutability.INCREASE else factuals[:, i] > high
            if feature.mutability is not Mutability.FIXED:
                inside = (path[1:, :, i] >= low) & (path[1:, :, i] <= high)
                assert inside[started & may_enter].all(), "stayed outside of a domain that it may enter"
    assert (moved[:, steps == 0] == 0).all(), "moved though it had arrived"


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.5, 2.0, 20.0]),
    rules=st.lists(schemas(), min_size=M, max_size=M),
    chosen=st.lists(searches, min_size=M, max_size=M),
    dtype=dtypes,
    ensemble=st.booleans(),
)
def test_every_step_of_a_stacked_search_obeys(
    seed: int, spread: float, rules: list[Schema], chosen: list[SearchSettings], dtype: torch.dtype, ensemble: bool
) -> None:
    factuals, targets = crowd(seed, spread, dtype)
    limits = Constraints.of(rules, factuals)
    found = search(SearchRequest(models(seed, dtype, M, ensemble), factuals, targets, chosen, limits, True, KNOWN))
    check_stack(found, factuals, rules)
    assert found.path is not None
    for arm, own in enumerate(chosen):
        if own.step_bound and "step_bound" in GENERATORS[own.generator].settings:
            low, high = (torch.tensor([f.domain[end] for f in rules[arm].features]) for end in (0, 1))
            inside = ((low <= factuals[arm].T) & (high >= factuals[arm].T)).all(dim=1)  # the others enter it first
            length = found.path[:, arm].diff(dim=0).norm(dim=1)[:, inside]
            assert (length <= own.step_bound * KNOWN.spread() * (1 + 1e-4) + 1e-4).all(), "a step beyond its bound"


@pytest.mark.parametrize("name", GENERATORS)
@settings(max_examples=20)  # each of three arms, and all but two generators are tried above
@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.5, 2.0, 20.0]),
    rules=st.lists(schemas(), min_size=M, max_size=M),
    chosen=st.lists(searches, min_size=M, max_size=M),
    dtype=dtypes,
    reference_data=st.sampled_from([KNOWN, NOTHING_NEAR]),
    ensemble=st.booleans(),
)
def test_every_step_of_every_generator_obeys(
    name: str,
    seed: int,
    spread: float,
    rules: list[Schema],
    chosen: list[SearchSettings],
    dtype: torch.dtype,
    reference_data: ReferenceData,
    ensemble: bool,
) -> None:
    factuals, targets = crowd(seed, spread, dtype)
    if name == "exact":  # a program for each
        factuals, targets = factuals[..., :1], targets[..., :1]
    own = [s.model_copy(update={"generator": name}) for s in chosen]
    stack = models(seed, dtype, M, ensemble and name != "exact")
    found = search(SearchRequest(stack, factuals, targets, own, Constraints.of(rules, factuals), True, reference_data))
    check_stack(found, factuals, rules)
    sure = torch.softmax(logits_at(stack, found.final), dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)
    tau = torch.tensor([[s.tau] for s in own], dtype=dtype)
    assert ((sure >= tau - 1e-5) | ~found.mature).all() and ((sure < tau + 1e-5) | found.mature).all()


def check_stack(found: SearchResult, factuals: Tensor, rules: list[Schema]) -> None:
    assert found.path is not None and found.path.isfinite().all()
    for arm in range(M):
        check(found.path[:, arm].mT, factuals[arm].T, rules[arm], found.steps[arm], found.mature[arm])
        final = found.path.gather(0, found.steps[:, None].expand(1, M, D, -1))[0, arm]
        assert torch.equal(found.final[arm], final) and torch.equal(found.path[-1, arm], final)
        ways = found.path[:, arm]
        assert (ways == found.nascent[arm]).all(dim=1).any(dim=0).all(), "a nascent point that is not on the path"


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.5, 2.0]),
    chosen=searches,
    ends=st.tuples(bounds, bounds).map(sorted).filter(lambda ends: ends[0] < ends[1]),
    feature=st.integers(0, D - 1),
    up=st.booleans(),
    model_dtype=dtypes,
)
def test_ranges_locks_and_directions_of_the_public_search(
    seed: int,
    spread: float,
    chosen: SearchSettings,
    ends: list[float],
    feature: int,
    up: bool,
    model_dtype: torch.dtype,
) -> None:
    module = models(seed, torch.float32, m=1).module(0).to(model_dtype)
    X, y = crowd(seed, spread, model_dtype)
    ranged, locked, one_way = ((feature + i) % D for i in range(3))
    direction = {"increase_only" if up else "decrease_only": one_way}
    limits = {"ranges": (ranged, *ends), "locked": locked, **direction}
    found = ctviz.search(module, X[0].T, y[0], samples=(KNOWN.X, KNOWN.y), **limits, **chosen.model_dump())
    names = Schema(features=tuple(Feature(name=f"x{i}") for i in range(D)))
    rules = names.constrain([locked], *([one_way], []) if up else ([], [one_way]), ranges=[(ranged, *ends)])
    assert found.path is not None and len(found) == B * (chosen.per_factual if chosen.generator == "dice" else 1)
    assert torch.equal(found.factuals, X[0].T[found.of]) and torch.equal(found.targets, y[0][found.of])
    check(found.path, found.factuals, rules, found.steps, found.mature)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.5, 2.0, 20.0]),
    rules=schemas(),
    chosen=searches,
    model_dtype=dtypes,
    data_dtype=st.sampled_from([np.float32, np.float64]),
)
def test_every_step_of_the_public_search_obeys(
    seed: int,
    spread: float,
    rules: Schema,
    chosen: SearchSettings,
    model_dtype: torch.dtype,
    data_dtype: type[np.floating],
) -> None:
    if all(feature.mutability is Mutability.FIXED for feature in rules.features):
        return
    module = models(seed, torch.float32, m=1).module(0).to(model_dtype)
    factuals, targets = crowd(seed, spread, torch.float64)
    found = ctviz.search(
        module,
        factuals[0].T.numpy().astype(data_dtype),
        targets[0],
        schema=rules,
        samples=(KNOWN.X, KNOWN.y),
        **chosen.model_dump(),
    )
    assert found.path is not None
    check(found.path, found.factuals, rules, found.steps, found.mature)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), feature=st.integers(0, D - 1), up=st.booleans(), dtype=dtypes)
def test_one_way_streets_beyond_the_schema(seed: int, feature: int, up: bool, dtype: torch.dtype) -> None:
    module = models(seed, torch.float32, m=1).module(0).to(dtype)
    factuals, targets = crowd(seed, 1.0, dtype)
    locked = (feature + 1) % D
    one_way = {"increase_only" if up else "decrease_only": [feature]}
    found = ctviz.search(module, factuals[0].T, targets[0], locked=[locked], tau=0.9, **one_way)
    assert found.path is not None
    steps = found.path.diff(dim=0)[..., feature]
    assert ((steps >= 0) if up else (steps <= 0)).all()
    assert (found.path[..., locked] == found.factuals[:, locked]).all()


def test_doubles_given_to_a_single_precision_model_stay_locked_exactly() -> None:
    """0.1 has no exact counterpart in single precision; what is reported as factual is what the search began from."""
    module = models(0, torch.float32, m=1).module(0)
    found = ctviz.search(module, np.full((1, D), 0.1), [1], locked=[0], tau=0.9)
    assert found.path is not None and (found.steps > 0).all()
    assert (found.path[:, :, 0] - found.factuals[:, 0]).abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_domain_holds_in_half_precision_too(dtype: torch.dtype) -> None:
    """0.1 and 0.7 have no exact counterpart there: a bound rounded outwards would let a point out."""
    torch_model = models(0, torch.float32, m=1).module(0).to(dtype)
    low, high = (float(np.float32(end)) for end in (0.1, 0.7))
    found = ctviz.search(
        torch_model, np.full((2, D), 0.5), [0, 1], ranges=[(i, low, high) for i in range(D)], tau=0.999, step_size=9.0
    )
    assert found.final.dtype == dtype and found.path is not None
    path = found.path.double()
    assert (path >= low).all() and (path <= high).all()
    assert (path.amin() < low + 0.01) and (path.amax() > high - 0.01)


@pytest.mark.parametrize(
    ("mutability", "where", "end"),
    [
        (Mutability.BOTH, -5.0, -1.0),
        (Mutability.INCREASE, -5.0, -1.0),
        (Mutability.DECREASE, -5.0, -5.0),
        (Mutability.FIXED, -5.0, -5.0),
        (Mutability.BOTH, 5.0, 1.0),
        (Mutability.INCREASE, 5.0, 5.0),
        (Mutability.DECREASE, 5.0, 1.0),
        (Mutability.FIXED, 5.0, 5.0),
    ],
)
def test_a_factual_outside_the_domain_enters_it_where_it_may(mutability: Mutability, where: float, end: float) -> None:
    rules = Schema(features=(Feature(name="a", domain=(-1, 1), mutability=mutability), Feature(name="b")))
    still = Stack(Dense((2, 2), "relu"), torch.zeros(6), 1)  # no gradient: only the domain moves anything
    x = torch.tensor([[[where], [0.0]]])
    found = search(
        SearchRequest(still, x, torch.tensor([[1]]), [SearchSettings(tau=0.9, steps=1)], Constraints.of([rules], x))
    )
    assert found.final.flatten().tolist() == [end, 0.0]
