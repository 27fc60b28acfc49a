"""The comparison, carried out: settings are chosen on validation data, then every draw is trained and measured."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ctviz.errors import DataError, StoreError
from ctviz.experiments.config import ALGORITHM_VERSION
from ctviz.experiments.engines.base import Engine, OnProgress, is_done, no_progress
from ctviz.experiments.engines.cost import Estimate, slowdown
from ctviz.experiments.store import Store
from ctviz.studies.reproduce.published import HERE, TITLES
from ctviz.studies.reproduce.reproduction import LOCKED
from ctviz.studies.reproduce.selection import choose
from ctviz.studies.reproduce.studies import CostDraws, draws_to_compare
from ctviz.studies.reproduce.work import Work
from ctviz.studies.rivals.choosing import RULE, TryScore, score
from ctviz.studies.rivals.methods import BY_NAME, CONVENTIONAL, SCHEDULE, TRIES, RivalMethod
from ctviz.studies.rivals.result import (
    ChosenSettings,
    MethodResult,
    MethodWords,
    PairedCost,
    TriedSettings,
    VerdictResult,
    VerdictRow,
)
from ctviz.studies.rivals.settings import CAREFUL, EXTENTS, SEARCHES, SELECTING, Verdict
from ctviz.studies.rivals.task import Measured, RivalTask
from ctviz.studies.steps import Steps, all_done, carry_out, is_stored

Change = Mapping[str, Any]


def compare(
    verdict: Verdict,
    store: Store,
    engine: str | Engine = "local",
    progress: OnProgress = no_progress,
    before: VerdictResult | None = None,
    **options: Any,
) -> VerdictResult:
    """The comparison by its settings; what the store holds is not computed again.

    Args:
        verdict: its settings.
        store: with what is done, and for what will be.
        engine, progress, options: of ``carry_out``.
        before: a result that is extended: its settings of methods and its draws stay as they are.

    Raises:
        DataError: ``before`` is of another version, or was made with other settings. CtvizError: a task failed, or the
            work was cancelled (``steps.Cancelled``).
    """
    if before is not None:
        _check_extends(verdict, before)
    return carry_out(verdict_steps(verdict, store, before), store, engine, progress=progress, **options)


def extended(before: VerdictResult, data: str | None, draws: int | None) -> Verdict:
    """The settings of a result with further data, with more draws, and with all methods that there are by now.

    Raises:
        ConfigError: data or a number of draws that there are not.
    """
    kept = {name: value for name, value in before.verdict.items() if name in Verdict.model_fields}
    settings = Verdict(**{**kept, "methods": tuple(BY_NAME)})
    changes: dict[str, Any] = {}
    if data is not None:
        changes["data"] = (*settings.data, *Verdict(data=data).data)
    if draws is not None:
        changes["draws"] = max(draws, settings.draws)
    return Verdict(**{**settings.model_dump(), **changes})


def _check_extends(verdict: Verdict, before: VerdictResult) -> None:
    if before.algorithm != ALGORITHM_VERSION:
        raise DataError("This result is of another version of ctviz; compute it anew, without --extend.")
    for name, value in verdict.model_dump(mode="json").items():
        if name not in ("data", "methods", "draws") and before.verdict.get(name) != value:
            raise DataError(f"This result was made with another value of {name}; compute it anew, without --extend.")


# -- the steps -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """The tries of a method on a data set that share a schedule, on one draw."""

    method: RivalMethod
    changes: tuple[Change, ...]
    task: RivalTask


def verdict_steps(verdict: Verdict, store: Store, before: VerdictResult | None = None) -> Steps[VerdictResult]:
    """The steps of the comparison, which ends with it."""
    from ctviz import __version__

    began = time.perf_counter()
    chosen = yield from _choosing(verdict, store, before)
    draws = {data: _known_draws(_row(before, data)) for data in verdict.data}
    if waiting := [data for data in verdict.locks if len(draws[data].seeds) < verdict.draws]:
        draws |= yield from draws_to_compare(Work(verdict.table(*waiting), store))
    finals = {data: _finals(verdict, data, chosen[data], draws[data], _row(before, data)) for data in verdict.data}
    tasks = [task for each in finals.values() for task in each.values()]
    found = yield from _measured(tasks, store, "training and measuring every method")
    by_task = dict(zip((task.key for task in tasks), found, strict=True))
    rows = {row.data: row for row in before.rows} if before is not None else {}
    for data in verdict.data:
        known = {place: by_task[task.key] for place, task in finals[data].items()}
        rows[data] = _assembled(verdict, data, chosen[data], draws[data], known, _row(before, data))
    seconds = time.perf_counter() - began + (before.seconds if before is not None else 0.0)
    return VerdictResult(
        methods=tuple(_words(method) for method in verdict.rivals),
        rows=tuple(rows[data] for data in HERE if data in rows),
        rule=RULE.format(tries=TRIES, draws=f"{SELECTING} draws"),
        searches={search: _steps_of(search) for search in SEARCHES},
        verdict=verdict.model_dump(mode="json"),
        version=__version__,
        algorithm=ALGORITHM_VERSION,
        seconds=round(seconds, 1),
    )


def estimate(verdict: Verdict, store: Store, workers: int = 1, before: VerdictResult | None = None) -> Estimate:
    """Estimated time to compute what is not stored yet; 0 seconds if nothing is missing.

    Settings and draws that are still to be chosen are taken to be the first ones; all cost about the same.
    """
    if is_stored(verdict_steps(verdict, store, before)):
        return Estimate(seconds=0.0)
    tasks = []
    for data in verdict.data:
        row = _row(before, data)
        tasks += [trial.task for trial in _trials(verdict, data, row)]
        locked = CostDraws(tuple(range(verdict.draws)) if data in verdict.locks else (), ())
        first = {method.name: method.tries[0] for method in verdict.rivals}
        chosen = {name: ChosenSettings(changes=dict(change), chosen_by="only") for name, change in first.items()}
        tasks += _finals(verdict, data, chosen, locked, row).values()
    seconds = slowdown(store) * sum(task.seconds for task in tasks if not is_done(task, store))
    return Estimate(seconds=seconds / max(1, workers))


def _measured(tasks: Sequence[RivalTask], store: Store, part: str) -> Steps[list[Measured]]:
    """A step: what was measured of tasks, in their order."""
    yield from all_done([task for task in tasks if task.stored(store) is None], len(tasks), part)
    found = [task.stored(store) for task in tasks]
    if any(one is None for one in found):
        raise StoreError("What was measured of a model is not in the store; try again.")
    return [one for one in found if one is not None]


def _steps_of(search: str) -> dict[str, float]:
    usual = Verdict().table("moons").on_test("moons")
    return {name: float(CAREFUL[name] if search == "careful" else getattr(usual, name)) for name in CAREFUL}


def _words(method: RivalMethod) -> MethodWords:
    return MethodWords(
        name=method.name,
        title=method.title,
        short=method.short,
        words=method.words,
        tries=len(method.tries),
        ours=method.ours,
    )


def _known_draws(row: VerdictRow | None) -> CostDraws:
    """The draws on which an earlier row compares costs."""
    known = () if row is None else {seed for one in row.methods for seed in one.locked}
    return CostDraws(tuple(sorted(known)), ())


def _row(before: VerdictResult | None, data: str) -> VerdictRow | None:
    return None if before is None else before.row(data)


# -- choosing settings ------------------------------------------------------------------------------------


def _choosing(
    verdict: Verdict, store: Store, before: VerdictResult | None
) -> Steps[dict[str, dict[str, ChosenSettings]]]:
    """Data → method → its settings; those of an earlier result stay."""
    trials = {data: list(_trials(verdict, data, _row(before, data))) for data in verdict.data}
    flat = [trial.task for each in trials.values() for trial in each]
    found = dict(
        zip((task.key for task in flat), (yield from _measured(flat, store, "choosing the settings")), strict=True)
    )
    result = {}
    for data, each in trials.items():
        row = _row(before, data)
        kept = {} if row is None else {one.name: one.settings for one in row.methods}
        result[data] = {
            method.name: kept.get(method.name) or _chosen(verdict, data, method, each, found)
            for method in verdict.rivals
        }
    return result


def _trials(verdict: Verdict, data: str, row: VerdictRow | None) -> Iterator[Trial]:
    """The tries of every method that needs a choice, and conventional training, which they are compared with."""
    waiting = [m for m in verdict.rivals if len(m.tries) > 1 and (row is None or row.of(m.name) is None)]
    if not waiting:
        return
    for seed in verdict.selecting(data):
        for method in (BY_NAME[CONVENTIONAL], *waiting):
            protocols = tuple((search, verdict.on_validation(method, data, search)) for search in SEARCHES)
            for changes in _by_schedule(verdict.tries(method, data)):
                yield Trial(method, changes, RivalTask(verdict.stacked(method, data, seed, changes), protocols))


def _by_schedule(tries: Sequence[Change]) -> list[tuple[Change, ...]]:
    """Tries that share a schedule can be trained as one stack."""
    groups: dict[str, list[Change]] = {}
    for change in tries:
        named = {name: value for name, value in change.items() if name.startswith(SCHEDULE)}
        groups.setdefault(repr(named), []).append(change)
    return [tuple(group) for group in groups.values()]


def _chosen(
    verdict: Verdict, data: str, method: RivalMethod, trials: Sequence[Trial], found: Mapping[str, Measured]
) -> ChosenSettings:
    changes = verdict.tries(method, data)
    if len(changes) == 1:
        return ChosenSettings(changes=dict(changes[0]), chosen_by="only")
    base = [_tried(trial, found)[0][1] for trial in trials if trial.method.name == CONVENTIONAL]
    scores: list[TryScore] = []
    for change in changes:
        own = [v for trial in trials if trial.method == method for c, v in _tried(trial, found) if c == change]
        scores.append(score(list(zip(own, base, strict=True)), SEARCHES))
    taken = choose(scores)
    tries = tuple(
        TriedSettings(
            changes=dict(change),
            score=one.score,
            accuracy=one.accuracy,
            qualifies=one.qualifies,
            validity=one.validity,
        )
        for change, one in zip(changes, scores, strict=True)
    )
    by = "score" if scores[taken].qualifies else "fallback"
    draws = tuple(verdict.selecting(data))
    return ChosenSettings(changes=dict(changes[taken]), chosen_by=by, draws=draws, tries=tries)


def _tried(trial: Trial, found: Mapping[str, Measured]) -> list[tuple[Change, dict[str, float]]]:
    """Each try of a stack with its values."""
    measured, arms = found[trial.task.key], trial.task.experiment.arms
    return [(change, measured.of(arm.name)) for change, arm in zip(trial.changes, arms, strict=True)]


# -- the final models -------------------------------------------------------------------------------------

Place = tuple[str, int, bool]
"""A method, a draw, and whether it is under the lock."""


def _finals(
    verdict: Verdict,
    data: str,
    chosen: Mapping[str, ChosenSettings],
    draws: CostDraws,
    row: VerdictRow | None,
) -> dict[Place, RivalTask]:
    """The tasks of the models that an earlier row lacks.

    Costs are compared over the requests that several methods meet: where one is missing, all are needed.
    """
    tasks: dict[Place, RivalTask] = {}
    for seed in verdict.seeds(data):
        for method in verdict.rivals:
            if seed not in _known(row, method, locked=False):
                change = chosen[method.name].changes
                experiment = verdict.experiment(method, data, seed, change)
                on_test = tuple((search, verdict.on_test(method, data, search)) for search in SEARCHES)
                tasks[method.name, seed, False] = RivalTask(experiment, on_test)
    for seed in draws.seeds:
        if all(seed in _known(row, method, locked=True) for method in verdict.rivals):
            continue
        for method in verdict.rivals:
            experiment = verdict.locked(method, data, seed, chosen[method.name].changes)
            on_locked = tuple((search, verdict.on_test_locked(method, data, search)) for search in SEARCHES)
            tasks[method.name, seed, True] = RivalTask(experiment, on_locked, requests=True)
    return tasks


def _known(row: VerdictRow | None, method: RivalMethod, *, locked: bool) -> Mapping[int, Any]:
    one = None if row is None else row.of(method.name)
    return {} if one is None else one.locked if locked else one.draws


def _assembled(
    verdict: Verdict,
    data: str,
    chosen: Mapping[str, ChosenSettings],
    draws: CostDraws,
    found: Mapping[Place, Measured],
    row: VerdictRow | None,
) -> VerdictRow:
    methods = []
    for method in verdict.rivals:
        free, locked = (
            {**_known(row, method, locked=side), **_values(method.name, found, locked=side)} for side in (False, True)
        )
        methods.append(
            MethodResult(name=method.name, settings=chosen[method.name], draws=_sorted(free), locked=_sorted(locked))
        )
    return VerdictRow(
        data=data,
        title=TITLES[data],
        locked=LOCKED[data],
        passed_over=tuple(skipped.seed for skipped in draws.passed_over) or (row.passed_over if row else ()),
        methods=tuple(methods),
        costs=_costs([method.name for method in verdict.rivals], found, row),
        extent=asdict(EXTENTS[data]) if data in EXTENTS else None,
    )


def _values(method: str, found: Mapping[Place, Measured], *, locked: bool) -> dict[int, dict[str, float | None]]:
    """The values of a method's models by draw, those under the lock with the names that they have there."""
    result = {}
    for (name, seed, side), measured in found.items():
        if name != method or side != locked:
            continue
        own = measured.of(method)
        if locked:
            own = {
                f"{title} {search}": own[f"{metric} {search}"]
                for metric, title in (("cost", "cost"), ("validity", "locked_validity"))
                for search in SEARCHES
            }
        else:
            own = {
                **{key: value for key, value in own.items() if key.partition(" ")[0] in FREE},
                "seconds": measured.seconds,
            }
        result[seed] = {key: _short(value) for key, value in own.items()}
    return result


