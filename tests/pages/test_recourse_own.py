"""A table of one's own on Recourse: upload, correction, learning in the background, and whatever cannot be used."""

from __future__ import annotations

import gc
import os
import signal
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ctviz.catalogue import population
from ctviz.data.rules import Rules
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.everyone import draw, three_models
from ctviz.experiments.population import PopulationSettings
from ctviz.experiments.run import ARM_WITH_RULES, Run, load_run
from ctviz.jobs import JobManager
from ctviz.studies.population import stored_population, tasks_of
from ctviz.ui.kit import service as shared
from ctviz.ui.kit.export import MENU
from ctviz.ui.kit.run_view import RunViews
from ctviz.ui.recourse import proofs, uploads
from ctviz.ui.recourse.uploads import OwnTable
from tests.pages.words import bodies, query_of, said
from tests.waiting import PATIENCE, until

PAGE = "pages/recourse.py"


def people(n: int = 200) -> pd.DataFrame:
    """Made-up applicants: numbers, categories, something missing, and whether they were granted a loan."""
    rng = np.random.default_rng(1)
    age, income = rng.integers(18, 80, n), np.round(rng.normal(3000, 800, n), 2)
    grade = rng.choice(["low", "middle", "high"], n)
    granted = np.where(income + 15 * age + rng.normal(0, 300, n) > 3800, "granted", "refused")
    frame = pd.DataFrame(
        {"age": age, "sex": rng.choice(["female", "male"], n), "income": income, "grade": grade, "loan": granted}
    )
    frame.loc[:4, "income"] = np.nan
    return frame


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


@pytest.fixture(scope="module")
def workers() -> Iterator[JobManager]:
    with JobManager(1) as manager:
        manager.warm(1, None)
        yield manager


@pytest.fixture
def own(world: SimpleNamespace, workers: JobManager, visit, monkeypatch) -> Callable[..., AppTest]:
    """Opens the page with workers, and uploads a file where one is given."""
    service = shared.Service(world.store, workers, RunViews(world.store))
    monkeypatch.setattr(shared, "make", lambda: service)
    monkeypatch.setattr(uploads, "browser", lambda: "one browser")

    def open_(
        content: bytes | pd.DataFrame | None = None,
        name: str = "people.csv",
        opened: tuple[str, ...] = (),
        **query: str,
    ) -> AppTest:
        at = visit(PAGE, opened=opened if content is None else ("recourse-own", *opened), **query)
        if content is not None:
            upload(at, csv(content) if isinstance(content, pd.DataFrame) else content, name)
        return at

    return open_


def upload(at: AppTest, content: bytes, name: str = "people.csv") -> None:
    at.file_uploader[0].set_value((name, content, "text/csv")).run()
    assert not at.exception


def menu(at: AppTest) -> Any:
    """The menu of tables, whether the page has moved it or not."""
    return next(one for one in at.selectbox if one.key.startswith("recourse-data"))


def held(at: AppTest) -> OwnTable:
    return at.session_state[uploads.HELD].table


def learn(at: AppTest) -> None:
    """Has models learn from the table, to the end."""
    at.button(key="own-train").click().run()
    training = held(at).training
    assert training is not None and training.wait(PATIENCE).state == "done"
    at.run()
    assert not at.exception


