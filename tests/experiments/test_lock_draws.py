"""How often a lock matters: what ships is what is computed, and effort is a mean over those who get advice."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from ctviz.experiments.lock_draws import DRAWS, Effort, effort_of, lock_draw, shipped_draws, to_json


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
