"""The page Boundaries: link, controls, training, and what it says when something is missing or wrong."""

from __future__ import annotations

import re

import pytest

from ctviz.errors import StoreError
from ctviz.experiments.config import Experiment
from ctviz.experiments.energy import mean_energies
from ctviz.figures.stage.recording import message
from ctviz.figures.words import energy_gap
from ctviz.jobs import JobStatus
from ctviz.training.arm import Arm
from ctviz.ui.kit import link, player
from ctviz.ui.kit.export import MENU
from tests.pages.words import bodies, moved, query_of, said

PAGE = "pages/boundaries.py"
TINY = Experiment.preset("moons").replace(
    {"training.epochs": 3, "evaluation.field": 16, "evaluation.paths": 4, "evaluation.steps": 5}
)
QUERY = TINY.to_query()


def test_an_untrained_experiment_says_what_to_do(visit) -> None:
    at = visit(PAGE, preset="moons")
    assert "These settings have not been trained yet" in said(at)
    assert "Press Train" in said(at)
    assert not at.button(key="train").disabled
    assert query_of(at) == {"preset": "moons"}


def test_a_stored_run_is_shown_at_once_with_its_finding(visit, world) -> None:
    world.keep(TINY)
    at = visit(PAGE, **QUERY)
    assert "At epoch 3, counterfactuals of the counterfactually trained model end" in said(at)
    assert "All numbers at epoch 3" in said(at)
    assert at.button(key="train").label == "Trained"
    assert at.button(key="train").disabled


def test_what_lies_below_and_the_menu_are_drawn_once_they_are_looked_at(visit, world) -> None:
    world.keep(TINY)
    at = visit(PAGE, scrolled=False, **QUERY)
    assert "At epoch 3, " in said(at) and "All numbers at epoch 3" not in said(at)
    assert not at.get("plotly_chart") and not at.get("download_button") and not at.code
    at.session_state["seen-on-boundaries"] = at.session_state[MENU] = True
    at.run()
    assert "All numbers at epoch 3" in said(at)
    assert at.get("plotly_chart") and at.get("download_button") and at.code


def test_a_chart_stays_as_it_is_while_the_line_over_it_moves(visit, world) -> None:
    world.keep(TINY)
    charts, lines = [], []
    for epoch in ("1", "2"):
        at = visit(PAGE, **QUERY, epoch=epoch)
        charts.append([chart.proto.SerializeToString() for chart in at.get("plotly_chart")])
        lines.append([re.findall(r"--place: ([\d.]+)", body) for body in bodies(at) if "ctviz-epoch" in body])
    assert charts[0] == charts[1] and len(charts[0]) > 6
    assert lines == [[["0.3333"]] * len(charts[0]), [["0.6667"]] * len(charts[0])]


def test_who_comes_with_no_wish_sees_searches_in_short_steps_and_goes_on_from_the_paper(visit) -> None:
    at = visit(PAGE)
    assert query_of(at) == {"preset": "loans"}
    assert "The preset of these data: searches in short steps." in said(at)
    assert at.select_slider(key="set-strength").value == 1.0
    at.number_input(key="set-training.epochs").set_value(20).run()
    assert "Differs from the preset of these data: epochs 20 instead of 100." in said(at)
    at.selectbox(key="set-data.name").set_value("circles").run()
    assert query_of(at) == {"preset": "circles", "training.epochs": "20"}


@pytest.mark.parametrize(("changes", "steps"), [({}, "the paper's steps"), ({"step_bound": 0.02}, "short steps")])
def test_the_page_says_which_search_is_shown(visit, world, changes, steps: str) -> None:
    experiment = TINY.replace({f"evaluation.{name}": value for name, value in changes.items()})
    world.keep(experiment)
    assert f"searches in {steps}" in said(visit(PAGE, **experiment.to_query()))


