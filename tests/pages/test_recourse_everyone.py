"""Everyone on Recourse, without a browser: what ships at once, other rules by a press, and how it is stopped."""

from __future__ import annotations

import gc
import json
import shutil
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ctviz.catalogue.population import headline
from ctviz.data.rules import Rules
from ctviz.errors import JobError
from ctviz.experiments import everyone
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.everyone import draw
from ctviz.experiments.population import Population, PopulationSettings
from ctviz.experiments.run import load_run
from ctviz.experiments.store import Store
from ctviz.jobs import STOPPED, JobStatus
from ctviz.paths import assets
from ctviz.studies.population import PARTS, POPULATIONS, shipped_population, tasks_of, whole_key
from ctviz.ui.kit import rights
from ctviz.ui.recourse import everyone_work
from ctviz.ui.recourse.context import AdviceContext
from ctviz.ui.recourse.everyone import PROOFS
from ctviz.ui.recourse.everyone_work import AskedOfEveryone, work_of
from tests.pages.words import query_of, said
from tests.waiting import PATIENCE, until

PAGE = "pages/recourse.py"
GERMAN = Experiment.preset("german")


@pytest.fixture
def german(world, visit, one_server) -> Callable[..., AppTest]:
    """Opens the page with the run on German credit that ships; with one plan of each model."""
    shutil.copytree(assets() / "presets" / GERMAN.key, world.root / "runs" / GERMAN.key)
    return lambda **query: visit(PAGE, preset="german", person="17", plans="1", **query)


@pytest.fixture(scope="module")
def adviser() -> Adviser:
    """Of the run that ships, with the page's threshold."""
    store = Store(assets() / "none", presets=assets() / "presets")
    return Adviser(load_run(GERMAN.key, store), tau="rate", arms=("vanilla", "full"))


def asked(rules=None) -> PopulationSettings:
    return PopulationSettings(
        arms=("vanilla", "full"), tau="rate", rules=rules, proofs=PROOFS
    )  # fmt: skip


def buttons(at: AppTest) -> dict[str, object]:
    return {button.key: button for button in at.button}


def test_what_ships_is_shown_at_once(german, adviser, world) -> None:
    at = german(everyone="1")
    found = shipped_population(whole_key(adviser, asked()))
    assert found is not None and headline(found) in said(at)
    assert "whom both models refuse" in said(at) and "break no rule" in said(at) and "What their decisions" in said(at)
    assert len(at.get("plotly_chart")) == 2 and not at.error and not world.jobs.submitted
    table = "\n".join(html.proto.body for html in at.get("html"))
    assert "Distance to the nearest accepted person" in table and "Goes along with" in table
    assert "everyone-compute" not in buttons(at), "all of German credit is proved"


def test_it_stays_closed_until_it_is_asked_for(german) -> None:
    at = german()
    assert not at.get("plotly_chart")
    (toggle,) = (one for one in at.toggle if one.key == "recourse-everyone")
    toggle.set_value(True).run()
    assert len(at.get("plotly_chart")) == 2 and query_of(at)["everyone"] == "1"


def test_other_rules_are_computed_by_a_press_and_can_be_stopped(german, adviser, world, monkeypatch) -> None:
    monkeypatch.setattr(everyone, "PART", 20)
    at = german(everyone="1", set="anything")
    assert not at.get("plotly_chart") and "under these rules" in buttons(at)["everyone-compute"].label
    buttons(at)["everyone-compute"].click().run()
    settings = asked(Rules())
    tasks = [task.key for task in tasks_of(adviser, settings, draw(adviser, settings))]
    until(lambda: world.jobs.submitted[:1] == tasks[:1], "the first part")
    assert "people are advised" in "".join(bar.proto.text for bar in at.get("progress"))
    again = german(everyone="1", set="anything")
    assert "everyone-stop" in buttons(again), "a reload finds it"
    buttons(again)["everyone-stop"].click().run()
    until(lambda: tasks[0] in world.jobs.cancelled, "the end of the first part")


def test_it_is_shown_once_everybody_has_a_plan(german, adviser, world) -> None:
    settings = asked(Rules()).model_copy(update={"proofs": 0})
    for task in tasks_of(adviser, settings, draw(adviser, settings)):
        task.compute(world.store, "cpu", lambda: False)
    at = german(everyone="1", set="anything")
    assert len(at.get("plotly_chart")) == 2 and "break no rule" in said(at)
    assert "nothing that others could stand in for" not in said(at), "protected features are asked about"
    assert "protected features" in said(at)
    assert "Prove the plans" in buttons(at)["everyone-compute"].label


def test_a_failure_is_told_and_may_be_tried_again(german, world) -> None:
    world.jobs.begins = JobStatus("", "failed", message="The disk is full.")
    at = german(everyone="1", set="law")
    buttons(at)["everyone-compute"].click().run()
    until(lambda: bool(world.jobs.submitted), "the first part")
    for _ in range(50):
        at.run()
        if at.error:
            break
    assert "The disk is full" in at.error[0].value and "everyone-compute" in buttons(at)


