"""The synthetic sets: their geometry, their splits, and settings that are refused."""

from __future__ import annotations

import math
from functools import partial
from itertools import combinations
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import kstest
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.linear_model import LogisticRegression

from ctviz.data import synthetic
from ctviz.data.catalogue import DATASETS, FEATURE_NAMES, DataName, DataSettings, load
from ctviz.errors import ConfigError

PARTS = ("train", "validation", "test")
NAMES = list(DATASETS)
SEEDS = range(12)


def rows(data, part):
    return {tuple(row) for row in getattr(data, part)[0].tolist()}


def centres(data):
    X, y = data.train
    return np.stack([X[y == c].double().mean(0).numpy() for c in range(data.k)])


@st.composite
def any_settings(draw):
    name = draw(st.sampled_from(NAMES))
    k = draw(st.integers(2, 8)) if name == "blobs" else 2
    knob = DATASETS[name].separation
    sizes = {f"n_{part}": draw(st.integers(max(k, 4), 60)) for part in PARTS}
    return DataSettings(
        name=name,
        classes=k,
        noise=draw(st.none() | st.floats(0, 10)),
        separation=draw(st.none() | st.floats(knob.low, knob.high)),
        seed=draw(st.integers(0, 2**31 - 1)),
        **({"correlation": draw(st.floats(-0.95, 0.95))} if name == "gaussians" else {}),
        **sizes,
    )


# -- any settings ----------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(any_settings())
def test_splits_have_their_sizes_and_equal_shares_of_every_class(wanted):
    data = load(wanted)
    assert (data.name, data.k, data.d, data.schema.names) == (wanted.name, wanted.classes, 2, FEATURE_NAMES)
    for part in PARTS:
        X, y = getattr(data, part)
        n = getattr(wanted, f"n_{part}")
        assert (X.dtype, X.shape, y.dtype, y.shape) == (torch.float32, (n, 2), torch.int64, (n,))
        counts = torch.bincount(y, minlength=data.k).tolist()
        assert min(counts) >= 1
        assert max(counts) <= min(counts) + 1


