"""The rules that choose each study's cell of the grid, and its draws; they use validation data alone.

As in the paper, the two columns on plausibility and the one on costs are separate studies. Each chooses its own cell,
since settings that make counterfactuals plausible may make locked advice more expensive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ctviz.errors import DataError

Study = Literal["plausibility", "mutability"]

MAX_ACCURACY_LOSS = 0.02
"""Largest loss of accuracy on validation data by counterfactual training: two points."""

MIN_MATURE = 0.1
"""Least share of mature counterfactuals in the last epoch of training."""

MIN_VALID = 0.9
"""Least validity of the locked advice, relative to the conventional model's: with less, only easy targets would be
counted."""

RULES: dict[str, str] = {
    "plausibility": (
        "For IP and IP*, one cell of the grid τ × λ_reg is chosen for each data set on validation data, without locks; "
        "test data are not looked at. Among the cells whose mean accuracy is at most 2 points below that of "
        "conventional training, and of which at least a tenth of the counterfactuals matured in the last epoch, it is "
        "the one with the largest mean over the draws of (reduction of IP + reduction of IP*) / 2; where IP* is not "
        "measured, of the reduction of IP. If no cell qualifies, it is the one with the highest share mature. In "
        "both studies, cells are compared on three draws of tables, and on one draw of digits after 20 epochs, since "
        "each of these takes minutes."
    ),
    "mutability": (
        "For the cost, one cell of the same grid is chosen for each data set on validation data, trained and explained "
        "under the lock, at the lower τ of this study. Among the cells whose mean accuracy is at most 2 points below "
        "that of conventional training, and whose locked advice is valid at least nine tenths as often, it is the one "
        "with the largest mean reduction of the cost. If no cell qualifies, it is the one with the highest validity."
    ),
    "draws": (
        "Plausibility is measured on the draws 0, 1, … without a choice. Costs are compared on the first draws, from "
        "0 on, on which there is locked advice to compare: the conventional model's locked searches on validation data "
        "are valid at least 45 % of the time (not half: on circles exactly half can be, those from the ring inwards). "
        "The rule looks at the data and the conventional model alone; which draws "
        "were passed over is listed."
    ),
}
"""The rules for choosing cells and draws, as the page shows them."""


class Scored(Protocol):
    """What a rule needs of a cell."""

    @property
    def score(self) -> float: ...

    @property
    def qualifies(self) -> bool: ...

    @property
    def fallback(self) -> float: ...


@dataclass(frozen=True)
class PlausibilityScore:
    """A cell without locks, on validation data, as means over the draws; NaN where not measured.

    Reductions in % of conventional training, accuracies and ``mature`` as shares.
    """

    ip: float
    ip_star: float
    accuracy: float
    conventional_accuracy: float
    mature: float

    @property
    def score(self) -> float:
        """(reduction of IP + reduction of IP*) / 2, or the reduction of IP where IP* is not measured; NaN without
        IP."""
        if math.isnan(self.ip):
            return math.nan
        return self.ip if math.isnan(self.ip_star) else (self.ip + self.ip_star) / 2

    @property
    def qualifies(self) -> bool:
        """Whether the cell may be chosen by its score. What is NaN does not."""
        kept = keeps_accuracy(self.accuracy, self.conventional_accuracy)
        return kept and self.mature >= MIN_MATURE and not math.isnan(self.score)

    @property
    def fallback(self) -> float:
        """What decides where no cell qualifies."""
        return self.mature


@dataclass(frozen=True)
class MutabilityScore:
    """A cell under the lock, on validation data, as means over the draws; NaN where not measured.

    The reduction of the cost in %, validities and accuracies as shares.
    """

    cost: float
    validity: float
    conventional_validity: float
    accuracy: float
    conventional_accuracy: float

    @property
    def score(self) -> float:
        """The reduction of the cost."""
        return self.cost

    @property
    def qualifies(self) -> bool:
        """Whether the cell may be chosen by its score. What is NaN does not."""
        kept = keeps_accuracy(self.accuracy, self.conventional_accuracy)
        valid = self.validity >= MIN_VALID * self.conventional_validity - 1e-12
        return kept and valid and not math.isnan(self.cost)

    @property
    def fallback(self) -> float:
        """What decides where no cell qualifies."""
        return self.validity


def keeps_accuracy(accuracy: float, conventional: float) -> bool:
    """Whether the loss of accuracy is at most ``MAX_ACCURACY_LOSS``; what is NaN is not."""
    return conventional - accuracy <= MAX_ACCURACY_LOSS + 1e-12  # 2 points are still allowed


def choose(scores: Sequence[Scored]) -> int:
    """Position of the cell that the rule of its study chooses; ties go to the first.

    Raises:
        DataError: there are no cells.
    """
    if not scores:
        raise DataError("Settings are chosen among cells of a grid; there is none.")
    allowed = [i for i, score in enumerate(scores) if score.qualifies]
    if allowed:
        return max(allowed, key=lambda i: scores[i].score)
    return max(range(len(scores)), key=lambda i: _or_lowest(scores[i].fallback))


def _or_lowest(value: float) -> float:
    return -math.inf if math.isnan(value) else value
