"""The fast search and loop beside the plain ones of ``ctviz.bench.plain``, with the same random draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ctviz.bench import plain
from ctviz.bench.measure import threads
from ctviz.counterfactuals import search as fast_search
from ctviz.counterfactuals.constraints import Constraints
from ctviz.data.dataset import Dataset
from ctviz.data.schema import Schema
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.training.arm import Arm
from ctviz.training.draws import RandomStreams
from ctviz.training.loop import Epoch, train
from ctviz.training.schedule import Schedule

TIGHT = {"rtol": 1e-9, "atol": 1e-10}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Both sides on one thread: for matrices this small, more of them only wait for each other."""
    with threads(1):
        yield


def dataset(n: int, k: int = 2, d: int = 2) -> Dataset:
    """k overlapping clouds, so that searches take a while and classes are confused."""
    rng = np.random.default_rng(n + k)
    y = np.arange(n) % k
    X = (rng.normal(size=(n, d)) + 1.5 * rng.normal(size=(k, d))[y]).astype(np.float32)
    split = torch.from_numpy(X), torch.from_numpy(y)
    return Dataset("clouds", Schema.infer(X), tuple(f"class {c}" for c in range(k)), split, split, split)


def twin(stack: Stack, settings: ModelSettings, arm: int) -> nn.Sequential:
    """One model of a stack as the plain implementation has it; with convolutions, of torch's own layers."""
    if settings.channels:
        return stack.module(arm)
    weights = [part.clone() for layer in stack.layers for part in (layer[arm, :, :-1], layer[arm, :, -1])]
    return plain.plain_model(settings, stack.d, stack.k, weights)


def sharp(stack: Stack) -> Stack:
    """The same with larger weights: fresh models are so undecided that no search would ever end."""
    stack.flat.mul_(2.5)
    return stack


# -- search --------------------------------------------------------------------------------------------


SEARCHES = (
    Arm.variant("eccco", tau=0.75, steps=30),
    Arm.variant("generic", generator="generic", tau=0.9, steps=12, step_size=0.7, lambda_cost=0.05),
    Arm.variant("never", tau=0.999999, steps=17, epsilon=0.05, lambda_egy=0.3),
    Arm.variant("short", tau=0.6, steps=5, step_size=1.5, epsilon=2.0),
    Arm.variant("locked", tau=0.9, steps=40, locked=(0,)),
    Arm.variant("one way", generator="generic", tau=0.95, steps=25, increase_only=(0,), decrease_only=(1,)),
    Arm.variant("far", tau=0.8, steps=50, lambda_egy=20.0, lambda_cost=0.5),
    Arm.variant("ranges", tau=0.9, steps=40, ranges=((0, -0.25, 0.75), (1, 0.0, 9.0)), decrease_only=(1,)),
)


def compare_search(
    model: ModelSettings,
    data: Dataset,
    arms: Sequence[Arm],
    spread: float,
    record: bool,
    dtype: torch.dtype,
    boxes: bool = False,
) -> None:
    """``boxes``: each factual has an ε of its own."""
    stack = sharp(Stack.initialise(model, data.d, data.k, [3 + i for i in range(len(arms))]).to(dtype))
    b, generator = 37, torch.Generator().manual_seed(1)
    factuals = spread * torch.randn(len(arms), data.d, b, generator=generator, dtype=dtype)
    targets = torch.randint(0, data.k, (len(arms), b), generator=generator)
    schemas = [arm.constraints_for(data.schema, "training") for arm in arms]
    rules = Constraints.of(schemas, factuals)
    epsilon = torch.rand(len(arms), b, generator=generator, dtype=dtype) if boxes else None
    found = fast_search.search(
        fast_search.SearchRequest(stack, factuals, targets, arms, rules, record=record, epsilon=epsilon)
    )
    longest = max(arm.steps for arm in arms)
    assert (found.path is not None) == record
    tight = TIGHT if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
    # Guards what follows: some searches end at once, some on the way, some never.
    assert {0, *range(2, 5)} & set(found.steps[found.mature].tolist()) > {0} and not found.mature.all()
    for i, arm in enumerate(arms):
        limits = plain.PlainConstraints.of(data.schema, arm)
        own = None if epsilon is None else epsilon[i]
        network = twin(stack, model, i)
        slow = plain.plain_search(network, factuals[i].T, targets[i], arm, limits, keep_path=True, epsilon=own)
        assert torch.equal(found.steps[i], slow.steps), arm.name
        assert torch.equal(found.mature[i], slow.mature), arm.name
        torch.testing.assert_close(found.final[i].T, slow.final, **tight)
        torch.testing.assert_close(found.nascent[i].T, slow.nascent, **tight)
        if found.path is not None and slow.path is not None:
            rest = slow.path[-1:].expand(longest - arm.steps, -1, -1)
            torch.testing.assert_close(found.path[:, i].mT, torch.cat([slow.path, rest]), **tight)


