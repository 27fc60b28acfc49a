"""Benchmark of a sweep on Ray, compared with worker processes, on one machine with as many workers."""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from ctviz.bench.measure import BenchRow, Contender, alternate, ratio, say, timed
from ctviz.errors import StoreError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.base import Engine
from ctviz.experiments.engines.choice import engine_of
from ctviz.experiments.engines.task import Task
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store
from ctviz.training.arm import Arm

GROUP = "a sweep on Ray (beside: worker processes), one machine"
WORKERS = 2
TASKS = 4
MAX_ROUNDS = 5


def measure(epochs: int, rounds: int) -> list[BenchRow]:
    """Seconds for the same tasks with either engine: with running workers, and from a cold start."""
    if importlib.util.find_spec("ray") is None:
        return [BenchRow(GROUP, "not measured", "", note="needs pip install 'ctviz[ray]'")]
    wanted = tasks(epochs)
    rounds = min(rounds, MAX_ROUNDS)
    what = f"{TASKS} stacks of {len(wanted[0].experiment.arms)} models, {epochs} epochs, {WORKERS} workers"
    say("ray: starting")
    with engine_of("ray", WORKERS) as ray, engine_of("local", WORKERS) as local:
        ready = alternate({"ray": timed(_sweep(ray, wanted)), "local": timed(_sweep(local, wanted))}, rounds)
    cold = alternate({name: _from_nothing(name, wanted) for name in ("ray", "local")}, 1, 0)
    return [_row(what, ready), _row("the same, engines started for it and ended", cold)]


def tasks(epochs: int) -> list[Task]:
    """Stacks on moons, of one seed each: conventional and seven strengths of the divergence; a short evaluation."""
    weights = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    arms = [Arm.variant("vanilla")]
    arms += [
        Arm.variant("full").model_copy(update={"name": f"full {i}", "lambda_div": w}) for i, w in enumerate(weights)
    ]
    quiet = {"training.epochs": epochs, "evaluation.field": 0, "evaluation.paths": 0, "evaluation.every": epochs}
    experiment = Experiment.preset("moons").replace(quiet)
    protocol = Protocol(rounds=10, factuals=50)
    references = tuple((arm.name, arms[0].name) for arm in arms[1:])
    return [
        Task(experiment.model_copy(update={"arms": tuple(arms), "seed": seed}), protocol, references)
        for seed in range(TASKS)
    ]


def _sweep(engine: Engine, wanted: list[Task]) -> Callable[[], None]:
    def carry_all_out() -> None:
        with tempfile.TemporaryDirectory(prefix="ctviz-bench-") as folder:
            for outcome in engine.run(wanted, Store(Path(folder)), lambda: False):
                if outcome.message:
                    raise StoreError(outcome.message)

    return carry_all_out


def _from_nothing(name: str, wanted: list[Task]) -> Contender:
    def start_and_end() -> None:
        with engine_of(name, WORKERS) as engine:
            _sweep(engine, wanted)()

    return timed(start_and_end)


def _row(what: str, times: dict[str, list[float]]) -> BenchRow:
    ours, beside = (statistics.median(times[name]) for name in ("ray", "local"))
    return BenchRow(GROUP, what, "s", ours, beside, ratio(times["ray"], times["local"]), note="times as long")