def test_the_link_chooses_the_epoch(visit, world) -> None:
    world.keep(TINY)
    at = visit(PAGE, **QUERY, epoch="2")
    assert "At epoch 2, " in said(at)
    assert query_of(at) == {**QUERY, "epoch": "2"}


def test_an_epoch_beyond_the_run_is_its_last_and_said_to_be(visit, world) -> None:
    world.keep(TINY)
    at = visit(PAGE, **QUERY, epoch="77")
    assert "At epoch 3, " in said(at)
    (warning,) = at.warning
    assert r"epoch is 77; allowed\: 0 to 3, the last of this run" in warning.value
    assert query_of(at) == QUERY


def test_what_is_wrong_in_the_link_is_named_and_the_rest_kept(visit) -> None:
    at = visit(PAGE, **{"preset": "circles", "training.epochs": "abc", "seed": "4", "nonsense": "![x](http://x.y/z)"})
    (warning,) = at.warning
    assert r"training\.epochs is 'abc'" in warning.value
    assert r"nonsense is '\!\[x\]" in warning.value, "what a link holds must not become Markdown"
    assert query_of(at) == {"preset": "circles", "seed": "4"}
    assert at.number_input(key="set-training.epochs").value == 100


def test_train_asks_for_the_run_once_and_shows_that_it_waits(visit, world) -> None:
    at = visit(PAGE, **QUERY)
    at.button(key="train").click().run()
    assert world.jobs.submitted == [TINY.key]
    assert at.button(key="train").disabled
    assert "Training begins." in said(at)
    at.button(key="cancel").click().run()
    assert world.jobs.cancelled == [TINY.key]
    assert "was stopped" in said(at)
    assert not at.button(key="train").disabled


def test_a_stopped_run_shows_what_there_is(visit, world) -> None:
    world.keep(TINY, epochs=1)
    at = visit(PAGE, **QUERY)
    assert "you see it up to epoch 1 of 3" in said(at)
    assert not at.button(key="train").disabled


def test_a_failed_run_says_why_and_can_be_tried_again(visit, world) -> None:
    world.jobs.states[TINY.key] = JobStatus(TINY.key, "failed", message="No space left on the disk.")
    at = visit(PAGE, **QUERY)
    assert r"No space left on the disk\." in at.error[0].value
    assert at.button(key="train").label == "Try again"
    at.button(key="train").click().run()
    assert world.jobs.submitted == [TINY.key]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("set-training.epochs", 20, {"training.epochs": "20"}),
        ("set-training.batch", 50, {"training.batch": "50"}),
        ("set-arms.full.tau", 0.9, {"arms.full.tau": "0.9"}),
        ("set-seed", 7, {"seed": "7"}),
    ],
)
def test_a_control_changes_the_link(visit, key: str, value: float, expected: dict[str, str]) -> None:
    at = visit(PAGE, opened=("group-training", "group-search"), preset="moons")
    at.number_input(key=key).set_value(value).run()
    assert query_of(at) == {"preset": "moons", **expected}
    assert "Differs from the preset" in said(at)


def test_settings_under_a_heading_are_drawn_once_it_is_open(visit) -> None:
    at = visit(PAGE, preset="moons")
    assert "set-training.batch" not in {box.key for box in at.number_input}
    at = visit(PAGE, opened=("group-training",), preset="moons")
    shown = {box.key for box in at.number_input}
    assert "set-training.batch" in shown and "set-data.n_train" not in shown


def test_the_strength_scales_both_weights(visit) -> None:
    at = visit(PAGE, preset="moons")
    at.select_slider(key="set-strength").set_value(2.0).run()
    assert query_of(at) == {"preset": "moons", "arms.full.lambda_adv": "0.5", "arms.full.lambda_div": "1.0"}
    at.select_slider(key="set-strength").set_value(1.0).run()
    assert query_of(at) == {"preset": "moons"}


def test_noise_at_its_own_value_leaves_the_link_alone(visit) -> None:
    at = visit(PAGE, preset="moons")
    at.slider(key="set-data.noise").set_value(0.3).run()
    assert query_of(at)["data.noise"] == "0.3"
    at.slider(key="set-data.noise").set_value(0.1).run()
    assert "data.noise" not in query_of(at)


