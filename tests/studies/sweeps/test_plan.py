"""From a sweep to its stacks: how models are shared out, named, and found again."""

import itertools
import math

import pytest

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.task import is_done
from ctviz.experiments.engines.tasks import read_task
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.run import run
from ctviz.experiments.store import Store
from ctviz.studies.sweeps.declaration import Axis, Sweep
from ctviz.studies.sweeps.models import identity, models_of, with_seed
from ctviz.studies.sweeps.paper_studies import STUDIES, study
from ctviz.studies.sweeps.plan import CONFIRM_ABOVE, MAX_WIDTH, estimate, plan, stacks
from ctviz.training.arm import Arm
from tests.studies.sweeps.small import base, small


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def never():
    return False


def finish(found, store):
    for task in found.tasks:
        task.compute(store, "cpu", never)


def arms_of(task):
    return {arm.name for arm in task.experiment.arms}


def test_every_model_has_a_place_beside_its_reference(store):
    sweep = study("penalties", "moons", seeds=3)
    found = plan(sweep, store)
    assert (found.models, len(found.cells), len(found.done)) == (135, 45, 0)
    assert len(found.tasks) == 6
    for task in found.tasks:
        assert len(task.experiment.arms) <= MAX_WIDTH
        assert task.experiment.evaluation.every == 100
    for (_, seed), place in found.places.items():
        arms = {arm.name: arm for arm in place.task.experiment.arms}
        assert arms[place.arm].seed == arms[place.reference].seed == seed
        assert arms[place.arm].trains_on_counterfactuals
        assert not arms[place.reference].trains_on_counterfactuals
        assert dict(place.task.references)[place.arm] == place.reference
    assert found.to_train == 135 + 6
    assert len({place.arm for place in found.places.values()}) == 135


def test_stacks_are_about_equal_and_two_where_they_are_worth_it():
    for count, sizes in {3: [3], 11: [11], 12: [6, 6], 45: [23, 22], 60: [20, 20, 20]}.items():
        sweep = small({"lambda_div": [0.01 * (i + 1) for i in range(count)]})
        assert [len(stack) for stack in stacks(list(models_of(sweep)))] == sizes


def test_seeds_of_few_cells_share_a_stack():
    models = list(models_of(small({"lambda_div": (0.1, 0.5, 1.0)}, seeds=9)))
    split = [len(stack) for stack in stacks(models)]
    assert split == [11, 10, 6]
    assert sum(split) == 27


def test_what_all_models_of_a_run_share_makes_stacks_of_its_own(store):
    sweep = small({"lambda_div": (0.1, 1.0), "training.n_ce": (10, 20), "data.seed": (0, 1)})
    found = plan(sweep, store)
    assert len(found.tasks) == 4
    grounds = {(p.experiment.training.n_ce, p.experiment.data.seed) for p in found.tasks}
    assert grounds == set(itertools.product((10, 20), (0, 1)))


def test_images_have_few_models_in_a_stack():
    sweep = Sweep(base=Experiment.preset("mnist"), axes=[Axis(setting="lambda_div", values=[0.1, 0.2, 0.3, 0.4])])
    assert [len(stack) for stack in stacks(list(models_of(sweep)))] == [2, 2]


def test_equal_models_have_equal_names():
    one = {model.arm.name: model.arm for model in models_of(small({"lambda_div": (0.1, 1.0)}))}
    two = {model.arm.name: model.arm for model in models_of(small({"tau": (0.5,), "lambda_div": (1.0, 2.0)}))}
    both = set(one) & set(two)
    assert len(both) == 1
    assert one[next(iter(both))] == two[next(iter(both))]


def test_what_has_no_effect_makes_no_other_model():
    arm = Arm(name="a", seed=1, generator="generic", lambda_egy=3.0)
    assert identity(arm) == identity(Arm(name="b", seed=1, generator="generic", lambda_egy=7.0))
    assert identity(arm) != identity(Arm(name="a", seed=1, generator="eccco", lambda_egy=3.0))
    assert identity(arm) != identity(with_seed(arm, 2))
    off = {"lambda_div": 0.0, "lambda_adv": 0.0, "lambda_reg": 0.0}
    assert identity(Arm(name="a", seed=1, tau=0.6, **off)) == identity(Arm(name="b", seed=1, tau=0.9, **off))


def test_cells_that_are_one_model_are_trained_once(store):
    found = plan(small({"generator": ("generic", "eccco"), "lambda_egy": (0.1, 1.0, 5.0)}), store)
    assert found.models == 6
    assert found.to_train == 1 + 3 + 1
    assert found.places[0, 0].arm == found.places[2, 0].arm


def test_a_cell_without_penalties_is_its_own_reference(store):
    found = plan(small({"lambda_div": (0.0, 0.5), "lambda_adv": (0.0,), "lambda_reg": (0.0,)}), store)
    place = found.places[0, 0]
    assert place.arm == place.reference
    assert found.to_train == 2


def test_a_lock_holds_for_the_reference_too(store):
    found = plan(small({"locked": ([], [0])}), store)
    arms = {arm.name: arm for task in found.tasks for arm in task.experiment.arms}
    locked = [arms[found.places[cell, 0].reference].locked for cell in (0, 1)]
    assert locked == [(), (0,)]


