"""The two studies behind Table 1: draws, cells chosen on validation data, final models on test data.

In each step, the tasks of all data sets go to the engine together, so that its workers are never idle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.task import Task
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import Report
from ctviz.experiments.run import load_run
from ctviz.experiments.store import Store
from ctviz.studies.reproduce import reproduction as what
from ctviz.studies.reproduce.reading import mean, overall, paired
from ctviz.studies.reproduce.reproduction import Choice, cell_name
from ctviz.studies.reproduce.result import ChosenCell, GridCell, SkippedDraw
from ctviz.studies.reproduce.selection import MutabilityScore, PlausibilityScore, Scored, choose
from ctviz.studies.reproduce.work import Work
from ctviz.studies.steps import Steps


@dataclass(frozen=True)
class Final:
    """The final models of one draw, and their report."""

    seed: int
    experiment: Experiment
    report: Report


@dataclass(frozen=True)
class CostDraws:
    """Draws on which costs are compared, and the draws that were skipped."""

    seeds: tuple[int, ...]
    passed_over: tuple[SkippedDraw, ...]


# -- plausibility -----------------------------------------------------------------------------------------


def plausibility_cells(work: Work) -> Steps[dict[str, ChosenCell]]:
    """Data → the cell for IP and IP*, from validation data without locks."""
    r = work.reproduction
    references = {cell_name(i): what.CONVENTIONAL for i in range(len(r.cells))}
    tasks = {
        data: [Task(r.selection(data, s), r.on_validation(data), _pairs(references)) for s in r.selecting(data)]
        for data in r.data
    }
    reports = yield from _together(work, tasks, "choosing the settings for plausibility")
    chosen = {}
    for data, found in reports.items():
        runs = [task.experiment for task in tasks[data]]
        scores = [_plausibility(cell_name(i), runs, found, work.store) for i in range(len(r.cells))]
        chosen[data] = _chosen(r.cells, scores, [run.seed for run in runs])
    return chosen


def _plausibility(arm: str, runs: Sequence[Experiment], reports: Sequence[Report], store: Store) -> PlausibilityScore:
    """A cell on validation data, as means over the draws."""
    ip, ip_star = (
        mean([paired(report, arm, what.CONVENTIONAL, metric).reduction for report in reports])
        for metric in ("ip", "ip_star")
    )
    return PlausibilityScore(
        ip=ip,
        ip_star=ip_star,
        accuracy=mean([overall(report, arm, "accuracy") for report in reports]),
        conventional_accuracy=mean([overall(report, what.CONVENTIONAL, "accuracy") for report in reports]),
        mature=mean([mature(run, arm, store) for run in runs]),
    )


def mature(experiment: Experiment, arm: str, store: Store) -> float:
    """Share of the counterfactuals that matured in the last epoch of training; NaN for conventional training."""
    done = load_run(experiment.key, store)
    value = done.summary[done.arms.index(arm)]["mature"]
    return math.nan if value is None else float(value)


def plausibility_finals(
    work: Work, cells: Mapping[str, Choice], others: Mapping[str, Choice | None]
) -> Steps[dict[str, list[Final]]]:
    """Data → the final models of the draws 0, 1, … on test data, without locks."""
    r = work.reproduction
    compared = dict.fromkeys((*what.VARIANTS_COMPARED, what.OTHER), what.CONVENTIONAL)
    tasks = {
        data: work.first_done(
            [
                _compared(r.final(data, seed, cell, others[data] or cell), r.on_test(data), compared)
                for seed in range(r.draws(data))
            ]
        )
        for data, cell in cells.items()
    }
    return (yield from _finals(work, tasks, "training and evaluating the models for plausibility"))


# -- mutability -----------------------------------------------------------------------------------------------


def draws_to_compare(work: Work) -> Steps[dict[str, CostDraws]]:
    """Data → the first draws on which the conventional model's locked advice is valid often enough."""
    r = work.reproduction
    known: dict[str, dict[int, float]] = {data: {} for data in r.data}
    while waiting := {data: seeds for data, seen in known.items() if (seeds := _next(r.draws(data), data, seen))}:
        tasks = {
            data: work.first_done([Task(r.scouting(data, seed), r.on_validation_locked(data)) for seed in seeds])
            for data, seeds in waiting.items()
        }
        found = yield from _together(work, tasks, "looking for draws with locked advice")
        for data, reports in found.items():
            valid = [overall(report, what.LOCKED_CONVENTIONAL, "validity") for report in reports]
            known[data].update(zip(waiting[data], valid, strict=False))
        if not any(found.values()):
            break
    return {data: _draws(r.draws(data), seen) for data, seen in known.items()}


