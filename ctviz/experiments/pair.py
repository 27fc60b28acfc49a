"""Two models of a large stack as a run of their own, with fields and paths.

The stacks of a sweep keep the weights of the last epoch and no fields or paths. The field, the searches and the metrics
of two of their arms are computed from the weights, which takes some tens of milliseconds, without training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ctviz.data.catalogue import load
from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.measure import EpochEvaluator, field, make_scene
from ctviz.experiments.snapshot import METRICS, Scene, Snapshot
from ctviz.isolation import isolated
from ctviz.models.stack import Stack


@dataclass(frozen=True)
class Pair:
    """A run of two arms with one snapshot, the one after the last epoch."""

    experiment: Experiment
    scene: Scene
    snapshot: Snapshot


@isolated()
def pair(experiment: Experiment, stack: Experiment, last: Snapshot, names: tuple[str, str]) -> Pair:
    """Two arms of a stack with their fields, searches and metrics on validation data.

    Args:
        experiment: the two arms alone, with the evaluation and names to be shown.
        stack: the experiment in which they were trained.
        last: its last snapshot; only the weights are needed.
        names: of the two arms in the stack, in the order of ``experiment``.

    Raises:
        DataError: no arm of that name in the stack, or weights that are not finite.
    """
    rows = [_row(stack, name) for name in names]
    models = stack.rows_of(rows)
    weights = {name: values[models] for name, values in last.weights.items()}
    if not all(np.isfinite(values).all() for values in weights.values()):
        raise DataError("The training of this model diverged: its weights are not finite, so it cannot be drawn.")
    arms = Stack.from_weights(weights, experiment.model, experiment.data.grid, experiment.members)
    dataset = load(experiment.data)
    evaluator = EpochEvaluator(experiment, dataset, dataset.validation, arms.flat)
    scene = make_scene(experiment, dataset, evaluator)
    found = evaluator.search(arms, record=experiment.evaluation.paths > 0)
    measured = evaluator.metrics(arms, found)
    measured["validation_accuracy"] = measured.pop("accuracy")
    trained = {name: values[rows] for name, values in last.metrics.items()}
    nothing = np.full(len(rows), np.nan)
    return Pair(
        experiment,
        scene,
        Snapshot(
            epoch=last.epoch,
            seconds=last.seconds,
            metrics={name: {**trained, **measured}.get(name, nothing) for name in METRICS},
            weights=weights,
            field=field(arms, scene, experiment.evaluation.field),
            paths=evaluator.paths(scene, found, [experiment.evaluation.epsilon] * len(rows)),
        ),
    )


def _row(stack: Experiment, name: str) -> int:
    found = next((i for i, arm in enumerate(stack.arms) if arm.name == name), None)
    if found is None:
        raise DataError(f"There is no model {name!r} in this run.")
    return found
