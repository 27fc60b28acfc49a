"""What a page calls features and classes: by plain names, or by those that the paper's first figure lends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ctviz.data.catalogue import FEATURE_NAMES, columns_of
from ctviz.data.display import DisplayScale
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Scene
from ctviz.figures.advice import LOAN, Names, loan_scales, names_for, plain_scales
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import BaseView
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.service import schema_of


def wished_class(scene: Scene) -> int:
    """The class that people hope for: the one that lies lowest in the first feature, so that it pays to lower it."""
    labels = scene.labels
    return int(np.argmin([scene.points[labels == c, 0].mean() for c in range(len(scene.classes))]))


def names_of(scene: Scene, names: str) -> Names:
    """The names in a picture of these data; ``names``: "figure" or "plain". Who has names of their own borrows none."""
    lent = names == "figure" and scene.features == FEATURE_NAMES
    return names_for(
        scene.features, scene.classes, wished_class(scene), lent, (scene.lower.tolist(), scene.upper.tolist())
    )


def features_of(view: BaseView, experiment: Experiment) -> tuple[str, ...]:
    """What a page calls the two features of a run: as its view says, unless they have names of their own."""
    own = columns_of(experiment.data)
    return own if own != FEATURE_NAMES else view.features


def scales_of(features: Sequence[str], experiment: Experiment) -> tuple[DisplayScale, ...]:
    """How people read the two features of a run that are called so."""
    lower, upper = (ends.tolist() for ends in schema_of(experiment.data).bounds())
    return loan_scales(lower, upper) if lent(features, experiment) else plain_scales(lower, upper)


def lent(features: Sequence[str], experiment: Experiment) -> bool:
    """Whether the two features of a run have the names of the paper's figure, and not names of their own."""
    return tuple(features) == LOAN and columns_of(experiment.data) == FEATURE_NAMES


def names_in(run_view: RunView | None, experiment: Experiment, names: str) -> Names:
    """The names beside a picture; plain ones as long as nothing can be seen of the run."""
    if run_view is None:
        return names_for(
            columns_of(experiment.data), [f"class {c}" for c in range(experiment.data.classes)], 0, loan=False
        )
    return names_of(run_view.scene, names)


def renamed(scene: Scene, names: Names) -> Scene:
    """The data with these names, and in the units that go with them."""
    display = names.scales if names.loan else ()
    return replace(scene, features=names.features, classes=names.classes, display=display)


def choose_names(draft: Draft[Any], key: str) -> None:
    """The choice of the names, where the features have none of their own."""
    if columns_of(draft.experiment.data) != FEATURE_NAMES:
        return
    bind.choice(
        "Names", ["figure", "plain"], bind.to_view(draft, "names", key), kind="buttons",
        words={"figure": ", ".join(LOAN), "plain": ", ".join(FEATURE_NAMES)},
        help="What features and classes are called, and in which units they are read. Distances and effort stay in the "
        "models' own units. It changes nothing else.",
    )  # fmt: skip
