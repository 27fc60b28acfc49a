"""Traces against plain modules, the public search and the training; and what may be asked for."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import ctviz
from ctviz import ConfigError, DataError, Experiment, SearchSettings
from ctviz.experiments import explorer as module
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.outcome import OUTCOMES
from ctviz.experiments.trace import Trace
from ctviz.models.stack import Stack
from ctviz.training.draws import EpochDraws
from ctviz.training.objective import Weights
from ctviz.training.sampler import Sampler
from tests.experiments.traces import (
    BOUNDED,
    EXPERIMENT,
    FULL,
    LOCKED,
    SETTINGS,
    VANILLA,
    alone,
    linear,
    run,
    snapshot,
    traced,
)

M, B, T = 4, 25, SETTINGS.steps
GENERATORS = tuple(name for name in ctviz.GENERATORS if name not in ("exact", "counternet"))
"""Those that take any model, such as the run's, whose activation is tanh."""


def modules(epoch=-1):
    stack = Stack.from_weights(run()[1][epoch].weights, EXPERIMENT.model)
    return [stack.module(arm) for arm in range(M)]


def changed(**values):
    return SearchSettings(**{**SETTINGS.model_dump(), **values})


# -- what it holds -------------------------------------------------------------------------------------


def test_shapes_and_types():
    trace = traced()
    shapes = {
        "factuals": (B, 2), "targets": (B,), "group": (B,), "outside": (B,), "excluded": (M, B),
        "points": (M, B, T + 1, 2), "steps": (M, B), "nascent": (M, B), "mature": (M, B),
        "probability": (M, B, T + 1), "energy": (M, B, T + 1), "distance": (M, B, T + 1), "predicted": (M, B),
        "predicted_final": (M, B), "neighbours": (M, B, 2), "shielded": (M, B, 2), "neighbour_energy": (M, B),
        "nearest": (M, B, 2),
        "divergence": (M, B), "nascent_logits": (M, B, 2), "reachable": (M, B), "outcome": (M, B),
    }  # fmt: skip
    arrays = {f.name for f in dataclasses.fields(Trace)} - {"epoch", "settings", "bound"}
    assert arrays == set(shapes)
    for name, shape in shapes.items():
        value = getattr(trace, name)
        assert value.shape == shape, name
        assert value.dtype in (np.float32, np.int64, np.bool_), name
    assert (len(trace), trace.m, trace.final.shape) == (B, M, (M, B, 2))
    assert trace.epoch == EXPERIMENT.training.epochs and trace.settings == SETTINGS


@pytest.mark.parametrize("generator", GENERATORS)
def test_along_the_path_it_tells_what_plain_modules_say(generator):
    trace = traced(generator)
    for arm, model in enumerate(modules()):
        for i in range(0, len(trace), 7):
            points, target = trace.points[arm, i], int(trace.targets[i])
            with torch.no_grad():
                logits = model(torch.from_numpy(points))
            np.testing.assert_allclose(trace.energy[arm, i], -logits[:, target], atol=1e-5)
            np.testing.assert_allclose(trace.probability[arm, i], logits.softmax(-1)[:, target], atol=1e-5)
            np.testing.assert_allclose(trace.distance[arm, i], np.abs(points - trace.factuals[i]).sum(-1), atol=1e-6)
            assert (
                trace.predicted[arm, i] == logits[0].argmax() and trace.predicted_final[arm, i] == logits[-1].argmax()
            )
            np.testing.assert_allclose(trace.nascent_logits[arm, i], logits[trace.nascent[arm, i]], atol=1e-5)


@pytest.mark.parametrize("generator", GENERATORS)
def test_paths_start_at_the_factual_and_stay_after_their_end(generator):
    trace = traced(generator)
    np.testing.assert_array_equal(trace.points[:, :, 0], np.broadcast_to(trace.factuals, (M, len(trace), 2)))
    for name in ("points", "probability", "energy", "distance"):
        values = getattr(trace, name)
        for arm, i in np.ndindex(trace.steps.shape):
            rest = values[arm, i, trace.steps[arm, i] :]
            assert (rest == rest[0]).all(), name
    reached = trace.probability[..., -1] >= trace.settings.tau - 1e-6
    np.testing.assert_array_equal(trace.mature, reached & trace.mature)
    assert trace.mature.any()


