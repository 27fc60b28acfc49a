"""The settings of a reproduction (data, draws, grid), and the experiments that follow from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import Field, field_validator

from ctviz.data.tables.settings import TABLES
from ctviz.errors import ConfigError
from ctviz.experiments.config import ALGORITHM_VERSION, Experiment
from ctviz.experiments.protocol import TABLE_FACTUALS, Protocol
from ctviz.settings import Settings
from ctviz.studies.reproduce.published import HERE, USUAL
from ctviz.training.arm import VARIANTS, Arm

TAUS = (0.5, 0.75, 0.9)
RIDGES = (0.01, 0.1, 0.25, 0.5)
"""The paper tunes τ and λ_reg for each data set; this is the grid, of twelve cells."""

TRAINED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        **{name: {"model.initial": "glorot"} for name in ("ls", "circles", "moons", "ol")},
        **{
            name: {"model.initial": "glorot", "training.batch": 1000, "training.n_ce": 5000}
            for name in ("mnist", *TABLES)
        },
        "german": {"model.initial": "glorot", "training.batch": 100, "training.n_ce": 5000},
    }
)
"""Data → changes to the default training, which is the paper's for synthetic data. Initial weights are Glorot's, as in
its implementation. German credit, which the paper does not have, is small and has smaller batches."""

LOCKED: Mapping[str, tuple[int | str, ...]] = MappingProxyType(
    {
        "ls": (0,),
        "circles": (0,),
        "moons": (0,),
        "ol": (0,),
        "mnist": ("rows 1-5", "rows 24-28"),
        **{name: ("house age" if name == "california" else "age",) for name in TABLES},
    }
)
"""Data → locked features in the comparison of costs: the first feature, the upper and lower rows of pixels, or age."""

FACTUALS: Mapping[str, int] = MappingProxyType(
    {"ls": 250, "circles": 250, "moons": 250, "ol": 250, "mnist": 25, **dict.fromkeys(TABLES, TABLE_FACTUALS)}
)
"""Data → factuals of a round."""

CONVENTIONAL, FULL, OTHER = "vanilla", "full", "full other cell"
VARIANTS_COMPARED = (FULL, "adversarial", "energy")
"""Arms of the plausibility study: conventional training, the whole objective and its parts; and ``OTHER``, the whole
objective with the cell that the mutability study chose."""

LOCKED_CONVENTIONAL, LOCKED_FULL, LOCKED_OTHER = "vanilla locked", "full locked", "full locked other cell"
UNLOCKED = "full explained under lock"
"""Arms of the mutability study: conventional training explained under the lock, and the whole objective trained with
it; ``LOCKED_OTHER`` with the cell that the plausibility study chose, ``UNLOCKED`` trained without the lock."""

LOCKED_TAU = 0.5
"""τ of the searches that compare costs, as in the paper's study of locked features."""

MIN_REACHED = 0.45
"""Validity that the conventional model's locked advice must have on a draw that costs are compared on."""

MAX_SCOUTED: Mapping[str, int] = MappingProxyType(
    {"ls": 60, "circles": 60, "moons": 60, "ol": 60, "mnist": 5, **dict.fromkeys(TABLES, 30)}
)
"""Data → most draws that are tried to find such draws. Those of MNIST differ in training alone, those of tables also in
how rows are split."""

SOLVED: Mapping[str, int] = MappingProxyType(
    {**dict.fromkeys(("ls", "circles", "moons", "ol"), 25), **dict.fromkeys(TABLES, 10), "credit": 3, "gmsc": 3}
)
"""Data → factuals of each draw that are solved exactly; few where a proof takes seconds."""

SOLVING = 60.0
"""Seconds for a proof on a table."""

TOO_WIDE = ("mnist",)
"""Data that the exact search refuses."""

MAX_DRAWS: Mapping[str, int] = MappingProxyType({"mnist": 5})
"""Data → most draws, however many are requested: each of digits takes minutes."""

SELECTION_SEEDS: Mapping[str, int] = MappingProxyType({"mnist": 1, **dict.fromkeys(TABLES, 3)})
"""Data → most draws for choosing the settings; elsewhere all of them. Each draw of digits and of tables takes
minutes."""

WHOLE_DRAWS: Mapping[str, int] = MappingProxyType(dict.fromkeys(TABLES, 3))
"""Data → first draws in which all arms are trained; elsewhere all of them. In further draws of tables these are the two
that the columns of Table 1 compare."""

