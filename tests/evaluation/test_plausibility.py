"""IP and IP* against loops from the formulas, against values worked out by hand, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ctviz.errors import DataError
from ctviz.evaluation.mmd import mmd2
from ctviz.evaluation.plausibility import ReferenceSamples, implausibility
from tests.reference import plausibility as slow

NAN = math.nan


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def labels(*shape, k, seed=0):
    return torch.randint(k, shape, generator=torch.Generator().manual_seed(seed))


# -- IP ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "samples", "expected"),
    [
        pytest.param([0.0, 0.0], [[1.0, 2.0]], 3.0, id="one sample"),
        pytest.param([0.0, 0.0], [[1.0, 0.0], [-3.0, 0.0]], 2.0, id="signs do not cancel"),
        pytest.param([1.0, 1.0], [[1.0, 1.0], [1.0, 1.0]], 0.0, id="on top of them"),
        pytest.param([5.0], [[1.0], [2.0], [6.0]], (4 + 3 + 1) / 3, id="one feature"),
        pytest.param([2.0], [[2.0], [2.0], [4.0]], 2 / 3, id="ties"),
    ],
)
def test_ip_of_toys(point, samples, expected):
    found = implausibility(torch.tensor([point]), torch.tensor(samples))
    assert found.tolist() == pytest.approx([expected])


@pytest.mark.parametrize(
    ("points", "samples"),
    [
        pytest.param((7, 2), (11, 2), id="one arm"),
        pytest.param((3, 7, 2), (11, 2), id="arms, shared samples"),
        pytest.param((3, 7, 5), (3, 11, 5), id="arms, samples of their own"),
        pytest.param((2, 3, 4, 1), (6, 1), id="two leading axes, one feature"),
        pytest.param((7, 2), (1, 2), id="one sample"),
    ],
)
def test_ip_is_the_mean_l1_distance(points, samples):
    x, y = 3 * draw(*points), draw(*samples, seed=1)
    found = implausibility(x, y)
    assert found.shape == x.shape[:-1]
    for index in np.ndindex(*found.shape):
        own = y if y.ndim == 2 else y[index[:-1]]
        assert float(found[index]) == pytest.approx(slow.implausibility(x[index], own), rel=1e-12)


def test_ip_far_from_the_origin_keeps_its_digits():
    x, y = 1e4 + draw(5, 2), 1e4 + draw(50, 2, seed=1)
    expected = [slow.implausibility(p, y) for p in x]
    assert implausibility(x, y).tolist() == pytest.approx(expected, rel=1e-9)


def test_ip_against_no_samples_is_nan():
    assert implausibility(draw(3, 2), torch.empty(0, 2)).isnan().tolist() == [True] * 3


def test_ip_of_no_counterfactuals_is_empty():
    assert implausibility(torch.empty(4, 0, 2), draw(5, 2)).shape == (4, 0)


def test_ip_names_both_shapes_that_do_not_fit():
    with pytest.raises(DataError, match=r"\(3, 2\).*\(5, 4\)"):
        implausibility(draw(3, 2), draw(5, 4))


def test_ip_names_arms_that_do_not_fit():
    with pytest.raises(DataError, match=r"\(3, 6, 2\).*\(4, 5, 2\)"):
        implausibility(draw(3, 6, 2), draw(4, 5, 2))


@pytest.mark.parametrize("shared", [True, False], ids=["targets shared", "targets per arm"])
def test_ip_by_class_takes_the_samples_of_each_target(shared):
    x, samples, own = draw(2, 9, 3), draw(20, 3, seed=1), labels(20, k=3)
    target = labels(9, k=3, seed=2) if shared else labels(2, 9, k=3, seed=2)
    found = ReferenceSamples.of(samples, own, 3).implausibility(x, target)
    for arm, b in np.ndindex(2, 9):
        wanted = target[b] if shared else target[arm, b]
        assert float(found[arm, b]) == pytest.approx(slow.implausibility(x[arm, b], samples[own == wanted]))


def test_ip_by_class_is_nan_where_the_class_has_no_samples():
    found = ReferenceSamples.of(draw(3, 2), torch.zeros(3), 2).implausibility(draw(1, 2, 2), torch.tensor([0, 1]))
    assert found.isnan().tolist() == [[False, True]]


# -- against prepared samples ----------------------------------------------------------------------------


@pytest.fixture
def scene():
    """Samples of three classes, and counterfactuals of two arms with targets of their own, some not counted."""
    samples, own = draw(60, 2, seed=3), labels(60, k=3, seed=3)
    x, target = 0.7 + draw(2, 24, 2, seed=4), labels(2, 24, k=3, seed=5)
    mask = labels(2, 24, k=4, seed=6) > 0
    return samples, own, x, target, mask


@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_ip_star_equals_loops(scene, masked):
    samples, own, x, target, mask = scene
    found = ReferenceSamples.of(samples, own, 3).ip_star(x, target, mask if masked else None)
    for arm in range(2):
        counts = mask[arm].tolist() if masked else [True] * 24
        expected = slow.ip_star(x[arm], target[arm].tolist(), counts, samples, own.tolist(), 0.5)
        assert float(found[arm]) == pytest.approx(expected, abs=1e-12)


def test_ip_star_per_class_is_the_mmd_of_that_class(scene):
    samples, own, x, target, mask = scene
    found = ReferenceSamples.of(samples, own, 3).mmd2(x, target, mask)
    expected = [[mmd2(x[arm][(target[arm] == c) & mask[arm]], samples[own == c]) for c in range(3)] for arm in range(2)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-12)


def test_ip_star_ignores_what_is_masked_out_even_nan(scene):
    samples, own, x, target, mask = scene
    prepared = ReferenceSamples.of(samples, own, 3)
    spoilt = torch.where(mask[..., None], x, torch.nan)
    torch.testing.assert_close(prepared.ip_star(spoilt, target, mask), prepared.ip_star(x, target, mask))


def test_ip_star_is_never_negative():
    # Counterfactuals that are the samples themselves: the unbiased estimate is below zero.
    samples = draw(40, 2)
    prepared = ReferenceSamples.of(samples, torch.zeros(40), 1)
    target = torch.zeros(40, dtype=torch.int64)
    assert float(prepared.mmd2(samples[None], target)) < 0
    assert prepared.ip_star(samples[None], target).tolist() == [0.0]


def test_ip_star_weighs_classes_by_their_counterfactuals():
    # Class 0 far off (MMD² = 2: nothing in common, each in one spot), class 1 spot on (0), three to one.
    samples = torch.tensor([[0.0], [0.0], [50.0], [50.0]])
    prepared = ReferenceSamples.of(samples, torch.tensor([0, 0, 1, 1]), 2)
    x = torch.tensor([[[100.0]] * 6 + [[50.0]] * 2])
    target = torch.tensor([0] * 6 + [1] * 2)
    assert prepared.ip_star(x, target).tolist() == pytest.approx([2 * 6 / 8])


@pytest.mark.parametrize(
    ("target", "mask", "expected"),
    [
        pytest.param([0, 1], [True, True], NAN, id="one counterfactual in each class"),
        pytest.param([0, 0, 1], [True, True, True], 2.0, id="a class with one is left out"),
        pytest.param([0, 0, 0], [False, False, True], NAN, id="one that counts"),
        pytest.param([0, 0, 0], [False, False, False], NAN, id="none that counts"),
        pytest.param([2, 2, 2], [True, True, True], NAN, id="a class without samples"),
        pytest.param([2, 0, 0], [True, True, True], 2.0, id="a class without samples is left out"),
    ],
)
def test_ip_star_where_classes_are_too_small(target, mask, expected):
    prepared = ReferenceSamples.of(torch.zeros(4, 1), torch.tensor([0, 0, 1, 1]), 3)
    x = torch.full((1, len(target), 1), 100.0)
    found = prepared.ip_star(x, torch.tensor(target), torch.tensor(mask))
    assert found.tolist() == pytest.approx([expected], nan_ok=True)


def test_arms_do_not_see_each_other(scene):
    samples, own, x, target, mask = scene
    prepared = ReferenceSamples.of(samples, own, 3)
    single = [prepared.ip_star(x[[a]], target[[a]], mask[[a]]) for a in range(2)]
    torch.testing.assert_close(prepared.ip_star(x, target, mask), torch.cat(single))


def test_a_class_is_cut_to_the_most_samples_by_its_seed():
    X, y = draw(50, 2), labels(50, k=2)
    first, again, other = (ReferenceSamples.of(X, y, 2, per_class=10, seed=s).samples for s in (1, 1, 2))
    assert [len(s) for s in first] == [10, 10]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    for c, chosen in enumerate(first):
        rows = {tuple(row) for row in X[y == c].double().tolist()}
        assert {tuple(row) for row in chosen.tolist()} <= rows
        assert len({tuple(row) for row in chosen.tolist()}) == 10


# -- the median distance as length scale --------------------------------------------------------------


def test_the_median_is_that_of_all_pairs_of_all_classes():
    X, y = draw(41, 6), labels(41, k=3)
    found = ReferenceSamples.of(X, y, 3).at_median()
    points = X.double().numpy()
    pairs = [math.dist(points[i], points[j]) for i in range(41) for j in range(i)]
    assert found.length_scale == pytest.approx(np.median(pairs))
    x, target = draw(1, 20, 6, seed=1), labels(1, 20, k=3)
    wanted = slow.ip_star(x[0].double().numpy(), target[0].tolist(), [True] * 20, points, y.tolist(), np.median(pairs))
    assert found.ip_star(x, target).item() == pytest.approx(wanted)
    usual = ReferenceSamples.of(X, y, 3)
    assert usual.length_scale == 0.5 and usual.ip_star(x, target) != found.ip_star(x, target)


def test_of_many_samples_the_median_is_taken_of_some_of_each_class(monkeypatch):
    monkeypatch.setattr("ctviz.evaluation.plausibility.MEDIAN_OF", 10)
    X = torch.cat([torch.zeros(30, 1), torch.ones(30, 1)])
    y = torch.arange(60) // 30
    assert ReferenceSamples.of(X, y, 2).at_median().length_scale == 1  # 25 of the 45 pairs lie apart


@pytest.mark.parametrize(
    ("X", "y"),
    [
        pytest.param(torch.zeros(4, 2), torch.tensor([0, 0, 1, 1]), id="all alike"),
        pytest.param(torch.zeros(1, 2), torch.tensor([0]), id="one sample"),
    ],
)
def test_without_a_median_distance_there_is_no_ip_star(X, y):
    found = ReferenceSamples.of(X, y, 2).at_median()
    assert math.isnan(found.length_scale) and found.ip_star(torch.ones(1, 3, 2), torch.zeros(3).long()).isnan().all()


@pytest.mark.parametrize("number", [1, 5, 100])
def test_the_mean_of_the_nearest_agrees_with_sorting(number):
    X, y = draw(40, 3), labels(40, k=2)
    x, target = draw(2, 9, 3, seed=1), labels(2, 9, k=3, seed=2)
    found = ReferenceSamples.of(X, y, 3).mean_of_nearest(x, target, number)
    for arm in range(2):
        for b in range(9):
            real = X[y == target[arm, b]].double().numpy()
            distances = sorted(math.dist(x[arm, b].double().tolist(), sample) for sample in real)[:number]
            wanted = sum(distances) / len(distances) if distances else NAN
            assert found[arm, b].item() == pytest.approx(wanted, nan_ok=True)
