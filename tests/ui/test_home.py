"""The sentence of Home against its picture: the shipped runs, searched in short steps, measured by loops."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

import ctviz
from ctviz.catalogue.findings import ON_AVERAGE, on_average
from ctviz.experiments.config import Experiment
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.run import load_run
from ctviz.figures.theme import arm_styles
from ctviz.prose import number
from ctviz.ui import home
from ctviz.ui.kit import link
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import Searches
from ctviz.ui.trajectories import words
from ctviz.ui.trajectories.tracks_view import FIRST, TracksView, question
from tests.reference import plausibility as slow

CONVENTIONAL, TRAINED = 0, 1


@pytest.fixture(scope="module")
def shown():
    """The shipped run, the searches on which the sentence rests, and their ends."""
    run, searches = load_run(Experiment.preset(home.PRESET).key), Searches(ctviz.open_store())
    run_view = RunView(run.experiment, run.scene, 0.0, list(run.snapshots))
    asked = home.question_of(run_view, target=0)
    trace = searches.answer(run_view, asked).traces[0]
    return run_view, trace, searches.endpoints(run_view, asked, trace)


def apart(trace, scene):
    """How far each search ends from the nearest sample in the picture, (m b)."""
    granted = scene.points[scene.labels == 0]
    return np.array([[slow.nearest(end, granted) for end in ends] for ends in trace.final])


def test_the_sentence_says_what_loops_over_the_picture_find(shown) -> None:
    run_view, trace, ends = shown
    found = apart(trace, run_view.scene)
    assert (trace.predicted == 1).all() and (trace.targets == 0).all(), "all set out from where loans are refused"
    theirs, ours = found.mean(axis=1)
    effort = np.abs(trace.final - trace.factuals).sum(axis=-1).mean(axis=1)
    said = home.finding_of(run_view, ends)
    closer, dearer = (int(n) for n in re.findall(r"(\d+) %", said))
    assert closer == pytest.approx(100 * (1 - ours / theirs), abs=0.51) and closer > 40
    assert dearer == pytest.approx(100 * (effort[TRAINED] / effort[CONVENTIONAL] - 1), abs=0.51)
    assert re.search(r"closer to .* at the price of \d+ % more effort\.$", said)


def test_the_search_that_is_shown_stands_for_all(shown) -> None:
    run_view, trace, _ = shown
    found = apart(trace, run_view.scene)
    chosen = home.typical(trace)
    for arm in (CONVENTIONAL, TRAINED):
        assert found[arm, chosen] == pytest.approx(found[arm].mean(), rel=0.25)


def test_the_way_can_be_seen(shown) -> None:
    run_view, trace, _ = shown
    X = load_run(run_view.key).data.train[0].numpy().astype(float)
    spread = math.sqrt(X.var(axis=0).sum())
    lengths = np.linalg.norm(np.diff(trace.points.astype(float), axis=2), axis=-1)
    assert lengths.max() <= 0.02 * spread * (1 + 1e-5)
    assert np.median(trace.steps) > 20


def test_trajectories_opens_with_the_same_search(shown) -> None:
    run_view, trace, _ = shown
    opened = link.read(FIRST, TracksView)
    asked = question(run_view, opened.view, live=False)
    assert opened.problems == () and opened.experiment.key == run_view.key
    assert asked == home.question_of(run_view, target=0)
    assert opened.view.selected == home.typical(trace)


def test_trajectories_leads_with_the_same_number_and_both_tell_the_other_distance(shown) -> None:
    run_view, trace, ends = shown
    styles = arm_styles(run_view.experiment)
    there = words.headline(trace, styles, ends, run_view.last)
    (here,) = re.findall(r"\d+ % closer to the nearest real sample", home.finding_of(run_view, ends))
    assert f"those of counterfactual training end {here}, at the price of" in there
    X, y = Explorer(run_view.experiment).data.validation
    granted = X[y == 0].numpy()
    theirs, ours = (np.mean([np.abs(granted - end).sum(axis=1).mean() for end in own]) for own in trace.final)
    other = f"{100 * (1 - ours / theirs):.0f} % closer to real data"
    assert on_average(ends, TRAINED) == f"Distance to real data (IP): {other}. {ON_AVERAGE}"
    (fact,) = (fact for fact in words.end_facts(ends, styles) if fact.words == other)
    assert fact.note == ON_AVERAGE


def test_less_to_gain_elsewhere_is_said_only_where_it_is_so(shown, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, here = shown
    searches = Searches(ctviz.open_store())
    monkeypatch.setattr(home, "searches", lambda: searches)
    run = load_run(Experiment.preset(home.ELSEWHERE).key)
    there = RunView(run.experiment, run.scene, 0.0, list(run.snapshots))
    service = SimpleNamespace(run_view=lambda key: there if key == run.key else None)
    asked = home.question_of(there, target=0)
    trace = searches.answer(there, asked).traces[0]
    theirs, ours = apart(trace, run.scene).mean(axis=1)
    assert home.caveat(service, here).endswith(f"on the moons, {number(ours)} instead of {number(theirs)}.")
    assert home.caveat(service, searches.endpoints(there, asked, trace)) == "", "not less than there"
    assert home.caveat(SimpleNamespace(run_view=lambda key: None), here) == ""
