"""A stored table, extended: rows of further data, and what rows of earlier versions lack; the others stay."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ctviz.errors import DataError
from ctviz.experiments.config import ALGORITHM_VERSION, Experiment
from ctviz.experiments.engines.base import Engine, OnProgress, no_progress
from ctviz.experiments.store import Store
from ctviz.studies.reproduce.judged import Judgement, judged
from ctviz.studies.reproduce.published import HERE
from ctviz.studies.reproduce.reproduction import Choice, Reproduction
from ctviz.studies.reproduce.result import Ablation, Curve, SensitivityResult, Table1, Table1Row
from ctviz.studies.reproduce.table1 import table_steps
from ctviz.studies.reproduce.work import Work
from ctviz.studies.steps import Steps, carry_out

P = TypeVar("P", Ablation, Curve, SensitivityResult)


def extend(
    result: Table1,
    data: Sequence[str],
    store: Store,
    engine: str | Engine = "local",
    progress: OnProgress = no_progress,
    **options: Any,
) -> Table1:
    """The table with rows of these data, by its own settings.

    Data without a row are computed as a whole. A row that an earlier version left without the exact judge and
    calibration gets these, of the very models that it names; all else of it stays.

    Args:
        result: the table as it is.
        data: rows to add or to complete.
        store, engine, progress, options: of ``carry_out``.

    Raises:
        ConfigError: data that there are not. DataError: this version does not train the models of the table.
        CtvizError: a task failed, or the work was cancelled.
    """
    steps = _extending(result, Reproduction(**{**result.reproduction, "data": tuple(data)}), store)
    return carry_out(steps, store, engine, progress=progress, **options)


def _extending(result: Table1, wanted: Reproduction, store: Store) -> Steps[Table1]:
    if result.algorithm != ALGORITHM_VERSION:
        raise DataError("This table is of another version of ctviz; compute it anew, without --extend.")
    began = time.perf_counter()
    lacking = [row for data in wanted.data if (row := result.row(data)) and not _is_complete(row)]
    work = Work(wanted, store)
    finals = {row.data: finals_of(wanted, row) for row in lacking}
    judgements = yield from judged(work, finals)
    rows = {row.data: row for row in result.rows}
    rows |= {row.data: completed(row, judgements[row.data]) for row in lacking}
    seconds = result.seconds
    kept = {name: getattr(result, name) for name in ("ablation", "robustness", "sensitivity", "protocol")}
    kept["protocol"] = {**kept["protocol"], **_protocols(kept["protocol"], wanted, finals)}
    new = tuple(name for name in wanted.data if name not in rows)
    if new:
        added = yield from table_steps(replace(work, reproduction=wanted.model_copy(update={"data": new})))
        rows |= {row.data: row for row in added.rows}
        kept = {name: before + getattr(added, name) for name, before in kept.items() if name != "protocol"} | {
            "protocol": {**kept["protocol"], **added.protocol}
        }
    order = [name for name in HERE if name in rows]
    settings = {**result.reproduction, "data": order}
    return result.model_copy(
        update={
            "rows": tuple(rows[name] for name in order),
            **{name: _ordered(kept[name], order) for name in ("ablation", "robustness", "sensitivity")},
            "protocol": {name: kept["protocol"][name] for name in order if name in kept["protocol"]},
            "reproduction": Reproduction(**settings).model_dump(mode="json"),
            "seconds": round(seconds + time.perf_counter() - began, 1),
        }
    )


def _is_complete(row: Table1Row) -> bool:
    return row.reliability is not None


def _protocols(known: Mapping[str, Any], wanted: Reproduction, completed: Mapping[str, Any]) -> dict[str, Any]:
    """The protocols of completed rows, with that of the exact judge."""
    return {
        data: {**known.get(data, {}), "test_exactly": wanted.on_test_exactly(data).model_dump(mode="json")}
        for data in completed
    }


def _ordered(parts: Sequence[P], order: Sequence[str]) -> tuple[P, ...]:
    return tuple(sorted(parts, key=lambda part: order.index(part.data)))


def finals_of(reproduction: Reproduction, row: Table1Row) -> list[Experiment]:
    """The final models of each draw of a row.

    Raises:
        DataError: this version would train others.
    """
    cell, other = row.settings.plausibility, row.settings.mutability or row.settings.plausibility
    choices = [Choice(tau=one.tau, lambda_reg=one.lambda_reg) for one in (cell, other)]
    found = [reproduction.final(row.data, draw.seed, *choices) for draw in row.seeds]
    if [one.key for one in found] != [draw.run for draw in row.seeds]:
        raise DataError(f"This version would not train the models of the row {row.title}; compute the table anew.")
    return found


def completed(row: Table1Row, judgement: Judgement) -> Table1Row:
    """A row with the exact judge and calibration."""
    conventional, full = judgement.calibration.values()
    draws = tuple(
        draw.model_copy(update={"conventional_calibration": base, "calibration": value})
        for draw, base, value in zip(row.seeds, conventional, full, strict=True)
    )
    return row.model_copy(update={"exact": judgement.exact, "reliability": judgement.reliability, "seeds": draws})
