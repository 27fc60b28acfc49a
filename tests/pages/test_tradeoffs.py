"""The page Trade-offs: a stored sweep as map, lines and front, a cell of it, a sweep of one's own, and bad input."""

from __future__ import annotations

import shutil
from functools import partial

import pytest

from ctviz.catalogue.settings import OFFERED
from ctviz.experiments.store import Store
from ctviz.figures.tradeoffs.words import finding
from ctviz.jobs import JobStatus
from ctviz.studies.sweeps.catalogue import delete_sweep, keep_sweep, list_sweeps
from ctviz.studies.sweeps.results import collect
from ctviz.studies.sweeps.sweep import sweep as carry_out_sweep
from ctviz.ui.kit import frame
from ctviz.ui.kit.export import MENU
from ctviz.ui.kit.runner import runner
from ctviz.ui.tradeoffs import sweep_picture
from ctviz.ui.tradeoffs.bounds import MOST_MODELS
from ctviz.ui.tradeoffs.tradeoffs_view import FIRST, MOST_AXES
from tests.fake_jobs import FakeJobs
from tests.pages.words import bodies, query_of, said
from tests.studies.reproduce.here import Here
from tests.studies.sweeps.small import TINY, base, small
from tests.waiting import until

PAGE = "pages/tradeoffs.py"
SWEEP = small({"lambda_div": (0.1, 0.5), "lambda_reg": (0.1, 0.5)}, seeds=2)
ONE = small({"tau": (0.5,)})


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A store with two finished sweeps."""
    root = tmp_path_factory.mktemp("swept")
    store = Store(root)
    for each in (SWEEP, ONE):
        carry_out_sweep(each, engine=Here(), store=store)
    return root


@pytest.fixture
def stored(world, swept):
    shutil.copytree(swept, world.root, dirs_exist_ok=True)
    return world


def headline(at) -> str:
    return next(body for body in bodies(at) if "ctviz-headline" in body)


# -- looking at a sweep ------------------------------------------------------------------------------


def test_without_any_sweep_the_page_says_what_to_do(visit) -> None:
    at = visit(PAGE)
    assert "There is no sweep in the store yet" in said(at)
    assert not at.button(key="trade-run").disabled
    assert "models" in said(at)


def test_a_link_trains_nothing_by_itself(visit, world) -> None:
    visit(PAGE, **{"grid.tau": "0.5,0.9", "seeds": "1"})
    assert world.jobs.submitted == []


@pytest.mark.parametrize("chart", ["map", "lines", "front"])
def test_a_stored_sweep_is_drawn_with_its_finding_and_the_numbers_of_a_cell(visit, stored, chart: str) -> None:
    at = visit(PAGE, sweep=SWEEP.key, chart=chart)
    assert len(at.get("plotly_chart")) == 1
    assert finding(collect(SWEEP, stored.store).across, "ip") in said(at)
    assert "Conventional" in said(at)
    assert "This cell" in said(at)
    assert "counterfactual training with λ" in said(at)
    assert not at.warning
    assert not at.error


def test_the_cell_of_the_base_s_own_settings_is_shown_first_and_another_can_be_picked(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key)
    own = at.selectbox(key="trade-cell").value
    assert SWEEP.cells()[own].values == (("lambda_div", 0.5), ("lambda_reg", 0.1))
    at.selectbox(key="trade-cell").set_value(3).run()
    assert query_of(at)["cell"] == "3"
    assert "λ<sub>div</sub> 0.5, λ<sub>reg</sub> 0.5" in said(at)


def test_a_cell_leads_to_the_same_two_models_in_boundaries(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key, cell="3", draw="1")
    link = next(
        element.proto for element in at.get("page_link") if element.proto.label == "Train this pair in Boundaries"
    )
    assert "arms.full.lambda_reg=0.5" in link.query_string
    assert "&seed=1" in f"&{link.query_string}"


def test_another_seed_shows_other_models(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key, cell="3")
    at.segmented_control(key="trade-draw").set_value(1).run()
    assert query_of(at)["draw"] == "1"


def test_values_and_reductions_of_any_metric_can_be_looked_at(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key)
    at.selectbox(key="trade-metric").set_value("cost").run()
    at.segmented_control(key="trade-show").set_value("value").run()
    assert query_of(at)["metric"] == "cost"
    assert query_of(at)["show"] == "value"
    assert not at.error


def test_axes_that_are_chosen_twice_change_places(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key)
    before = {name: at.selectbox(key=f"trade-{name}").value for name in ("x", "y")}
    at.selectbox(key="trade-x").set_value(before["y"]).run()
    assert {name: at.selectbox(key=f"trade-{name}").value for name in ("x", "y")} == {
        "x": before["y"],
        "y": before["x"],
    }


def test_cells_can_be_left_out_and_brought_back(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key, chart="lines")
    at.button_group(key="trade-only-lambda_div").set_value([0.1]).run()
    assert query_of(at)["only.lambda_div"] == "0.1"
    assert "2 of 4 cells are left" in said(at)
    at.button(key="trade-all").click().run()
    assert "only.lambda_div" not in query_of(at)


@pytest.mark.parametrize("chart", ["map", "lines", "front"])
def test_a_sweep_of_a_single_cell_is_drawn_too(visit, stored, chart: str) -> None:
    at = visit(PAGE, sweep=ONE.key, chart=chart)
    assert "τ 0.5" in said(at)
    assert not at.error


def test_the_large_screen_has_the_picture_and_no_controls(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key, view="project")
    assert len(at.get("plotly_chart")) == 1
    assert [button.key for button in at.button] == ["unproject"]


def test_everything_can_be_taken_away(visit, stored) -> None:
    at = visit(PAGE, opened=(MENU,), sweep=SWEEP.key)
    labels = [element.proto.label for element in at.get("download_button")]
    assert [label.rpartition("(")[2] for label in labels if "PNG" not in label] == [
        "HTML)", "LaTeX)", "Markdown)", "CSV)", "Parquet)", "TOML)",
    ]  # fmt: skip
    assert any(code.value.startswith("ctviz sweep ctviz-sweep-moons-") for code in at.code)


# -- the list of sweeps ------------------------------------------------------------------------------


def test_of_two_sweeps_of_the_same_shape_the_chosen_one_is_shown_and_stays(visit, stored) -> None:
    twins = [small({"tau": values}, base=base(data__seed=seed)) for seed, values in enumerate([(0.5, 0.9)] * 2)]
    for twin in twins:
        keep_sweep(twin, stored.store)
    at = visit(PAGE, sweep=twins[0].key)
    assert len(set(at.selectbox(key="trade-sweep").options)) == len(twins) + 2
    assert at.selectbox(key="trade-sweep").value == twins[0].key
    at.selectbox(key="trade-sweep").set_value(twins[1].key).run()
    at.run()
    assert query_of(at)["sweep"].rstrip(",") == twins[1].key
    assert at.selectbox(key="trade-sweep").value == twins[1].key


def test_a_sweep_of_one_s_own_is_taken_off_the_list_and_put_back(visit, stored) -> None:
    at = visit(PAGE, sweep=ONE.key)
    at.button(key="trade-forget").click().run()
    assert ONE.key not in {info.key for info in list_sweeps(stored.store)}
    assert not at.warning
    assert at.selectbox(key="trade-sweep").value == SWEEP.key
    at.button(key="trade-unforget").click().run()
    assert query_of(at)["sweep"].rstrip(",") == ONE.key
    assert "τ 0.5" in said(at)
    assert not [button for button in at.button if button.key == "trade-unforget"]


# -- a sweep of one's own ----------------------------------------------------------------------------


@pytest.fixture
def quick(world, monkeypatch):
    """Jobs that carry out their task at once, where they are submitted."""

    def submit(key, work, *arguments, seconds, tries):
        job = FakeJobs.submit(world.jobs, key)
        work(*arguments, lambda: False)
        world.jobs.end(key)
        return job

    monkeypatch.setattr(world.jobs, "submit", submit)
    return world


def test_a_sweep_is_run_from_the_page_and_shown_when_it_is_done(visit, quick) -> None:
    at = visit(PAGE, **TINY)
    assert "2 cells × 1 seed: 2 models, and 1 conventional to compare with. 2 are still to be done" in said(at)
    at.button(key="trade-run").click().run()
    key = query_of(at)["sweep"].rstrip(",")
    until(lambda: not runner().progress(key).live, "the end of the sweep")
    at.run()
    assert len(quick.jobs.submitted) == 1
    assert "This cell" in said(at)
    assert [selectbox.value for selectbox in at.selectbox if selectbox.key == "trade-sweep"] == [key]


def test_a_sweep_under_way_shows_how_far_it_is_and_can_be_stopped_and_gone_on_with(visit, world, monkeypatch) -> None:
    pauses, live = [], frame.live
    monkeypatch.setattr(frame, "live", lambda body, every: pauses.append(every()) or live(body, every))
    at = visit(PAGE, **TINY)
    at.button(key="trade-run").click().run()
    key = query_of(at)["sweep"].rstrip(",")
    assert pauses[-1] == sweep_picture.POLL, "the page looks again by itself"
    assert "0 of 2 models" in next(element.proto.text for element in at.get("progress"))
    assert "The first models are being trained" in said(at)
    # The same again can be stopped here too; another one has to wait.
    assert at.button(key="trade-run-stop").label == "Stop this sweep"
    assert not [button for button in at.button if button.key == "trade-run"]
    at.text_input(key="trade-values-tau").set_value("0.6").run()
    assert at.button(key="trade-run").disabled
    assert "Another sweep of yours is under way" in said(at)
    until(lambda: world.jobs.submitted, "a job")
    at.button(key="trade-stop").click().run()
    until(lambda: not runner().progress(key).live, "the end of the sweep")
    at.run()
    assert pauses[-1] is None
    assert world.jobs.cancelled
    assert "2 of 2 models are not trained yet" in said(at)
    at.button(key="trade-go-on").click().run()
    assert runner().progress(key).live
    runner().cancel(key)


def test_who_comes_back_finds_their_sweep_marked_and_can_stop_it(visit, world) -> None:
    at = visit(PAGE, **TINY)
    at.button(key="trade-run").click().run()
    key = query_of(at)["sweep"].rstrip(",")
    back = visit(PAGE, **TINY)
    assert any(option.endswith("running)") for option in back.selectbox(key="trade-sweep").options)
    back.button(key="trade-run-stop").click().run()
    until(lambda: not runner().progress(key).live, "the end of the sweep")
    back.run()
    assert not back.button(key="trade-run").disabled
    assert not any(option.endswith("running)") for option in back.selectbox(key="trade-sweep").options)


def test_what_is_refused_after_a_press_is_said_and_not_kept(visit, world, monkeypatch) -> None:
    monkeypatch.setattr("ctviz.ui.kit.runner.MOST_AT_ONCE", 0)
    at = visit(PAGE, **TINY)
    at.button(key="trade-run").click().run()
    assert [(w.value.replace("\\", ""), w.icon) for w in at.warning] == [
        ("0 large computations are under way here, as many as fit. Wait for one to end.", ":material/block:")
    ]
    assert not list_sweeps(world.store)
    at.run()
    assert not at.warning


def test_pictures_that_a_sweep_does_not_record_do_not_speak_against_it(visit, world) -> None:
    at = visit(PAGE, **{**TINY, "training.epochs": "10000"})
    assert not at.button(key="trade-run").disabled


def test_a_sweep_that_is_there_is_looked_at_and_not_trained(visit, stored, monkeypatch) -> None:
    monkeypatch.setattr("ctviz.ui.tradeoffs.new_sweep.sweep_of", lambda *_: SWEEP)
    at = visit(PAGE, sweep=ONE.key)
    assert "All of it is there already" in said(at)
    at.button(key="trade-run").click().run()
    assert query_of(at)["sweep"].rstrip(",") == SWEEP.key
    assert not stored.jobs.submitted


def test_what_could_not_be_trained_says_why(visit, quick, monkeypatch) -> None:
    monkeypatch.setattr(quick.jobs, "submit", partial(FakeJobs.submit, quick.jobs))
    quick.jobs.begins = JobStatus("", "failed", message="The disk is full.")
    at = visit(PAGE, **TINY)
    at.button(key="trade-run").click().run()
    until(lambda: not runner().progress(query_of(at)["sweep"].rstrip(",")).live, "the end of the sweep")
    at.run()
    assert "The disk is full" in said(at).replace("\\", "")


def test_values_that_are_not_possible_are_said_beside_the_control(visit, world) -> None:
    at = visit(PAGE, **{"grid.tau": "0.5,2"})
    assert at.button(key="trade-run").disabled
    assert "tau" in said(at)
    assert any("is not possible" in error.value for error in at.error)


def test_too_many_models_for_a_page_are_said(visit, world) -> None:
    at = visit(PAGE, **{"grid.lambda_div": ",".join(str(0.01 * i) for i in range(1, 61)), "seeds": "10"})
    assert at.button(key="trade-run").disabled
    assert f"at most {MOST_MODELS} models" in said(at).replace("\\", "")


def test_a_study_of_the_paper_fills_the_form(visit, world) -> None:
    at = visit(PAGE)
    assert at.multiselect(key="trade-axes").value == list(FIRST)
    at.button(key="trade-study-training").click().run()
    assert at.multiselect(key="trade-axes").value == ["training.n_ce", "training.burnin", "training.epochs"]
    assert query_of(at)["grid.training.n_ce"] == "100, 1000"


def test_another_data_set_changes_the_sweep_to_be_run_and_not_the_one_that_is_shown(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key, cell="3")
    at.selectbox(key="trade-data").set_value("circles").run()
    assert query_of(at)["preset"] == "circles"
    assert query_of(at)["cell"] == "3"


# -- what goes wrong -------------------------------------------------------------------------------


def test_a_sweep_that_is_gone_is_said_and_another_one_shown(visit, stored) -> None:
    at = visit(PAGE, sweep="0123456789abcdef", cell="3", x="tau")
    assert "0123456789abcdef" in at.warning[0].value
    assert len(at.get("plotly_chart")) == 1
    assert "cell" not in query_of(at)


def test_a_link_into_a_sweep_that_has_no_such_thing_says_so(visit, stored) -> None:
    at = visit(PAGE, sweep=SWEEP.key, metric="beauty", cell="99", x="epsilon", **{"only.tau": "0.5"})
    warned = at.warning[0].value.replace("\\", "")
    for name in ("metric", "cell", "x", "only.tau"):
        assert f"In the link, {name} is" in warned
    assert len(at.get("plotly_chart")) == 1


def test_what_a_link_asks_for_in_vain_is_said_and_dropped(visit, stored) -> None:
    wrong = {"grid.zzz": "1,2", "grid.data.name": "moons", "only.lambda_reg": "{}", "y": "lambda_div"}
    at = visit(PAGE, sweep=SWEEP.key, x="lambda_div", **wrong, **{"only.lambda_div": "0.1|7"})
    warned = at.warning[0].value.replace("\\", "")
    assert all(f"In the link, {name} is" in warned for name in (*wrong, "only.lambda_div"))
    assert not set(wrong) & set(query_of(at))
    assert query_of(at)["only.lambda_div"] == "0.1"
    assert query_of(at)["x"] == "lambda_div"
    at = visit(PAGE, sweep=SWEEP.key, draw="99")
    assert "In the link, draw is 99; allowed: 0 to 1" in at.warning[0].value.replace("\\", "")
    assert "draw" not in query_of(at)
    assert len(at.get("plotly_chart")) == 1
    assert not at.error


def test_more_axes_than_the_page_takes_are_said_and_dropped(visit, world) -> None:
    at = visit(PAGE, **{f"grid.{name}": OFFERED[name] for name in list(OFFERED)[:7]})
    assert len(at.multiselect(key="trade-axes").value) == MOST_AXES
    assert "at most 5" in at.warning[0].value


def test_a_damaged_table_is_put_together_again(visit, stored) -> None:
    (stored.root / "sweeps" / f"{SWEEP.key}.parquet").write_bytes(b"PAR1 broken")
    at = visit(PAGE, sweep=SWEEP.key)
    assert len(at.get("plotly_chart")) == 1
    assert not at.error


def test_weights_that_are_gone_leave_the_numbers(visit, stored) -> None:
    for info in stored.store.list():
        stored.store.delete(info.key)
    at = visit(PAGE, sweep=SWEEP.key)
    assert "This cell" in said(at)
    assert "gone from the store" in said(at)


@pytest.mark.parametrize(("preset", "what"), [("mnist", "images"), ("adult", "a table")])
def test_a_sweep_of_what_is_in_no_plane_is_not_what_this_page_starts_from(visit, preset: str, what: str) -> None:
    at = visit(PAGE, preset=preset)
    assert f"the link's data, {what}, were left out" in at.warning[0].value
    assert query_of(at)["preset"] == "moons"


def test_a_sweep_that_was_never_trained_can_be(visit, world) -> None:
    keep_sweep(SWEEP, world.store)
    at = visit(PAGE, sweep=SWEEP.key)
    assert "models are not trained yet" in said(at)
    assert not at.button(key="trade-go-on").disabled
    delete_sweep(SWEEP.key, world.store)
    at.run()
    assert SWEEP.key in said(at)


def test_stored_runs_are_compared_on_the_other_part(visit, stored) -> None:
    at = visit(PAGE)
    at.segmented_control(key="trade-part").set_value("compare").run()
    assert query_of(at)["part"] == "compare"
    assert "side by side" in headline(at) or "No run is stored" in headline(at)


# -- a student in a class -------------------------------------------------------------------------------


def test_a_students_link_to_a_new_sweep_is_read_only_and_says_so(visit, world, monkeypatch) -> None:
    link = {"grid.tau": "0.5,0.9", "seeds": "1"}
    at = visit(PAGE, **link)
    monkeypatch.setenv("CTVIZ_CLASS", "http://192.168.1.20:8501")
    at.button(key="trade-run").click().run()  # drawn before there was a class
    assert "students cannot start sweeps" in at.warning[0].value
    at = visit(PAGE, **link)
    assert at.button(key="trade-run").disabled
    assert "students cannot start sweeps" in said(at) and "You are in a class" in said(at)
    assert world.jobs.submitted == [] and not [info for info in list_sweeps(world.store) if not info.shipped]
