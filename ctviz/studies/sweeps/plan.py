"""Planning a sweep: the stacks that are still to be trained, and their cost."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ctviz.experiments.config import Evaluation, Experiment
from ctviz.experiments.engines.cost import Estimate, TaskCost, slowdown, solving_seconds, task_cost
from ctviz.experiments.engines.task import Task, is_evaluated
from ctviz.experiments.store import Store
from ctviz.progress import duration
from ctviz.studies.sweeps.declaration import Cell, SharedSettings, Sweep, conventional
from ctviz.studies.sweeps.models import SweepModel, identity, models_of, with_seed
from ctviz.training.arm import Arm

MAX_WIDTH = 24
"""Most models in a stack, references included. Wider stacks save little (on moons, a model in a stack of 45 costs nine
tenths of one in a stack of 24), and several stacks can be trained in parallel. The same on every machine, so that keys
are too."""

MAX_BYTES = 1 << 30
"""Most working memory of a stack: stacks on images have few models."""

CONFIRM_ABOVE = 2000
"""Number of models from which a sweep needs a confirmation."""


@dataclass(frozen=True)
class ModelLocation:
    """Location of a model: its task, and the names of its arm and reference there."""

    task: Task
    arm: str
    reference: str

    @property
    def run(self) -> str:
        """Key of the run."""
        return self.task.run


@dataclass(frozen=True)
class Plan:
    """The plan of a sweep: its models, and the tasks that are left."""

    sweep: Sweep
    cells: tuple[Cell, ...]
    tasks: tuple[Task, ...]
    """Tasks that are left, in order."""
    places: Mapping[tuple[int, int], ModelLocation]
    """(index of the cell, seed) → location of the model."""
    done: frozenset[tuple[int, int]]
    """Models that are trained and evaluated."""
    to_train: int
    """Models that are still to be trained, references included."""
    seconds: float
    """Estimated time with one worker process."""
    solving: float
    """How much of it is for what is solved exactly."""
    bytes: int
    """Estimated size in the store."""

    @property
    def models(self) -> int:
        return len(self.places)

    def waiting(self, task: Task) -> int:
        """Number of the sweep's models in a task."""
        return sum(place.task.key == task.key for place in self.places.values())


@dataclass(frozen=True, kw_only=True)
class SweepEstimate(Estimate):
    """The estimated cost of a sweep: models in all and to train, seconds with these workers, bytes in the store."""

    models: int
    to_train: int
    bytes: int

    @property
    def words(self) -> str:
        """``135 models, 141 to train with their references, about 4 min and 2 MB``."""
        if not self.to_train and self.seconds < 1:
            return f"{self.models:,} models, all of which are there"
        cost = f"about {duration(self.seconds)} and {_size(self.bytes)}"
        return f"{self.models:,} models, {self.to_train:,} to train with their references, {cost}"


def plan(sweep: Sweep, store: Store, fresh: bool = False) -> Plan:
    """The tasks of a sweep that are not in the store yet.

    A model that any finished run holds, together with its reference, is not trained again. With ``fresh``, only runs of
    this very sweep count.

    Raises:
        ConfigError: a combination that cannot be trained, with its cell; models that cannot be solved exactly, where
            the protocol asks for it.
    """
    models = tuple(models_of(sweep))
    stored_arms: _StoredArms = {} if fresh else _stored_arms(store, {model.shared for model in models})
    distinct: dict[tuple[SharedSettings, str], SweepModel] = {}
    for model in models:  # cells may differ only in settings without effect
        distinct.setdefault((model.shared, model.arm.name), model)
    found = {what: _find(stored_arms, model, sweep, store) for what, model in distinct.items()}
    known = {what: place for what, place in found.items() if place is not None}
    # All models are split into stacks, so that the stacks stay the same whichever of them are done or have failed.
    for stack in stacks(list(distinct.values())):
        missing = [model for model in stack if (model.shared, model.arm.name) not in known]
        if missing:
            task = _task(missing, sweep)
            for model in missing:
                known[model.shared, model.arm.name] = ModelLocation(task, model.arm.name, model.reference.name)
    places = {(model.cell.index, model.seed): known[model.shared, model.arm.name] for model in models}
    tasks = {place.task.key: place.task for place in places.values()}
    trained = {key: store.status(p.run).state == "done" for key, p in tasks.items()}
    todo = {key: p for key, p in tasks.items() if not (trained[key] and is_evaluated(p, store))}
    for task in todo.values():
        task.protocol.check(task.experiment)
    scale = slowdown(store) if todo else 1.0
    whole = TaskCost.total(task_cost(p, scale, trained[key]) for key, p in todo.items())
    return Plan(
        sweep=sweep,
        cells=sweep.cells(),
        tasks=tuple(todo.values()),
        places=places,
        done=frozenset(where for where, place in places.items() if place.task.key not in todo),
        to_train=sum(len(p.experiment.arms) for key, p in todo.items() if not trained[key]),
        seconds=whole.seconds,
        solving=sum(scale * solving_seconds(p.experiment, p.protocol) for p in todo.values()),
        bytes=whole.bytes,
    )


def estimate(sweep: Sweep, store: Store, workers: int = 1, fresh: bool = False) -> SweepEstimate:
    """The estimated cost of a sweep; if it has very many models, extrapolated from a few cells.

    Raises:
        ConfigError: a combination that cannot be trained, with its cell.
    """
    if sweep.models > CONFIRM_ABOVE:
        return _roughly(sweep, store, workers)
    found = plan(sweep, store, fresh)
    seconds = found.seconds / max(1, min(workers, len(found.tasks)))
    return SweepEstimate(models=found.models, to_train=found.to_train, seconds=seconds, bytes=found.bytes)