FREE = ("ip", "ip_star", "ip_star_median", "nearest", "read_as", "validity", "accuracy", "pgd")
"""What is kept of the models without a lock."""


def _short(value: float) -> float | None:
    """With five significant digits; None of what is not finite."""
    return float(f"{value:.5g}") if math.isfinite(value) else None


def _sorted(draws: Mapping[int, Any]) -> dict[int, Any]:
    return {seed: draws[seed] for seed in sorted(draws)}


def _costs(methods: Sequence[str], found: Mapping[Place, Measured], row: VerdictRow | None) -> tuple[PairedCost, ...]:
    known = {} if row is None else {(pair.search, pair.first, pair.second): pair.draws for pair in row.costs}
    seeds = sorted({seed for _, seed, locked in found if locked})
    result = []
    for search in SEARCHES:
        for first, second in combinations(methods, 2):
            new = {seed: _cheaper(found, seed, search, first, second) for seed in seeds}
            draws = {**known.get((search, first, second), {}), **new}
            result.append(PairedCost(search=search, first=first, second=second, draws=_sorted(draws)))
    return tuple(result)


def _cheaper(found: Mapping[Place, Measured], seed: int, search: str, first: str, second: str) -> float | None:
    """100 · (second − first) / conventional, over the requests that all three meet; None without any."""
    costs = np.stack([found[name, seed, True].costs[search][name] for name in (first, second, CONVENTIONAL)])
    one, other, base = costs[:, np.isfinite(costs).all(axis=0)]
    if not base.size or not base.mean() > 0:
        return None
    return _short(100 * float(other.mean() - one.mean()) / float(base.mean()))
