"""Table 1 as a record: computed beside published numbers, read and written as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from ctviz.studies.reproduce.published import MetricName
from ctviz.studies.result_record import ResultDocument, ResultRecord, read_result, result_kind, shipped_result

ArmName = Literal["vanilla", "full", "adversarial", "energy"]
"""The models of a draw: conventional training, counterfactual training, and each part of its objective alone."""

TABLE_STEP = 0.1
"""η of the searches that the table is computed with: the paper's."""


class Reduction(ResultRecord):
    """Reduction of the mean relative to conventional training in %; positive is better.

    ``value`` and ``base`` are the two means; ``low`` and ``high`` the interval of the reduction.
    """

    reduction: float | None
    low: float | None
    high: float | None
    significant: bool | None
    error: float | None = None
    value: float | None = None
    base: float | None = None


class ComparedReduction(Reduction):
    """A cell of Table 1: the mean over all draws, beside the published number if there is one.

    ``agrees`` if both are significant with the same sign, or if neither is significant. A cost agrees only if the same
    holds over the requests that both models meet.
    """

    published: float | None
    published_error: float | None
    published_significant: bool | None
    same_sign: bool | None = None
    same_significance: bool | None = None
    agrees: bool | None = None


class Draw(ResultRecord):
    """A draw of data and training of the plausibility study, with intervals over rounds alone as in the paper.

    ``calibration`` is the expected calibration error, as a share.
    """

    later = ("calibration", "conventional_calibration")

    seed: int
    run: str
    ip: Reduction
    ip_star: Reduction
    accuracy: float | None
    conventional_accuracy: float | None
    validity: float | None
    conventional_validity: float | None
    mature: float | None
    calibration: float | None = None
    conventional_calibration: float | None = None


class LockedDraw(ResultRecord):
    """A draw of the mutability study, with an interval over rounds alone."""

    seed: int
    run: str
    cost: Reduction
    accuracy: float | None
    conventional_accuracy: float | None
    validity: float | None
    conventional_validity: float | None


class SkippedDraw(ResultRecord):
    """A draw on which costs are not compared, with the validity of the conventional model's locked advice there."""

    seed: int
    validity: float | None


class GridCell(ResultRecord):
    """A cell of the grid, on validation data; metrics that its study does not measure are None."""

    tau: float
    lambda_reg: float
    score: float | None
    qualifies: bool
    ip: float | None = None
    ip_star: float | None = None
    cost: float | None = None
    validity: float | None = None
    conventional_validity: float | None = None
    accuracy: float | None = None
    conventional_accuracy: float | None = None
    mature: float | None = None


class ChosenCell(ResultRecord):
    """The cell that a study is trained with, and how it was found."""

    tau: float
    lambda_reg: float
    chosen_by: Literal["score", "fallback"]
    draws: tuple[int, ...]
    cells: tuple[GridCell, ...]


class TrainingDetails(ResultRecord):
    """The settings that all models of a data set share, and the cells of the two studies."""

    epochs: int
    batch: int
    n_ce: int
    hidden: tuple[int, ...]
    initial: str
    locked: tuple[int | str, ...]
    plausibility: ChosenCell
    mutability: ChosenCell | None  # none if costs can be compared on no draw


class CrossStudy(ResultRecord):
    """Each cell on the other study's metrics: IP and IP* with the cell of the mutability study, the cost
    with that of the plausibility study; with the validity of that model's locked advice and of the conventional one's,
    and the cost over the requests that both meet."""

    ip: Reduction
    ip_star: Reduction
    cost: Reduction
    cost_paired: Reduction
    validity: float | None
    conventional_validity: float | None


class Headroom(ResultRecord):
    """IP of factuals that have not moved, of both models' counterfactuals, and of real samples among themselves (the
    floor), in data units; and the share of the distance down to the floor that counterfactual training covered."""

    start: float | None
    conventional: float | None
    counterfactual: float | None
    floor: float | None
    share: float | None


class SearchVariant(ResultRecord):
    """IP and IP* of the same models, evaluated with other search steps: size η, at most T."""

    step_size: float
    steps: int
    ip: Reduction
    ip_star: Reduction


class ExactOutcome(ResultRecord):
    """The same models, judged without a search: by the exact cheapest counterfactuals at τ.

    ``factuals`` of the test data in each of ``draws`` draws. The reductions are over those of which both models have a
    counterfactual; ``found`` and ``conventional_found`` are the shares of factuals, not already in the target class,
    that have one, ``proved`` the share of all searches that ended with their proof. ``gap``: by which share of its cost
    a plan without one may at most be above the cheapest; 0 where all are proved.
    """

    later = ("gap",)

    tau: float
    factuals: int
    draws: int
    ip: Reduction
    nearest: Reduction
    nearest_five: Reduction
    cost: Reduction
    found: float | None
    conventional_found: float | None
    proved: float | None
    gap: float | None = None