@pytest.fixture(autouse=True)
def quick(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of a moment, for pages tell of few epochs as they do of many; and proofs that wait, which
    ``test_recourse.py`` looks at."""
    _trains_for(monkeypatch, {"training.epochs": 8})
    monkeypatch.setattr(proofs, "_thread", lambda work: None)


def _trains_for(monkeypatch: pytest.MonkeyPatch, changes: dict[str, int]) -> None:
    usual = OwnTable.experiment.fget
    monkeypatch.setattr(OwnTable, "experiment", property(lambda own: (found := usual(own)) and found.replace(changes)))


def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the next training go on until it is stopped."""
    _trains_for(monkeypatch, {"training.epochs": 10_000, "evaluation.every": 5})


def begun(at: AppTest) -> None:
    at.button(key="own-train").click().run()
    until(lambda: held(at).training.status.epochs_done > 0)
    at.run()


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def errors(at: AppTest) -> str:
    return " ".join(one.value for one in (*at.error, *at.warning, *at.info)).replace("\\", "")


# -- the journey -----------------------------------------------------------------------------------------


def test_a_table_is_read_learned_from_and_advised_on(own, world, workers) -> None:
    before = files(world.root)
    at = own(people(), person="17")
    assert at.query_params["person"] == "17", "whom it shows stays until models have learned"
    assert "200 rows, 5 columns" in said(at) and at.selectbox(key="own-target").value == "loan"
    assert at.selectbox(key="own-favourable").value == "granted"
    assert "5 of income by the median" in said(at).replace("\\", "")
    assert menu(at).value != "own", "the page is about it once models have learned from it"
    table = held(at).table
    assert table.protected == ("age", "sex") and table.rules.of("sex").change == "locked"
    learn(at)
    assert "have learned from" in " ".join(one.value for one in at.success)
    assert "Conventional training" in said(at) and "Counterfactual training" in said(at) and not at.error
    assert menu(at).value == "own" and all(name in said(at) for name in table.schema.names)
    logs = {path for path in files(world.root) if "logs" in path.parts}
    assert files(world.root) - logs == before and not files(workers.folder), "nothing is written to the disk"
    assert at.query_params["own"] == held(at).key and "person" not in at.query_params
    at.session_state[MENU] = True
    assert "works in this browser only" in said(at.run())


@pytest.mark.parametrize("looks", [1, 2])
def test_the_page_turns_to_the_table_by_itself_whenever_learning_ends(own, monkeypatch, looks: int) -> None:
    at = own(people())
    at.button(key="own-train").click().run()
    training = held(at).training
    assert training is not None and training.wait(PATIENCE).state == "done"
    settle, seen = OwnTable.settle, []

    def late(table: OwnTable) -> Run | None:
        """As if it had ended only after the page has looked so often."""
        seen.append(table)
        return table.run if len(seen) <= looks else settle(table)

    monkeypatch.setattr(OwnTable, "settle", late)
    at.run()
    assert "have learned from" in " ".join(one.value for one in at.success) and menu(at).value == "own"


def test_what_is_read_is_corrected(own) -> None:
    at = own(people())
    at.selectbox(key="own-column").set_value("grade").run()
    at.selectbox(key="own-kind-grade").set_value("levels in order").run()
    at.text_input(key="own-levels-grade").set_value("low | middle | high").run()
    grade = held(at).table.schema.features[3]
    assert (grade.kind, grade.levels) == ("ordered", ("low", "middle", "high")) and not at.error
    at.selectbox(key="own-change-grade").set_value("up").run()
    at.toggle(key="own-protected-grade").set_value(True).run()
    table = held(at).table
    assert table.rules.of("grade").change == "up" and "grade" in table.protected
    at.selectbox(key="own-missing").set_value("drop").run()
    at.selectbox(key="own-favourable").set_value("refused").run()
    table = held(at).table
    assert len(table.train[1]) + len(table.validation[1]) + len(table.test[1]) == 195
    assert table.classes[table.favourable] == "refused" and table.rules.of("grade").change == "up"
    at.selectbox(key="own-kind-grade").set_value("leave out").run()
    assert "grade" not in held(at).table.schema.names and not at.error


def test_corrections_after_learning_do_not_lose_the_models(own) -> None:
    at = own(people())
    learn(at)
    key = held(at).run.key
    at.selectbox(key="own-column").set_value("income").run()
    at.selectbox(key="own-change-income").set_value("locked").run()
    assert held(at).run.data.rules.of("income").change == "locked" and not held(at).stale
    at.selectbox(key="own-kind-income").set_value("leave out").run()
    assert held(at).stale and held(at).run.key == key and "before your corrections" in errors(at)
    assert "Conventional training" in said(at)
    learn(at)
    assert held(at).run.key != key and "income" not in held(at).run.data.schema.names


# -- what cannot be used ---------------------------------------------------------------------------------

HEAD = "a,b,loan\n"
ROWS = "".join(f"{i},{i * i % 17},{'yes' if i % 3 else 'no'}\n" for i in range(120))
BAD = {
    "not in UTF-8": ((HEAD + "é,1,yes\n").encode("latin-1"), "is not in UTF-8"),
    "a name twice": (("a,a,loan\n" + ROWS).encode(), "more than one column called 'a'"),
    "a column without a name": (("a,,loan\n" + ROWS).encode(), "Column 2 of people.csv has no name"),
    "no rows": (HEAD.encode(), "no rows below its line of names"),
    "empty": (b"", "is empty"),
    "no table": (b"\x89PNG\r\n\x1a\n\0\0\0", "neither text nor Parquet"),
    "one column": (b"a\n1\n2\n", "one column only"),
    "many columns": ((",".join(f"c{i}" for i in range(201)) + "\n").encode(), "allowed: at most 200"),
    "a row too long": ((HEAD + ROWS + "1,2,3,4\n").encode(), "4 cells; its line of names has 3"),
    "broken Parquet": (b"PAR1 and nothing else", "begins like a Parquet file"),
    "too large": (b"a,b,loan\n" + b"1,2,yes\n" * 6_250_000, "allowed: at most 50,000,000"),
}


def test_a_file_that_is_no_table_is_answered_in_a_sentence(own) -> None:
    at = own(opened=("recourse-own",))
    for content, reason in BAD.values():
        upload(at, content)
        assert reason.lower() in errors(at).lower() and at.file_uploader and uploads.HELD not in at.session_state
    upload(at, csv(people()))
    assert held(at).table is not None and not at.error, "another file takes its place"


ODD = {
    "one class": (("a,loan\n" + "".join(f"{i},yes\n" for i in range(90))).encode(), "No column of people.csv holds"),
    "nothing but gaps": ((HEAD + ",,\n" * 60).encode(), "No column of people.csv holds the classes"),
    "few rows": (
        (HEAD + "".join(f"{i},{i + 1},{'yes' if i % 2 else 'no'}\n" for i in range(30))).encode(),
        "needed are 50",
    ),
}


def test_a_table_that_cannot_be_learned_from_is_kept_for_correction(own) -> None:
    at = own(opened=("recourse-own",))
    for content, reason in ODD.values():
        upload(at, content)
        assert reason in errors(at) and held(at).table is None and at.selectbox(key="own-target")
        assert "own-train" not in {button.key for button in at.button}
        at.button(key="own-forget").click().run()


def test_odd_columns_are_told(own) -> None:
    frame = people()
    frame["opened"], frame["same"], frame["id"] = [f"2020-01-{1 + i % 28}" for i in range(200)], 1, range(200)
    frame["note"] = [f"=SUM({i})" for i in range(200)]
    at = own(csv(frame.rename(columns={"sex": "*sex*"})))
    text = said(at).replace("\\", "")
    assert "Column opened holds dates" in text and "one value only" in text and "a different text in nearly" in text
    assert "different whole number in each row" in text and not at.error
    assert held(at).table.schema.names == ("age", "*sex*", "income", "grade", "id")


def test_a_correction_that_does_not_fit_changes_nothing(own) -> None:
    at = own(people())
    before = held(at).table
    at.selectbox(key="own-target").set_value("income").run()
    assert "needed are two to 10 classes" in errors(at) and "as it was before" in said(at)
    assert held(at).table is before and at.selectbox(key="own-target").value == "loan"
    at.selectbox(key="own-column").set_value("grade").run()
    at.selectbox(key="own-kind-grade").set_value("number").run()
    assert "category here, for it holds" in errors(at) and held(at).table is before
    at.selectbox(key="own-kind-grade").set_value("levels in order").run()
    at.text_input(key="own-levels-grade").set_value("low | high").run()
    assert "'middle' is another one" in errors(at) and held(at).table is before
    at.selectbox(key="own-target").set_value("grade").run()
    assert held(at).table.classes == ("high", "low", "middle") and not at.error, "one that fits is taken"


# -- while models learn ----------------------------------------------------------------------------------


def test_a_training_is_cancelled(own, monkeypatch) -> None:
    at = own(people())
    endless(monkeypatch)
    begun(at)
    assert "own-train" not in {button.key for button in at.button} and not at.exception
    at.button(key="own-cancel").click().run()
    assert held(at).training.wait(PATIENCE).state == "cancelled"
    at.run()
    assert "was stopped; your table is still here" in errors(at) and at.button(key="own-train")


def test_a_reload_finds_table_and_training_again(own, monkeypatch) -> None:
    at = own(people())
    endless(monkeypatch)
    begun(at)
    again = own(own=held(at).key)
    assert held(again) is held(at) and again.button(key="own-cancel") and not again.warning
    held(at).cancel()
    monkeypatch.setattr(uploads, "browser", lambda: "another browser")
    other = own(own=held(at).key)
    assert "opened in another browser" in errors(other) and uploads.HELD not in other.session_state


def test_two_tabs_have_two_tables(own) -> None:
    first, second = own(people()), own(people(150).to_parquet(), "others.parquet")
    assert held(first).rows == 200 and held(second).rows == 150
    first.run()
    assert "200 rows" in said(first) and "150 rows" in said(second)
    first.query_params["own"] = held(second).key
    first.run()
    assert "150 rows" in said(first) and held(first) is held(second)


def test_a_table_is_gone_with_its_session_or_when_it_is_forgotten(own, monkeypatch) -> None:
    monkeypatch.setattr(proofs, "_thread", lambda work: work())  # one that waits holds the table
    at, other = own(people(), plans="1"), own(people(150))
    learn(at)
    gone = weakref.ref(held(at)), weakref.ref(held(at).run.data)
    forgotten = held(other)
    other.button(key="own-forget").click().run()
    assert uploads.HELD not in other.session_state and "own" not in other.query_params
    assert forgotten.table is None and forgotten.nbytes == 0
    del at, forgotten
    until(lambda: gc.collect() >= 0 and gone[0]() is None and gone[1]() is None)


def test_the_page_goes_to_other_tables_and_back(own) -> None:
    at = own(people())
    key = held(at).key
    del at.query_params["own"]
    at.query_params["preset"] = "credit"
    at.run()
    assert "own" not in at.query_params
    assert menu(at).value is None, "models of this table are not at hand"
    menu(at).set_value("own").run()
    assert at.query_params["own"] == key and "200 rows" in said(at)


def test_students_may_not_upload(own, monkeypatch) -> None:
    monkeypatch.setenv("CTVIZ_CLASS", "http://192.168.1.2:8501")
    at = own(opened=("recourse-own",))
    assert at.file_uploader[0].disabled and "students cannot upload" in said(at)


# -- keep, and train with these rules --------------------------------------------------------------------


def test_a_run_is_kept_when_asked_and_opened_again(own, world, visit, monkeypatch) -> None:
    at = own(people())
    learn(at)
    key = held(at).run.key
    assert world.store.status(key).state == "absent"
    with monkeypatch.context() as patch:
        full = OSError(28, "No space left on device")
        patch.setattr("ctviz.experiments.store.writer.write_whole", lambda *_, **__: (_ for _ in ()).throw(full))
        at.button(key="own-keep").click().run()
    assert "No space is left on the disk" in errors(at) and world.store.status(key).state == "absent"
    assert held(at).run.key == key, "nothing is lost"
    at.button(key="own-keep").click().run()
    assert world.store.status(key).state == "done" and "Kept on the disk" in said(at) and not at.error
    assert "own-keep" not in {button.key for button in at.button}
    again = visit(PAGE, own=f"run-{key}")
    assert "kept with its table" in said(again) and "Conventional training" in said(again) and not again.error
    runs = visit("pages/tradeoffs.py", part="compare", runs=f"{key},")
    assert not runs.error and not runs.exception and "people" in said(runs)
    links = {link.proto.label: link.proto.query_string for link in runs.get("page_link")}
    assert links["Open in Recourse"] == f"own=run-{key}"


SHORT = {"training.epochs": 4, "training.n_ce": 50, "evaluation.factuals": 10}
LINK = {"preset": "german", **{path: str(value) for path, value in SHORT.items()}}
DURATION_LOCKED = {"rules": "duration:locked", "set": "anything", "plans": "1", **LINK}


def plans(at: AppTest) -> list[str]:
    """The plans of the page, in whichever size of type."""
    return [body.replace("ctviz-plan small", "ctviz-plan") for body in bodies(at) if "<li>" in body]


def test_a_model_is_trained_with_the_rules_of_the_page(world, visit, train) -> None:
    experiment = train(Experiment.preset("german").replace(SHORT))
    at = visit(PAGE, **DURATION_LOCKED)
    wanted = experiment.under(Rules().locking("duration"), "full")
    at.button(key="train-rules").click().run()
    assert world.jobs.submitted == [wanted.key] and query_of(at)["trained"] == "1"
    assert "The page goes on meanwhile" not in said(at) and "It learns with these rules" in said(at)
    assert "train-rules" not in {button.key for button in at.button} and not at.error
    assert visit(PAGE, **query_of(at)).button(key="train-rules-cancel"), "a reload finds it"
    at.button(key="train-rules-cancel").click().run()
    assert world.jobs.cancelled == [wanted.key] and "was stopped" in errors(at)
    at.button(key="train-rules").click().run()
    world.jobs.end(wanted.key, "failed", "No space is left on the disk.")
    at.run()
    assert "No space is left on the disk. Nothing else has changed." in errors(at) and at.button(key="train-rules")
    before = plans(at)
    train(wanted)
    at.run()
    text = said(at)
    assert "Counterfactual training with rules" in text and "In its training too, these rules held: duration" in text
    assert "Trained with the rules too, " in text and before == plans(at)[: len(before)]
    assert not at.error and "train-rules" not in {button.key for button in at.button}
    at.button(key="keep-these rules").click().run()
    again = visit(PAGE, **query_of(at))
    kept = [body for body in bodies(again) if "Made under the rules" in body]
    assert len(kept) == 1 and "Counterfactual training with rules" in kept[0] and not again.warning
    (sheet,) = [html.proto.body for html in again.get("html") if 'class="ctv-paper"' in html.proto.body]
    assert f"“these rules” of run {experiment.key}+{wanted.key}" in sheet and "Trained with the rules too" in sheet
    again.button(key="train-rules-hide").click().run()
    assert "trained" not in query_of(again) and "In its training too" not in said(again)


def test_a_damaged_model_with_rules_is_said_and_trained_again(world, visit, train) -> None:
    experiment = train(Experiment.preset("german").replace(SHORT))
    wanted = train(experiment.under(Rules().locking("duration"), "full"))
    for file in (world.root / "runs" / wanted.key).glob("*.safetensors"):
        file.write_bytes(b"nothing")
    at = visit(PAGE, trained="1", **DURATION_LOCKED)
    assert "it has been set aside" in errors(at) and "Accepted then" in said(at)
    at.button(key="train-rules").click().run()
    assert world.jobs.submitted == [wanted.key] and not at.error


def test_a_model_with_rules_whose_name_is_taken_is_not_shown(world, visit, train) -> None:
    experiment = train(Experiment.preset("german").replace({**SHORT, "arms": "vanilla,full"}))
    named = train(experiment.replace({"arms.full.name": ARM_WITH_RULES}))
    train(named.under(Rules().locking("duration"), ARM_WITH_RULES))
    taken = {"arms": "vanilla,full", "arms.full.name": ARM_WITH_RULES}
    at = visit(PAGE, trained="1", everyone="3", **DURATION_LOCKED, **taken)
    assert "It cannot stand beside these models" in said(at) and "Accepted then" in said(at) and not at.error


def test_everyone_is_asked_about_by_a_model_trained_with_the_rules(world, visit, train, monkeypatch) -> None:
    experiment = train(Experiment.preset("german").replace(SHORT))
    wanted = train(experiment.under(Rules().locking("duration"), "full"))
    at = visit(PAGE, trained="1", everyone="2", **DURATION_LOCKED)
    at.button(key="everyone-compute").click().run()
    until(lambda: bool(world.jobs.submitted), "the first part")
    adviser = Adviser(load_run(experiment.key, world.store), tau="rate").beside(load_run(wanted.key, world.store))
    locked = Rules().locking("duration")
    settings = PopulationSettings(arms=("vanilla", ARM_WITH_RULES), tau="rate", rules=locked, proofs=0)
    tasks = tasks_of(adviser, settings, draw(adviser, settings))
    assert world.jobs.submitted[0] == tasks[0].key
    for task in tasks:
        task.compute(world.store, "cpu", lambda: False)
    found = stored_population(adviser, settings, world.store)
    assert found is not None and found.settings.arms == ("vanilla", ARM_WITH_RULES) and found.run == adviser.run.key
    all_three = visit(PAGE, trained="1", everyone="3", **DURATION_LOCKED)
    assert "First, counterfactual training is compared with conventional training." in said(all_three)
    plain = Adviser(load_run(experiment.key, world.store), tau="rate")
    before = settings.model_copy(update={"arms": ("vanilla", "full")})
    for task in tasks_of(plain, before, draw(plain, before)):
        task.compute(world.store, "cpu", lambda: False)
    both = stored_population(plain, before, world.store)
    three = three_models(plain.table, both, found)
    assert population.three_headline(three) in said(all_three.run())


def test_rules_that_a_model_knows_already_need_no_training(world, visit, train) -> None:
    train(Experiment.preset("german").replace(SHORT))
    at = visit(PAGE, set="realistic", **LINK)
    assert at.button(key="train-rules").label == "Show the model trained with these rules"
    at.button(key="train-rules").click().run()
    assert "In its training too" in said(at) and not world.jobs.submitted
    free = visit(PAGE, set="anything", trained="1", **LINK)
    assert "lock nothing and give no direction" in said(free) and "Accepted then" in said(free)
    names = Experiment.preset("german").data.features
    every = ";".join(f"{name}:locked" for name in names)
    locked = visit(PAGE, set="anything", trained="1", rules=every, **LINK)
    assert "at least one feature left free" in said(locked) or "leave this person a value" in errors(locked)


def test_on_a_table_of_ones_own_it_is_trained_in_memory(own, world) -> None:
    at = own(people())
    learn(at)
    at.button(key="train-rules").click().run()
    (training,) = held(at).trainings_with_rules.values()
    assert training.experiment.arms[0].locked == ("sex",) and training.experiment.arms[0].increase_only == ("age",)
    assert training.wait(PATIENCE).state == "done"
    at.run()
    assert "In its training too, these rules held: age and sex" in said(at) and not at.error
    assert not [info for info in world.store.list() if not info.preset], "nothing is stored"
    key = training.experiment.key
    held(at).train_under(training.experiment)
    assert held(at).trainings_with_rules[key] is training, "the same twice is trained once"


# Last, so that no other worker has to take its place.
def test_a_worker_that_is_killed(own, monkeypatch, workers) -> None:
    at = own(people())
    endless(monkeypatch)
    begun(at)
    (worker,) = workers._started[0]._executor._processes
    os.kill(worker, signal.SIGKILL)
    assert held(at).training.wait(PATIENCE).state == "failed"
    at.run()
    assert "stopped from outside" in errors(at) and "Your table is still here" in errors(at)
    assert at.button(key="own-train")
