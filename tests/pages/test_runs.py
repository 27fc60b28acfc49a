"""Trade-offs' part that compares stored runs: chosen, named, pinned, deleted and brought back."""

from __future__ import annotations

import errno
from dataclasses import replace

import numpy as np
import pytest

from ctviz.catalogue.differences import difference, reduction
from ctviz.catalogue.metrics import RECORDED
from ctviz.experiments.config import Experiment
from ctviz.experiments.evaluate import evaluate
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.run import run
from ctviz.experiments.store import RunLabel, Store, labels
from ctviz.prose import number
from ctviz.training.arm import Arm
from tests.figures import fake
from tests.pages.words import bodies, said

PAGE = "pages/tradeoffs.py"
SMALL = Experiment.preset("moons").replace(
    {"training.epochs": 3, "evaluation.field": 9, "evaluation.paths": 2, "evaluation.steps": 9, "model.hidden": [4]}
)
OTHER = SMALL.replace({"arms.full.tau": 0.6, "seed": 4})


@pytest.fixture
def keep(world):
    """Stores a made-up run with results: the trained model at ``gain`` of the conventional one's distances, and at
    ``cost`` of its effort."""

    def store(experiment, gain=0.5, cost=None):
        shape = experiment.evaluation
        on = fake.scene(k=experiment.data.classes, b=shape.paths, n=60)
        share = np.array([gain if arm.trains_on_counterfactuals else 1.0 for arm in experiment.arms])
        paid = share if cost is None else np.where(share == gain, cost, 1.0)
        measured = {"ip": 2 * share, "ip_star": 0.3 * share, "cost": paid}
        with world.store.writer(experiment, "cpu") as writer:
            writer.scene(on)
            for snapshot in fake.snapshots(on, len(share), experiment.training.epochs, shape.field, shape.steps):
                writer.append(replace(snapshot, metrics={**snapshot.metrics, **measured}))
            # What a run's summary says of test data is not what pages show.
            arms = [{"name": arm.name, "ip": 1.0} for arm in experiment.arms]
            writer.finish({"arms": arms, "seconds": 1.0})
        return experiment.key

    return store


@pytest.fixture
def look(visit):
    """Opens the part; ``look(key, …)`` with these runs compared."""

    def open_(*keys, **query):
        runs = {"runs": ",".join([*keys, ""])} if keys else {}
        at = visit(PAGE, part="compare", **runs, **query)
        assert not at.exception
        return at

    return open_


def html_of(at):
    return " ".join(bodies(at))


def listed(at):
    return list(at.dataframe[0].value["name"])


def test_every_run_is_listed_and_nothing_is_compared_at_first(look, keep):
    keep(SMALL), keep(OTHER)
    at = look()
    assert "side by side: 2 of your own" in html_of(at)
    assert len(listed(at)) == 2 and all(name.startswith("moons, ") for name in listed(at))
    assert not at.get("image")


def test_without_runs_it_says_what_to_do(look):
    assert "train one on another page" in html_of(look())


def test_runs_are_compared_side_by_side(look, keep):
    at = look(keep(SMALL, 0.5), keep(OTHER, 0.75))
    html = html_of(at)
    assert (
        "Of 2 runs, run A (moons) gains most: counterfactuals of the counterfactually trained model end 50 % " in html
    )
    assert "25 % closer to real data; 25 % less effort" in html
    assert "Confidence (τ) of “full”" in html and "<b>0.6</b>" in html
    assert "Learning rate" not in html
    assert len(at.get("image")) == 4
    at.toggle(key="runs-settings").set_value(True).run()
    assert "Learning rate" in html_of(at) and at.query_params["settings"] == "all"


def test_a_run_on_a_table_stands_in_the_list_and_is_not_drawn(look, keep, world):
    german = Experiment.preset("german").replace({"training.epochs": 2, "training.n_ce": 50})
    run(german, device="cpu", store=world.store)
    at = look(german.key, keep(SMALL))
    assert len(listed(at)) == 2 and any(name.startswith("german") for name in listed(at))
    words = said(at)
    assert "A table of many features has no plane to draw a boundary in." in words
    assert "Open in Recourse" in [link.proto.label for link in at.get("page_link")] and len(at.get("image")) == 2


