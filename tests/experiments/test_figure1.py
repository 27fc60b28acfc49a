"""The four claims of the paper's Figure 1, and where its lock acts, on two seeds of training: measured from the paths
as they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ctviz.evaluation.tilt import boundary_tilt
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import Training
from ctviz.experiments.snapshot import Snapshot

Numbers = npt.NDArray[np.float64]

SEEDS = (0, 1)
A, B, C, D, NEVER, SEARCHING, TRAINED, BARE = range(8)
"""The panels of the figure; the places of its lock, of which the last one, always, is D; and D without the shield."""

AGE = 1


@dataclass(frozen=True)
class Panels:
    """What every panel of every seed shows; arrays begin with (seeds 8)."""

    paths: Numbers  # s 8 b t+1 2
    mature: npt.NDArray[np.bool_]  # s 8 b
    cost: Numbers  # s 8: mean ℓ1 distance of the mature
    behind: Numbers  # s 2: mean distance of the mature from the boundary, of A and B
    to_centre: Numbers  # s 8 b: distance of the endpoint from the centre of the target cluster
    tilt: Numbers  # s 8: degrees
    accuracy: Numbers  # s 8
    validity: Numbers  # s 8
    spread: float  # standard deviation of a cluster


def to_boundary(training: Training, arm: int, points: Numbers) -> Numbers:
    """Distance of each point from the nearest place where the predicted class changes, by looking at a fine grid."""
    scene, side = training.scene, 400
    axes = [np.linspace(a, b, side) for a, b in zip(scene.lower, scene.upper, strict=True)]
    grid = np.stack(np.meshgrid(*axes), axis=-1)  # g g 2
    with torch.no_grad():
        nodes = torch.tensor(grid.reshape(-1, 2), dtype=torch.float32)
        predicted = training.stack.module(arm)(nodes).argmax(1).numpy().reshape(side, side)
    changes = np.zeros((side, side), dtype=bool)
    changes[:, 1:] |= predicted[:, 1:] != predicted[:, :-1]
    changes[1:] |= predicted[1:] != predicted[:-1]
    boundary = grid[changes]
    nearest: Numbers = np.array([np.sqrt(((boundary - p) ** 2).sum(1).min()) for p in points])
    return nearest


def panels_of(training: Training, snapshot: Snapshot) -> Panels:
    scene, found = training.scene, snapshot.paths
    assert found is not None
    shape = (len(SEEDS), 8)
    paths = scene.dequantise(found.points).astype(np.float64)  # m b t+1 2
    ends, starts, mature = paths[:, :, -1], paths[:, :, 0], found.mature
    X, y = (part.numpy() for part in training.data.train)
    centres = np.stack([X[y == c].mean(0) for c in (0, 1)]).astype(np.float64)
    moved = np.abs(ends - starts).sum(-1)
    lower, upper = (torch.from_numpy(bound) for bound in (scene.lower, scene.upper))
    tilt = boundary_tilt(training.stack, lower, upper, torch.from_numpy(centres).float())
    first = np.arange(len(paths)).reshape(shape)[:, [A, B]].ravel()
    behind = [to_boundary(training, arm, ends[arm][mature[arm]]).mean() for arm in first]
    return Panels(
        paths=paths.reshape(*shape, *paths.shape[1:]),
        mature=mature.reshape(*shape, -1),
        cost=np.array([m[keep].mean() for m, keep in zip(moved, mature, strict=True)]).reshape(shape),
        behind=np.array(behind).reshape(len(SEEDS), 2),
        to_centre=np.linalg.norm(ends - centres[scene.targets], axis=-1).reshape(*shape, -1),
        tilt=tilt.numpy().astype(np.float64).reshape(shape),
        accuracy=snapshot.metrics["validation_accuracy"].reshape(shape),
        validity=snapshot.metrics["validity"].reshape(shape),
        spread=float(X[y == 0].std(0).mean()),
    )


@pytest.fixture(scope="module")
def figure() -> Panels:
    """All models in one stack, and only the last epoch measured."""
    figure1, where = Experiment.preset("figure1"), Experiment.preset("where")
    assert figure1.model_dump(exclude={"arms"}) == where.model_dump(exclude={"arms"})
    *others, always = where.arms
    assert always.model_copy(update={"name": "full locked"}) == figure1.arms[D]
    arms = *figure1.arms, *others, always.model_copy(update={"name": "bare", "shield": "off"})
    stack = [{**arm.model_dump(), "name": f"{arm.name} {seed}", "seed": seed} for seed in SEEDS for arm in arms]
    light = figure1.replace({"evaluation.every": 100, "evaluation.field": 0, "evaluation.paths": 100})
    training = Training(Experiment(**{**light.model_dump(), "arms": stack}), device="cpu")
    return panels_of(training, list(training)[-1])


def test_all_models_classify_well_and_give_advice(figure: Panels) -> None:
    """Guards the claims: none is bought with accuracy, and means are over nearly everybody."""
    assert (figure.accuracy[:, : D + 1] > 0.99).all()
    assert (figure.mature.mean(-1)[:, [A, B, D]] > 0.9).all()
    assert (figure.mature.mean(-1)[:, C] > 0.7).all()  # too far for some


def test_a_conventional_advice_stops_right_behind_the_boundary(figure: Panels) -> None:
    assert (figure.behind[:, A] < figure.spread).all()
    assert (figure.behind[:, A] < figure.behind[:, B] / 2).all()


def test_b_counterfactual_training_leads_into_the_target_cluster(figure: Panels) -> None:
    near = (figure.to_centre < 3 * figure.spread) & figure.mature
    inside = near.sum(-1) / figure.mature.sum(-1)
    assert (inside[:, B] > 0.7).all()
    assert (inside[:, A] < 0.1).all()
    assert (figure.to_centre.mean(-1)[:, B] < figure.to_centre.mean(-1)[:, A] - 0.5).all()


def test_c_with_age_locked_conventional_advice_goes_sideways_and_far(figure: Panels) -> None:
    for panel in (C, D):
        age = figure.paths[:, panel, :, :, AGE]
        assert (age == age[:, :, :1]).all()
    assert (figure.cost[:, C] > figure.cost[:, A] * 1.2).all()


def test_d_training_with_the_lock_turns_the_boundary_and_shortens_the_way(figure: Panels) -> None:
    assert (figure.tilt[:, D] > figure.tilt[:, C] + 20).all()
    assert (figure.cost[:, D] < figure.cost[:, C] - 0.3).all()


def test_the_lock_alone_turns_nothing(figure: Panels) -> None:
    """Conventional training does not know of it: the boundary of (c) is that of (a)."""
    assert figure.tilt[:, C] == pytest.approx(figure.tilt[:, A], abs=0.01)


# -- where the lock acts -----------------------------------------------------------------------------------


def test_each_place_of_a_lock_does_its_own_part(figure: Panels) -> None:
    """In training it turns the boundary, in advice it keeps age as it is; both together cost least."""
    age = figure.paths[..., AGE]
    stays = (age == age[..., :1]).all(axis=(0, 2, 3))
    assert stays[[NEVER, SEARCHING, TRAINED, D]].tolist() == [False, True, False, True]
    assert figure.tilt[:, SEARCHING] == pytest.approx(figure.tilt[:, NEVER], abs=1)
    assert figure.tilt[:, D] == pytest.approx(figure.tilt[:, TRAINED], abs=1)
    assert (figure.tilt[:, D] > figure.tilt[:, NEVER]).all()
    assert (figure.cost[:, D] < figure.cost[:, SEARCHING]).all()


def test_without_the_shield_a_lock_in_training_does_harm(figure: Panels) -> None:
    """The searches obey, but the divergence still punishes a difference in age, which nobody can change."""
    validity, mature = figure.validity, figure.mature.mean(-1)
    assert (validity[:, D] > 0.95).all() and (validity[:, BARE] < 0.5).all()
    assert (mature[:, D] > 0.9).all() and (mature[:, BARE] < 0.5).all()