def test_other_data_bring_their_settings_and_keep_what_was_changed(visit) -> None:
    at = visit(PAGE, **{"preset": "moons", "training.epochs": "20", "data.noise": "0.3"})
    at.selectbox(key="set-data.name").set_value("circles").run()
    assert query_of(at) == {"preset": "circles", "training.epochs": "20"}


def test_an_impossible_setting_says_why_and_forbids_training(visit) -> None:
    at = visit(PAGE, opened=("group-training", "group-data"), preset="moons")
    at.number_input(key="set-training.batch").set_value(5000).run()
    assert any("at most the 3000 samples" in error.value for error in at.error)
    assert at.button(key="train").disabled
    assert query_of(at) == {"preset": "moons"}
    at.number_input(key="set-data.n_train").set_value(6000).run()
    assert not at.error
    assert not at.button(key="train").disabled
    assert query_of(at) == {"preset": "moons", "training.batch": "5000", "data.n_train": "6000"}


@pytest.mark.parametrize(("path", "value"), [("training.lr", "1e-09"), ("arms.full.tau", "0.9999")])
def test_a_link_may_go_as_far_as_a_setting_does(visit, path: str, value: str) -> None:
    at = visit(PAGE, **{path: value})
    assert not at.error
    assert query_of(at) == {"preset": "moons", path: value}


def test_controls_start_from_what_they_show(visit) -> None:
    """A browser that is late to load them must not take their lowest values for what the person wants."""
    at = visit(
        PAGE,
        opened=("group-search", "group-evaluation"),
        **{"data.noise": "0.3", "training.epochs": "20", "arms.full.tau": "0.9"},
    )
    assert [slider.proto.default for slider in at.slider if slider.key == "set-data.noise"] == [[0.3]]
    assert {box.key: box.proto.default for box in at.number_input if box.key.endswith(("epochs", ".tau"))} == {
        "set-training.epochs": 20, "set-arms.full.tau": 0.9, "set-evaluation.tau": 0.95,
    }  # fmt: skip


def test_a_stopped_run_that_is_trained_again_is_not_shown_any_more(visit, world) -> None:
    world.keep(TINY, epochs=2)
    at = visit(PAGE, **QUERY)
    assert "At epoch 2, " in said(at)
    at.button(key="train").click().run()
    assert "Training begins." in said(at)
    assert "At epoch 2, " not in said(at)


def test_locking_every_feature_is_refused_in_place(visit) -> None:
    at = visit(PAGE, opened=("group-locked",), preset="moons", **{"arms.full.locked": "[0]"})
    at.segmented_control(key="set-arms.full.mutability.x2").set_value("locked").run()
    assert any("at least one feature left free" in error.value for error in at.error)
    assert at.button(key="train").disabled


def test_a_search_shows_the_settings_it_listens_to(visit) -> None:
    at = visit(PAGE, opened=("group-search", "group-evaluation"), preset="moons")
    shown = {box.key for box in at.number_input}
    assert "set-arms.full.lambda_egy" in shown and "set-arms.full.neighbours" not in shown
    at.selectbox(key="set-arms.full.generator").set_value("face").run()
    shown = {box.key for box in at.number_input}
    assert "set-arms.full.neighbours" in shown and "set-arms.full.lambda_egy" not in shown
    assert "set-arms.full.epsilon" in shown and "set-arms.full.epsilon_share" not in shown
    at.selectbox(key="set-arms.full.epsilon_rule").set_value("halfway").run()
    shown = {box.key for box in at.number_input}
    assert "set-arms.full.epsilon_share" in shown and "set-arms.full.epsilon" not in shown
    assert query_of(at)["arms.full.epsilon_rule"] == "halfway"
    assert "set-evaluation.lambda_egy" in shown, "the search for measuring is another one"


