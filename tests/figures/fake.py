"""Runs that nobody trained: a boundary that bends over the epochs, and paths across it, for tests of the stage."""

from __future__ import annotations

import numpy as np

from ctviz.experiments.energy import EnergyField, MeanEnergies, levels_of
from ctviz.experiments.snapshot import METRICS, Paths, Scene, Snapshot
from ctviz.figures.stage.recording import ArmLabel

LABELS = (
    ArmLabel("vanilla", "Conventional", "conventional"),
    ArmLabel("full", "Counterfactual training", "counterfactual"),
)


def labels(m: int) -> tuple[ArmLabel, ...]:
    """m labels; the first is conventional."""
    more = tuple(ArmLabel(f"full {i}", f"Counterfactual training {i}", "counterfactual") for i in range(2, m))
    return (LABELS + more)[:m]


def scene(k: int = 2, n: int = 600, b: int = 24, seed: int = 0) -> Scene:
    """Two moons for two classes, else k blobs on a circle."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    points = _draw(y, k, rng)
    start = rng.integers(0, k, b)
    factuals = _draw(start, k, rng)
    target = (start + rng.integers(1, k, b)) % k
    mean, std = points.mean(0), points.std(0)
    return Scene(
        lower=np.minimum(mean - 3 * std, points.min(0)).astype(np.float32),
        upper=np.maximum(mean + 3 * std, points.max(0)).astype(np.float32),
        points=points.astype(np.float32),
        labels=y.astype(np.uint8),
        factuals=factuals.astype(np.float32),
        factual_labels=start.astype(np.uint8),
        targets=target.astype(np.uint8),
        classes=tuple(f"class {i + 1}" for i in range(k)),
        features=("x1", "x2"),
    )


def _draw(y, k, rng):
    if k > 2:
        angle = 2 * np.pi * y / k + 0.4
        return np.stack([3 * np.cos(angle), 3 * np.sin(angle)], 1) + rng.normal(0, 0.7, (len(y), 2))
    angle = rng.uniform(0, np.pi, len(y))
    x1 = np.where(y == 0, np.cos(angle), 1 - np.cos(angle))
    x2 = np.where(y == 0, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack([x1, x2], 1) + rng.normal(0, 0.1, (len(y), 2))


def snapshots(
    on: Scene, m: int = 2, epochs: int = 100, g: int = 100, steps: int = 30, start: int = 0
) -> list[Snapshot]:
    """Epochs ``start`` to ``epochs`` of a run whose later arms keep their counterfactuals closer to the data."""
    return [_snapshot(on, m, e, epochs, g, steps) for e in range(start, epochs + 1)]


def logits(on: Scene, x: np.ndarray, share: float, arm: int) -> np.ndarray:
    """Logits (… k) at x (… 2) after a share of the training."""
    k = len(on.classes)
    bend = 1 / (1 + np.exp(-8 * (share - 0.35)))
    sharp = 0.6 + 7 * share / (1 + 0.5 * arm)
    if k == 2:
        angle = 0.9 * (1 - bend) - 0.15 * arm
        u = (x[..., 0] - 0.5) * np.cos(angle) + (x[..., 1] - 0.25) * np.sin(angle)
        v = -(x[..., 0] - 0.5) * np.sin(angle) + (x[..., 1] - 0.25) * np.cos(angle)
        score = sharp * (bend * 0.75 * np.sin(2.6 * u) * np.exp(-0.15 * u * u) - v)
        return np.stack([-score / 2, score / 2], -1)
    angle = 2 * np.pi * np.arange(k) / k + 0.4 + (1 - bend) * 0.7
    centres = np.stack([3 * np.cos(angle), 3 * np.sin(angle)], 1)
    return -sharp * 0.12 * ((x[..., None, :] - centres) ** 2).sum(-1)


def energies(on: Scene, shown: list[Snapshot], target: int, epochs: int = 100) -> EnergyField:
    """The energies of a class in such a run, which has no weights; the means rise by 1 with each epoch and arm."""
    m, g = shown[0].field.shape[0], shown[0].field.shape[-1]
    grid = np.stack(np.meshgrid(*(np.linspace(on.lower[i], on.upper[i], g) for i in (0, 1))), -1)
    levels = [[levels_of(-logits(on, grid, s.epoch / epochs, arm)[..., target]) for arm in range(m)] for s in shown]
    real = np.array([[s.epoch + arm for arm in range(m)] for s in shown], dtype=np.float64)
    mature = np.full(real.shape, 3)
    means = MeanEnergies(target, tuple(s.epoch for s in shown), real, real + 2.5, mature, 4, real, real)
    return EnergyField(means, np.array(levels, dtype=np.uint8), (-4.0, 1.0 + shown[-1].epoch))


def probabilities(on: Scene, x: np.ndarray, share: float, arm: int) -> np.ndarray:
    z = logits(on, x, share, arm)
    z = np.exp(z - z.max(-1, keepdims=True))
    return z / z.sum(-1, keepdims=True)


def _snapshot(on, m, epoch, epochs, g, steps):
    share = epoch / epochs
    axes = [np.linspace(on.lower[i], on.upper[i], g) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*axes), -1)  # row 0 is the lowest x2
    k = len(on.classes)
    planes = []
    for arm in range(m):
        p = probabilities(on, grid, share, arm)
        planes.append(p[None, ..., 1] if k == 2 else np.moveaxis(p, -1, 0))
    field = np.rint(255 * np.stack(planes)).astype(np.uint8)
    paths = [_paths(on, share, arm, steps) for arm in range(m)]
    stacked = Paths(*(np.stack(part) for part in zip(*paths, strict=True)))
    return Snapshot(epoch, 0.1 * epoch, _metrics(m, share), {}, field, stacked)


def _paths(on, share, arm, steps):
    """A walk from each factual to (arm 0: just past the middle; else: into) the nearest point of the target class."""
    b = len(on.factuals)
    ends = np.empty((b, 2))
    for i in range(b):
        own = on.points[on.labels == on.targets[i]]
        near = own[np.argsort(((own - on.factuals[i]) ** 2).sum(1))[3 * arm]]
        reach = 0.55 + 0.1 * np.sin(i) if arm == 0 else 0.65 + 0.35 * share
        ends[i] = on.factuals[i] + reach * (near - on.factuals[i])
    t = np.arange(steps + 1) / steps
    bow = 0.12 * np.sin(np.pi * t)[None, :, None] * np.stack([ends[:, 1], -ends[:, 0]], 1)[:, None, :]
    walk = on.factuals[:, None] + t[None, :, None] * (ends - on.factuals)[:, None] + bow
    taken = np.clip(steps - (np.arange(b) % 7) * 3, 1, steps).astype(np.uint16)
    for i in range(b):
        walk[i, taken[i] :] = walk[i, taken[i]]
    mature = (np.arange(b) % 6 != 5) | (share > 0.8)
    return on.quantise(walk.astype(np.float32)), taken, np.minimum(3, taken), mature


def _metrics(m, share):
    arms = np.arange(m)
    values = dict.fromkeys(METRICS, np.full(m, np.nan))
    values["validation_accuracy"] = np.clip(0.5 + 0.48 * (1 - np.exp(-5 * share)) - 0.005 * arms, 0, 1)
    values["validity"] = np.clip(0.6 + 0.4 * share - 0.02 * arms, 0, 1)
    values["ip"] = 1.9 - 0.7 * share * (arms > 0)
    values["cost"] = 0.8 + 0.2 * share * arms
    values["robust_accuracy"] = np.clip(0.5 + 0.3 * share + 0.05 * arms, 0, 1)
    return values