@settings(max_examples=20)
@given(any_settings())
def test_same_settings_same_bits(wanted):
    first, again = load(wanted), load(wanted)
    assert first.schema == again.schema
    for part in PARTS:
        for a, b in zip(getattr(first, part), getattr(again, part), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_another_draw(name):
    draws = [load(DataSettings(name=name, seed=seed)) for seed in (0, 1)]
    assert not rows(draws[0], "train") & rows(draws[1], "train")


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_disjoint_and_mixed(name):
    data = load(DataSettings(name=name, n_train=300, n_validation=200, n_test=100))
    parts = [rows(data, part) for part in PARTS]
    assert [len(p) for p in parts] == [300, 200, 100]
    assert not any(a & b for a, b in combinations(parts, 2))
    y = data.train[1]
    assert int((y[1:] != y[:-1]).sum()) > 100, "classes come in random order, not one after the other"


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_draws_of_the_same_distribution(name):
    # Half circles and rings are laid out along their arc: a split must not be a stretch of it.
    data = load(DataSettings(name=name, n_train=1000, n_validation=1000, n_test=1000))
    for c in range(data.k):
        of_class = [getattr(data, p)[0][getattr(data, p)[1] == c].numpy() for p in PARTS]
        spread = np.concatenate(of_class).std(0)
        for X in of_class:
            assert (abs(X.mean(0) - np.concatenate(of_class).mean(0)) < 5 * spread / math.sqrt(len(X))).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_domain_is_that_of_the_training_split(name):
    data = load(DataSettings(name=name, n_train=50))
    X = data.train[0].double().numpy()
    low, high = data.schema.bounds()
    np.testing.assert_allclose(low, np.minimum(X.min(0), X.mean(0) - 3 * X.std(0)), rtol=1e-5)
    np.testing.assert_allclose(high, np.maximum(X.max(0), X.mean(0) + 3 * X.std(0)), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_as_small_and_as_large_as_allowed(name):
    smallest = load(DataSettings(name=name, n_train=4, n_validation=2, n_test=2))
    assert [sorted(getattr(smallest, p)[1].tolist()) for p in PARTS] == [[0, 0, 1, 1], [0, 1], [0, 1]]
    assert len(load(DataSettings(name=name, n_train=100_000)).train[1]) == 100_000


def test_catalogue_and_settings_know_the_same_sets():
    assert set(get_args(DataName)) == set(DATASETS)


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_speaks_of_every_set(name):
    info = DATASETS[name]
    assert info.title
    assert info.sentence.endswith(".")
    assert "\n" not in info.sentence
    for knob in (info.noise, info.separation):
        assert knob.meaning.endswith(".")
        assert knob.low < knob.high
        assert knob.default is None or knob.low <= knob.default <= knob.high


# -- geometry --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_ls_is_two_tight_clusters_well_apart(seed):
    data = load(DataSettings(name="ls", seed=seed))
    X, y = data.train
    assert [X[y == c].std(0).tolist() for c in (0, 1)] == [pytest.approx([0.5, 0.5], rel=0.1)] * 2
    assert np.linalg.norm(np.subtract(*centres(data))) > 5.9
    assert (abs(centres(data)) < 10.1).all()
    assert LogisticRegression().fit(*data.train).score(*data.test) == 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_ol_is_two_wide_clusters_that_a_line_parts_in_part(seed):
    data = load(DataSettings(name="ol", seed=seed))
    X, y = data.train
    assert [X[y == c].std(0).tolist() for c in (0, 1)] == [pytest.approx([2, 2], rel=0.1)] * 2
    assert 0.72 < LogisticRegression().fit(*data.train).score(*data.test) < 0.95


def test_circles_without_noise_are_rings_of_radius_1_and_001():
    data = load(DataSettings(name="circles", noise=0))
    X, y = data.train
    np.testing.assert_allclose(X[y == 0].norm(dim=1), 1, rtol=1e-5)
    np.testing.assert_allclose(X[y == 1].norm(dim=1), 0.01, rtol=1e-4)


def test_moons_without_noise_are_half_circles():
    data = load(DataSettings(name="moons", noise=0))
    X, y = data.train
    upper, lower = X[y == 0], X[y == 1]
    np.testing.assert_allclose(upper.norm(dim=1), 1, rtol=1e-5)
    assert (upper[:, 1] >= -1e-6).all()
    np.testing.assert_allclose((lower - torch.tensor([1.0, 0.5])).norm(dim=1), 1, rtol=1e-5)
    assert (lower[:, 1] <= 0.5 + 1e-6).all()


@pytest.mark.parametrize(("name", "own"), [("circles", 0.15), ("moons", 0.1), ("ls", 0.5), ("ol", 2.0), ("blobs", 1.0)])
@pytest.mark.parametrize("noise", [None, 0.4])
def test_noise_is_a_standard_deviation(name, own, noise):
    # The same seed without noise draws the same points: what is left is the noise.
    quiet, loud = (load(DataSettings(name=name, noise=n)).train for n in (0.0, noise))
    left = loud[0] - quiet[0]
    assert torch.equal(quiet[1], loud[1])
    assert float(left.std()) == pytest.approx(noise or own, rel=0.1)
    assert abs(float(left.mean())) < 0.1 * (noise or own)


@pytest.mark.parametrize("k", [2, 5, 8])
def test_blobs_lie_at_least_four_deviations_apart(k):
    for seed in range(5):
        data = load(DataSettings(name="blobs", classes=k, noise=0, seed=seed))
        X, y = data.train
        assert all(float(X[y == c].std(0).max()) < 1e-5 for c in range(k)), "no noise, no spread"
        assert pdist(centres(data)).min() >= 4 - 1e-4


@pytest.mark.parametrize(("name", "std"), [("ls", 0.5), ("ol", 2.0), ("blobs", 1.0)])
@pytest.mark.parametrize("separation", [0.5, 3.0, 10.0])
def test_separation_of_clusters_scales_their_centres(name, std, separation):
    k = 4 if name == "blobs" else 2
    own = centres(load(DataSettings(name=name, classes=k, noise=0)))
    moved = centres(load(DataSettings(name=name, classes=k, noise=0, separation=separation)))
    assert pdist(moved).min() == pytest.approx(separation * std, rel=1e-4)
    np.testing.assert_allclose(moved.mean(0), own.mean(0), atol=1e-4)
    ratio = pdist(moved) / pdist(own)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


@pytest.mark.parametrize("name", ["ls", "ol", "blobs"])
def test_noise_does_not_move_the_centres(name):
    quiet, loud = (centres(load(DataSettings(name=name, noise=n, n_train=20_000))) for n in (0.0, 1.0))
    np.testing.assert_allclose(quiet, loud, atol=0.06)


def test_separation_of_circles_is_the_gap_between_the_rings():
    data = load(DataSettings(name="circles", noise=0, separation=0.3))
    X, y = data.train
    np.testing.assert_allclose(X[y == 1].norm(dim=1), 0.7, rtol=1e-5)


def test_separation_of_moons_is_extra_height_between_them():
    own, apart = (load(DataSettings(name="moons", noise=0, separation=s)) for s in (None, 2.0))
    shift = apart.train[0] - own.train[0]
    expected = torch.where(own.train[1] == 0, 1.0, -1.0)
    torch.testing.assert_close(shift, torch.stack([torch.zeros_like(expected), expected], dim=1))


# -- settings that are refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        pytest.param({"name": "mnist"}, "name", id="unknown set"),
        pytest.param({"name": "moons", "classes": 3}, "classes", id="moons of three classes"),
        pytest.param({"name": "blobs", "classes": 9}, "classes", id="too many classes"),
        pytest.param({"name": "blobs", "classes": 1}, "classes", id="one class"),
        pytest.param({"n_train": 3}, "n_train", id="too few samples"),
        pytest.param({"n_train": 100_001}, "n_train", id="too many samples"),
        pytest.param({"n_train": 10.5}, "n_train", id="half a sample"),
        pytest.param({"name": "blobs", "classes": 6, "n_train": 5}, "n_train", id="fewer samples than classes"),
        pytest.param({"name": "blobs", "classes": 6, "n_validation": 5}, "n_validation", id="validation too small"),
        pytest.param({"name": "blobs", "classes": 6, "n_test": 5}, "n_test", id="test too small"),
        pytest.param({"noise": -0.1}, "noise", id="negative noise"),
        pytest.param({"noise": math.nan}, "noise", id="noise not a number"),
        pytest.param({"noise": math.inf}, "noise", id="infinite noise"),
        pytest.param({"name": "circles", "separation": 0}, "separation", id="circles without a gap"),
        pytest.param({"name": "circles", "separation": 1}, "separation", id="circles with nothing inside"),
        pytest.param({"name": "ls", "separation": 41}, "separation", id="clusters too far apart"),
        pytest.param({"name": "moons", "separation": -1}, "separation", id="negative separation"),
        pytest.param({"name": "moons", "separation": math.nan}, "separation", id="separation not a number"),
        pytest.param({"seed": -1}, "seed", id="negative seed"),
        pytest.param({"seed": 2**31}, "seed", id="seed too large"),
        pytest.param({"samples": 10}, "samples", id="unknown setting"),
    ],
)
def test_bad_settings_name_their_field(values, field):
    with pytest.raises(ConfigError) as error:
        DataSettings(**values)
    assert error.value.field == field
    assert str(error.value).startswith(f"{field} is ")
    assert "\n" not in str(error.value)