def test_the_path_is_that_of_the_public_search():
    trace = traced()
    explorer, _ = run()
    constraints = [{}, {}, {"locked": ["x2"]}, {"decrease_only": ["x1"], "ranges": [("x2", -0.4, 0.7)]}]
    options = {"generator": "eccco", "tau": 0.7, "steps": T, "step_size": 0.1, "epsilon": 0.3}
    for arm, model in enumerate(modules()):
        found = ctviz.search(
            model, trace.factuals, trace.targets, schema=explorer.data.schema, **constraints[arm], **options
        )
        np.testing.assert_allclose(found.path.transpose(0, 1), trace.points[arm], atol=1e-5)
        np.testing.assert_array_equal(found.mature, trace.mature[arm])
        np.testing.assert_array_equal(found.steps, trace.steps[arm])
        nascent = trace.points[arm, np.arange(B), trace.nascent[arm]]
        np.testing.assert_allclose(found.nascent, nascent, atol=1e-5)


@pytest.mark.parametrize("generator", GENERATORS)
def test_what_may_not_change_does_not(generator):
    trace = traced(generator)
    points, factuals = trace.points, trace.factuals
    assert (points[LOCKED, ..., 1] == factuals[:, None, 1]).all()
    assert (points[BOUNDED, ..., 0] <= factuals[:, None, 0]).all()
    inside = ~trace.excluded[BOUNDED]
    low, high = np.float32(-0.4), np.float32(0.7)
    kept = points[BOUNDED][inside][..., 1]
    assert ((kept >= low) & (kept <= high)).all() and 0 < inside.sum() < len(inside)
    assert (points[VANILLA, ..., 1] != factuals[:, None, 1]).any()


def test_nascent_is_the_last_point_in_the_box():
    trace = traced()
    inside = np.abs(trace.points - trace.factuals[:, None]).max(-1) <= np.float32(SETTINGS.epsilon)
    for arm, i in np.ndindex(trace.steps.shape):
        expected = max(t for t in range(trace.steps[arm, i] + 1) if inside[arm, i, t])
        assert trace.nascent[arm, i] == expected
    assert len(set(trace.nascent.ravel().tolist())) > 2


def test_a_point_on_the_edge_of_the_box_is_inside():
    explorer, snapshots = run()
    before = traced()
    i = int(before.steps[VANILLA].argmax())
    edge = float(np.abs(before.points[VANILLA, i] - before.factuals[i]).max(-1).max())  # ε does not change the path
    after = explorer.trace(snapshots[-1], before.factuals, before.targets, changed(epsilon=edge))
    np.testing.assert_array_equal(after.points, before.points)
    assert after.nascent[VANILLA, i] == after.steps[VANILLA, i] > before.nascent[VANILLA, i]


# -- the terms is that of the training --------------------------------------------------------------------


COUNTERFACTUAL_ARMS = EXPERIMENT.replace(
    {
        "arms": "full,locked,bounded,bare,after,before",
        "arms.locked.locked": ["x2"],
        "arms.bounded.decrease_only": ["x1"],
        "arms.bounded.ranges": [["x2", -0.4, 0.7]],
        "arms.bare.locked": ["x2"],
        "arms.bare.shield": "off",
        "arms.after.locked": ["x2"],
        "arms.after.lock_when": "searching",
        "arms.before.locked": ["x2"],
        "arms.before.lock_when": "training",
        "arms.*.steps": T,
        "arms.*.step_size": 0.1,
        "arms.*.tau": 0.7,
    }
)


def batch_and_traces(rows=40):
    """The same searches as the training does them, and as the explorer."""
    explorer, snapshot = Explorer(COUNTERFACTUAL_ARMS), list(ctviz.train(COUNTERFACTUAL_ARMS, device="cpu"))[-1]
    X, y = explorer.data.train
    stack = Stack.from_weights(snapshot.weights, COUNTERFACTUAL_ARMS.model)
    m = len(COUNTERFACTUAL_ARMS.arms)
    draws = EpochDraws(
        order=torch.arange(len(y)).expand(m, -1),
        factuals=torch.arange(rows).expand(m, -1),
        shifts=torch.ones(m, rows, dtype=torch.int64),
        neighbours=torch.rand(rows, generator=torch.Generator().manual_seed(0), dtype=torch.float64).expand(m, -1),
    )
    with torch.no_grad():
        counterfactual_batch = Sampler(explorer.data, COUNTERFACTUAL_ARMS.arms, X).sample(stack, draws)
    traces = []
    for arm in range(m):
        targets = counterfactual_batch.targets[arm].numpy()  # those of the arm's own predictions
        traces.append(explorer.trace(snapshot, X[:rows].numpy(), targets, SearchSettings(**settings_of(arm))))
    return explorer, stack, counterfactual_batch, traces, y[:rows]


