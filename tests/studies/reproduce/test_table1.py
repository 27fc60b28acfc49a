"""A small part of the table, computed through the code that computes the whole."""

import json

import pytest

from ctviz.errors import StoreError
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.reports import has_report, stored_report
from ctviz.experiments.run import load_run
from ctviz.experiments.store import Store
from ctviz.studies.reproduce.estimate import estimate
from ctviz.studies.reproduce.pairs import paired_costs
from ctviz.studies.reproduce.reproduction import Choice, Reproduction
from ctviz.studies.reproduce.table1 import reproduce
from ctviz.studies.steps import Cancelled
from tests.studies.reproduce.here import Here

SMALL = Reproduction(
    data="moons",
    seeds=1,
    rounds=4,
    selection_rounds=3,
    factuals=20,
    epochs=4,
    exact=4,
    cells=(Choice(tau=0.5, lambda_reg=0.1), Choice(tau=0.75, lambda_reg=0.25)),
)


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """Store, engine, what was told on the way, and the result."""
    store, engine, told = Store(tmp_path_factory.mktemp("store")), Here(), []
    found = reproduce(SMALL, store, engine, lambda *step: told.append(step))
    return store, engine, told, found


def test_a_row_has_everything_that_is_reported(computed):
    row = computed[3].rows[0]
    for metric in ("ip", "ip_star", "cost"):
        outcome = row.outcome(metric)
        assert outcome.low <= outcome.reduction <= outcome.high
        assert outcome.reduction == pytest.approx(100 * (1 - outcome.value / outcome.base))
        assert outcome.agrees in (True, False)
    assert [draw.seed for draw in row.seeds] == [0]
    assert row.seeds[0].ip.reduction == pytest.approx(row.ip.reduction)
    assert row.room.floor < row.room.conventional < row.room.start
    assert row.room.counterfactual == row.ip.value
    assert {(part.arm, part.metric) for part in computed[3].ablation} == {
        (arm, metric) for arm in ("full", "adversarial", "energy") for metric in ("ip", "ip_star")
    }
    assert {(curve.arm, curve.attack) for curve in computed[3].robustness} == {
        (arm, attack) for arm in ("vanilla", "full", "adversarial", "energy") for attack in ("fgsm", "pgd")
    }
    found = {part.measure: part for part in computed[3].sensitivity}
    assert {part.feature for part in found.values()} == {"x1"}
    assert 0 < found["share"].value < 1
    assert found["standardised"].difference is not None


def test_cells_are_those_that_the_rule_takes_from_validation_data(computed):
    _, engine, _, found = computed
    settings = found.rows[0].settings
    for chosen in (settings.plausibility, settings.mutability):
        assert len(chosen.cells) == 2
        taken = next(cell for cell in chosen.cells if cell.tau == chosen.tau)
        if chosen.chosen_by == "score":
            assert taken.score == max(cell.score for cell in chosen.cells if cell.qualifies)
    splits = [(len(task.experiment.arms), task.protocol.split) for task in engine.given]
    assert splits[:5] == [(3, "validation"), (1, "validation"), (3, "validation"), (5, "test"), (4, "test")]
    assert splits[5:] == [(5, "test")] * 3  # the same models, searched in other steps, and solved exactly
    assert [task.protocol.exact for task in engine.given] == [0] * 7 + [4]


def test_the_exact_judge_says_what_its_report_does(computed):
    store, engine, _, found = computed
    row, report = found.rows[0], stored_report(engine.given[4 - 1].run, engine.given[-1].protocol, computed[0])
    pairs = report.compare()
    pairs = pairs[(pairs["arm"] == "full") & (pairs["reference"] == "vanilla")].set_index("metric")
    for metric in ("ip", "nearest", "nearest_five", "cost"):
        one = getattr(row.exact, metric)
        assert one.reduction == pytest.approx(pairs.loc[f"exact_{metric}", "reduction"], rel=1e-4)
        assert one.value == pytest.approx(pairs.loc[f"exact_{metric}", "value"], rel=1e-4)
    assert (row.exact.factuals, row.exact.draws, row.exact.tau) == (4, 1, 0.95)
    assert 0 <= row.exact.found <= 1 and 0 <= row.exact.proved <= 1
    table = report.reliability
    for curve in row.reliability:
        own = table[table["arm"] == curve.arm]
        assert list(curve.count) == own["count"].tolist() and sum(curve.count) == 600
        assert list(curve.accuracy) == pytest.approx(own["accuracy"].tolist())
        assert curve.accuracy_overall == pytest.approx(sum(own["count"] * own["accuracy"]) / 600)
    assert row.reliability[1].error == pytest.approx(row.seeds[0].calibration)
    assert store.status(engine.given[-1].run).state == "done"