def _next(wanted: int, data: str, seen: Mapping[int, float]) -> range:
    """Draws to try next: twice as many as are missing, unless there are enough or none are left."""
    missing = wanted - sum(valid >= what.MIN_REACHED for valid in seen.values())
    if missing <= 0:
        return range(0)
    return range(len(seen), min(len(seen) + (2 * missing if seen else wanted), max(what.MAX_SCOUTED[data], wanted)))


def _draws(wanted: int, seen: Mapping[int, float]) -> CostDraws:
    """The first draws that qualify, and the skipped draws before the last of them."""
    taken = [seed for seed, valid in seen.items() if valid >= what.MIN_REACHED][:wanted]
    enough = len(taken) == wanted
    over = [seed for seed in seen if seed not in taken and (not enough or seed < taken[-1])]
    return CostDraws(tuple(taken), tuple(SkippedDraw(seed=seed, validity=seen[seed]) for seed in over))


def mutability_cells(work: Work, draws: Mapping[str, CostDraws]) -> Steps[dict[str, ChosenCell | None]]:
    """Data → the cell for the cost, from validation data under the lock; None without draws."""
    r = work.reproduction
    references = {cell_name(i): what.LOCKED_CONVENTIONAL for i in range(len(r.cells))}
    tasks = {
        data: [
            Task(r.locked_selection(data, seed), r.on_validation_locked(data), _pairs(references))
            for seed in draws[data].seeds[: len(r.selecting(data))]
        ]
        for data in r.data
    }
    reports = yield from _together(work, tasks, "choosing the settings for the cost")
    chosen: dict[str, ChosenCell | None] = {}
    for data, found in reports.items():
        scores = [_mutability(cell_name(i), found) for i in range(len(r.cells))]
        seeds = [task.experiment.seed for task in tasks[data]]
        chosen[data] = _chosen(r.cells, scores, seeds) if seeds else None
    return chosen


def _mutability(arm: str, reports: Sequence[Report]) -> MutabilityScore:
    reference = what.LOCKED_CONVENTIONAL
    return MutabilityScore(
        cost=mean([paired(report, arm, reference, "cost").reduction for report in reports]),
        validity=mean([overall(report, arm, "validity") for report in reports]),
        conventional_validity=mean([overall(report, reference, "validity") for report in reports]),
        accuracy=mean([overall(report, arm, "accuracy") for report in reports]),
        conventional_accuracy=mean([overall(report, reference, "accuracy") for report in reports]),
    )


def mutability_finals(
    work: Work, cells: Mapping[str, Choice | None], others: Mapping[str, Choice], draws: Mapping[str, CostDraws]
) -> Steps[dict[str, list[Final]]]:
    """Data → the final models of the draws on which costs are compared, on test data under the lock."""
    r = work.reproduction
    compared = dict.fromkeys((what.LOCKED_FULL, what.LOCKED_OTHER, what.UNLOCKED), what.LOCKED_CONVENTIONAL)
    tasks = {
        data: work.first_done(
            [
                _compared(r.locked_final(data, seed, cell, others[data]), r.on_test_locked(data), compared)
                for seed in several.seeds
            ]
        )
        if (cell := cells[data]) is not None
        else []
        for data, several in draws.items()
    }
    return (yield from _finals(work, tasks, "training and evaluating the models for the cost"))


