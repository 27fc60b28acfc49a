"""What the picture of a step shows, in numbers: every sentence on Learn is made of these, and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
import torch

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.display import DisplayScale
from ctviz.evaluation.leak import leak
from ctviz.experiments.config import Experiment
from ctviz.experiments.energy import EnergyField, energy_field, mean_energies
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.snapshot import Scene, Snapshot, stack_of
from ctviz.experiments.trace import Trace
from ctviz.figures.advice import loan_scales, plain_scales
from ctviz.ui.kit.search import measured_search

GROUP = 40
"""Validation samples that are searched from beside the one that is shown."""

Point = tuple[float, float]
ByModel = dict[str, float]
"""Name of an arm → a number of it."""


@dataclass(frozen=True)
class Picture:
    """What a step shows: models of a run that ships, and the search of one person with each of them.

    Attributes:
        preset: the run.
        arms: the models shown, in this order.
        at: the person that is searched from.
        target: the class aimed at.
        others: the validation samples that are measured as a group, as ``Explorer.pick`` calls them.
        throughout: whether all epochs can be looked at, in place of the last one.
        headings: of the panels, where not those of the app.
        loan: whether the story of a loan is told, with debt and age.
        columns: of panels; 0: as many as fit.
        searched: whether the person's searches are shown, and not only where they stand.
        sensitive: whether the share of each feature is measured too.
        near: whether lines lead from the ends of the searches to the nearest real sample.
        box: whether the ε-box is drawn; ``neighbour``: whether the real sample is that the divergence compares with.
        energy: whether the energy of the class aimed at colours the plane, unless the probability is asked for.
    """

    preset: str
    arms: tuple[str, ...]
    at: Point
    target: int = 0
    others: str = "class1"
    throughout: bool = False
    headings: tuple[str, ...] = ()
    loan: bool = True
    columns: int = 0
    searched: bool = True
    sensitive: bool = False
    near: bool = True
    box: bool = False
    neighbour: bool = False
    energy: bool = False

    @property
    def experiment(self) -> Experiment:
        return Experiment.preset(self.preset)

    @property
    def index(self) -> list[int]:
        """Positions of the shown arms among those of the run."""
        names = [arm.name for arm in self.experiment.arms]
        return [names.index(arm) for arm in self.arms]


def settings_of(experiment: Experiment) -> SearchSettings:
    """The search that a run was measured with, in short steps."""
    return measured_search(experiment).in_short_steps().model_copy(update={"per_factual": 1})


@dataclass(frozen=True)
class Search:
    """The search of one person with one model: where it begins and ends, and what lies nearest to its end."""

    start: Point
    end: Point
    nearest: Point  # real sample of the class aimed at
    near: float  # ℓ2 distance to it
    effort: float  # ℓ1 distance from start to end
    steps: int
    arrived: bool
    sure: float  # probability of the class aimed at, at the end
    halfway: Point  # the nascent point
    halfway_sure: float  # the same probability there
    predicted: int  # class of the start


@dataclass(frozen=True)
class Facts:
    """The numbers of one picture, by the name of the arm.

    Attributes:
        searches: of the one person.
        near, effort, arrived: means over the group that set out, and the share that arrived.
        group: how many of them set out with the first model shown.
        accuracy, robust: on validation data, undisturbed and under attack.
        lonely: median and largest distance of a real sample of the class aimed at to the nearest other one.
        energy_real, energy_end: mean E(x, y⁺) of real samples of the class aimed at, and where all searches of the
            group end.
        energy_start_real, energy_start_end: the same before training.
        mature: share of the training's searches in the last epoch that arrived.
        share: of the last feature in the model's outputs; ``leak``: correlation of its decisions with that feature.
        linked: correlation of the two features within a class.
        scales: how people read the two features.
    """

    searches: dict[str, Search]
    near: ByModel
    effort: ByModel
    arrived: ByModel
    group: int
    accuracy: ByModel
    robust: ByModel
    mature: ByModel
    lonely: tuple[float, float]
    energy_real: ByModel
    energy_end: ByModel
    energy_start_real: ByModel
    energy_start_end: ByModel
    share: ByModel
    leak: ByModel
    linked: float
    scales: tuple[DisplayScale, ...]


def only(snapshot: Snapshot, index: list[int]) -> Snapshot:
    """A snapshot of some of its models, without the paths that were recorded with it."""
    return replace(
        snapshot,
        metrics={name: values[index] for name, values in snapshot.metrics.items()},
        weights={name: values[index] for name, values in snapshot.weights.items()},
        field=None if snapshot.field is None else snapshot.field[index],
        paths=None,
    )


def only_trace(trace: Trace, index: list[int]) -> Trace:
    """The searches by some of the models of a trace."""
    shared = {"epoch", "settings", "factuals", "targets", "group", "outside"}
    own = {f.name: getattr(trace, f.name)[index] for f in fields(trace) if f.name not in shared}
    return replace(trace, **own)


def traces_of(explorer: Explorer, snapshots: list[Snapshot], picture: Picture, at: Point) -> tuple[Trace, ...]:
    """The searches of one person by the models of every snapshot given."""
    point, settings = np.array(at, dtype=np.float32), settings_of(explorer.experiment)
    found = explorer.history(snapshots, point, picture.target, settings)
    return tuple(only_trace(trace, picture.index) for trace in found)


def searches_of(explorer: Explorer, last: Snapshot, picture: Picture, at: Point) -> dict[str, Search]:
    """Where the search of one person ends with each model that is shown."""
    (trace,) = traces_of(explorer, [last], picture, at)
    return {arm: _search(trace, i) for i, arm in enumerate(picture.arms)}


def group_of(explorer: Explorer, snapshots: Sequence[Snapshot], picture: Picture) -> list[Trace]:
    """The searches of the group by the models of every snapshot given."""
    factuals, _ = explorer.pick(picture.others, GROUP)
    targets = np.full(len(factuals), picture.target)
    found = explorer.traces(snapshots, factuals, targets, settings_of(explorer.experiment))
    return [only_trace(trace, picture.index) for trace in found]


def energy_of(explorer: Explorer, scene: Scene, snapshots: Sequence[Snapshot], picture: Picture) -> EnergyField:
    """The energy of the class aimed at over the plane, and its means at real samples and where the group's searches
    end, of the models that are shown."""
    traces = group_of(explorer, snapshots, picture)
    return energy_field(snapshots, explorer.experiment, scene, picture.target, picture.index, traces)


def facts_of(explorer: Explorer, scene: Scene, snapshots: Sequence[Snapshot], picture: Picture) -> Facts:
    """Measures what a picture shows; the same picture gives the same numbers.

    Args:
        scene: of the run, with the real samples that distances and energies are measured at.
        snapshots: of the run, the first before training and the last after it.
    """
    first, last, arms = snapshots[0], snapshots[-1], picture.arms
    traces = group_of(explorer, [first, last], picture)
    energies = mean_energies([first, last], explorer.experiment, scene, picture.target, picture.index, traces)
    group = traces[-1]
    near, effort, arrived = _means(group)
    bounds = (ends.tolist() for ends in explorer.data.schema.bounds())
    shares, leaks = _sensitivity(explorer, last, picture) if picture.sensitive else ([], [])

    def named(values: Sequence[float] | npt.NDArray[np.floating]) -> ByModel:
        return {arm: float(value) for arm, value in zip(arms, values, strict=False)}

    def recorded(name: str) -> ByModel:
        return named(last.metrics[name][picture.index])

    return Facts(
        searches=searches_of(explorer, last, picture, picture.at),
        near=named(near), effort=named(effort), arrived=named(arrived), group=int(group.judged[0].sum()),
        accuracy=recorded("validation_accuracy"), robust=recorded("robust_accuracy"), mature=recorded("mature"),
        lonely=_lonely(scene.points[scene.labels == picture.target]),
        energy_real=named(energies.real[1]), energy_end=named(energies.ends[1]),
        energy_start_real=named(energies.real[0]), energy_start_end=named(energies.ends[0]),
        share=named(shares), leak=named(leaks), linked=_linked(explorer),
        scales=(loan_scales if picture.loan else plain_scales)(*bounds),
    )  # fmt: skip


# -- parts ------------------------------------------------------------------------------------------------


def _means(trace: Trace) -> tuple[list[float], list[float], list[float]]:
    """Over the searches that set out and arrived: distance to the nearest real sample, effort; and how many arrive."""
    near, effort, arrived = [], [], []
    for arm, out in enumerate(trace.judged):
        there = out & trace.mature[arm]
        near.append(float(trace.gap[arm, there].mean()) if there.any() else np.nan)
        effort.append(float(trace.distance[arm, there, -1].mean()) if there.any() else np.nan)
        arrived.append(float(there.sum() / max(int(out.sum()), 1)))
    return near, effort, arrived


def _search(trace: Trace, arm: int) -> Search:
    half = int(trace.nascent[arm, 0])
    return Search(
        start=_point(trace.factuals[0]), end=_point(trace.final[arm, 0]), nearest=_point(trace.nearest[arm, 0]),
        near=float(trace.gap[arm, 0]), effort=float(trace.distance[arm, 0, -1]), steps=int(trace.steps[arm, 0]),
        arrived=bool(trace.mature[arm, 0]), sure=float(trace.probability[arm, 0, -1]),
        halfway=_point(trace.points[arm, 0, half]), halfway_sure=float(trace.probability[arm, 0, half]),
        predicted=int(trace.predicted[arm, 0]),
    )  # fmt: skip


def _point(values: npt.NDArray[np.float32]) -> Point:
    return float(values[0]), float(values[1])


def _lonely(real: npt.NDArray[np.floating]) -> tuple[float, float]:
    points = torch.from_numpy(real).double()
    gaps = torch.cdist(points, points).fill_diagonal_(torch.inf).amin(dim=1)
    return float(gaps.median()), float(gaps.max())


def _sensitivity(explorer: Explorer, snapshot: Snapshot, picture: Picture) -> tuple[list[float], list[float]]:
    """Of the last feature: its share in the outputs of each model, and how far decisions go along with it."""
    feature = explorer.data.d - 1
    share = explorer.sensitivity(snapshot).share.value[picture.index, feature]
    stack = stack_of([snapshot], explorer.experiment).take(picture.index)
    return share.tolist(), leak(stack, *explorer.data.test, feature).abs().tolist()


def _linked(explorer: Explorer) -> float:
    """Correlation of the two features within the classes."""
    X, y = (part.numpy() for part in explorer.data.train)
    centred = np.concatenate([X[y == c] - X[y == c].mean(axis=0) for c in range(explorer.data.k)])
    return float(np.corrcoef(centred.T)[0, 1])
