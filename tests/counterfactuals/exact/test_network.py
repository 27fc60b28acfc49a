"""Networks as matrices: the same logits as the models that they are taken from, and a sentence for all others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from ctviz.counterfactuals.adapter import ModuleAdapter
from ctviz.counterfactuals.exact.conversion import networks_of
from ctviz.counterfactuals.exact.network import Network, confidence, least_margin, margin
from ctviz.errors import ConfigError
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack


@pytest.mark.parametrize("hidden", [(), (5,), (4, 3)])
def test_logits_are_those_of_each_arm_and_of_its_module(hidden: tuple[int, ...]) -> None:
    stack = Stack.initialise(ModelSettings(hidden=hidden), 3, 4, [0, 1])
    X = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    for arm, network in enumerate(networks_of(stack)):
        expected = stack(X.expand(2, -1, -1))[arm].numpy()
        assert network.logits(X.numpy()) == pytest.approx(expected, abs=1e-6)
        module = stack.module(arm)
        for same in (module, nn.Sequential(nn.Identity(), module), ModuleAdapter(module, X)):
            assert networks_of(same)[0].logits(X.numpy()) == pytest.approx(expected, abs=1e-6)
        assert (network.d, network.k) == (3, 4)


def test_a_shift_moves_the_first_layer() -> None:
    (network,) = networks_of(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False)))
    before, after = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 2.0])
    assert network.first(before) + network.shift((1, 2), [0.5, -1.0]) == pytest.approx(network.first(after))
    assert network.rest(network.first(after)) == pytest.approx(network.logits(after))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Stack.initialise(ModelSettings(activation="tanh"), 2, 2, [0]), "one with tanh"),
        (Stack.initialise(ModelSettings(channels=(2,)), 64, 2, [0], grid=(8, 8)), "a convolutional network"),
        (Stack.initialise(ModelSettings(hidden=(600,)), 2, 2, [0]), "one of 600 hidden units"),
        (nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)), "one with Tanh"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "one that ends with ReLU"),
        (nn.Sequential(), "one without layers"),
    ],
)
def test_other_models_are_refused_in_words(model: nn.Module | Stack, words: str) -> None:
    with pytest.raises(ConfigError, match=f"model for the exact search is '{words}'; allowed: linear layers"):
        networks_of(model)


def test_a_margin_is_the_log_odds_of_the_target() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 4)) * 50
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    for target in range(4):
        assert confidence(margin(logits, target)) == pytest.approx(shares[:, target])
    assert margin(np.array([1.0, 3.5]), 1) == 2.5
    assert least_margin(0.8) == pytest.approx(math.log(4))


def test_weights_that_are_not_finite_and_a_single_logit_are_refused() -> None:
    for layer in ((np.full((2, 2), np.nan), np.zeros(2)), (np.zeros((2, 2)), np.array([0.0, np.inf]))):
        with pytest.raises(ConfigError, match="not finite"):
            Network((layer,))
    with pytest.raises(ConfigError, match="one of 1 logit"):
        Network(((np.zeros((1, 2)), np.zeros(1)),))