# -- both -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StudyResults:
    """The results of both studies, by data."""

    plausible: Mapping[str, ChosenCell]
    draws: Mapping[str, CostDraws]
    cheap: Mapping[str, ChosenCell | None]
    free: Mapping[str, Sequence[Final]]
    locked: Mapping[str, Sequence[Final]]

    def choices(self, data: str) -> tuple[Choice, Choice]:
        """The cell for plausibility, and that for the cost; the former twice where there is no other."""
        first = _choice(self.plausible[data])
        other = self.cheap[data]
        return first, first if other is None else _choice(other)


def study_steps(work: Work) -> Steps[StudyResults]:
    """Train and evaluate everything: cells and draws on validation data, then the final models."""
    plausible = yield from plausibility_cells(work)
    draws = yield from draws_to_compare(work)
    cheap = yield from mutability_cells(work, draws)
    return (yield from final_steps(work, plausible, draws, cheap))


def final_steps(
    work: Work,
    plausible: Mapping[str, ChosenCell],
    draws: Mapping[str, CostDraws],
    cheap: Mapping[str, ChosenCell | None],
    without_locks: Iterable[str] | None = None,
) -> Steps[StudyResults]:
    """Train and evaluate the final models of cells and draws.

    Args:
        plausible, cheap: data → the cells of both studies.
        draws: data → the draws to train under the lock.
        without_locks: data to train without locks, by default all of ``plausible``.
    """
    first = {data: _choice(chosen) for data, chosen in plausible.items()}
    second = {data: _choice(chosen) if chosen else None for data, chosen in cheap.items()}
    free_of = first if without_locks is None else {data: first[data] for data in without_locks}
    free = yield from plausibility_finals(work, free_of, second)
    locked = yield from mutability_finals(work, second, first, draws)
    return StudyResults(plausible, draws, cheap, free, locked)


def _choice(chosen: ChosenCell) -> Choice:
    return Choice(tau=chosen.tau, lambda_reg=chosen.lambda_reg)


def _compared(experiment: Experiment, protocol: Protocol, references: Mapping[str, str]) -> Task:
    """The task of a draw, whatever arms it has."""
    names = [arm.name for arm in experiment.arms]
    return Task(experiment, protocol, tuple(pair for pair in references.items() if pair[0] in names))


def _pairs(references: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(references.items())


def _together(work: Work, tasks: Mapping[str, Sequence[Task]], part: str) -> Steps[dict[str, list[Report]]]:
    """Run the tasks of all data sets together; data → their reports."""
    reports = yield from work.reports([task for several in tasks.values() for task in several], part)
    flat = iter(reports)
    return {data: [next(flat) for _ in several] for data, several in tasks.items()}


def _finals(work: Work, tasks: Mapping[str, Sequence[Task]], part: str) -> Steps[dict[str, list[Final]]]:
    reports = yield from _together(work, tasks, part)
    return {
        data: [Final(p.experiment.seed, p.experiment, report) for p, report in zip(several, reports[data], strict=True)]
        for data, several in tasks.items()
    }


def _chosen(cells: Sequence[Choice], scores: Sequence[Scored], seeds: Sequence[int]) -> ChosenCell:
    taken = choose(scores)
    return ChosenCell(
        tau=cells[taken].tau,
        lambda_reg=cells[taken].lambda_reg,
        chosen_by="score" if scores[taken].qualifies else "fallback",
        draws=tuple(seeds),
        cells=tuple(_cell(cell, score) for cell, score in zip(cells, scores, strict=True)),
    )


def _cell(cell: Choice, score: Scored) -> GridCell:
    """A cell as it is stored: the metrics of its study, its score, and whether it qualifies."""
    measured = {name: value for name, value in vars(score).items() if name in GridCell.model_fields}
    return GridCell(
        tau=cell.tau, lambda_reg=cell.lambda_reg, score=score.score, qualifies=score.qualifies, **measured
    )  # fmt: skip
