"""Training: the same bits again, arms that do not disturb each other, failures that stay where they happen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ctviz.data.catalogue import DataSettings, load
from ctviz.data.dataset import Dataset
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.training import loop
from ctviz.training.arm import Arm
from ctviz.training.draws import RandomStreams
from ctviz.training.loop import train
from ctviz.training.schedule import Schedule

MOONS = load(DataSettings(n_train=61, n_validation=10, n_test=10))
VANILLA, FULL = Arm.variant("vanilla"), Arm.variant("full")
ADVERSARIAL, ENERGY = Arm.variant("adversarial"), Arm.variant("energy", locked=(0,))
SMALL = ModelSettings(hidden=(16,))
SHORT = Schedule(epochs=3, batch=12, n_ce=20, lr=0.01)


@dataclass
class Story:
    """Weights (flat, m first) and metrics after each epoch."""

    weights: list[list[Tensor]]
    metrics: list[dict[str, np.ndarray]]

    def last(self, arm: int) -> Tensor:
        return torch.cat([layer[arm].flatten() for layer in self.weights[-1]])


def story(
    arms: Sequence[Arm],
    schedule: Schedule = SHORT,
    data: Dataset = MOONS,
    model: ModelSettings = SMALL,
    dtype: torch.dtype = torch.float32,
    breaking: int | None = None,
) -> Story:
    """A run from its start; the arm ``breaking`` starts with a weight that is no number."""
    seeds = [arm.seed or 0 for arm in arms]
    stack = Stack.initialise(model, data.d, data.k, seeds).to(dtype)
    if breaking is not None:
        stack.layers[0][breaking, 0, 0] = torch.nan
    told = Story([], [])
    for number, epoch in enumerate(train(stack, data, arms, schedule, seeds), 1):
        assert epoch.epoch == number and epoch.stack is stack
        told.weights.append([layer.clone() for layer in stack.layers])
        told.metrics.append(epoch.metrics)
    return told


def assert_identical(one: Story, other: Story) -> None:
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
    for terms, others in zip(one.metrics, other.metrics, strict=True):
        for name in terms:
            np.testing.assert_array_equal(terms[name], others[name], err_msg=name)


# -- determinism ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3], ids=lambda n: f"{n} threads")
def test_the_same_run_gives_the_same_bits(threads: int) -> None:
    expected = story([VANILLA, FULL, Arm.variant("full", seed=3)])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        torch.manual_seed(threads)  # nor does the global stream matter
        assert_identical(story([VANILLA, FULL, Arm.variant("full", seed=3)]), expected)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("arm", [VANILLA, FULL, ADVERSARIAL, ENERGY], ids=lambda arm: arm.name)
def test_an_arm_alone_is_what_it_is_among_others(arm: Arm) -> None:
    others = [VANILLA, FULL, Arm.variant("other", seed=9, tau=0.9, steps=7), ADVERSARIAL, ENERGY]
    place = others.index(arm)
    alone, among = (story(arms, dtype=torch.float64) for arms in ([arm], others))
    for mine, theirs in zip(alone.weights, among.weights, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a[0], b[place], rtol=1e-8, atol=1e-10)
    for mine, theirs in zip(alone.metrics, among.metrics, strict=True):
        for name in mine:
            np.testing.assert_allclose(mine[name][0], theirs[name][place], rtol=1e-7, atol=1e-10, err_msg=name)


def test_arms_of_one_seed_start_alike_and_part_by_their_objectives() -> None:
    told = story([VANILLA, FULL, Arm.variant("vanilla", seed=1)])
    assert not torch.equal(told.last(0), told.last(1)) and not torch.equal(told.last(0), told.last(2))
    accuracy = told.metrics[0]["train_accuracy"]
    assert accuracy.shape == (3,)


def test_weights_of_zero_are_the_vanilla_variant_to_the_bit() -> None:
    zero = Arm.variant("zero", lambda_div=0, lambda_adv=0, lambda_reg=0, tau=0.9, steps=3, locked=(0,))
    both = story([VANILLA, zero])
    assert torch.equal(both.last(0), both.last(1))
    beside_full = story([VANILLA, zero, FULL])
    assert torch.equal(beside_full.last(0), beside_full.last(1))


@pytest.mark.parametrize("lambda_name", ["lambda_div", "lambda_adv", "lambda_reg"])
def test_every_term_makes_a_difference(lambda_name: str) -> None:
    off = {"lambda_div": 0.0, "lambda_adv": 0.0, "lambda_reg": 0.0, lambda_name: 0.5}
    told = story([VANILLA, Arm.variant("one", **off)])
    assert (told.last(0) - told.last(1)).abs().max() > 1e-3


# -- chunks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schedule", [SHORT, Schedule(epochs=2, batch=61, n_ce=20), Schedule(epochs=2, batch=1)], ids=str
)
def test_batches_made_one_by_one_are_those_made_at_once_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, schedule: Schedule
) -> None:
    arms = [VANILLA, FULL, Arm.variant("other", seed=4), ENERGY]
    expected = story(arms, schedule)
    monkeypatch.setattr(loop, "WORKING_SET", 1)
    assert_identical(story(arms, schedule), expected)


def test_arms_that_are_not_searched_and_padding_get_no_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even without weight, a sample whose logits overflow would make the gradient no number: 0 · ∞."""
    seen: list[Tensor] = []
    made = loop._Trainer._inputs

    def spy(self: loop._Trainer, material: loop._EpochBatches) -> Iterator[Tensor]:
        for x in made(self, material):
            seen.append(x.clone())
            yield x

    monkeypatch.setattr(loop._Trainer, "_inputs", spy)
    story([VANILLA, FULL, VANILLA], Schedule(epochs=1, batch=12, n_ce=20))
    batches, counterfactuals = [12] * 5 + [1], [4, 4, 3, 3, 3, 3]
    assert len(seen) == len(batches)
    for x, b, c in zip(seen, batches, counterfactuals, strict=True):
        samples, rest = x[:, :2, :12], x[:, :2, 12:].unflatten(-1, (3, 4))
        assert (x[:, 2] == 1).all()
        assert (samples[..., :b] != 0).all() and (samples[..., b:] == 0).all()
        assert (rest[1][..., :c] != 0).all() and (rest[1][..., c:] == 0).all()
        assert (rest[[0, 2]] == 0).all()


