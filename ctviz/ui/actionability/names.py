"""What Actionability calls things: features, classes, models, and the models as rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.data.display import DisplayScale
from ctviz.experiments.config import Experiment
from ctviz.figures.stage.recording import ArmLabel, arm_labels, limits_of
from ctviz.training.arm import Arm, LockWhen
from ctviz.ui.actionability.panel import LocksView
from ctviz.ui.kit.feature_names import features_of, scales_of

PLACES: dict[LockWhen, str] = {
    "never": "nothing locked",
    "searching": "locked in advice only",
    "training": "locked in training only",
    "always": "locked in both",
}
"""Where a lock acts, as a panel is headed."""


def labels_of(experiment: Experiment, view: LocksView) -> tuple[ArmLabel, ...]:
    """The panels' headings; where the models differ by nothing but the place of the lock, that place."""
    features = features_of(view, experiment)
    scales = scales_of(features, experiment)
    labels = arm_labels(experiment, features, scales)
    places = [arm.lock_when for arm in experiment.arms]
    if view.part != "where" or len(set(places)) < len(places) or len({label.role for label in labels}) > 1:
        return labels
    return tuple(
        ArmLabel(arm.name, _headed(arm, features, scales), label.role)
        for arm, label in zip(experiment.arms, labels, strict=True)
    )


def _headed(arm: Arm, features: Sequence[str], scales: Sequence[DisplayScale]) -> str:
    what = limits_of(arm.model_copy(update={"lock_when": "always", "shield": "on"}), features, scales)
    if not what or arm.lock_when == "never":
        return "Nothing locked"
    where = PLACES[arm.lock_when].removeprefix("locked ")
    bare = ", unprotected" if arm.shield == "off" and arm.holds("training") else ""
    return f"{what[0].upper()}{what[1:]} {where}{bare}"


@dataclass(frozen=True)
class Grid:
    """The models of a run as rows and columns of a table: positions of arms, None where there is none."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[int | None, ...], ...]


def grid_of(experiment: Experiment, view: LocksView) -> Grid:
    """The models as a table: trained how against locked how, where they cross like that, else one below the other."""
    arms, features = experiment.arms, features_of(view, experiment)
    taught = [arm.trains_on_counterfactuals for arm in arms]
    if view.part == "where" and {arm.lock_when for arm in arms} == set(PLACES) and len(arms) == len(PLACES):
        at = {arm.lock_when: index for index, arm in enumerate(arms)}
        cells = ((at["never"], at["searching"]), (at["training"], at["always"]))
        return Grid(("free in training", "locked in training"), ("Free in advice", "Locked in advice"), cells)
    if taught == [False, True, False, True]:
        below = limits_of(arms[3], features, scales_of(features, experiment)) or "free"
        return Grid(("free", below), ("Conventional", "Counterfactual training"), ((0, 1), (2, 3)))
    titles = tuple(label.title for label in labels_of(experiment, view))
    return Grid(titles, ("",), tuple((index,) for index in range(len(arms))))


def focus_of(experiment: Experiment) -> int:
    """The feature that the numbers are about: the one that is locked, else one that is limited, else the last."""
    counts = np.zeros(len(FEATURE_NAMES))
    for arm in experiment.arms:
        for weight, refs in ((4, arm.locked), (2, arm.increase_only), (2, arm.decrease_only)):
            counts[[position_of(ref) for ref in refs]] += weight
        counts[[position_of(ref) for ref, _, _ in arm.ranges]] += 1
    return int(counts.argmax()) if counts.any() else len(FEATURE_NAMES) - 1


def position_of(ref: int | str) -> int:
    """Column of a feature given by position or by name."""
    return FEATURE_NAMES.index(ref) if isinstance(ref, str) else ref


def movable(arm: Arm, features: Sequence[str]) -> tuple[str, ...]:
    """The features that advice of an arm may change."""
    locked = {position_of(ref) for ref in arm.locked} if arm.holds("advice") else set()
    return tuple(name for position, name in enumerate(features) if position not in locked)


def pair_of(arms: Sequence[Arm]) -> tuple[int, int] | None:
    """The last conventional model and the last counterfactually trained one: those under the lock."""
    plain = [i for i, arm in enumerate(arms) if not arm.learns_from_examples]
    taught = [i for i, arm in enumerate(arms) if arm.trains_on_counterfactuals]
    return (plain[-1], taught[-1]) if plain and taught else None
