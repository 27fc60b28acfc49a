"""The front: exactly those that no other beats, in every direction, with their conventional model beside them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ctviz.errors import ConfigError
from ctviz.figures.theme import LIGHT
from ctviz.figures.tradeoffs.cells import cells
from ctviz.figures.tradeoffs.front import _apart, front, pareto, points
from tests.figures.sweeps import made, penalties

ACROSS = penalties()
SIDES = st.sampled_from(["less", "more"])


def by_brute_force(values, better):
    """Pair by pair, from the definition."""

    def beats(one, other):
        signs = [1 if side == "less" else -1 for side in better]
        pairs = [(s * a, s * b) for s, a, b in zip(signs, one, other, strict=True)]
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    known = [bool(np.isfinite(row).all()) for row in values]
    return [
        known[i] and not any(known[j] and beats(values[j], values[i]) for j in range(len(values)))
        for i in range(len(values))
    ]  # fmt: skip


@given(st.data())
def test_the_front_is_that_of_brute_force(data):
    q = data.draw(st.integers(1, 3))
    n = data.draw(st.integers(0, 12))
    # Few different numbers, so that there are ties and equals.
    entries = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan])
    values = data.draw(arrays.arrays(np.float64, (n, q), elements=entries))
    better = data.draw(st.lists(SIDES, min_size=q, max_size=q))
    assert pareto(values, better).tolist() == by_brute_force(values, better)


def test_by_hand():
    values = [[1, 4], [2, 2], [3, 3], [4, 1], [2, 2]]
    assert pareto(values, ["less", "less"]).tolist() == [True, True, False, True, True]
    assert pareto(values, ["more", "more"]).tolist() == [True, False, True, True, False]
    with pytest.raises(ConfigError, match="better"):
        pareto(values, ["less"])


def drawn(figure):
    """Steps, beaten cells, cells of the front, and what lies above."""
    steps, beaten, on, *rest = figure.data
    return steps, beaten, on, rest


def test_every_measured_cell_is_drawn_once_and_answers():
    _, beaten, on, _ = drawn(front(ACROSS, "ip", "validity", LIGHT))
    pressed = sorted(int(cell) for trace in (beaten, on) for (cell,) in trace.customdata)
    assert pressed == [cell for cell in range(45) if cell not in (7, 44)]
    assert beaten.marker.symbol != on.marker.symbol  # not by colour alone


def test_shares_are_in_percent_and_errors_over_seeds():
    _, beaten, on, _ = drawn(front(ACROSS, "ip", "validity", LIGHT))
    frame = cells(ACROSS, "validity", "value").set_index("cell")
    for trace in (beaten, on):
        for y, error, (cell,) in zip(trace.y, trace.error_y.array, trace.customdata, strict=True):
            assert y == pytest.approx(100 * frame.loc[cell, "shown"], rel=1e-4)
            assert error == pytest.approx(100 * frame.loc[cell, "error"], rel=1e-4)


def test_steps_join_the_front_and_never_cross_a_better_cell():
    for metrics in (("ip", "cost"), ("ip", "validity"), ("validity", "ip"), ("validity", "accuracy")):
        for measure in ("value", "reduction"):
            figure = front(ACROSS, *metrics, LIGHT, measure=measure)
            steps, _, on, _ = drawn(figure)
            assert sorted(zip(steps.x, steps.y, strict=True)) == sorted(zip(on.x, on.y, strict=True))
            found = points(ACROSS, *metrics, measure)
            # A corner of the steps is as bad as the worse of both neighbours in each metric.
            for (x0, y0), (x1, y1) in zip(zip(steps.x, steps.y, strict=True), list(zip(steps.x, steps.y,
                                          strict=True))[1:], strict=False):  # fmt: skip
                corner = (x1, y0) if steps.line.shape == "hv" else (x0, y1)
                worse = [max if side == "less" else min for side in found.better]
                assert corner == (worse[0](x0, x1), worse[1](y0, y1))


def test_the_conventional_model_is_a_point_of_its_own():
    *_, rest = drawn(front(ACROSS, "ip", "cost", LIGHT))
    (conventional,) = [trace for trace in rest if trace.marker.symbol == "diamond"]
    assert (conventional.x[0], conventional.y[0]) == (1.4, 1.1)
    *_, rest = drawn(front(ACROSS, "ip", "cost", LIGHT, measure="reduction"))
    assert (rest[-1].x, rest[-1].y) == ((0.0,), (0.0,))


def test_conventional_models_of_different_data_are_all_there():
    other = made({"data.name": ("moons",)})
    other["base"] *= 2
    other["cell"] += 100
    both = pd.concat([made({"data.name": ("circles",)}), other])
    assert len(points(both, "ip", "cost").conventional) == 2


def test_paper_and_selected_are_ringed():
    plain, marked = front(ACROSS, "ip", "cost", LIGHT), front(ACROSS, "ip", "cost", LIGHT, paper=33, selected=12)
    assert len(marked.data) == len(plain.data) + 2
    assert "paper's settings" in [note.text for note in marked.layout.annotations]


def test_names_that_would_collide_are_left_out():
    across = ACROSS.copy()
    same = across["metric"].isin(["ip", "cost"])
    across.loc[same, "value"] = across.loc[same, "base"] * (1 - 1e-3 * across.loc[same, "cell"] / 45)
    named = [note.text for note in front(across, "ip", "cost", LIGHT, paper=3).layout.annotations][1:]
    assert named == ["conventional"]  # all lie in one corner of the errors' extent


def test_what_failed_is_on_no_front():
    across = penalties()
    found = points(across, "ip", "cost")
    cell = int(found.frame["cell"][found.front].iloc[0])
    across.loc[across["cell"] == cell, "state"] = "failed"
    again = points(across, "ip", "cost")
    assert cell not in again.frame["cell"][again.front].tolist() and again.front.any()


def test_a_brush_makes_a_front_of_what_is_left():
    _, beaten, on, _ = drawn(front(ACROSS, "ip", "cost", LIGHT, kept=[0, 1, 2]))
    assert len(beaten.x) + len(on.x) == 3 and len(on.x) >= 1


def test_nothing_measured_says_so():
    waiting = made({"tau": (0.5,)}, failed={0: ("waiting", "")})
    assert "no cell has both numbers yet" in [
        note.text for note in front(waiting, "ip", "cost", LIGHT).layout.annotations
    ]
    front(ACROSS, "ip", "cost", LIGHT, kept=[])


@pytest.mark.parametrize(("x", "y"), [("ip", "ip"), ("ip", "steps"), ("steps", "ip"), ("nonsense", "ip")])
def test_metrics_without_a_better_side_have_no_front(x, y):
    with pytest.raises(ConfigError):
        front(ACROSS, x, y, LIGHT)


def test_names_of_points_that_are_close_stand_above_and_below():
    one, other, third = (0.9, 0.9, "a", ""), (0.95, 0.92, "b", ""), (0.92, 0.91, "c", "")
    assert _apart([one, other], 1.0, 1.0, 0.5) == [(*one, False), (*other, True)]
    assert _apart([one, other, third], 1.0, 1.0, 0.5) == [(*one, False), (*other, True)]  # no room for a third
    assert _apart([other, one], 1.0, 1.0, 0.5) == [(*other, False)]  # above the lower one it would lie on the other
    far = (0.1, 0.1, "d", "")
    assert _apart([one, far], 1.0, 1.0, 0.5) == [(*one, False), (*far, True)]
