"""The page Trajectories: link, factuals, search, what is said of them, and what is said when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from ctviz.experiments import explorer
from ctviz.experiments.config import Experiment
from ctviz.experiments.presets import STRESSES
from ctviz.experiments.run import Training
from ctviz.figures.advice import LOAN
from ctviz.jobs import JobStatus
from ctviz.ui.kit import link
from ctviz.ui.kit import searches as explore_searches
from ctviz.ui.kit.feature_names import scales_of
from ctviz.ui.trajectories import picture
from ctviz.ui.trajectories.tracks_view import FIRST
from tests.pages.words import moved, query_of, said

PAGE = "pages/trajectories.py"
TINY = Experiment.preset("moons").replace(
    {
        "training.epochs": 4, "training.n_ce": 60, "training.batch": 60, "data.n_train": 300, "data.n_validation": 80,
        "evaluation.field": 8, "evaluation.paths": 2, "evaluation.factuals": 20, "evaluation.steps": 12,
    }
)  # fmt: skip
QUERY = TINY.to_query()


@pytest.fixture
def visit(first_visit, explored) -> Callable[..., AppTest]:
    """As ``first_visit``, on a server that knows what has been asked before."""
    return first_visit


@pytest.fixture
def stored(world: SimpleNamespace, train) -> SimpleNamespace:
    """A world with a small run."""
    train(TINY)
    return world


def test_a_run_that_is_not_there_can_be_trained(visit, world) -> None:
    at = visit(PAGE, **QUERY)
    assert "These settings have not been trained yet" in said(at)
    at.button(key="train").click().run()
    assert world.jobs.submitted == [TINY.key]
    assert "Training begins." in said(at)


def test_one_hundred_at_random_are_searched_at_once(visit, stored) -> None:
    at = visit(PAGE, **QUERY)
    words = said(at)
    assert "searches" in words
    assert "Arrived" in words
    assert "Where the searches end, against real data" in words
    assert "The run has 80 such validation samples" in words
    assert "of 80</b>" in words
    assert not at.error
    assert query_of(at) == QUERY


def test_the_picture_is_asked_for_once(first_visit, stored, monkeypatch) -> None:
    counted = []
    search = explore_searches._search
    monkeypatch.setattr(explore_searches, "_search", lambda *asked: counted.append(1) or search(*asked))
    at = first_visit(PAGE, **QUERY)
    at.run()
    assert counted == [1]


def test_a_point_is_followed_through_every_model(visit, stored) -> None:
    at = visit(PAGE, **QUERY, pick="point", at="0.5,0.2")
    words = said(at)
    assert words.count("Steps taken") == 2
    assert "What training would make of this search" in words
    assert "E(x⁺) − E(x′)" in words
    assert "Where the searches end" not in words, "nothing can be said of the spread of one"
    assert query_of(at) == {**QUERY, "pick": "point", "at": "0.5,0.2"}
    assert at.number_input(key="explore-at-0").value == 0.5


def test_a_point_in_numbers(visit, stored) -> None:
    at = visit(PAGE, **QUERY, pick="point", at="0.5,0.2")
    at.number_input(key="explore-at-1").set_value(-0.25).run()
    assert query_of(at)["at"] == "0.5,-0.25"


def test_choosing_one_point_begins_with_a_sample(visit, stored) -> None:
    at = visit(PAGE, **QUERY)
    at.segmented_control(key="explore-pick").set_value("point").run()
    assert query_of(at)["pick"] == "point"
    assert "Steps taken" in said(at)
    at.segmented_control(key="explore-pick").set_value("random").run()
    assert query_of(at) == QUERY


def test_a_class_and_how_many(visit, stored) -> None:
    at = visit(PAGE, **QUERY)
    at.segmented_control(key="explore-pick").set_value("class").run()
    at.selectbox(key="explore-own-class").set_value(1).run()
    at.number_input(key="explore-count").set_value(7).run()
    assert query_of(at) == {**QUERY, "pick": "class1", "count": "7"}
    assert "of 7</b>" in said(at)
    assert not at.error


def test_a_selected_search_is_told(visit, stored) -> None:
    at = visit(PAGE, **QUERY, selected="3")
    assert "What training would make of this search" in said(at)
    assert "Where the searches end" in said(at)


def test_a_selection_beyond_what_is_there_is_none(visit, stored) -> None:
    at = visit(PAGE, **QUERY, selected="999")
    assert "Arrived" in said(at)
    assert not at.error


def test_a_target_that_all_have_already(visit, stored) -> None:
    at = visit(PAGE, **QUERY, pick="class1", target="1", **{"search.tau": "0.5"})
    assert "Already there" in said(at)
    assert not at.error


def test_a_knob_changes_the_link_and_back(visit, stored) -> None:
    at = visit(PAGE, **QUERY)
    at.number_input(key="explore-search.tau").set_value(0.7).run()
    at.number_input(key="explore-search.steps").set_value(3).run()
    assert query_of(at) == {**QUERY, "search.tau": "0.7", "search.steps": "3"}
    assert not at.error
    at.button(key="reset-search").click().run()
    assert query_of(at) == QUERY
    assert moved(at.number_input, "explore-search.steps").value == 12


@pytest.mark.parametrize(
    ("generator", "slow"),
    [({}, {"search.step_bound": "0.02"}), ({"search.generator": "revise"}, {"search.step_size": "0.01"})],
    ids=["gradient", "latent"],
)
def test_slow_motion_takes_short_steps_and_four_times_as_many(visit, stored, generator, slow) -> None:
    at = visit(PAGE, **QUERY, **generator)
    at.button(key="slow-motion").click().run()
    assert query_of(at) == {**QUERY, **generator, **slow, "search.steps": "48"}
    assert not at.exception and not at.error


def test_only_the_knobs_that_the_search_uses_are_shown(visit, stored) -> None:
    at = visit(PAGE, **QUERY)
    shown = {box.key for box in at.number_input}
    assert "explore-search.lambda_egy" in shown
    assert "explore-search.neighbours" not in shown
    at.selectbox(key="explore-search.generator").set_value("face").run()
    shown = {box.key for box in at.number_input}
    assert "explore-search.neighbours" in shown
    assert "explore-search.lambda_egy" not in shown
    assert query_of(at)["search.generator"] == "face"


@pytest.mark.parametrize("generator", ["generic", "eccco", "gravitational", "dice", "nearest", "face"])
def test_every_search_is_shown(visit, stored, generator: str) -> None:
    at = visit(PAGE, **QUERY, count="10", **{"search.generator": generator})
    assert "Arrived" in said(at)
    assert not at.error
    assert not at.exception


def test_the_exact_search_says_what_is_proved(visit, stored) -> None:
    at = visit(PAGE, **QUERY, count="2", selected="0", **{"search.generator": "exact", "search.tau": "0.7"})
    assert not at.error
    assert not at.exception
    assert "proved" in said(at)
    assert "explore-search.time_limit" in {box.key for box in at.number_input}


def test_more_neighbours_than_samples_are_no_error(visit, train) -> None:
    few = TINY.replace({"data.n_train": 120})
    train(few)
    at = visit(PAGE, **few.to_query(), count="5", **{"search.generator": "face", "search.neighbours": "200"})
    assert "Arrived" in said(at)
    assert "There are only 120 samples" in said(at)
    assert not at.error


@pytest.mark.usefixtures("hasty_autoencoders_here")
def test_an_autoencoder_is_fitted_in_the_background(first_visit, stored, monkeypatch) -> None:
    pauses, live = [], picture.live
    monkeypatch.setattr(picture, "live", lambda body, every, slow: pauses.append(every()) or live(body, every, slow))
    at = first_visit(PAGE, **QUERY, **{"search.generator": "revise"})
    (key,) = stored.jobs.submitted
    assert key.startswith("vae-")
    assert any("Fitting the autoencoder" in info.value for info in at.info)
    assert picture.POLL in pauses, "the page looks again by itself"
    pauses.clear()
    assert "Nothing has been searched" in said(at)
    stored.jobs.states[key] = JobStatus(key, "failed", message="No space.")
    at.run()
    assert "Arrived" in said(at), "then it is fitted for this server alone"
    assert not any(pauses)


def test_a_search_made_worse_and_back(visit, stored) -> None:
    at = visit(PAGE, **QUERY, count="10")
    for name in STRESSES:
        at.pills(key="explore-stress").set_value(name).run()
        changes = {f"search.{setting}": value for setting, value in STRESSES[name].changes}
        assert {key: float(value) for key, value in query_of(at).items() if key.startswith("search.")} == changes
        assert STRESSES[name].words in said(at)
    at.pills(key="explore-stress").set_value(None).run()
    assert query_of(at) == {**QUERY, "count": "10"}


def test_the_link_chooses_the_epoch(visit, stored) -> None:
    at = visit(PAGE, **QUERY, epoch="2")
    assert "At epoch 2: " in said(at)
    assert query_of(at)["epoch"] == "2"


def test_an_epoch_beyond_the_run_is_its_last(visit, stored) -> None:
    at = visit(PAGE, **QUERY, epoch="77")
    assert "At epoch" not in said(at)
    assert "Arrived" in said(at)
    (warning,) = at.warning
    assert r"epoch is 77; allowed\: 0 to 4, the last of this run" in warning.value


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        (
            {"at": "nan,1", "pick": "all", "target": "7", "search.tau": "0.1", "step": "-4"},
            ("at is 'nan,1'", "pick is 'all'", "0 to 1 for 2 classes", "from 1/k = 0.5", "greater than or equal to 0"),
        ),
        (
            {"pick": "point", "search.generator": "magic", "search.steps": "99999"},
            ("two numbers", "search.generator is 'magic'", "less than or equal to 1000"),
        ),
    ],
)
def test_what_is_wrong_in_the_link_is_named_and_the_rest_kept(
    visit, stored, query: dict[str, str], parts: tuple[str, ...]
) -> None:
    at = visit(PAGE, **QUERY, count="9", **query)
    (warning,) = at.warning
    for part in parts:
        assert part in warning.value.replace("\\", "")
    assert "of 9</b>" in said(at)
    assert query_of(at) == {**QUERY, "count": "9"}


def test_a_point_outside_of_the_data_is_searched_and_said(visit, stored) -> None:
    at = visit(PAGE, **QUERY, pick="point", at="100,-50")
    assert "This point lies outside of the range of the data" in said(at)
    assert "Steps taken" in said(at)


def test_a_picture_too_large_is_refused_in_words(first_visit, stored, monkeypatch) -> None:
    monkeypatch.setattr(explorer, "MAX_POINTS", 10_000)
    at = first_visit(PAGE, **QUERY, **{"search.steps": "1000"})
    (error,) = at.error
    assert "steps is 1000; allowed: at most" in error.value.replace("\\", "")
    assert "Nothing has been searched" in said(at)
    assert at.number_input(key="explore-search.steps").value == 1000, "where it can be put right"


def test_none_arrive(visit, stored) -> None:
    at = visit(PAGE, **QUERY, count="10", **{"search.step_size": "1e-9", "search.tau": "0.999"})
    assert "arrives with either model" in said(at)
    assert "—" in said(at)
    assert not at.error


def test_who_comes_from_boundaries_finds_the_run_seen_there(visit, stored) -> None:
    at = visit("pages/boundaries.py", **QUERY)
    at.query_params.clear()
    at.switch_page(PAGE).run()
    assert query_of(at) == QUERY
    at.selectbox(key="explore-run").set_value("circles").run()
    assert query_of(at) == {"preset": "circles"}
    at.query_params.clear()
    at.switch_page("pages/boundaries.py").run()
    assert query_of(at) == QUERY, "each page keeps its own"
    at.query_params.clear()
    at.switch_page(PAGE).run()
    assert query_of(at) == {"preset": "circles"}, "nothing has changed there since"


def test_who_comes_with_no_wish_sees_searches_whose_way_can_be_seen(visit, stored) -> None:
    at = visit(PAGE)
    assert query_of(at) == FIRST
    at = visit("pages/boundaries.py")
    at.query_params.clear()
    at.switch_page(PAGE).run()
    assert query_of(at) == FIRST, "nothing has been chosen on Boundaries"


def test_the_names_of_the_figure_are_used_throughout(visit, train) -> None:
    small = {"training.epochs": 2, "training.n_ce": 40, "data.n_train": 200, "data.n_validation": 60}
    experiment = Experiment.preset("figure1").replace(small)
    train(experiment)
    query = {**experiment.to_query(), "names": "figure", "pick": "point", "at": "8,1", "target": "0"}
    at = visit(PAGE, **query)
    assert query_of(at) == query
    assert [at.number_input(key=f"explore-at-{axis}").label for axis in (0, 1)] == ["Debt ($)", "Age (years)"]
    _, scale = scales_of(LOAN, experiment)
    assert at.number_input(key="explore-at-1").value == scale.rounded(1)
    at.number_input(key="explore-at-1").set_value(40).run()
    assert query_of(at) == {**query, "at": f"8,{scale.of_shown(40):.5g}"}, "the link holds the column's own numbers"
    assert at.number_input(key="explore-at-1").value == 40
    assert {"Granted", "Refused"} <= set(at.selectbox(key="explore-target").options)
    assert "granted" in said(at)
    assert "class 0" not in said(at)
    at.segmented_control(key="explore-names").set_value("plain").run()
    assert "names" not in query_of(at)
    assert "granted" not in said(at)


def test_who_changes_the_run_on_boundaries_finds_the_change(visit, stored) -> None:
    at = visit("pages/boundaries.py", **QUERY)
    at.query_params.clear()
    at.switch_page(PAGE).run()
    at.query_params.clear()
    at.switch_page("pages/boundaries.py").run()
    at.number_input(key="set-training.epochs").set_value(7).run()
    at.query_params.clear()
    at.switch_page(PAGE).run()
    assert query_of(at) == {**QUERY, "training.epochs": "7"}


def test_another_run_is_chosen(visit, world) -> None:
    at = visit(PAGE, pick="class1", count="7")
    at.selectbox(key="explore-run").set_value("objectives").run()
    assert query_of(at) == {"preset": "objectives", "pick": "class1", "count": "7"}


def test_it_opens_in_boundaries_at_the_same_epoch(visit, stored) -> None:
    at = visit(PAGE, **QUERY, epoch="2")
    target = link.write(TINY, link.View(epoch=2))
    assert target == {**QUERY, "epoch": "2"}
    assert "Open in Boundaries" in [item.proto.label for item in at.get("page_link")]


def test_a_stopped_run_is_searched_as_far_as_it_got(visit, world) -> None:
    training = Training(TINY, "cpu")
    with world.store.writer(TINY, "cpu") as writer:
        writer.scene(training.scene)
        for snapshot in list(training)[:3]:
            writer.append(snapshot)
        writer.cancel()
    at = visit(PAGE, **QUERY, pick="point", at="0.5,0.2", epoch="4")
    assert "you see it up to epoch 2 of 4" in said(at)
    assert "Steps taken" in said(at)
    assert not at.button(key="train").disabled


def test_projecting_leaves_the_picture_and_its_finding(visit, stored) -> None:
    at = visit(PAGE, **QUERY)
    at.button(key="project").click().run()
    assert query_of(at) == {**QUERY, "view": "project"}
    assert "searches" in said(at)
    assert not at.selectbox
    at.button(key="unproject").click().run()
    assert query_of(at) == QUERY


def test_of_four_classes_any_may_be_aimed_at(visit, train) -> None:
    blobs = Experiment.preset("blobs").replace(
        {
            "training.epochs": 3, "training.n_ce": 60, "training.batch": 60, "data.n_train": 300,
            "evaluation.field": 8, "evaluation.paths": 2, "evaluation.steps": 12,
        }
    )  # fmt: skip
    train(blobs)
    at = visit(PAGE, **blobs.to_query(), pick="class1", count="8")
    assert at.selectbox(key="explore-target").options == ["The next class", *(f"Class {c}" for c in range(4))]
    at.selectbox(key="explore-target").set_value(3).run()
    assert query_of(at)["target"] == "3"
    assert "of 8</b>" in said(at)
    assert not at.error