class ReliabilityCurve(ResultRecord):
    """How often a model is right where it is so sure, over the test samples of all draws.

    A bin (low, high] of confidence, the probability of the class that the model predicts, for each position; empty bins
    are left out. ``error`` is the mean calibration error over the draws, ``accuracy_overall`` the share that is right.
    """

    arm: ArmName
    low: tuple[float, ...]
    high: tuple[float, ...]
    count: tuple[int, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    error: float | None
    accuracy_overall: float | None

    @model_validator(mode="after")
    def _whole(self) -> ReliabilityCurve:
        if len({len(part) for part in (self.low, self.high, self.count, self.confidence, self.accuracy)}) > 1:
            raise ValueError("its bins differ in number")
        return self


class Table1Row(ResultRecord):
    """A data set.

    ``cost_paired``: the cost over only those factuals and targets for which both models have a valid counterfactual.
    ``ip_star_median``: IP* with the median distance between real samples as its length scale, where columns are many.
    ``exact``: what the exact judge finds, not of images. ``reliability``: of the conventional model and of
    counterfactual training.
    """

    later = ("ip_star_median", "exact", "reliability")

    data: str
    title: str
    ip: ComparedReduction
    ip_star: ComparedReduction
    cost: ComparedReduction
    cost_paired: Reduction
    room: Headroom
    other: CrossStudy
    searched: tuple[SearchVariant, ...] = ()  # from short steps to long ones; none for images
    settings: TrainingDetails
    seeds: tuple[Draw, ...]
    locked_seeds: tuple[LockedDraw, ...]
    passed_over: tuple[SkippedDraw, ...]
    ip_star_median: Reduction | None = None
    exact: ExactOutcome | None = None
    reliability: tuple[ReliabilityCurve, ...] | None = None

    def outcome(self, metric: MetricName) -> ComparedReduction:
        found: ComparedReduction = getattr(self, metric)
        return found

    @property
    def usual(self) -> SearchVariant | None:
        """With the steps of the table itself, over the same draws as those with other steps."""
        return next((search for search in self.searched if search.step_size == TABLE_STEP), None)

    @property
    def short(self) -> SearchVariant | None:
        """With the shortest steps."""
        return self.searched[0] if self.searched else None

    def draws(self, metric: MetricName) -> tuple[tuple[int, Reduction], ...]:
        """Seed and reduction of every draw of the study that a metric belongs to."""
        several: tuple[Draw | LockedDraw, ...] = self.locked_seeds if metric == "cost" else self.seeds
        return tuple((draw.seed, getattr(draw, metric)) for draw in several)

    def cell(self, metric: MetricName) -> ChosenCell | None:
        """The cell that the study of a metric chose."""
        return self.settings.mutability if metric == "cost" else self.settings.plausibility


class Ablation(Reduction):
    """One variant of the objective against conventional training, over all draws."""

    data: str
    arm: ArmName
    metric: Literal["ip", "ip_star"]


class Curve(ResultRecord):
    """Accuracy under an attack: means over the draws, with minimum and maximum."""

    data: str
    arm: ArmName
    attack: Literal["fgsm", "pgd"]
    epsilon: tuple[float, ...]
    accuracy: tuple[float | None, ...]
    least: tuple[float | None, ...]
    greatest: tuple[float | None, ...]

    @model_validator(mode="after")
    def _whole(self) -> Curve:
        sizes = {len(part) for part in (self.epsilon, self.accuracy, self.least, self.greatest)}
        if sizes == {0} or len(sizes) > 1:
            raise ValueError("its points differ in number, or there is none")
        return self


class SensitivityResult(ResultRecord):
    """Sensitivity to the locked features, with the lock in training and without; means over the draws.

    ``measure``: the paper's ``standardised`` |g_d| / (max − min), which samples with nearly equal parts can dominate,
    or the ``share`` |g_d| / Σ |g| of the locked features. ``low`` and ``high``: Student's interval of the difference
    over the draws, none for one draw.
    """

    data: str
    feature: str
    measure: Literal["standardised", "share"]
    value: float | None
    base: float | None
    unlocked: float | None  # of counterfactual training without the lock
    difference: float | None
    low: float | None
    high: float | None
    significant: bool | None


class Table1(ResultDocument):
    """Everything that ``ctviz reproduce table1`` computes."""

    command = "table1"

    rows: tuple[Table1Row, ...]
    ablation: tuple[Ablation, ...]
    robustness: tuple[Curve, ...]
    sensitivity: tuple[SensitivityResult, ...]
    rule: dict[str, str]
    source: str
    reproduction: dict[str, Any]
    protocol: dict[str, Any]
    version: str
    algorithm: int
    seconds: float

    @model_validator(mode="after")
    def _whole(self) -> Table1:
        if len({row.data for row in self.rows}) < len(self.rows):
            raise ValueError("a data set is in it twice")
        return self

    def row(self, data: str) -> Table1Row | None:
        return next((row for row in self.rows if row.data == data), None)

    def outcomes(self) -> Iterator[tuple[Table1Row, MetricName, ComparedReduction]]:
        """Every cell of the table, row by row."""
        for row in self.rows:
            for metric in ("ip", "ip_star", "cost"):
                yield row, metric, row.outcome(metric)


RESULTS = result_kind("Table 1", Table1)
"""Results in a store, by the key of the reproduction."""


def shipped() -> Path:
    """The file of the result that ships with ctviz."""
    return shipped_result(Table1)


def read(path: Path) -> Table1:
    """A result from its file; errors as ``read_result``."""
    return read_result(path, Table1, RESULTS)
