"""Small random lattices and networks, and what is cheapest on them by trying all points."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from ctviz.counterfactuals.exact.network import Network
from ctviz.counterfactuals.lattice import Category, Feature, Forbidden, Lattice, Link, Number

efforts = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0])


@st.composite
def numbers(draw: st.DrawFn, name: str, column: int, stepped: bool) -> Number:
    """A number of up to seven steps, or of none; its own value on the grid or beside it, inside its range or not."""
    step = draw(st.sampled_from([1.0, 2.0, 0.5])) if stepped else 0.0
    low = float(draw(st.integers(-3, 2)))
    span = draw(st.integers(0, 6)) * (step or 1.0)
    own = low + draw(st.sampled_from([0.0, 0.5, 1.0, 1.25])) * span
    return Number(
        name,
        column,
        own=own,
        low=low,
        high=low + span,
        step=step,
        origin=low,
        per_unit=draw(st.sampled_from([0.25, 1.0])),
        per_change=draw(efforts),
        centre=draw(st.sampled_from([0.0, 1.5])),
        spread=draw(st.sampled_from([1.0, 2.5])),
    )


@st.composite
def categories(draw: st.DrawFn, name: str, first: int) -> Category:
    """A category of two to four levels, some of them allowed."""
    width = draw(st.integers(2, 4))
    own = draw(st.integers(0, width - 1))
    levels = draw(st.lists(st.integers(0, width - 1), min_size=1, unique=True))
    costs = [0.0 if level == own else draw(efforts) for level in range(width)]
    return Category(name, tuple(range(first, first + width)), own, tuple(sorted(levels)), tuple(costs))


@st.composite
def links(draw: st.DrawFn, features: list[Feature]) -> Link:
    """A rule between two features that the person obeys."""
    terms, total = [], 0.0
    for i in draw(st.lists(st.integers(0, len(features) - 1), min_size=2, max_size=2, unique=True)):
        feature = features[i]
        width = 1 if isinstance(feature, Number) else len(feature.columns)
        weights = tuple(float(draw(st.integers(-2, 2))) for _ in range(width))
        terms.append((i, weights))
        total += weights[0] * feature.own if isinstance(feature, Number) else weights[feature.own]
    return Link(tuple(terms), total - draw(st.sampled_from([0.0, 1.0])))


@st.composite
def forbidden_pairs(draw: st.DrawFn, features: list[Feature]) -> Forbidden:
    """Two levels of two categories that exclude each other."""
    known = [i for i, feature in enumerate(features) if isinstance(feature, Category)]
    a, b = draw(st.permutations(known))[:2]
    levels = [draw(st.integers(0, len(features[i].columns) - 1)) for i in (a, b)]
    return a, levels[0], b, levels[1]


@st.composite
def lattices(draw: st.DrawFn, stepped: bool = True) -> Lattice:
    """Two to four features with links and forbidden pairs; without ``stepped``, some numbers have no steps."""
    features: list[Feature] = []
    for i in range(draw(st.integers(2, 4))):
        column = sum(len(feature.columns) for feature in features)
        if draw(st.booleans()):
            features.append(draw(categories(f"c{i}", column)))
        else:
            features.append(draw(numbers(f"n{i}", column, stepped or draw(st.booleans()))))
    several = sum(isinstance(feature, Category) for feature in features) > 1
    return Lattice(
        tuple(features),
        _as_seen(features),
        tuple(draw(st.lists(links(features), max_size=2))),
        tuple(draw(st.lists(forbidden_pairs(features), max_size=2))) if several else (),
    )


def box_lattice(factual: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> Lattice:
    """A lattice of numbers without steps: each column (d) from ``low`` to ``high``, with its change as effort."""
    x = np.asarray(factual)
    least, most = np.asarray(low, dtype=x.dtype), np.asarray(high, dtype=x.dtype)
    features = tuple(
        Number(name=f"x{i + 1}", column=i, own=float(own), low=float(least[i]), high=float(most[i]))
        for i, own in enumerate(x)
    )
    return Lattice(features, x)


def _as_seen(features: list[Feature]) -> np.ndarray:
    """The factual's columns, from its values."""
    seen = np.zeros(sum(len(feature.columns) for feature in features), dtype=np.float32)
    for feature in features:
        if isinstance(feature, Number):
            seen[feature.column] = (feature.own - feature.centre) / feature.spread
        else:
            seen[feature.columns[feature.own]] = 1
    return seen


def random_network(seed: int, d: int, hidden: tuple[int, ...], k: int) -> Network:
    """Weights from a normal distribution, large enough for most probabilities to be met."""
    chance = np.random.default_rng(seed)
    sizes = [d, *hidden, k]
    return Network(
        tuple((chance.normal(scale=2, size=(b, a)) / np.sqrt(a), chance.normal(size=b)) for a, b in pairwise(sizes)),
    )


def brute_force(network: Network, lattice: Lattice, target: int, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """All counterfactuals of a lattice without continuous numbers (n f), and their costs (n)."""
    points = lattice.enumerate()
    logits = network.logits(lattice.encode(points))
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    points = points[shares[:, target] / shares.sum(axis=-1) >= tau]
    return points, lattice.cost(points)
