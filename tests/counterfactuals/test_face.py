"""FACE against shortest paths by Floyd and Warshall over a graph built by hand, and what its paths may never do."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ctviz.counterfactuals import face as module
from ctviz.counterfactuals import graph as graphs
from ctviz.counterfactuals.face import search_face
from ctviz.counterfactuals.graph import STRIDE, EdgeRules
from ctviz.counterfactuals.nearest import search_nearest
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search_result import Search, SearchRequest, SearchResult
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.counterfactuals.trail import reachable_range
from ctviz.data.schema import Feature, Schema
from ctviz.errors import ConfigError, DataError
from ctviz.models.dense import Dense
from ctviz.models.stack import Stack
from tests.counterfactuals.toys import BOTH, FIXED, RULES, UP, boxed, classes, cloud, known, rules, stack
from tests.reference import sampled

FREE = boxed(-9.0, 9.0, BOTH, BOTH)


def settings(**changes: float) -> SearchSettings:
    return SearchSettings(**{"generator": "face", "tau": 0.8, "steps": 20, "neighbours": 4, **changes})


def one(
    model: Stack, x: Tensor, target: int, chosen: SearchSettings, schema: Schema, reference_data: ReferenceData
) -> SearchResult:
    """From one point (d)."""
    factual = x.view(1, -1, 1)
    return search_face(
        SearchRequest(model, factual, torch.tensor([[target]]), [chosen], rules(schema, factual), True, reference_data)
    )


# -- against the reference -----------------------------------------------------------------------------


@pytest.mark.parametrize("neighbours", [1, 4, 200], ids=lambda k: f"k={k}")
@pytest.mark.parametrize("mutability", RULES.values(), ids=RULES)
def test_against_floyd_and_warshall(mutability, neighbours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "BAND", 0.7)  # of 30 samples, enough in a band
    schema, reference_data, models = boxed(-1.5, 2.0, *mutability), known(), stack(2)
    chosen = settings(neighbours=neighbours)
    factuals = torch.stack([cloud(5, seed, spread=1.3).T for seed in (1, 2)])
    factuals[:, :, 0] = reference_data.X[3]  # one that is a sample itself
    targets = classes(10, 3).view(2, 5)
    found = search_face(
        SearchRequest(models, factuals, targets, [chosen] * 2, rules(schema, factuals), True, reference_data)
    )
    assert found.path is not None
    for arm, plain in enumerate(models.module(a) for a in range(2)):
        for i in range(5):
            path, arrives, _ = sampled.face(
                plain,
                reference_data.X,
                factuals[arm, :, i],
                int(targets[arm, i]),
                chosen,
                schema,
                band=0.7,
                stride=STRIDE,
            )
            assert (bool(found.mature[arm, i]), int(found.steps[arm, i])) == (arrives, len(path) - 1)
            assert found.path[: len(path), arm, :, i].tolist() == path
            assert (found.path[len(path) :, arm, :, i] == torch.tensor(path[-1], dtype=torch.float64)).all()
            assert found.final[arm, :, i].tolist() == path[-1]


def test_the_reference_meets_every_case() -> None:
    """What the comparison above is worth: paths of several moves, mature ones and none at all."""
    reference_data, plain = known(), stack().module(0)
    lengths, arrived = set(), set()
    for i, x in enumerate(cloud(10, 1)):
        path, arrives, _ = sampled.face(
            plain, reference_data.X, x, i % 3, settings(), boxed(-1.5, 2.0, UP, BOTH), band=0.7, stride=STRIDE
        )
        lengths.add(len(path) - 1)
        arrived.add(arrives)
    assert max(lengths) >= 3 and arrived == {True, False}


# -- by hand --------------------------------------------------------------------------------------------


def slope() -> Stack:
    """p(class 1) = 1 / (1 + exp(−2 x1)), whatever x2."""
    layer = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    return Stack(Dense((2, 2), "relu"), layer.flatten(), 1)


def test_the_way_in_leads_past_nearer_samples_on_the_forbidden_side() -> None:
    """x1 may only rise: three samples just below the factual must not take the places of the one above it."""
    x1 = torch.tensor([-0.1, -0.2, -0.3, 1.0, 1.2, 1.4], dtype=torch.float64)
    reference_data = ReferenceData(torch.stack([x1, torch.zeros(6)], dim=1), torch.tensor([0, 0, 0, 1, 1, 1]), 2)
    origin = torch.zeros(2, dtype=torch.float64)
    found = one(slope(), origin, 1, settings(neighbours=2), boxed(-9.0, 9.0, UP, BOTH), reference_data)
    assert found.mature.item() and found.final.flatten().tolist() == [1.0, 0.0]


def horseshoe() -> ReferenceData:
    """Samples on three quarters of a circle, close to one another; the ends face each other over a gap."""
    angle = torch.linspace(0.25 * math.pi, 1.75 * math.pi, 41, dtype=torch.float64)
    X = torch.stack([torch.cos(angle - math.pi / 2), torch.sin(angle - math.pi / 2)], dim=1)
    return ReferenceData(X, (X[:, 0] > 0).long(), 2)


def test_it_goes_round_a_gap_through_the_data() -> None:
    """From the left end to the right one, 1.4 apart: the way round, over the top, is three times as long."""
    reference_data = horseshoe()
    start = reference_data.X[-1]
    found = one(slope(), start, 1, settings(steps=50, neighbours=8), FREE, reference_data)
    assert found.path is not None and found.mature.all()
    path = found.path[: found.steps.item() + 1, 0, :, 0]
    assert (path[:, 1] > 0.9).any(), "did not pass the top of the horseshoe"
    lengths = path.diff(dim=0).norm(dim=1)
    assert lengths.max() < 0.6 and path[0].equal(start)


def test_a_gap_without_a_way_round_is_jumped_where_it_is_narrowest() -> None:
    left = torch.stack([torch.linspace(-2.0, -1.0, 9), torch.zeros(9)], dim=1)
    X = torch.cat([left, -left]).double()
    found = one(slope(), X[0], 1, settings(neighbours=2), FREE, ReferenceData(X, torch.tensor([0] * 9 + [1] * 9), 2))
    assert found.path is not None and found.mature.all()
    path = found.path[: found.steps.item() + 1, 0, 0, 0]
    jump = path.diff().argmax()
    assert (path[jump].item(), path[jump + 1].item()) == (-1.0, 1.0)


def test_steps_shorter_than_a_stride_do_not_pay() -> None:
    """1,000 samples on a line and k large enough to choose: steps come out about a stride long."""
    X = torch.stack([torch.linspace(-1.0, 1.0, 1000), torch.zeros(1000)], dim=1).double()
    found = one(slope(), X[0], 1, settings(tau=0.85, neighbours=200), FREE, ReferenceData(X, (X[:, 0] > 0).long(), 2))
    assert found.path is not None and found.mature.all()
    lengths = found.path[: found.steps.item() + 1, 0, 0, 0].diff() / X[:, 0].std(correction=0)
    torch.testing.assert_close(lengths, torch.full_like(lengths, STRIDE), rtol=0.15, atol=0)


def test_a_path_of_more_moves_than_allowed_is_cut() -> None:
    reference_data, start = horseshoe(), horseshoe().X[-1]
    whole = one(slope(), start, 1, settings(steps=50), FREE, reference_data)
    needed = whole.steps.item()
    assert whole.path is not None and whole.mature.all() and needed > 5
    for steps, mature in ((needed, True), (needed - 1, False), (1, False)):
        found = one(slope(), start, 1, settings(steps=steps), FREE, reference_data)
        assert found.path is not None
        assert (found.mature.item(), found.steps.item(), len(found.path)) == (mature, steps, steps + 1)
        assert torch.equal(found.path, whole.path[: steps + 1]) and torch.equal(found.final, found.path[-1])


def test_nascent_is_the_last_point_in_the_box() -> None:
    X = torch.tensor([[-1.0, 0.0], [-0.5, 0.0], [0.0, 0.0], [0.5, 0.0], [1.0, 0.0]]).double()
    reference_data = ReferenceData(X, (X[:, 0] > 0).long(), 2)
    found = one(slope(), X[0], 1, settings(neighbours=1, epsilon=1.1), FREE, reference_data)
    assert found.path is not None
    assert found.path[:5, 0, 0, 0].tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]  # 0.5 gives 0.73 only
    assert found.nascent.flatten().tolist() == [0.0, 0.0] and found.mature.item()


# -- what paths may never do ---------------------------------------------------------------------------


def crowd(m: int, b: int, dtype: torch.dtype = torch.float32) -> tuple[ReferenceData, Tensor, Tensor]:
    X, y = cloud(400, 0).to(dtype), classes(400, 1)
    return (
        ReferenceData(X, y, 3),
        torch.stack([cloud(b, seed).T for seed in range(10, 10 + m)]).to(dtype),
        classes(b, 3),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mutability", RULES.values(), ids=RULES)
def test_every_move_is_an_edge_that_is_allowed_and_the_end_counts(mutability, dtype: torch.dtype) -> None:
    reference_data, factuals, targets = crowd(2, 30, dtype)
    schema, models = boxed(-1.7, 2.2, *mutability), stack(2).to(dtype)
    chosen, limits = [settings(neighbours=6)] * 2, rules(schema, factuals)
    found = search_face(SearchRequest(models, factuals, targets.expand(2, -1), chosen, limits, True, reference_data))
    assert found.path is not None
    assert found.mature.any() or mutability == (FIXED, FIXED)
    made = reference_data.cached(("face", dtype), lambda: pytest.fail("the graphs are not kept"))
    ours, inside = EdgeRules.of(limits, 0, 6), factuals.clamp(*reachable_range(limits, factuals))
    for arm in range(2):
        for i in range(30):
            t = found.steps[arm, i].item()
            path = found.path[: t + 1, arm, :, i]
            assert torch.equal(path[0], factuals[arm, :, i])
            for column, rule in enumerate(mutability):
                if rule is FIXED:
                    assert (path[:, column] == path[0, column]).all()
                elif rule is not BOTH:
                    assert (path.diff(dim=0)[:, column] * (1 if rule is UP else -1) >= 0).all()
            if t == 1 and torch.equal(path[1], inside[arm, :, i]):  # into the domain, as far as it may, and no further
                continue
            assert ((path[1:, [r is not FIXED for r in mutability]] - 0.25).abs() <= 1.95 + 1e-6).all()
            _follows_edges(made.graph(ours, tuple(made.cells(ours, path[:1].double().numpy())[0].tolist())), path, ours)
            if found.mature[arm, i]:
                chance = torch.softmax(models.take([arm])(path[-1].view(1, 1, -1)), dim=-1)[0, 0, targets[i]]
                assert chance >= 0.8 - 1e-6


def _follows_edges(graph: graphs.Graph, path: Tensor, ours: EdgeRules) -> None:
    """From the second point on, all are nodes, and each is joined to the next."""
    free = ours.free
    index = [np.flatnonzero((graph.values[:, free] == p[free]).all(axis=1)) for p in path[1:].double().numpy()]
    assert all(len(found) == 1 for found in index)
    for a, b in itertools.pairwise(index):
        assert graph.backwards[b[0], a[0]] > 0


def test_no_sample_outside_of_a_range_is_called_on() -> None:
    reference_data, factuals, targets = crowd(1, 50)
    schema = Schema(features=(Feature(name="x1", domain=(-0.5, 0.75)), Feature(name="x2", domain=(-9, 9))))
    model, limits = stack().to(torch.float32), rules(schema, factuals)
    found = search_face(SearchRequest(model, factuals, targets[None], [settings()], limits, True, reference_data))
    assert found.path is not None and found.mature.any()
    moved = found.path[1:, 0, 0][:, found.steps[0] > 0]
    assert moved.min() >= -0.5 and moved.max() <= 0.75


def test_nobody_moves_where_nothing_counts_or_nothing_is_there() -> None:
    reference_data, factuals, targets = crowd(1, 20, torch.float64)
    unsure = Stack(Dense((2, 3), "relu"), torch.zeros(9, dtype=torch.float64), 1)
    found = search_face(
        SearchRequest(unsure, factuals, targets[None], [settings()], rules(FREE, factuals), True, reference_data)
    )
    assert not found.mature.any() and (found.steps == 0).all() and torch.equal(found.final, factuals)


@pytest.mark.parametrize("search", [search_face, search_nearest])
def test_into_a_domain_without_samples_leads_one_move(search: Search) -> None:
    """Whoever is outside enters it, though no path or sample leads on, and may find there what was asked for."""
    reference_data, factuals, targets = crowd(1, 20, torch.float64)
    none = ReferenceData(
        reference_data.X[reference_data.y == 0], torch.zeros_like(reference_data.y[reference_data.y == 0]), 3
    )
    limits = rules(boxed(50.0, 60.0, BOTH, FIXED), factuals)
    model, wanted = stack(), targets[None].clamp_min(1)
    found = search(SearchRequest(model, factuals, wanted, [settings()], limits, True, none))
    still = found.steps[0] == 0
    assert found.mature[0, still].all() and torch.equal(found.final[..., still], factuals[..., still])
    assert (found.final[0, 0, ~still] == 50).all() and (~still).sum() > 5
    assert torch.equal(found.final[0, 1], factuals[0, 1]), "a locked feature moved"
    assert found.path is not None and (found.path[1, 0, 0, ~still] == 50).all()
    sure = torch.softmax(model.module(0)(found.final[0].T), dim=1)[torch.arange(20), wanted[0]]
    assert torch.equal(found.mature[0], sure >= settings().tau)
    locked_far = factuals.clone()
    locked_far[:, 0] = 1e9  # no sample within the band
    limits = rules(boxed(-9, 9, FIXED, BOTH), locked_far)
    found = search_face(SearchRequest(stack(), locked_far, targets[None], [settings()], limits, True, reference_data))
    assert (found.steps == 0).all() and torch.equal(found.final, locked_far)


# -- the graph ------------------------------------------------------------------------------------------


def test_arms_with_the_same_constraints_share_a_graph_and_searches_keep_it() -> None:
    reference_data, factuals, targets = crowd(3, 20, torch.float64)
    limits = rules(FREE, factuals)
    arms = [settings(), settings(tau=0.6, steps=5), settings(neighbours=7)]
    for _ in range(2):
        search_face(SearchRequest(stack(3), factuals, targets.expand(3, -1), arms, limits, False, reference_data))
    made = reference_data.cached(("face", torch.float64), lambda: pytest.fail("the graphs are not kept"))
    first, second, third = (made.graph(EdgeRules.of(limits, arm, s.neighbours), ()) for arm, s in enumerate(arms))
    assert first is second and first is not third
    assert len(made._kept) == 2


def test_chunks_of_edges_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    reference_data, factuals, _ = crowd(3, 20, torch.float64)
    limits = rules(FREE, factuals)
    X, _ = reference_data.samples(factuals)
    whole, parts = (graphs.Graphs(X.T.numpy()) for _ in range(2))
    one = whole.graph(EdgeRules.of(limits, 0, 5), ())
    monkeypatch.setattr(graphs, "EDGE_CHUNK", 7)
    other = parts.graph(EdgeRules.of(limits, 0, 5), ())
    assert one.backwards.nnz > 0
    assert (one.backwards != other.backwards).nnz == 0


def test_equal_samples_are_no_obstacle() -> None:
    X = torch.tensor([[-1.0, 0.0]] * 12 + [[1.0, 0.0]] * 12).double()
    found = one(slope(), X[0], 1, settings(neighbours=3), FREE, ReferenceData(X, (X[:, 0] > 0).long(), 2))
    assert found.mature.all() and found.final.flatten().tolist() == [1.0, 0.0]


# -- how it is computed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mutability", [(BOTH, BOTH), (FIXED, BOTH)], ids=["free", "locked"])
def test_chunks_make_no_difference(mutability, monkeypatch: pytest.MonkeyPatch) -> None:
    reference_data, factuals, targets = crowd(1, 60, torch.float64)
    args = (
        stack(),
        factuals,
        targets[None],
        [settings()],
        rules(boxed(-2, 2, *mutability), factuals),
        True,
        reference_data,
    )
    whole = search_face(SearchRequest(*args))
    monkeypatch.setattr(module, "MAX_PAIRS", 2000)
    parts = search_face(SearchRequest(*args))
    assert whole.path is not None and parts.path is not None and torch.equal(whole.path, parts.path)
    assert torch.equal(whole.mature, parts.mature) and whole.mature.any()


def test_arms_of_different_length_and_rules_share_a_path() -> None:
    reference_data, factuals, targets = crowd(3, 30, torch.float64)
    arms = [settings(steps=3), settings(steps=25, tau=0.6), settings(steps=9)]
    schemas = [FREE, boxed(-2, 2, FIXED, BOTH), boxed(-2, 2, UP, BOTH)]
    limits = graphs.Constraints.of(schemas, factuals)
    found = search_face(SearchRequest(stack(3), factuals, targets.expand(3, -1), arms, limits, True, reference_data))
    assert found.path is not None and len(found.path) == 26
    for arm in range(3):
        index = torch.tensor([arm])
        args = factuals[index], targets[None], arms[arm : arm + 1], limits.take(index), True, reference_data
        alone = search_face(SearchRequest(stack(1, seed=arm), *args))
        assert alone.path is not None and torch.equal(alone.final, found.final[index])
        assert torch.equal(found.path[: len(alone.path), arm], alone.path[:, 0])
        assert torch.equal(found.path[-1, arm], found.final[arm])
        for name in ("nascent", "mature", "steps"):
            assert torch.equal(getattr(alone, name), getattr(found, name)[index])


def test_without_a_path_the_same_result() -> None:
    reference_data, factuals, targets = crowd(1, 30)
    args = stack().to(torch.float32), factuals, targets[None], [settings()], rules(FREE, factuals)
    with_path, without = (search_face(SearchRequest(*args, record, reference_data)) for record in (True, False))
    assert without.path is None
    for name in ("final", "nascent", "mature", "steps"):
        assert torch.equal(getattr(with_path, name), getattr(without, name))


def test_what_is_missing_is_said() -> None:
    factual = torch.zeros(1, 2, 1, dtype=torch.float64)
    args = stack(), factual, torch.tensor([[1]]), [settings()], rules(FREE, factual)
    with pytest.raises(ConfigError, match="samples"):
        search_face(SearchRequest(*args))
    with pytest.raises(DataError, match="3 columns"):
        search_face(
            SearchRequest(*args, reference_data=ReferenceData(torch.zeros(4, 3), torch.tensor([0, 1, 0, 1]), 2))
        )