def test_a_range_a_place_and_the_shield_go_into_the_link(visit) -> None:
    at = visit(PAGE, opened=("group-locked",), preset="moons")
    at.slider(key="set-arms.full.range.x1").set_value((-0.5, 1.0)).run()
    at.selectbox(key="set-arms.full.lock_when").set_value("searching").run()
    at.selectbox(key="set-arms.full.shield").set_value("off").run()
    assert query_of(at) == {
        "preset": "moons", "arms.full.ranges": "[[0, -0.5, 1.0]]", "arms.full.lock_when": "searching",
        "arms.full.shield": "off",
    }  # fmt: skip


def test_models_are_added_copied_renamed_and_removed(visit) -> None:
    at = visit(PAGE, opened=("group-objective",), preset="moons")
    at.button(key="add-jem").click().run()
    assert query_of(at) == {"preset": "moons", "arms": "vanilla,full,jem"}
    shown = {box.key for box in at.number_input if box.key.startswith("set-arms.jem.")}
    own = (*Arm.variant("jem").own_settings, "averaging")
    assert shown == {f"set-arms.jem.{name}" for name in own}, "of its own method alone, and what goes with any"
    at.button(key="remove-arm").click().run()
    at.button(key="add-energy").click().run()
    assert query_of(at) == {"preset": "moons", "arms": "vanilla,full,energy"}
    at.button(key="copy-arm").click().run()
    assert query_of(at)["arms"] == "vanilla,full,energy,energy 2"
    at.text_input(key="set-arms.energy 2.name").set_value("mine").run()
    assert query_of(at)["arms"] == "vanilla,full,energy,mine"
    at.pills(key="arm").set_value("vanilla").run()
    at.button(key="remove-arm").click().run()
    assert query_of(at)["arms"] == "full,energy,mine"


def test_a_name_twice_is_refused(visit) -> None:
    at = visit(PAGE, preset="moons")
    at.text_input(key="set-arms.full.name").set_value("vanilla").run()
    assert any("each name once" in error.value for error in at.error)


def test_there_are_at_most_eight_models(visit) -> None:
    at = visit(PAGE, preset="moons", arms=",".join(["vanilla", "full", *"abcdef"]))
    assert at.button(key="copy-arm").disabled


def test_settings_brought_back_are_taken_over(visit) -> None:
    at = visit(PAGE, opened=(MENU,), preset="moons")
    mine = Experiment.preset("ol").replace({"seed": 5})
    at.file_uploader(key="upload").set_value(("mine.toml", mine.to_toml().encode(), "application/toml")).run()
    assert query_of(at) == mine.to_query()
    assert not at.error


def test_back_to_the_papers_settings(visit) -> None:
    at = visit(PAGE, **{"preset": "ls", "training.epochs": "20"})
    at.button(key="reset").click().run()
    assert query_of(at) == {"preset": "ls"}


def test_a_run_too_large_to_show_is_refused_with_the_reason(visit) -> None:
    at = visit(PAGE, preset="moons", **{"training.epochs": "5000", "evaluation.field": "400"})
    assert at.button(key="train").disabled
    assert "allowed: at most" in said(at)


def test_projecting_hides_controls_and_menu(visit, world) -> None:
    world.keep(TINY)
    at = visit(PAGE, **QUERY, view="project")
    assert not at.selectbox
    assert not at.get("page_link")
    assert "At epoch 3" in said(at)
    at.button(key="unproject").click().run()
    assert at.selectbox
    assert query_of(at) == QUERY