def test_students_have_nobody_advised(german, world, monkeypatch) -> None:
    monkeypatch.setattr(rights, "is_teacher", lambda: False)
    at = german(everyone="1", set="law")
    assert buttons(at)["everyone-compute"].disabled
    assert not world.jobs.submitted


def test_the_files_hold_what_is_shown(german, adviser) -> None:
    found = shipped_population(whole_key(adviser, asked()))
    assert found is not None
    at = german(everyone="1")
    files = [
        button for button in at.get("download_button") if button.proto.label in ("Numbers (CSV)", "All of it (JSON)")
    ]
    assert len(files) == 2 and json.loads(found.to_json())["words"] == found.words()


# -- a table of one's own, which is not stored -------------------------------------------------------------


@pytest.fixture
def own(world, tmp_path) -> AskedOfEveryone:
    return question(tmp_path)


def question(folder: Path) -> AskedOfEveryone:
    """A question on a run that no store has, with few people."""
    shipped = Store(folder / "elsewhere", presets=assets() / "presets")
    adviser = Adviser(load_run(GERMAN.key, shipped), arms=("vanilla", "full"))
    context = AdviceContext(adviser, "own", GERMAN, ("vanilla", "full"), tuple(range(35)))
    return AskedOfEveryone(context, PopulationSettings(arms=("vanilla", "full"), people=4, proofs=2, time_limit=120.0))


def test_its_people_are_advised_by_a_pool_in_parts_and_nothing_is_written(own, world, pools, monkeypatch) -> None:
    monkeypatch.setattr(everyone, "PART", 12)  # of these people, more than a worker is given at once
    wanted = own.settings.model_copy(update={"people": 12})
    own = replace(own, settings=wanted)
    assert not own.stored and work_of(own) is None
    own.begin()
    until(lambda: not work_of(own).progress.live, "the end of the work")
    work = work_of(own)
    assert work.progress.state == "done" and work.polished and work.result is not None
    assert pools == [everyone_work.WORKERS]
    assert work.result.record() == everyone.advise_everyone(own.context.adviser, wanted).record()
    assert not PARTS.files(world.store) and not POPULATIONS.files(world.store) and not world.jobs.submitted


def test_it_can_be_stopped_and_what_is_done_stays(own, monkeypatch) -> None:
    entered, spans = threading.Event(), []

    def slow(adviser, settings, drawn, span, workers, cancelled):
        spans.append(span)
        if span.proved:
            entered.set()
            until(cancelled)
            raise JobError("Stopped before everybody had a plan.")
        return everyone.advised(adviser, settings, drawn, span)

    monkeypatch.setattr(everyone_work, "advised", slow)
    own.begin()
    assert entered.wait(PATIENCE)
    own.begin()  # the same question goes on
    assert work_of(own).polished, "everybody has a plan"
    work_of(own).cancel()
    until(lambda: not work_of(own).progress.live, "the end of the work")
    assert work_of(own).progress.state == "cancelled" and work_of(own).result.proved == 0
    monkeypatch.setattr(everyone_work, "advised", lambda *at: spans.append(at[3]) or everyone.advised(*at[:4]))
    own.begin()
    until(lambda: not work_of(own).progress.live, "the end of the work")
    assert work_of(own).result.proved == 2 and sum(not span.proved for span in spans) == 1


def test_answers_are_gone_with_the_models(world, tmp_path) -> None:
    def answered(asked: AskedOfEveryone) -> weakref.ref[Population]:
        asked.begin()
        until(lambda: not work_of(asked).progress.live, "the end of the work")
        result = work_of(asked).result
        assert result is not None
        return weakref.ref(result)

    gone = answered(question(tmp_path))
    until(lambda: gc.collect() >= 0 and gone() is None, "the end of the answer")


def test_work_stops_when_nobody_holds_the_models(world, tmp_path, monkeypatch) -> None:
    entered, ended = threading.Event(), threading.Event()

    def endless(*asked):
        entered.set()
        until(asked[-1], "a stop")
        ended.set()

    monkeypatch.setattr(everyone_work, "advised", endless)
    asked = question(tmp_path)
    asked.begin()
    assert entered.wait(PATIENCE)
    gc.collect()
    assert not ended.is_set(), "as long as they are held it goes on"
    del asked
    until(lambda: gc.collect() >= 0 and ended.is_set(), "the end of the work")


@pytest.mark.parametrize(("error", "words"), [(JobError(STOPPED), STOPPED), (ValueError("x"), "Something went wrong")])
def test_what_goes_wrong_is_a_sentence_and_may_be_tried_again(own, monkeypatch, error, words) -> None:
    def fails(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(everyone_work, "advised", fails)
        own.begin()
        until(lambda: not work_of(own).progress.live, "the end of the work")
    assert work_of(own).progress.state == "failed" and words in work_of(own).progress.message
    own.begin()
    until(lambda: not work_of(own).progress.live, "the end of the work")
    assert work_of(own).progress.state == "done" and work_of(own).result.both.sum() == 4
