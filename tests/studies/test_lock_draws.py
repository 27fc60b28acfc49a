"""How often a lock matters: what ships is what is computed, and effort is a mean over those who get advice."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from ctviz.experiments.engines.tasks import read_task
from ctviz.experiments.store import Store
from ctviz.paths import assets
from ctviz.studies import lock_draws as module
from ctviz.studies.lock_draws import (
    DRAWS,
    Effort,
    LockDraw,
    LockTask,
    effort_of,
    lock_draw,
    lock_draws,
    shipped_draws,
    to_json,
)


def test_the_draws_that_ship_are_those_that_are_computed() -> None:
    shipped = shipped_draws()
    assert [draw.seed for draw in shipped] == list(range(DRAWS))
    (less,) = [draw for draw in shipped if draw.seed == 6]  # that of the figure
    assert less.found == "less"
    again = lock_draw(6)
    assert (again.found, again.got) == (less.found, less.got)
    assert again.effort == pytest.approx(less.effort, rel=0.02)
    assert set(Counter(draw.found for draw in shipped)) <= set(get_args(Effort))
    assert to_json(list(shipped)).count("\n") == DRAWS + 2


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

    def made_up(seed: int) -> LockDraw:
        asked.append(seed)
        return LockDraw(seed, (1.5, None), (9, 0), "nobody")

    monkeypatch.setattr(module, "lock_draw", made_up)
    store, told = Store(tmp_path), []
    first = lock_draws(2, store, progress=lambda *said: told.append(said), workers=1)
    assert first == [made_up(0), made_up(1)]
    assert told == [(0, 2), (1, 2), (2, 2)]
    asked.clear()
    assert lock_draws(3, store, workers=1) == [*first, made_up(2)] and asked == [2, 2]
    module.LOCK_DRAWS.path(store, LockTask(1).key).write_bytes(b"damaged")
    asked.clear()
    assert lock_draws(3, store, workers=1)[1] == first[1] and asked == [1]


def test_a_draw_travels_as_text_and_is_named_by_its_experiment() -> None:
    assert read_task(LockTask(6).to_json()) == LockTask(6)
    assert len({LockTask(seed).key for seed in range(5)}) == 5
    assert LockTask(0).seconds > 0


def test_what_ships_is_written_as_it_is_read() -> None:
    text = (assets() / "paper" / "lock_draws.json").read_text(encoding="utf-8")
    assert to_json(shipped_draws()) == text
