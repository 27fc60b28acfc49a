"""How often a lock matters: the models of the paper's figure, trained on many draws of their data."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.errors import StoreError
from ctviz.evaluation.bootstrap import Bootstrap, Estimate
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.cost import about_seconds
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.run import train
from ctviz.experiments.snapshot import Snapshot
from ctviz.experiments.store import Store, open_store
from ctviz.experiments.store.artifacts import Kind
from ctviz.experiments.trace import Trace
from ctviz.paths import assets
from ctviz.studies.steps import Steps, all_done, carry_out
from ctviz.studies.task import StudyTask

DRAWS = 40
GROUP = 100
"""People who ask for advice: as many as make a share that can be said in words."""

LEVEL = 0.99
"""Of intervals."""

UNLIKE = 5
"""People more or fewer who get advice, from which on the efforts of two models are those of different people."""

FILE = "lock_draws.json"
"""What ships, among the results of the paper."""

PRESETS = ("figure1", "figure1-short")
"""Whose data were drawn: the same models, asked with the paper's steps and with short ones."""

Effort = Literal["less", "alike", "more", "unlike", "nobody"]


@dataclass(frozen=True)
class LockDraw:
    """One draw of the data: the effort of locked advice, conventional and with counterfactual training.

    ``effort`` is the mean ℓ1 distance of those who get advice, None where nobody does; ``found`` is what the second
    takes beside the first: "less" or "more" where the interval of the difference leaves out zero, "unlike" where the
    two have advice for clearly different numbers of people, "nobody" where one has none.
    """

    seed: int
    effort: tuple[float | None, float | None]
    got: tuple[int, int]
    found: Effort


def settings_of(experiment: Experiment) -> SearchSettings:
    """The search that advice is found by: the one the run is measured with, one counterfactual for each person."""
    fields = {name: getattr(experiment.evaluation, name) for name in SearchSettings.model_fields}
    return SearchSettings(**{**fields, "per_factual": 1})


def advise(explorer: Explorer, snapshot: Snapshot, wished: int) -> Trace:
    """The searches of up to 100 validation samples of the other classes for the wished one."""
    X, y = (part.numpy() for part in explorer.data.validation)
    people = X[y != wished][:GROUP]
    return explorer.trace(snapshot, people, np.full(len(people), wished), settings_of(explorer.experiment))


def effort_of(trace: Trace, wished: int) -> tuple[torch.Tensor, Estimate, torch.Tensor]:
    """Who is refused and gets advice (m b), the mean distance of theirs, and which two differ beyond chance (m m)."""
    arrived = torch.from_numpy(trace.mature & (trace.predicted != wished))
    effort = Bootstrap.of(arrived.shape[1]).mean(torch.from_numpy(trace.distance[:, :, -1]), arrived)
    return arrived, effort, effort.differs(LEVEL)


def experiment_of(seed: int, preset: str = PRESETS[0]) -> Experiment:
    """The experiment of one draw."""
    light = {"data.seed": seed, "evaluation.every": 100, "evaluation.field": 0}
    return Experiment.preset(preset).replace(light)


def lock_draw(seed: int, preset: str = PRESETS[0]) -> LockDraw:
    """Trains the four models on one draw and asks those under the lock for advice."""
    experiment = experiment_of(seed, preset)
    *_, last = train(experiment, "cpu")
    explorer = Explorer(experiment)
    X, y = explorer.data.train
    wished = int(torch.stack([X[y == c, 0].mean() for c in range(explorer.data.k)]).argmin())
    arrived, effort, differs = effort_of(advise(explorer, last, wished), wished)
    free, taught = (float(value) for value in effort.interval(LEVEL).value[-2:])
    known = tuple(round(value, 4) if math.isfinite(value) else None for value in (free, taught))
    got = arrived.sum(1).tolist()[-2:]
    found = _found(free, taught, got, bool(differs[-2, -1]))
    return LockDraw(seed, (known[0], known[1]), (got[0], got[1]), found)


def _found(free: float, taught: float, got: list[int], differs: bool) -> Effort:
    if not (math.isfinite(free) and math.isfinite(taught)):
        return "nobody"
    if abs(got[1] - got[0]) >= UNLIKE:
        return "unlike"
    return ("less" if taught < free else "more") if differs else "alike"


