"""Benchmark of the cheapest counterfactual: the exact search and polished plans beside trying every point."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from ctviz.bench.measure import BenchRow, Goal, alternate, one_core, ratio, say, timed
from ctviz.counterfactuals.exact.cheapest import cheapest
from ctviz.counterfactuals.exact.conversion import networks_of
from ctviz.counterfactuals.exact.network import Network, least_margin, margin
from ctviz.counterfactuals.lattice import Category, Feature, Lattice, Number
from ctviz.counterfactuals.polish import polish

GROUP = "Cheapest counterfactual, MLP 32, τ 0.8, one thread"
TAU = 0.8
SMALL, TABLE = (4, 1), (4, 8)
"""Numbers and categories of people whose points can all be tried, and of those as in a table."""

PEOPLE = 1000
"""People whose plans are polished at once."""

SOLVED = 30
"""People whose cheapest plan is proved."""


def measure(rounds: int, people: int = PEOPLE, solved: int = SOLVED) -> list[BenchRow]:
    """Rows: one plan each beside trying all points of a small lattice; on one as in a table, polished plans of many
    people, their cost against the cheapest, and the time of a proof."""
    say("exact: training the models")
    with one_core():
        return [*_beside(min(rounds, 5), 5), *_on_a_table(people, solved)]


def _beside(rounds: int, people: int) -> list[BenchRow]:
    network, lattices = setting(*SMALL, people)
    points = len(lattices[0].enumerate())
    times = alternate(
        {
            "exact": timed(lambda: [cheapest(network, lattice, 1, TAU) for lattice in lattices]),
            "polish": timed(lambda: polish(network, lattices, [1] * people, TAU)),
            "all": timed(lambda: [try_all(network, lattice) for lattice in lattices]),
        },
        rounds,
    )
    each = {name: statistics.median(taken) / people * 1000 for name, taken in times.items()}
    note = f"× as fast as trying {points:,} points"
    return [
        BenchRow(GROUP, title, "ms", each[name], each["all"], ratio(times["all"], times[name]), note=note)
        for name, title in (("exact", "proved"), ("polish", "polished"))
    ]


def _on_a_table(people: int, solved: int) -> list[BenchRow]:
    network, lattices = setting(*TABLE, people)
    say(f"exact: polishing {people:,} people")
    begun = time.perf_counter()
    polished = polish(network, lattices, [1] * people, TAU)
    seconds = time.perf_counter() - begun
    say(f"exact: solving {solved}")
    answers = [cheapest(network, lattice, 1, TAU) for lattice in lattices[:solved]]
    proved = [answer for answer in answers if answer.status in ("optimal", "none")]
    plans = [(own.cost, answer.plan.effort) for own, answer in zip(polished, answers, strict=False) if answer.plan]
    dearer = statistics.mean(cost / effort if effort else 1.0 for cost, effort in plans)
    columns, valid = lattices[0].d, statistics.mean(own.valid for own in polished)
    goal = Goal("≤", 5 * people / PEOPLE)
    share = f"{valid:.0%} valid, {dearer:.2f} × the cheapest, {columns} columns"
    median = statistics.median(answer.seconds for answer in answers)
    longest = f"median; longest {max(answer.seconds for answer in answers):.2f} s, {len(proved)} of {solved} proved"
    return [
        BenchRow(GROUP, f"{people:,} people polished", "s", seconds, figure=seconds, goal=goal, note=share),
        BenchRow(GROUP, "proved, as in a table", "s", median, figure=median, goal=Goal("≤", 0.05), note=longest),
    ]


def try_all(network: Network, lattice: Lattice) -> float:
    """The cost of the cheapest of all points, ∞ where none will do."""
    points = lattice.enumerate()
    fine = margin(network.logits(lattice.encode(points)), 1) >= least_margin(TAU)
    return float(lattice.cost(points[fine]).min(initial=np.inf))


def setting(numbers: int, categories: int, people: int) -> tuple[Network, list[Lattice]]:
    """A model of people with so many numbers (11 steps) and categories (6 levels), and some whom it refuses."""
    chance = np.random.default_rng(0)
    values = chance.integers(0, 11, size=(8 * people + 2000, numbers)) / 10
    levels = chance.integers(0, 6, size=(len(values), categories))
    features = [_features(*row) for row in zip(values, levels, strict=True)]
    lattices = [Lattice(tuple(own), _columns(own)) for own in features]
    X = np.stack([lattice.factual for lattice in lattices])
    weights = chance.normal(size=X.shape[1])
    score = np.sin(2 * X @ weights) + X @ weights
    network = _trained(X, (score > np.median(score)).astype(np.int64))
    refused = np.flatnonzero(margin(network.logits(X), 1) < 0)[:people]
    return network, [lattices[i] for i in refused]


def _features(values: Sequence[float], levels: Sequence[int]) -> list[Feature]:
    own: list[Feature] = [
        Number(f"n{i}", i, own=float(10 * value), low=0.0, high=10.0, step=1.0, per_unit=0.1, spread=10.0)
        for i, value in enumerate(values)
    ]
    for level in levels:
        first = sum(len(feature.columns) for feature in own)
        efforts = tuple(float(other != level) for other in range(6))
        own.append(Category(f"c{first}", tuple(range(first, first + 6)), int(level), tuple(range(6)), efforts))
    return own


def _columns(features: Sequence[Feature]) -> np.ndarray:
    parts = [
        [feature.own / feature.spread] if isinstance(feature, Number) else np.eye(6)[feature.own]
        for feature in features
    ]
    return np.concatenate(parts).astype(np.float32)


def _trained(X: np.ndarray, y: np.ndarray) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(X.shape[1], 32), nn.ReLU(), nn.Linear(32, 2))
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        samples, classes = torch.from_numpy(X), torch.from_numpy(y)
        for _ in range(200):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(samples), classes).backward()
            optimiser.step()
    return networks_of(model)[0]
