"""How to train so that counterfactual digits can be read, and at which price: the settings that were tried.

The search for the preset ``readable``, by these rules: everything is measured on validation digits; each digit is on
its way to another class drawn at random by a strong search (``STRONG``), the same for all models; the conventional
model is one of the same architecture, schedule and seed. Of all points that are at most ``MOST_LOST`` less often
right than it, the one is taken whose counterfactuals are most often read as what they claim to be. Where those of the
conventional model are read so too, in ``MOST_READ`` of cases or more, training has little to show, and none is taken.
How far the search goes was settled on validation digits too, in trials before: at τ = 0.99 fewer digits can be read,
at the same accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.errors import CtvizError
from ctviz.evaluation.robustness import accuracy_curve
from ctviz.experiments.config import Experiment
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.experiments.presets import READABLE_SEARCH
from ctviz.experiments.run import train
from ctviz.experiments.snapshot import Snapshot, stack_of
from ctviz.isolation import isolated
from ctviz.paths import assets, write_whole

FILE = "readable.json"
"""What ships, beside the reader."""

STRONG = SearchSettings(**READABLE_SEARCH)
"""A search that goes on until a model is as good as sure: what it ends in is what the model knows of a class."""

DIGITS = 200
"""Validation digits whose counterfactuals are read."""

CONVENTIONAL = "vanilla"
"""The arm that each group compares with."""

MOST_LOST = 0.02
"""By how much of all digits the chosen model may be less often right than the conventional one."""

MOST_READ = 0.05
"""Share of the conventional model's counterfactuals that are read as what they claim to be, from which on there is
little to show."""

ATTACK = 0.1
"""Strength ε of the attack (FGSM) under which models are right or not."""


@dataclass(frozen=True)
class Group:
    """Models that are trained together: changes of ``mnist`` for all, and of the arm ``full`` for each; looked at after
    some epochs."""

    base: Mapping[str, Any]
    arms: Mapping[str, Mapping[str, Any]]
    at: tuple[int, ...]

    @property
    def experiment(self) -> Experiment:
        """What is trained."""
        arms = {f"arms.{arm}.{name}": value for arm, changes in self.arms.items() for name, value in changes.items()}
        quiet = {"evaluation.every": 10_000, "evaluation.also": self.at, "evaluation.factuals": 2}
        last = {"training.epochs": max(self.at), "evaluation.steps": 1}
        return Experiment.preset("mnist").replace(
            {"arms": ",".join([CONVENTIONAL, *self.arms]), **self.base, **quiet, **last, **arms}
        )


@dataclass(frozen=True)
class Point:
    """A model after an epoch: shares of validation digits, and of their counterfactuals.

    ``accuracy`` and ``robust`` without and under attack; ``read_as`` and ``read_as_before`` of all counterfactuals,
    ``validity`` what the model itself says of them.
    """

    group: str
    arm: str
    epoch: int
    accuracy: float
    robust: float
    read_as: float
    read_as_before: float
    validity: float
    settings: Mapping[str, Any] = field(default_factory=dict)


_BOX = {"epsilon": 1.0, "lambda_div": 0.1, "lambda_adv": 0.5, "lambda_reg": 0.02, "tau": 0.75}
"""A box in which most of a digit may change, nascent counterfactuals that count as half of the samples do, and energies
that count little."""

_LONG = {**_BOX, "step_size": 1.0, "steps": 20}

GROUPS: Mapping[str, Group] = MappingProxyType(
    {
        "mlp": Group(
            {"model.hidden": (128,), "training.batch": 250, "training.n_ce": 4000},
            {
                "paper": {"tau": 0.75},
                "box": _LONG,
                "more adversarial": {**_LONG, "lambda_adv": 0.75},
                "larger box": {**_LONG, "epsilon": 1.5},
                "surer": {**_LONG, "tau": 0.9},
                "more energy": {**_LONG, "lambda_div": 0.3, "lambda_reg": 0.05},
            },
            (10, 20),
        ),
        "mlp, longer": Group(
            {"model.hidden": (128,), "training.batch": 250, "training.n_ce": 4000},
            {"box": _LONG, "more adversarial": {**_LONG, "lambda_adv": 0.75}},
            (40,),
        ),
        "cnn": Group(
            {"model.channels": (6, 16), "training.batch": 250, "training.n_ce": 1000},
            {"box": {**_LONG, "step_size": 2.0}},
            (10,),
        ),
    }
)
"""The settings that were tried last, by what differs: an MLP with the paper's search and box and with larger ones; the
two best of these for longer; and a convolutional network, whose conventional counterfactuals can be read too."""


def shipped_file() -> Path:
    """Where the points lie that ship."""
    return assets() / "reader" / FILE


def measure(explorer: ImageExplorer, snapshot: Snapshot) -> list[dict[str, float]]:
    """The numbers of every arm, see ``Point``."""
    X, y = explorer.data.validation
    with isolated():
        stack = stack_of([snapshot], explorer.experiment)
        right = accuracy_curve(stack, X.expand(stack.m, -1, -1), y, (0.0, ATTACK), *explorer.domain)  # m 2 b
    accuracy = right.double().mean(dim=-1).numpy()  # m 2
    found = explorer.counterfactual_numbers(snapshot, STRONG, DIGITS, split="validation").metrics
    numbers = {"accuracy": accuracy[:, 0], "robust": accuracy[:, 1]}
    numbers |= {name: found[name].value for name in ("read_as", "read_as_before", "validity")}
    return [{name: round(float(values[arm]), 4) for name, values in numbers.items()} for arm in range(stack.m)]


def points_of(name: str, group: Group) -> list[Point]:
    """Trains a group and measures it after each of its epochs."""
    experiment = group.experiment
    explorer = ImageExplorer(experiment)
    found = []
    for snapshot in train(experiment, "cpu"):
        if snapshot.epoch in group.at:
            for arm, numbers in zip(experiment.arms, measure(explorer, snapshot), strict=True):
                settings = json.loads(json.dumps({**group.base, **group.arms.get(arm.name, {})}))
                found.append(Point(name, arm.name, snapshot.epoch, settings=settings, **numbers))
    return found


def build(path: Path, groups: Mapping[str, Group], told: Callable[[Point], None] = lambda point: None) -> None:
    """Writes the points of all groups; those that the file holds with the same settings are not computed again."""
    held = read_points(path) if path.is_file() else ()
    points: list[Point] = []
    for name, group in groups.items():
        there = [point for point in held if point.group == name]
        settings = {arm: json.dumps({**group.base, **group.arms.get(arm, {})}) for arm in (CONVENTIONAL, *group.arms)}
        wanted = {(arm, epoch, text) for arm, text in settings.items() for epoch in group.at}
        if {(point.arm, point.epoch, json.dumps(dict(point.settings))) for point in there} != wanted:
            there = points_of(name, group)
        points += there
        for point in there:
            told(point)
        write_whole(path, to_json(points).encode())


def chosen(points: Sequence[Point]) -> Point:
    """The point that the rules choose (see the module); of several the first.

    Raises:
        ValueError: there is none.
    """
    plain = {(point.group, point.epoch): point for point in points if point.arm == CONVENTIONAL}
    beside = [(point, plain[point.group, point.epoch]) for point in points if point.arm != CONVENTIONAL]
    open_ = [
        point
        for point, other in beside
        if round(other.accuracy - point.accuracy, 4) <= MOST_LOST and other.read_as < MOST_READ
    ]
    return max(open_, key=lambda point: point.read_as)


def to_json(points: list[Point]) -> str:
    """One line for each point."""
    return "[\n" + ",\n".join(json.dumps(asdict(point)) for point in points) + "\n]\n"


def read_points(path: Path) -> tuple[Point, ...]:
    """The points in a file.

    Raises:
        CtvizError: it is missing or damaged.
    """
    try:
        return tuple(Point(**one) for one in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise CtvizError(f"{path} is missing or damaged; `ctviz presets readable` writes it.") from None
