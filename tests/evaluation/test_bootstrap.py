"""Bootstrap intervals against scipy, against loops, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from ctviz.errors import ConfigError
from ctviz.evaluation import bootstrap as module
from ctviz.evaluation import mmd
from ctviz.evaluation.bootstrap import Bootstrap, Estimate, Interval, percentiles
from ctviz.evaluation.plausibility import ReferenceSamples
from tests.reference import bootstrap as slow

N, ROUNDS, SEED = 12, 40, 5
ALL = torch.ones(2, N, dtype=torch.bool)


def rng(seed=0):
    return np.random.default_rng(seed)


def values(m=2, n=N):
    return torch.from_numpy(rng().normal(size=(m, n)))


def test_the_resamples_are_counts_and_the_first_is_the_sample_itself():
    counts = Bootstrap.of(N, ROUNDS, SEED).counts
    assert counts.shape == (1 + ROUNDS, N)
    assert (counts[0] == 1).all() and (counts.sum(dim=1) == N).all()
    assert len(counts.unique(dim=0)) > ROUNDS / 2
    for row, drawn in zip(counts[1:], slow.resamples(N, ROUNDS, SEED), strict=True):
        assert row.tolist() == [list(drawn).count(i) for i in range(N)]


@pytest.mark.parametrize("block", [1, N * 7, N * ROUNDS])
def test_drawn_in_parts_they_are_the_same(block, monkeypatch):
    whole = Bootstrap.of(N, ROUNDS, SEED).counts
    monkeypatch.setattr(module, "BLOCK", block)
    assert torch.equal(Bootstrap.of(N, ROUNDS, SEED).counts, whole)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_interval_of_a_mean_is_scipys(level):
    x = values()
    ours = Bootstrap.of(N, 999, SEED).mean(x, ALL).interval(level)
    for arm in range(2):
        theirs = stats.bootstrap(
            (x[arm].numpy(),), np.mean, confidence_level=level, n_resamples=999, method="percentile",
            rng=np.random.default_rng(SEED),
        ).confidence_interval  # fmt: skip
        assert ours.low[arm] == pytest.approx(theirs.low, abs=1e-12)
        assert ours.high[arm] == pytest.approx(theirs.high, abs=1e-12)
        assert ours.value[arm] == pytest.approx(float(x[arm].mean()))


def test_the_interval_of_a_difference_is_scipys_of_pairs():
    x = values()
    ours = Bootstrap.of(N, 999, SEED).mean(x, ALL).against_first().interval(0.9)
    theirs = stats.bootstrap(
        (x[1].numpy(), x[0].numpy()), lambda a, b, axis: a.mean(axis) - b.mean(axis), paired=True,
        confidence_level=0.9, n_resamples=999, method="percentile", rng=np.random.default_rng(SEED), vectorized=True,
    ).confidence_interval  # fmt: skip
    assert [ours.low[1], ours.high[1]] == pytest.approx([theirs.low, theirs.high], abs=1e-12)
    assert math.isnan(ours.value[0]) and math.isnan(ours.low[0]) and not ours.significant[0]


def test_pairs_are_compared_where_both_count():
    x = values()
    counted = torch.from_numpy(rng(1).random((2, N)) < 0.6)
    x[0, ~counted[0]] = torch.nan
    both = counted[0] & counted[1]
    found = Bootstrap.of(N, ROUNDS, SEED).pairs(x, counted)
    assert float(found.value[1]) == pytest.approx(float((x[1] - x[0])[both].mean()))
    assert bool(found.value[0].isnan()) and bool(found.resampled[:, 0].isnan().all())
    counts = Bootstrap.of(N, ROUNDS, SEED).counts[1:, both]
    slow = (counts * (x[1] - x[0])[both]).sum(1) / counts.sum(1)
    torch.testing.assert_close(found.resampled[:, 1], slow)


def test_pairs_of_all_are_the_difference_of_means():
    bootstrap = Bootstrap.of(N, ROUNDS, SEED)
    ours, theirs = bootstrap.pairs(values(), ALL), bootstrap.mean(values(), ALL).against_first()
    torch.testing.assert_close(ours.value, theirs.value, equal_nan=True)
    torch.testing.assert_close(ours.resampled, theirs.resampled, equal_nan=True)


def test_means_over_what_counts_are_those_of_a_loop():
    x, counted = values(), torch.from_numpy(rng(1).random((2, N)) < 0.6)
    x[0, ~counted[0]] = torch.nan  # what does not count may be anything
    found = Bootstrap.of(N, ROUNDS, SEED).mean(x, counted)
    for arm in range(2):
        assert float(found.value[arm]) == pytest.approx(slow.mean(x[arm], counted[arm]))
        for r, drawn in enumerate(slow.resamples(N, ROUNDS, SEED)):
            expected = slow.mean(x[arm][drawn], counted[arm][drawn])
            assert float(found.resampled[r, arm]) == pytest.approx(expected, nan_ok=True)


def test_rows_of_one_factual_are_drawn_together():
    group = torch.arange(N) // 3
    found = Bootstrap.of(4, ROUNDS, SEED).mean(values(), ALL, group)
    for r, drawn in enumerate(slow.resamples(4, ROUNDS, SEED)):
        rows = [i for g in drawn for i in range(3 * g, 3 * g + 3)]
        assert float(found.resampled[r, 0]) == pytest.approx(float(values()[0, rows].mean()))
    assert float(found.value[0]) == pytest.approx(float(values()[0].mean()))


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    hits = 0
    for seed in range(200):
        x = torch.from_numpy(rng(seed).normal(loc=2.0, size=(1, 60)))
        interval = Bootstrap.of(60, 400, seed).mean(x, torch.ones(1, 60, dtype=torch.bool)).interval(0.9)
        hits += bool(interval.low[0] <= 2.0 <= interval.high[0])
    assert 168 <= hits <= 194  # 180 are expected, with a standard deviation of 4


# -- IP* -------------------------------------------------------------------------------------------


def scattered(m=2, b=N, k=2, seed=3):
    chance = torch.Generator().manual_seed(seed)
    points = torch.randn(m, b, 2, generator=chance)
    targets = torch.randint(0, k, (m, b), generator=chance)
    samples = torch.randn(9, 2, generator=chance) + 1
    labels = torch.arange(9) % k
    return points, targets, ReferenceSamples.of(samples, labels, k)


@pytest.mark.parametrize("k", [2, 3])
def test_ip_star_is_that_of_the_reference_samples_and_every_resample_that_of_a_loop(k):
    points, targets, samples = scattered(k=k)
    counted = torch.from_numpy(rng(2).random((2, N)) < 0.8)
    found = Bootstrap.of(N, ROUNDS, SEED).ip_star(points, targets, counted, samples)
    torch.testing.assert_close(found.value, samples.ip_star(points, targets, counted))
    assert found.value.isfinite().all()
    for arm in range(2):
        for r, drawn in enumerate(slow.resamples(N, ROUNDS, SEED)):
            real = [s.numpy() for s in samples.samples]
            expected = slow.ip_star(drawn, points[arm].numpy(), targets[arm], counted[arm], real, samples.length_scale)
            assert float(found.resampled[r, arm]) == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_ip_star_of_groups_is_that_of_their_rows():
    points, targets, samples = scattered()
    group = torch.arange(N) // 3
    targets = targets[:, :4][:, group]
    found = Bootstrap.of(4, ROUNDS, SEED).ip_star(points, targets, ALL, samples, group)
    torch.testing.assert_close(found.value, samples.ip_star(points, targets))
    real = [x.numpy() for x in samples.samples]
    for r, drawn in enumerate(slow.resamples(4, ROUNDS, SEED)):
        rows = [i for g in drawn for i in range(3 * g, 3 * g + 3)]
        expected = slow.ip_star(rows, points[0].numpy(), targets[0], ALL[0], real, samples.length_scale)
        assert float(found.resampled[r, 0]) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_the_kernel_in_blocks_is_the_same(monkeypatch):
    points, targets, samples = scattered(b=30)
    counted = torch.from_numpy(rng(2).random((2, 30)) < 0.8)
    for n, group in ((30, None), (10, torch.arange(30) // 3)):
        bootstrap, found = Bootstrap.of(n, ROUNDS, SEED), []
        for size in (1 << 21, 100):
            monkeypatch.setattr(mmd, "BLOCK", size)
            found.append(bootstrap.ip_star(points, targets, counted, samples, group).resampled)
        torch.testing.assert_close(*found, rtol=1e-12, atol=1e-14)


def test_the_sample_drawn_again_does_not_look_crowded():
    """The mean over resamples stays near the number itself, which pairs of a point with itself would lift."""
    points, targets, samples = scattered(m=1, b=40)
    all_of_them = torch.ones(1, 40, dtype=torch.bool)
    found = Bootstrap.of(40, 500, SEED).ip_star(points + 2, targets, all_of_them, samples)
    lifted = (1 - 0.1) / 20  # one more pair in twenty of kernel 1
    assert abs(float(found.resampled.mean() - found.value[0])) < lifted / 2


@pytest.mark.parametrize("left", [0, 1])
def test_fewer_than_two_that_count_have_no_numbers(left):
    points, targets, samples = scattered()
    counted = ALL.clone()
    counted[0, left:] = False
    bootstrap = Bootstrap.of(N, ROUNDS, SEED)
    estimates = (bootstrap.mean(values(), counted), bootstrap.ip_star(points, targets, counted, samples))
    for interval in (estimate.interval(0.9) for estimate in estimates):
        for part in (interval.value, interval.low, interval.high):
            assert math.isnan(part[0]) and math.isfinite(part[1])


def test_no_factuals_have_no_numbers():
    bootstrap, none = Bootstrap.of(0, ROUNDS), torch.zeros(2, 0)
    _, _, samples = scattered()
    assert np.isnan(bootstrap.mean(none, none.bool()).interval(0.9).low).all()
    found = bootstrap.ip_star(torch.zeros(2, 0, 2), none.long(), none.bool(), samples)
    assert np.isnan(found.interval(0.9).value).all()


def test_zero_outside_of_the_interval_is_significant():
    interval = Interval(
        *(np.array(x) for x in ([1.0, -1, 0.1, np.nan], [0.5, -2, -0.1, np.nan], [2.0, -0.5, 0.3, np.nan]))
    )
    assert interval.significant.tolist() == [True, True, False, False]


def test_two_values_differ_where_zero_lies_outside_of_the_interval_of_their_difference():
    resampled = torch.tensor([[0.0, 1.0, 0.0], [0.1, 1.1, 0.3], [0.2, 1.2, 0.0]])  # the first minus the last: 0, ∓0.2
    found = Estimate(resampled.mean(dim=0), resampled).differs(0.5)
    assert found.tolist() == [[False, True, False], [True, False, True], [False, True, False]]


def test_resamples_without_a_number_are_left_out():
    resampled = torch.tensor([1.0, torch.nan, 3.0])
    low, high = percentiles(resampled, 0.5)
    assert [float(low), float(high)] == [1.5, 2.5]


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 2.0, math.nan])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ConfigError, match="level"):
        Estimate(torch.zeros(1), torch.zeros(3, 1)).interval(level)


@pytest.mark.parametrize("n", [2, 3, 11, 12])
def test_medians_are_those_of_the_samples_written_out(n):
    bootstrap, x = Bootstrap.of(n, ROUNDS, SEED), torch.from_numpy(rng(2).integers(0, 6, (2, n)).astype(float))
    counted = torch.from_numpy(rng(3).random((2, n)) < 0.7)
    counted[:, :2] = True
    found = bootstrap.median(x, counted)
    for arm in range(2):
        for drawn, median in zip(bootstrap.counts, [found.value[arm], *found.resampled[:, arm]], strict=True):
            written = [x[arm, i].item() for i in range(n) if counted[arm, i] for _ in range(int(drawn[i]))]
            assert (float(median) == np.median(written)) if written else median.isnan()


def test_a_median_needs_two_that_count():
    found = Bootstrap.of(3, ROUNDS, SEED).median(torch.tensor([[1.0, 2.0, 3.0]] * 2), torch.eye(3).bool()[:2])
    assert found.value.isnan().all() and found.resampled.isnan().all()
    assert Bootstrap.of(0, ROUNDS, SEED).median(torch.zeros(2, 0), torch.zeros(2, 0).bool()).value.isnan().all()
