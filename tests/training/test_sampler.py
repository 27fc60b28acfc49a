"""The counterfactuals of an epoch: targets, neighbours, protection, and which arms get any."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ctviz.counterfactuals import search as fast_search
from ctviz.counterfactuals.constraints import Constraints
from ctviz.data.dataset import Dataset
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.training import sampler as module
from ctviz.training.arm import Arm
from ctviz.training.draws import EpochDraws, RandomStreams
from ctviz.training.sampler import CounterfactualBatch, Sampler, apply_immutable_masks, immutable_masks
from tests.reference.halfway import gaps

K, N, C = 3, 90, 60


def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(K), [15, 30, 45]))  # classes of different size
    X = (rng.normal(size=(N, 2)) + 3 * np.array([[0, 0], [1, 0], [0, 1]])[y]).astype(np.float32)
    split = torch.from_numpy(X), torch.from_numpy(y)
    return Dataset("clouds", Schema.infer(X), ("a", "b", "c"), split, split, split)


def counterfactual_batch(
    arms: Sequence[Arm], seeds: Sequence[int], data: Dataset | None = None
) -> tuple[CounterfactualBatch, EpochDraws, Stack]:
    data = data or dataset()
    stack = Stack.initialise(ModelSettings(hidden=(8,)), 2, K, seeds).to(torch.float64)
    stack.flat.mul_(3)
    draws = RandomStreams(seeds, N, C, K).epoch()
    made = Sampler(data, arms, stack.flat).sample(stack, draws)
    assert made is not None
    return made, draws, stack


FULL = Arm.variant("full", tau=0.6)
LOCKED = Arm.variant("locked", tau=0.6, locked=("x1",))
VANILLA = Arm.variant("vanilla")


# -- protection ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mutability", "neighbour", "counterfactual", "protected"),
    [
        (Mutability.BOTH, 1.0, 0.0, 1.0),
        (Mutability.BOTH, -1.0, 0.0, -1.0),
        (Mutability.FIXED, 1.0, 0.0, 0.0),
        (Mutability.FIXED, -1.0, 0.0, 0.0),
        (Mutability.INCREASE, 1.0, 0.0, 1.0),
        (Mutability.INCREASE, -1.0, 0.0, 0.0),
        (Mutability.DECREASE, 1.0, 0.0, 0.0),
        (Mutability.DECREASE, -1.0, 0.0, -1.0),
        (Mutability.FIXED, 0.5, 0.5, 0.5),
    ],
)
def test_protection_by_hand(mutability: Mutability, neighbour: float, counterfactual: float, protected: float) -> None:
    like = torch.zeros(0)
    rules = Constraints.of([Schema(features=(Feature(name="a", mutability=mutability), Feature(name="b")))], like)
    x_plus, x = torch.tensor([[[neighbour], [7.0]]]), torch.tensor([[[counterfactual], [9.0]]])
    result = apply_immutable_masks(x_plus, x, rules)
    assert result.flatten().tolist() == [protected, 7.0]
    assert x_plus.flatten().tolist() == [neighbour, 7.0] and x.flatten().tolist() == [counterfactual, 9.0]


def test_each_arm_is_protected_by_its_own_locks() -> None:
    made, _, _ = counterfactual_batch([FULL, LOCKED], [0, 0])
    assert torch.equal(made.neighbours[1, 0], made.counterfactuals[1, 0])
    assert not torch.equal(made.neighbours[0, 0], made.counterfactuals[0, 0])
    assert not torch.equal(made.neighbours[1, 1], made.counterfactuals[1, 1])


def test_a_neighbour_out_of_range_takes_over_the_counterfactual() -> None:
    """x⁺ = (5, 0.5) where a may lie in [0, 2]: advice cannot go to 5; in b, without a range, x⁺ stays."""
    schema = Schema(features=(Feature(name="a"), Feature(name="b")))
    rules = Constraints.of([schema.constrain(ranges=[("a", 0.0, 2.0)])], torch.zeros(0))
    x = torch.tensor([[[1.5], [9.0]]])
    for x_plus, expected in ((5.0, 1.5), (-0.1, 1.5), (0.0, 0.0), (2.0, 2.0), (1.0, 1.0)):
        result = apply_immutable_masks(torch.tensor([[[x_plus], [0.5]]]), x, rules)
        assert result.flatten().tolist() == [expected, 0.5]


BARE = Arm.variant("bare", tau=0.6, locked=("x1",), shield="off")
LATER = Arm.variant("later", tau=0.6, locked=("x1",), lock_when="searching")
EARLY = Arm.variant("early", tau=0.6, locked=("x1",), lock_when="training")
NARROW = Arm.variant("narrow", tau=0.6, ranges=(("x1", 0.0, 1.0),))


def test_where_locks_hold_in_training_and_what_the_shield_adds() -> None:
    made, draws, _ = counterfactual_batch([FULL, LOCKED, BARE, LATER, EARLY], [0] * 5)
    factuals = dataset().train[0].double()[draws.factuals].mT
    immature = (made.neighbours == made.counterfactuals).all(dim=1)
    kept = (made.counterfactuals[:, 0] == factuals[:, 0]) | immature
    assert kept.all(dim=1).tolist() == [False, True, True, False, True]
    shielded = (made.neighbours[:, 0] == made.counterfactuals[:, 0]).all(dim=1)
    assert shielded.tolist() == [False, True, False, False, True]
    for part in ("nascent", "neighbours", "counterfactuals", "targets"):
        value: Tensor = getattr(made, part)
        torch.testing.assert_close(value[1], value[4], rtol=1e-10, atol=1e-11)  # in training the same
        torch.testing.assert_close(value[0], value[3], rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(made.counterfactuals[1][:, ~immature[1]], made.counterfactuals[2][:, ~immature[1]])


def test_counterfactuals_stay_in_their_range_and_neighbours_are_held_to_it() -> None:
    made, draws, _ = counterfactual_batch([NARROW], [0])
    immature = (made.neighbours == made.counterfactuals).all(dim=1)[0]
    assert 0.05 < float(immature.double().mean()) < 0.95
    factuals = dataset().train[0].double()[draws.factuals].mT
    moved = made.counterfactuals[0, 0][~immature] != factuals[0, 0][~immature]
    x, x_plus = (part[0, 0][~immature][moved] for part in (made.counterfactuals, made.neighbours))
    assert len(x) and ((x >= 0) & (x <= 1)).all()
    assert ((x_plus >= 0) & (x_plus <= 1)).all()
    outside = made.counterfactuals[0, 0][immature]
    assert ((outside < 0) | (outside > 1)).any()  # an immature one is the neighbour, wherever that is


def test_the_shield_is_that_of_training() -> None:
    schema = dataset().schema
    found = immutable_masks([FULL, LOCKED, BARE, LATER, EARLY, NARROW], schema, torch.zeros(0))
    assert found.may_rise[:, 0, 0].tolist() == [True, False, True, True, False, True]
    low, high = schema.bounds()
    assert found.lower[:, 0, 0].tolist() == [low[0], low[0], -np.inf, low[0], low[0], 0]
    assert found.upper[:, 0, 0].tolist() == [high[0], high[0], np.inf, high[0], high[0], 1]


# -- targets and neighbours ----------------------------------------------------------------------------


def test_a_target_is_never_the_class_that_the_model_predicts() -> None:
    arms, seeds = [FULL, LOCKED, FULL], [0, 1, 2]
    made, draws, stack = counterfactual_batch(arms, seeds)
    X = dataset().train[0].double()
    for arm in range(3):
        predicted = stack.take([arm])(X[draws.factuals[arm]][None])[0].argmax(dim=-1)
        assert (made.targets[arm] != predicted).all()
        assert torch.equal(made.targets[arm], (predicted + draws.shifts[arm]) % K)
    assert set(made.targets.flatten().tolist()) == set(range(K))


@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_several_counterfactuals_of_each_are_as_many_in_all(size: int) -> None:
    """The first ⌈c / size⌉ drawn factuals, each with one target, ``size`` times; other arms keep their own draws."""
    arm = Arm.variant("several", tau=0.6, generator="dice", per_factual=size)
    made, draws, stack = counterfactual_batch([arm, FULL], [0, 0])
    data = dataset()
    index = torch.arange(C) // size
    assert torch.equal(made.labels[0], data.train[1][draws.factuals[0, index]])
    assert torch.equal(made.labels[1], data.train[1][draws.factuals[1]])
    own = data.train[0].double()[draws.factuals[0, index]]
    predicted = stack.take([0])(own[None])[0].argmax(dim=-1)
    assert torch.equal(made.targets[0], (predicted + draws.shifts[0, index]) % K)
    for group in range(C // size):
        assert len(set(made.targets[0, group * size : (group + 1) * size].tolist())) == 1
    assert made.counterfactuals.shape == (2, 2, C)


def test_labels_are_the_true_ones() -> None:
    made, draws, _ = counterfactual_batch([FULL, VANILLA], [0, 1])
    assert torch.equal(made.labels, dataset().train[1][draws.factuals])


def test_a_neighbour_is_a_training_sample_of_the_target_class() -> None:
    made, _, _ = counterfactual_batch([FULL], [0])
    X, y = dataset().train
    for i in range(C):
        rows = (X.double() == made.neighbours[0, :, i]).all(dim=1).nonzero()
        assert len(rows) == 1 and int(y[rows[0, 0]]) == int(made.targets[0, i])


def test_every_sample_of_a_class_is_as_likely_a_neighbour() -> None:
    data = dataset()
    sampler = Sampler(data, [FULL], torch.zeros(1))
    for c, size in enumerate((15, 30, 45)):
        draws = torch.linspace(0, 1, 100 * size + 1, dtype=torch.float64)[:-1] + 1e-9
        picked = sampler.neighbours_of(torch.full((1, 100 * size), c), draws[None])[0]
        assert torch.equal(torch.bincount(picked, minlength=N), 100 * (data.train[1] == c))


def test_the_largest_draw_stays_within_the_class() -> None:
    data = dataset()
    last = torch.tensor([[1 - 2**-53]], dtype=torch.float64)
    for c in range(K):
        index = Sampler(data, [FULL], torch.zeros(1)).neighbours_of(torch.tensor([[c]]), last)
        assert int(data.train[1][index]) == c


# -- maturity ------------------------------------------------------------------------------------------


def test_what_is_not_mature_gives_way_to_its_neighbour_and_adds_no_divergence() -> None:
    made, _, stack = counterfactual_batch([FULL, LOCKED], [0, 1])
    same = (made.neighbours == made.counterfactuals).all(dim=1)  # m c
    share = made.mature.tolist()
    assert all(0.05 < m < 0.95 for m in share), "guards this test: some mature, some do not"
    for arm in range(2):
        immature = same[arm].double().mean()
        assert float(immature) == pytest.approx(1 - share[arm])
    energies = [
        -stack(x.mT).gather(2, made.targets[..., None])[..., 0] for x in (made.neighbours, made.counterfactuals)
    ]
    assert (energies[0] - energies[1])[same].abs().max() == 0


def test_an_immature_counterfactual_is_the_neighbour_whole_even_in_a_locked_feature() -> None:
    never = Arm.variant("full", tau=0.999999, steps=1, locked=("x1",))
    made, _, _ = counterfactual_batch([never], [0])
    assert made.mature.tolist() == [0.0] and made.steps.tolist() == [1.0]
    X = dataset().train[0].double()
    assert all((made.counterfactuals[0, :, i] == X).all(dim=1).any() for i in range(C))
    assert torch.equal(made.neighbours, made.counterfactuals)


def test_a_nascent_point_stays_near_its_factual() -> None:
    made, draws, _ = counterfactual_batch([FULL, LOCKED], [0, 1])
    factuals = dataset().train[0].double()[draws.factuals].mT
    assert (made.nascent - factuals).abs().max() <= 0.3
    assert (made.nascent != factuals).any(dim=1).double().mean() > 0.05
    assert torch.equal(made.nascent[1, 0], factuals[1, 0])


@settings(max_examples=25, deadline=None)
@given(
    generator=st.sampled_from(["generic", "eccco", "gravitational", "dice", "nearest", "face"]),
    rule=st.sampled_from(["halfway", "varied"]),
    share=st.floats(0.01, 1.5),
    locked=st.sampled_from([(), ("x1",), ("x2",)]),
    lock_when=st.sampled_from(["always", "searching"]),
    step_size=st.sampled_from([0.02, 0.25, 2.0]),
)
def test_a_nascent_point_stays_in_its_own_box_and_locks_hold(
    generator: str, rule: str, share: float, locked: tuple[str, ...], lock_when: str, step_size: float
) -> None:
    """Beside an arm with the same ε for all points, and whatever the generator."""
    arm = Arm.variant(
        "half-way", tau=0.6, generator=generator, epsilon_rule=rule, epsilon_share=share, locked=locked,
        lock_when=lock_when, step_size=step_size, epsilon=0.0,
    )  # fmt: skip
    made, draws, _ = counterfactual_batch([FULL, arm, VANILLA], [0, 0, 0])
    X, y = dataset().train
    holds = locked if lock_when == "always" else ()
    free = [f"x{i}" not in holds for i in (1, 2)]
    way = torch.tensor(gaps(X.tolist(), y.tolist(), free), dtype=torch.float64)
    index = draws.factuals[1]
    if generator == "dice":
        index = index[: C // arm.per_factual].repeat_interleave(arm.per_factual)
    factuals = X.double()[index].T
    apart = (made.nascent[1] - factuals).abs()
    assert (apart.amax(dim=0) <= share * way[index] * (1 + 1e-6)).all()
    if rule == "varied":
        own = Sampler(dataset(), [arm], made.nascent).boxes_of(index[None], draws.neighbours[1:2])
        assert own is not None and (apart.amax(dim=0) <= own[0] * (1 + 1e-6)).all()
    assert not apart[[not one for one in free]].any()
    torch.testing.assert_close(made.nascent[0], alone().nascent[0], rtol=1e-10, atol=1e-11)


@functools.cache
def alone() -> CounterfactualBatch:
    return counterfactual_batch([FULL], [0])[0]


def test_half_way_by_hand() -> None:
    """Three samples of a at 0, 1 and 4 on x1, one of b at 5, which a lock on x1 takes away from the distance."""
    X = torch.tensor([[0.0, 0.0], [1.0, 0.0], [4.0, 3.0], [5.0, 1.0]])
    split = X, torch.tensor([0, 0, 0, 1])
    data = Dataset("line", Schema.infer(X.numpy()), ("a", "b"), split, split, split)
    arms = [
        Arm.variant("half", epsilon_rule="halfway"),
        Arm.variant("third", epsilon_rule="halfway", epsilon_share=0.25, locked=("x1",)),
        Arm.variant("full", epsilon=0.4),
    ]
    boxes = Sampler(data, arms, torch.zeros(1)).largest_boxes
    assert boxes is not None
    torch.testing.assert_close(
        boxes, torch.tensor([[2.5, 2.0, 1.0, 1.0], [0.25, 0.25, 0.5, 0.25], [0.4, 0.4, 0.4, 0.4]])
    )
    assert Sampler(data, arms[2:], torch.zeros(1)).largest_boxes is None


def test_varied_boxes_are_uniform_and_do_not_go_with_the_neighbour() -> None:
    data, n = dataset(), 20_000
    arms = [
        Arm.variant("varied", epsilon_rule="varied", epsilon_share=2.0),
        Arm.variant("half", epsilon_rule="halfway"),
    ]
    sampler = Sampler(data, arms, torch.zeros(1, dtype=torch.float64))
    draws = torch.rand(2, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    boxes, index = sampler.boxes_of(torch.zeros(2, n, dtype=torch.int64), draws), torch.zeros(2, n, dtype=torch.int64)
    assert boxes is not None and sampler.largest_boxes is not None
    assert torch.equal(boxes[1], sampler.largest_boxes.gather(1, index)[1])
    shares = boxes[0] / sampler.largest_boxes[0, 0]
    counts = torch.histc(shares, 10, 0, 1)
    assert (counts / n - 0.1).abs().max() < 0.01
    chosen = sampler.neighbours_of(index[:1], draws[:1])[0].double()
    assert torch.corrcoef(torch.stack([shares, chosen]))[0, 1].abs() < 0.03


def test_a_sample_on_one_of_another_class_is_its_own_nascent_point() -> None:
    data = dataset()
    X, y = data.train
    twice = torch.cat([X[:-1], X[:1]]), torch.cat([y[:-1], (y[:1] + 1) % K])
    made, draws, _ = counterfactual_batch(
        [Arm.variant("half-way", tau=0.9, epsilon_rule="halfway", epsilon_share=1.0)], [0],
        Dataset("twice", data.schema, data.classes, twice, twice, twice),
    )  # fmt: skip
    factuals = twice[0].double()[draws.factuals[0]].T
    stays = (made.nascent[0] == factuals).all(dim=0)
    same = (draws.factuals[0] == 0) | (draws.factuals[0] == N - 1)
    assert same.any() and stays[same].all() and not stays.all()


def test_steps_and_maturity_are_those_of_the_search() -> None:
    made, draws, stack = counterfactual_batch([FULL], [0])
    data = dataset()
    factuals = data.train[0].double()[draws.factuals].mT.contiguous()
    found = fast_search.search(
        fast_search.SearchRequest(stack, factuals, made.targets, [FULL], Constraints.of([data.schema], factuals))
    )
    assert made.mature.tolist() == pytest.approx([float(found.mature.double().mean())])
    assert made.steps.tolist() == pytest.approx([float(found.steps.double().mean())])
    assert torch.equal(made.counterfactuals[0][:, found.mature[0]], found.final[0][:, found.mature[0]])


# -- who learns ----------------------------------------------------------------------------------------


def test_arms_without_counterfactual_terms_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def spy(request: fast_search.SearchRequest) -> fast_search.SearchResult:
        asked.append(request.model.m)
        return fast_search.search(request)

    monkeypatch.setattr(module, "search", spy)
    made, _, _ = counterfactual_batch([VANILLA, FULL, VANILLA], [0, 0, 0])
    assert asked == [1]
    for arm in (0, 2):
        assert made.mature[arm].isnan() and made.steps[arm].isnan()
    assert made.arms == [1]
    for part in (made.nascent, made.neighbours, made.counterfactuals):
        assert part.shape == (1, 2, C)
    data, stack, draws = dataset(), Stack.initialise(ModelSettings(hidden=(8,)), 2, K, [0]), RandomStreams([0], N, C, K)
    assert Sampler(data, [VANILLA], stack.flat).sample(stack, draws.epoch()) is None
    assert asked == [1]


@pytest.mark.parametrize("others", [[VANILLA, FULL], [FULL, LOCKED], [LOCKED, VANILLA, FULL]], ids=len)
def test_a_lesson_does_not_depend_on_the_other_arms(others: list[Arm]) -> None:
    mine, _, _ = counterfactual_batch([others[-1]], [4])
    all_, _, _ = counterfactual_batch(others, [4] * len(others))
    for name in ("nascent", "neighbours", "counterfactuals", "labels", "targets", "mature", "steps"):
        value: Tensor = getattr(all_, name)[-1]
        torch.testing.assert_close(value, getattr(mine, name)[0], rtol=1e-10, atol=1e-11)