def settings_of(arm):
    return {name: getattr(COUNTERFACTUAL_ARMS.arms[arm], name) for name in SearchSettings.model_fields}


def test_neighbours_shield_and_penalties_are_those_of_the_training():
    explorer, stack, counterfactual_batch, traces, labels = batch_and_traces()
    weights = Weights(COUNTERFACTUAL_ARMS.arms, counterfactual_batch.nascent).of
    for arm, trace in enumerate(traces):
        if COUNTERFACTUAL_ARMS.arms[arm].lock_when in ("searching", "training"):
            continue  # the searches of advice and of training differ there
        np.testing.assert_allclose(trace.shielded[arm], counterfactual_batch.neighbours[arm].T, atol=1e-5)
        np.testing.assert_array_equal(trace.mature[arm].mean(dtype=np.float32), counterfactual_batch.mature[arm])
        numbers = [explorer.loss_terms(trace, arm, i, int(label)) for i, label in enumerate(labels)]
        near, far, small = (
            stack.module(arm)(x[arm].T).double().detach()
            for x in (
                counterfactual_batch.neighbours,
                counterfactual_batch.counterfactuals,
                counterfactual_batch.nascent,
            )
        )
        goal = counterfactual_batch.targets[arm].unsqueeze(1)
        e_near, e_far = -near.gather(1, goal).squeeze(1), -far.gather(1, goal).squeeze(1)
        div = float(weights["div"][arm]) * (e_near - e_far)
        adv = float(weights["adv"][arm]) * torch.nn.functional.cross_entropy(small, labels, reduction="none")
        reg = float(weights["reg"][arm]) * (e_near.square() + e_far.square())
        np.testing.assert_allclose([n.weighted_divergence for n in numbers], div, atol=1e-4)
        np.testing.assert_allclose([n.weighted_adversarial for n in numbers], adv, atol=1e-4)
        np.testing.assert_allclose([n.weighted_ridge for n in numbers], reg, atol=1e-4)
        np.testing.assert_allclose([n.total for n in numbers], div + adv + reg, atol=1e-4)
        assert trace.mature[arm].sum() > 0 and (div != 0).any()


def test_the_shield_holds_where_the_training_has_it():
    _, _, _, traces, _ = batch_and_traces()
    trace = traces[0]
    ends = np.where(trace.mature[..., None], trace.final, trace.neighbours)
    full, locked, bounded, bare, after, before = range(6)
    assert trace.mature.any()
    for arm in (full, bare, after):
        np.testing.assert_array_equal(trace.shielded[arm], trace.neighbours[arm])
    for arm in (locked, before):
        np.testing.assert_array_equal(trace.shielded[arm, :, 1], ends[arm, :, 1])
        np.testing.assert_array_equal(trace.shielded[arm, :, 0], trace.neighbours[arm, :, 0])
    assert (trace.shielded[bounded, :, 0] >= 0).any()
    np.testing.assert_array_equal(
        trace.shielded[bounded, :, 0], np.minimum(trace.neighbours[bounded, :, 0], ends[bounded, :, 0])
    )
    # Where advice is locked and where it is not.
    for arm in (locked, bare, after):
        assert (trace.points[arm, ..., 1] == trace.factuals[:, None, 1]).all()
    assert (trace.points[before, ..., 1] != trace.factuals[:, None, 1]).any()


def test_neighbours_are_training_samples_of_the_target_class():
    explorer, trace = run()[0], traced()
    X, y = explorer.data.train
    for neighbour, target in zip(trace.neighbours[0], trace.targets, strict=True):
        assert (X[y == target].numpy() == neighbour).all(1).any()
    assert len(np.unique(trace.neighbours[0], axis=0)) > B / 3
    assert (trace.neighbours == trace.neighbours[:1]).all()


