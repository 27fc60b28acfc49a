"""What was tried for readable digits: the rules that chose, and that what ships follows from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment
from ctviz.studies import readable
from ctviz.studies.readable import GROUPS, Group, Point, chosen, read_points, shipped_file

SMALL = Group(
    {"model.hidden": (8,), "data.n_train": 200, "data.n_validation": 60, "data.n_test": 60, "training.batch": 100,
     "training.n_ce": 20},
    {"box": {"epsilon": 1.0, "steps": 3}}, (1, 2),
)  # fmt: skip


def point(arm: str, accuracy: float, read_as: float, epoch: int = 1) -> Point:
    return Point("mlp", arm, epoch, accuracy, 0.5, read_as, 0.1, 1.0)


def test_the_most_readable_is_chosen_of_those_that_lose_little_where_there_is_something_to_show() -> None:
    plain = point("vanilla", 0.95, 0.04)
    assert chosen([plain, point("a", 0.93, 0.7), point("b", 0.9299, 0.9), point("c", 0.96, 0.6)]).arm == "a"
    later = replace(plain, epoch=2, accuracy=0.9)
    assert chosen([plain, later, point("a", 0.9, 0.9, epoch=2), point("b", 0.94, 0.8)]).arm == "a"
    for none in ([plain, point("a", 0.9, 0.9)], [replace(plain, read_as=0.05), point("a", 0.95, 0.9)]):
        with pytest.raises(ValueError, match="empty"):
            chosen(none)


def test_what_ships_was_measured_of_these_settings_and_the_preset_is_what_the_rule_chose() -> None:
    points = read_points(shipped_file())
    assert {(one.group, one.arm) for one in points} == {
        (name, arm) for name, group in GROUPS.items() for arm in ("vanilla", *group.arms)
    }
    best = chosen(points)
    group = GROUPS[best.group]
    experiment, preset = group.experiment, Experiment.preset("readable")
    arm = next(arm for arm in experiment.arms if arm.name == best.arm)
    assert preset.arms[1] == arm.model_copy(update={"name": "full"})
    assert (preset.model, preset.training.epochs) == (experiment.model, best.epoch)
    same = {"batch", "n_ce", "lr", "optimiser", "burnin"}
    assert preset.training.model_dump(include=same) == experiment.training.model_dump(include=same)


def test_points_that_a_file_holds_are_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, told = tmp_path / "readable.json", list[Point]()
    readable.build(path, {"small": SMALL}, told.append)
    assert [(one.arm, one.epoch) for one in told] == [("vanilla", 1), ("box", 1), ("vanilla", 2), ("box", 2)]
    assert tuple(told) == read_points(path)
    assert all(0 <= one.accuracy <= 1 and one.validity >= 0 for one in told)
    monkeypatch.setattr(readable, "points_of", lambda *_: pytest.fail("computed again"))
    readable.build(path, {"small": SMALL})
    path.write_text("[{}]", encoding="utf-8")
    with pytest.raises(CtvizError, match="missing or damaged"):
        read_points(path)
