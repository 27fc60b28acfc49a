"""How often a lock matters: what ships is what is computed, and effort is a mean over those who get advice."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from ctviz.errors import StoreError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.tasks import read_task
from ctviz.experiments.run import train
from ctviz.experiments.snapshot import Snapshot
from ctviz.experiments.store import Store
from ctviz.paths import assets
from ctviz.studies import lock_draws as module
from ctviz.studies.lock_draws import (
    DRAWS,
    FILE,
    PRESETS,
    Effort,
    LockDraw,
    LockTask,
    effort_of,
    experiment_of,
    lock_draw,
    lock_draws,
    shipped_draws,
    to_json,
)


@pytest.fixture(scope="module")
def last() -> Snapshot:
    """The models of the draw of the figure, of both presets: see the test below."""
    *_, last = train(experiment_of(6), "cpu")
    return last


@pytest.mark.parametrize("preset", PRESETS)
def test_the_draws_that_ship_are_those_that_are_computed(preset: str, last: Snapshot, monkeypatch) -> None:
    def trained(experiment: Experiment, device: str) -> list[Snapshot]:
        assert (experiment, device) == (experiment_of(6, preset), "cpu")
        return [last]

    monkeypatch.setattr(module, "train", trained)
    shipped = shipped_draws(preset)
    assert [draw.seed for draw in shipped] == list(range(DRAWS))
    (less,) = [draw for draw in shipped if draw.seed == 6]  # that of the figure
    assert less.found == "less"
    again = lock_draw(6, preset)
    assert (again.found, again.got) == (less.found, less.got)
    assert again.effort == pytest.approx(less.effort, rel=0.02)
    assert set(Counter(draw.found for draw in shipped)) <= set(get_args(Effort))


def test_both_presets_are_the_same_models_asked_with_other_steps() -> None:
    paper, short = (experiment_of(6, preset) for preset in PRESETS)
    steps = {f"evaluation.{name}": getattr(short.evaluation, name) for name in ("step_bound", "steps")}
    assert paper.replace(steps) == short
    assert short.evaluation.step_bound and not paper.evaluation.step_bound


def test_effort_counts_those_who_are_refused_and_get_advice() -> None:
    """Three people, two models; the first has no advice for the third one, the second does not refuse that one."""
    trace = SimpleNamespace(
        mature=np.array([[True, True, False], [True, True, True]]),
        predicted=np.array([[1, 1, 1], [1, 1, 0]]),
        distance=np.array([[[0.0, 1.0], [0.0, 2.0], [0.0, 6.0]], [[0.0, 5.0], [0.0, 7.0], [0.0, 9.0]]]),
    )
    arrived, effort, _ = effort_of(trace, wished=0)
    assert arrived.tolist() == [[True, True, False], [True, True, False]]
    assert effort.interval(0.9).value.tolist() == [1.5, 6.0]


def test_draws_are_computed_once_and_kept(tmp_path, monkeypatch) -> None:
    asked: list[int] = []

    def made_up(seed: int, preset: str = PRESETS[0]) -> LockDraw:
        asked.append(seed)
        return LockDraw(seed, (1.5, None), (9, 0), "nobody")

    monkeypatch.setattr(module, "lock_draw", made_up)
    store, told = Store(tmp_path), []
    first = lock_draws(count=2, store=store, progress=lambda *said: told.append(said), workers=1)
    assert first == [made_up(0), made_up(1)]
    assert told == [(0, 2), (1, 2), (2, 2)]
    asked.clear()
    assert lock_draws(count=3, store=store, workers=1) == [*first, made_up(2)] and asked == [2, 2]
    module.LOCK_DRAWS.path(store, LockTask(1).key).write_bytes(b"damaged")
    asked.clear()
    assert lock_draws(count=3, store=store, workers=1)[1] == first[1] and asked == [1]


def test_a_draw_travels_as_text_and_is_named_by_its_experiment() -> None:
    assert read_task(LockTask(6).to_json()) == LockTask(6)
    short = LockTask(6, PRESETS[1])
    assert read_task(short.to_json()) == short
    assert read_task('{"lock": {"seed": 6}}') == LockTask(6), "as it was written when there was one preset"
    assert len({LockTask(seed, preset).key for seed in range(5) for preset in PRESETS}) == 10
    assert LockTask(0).seconds > 0


def test_what_ships_is_written_as_it_is_read() -> None:
    text = (assets() / "paper" / FILE).read_text(encoding="utf-8")
    assert to_json({preset: shipped_draws(preset) for preset in PRESETS}) == text
    assert text.count("\n") == len(PRESETS) * (DRAWS + 1) + 1


def test_files_of_one_preset_are_still_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "assets", lambda: tmp_path)
    (tmp_path / "paper").mkdir()
    draw = '{"seed": 8, "effort": [2.4, null], "got": [100, 2], "found": "unlike"}'
    old = f'{{"preset": "figure1", "draws": [\n  {draw}\n]}}\n'
    (tmp_path / "paper" / FILE).write_text(old, encoding="utf-8")
    assert shipped_draws("figure1") == (LockDraw(8, (2.4, None), (100, 2), "unlike"),)
    with pytest.raises(StoreError, match="figure1-short"):
        shipped_draws("figure1-short")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"figure1": [{"seed": 8, "effort": [2.4], "got": [100, 2], "found": "more"}]}',
        '{"figure1": [{"seed": 8, "effort": ["a", "b"], "got": [100, 2], "found": "more"}]}',
        '{"figure1": [{"seed": 8, "effort": [2.4, 3.1], "got": [100, null], "found": "more"}]}',
        '{"figure1": [{"seed": 8, "effort": [2.4, 3.1], "got": [100, 2], "found": "of later"}]}',
    ],
)
def test_draws_that_say_something_else_are_refused(tmp_path, monkeypatch, text) -> None:
    monkeypatch.setattr(module, "assets", lambda: tmp_path)
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be read: "):
        shipped_draws("figure1")
