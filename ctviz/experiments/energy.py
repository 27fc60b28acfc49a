"""The energy of one class over the plane, epoch by epoch: what the divergence pulls down and pushes up.

Energies are computed from the weights of snapshots when somebody asks for them; a run stores none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.errors import ConfigError, DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.measure import on_grid
from ctviz.experiments.snapshot import Scene, Snapshot, stack_of
from ctviz.experiments.trace import Trace
from ctviz.isolation import isolated
from ctviz.models.stack import Stack
from ctviz.short_repr import ShortRepr

LIMIT = 1000.0
"""Energies beyond ±LIMIT are drawn as ±LIMIT."""

ERROR = 0.031
"""Bound of the error of a level: at most ERROR · √(1 + E²) for energies within the limits."""

_HALF = 127.5 / math.asinh(LIMIT)

Floats = npt.NDArray[np.float64]


def levels_of(energies: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Energies as levels from 0 to 255 of one scale for all runs, models and epochs (…) → (…).

    level = 127.5 · (1 + asinh E / asinh 1000), rounded: near 0 the steps are even, further out they grow with E, so
    that energies of 1 and of 100 can both be read. A level is wrong by at most ``ERROR`` · √(1 + E²). What lies beyond
    the limits has the level of the limit; what is not a number has the highest.
    """
    values = np.asarray(energies, dtype=np.float64)
    scaled = _HALF * np.arcsinh(np.clip(np.nan_to_num(values, nan=LIMIT), -LIMIT, LIMIT)) + 127.5
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def energies_at(levels: npt.ArrayLike) -> Floats:
    """The energies that levels stand for, (…) → (…): the inverse of ``levels_of``."""
    found: Floats = np.sinh((np.asarray(levels, dtype=np.float64) - 127.5) / _HALF)
    return found


@dataclass(frozen=True, repr=False, eq=False)
class MeanEnergies(ShortRepr):
    """E(x, y⁺) at the two kinds of points that the divergence compares, for every epoch and arm.

    ``gap`` = ends − real is what counterfactual training makes larger: the divergence of its objective with the sign
    turned, here of the scene's samples and of the searches that the run recorded or that are given.
    """

    target: int  # y⁺
    epochs: tuple[int, ...]
    real: Floats  # e m: mean over the scene's training samples of the class; NaN where there is none
    ends: Floats  # e m: mean over the ends of mature searches to the class, of given ones over all; NaN where none is
    mature: npt.NDArray[np.int64]  # e m: how many are mature
    searches: int  # searches to the class
    low: Floats  # e m: 2 % quantile over all these samples and the ends of all searches to the class
    high: Floats  # e m: 98 % quantile of the same

    @property
    def gap(self) -> Floats:
        """How much higher the energy is at counterfactuals than at real samples, (e m)."""
        return self.ends - self.real


@dataclass(frozen=True, repr=False, eq=False)
class EnergyField(ShortRepr):
    """The energy of one class on the grid of the run's fields."""

    means: MeanEnergies
    levels: npt.NDArray[np.uint8]  # e m g g: see ``levels_of``; row 0 is the lowest x2
    span: tuple[float, float]
    """What the colours must tell apart: from the lowest ``low`` of any epoch and arm to the highest ``high``, or to the
    highest upper quartile of a field if that is higher. Of two stretches of a run, the wider ends hold for both."""


@isolated()
def energy_field(
    snapshots: Sequence[Snapshot],
    experiment: Experiment,
    scene: Scene,
    target: int,
    arms: Sequence[int] | None = None,
    traces: Sequence[Trace] = (),
) -> EnergyField:
    """The energy of a class over the plane, E(x, y⁺) = −M(x)[y⁺], its negative logit (the paper's energy; REFERENCE:
    section 1), for every epoch and arm, (e m g g).

    The grid is that of the snapshots' fields, g nodes per axis from edge to edge of the scene.

    Args:
        snapshots: of one run, at least one (e).
        experiment: of that run.
        scene: of that run: its points and the targets of its recorded searches give the means.
        target: y⁺.
        arms: positions of the m arms that are meant; all of them for None.
        traces: searches to the class by these arms, one trace for each snapshot: their ends, whether they arrived or
            not, are meant in place of those of the searches that the run recorded.

    Raises:
        ConfigError: a target that is no class.
        DataError: no snapshot, one of another run, or one without a field.
    """
    _check(snapshots, scene, target)
    if any(snapshot.field is None for snapshot in snapshots):
        raise DataError("This run recorded no field, so its energies have no grid to be drawn on.")
    fields, top = [], -math.inf
    shown, stacks = _shown(snapshots, experiment, arms)
    for snapshot, stack in zip(snapshots, stacks, strict=True):
        side = 0 if snapshot.field is None else snapshot.field.shape[-1]
        with torch.inference_mode():
            energies = on_grid(stack, scene, side, lambda logits: -logits[:, target : target + 1])[:, 0].numpy()
        fields.append(levels_of(energies))
        top = max(top, float(energies_at(np.quantile(fields[-1], 0.75, axis=(1, 2)).max())))
    means = _means(snapshots, stacks, scene, target, shown, traces)
    return EnergyField(means, np.stack(fields), _span(means, top))