def to_json(draws: Mapping[str, Sequence[LockDraw]]) -> str:
    """The draws of each preset as they ship: one line for each."""
    told = [f'"{preset}": [\n' + ",\n".join(map(_line, found)) + "\n]" for preset, found in draws.items()]
    return "{" + ", ".join(told) + "}\n"


def from_json(text: str) -> dict[str, tuple[LockDraw, ...]]:
    """Inverse of ``to_json``; files of one preset, as they were at first, name it beside its draws.

    Raises:
        ValueError, KeyError, TypeError: the text is something else.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("it names no preset")
    of_one = {found["preset"]: found["draws"]} if "draws" in found else found
    return {preset: tuple(map(_draw, draws)) for preset, draws in of_one.items()}


def shipped_draws(preset: str) -> tuple[LockDraw, ...]:
    """The draws of a preset that ship with ctviz.

    Raises:
        StoreError: their file is damaged or missing, or lacks the preset.
    """
    path = assets() / "paper" / FILE
    try:
        return from_json(path.read_text(encoding="utf-8"))[preset]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read: {error}.") from None


# -- as a study -----------------------------------------------------------------------------------------


def _line(draw: LockDraw) -> str:
    return f"  {json.dumps(asdict(draw))}"


def _draw(values: Any) -> LockDraw:
    """From what ``asdict`` makes of it; raises any error for other values."""
    draw = LockDraw(values["seed"], tuple(values["effort"]), tuple(values["got"]), values["found"])
    numbers = draw.seed, *draw.got, *(one for one in draw.effort if one is not None)
    pairs = len(draw.effort) == len(draw.got) == 2
    if not pairs or draw.found not in get_args(Effort) or not all(isinstance(one, int | float) for one in numbers):
        raise ValueError(f"draw {draw.seed} does not say what was found")
    return draw


LOCK_DRAWS = Kind(
    "draw of a lock",
    folder="lock_draws",
    encode=lambda draw: json.dumps(asdict(draw)).encode(),
    decode=lambda content: _draw(json.loads(content)),
    old_name="{key}.json",
    max_bytes=1 << 16,
)
"""Draws in a store, by the key of their task."""


@dataclass(frozen=True)
class LockTask(StudyTask[LockDraw]):
    """One draw as a task of an engine."""

    seed: int
    preset: str = PRESETS[0]

    called: ClassVar[str] = "lock"
    results: ClassVar[Kind[LockDraw]] = LOCK_DRAWS

    @property
    def named(self) -> str:
        """The experiment, and how its advice is compared."""
        return f"lock draw:{experiment_of(self.seed, self.preset).key}:{GROUP}:{LEVEL}:{UNLIKE}"

    @property
    def seconds(self) -> float:
        """About how long it takes with one thread."""
        return about_seconds(experiment_of(self.seed, self.preset))

    @property
    def values(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_values(cls, values: Any) -> LockTask:
        """Inverse of ``values``."""
        return cls(int(values["seed"]), str(values.get("preset", PRESETS[0])))

    def measured(self, store: Store, cancelled: Callable[[], bool]) -> LockDraw:
        """It takes seconds, and is not cancelled."""
        return lock_draw(self.seed, self.preset)


def lock_draws(
    preset: str = PRESETS[0], count: int = DRAWS, store: Store | None = None, **options: Any
) -> list[LockDraw]:
    """The first draws of a preset's data; those in the store (by default that of this machine) are not computed again.

    Args:
        preset: whose models and search.
        count: their number.
        store: where they are read and kept.
        options: of ``carry_out``: engine, progress, cancelled.

    Raises:
        CtvizError: a draw cannot be computed or stored, or the work was cancelled.
    """
    store = store or open_store()
    return carry_out(_steps([LockTask(seed, preset) for seed in range(count)], store), store, **options)


def _steps(tasks: Sequence[LockTask], store: Store) -> Steps[list[LockDraw]]:
    yield from all_done([task for task in tasks if task.stored(store) is None], len(tasks))
    return [draw for task in tasks if (draw := task.stored(store))]
