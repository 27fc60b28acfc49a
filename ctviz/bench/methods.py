"""Benchmark of the methods of training: an epoch of each beside conventional training, and beside plain ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from ctviz.bench.measure import BenchRow, alternate, ratio, say, threads, timed
from ctviz.bench.plain import plain_model
from ctviz.bench.plain_methods import STEPS, train_plainly
from ctviz.bench.training import endless, initial, ours
from ctviz.data.catalogue import load
from ctviz.data.dataset import Dataset
from ctviz.experiments.config import Experiment
from ctviz.training.arm import Arm
from ctviz.training.methods import TRAINING_METHODS

GROUP = "Methods of training, one thread"
DATA = ("moons", "mnist")
CONVENTIONAL = "vanilla"
MOST_DIGITS = 3
"""Rounds on digits, whose epochs take seconds."""


def arms_of(experiment: Experiment) -> dict[str, Arm]:
    """The last variant of each method, whole; for counterfactual training the preset's own arm."""
    own = {arm.name: arm for arm in experiment.arms}
    names = [list(method.variants)[-1] for method in TRAINING_METHODS.values()]
    return {name: own.get(name) or Arm.variant(name) for name in (CONVENTIONAL, *names)}


def measure(rounds: int) -> list[BenchRow]:
    """Rows: an epoch of each method, one model alone; and of those that have one, of the plain implementation."""
    with threads(1):
        return [row for name in DATA for row in _of(name, rounds if name == "moons" else min(rounds, MOST_DIGITS))]


def _of(name: str, rounds: int) -> list[BenchRow]:
    say(f"methods: {name}")
    experiment = Experiment.preset(name)
    data, arms = load(experiment.data), arms_of(experiment)
    contenders = {arm: ours(experiment, data, [settings]) for arm, settings in arms.items()}
    if name == "moons":  # a plain epoch on digits takes minutes
        contenders |= {f"plain {arm}": plain(experiment, data, arms[arm]) for arm in arms if arms[arm].method in STEPS}
    times = alternate(contenders, rounds)
    rows = []
    for arm, settings in arms.items():
        taken, base = times[arm], times[CONVENTIONAL]
        title = f"{name}: an epoch of {arm}"
        if arm != CONVENTIONAL:
            note = "× as long as conventional training"
            rows.append(_row(title, taken, base, ratio(taken, base), note))
        if f"plain {arm}" in times:
            slow = times[f"plain {arm}"]
            note = f"× faster than plain ({TRAINING_METHODS[settings.method].title})"
            rows.append(_row(f"{title}, beside plain", taken, slow, ratio(slow, taken), note))
    return rows


def _row(what: str, mine: list[float], other: list[float], figure: float, note: str) -> BenchRow:
    return BenchRow(
        GROUP, what, "ms", statistics.median(mine) * 1e3, statistics.median(other) * 1e3, figure, None, note
    )


def plain(experiment: Experiment, data: Dataset, arm: Arm) -> Callable[[], float]:
    """One more epoch of the arm by the plain implementation, each time it is called."""
    model = plain_model(experiment.model, data.d, data.k, initial(experiment, data))
    run = train_plainly(model, data, arm, endless(experiment.training), experiment.seed)
    return timed(lambda: next(run))
