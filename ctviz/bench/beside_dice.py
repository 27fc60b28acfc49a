"""Plans for people of a table beside those of DiCE: the same model, the same people, the same limits."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ctviz.bench.measure import BenchRow, say
from ctviz.counterfactuals.exact.network import Network
from ctviz.counterfactuals.lattice import Category, Lattice, Number
from ctviz.errors import CtvizError
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.planner import margins

METHODS = {"gradient": 2, "genetic": 10, "random": 10}
"""DiCE's methods, and the people each plans for: a method needs from a third of a second to a minute for one."""

LONGEST = 1800
"""Seconds after which a method is given up."""

Points = list[list[float] | None]
"""A plan of each person, one number a feature; None where there is none."""


@dataclass(frozen=True)
class PlanQuality:
    """What plans of some people are worth, once their numbers are rounded to what a person can say."""

    valid: float  # share of people with a plan that the model accepts
    cost: float  # mean effort of those, in multiples of the cheapest possible
    changed: float  # mean number of features that change
    breaking: float  # share of plans that break a rule
    distance: float  # mean distance to the nearest accepted person

    def __str__(self) -> str:
        return (
            f"{self.valid:.0%} valid, {self.cost:.1f} × the cheapest, {self.changed:.1f} features, "
            f"{self.breaking:.0%} break a rule, nearest accepted person {self.distance:.1f}"
        )


def measure(name: str, adviser: Adviser, X: npt.NDArray[Any], interpreters: Sequence[str]) -> list[BenchRow]:
    """Rows of one table, for its first model: seconds of a plan, ours (polished) and DiCE's, by each of its methods."""
    rules, most = adviser.rules(None), max(METHODS.values())
    group = f"Plans, {name}, {adviser.models[0].arm}, beside DiCE, one thread"
    X = X[:most]
    lattices = [adviser.lattice(x, rules) for x in X]
    proved, polished = adviser.many(X, exact=True).effort[0], adviser.many(X)
    own: Points = [
        lattice.project(columns).tolist() if found else None
        for lattice, columns, found in zip(lattices, polished.columns[0], polished.found[0], strict=True)
    ]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "people.npz"
        for method, wanted in METHODS.items():
            say(f"advice: {name}, DiCE's {method} method")
            these = slice(min(wanted, len(X)))
            seconds = statistics.mean(polished.seconds[0, these])
            write_task(file, adviser, lattices[these])
            answer = _answer(file, method, interpreters)
            what = f"{len(X[these])} people, DiCE, {method}"
            if "missing" in answer:
                rows.append(BenchRow(group, what, "s", seconds, note=f"not measured ({answer['missing']})"))
                continue
            ours, theirs = (
                judge(adviser, lattices[these], points, proved[these]) for points in (own[these], answer["points"])
            )
            taken = statistics.mean(answer["seconds"])
            note = f"× faster than {answer['title']}; ours: {ours}; DiCE: {theirs}"
            rows.append(BenchRow(group, what, "s", seconds, taken, taken / seconds, note=note))
    return rows


def judge(
    adviser: Adviser, lattices: Sequence[Lattice], points: Points, cheapest: npt.NDArray[np.float64]
) -> PlanQuality:
    """The quality of plans by the first model; ``cheapest`` (b): efforts that no plan is below."""
    model, target = adviser.models[0], adviser.table.favourable
    valid, columns = 0, list[npt.NDArray[Any]]()
    costs, changed, breaking = list[float](), list[float](), list[float]()
    for lattice, point, least in zip(lattices, points, cheapest.tolist(), strict=True):
        if point is None:
            continue
        said = rounded(lattice, point)
        columns.append(lattice.encode(said))
        changed.append(int(lattice.changed(said).sum()))
        breaking.append(not lattice.holds(said[None])[0])
        if float(margins(model.judge, columns[-1], target)) >= model.least:
            valid += 1
            costs.append(float(lattice.cost(said)) / least)
    nearest = adviser.accepted.nearest(np.stack(columns))[0] if columns else np.array([np.nan])
    return PlanQuality(valid / len(points), _mean(costs), _mean(changed), _mean(breaking), float(nearest.mean()))


def _mean(values: Sequence[float]) -> float:
    return statistics.mean(values) if values else float("nan")


def rounded(lattice: Lattice, point: Sequence[float]) -> npt.NDArray[np.float64]:
    """A point (f) with numbers at the nearest step, be it allowed or not."""
    values = np.array(point, dtype=np.float64)
    for i, feature in enumerate(lattice.features):
        if isinstance(feature, Number):
            value = float(values[i])
            open_ = replace(feature, low=min(feature.low, value), high=max(feature.high, value))
            values[i] = float(open_.nearest(value))
    return values


def write_task(file: Path, adviser: Adviser, lattices: Sequence[Lattice]) -> None:
    """The input of ``dice_people.py``, for the first model."""
    network, table, features = adviser.models[0].judge, adviser.table, lattices[0].features
    if not isinstance(network, Network):
        raise CtvizError("DiCE is compared on models with one hidden ReLU layer.")
    (w0, b0), (w1, b1) = network.layers
    numbers = [feature if isinstance(feature, Number) else None for feature in features]
    train, labels = (part.numpy() for part in table.train)
    np.savez(
        file,
        w0=w0, b0=b0, w1=w1, b1=b1,
        levels=[0 if isinstance(feature, Number) else len(feature.columns) for feature in features],
        first=[feature.columns[0] for feature in features],
        centre=[0.0 if number is None else number.centre for number in numbers],
        spread=[1.0 if number is None else number.spread for number in numbers],
        train=_points(lattices[0], train),
        labels=labels,
        people=np.stack([lattice.own for lattice in lattices]),
        low=[[f.ends[0] if isinstance(f, Number) else 0.0 for f in lattice.features] for lattice in lattices],
        high=[[f.ends[1] if isinstance(f, Number) else 0.0 for f in lattice.features] for lattice in lattices],
        allowed=np.stack([_allowed(lattice) for lattice in lattices]),
        target=table.favourable,
    )  # fmt: skip


def _points(lattice: Lattice, X: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Rows (n d) in people's units, whatever the lattice allows, (n f)."""
    points = np.empty((len(X), len(lattice.features)))
    for i, feature in enumerate(lattice.features):
        if isinstance(feature, Category):
            points[:, i] = X[:, list(feature.columns)].argmax(axis=1)
        else:
            points[:, i] = feature.centre + feature.spread * X[:, feature.column].astype(np.float64)
    return points


def _allowed(lattice: Lattice) -> npt.NDArray[np.bool_]:
    allowed = np.zeros(lattice.d, dtype=bool)
    for feature in lattice.features:
        if isinstance(feature, Category):
            allowed[np.array(feature.columns)[list(feature.allowed_levels)]] = True
    return allowed


def _answer(file: Path, method: str, interpreters: Sequence[str]) -> dict[str, Any]:
    """The answer of the first interpreter that has DiCE, or of the last one why it has not."""
    answer: dict[str, Any] = {"missing": "no interpreter to look in"}
    for python in interpreters:
        script = Path(__file__).with_name("dice_people.py")
        command = [str(Path(python).absolute()), "-W", "ignore", str(script), str(file), method]
        try:
            ended = subprocess.run(
                command, capture_output=True, encoding="utf-8", cwd=file.parent, timeout=LONGEST, check=False
            )
        except subprocess.TimeoutExpired:
            return {"missing": f"no answer within {LONGEST} s"}
        answer = json.loads(ended.stdout) if ended.stdout else {"missing": "it ended without an answer"}
        if "missing" not in answer:
            break
    return answer