@pytest.mark.parametrize("chunk", [1, 1 << 20], ids=["in chunks", "at once"])
def test_search_agrees_with_a_box_for_each_factual(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("ctviz.counterfactuals.descent.WORKING_SET", chunk)
    compare_search(ModelSettings(), dataset(60), SEARCHES, 1.0, False, torch.float64, boxes=True)


@pytest.mark.parametrize(
    ("model", "record"),
    [
        (ModelSettings(hidden=()), True),
        (ModelSettings(hidden=(32,)), True),
        (ModelSettings(hidden=(32,)), False),
        (ModelSettings(hidden=(9, 5), activation="tanh"), True),
        (ModelSettings(hidden=(6,), activation="sigmoid"), True),
        (ModelSettings(hidden=(6,), activation="softplus"), True),
    ],
    ids=["linear", "relu", "relu, ends alone", "tanh", "sigmoid", "softplus"],
)
def test_search_agrees(model: ModelSettings, record: bool) -> None:
    compare_search(model, dataset(60), SEARCHES, 1.0, record, torch.float64)


def test_search_agrees_with_three_classes_and_four_features() -> None:
    compare_search(ModelSettings(hidden=(8,)), dataset(90, k=3, d=4), SEARCHES, 1.0, True, torch.float64)


def test_search_agrees_for_factuals_outside_the_domain() -> None:
    compare_search(ModelSettings(hidden=(8,)), dataset(60), SEARCHES, 6.0, True, torch.float64)


def test_search_agrees_in_single_precision() -> None:
    compare_search(ModelSettings(), dataset(60), SEARCHES[:2], 1.0, True, torch.float32)


def test_search_agrees_when_done_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctviz.counterfactuals.descent.WORKING_SET", 1)
    compare_search(ModelSettings(), dataset(60), SEARCHES, 1.0, True, torch.float64)


# -- training ------------------------------------------------------------------------------------------


ARMS = (
    Arm.variant("vanilla"),
    Arm.variant("full", tau=0.6),
    Arm.variant("adversarial", generator="generic", tau=0.55, lambda_class=0.5),
    Arm.variant("energy", lambda_reg=0.02, locked=(1,)),
    Arm.variant("other seed", seed=5, tau=0.999, steps=8, decrease_only=(0,), lambda_div=1.0),
)
SEEDS = (0, 0, 0, 0, 5)
SMALL = ModelSettings(hidden=(16,))


@dataclass
class Outcome:
    """What both sides say after each epoch: weights and terms of every arm."""

    weights: list[list[Tensor]]
    terms: list[dict[str, np.ndarray]]


@dataclass(frozen=True)
class Case:
    schedule: Schedule
    n: int = 60
    k: int = 2
    model: ModelSettings = SMALL
    arms: tuple[Arm, ...] = ARMS
    seeds: tuple[int, ...] = SEEDS
    dtype: torch.dtype = torch.float64


def start(case: Case, data: Dataset) -> Stack:
    grid = data.schema.grid
    return sharp(Stack.initialise(case.model, data.d, data.k, case.seeds, grid=grid).to(case.dtype))


def run_fast(case: Case, data: Dataset) -> Outcome:
    outcome = Outcome([], [])
    epoch: Epoch
    for epoch in train(start(case, data), data, case.arms, case.schedule, case.seeds):
        outcome.weights.append([layer.clone() for layer in epoch.stack.layers])
        outcome.terms.append(epoch.metrics)
    return outcome


def drawn(case: Case, arm: int) -> Iterator[plain.PlainDraws]:
    chance = RandomStreams(case.seeds, case.n, case.schedule.n_ce, case.k)
    while True:
        draws = chance.epoch()
        yield plain.PlainDraws(draws.order[arm], draws.factuals[arm], draws.shifts[arm] - 1, draws.neighbours[arm])


def run_plain(case: Case, data: Dataset, arm: int) -> Iterator[tuple[nn.Sequential, plain.PlainEpoch]]:
    model = twin(start(case, data), case.model, arm)
    X, y = data.train
    limits = plain.PlainConstraints.of(data.schema, case.arms[arm])
    for epoch in plain.plain_train(
        model, X.to(case.dtype), y, case.k, case.arms[arm], case.schedule, limits, drawn(case, arm)
    ):
        yield model, epoch


def expected_terms(epoch: plain.PlainEpoch) -> dict[str, float]:
    """Means over the batches that have the term; NaN where there was no search."""
    result = {"loss_class": float(torch.stack([t.class_ for t in epoch.terms]).mean())}
    made, parts = epoch.counterfactuals, len(epoch.terms) + epoch.skipped
    for name in ("div", "adv", "reg"):
        values = [getattr(t, name) for t in epoch.terms]
        if made is not None and epoch.skipped == 0:
            values = [value for value, chunk in zip(values, plain.chunks(made, parts), strict=True) if len(chunk[0])]
        result[f"loss_{name}"] = float(torch.stack(values).mean()) if made is not None else np.nan
    found = made.found if made is not None else None
    result["mature"] = float(found.mature.double().mean()) if found else np.nan
    result["steps"] = float(found.steps.double().mean()) if found else np.nan
    return result


def compare_training(case: Case, data: Dataset | None = None, **tolerance: float) -> Outcome:
    data = data or dataset(case.n, case.k)
    tolerance = tolerance or {"rtol": 1e-7, "atol": 1e-9}
    fast = run_fast(case, data)
    assert len(fast.terms) == case.schedule.epochs
    for arm in range(len(case.arms)):
        for e, (model, epoch) in enumerate(run_plain(case, data, arm)):
            learning = [layer for layer in model if isinstance(layer, nn.Linear | nn.Conv2d)]
            for layer, single in zip(fast.weights[e], learning, strict=True):
                torch.testing.assert_close(layer[arm, :, :-1], single.weight.detach().flatten(1), **tolerance)
                torch.testing.assert_close(layer[arm, :, -1], single.bias.detach(), **tolerance)
            mine = {name: float(values[arm]) for name, values in fast.terms[e].items()}
            assert mine["skipped"] == epoch.skipped
            for name, value in expected_terms(epoch).items():
                assert mine[name] == pytest.approx(value, rel=1e-5, abs=1e-7, nan_ok=True), (name, arm, e)
    return fast


@pytest.mark.parametrize("steps", [1, 5, 50])
def test_weights_agree_after_some_steps(steps: int) -> None:
    compare_training(Case(Schedule(epochs=1, batch=6, n_ce=3 * steps), n=6 * steps))


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(epochs=5, batch=12, n_ce=20),
        Schedule(epochs=3, batch=13, n_ce=60, lr=0.02),
        Schedule(epochs=3, batch=12, n_ce=3),
        Schedule(epochs=2, batch=12, n_ce=0),
        Schedule(epochs=3, batch=12, n_ce=1000, optimiser="amsgrad", lr=0.05),
        Schedule(epochs=4, batch=12, n_ce=20, burnin=0.5),
        Schedule(epochs=2, batch=12, n_ce=20, burnin=1.0),
    ],
    ids=["even", "ragged", "few counterfactuals", "none", "all, amsgrad", "burn-in", "only burn-in"],
)
def test_training_agrees_epoch_by_epoch(schedule: Schedule) -> None:
    compare_training(Case(schedule))


