"""Benchmark of advice on the shipped tables: polished plans of many people, proofs, and several plans of one person."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np

from ctviz.bench import beside_dice
from ctviz.bench.measure import BenchRow, Goal, one_core, say
from ctviz.counterfactuals.search_settings import PRECISION
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.planner import ManyPlans
from ctviz.experiments.run import load_run

PEOPLE = 1000
"""Refused people who are advised at once."""

WORKERS = 2
"""Processes among which they are divided."""

SOLVED = 30
"""People whose cheapest plan is proved."""

TABLES = {"adult": 0.05, "credit": 1.0}
"""Tables, and the goal for the median of a proof in seconds."""

ARMS = ("vanilla", "full")


def measure(people: int = PEOPLE, solved: int = SOLVED, interpreters: Sequence[str] = ()) -> list[BenchRow]:
    """Rows of each table: both models' plans of many people, polished, by one thread and by two processes, and all of
    them proved; the time of a proof; five plans, proved; plans beside DiCE's, where one of the ``interpreters`` (paths
    of Python) has it."""
    return [row for name in TABLES for row in (*_alone(name, people, solved, interpreters), *_spread(name, people))]


def _alone(name: str, people: int, solved: int, interpreters: Sequence[str]) -> list[BenchRow]:
    with one_core():
        adviser = Adviser(load_run(Experiment.preset(name).key), arms=ARMS)
        X = _refused(adviser, people)
        return [*_on(name, adviser, X, solved), *beside_dice.measure(name, adviser, X, interpreters)]


def _spread(name: str, people: int) -> list[BenchRow]:
    """The same people, divided among worker processes, which have to start first; then proofs for all of them."""
    adviser = Adviser(load_run(Experiment.preset(name).key), arms=ARMS)
    X, rows = _refused(adviser, people), []
    for exact, what, most in ((False, "polished", 10), (True, "proved", 60)):
        say(f"advice: {len(X)} people of {name}, {what}, {WORKERS} processes")
        begun = time.perf_counter()
        found = adviser.many(X, exact=exact, workers=WORKERS)
        seconds = time.perf_counter() - begun
        note = f"longest {found.seconds.max():.1f} s, {_closed(found)}" if exact else "from the start of the processes"
        rows.append(
            BenchRow(
                f"Advice, {name}, two models, {WORKERS} processes", f"{len(X):,} people, {what}", "s", seconds,
                figure=seconds, goal=Goal("≤", most * len(X) / PEOPLE),
                note=f"{note}; {found.found.mean():.0%} with a valid plan",
            )
        )  # fmt: skip
    return rows


def _on(name: str, adviser: Adviser, X: np.ndarray, solved: int) -> list[BenchRow]:
    say(f"advice: {name}")
    group = f"Advice, {name}, two models, one thread"
    begun, used = time.perf_counter(), time.process_time()
    polished = adviser.many(X)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    say(f"advice: proving {solved} plans of {name}")
    proved = adviser.many(X[:solved], exact=True)
    each = proved.seconds.flatten()
    note = f"{used:.1f} s of processor time, {polished.found.mean():.0%} with a valid plan"
    nearness = " and ".join(f"{np.nanmean(own):.1f}" for own in proved.distance)
    return [
        BenchRow(group, f"{len(X):,} people, polished", "s", seconds, figure=seconds, note=note),
        BenchRow(group, "most memory of the process", "GB", gigabytes, figure=gigabytes, goal=Goal("≤", 2)),
        BenchRow(
            group, "a proof", "s", float(np.median(each)), figure=float(np.median(each)), goal=Goal("≤", TABLES[name]),
            note=f"median; longest {each.max():.1f} s, {_closed(proved)}, polished {_dearer(polished, proved):.2f} × "
            f"the cheapest; nearest accepted person {nearness} away",
        ),
        _five(group, adviser, X[:solved]),
    ]  # fmt: skip


def _refused(adviser: Adviser, people: int) -> np.ndarray:
    """Up to so many people whom both models refuse."""
    X = np.concatenate([getattr(adviser.table, part)[0].numpy() for part in ("test", "train")])
    refused = (adviser.scores(X) < adviser.models[0].threshold).all(axis=0)
    return X[refused][:people]


def _closed(proved: ManyPlans) -> str:
    known = np.isinf(proved.bound) | (proved.effort - proved.bound <= PRECISION * proved.effort + 1e-6)
    return f"{known.sum()} of {known.size} proved"


def _dearer(polished: ManyPlans, proved: ManyPlans) -> float:
    effort = polished.effort[:, : proved.effort.shape[1]]
    return float(np.nanmean(effort / proved.effort))


def _five(group: str, adviser: Adviser, X: np.ndarray) -> BenchRow:
    """Five plans of a person, proved, by both models."""
    taken = []
    for x in X[:5]:
        begun = time.perf_counter()
        adviser.advise(x, plans=5)
        taken.append(time.perf_counter() - begun)
    median = statistics.median(taken)
    return BenchRow(group, "five plans, proved", "s", median, figure=median, goal=Goal("≤", 5), note="both models")
