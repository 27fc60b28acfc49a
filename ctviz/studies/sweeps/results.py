"""The results of a sweep, from the runs and reports in the store."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctviz.cache import Cache
from ctviz.data.kinds import PLANE, TABLE
from ctviz.errors import StoreError
from ctviz.evaluation.ends import metrics_of
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.engines.task import Task
from ctviz.experiments.evaluate import stored_report
from ctviz.experiments.reports import EXACT_METRICS, READ_METRICS, Report
from ctviz.experiments.store import Store
from ctviz.experiments.store.frames import to_parquet
from ctviz.short_repr import ShortRepr
from ctviz.studies.summary import across
from ctviz.studies.sweeps.declaration import Cell, SharedSettings, Sweep
from ctviz.studies.sweeps.plan import ModelLocation, Plan, plan
from ctviz.studies.sweeps.tables import NUMBERS, State, columns, stored_table, table_value, write_table

if TYPE_CHECKING:
    import pandas as pd

METRICS = tuple(
    dict.fromkeys(
        (
            "ip", "ip_star", "ip_star_median", "cost", "validity", "redundancy", "mature", "steps", *READ_METRICS,
            "accuracy", "calibration", "accepted", "fgsm", "pgd", "sensitivity", *EXACT_METRICS, "trained_mature",
            "skipped", *metrics_of(PLANE), *metrics_of(TABLE),
        )
    )
)  # fmt: skip
"""Metrics of a report over all rounds (attacks at the largest ε; sensitivity to the first locked feature, else to the
first feature), and two of the last epoch of training: share of mature counterfactuals, and skipped batches."""

OUT_OF_BOUNDS = "numbers ran out of bounds"
NOTHING_MATURED = "nothing matured"
ONE_CLASS = "the model predicts one class only"


@dataclass(frozen=True, repr=False, eq=False)
class SweepResult(ShortRepr):
    """The results of a sweep, as far as they are available.

    ``table`` has one row for each cell, seed and metric: cell, one column for each axis under the name of its setting,
    seed, run, arm, reference, state, reason, metric, part, value, base, difference, reduction, low, high, significant.
    ``base`` is the reference's value, ``reduction`` how much lower ``value`` is, in percent of it; ``low`` and ``high``
    are its bootstrap interval. NaN where not measured.
    """

    sweep: Sweep
    table: pd.DataFrame

    @property
    def waiting(self) -> int:
        """Number of models still to be trained or evaluated."""
        return self._count("waiting")

    @property
    def failed(self) -> int:
        """Number of models whose training failed."""
        return self._count("failed")

    @property
    def missing(self) -> int:
        """Number of models without results: those that wait, and those whose stack failed as a whole."""
        return int((self.table.groupby(["cell", "seed"])["value"].count() == 0).sum())

    @property
    def done(self) -> bool:
        """Whether no model is waiting."""
        return self.waiting == 0

    def _count(self, state: State) -> int:
        first = self.table[self.table["metric"] == METRICS[0]]
        return int((first["state"] == state).sum())

    @cached_property
    def across(self) -> pd.DataFrame:
        """One row for each cell and metric, over the seeds with a value.

        Columns: cell, axes, state, reason, metric, part, value, base, reduction (means), low, high (Student's t
        interval of the mean reduction at the protocol's level; NaN for one seed), sd (of value), seeds (how many
        have a value), significant (whether the interval excludes zero; for one seed, that of its own interval).
        """
        return _across(self.table, [axis.setting for axis in self.sweep.axes], self.sweep.protocol.level)

    def to_csv(self, path: Path) -> None:
        """Write the table; raises ``StoreError`` when the disk does not take it."""
        write_table(path, self.table.to_csv(index=False).encode())

    def to_parquet(self, path: Path) -> None:
        """Write the table; raises ``StoreError`` when the disk does not take it."""
        write_table(path, to_parquet(self.table))


def collect(sweep: Sweep, store: Store, outcomes: Iterable[TaskResult[Task]] = (), fresh: bool = False) -> SweepResult:
    """The current results of a sweep in the store; cheap enough to be called often.

    Args:
        sweep: the sweep.
        store: with its runs and reports.
        outcomes: results of tasks, which say why some failed.
        fresh: as in ``plan``.

    Raises:
        ConfigError: a combination that cannot be trained, with its cell.
    """
    if not fresh and (table := stored_table(sweep, store)) is not None:
        return SweepResult(sweep, table)
    return collect_planned(plan(sweep, store, fresh), store, outcomes)


def collect_planned(found: Plan, store: Store, outcomes: Iterable[TaskResult[Task]] = ()) -> SweepResult:
    """Like ``collect``, for a plan."""
    messages = {
        (SharedSettings.of(outcome.task.experiment), arm.name): outcome.message
        for outcome in outcomes
        if outcome.message
        for arm in outcome.task.experiment.arms
    }
    parts: dict[str, Mapping[str, _Measured]] = {}
    rows: list[dict[str, Any]] = []
    for cell in found.cells:
        for seed in found.sweep.seed_values:
            place = found.places[cell.index, seed]
            key = place.task.key
            if (cell.index, seed) not in found.done:
                rows += _rows(cell, seed, place, _undone(place, messages, store))
                continue
            if key not in parts:
                parts[key] = _measured(place.task, _references(found, key), store)
            measured = parts[key].get(place.arm) or _Measured("waiting")  # it was removed meanwhile
            rows += _rows(cell, seed, place, measured)
    return SweepResult(found.sweep, _frame(rows, found.sweep))


# -- one task --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Measured:
    """The results of one model."""

    state: State
    reason: str = ""
    rows: Mapping[str, Mapping[str, Any]] | None = None  # metric → its columns


_cache = Cache(64, at_once=None)
"""Results of tasks, by the folder of the store, the task and its references."""


def _undone(place: ModelLocation, messages: Mapping[tuple[SharedSettings, str], str], store: Store) -> _Measured:
    message = messages.get((SharedSettings.of(place.task.experiment), place.arm), "") if messages else ""
    status = store.status(place.run)
    if not message and status.state == "failed":
        message = status.message
    return _Measured("failed", message) if message else _Measured("waiting")


def _references(found: Plan, key: str) -> dict[str, str]:
    places = [place for place in found.places.values() if place.task.key == key]
    return {place.arm: place.reference for place in places if place.arm != place.reference}


def _measured(task: Task, references: Mapping[str, str], store: Store) -> Mapping[str, _Measured]:
    """Results of each compared arm of an evaluated run, and of the references; cached."""
    known = str(store.root), task.key, repr(sorted(references.items()))
    return _cache.get(known, lambda: _read(task, references, store)) or {}


def _read(task: Task, references: Mapping[str, str], store: Store) -> Mapping[str, _Measured] | None:
    report = stored_report(task.run, task.protocol, store)
    if report is None:
        return None
    try:
        return _of_report(task, report, references, store)
    except StoreError:  # the run was removed meanwhile
        return None


def _of_report(task: Task, report: Report, references: Mapping[str, str], store: Store) -> Mapping[str, _Measured]:
    experiment = task.experiment
    trained = store.snapshot(experiment.key, experiment.training.epochs)
    compared = report.compare(references)
    alone = report.overall
    batches = -(-experiment.data.n_train // experiment.training.batch)
    found = {}
    for i, arm in enumerate(experiment.arms):
        part = str(experiment.data.features[0])
        if arm.locked:
            part = str(arm.locked[0] if isinstance(arm.locked[0], str) else experiment.data.features[arm.locked[0]])
        rows: dict[str, dict[str, Any]] = {}
        of_arm = compared[compared["arm"] == arm.name]
        if arm.name in references and len(of_arm):
            for row in _chosen(of_arm, part).to_dict("records"):
                ends = {"low": row["reduction_low"], "high": row["reduction_high"]}
                names = ("part", "value", "base", "difference", "reduction", "significant")
                rows[str(row["metric"])] = {**{name: row[name] for name in names}, **ends}
        else:
            for row in _chosen(alone[alone["arm"] == arm.name], part).to_dict("records"):
                rows[str(row["metric"])] = _same(row["part"], float(row["value"]))
        skipped, mature = float(trained.metrics["skipped"][i]), float(trained.metrics["mature"][i])
        base = references.get(arm.name, arm.name)
        rows["skipped"] = _plain(skipped, float(trained.metrics["skipped"][_index(experiment.arms, base)]))
        rows["trained_mature"] = _plain(mature, math.nan)
        finite = all(np.isfinite(tensor[experiment.rows_of([i])]).all() for _, tensor in trained.weights.items())
        reason = _reason(finite, skipped / batches, mature if arm.lambda_div > 0 else math.nan, rows)
        found[arm.name] = _Measured("failed" if reason else "done", reason, rows)
    return found


def _reason(finite: bool, skipped: float, mature: float, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a model's training counts as failed; empty if it did not. ``skipped``: share of the last epoch's batches."""
    if not finite or skipped > 0.5:
        return OUT_OF_BOUNDS
    if mature == 0:
        return NOTHING_MATURED
    if "ip" in rows and math.isnan(rows["ip"]["value"]) and math.isnan(rows.get("validity", {}).get("value", math.nan)):
        return ONE_CLASS
    return ""