def test_no_run_is_named_the_best_where_they_were_not_measured_alike(look, keep):
    first = keep(SMALL, 0.5)
    html = html_of(look(first, keep(SMALL.replace({"data.noise": 0.2}), 0.75)))
    assert "50 % closer to real data, run B (moons) 25 % closer to real data: the data differ, so that no run" in html
    html = html_of(look(first, keep(SMALL.replace({"evaluation.tau": 0.6}), 0.75)))
    assert "they were not measured alike, so that no run is named the best" in html
    level = keep(OTHER, 0.502, cost=1.3)
    said = "run A and run B gain the same: advice ends about 50 % closer to real data than the conventional model's"
    assert f"{said}, at the price of 30 % more effort in run B." in html_of(look(first, level))


def test_a_chosen_run_joins_by_name_and_stands_in_the_link(look, keep):
    first, second = keep(SMALL), keep(OTHER)
    at = look(first)
    at.multiselect(key="runs-chosen").set_value([first, second]).run()
    assert at.query_params["runs"] == f"{first},{second},"
    assert not at.exception and "Of 2 runs" in html_of(at)


def test_a_search_hides_rows_and_keeps_what_is_chosen(look, keep):
    first, second = keep(SMALL), keep(OTHER)
    at = look(first)
    at.text_input(key="runs-search").set_value("tau=0.6").run()
    assert len(listed(at)) == 1 and at.dataframe[0].value["key"].tolist() == [second]
    assert at.query_params["runs"] == f"{first}," and at.query_params["search"] == "tau=0.6"
    at.text_input(key="runs-search").set_value("nowhere").run()
    assert not at.dataframe and "No stored run" in at.info[0].value


def test_stacks_of_sweeps_are_listed_when_asked_for(look, keep, world):
    arms = [Arm.variant("vanilla"), *(Arm.variant(f"{number:012x}", lambda_div=number) for number in range(1, 10))]
    plain = SMALL.replace({"evaluation.field": 0, "evaluation.paths": 0, "training.epochs": 1, "training.n_ce": 10})
    stack = Experiment(**{**plain.model_dump(), "arms": [arm.model_dump() for arm in arms]})
    keep(SMALL)
    run(stack, store=world.store)
    at = look()
    assert len(listed(at)) == 1
    at.toggle(key="runs-stacks").set_value(True).run()
    assert "10 models of a sweep" in listed(at)
    at = look(stack.key)  # its boundaries are made from the weights
    assert len(at.get("image")) == 2 and "and 8 more models" in html_of(at)


def test_a_run_is_named_and_pinned(look, keep, world):
    key = keep(SMALL)
    at = look(key)
    at.text_input(key=f"runs-name-{key}").set_value("  the classic ")
    next(button for button in at.button if button.label == "Save the name").click().run()
    assert listed(at) == ["the classic"] and "the classic" in html_of(at)
    at.button(key="runs-pin").click().run()
    assert Store(world.root).labels.of(key) == RunLabel("the classic", pinned=True)
    assert at.dataframe[0].value["pinned"].tolist() == ["★"]
    at.button(key="runs-pin").click().run()
    assert not world.store.labels.of(key).pinned


def test_a_full_disk_is_a_sentence(look, keep, monkeypatch):
    at = look(keep(SMALL))

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(labels, "write_whole", refuse)
    at.button(key="runs-pin").click().run()
    assert not at.exception and "No space is left" in at.error[0].value


def test_a_deletion_can_be_undone_at_once_and_after_a_reload(look, keep, world):
    key = keep(SMALL)
    world.store.labels.rename(key, "mine")
    at = look(key)
    at.button(key="runs-delete").click().run()
    assert world.store.status(key).state == "absent" and "runs" not in at.query_params
    at.button(key="runs-undo-button").click().run()
    assert world.store.status(key).state == "done" and at.query_params["runs"] == f"{key},"
    assert listed(at) == ["mine"]
    at.button(key="runs-delete").click().run()
    at = look(key)  # a fresh session, by the link from before
    assert "is in the bin" in at.info[0].value
    at.button(key=f"runs-back-page-{key}").click().run()
    assert world.store.status(key).state == "done" and listed(at) == ["mine"]


