"""Films of searches go by how far the searches move, whatever their steps are; the code of the browser, in Node."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.figures.node import run_module

SCRIPT = """
import { ahead, durations, lengthsOf } from "PLAYER/pacing.js";
const { paths, rows, count, seconds, times } = given;
const lengths = lengthsOf(paths, rows, count);
const lasting = durations(lengths, seconds);
console.log(JSON.stringify({ lengths: [...lengths], lasting: [...lasting],
  places: times.map((time) => ahead(0, time, lasting)) }));
"""
SIDE = 65535
"""Steps of a side, in which places travel."""

LEAP_AND_CRAWL = [(0, 0), (0.8, 0), (0.9, 0), (1, 0)]
"""One step of 0.8 of a side, two of 0.1."""


def film(*lines: list[tuple[float, float]], seconds: float = 10.0, times: tuple[float, ...] = ()) -> dict[str, Any]:
    """What is told of the film of these searches, all of which are seen."""
    starts = [0, *itertools.accumulate(len(line) for line in lines)][: len(lines)]
    points = [round(SIDE * value) for line in lines for point in line for value in point]
    steps = [len(line) - 1 for line in lines]
    paths = {"starts": starts, "steps": steps, "points": points}
    rows = list(range(len(lines)))
    return run_module(SCRIPT, {"paths": paths, "rows": rows, "count": max(steps), "seconds": seconds, "times": times})


def test_one_search_moves_evenly_along_its_path() -> None:
    found = film(LEAP_AND_CRAWL, times=(0, 2, 4, 8, 8.5, 10, 11))
    assert found["lengths"] == pytest.approx([0.8, 0.1, 0.1], abs=1e-4)
    assert found["lasting"] == pytest.approx([8, 1, 1], abs=1e-3), "by hand: in seconds, as long as it is far"
    places, left = zip(*found["places"], strict=True)
    assert places == pytest.approx([0, 0.25, 0.5, 1, 1.5, 3, 3], abs=2e-3), "at half of the leap after four seconds"
    assert left == pytest.approx([0, 0, 0, 0, 0, 0, 1], abs=1e-3), "what is left is the pause at the end"


def test_of_several_those_that_still_move_count() -> None:
    found = film(LEAP_AND_CRAWL, [(0, 0), (0, 0.4)], [(0.5, 0.5)])
    assert found["lengths"] == pytest.approx([0.6, 0.1, 0.1], abs=1e-4)
    steady = film([(0, i / 10) for i in range(8)], [(0, i / 10) for i in range(4)])
    assert steady["lasting"] == pytest.approx([10 / 7] * 7, abs=1e-3), "short steps last alike to the end"


def test_no_step_passes_unseen_and_what_stands_still_ends() -> None:
    tiny = film([(0, 0), (0.9999, 0), (1, 0)])["lasting"]
    assert tiny[1] > 0.4 and sum(tiny) == pytest.approx(10)
    assert film([(0.5, 0.5)] * 5)["lasting"] == [2.5] * 4
    assert film([(0.5, 0.5)], times=(1,))["places"] == [[0, 1]]