def _index(arms: Sequence[Any], name: str) -> int:
    return next(i for i, arm in enumerate(arms) if arm.name == name)


def _plain(value: float, base: float) -> dict[str, Any]:
    return {**_nothing(), "value": value, "base": base, "difference": value - base}


def _same(part: str, value: float) -> dict[str, Any]:
    """Columns of a model that is its own reference."""
    still = 0.0 if math.isfinite(value) else math.nan
    numbers = {"value": value, "base": value, "difference": still, "reduction": still, "low": still, "high": still}
    return {"part": part, "significant": False, **numbers}


def _nothing() -> dict[str, Any]:
    return {"part": "", "significant": False, **dict.fromkeys(NUMBERS, math.nan)}


def _chosen(rows: pd.DataFrame, feature: str) -> pd.DataFrame:
    """One part of each metric: the largest ε of attacks, and for sensitivity ``feature``, else the first."""
    picked = []
    for metric, group in rows.groupby("metric", sort=False):
        if metric in ("fgsm", "pgd"):
            group = group.loc[[group["part"].astype(float).idxmax()]]
        elif metric == "sensitivity" and (group["part"] == feature).any():
            group = group[group["part"] == feature]
        picked.append(group.iloc[:1])
    import pandas as pd

    return pd.concat(picked) if picked else rows