def _roughly(sweep: Sweep, store: Store, workers: int) -> SweepEstimate:
    """Extrapolated from the cells with all lowest and all highest values, as if nothing were stored."""
    scale, width = slowdown(store), MAX_WIDTH - 1
    ends = _ends(sweep)
    prices = []
    for cell in ends:
        arm = sweep.arm_of(cell, sweep.base.seed)
        arms = tuple(Arm(**{**arm.model_dump(), "name": f"arm {i}"}) for i in range(MAX_WIDTH))
        prices.append(task_cost(Task(_stack(sweep.shared_settings(cell), arms), sweep.protocol), scale))
    whole, stacks = TaskCost.total(prices), sweep.models / width / len(ends)
    return SweepEstimate(
        models=sweep.models, to_train=sweep.models + int(sweep.models / width),
        seconds=whole.seconds * stacks / max(1, workers), bytes=int(whole.bytes * stacks),
    )  # fmt: skip


def _ends(sweep: Sweep) -> list[Cell]:
    return [Cell(index, tuple((axis.setting, sweep.end(axis, index)) for axis in sweep.axes)) for index in (0, -1)]


def _size(number: int) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{max(number / 1e6, 0.1):,.1f} MB"


# -- stored models ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _StoredArm:
    """An arm of a finished run, and its reference in that run."""

    experiment: Experiment
    arm: str
    reference: str


_StoredArms = dict[tuple[SharedSettings, str, str], list[_StoredArm]]


def _stored_arms(store: Store, groups: Container[SharedSettings]) -> _StoredArms:
    """The arms of finished runs with these shared settings: (settings, identity, identity of the reference) → arms."""
    stored_arms: _StoredArms = {}
    for info in store.list():
        experiment = info.experiment
        shared = SharedSettings.of(experiment)
        if info.state != "done" or shared not in groups:
            continue
        seeded = [arm if arm.seed is not None else with_seed(arm, experiment.seed) for arm in experiment.arms]
        names = {identity(arm): arm.name for arm in reversed(seeded)}  # the first of equal arms
        for arm in seeded:
            known, plain = identity(arm), identity(conventional(arm))
            if plain in names:
                held = _StoredArm(experiment, names[known], names[plain])
                stored_arms.setdefault((shared, known, plain), []).append(held)
    return stored_arms


def _find(stored_arms: _StoredArms, model: SweepModel, sweep: Sweep, store: Store) -> ModelLocation | None:
    """Location of a stored model: an evaluated run if there is one; ties go to the smallest key."""
    held = stored_arms.get((model.shared, model.arm.name, model.reference.name), [])
    places = [
        ModelLocation(Task(each.experiment, sweep.protocol), each.arm, each.reference)
        for each in sorted(held, key=lambda each: each.experiment.key)
    ]
    return next((place for place in places if is_evaluated(place.task, store)), places[0] if places else None)


# -- stacks -------------------------------------------------------------------------------------------


def stacks(models: Sequence[SweepModel]) -> Iterator[list[SweepModel]]:
    """Models that are trained together: with the same shared settings, in stacks of about equal size, seed by seed.

    The split depends on the models alone. There are at least two stacks if there are enough models.
    """
    groups: dict[SharedSettings, dict[int, list[SweepModel]]] = {}
    for model in models:
        groups.setdefault(model.shared, {}).setdefault(model.seed, []).append(model)
    for shared, seeds in groups.items():
        most = _width(shared)
        for group in _packed(list(seeds.values()), most):
            yield from _split(group, most)


def _width(shared: SharedSettings) -> int:
    """Most models in a stack besides a reference, given the memory that each needs."""
    data, _, training = shared
    each = 4 * data.d * (data.n_train + 20 * training.n_ce)
    return max(1, min(MAX_WIDTH, MAX_BYTES // each) - 1)


def _packed(seeds: list[list[SweepModel]], most: int) -> Iterator[list[SweepModel]]:
    """Seeds with few models share a stack."""
    held: list[SweepModel] = []
    for models in seeds:
        if held and len(held) + len(models) > most:
            yield held
            held = []
        held = held + models
    if held:
        yield held


def _split(models: list[SweepModel], most: int) -> Iterator[list[SweepModel]]:
    least = 2 if len(models) >= MAX_WIDTH // 2 else 1
    parts = max(least, -(-len(models) // most))
    size, more = divmod(len(models), parts)
    start = 0
    for part in range(parts):
        end = start + size + (part < more)
        yield models[start:end]
        start = end


def _task(stack: Iterable[SweepModel], sweep: Sweep) -> Task:
    stack = list(stack)
    references = {model.reference.name: model.reference for model in stack}
    arms = {**references, **{model.arm.name: model.arm for model in stack}}
    pairs = {model.arm.name: model.reference.name for model in stack if model.arm.name != model.reference.name}
    return Task(_stack(stack[0].shared, tuple(arms.values())), sweep.protocol, tuple(pairs.items()))


def _stack(shared: SharedSettings, arms: tuple[Arm, ...]) -> Experiment:
    """An experiment that records little but the weights of the last epoch; its arms have their own seeds."""
    recorded = Evaluation(field=0, paths=0, every=shared.training.epochs, factuals=50)
    return Experiment(**shared._asdict(), evaluation=recorded, arms=arms, seed=0)
