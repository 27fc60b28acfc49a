"""A stored table, extended: rows of further data, and what rows of earlier versions lack; the others stay."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar, get_args

from ctviz.errors import DataError
from ctviz.experiments.config import ALGORITHM_VERSION, Experiment
from ctviz.experiments.engines.base import Engine, OnProgress, no_progress
from ctviz.experiments.store import Store
from ctviz.studies.reproduce import reproduction as what
from ctviz.studies.reproduce.judged import Judgement, judged
from ctviz.studies.reproduce.published import HERE
from ctviz.studies.reproduce.reproduction import Choice, Reproduction
from ctviz.studies.reproduce.result import Ablation, Curve, SensitivityResult, Table1, Table1Row
from ctviz.studies.reproduce.selection import RULES
from ctviz.studies.reproduce.studies import StudyResults, draws_to_compare, final_steps
from ctviz.studies.reproduce.table1 import judging, mutability_fields, plausibility_fields, table_steps
from ctviz.studies.reproduce.work import Work
from ctviz.studies.steps import Steps, carry_out

P = TypeVar("P", Ablation, Curve, SensitivityResult)

Part = Literal["without locks", "under the lock", "judged"]
"""What a row tells of draws of its own: plausibility, cost, and the exact judge."""


def extend(
    result: Table1,
    data: Sequence[str],
    store: Store,
    engine: str | Engine = "local",
    progress: OnProgress = no_progress,
    *,
    so_far: bool = False,
    **options: Any,
) -> Table1:
    """The table with rows of these data, by its own settings.

    Data without a row are computed as a whole. A row that an earlier version left without the exact judge and
    calibration gets these, of the very models that it names; all else of it stays. A row that was computed on fewer
    draws than this version would, or of tables without the exact judge, gets the others, with the settings that it has
    chosen; the parts of the objective and other steps of the search stay those of its first draws. So does one without
    IP* at the median distance where that is measured: its draws without locks are measured again. No part that a row
    has is computed again.

    Args:
        result: the table as it is.
        data: rows to add or to complete.
        so_far: compute nothing; rows get the draws that the store holds by now, where these are more.
        store, engine, progress, options: of ``carry_out``.

    Raises:
        ConfigError: data that there are not. DataError: this version does not train the models of the table.
        CtvizError: a task failed, or the work was cancelled.
    """
    wanted = Reproduction(**{**result.reproduction, "data": tuple(data)})
    steps = _extending(result, Work(wanted, store, so_far))
    return carry_out(steps, store, engine, progress=progress, **options)


def _extending(result: Table1, work: Work) -> Steps[Table1]:
    if result.algorithm != ALGORITHM_VERSION:
        raise DataError("This table is of another version of ctviz; compute it anew, without --extend.")
    began, wanted = time.perf_counter(), work.reproduction
    known = [row for data in wanted.data if (row := result.row(data))]
    lacking = [row for row in known if row.reliability is None]
    finals = {row.data: finals_of(wanted, row) for row in lacking}
    judgements = yield from judged(work, finals)
    rows = {row.data: row for row in result.rows}
    rows |= {row.data: completed(row, judgements[row.data]) for row in lacking}
    others = [row for row in known if row not in lacking]
    rows |= {row.data: row for row in (yield from _with_lacking(work, others))}
    seconds = result.seconds
    kept = {name: getattr(result, name) for name in ("ablation", "robustness", "sensitivity", "protocol")}
    kept["protocol"] = {**kept["protocol"], **_protocols(kept["protocol"], wanted, rows.values())}
    new = tuple(name for name in wanted.data if name not in rows and not work.so_far)
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
            "rule": RULES,
            "seconds": round(seconds + time.perf_counter() - began, 1),
        }
    )


def _known_draws(row: Table1Row) -> dict[Part, int]:
    judged = 0 if row.exact is None else row.exact.draws
    return {"without locks": len(row.seeds), "under the lock": len(row.locked_seeds), "judged": judged}


def _lacking(wanted: Reproduction, row: Table1Row) -> set[Part]:
    """The parts of a table's row that were computed on fewer draws than this version would, or not at all; and of any
    row the draws without locks, if it lacks IP* at the median distance."""
    draws = wanted.draws(row.data) if row.data in what.WHOLE_DRAWS else 0
    short = {part for part, known in _known_draws(row).items() if known < draws}
    return short | {"without locks"} if _lacks_median(row) else short


def _lacks_median(row: Table1Row) -> bool:
    return row.ip_star_median is None and what.at_median(row.data)


def _with_lacking(work: Work, rows: Sequence[Table1Row]) -> Steps[list[Table1Row]]:
    """Rows with the parts that they lack; no other part is computed."""
    r, lacking = work.reproduction, {row.data: _lacking(work.reproduction, row) for row in rows}
    free, locked, solved = (tuple(data for data in lacking if part in lacking[data]) for part in get_args(Part))
    plausible = {row.data: row.settings.plausibility for row in rows}
    cheap = {row.data: row.settings.mutability for row in rows}
    draws = yield from draws_to_compare(replace(work, reproduction=r.model_copy(update={"data": locked})))
    found = yield from final_steps(work, plausible, draws, cheap, free)
    models = judging(work, found)
    judgements = yield from judged(work, {data: models[data] for data in solved})
    return [row.model_copy(update=_found_of(work, row, found, judgements)) for row in rows]


def _found_of(work: Work, row: Table1Row, found: StudyResults, judgements: Mapping[str, Judgement]) -> dict[str, Any]:
    """The fields of a row of which more draws were found than it has, or IP* at the median distance of as many."""
    data, known, fields = row.data, _known_draws(row), dict[str, Any]()
    free = len(found.free.get(data, ()))
    if free > known["without locks"] or (free == known["without locks"] and _lacks_median(row)):
        fields |= plausibility_fields(work, data, found)
    if len(found.locked.get(data, ())) > known["under the lock"]:
        fields |= mutability_fields(work, data, found)
    judgement = judgements.get(data)
    if judgement and len(judgement.calibration[what.FULL]) > known["judged"]:
        fields |= {"exact": judgement.exact, "reliability": judgement.reliability}
    return fields


def _protocols(known: Mapping[str, Any], wanted: Reproduction, rows: Iterable[Table1Row]) -> dict[str, Any]:
    """The protocols of rows that were asked for, with that of the exact judge, and with IP* at the median distance."""
    found = {}
    for row in rows:
        if row.data in wanted.data:
            used = {"test_exactly": wanted.on_test_exactly(row.data)}
            used |= {"test": wanted.on_test(row.data)} if row.ip_star_median is not None else {}
            made = {name: protocol.model_dump(mode="json") for name, protocol in used.items()}
            found[row.data] = {**known.get(row.data, {}), **made}
    return found


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
