"""The energy of a class as a layer of a run's stage, and its numbers beside the picture."""

from __future__ import annotations

from collections.abc import Sequence

from ctviz.experiments.energy import EnergyField, energy_field, mean_energies
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.figures.stage.energy import EnergySource
from ctviz.figures.theme import ArmStyle
from ctviz.figures.words import energy_gap, short_name
from ctviz.ui.kit.facts import Fact, Row, fact_list
from ctviz.ui.kit.link import View
from ctviz.ui.kit.run_view import RunView

HELP = (
    "The energy of a class is its negative logit: low where the model finds that a point looks like the class. The "
    "difference of these means is the divergence: counterfactual training pulls the energy down at real samples and "
    "pushes it up where counterfactuals ended."
)


def energies_of(run_view: RunView, view: View, drawn: Scene | None = None) -> EnergySource | None:
    """What computes the energies of a run; None where it recorded no field to draw them on.

    ``drawn``: the scene that goes with the snapshots of the stage, where a page shows some of the searches alone.
    """
    if not _on_a_grid(run_view):
        return None
    return EnergySource.of_run(run_view.experiment, drawn or run_view.scene, view.usual_class(run_view.scene))


def _on_a_grid(run_view: RunView) -> bool:
    """Whether the run recorded fields, and so has a grid to draw energies on."""
    return run_view.snapshots[0].field is not None


def class_chosen(run_view: RunView, view: View) -> int | None:
    """The class whose energy is asked for, if these data have it."""
    chosen = view.energy_class
    return chosen if chosen is not None and chosen < len(run_view.scene.classes) else None


def class_shown(run_view: RunView, view: View) -> int | None:
    """The class whose energy colours the plane; None where the probability does."""
    if view.layer != "energy" or not _on_a_grid(run_view):
        return None
    chosen = class_chosen(run_view, view)
    return view.usual_class(run_view.scene) if chosen is None else chosen


def energy_shown(run_view: RunView, view: View, snapshots: Sequence[Snapshot]) -> EnergyField | None:
    """The energies that colour the plane; None where the probability does."""
    target = class_shown(run_view, view)
    return None if target is None else energy_field(snapshots, run_view.experiment, run_view.scene, target)


def energy_facts(
    run_view: RunView, view: View, snapshot: Snapshot, styles: Sequence[ArmStyle], classes: Sequence[str]
) -> None:
    """Where a view shows energies: how far those lie apart, for every model, that the divergence compares.

    Args:
        styles: of the run's arms.
        classes: what the page calls the classes.
    """
    target = class_shown(run_view, view)
    if target is None:
        return
    means = mean_energies([snapshot], run_view.experiment, run_view.scene, target)
    rows = []
    for arm, style in enumerate(styles):
        gap, said = energy_gap(means, 0, arm)
        rows.append(Row(short_name(style, styles), gap, style.role, small=said))
    note = "Means over the training samples drawn here and the counterfactuals that matured."
    title = f"Energy of “{classes[target]}”: counterfactuals against real samples"
    fact_list([Fact(title, rows, note=note, help=HELP)])
