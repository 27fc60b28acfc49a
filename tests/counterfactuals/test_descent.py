"""The penalties of the gradient search beyond distance and energy, against a slow search one point at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ctviz.bench.plain import PlainConstraints, plain_search
from ctviz.counterfactuals import api, descent
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.diversity import offsets
from ctviz.counterfactuals.noise import draw
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchRequest, SearchResult, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import Feature, Schema
from ctviz.errors import ConfigError
from ctviz.isolation import isolated
from ctviz.models.architecture import Pass
from ctviz.models.dense import Dense
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from tests.reference.generators import Slow, slow_search

TIGHT = {"rtol": 1e-9, "atol": 1e-10}
D, K, N, GROUPS = 3, 3, 4, 3
BOX = Schema(features=tuple(Feature(name=f"x{i}", domain=(-2.5, 2.5)) for i in range(D)))

ARMS = {
    "gravitational": SearchSettings(generator="gravitational", tau=0.8, lambda_gravity=0.2, lambda_cost=0.01),
    "gravitational, far": SearchSettings(generator="gravitational", tau=0.9, steps=17, lambda_gravity=0.8, epsilon=0.6),
    "dice": SearchSettings(generator="dice", tau=0.8, per_factual=N, lambda_diversity=0.6),
    "dice, far": SearchSettings(generator="dice", tau=0.75, per_factual=N, lambda_diversity=2, steps=25),
    "dice of three": SearchSettings(generator="dice", tau=0.9, per_factual=3, lambda_diversity=1, step_size=0.1),
    "dice, indifferent": SearchSettings(generator="dice", tau=0.8, per_factual=N, lambda_diversity=0),
    "generic with noise": SearchSettings(generator="generic", tau=0.9, gradient_noise=1.5),
    "eccco with noise": SearchSettings(generator="eccco", tau=0.8, steps=40, gradient_noise=0.4),
    "dice with noise": SearchSettings(generator="dice", tau=0.9, per_factual=N, gradient_noise=0.5),
    "eccco": SearchSettings(generator="eccco", tau=0.8),
    "eccco in short steps": SearchSettings(generator="eccco", tau=0.8, step_bound=0.05, steps=45),
    "dice in short steps": SearchSettings(generator="dice", tau=0.8, per_factual=N, step_bound=0.1, step_size=2),
}
PER_FACTUAL = {name: s.per_factual if s.generator == "dice" else 1 for name, s in ARMS.items()}
CHANCE = torch.Generator().manual_seed(5)
SAMPLES = (torch.randn(60, D, generator=CHANCE, dtype=torch.float64), torch.arange(60) % K)
SPREAD = float(np.sqrt(((SAMPLES[0].numpy() - SAMPLES[0].numpy().mean(0)) ** 2).sum(1).mean()))
B = N * GROUPS + 2  # columns; the last group of four is incomplete, the last of three is not


def reference_data() -> ReferenceData:
    return ReferenceData(*SAMPLES, K)


def models(m: int = len(ARMS)) -> Stack:
    stack = Stack.initialise(ModelSettings(hidden=(8,), activation="tanh"), D, K, range(m)).to(torch.float64)
    stack.flat.mul_(4)
    return stack


def crowd() -> tuple[Tensor, Tensor]:
    """Factuals (m d b) and targets (m b), repeated for each arm as its generator asks."""
    chance = torch.Generator().manual_seed(8)
    factuals = 1.2 * torch.randn(D, B, generator=chance, dtype=torch.float64)
    targets = torch.randint(0, K, (B,), generator=chance)
    index = torch.stack([torch.arange(B) // n for n in PER_FACTUAL.values()])
    return factuals[:, index].transpose(0, 1).contiguous(), targets[index]


def found(arms: list[int], record: bool = True) -> SearchResult:
    factuals, targets = (t[arms] for t in crowd())
    chosen = [list(ARMS.values())[arm] for arm in arms]
    rules = Constraints.of([BOX] * len(arms), factuals)
    return search(SearchRequest(models().take(arms), factuals, targets, chosen, rules, record, reference_data()))


@pytest.fixture(scope="module")
def whole() -> SearchResult:
    return found(list(range(len(ARMS))))


def slow(settings: SearchSettings) -> Slow:
    """The settings in the words of the reference."""
    name = settings.generator
    of_class = [SAMPLES[0][SAMPLES[1] == c] for c in range(K)]
    return Slow(
        settings.tau, settings.steps, settings.step_size, settings.epsilon, settings.lambda_cost,
        energy=settings.lambda_egy if name == "eccco" else 0,
        gravity=settings.lambda_gravity if name == "gravitational" else 0,
        diversity=settings.lambda_diversity if name == "dice" else 0,
        noise=settings.gradient_noise,
        attractors=of_class,
        offsets=torch.tensor(offsets(settings.per_factual, D), dtype=torch.float64),
        draw=lambda t, column: draw(t, column, 1, D)[:, 0],
        longest_step=settings.step_bound * SPREAD or math.inf,
    )  # fmt: skip


@pytest.mark.parametrize("name", ARMS)
def test_agrees_with_a_search_of_one_factual_at_a_time(name: str, whole: SearchResult) -> None:
    arm, settings, n = list(ARMS).index(name), ARMS[name], PER_FACTUAL[name]
    factuals, targets = (t[arm] for t in crowd())
    module = models().module(arm)
    assert whole.path is not None and len(whole.path) == max(s.steps for s in ARMS.values()) + 1
    limits = [(-2.5, 2.5)] * D
    for start in range(0, B, n if n > 1 else 2):  # of those that go alone, every other
        columns = list(range(start, min(start + n, B)))
        # The offsets of an incomplete group are the first of those of a whole one.
        expected = slow_search(module, factuals[:, start], int(targets[start]), slow(settings), limits, columns)
        path = whole.path[: settings.steps + 1, arm][..., columns].mT
        torch.testing.assert_close(path, expected.path, **TIGHT)
        torch.testing.assert_close(whole.nascent[arm][:, columns].T, expected.nascent, **TIGHT)
        assert whole.mature[arm, columns].tolist() == expected.mature
        assert whole.steps[arm, columns].tolist() == expected.steps


def test_the_crowd_is_mixed(whole: SearchResult) -> None:
    """Guards the test above: every generator has searches that take a while and some that end before T."""
    for arm, settings in enumerate(ARMS.values()):
        assert (whole.steps[arm] > 2).any() and whole.mature[arm].any(), list(ARMS)[arm]
        assert (whole.steps[arm] < settings.steps).any()
    assert not whole.mature.all()


@pytest.fixture(scope="module")
def crowded() -> SearchResult:
    return wide_search()


def wide_search() -> SearchResult:
    """Sixty columns, whole groups of three and of four, five times the same: more than fit into one small chunk."""
    factuals, targets = (t[..., :12].repeat(*[1] * (t.ndim - 1), 5) for t in crowd())
    rules = Constraints.of([BOX] * len(ARMS), factuals)
    return search(SearchRequest(models(), factuals, targets, list(ARMS.values()), rules, True, reference_data()))


@pytest.mark.parametrize("threads", [1, 3], ids=lambda n: f"{n} threads")
def test_arms_searched_one_by_one_and_in_threads_change_no_result(
    crowded: SearchResult, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """Each arm's points fill more than one chunk, so that each arm is searched apart."""
    monkeypatch.setattr(descent, "POINTS", 40 * (D + 1))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with isolated(), torch.inference_mode():
            found = wide_search()
    finally:
        torch.set_num_threads(before)
    for name in ("path", "final", "nascent"):
        torch.testing.assert_close(getattr(found, name), getattr(crowded, name), **TIGHT)
    assert torch.equal(found.mature, crowded.mature) and torch.equal(found.steps, crowded.steps)