# -- burn-in -------------------------------------------------------------------------------------------


def test_burning_in_is_vanilla_training_to_the_bit() -> None:
    schedule = SHORT.model_copy(update={"epochs": 4, "burnin": 0.5})
    burning, vanilla = story([FULL], schedule), story([VANILLA], schedule)
    for epoch in (0, 1):
        assert all(torch.equal(a, b) for a, b in zip(burning.weights[epoch], vanilla.weights[epoch], strict=True))
        assert np.isnan([burning.metrics[epoch][name][0] for name in ("mature", "steps", "loss_div")]).all()
    assert not torch.equal(burning.last(0), vanilla.last(0))
    assert np.isfinite([burning.metrics[2][name][0] for name in ("mature", "steps", "loss_div")]).all()


@pytest.mark.parametrize(
    ("burnin", "epochs", "burnt"), [(0.0, 5, 0), (0.29, 100, 29), (0.57, 100, 57), (0.5, 4, 2), (1.0, 3, 3)]
)
def test_the_share_of_burn_in_is_counted_in_whole_epochs(
    burnin: float, epochs: int, burnt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.29 · 100 is 28.999… in floating point."""
    seen: list[bool] = []
    monkeypatch.setattr("ctviz.training.loop._Trainer.epoch", lambda self, burning_in: seen.append(burning_in) or {})
    schedule = SHORT.model_copy(update={"epochs": epochs, "burnin": burnin})
    story([FULL], schedule)
    assert seen == [True] * burnt + [False] * (epochs - burnt)


# -- failures ------------------------------------------------------------------------------------------


def poisoned(rows: int | list[int], value: float) -> Dataset:
    """Training samples far out, put there after the data set has looked at its values."""
    X = MOONS.train[0].clone()
    data = replace(MOONS, train=(X, MOONS.train[1]))
    X[rows] = value
    return data


@pytest.mark.parametrize("value", [torch.inf, torch.nan, 3e38], ids=str)
@pytest.mark.parametrize("n_ce", [0, 61], ids=["no counterfactuals", "every sample explained"])
@pytest.mark.parametrize("which", ["first of the order", "first explained", "any"])
def test_a_sample_that_is_no_number_costs_its_batches_and_nothing_else(which: str, n_ce: int, value: float) -> None:
    """61 samples in batches of 12: what pads the ragged ones are the firsts, and in padding 0 · ∞ lurks."""
    draws = RandomStreams([0], 61, 61, 2).epoch()
    row = {"first of the order": int(draws.order[0, 0]), "first explained": int(draws.factuals[0, 0]), "any": 37}[which]
    schedule = Schedule(epochs=4, batch=12, n_ce=n_ce)
    told = story([VANILLA, FULL, ENERGY, ADVERSARIAL], schedule, poisoned(row, value))
    assert all(torch.isfinite(layer).all() for layer in told.weights[-1])
    for metrics in told.metrics:
        assert metrics["skipped"][0] == 1 or value == 3e38
        assert (metrics["skipped"] <= 4).all()
        assert np.isfinite(metrics["loss_class"]).all() and np.isfinite(metrics["train_accuracy"]).all()


def test_an_arm_that_fails_is_counted_and_leaves_the_others_as_they_are_to_the_bit() -> None:
    """Batches are looked at one by one as soon as one of them fails: for the healthy arms that changes nothing."""
    arms = [VANILLA, Arm.variant("vanilla", seed=1), FULL]
    healthy, beside = (story(arms, breaking=breaking) for breaking in (None, 2))
    assert all((metrics["skipped"] == 0).all() for metrics in healthy.metrics)
    assert all(metrics["skipped"].tolist() == [0, 0, 6] for metrics in beside.metrics)
    assert np.isnan([metrics["loss_class"][2] for metrics in beside.metrics]).all()
    for arm in (0, 1):
        assert torch.equal(healthy.last(arm), beside.last(arm))
        for one, other in zip(healthy.metrics, beside.metrics, strict=True):
            assert one["loss_class"][arm] == other["loss_class"][arm]


def test_an_arm_fails_by_its_own_terms_alone() -> None:
    """Energies of about 10³⁰: their square is no number in single precision, all else is."""
    data = poisoned(list(range(20)), 1e30)
    told = story([VANILLA, FULL, Arm.variant("vanilla", seed=1)], Schedule(epochs=3, batch=12, n_ce=61), data)
    skipped = np.array([metrics["skipped"] for metrics in told.metrics])
    assert (skipped[:, 1] > 0).all() and (skipped[:, [0, 2]] == 0).all()
    assert torch.isfinite(told.last(0)).all() and torch.isfinite(told.last(2)).all()


def test_a_batch_is_skipped_as_if_it_had_not_been_there() -> None:
    """Without counterfactuals, in order: the batches that are left, by Adam of torch."""
    data, schedule = poisoned(7, torch.inf), Schedule(epochs=1, batch=12, n_ce=0, lr=0.01)
    told = story([VANILLA], schedule, data, dtype=torch.float64)
    order = RandomStreams([0], 61, 0, 2).epoch().order[0]
    model = Stack.initialise(SMALL, 2, 2, [0]).module(0).double()
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    for rows in torch.split(order, 12):
        if 7 not in rows:
            adam.zero_grad()
            torch.nn.functional.cross_entropy(model(data.train[0][rows].double()), data.train[1][rows]).backward()
            adam.step()
    for layer, linear in zip(told.weights[-1], (model[0], model[2]), strict=True):
        torch.testing.assert_close(layer[0, :, :-1], linear.weight.detach(), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(layer[0, :, -1], linear.bias.detach(), rtol=1e-9, atol=1e-12)
    assert told.metrics[0]["skipped"].tolist() == [1.0]


def test_a_run_that_explodes_goes_on_to_its_end() -> None:
    wild = Arm.variant("full", lambda_reg=1000.0, lambda_div=1000.0)
    told = story(
        [VANILLA, wild], Schedule(epochs=4, batch=61, n_ce=61, lr=10.0), model=ModelSettings(hidden=(64, 64, 64))
    )
    assert len(told.metrics) == 4
    assert torch.isfinite(told.last(0)).all()


# -- every shape ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(epochs=2, batch=7, n_ce=20),
        Schedule(epochs=2, batch=60, n_ce=20),
        Schedule(epochs=2, batch=12, n_ce=0),
        Schedule(epochs=2, batch=12, n_ce=5000),
        Schedule(epochs=2, batch=61, n_ce=20),
        Schedule(epochs=2, batch=1, n_ce=3),
        Schedule(epochs=2, batch=12, n_ce=20, optimiser="amsgrad"),
    ],
    ids=["ragged", "one left over", "none explained", "all explained", "one batch", "batches of one", "amsgrad"],
)
def test_any_schedule_trains(schedule: Schedule) -> None:
    told = story([VANILLA, FULL], schedule)
    metrics = told.metrics[-1]
    assert (metrics["skipped"] == 0).all() and np.isfinite(metrics["loss_class"]).all()
    searched = schedule.n_ce > 0
    for name in ("loss_div", "loss_adv", "loss_reg", "mature", "steps"):
        assert np.isnan(metrics[name][0]) and np.isfinite(metrics[name][1]) == searched, name
    if not searched:
        assert torch.equal(told.last(0), told.last(1))


@pytest.mark.parametrize(
    ("hidden", "activation"),
    [((), "relu"), ((8,), "relu"), ((8,), "softplus"), ((6, 5, 4), "tanh"), ((6, 5, 4), "sigmoid")],
    ids=["linear", "relu", "softplus", "three layers of tanh", "three layers of sigmoid"],
)
def test_any_model_trains(hidden: tuple[int, ...], activation: str) -> None:
    schedule = Schedule(epochs=20, batch=12, n_ce=20, lr=0.03)
    told = story([VANILLA, FULL], schedule, model=ModelSettings(hidden=hidden, activation=activation))
    first, last = (told.metrics[i]["loss_class"] for i in (0, -1))
    assert (last < first).all()
    assert {layer.dtype for layer in told.weights[-1]} == {torch.float32}


def test_five_classes_train() -> None:
    data = load(DataSettings(name="blobs", classes=5, n_train=100, n_validation=10, n_test=10))
    told = story([VANILLA, FULL], Schedule(epochs=15, batch=20, n_ce=50, lr=0.02), data)
    assert (told.metrics[-1]["train_accuracy"] > 0.7).all()
    assert 0 < told.metrics[-1]["mature"][1] <= 1


def test_losses_fall_on_moons() -> None:
    data = load(DataSettings(n_train=300, n_validation=10, n_test=10))
    told = story([VANILLA, FULL], Schedule(epochs=25, batch=30, n_ce=100, lr=0.01), data)
    classify = np.array([metrics["loss_class"] for metrics in told.metrics])
    assert (classify[-1] < 0.5 * classify[0]).all()
    assert (told.metrics[-1]["train_accuracy"] > 0.85).all()
    assert told.metrics[-1]["loss_adv"][1] < told.metrics[0]["loss_adv"][1]


def test_accuracy_and_loss_are_means_over_the_samples_as_they_come_by() -> None:
    """With one batch per epoch they are those of the weights before the step."""
    schedule = Schedule(epochs=2, batch=61, n_ce=0, lr=0.05)
    told = story([VANILLA], schedule, dtype=torch.float64)
    first = [layer[0] for layer in told.weights[0]]
    X, y = MOONS.train[0].double(), MOONS.train[1]
    logits = torch.relu(X @ first[0][:, :-1].T + first[0][:, -1]) @ first[1][:, :-1].T + first[1][:, -1]
    expected = torch.nn.functional.cross_entropy(logits, y).item()
    assert told.metrics[1]["loss_class"][0] == pytest.approx(expected, rel=1e-10)
    assert told.metrics[1]["train_accuracy"][0] == pytest.approx((logits.argmax(1) == y).double().mean().item())


def test_stopping_to_ask_stops_the_training() -> None:
    stack = Stack.initialise(ModelSettings(), 2, 2, [0])
    epochs = train(stack, MOONS, [VANILLA], Schedule(epochs=1000, batch=12), [0])
    next(epochs)
    after = stack.flat.clone()
    epochs.close()  # type: ignore[attr-defined]
    assert torch.equal(stack.flat, after)
