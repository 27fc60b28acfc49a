"""Searches shared by all sessions: made once, kept within bounds, in the order in which they were asked for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import Training
from ctviz.experiments.store import Store
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import Searches
from ctviz.ui.trajectories.tracks_view import TracksView, question

SMALL = Experiment.preset("moons").replace(
    {"training.epochs": 6, "data.n_train": 300, "training.n_ce": 60, "data.seed": 3, "evaluation.field": 0,
     "evaluation.paths": 4}
)  # fmt: skip


@cache
def run_view() -> RunView:
    training = Training(SMALL, "cpu")
    return RunView(SMALL, training.scene, 0.0, list(training))


@pytest.fixture
def searches(tmp_path) -> Searches:
    return Searches(Store(tmp_path))


def test_equal_questions_have_one_answer(searches: Searches) -> None:
    asked = question(run_view(), TracksView(count=5), live=False)
    again = question(run_view(), TracksView(count=5, step=3, selected=1, play=1), live=False)
    assert searches.answer(run_view(), asked) is searches.answer(run_view(), again), (
        "how it is looked at changes no answer"
    )
    assert searches.explorer(SMALL) is searches.explorer(SMALL)


@pytest.mark.parametrize(
    "changed", [{"count": 6}, {"pick": "class0"}, {"target": 1}, {"epoch": 2}, {"search": {"tau": 0.7}}]
)
def test_other_questions_have_other_keys(changed: dict) -> None:
    keys = {question(run_view(), TracksView(**{"count": 5, **values}), live=False).key for values in ({}, changed)}
    assert len(keys) == 2


def test_many_are_searched_at_the_epoch(searches: Searches) -> None:
    answer = searches.answer(run_view(), question(run_view(), TracksView(count=5, epoch=2), live=False))
    (trace,) = answer.traces
    assert (trace.epoch, len(trace)) == (2, 5)
    assert len(answer.labels) == 5
    measured = run_view().scene
    np.testing.assert_array_equal(trace.factuals[:4], measured.factuals, "the samples that the run was measured on")


def test_one_point_is_followed_over_all_epochs(searches: Searches) -> None:
    view = TracksView(pick="point", at=(0.5, 0.2))
    asked = question(run_view(), view, live=False)
    assert asked == question(run_view(), view.model_copy(update={"epoch": 2, "count": 7}), live=False)
    answer = searches.answer(run_view(), asked)
    assert [trace.epoch for trace in answer.traces] == list(range(7))
    assert {int(trace.targets[0]) for trace in answer.traces} == {int(answer.traces[-1].targets[0])}
    assert [answer.at(epoch).epoch for epoch in (0, 3, 99)] == [0, 3, 6]
    assert answer.labels is None


def test_while_it_trains_one_point_is_searched_at_the_newest_epoch_alone(searches: Searches) -> None:
    answer = searches.answer(run_view(), question(run_view(), TracksView(pick="point", at=(0.5, 0.2)), live=True))
    assert [trace.epoch for trace in answer.traces] == [6]


def test_one_search_over_the_epochs_is_that_of_each_epoch(searches: Searches) -> None:
    over = searches.answer(
        run_view(), question(run_view(), TracksView(pick="point", at=(0.5, 0.2), target=0), live=False)
    )
    live = searches.answer(
        run_view(), question(run_view(), TracksView(pick="point", at=(0.5, 0.2), target=0, epoch=3), live=True)
    )
    np.testing.assert_array_equal(over.at(3).points, live.traces[0].points)


def test_what_cannot_be_searched_is_raised_and_not_kept(searches: Searches) -> None:
    asked = question(run_view(), TracksView(pick="class7"), live=False)
    for _ in range(2):
        with pytest.raises(CtvizError):
            searches.answer(run_view(), asked)


def test_ends_are_measured_once(searches: Searches) -> None:
    asked = question(run_view(), TracksView(count=12), live=False)
    trace = searches.answer(run_view(), asked).traces[0]
    assert searches.endpoints(run_view(), asked, trace) is searches.endpoints(run_view(), asked, trace)
