"""Small made-up runs for the tests of the store, and a program that writes one from another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import METRICS, Paths, Scene, Snapshot
from ctviz.experiments.store import Store

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 5
M, B, T, G = 2, 3, 6, 9


def small(seed=0, **changes):
    return Experiment.preset("moons").replace(
        {
            "training.epochs": EPOCHS,
            "evaluation.field": G,
            "evaluation.paths": B,
            "evaluation.steps": T,
            "model.hidden": [4],
            "seed": seed,
            **changes,
        }
    )


def scene(seed=0):
    rng = np.random.default_rng(seed)
    return Scene(
        lower=np.float32([-2, -1]),
        upper=np.float32([3, 2]),
        points=rng.normal(size=(20, 2)).astype(np.float32),
        labels=rng.integers(0, 2, 20).astype(np.uint8),
        factuals=rng.normal(size=(B, 2)).astype(np.float32),
        factual_labels=np.uint8([0, 1, 0]),
        targets=np.uint8([1, 0, 1]),
        classes=("left", "right"),
        features=("x1", "x2"),
    )


def snapshot(epoch, seed=0, *, plane=True):
    rng = np.random.default_rng([seed, epoch])
    metrics = {name: rng.normal(size=M) for name in METRICS}
    metrics["loss_div"][:] = [np.nan, np.inf]
    metrics["cost"][:] = [-np.inf, 1 / 3]
    steps = rng.integers(0, T + 1, (M, B)).astype(np.uint16)
    paths = Paths(
        points=rng.integers(0, 65536, (M, B, T + 1, 2)).astype(np.uint16),
        steps=steps,
        nascent=np.minimum(steps, 2).astype(np.uint16),
        mature=rng.random((M, B)) < 0.5,
    )
    return Snapshot(
        epoch=epoch,
        seconds=epoch * 0.1,
        metrics=metrics,
        weights={
            "0.weight": rng.normal(size=(M, 4, 2)).astype(np.float32),
            "0.bias": rng.normal(size=(M, 4)).astype(np.float32),
        },
        field=rng.integers(0, 256, (M, 1, G, G)).astype(np.uint8) if plane else None,
        paths=paths if plane else None,
    )


def write(store, experiment, epochs=EPOCHS, *, finish=True):
    """A run in the store, finished or interrupted."""
    writer = store.writer(experiment, "cpu")
    writer.scene(scene())
    for epoch in range(epochs + 1):
        writer.append(snapshot(epoch))
    if finish:
        writer.finish({"arms": ["vanilla", "full"]})
    else:
        writer._lock.release()  # as the system does when the process is gone
    return experiment.key


def same_snapshot(a, b):
    assert a.epoch == b.epoch and a.seconds == b.seconds
    for mine, theirs in ((a.metrics, b.metrics), (a.weights, b.weights)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name])
            assert mine[name].dtype == theirs[name].dtype
    assert (a.field is None) == (b.field is None) and (a.paths is None) == (b.paths is None)
    if a.field is not None:
        np.testing.assert_array_equal(a.field, b.field)
    if a.paths is not None:
        for part in ("points", "steps", "nascent", "mature"):
            np.testing.assert_array_equal(getattr(a.paths, part), getattr(b.paths, part))
            assert getattr(a.paths, part).dtype == getattr(b.paths, part).dtype


def same_scene(a, b):
    for name in ("lower", "upper", "points", "labels", "factuals", "factual_labels", "targets"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.classes, a.features) == (b.classes, b.features)


def process(root, what, *extra):
    """Another process that runs ``main`` below; it says a word on stdout when it has got so far."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.experiments.runs", str(root), what, *map(str, extra)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def main(root, what, *extra):
    from ctviz.experiments.store import claim

    store, experiment = Store(Path(root)), small()
    if what == "hold":  # write two snapshots, then wait to be killed
        writer = store.writer(experiment, "cpu")
        writer.append(snapshot(0))
        writer.append(snapshot(1))
        print("holding", flush=True)
        sys.stdin.read()
    if what == "compute":  # once both are ready
        print("ready", flush=True)
        sys.stdin.readline()
        writer = claim(store, experiment, "cpu", cancelled=lambda: False)
        if writer is not None:
            with writer, Path(extra[0]).open("a", encoding="utf-8") as file:
                file.write("computed\n")
                for epoch in range(EPOCHS + 1):
                    writer.append(snapshot(epoch))
                writer.finish({})
        print(store.status(experiment.key).state, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
