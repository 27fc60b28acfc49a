"""The autoencoder: its bound by hand and by torch's own distributions, its derivatives, its fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ctviz.data.catalogue import DataSettings, load
from ctviz.errors import ConfigError, DataError
from ctviz.models.vae import DecoderPass, Vae, _Adam, spacing


def moons() -> Tensor:
    return load(DataSettings(name="moons")).train[0]


@pytest.fixture(scope="module")
def fitted() -> Vae:
    return Vae.fit(moons(), 2)


def toy(mean: float = 0.0, log_variance: float = 0.0, shown: float = 0.0) -> Vae:
    """One column of mean 10 and deviation 2, s = 0.03; one latent dimension, a hidden unit that the encoder ignores."""
    zero = torch.zeros(1, 1)
    encoder = ((zero, torch.zeros(1)), (torch.zeros(2, 1), torch.tensor([mean, log_variance])))
    decoder = ((torch.ones(1, 1), torch.zeros(1)), (torch.full((1, 1), shown), torch.zeros(1)))
    return Vae(torch.tensor([10.0]), torch.tensor([2.0]), torch.tensor([0.03]), encoder, decoder)


CONSTANT = -math.log(0.03 * math.sqrt(2 * math.pi))


@pytest.mark.parametrize(
    ("vae", "x", "noise", "expected"),
    [
        # Code N(0, 1) as the prior, shown at the mean: nothing missed, no divergence.
        (toy(), 10.0, 0.7, CONSTANT),
        # x is 0.06 of a deviation off, twice the noise: 2² / 2 = 2.
        (toy(), 10.12, 0.0, CONSTANT - 2),
        # Code N(1, 4): KL = ½ (1 + 4 − 1 − ln 4).
        (toy(mean=1.0, log_variance=math.log(4)), 10.0, 3.0, CONSTANT - 0.5 * (4 - math.log(4))),
        # z = 1 + 2 · ½ = 2 is shown as 0.3 tanh 2 deviations.
        (
            toy(mean=1.0, log_variance=math.log(4), shown=0.3),
            10.0,
            0.5,
            CONSTANT - (0.3 * math.tanh(2)) ** 2 / 0.0018 - 0.5 * (4 - math.log(4)),
        ),
    ],
    ids=["nothing missed", "a little off", "code away from the prior", "all of it"],
)
def test_the_bound_by_hand(vae: Vae, x: float, noise: float, expected: float) -> None:
    found = vae.elbo(torch.tensor([[x]]), torch.tensor([[noise]]))
    assert found.tolist() == pytest.approx([expected], rel=1e-4)


def test_the_bound_by_torchs_distributions(fitted: Vae) -> None:
    vae, x = fitted.to(torch.zeros(0, dtype=torch.float64)), moons()[:50].double()
    noise = torch.randn(50, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    mean, log_variance = vae._code(x)
    code = torch.distributions.Normal(mean, log_variance.exp().sqrt())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    shown = vae.decode(mean + noise * code.stddev)
    fit = torch.distributions.Normal(shown / vae.scale, vae.noise).log_prob(x / vae.scale).sum(dim=1)
    divergence = torch.distributions.kl_divergence(code, prior).sum(dim=1)
    torch.testing.assert_close(vae.elbo(x, noise), fit - divergence)


def test_a_fit_begins_without_the_divergence() -> None:
    x, noise, vae = torch.tensor([[10.0]]), torch.zeros(1, 1), toy(mean=1.0, log_variance=math.log(4))
    none, half, all_of_it = (vae.elbo(x, noise, share).item() for share in (0.0, 0.5, 1.0))
    assert none == pytest.approx(CONSTANT) and half == pytest.approx((none + all_of_it) / 2)


def test_what_is_encoded_comes_back(fitted: Vae) -> None:
    """Two latent dimensions for two columns: less than a thirtieth of a standard deviation is lost.

    Clusters of ls measure a tenth of one: none of them is shown as a point.
    """
    clusters, _ = load(DataSettings(name="ls")).train
    for vae, X in ((fitted, moons()), (Vae.fit(clusters, 2), clusters)):
        missed = (vae.decode(vae.encode(X)) - X) / X.std(dim=0)
        assert missed.square().mean().sqrt() < 0.033


def test_what_the_prior_draws_looks_like_the_data(fitted: Vae) -> None:
    """More than the normal draws with the data's means and deviations that a decoder without a fit would show."""
    z = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    fit, none = (
        torch.cdist(drawn, moons()).min(dim=1).values.median()
        for drawn in (fitted.decode(z), torch.addcmul(fitted.shift, z, fitted.scale))
    )
    assert fit < 0.85 * none