def test_asked_again_nothing_is_trained_and_the_result_is_the_same(computed):
    store, _, _, found = computed
    engine = Here()
    again = reproduce(SMALL, store, engine)
    assert engine.given == []
    assert again.model_copy(update={"seconds": 0.0}) == found.model_copy(update={"seconds": 0.0})
    assert estimate(SMALL, store).seconds == 0
    assert estimate(SMALL.model_copy(update={"rounds": 5}), store).seconds > 0


def test_a_run_that_is_gone_is_trained_again_though_its_report_is_there(computed):
    store, given, _, found = computed[0], computed[1].given, computed[2], computed[3]
    final, looked_at = given[4], given[1]
    store.delete(final.run)
    store.delete(looked_at.run)
    assert has_report(final.run, final.protocol, store)
    assert estimate(SMALL, store).seconds > 0
    engine = Here()
    again = reproduce(SMALL, store, engine)
    assert engine.given == [looked_at, final]
    assert again.model_copy(update={"seconds": 0.0}) == found.model_copy(update={"seconds": 0.0})
    assert estimate(SMALL, store).seconds == 0


def test_progress_names_each_step_and_ends_it(computed):
    told = computed[2]
    steps = dict.fromkeys(doing for _, _, doing in told)
    assert len(steps) == 7
    for step in steps:
        counts = [(done, total) for done, total, doing in told if doing == step]
        assert counts[0][0] == 0
        assert counts[-1][0] == counts[-1][1]


def test_paired_costs_are_of_requests_that_both_models_meet(computed):
    store, engine, _, _ = computed
    final = engine.given[4]
    run = load_run(final.experiment.key, store)
    same = paired_costs(run, final.protocol, "vanilla locked", "vanilla locked")
    assert same.value == pytest.approx(same.base, rel=1e-5)
    found = paired_costs(run, final.protocol, "full locked", "vanilla locked")
    assert 0 < len(found.value) <= len(same.value)
    assert (found.base > 0).all()


def test_a_task_that_fails_is_a_sentence_and_what_is_done_stays(tmp_path):
    class Fails:
        def run(self, tasks, store, cancelled):
            for task in tasks:
                yield TaskResult(task, "The disk is full.", 0.1)

    with pytest.raises(StoreError, match=r"The disk is full\."):
        reproduce(SMALL, Store(tmp_path), Fails())


def test_stopped_it_says_that_it_goes_on(tmp_path):
    class Stops:
        def run(self, tasks, store, cancelled):
            yield from ()

    with pytest.raises(Cancelled, match="goes on from there"):
        reproduce(SMALL, Store(tmp_path), Stops(), cancelled=lambda: True)


def test_a_table_is_a_row_too_with_ip_star_at_the_median_distance_and_calibration(tmp_path):
    sizes = {"rounds": 3, "epochs": 2, "factuals": 10, "exact": 0, "cells": SMALL.cells[:1]}
    tiny = SMALL.model_copy(update={"data": ("german",), **sizes})
    engine = Here()
    found = reproduce(tiny, Store(tmp_path), engine)
    (row,) = found.rows
    assert row.exact is None and len(row.reliability) == 2
    assert row.settings.locked == ("age",) and row.settings.batch == 100
    assert row.ip.published is None and row.ip.agrees is None and row.ip.low <= row.ip.reduction <= row.ip.high
    assert row.ip_star_median.base != row.ip_star.base
    for draw in row.seeds:
        assert 0 <= draw.calibration <= 1 and 0 <= draw.conventional_calibration <= 1
    assert {part.feature for part in found.sensitivity} == {"age"}
    assert all(task.experiment.data.name == "german" for task in engine.given)
    assert type(found).from_json(found.to_json()) == found


def test_json_is_json(computed):
    assert json.loads(computed[3].to_json())["rows"][0]["title"] == "Moons"
