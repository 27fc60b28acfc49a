"""Running an experiment: all arms are trained together, with a snapshot after every epoch, kept in the store."""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.data.catalogue import load
from ctviz.data.dataset import Dataset
from ctviz.data.given import GivenSettings, given
from ctviz.data.tables.settings import TABLES
from ctviz.errors import ConfigError, DataError, DeviceError, StoreError
from ctviz.experiments.config import Experiment, weights_of_networks, weights_per_model
from ctviz.experiments.measure import EpochEvaluator, field, make_scene
from ctviz.experiments.presets import PRESETS
from ctviz.experiments.snapshot import METRICS, Scene, Snapshot
from ctviz.experiments.store import RunWriter, Store, claim, open_store
from ctviz.isolation import isolated
from ctviz.models.stack import Stack
from ctviz.short_repr import ShortRepr
from ctviz.training.loop import Epoch
from ctviz.training.loop import train as train_stack

if TYPE_CHECKING:
    import pandas as pd

    from ctviz.models.vae import Vae

Summary = list[dict[str, Any]]

GPU_THRESHOLD = 1 << 20
"""Number of weights times batch size from which a GPU is worth its latency."""

MAX_BYTES = 2**30
"""Largest size of a stored run: it is held in memory as a whole when it is sealed and when it is loaded."""