def test_a_fit_raises_the_bound(fitted: Vae) -> None:
    noise = torch.randn(3000, 2, generator=torch.Generator().manual_seed(5))
    begun = [Vae.fit(moons(), 2, updates=updates) for updates in (1, 100)]
    bounds = [vae.elbo(moons(), noise).mean() for vae in (*begun, fitted)]
    assert bounds[0] < bounds[1] < bounds[2]


def test_one_latent_dimension_shows_a_curve() -> None:
    """What is decoded lies on a line through the data, not on all of them."""
    shown = Vae.fit(moons(), 1, updates=500).decode(torch.linspace(-3, 3, 2000).unsqueeze(1))
    missed = torch.cdist(moons(), shown).min(dim=1).values
    assert 0.01 < missed.mean() < 0.25


@pytest.mark.usefixtures("two_threads")
def test_same_arguments_same_bits_and_nothing_else_moves() -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    first, again, other = (Vae.fit(moons(), 2, seed, updates=50).arrays() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before) and torch.get_num_threads() == threads
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["decoder.1.bias"], other["decoder.1.bias"])


def test_steps_are_those_of_torchs_adam_to_the_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    ours, theirs = ([torch.ones(4, 3), torch.zeros(3)] for _ in range(2))
    mine, adam = _Adam(ours), torch.optim.Adam([tensor.requires_grad_() for tensor in theirs], lr=1.0, fused=True)
    for update in range(5):
        gradients = tuple(torch.randn(tensor.shape, generator=generator) for tensor in ours)
        mine.step(gradients, lr=0.1 / (1 + update))
        for tensor, gradient in zip(theirs, gradients, strict=True):
            tensor.grad = gradient
        adam.param_groups[0]["lr"] = 0.1 / (1 + update)
        adam.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_it_can_be_fitted_where_gradients_are_off(around: type[torch.no_grad]) -> None:
    expected = Vae.fit(moons(), 2, updates=20).arrays()
    with around():
        found = Vae.fit(moons(), 2, updates=20)
    assert all(np.array_equal(expected[name], values) for name, values in found.arrays().items())
    z = torch.zeros(1, 2, requires_grad=True)
    found.decode(z).sum().backward()  # and its weights are no inference tensors
    assert z.grad is not None


