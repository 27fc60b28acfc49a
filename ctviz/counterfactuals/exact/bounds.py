"""What each hidden unit's output before its ReLU can be for all that a person may become: the big-M's of the program.

For a function linear in the columns, C·x + c, a person's features contribute independently of each other, and what
they may cost together is bounded by ``budget``. Its largest value is at most

    min over λ ≥ 0 of   λ·budget + Σ over features of max over their values of (gain − λ·effort)

(Lagrangian duality), so any λ gives a bound; several are tried. λ = 0 is interval arithmetic under the rules. Deeper
layers are linear in the columns once each ReLU is replaced by lines above and below it (Zhang et al. 2018, CROWN).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.exact.network import Floats, Network
from ctviz.counterfactuals.lattice import Lattice, Number

PRICES = 16
"""Prices λ that are tried beside 0."""

ROUNDING = 1e-7
"""Share by which bounds are widened, so that rounding cuts nothing off."""

Bounds = tuple[Floats, Floats]
"""Lowest and highest values of the units of a layer, (h) each."""


@dataclass(frozen=True)
class Reach:
    """The extreme values of all features that are free: their columns, efforts, and the feature that each belongs to.

    Between the ends of a number gain and effort lie on a line, or below one where any change has an effort; so its ends
    and its own value are enough. Where the own column lies beside that line (``Lattice.beside``), it counts as both.
    """

    columns: Floats  # n d: change of the columns
    efforts: Floats  # n
    starts: npt.NDArray[np.int64]  # first option of each feature
    budget: float

    @classmethod
    def of(cls, lattice: Lattice, budget: float) -> Reach:
        """The reach of a lattice within a budget, which may be infinite."""
        values: list[float] = []
        features: list[int] = []
        starts: list[int] = []
        beside: list[tuple[int, int, float]] = []
        for i, feature in enumerate(lattice.features):
            if isinstance(feature, Number):
                least, most = feature.ends
                own = [min(max(feature.own, least), most)]
                options = np.unique([least, most, *own])
                if own == [feature.own] and (apart := lattice.beside(i)):  # on the line of the others too
                    beside.append((len(values), feature.column, apart))
                    options = np.array([*own, *options])
            else:
                options = feature.options(0)
            starts.append(len(values))
            values += options.tolist()
            features += [i] * len(options)
        base = lattice.project(lattice.factual)
        points = np.repeat(base[None], len(values), axis=0)
        points[np.arange(len(values)), features] = values
        columns = lattice.encode(points).astype(np.float64) - lattice.encode(base).astype(np.float64)
        for row, column, apart in beside:
            columns[row, column] += apart
        efforts = np.array([float(lattice.features[i].effort(v)) for i, v in zip(features, values, strict=True)])
        return cls(columns, efforts, np.array(starts), budget)

    def highest(self, gains: Floats) -> Floats:
        """Upper bounds of Σ gains of one option per feature under the budget, for gains (n h), (h)."""
        best: Floats = np.maximum.reduceat(gains, self.starts, axis=0).sum(axis=0)
        if not np.isfinite(self.budget):
            return best
        steep = (gains / np.maximum(self.efforts, 1e-9)[:, None]).max(axis=0)  # above it nothing is worth its effort
        for price in 2.0 ** -np.linspace(0, 10, PRICES):
            worth = gains - (price * steep) * self.efforts[:, None]
            best = np.minimum(
                best, np.maximum.reduceat(worth, self.starts, axis=0).sum(axis=0) + price * steep * self.budget
            )
        return best


def layer_bounds(network: Network, lattice: Lattice, budget: float) -> list[Bounds]:
    """Bounds of each hidden layer before its ReLU, for all points of a lattice that cost at most ``budget``."""
    reach = Reach.of(lattice, budget)
    bounds: list[Bounds] = []
    base = lattice.encode(lattice.project(lattice.factual)).astype(np.float64)
    for depth in range(len(network.layers) - 1):
        low, high = (sign * _highest(network, reach, base, depth, bounds, sign) for sign in (-1.0, 1.0))
        if bounds:
            W, b = network.layers[depth]
            least, most = (np.maximum(end, 0.0) for end in bounds[-1])
            low = np.maximum(low, np.minimum(W, 0) @ most + np.maximum(W, 0) @ least + b)
            high = np.minimum(high, np.maximum(W, 0) @ most + np.minimum(W, 0) @ least + b)
        room = ROUNDING * (1 + np.abs(low) + np.abs(high))
        bounds.append((low - room, high + room))
    return bounds


def _highest(network: Network, reach: Reach, base: Floats, depth: int, bounds: list[Bounds], sign: float) -> Floats:
    """Upper bounds of sign · (outputs of layer ``depth`` before its ReLU), (h)."""
    W, b = network.layers[depth]
    C, c = sign * W, sign * b
    for layer in range(depth - 1, -1, -1):
        low, high = bounds[layer]
        above, offset, below = lines(low, high)
        c = c + np.maximum(C, 0) @ offset
        C = np.maximum(C, 0) * above + np.minimum(C, 0) * below
        W, b = network.layers[layer]
        c, C = c + C @ b, C @ W
    return C @ base + c + reach.highest(reach.columns @ C.T)


def lines(low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Lines around relu(a) for a from ``low`` to ``high``: it is ≤ above·a + offset, and ≥ below·a."""
    active, crossing = low >= 0, (low < 0) & (high > 0)
    slope = np.where(crossing, high / np.maximum(high - low, 1e-300), 0.0)
    above = np.where(active, 1.0, slope)
    offset = np.where(crossing, -slope * low, 0.0)
    below = np.where(active, 1.0, np.where(crossing & (high > -low), 1.0, 0.0))
    return above, offset, below
