"""What is said of searches: headlines in good grammar, counts, nothing claimed that chance may have made."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.evaluation.bootstrap import Interval
from ctviz.experiments.config import Experiment
from ctviz.experiments.endpoints import Endpoints
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.outcome import OUTCOMES
from ctviz.experiments.run import Training
from ctviz.experiments.snapshot import Snapshot
from ctviz.experiments.trace import Trace
from ctviz.figures.theme import arm_styles
from ctviz.ui.kit.facts import Fact, as_html
from ctviz.ui.trajectories import words as words

SMALL = Experiment.preset("moons").replace(
    {"training.epochs": 12, "data.n_train": 600, "training.n_ce": 100, "evaluation.field": 0, "evaluation.paths": 0}
)
STYLES = arm_styles(SMALL)
SEARCH = SearchSettings(tau=0.8, steps=40, step_size=0.1)


@cache
def trained() -> tuple[Explorer, Snapshot]:
    return Explorer(SMALL), list(Training(SMALL, "cpu"))[-1]


def searched(count: int = 20, **changes: object) -> Trace:
    explorer, snapshot = trained()
    X, _ = explorer.pick("random", count)
    settings = SEARCH.model_copy(update=changes)
    return explorer.trace(snapshot, X, explorer.default_targets(X, snapshot), settings)


def told(arrived: tuple[int, ...], out: tuple[int, ...], total: int = 10) -> Trace:
    """A trace with so many arrivals among so many searches that set out, per arm."""
    trace = searched(total)
    predicted = np.stack([np.where(np.arange(total) < n, 1 - trace.targets, trace.targets) for n in out])
    mature = np.stack([np.arange(total) < n for n in arrived])
    return replace(trace, predicted=predicted, mature=mature)


def measured(trace: Trace, low: float, high: float, ours: float = 0.5, effort: float = 1.0) -> Endpoints:
    """Ends of which the second arm's distance to a real sample is ``ours`` times the first's; so with ``effort``."""
    ends = trained()[0].endpoints(trace)
    nearest = Interval(np.array([2.0, 2.0 * ours]), np.zeros(2), np.ones(2))
    cost = Interval(np.array([2.0, 2.0 * effort]), np.zeros(2), np.ones(2))
    unclear = Interval(np.array([np.nan, 1.0]), np.array([np.nan, -1]), np.array([np.nan, 1]))
    differences = {
        "nearest": replace(unclear, low=np.array([np.nan, low]), high=np.array([np.nan, high])),
        "cost": unclear if effort == 1 else replace(unclear, low=np.array([np.nan, 0.1])),
    }
    metrics = {**ends.metrics, "nearest": nearest, "cost": cost}
    return replace(ends, metrics=metrics, differences={**ends.differences, **differences})


@pytest.mark.parametrize(
    ("arrived", "out", "expected"),
    [
        ((9, 8), (10, 10), "Conventional: 9 of 10 searches arrive; counterfactual training: 8."),
        ((9, 10), (10, 10), "Conventional: 9 of 10 searches arrive; counterfactual training: all 10."),
        ((0, 8), (10, 10), "Conventional: none of 10 searches arrive; counterfactual training: 8."),
        ((1, 8), (10, 10), "Conventional: 1 of 10 searches arrives; counterfactual training: 8."),
        ((1, 1), (10, 10), "1 of 10 searches arrives with both models."),
        ((10, 10), (10, 10), "All 10 searches arrive with both models."),
        ((0, 0), (10, 10), "None of 10 searches arrives with either model."),
        ((1, 0), (1, 1), "Conventional: 1 of 1 search arrives; counterfactual training: none."),
        ((9, 8), (10, 9), "Conventional: 9 of 10 searches arrive; counterfactual training: 8 of 9 searches arrive."),
        ((0, 0), (0, 0), "Every point is already in the class aimed at: there is nothing to search for."),
    ],
)
def test_the_headline_counts_those_that_set_out(arrived, out, expected) -> None:
    assert words.headline(told(arrived, out), STYLES, None, last=12) == expected


def test_the_headline_claims_only_what_is_more_than_chance() -> None:
    trace = told((9, 8), (10, 10))
    closer = words.headline(trace, STYLES, measured(trace, -2, -0.5), last=12)
    assert closer.endswith("counterfactual training: 8, and they end 50 % closer to the nearest real sample.")
    alike = words.headline(trace, STYLES, measured(trace, 0.001, 0.02, ours=1.005), last=12)
    assert alike.endswith(", and they end about as far from the nearest real sample.")
    farther = words.headline(trace, STYLES, measured(trace, 0.5, 2, ours=1.5), last=12)
    assert farther.endswith(", and they end 50 % farther from the nearest real sample.")
    unclear = words.headline(trace, STYLES, measured(trace, -1, 1), last=12)
    assert unclear.endswith("; no clear difference in how close to the nearest real sample they end.")


def test_the_headline_names_the_price_of_a_gain_and_what_comes_with_a_loss() -> None:
    trace = told((9, 8), (10, 10))
    gain = words.headline(trace, STYLES, measured(trace, -2, -0.5, effort=1.2), last=12)
    assert gain.endswith("they end 50 % closer to the nearest real sample, at the price of 20 % more effort.")
    loss = words.headline(trace, STYLES, measured(trace, 0.5, 2, ours=1.5, effort=1.2), last=12)
    assert loss.endswith("they end 50 % farther from the nearest real sample, with 20 % more effort.")


def test_the_headline_of_two_that_arrive_alike_says_whose_end_closer() -> None:
    trace = told((10, 10), (10, 10))
    said = words.headline(trace, STYLES, measured(trace, -2, -0.5), last=12)
    assert said == (
        "All 10 searches arrive with both models; those of counterfactual training end 50 % closer to the nearest real "
        "sample."
    )


def test_of_many_models_two_are_named() -> None:
    four = arm_styles(Experiment.preset("objectives"))
    trace = told((9, 9, 9, 8), (10, 10, 10, 10))
    assert words.headline(trace, four, None, last=12) == "Conventional: 9 of 10 searches arrive; “full”: 8."


def test_the_headline_says_when() -> None:
    trace = told((9, 8), (10, 10))
    assert words.headline(trace, STYLES, None, last=100).startswith("At epoch 12: Conventional: 9")


def test_the_headline_of_one_point() -> None:
    trace = searched(1)
    said = words.headline(trace, STYLES, None, last=12)
    assert said.startswith("Conventional ")
    assert "; counterfactual training " in said
    assert said.count(".") >= 1
    assert ".." not in said


def test_no_point_is_said() -> None:
    assert words.headline(searched(0), STYLES, None, last=12) == "There is no point to start from."


def test_leaps_are_said() -> None:
    trace = told((10, 10), (10, 10))
    leaping = replace(trace, steps=np.where(trace.mature, 1, 7))
    assert any("leap across the data" in note for note in words.notes(leaping, None, 10))
    walking = replace(trace, steps=np.where(np.arange(2)[:, None] == 0, 1, 5) * np.ones_like(trace.steps))
    assert not any("leap" in note for note in words.notes(walking, None, 10)), "one model's way can be seen"
    sampled = replace(leaping, settings=SearchSettings(generator="nearest"))
    assert not any("leap" in note for note in words.notes(sampled, None, 10)), "there are no steps to shorten"


def test_outcomes_are_counted_and_empty_ones_left_out() -> None:
    trace = replace(searched(10), outcome=np.array([[0] * 7 + [2] * 3, [0] * 10]))
    html = listed(words.outcome_facts(trace, STYLES))
    assert "<b>7 of 10</b>" in html
    assert "<b>10 of 10</b>" in html
    assert "Ran out of steps" in html
    assert "<b>3</b>" in html
    assert "Nowhere to go" not in html


def test_of_several_searches_of_a_point_the_nearest_that_arrived_is_told() -> None:
    trace = searched(2, generator="dice", per_factual=3, tau=0.6)
    mature = trace.mature.copy()
    mature[0, 3:] = [False, True, True]
    distance = trace.distance.copy()
    distance[0, 3:, -1] = [0.1, 0.7, 0.4]
    assert words.best_row(replace(trace, mature=mature, distance=distance), 0, 1) == 5
    mature[0, 3:] = False
    assert words.best_row(replace(trace, mature=mature), 0, 1) == 3


def test_one_search_is_told_for_each_model() -> None:
    explorer, _ = trained()
    html = listed(words.search_facts(explorer, searched(5), STYLES, 2))
    assert html.count("Steps taken") == 2
    assert html.count("Nascent until") == 2
    assert "was asked for" in html


def test_a_point_outside_of_the_data_is_mentioned() -> None:
    explorer, snapshot = trained()
    trace = explorer.trace(snapshot, [[50.0, 0.0]], [1], SEARCH)
    (said,) = words.notes(trace, 0, 1)
    assert said.startswith("This point lies outside of the range of the data")
    assert words.notes(searched(5), None, 5) == []


def test_fewer_samples_than_were_asked_for_are_mentioned() -> None:
    (said,) = words.notes(searched(5), None, 9)
    assert said == "The run has 5 such validation samples: fewer than 9, so all are searched from."


def test_what_the_headline_leaves_out_is_said() -> None:
    trace = told((10, 10), (10, 7))
    trace = replace(trace, outcome=np.full_like(trace.outcome, OUTCOMES.index("mature")))
    (said,) = (note for note in words.notes(trace, None, 10) if "left out of the headline" in note)
    assert "already" in said
    assert words.headline(trace, STYLES, None, last=12).endswith("counterfactual training: all 7 searches arrive.")
    assert not any("headline" in note for note in words.notes(told((10, 10), (10, 10)), None, 10))


def test_models_without_a_conventional_one_are_compared_with_the_first() -> None:
    styles = arm_styles(SMALL.replace({"arms": "eccco,other"}))
    assert words.headline(told((9, 8), (10, 10)), styles, None, last=12) == (
        "“eccco”: 9 of 10 searches arrive; “other”: 8."
    )


def test_the_lesson_is_told_in_numbers_and_a_sentence() -> None:
    explorer, _ = trained()
    trace = searched(5)
    loss_terms = [explorer.loss_terms(trace, arm, 0) for arm in range(2)]
    table = words.loss_terms_table(loss_terms, STYLES)
    assert "E(x⁺) − E(x′)" in table
    assert "This model is not penalised for it" in table
    assert table.count("<tr>") == 8


def test_ends_are_told_with_intervals_and_marks() -> None:
    trace = searched(20)
    table = words.ends_table(measured(trace, -2, -0.5), STYLES)
    assert "50 % closer to the nearest real sample *" in table
    assert "less is better" in table
    assert "Against conventional" in table
    unclear = words.ends_table(measured(trace, -2, 0.5), STYLES)
    assert "closer to real data *" not in unclear
    assert "no clear difference" in unclear


def test_nothing_measured_is_a_dash() -> None:
    trace = told((0, 0), (0, 0))
    table = words.ends_table(trained()[0].endpoints(trace), STYLES)
    assert "—" in table
    assert "nan" not in table


def listed(facts: list[Fact]) -> str:
    return "".join(map(as_html, facts))