def gaussian(n=40_000, **changes):
    X, y = load(DataSettings(name="gaussians", n_train=n, **changes)).train
    return [X[y == c].double().numpy() for c in (0, 1)]


@pytest.mark.parametrize("rho", [-0.95, -0.5, 0.0, 0.3, 0.95])
def test_gaussians_have_one_covariance_with_unit_variances_and_the_correlation_asked_for(rho):
    for cloud in gaussian(correlation=rho):
        np.testing.assert_allclose(np.cov(cloud.T), [[1, rho], [rho, 1]], atol=0.03)


@pytest.mark.parametrize(("signal", "separation"), [(None, None), (0, 3), (1.5, 0), (4, 2)])
def test_gaussians_lie_as_far_apart_in_each_feature_as_asked_for(signal, separation):
    low, high = gaussian(signal=signal, separation=separation, correlation=0.4)
    expected = [2.0 if given is None else given for given in (signal, separation)]
    np.testing.assert_allclose(high.mean(0) - low.mean(0), expected, atol=0.04)
    np.testing.assert_allclose(high.mean(0) + low.mean(0), 0, atol=0.04)


def test_the_noise_of_gaussians_scales_their_covariance_and_leaves_the_means():
    low, high = gaussian(noise=0.5, correlation=0.6, signal=3.0)
    np.testing.assert_allclose(np.cov(low.T), [[0.25, 0.15], [0.15, 0.25]], atol=0.01)
    np.testing.assert_allclose(high.mean(0) - low.mean(0), [3, 2], atol=0.03)
    still, _ = gaussian(n=10, noise=0.0)
    np.testing.assert_array_equal(still, np.full((5, 2), -1.0))


def test_gaussians_are_normal():
    for cloud in gaussian(correlation=0.5):
        assert kstest((cloud[:, 0] - cloud[:, 0].mean()) / cloud[:, 0].std(), "norm").pvalue > 1e-3
        across = cloud @ [0.6, -0.8]
        assert kstest((across - across.mean()) / across.std(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gaussians"])
@pytest.mark.parametrize("setting", [{"correlation": 0.5}, {"signal": 1.0}], ids=str)
def test_other_sets_have_no_covariance_to_choose(name, setting):
    with pytest.raises(ConfigError, match="only gaussians"):
        DataSettings(name=name, **setting)


# -- beside scikit-learn ---------------------------------------------------------------------------------


def by_class(X, y):
    return X[np.argsort(y, kind="stable")]


@pytest.mark.parametrize("noise", [0.0, 0.15, 2.0])
@pytest.mark.parametrize("counts", [(1, 1), (7, 30), (400, 399)])
def test_what_is_written_out_here_has_the_bits_of_scikit_learn(counts, noise):
    shape = synthetic.DrawSettings(noise, separation=None)
    seed = int(np.random.default_rng(3).integers(2**31))
    for ours, theirs in ((synthetic.circles, partial(make_circles, factor=0.01)), (synthetic.moons, make_moons)):
        expected = by_class(*theirs(counts, noise=noise, random_state=seed))
        np.testing.assert_array_equal(ours(counts, shape, np.random.default_rng(3)), expected)
    rng = np.random.default_rng(3)
    centers = synthetic._centres(2, 4, np.inf, rng)
    X, y = make_blobs(counts, centers=centers, cluster_std=noise, random_state=int(rng.integers(2**31)))
    np.testing.assert_array_equal(synthetic.blobs(1.0, 4)(counts, shape, np.random.default_rng(3)), by_class(X, y))