def test_energies_are_sent_once_where_the_layer_is_on_with_their_numbers_beside(
    visit, train, world, monkeypatch
) -> None:
    small = train(TINY.replace({"data.n_train": 300, "training.n_ce": 30}))
    sent = []

    def noted(recording, /, *behind, **state):
        sent.append(state["energy"])
        return message(recording, *behind, **state)

    monkeypatch.setattr(player, "message", noted)
    at = visit(PAGE, **small.to_query())
    last, scene = list(world.store.snapshots(small.key))[-1], world.store.scene(small.key)
    usual = scene.usual_target
    assert sent == [{"usual": usual, "stretch": None}], "nothing of the energies travels while the layer is off"
    assert "counterfactuals against real samples" not in said(at)
    for name, text in {"layer": "energy", "energy_class": "7"}.items():
        at.query_params[name] = text
    at.run()
    (warning,) = at.warning
    assert r"energy\_class is 7; allowed\: 0 to 1, the classes of these data" in warning.value
    assert sent[-1]["stretch"]["class"] == usual and sent[-1]["stretch"]["epochs"] == [0, 1, 2, 3]
    assert query_of(at) == {**small.to_query(), "layer": "energy"}
    means = mean_energies([last], small, scene, usual)
    assert f"Energy of “{scene.classes[usual]}”: counterfactuals against real samples" in said(at)
    for arm in (0, 1):
        for words in energy_gap(means, 0, arm):
            assert words in said(at)
    at.query_params["energy_class"] = str(1 - usual)
    at.run()
    assert sent[-1]["stretch"]["class"] == 1 - usual
    at.run()
    assert sent[-1]["stretch"] is None, "the browser holds them"


def test_another_link_in_the_same_session_is_taken_over(visit, world) -> None:
    at = visit(PAGE, preset="moons")
    at.number_input(key="set-training.epochs").set_value(20).run()
    at.query_params.clear()
    at.query_params["preset"] = "ol"
    at.run()
    assert at.selectbox(key="set-data.name").value == "ol"
    assert query_of(at) == {"preset": "ol"}


def test_a_link_that_lags_behind_a_control_does_not_undo_a_change(visit) -> None:
    at = visit(PAGE, opened=("group-training",), preset="moons")
    at.number_input(key="set-training.epochs").set_value(20).run()
    at.query_params.clear()
    at.query_params["preset"] = "moons"
    at.number_input(key="set-seed").set_value(3).run()
    assert query_of(at) == {"preset": "moons", "training.epochs": "20", "seed": "3"}


def test_the_browsers_back_button_undoes_a_change(visit) -> None:
    at = visit(PAGE, preset="moons")
    at.number_input(key="set-training.epochs").set_value(20).run()
    at.query_params.clear()
    at.query_params["preset"] = "moons"
    at.run()
    assert query_of(at) == {"preset": "moons"}
    assert moved(at.number_input, "set-training.epochs").value == 100


def test_without_parameters_a_session_finds_its_settings_again(visit) -> None:
    at = visit(PAGE, preset="ol", seed="5")
    at.query_params.clear()
    at.run()
    assert query_of(at) == {"preset": "ol", "seed": "5"}


def test_a_store_that_cannot_be_read_is_said_without_a_traceback(visit, world, monkeypatch) -> None:
    def refuse(key: str) -> None:
        raise StoreError("The store cannot be read: permission denied; set CTVIZ_HOME to a folder you own.")

    monkeypatch.setattr(world.store, "status", refuse)
    at = visit(PAGE, preset="moons")
    assert "set CTVIZ" in at.error[0].value


def test_anything_unexpected_is_logged_not_shown(visit, world, monkeypatch) -> None:
    def fail(key: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.store, "status", fail)
    at = visit(PAGE, preset="ol")
    assert "Something went wrong" in at.error[0].value
    assert "secret detail" not in said(at)
    assert link.write(Experiment.preset("ol"), link.View()) == query_of(at)


def test_a_damaged_run_is_set_aside_and_said_until_it_is_understood(visit, world) -> None:
    world.keep(TINY)
    (world.root / "runs" / TINY.key / "run.json").write_bytes(b"{")
    at = visit(PAGE, **QUERY)
    assert "These settings have not been trained yet" in said(at)
    at.run()
    assert "was damaged" in at.info[0].value
    at.button(key="notices").click().run()
    assert not at.info
