"""A mixed-integer program: variables, rows of linear inequalities, its solution by HiGHS (``scipy.optimize.milp``)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.exact.network import Floats
from ctviz.counterfactuals.exact.quiet import without_c_output

Status = Literal["optimal", "limit", "infeasible", "failed"]

SHORTEST = 0.01
"""Least time in seconds that a solve is started for."""


@dataclass(frozen=True, eq=False)
class Affine:
    """r expressions, matrix · variables + constant; the matrix (r n) has as many columns as there were variables when
    it was made."""

    matrix: Floats
    constant: Floats

    @classmethod
    def constants(cls, values: npt.ArrayLike) -> Affine:
        """Expressions without variables, one for each of ``values`` (r)."""
        constant = np.atleast_1d(np.asarray(values, dtype=np.float64))
        return cls(np.zeros((len(constant), 0)), constant)

    def __add__(self, other: Affine) -> Affine:
        n = max(self.matrix.shape[1], other.matrix.shape[1])
        return Affine(_wide(self.matrix, n) + _wide(other.matrix, n), self.constant + other.constant)

    def __sub__(self, other: Affine) -> Affine:
        return self + other.times(-1.0)

    def times(self, factor: float) -> Affine:
        """Each expression times a number."""
        return Affine(factor * self.matrix, factor * self.constant)

    def mapped(self, W: npt.ArrayLike, b: npt.ArrayLike = 0.0) -> Affine:
        """W · expressions + b, for W (s r) and b (s)."""
        weights = np.atleast_2d(np.asarray(W, dtype=np.float64))
        return Affine(weights @ self.matrix, weights @ self.constant + np.asarray(b, dtype=np.float64))

    def at(self, x: Floats) -> Floats:
        """The values of the expressions, (r)."""
        return np.asarray(self.matrix @ x[: self.matrix.shape[1]] + self.constant)


def stacked(parts: list[Affine]) -> Affine:
    """Expressions below each other."""
    n = max((part.matrix.shape[1] for part in parts), default=0)
    matrices = [_wide(part.matrix, n) for part in parts] or [np.zeros((0, 0))]
    return Affine(np.concatenate(matrices), np.concatenate([part.constant for part in parts] or [np.zeros(0)]))


def _wide(matrix: Floats, n: int) -> Floats:
    return np.pad(matrix, ((0, 0), (0, n - matrix.shape[1]))) if matrix.shape[1] < n else matrix


@dataclass(frozen=True, eq=False)
class Solved:
    """What the solver says: a solution where it has one, and a bound that no solution is below."""

    status: Status
    x: Floats | None
    bound: float  # −∞ where it has none


class Program:
    """Variables with bounds, some of them whole, and rows of inequalities between them."""

    def __init__(self) -> None:
        self._low: list[float] = []
        self._high: list[float] = []
        self._whole: list[bool] = []
        self._rows: list[tuple[Floats, Floats, Floats]] = []

    @property
    def n(self) -> int:
        """Number of variables."""
        return len(self._low)

    def variables(self, low: npt.ArrayLike, high: npt.ArrayLike, whole: bool = False) -> Affine:
        """New variables (r) from ``low`` to ``high``, as expressions."""
        least, most = np.broadcast_arrays(np.atleast_1d(np.asarray(low, np.float64)), np.asarray(high, np.float64))
        first, count = self.n, len(least)
        self._low += least.tolist()
        self._high += most.tolist()
        self._whole += [whole] * count
        matrix = np.zeros((count, first + count))
        matrix[np.arange(count), first + np.arange(count)] = 1
        return Affine(matrix, np.zeros(count))

    def require(self, left: Affine, low: npt.ArrayLike = -np.inf, high: npt.ArrayLike = np.inf) -> None:
        """Rows ``low`` ≤ left ≤ ``high``, each end (r) or one for all."""
        least, most = (np.broadcast_to(np.asarray(end, np.float64), left.constant.shape) for end in (low, high))
        self._rows.append((left.matrix, least - left.constant, most - left.constant))

    def solve(
        self, objective: Affine, seconds: float, gap: float = 0.0, presolve: bool = True, relaxed: bool = False
    ) -> Solved:
        """Minimise the one expression ``objective``, for at most so many seconds, to a relative gap.

        Without ``presolve`` the solver takes no shortcuts; ``relaxed`` leaves out that some variables are whole.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp

        if not self.n:  # nothing to choose: the rows still say whether that is a solution
            self.variables(0, 0)
        options: dict[str, Any] = {"time_limit": max(seconds, SHORTEST), "mip_rel_gap": gap, "presolve": presolve}
        with without_c_output():
            found = milp(
                _wide(objective.matrix, self.n)[0],
                integrality=np.zeros(self.n) if relaxed else np.array(self._whole, dtype=np.int64),
                bounds=Bounds(np.array(self._low), np.array(self._high)),
                constraints=LinearConstraint(*self._matrix()),
                options=options,
            )
        constant = float(objective.constant[0])
        bound = getattr(found, "mip_dual_bound", None)
        if found.status == 0 and (relaxed or not any(self._whole)):
            bound = found.fun
        status: dict[int, Status] = {0: "optimal", 1: "limit", 2: "infeasible"}
        return Solved(
            status.get(found.status, "failed"),
            None if found.x is None else np.asarray(found.x),
            -np.inf if bound is None or not np.isfinite(bound) else float(bound) + constant,
        )

    def _matrix(self) -> tuple[Any, Floats, Floats]:
        """All rows as one sparse matrix, with their lower and upper ends."""
        from scipy.sparse import csr_array

        if not self._rows:
            return csr_array((1, self.n)), np.array([-np.inf]), np.array([np.inf])
        matrix = np.concatenate([_wide(block, self.n) for block, _, _ in self._rows])
        low, high = (np.concatenate([row[end] for row in self._rows]) for end in (1, 2))
        return csr_array(matrix), low, high


class Deadline:
    """A time by which to be ready."""

    def __init__(self, seconds: float) -> None:
        self._started = time.perf_counter()
        self._seconds = seconds

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    @property
    def left(self) -> float:
        """Seconds that are left, 0 or more."""
        return max(self._seconds - self.spent, 0.0)