@isolated()
def mean_energies(
    snapshots: Sequence[Snapshot],
    experiment: Experiment,
    scene: Scene,
    target: int,
    arms: Sequence[int] | None = None,
    traces: Sequence[Trace] = (),
) -> MeanEnergies:
    """Mean energies at real samples of a class and at counterfactuals that were searched for it.

    Arguments and errors as of ``energy_field``; a run without fields or paths has them too, as far as it goes.
    """
    _check(snapshots, scene, target)
    shown, stacks = _shown(snapshots, experiment, arms)
    return _means(snapshots, stacks, scene, target, shown, traces)


def _shown(
    snapshots: Sequence[Snapshot], experiment: Experiment, arms: Sequence[int] | None
) -> tuple[list[int], list[Stack]]:
    """Positions of the arms that are meant, and their models after each snapshot."""
    shown = list(range(len(experiment.arms)) if arms is None else arms)
    return shown, [stack_of([snapshot], experiment).take(shown) for snapshot in snapshots]


def _means(
    snapshots: Sequence[Snapshot],
    stacks: Sequence[Stack],
    scene: Scene,
    target: int,
    arms: Sequence[int],
    traces: Sequence[Trace],
) -> MeanEnergies:
    m = stacks[0].m
    samples = torch.from_numpy(scene.points[scene.labels == target].astype(np.float32))  # n d
    wanted = np.flatnonzero(scene.targets == target)  # b
    shape = (len(snapshots), m)
    real, ends, low, high = (np.full(shape, np.nan) for _ in range(4))
    mature = np.zeros(shape, dtype=np.int64)
    for e, (snapshot, stack) in enumerate(zip(snapshots, stacks, strict=True)):
        at_samples = _energies(stack, samples.expand(m, -1, -1), target)  # m n
        at_ends, counted = np.zeros((m, 0)), np.zeros((m, 0), dtype=np.bool_)
        if traces:
            at_ends, counted = traces[e].energy[:, :, -1].astype(np.float64), np.ones_like(traces[e].mature)
            mature[e] = traces[e].mature.sum(axis=1)
        elif snapshot.paths is not None and len(wanted):
            own = np.ix_(np.array(arms), wanted)
            last = snapshot.paths.steps[own].astype(np.int64)[..., None, None]  # m b 1 1
            points = np.take_along_axis(snapshot.paths.points[own], last, axis=2)[:, :, 0]  # m b d
            at_ends = _energies(stack, torch.from_numpy(scene.dequantise(points)), target)
            counted = snapshot.paths.mature[own]
            mature[e] = counted.sum(axis=1)
        both = np.concatenate([at_samples, at_ends], axis=1)
        for arm in range(m):
            real[e, arm], ends[e, arm] = _mean(at_samples[arm]), _mean(at_ends[arm][counted[arm]])
            finite = both[arm][np.isfinite(both[arm])]
            if len(finite):
                low[e, arm], high[e, arm] = np.quantile(finite, (0.02, 0.98))
    epochs = tuple(snapshot.epoch for snapshot in snapshots)
    searches = traces[0].steps.shape[1] if traces else len(wanted)
    return MeanEnergies(target, epochs, real, ends, mature, searches, low, high)


def _check(snapshots: Sequence[Snapshot], scene: Scene, target: int) -> None:
    if not snapshots:
        raise DataError("Energies need at least one snapshot.")
    if not 0 <= target < len(scene.classes):
        raise ConfigError("target", target, f"a class from 0 to {len(scene.classes) - 1}")


def _energies(stack: Stack, x: Tensor, target: int) -> Floats:
    """(m n d) → (m n)."""
    with torch.inference_mode():
        found: Floats = -stack(x)[..., target].double().numpy()
    return found


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _span(means: MeanEnergies, top: float) -> tuple[float, float]:
    """From the lowest to the highest energy that is worth a colour."""
    known = np.isfinite(means.low)
    low = float(means.low[known].min()) if known.any() else -1.0
    high = float(means.high[known].max()) if known.any() else 1.0
    return max(low, -LIMIT), min(max(high, top), LIMIT)