SELECTION_EPOCHS: Mapping[str, int] = MappingProxyType({"mnist": 20})
"""Data → most epochs before cells are compared; elsewhere all of them, as for the final models."""


class Choice(Settings):
    """A cell of the grid."""

    tau: float = Field(gt=0, lt=1, description="τ of the training's searches.")
    lambda_reg: float = Field(ge=0, le=1000, description="λ_reg: keep the energies small.")


CELLS = tuple(Choice(tau=tau, lambda_reg=ridge) for tau in TAUS for ridge in RIDGES)


class Reproduction(Settings):
    """Table 1 for some data sets, over draws of data and of training."""

    data: tuple[str, ...] = Field(USUAL, min_length=1)
    seeds: int = Field(5, ge=1, le=100, description="Draws of the data and of training: seeds 0, 1, …")
    rounds: int = Field(Protocol().rounds, ge=2, le=10_000, description="Rounds of the evaluation on test data.")
    selection_rounds: int = Field(20, ge=2, le=10_000, description="Rounds on validation data, for each cell.")
    epochs: int = Field(100, ge=1, le=10_000)
    cells: tuple[Choice, ...] = Field(CELLS, min_length=1, max_length=100)
    factuals: int | None = Field(None, ge=2, le=10_000, description="Factuals of a round; by default as in the paper.")
    level: float = Field(0.99, gt=0, lt=1)
    exact: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Test factuals of each draw that are also solved exactly; by default `SOLVED`.",
    )

    @field_validator("data", mode="before")
    @classmethod
    def _known_once(cls, data: Any) -> Any:
        names = [name.strip() for name in data.split(",") if name.strip()] if isinstance(data, str) else data
        if not isinstance(names, list | tuple) or not names:
            raise ConfigError("data", data, f"any of {', '.join(HERE)}, separated by commas")
        for name in names:
            if name not in HERE:
                raise ConfigError("data", name, f"any of {', '.join(HERE)}")
        return tuple(name for name in HERE if name in names)

    @classmethod
    def quick(cls, **values: Any) -> Reproduction:
        """A tenth of the work, to check that everything runs; its numbers are rough."""
        return cls(**{"seeds": 2, "rounds": 20, "selection_rounds": 5, "epochs": 30, **values})

    @property
    def key(self) -> str:
        """16 hexadecimal digits that identify the settings and the algorithm's version."""
        # What came after results had been stored leaves their keys as they were.
        settings = self.model_dump_json(exclude={"exact"} if self.exact is None else None)
        text = f"{ALGORITHM_VERSION}:{Protocol().key}:{settings}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    # -- experiments and protocols --------------------------------------------------------------------

    def draws(self, data: str) -> int:
        """Draws of the final models of a data set."""
        return min(self.seeds, MAX_DRAWS.get(data, self.seeds))

    def selecting(self, data: str) -> range:
        """Draws on which the settings of a data set are chosen."""
        return range(min(self.draws(data), SELECTION_SEEDS.get(data, self.seeds)))

    def selection(self, data: str, seed: int) -> Experiment:
        """Every cell of the grid and conventional training, without locks; arms ``vanilla``, ``cell 1``, …"""
        cells = [Arm(name=cell_name(i), **cell.model_dump()) for i, cell in enumerate(self.cells)]
        return self.experiment(data, seed, [Arm.variant(CONVENTIONAL), *cells], self._selection_epochs(data))

    def final(self, data: str, seed: int, cell: Choice, other: Choice) -> Experiment:
        """Conventional training, the objective and its parts with a cell, and the objective with another one."""
        arms = [
            Arm.variant(CONVENTIONAL),
            Arm.variant(FULL, **cell.model_dump()),
            Arm.variant("adversarial", tau=cell.tau),
            Arm.variant("energy", **cell.model_dump()),
            Arm(name=OTHER, **other.model_dump()),
        ]
        return self.experiment(data, seed, arms if self.is_whole(data, seed) else arms[:2])

    def judging(self, data: str, seed: int, cell: Choice, other: Choice) -> Experiment:
        """The models that are judged without a search: the final ones, of tables the two alone that are compared."""
        final = self.final(data, seed, cell, other)
        return final.replace({"arms": final.arms[:2]}) if data in WHOLE_DRAWS else final

    def scouting(self, data: str, seed: int) -> Experiment:
        """Conventional training alone, explained under the lock: shows whether this draw has locked advice."""
        return self.experiment(data, seed, [_conventional_locked(data)])

    def locked_selection(self, data: str, seed: int) -> Experiment:
        """Every cell of the grid, trained with the lock, and conventional training explained under it."""
        lock = LOCKED[data]
        cells = [Arm(name=cell_name(i), **cell.model_dump(), locked=lock) for i, cell in enumerate(self.cells)]
        return self.experiment(data, seed, [_conventional_locked(data), *cells], self._selection_epochs(data))

    def locked_final(self, data: str, seed: int, cell: Choice, other: Choice) -> Experiment:
        """Conventional training explained under the lock, the objective trained with it, with either cell, and the
        objective trained without it, which separates the effects of the lock and of the objective."""
        lock = LOCKED[data]
        arms = [
            _conventional_locked(data),
            Arm(name=LOCKED_FULL, **cell.model_dump(), locked=lock),
            Arm(name=LOCKED_OTHER, **other.model_dump(), locked=lock),
            Arm(name=UNLOCKED, **cell.model_dump(), locked=lock, lock_when="searching"),
        ]
        return self.experiment(data, seed, arms if self.is_whole(data, seed) else arms[:2])

    def is_whole(self, data: str, seed: int) -> bool:
        """Whether all arms of a draw are trained (``WHOLE_DRAWS``)."""
        return seed < WHOLE_DRAWS.get(data, seed + 1)

    def _selection_epochs(self, data: str) -> int:
        return min(self.epochs, SELECTION_EPOCHS.get(data, self.epochs))

    def experiment(self, data: str, seed: int, arms: Sequence[Arm], epochs: int | None = None) -> Experiment:
        """An experiment that keeps the models before and after training, without fields and paths."""
        epochs = epochs or self.epochs
        changes = {"data.name": data, "data.seed": seed, "seed": seed, "training.epochs": epochs}
        pictures = {"evaluation.field": 0, "evaluation.paths": 0, "evaluation.every": epochs}
        return Experiment().replace({**changes, **TRAINED[data], **pictures, "arms": arms})

    def on_validation(self, data: str) -> Protocol:
        """How cells are compared: on validation data, over fewer rounds, without attacks and attributions."""
        return Protocol(split="validation", rounds=self.selection_rounds, also=(), attacks=(), **self._common(data))

    def on_validation_locked(self, data: str) -> Protocol:
        """The same for costs under the lock."""
        return self.on_validation(data).model_copy(update={"tau": LOCKED_TAU})

    def on_test(self, data: str) -> Protocol:
        """The paper's protocol, with attacks; with IP* for images too, where columns are many also at the median
        distance."""
        kernels = () if data in TABLES else ("kernels",)
        also = ("robustness", *kernels, *(("median",) if at_median(data) else ()))
        return Protocol(rounds=self.rounds, also=also, **self._common(data))

    def on_test_locked(self, data: str) -> Protocol:
        """The paper's protocol for costs with locked features: a lower τ, and sensitivity to the locked features."""
        also = ("sensitivity",)
        return Protocol(rounds=self.rounds, tau=LOCKED_TAU, also=also, attacks=(), **self._common(data))

    def on_test_exactly(self, data: str) -> Protocol:
        """How the same models are judged without a search: some test factuals, solved exactly, and as good as no
        rounds."""
        shortest: dict[str, Any] = {"rounds": 2, "factuals": 2, "lambda_egy": (1.0,), "steps": 1}
        solved = SOLVED.get(data, 0) if self.exact is None or data in TOO_WIDE else self.exact
        limit = {"time_limit": SOLVING} if data in TABLES else {}
        return Protocol(**shortest, exact=solved, **limit, also=(), attacks=(), level=self.level)

    def _common(self, data: str) -> dict[str, Any]:
        return {"factuals": self.factuals or FACTUALS[data], "level": self.level}


def at_median(data: str) -> bool:
    """Whether IP* is measured at the median distance too, since of many columns its usual length scale says little."""
    return data in TABLES or data in TOO_WIDE


def cell_name(index: int) -> str:
    """Name of the arm that trains a cell, from 1."""
    return f"cell {index + 1}"


def _conventional_locked(data: str) -> Arm:
    return Arm(name=LOCKED_CONVENTIONAL, **VARIANTS["vanilla"], locked=LOCKED[data], lock_when="searching")