@pytest.mark.parametrize("free", [(), (0,), (1, 3), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("points", [1, 1 << 30], ids=["arm by arm", "together"])
def test_locks_at_the_edges_are_left_out_and_change_nothing_else(
    monkeypatch: pytest.MonkeyPatch, free: tuple[int, ...], points: int
) -> None:
    """Against the slow search; the other arm is free and has noise."""
    monkeypatch.setattr(descent, "POINTS", points)
    d, b = 5, 40
    plain = Schema(features=tuple(Feature(name=f"x{i}", domain=(-2.0, 2.0)) for i in range(d)))
    locked = plain.constrain(locked=[i for i in range(d) if i not in free])
    stack = Stack.initialise(ModelSettings(hidden=(8,), activation="tanh"), d, K, [0, 1]).to(torch.float64)
    stack.flat.mul_(4)
    chance = torch.Generator().manual_seed(2)
    factuals = torch.randn(2, d, b, generator=chance, dtype=torch.float64)  # some of them outside of the domain
    targets = torch.randint(0, K, (2, b), generator=chance)
    settings = [SearchSettings(tau=0.9, gradient_noise=0.3), SearchSettings(tau=0.8, steps=9, epsilon=0.1)]
    found = search(
        SearchRequest(stack, factuals, targets, settings, Constraints.of([plain, locked], factuals), record=True)
    )
    assert found.path is not None
    fixed = [i for i in range(d) if i not in free]
    assert torch.equal(found.path[:, 1][:, fixed], factuals[1, fixed].expand(len(found.path), -1, -1))
    assert torch.equal(found.final, found.path[-1]) and torch.equal(found.nascent[1, fixed], factuals[1, fixed])
    slow = plain_search(
        stack.module(1), factuals[1].mT, targets[1], settings[1], PlainConstraints.of(locked), keep_path=True
    )
    torch.testing.assert_close(found.path[: len(slow.path), 1].mT, slow.path, **TIGHT)
    torch.testing.assert_close(found.nascent[1].mT, slow.nascent, **TIGHT)
    assert found.mature[1].tolist() == slow.mature.tolist() and found.steps[1].tolist() == slow.steps.tolist()


@pytest.mark.parametrize(
    ("working_set", "points", "chunks"),
    [
        (1 << 30, 1 << 30, {(2, 200)}),
        (2 * 9 * 70, 1 << 30, {(2, 70), (2, 60)}),  # eight units and their one are wider than the inputs
        (1, 1 << 30, {(2, 32), (2, 8)}),  # never fewer than 32 columns
        (1 << 30, 80 * (D + 1), {(1, 80), (1, 40)}),  # points of one arm do not fit: arm by arm
        (9 * 50, 80 * (D + 1), {(1, 50)}),
        (1 << 30, 200 * (D + 1), {(1, 200)}),
    ],
    ids=["all at once", "working set", "least", "points", "both", "an arm each"],
)
def test_a_chunk_is_no_larger_than_caches_are_for(
    monkeypatch: pytest.MonkeyPatch, working_set: int, points: int, chunks: set[tuple[int, int]]
) -> None:
    monkeypatch.setattr(descent, "WORKING_SET", working_set)
    monkeypatch.setattr(descent, "POINTS", points)
    seen: set[tuple[int, int]] = set()
    usual = Stack.run

    def run(self: Stack, b: int) -> Pass:
        seen.add((self.m, b))
        return usual(self, b)

    monkeypatch.setattr(Stack, "run", run)
    factuals = torch.zeros(2, D, 200, dtype=torch.float64)
    chosen = [SearchSettings(tau=0.99, steps=1)] * 2
    with isolated():
        search(
            SearchRequest(models(2), factuals, torch.ones(2, 200).long(), chosen, Constraints.of([BOX] * 2, factuals))
        )
    assert seen == chunks


@pytest.mark.parametrize("working_set", [1, 1 << 30], ids=["chunks", "at once"])
@pytest.mark.parametrize("pack_below", [0.0, 1.0], ids=["never packed", "always packed"])
def test_chunks_and_packing_tear_no_group_apart_and_change_no_noise(
    crowded: SearchResult, monkeypatch: pytest.MonkeyPatch, working_set: int, pack_below: float
) -> None:
    monkeypatch.setattr(descent, "WORKING_SET", working_set)
    monkeypatch.setattr(descent, "PACK_BELOW", pack_below)
    torch.testing.assert_close(wide_search().path, crowded.path, **TIGHT)


def test_groups_do_not_feel_each_other_and_each_column_has_noise_of_its_own(
    whole: SearchResult, crowded: SearchResult
) -> None:
    assert whole.path is not None and crowded.path is not None
    for arm, settings in enumerate(ARMS.values()):
        parts = crowded.path[:, arm].split(12, dim=-1)
        torch.testing.assert_close(parts[0], whole.path[:, arm, :, :12], **TIGHT)
        alike = torch.isclose(parts[3], parts[0], **TIGHT).all()
        assert bool(alike) == (settings.gradient_noise == 0)


@pytest.mark.parametrize("arms", [[0], [2], [6], [9, 2], [4, 3, 1], [8, 7]], ids=str)
def test_results_do_not_depend_on_the_other_arms(whole: SearchResult, arms: list[int]) -> None:
    some = found(arms)
    assert some.path is not None and whole.path is not None
    torch.testing.assert_close(some.path, whole.path[: len(some.path), arms], **TIGHT)
    assert torch.equal(some.steps, whole.steps[arms]) and torch.equal(some.mature, whole.mature[arms])


def test_paths_are_recorded_only_on_request(whole: SearchResult) -> None:
    without = found(list(range(len(ARMS))), record=False)
    assert without.path is None
    for name in ("final", "nascent", "mature", "steps"):
        torch.testing.assert_close(getattr(without, name), getattr(whole, name), **TIGHT)


def test_single_precision_stays_single() -> None:
    factuals, targets = crowd()
    x = factuals.float()
    rules = Constraints.of([BOX] * len(ARMS), x)
    result = search(
        SearchRequest(models().to(torch.float32), x, targets, list(ARMS.values()), rules, True, reference_data())
    )
    assert {t.dtype for t in (result.final, result.nascent, result.path) if t is not None} == {torch.float32}


# -- by hand -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.6, 0.75, 0.99])
@pytest.mark.parametrize("margin", [-3.0, -0.5, 0.2])
def test_a_linear_model_without_cost_is_crossed_along_its_weights(tau: float, margin: float) -> None:
    """Two classes, margin s = u·x + c: each step adds η (1 − σ(s)) u, so that s ← s + η ‖u‖² (1 − σ(s))."""
    w0, w1, c = (0.5, -1.0), (-0.25, 1.0), 0.3
    layer = torch.tensor([[[*w0, 0.0], [*w1, c]]], dtype=torch.float64)
    u = [b - a for a, b in zip(w0, w1, strict=True)]
    size = sum(v * v for v in u)
    x = [(margin - c) * v / size + 0.7 * p for v, p in zip(u, (u[1], -u[0]), strict=True)]
    eta = 0.3
    s, expected = margin, 0
    while 1 / (1 + math.exp(-s)) < tau:
        s, expected = s + eta * size * (1 - 1 / (1 + math.exp(-s))), expected + 1
    assert (expected > 0) == (margin < math.log(tau / (1 - tau)))

    factual = torch.tensor(x, dtype=torch.float64).view(1, 2, 1)
    free = Schema(features=(Feature(name="a"), Feature(name="b")))
    chosen = SearchSettings(generator="generic", tau=tau, step_size=eta, steps=500, lambda_cost=0.0)
    limits = Constraints.of([free], factual)
    model = Stack(Dense((2, 2), "relu"), layer.reshape(-1), 1)
    result = search(SearchRequest(model, factual, torch.tensor([[1]]), [chosen], limits, True))
    assert result.mature.item() and int(result.steps) == expected
    assert result.path is not None
    moved = (result.path - factual)[:, 0, :, 0]  # t d
    along = moved @ torch.tensor(u, dtype=torch.float64) / math.sqrt(size)
    torch.testing.assert_close(moved.norm(dim=1), along, rtol=1e-12, atol=1e-13)  # nothing beside u, all of it forward
    assert (along.diff()[:expected] > 0).all() and (along.diff()[expected:] == 0).all()
    torch.testing.assert_close(float(along[-1]), (s - margin) / math.sqrt(size), rtol=1e-12, atol=1e-12)


def test_gravity_alone_comes_to_rest_among_the_samples() -> None:
    """A model without opinion, samples at −1, 0, 1, 1: the point walks to the median, in steps of η λ · share."""
    even = Stack(Dense((1, 2), "relu"), torch.zeros(4, dtype=torch.float64), 1)
    X = torch.tensor([[-1.0], [0.0], [1.0], [1.0], [9.0]], dtype=torch.float64)
    y = torch.tensor([1, 1, 1, 1, 0])
    factual = torch.tensor([[[2.0]]], dtype=torch.float64)
    chosen = SearchSettings(
        generator="gravitational", tau=0.9, steps=12, step_size=0.25, lambda_gravity=1.0, lambda_cost=0.0
    )
    limits = Constraints.of([Schema(features=(Feature(name="a"),))], factual)
    result = search(SearchRequest(even, factual, torch.tensor([[1]]), [chosen], limits, True, ReferenceData(X, y, 2)))
    assert result.path is not None
    # Above all samples, the share is 1; on both at 1 it is (2 − 0) / 4; between 0 and 1 it is 0.
    expected = [2.0, 1.75, 1.5, 1.25, 1.0, 0.875, *[0.875] * 7]
    assert result.path.flatten().tolist() == expected


def test_noise_is_as_long_as_it_says() -> None:
    """For σ = 1 in many dimensions, the step differs from the one without noise by about its own length."""
    d = 400
    stack = Stack.initialise(ModelSettings(hidden=()), d, 2, [0]).to(torch.float64)
    x = torch.zeros(1, d, 1, dtype=torch.float64)
    free = Constraints.of([Schema(features=tuple(Feature(name=f"{i}") for i in range(d)))], x)

    def step(noise: float) -> Tensor:
        chosen = SearchSettings(generator="generic", tau=0.99, steps=1, gradient_noise=noise)
        return search(SearchRequest(stack, x, torch.tensor([[1]]), [chosen], free)).final.flatten()

    clean = step(0.0)
    ratio = (step(1.0) - clean).norm() / clean.norm()
    assert 0.85 < float(ratio) < 1.15
    torch.testing.assert_close(step(3.0) - clean, 3 * (step(1.0) - clean), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_step_is_longer_than_its_bound_and_arms_without_one_search_as_alone(dtype: torch.dtype) -> None:
    chosen = [SearchSettings(tau=0.99, step_size=20, step_bound=bound, steps=40) for bound in (0.0, 0.02, 0.3)]
    factuals, targets = (t[[9, 9, 9]] for t in crowd())
    factuals = factuals.clamp(-2.5, 2.5).to(dtype)
    rules = Constraints.of([BOX] * 3, factuals)
    stack = models(1).take([0, 0, 0]).to(dtype)
    result = search(SearchRequest(stack, factuals, targets, chosen, rules, True, reference_data()))
    assert result.path is not None
    length = result.path.diff(dim=0).norm(dim=2)  # t m b
    assert length[:, 0].max() > 10 * 0.02 * SPREAD, "steps that a bound would have shortened"
    for arm, bound in ((1, 0.02), (2, 0.3)):
        assert length[:, arm].max() == pytest.approx(bound * SPREAD, rel=1e-5)
    alone = search(
        SearchRequest(stack.take([0]), factuals[:1], targets[:1], chosen[:1], rules.take(torch.tensor([0])), True)
    )
    assert alone.path is not None and torch.equal(alone.path[:, 0], result.path[:, 0])


def test_a_step_keeps_its_direction_and_a_short_one_all_its_bits() -> None:
    step = torch.tensor([[[3.0, 0.3, 0.0, 3e38, 1e-40], [-4.0, -0.4, 0.0, -3e38, 0.0]]])
    short = descent.shorten_(step.clone(), torch.tensor([[[2.5]]]))
    expected = torch.tensor([[1.5, 0.3, 0.0, 2.5 / 2**0.5, 1e-40], [-2.0, -0.4, 0.0, -2.5 / 2**0.5, 0.0]])
    torch.testing.assert_close(short[0], expected)
    assert torch.equal(short[..., [1, 2, 4]], step[..., [1, 2, 4]])
    assert torch.equal(descent.shorten_(step.clone(), torch.tensor([[[torch.inf]]])), step)


def test_a_bound_needs_samples_which_say_how_far_apart_the_data_are() -> None:
    factuals, targets = (t[[9]] for t in crowd())
    rules = Constraints.of([BOX], factuals)
    with pytest.raises(ConfigError, match=r"step_bound is 0\.1"):
        search(SearchRequest(models(1), factuals, targets, [SearchSettings(step_bound=0.1)], rules))
    with pytest.raises(ConfigError, match=r"samples is None; allowed: .* step_bound 0\.1 needs"):
        api.search(models(1).module(0), factuals[0].T, targets[0], step_bound=0.1)
    assert reference_data().spread() == pytest.approx(SPREAD)
    ignored = SearchSettings(generator="nearest", step_bound=0.1)
    search(SearchRequest(models(1), factuals, targets, [ignored], rules, False, reference_data()))


def test_settings_of_other_generators_are_ignored() -> None:
    factuals, targets = (t[[9]] for t in crowd())
    rules = Constraints.of([BOX], factuals)

    def end(**changes: float) -> Tensor:
        chosen = ARMS["eccco"].model_copy(update=changes)
        return search(
            SearchRequest(models(1), factuals, targets, [chosen], rules, reference_data=reference_data())
        ).final

    others = {"lambda_gravity": 9.0, "lambda_diversity": 9.0, "per_factual": 7, "latent": 5, "neighbours": 3}
    assert torch.equal(end(), end(**others))
    assert not torch.equal(end(), end(lambda_egy=9.0))


def test_the_reference_sees_a_wrong_weight() -> None:
    """Guards the comparison: with another weight, the slow search ends elsewhere."""
    factuals, targets = (t[0] for t in crowd())
    right = slow(ARMS["gravitational, far"])
    ends = [
        slow_search(models().module(1), factuals[:, 0], int(targets[0]), s, [(-2.5, 2.5)] * D, [0]).path[-1]
        for s in (right, replace(right, gravity=right.gravity * 1.01))
    ]
    assert not torch.allclose(*ends, **TIGHT)