def test_slope_of_the_decoder_by_differences(fitted: Vae) -> None:
    vae = fitted.to(torch.zeros(0, dtype=torch.float64))
    z = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    weight = torch.randn(20, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (by_autograd,) = torch.autograd.grad((vae.decode(z) * weight).sum(), z)
    for i in range(2):
        nudge = torch.zeros(2, dtype=torch.float64)
        nudge[i] = 1e-6
        slope = ((vae.decode(z + nudge) - vae.decode(z - nudge)) * weight).sum(dim=1) / 2e-6
        torch.testing.assert_close(by_autograd[:, i], slope.detach(), rtol=1e-6, atol=1e-8)
    (into_code,) = torch.autograd.grad(vae.encode(x := z.detach().requires_grad_()).sum(), x)
    assert into_code.abs().sum() > 0


def test_the_decoder_for_samples_last_is_the_same_map(fitted: Vae) -> None:
    vae = fitted.to(torch.zeros(0, dtype=torch.float64))
    z = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    weight = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    shown = vae.decode(z)
    (expected,) = torch.autograd.grad((shown * weight).sum(), z)
    decoder = DecoderPass(vae)
    torch.testing.assert_close(decoder.forward(z.detach().mT), shown.detach().mT)
    torch.testing.assert_close(decoder.latent_gradient(weight.mT), expected.mT)


def test_arrays_and_back(fitted: Vae) -> None:
    again = Vae.from_arrays(fitted.arrays())
    assert (again.d, again.latent) == (2, 2)
    assert torch.equal(again.decode(again.encode(moons())), fitted.decode(fitted.encode(moons())))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda arrays: arrays.pop("shift"),
        lambda arrays: arrays.pop("decoder.1.bias"),
        lambda arrays: arrays.update({"more": np.zeros(2, np.float32)}),
        lambda arrays: arrays.update({"scale": np.zeros(2, np.float32)}),
        lambda arrays: arrays.update({"scale": np.ones(3, np.float32)}),
        lambda arrays: arrays.update({"noise": np.zeros(1, np.float32)}),
        lambda arrays: arrays.update({"noise": np.ones(2, np.float32)}),
        lambda arrays: arrays.update({"encoder.0.weight": np.zeros((32, 3), np.float32)}),
        lambda arrays: arrays.update({"encoder.1.bias": np.zeros(6, np.float32)}),
        lambda arrays: arrays.update({"decoder.0.weight": np.zeros((), np.float32)}),
        lambda arrays: arrays["decoder.0.bias"].__setitem__(0, np.nan),
    ],
)
def test_other_arrays_are_refused(fitted: Vae, spoil) -> None:
    arrays = fitted.arrays()
    spoil(arrays)
    with pytest.raises(DataError, match="autoencoder"):
        Vae.from_arrays(arrays)


def test_noise_is_the_distance_of_near_neighbours() -> None:
    """A grid of 0.05: of 200 samples the second nearest counts, which is as far as the first but at the ends."""
    line = 0.05 * torch.arange(200.0)[:, None]
    assert spacing(line).tolist() == pytest.approx([0.05], rel=1e-3)
    assert spacing(torch.cat([line, line], dim=1)).tolist() == pytest.approx([0.05], rel=1e-3)  # √2 as far, over √2
    assert spacing(10 * line).tolist() == pytest.approx([0.1]) and spacing(0 * line).tolist() == pytest.approx([0.01])
    assert spacing(line[:1]).tolist() == pytest.approx([0.1])


def test_few_samples_and_constant_columns() -> None:
    X = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    vae = Vae.fit(X, 1, updates=500)
    assert (vae.decode(vae.encode(X)) - X).abs().max() < 0.2
    assert Vae.fit(X[:1], 4, updates=50).decode(torch.zeros(1, 4)).isfinite().all()


@pytest.mark.parametrize("X", [torch.zeros(0, 2), torch.zeros(3, 0), torch.zeros(3), torch.tensor([[math.nan, 1.0]])])
def test_samples_that_cannot_be_used(X: Tensor) -> None:
    with pytest.raises(DataError, match="finite samples of shape"):
        Vae.fit(X, 2)


@pytest.mark.parametrize(("field", "value"), [("latent", 0), ("latent", 65), ("updates", 0), ("hiden", 3)])
def test_settings_that_are_not_allowed(field: str, value: int) -> None:
    with pytest.raises(ConfigError, match=field):
        Vae.fit(moons(), **{"latent": 2, field: value})


def test_a_common_scale_leaves_columns_as_wide_as_they_are() -> None:
    X = torch.tensor([[0.0, -1.0, 5.0], [0.0, 1.0, 5.0]]).repeat(20, 1)  # variances 0, 1, 0
    assert Vae.fit(X, 1, updates=1, scaling="common").scale.tolist() == pytest.approx([math.sqrt(1 / 3)] * 3)
    assert Vae.fit(X, 1, updates=1).scale.tolist() == [1, 1, 1]
    assert Vae.fit(X[:1], 1, updates=1, scaling="common").scale.tolist() == [1, 1, 1]
