"""The energies of a class packed for the stage, behind the recording of a message: see ``recording.py``."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ctviz.experiments.config import Experiment
from ctviz.experiments.energy import LIMIT, EnergyField, energy_field
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.figures.stage.recording import differences, rounded


@dataclass(frozen=True)
class EnergySource:
    """What a stage can be given of the energies of a run: those of any class, computed when they are asked for.

    Attributes:
        of: the energies of a class, for a stretch of the run.
        usual: the class that is shown unless another one is chosen.
    """

    of: Callable[[Sequence[Snapshot], int], EnergyField]
    usual: int

    @classmethod
    def of_run(cls, experiment: Experiment, scene: Scene, usual: int | None = None) -> EnergySource:
        """That of a run, from its weights; ``usual`` is by default what most of its recorded searches go to."""

        def of(snapshots: Sequence[Snapshot], target: int) -> EnergyField:
            return energy_field(snapshots, experiment, scene, target)

        return cls(of, scene.usual_target if usual is None else usual)


@dataclass(frozen=True)
class Energies:
    """A stretch of energies: ``meta`` fit for JSON and the deflated ``payload`` that it describes."""

    meta: dict[str, Any] = field(repr=False)
    payload: bytes = field(repr=False)

    @property
    def target(self) -> int:
        """The class whose energies they are."""
        return int(self.meta["class"])

    @property
    def last(self) -> int:
        """The last epoch of the stretch."""
        return int(self.meta["epochs"][-1])


def pack_energies(found: EnergyField, after: int = -1) -> Energies:
    """Packs a stretch of energies; ``after``: the epoch before it, −1 if it is the first."""
    means = found.means
    payload = zlib.compress(differences(found.levels).tobytes(), 6)
    meta = {
        "class": means.target,
        "after": after,
        "epochs": list(means.epochs),
        "dims": {"m": found.levels.shape[1], "g": found.levels.shape[2]},
        "limit": LIMIT,
        "span": [float(f"{end:.4g}") for end in found.span],
        "real": _rows(means.real),
        "ends": _rows(means.ends),
        "mature": means.mature.tolist(),
        "searches": means.searches,
        "bytes": len(payload),
    }
    return Energies(meta, payload)


def energy_header(source: EnergySource | None, stretch: Energies | None) -> dict[str, Any] | None:
    """The field ``energy`` of a message's header; null where the stage has no energies to offer."""
    return None if source is None else {"usual": source.usual, "stretch": stretch.meta if stretch else None}


def _rows(values: npt.NDArray[np.float64]) -> list[list[float | None]]:
    return [[rounded(value) for value in row] for row in values.tolist()]


def stretch_of(
    source: EnergySource, snapshots: Iterable[Snapshot], target: int, after: int, most: int
) -> Energies | None:
    """The energies of the next snapshots, as many as have about ``most`` bytes before compression; None of none."""
    taken: list[Snapshot] = []
    size = 0
    for snapshot in snapshots:
        if size > most:
            break
        taken.append(snapshot)
        size += 0 if snapshot.field is None else len(snapshot.field) * snapshot.field.shape[-1] ** 2
    return pack_energies(source.of(taken, target), after) if taken else None
