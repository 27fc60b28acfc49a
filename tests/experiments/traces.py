"""A small trained run to search in, and snapshots made by hand whose answers are known."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

import ctviz
from ctviz import Experiment, SearchSettings, Snapshot
from ctviz.data.catalogue import load
from ctviz.experiments.explorer import Explorer
from ctviz.models.vae import Vae

EXPERIMENT = Experiment.preset("moons").replace(
    {
        "data.n_train": 200,
        "data.n_validation": 80,
        "data.n_test": 70,
        "training.epochs": 3,
        "training.n_ce": 60,
        "training.lr": 0.02,
        "model.hidden": [8],
        "model.activation": "tanh",
        "evaluation.field": 0,
        "evaluation.paths": 0,
        "evaluation.factuals": 5,
        "arms": "vanilla,full,locked,bounded",
        "arms.locked.locked": ["x2"],
        "arms.bounded.decrease_only": ["x1"],
        "arms.bounded.ranges": [["x2", -0.4, 0.7]],
    }
)
VANILLA, FULL, LOCKED, BOUNDED = range(4)
SETTINGS = SearchSettings(generator="eccco", tau=0.7, steps=20, step_size=0.1, epsilon=0.3)

K2 = {"model.hidden": [], "data.n_train": 60, "data.n_validation": 30, "data.n_test": 30, "evaluation.field": 0}


def _hasty(data, latent):
    return Vae.fit(load(data).train[0], latent, updates=200)


@cache
def run(activation="tanh"):
    """An explorer, and the snapshots of every epoch."""
    experiment = EXPERIMENT.replace({"model.activation": activation})
    return Explorer(experiment, partial(_hasty, experiment.data)), tuple(ctviz.train(experiment, device="cpu"))


@cache
def traced(generator="eccco", count=25, tau=0.7, epoch=-1):
    explorer, snapshots = run()
    X, _ = explorer.pick("random", count)
    targets = explorer.default_targets(X, snapshots[epoch])
    settings = SearchSettings(**{**SETTINGS.model_dump(), "generator": generator, "tau": tau})
    return explorer.trace(snapshots[epoch], X, targets, settings)


def snapshot(layers, epoch=1):
    """From the layers of one model, weight and bias each, or from those of several arms."""
    weights = {}
    for i, (weight, bias) in enumerate(layers):
        weights[f"{i}.weight"] = np.atleast_3d(np.float32(weight)) if np.ndim(weight) == 3 else np.float32([weight])
        weights[f"{i}.bias"] = np.atleast_2d(np.float32(bias))
    return Snapshot(epoch=epoch, seconds=0.0, metrics={}, weights=weights, field=None, paths=None)


def linear(slope, bias=0.0, axis=0, arms=1):
    """Arms with P(class 1) = σ(slope · x_axis + bias)."""
    weight = np.zeros((arms, 2, 2))
    weight[:, 1, axis] = slope
    return snapshot([(weight, np.tile([0.0, bias], (arms, 1)))])


def alone(**changes):
    """A linear model of one arm, whose constraints ``changes`` says; an explorer of it."""
    arms = {f"arms.full.{name}": value for name, value in changes.items()}
    return Explorer(Experiment.preset("moons").replace({**K2, "arms": "full", **arms}))


def probability(module, points, target):
    """softmax(M(x))[y⁺] by a plain module."""
    import torch

    with torch.no_grad():
        return module(torch.from_numpy(np.float32(points))).softmax(-1)[:, target].numpy()
