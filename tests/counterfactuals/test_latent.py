"""REVISE against a search of one factual at a time by autograd, and what its decoded points may never do."""

from __future__ import annotations

import functools
from dataclasses import fields

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch import Tensor

from ctviz.counterfactuals import latent as module
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.descent import search_gradient
from ctviz.counterfactuals.latent import search_latent
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search_result import SearchRequest, SearchResult
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import DataSettings, load
from ctviz.data.schema import Mutability
from ctviz.errors import ConfigError, DataError
from ctviz.models.dense import Dense
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.models.vae import DecoderPass, Vae
from ctviz.training.arm import Arm
from ctviz.training.loop import train
from ctviz.training.schedule import Schedule
from tests.counterfactuals.toys import BOTH, DOWN, FIXED, RULES, UP, boxed, classes, cloud, rules, stack
from tests.reference import sampled

DOUBLE = torch.zeros(0, dtype=torch.float64)
FREE = boxed(-9.0, 9.0, BOTH, BOTH)


@functools.cache
def vae(latent: int) -> Vae:
    return Vae.fit(cloud(300, 0), latent, updates=150)


@functools.cache
def reference_data() -> ReferenceData:
    return ReferenceData(cloud(300, 0), classes(300, 1), 3, vae)


def settings(**changes: float) -> SearchSettings:
    return SearchSettings(
        **{"generator": "revise", "tau": 0.9, "steps": 12, "step_size": 0.2, "lambda_cost": 0.05, **changes}
    )


def same(a: SearchResult, b: SearchResult, **tolerance: float) -> None:
    for field in fields(SearchResult):
        x, y = getattr(a, field.name), getattr(b, field.name)
        assert (x is None) == (y is None)
        if x is not None:
            torch.testing.assert_close(x, y, **{"rtol": 1e-9, "atol": 1e-11, **tolerance})


@pytest.mark.parametrize("spread", [1.0, 3.0], ids=["inside", "some outside of the domain"])
@pytest.mark.parametrize(
    ("rule", "latent"), [*((rule, 2) for rule in RULES), *((rule, n) for rule in ("free", "one way") for n in (1, 5))]
)
def test_against_one_factual_at_a_time(rule: str, latent: int, spread: float) -> None:
    schema, models, chosen = boxed(-1.5, 1.75, *RULES[rule]), stack(2), settings(latent=latent)
    factuals = torch.stack([cloud(8, seed, spread=spread).T for seed in (1, 2)])
    targets = classes(16, 3).view(2, 8)
    found = search_latent(
        SearchRequest(models, factuals, targets, [chosen] * 2, rules(schema, factuals), True, reference_data())
    )
    assert found.path is not None
    for arm, plain in enumerate(models.module(a) for a in range(2)):
        for i in range(8):
            x = factuals[arm, :, i]
            path, mature = sampled.revise(plain, vae(latent).to(DOUBLE), x, int(targets[arm, i]), chosen, schema)
            expected = torch.tensor(path + path[-1:] * (13 - len(path)), dtype=torch.float64)
            torch.testing.assert_close(found.path[:, arm, :, i], expected, rtol=1e-8, atol=1e-9)
            assert (bool(found.mature[arm, i]), int(found.steps[arm, i])) == (mature, len(path) - 1)
            inside = [p for p in expected if (p - x).abs().max() <= chosen.epsilon]
            torch.testing.assert_close(found.nascent[arm, :, i], inside[-1], rtol=1e-8, atol=1e-9)
            assert torch.equal(found.final[arm, :, i], found.path[-1, arm, :, i])


def test_the_first_point_is_the_factual_and_not_its_reconstruction() -> None:
    factuals = cloud(20, 1, spread=2.0).T[None].contiguous()
    found = search_latent(
        SearchRequest(
            stack(), factuals, classes(20, 2)[None], [settings()], rules(FREE, factuals), True, reference_data()
        )
    )
    assert found.path is not None and torch.equal(found.path[0], factuals)
    arrived = found.steps == 0
    assert arrived.any() and torch.equal(found.final.mT[arrived], factuals.mT[arrived])