def test_what_is_stored_is_not_trained_again(store):
    sweep = small({"lambda_div": (0.1, 1.0)}, seeds=2)
    first = plan(sweep, store)
    finish(first, store)
    again = plan(sweep, store)
    assert again.tasks == ()
    assert (again.to_train, again.seconds, len(again.done)) == (0, 0.0, 4)
    assert {place.run for place in again.places.values()} == {place.run for place in first.places.values()}


def test_a_grid_with_a_value_more_trains_the_new_cells_alone(store):
    finish(plan(small({"lambda_div": (0.1, 1.0)}), store), store)
    found = plan(small({"lambda_div": (0.1, 0.5, 1.0)}), store)
    assert found.to_train == 2
    assert [arm.lambda_div for arm in found.tasks[0].experiment.arms] == [0.0, 0.5]
    assert found.done == {(0, 0), (2, 0)}


def test_another_protocol_trains_nothing(store):
    finish(plan(small(), store), store)
    other = small(protocol=small().protocol.model_copy(update={"rounds": 5}))
    found = plan(other, store)
    assert found.to_train == 0
    assert len(found.tasks) == 1
    assert found.tasks[0].protocol.rounds == 5


def test_runs_of_other_pages_count_if_they_hold_the_reference(store):
    experiment = base()
    run(experiment, store=store)
    sweep = small({"lambda_div": (experiment.arms[1].lambda_div, 2.0)})
    found = plan(sweep, store)
    place = found.places[0, 0]
    assert (place.run, place.arm, place.reference) == (experiment.key, "full", "vanilla")
    assert found.to_train == 2  # the other cell and its reference
    assert plan(sweep, store, fresh=True).to_train == 3


def test_a_run_without_the_reference_does_not_count(store):
    run(base().replace({"arms": "full"}), store=store)
    run(base().replace({"arms.vanilla.seed": 5}), store=store)
    assert plan(small({"lambda_div": (0.5,)}), store).to_train == 2


def test_fresh_still_knows_its_own_stacks(store):
    sweep = small()
    finish(plan(sweep, store, fresh=True), store)
    assert plan(sweep, store, fresh=True).tasks == ()


def test_a_task_travels_as_text(store):
    task = plan(small(), store).tasks[0]
    again = read_task(task.to_json())
    assert again == task
    assert again.key == task.key
    assert not is_done(task, store)
    with pytest.raises(ConfigError):
        read_task("{}")


def test_a_combination_that_cannot_be_is_named_with_its_cell(store):
    with pytest.raises(ConfigError) as caught:
        plan(small({"data.n_train": (60, 20), "training.batch": (10, 30)}), store)
    assert "in cell 3: data.n_train 20, training.batch 30" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        plan(small({"locked": ([0], [0, 1])}), store)
    assert "at least one feature left free (in cell 1: locked 0-1)" in str(caught.value)


def test_an_estimate_counts_what_is_left(store):
    sweep = small({"lambda_div": (0.1, 0.5, 1.0)}, seeds=2)
    before = estimate(sweep, store)
    assert (before.models, before.to_train) == (6, 8)
    assert before.seconds > 0
    assert before.bytes > 0
    finish(plan(sweep, store), store)
    after = estimate(sweep, store)
    assert (after.to_train, after.seconds, after.bytes) == (0, 0.0, 0)
    assert after.words == "6 models, all of which are there"


def test_the_estimate_of_very_many_follows_that_of_few(store):
    values = [0.001 * (i + 1) for i in range(100)]
    few = small({"lambda_div": values, "lambda_adv": values[:20]})
    many = small({"lambda_div": values, "lambda_adv": values, "lambda_reg": values})
    assert few.models == CONFIRM_ABOVE
    assert many.models == 1_000_000
    one, other = estimate(few, store), estimate(many, store)
    assert other.seconds / one.seconds == pytest.approx(many.models / few.models, rel=0.2)
    assert other.bytes / one.bytes == pytest.approx(many.models / few.models, rel=0.2)
    assert math.isclose(estimate(many, store, workers=4).seconds * 4, other.seconds)


def test_the_studies_of_the_paper(store):
    sizes = {name: study(name, "moons").size for name in STUDIES}
    assert sizes == {"penalties": 45, "generators": 135, "training": 8, "ablation": 8}
    assert plan(study("generators", "moons"), store).to_train == 45 + 9 + 9 + 3  # three stacks; λ_egy is ECCCo's alone
    assert study("penalties", "moons").protocol.factuals == 250
    assert study("penalties", "mnist").protocol == Protocol.usual(Experiment.preset("mnist").data)
    assert study("penalties", "mnist").protocol.factuals == 25
    full = Experiment.preset("ls").arms[1]
    assert ("lambda_reg", (0.0, full.lambda_reg)) in [
        (axis.setting, axis.values) for axis in study("ablation", "ls").axes
    ]
    with pytest.raises(ConfigError, match="study is 'penalty'"):
        study("penalty")
    with pytest.raises(ConfigError, match="data is 'mars'"):
        study("penalties", "mars")
