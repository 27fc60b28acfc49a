"""What is left to chance: the same for the same seed, fair, and dealt out evenly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.training.draws import BatchLayout, RandomStreams, batch_sizes, even_sizes

FIELDS = ("order", "factuals", "shifts", "neighbours")


def epochs(seeds: Sequence[int], n: int = 50, n_ce: int = 20, k: int = 3, count: int = 3) -> dict[str, Tensor]:
    """Draws of several epochs, (e m …)."""
    chance = RandomStreams(seeds, n, n_ce, k)
    drawn = [chance.epoch() for _ in range(count)]
    return {name: torch.stack([getattr(draws, name) for draws in drawn]) for name in FIELDS}


def test_an_epoch_visits_every_sample_once() -> None:
    order = epochs([0, 1])["order"]
    assert order.shape == (3, 2, 50)
    assert (order.sort(dim=-1).values == torch.arange(50)).all()


def test_factuals_are_drawn_without_replacement() -> None:
    for row in epochs([0, 1], n_ce=40)["factuals"].view(-1, 40):
        assert len(set(row.tolist())) == 40 and row.min() >= 0 and row.max() < 50


@pytest.mark.parametrize("n_ce", [50, 51, 100_000])
def test_no_more_factuals_than_samples(n_ce: int) -> None:
    factuals = epochs([0], n_ce=n_ce)["factuals"]
    assert (factuals.sort(dim=-1).values == torch.arange(50)).all()


def test_no_factuals_may_be_asked_for() -> None:
    drawn = epochs([0, 1], n_ce=0)
    assert drawn["factuals"].shape == drawn["shifts"].shape == drawn["neighbours"].shape == (3, 2, 0)


def test_the_same_seed_draws_the_same_whatever_else_is_in_the_run() -> None:
    alone, company = epochs([7]), epochs([3, 7, 0, 7])
    for name in FIELDS:
        assert torch.equal(alone[name][:, 0], company[name][:, 1]), name
        assert torch.equal(company[name][:, 1], company[name][:, 3]), name


@pytest.mark.parametrize("name", FIELDS)
def test_seeds_and_epochs_differ(name: str) -> None:
    drawn = epochs([0, 1, 2], k=5)[name].flatten(0, 1)
    for i in range(len(drawn)):
        assert not any(torch.equal(drawn[i], drawn[j]) for j in range(i))


def test_the_global_random_stream_plays_no_part() -> None:
    torch.manual_seed(0)
    first = epochs([4])
    torch.manual_seed(1)
    assert all(torch.equal(first[name], value) for name, value in epochs([4]).items())


@pytest.mark.parametrize("seed", [0, 1, 5, 2**31 - 1])
def test_draws_are_not_those_that_made_the_initial_weights(seed: int) -> None:
    """Else the first order of the samples would be a function of the weights."""
    weights = Stack.initialise(ModelSettings(hidden=(400,)), 2, 2, [seed]).flat
    raw = torch.rand(len(weights), generator=RandomStreams([seed], 10, 10, 2)._streams[0])
    same = torch.rand(len(weights), generator=torch.Generator().manual_seed(seed))
    uniform = weights[:1200] * 2**0.5 / 2 + 0.5  # the first layer's, U(−1/√2, 1/√2), back on [0, 1)
    torch.testing.assert_close(uniform, same[:1200])  # guards the next line: this is how weights are drawn
    assert (uniform - raw[:1200]).abs().max() > 0.5


def test_shifts_are_uniform_over_the_other_classes() -> None:
    shifts = epochs([0], n=1000, n_ce=1000, k=5, count=10)["shifts"]
    counts = torch.bincount(shifts.flatten(), minlength=5)
    assert counts[0] == 0 and len(counts) == 5
    assert (counts[1:] - 2500).abs().max() < 5 * (10_000 * 0.25 * 0.75) ** 0.5
    assert (epochs([0], k=2)["shifts"] == 1).all()


def test_factuals_and_neighbours_are_uniform() -> None:
    drawn = epochs([0], n=50, n_ce=10, count=1000)
    counts = torch.bincount(drawn["factuals"].flatten(), minlength=50)
    assert (counts - 200).abs().max() < 5 * (1000 * 0.2 * 0.8) ** 0.5
    neighbours = drawn["neighbours"]
    assert neighbours.dtype == torch.float64 and neighbours.min() >= 0 and neighbours.max() < 1
    tenths = torch.bincount((neighbours * 10).long().flatten(), minlength=10)
    assert (tenths - 1000).abs().max() < 5 * 900**0.5


@pytest.mark.parametrize(("n", "batch", "sizes"), [(10, 5, [5, 5]), (11, 5, [5, 5, 1]), (4, 5, [4]), (5, 5, [5])])
def test_batches(n: int, batch: int, sizes: list[int]) -> None:
    assert batch_sizes(n, batch) == sizes


@pytest.mark.parametrize("n", [0, 1, 5, 7, 100])
@pytest.mark.parametrize("batches", [1, 3, 7])
def test_counterfactuals_are_dealt_like_numpy_splits(n: int, batches: int) -> None:
    sizes = even_sizes(n, batches)
    parts = np.array_split(np.arange(n), batches)
    assert sizes == [len(part) for part in parts]
    slots = BatchLayout.of(sizes, torch.zeros(0, dtype=torch.float64))
    assert slots.index.shape == slots.mean.shape == (batches, max(sizes))
    for index, mean, part in zip(slots.index, slots.mean, parts, strict=True):
        assert index[mean > 0].tolist() == part.tolist()
        assert (mean[mean > 0] == 1 / max(len(part), 1)).all()
        assert float(mean.sum()) == pytest.approx(float(len(part) > 0))


def test_ragged_batches_lose_no_sample() -> None:
    slots = BatchLayout.of(batch_sizes(103, 20), torch.zeros(0))
    assert slots.index[slots.mean > 0].tolist() == list(range(103))
    assert [int((row > 0).sum()) for row in slots.mean] == [20] * 5 + [3]
    assert all(a <= b for a, b in pairwise(slots.index[slots.mean > 0].tolist()))


@pytest.mark.parametrize("sizes", [[4, 4, 4], [4, 4, 1], [3, 3, 2, 2, 2], [1, 1, 0, 0], [0, 0], [5]])
def test_items_are_dealt_to_any_of_the_batches(sizes: list[int]) -> None:
    items = torch.arange(1.0, 2 * 3 * sum(sizes) + 1).view(2, 3, sum(sizes))
    layout = BatchLayout.of(sizes, torch.zeros(1))
    expected = torch.zeros(2, 3, *layout.index.shape)
    for batch, own in enumerate(items.split(sizes, dim=-1)):
        expected[:, :, batch, : sizes[batch]] = own
    for first in range(len(sizes)):
        for last in range(first + 1, len(sizes) + 1):
            into = torch.full((2, 3, last - first, layout.index.shape[1]), torch.nan)
            layout.deal(items, into, slice(first, last))
            assert torch.equal(into, expected[:, :, first:last])