def test_a_factual_that_is_added_leaves_the_others_as_they_are():
    explorer, snapshots = run()
    trace = traced()
    fewer = explorer.trace(snapshots[-1], trace.factuals[:7], trace.targets[:7], SETTINGS)
    np.testing.assert_array_equal(fewer.neighbours, trace.neighbours[:, :7])
    np.testing.assert_allclose(fewer.points, trace.points[:, :7], atol=1e-5)


# -- epochs, groups, repetition ----------------------------------------------------------------------------


@pytest.mark.parametrize("generator", ["eccco", "dice"])
def test_a_history_is_the_trace_of_every_epoch(generator):
    explorer, snapshots = run()
    factual, target = traced().factuals[0], int(traced().targets[0])
    settings = changed(generator=generator, per_factual=3)
    found = explorer.history(snapshots, factual, target, settings)
    assert [trace.epoch for trace in found] == [0, 1, 2, 3]
    for state, trace in zip(snapshots, found, strict=True):
        single = explorer.trace(state, factual[None], np.array([target]), settings)
        for field in dataclasses.fields(Trace):
            mine, theirs = getattr(trace, field.name), getattr(single, field.name)
            if not isinstance(mine, np.ndarray):
                assert mine == theirs
            else:
                np.testing.assert_allclose(mine, theirs, atol=2e-4, err_msg=field.name)
    assert explorer.history([], factual, target, settings) == []


def test_counterfactuals_of_one_factual_share_it():
    explorer, snapshots = run()
    X, targets = traced().factuals[:3], traced().targets[:3]
    trace = explorer.trace(snapshots[-1], X, targets, changed(generator="dice", per_factual=4, lambda_diversity=1.0))
    assert trace.group.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    np.testing.assert_array_equal(trace.factuals, X[trace.group])
    np.testing.assert_array_equal(trace.targets, targets[trace.group])
    np.testing.assert_array_equal(trace.neighbours[:, 0], trace.neighbours[:, 3])
    assert len(np.unique(trace.final[VANILLA, :4], axis=0)) > 1


def test_what_one_factual_can_reach_is_told_of_all_its_rows_that_failed():
    explorer, snapshots = run()
    X, targets = traced().factuals, traced().targets
    many = explorer.trace(snapshots[-1], X, targets, changed(generator="dice", per_factual=3, tau=0.7, steps=8))
    one = explorer.trace(snapshots[-1], X, targets, changed(generator="generic", tau=0.9999, steps=1, step_size=1e-6))
    assert (np.isnan(many.reachable) == many.mature).all() and 0 < many.mature.sum() < many.mature.size
    failed = ~many.mature
    np.testing.assert_allclose(many.reachable[failed], one.reachable[:, many.group][failed], atol=1e-5)


