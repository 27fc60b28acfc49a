"""What Trajectories calls features and classes: by their plain names, or as the paper's first figure does."""

from __future__ import annotations

from dataclasses import replace

from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Scene
from ctviz.figures.advice import Names, names_for
from ctviz.ui.actionability.numbers import wished_class
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.trajectories.view import TracksView


def names_of(scene: Scene, view: TracksView) -> Names:
    """The names in a picture of these data."""
    return names_for(scene.features, scene.classes, wished_class(scene), view.names == "figure")


def names_in(run_view: RunView | None, experiment: Experiment, view: TracksView) -> Names:
    """The names beside it; plain ones as long as nothing can be seen of the run."""
    if run_view is None:
        return names_for(FEATURE_NAMES, [f"class {c}" for c in range(experiment.data.classes)], 0, loan=False)
    return names_of(run_view.scene, view)


def dressed(scene: Scene, names: Names) -> Scene:
    """The data with these names on them."""
    return replace(scene, features=names.features, classes=names.classes)
