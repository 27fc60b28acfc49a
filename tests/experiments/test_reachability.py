"""The highest probability anywhere against a fine grid walked by hand, and against models whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ctviz.counterfactuals.constraints import Constraints
from ctviz.data.schema import Feature, Schema
from ctviz.experiments import reachability as module
from ctviz.experiments.reachability import LINE_NODES, NODES, logits_at, reachable
from ctviz.models.dense import Dense
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack

M, B, K = 3, 8, 3
SCHEMA = Schema(features=(Feature(name="a", domain=(-2.0, 3.0)), Feature(name="b", domain=(-1.0, 2.0))))
CASES = {
    "free": {},
    "locked": {"locked": ["b"]},
    "up": {"increase_only": ["a"]},
    "down and locked": {"decrease_only": ["b"], "locked": ["a"]},
    "up and down": {"increase_only": ["a"], "decrease_only": ["b"]},
    "range": {"ranges": [("a", -0.5, 0.25)]},
    "up in a range": {"increase_only": ["b"], "ranges": [("b", 0.0, 1.0), ("a", 0.0, 1.0)]},
}


def stack(seed=0, hidden=(12,)):
    made = Stack.initialise(ModelSettings(hidden=hidden, activation="tanh"), 2, K, range(seed, seed + M))
    return Stack(made.architecture, made.flat * 4, M)


def factuals(outside=False):
    chance = np.random.default_rng(1)
    low, high = np.array([-2.0, -1.0]), np.array([3.0, 2.0])
    if outside:
        low, high = low - 3, high + 3
    return torch.from_numpy(chance.uniform(low, high, (M, B, 2)).astype(np.float32)).mT.contiguous()


def targets():
    return torch.from_numpy(np.random.default_rng(2).integers(0, K, (M, B)))


def allowed_values(x, feature, case, axis, nodes):
    """What a feature may be given on the way from ``x``, from the words of the constraints."""
    name, (low, high) = feature.name, feature.domain
    for ref, least, most in case.get("ranges", ()):
        if ref == name:
            low, high = max(low, least), min(high, most)
    if name in case.get("locked", ()):
        return np.array([x])
    if name in case.get("increase_only", ()):
        if x > high:
            return np.array([x])
        low = max(low, x)
    if name in case.get("decrease_only", ()):
        if x < low:
            return np.array([x])
        high = min(high, x)
    return np.linspace(low, high, nodes)


def brute(model, x, target, case, nodes=151):
    first, second = (allowed_values(float(x[i]), SCHEMA.features[i], case, i, nodes) for i in range(2))
    points = np.array([(p, q) for p in first for q in second] + [tuple(x.tolist())], dtype=np.float32)
    with torch.no_grad():
        return float(model(torch.from_numpy(points)).softmax(-1)[:, target].max())


@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_is_the_best_of_all_that_is_allowed(case, outside):
    models, x, y = stack(), factuals(outside), targets()
    rules = Constraints.of([SCHEMA.constrain(**case)] * M, x)
    with torch.no_grad():
        found = reachable(models, x, y, rules, torch.ones(M, B, dtype=torch.bool))
    for arm in range(M):
        for i in range(0, B, 2):
            expected = brute(models.module(arm), x[arm, :, i], int(y[arm, i]), case)
            assert float(found[arm, i]) == pytest.approx(expected, abs=5e-3)
            assert float(found[arm, i]) <= expected + 2e-3


def test_arms_may_have_different_constraints():
    models, x, y = stack(), factuals(), targets()
    cases = [{}, {"locked": ["a"]}, {"increase_only": ["a"]}]
    all_of_them = torch.ones(M, B, dtype=torch.bool)
    mixed = Constraints.of([SCHEMA.constrain(**case) for case in cases], x)
    with torch.no_grad():
        found = reachable(models, x, y, mixed, all_of_them)
        for arm, case in enumerate(cases):
            alike = Constraints.of([SCHEMA.constrain(**case)] * M, x)
            torch.testing.assert_close(found[arm], reachable(models, x, y, alike, all_of_them)[arm])


def test_only_what_is_wanted_is_found_out():
    models, x, y = stack(), factuals(), targets()
    rules = Constraints.of([SCHEMA] * M, x)
    wanted = torch.zeros(M, B, dtype=torch.bool)
    wanted[1, 2] = wanted[1, 5] = wanted[2, 5] = True
    with torch.no_grad():
        found = reachable(models, x, y, rules, wanted)
        everything = reachable(models, x, y, rules, torch.ones_like(wanted))
        nothing = reachable(models, x, y, rules, torch.zeros_like(wanted))
    assert torch.equal(found.isnan(), ~wanted) and nothing.isnan().all()
    torch.testing.assert_close(found[wanted], everything[wanted])


def test_corners_and_the_factual_itself_are_looked_at():
    steep = torch.tensor([[[0.0, 0, 0], [30.0, 30.0, -149.0]]])  # σ(30 (a + b) − 149): half-way only in the corner
    model = Stack(Dense((2, 2), "relu"), steep.reshape(-1), 1)
    x = torch.tensor([[[0.1234], [0.4321]]])
    rules = Constraints.of([SCHEMA], x)
    y, wanted = torch.ones(1, 1, dtype=torch.int64), torch.ones(1, 1, dtype=torch.bool)
    with torch.no_grad():
        assert float(reachable(model, x, y, rules, wanted)) == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-4)
        fixed = Constraints.of([SCHEMA.constrain(locked=["a", "b"])], x)
        here = torch.softmax(logits_at(model, x), dim=1)[0, 1, 0]
        assert float(reachable(model, x, y, fixed, wanted)) == float(here)


def test_chunks_change_nothing(monkeypatch):
    models, x, y = stack(), factuals(), targets()
    rules = Constraints.of([SCHEMA.constrain(increase_only=["a"])] * M, x)
    wanted = torch.ones(M, B, dtype=torch.bool)
    with torch.no_grad():
        whole = reachable(models, x, y, rules, wanted)
        monkeypatch.setattr(module, "CHUNK", M * 13 * 37)
        torch.testing.assert_close(reachable(models, x, y, rules, wanted), whole)


def test_many_factuals_are_looked_at_some_at_a_time(monkeypatch):
    """The edges have hundreds of points for each, which for all of them at once would take gigabytes."""
    models, x, y = stack(), factuals(), targets()
    rules, seen = Constraints.of([SCHEMA] * M, x), []
    monkeypatch.setattr(module, "CHUNK", 3 * M * LINE_NODES)
    on_edges = module._on_edges
    monkeypatch.setattr(module, "_on_edges", lambda *args: seen.append(args[1].shape[-1]) or on_edges(*args))
    with torch.no_grad():
        reachable(models, x, y, rules, torch.ones(M, B, dtype=torch.bool))
    assert sum(seen) == B and max(seen) <= 3


def test_logits_are_those_of_the_stack():
    models, x = stack(), factuals()
    with torch.no_grad():
        torch.testing.assert_close(logits_at(models, x), models(x.mT).mT)
    assert logits_at(models, x[..., :0]).shape == (M, K, 0)
    assert LINE_NODES == 4 * NODES
