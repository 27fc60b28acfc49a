"""Draws that pair the arms, and the metrics of a round against loops and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ctviz.evaluation.ends import Comparison, SearchEnds
from ctviz.evaluation.features import FeatureColumns
from ctviz.evaluation.plausibility import ReferenceSamples
from ctviz.evaluation.rounds import ROUND_METRICS, RoundDraws, Scores, UniqueSearches, draw, measure_rounds
from tests.reference import plausibility as slow
from tests.reference.protocol import drawn


def predictions(m=3, s=60, k=3, seed=0):
    return np.random.default_rng(seed).integers(0, k, (m, s))


# -- draws ---------------------------------------------------------------------------------------------


def test_draws_are_those_of_the_plain_loop():
    predicted = predictions()
    found = draw(predicted, 3, rounds=12, n=40, seed=7)
    for arm in range(3):
        for r in range(12):
            factual, target, rows = drawn(predicted[arm], 3, 40, 7, r)
            assert (found.factual[r], found.target[r]) == (factual, target)
            assert found.rows[arm, r].tolist() == rows


def test_each_arm_is_asked_about_its_own_class_and_the_target_is_another():
    predicted = predictions()
    found = draw(predicted, 3, rounds=50, n=20, seed=1)
    assert (found.factual != found.target).all()
    assert set(found.factual) == set(found.target) == {0, 1, 2}
    for arm in range(3):
        assert (predicted[arm, found.rows[arm]] == found.factual[:, None]).all()


def test_an_arm_draws_the_same_beside_any_others():
    predicted = predictions(m=5)
    together = draw(predicted, 3, rounds=6, n=30, seed=2)
    for arm in range(5):
        assert (draw(predicted[arm : arm + 1], 3, 6, 30, 2).rows[0] == together.rows[arm]).all()


def test_arms_that_agree_draw_the_same_and_those_that_nearly_agree_nearly_the_same():
    predicted = np.tile(predictions(m=1, s=400, k=2), (3, 1))
    predicted[2, :4] = 1 - predicted[2, :4]
    rows = draw(predicted, 2, rounds=10, n=100, seed=3).rows
    assert (rows[0] == rows[1]).all()
    counts = [np.stack([np.bincount(r, minlength=400) for r in arm]) for arm in rows]
    shared = np.minimum(counts[0], counts[2]).sum()
    assert 0.9 * 1000 < shared < 1000


def test_an_arm_without_a_class_draws_nothing_in_its_rounds():
    predicted = np.stack([np.zeros(50, int), predictions(m=1, s=50, k=2)[0], np.full(50, -1)])
    found = draw(predicted, 2, rounds=20, n=5, seed=0)
    missing = found.factual == 1
    assert 0 < missing.sum() < 20
    assert (found.rows[0, missing] == -1).all() and (found.rows[0, ~missing] >= 0).all()
    assert (found.rows[1] >= 0).all() and (found.rows[2] == -1).all()
    assert found.unique(0).counts[missing].sum() == 0
    assert len(found.unique(2).rows) == 0 and found.unique(2).counts.shape == (20, 0)


def test_a_rare_class_is_found_however_long_it_takes():
    predicted = np.zeros((1, 30_000), dtype=int)
    predicted[0, 12_345] = 1
    found = draw(predicted, 2, rounds=4, n=3, seed=0)
    assert 1 in found.factual
    assert (found.rows[0, found.factual == 1] == 12_345).all()


def test_unique_searches_and_counts_make_up_the_draws():
    found = draw(predictions(), 3, rounds=9, n=25, seed=4)
    unique = found.unique(1)
    pairs = list(zip(unique.rows.tolist(), unique.targets.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    for r in range(9):
        again = [pair for pair, count in zip(pairs, unique.counts[r], strict=True) for _ in range(int(count))]
        assert sorted(again) == sorted((row, found.target[r]) for row in found.rows[1, r].tolist())


# -- metrics -------------------------------------------------------------------------------------------


def made(u=14, d=2, k=3, r=5, n=8, seed=0):
    """Searches of one arm, random, and counts in which each round has one target."""
    chance = np.random.default_rng(seed)
    rows, target = np.arange(u), np.arange(r) % k
    targets = np.arange(u) % k
    counts = np.zeros((r, u))
    for i in range(r):
        own = np.flatnonzero(targets == target[i])
        counts[i] = np.bincount(chance.choice(own, n), minlength=u)
    ends = SearchEnds(
        start=torch.from_numpy(chance.normal(size=(u, d))).float(),
        final=torch.from_numpy(chance.normal(size=(u, d))).float(),
        target=torch.from_numpy(targets),
        valid=torch.from_numpy(chance.random(u) < 0.7),
        mature=torch.from_numpy(chance.random(u) < 0.5),
        steps=torch.from_numpy(chance.integers(0, 50, u)),
    )
    ends.final[::4, 0] = ends.start[::4, 0]
    X = torch.from_numpy(chance.normal(size=(30, d))).float()
    y = torch.arange(30) % k
    return UniqueSearches(rows, targets, counts), ends, X, y


def measured(unique, ends, samples, *, kernels=True, names=ROUND_METRICS):
    """In two parts, of which one may have nothing."""
    d = ends.final.shape[1]
    by = Comparison(samples, FeatureColumns((1,) * d, (False,) * d), kernels=kernels)
    fields = ("start", "final", "target", "valid", "mature", "steps")
    parts = [
        Scores.of(SearchEnds(*(getattr(ends, name)[part] for name in fields)), by, names)
        for part in (slice(0, 3), slice(3, None))
    ]
    return measure_rounds(unique, Scores.joined(parts), by, names)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_every_round_agrees_with_loops_over_its_draws(d):
    unique, ends, X, y = made(d=d)
    found = measured(unique, ends, ReferenceSamples.of(X, y, 3))
    for r, counts in enumerate(unique.counts):
        chosen = [u for u, count in enumerate(counts) for _ in range(int(count))]
        before, after = (part[chosen].double().numpy() for part in (ends.start, ends.final))
        valid = ends.valid[chosen].tolist()
        real = X[y == unique.targets[chosen[0]]].double().numpy()
        wanted = {
            "ip": np.mean([slow.implausibility(point, real) for point in after]),
            "ip_star": max(0.0, slow.mmd2(after, real, 0.5)),
            "cost": slow.cost(before, after, valid),
            "validity": np.mean(valid),
            "redundancy": slow.redundancy(before, after, valid),
            "mature": ends.mature[chosen].double().mean(),
            "steps": ends.steps[chosen].double().mean(),
        }
        np.testing.assert_allclose(found[:, r], [float(wanted[name]) for name in ROUND_METRICS], rtol=1e-9, atol=1e-12)


def test_by_hand():
    # Two searches to class 1, whose samples are at 0 and 1; the first was drawn twice, the second once and not valid.
    unique = UniqueSearches(np.array([0, 1]), np.array([1, 1]), np.array([[2.0, 1.0]]))
    ends = SearchEnds(
        start=torch.tensor([[1.0], [5.0]]),
        final=torch.tensor([[3.0], [5.0]]),
        target=torch.tensor([1, 1]),
        valid=torch.tensor([True, False]),
        mature=torch.tensor([True, False]),
        steps=torch.tensor([4, 50]),
    )
    samples = ReferenceSamples.of(torch.tensor([[9.0], [0.0], [1.0]]), torch.tensor([0, 1, 1]), 2)
    found = dict(zip(ROUND_METRICS, measured(unique, ends, samples)[:, 0], strict=True))

    def k(distance):
        return math.exp(-(distance**2) / 0.5)

    assert found["ip"] == pytest.approx((2 * 2.5 + 4.5) / 3)
    # Pairs of draws: the first with its double (1), each of both with the other, in both orders.
    within = (2 * 1 + 4 * k(2)) / 6
    between = (2 * (k(3) + k(2)) + k(5) + k(4)) / 6
    assert found["ip_star"] == pytest.approx(within + k(1) - 2 * between)
    assert found["cost"] == 2.0 and found["redundancy"] == 0.0
    assert found["validity"] == found["mature"] == pytest.approx(2 / 3)
    assert found["steps"] == pytest.approx((4 + 4 + 50) / 3)


def test_what_is_not_defined_is_nan_and_spoils_nothing_else():
    unique, ends, X, y = made()
    ends.valid[:] = False
    ends.final[0] = torch.nan
    unique.counts[3] = 0
    found = dict(zip(ROUND_METRICS, measured(unique, ends, ReferenceSamples.of(X, y, 3)), strict=True))
    hit = unique.counts[:, 0] > 0
    assert hit.any() and not hit.all()
    assert np.isnan(found["cost"]).all() and np.isnan(found["redundancy"]).all()
    for name in ("ip", "ip_star", "validity", "mature", "steps"):
        assert (np.isnan(found[name]) == (hit | (np.arange(5) == 3))).all()


def test_ip_star_is_left_out_on_request():
    unique, ends, X, y = made()
    found = measured(unique, ends, ReferenceSamples.of(X, y, 3), kernels=False)
    assert np.isnan(found[ROUND_METRICS.index("ip_star")]).all()
    assert np.isfinite(found[ROUND_METRICS.index("ip")]).all()


@pytest.mark.parametrize("kernels", [True, False])
def test_ip_star_at_the_median_distance_stands_beside_the_usual_one(kernels):
    unique, ends, X, y = made(d=5)
    samples = ReferenceSamples.of(X, y, 3)
    names = (*ROUND_METRICS, "ip_star_median")
    found = measured(unique, ends, samples, kernels=kernels, names=names)
    usual = measured(unique, ends, samples, kernels=kernels)
    assert found[:-1].tobytes() == usual.tobytes()
    scale = samples.at_median().length_scale
    for r, counts in enumerate(unique.counts):
        chosen = [u for u, count in enumerate(counts) for _ in range(int(count))]
        real = X[y == unique.targets[chosen[0]]].double().numpy()
        wanted = max(0.0, slow.mmd2(ends.final[chosen].double().numpy(), real, scale))
        assert found[-1, r] == pytest.approx(wanted, abs=1e-12)


def test_no_searches_at_all():
    unique = RoundDraws(2, np.array([0]), np.array([1]), np.full((1, 1, 4), -1)).unique(0)
    nothing = torch.zeros(0, 2)
    none = nothing[:, 0]
    ends = SearchEnds(nothing, nothing, none.long(), none.bool(), none.bool(), none.long())
    samples = ReferenceSamples.of(torch.zeros(4, 2), torch.tensor([0, 0, 1, 1]), 2)
    assert np.isnan(measured(unique, ends, samples)).all()
