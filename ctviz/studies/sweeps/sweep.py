"""Running a sweep: plan, estimate, run by an engine, collect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.base import Engine, OnProgress, TaskResult, never_cancelled, no_progress
from ctviz.experiments.engines.task import Task
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store, open_store
from ctviz.studies.steps import Step, Steps, carry_out
from ctviz.studies.sweeps.catalogue import keep_sweep
from ctviz.studies.sweeps.declaration import Axis, Sample, Sweep
from ctviz.studies.sweeps.plan import CONFIRM_ABOVE, Plan, SweepEstimate, estimate, plan
from ctviz.studies.sweeps.results import SweepResult, collect, collect_planned
from ctviz.studies.sweeps.tables import keep_table, stored_table


def sweep(
    what: Experiment | Sweep,
    grid: Mapping[str, Any] | Sequence[Axis] | None = None,
    seeds: int | None = None,
    *,
    arm: str = "full",
    sample: Sample = "grid",
    count: int | None = None,
    protocol: Protocol | None = None,
    engine: str | Engine = "local",
    workers: int | None = None,
    address: str | None = None,
    store: Store | None = None,
    progress: OnProgress | None = None,
    on_result: Callable[[TaskResult[Task]], None] | None = None,
    confirm: Callable[[SweepEstimate], bool] | None = None,
    cancelled: Callable[[], bool] = never_cancelled,
    fresh: bool = False,
) -> SweepResult:
    """Train an arm over many settings and seeds, evaluate all models, and compare each with conventional training.

    Results in the store are not computed again, so a stopped sweep continues where it was, and a sweep with an added
    value computes only what is new.

    Args:
        what: an experiment, with ``grid`` and ``seeds``; or a sweep, which includes both.
        grid: setting → values, as in ``{"lambda_div": (0.01, 0.1, 1), "training.n_ce": (100, 1000)}``; or axes.
        seeds: models of each cell, with training seeds from the experiment's on.
        arm: the arm of the experiment that varies.
        sample, count: "grid", or how many cells to draw, "random" or "sobol".
        protocol: how models are evaluated; by default the usual protocol of the data.
        engine: "local", "ray", or anything with the ``run`` of an ``Engine``.
        workers: processes; by default one for each processor.
        address: of a Ray cluster.
        store: by default that of this machine.
        progress: called with the number of finished models and their total.
        on_result: called with each task that has ended.
        confirm: called before a sweep of more than ``CONFIRM_ABOVE`` models; whether to begin.
        cancelled: called often; whether to stop. Finished results are kept.
        fresh: train models again that only other sweeps and pages have trained.

    Raises:
        ConfigError: settings that are not allowed, or more models than were confirmed; raised before any training.
        StoreError: the store cannot be used.
    """
    wanted = (
        what if isinstance(what, Sweep) and grid is None else _sweep_of(what, grid, seeds, arm, sample, count, protocol)
    )
    store = store or open_store()
    return carry_out(
        _steps(wanted, store, confirm, fresh), store, engine, workers, address,
        progress=progress or no_progress, on_result=on_result or (lambda outcome: None), cancelled=cancelled,
    )  # fmt: skip


def _steps(
    wanted: Sweep, store: Store, confirm: Callable[[SweepEstimate], bool] | None, fresh: bool
) -> Steps[SweepResult]:
    """The stacks that are left, all at once."""
    _confirm(wanted, store, confirm)
    if not fresh and (table := stored_table(wanted, store)) is not None:
        yield Step((), wanted.models)
        return SweepResult(wanted, table)
    return (yield from steps_of(plan(wanted, store, fresh), store, fresh))


def steps_of(found: Plan, store: Store, fresh: bool = False) -> Steps[SweepResult]:
    """What a plan has left, all at once; the sweep is remembered before, and its table kept once it is whole."""
    wanted = found.sweep
    keep_sweep(wanted, store)
    outcomes = yield Step(found.tasks, found.models, units=found.waiting)
    result = collect_planned(plan(wanted, store, fresh), store, outcomes)
    if result.done and not any(outcome.message for outcome in outcomes):
        keep_table(wanted, result.table, store)
    return result


def _sweep_of(
    what: Experiment | Sweep,
    grid: Mapping[str, Any] | Sequence[Axis] | None,
    seeds: int | None,
    arm: str,
    sample: Sample,
    count: int | None,
    protocol: Protocol | None,
) -> Sweep:
    if isinstance(what, Sweep):
        raise ConfigError("grid", list(grid or ()), "none beside a sweep, which has axes of its own")
    if isinstance(grid, Mapping):
        axes = tuple(Axis(setting=name, values=_tuple(values)) for name, values in grid.items())
    else:
        axes = tuple(grid or ())
    return Sweep(
        base=what, arm=arm, axes=axes, sample=sample, count=count, seeds=1 if seeds is None else seeds,
        **({} if protocol is None else {"protocol": protocol}),
    )  # fmt: skip


def _tuple(values: Any) -> Any:
    return values if isinstance(values, str | int | float) else tuple(values)


def _confirm(wanted: Sweep, store: Store, confirm: Callable[[SweepEstimate], bool] | None) -> None:
    if wanted.models <= CONFIRM_ABOVE:
        return
    price = estimate(wanted, store)
    if confirm is None or not confirm(price):
        raise ConfigError("grid", f"{wanted.models:,} models", f"fewer, or a confirmation: {price.words}")


__all__ = ["collect", "sweep"]
