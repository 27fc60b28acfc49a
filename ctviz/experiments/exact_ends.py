"""The judge that needs no search: the ends of exact searches, which depend on nothing but the model and its rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.exact.search import check
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.counterfactuals.search_settings import PRECISION, SearchSettings
from ctviz.evaluation.ends import Comparison, SearchEnds, measured
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import EXACT_METRICS, GAP
from ctviz.models.ensemble import EnsembleStack
from ctviz.models.stack import Stack, predict

BLOCK = 10
"""Factuals solved between two reports of progress."""

MEASURED = ("ip", "nearest", "nearest_five", "cost")
"""Metrics of the ends (``evaluation.ends``), whose names begin with ``exact_`` here."""

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ExactJudge:
    """The factuals that exact searches start from, and with what their ends are compared.

    Factuals are drawn without replacement, each with a target uniform over the classes other than its own. They are the
    same for all arms, so that differences are paired. A factual that an arm already puts into the target class has no
    counterfactual of that arm, and does not count for it.

    Ensembles, which the exact search does not take, are left out where there are other arms.

    Raises:
        ConfigError: models that the exact search does not take.
    """

    stack: Stack
    X: Tensor  # n d
    y: Tensor  # n
    constraints: Constraints  # of all arms
    by: Comparison
    protocol: Protocol

    def __post_init__(self) -> None:
        models = self.stack.take(self.judged) if self.judged else self.stack
        check(models, self.X.shape[1], self.X.dtype)

    @property
    def judged(self) -> list[int]:
        """Arms of one model."""
        members = self.stack.members if isinstance(self.stack, EnsembleStack) else [1] * self.stack.m
        return [arm for arm, size in enumerate(members) if size == 1]

    @property
    def units(self) -> int:
        """Reports of progress for each arm."""
        return -(-min(self.protocol.exact, len(self.y)) // BLOCK)

    def measure(self, sound: Sequence[int], reached: Callable[[], None]) -> dict[str, Singles]:
        """Each of ``EXACT_METRICS`` and ``GAP``, (m b); NaN where it does not count, and for arms that are not sound
        or not judged.

        The gap is 0 where it is proved that none is cheaper, or that there is none; ∞ where nothing was found and
        nothing proved.

        Args:
            sound: arms whose answers are finite.
            reached: called after each block of factuals of each arm.
        """
        chance, n, k = np.random.default_rng(self.protocol.seed), len(self.y), self.by.real.k
        drawn = chance.permutation(n), chance.integers(1, k, n)  # the same first factuals, however many
        rows, shifts = (torch.from_numpy(one[: self.protocol.exact]).to(self.y) for one in drawn)
        factuals, targets = self.X[rows], (self.y[rows] + shifts) % k
        shape = (self.stack.m, len(rows))
        found = {name: np.full(shape, np.nan, dtype=np.float32) for name in (*EXACT_METRICS, GAP)}
        for arm in sorted({*sound} & {*self.judged}):
            for first in range(0, len(rows), BLOCK):
                here = slice(first, first + BLOCK)
                for name, values in self._of_arm(arm, factuals[here], targets[here]).items():
                    found[name][arm, here] = values.cpu().numpy()
                reached()
        return found

    def _of_arm(self, arm: int, factuals: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The metrics of one arm's searches, (b) each."""
        stack, goals, start = self.stack.take([arm]), targets.unsqueeze(0), factuals.T.unsqueeze(0)
        asked = (predict(stack(start.mT).mT) != goals)[0]
        result = {name: torch.full(asked.shape, torch.nan, dtype=torch.float64) for name in (*EXACT_METRICS, GAP)}
        if not bool(asked.any()):
            return result
        settings = [SearchSettings(generator="exact", tau=self.protocol.tau, time_limit=self.protocol.time_limit)]
        rules = self.constraints.take(torch.tensor([arm], device=stack.device))
        ended = search(SearchRequest(stack, start[..., asked].contiguous(), goals[:, asked], settings, rules))
        valid = predict(stack(ended.final.mT).mT) == goals[:, asked]
        begin, final, mature = start[..., asked].mT.cpu(), ended.final.mT.cpu(), ended.mature.cpu()
        ends = SearchEnds(begin, final, goals[:, asked].cpu(), valid.cpu(), mature, ended.steps.cpu())
        asked = asked.cpu()
        for name, values in measured(ends, self.by, MEASURED).items():
            result[f"exact_{name}"][asked] = values.where(mature, torch.nan)[0]
        bound = torch.full(mature.shape, torch.nan) if ended.bound is None else ended.bound.cpu()
        gap = _gap(ends.cost(self.by.features), bound, mature)[0]
        result[GAP][asked] = gap
        result["exact_found"][asked] = mature[0].double()
        result["exact_proved"][asked] = (gap == 0).double()
        return result


def _gap(cost: Tensor, bound: Tensor, mature: Tensor) -> Tensor:
    """``GAP`` of searches with these costs and bounds, (m b)."""
    closed = cost - bound <= PRECISION * (1 + cost)
    of_found = torch.where(closed, 0.0, (cost - bound.clamp_min(0)) / cost)
    of_none = torch.where(bound == torch.inf, 0.0, torch.inf)
    return torch.where(mature, of_found, of_none)