@pytest.mark.usefixtures("two_threads")
def test_the_same_request_gives_the_same_bits_and_moves_no_random_stream():
    explorer, snapshots = run()
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first, second = (explorer.trace(snapshots[-1], traced().factuals, traced().targets, SETTINGS) for _ in range(2))
    for field in dataclasses.fields(Trace):
        mine, theirs = getattr(first, field.name), getattr(second, field.name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads


@pytest.mark.parametrize("generator", GENERATORS)
def test_no_factuals_give_an_empty_trace(generator):
    explorer, snapshots = run()
    trace = explorer.trace(snapshots[0], np.zeros((0, 2)), np.zeros(0, dtype=int), changed(generator=generator))
    assert len(trace) == 0 and trace.points.shape == (M, 0, T + 1, 2) and trace.outcome.shape == (M, 0)
    ends = explorer.endpoints(trace)
    assert np.isnan(ends.metrics["cost"].value).all() and ends.judged.tolist() == [0] * M


def test_the_exact_search_proves_what_no_other_search_beats():
    explorer, snapshots = run("relu")
    X, _ = explorer.pick("random", 6)
    y = explorer.default_targets(X, snapshots[-1])
    exact = explorer.trace(snapshots[-1], X, y, changed(generator="exact"))
    other = explorer.trace(snapshots[-1], X, y, changed(generator="generic", steps=200, step_size=0.05))
    assert other.bound is None
    assert (exact.points[LOCKED, ..., 1] == X[:, None, 1]).all()
    assert exact.bound.shape == exact.mature.shape == (M, 6)
    none = np.isinf(exact.bound)
    assert exact.mature.any()
    assert not (other.mature & none).any()
    assert (exact.outcome[none] == OUTCOMES.index("impossible")).all()
    assert (exact.distance[..., -1][exact.mature] >= exact.bound[exact.mature] - 1e-5).all()
    both = exact.mature & other.mature
    assert (other.distance[..., -1][both] >= exact.bound[both] - 1e-5).all()


# -- outcomes ------------------------------------------------------------------------------------------------


def test_outcomes_of_models_whose_answers_are_known():
    free = alone()
    low, high = free.data.schema.bounds()
    steep, settings = linear(40.0), changed(generator="generic", tau=0.9, lambda_cost=0.0)
    start = np.array([[low[0] * 0.5, 0.0]], dtype=np.float32)

    def outcome(explorer, snapshot, settings, start=start):
        trace = explorer.trace(snapshot, start, np.array([1]), settings)
        return OUTCOMES[int(trace.outcome[0, 0])], trace

    assert outcome(free, steep, settings)[0] == "mature"
    assert outcome(free, steep, settings, np.float32([[high[0] * 0.9, 0]]))[0] == "already"
    assert outcome(free, steep, changed(generator="generic", tau=0.9, steps=1, step_size=0.01))[0] == "short"
    word, trace = outcome(alone(locked=["x1"]), steep, settings)
    assert word == "impossible" and trace.reachable[0, 0] == pytest.approx(trace.probability[0, 0, 0])
    assert outcome(alone(decrease_only=["x1"]), steep, settings)[0] == "impossible"
    assert outcome(alone(increase_only=["x1"]), steep, settings)[0] == "mature"
    gentle = linear(0.1)
    word, trace = outcome(free, gentle, settings)
    assert word == "impossible"
    assert trace.reachable[0, 0] == pytest.approx(1 / (1 + np.exp(-0.1 * high[0])), abs=1e-6)


def test_a_search_where_the_model_is_flat_is_stuck():
    explorer = Explorer(alone().experiment.replace({"model.hidden": [1]}))
    low, high = explorer.data.schema.bounds()
    # P(class 1) = σ(50 · relu(x1 − c) − 2): the same to the left of c.
    middle = float(low[0] + high[0]) / 2
    flat = snapshot([([[1.0, 0.0]], [-middle]), ([[0.0], [50.0]], [0.0, -2.0])])
    start = np.array([[middle - 0.5, 0.0], [middle + 0.01, 0.0]])
    trace = explorer.trace(flat, start, np.array([1, 1]), changed(generator="generic", tau=0.9, lambda_cost=0.0))
    assert [OUTCOMES[i] for i in trace.outcome[0]] == ["stuck", "mature"]
    assert trace.reachable[0, 0] > 0.99 and np.isnan(trace.reachable[0, 1])


@pytest.mark.parametrize(("steps", "word"), [(40, "short"), (400, "mature")])
def test_small_steps_that_lead_on_have_not_come_to_rest(steps, word):
    explorer = alone()
    low, high = explorer.data.schema.bounds()
    steep, step = linear(1.0), 0.5e-3 * float(high[0] - low[0])  # each below what counts as rest
    start = np.array([[-30 * step, 0.0]], dtype=np.float32)
    settings = changed(generator="generic", tau=0.51, lambda_cost=0.0, steps=steps, step_size=step)
    trace = explorer.trace(steep, start, np.array([1]), settings)
    assert np.abs(np.diff(trace.points[0, 0, :, 0])).max() < 1e-3 * float(high[0] - low[0])
    assert OUTCOMES[int(trace.outcome[0, 0])] == word


def test_a_peak_between_the_nodes_of_the_grid_is_known_where_the_path_has_been():
    explorer = Explorer(alone().experiment.replace({"model.hidden": [3]}))
    low, high = explorer.data.schema.bounds()
    middle, width = float(low[0] + (high[0] - low[0]) * 31.5 / 63), float(high[0] - low[0]) / 400
    # A roof of this width over the middle: P(class 1) = σ(900 · roof − 6).
    hat = snapshot([
        ([[1.0, 0.0]] * 3, [width - middle, -middle, -width - middle]),
        ([[0.0] * 3, [900.0, -1800.0, 900.0]], [0.0, -6.0]),
    ])  # fmt: skip
    settings = changed(generator="generic", tau=0.999, steps=1, step_size=width / 3000, lambda_cost=0.0)
    trace = explorer.trace(hat, [[middle - width * 0.9, 0.0]], [1], settings)
    assert trace.probability[0, 0, 1] > trace.probability[0, 0, 0] > 0.003
    assert trace.reachable[0, 0] == trace.probability[0, 0, 1]


def test_outside_and_excluded():
    explorer, snapshots = run()
    low, high = explorer.data.schema.bounds()
    X = np.array([[0, 0], [high[0] + 1, 0], [0, 0.9], [0, low[1] - 5]], dtype=np.float32)
    trace = explorer.trace(snapshots[-1], X, np.zeros(4, dtype=int), SETTINGS)
    assert trace.outside.tolist() == [False, True, False, True]
    assert trace.excluded[FULL].tolist() == [False, True, False, True]
    assert trace.excluded[BOUNDED].tolist() == [False, True, True, True]


@hypothesis_settings(max_examples=25)
@given(
    arrays(np.float32, (3, 2), elements=st.floats(-1e6, 1e6, width=32)),
    st.sampled_from(["generic", "eccco", "gravitational", "nearest"]),
)
def test_any_finite_factual_is_searched(X, generator):
    explorer, snapshots = run()
    trace = explorer.trace(snapshots[-1], X, np.array([0, 1, 0]), changed(generator=generator, steps=6))
    assert (trace.points[:, :, 0] == X).all() and (trace.points[LOCKED, ..., 1] == X[:, None, 1]).all()
    assert (trace.points[BOUNDED, ..., 0] <= X[:, None, 0]).all()
    assert np.isfinite(trace.points).all() and np.isfinite(trace.probability).all()
    best = trace.probability.max(-1)
    assert (np.isnan(trace.reachable) == trace.mature).all()
    assert (trace.mature | (trace.reachable >= best)).all()
    for arm, i in np.ndindex(trace.outcome.shape):
        assert explorer.words(trace, arm, i).endswith(".")


# -- picks and targets -----------------------------------------------------------------------------------------


def test_picks_are_validation_samples_without_repetition():
    explorer, _ = run()
    X, y = explorer.data.validation
    for kind in ("random", "class0", "class1"):
        mine, labels = explorer.pick(kind, 30, seed=1)
        assert len(mine) == 30 and len(np.unique(mine, axis=0)) == 30
        for point, label in zip(mine, labels, strict=True):
            assert ((X.numpy() == point).all(1) & (y.numpy() == label)).any()
        assert kind == "random" or set(labels) == {int(kind[-1])}
        np.testing.assert_array_equal(mine, explorer.pick(kind, 30, seed=1)[0])
        assert (mine != explorer.pick(kind, 30, seed=2)[0]).any()
    assert len(explorer.pick("random", 10_000)[1]) == len(y)
    assert explorer.pick("class1", 0)[0].shape == (0, 2)


@pytest.mark.parametrize("kind", ["class2", "class-1", "", "Random"])
def test_an_unknown_pick_is_refused(kind):
    with pytest.raises(ConfigError, match="random, class0, class1"):
        run()[0].pick(kind, 3)


def test_by_default_the_target_is_the_class_after_the_one_that_the_first_arm_predicts():
    explorer, snapshots = run()
    X, _ = explorer.pick("random", 40)
    with torch.no_grad():
        predicted = modules()[0](torch.from_numpy(X)).argmax(-1).numpy()
    np.testing.assert_array_equal(explorer.default_targets(X, snapshots[-1]), 1 - predicted)
    assert explorer.default_targets(X, snapshots[-1], 1).tolist() == [1] * 40
    assert explorer.default_targets(np.zeros((0, 2)), snapshots[-1]).tolist() == []


def test_several_classes():
    experiment = Experiment.preset("blobs").replace(
        {"training.epochs": 1, "data.n_train": 100, "evaluation.field": 0, "evaluation.paths": 0}
    )
    explorer, snapshots = Explorer(experiment), list(ctviz.train(experiment, device="cpu"))
    X, _ = explorer.pick("random", 20)
    targets = explorer.default_targets(X, snapshots[-1])
    trace = explorer.trace(snapshots[-1], X, targets, changed(tau=0.3))
    assert ((trace.predicted[0] + 1) % 4 == targets).all() and trace.nascent_logits.shape == (2, 20, 4)
    stack = Stack.from_weights(snapshots[-1].weights, experiment.model)
    with torch.no_grad():
        z = stack.module(1)(torch.from_numpy(trace.final[1])).softmax(-1)
    np.testing.assert_allclose(trace.probability[1, :, -1], z[np.arange(20), targets], atol=1e-5)
    with pytest.raises(ConfigError, match="0 to 3"):
        explorer.default_targets(X, snapshots[-1], 4)


# -- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "says"),
    [
        ([[np.nan, 0]], "not finite"),
        ([[np.inf, 0]], "not finite"),
        ([[1e300, 0]], "not finite"),
        ([[1, 2, 3]], "shape"),
        ([1, 2], "shape"),
        ([["a", "b"]], "not a number"),
        ([[0, 0], [0]], "not a number"),
    ],
)
def test_factuals_that_are_none_are_refused(X, says):
    explorer, snapshots = run()
    with pytest.raises(DataError, match=says):
        explorer.trace(snapshots[-1], X, np.array([0]), SETTINGS)
    with pytest.raises(DataError, match=says):
        explorer.default_targets(X, snapshots[-1])


