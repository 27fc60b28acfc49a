"""Benchmark of sweeps: the paper's grid of 45 penalties against one model, its 270 models, and their estimate."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from ctviz.bench.measure import BenchRow, Goal, alternate, ratio, say, threads, timed
from ctviz.errors import StoreError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.local import LocalEngine
from ctviz.experiments.engines.task import Task
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store
from ctviz.studies.sweeps.declaration import Axis, Sweep
from ctviz.studies.sweeps.paper_studies import study
from ctviz.studies.sweeps.plan import estimate, plan
from ctviz.studies.sweeps.sweep import sweep

GROUP = "Sweeps on moons, two worker processes, one thread each"
WORKERS = 2
MAX_ROUNDS = 5

SHORT = Protocol(rounds=2, factuals=10, lambda_egy=(1.0,), also=())
"""An evaluation that takes almost no time, where training is measured."""


def measure(epochs: int, rounds: int) -> list[BenchRow]:
    """Rows: 45 models against one, trained with the paper's settings; then all 270 of its grid, with their
    evaluation."""
    with LocalEngine(WORKERS) as engine, threads(1):
        say("sweeps: starting workers")
        engine.warm()
        return [_grid_against_one(engine, epochs, min(rounds, MAX_ROUNDS)), *_whole_grid(engine, epochs)]


def _grid_against_one(engine: LocalEngine, epochs: int, rounds: int) -> BenchRow:
    say("sweeps: 45 models beside one")
    many = stacks_of(study("penalties", _moons(epochs), protocol=SHORT))
    middle = many[0].experiment.arms[len(many[0].experiment.arms) // 2]
    one = [Task(many[0].experiment.model_copy(update={"arms": (middle,)}), SHORT)]
    here = LocalEngine(workers=1)
    times = alternate(
        {"many": timed(lambda: _run_tasks(engine, many)), "one": timed(lambda: _run_tasks(here, one))}, rounds
    )
    mine, other = (statistics.median(times[name]) for name in ("many", "one"))
    note = f"× as long as one alone; {epochs} epochs, with references and storing; {rounds} rounds"
    return BenchRow(GROUP, "45 penalties", "s", mine, other, ratio(times["many"], times["one"]), Goal("≤", 5), note)


def whole_grid(epochs: int) -> Sweep:
    """270 models: the 45 penalties with three generators, two seeds each."""
    axes = (*study("penalties", "moons").axes, Axis(setting="generator", values=("generic", "eccco", "revise")))
    return Sweep(base=_moons(epochs), axes=axes, seeds=2)


def _whole_grid(engine: LocalEngine, epochs: int) -> list[BenchRow]:
    say("sweeps: 270 models")
    wanted = whole_grid(epochs)
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch))
        _run_tasks_into(engine, stacks_of(study("penalties", _moons(epochs), protocol=SHORT))[:1], store)  # known speed
        guess = estimate(wanted, store, WORKERS, fresh=True).seconds
        taken = timed(lambda: sweep(wanted, engine=engine, store=store, fresh=True))()
    note = f"trained for {epochs} epochs, evaluated in {wanted.protocol.rounds} rounds; 49 min on 34 CPUs in the paper"
    return [
        BenchRow(GROUP, "the paper's 270 models", "s", taken, figure=taken, goal=Goal("≤", 300), note=note),
        BenchRow(GROUP, "the same, as estimated before", "s", guess, taken, guess / taken, note="estimate over truth"),
    ]


def stacks_of(wanted: Sweep) -> list[Task]:
    """All stacks of a sweep, as if nothing were stored."""
    with tempfile.TemporaryDirectory() as scratch:
        return list(plan(wanted, Store(Path(scratch))).tasks)


def _moons(epochs: int) -> Experiment:
    return Experiment.preset("moons").replace({"training.epochs": epochs})


def _run_tasks(engine: LocalEngine, tasks: list[Task]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        _run_tasks_into(engine, tasks, Store(Path(scratch)))


def _run_tasks_into(engine: LocalEngine, tasks: list[Task], store: Store) -> None:
    for outcome in engine.run(tasks, store, lambda: False):
        if outcome.message:
            raise StoreError(outcome.message)
