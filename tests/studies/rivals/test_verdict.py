"""A small comparison through the code that computes the whole, and one draw of what ships again."""

import pytest

from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.tasks import read_task
from ctviz.experiments.run import run
from ctviz.experiments.store import Store
from ctviz.studies.reproduce.pairs import costs_of_requests, paired_costs
from ctviz.studies.rivals.methods import BY_NAME, RIVALS
from ctviz.studies.rivals.result import MEASURES, read, shipped
from ctviz.studies.rivals.settings import SEARCHES, Verdict
from ctviz.studies.rivals.task import Measured, RivalTask, measure
from ctviz.studies.rivals.verdict import compare, estimate, extended
from tests.studies.reproduce.here import Here
from tests.tiny import TINY

SMALL = Verdict(data="moons", methods="full", draws=1, epochs=3, rounds=3, selection_rounds=2, factuals=12)


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    store, engine, told = Store(tmp_path_factory.mktemp("store")), Here(), []
    assert estimate(SMALL, store).seconds > 0
    found = compare(SMALL, store, engine, lambda *step: told.append(step))
    return store, engine, told, found


def test_every_measure_of_every_method_is_there(computed):
    *_, told, found = computed
    (row,) = found.rows
    assert [method.name for method in row.methods] == ["conventional", "full"]
    assert [one.name for one in found.measures()] == [
        name for name in MEASURES if name not in ("ip_star_median", "read_as")
    ]
    for method in row.methods:
        assert set(method.draws) == {0}
        assert all(one["seconds"] > 0 for one in method.draws.values())
    assert {(pair.first, pair.second, pair.search) for pair in row.costs} == {
        ("conventional", "full", search) for search in SEARCHES
    }
    assert {part for _, _, part in told} == {
        "choosing the settings", "looking for draws with locked advice", "training and measuring every method"
    }  # fmt: skip


def test_settings_are_the_best_that_were_tried_on_validation_data(computed):
    _, engine, _, found = computed
    chosen = found.rows[0].of("full").settings
    assert len(chosen.tries) == len(BY_NAME["full"].tries)
    allowed = [one for one in chosen.tries if one.qualifies] if chosen.chosen_by == "score" else chosen.tries
    assert chosen.changes == max(allowed, key=lambda one: one.score if one.qualifies else one.accuracy).changes
    splits = [
        {protocol.split for _, protocol in task.protocols} for task in engine.given if isinstance(task, RivalTask)
    ]
    first = splits.index({"test"})
    assert all(one == {"validation"} for one in splits[:first]) and all(one == {"test"} for one in splits[first:])


def test_the_same_again_computes_nothing_and_more_draws_leave_the_first_as_they_are(computed):
    store, _, _, found = computed
    engine = Here()
    assert estimate(SMALL, store).seconds == 0
    again = compare(SMALL, store, engine)
    assert engine.given == [] and again.rows == found.rows
    more = compare(extended(found, None, 2).model_copy(update={"methods": SMALL.methods}), store, engine, before=found)
    before, after = found.rows[0].of("full"), more.rows[0].of("full")
    assert set(after.draws) == {0, 1} and after.draws[0] == before.draws[0]
    assert after.settings == before.settings
    assert {task.experiment.data.seed for task in engine.given if isinstance(task, RivalTask)} <= {1, 2, 3}
    with pytest.raises(DataError, match="another value of rounds"):
        compare(SMALL.model_copy(update={"rounds": 4}), store, engine, before=found)


def test_a_task_is_the_same_as_a_text_and_what_it_measures_as_bytes(computed):
    store, engine, *_ = computed
    tasks = [task for task in engine.given if isinstance(task, RivalTask)]
    for task in (tasks[0], tasks[-1]):
        assert read_task(task.to_json()) == task and read_task(task.to_json()).key == task.key
        kept = task.stored(store)
        assert Measured.from_bytes(kept.to_bytes()).to_bytes() == kept.to_bytes()
    assert {task.key for task in tasks} == {read_task(task.to_json()).key for task in tasks}


def test_requests_are_the_same_for_models_that_are_asked_together_or_alone(tmp_path):
    trained = run(Experiment().replace({**TINY, "evaluation.field": 0, "evaluation.paths": 0}), "cpu", Store(tmp_path))
    protocol = SMALL.on_test_locked(BY_NAME["full"], "moons", "paper")
    both = costs_of_requests(trained, protocol, trained.arms, 20)
    for name, costs in zip(trained.arms, both, strict=True):
        assert costs_of_requests(trained, protocol, [name], 20)[0] == pytest.approx(costs, nan_ok=True)
    assert both.shape == (2, 20 * len(protocol.pulls))
    pair = paired_costs(trained, protocol, *trained.arms)
    assert len(pair.value) == len(pair.base) > 0


FIRST = ("accuracy", "ip paper", "ip careful")


def test_a_draw_of_what_ships_is_what_is_computed():
    found = read(shipped())
    row = found.row("moons")
    verdict = extended(found, None, None)
    # On another kind of processor, counterfactual training ends a little elsewhere after so many epochs.
    for name, near, metrics in (("conventional", 0.02, row.of("conventional").draws[1]), ("full", 0.1, FIRST)):
        one = row.of(name)
        experiment = verdict.experiment(BY_NAME[name], "moons", 1, one.settings.changes)
        task = RivalTask(experiment, tuple((s, verdict.on_test(BY_NAME[name], "moons", s)) for s in SEARCHES))
        again = measure(task, Store(shipped().parent)).of(name)
        told = {key: one.draws[1][key] for key in metrics if key != "seconds"}
        assert {key: again[key] for key in told} == pytest.approx(told, rel=near)


@pytest.mark.parametrize("method", RIVALS, ids=lambda method: method.name)
def test_every_method_can_be_trained_under_a_lock_and_its_requests_are_those_of_all(method, tmp_path):
    small = {**{name: value for name, value in TINY.items() if name.startswith("data.")}, "training.n_ce": 20}
    small |= {"training.epochs": 1, "evaluation.every": 1, "evaluation.factuals": 10}
    experiment = SMALL.locked(method, "moons", 0, method.tries[-1]).replace(small)
    protocol = SMALL.on_test_locked(method, "moons", "paper")
    found = measure(RivalTask(experiment, (("paper", protocol),), requests=True), Store(tmp_path))
    assert found.costs["paper"][method.name].shape == (40 * len(protocol.lambda_egy),)
    assert 0 < found.of(method.name)["accuracy"] <= 1