@pytest.mark.parametrize("factual", [[np.nan, 0], [[0, 0]], 3.0])
def test_a_history_of_no_point_is_refused(factual):
    explorer, snapshots = run()
    with pytest.raises(DataError):
        explorer.history(snapshots, factual, 0, SETTINGS)


@pytest.mark.parametrize(
    ("targets", "error"),
    [([2], ConfigError), ([-1], ConfigError), ([0.5], DataError), ([True], DataError), ([0, 1], DataError)],
)
def test_targets_that_are_none_are_refused(targets, error):
    explorer, snapshots = run()
    with pytest.raises(error, match="targets"):
        explorer.trace(snapshots[-1], [[0.0, 0.0]], targets, SETTINGS)


def test_a_threshold_below_chance_is_refused():
    explorer, snapshots = run()
    with pytest.raises(ConfigError, match=re.escape("tau is 0.4; allowed: from 1/k = 0.5")):
        explorer.trace(snapshots[-1], [[0.0, 0.0]], [0], changed(tau=0.4))


def test_paths_that_would_not_fit_are_refused(monkeypatch):
    explorer, snapshots = run()
    monkeypatch.setattr(module, "MAX_POINTS", M * 10 * 31)
    X, targets = np.zeros((10, 2)), np.zeros(10, dtype=int)
    explorer.trace(snapshots[-1], X, targets, changed(steps=30))
    with pytest.raises(ConfigError, match=re.escape("steps is 31; allowed: at most 30 for 40 paths")):
        explorer.trace(snapshots[-1], X, targets, changed(steps=31))
    with pytest.raises(ConfigError, match="factuals is 700; allowed: at most 155 here"):
        explorer.trace(snapshots[-1], np.zeros((700, 2)), np.zeros(700, dtype=int), changed(steps=1))
    with pytest.raises(ConfigError, match="steps"):
        explorer.history(list(snapshots) * 20, X[0], 0, changed(steps=30))
    with pytest.raises(ConfigError, match="steps"):
        explorer.trace(snapshots[-1], X, targets, changed(generator="dice", steps=30))


@pytest.mark.parametrize("of", ["models", "features", "units", "classes"])
def test_a_snapshot_of_another_run_is_refused(of):
    explorer, snapshots = run()
    last = snapshots[-1]
    weights = {name: array.copy() for name, array in last.weights.items()}
    first, *_, final = (name for name in weights if name.endswith("weight"))
    if of == "models":
        weights = {name: array[1:] for name, array in weights.items()}
    elif of == "features":
        weights[first] = np.repeat(weights[first], 2, axis=2)
    elif of == "units":
        weights[first] = weights[first][:, 1:]
    else:
        weights[final] = np.repeat(weights[final], 2, axis=1)
    with pytest.raises(DataError, match="The snapshot holds"):
        explorer.trace(dataclasses.replace(last, weights=weights), [[0.0, 0.0]], [0], SETTINGS)


def test_a_model_that_has_blown_up_says_so():
    explorer = alone()
    broken = linear(np.nan)
    trace = explorer.trace(broken, [[0.0, 0.0]], [1], SETTINGS)
    assert not trace.mature.any() and "not numbers" in explorer.words(trace, 0, 0)
    explorer.endpoints(trace)