def test_the_bin_is_emptied(look, keep, world):
    for experiment in (SMALL, OTHER):
        world.store.bin(keep(experiment))
    at = look()
    at.button(key="runs-empty").click().run()
    assert not at.exception and world.store.binned() == []


def test_a_run_that_is_being_trained_is_not_deleted(look, keep, world):
    with world.store.writer(SMALL, "cpu") as writer:
        writer.scene(fake.scene(k=2, b=2, n=60))
        at = look(SMALL.key)
        at.button(key="runs-delete").click().run()
        assert "is being trained at this moment" in at.error[0].value
        assert at.query_params["runs"] == f"{SMALL.key},"
        assert world.store.status(SMALL.key).state == "running"


def test_runs_that_are_gone_or_never_were_are_named(look, keep):
    key = keep(SMALL)
    at = look("0123456789abcdef", key)
    assert "0123456789abcdef is not stored here" in at.info[0].value
    assert "run A" in html_of(at)


def test_a_malformed_link_is_said_and_the_list_still_stands(look, keep):
    keep(SMALL)
    at = look(curve="nothing", order="7")
    assert listed(at) and not at.exception


def test_two_tabs_see_each_other(look, keep, world):
    key = keep(SMALL)
    first, second = look(key), look(key)
    first.button(key="runs-pin").click().run()
    second.text_input(key=f"runs-name-{key}").set_value("seen")
    next(button for button in second.button if button.label == "Save the name").click().run()
    assert world.store.labels.of(key) == RunLabel("seen", pinned=True)


def test_a_run_has_one_number_on_all_pages_and_an_evaluation_on_test_data_is_named_as_such(look, visit, world):
    small = {"training.epochs": 4, "training.n_ce": 50, "data.n_train": 200, "data.seed": 1}
    changes = {**small, "training.lr": 0.1, "evaluation.tau": 0.9, "evaluation.steps": 30}
    experiment = SMALL.replace(changes)
    done = run(experiment, store=world.store)
    theirs, ours = done.snapshot().metrics["ip"].tolist()
    words = difference(RECORDED["ip"], ours, theirs).words
    (headline,) = (
        body for body in bodies(visit("pages/boundaries.py", **experiment.to_query())) if "ctviz-headline" in body
    )
    assert words in headline
    report = evaluate(done, Protocol(), store=world.store)
    compared = report.compare().set_index(["arm", "metric"]).sort_index()
    gain = float(compared.loc[("full", "ip"), "reduction"])
    html = html_of(look(experiment.key))
    mean = report.table.query("arm == 'full' and metric == 'ip' and round == -1").iloc[0]
    assert f"[{number(mean.low, 3)}, {number(mean.high, 3)}]" in html
    assert f"end {words} than the conventional" in html
    assert reduction(RECORDED["ip"], gain).words != words and html.count(reduction(RECORDED["ip"], gain).words) == 2
    assert "valuated on test data: " in html and "Counterfactual training, evaluated on test data" in html


def test_a_student_in_a_class_neither_pins_nor_names_nor_deletes(look, keep, world, monkeypatch):
    """What Streamlit lets through is refused too: presses of a page that was drawn before there was a class."""
    key, gone = keep(SMALL), keep(OTHER)
    world.store.bin(gone)
    buttons = ("runs-pin", "runs-delete", f"runs-back-bin-{gone}", "runs-empty")
    for name in buttons:
        monkeypatch.delenv("CTVIZ_CLASS", raising=False)
        at = look(key)
        assert not at.button(key=name).disabled
        monkeypatch.setenv("CTVIZ_CLASS", "http://192.168.1.20:8501")
        at.button(key=name).click().run()
        assert "In a class, students cannot" in at.warning[0].value
        assert at.button(key=name).disabled
    at.text_input(key=f"runs-name-{key}").set_value("mine")
    next(button for button in at.button if button.label == "Save the name").click().run()
    assert "students cannot rename runs" in at.warning[0].value
    assert world.store.labels.of(key) == RunLabel()
    assert [info.key for info in world.store.binned()] == [gone]
    assert world.store.status(key).state == "done"
