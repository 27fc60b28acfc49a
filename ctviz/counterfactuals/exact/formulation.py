"""The cheapest counterfactual as a mixed-integer program (Fischetti and Jo 2018; Tjeng, Xiao and Tedrake 2019).

A category is one binary per level, a number with steps a whole one, a number without steps a continuous one. A hidden
unit whose output before the ReLU is of one sign for all that the person may become is linear. Of the others, h =
max(0, a) with L ≤ a ≤ U and a binary s:

    h ≥ a,  h ≥ 0            where a smaller h raises the margin
    h ≤ a − L(1 − s),  h ≤ U·s   where a larger one does

With two classes each unit of the last layer needs one of the two alone, and half of them no binary.

The target's probability is τ or more iff log Σ_{c ≠ y} exp(z_c − z_y) ≤ −log(τ/(1 − τ)) =: −m. With two classes that
is one row. With more, the left side is convex, and the largest of its tangents: for any distribution π over the other
classes it is at least Σ π_c (z_c − z_y) + H(π), H the entropy. Rows for some π cut off no counterfactual, so a bound
stays a bound; ``cheapest.py`` adds the π of each solution that they wrongly let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.exact.bounds import Bounds
from ctviz.counterfactuals.exact.network import Floats, Network
from ctviz.counterfactuals.exact.program import Affine, Program, stacked
from ctviz.counterfactuals.lattice import Category, Lattice, Mask, Number

Pattern = Sequence[Mask]
"""Which hidden units are active, layer by layer."""


@dataclass(eq=False)
class Choice:
    """The variables of a person: what each feature becomes, as expressions of them."""

    columns: Affine  # d
    values: dict[int, Affine] = field(default_factory=dict)  # of each number, 1
    levels: dict[int, dict[int, Affine]] = field(default_factory=dict)  # of each category: whether it is at a level
    changed: dict[int, Affine] = field(default_factory=dict)  # whether a feature changes, where that is counted
    effort: Affine = field(default_factory=lambda: Affine.constants(0.0))


def choose(program: Program, lattice: Lattice, counted: Iterable[int] = ()) -> Choice:
    """Variables for all that a lattice allows; of the features ``counted`` also whether they change."""
    wanted = set(counted)
    columns: dict[int, Affine] = {}
    choice = Choice(Affine.constants(np.zeros(0)))
    for i, feature in enumerate(lattice.features):
        if isinstance(feature, Number):
            beside = lattice.beside(i)
            change = _number(program, choice, i, feature, i in wanted, bool(beside))
            own = choice.changed[i].times(beside) + Affine.constants(float(lattice.factual[feature.column]))
            columns[feature.column] = change.times(1 / feature.spread) + own
        else:
            _category(program, choice, i, feature)
            for level, column in enumerate(feature.columns):
                columns[column] = choice.levels[i].get(level, Affine.constants(0.0))
    choice.columns = stacked([columns[column] for column in range(lattice.d)])
    _rules(program, choice, lattice)
    return choice


def _category(program: Program, choice: Choice, i: int, feature: Category) -> None:
    allowed = sorted(feature.allowed_levels)
    if len(allowed) == 1:
        choice.levels[i] = {allowed[0]: Affine.constants(1.0)}
    else:
        binaries = program.variables(np.zeros(len(allowed)), 1.0, whole=True)
        program.require(binaries.mapped(np.ones(len(allowed))), 1.0, 1.0)
        choice.levels[i] = {level: _row(binaries, row) for row, level in enumerate(allowed)}
    for level, at in choice.levels[i].items():
        choice.effort = choice.effort + at.times(feature.efforts[level])
    same = choice.levels[i].get(feature.own, Affine.constants(0.0))
    choice.changed[i] = Affine.constants(1.0) - same


def _number(program: Program, choice: Choice, i: int, feature: Number, counted: bool, beside: bool) -> Affine:
    """Variables of a number; its change as an expression. ``beside``: the own column lies beside the others."""
    change, changed, ways = Affine.constants(0.0), Affine.constants(0.0), 0
    for sign in (1, -1):
        values = feature.beyond(sign)
        if values is None:
            continue
        first, last = (sign * (value - feature.own) for value in values)
        distance, moves = _way(program, feature, first, last, counted or beside)
        if beside:
            program.require(distance - moves.times(first), low=0.0)
        change = change + distance.times(sign)
        choice.effort = choice.effort + distance.times(feature.per_unit) + moves.times(feature.per_change)
        changed, ways = changed + moves, ways + 1
    if ways == 2 and changed.matrix.any():
        program.require(changed, high=1.0)
    choice.values[i] = change + Affine.constants(feature.own)
    choice.changed[i] = changed
    return change


def _way(program: Program, feature: Number, first: float, last: float, counted: bool) -> tuple[Affine, Affine]:
    """How far a number goes one way, and whether it does, as expressions; 0 for the latter where nobody asks.

    ``first`` and ``last`` are the distances of its nearest and its farthest allowed value.
    """
    stays = bool(feature.allowed(feature.own))
    steps = round((last - first) / feature.step) if feature.step else 0
    if not stays:
        if not feature.step:
            return program.variables(first, last), _ALWAYS
        return program.variables(0, steps, whole=True).times(feature.step) + Affine.constants(first), _ALWAYS
    on_grid = not feature.step or abs(first - feature.step) <= 1e-9 * feature.step
    if not on_grid:  # the first step is of another length
        moves = program.variables(0, 1, whole=True)
        further = program.variables(0, steps, whole=True)
        program.require(further - moves.times(steps), high=0.0)
        return moves.times(first) + further.times(feature.step), moves
    if feature.step:
        distance = program.variables(0, steps + 1, whole=True).times(feature.step)
    else:
        distance = program.variables(0, last)
    if not counted and not feature.per_change:
        return distance, Affine.constants(0.0)
    moves = program.variables(0, 1, whole=True)
    program.require(distance - moves.times(last), high=0.0)
    return distance, moves


_ALWAYS = Affine.constants(1.0)


def _rules(program: Program, choice: Choice, lattice: Lattice) -> None:
    for link in lattice.links:
        total = Affine.constants(0.0)
        for i, weights in link.terms:
            if i in choice.values:
                total = total + choice.values[i].times(weights[0])
            else:
                for level, at in choice.levels[i].items():
                    total = total + at.times(weights[level])
        program.require(total, low=link.least)
    for a, level, b, other in lattice.forbidden:
        if level in choice.levels[a] and other in choice.levels[b]:
            program.require(choice.levels[a][level] + choice.levels[b][other], high=1.0)


def _row(expressions: Affine, row: int) -> Affine:
    return Affine(expressions.matrix[row : row + 1], expressions.constant[row : row + 1])


# -- the network ------------------------------------------------------------------------------------


def differences(
    program: Program,
    network: Network,
    columns: Affine,
    target: int,
    bounds: Sequence[Bounds],
    pattern: Pattern | None = None,
) -> Affine:
    """z_c − z_y of each other class c, (k − 1), as expressions that are at least what the network says.

    With a ``pattern``, the points at which just those units are active.
    """
    W, b = network.layers[-1]
    D = np.delete(W, target, axis=0) - W[target]
    helps, hurts = _directions(network, D)
    outputs = columns
    for depth, (weights, bias) in enumerate(network.layers[:-1]):
        before = outputs.mapped(weights, bias)
        if pattern is None:
            outputs = _relu(program, before, bounds[depth], helps[depth], hurts[depth])
        else:
            active = pattern[depth]
            program.require(before, low=np.where(active, 0.0, -np.inf), high=np.where(active, np.inf, 0.0))
            outputs = Affine(before.matrix * active[:, None], before.constant * active)
    return outputs.mapped(D, np.delete(b, target) - b[target])


def _directions(network: Network, D: Floats) -> tuple[list[Mask], list[Mask]]:
    """For each hidden layer, the units of which a larger output lowers some difference, and those of which it raises
    one."""
    helps: list[Mask] = [np.asarray((D < 0).any(axis=0))]
    hurts: list[Mask] = [np.asarray((D > 0).any(axis=0))]
    for W, _ in reversed(network.layers[1:-1]):
        up, down = helps[0][:, None], hurts[0][:, None]
        helps.insert(0, np.asarray(((up & (W > 0)) | (down & (W < 0))).any(axis=0)))
        hurts.insert(0, np.asarray(((up & (W < 0)) | (down & (W > 0))).any(axis=0)))
    return helps, hurts


def _relu(program: Program, before: Affine, bounds: Bounds, helps: Mask, hurts: Mask) -> Affine:
    """max(0, before), for outputs within ``bounds``."""
    low, high = bounds
    crossing = np.flatnonzero((low < 0) & (high > 0) & (helps | hurts))
    active = np.flatnonzero(low >= 0)
    some = Affine(before.matrix[crossing], before.constant[crossing])
    after = program.variables(np.zeros(len(crossing)), high[crossing])
    program.require(_rows(after - some, hurts[crossing]), low=0.0)
    limited = np.flatnonzero(helps[crossing])
    if len(limited):
        own = crossing[limited]
        on = program.variables(np.zeros(len(own)), 1.0, whole=True)
        a, h = (Affine(part.matrix[limited], part.constant[limited]) for part in (some, after))
        program.require(h - a - on.mapped(np.diag(low[own])), high=-low[own])
        program.require(h - on.mapped(np.diag(high[own])), high=0.0)
    matrix = np.zeros((len(low), program.n))
    constant = np.zeros(len(low))
    matrix[active, : before.matrix.shape[1]], constant[active] = before.matrix[active], before.constant[active]
    matrix[crossing, : after.matrix.shape[1]] = after.matrix
    return Affine(matrix, constant)


def _rows(expressions: Affine, kept: Mask) -> Affine:
    return Affine(expressions.matrix[kept], expressions.constant[kept])


def tangents(k: int) -> list[Floats]:
    """First distributions π (k − 1) over the other classes: each alone, each two alike, all alike."""
    n = k - 1
    alone = list(np.eye(n))
    pairs = [(alone[i] + alone[j]) / 2 for i in range(n) for j in range(i) if n > 2]
    return [*alone, *pairs, np.full(n, 1 / n)] if n > 1 else alone


def tangent_at(values: Floats) -> Floats:
    """The distribution whose tangent touches log Σ exp at ``values`` (k − 1): their softmax, (k − 1)."""
    shares = np.exp(values - values.max())
    return np.asarray(shares / shares.sum())


def entropy(shares: Floats) -> float:
    """H(π) = −Σ π log π of a distribution (k − 1)."""
    own = shares[shares > 0]
    return float(-(own * np.log(own)).sum())


def require_margin(program: Program, values: Affine, margin: float, shares: Iterable[Floats]) -> None:
    """Rows Σ π_c (z_c − z_y) + H(π) ≤ −margin for some distributions π (k − 1); ``values`` are the z_c − z_y."""
    for pi in shares:
        program.require(values.mapped(pi), high=-margin - entropy(pi))


# -- real people ------------------------------------------------------------------------------------


def distance(
    program: Program,
    choice: Choice,
    lattice: Lattice,
    people: npt.NDArray[np.floating],
    levels: Callable[[Category], npt.NDArray[np.int64]],
) -> Affine:
    """At least the distance to the nearest of some people (n d), whose ``levels`` of a category are (n): one of them is
    chosen by a binary."""
    chosen = program.variables(np.zeros(len(people)), 1.0, whole=True)
    program.require(chosen.mapped(np.ones(len(people))), 1.0, 1.0)
    total = Affine.constants(0.0)
    for i, feature in enumerate(lattice.features):
        apart = program.variables(0.0, np.inf)
        if isinstance(feature, Number):
            there = chosen.mapped(people[:, feature.column])
            here = _row(choice.columns, feature.column)
            program.require(apart - (here - there), low=0.0)
            program.require(apart - (there - here), low=0.0)
        else:
            for level, at in choice.levels[i].items():
                program.require(apart - (at - chosen.mapped(levels(feature) == level)), low=0.0)
        total = total + apart
    return total