def resolve_device(device: str, experiment: Experiment) -> torch.device:
    """``cpu``, ``cuda``, or with ``auto`` whichever suits the size of the experiment.

    Raises:
        ConfigError: an unknown device. DeviceError: ``cuda`` without a GPU.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError("device", device, "auto, cpu or cuda")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise DeviceError("device is 'cuda', but this machine has no CUDA device that torch can use; allowed: cpu.")
    if device == "auto":
        size = experiment.models * experiment.training.batch * weights_per_model(experiment)
        device = "cuda" if available and size >= GPU_THRESHOLD else "cpu"
    return torch.device(device)


def picture_bytes(experiment: Experiment) -> int:
    """Bytes of the fields and paths of all snapshots of a run, uncompressed."""
    settings, k = experiment.evaluation, experiment.data.classes
    planes = 1 if k == 2 else k
    one = planes * settings.field**2 + 2 * experiment.d * settings.paths * (settings.steps + 1)
    return len(experiment.arms) * one * _snapshots(experiment)


def check_size(experiment: Experiment) -> None:
    """Raise ``ConfigError`` for a run whose snapshots, uncompressed, would take more than ``MAX_BYTES``."""
    settings = experiment.evaluation
    weights = 4 * (experiment.models * weights_per_model(experiment) + weights_of_networks(experiment))
    size = picture_bytes(experiment) + weights * _snapshots(experiment)
    if size > MAX_BYTES:
        least = math.ceil(settings.every * size / MAX_BYTES)
        allowed = f"{least:,} or more here, for the stored run would take {size / 2**30:,.1f} GB"
        raise ConfigError("evaluation.every", settings.every, allowed)


def _snapshots(experiment: Experiment) -> int:
    """Upper bound on their number: before the first epoch, after every ``every`` epochs, after the last, and those in
    ``also``."""
    return experiment.training.epochs // experiment.evaluation.every + 2 + len(experiment.evaluation.also)


class Training:
    """One pass through an experiment: iterate for its snapshots, then ask for the summary."""

    @isolated()
    def __init__(self, experiment: Experiment, device: str = "auto", store: Store | None = None) -> None:
        """``store``: where the autoencoders of REVISE are read and kept."""
        self.experiment = experiment
        self.device = resolve_device(device, experiment)
        self.data = load(experiment.data)
        self._seeds = [seed for arm in experiment.arms for seed in arm.seeds(experiment.seed)]
        self.models = Stack.initialise(
            experiment.model, self.data.d, self.data.k, self._seeds, self.device, self.data.schema.grid
        )
        self.stack = self.models.in_arms(experiment.members)
        self._reference_data = ReferenceData.of(self.data, lambda latent: _vae(experiment, latent, store))
        self._evaluator = EpochEvaluator(
            experiment, self.data, self.data.validation, self.stack.flat, self._reference_data
        )
        self.scene = make_scene(experiment, self.data, self._evaluator)
        self._last: Epoch | None = None
        self._networks = self._first_networks()
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def __iter__(self) -> Iterator[Snapshot]:
        experiment, wanted = self.experiment, self.experiment.evaluation
        yield self._snapshot(0, {})
        each = [arm for arm in experiment.arms for _ in range(arm.models)]
        epochs = train_stack(self.models, self.data, each, experiment.training, self._seeds, self._reference_data)
        for found in epochs:
            epoch = replace(found, metrics=_means(found.metrics, experiment.members))
            self._last = epoch
            self._networks = epoch.networks
            last = epoch.epoch == experiment.training.epochs
            if epoch.epoch % wanted.every == 0 or epoch.epoch in wanted.also or last:
                yield self._snapshot(epoch.epoch, epoch.metrics)

    def _first_networks(self) -> Stack | None:
        """Those of CounterNet before the first epoch."""
        experiment, own = self.experiment, self.experiment.with_network
        if not own:
            return None
        from ctviz.models.counterfactual_networks import initial

        seeds = [experiment.arms[arm].seeds(experiment.seed)[0] for arm in own]
        return initial(self.data.d, self.data.k, seeds, self.models.flat)

    @isolated()
    def _snapshot(self, epoch: int, trained: dict[str, Any]) -> Snapshot:
        found = self._evaluator.search(self.stack, record=self.experiment.evaluation.paths > 0)
        measured = self._evaluator.metrics(self.stack, found)
        measured["validation_accuracy"] = measured.pop("accuracy")
        nothing = np.full(self.stack.m, np.nan)
        known = {**trained, **measured}
        return Snapshot(
            epoch=epoch,
            seconds=self.seconds,
            metrics={name: known.get(name, nothing) for name in METRICS},
            weights=self.stack.weights(),
            networks=self._networks.weights() if self._networks else {},
            field=field(self.stack, self.scene, self.experiment.evaluation.field),
            paths=self._evaluator.paths(self.scene, found, [self.experiment.evaluation.epsilon] * self.stack.m),
            origin=self.experiment.origin,
        )

    @isolated()
    def summary(self) -> Summary:
        """Per arm, after the last epoch: mature as in training, the rest measured on test data."""
        evaluator = EpochEvaluator(self.experiment, self.data, self.data.test, self.stack.flat, self._reference_data)
        measured = evaluator.metrics(self.stack, evaluator.search(self.stack))
        nothing = np.full(self.stack.m, np.nan)
        measured["mature"] = self._last.metrics["mature"] if self._last else nothing
        names = ("accuracy", "mature", "ip", "ip_star", "cost", "validity", "robust_accuracy")
        return [
            {"name": arm.name, **{name: _number(measured[name][i]) for name in names}}
            for i, arm in enumerate(self.experiment.arms)
        ]


def _means(metrics: dict[str, Any], members: Sequence[int]) -> dict[str, Any]:
    """Metrics of all models as those of the arms: of an ensemble, their mean."""
    if all(size == 1 for size in members):
        return metrics
    ends = np.cumsum(members)[:-1]
    return {name: np.array([own.mean() for own in np.split(values, ends)]) for name, values in metrics.items()}


def _vae(experiment: Experiment, latent: int, store: Store | None) -> Vae:
    from ctviz.experiments.vae import vae_for  # imported late: few runs need one

    return vae_for(experiment.data, latent, store)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def train(experiment: Experiment, device: str = "auto") -> Iterator[Snapshot]:
    """Train all arms together and yield a snapshot before the first epoch and after every ``evaluation.every``.

    Nothing is stored; stop iterating to cancel.
    """
    return iter(Training(experiment, device))


@dataclass(frozen=True, repr=False, eq=False)
class Run(ShortRepr):
    """A finished run."""

    experiment: Experiment
    scene: Scene
    snapshots: tuple[Snapshot, ...]
    summary: Summary
    seconds: float
    joined_key: str = ""

    @property
    def key(self) -> str:
        """Identifies the experiment and the version of the algorithm; of runs that were ``joined``, both, with a plus
        between them."""
        return self.joined_key or self.experiment.key

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms."""
        return tuple(arm.name for arm in self.experiment.arms)

    @property
    def data(self) -> Dataset:
        """The data of the run, with its splits ``train``, ``validation`` and ``test``."""
        return load(self.experiment.data)

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch, arm and metric that has a value: columns epoch, arm, metric, value."""
        return history(self.arms, self.snapshots)

    def snapshot(self, epoch: int | None = None) -> Snapshot:
        """The snapshot of an epoch; by default the last."""
        if epoch is None:
            return self.snapshots[-1]
        for snapshot in self.snapshots:
            if snapshot.epoch == epoch:
                return snapshot
        raise ConfigError("epoch", epoch, f"a stored epoch from 0 to {self.snapshots[-1].epoch}")

    @isolated()
    def model(self, arm: str, epoch: int | None = None) -> nn.Sequential:
        """One arm as a plain ``torch.nn.Module`` from (b d) to logits (b k), after ``epoch`` (default: the last)."""
        if arm not in self.arms:
            raise ConfigError("arm", arm, f"one of {', '.join(self.arms)}")
        experiment = self.experiment
        weights = self.snapshot(epoch).weights
        stack = Stack.from_weights(weights, experiment.model, experiment.data.grid, experiment.members)
        return stack.module(self.arms.index(arm)).eval()


def history(arms: Sequence[str], snapshots: Sequence[Snapshot]) -> pd.DataFrame:
    """Metrics of snapshots as a tidy table, without those that do not apply."""
    import pandas as pd

    rows = [
        (snapshot.epoch, arm, name, float(values[i]))
        for snapshot in snapshots
        for name, values in snapshot.metrics.items()
        for i, arm in enumerate(arms)
        if np.isfinite(values[i])
    ]
    return pd.DataFrame(rows, columns=["epoch", "arm", "metric", "value"])


def run(
    experiment: Experiment,
    device: str = "auto",
    store: Store | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """The run of an experiment: from the store if it is there, else trained now and stored.

    On a ``Dataset`` of the caller's it is trained each time and not stored: without the data, nobody could use it. One
    on a ``Table`` can be stored together with it, by ``keep``, and is then taken from there.

    Args:
        device: "auto", "cpu" or "cuda".
        store: where runs are read and kept; by default that of this machine (``CTVIZ_HOME``).
        progress: called with the epochs that are done and their total.

    Raises:
        ConfigError: a run that is too large to be stored.
        DeviceError, StoreError: no such device; the store cannot be used.
    """
    resolve_device(device, experiment)
    check_size(experiment)
    total = experiment.training.epochs
    if isinstance(experiment.data, GivenSettings):
        with suppress(StoreError):  # a store is not needed here
            kept = store or open_store()
            if kept.status(experiment.key).state == "done":
                return replace(load_run(experiment.key, kept), experiment=experiment)
        return _unstored(experiment, device, store, lambda done: progress(done, total) if progress else None)
    store = store or open_store()
    writer = claim(store, experiment, device, cancelled=lambda: False)
    if writer is not None:
        with writer:
            _write(experiment, device, store, writer, on_epoch=lambda done: progress(done, total) if progress else None)
    if progress:
        progress(total, total)
    return load_run(experiment.key, store)


def _unstored(experiment: Experiment, device: str, store: Store | None, on_epoch: Callable[[int], None]) -> Run:
    training, snapshots = Training(experiment, device, store), []
    for snapshot in training:
        snapshots.append(snapshot)
        on_epoch(snapshot.epoch)
    return Run(experiment, training.scene, tuple(snapshots), training.summary(), training.seconds)


def keep(run: Run, store: Store | None = None) -> None:
    """Stores a run on a table of the caller's with the table itself, so that ``load_run`` gives both; nothing happens
    to one that is stored already.

    The run is pinned: it is not removed for space.

    Raises:
        DataError: data that are no table of the caller's, which cannot be stored, or need not be.
        StoreError: the disk cannot be written; nothing is left there.
    """
    from ctviz.data.tables.kept import to_parquet  # imports pyarrow
    from ctviz.data.tables.table import Table

    store, experiment, data = store or open_store(), run.experiment, run.data
    if not isinstance(experiment.data, GivenSettings) or not isinstance(data, Table):
        raise DataError(f"{data.name} is no table of your own; only a run on one is kept with its data.")
    if store.status(run.key).state != "done":
        try:
            with store.writer(experiment, "cpu") as writer:
                writer.table(to_parquet(data))
                writer.scene(run.scene)
                for snapshot in run.snapshots:
                    writer.append(snapshot)
                writer.finish({"arms": run.summary, "seconds": run.seconds, "device": "cpu"})
        except StoreError:
            with suppress(StoreError):
                store.delete(run.key)
            raise
    store.labels.pin(run.key, True)
    if not store.labels.of(run.key).name:
        store.labels.rename(run.key, data.name)


def load_run(key: str, store: Store | None = None) -> Run:
    """A finished run from the store.

    Raises:
        StoreError: there is no such run, or it is not finished.
    """
    store = store or open_store()
    status = store.status(key)
    if status.state != "done":
        raise StoreError(f"Run {key} is {status.state}; only finished runs can be loaded.")
    scene, summary = store.scene(key), store.summary(key)
    if scene is None or summary is None:
        raise StoreError(f"Run {key} is not complete; train it again.")
    with suppress(StoreError):  # a read-only store can still be read
        store.touch(key)
    snapshots, experiment = tuple(store.snapshots(key)), store.experiment(key)
    if (table := store.table(key)) is not None:
        experiment = experiment.model_copy(update={"data": given(table, experiment.data.seed)})
    return Run(experiment, scene, snapshots, list(summary["arms"]), float(summary["seconds"]))


ARM_WITH_RULES = "these rules"
"""What ``joined`` calls the model that comes from another run: the one that was trained with the rules of a page."""


def joined(run: Run, other: Run) -> Run:
    """A run and the one model of another as one run, to ask them together: the epochs that both have, without pictures.

    Raises:
        DataError: another run of several models, on other data or of another architecture. ConfigError: a run that has
            a model called ``ARM_WITH_RULES``.
    """
    own, more = run.experiment, other.experiment
    if len(more.arms) != 1 or (own.data, own.model) != (more.data, more.model):
        raise DataError("Only a run of one model on the same data can stand beside another run.")
    arms = (*own.arms, more.arms[0].model_copy(update={"name": ARM_WITH_RULES}))
    experiment = Experiment(**{**own.model_dump(), "data": own.data, "arms": arms})
    theirs = {snapshot.epoch: snapshot for snapshot in other.snapshots}
    pairs = [(one, theirs[one.epoch]) for one in run.snapshots if one.epoch in theirs]
    if not pairs:
        raise DataError("The two runs have no epoch in common.")
    summary = [*run.summary, {**other.summary[0], "name": ARM_WITH_RULES}]
    snapshots = tuple(_side_by_side(*pair) for pair in pairs)
    return Run(experiment, run.scene, snapshots, summary, run.seconds + other.seconds, f"{run.key}+{other.key}")


def _side_by_side(one: Snapshot, other: Snapshot) -> Snapshot:
    """The models of both, those of the first before those of the other."""
    metrics = {name: np.concatenate([one.metrics[name], other.metrics[name]]) for name in one.metrics}
    weights = {name: np.concatenate([one.weights[name], other.weights[name]]) for name in one.weights}
    return replace(one, metrics=metrics, weights=weights, field=None, paths=None, origin="")


def load_joined(key: str, store: Store | None = None) -> Run:
    """The run that a key names, also one of runs that were ``joined``.

    Raises:
        StoreError, DataError: as ``load_run`` and ``joined``.
    """
    first, *more = (load_run(one, store) for one in key.split("+"))
    return joined(first, more[0]) if more else first


def run_job(experiment_json: str, root: str, device: str, cancelled: Callable[[], bool]) -> None:
    """A background job: train an experiment into the store at ``root``, unless it is there or being written."""
    experiment = Experiment.from_json(experiment_json)
    check_size(experiment)
    compute(experiment, open_store(Path(root)), device, cancelled)


def compute(experiment: Experiment, store: Store, device: str, cancelled: Callable[[], bool]) -> None:
    """Train an experiment into a store, unless it is there; waits while another process trains it.

    Raises:
        DataError: an experiment on a ``Dataset`` of the caller's, whose runs are not stored.
    """
    if isinstance(experiment.data, GivenSettings):
        raise DataError("A run on data that were handed over in Python is not stored; train it with ctviz.run.")
    writer = claim(store, experiment, device, cancelled)
    if writer is None:
        return
    with writer:
        if not _write(experiment, device, store, writer, cancelled=cancelled):
            writer.cancel()


def _write(
    experiment: Experiment,
    device: str,
    store: Store,
    writer: RunWriter,
    cancelled: Callable[[], bool] = lambda: False,
    on_epoch: Callable[[int], None] = lambda done: None,
) -> bool:
    """Train into the store; returns whether the training ran to its end."""
    training = Training(experiment, device, store)
    writer.scene(training.scene)
    for snapshot in training:
        writer.append(snapshot)
        on_epoch(snapshot.epoch)
        if cancelled() and snapshot.epoch < experiment.training.epochs:
            return False
    writer.finish({"arms": training.summary(), "seconds": training.seconds, "device": str(training.device)})
    return True


def build_presets(
    names: Sequence[str], folder: Path, on_preset: Callable[[str], None] = lambda name: None
) -> list[Path]:
    """Train presets and write them as shipped runs into ``folder``; without names, all presets; replaces what was
    there."""
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch))
        written = []
        for name in names or SHIPPED:
            on_preset(name)
            experiment = Experiment.preset(name)
            run(experiment, device="cpu", store=store)
            written.append(store.export(experiment.key, folder))
    if not names:
        lists = [path.read_text(encoding="utf-8") for path in folder.parent.glob(f"sweeps/*/{RUN_LIST}")]
        of_sweeps = {key for keys in lists for key in keys.split()}
        for record in folder.glob("*/run.json"):
            if record.parent not in written and record.parent.name not in of_sweeps:
                shutil.rmtree(record.parent)
    return written


RUN_LIST = "runs.txt"
"""File in the folder of a shipped sweep, with the keys of its runs, which are stored with those of the presets."""

SHIPPED = tuple(
    name for name in PRESETS if name not in ("blobs", "gaussians") and (name not in TABLES or TABLES[name].ships)
)
"""Presets whose runs ship with ctviz."""