# -- tables -------------------------------------------------------------------------------------------


def _rows(cell: Cell, seed: int, place: ModelLocation, measured: _Measured) -> list[dict[str, Any]]:
    known = measured.rows or {}
    axes = {name: table_value(value) for name, value in cell.values}  # noqa: PD011 (a cell is no table)
    same = {"cell": cell.index, **axes, "seed": seed}
    same |= {"run": place.run, "arm": place.arm, "reference": place.reference}
    same |= {"state": measured.state, "reason": measured.reason}
    return [{**same, "metric": metric, **_nothing(), **known.get(metric, {})} for metric in METRICS]


def _frame(rows: list[dict[str, Any]], sweep: Sweep) -> pd.DataFrame:
    """The table; once everything is measured, without metrics that have no values."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=columns(sweep))
    table["significant"] = table["significant"].astype(bool)
    if len(table) and not (table["state"] == "waiting").any():
        known = table.groupby("metric")["value"].transform("count") > 0
        table = table[known | (table["metric"] == METRICS[0])].reset_index(drop=True)
    return table


def _across(table: pd.DataFrame, axes: list[str], level: float) -> pd.DataFrame:
    """Vectorised, since a table has rows for thousands of models and metrics."""
    import pandas as pd

    which = ["cell", "metric"]
    firsts = table.drop_duplicates(which)  # in the order of the groups below
    told = table["value"].notna()
    marked = table.assign(significant=table["significant"].astype(bool) & told)
    own = marked.groupby(which, sort=False)["significant"].any().to_numpy()
    values, bases = across(table, which, "value", level), across(table, which, "base", level)
    reductions = across(table, which, "reduction", level)
    states = _over_seeds(table, which)
    found = [states[group] for group in zip(values["cell"], values["metric"], strict=True)]
    state, reason = [state for state, _ in found], [reason for _, reason in found]
    seeds, low, high = values["n"].to_numpy(), reductions["low"].to_numpy(), reductions["high"].to_numpy()
    return pd.DataFrame(
        {
            "cell": firsts["cell"].to_numpy(),
            **{axis: firsts[axis].array for axis in axes},
            "state": state,
            "reason": reason,
            "metric": firsts["metric"].to_numpy(),
            "part": firsts["part"].to_numpy(),
            "value": values["value"].to_numpy(),
            "base": bases["value"].to_numpy(),
            "reduction": reductions["value"].to_numpy(),
            "low": low,
            "high": high,
            "sd": values["sd"].to_numpy(),
            "seeds": seeds,
            "significant": np.where(seeds == 1, own, (low > 0) | (high < 0)),
        }
    )


def _over_seeds(table: pd.DataFrame, which: list[str]) -> dict[tuple[Any, ...], tuple[State, str]]:
    """Waiting while any seed waits; failed if any seed failed, with the reason and the number of seeds."""
    seeds: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
    for *group, state, reason in zip(*(table[name].tolist() for name in (*which, "state", "reason")), strict=True):
        seeds.setdefault(tuple(group), []).append((state, reason))
    return {group: _of_seeds(told) for group, told in seeds.items()}


def _of_seeds(told: Sequence[tuple[str, str]]) -> tuple[State, str]:
    if any(state == "waiting" for state, _ in told):
        return "waiting", ""
    reasons = [reason for state, reason in told if state == "failed"]
    if not reasons:
        return "done", ""
    most = max(dict.fromkeys(reasons), key=reasons.count)
    return "failed", most if len(reasons) == len(told) else f"{most} (seeds: {len(reasons)} of {len(told)})"