@pytest.mark.parametrize(
    "model",
    [
        ModelSettings(hidden=()),
        ModelSettings(hidden=(32,)),
        ModelSettings(hidden=(6, 5), activation="tanh"),
        ModelSettings(hidden=(6,), activation="sigmoid"),
        ModelSettings(hidden=(6,), activation="softplus"),
    ],
    ids=["linear", "relu", "tanh", "sigmoid", "softplus"],
)
def test_training_agrees_for_every_kind_of_model(model: ModelSettings) -> None:
    compare_training(Case(Schedule(epochs=2, batch=12, n_ce=20), model=model))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_training_agrees_for_convolutions(activation: str) -> None:
    """And the searches that it learns from: pictures of 16 × 18 pixels, two convolutional layers."""
    data = dataset(24, k=3, d=16 * 18)
    pictures = replace(data, schema=Schema(features=data.schema.features, grid=(16, 18)))
    model = ModelSettings(channels=(2, 3), hidden=(5,), activation=activation, initial="glorot")
    case = Case(Schedule(epochs=2, batch=12, n_ce=12), n=24, k=3, model=model)
    fast = compare_training(case, pictures)
    assert np.nanmax([terms["steps"] for terms in fast.terms]) > 1  # guards the agreement: searches went somewhere


def test_training_agrees_with_more_classes() -> None:
    compare_training(Case(Schedule(epochs=2, batch=10, n_ce=33), n=90, k=4))


