"""The page Actionability: three parts, locks that retrain, what people are told, and what it says to bad input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ctviz.experiments.config import Experiment
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.store import open_store
from ctviz.figures.advice import LOAN, Span
from ctviz.studies import lock_draws
from ctviz.studies.lock_draws import LockDraw, advise
from ctviz.ui.actionability import numbers
from ctviz.ui.actionability.names import labels_of
from ctviz.ui.actionability.numbers import advice_for, measure
from ctviz.ui.actionability.panel import PARTS, LocksView, draws_of, strip
from ctviz.ui.actionability.story import drawing, headline, walks
from ctviz.ui.kit import service as shared
from ctviz.ui.kit.feature_names import scales_of, wished_class
from ctviz.ui.kit.run_view import RunViews
from ctviz.ui.kit.service import schema_of
from tests.figures import fake
from tests.pages.words import bodies, query_of, said

PAGE = "pages/actionability.py"
SMALL = {
    "training.epochs": 3, "training.n_ce": 60, "data.n_train": 400, "data.n_validation": 80, "data.n_test": 80,
    "evaluation.every": 1, "evaluation.field": 16, "evaluation.paths": 4, "evaluation.factuals": 20,
}  # fmt: skip
"""Trained in a moment."""


def small(preset: str, **changes: object) -> Experiment:
    return Experiment.preset(preset).replace({**SMALL, **changes})


FIGURE = small("figure1")
OTHER = {preset: small(preset) for part in PARTS.values() for preset in (part.first, part.preset)}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_from_nothing_and_says_what_to_do(visit, part: str) -> None:
    at = visit(PAGE, part=part)
    assert not at.error
    assert PARTS[part].lead in said(at)
    assert "Press Train" in said(at)
    assert query_of(at)["preset"] == PARTS[part].preset


def test_the_menu_opens_short_steps_and_a_link_without_a_run_means_what_it_meant(visit) -> None:
    assert query_of(visit(PAGE)) == {"preset": "figure1-short"}
    assert query_of(visit(PAGE, probe="8,1")) == {"preset": "figure1", "probe": "8,1"}
    assert query_of(visit(PAGE, part="where"))["preset"] == "where"
    at = visit(PAGE)
    at.segmented_control(key="part").set_value("where").run()
    assert query_of(at) == {"preset": "where-short", "part": "where"}


@pytest.mark.parametrize("part", [name for name, part in PARTS.items() if part.short])
def test_short_steps_and_the_papers_are_one_click_apart(visit, world, part: str) -> None:
    """A click on one preset asks for the other, which ships: the same models, searched with other steps."""
    short, paper = (Experiment.preset(name) for name in (PARTS[part].short, PARTS[part].preset))
    assert short.evaluation.step_bound and not paper.evaluation.step_bound
    assert short.replace({f"evaluation.{name}": value for name, value in paper.evaluation}) == paper
    at = visit(PAGE, preset=PARTS[part].short, part=part)
    at.segmented_control(key="set-steps").set_value("paper").run()
    assert query_of(at)["preset"] == PARTS[part].preset
    at.segmented_control(key="set-steps").set_value("short").run()
    assert query_of(at)["preset"] == PARTS[part].short
    assert world.jobs.submitted == [paper.key, short.key]


def test_a_link_does_not_train_by_itself(visit, world) -> None:
    visit(PAGE, **FIGURE.to_query())
    assert not world.jobs.submitted


def test_a_stored_run_tells_its_finding_and_the_numbers_of_the_group(visit, train) -> None:
    train(FIGURE)
    at = visit(PAGE, **FIGURE.to_query())
    words = said(at)
    assert not at.error
    assert "With age locked, " in words
    for title in ("Effort of the advice", "Get advice", "How far answers rest on age", "Angle of the boundary"):
        assert title in words
    assert "Click a point in any panel" in words
    assert "people who are refused" in words


def test_names_change_what_is_shown_and_nothing_else(visit, train) -> None:
    train(FIGURE)
    at = visit(PAGE, **FIGURE.to_query())
    at.segmented_control(key="names").set_value("plain").run()
    assert query_of(at) == {**FIGURE.to_query(), "names": "plain"}
    assert "With x2 locked, " in said(at)
    assert "age" not in said(at).replace("page", "").replace("Nobody can change their age", "").lower().split()


def test_how_near_to_real_people_advice_ends_is_part_of_its_price(tmp_path) -> None:
    experiment = Experiment.preset("figure1")
    explorer, last = Explorer(experiment), list(open_store(tmp_path).snapshots(experiment.key))[-1]
    found, trace = measure(explorer, last, 0), advise(explorer, last, 0)
    for arm in range(trace.m):
        got = [row for row in range(len(trace)) if trace.mature[arm, row] and trace.predicted[arm, row] != 0]
        gaps = [math.dist(trace.final[arm, row], trace.nearest[arm, row]) for row in got]
        assert found.near[arm].value == pytest.approx(np.mean(gaps), rel=1e-5)
        X, y = (part.numpy() for part in explorer.data.validation)
        apart = np.abs(trace.final[arm, got][:, None] - X[y == 0]).sum(-1)
        assert found.average[arm].value == pytest.approx(apart.mean(), rel=1e-4)
    clear = np.ones((4, 4), dtype=bool)
    effort, near = ((Span(1.0), Span(1.0), Span(low), Span(high)) for low, high in ((4.0, 2.0), (1.0, 2.0)))
    dearer = replace(
        found, effort=effort, near=near, differs=clear, apart=clear, asked=(9,) * 4, outcomes=({"mature": 9},) * 4
    )
    right = {"validation_accuracy": [1.0, 1.0, 1.0, 0.5]}
    assert (
        "50 % less effort than the conventional model's in this run, at the price of 50 points less often right and "
        "100 % farther from the nearest real sample."
    ) in headline(experiment, replace(dearer, tilt=(0.0,) * 4), right, LocksView())
    average = tuple(Span(mean) for mean in (1.0, 1.0, 2.0, 3.0))
    nearer = replace(dearer, near=(Span(1.0),) * 4, average=average, averages_apart=clear)
    assert "50 points less often right and 50 % farther from real data." in headline(
        experiment, nearer, right, LocksView()
    )


def test_the_runs_of_the_parts_are_measured_before_a_class_looks_at_them(world, train, monkeypatch) -> None:
    experiment = train(FIGURE)
    monkeypatch.setattr(Experiment, "preset", lambda name: experiment if name == "figure1" else OTHER[name])
    monkeypatch.setattr(numbers, "PAUSE", 0)
    numbers.prepare()
    monkeypatch.setattr(numbers, "measure", None)
    run_view = shared.service().run_view(experiment.key)
    for snapshot in run_view.snapshots:
        assert numbers.numbers_of(run_view, snapshot).asked


def test_a_person_is_told_what_to_do_by_every_model(visit, train) -> None:
    experiment = train(FIGURE)
    at = visit(PAGE, **experiment.to_query(), probe="8,1")
    debt, age = scales_of(LOAN, experiment)
    assert f"This person: debt {debt.text(8)}, age {age.text(1)}" in said(at)
    one = " or ".join(scale.amount(scale.scale) for scale in (debt, age))
    assert f"of which one is {one}." in said(at) and "years" in one and "$" in one
    (told,) = [body for body in bodies(at) if "ctviz-person" in body]
    assert told.count("<dt>") == 4


def test_somebody_who_has_it_is_told_so(visit, train) -> None:
    lenient = train(small("figure1", **{"evaluation.tau": 0.5}))
    at = visit(PAGE, **lenient.to_query(), probe="1,-3")
    assert "Nothing to change: the model says granted already." in said(at)


@pytest.mark.parametrize(("low", "span"), [(1.0, "from {} to {}"), (None, "of {1} or less")])
def test_a_person_outside_the_range_and_outside_the_data_hears_of_it(visit, train, low, span) -> None:
    limited = train(small("figure1", **{"arms.full locked.locked": (), "arms.full locked.ranges": ((0, low, 5.0),)}))
    at = visit(PAGE, **limited.to_query(), probe="80,1")
    debt, _ = scales_of(LOAN, limited)
    assert f"outside the allowed range {span.format(debt.text(1), debt.text(5))}" in said(at)
    assert "outside of the data" in said(at)


def test_a_new_lock_trains_and_keeps_the_picture_until_it_is_there(visit, train, world) -> None:
    train(FIGURE)
    at = visit(PAGE, **FIGURE.to_query())
    at.segmented_control(key="set-arms.vanilla locked,full locked.mutability.x2").set_value("only ↑").run()
    wanted = FIGURE.replace(
        {f"arms.{name}.{field}": value for name in ("vanilla locked", "full locked")
         for field, value in (("locked", ()), ("increase_only", (1,)))}
    )  # fmt: skip
    assert world.jobs.submitted == [wanted.key]
    assert "Training begins." in said(at)
    assert "Dimmed, until then" in said(at)
    assert at.button(key="cancel")


def test_a_lock_whose_run_is_stored_needs_no_training(visit, train, world) -> None:
    train(FIGURE)
    free = train(FIGURE.replace({"arms.vanilla locked.locked": (), "arms.full locked.locked": ()}))
    at = visit(PAGE, **FIGURE.to_query())
    at.segmented_control(key="set-arms.vanilla locked,full locked.mutability.x2").set_value("free").run()
    assert not world.jobs.submitted
    assert "Nothing is locked" in said(at)
    assert query_of(at) == free.to_query()


def test_what_a_quick_change_of_mind_has_made_pointless_is_stopped(visit, world) -> None:
    at = visit(PAGE, **FIGURE.to_query())
    lock = "set-arms.vanilla locked,full locked.mutability.x2"
    at.segmented_control(key=lock).set_value("only ↑").run()
    at.segmented_control(key=lock).set_value("only ↓").run()
    first, second = world.jobs.submitted
    assert world.jobs.cancelled == [first]
    assert second != first


def test_locking_everything_is_answered_in_words_and_trains_nothing(visit, train, world) -> None:
    train(FIGURE)
    at = visit(PAGE, **FIGURE.to_query())
    at.segmented_control(key="set-arms.vanilla locked,full locked.mutability.x1").set_value("locked").run()
    assert "With every feature locked nothing can change" in at.error[0].value
    assert not world.jobs.submitted
    assert query_of(at) == FIGURE.to_query()
    at.segmented_control(key="set-arms.vanilla locked,full locked.mutability.x2").set_value("free").run()
    assert not at.error
    assert query_of(at) == small("figure1-debt").to_query(), "what waited is taken over, too"


def test_a_range_goes_to_the_locked_models_and_back(visit, world) -> None:
    at = visit(PAGE, **FIGURE.to_query())
    reach = at.slider(key="set-arms.vanilla locked,full locked.range.x1")
    debt, _ = scales_of(LOAN, FIGURE)
    whole = reach.value
    least, most = (debt.to_shown(float(ends[0])) for ends in schema_of(FIGURE.data).bounds())
    assert whole[0] <= least < whole[0] + 100 and whole[1] - 100 < most <= whole[1]
    assert (reach.label, reach.step, reach.proto.format) == ("Range of debt ($)", 100, "$%.0f")
    reach.set_value((20_000.0, 40_000.0)).run()
    low, high = (debt.of_shown(end) for end in (20_000, 40_000))
    assert query_of(at)["arms.full locked.ranges"] == f"[[0, {low}, {high}]]", "the link holds the column's own"
    limited = FIGURE.replace({"arms.full locked.locked": (), "arms.full locked.ranges": ((0, low, high),)})
    assert labels_of(limited, LocksView())[3].title == "Counterfactual training, debt $20,000 to $40,000"
    assert at.slider(key="set-arms.vanilla locked,full locked.range.x1").value == (20_000, 40_000)
    assert len(world.jobs.submitted) == 1
    at.slider(key="set-arms.vanilla locked,full locked.range.x1").set_value(whole).run()
    assert query_of(at) == FIGURE.to_query()


@pytest.mark.parametrize(
    ("names", "called"),
    [("figure", " is no debt of these data: theirs is "), ("plain", "some values of the domain of x1, ")],
)
def test_a_range_that_other_data_have_nothing_in_is_said_before_training(visit, world, names, called) -> None:
    link = {"preset": "figure1", "names": names, "arms.full locked.ranges": "[[0, 2, 3]]", "data.seed": "5"}
    at = visit(PAGE, **link)
    at.number_input(key="set-data.seed").set_value(4).run()
    assert called in said(at)
    assert "Press Train" not in said(at)
    assert at.button(key="train").disabled
    assert world.jobs.submitted == []


def test_a_locked_feature_has_no_range(visit) -> None:
    at = visit(PAGE, **FIGURE.to_query())
    assert at.slider(key="set-arms.vanilla locked,full locked.range.x2").disabled
    at.slider(key="set-arms.vanilla locked,full locked.range.x1").set_value((20_000.0, 40_000.0)).run()
    at.segmented_control(key="set-arms.vanilla locked,full locked.mutability.x2").set_value("free").run()
    at.segmented_control(key="set-arms.vanilla locked,full locked.mutability.x1").set_value("locked").run()
    assert "arms.full locked.ranges" not in query_of(at)
    assert not at.error


def test_a_starving_model_is_named(visit, train) -> None:
    starved = train(small("figure1", **{"arms.*.steps": 1, "arms.*.step_size": 0.001}))
    at = visit(PAGE, **starved.to_query())
    assert "learns nothing from counterfactuals" in said(at)


def test_where_the_lock_acts_is_told_place_by_place(visit, train) -> None:
    where = train(small("where"))
    at = visit(PAGE, **where.to_query(), part="where")
    words = said(at)
    assert not at.error
    assert "Locking age in advice alone" in words or "depends on where the lock acts" in words
    for place in ("Nothing locked", "Age locked in advice only", "Age locked in training only", "Age locked in both"):
        assert place in words
    assert "Advice that changes age" in words


def test_training_without_the_protection_is_a_switch(visit, world) -> None:
    where = small("where")
    at = visit(PAGE, **where.to_query(), part="where")
    at.toggle(key="set-shield").set_value(True).run()
    unprotected = {f"arms.{place}.shield": "off" for place in ("training", "always")}
    assert query_of(at) == {**where.to_query(), "part": "where", **unprotected}
    assert world.jobs.submitted == [where.replace(unprotected).key]


def test_proxies_collect_what_has_been_tried(visit, train) -> None:
    first = train(small("proxies"))
    second = train(first.replace({"data.correlation": 0.8}))
    at = visit(PAGE, **first.to_query(), part="proxies")
    assert "Each class looks normal" in said(at)
    assert "adds its points" in said(at)
    at.slider(key="set-data.correlation").set_value(0.8).run()
    assert query_of(at) == {**second.to_query(), "part": "proxies"}
    assert "their correlation is 0.8" in said(at) or "their correlation is 0.7" in said(at)
    assert "adds its points" not in said(at)


def test_sliders_of_other_data_refuse_in_words(visit, world) -> None:
    at = visit(PAGE, preset="moons", part="proxies")
    at.slider(key="set-data.correlation").set_value(0.5).run()
    assert any("only gaussians has one" in error.value.replace("\\", "") for error in at.error)
    assert not world.jobs.submitted


def test_each_part_keeps_its_settings(visit) -> None:
    at = visit(PAGE, **FIGURE.to_query())
    at.segmented_control(key="part").set_value("proxies").run()
    assert query_of(at) == {"preset": "proxies", "part": "proxies"}
    at.segmented_control(key="part").set_value("figure").run()
    assert query_of(at) == FIGURE.to_query()


@pytest.mark.parametrize("preset", ["figure1", "figure1-short"])
def test_back_to_where_the_part_starts(visit, preset: str) -> None:
    at = visit(PAGE, **small(preset).to_query())
    at.button(key="reset").click().run()
    assert query_of(at) == {"preset": preset}, "with the steps that were looked at"


def test_projecting_leaves_the_picture_and_what_the_person_is_told(visit, train) -> None:
    train(FIGURE)
    at = visit(PAGE, **FIGURE.to_query(), probe="8,1", view="project")
    assert not at.slider
    assert "This person: debt $" in said(at) and "Searches in the paper's steps." in said(at)
    at.button(key="unproject").click().run()
    assert at.slider


def test_the_picture_holds_those_who_ask_and_the_way_of_the_person_who_was_clicked(world, train) -> None:
    """By hand: of the recorded searches those of refused people, to the class that is granted; and one in full."""
    run_view = RunViews(world.store).get(train(FIGURE).key)
    scene, snapshot, view = run_view.scene, run_view.snapshots[-1], LocksView(probe=(8.0, 1.0))
    granted = wished_class(scene)
    asking = [i for i, (y, target) in enumerate(zip(scene.factual_labels, scene.targets, strict=True))
              if y != granted and target == granted]  # fmt: skip
    assert 0 < len(asking) < len(scene.targets)
    drawn = drawing(run_view, view)
    last = list(drawn.since(FIGURE.training.epochs))[-1]
    assert drawn.scene.targets.tolist() == [granted] * len(asking)
    np.testing.assert_array_equal(drawn.scene.factuals, scene.factuals[asking])
    np.testing.assert_array_equal(last.paths.points, snapshot.paths.points[:, asking])
    np.testing.assert_array_equal(last.paths.mature, snapshot.paths.mature[:, asking])
    assert "validity" in snapshot.metrics and "validity" not in last.metrics, "the table says who gets advice"

    way = walks(run_view, snapshot, False, view)
    trace = advice_for(run_view, snapshot, (8.0, 1.0))
    meta = way.meta(scene)
    assert (way.epoch, way.target) == (snapshot.epoch, granted)
    assert [len(line) - 1 for line in meta["lines"]] == trace.steps[:, 0].tolist()
    np.testing.assert_allclose(scene.dequantise(np.array(meta["lines"][1][-1])), trace.final[1, 0], atol=1e-3)
    assert walks(run_view, snapshot, False, LocksView(probe=(800.0, 1.0))) is None


@pytest.mark.parametrize("energy_class", ["0", "1"])
def test_energies_are_those_of_the_searches_that_are_drawn(visit, train, energy_class: str) -> None:
    train(FIGURE)
    at = visit(PAGE, **FIGURE.to_query(), layer="energy", energy_class=energy_class)
    assert not at.error
    assert "With age locked, " in said(at)


def test_another_draw_of_the_data_lets_go_of_the_person(visit, train) -> None:
    train(FIGURE)
    at = visit(PAGE, **FIGURE.to_query(), probe="8,1")
    assert "This person: debt $" in said(at)
    at.number_input(key="set-data.seed").set_value(3).run()
    assert "probe" not in query_of(at)
    assert "This person" not in said(at)


def test_the_energy_shown_first_is_that_of_what_people_hope_for() -> None:
    scene = fake.scene()
    far = replace(scene, points=scene.points + 9 * (scene.labels[:, None] == 0))
    assert LocksView().usual_class(far) == 1 == wished_class(far)
    near = replace(scene, points=scene.points - 9 * (scene.labels[:, None] == 0))
    assert LocksView().usual_class(near) == 0


def test_any_other_run_is_shown_as_far_as_it_goes(visit, train) -> None:
    other = train(Experiment.preset("blobs").replace({**SMALL, "arms": "full"}))
    at = visit(PAGE, **other.to_query(), probe="0,0")
    assert not at.error
    assert "What each model's advice takes" in said(at)


def test_what_is_wrong_in_the_link_is_named(visit) -> None:
    bad = {"part": "nonsense", "names": "x", "arms.full locked.ranges": "[[0, 5, 1]]", "probe": "1"}
    at = visit(PAGE, **bad)
    (warning,) = at.warning
    for name in bad:
        assert f"{name} is " in warning.value.replace("\\", "")
    assert not at.error


def test_beside_the_draw_stands_how_often_a_lock_pays() -> None:
    draws = (LockDraw(0, (2.0, 3.0), (9, 9), "more"), LockDraw(6, (3.0, 2.0), (9, 9), "less"))
    html = strip(draws, 6)
    assert "Of 2 draws, locked advice takes less effort on 1 and more on 1" in html
    assert '<i class="less here" title="Draw 6: less effort">▼</i>' in html
    assert '<i class="more" title="Draw 0: more effort">▲</i>' in html
    assert "▼ less effort, ▲ more effort</small>" in html, "the key names what is there"


@pytest.mark.parametrize("preset", lock_draws.PRESETS)
def test_each_preset_shows_its_own_draws(visit, preset: str) -> None:
    assert len(draws_of(Experiment.preset(preset).replace({"data.seed": 3}))) == lock_draws.DRAWS
    less = sum(draw.found == "less" for draw in lock_draws.shipped_draws(preset))
    assert f"Of 40 draws, locked advice takes less effort on {less}" in said(visit(PAGE, preset=preset))


def test_the_draws_of_two_presets_differ_and_other_runs_have_none() -> None:
    paper, short = map(Experiment.preset, lock_draws.PRESETS)
    assert draws_of(paper) != draws_of(short)
    assert draws_of(small("figure1")) == () == draws_of(Experiment.preset("figure1-debt"))