@examples(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    mutability=st.tuples(st.sampled_from(Mutability), st.sampled_from(Mutability)),
    low=st.floats(-2, 0, width=32),
    width=st.floats(0, 3, width=32),
    step_size=st.sampled_from([0.05, 1.0, 1000.0]),
    noise=st.sampled_from([0.0, 2.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_decoded_points_obey_exactly(
    seed: int,
    mutability: tuple[Mutability, Mutability],
    low: float,
    width: float,
    step_size: float,
    noise: float,
    dtype: torch.dtype,
) -> None:
    schema = boxed(low, low + width, *mutability)
    lower, upper = (torch.from_numpy(bound).to(dtype) for bound in schema.bounds())
    factuals = cloud(10, seed, spread=1.5).T[None].to(dtype).contiguous()
    chosen = settings(step_size=step_size, gradient_noise=noise)
    found = search_latent(
        SearchRequest(
            stack(seed=seed).to(dtype),
            factuals,
            classes(10, seed)[None],
            [chosen],
            rules(schema, factuals),
            True,
            reference_data(),
        )
    )
    path, started = found.path, found.steps[0] > 0
    assert path is not None and path.isfinite().all() and torch.equal(path[0], factuals)
    for i, rule in enumerate(mutability):
        x, column = factuals[0, i], path[:, 0, i]
        if rule is FIXED:
            assert (column == x).all()
        if rule is UP:
            assert (column.diff(dim=0) >= 0).all() and (column <= x.maximum(upper[i])).all()
        if rule is DOWN:
            assert (column.diff(dim=0) <= 0).all() and (column >= x.minimum(lower[i])).all()
        if rule is BOTH:
            assert ((column[1:, started] >= lower[i]) & (column[1:, started] <= upper[i])).all()


def test_a_locked_column_gives_no_gradient() -> None:
    """Where all that the decoder moves is locked, z stands still, and so does the path."""
    zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    encoder = ((torch.ones(1, 2), torch.zeros(1)), (torch.zeros(2, 1), torch.zeros(2)))
    decoder = ((one, torch.zeros(1)), (torch.cat([one, zero]), torch.zeros(2)))  # z moves the first column alone
    flat = Vae(torch.zeros(2), torch.ones(2), torch.ones(1), encoder, decoder)
    samples = ReferenceData(torch.zeros(2, 2), torch.tensor([0, 1]), 2, lambda latent: flat)
    factual = torch.tensor([[[0.0], [0.0]]], dtype=torch.float64)
    layer = torch.tensor([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
    model, chosen = Stack(Dense((2, 2), "relu"), layer.flatten(), 1), settings(latent=1, step_size=0.5, tau=0.99)
    for mutability, moves in (((FIXED, BOTH), False), ((BOTH, FIXED), True), ((DOWN, BOTH), False)):
        limits = rules(boxed(-2, 2, *mutability), factual)
        found = search_latent(SearchRequest(model, factual, torch.tensor([[1]]), [chosen], limits, True, samples))
        assert (found.final != factual).any().item() is moves


def mixed() -> tuple[list[SearchSettings], Constraints, Tensor, Tensor]:
    arms = [
        settings(steps=3, latent=2),
        settings(steps=12, latent=1, tau=0.6),
        settings(steps=30, latent=2, step_size=0.5, gradient_noise=1.0),
        settings(steps=7, latent=1, lambda_cost=2.0),
    ]
    factuals = torch.stack([cloud(40, seed).T for seed in range(4)])
    schemas = [FREE, boxed(-1, 1, BOTH, BOTH), boxed(-2, 2, FIXED, BOTH), boxed(-2, 2, UP, BOTH)]
    return arms, Constraints.of(schemas, factuals), factuals, classes(160, 9).view(4, 40)


def test_an_arm_is_the_same_alone_and_in_a_stack() -> None:
    arms, limits, factuals, targets = mixed()
    found = search_latent(SearchRequest(stack(4), factuals, targets, arms, limits, True, reference_data()))
    assert found.path is not None and len(found.path) == 31
    for arm in range(4):
        index = torch.tensor([arm])
        alone = search_latent(
            SearchRequest(
                stack(1, seed=arm),
                factuals[index],
                targets[index],
                arms[arm : arm + 1],
                limits.take(index),
                True,
                reference_data(),
            )
        )
        assert alone.path is not None
        t = len(alone.path)
        assert (found.path[t:, arm] == found.path[t - 1, arm]).all(), "moved after its end"
        cut = SearchResult(
            found.final[index], found.nascent[index], found.mature[index], found.steps[index], found.path[:t, index]
        )
        same(cut, alone)


def test_neither_chunks_nor_packing_make_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    arms, limits, factuals, targets = mixed()
    args = stack(4), factuals, targets, arms, limits, True, reference_data()
    whole = search_latent(SearchRequest(*args))
    for name, value in (("WORKING_SET", 0), ("PACK_BELOW", 0.0), ("PACK_BELOW", 1.1)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            same(search_latent(SearchRequest(*args)), whole)


@pytest.mark.parametrize("bits", [1e-15, -1e-15])
@pytest.mark.parametrize("mutability", [(UP, BOTH), (DOWN, DOWN), (FIXED, UP)])
def test_packing_makes_no_difference_where_last_bits_follow_the_number_of_samples(
    mutability: tuple[Mutability, Mutability], bits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a product do on some processors."""
    plain = DecoderPass.forward
    monkeypatch.setattr(DecoderPass, "forward", lambda self, z: plain(self, z) * (1 + bits * z.shape[-1]))
    factuals = cloud(40, 0).T[None].contiguous()
    args = factuals, classes(40, 9)[None], [settings(steps=30)], rules(boxed(-2, 2, *mutability), factuals)
    found = []
    for share in (0.0, 1.1):
        monkeypatch.setattr(module, "PACK_BELOW", share)
        found.append(search_latent(SearchRequest(stack(1), *args, True, reference_data())))
    assert len(found[0].steps.unique()) > 2  # they arrive at different times, so that there is something to pack
    same(*found)


def test_without_a_path_the_same_result() -> None:
    arms, limits, factuals, targets = mixed()
    with_path, without = (
        search_latent(SearchRequest(stack(4), factuals, targets, arms, limits, record, reference_data()))
        for record in (True, False)
    )
    assert without.path is None
    same(
        SearchResult(with_path.final, with_path.nascent, with_path.mature, with_path.steps, None),
        without,
        rtol=0,
        atol=0,
    )


def test_noise_is_the_same_each_time_and_for_each_arm() -> None:
    factuals, targets = cloud(40, 1).T.expand(2, -1, -1).contiguous(), classes(40, 2).expand(2, -1)
    models, limits = stack(1).take([0, 0]), rules(FREE, factuals)
    clean, noisy, again = (
        search_latent(
            SearchRequest(models, factuals, targets, [settings(gradient_noise=n)] * 2, limits, False, reference_data())
        )
        for n in (0, 1, 1)
    )
    assert torch.equal(noisy.final, again.final) and torch.equal(noisy.final[0], noisy.final[1])
    assert not torch.equal(noisy.final, clean.final)


def test_on_moons_it_arrives_closer_to_the_data_than_generic_does() -> None:
    data = load(DataSettings(name="moons", n_train=600))
    model = Stack.initialise(ModelSettings(), 2, 2, [0])
    for _ in train(model, data, [Arm.variant("vanilla")], Schedule(epochs=30), [0]):
        pass
    X, y = data.train
    factuals, targets = X[:200].T[None].contiguous(), 1 - y[:200][None]
    limits, samples = rules(data.schema, factuals), ReferenceData.of(data, lambda n: Vae.fit(X, n, updates=500))
    common = {"tau": 0.9, "steps": 50, "step_size": 0.25}
    revise = search_latent(
        SearchRequest(model, factuals, targets, [SearchSettings(generator="revise", **common)], limits, False, samples)
    )
    generic = search_gradient(
        SearchRequest(model, factuals, targets, [SearchSettings(generator="generic", **common)], limits)
    )
    assert revise.mature.double().mean() > 0.95
    away = []
    for found in (revise, generic):
        ends = found.final[0].T
        nearest = torch.stack([torch.cdist(ends, X[y == c]).min(dim=1).values for c in (0, 1)])
        away.append(nearest.gather(0, targets)[found.mature].mean())
    assert away[0] < 0.8 * away[1]


def test_what_is_missing_is_said() -> None:
    factual = torch.zeros(1, 3, 1, dtype=torch.float64)
    limits = rules(boxed(-1, 1, BOTH, BOTH, BOTH), factual)
    args = stack(d=3), factual, torch.tensor([[1]]), [settings()], limits
    with pytest.raises(ConfigError, match="samples"):
        search_latent(SearchRequest(*args))
    with pytest.raises(DataError, match="2 columns"):
        search_latent(SearchRequest(*args, reference_data=reference_data()))