CONSTRAINED = (
    Arm.variant("always", tau=0.6, locked=(0,)),
    Arm.variant("training", tau=0.6, locked=(0,), lock_when="training"),
    Arm.variant("searching", tau=0.6, locked=(0,), lock_when="searching"),
    Arm.variant("never", tau=0.6, locked=(0,), lock_when="never"),
    Arm.variant("bare", tau=0.6, locked=(0,), shield="off"),
    Arm.variant("ranges", tau=0.6, ranges=((0, -0.5, 1.0), (1, -2.0, 0.5)), increase_only=(1,)),
    Arm.variant("bare ranges", tau=0.6, ranges=((0, -0.5, 1.0),), shield="off"),
    Arm.variant("half-way", tau=0.6, locked=(0,), epsilon_rule="halfway", epsilon_share=0.8),
    Arm.variant("half-way free", tau=0.6, locked=(0,), lock_when="searching", epsilon_rule="halfway"),
    Arm.variant("varied", tau=0.6, locked=(0,), epsilon_rule="varied", epsilon_share=1.25),
)


def test_training_agrees_wherever_constraints_hold() -> None:
    """And each way of holding them makes another model, but for those that are the same in training."""
    case = Case(Schedule(epochs=3, batch=12, n_ce=30), arms=CONSTRAINED, seeds=(0,) * len(CONSTRAINED))
    last = compare_training(case).weights[-1][0]
    same = {(0, 1), (2, 3)}
    for i in range(len(CONSTRAINED)):
        for j in range(i + 1, len(CONSTRAINED)):
            apart = float((last[i] - last[j]).abs().max())
            assert (apart < 1e-9) == ((i, j) in same), (CONSTRAINED[i].name, CONSTRAINED[j].name, apart)


def test_training_agrees_where_some_arms_average_their_weights() -> None:
    """And training itself goes on from the weights as they are."""
    arms = (
        *(Arm.variant(f"over {n}", tau=0.6, averaging=n) for n in (1, 2, 5)),
        Arm.variant("vanilla", averaging=3),
    )
    case = Case(Schedule(epochs=7, batch=12, n_ce=30), arms=arms, seeds=(0,) * len(arms))
    found = compare_training(case)
    plainly = compare_training(replace(case, arms=arms[:1], seeds=(0,)))
    for e, (layers, alone) in enumerate(zip(found.weights, plainly.weights, strict=True)):
        torch.testing.assert_close(layers[0][0], alone[0][0], **TIGHT)
        assert e == 0 or (layers[0][0] - layers[0][1]).abs().max() > 1e-4, "the mean is another model"
    mean = sum(layers[0][0] for layers in plainly.weights[:5]) / 5
    torch.testing.assert_close(found.weights[4][0][2], mean, **TIGHT)


def test_training_agrees_for_a_single_arm() -> None:
    compare_training(Case(Schedule(epochs=3, batch=12, n_ce=20), arms=ARMS[1:2], seeds=(0,)))


def test_training_agrees_in_single_precision() -> None:
    case = Case(Schedule(epochs=4, batch=12, n_ce=20), dtype=torch.float32)
    compare_training(case, rtol=1e-3, atol=1e-4)


def test_training_moves_the_weights_and_tells_the_arms_apart() -> None:
    """Guards the tests above: agreement of weights that never left their start would say nothing."""
    case = Case(Schedule(epochs=5, batch=12, n_ce=20))
    data = dataset(case.n)
    fast = run_fast(case, data)
    last, mature = fast.weights[-1][0], np.array([terms["mature"] for terms in fast.terms])  # e m
    assert ((mature[:, 1:] > 0) & (mature[:, 1:] < 1)).any() and np.isnan(mature[:, 0]).all()
    first = start(case, data).layers[0]
    for i in range(len(ARMS)):
        assert (last[i] - first[i]).abs().max() > 0.01
        assert all((last[i] - last[j]).abs().max() > 1e-4 for j in range(i))


OFF = {"lambda_div": 0.0, "lambda_adv": 0.0, "lambda_reg": 0.0}


@pytest.mark.parametrize(
    "arms",
    [
        (Arm.variant("vanilla"), Arm.variant("other seed", seed=3, **OFF)),
        (Arm.variant("full"), Arm.variant("other seed", seed=3)),
        (Arm.variant("vanilla"), Arm.variant("full", seed=3)),
        (Arm.variant("adversarial"), Arm.variant("energy", seed=3)),
    ],
    ids=["vanilla", "full", "vanilla beside full", "adversarial beside energy"],
)
def test_batches_that_are_not_finite_are_skipped_alike(arms: tuple[Arm, ...]) -> None:
    """One sample so far out that its logits overflow: its batches are left out, by both, in every epoch."""
    data = dataset(60)
    X = data.train[0].clone()
    X[7] = 3e38
    data = replace(data, train=(X, data.train[1]))
    case = Case(Schedule(epochs=2, batch=12, n_ce=10), arms=arms, seeds=(0, 3), dtype=torch.float32)
    fast = compare_training(case, data, rtol=1e-4, atol=1e-5)
    assert all((terms["skipped"] >= 1).all() for terms in fast.terms)
