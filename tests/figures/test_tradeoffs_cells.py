"""What figures read of a sweep: one row for each cell, places on axes, brushes, the best cell."""

import gc
import math
import weakref

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from ctviz.errors import ConfigError
from ctviz.figures.tradeoffs.cells import (
    axes_of,
    best_cell,
    brushed,
    cell_with,
    cells,
    dimension,
    keep_cells,
    metrics_of,
    ordered,
    setting_of,
)
from tests.figures.sweeps import GRID, made, penalties

ACROSS = penalties()


def test_axes_and_metrics_are_told_apart_and_in_order():
    assert axes_of(ACROSS) == tuple(GRID)
    assert metrics_of(ACROSS) == ("ip", "ip_star", "cost", "validity", "accuracy", "steps")


def test_an_axis_and_a_metric_of_one_name_do_not_collide():
    across = made({"steps": (5, 25, 50)})
    assert axes_of(across) == ("steps",)
    assert dimension(across, "steps").entries == (5, 25, 50)
    assert dimension(across, "metric.steps", "value").entries[0] == pytest.approx(across["value"].iloc[5])


def test_a_reduction_has_the_table_s_own_interval_and_its_error():
    row = ACROSS[(ACROSS["cell"] == 3) & (ACROSS["metric"] == "ip")].iloc[0]
    found = cells(ACROSS, "ip").iloc[3]
    assert (found["shown"], found["low"], found["high"]) == (row["reduction"], row["low"], row["high"])
    # The standard error of the reduction is that of the value, in percent of the base.
    assert found["error"] == pytest.approx(100 * row["sd"] / row["base"] / math.sqrt(3))


def test_of_a_table_that_is_kept_cells_are_worked_out_once_as_long_as_it_is_there():
    across = penalties()
    before = cells(across, "ip")
    keep_cells(across)
    kept = cells(across, "ip")
    pd.testing.assert_frame_equal(kept, before)
    assert cells(across, "ip") is kept
    pd.testing.assert_frame_equal(cells(across, "ip", "value"), cells(ACROSS, "ip", "value"))
    gone = weakref.ref(kept)
    del across, kept
    gc.collect()
    assert gone() is None


def test_a_value_has_student_s_interval():
    row = ACROSS[(ACROSS["cell"] == 3) & (ACROSS["metric"] == "ip")].iloc[0]
    found = cells(ACROSS, "ip", "value", level=0.9).iloc[3]
    error = row["sd"] / math.sqrt(3)
    assert found["error"] == pytest.approx(error)
    assert found["high"] - found["shown"] == pytest.approx(student.ppf(0.95, 2) * error)


def test_one_seed_has_no_error_but_its_own_significance():
    across = made(GRID, seeds=1)
    across["significant"] = across["cell"] == 2
    found = cells(across, "ip")
    assert found["error"].isna().all() and cells(across, "ip", "value")["error"].isna().all()
    assert found.loc[found["sure"], "cell"].tolist() == [2]


def test_what_has_no_row_for_a_metric_is_still_a_cell():
    some = ACROSS[~((ACROSS["cell"] == 4) & (ACROSS["metric"] == "ip"))]
    found = cells(some, "ip")
    assert len(found) == 45 and math.isnan(found["shown"][4]) and not found["counts"][4]


def test_an_unknown_metric_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"metric.*nonsense.*ip, ip_star"):
        cells(ACROSS, "nonsense")


def test_values_are_ordered_as_people_expect():
    assert ordered([1.0, 0.01, np.float64(0.1), 1]) == [0.01, 0.1, 1.0]
    assert ordered(["revise", "eccco", "revise"]) == ["revise", "eccco"]
    assert ordered([(32, 16), None, (8,)]) == [None, "32, 16", "8"]


def test_few_numbers_are_categories_and_many_a_scale():
    few = dimension(ACROSS, "lambda_reg")
    assert few.categories == GRID["lambda_reg"]
    assert [text for _, text in few.ticks] == ["0", "0.01", "0.1", "0.25", "0.5"]
    many = made({"tau": tuple(np.geomspace(0.001, 1, 31).tolist())})
    scale = dimension(many, "tau")
    assert scale.categories == ()
    assert [text for _, text in scale.ticks] == ["0.001", "0.01", "0.1", "1"]
    assert np.diff(scale.places) == pytest.approx(np.full(30, 0.9 / 30))  # evenly, as they are drawn evenly in log


def test_places_lie_within_and_keep_order():
    one = dimension(ACROSS, "metric.ip")
    known = np.isfinite(one.places)
    assert known.sum() == 43 and one.places[known].min() >= 0 and one.places[known].max() <= 1
    values = np.array([v for v in one.entries if v is not None])
    assert (np.argsort(values) == np.argsort(one.places[known])).all()


def test_brushes_keep_what_lies_within_all_of_them():
    kept = brushed(ACROSS, {"lambda_div": frozenset({0.1, 1.0}), "metric.ip": (30.0, 60.0)})
    frame = cells(ACROSS, "ip")
    by_hand = frame[(frame["lambda_div"] >= 0.1) & frame["shown"].between(30, 60)]["cell"].tolist()
    assert list(kept) == by_hand and 0 < len(kept) < 45
    assert brushed(ACROSS, {}) == tuple(range(45))
    assert brushed(ACROSS, {"lambda_reg": (0.01, 0.1)}) == tuple(
        frame[frame["lambda_reg"].between(0.01, 0.1)]["cell"].tolist()
    )


def test_a_brush_on_a_metric_leaves_out_what_has_none():
    assert 7 not in brushed(ACROSS, {"metric.ip": (-1e9, 1e9)})


def test_a_brush_takes_text_and_missing_values_as_categories():
    across = made({"generator": ("eccco", "revise"), "data.separation": (None, 1.0)})
    assert brushed(across, {"generator": frozenset({"revise"}), "data.separation": frozenset({None})}) == (2,)
    assert brushed(across, {"generator": (0.0, 1.0)}) == ()


def test_an_unknown_axis_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"lambda_gone.*lambda_div"):
        brushed(ACROSS, {"lambda_gone": (0, 1)})


def test_a_cell_is_found_by_its_settings():
    paper = {"lambda_div": 1, "lambda_adv": 0.25, "lambda_reg": 0.1, "tau": 0.5}
    assert setting_of(ACROSS, cell_with(ACROSS, paper)) == "λ_div 1, λ_adv 0.25, λ_reg 0.1"
    assert cell_with(ACROSS, {"lambda_div": 1}) is None
    assert cell_with(ACROSS, paper | {"lambda_reg": 0.3}) is None


@pytest.mark.parametrize(("metric", "measure", "most"), [
    ("ip", "reduction", True), ("ip", "value", False), ("validity", "value", True), ("validity", "reduction", False),
])  # fmt: skip
def test_the_best_cell_is_on_the_better_side(metric, measure, most):
    shown = cells(ACROSS, metric, measure).set_index("cell")["shown"]
    assert best_cell(ACROSS, metric, measure) == (shown.idxmax() if most else shown.idxmin())


def test_what_failed_is_never_the_best():
    across = penalties()
    best = best_cell(across, "ip")
    across.loc[across["cell"] == best, "state"] = "failed"  # its numbers stay
    assert best_cell(across, "ip") not in (None, best)
    assert best_cell(across, "steps") is None  # neither side is better


def test_an_empty_sweep_has_nothing():
    empty = ACROSS.iloc[:0]
    assert cells(empty, "ip").empty and best_cell(empty, "ip") is None and brushed(empty, {}) == ()
    assert isinstance(cells(empty, "ip"), pd.DataFrame)
