"""Trajectories' state in the link, and what is put right where this run cannot answer it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.counterfactuals.search_settings import GeneratorName, SearchSettings
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.ui.kit import link
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import LAYERS
from ctviz.ui.kit.search import changed_search, measured_search
from ctviz.ui.trajectories.tracks_view import TracksView, check, settings_of

MOONS = Experiment.preset("moons")

points = st.tuples(st.floats(-100, 100), st.floats(-1e-3, 1e3))
searches = st.fixed_dictionaries(
    {},
    optional={
        "generator": st.sampled_from(get_args(GeneratorName)),
        "tau": st.floats(0.5, 0.999),
        "steps": st.integers(1, 1000),
        "step_size": st.floats(1e-6, 900),
        "neighbours": st.integers(1, 200),
    },
)
views = st.builds(
    TracksView,
    epoch=st.none() | st.integers(0, 10_000),
    play=st.sampled_from([0, 1]),
    step=st.none() | st.integers(0, 1000),
    pick=st.sampled_from(["point", "random", "class0", "class11"]),
    at=st.none() | points,
    count=st.integers(1, 1000),
    target=st.none() | st.integers(0, 9),
    selected=st.none() | st.integers(0, 999),
    layers=st.sets(st.sampled_from(LAYERS)).map(tuple),
    search=searches,
)


@given(views)
def test_round_trip(view: TracksView) -> None:
    opened = link.read(link.write(MOONS, view), TracksView)
    assert (opened.experiment, opened.view, opened.problems) == (MOONS, view, ())


def test_defaults_are_left_out() -> None:
    assert link.write(MOONS, TracksView()) == {"preset": "moons"}


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("at", "nan,1", "allowed"),
        ("at", "1,inf", "allowed"),
        ("at", "1", "two numbers"),
        ("at", "1,2,3", "allowed"),
        ("at", "1e308,1", "from −1,000,000 to 1,000,000"),
        ("pick", "everything", "point, random, or class and a number"),
        ("pick", "class", "point, random, or class and a number"),
        ("pick", "class01", "point, random, or class and a number"),
        ("count", "0", "greater than or equal to 1"),
        ("count", "1e9", "allowed"),
        ("target", "-1", "greater than or equal to 0"),
        ("selected", "x", "a number"),
        ("step", "5000", "less than or equal to 1000"),
        ("search.tau", "1.5", "less than 1"),
        ("search.tau", "NaN", "allowed"),
        ("search.tau", "0.999999", "less than 1, in five digits"),
        ("search.generator", "magic", "'generic'"),
        ("search.generatr", "face", "no such setting"),
        ("search.", "1", "no such setting"),
        ("search.neighbours", "0", "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named_once_and_the_rest_is_kept(name: str, text: str, part: str) -> None:
    opened = link.read({"seed": "3", "loop": "1", "search.steps": "7", name: text}, TracksView)
    (problem,) = opened.problems
    assert name in problem
    assert part in problem
    assert opened.experiment.seed == 3
    assert opened.view == TracksView(loop=1, search={"steps": 7})


def test_the_parameters_of_one_page_are_unknown_to_the_other() -> None:
    assert "search.tau" in link.read({"search.tau": "0.9"}).problems[0]
    assert "probe" in link.read({"probe": "1,2"}, TracksView).problems[0]


@given(
    st.dictionaries(st.sampled_from(["at", "pick", "search.tau", "search", "search.x", "target"]), st.text(max_size=20))
)
def test_no_link_is_an_error(query: dict[str, str]) -> None:
    opened = link.read(query, TracksView)
    assert link.read(link.write(opened.experiment, opened.view), TracksView).problems == ()


def test_the_search_is_the_runs_own_until_it_is_changed() -> None:
    own = measured_search(MOONS)
    assert settings_of(MOONS, TracksView()) == own
    changed = TracksView(search=changed_search(MOONS, (), {"tau": 0.7}))
    assert changed.search == (("tau", 0.7),)
    assert settings_of(MOONS, changed) == SearchSettings(**{**own.model_dump(), "tau": 0.7})
    assert changed_search(MOONS, changed.search, {"tau": own.tau}) == ()
    with pytest.raises(ConfigError, match="tau"):
        changed_search(MOONS, changed.search, {"tau": 2.0})


def put_right(experiment: Experiment = MOONS, **values: object) -> Draft[TracksView]:
    draft = Draft(experiment, TracksView(**values))
    check(draft)
    return draft


@pytest.mark.parametrize(
    ("values", "kept", "part"),
    [
        ({"target": 2}, {}, "target is 2; allowed: 0 to 1"),
        ({"pick": "class4"}, {}, "class0 to class1"),
        ({"pick": "point"}, {}, "two numbers"),
        ({"selected": 7, "count": 7}, {"count": 7}, "selected is 7; allowed: 0 to 6"),
        ({"search": {"tau": 0.3, "steps": 9}}, {"search": {"steps": 9}}, "from 1/k = 0.5"),
    ],
)
def test_what_this_run_cannot_answer_is_said(values: dict, kept: dict, part: str) -> None:
    draft = put_right(**values)
    assert part in draft.problems[0]
    assert draft.view == TracksView(**kept)


def test_a_point_that_could_not_be_read_is_named_once() -> None:
    opened = link.read({"pick": "point", "at": "nan,1"}, TracksView)
    draft = Draft(opened.experiment, opened.view, problems=opened.problems)
    check(draft)
    assert len(draft.problems) == 1
    assert draft.view == TracksView()


def test_what_it_can_answer_is_left_alone() -> None:
    draft = put_right(Experiment.preset("blobs"), target=3, pick="class2", search={"tau": 0.3})
    assert draft.problems == ()
    assert draft.view == TracksView(target=3, pick="class2", search={"tau": 0.3})


def test_another_run_is_asked_the_same_as_far_as_it_can_be() -> None:
    view = TracksView(epoch=4, pick="point", at=(1, 2), selected=0, step=3, target=1, search={"tau": 0.7})
    assert view.elsewhere() == TracksView(target=1, search={"tau": 0.7})
    assert TracksView(pick="class3", target=3, count=9).elsewhere() == TracksView(count=9)
