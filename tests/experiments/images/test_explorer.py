"""Digits and the models of a small trained run, against plain modules and captum's own numbers; and what is refused."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.stats import binomtest

import ctviz
from ctviz import AttributionSettings, ConfigError, DataError, Experiment, SearchSettings
from ctviz.data.kinds import PICTURES
from ctviz.evaluation.attribution import METHODS, share, standardised, uniform_baselines
from ctviz.evaluation.bootstrap import Bootstrap
from ctviz.evaluation.ends import metrics_of
from ctviz.evaluation.wilson import wilson
from ctviz.experiments import run_explorer as module
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.models.stack import Stack
from tests.experiments.pictures import EXPERIMENT, FREE, FULL, GRID, ROWS, VANILLA, D, K, M, run
from tests.reference import images as slow

SEARCH = SearchSettings(generator="eccco", tau=0.5, steps=12, step_size=1.5)
LOCKED = np.r_[0:140, 644:784]


def modules(epoch=-1):
    _, snapshots = run()
    stack = Stack.from_weights(snapshots[epoch].weights, EXPERIMENT.model, GRID)
    return [stack.module(arm) for arm in range(M)]


def digits(count=6, seed=0):
    explorer, snapshots = run()
    picked = explorer.pick("random", count, seed)
    return explorer, snapshots[-1], picked


def answers(model, X):
    with torch.no_grad():
        return model(torch.from_numpy(np.asarray(X))).softmax(-1).numpy()


# -- what is locked ----------------------------------------------------------------------------------


def test_locked_pixels_are_those_of_the_arms_that_train_on_counterfactuals():
    explorer, _ = run()
    expected = np.zeros(D, dtype=bool)
    expected[LOCKED] = True
    np.testing.assert_array_equal(explorer.locked, expected)
    np.testing.assert_array_equal(explorer.locked_of("full"), expected)
    assert not explorer.locked_of(VANILLA).any() and not explorer.locked_of("free").any()
    with pytest.raises(ConfigError, match="arm"):
        explorer.locked_of("nobody")
    with pytest.raises(ConfigError, match="arm"):
        explorer.locked_of(3)


def test_where_no_arm_trains_on_counterfactuals_any_lock_counts():
    explorer = ImageExplorer(EXPERIMENT.replace({"arms": "vanilla", "arms.vanilla.locked": ["columns 28"]}))
    assert explorer.locked.reshape(GRID)[:, 27].all() and explorer.locked.sum() == 28


# -- picking ------------------------------------------------------------------------------------------


def test_random_ones_and_those_of_a_class():
    explorer, _, picked = digits(20)
    X, y = explorer.data.test
    np.testing.assert_array_equal(picked.X, X[picked.index])
    np.testing.assert_array_equal(picked.y, y[picked.index])
    assert len(picked) == 20 and len(set(picked.index.tolist())) == 20
    fives = explorer.pick("class5", 8)
    assert (fives.y == 5).all() and len(fives) == 8
    assert len(explorer.pick("class5", 10_000)) == int((y == 5).sum())
    assert explorer.pick("class5", 8, seed=1).index.tolist() != fives.index.tolist()
    assert explorer.pick("class5", 8).index.tolist() == fives.index.tolist()


def test_hard_ones_are_got_wrong_by_some_model_and_the_hardest_come_first():
    explorer, snapshots = run()
    X, y = (part.numpy() for part in explorer.data.test)
    said = np.stack([answers(model, X) for model in modules()])
    wrong = (said.argmax(-1) != y).any(0)
    hard = explorer.pick("hard", 10, snapshot=snapshots[-1])
    assert wrong[hard.index].all()
    own = said[:, np.arange(len(y)), y].min(0)
    assert (np.diff(own[hard.index]) >= -1e-6).all()
    every = explorer.pick("hard", int(wrong.sum()), snapshot=snapshots[-1])
    assert set(every.index.tolist()) == set(np.flatnonzero(wrong).tolist())
    more = explorer.pick("hard", int(wrong.sum()) + 5, snapshot=snapshots[-1])
    assert set(every.index.tolist()) < set(more.index.tolist()) and len(more) == int(wrong.sum()) + 5
    assert len(explorer.pick("hard", 0, snapshot=snapshots[-1])) == 0


@pytest.mark.parametrize(
    ("kind", "count", "match"),
    [("easy", 3, "kind"), ("class10", 3, "kind"), ("random", -1, "count"), ("hard", 3, "snapshot")],
)
def test_kinds_that_there_are_not(kind, count, match):
    with pytest.raises(ConfigError, match=match):
        run()[0].pick(kind, count)


def test_a_class_that_no_test_digit_is_of():
    explorer = ImageExplorer(EXPERIMENT)
    X, y = explorer.data.test
    explorer.data = dataclasses.replace(explorer.data, test=(X[y != 3], y[y != 3]))
    with pytest.raises(DataError, match="picture of 3"):
        explorer.pick("class3", 1)
    means = explorer.class_means(run()[1][-1], AttributionSettings(method="saliency"), per_class=2)
    assert means.counts.tolist() == [2, 2, 2, 0, 2, 2, 2, 2, 2, 2] and means.samples == 18
    assert np.isnan(means.mean[:, 3]).all() and np.isfinite(means.mean[:, means.counts > 0]).all()


# -- probabilities and attributions ---------------------------------------------------------------------


def test_probabilities_are_those_of_plain_modules():
    explorer, snapshot, picked = digits(9)
    found = explorer.probabilities(snapshot, picked.X)
    assert found.shape == (M, 9, K) and found.dtype == np.float32
    np.testing.assert_allclose(found, [answers(model, picked.X) for model in modules()], atol=1e-5)
    assert explorer.probabilities(snapshot, np.zeros((0, D))).shape == (M, 0, K)


@pytest.mark.parametrize("method", METHODS)
def test_attributions_of_every_method(method):
    explorer, snapshot, picked = digits()
    settings = AttributionSettings(method=method, steps=10)
    found = explorer.attribute(snapshot, picked.X, settings)
    assert found.values.shape == (M, 6, D) and found.values.dtype == np.float32
    assert np.isfinite(found.values).all() and (found.values != 0).any()
    np.testing.assert_array_equal(found.classes, explorer.probabilities(snapshot, picked.X).argmax(-1))
    assert np.isfinite(found.error).all() == METHODS[method].complete
    again = explorer.attribute(snapshot, picked.X, settings)
    np.testing.assert_array_equal(again.values, found.values)


def test_on_a_trained_model_they_add_up():
    explorer, snapshot, picked = digits(30)
    found = explorer.attribute(snapshot, picked.X)
    start = uniform_baselines(1, D).numpy()
    for arm, model in enumerate(modules()):
        with torch.no_grad():
            high, low = (model(torch.from_numpy(x)).numpy() for x in (picked.X, start))
        change = high[np.arange(30), found.classes[arm]] - low[0, found.classes[arm]]
        np.testing.assert_allclose(found.values[arm].sum(-1) - change, found.error[arm], atol=1e-4)
        assert np.abs(found.error[arm]).mean() < 0.02 * np.abs(change).mean()


def test_a_digits_attributions_do_not_depend_on_the_others():
    explorer, snapshot, picked = digits()
    together = explorer.attribute(snapshot, picked.X)
    alone = explorer.attribute(snapshot, picked.X[4:5])
    np.testing.assert_allclose(alone.values[:, 0], together.values[:, 4], atol=1e-6)
    np.testing.assert_array_equal(together.baselines, np.repeat(alone.baselines, 6, axis=0))


def test_classes_may_be_chosen():
    explorer, snapshot, picked = digits(4)
    one = explorer.attribute(snapshot, picked.X, classes=3)
    same = explorer.attribute(snapshot, picked.X, classes=np.full((M, 4), 3))
    np.testing.assert_array_equal(one.values, same.values)
    each = explorer.attribute(snapshot, picked.X, classes=np.arange(4))
    np.testing.assert_allclose(each.values[:, 3], one.values[:, 3], atol=1e-6)
    assert not np.allclose(each.values[:, 0], one.values[:, 0])


def test_history_is_what_every_epoch_says():
    explorer, snapshots = run()
    x = explorer.pick("random", 1).X[0]
    for method in ("integrated_gradients", "deep_lift", "gradient_shap"):
        settings = AttributionSettings(method=method, steps=8, seed=3)
        history = explorer.attribute_history(snapshots, x, settings)
        assert history.values.shape == (len(snapshots), M, D)
        assert history.epochs == tuple(snapshot.epoch for snapshot in snapshots)
        for e, snapshot in enumerate(snapshots):
            one = explorer.attribute(snapshot, x[None], settings)
            np.testing.assert_allclose(history.values[e], one.values[:, 0], atol=1e-5)
            np.testing.assert_array_equal(history.classes[e], one.classes[:, 0])
            np.testing.assert_allclose(history.error[e], one.error[:, 0], atol=1e-5)
    chosen = explorer.attribute_history(snapshots, x, classes=np.array([7]))
    assert (chosen.classes == 7).all()


def test_a_convolutional_network_is_asked_alike():
    explorer, snapshots = run((2,))
    picked = explorer.pick("random", 3)
    for method in METHODS:
        found = explorer.attribute(snapshots[-1], picked.X, AttributionSettings(method=method, steps=30))
        assert found.values.shape == (M, 3, D) and (found.values != 0).any()
    found = explorer.attribute(snapshots[-1], picked.X)
    assert np.abs(found.error).mean() < 0.05 * np.abs(found.values).sum(-1).mean()
    assert explorer.counterfactuals(snapshots[-1], picked.X, [0, 1, 2], SEARCH).points.shape == (M, 3, 13, D)
    assert explorer.fool(snapshots[-1], picked.X, picked.y, [0.0, 0.1]).points.shape == (M, 2, 3, D)


# -- means over classes -------------------------------------------------------------------------------


def test_class_means_are_means_of_attributions():
    explorer, snapshots = run()
    settings = AttributionSettings(method="saliency")
    means = explorer.class_means(snapshots[-1], settings, per_class=4)
    assert means.samples == 40 and (means.counts == 4).all()
    assert means.mean.shape == means.signed.shape == (M, K, D)
    assert means.rows.value.shape == (M, 28) and np.isnan(means.error).all()
    X, y = explorer.data.test
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    rows = torch.cat([order[y[order] == c][:4] for c in range(K)])
    values = torch.from_numpy(explorer.attribute(snapshots[-1], X[rows].numpy(), settings).values)
    scaled = standardised(values).numpy()
    for c in range(K):
        own = (y[rows] == c).numpy()
        np.testing.assert_allclose(means.mean[:, c], scaled[:, own].mean(1), atol=1e-5)
        np.testing.assert_allclose(means.signed[:, c], values.numpy()[:, own].mean(1), atol=1e-5)
    parts = share(values).numpy()
    np.testing.assert_allclose(means.share.value, parts[..., LOCKED].sum(-1).mean(-1), atol=1e-6)
    np.testing.assert_allclose(means.standardised.value, scaled[..., LOCKED].mean((-1, -2)), atol=1e-6)
    np.testing.assert_allclose(means.rows.value, parts.reshape(M, 40, 28, 28).sum(-1).mean(1), atol=1e-6)
    np.testing.assert_allclose(means.rows.value.sum(-1), 1)


def test_their_intervals_are_those_of_pairs():
    explorer, snapshots = run()
    settings = AttributionSettings(method="saliency")
    means = explorer.class_means(snapshots[-1], settings, per_class=4, level=0.9)
    assert math.isnan(means.difference.value[0]) and np.isnan(means.row_difference.value[0]).all()
    np.testing.assert_allclose(means.difference.value[1:], means.share.value[1:] - means.share.value[0], atol=1e-12)
    for interval in (means.share, means.rows, means.standardised):
        assert (interval.low <= interval.value).all() and (interval.value <= interval.high).all()
    # By hand: resample the digits, take the difference of the arms' means on the same ones.
    X, y = explorer.data.test
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    rows = torch.cat([order[y[order] == c][:4] for c in range(K)])
    values = torch.from_numpy(explorer.attribute(snapshots[-1], X[rows].numpy(), settings).values)
    on_locked = share(values)[..., LOCKED].sum(-1).numpy()
    counts = Bootstrap.of(40, 1000, 0).counts[1:].numpy()
    drawn = (counts @ (on_locked[FULL] - on_locked[VANILLA])) / 40
    ends = np.quantile(drawn, [0.05, 0.95])
    np.testing.assert_allclose([means.difference.low[FULL], means.difference.high[FULL]], ends, atol=1e-6)


def test_random_baselines_differ_from_digit_to_digit_there_and_the_error_is_told():
    explorer, snapshots = run()
    means = explorer.class_means(snapshots[-1], AttributionSettings(steps=20), per_class=2)
    assert (means.error < 0.05).all() and (means.error > 0).all()
    one = explorer.class_means(snapshots[-1], AttributionSettings(steps=20, seed=1), per_class=2)
    assert not np.allclose(one.share.value, means.share.value)
    again = explorer.class_means(snapshots[-1], AttributionSettings(steps=20), per_class=2)
    np.testing.assert_array_equal(again.mean, means.mean)


def test_where_nothing_is_locked_there_is_no_share():
    explorer = ImageExplorer(EXPERIMENT.replace({"arms.full.locked": []}))
    means = explorer.class_means(run()[1][-1], AttributionSettings(method="saliency"), per_class=1)
    for interval in (means.share, means.difference, means.standardised, means.standardised_difference):
        assert np.isnan(interval.value).all() and not interval.significant.any()
    assert np.isfinite(means.rows.value).all()


@pytest.mark.parametrize(("changes", "match"), [({"per_class": 0}, "per_class"), ({"per_class": 201}, "per_class")])
def test_means_of_too_few_or_too_many(changes, match):
    with pytest.raises(ConfigError, match=match):
        run()[0].class_means(run()[1][-1], **changes)


# -- counterfactuals ----------------------------------------------------------------------------------


def traced(**changes):
    explorer, snapshot, picked = digits(8)
    settings = SearchSettings(**{**SEARCH.model_dump(), **changes})
    return explorer, picked, explorer.counterfactuals(snapshot, picked.X, (picked.y + 1) % K, settings)


@pytest.mark.parametrize("generator", ["eccco", "generic", "nearest", "dice"])
def test_paths_begin_at_the_digit_keep_locks_and_stay_after_their_end(generator):
    _, picked, trace = traced(generator=generator, per_factual=2)
    b = len(trace)
    assert b == (16 if generator == "dice" else 8) and trace.points.shape == (M, b, 13, D)
    np.testing.assert_array_equal(trace.points[:, :, 0], np.broadcast_to(picked.X[trace.group], (M, b, D)))
    moved = trace.points != trace.points[:, :, :1]
    assert not moved[FULL][..., LOCKED].any(), "locked pixels never change"
    assert moved[VANILLA][..., LOCKED].any() and moved[FREE][..., LOCKED].any()
    assert (np.abs(trace.points) <= 1).all()
    for arm, i in np.ndindex(M, b):
        for values in (trace.points, trace.probability):
            rest = values[arm, i, trace.steps[arm, i] :]
            assert (rest == rest[0]).all()


def test_what_is_told_of_a_trace():
    _, picked, trace = traced()
    rows = np.arange(8)
    for arm, model in enumerate(modules()):
        said = np.stack([answers(model, trace.points[arm, i])[:, trace.targets[i]] for i in rows])
        np.testing.assert_allclose(trace.probability[arm], said, atol=1e-5)
        np.testing.assert_array_equal(trace.predicted[arm], answers(model, picked.X).argmax(-1))
        np.testing.assert_array_equal(trace.predicted_final[arm], answers(model, trace.final[arm]).argmax(-1))
    np.testing.assert_array_equal(trace.valid, trace.predicted_final == trace.targets)
    change = trace.final.astype(float) - picked.X
    np.testing.assert_allclose(trace.cost, np.abs(change).sum(-1), atol=1e-6)
    for arm, i in ((0, 0), (1, 3), (2, 7)):
        assert trace.variation[arm, i] == pytest.approx(slow.total_variation(change[arm, i], GRID))
        assert trace.start_variation[i] == pytest.approx(slow.total_variation(picked.X[i], GRID))
    assert (trace.mature == (trace.probability[..., -1] >= SEARCH.tau)).all() and trace.mature.any()


def test_the_path_is_that_of_the_public_search():
    explorer, picked, trace = traced()
    options = {"generator": "eccco", "tau": 0.5, "steps": 12, "step_size": 1.5, "epsilon": 0.3}
    for arm, model in enumerate(modules()):
        locked = ROWS if arm == FULL else ()
        found = ctviz.search(model, picked.X, trace.targets, schema=explorer.data.schema.constrain(locked), **options)
        np.testing.assert_allclose(found.path.transpose(0, 1), trace.points[arm], atol=1e-4)


def test_no_digits_have_no_paths():
    explorer, snapshots = run()
    trace = explorer.counterfactuals(snapshots[-1], np.zeros((0, D)), [], SEARCH)
    assert trace.points.shape == (M, 0, 13, D) and trace.cost.shape == trace.predicted.shape == (M, 0)


@given(st.integers(0, 2**20), st.integers(0, 2**31))
@hypothesis_settings(max_examples=8)
def test_any_painted_lock_holds(bits, seed):
    mask = np.random.default_rng(bits).random(D) < 0.5
    explorer = painted(bits, mask)
    picked = explorer.pick("random", 3, seed)
    trace = explorer.counterfactuals(run()[1][-1], picked.X, (picked.y + 1) % K, SEARCH)
    assert (trace.points[FULL][..., mask] == picked.X[:, None][..., mask]).all()


def painted(bits, mask):
    from ctviz.data.schema import mask_ref

    return ImageExplorer(EXPERIMENT.replace({"arms.full.locked": [mask_ref(mask)]}))


# -- numbers of many ----------------------------------------------------------------------------------


def searched(explorer, snapshot, count, seed):
    """The searches that the numbers are of, and which of them count."""
    X, y = explorer.data.test
    chance = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(y), generator=chance)[:count]
    targets = (y[rows] + torch.randint(1, K, (count,), generator=chance)) % K
    assert not (targets == y[rows]).any()
    trace = explorer.counterfactuals(snapshot, X[rows].numpy(), targets.numpy(), SEARCH)
    return trace, trace.predicted != trace.targets


def test_numbers_are_those_of_the_searches():
    explorer, snapshots = run()
    numbers = explorer.counterfactual_numbers(snapshots[-1], SEARCH, count=60, seed=2)
    assert set(numbers.metrics) == set(numbers.differences) == set(metrics_of(PICTURES)) and numbers.samples == 60
    trace, judged = searched(explorer, snapshots[-1], 60, seed=2)
    np.testing.assert_array_equal(numbers.judged, judged.sum(1))
    real, labels = (part.numpy().astype(float) for part in explorer.data.validation)
    for arm in range(M):
        counted = judged[arm] & trace.valid[arm]
        value = {name: interval.value[arm] for name, interval in numbers.metrics.items()}
        assert value["validity"] == pytest.approx(trace.valid[arm][judged[arm]].mean())
        assert value["mature"] == pytest.approx(trace.mature[arm][judged[arm]].mean())
        assert value["steps"] == pytest.approx(trace.steps[arm][judged[arm]].mean())
        assert value["cost"] == pytest.approx(trace.cost[arm][counted].mean())
        assert value["change_variation"] == pytest.approx(trace.variation[arm][counted].mean())
        assert value["roughness"] == pytest.approx((trace.variation / trace.cost)[arm][counted].mean())
        looks = [slow.total_variation(x, GRID) for x in trace.final[arm][counted][:40]]
        if counted.sum() <= 40:
            assert value["variation"] == pytest.approx(np.mean(looks))
        away = [
            np.abs(real[labels == target] - x).sum(-1).mean()
            for x, target in zip(trace.final[arm][judged[arm]], trace.targets[judged[arm]], strict=True)
        ]
        assert value["ip"] == pytest.approx(np.mean(away))


def test_their_differences_are_to_the_first_arm_where_both_count():
    explorer, snapshots = run()
    numbers = explorer.counterfactual_numbers(snapshots[-1], SEARCH, count=60, seed=2)
    for name, difference in numbers.differences.items():
        assert math.isnan(difference.value[0]), name
        assert (difference.low[1:] <= difference.high[1:]).all()
    trace, judged = searched(explorer, snapshots[-1], 60, seed=2)
    for arm in range(1, M):
        both = judged[0] & judged[arm]
        expected = (trace.steps[arm] - trace.steps[0])[both].mean()
        assert numbers.differences["steps"].value[arm] == pytest.approx(expected)
        both &= trace.valid[0] & trace.valid[arm]
        expected = (trace.cost[arm] - trace.cost[0])[both].mean()
        assert numbers.differences["cost"].value[arm] == pytest.approx(expected, nan_ok=True)
    several = explorer.counterfactual_numbers(
        snapshots[-1], SearchSettings(generator="dice", per_factual=2, steps=3, tau=0.5), count=10
    )
    assert several.samples == 10 and (several.judged <= 20).all() and (several.judged > 10).any()


def test_endpoints_of_chosen_digits_are_measured_as_those_at_random():
    explorer, snapshots = run()
    picked = explorer.pick("random", 12)
    trace = explorer.counterfactuals(snapshots[-1], picked.X, (picked.y + 1) % K, SEARCH)
    found = explorer.endpoints(trace)
    assert tuple(found.metrics) == tuple(found.differences) == metrics_of(PICTURES)
    assert (found.judged == trace.judged.sum(axis=1)).all() and found.points is not None
    for arm in range(M):
        valid = trace.judged[arm] & trace.valid[arm]
        assert found.metrics["validity"].value[arm] == pytest.approx(valid.sum() / trace.judged[arm].sum())
        if valid.sum() > 1:
            assert found.metrics["cost"].value[arm] == pytest.approx(trace.cost[arm, valid].mean())


def test_what_always_holds_has_an_interval_too():
    explorer, snapshots = run()
    numbers = explorer.counterfactual_numbers(snapshots[-1], SEARCH, count=60)
    for name in ("validity", "mature"):
        interval, value = numbers.metrics[name], numbers.metrics[name].value
        expected = [
            binomtest(round(p * n), int(n)).proportion_ci(0.99, "wilson")
            for p, n in zip(value, numbers.judged, strict=True)
        ]
        np.testing.assert_allclose(interval.low, [ends.low for ends in expected], atol=1e-9)
        np.testing.assert_allclose(interval.high, [ends.high for ends in expected], atol=1e-9)
    several = SearchSettings(generator="dice", per_factual=2, steps=3, tau=0.5)
    found = explorer.counterfactual_numbers(snapshots[-1], several, count=10).metrics["validity"]
    alone = wilson(found.value, np.full(M, 10.0), 0.99)
    assert (found.high - found.low >= alone.high - alone.low - 1e-9).all(), "two searches of a digit are not two digits"


# -- attacks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_fooled_digits_stay_within_reach_and_the_answers_are_theirs(attack):
    explorer, snapshot, picked = digits(4)
    found = explorer.fool(snapshot, picked.X, picked.y, (0.0, 0.1), attack)
    assert found.points.shape == (M, 2, 4, D) and found.probabilities.shape == (M, 2, 4, K)
    np.testing.assert_array_equal(found.points[:, 0], np.broadcast_to(picked.X, (M, 4, D)))
    moved = np.abs(found.points[:, 1] - picked.X)
    assert moved.max() <= 0.1 + 1e-6 and moved.max() > 0.09 and (np.abs(found.points) <= 1).all()
    for arm, model in enumerate(modules()):
        np.testing.assert_allclose(found.probabilities[arm, 1], answers(model, found.points[arm, 1]), atol=1e-5)
    own = found.probabilities[:, :, np.arange(4), picked.y]
    assert (own[:, 1] < own[:, 0]).all()


def test_each_model_may_be_talked_out_of_its_own_answer():
    explorer, snapshot, picked = digits(3)
    own = np.stack([picked.y, (picked.y + 1) % K, picked.y])
    found = explorer.fool(snapshot, picked.X, own, [0.1])
    shared = explorer.fool(snapshot, picked.X, picked.y, [0.1])
    other = explorer.fool(snapshot, picked.X, own[1], [0.1])
    np.testing.assert_array_equal(found.points[[0, 2]], shared.points[[0, 2]])
    np.testing.assert_array_equal(found.points[1], other.points[1])
    assert (found.points[1] != shared.points[1]).any()
    with pytest.raises(DataError, match="y has shape"):
        explorer.fool(snapshot, picked.X, own[:2], [0.1])


def test_pixels_may_leave_their_range_where_that_is_asked_for():
    explorer, snapshot, picked = digits(4)
    assert np.abs(explorer.fool(snapshot, picked.X, picked.y, [0.1], within=False).points).max() > 1.05
    inside, outside = (explorer.robustness(snapshot, [0.05], within=within) for within in (True, False))
    assert (outside.accuracy.value <= inside.accuracy.value).all()
    assert (outside.accuracy.value < inside.accuracy.value).any()


def test_robustness_begins_at_clean_accuracy_and_falls():
    explorer, snapshots = run()
    found = explorer.robustness(snapshots[-1], (0.0, 0.02, 0.1), level=0.9)
    X, y = (part.numpy() for part in explorer.data.test)
    clean = [(answers(model, X).argmax(-1) == y).mean() for model in modules()]
    np.testing.assert_allclose(found.accuracy.value[:, 0], clean)
    assert found.samples == 300 and (np.diff(found.accuracy.value) <= 0).all()
    assert (found.accuracy.low <= found.accuracy.value).all() and (found.accuracy.value <= found.accuracy.high).all()
    value = found.accuracy.value
    np.testing.assert_allclose(found.difference.value[1:], value[1:] - value[0], atol=1e-12)
    assert np.isnan(found.difference.value[0]).all()
    fewer = explorer.robustness(snapshots[-1], (0.0,), samples=50)
    assert fewer.samples == 50


# -- the same bits, and what is refused ------------------------------------------------------------------


def test_twice_the_same_bits_and_no_random_stream_is_moved():
    explorer, snapshot, picked = digits()
    torch.manual_seed(3)
    before = torch.get_rng_state()

    def ask(of):
        return [
            of.class_means(snapshot, AttributionSettings(method="gradient_shap", steps=3), per_class=2),
            of.counterfactuals(snapshot, picked.X, (picked.y + 1) % K, SEARCH),
            of.counterfactual_numbers(snapshot, SEARCH, count=10),
            of.fool(snapshot, picked.X, picked.y, [0.1]),
            of.robustness(snapshot, [0.1], samples=20),
        ]

    for one, two in zip(ask(explorer), ask(ImageExplorer(EXPERIMENT)), strict=True):
        same(dataclasses.asdict(one), dataclasses.asdict(two))
    assert torch.equal(torch.get_rng_state(), before)


def same(one, two):
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for name in one:
            same(one[name], two[name])
    else:
        np.testing.assert_array_equal(one, two)


def test_only_images_are_explored():
    with pytest.raises(ConfigError, match="; Explorer reads data in a plane"):
        ImageExplorer(Experiment.preset("moons"))


def test_a_snapshot_of_another_run_is_refused():
    explorer, snapshots = run()
    weights = {name: array[:2] for name, array in snapshots[-1].weights.items()}
    with pytest.raises(DataError, match="3 models"):
        explorer.probabilities(dataclasses.replace(snapshots[-1], weights=weights), np.zeros((1, D)))
    with pytest.raises(DataError, match="layers"):
        explorer.probabilities(run((2,))[1][-1], np.zeros((1, D)))


BAD = {
    "nan": np.full((1, D), np.nan),
    "infinity": np.full((1, D), np.inf),
    "too large": np.full((1, D), 1e300),
    "one column less": np.zeros((1, D - 1)),
    "a grid": np.zeros((1, 28, 28)),
    "words": [["a"] * D],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_pictures_that_are_none_are_refused(bad):
    explorer, snapshots = run()
    for ask in (
        lambda: explorer.probabilities(snapshots[-1], bad),
        lambda: explorer.attribute(snapshots[-1], bad),
        lambda: explorer.counterfactuals(snapshots[-1], bad, [0], SEARCH),
        lambda: explorer.fool(snapshots[-1], bad, [0], [0.1]),
    ):
        with pytest.raises(DataError, match="picture"):
            ask()
    with pytest.raises(DataError, match="picture"):
        explorer.attribute_history(snapshots, bad)


@pytest.mark.parametrize("classes", [[10], [-1], [0.5], [[0]], [0, 1]])
def test_classes_that_are_none_are_refused(classes):
    explorer, snapshots = run()
    x = np.zeros((1, D))
    for ask in (
        lambda: explorer.attribute(snapshots[-1], x, classes=classes),
        lambda: explorer.counterfactuals(snapshots[-1], x, classes, SEARCH),
        lambda: explorer.fool(snapshots[-1], x, classes, [0.1]),
    ):
        with pytest.raises((ConfigError, DataError)):
            ask()


def test_what_would_take_too_much_memory_is_refused(monkeypatch):
    explorer, snapshot, picked = digits()
    monkeypatch.setattr(module, "MAX_NUMBERS", 13 * 6 * M * D - 1)
    with pytest.raises(ConfigError, match="steps is 12"):
        explorer.counterfactuals(snapshot, picked.X, picked.y, SEARCH)
    with pytest.raises(ConfigError, match="epsilons"):
        explorer.fool(snapshot, picked.X, picked.y, [0.1] * 13)


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda of, s: of.counterfactual_numbers(s, SEARCH, count=1), "count"),
        (lambda of, s: of.counterfactual_numbers(s, SEARCH, count=2001), "count"),
        (lambda of, s: of.counterfactual_numbers(s, SearchSettings(tau=0.05)), "tau"),
        (lambda of, s: of.counterfactual_numbers(s, SEARCH, count=10, level=1.0), "level"),
        (lambda of, s: of.counterfactuals(s, np.zeros((1, D)), [0], SearchSettings(tau=0.05)), "tau"),
        (lambda of, s: of.robustness(s, [0.1], samples=1), "samples"),
        (lambda of, s: of.robustness(s, [-0.1], samples=20), "epsilon"),
        (lambda of, s: of.robustness(s, [0.1], "deepfool", samples=20), "attack"),
        (lambda of, s: of.fool(s, np.zeros((1, D)), [0], [math.nan]), "epsilon"),
        (lambda of, s: of.class_means(s, per_class=1, level=0.0), "level"),
    ],
)
def test_settings_that_are_not_allowed(ask, match):
    explorer, snapshots = run()
    with pytest.raises(ConfigError, match=match):
        ask(explorer, snapshots[-1])
