"""Experiments: their keys, their round trips, and every bad input that one can be asked for."""

from __future__ import annotations

import json
import math
import pickle
import re
from typing import get_args
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz.counterfactuals.search_settings import TrainingGeneratorName
from ctviz.data.catalogue import DATASETS, DataSettings
from ctviz.data.rules import Rules
from ctviz.data.tables.settings import TABLES
from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments import config
from ctviz.experiments.config import Evaluation, Experiment
from ctviz.experiments.presets import PRESETS, STRESSES
from ctviz.models.model_settings import ModelSettings
from ctviz.settings import later_of
from ctviz.training.arm import VARIANTS, Arm
from ctviz.training.methods.counterfactual import COUNTERFACTUAL
from ctviz.training.schedule import Schedule

# -- any experiment --------------------------------------------------------------------------------------

weights = st.floats(0, 1000)
seeds = st.integers(0, 2**31 - 1)
names = st.sampled_from([*VARIANTS, "mine", "a b", "true", "1e3", "null", "A+_-"]) | st.from_regex(
    r"[A-Za-z0-9]([A-Za-z0-9 _+\-]{0,38}[A-Za-z0-9])?", fullmatch=True
)


def searches(k):
    return {
        "generator": st.sampled_from(get_args(TrainingGeneratorName)),
        "tau": st.floats(1 / k, 1, exclude_max=True),
        "steps": st.integers(1, 1000),
        "step_size": st.floats(0, 1000, exclude_min=True),
        "epsilon": weights,
        "lambda_cost": weights,
        "lambda_egy": weights,
        "lambda_gravity": weights,
        "per_factual": st.integers(1, 20),
        "neighbours": st.integers(1, 200),
        "gradient_noise": st.floats(0, 100),
    }


@st.composite
def arms(draw, k, name):
    constraints = draw(
        st.sampled_from(
            [
                {},
                {"locked": (0,)},
                {"locked": ("x1",), "increase_only": ("x2",)},
                {"decrease_only": (1, 0)},
                {"ranges": (("x2", -1.5, 2), (0, 0.1, 3.25))},
                {"ranges": (("x2", None, 0.5), (0, -1, None))},
                {"locked": (0,), "ranges": ((1, -1e-3, 1e6),), "lock_when": "searching", "shield": "off"},
            ]
        )
    )
    box = draw(st.sampled_from([{}, {"epsilon_rule": "halfway"}, {"epsilon_rule": "varied", "epsilon_share": 1.3}]))
    own = {f: draw(weights) for f in ("lambda_class", "lambda_div", "lambda_adv", "lambda_reg")}
    return Arm(
        name=name, seed=draw(st.none() | seeds), **box, **own, **constraints, **draw(st.fixed_dictionaries(searches(k)))
    )


@st.composite
def experiments(draw):
    name = draw(st.sampled_from(list(DATASETS)))
    k = draw(st.integers(2, 8)) if name == "blobs" else 2
    knob = DATASETS[name].separation
    gaussian = {"signal": draw(st.none() | st.floats(0, 10)), "correlation": draw(st.floats(-0.95, 0.95))}
    n_train = draw(st.integers(8, 100_000))
    return Experiment(
        data=DataSettings(
            name=name,
            classes=k,
            n_train=n_train,
            n_test=draw(st.integers(k, 100_000)),
            noise=draw(st.none() | st.floats(0, 10)),
            separation=draw(st.none() | st.floats(knob.low, knob.high)),
            seed=draw(seeds),
            **(gaussian if name == "gaussians" else {}),
        ),
        model=ModelSettings(
            hidden=draw(st.lists(st.integers(1, 1024), max_size=3)),
            activation=draw(st.sampled_from(["relu", "tanh", "sigmoid", "softplus"])),
        ),
        training=Schedule(
            epochs=draw(st.integers(1, 10_000)),
            batch=draw(st.integers(1, n_train)),
            n_ce=draw(st.integers(0, 100_000)),
            burnin=draw(st.floats(0, 1)),
            lr=draw(st.floats(0, 10, exclude_min=True)),
        ),
        evaluation=Evaluation(attack=draw(weights), **draw(st.fixed_dictionaries(searches(k)))),
        arms=[draw(arms(k, n)) for n in draw(st.lists(names, min_size=1, max_size=3, unique=True))],
        seed=draw(seeds),
    )


few = settings(max_examples=50)


@few
@given(experiments())
def test_there_and_back(experiment):
    again = Experiment.from_json(experiment.to_json())
    assert again == experiment
    assert hash(again) == hash(experiment)
    assert again.to_json() == experiment.to_json()
    assert Experiment.from_toml(experiment.to_toml()) == experiment
    address = urlencode(experiment.to_query())
    assert Experiment.from_query(dict(parse_qsl(address, strict_parsing=True, keep_blank_values=True))) == experiment
    assert pickle.loads(pickle.dumps(experiment)) == experiment


def test_toml_with_a_byte_order_mark():
    assert Experiment.from_toml("\ufeffseed = 3").seed == 3


@few
@given(experiments(), experiments())
def test_keys_are_equal_where_experiments_are(a, b):
    assert re.fullmatch("[0-9a-f]{16}", a.key)
    assert (a.key == b.key) == (a == b)
    assert a.key == Experiment.from_json(a.to_json()).key


def test_an_arm_name_that_a_link_would_lose_is_refused():
    with pytest.raises(ConfigError, match="name"):
        Arm(name="mine ")


CHANGES = {
    "data.name": "circles",
    "data.n_train": 3001,
    "data.noise": 0.2,
    "data.separation": 0.5,
    "data.seed": 1,
    "model.hidden": [32, 32],
    "model.activation": "tanh",
    "training.epochs": 99,
    "training.batch": 31,
    "training.n_ce": 0,
    "training.burnin": 0.5,
    "training.optimiser": "amsgrad",
    "training.lr": 0.002,
    "evaluation.tau": 0.9,
    "evaluation.every": 2,
    "evaluation.field": 50,
    "arms": "vanilla",
    "arms.full.lambda_div": 0.6,
    "arms.*.epsilon": 0.2,
    "arms.vanilla.locked": ["x1"],
    "arms.vanilla.ranges": [["x1", -1, 1.5]],
    "arms.full.lock_when": "searching",
    "arms.full.shield": "off",
    "arms.full.generator": "dice",
    "arms.full.gradient_noise": 0.5,
    "arms.full.seed": 4,
    "seed": 1,
}


@pytest.mark.parametrize("path", CHANGES)
def test_every_change_changes_the_key(path):
    base = Experiment.preset("moons")
    changed = base.replace({path: CHANGES[path]})
    assert changed != base
    assert changed.key != base.key
    assert Experiment.from_query(changed.to_query()) == changed


def test_all_those_changes_have_keys_of_their_own():
    base = Experiment.preset("moons")
    keys = {base.replace({path: value}).key for path, value in CHANGES.items()}
    assert len(keys) == len(CHANGES)


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        pytest.param("arms.full.lambda_div", 1, 1.0, id="whole number or not"),
        pytest.param("arms.full.lambda_div", 0.0, -0.0, id="zero of either sign"),
        pytest.param("model.hidden", [32], (32,), id="list or tuple"),
        pytest.param("arms.full.decrease_only", [0, 1], [1, 0], id="order of constraints"),
        pytest.param("arms.full.ranges", [[1, 0, 1], [0, 0, 1]], [(0, 0.0, 1), (1, -0.0, 1.0)], id="order of ranges"),
        pytest.param("arms.full.ranges", [[0, None, 1]], [(0, -math.inf, 1)], id="no end of a range"),
    ],
)
def test_the_same_said_in_two_ways_has_one_key(path, one, other):
    first, second = (Experiment().replace({path: value}) for value in (one, other))
    assert first == second
    assert first.key == second.key


def test_the_order_of_what_is_given_does_not_matter():
    values = json.loads(Experiment().to_json())
    backwards = {name: values[name] for name in reversed(values)}
    assert Experiment.from_mapping(backwards).key == Experiment().key


def test_the_key_knows_the_version_of_the_algorithm(monkeypatch):
    before = Experiment().key
    monkeypatch.setattr(config, "ALGORITHM_VERSION", config.ALGORITHM_VERSION + 1)
    assert Experiment().key != before


def test_a_copy_that_was_changed_has_a_key_of_its_own():
    before = Experiment()
    changed = before.model_copy(update={"seed": before.seed + 1})
    assert before.key != changed.key == before.replace({"seed": before.seed + 1}).key
    assert before == Experiment() and hash(before) == hash(Experiment()), "whether or not the key was asked for"


def test_canonical_json_has_sorted_keys_and_no_spaces():
    text = Experiment().to_json()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


# -- presets and changes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_presets_begin_conventionally_and_have_a_short_link(name):
    preset = Experiment.preset(name)
    learning = [arm.name for arm in preset.arms if arm.trains_on_counterfactuals]
    conventional = [arm.name for arm in preset.arms if arm.name not in learning]
    if name in ("where", "where-short"):  # one way of training, in which the places of a lock are compared
        assert not conventional
    else:
        assert conventional == [arm.name for arm in preset.arms if arm.name.startswith("vanilla")]
        assert preset.arms[0].name == "vanilla"
    assert preset.to_query() == {"preset": name}


def test_mnist_has_the_settings_of_the_paper():
    mnist = Experiment.preset("mnist")
    assert mnist.d == 784
    assert (mnist.data.n_train, mnist.training.batch, mnist.training.n_ce, mnist.training.epochs) == (
        10_000, 1000, 5000, 100,
    )  # fmt: skip
    assert (mnist.model.hidden, mnist.model.channels, mnist.model.initial) == ((32,), (), "glorot")
    assert mnist.arms[1].locked == ()
    full = mnist.arms[2]
    assert (full.tau, full.lambda_reg, full.steps, full.generator) == (0.5, 0.1, 30, "eccco")
    locked = [i for ref in full.locked for i in mnist._features("locked", ref)]
    assert sorted(locked) == [*range(5 * 28), *range(23 * 28, 28 * 28)]


def test_other_data_of_another_kind_start_at_their_own_settings():
    images = Experiment.preset("moons").replace({"data.noise": 0.3}).replace({"data.name": "mnist", "data.n_test": 500})
    assert (images.data.name, images.data.n_train, images.data.n_test) == ("mnist", 10_000, 500)
    assert (images.evaluation.field, images.evaluation.paths) == (0, 0)
    points = images.replace({"data.name": "circles"})
    assert points == Experiment().replace({"data.name": "circles"})


def test_images_need_not_say_that_no_plane_is_drawn():
    images = Experiment.from_toml('[data]\nname = "mnist"')
    assert (images.evaluation.field, images.evaluation.paths, images.d) == (0, 0, 784)
    assert Experiment(data=images.data) == images


def test_a_link_is_told_from_a_preset_of_the_same_kind():
    with pytest.raises(ConfigError, match="images"):
        Experiment.preset("mnist").to_query("moons")
    with pytest.raises(ConfigError, match="plane"):
        Experiment.preset("moons").to_query("mnist")


@pytest.mark.parametrize(
    ("section", "name"),
    [(section, name) for section in ("data", "model", "training", "evaluation")
     for name in sorted(later_of(type(getattr(Experiment(), section))))],
)  # fmt: skip
def test_a_setting_that_came_later_leaves_older_keys_alone(section, name):
    usual = getattr(getattr(Experiment(), section), name)
    assert f'"{name}"' not in Experiment().to_json()
    values = {"channels": (4,), "initial": "glorot", "also": (3,), "step_bound": 0.1, "time_limit": 5.0, "polish": "on"}
    other = values[name]
    base = Experiment.preset("mnist" if section == "model" else "moons").replace({f"{section}.{name}": usual})
    changed = base.replace({f"{section}.{name}": other})
    assert f'"{name}"' in changed.to_json()
    assert changed.key != base.key
    assert Experiment.from_json(changed.to_json()) == changed


@pytest.mark.parametrize(
    ("name", "other"),
    [("method", None), ("epsilon_rule", "halfway"), ("epsilon_share", 0.25), ("step_bound", 0.1), ("averaging", 5)],
)
def test_a_setting_of_an_arm_that_came_later_leaves_older_keys_alone(name, other):
    assert name in later_of(Arm) and f'"{name}"' not in Experiment().to_json()
    if other is not None:
        changed = Experiment().replace({f"arms.full.{name}": other})
        assert f'"{name}"' in changed.to_json() and changed.key != Experiment().key
        assert Experiment.from_json(changed.to_json()) == changed == Experiment.from_query(changed.to_query())


def test_figure_1_has_the_settings_of_the_figure():
    """Generic, η 0.1, τ 0.75, T 30; λ 1, 0.5, 0.01 (ridge), 0.1 (adversarial); batch 50, n_ce 1,000, AMSGrad."""
    figure = Experiment.preset("figure1")
    assert [arm.name for arm in figure.arms] == ["vanilla", "full", "vanilla locked", "full locked"]
    assert [arm.locked for arm in figure.arms] == [(), (), (1,), (1,)]
    for search in (*figure.arms, figure.evaluation):
        assert (search.generator, search.step_size, search.tau, search.steps) == ("generic", 0.1, 0.75, 30)
    for arm in figure.arms[1::2]:
        assert (arm.lambda_class, arm.lambda_div, arm.lambda_reg, arm.lambda_adv) == (1, 0.5, 0.01, 0.1)
    schedule = figure.training
    assert (schedule.batch, schedule.n_ce, schedule.epochs, schedule.optimiser) == (50, 1000, 100, "amsgrad")
    assert figure.data.name == "ls"


def test_debt_locked_differs_from_age_locked_in_the_lock_alone():
    age, debt = Experiment.preset("figure1"), Experiment.preset("figure1-debt")
    assert debt == age.replace({"arms.vanilla locked.locked": (0,), "arms.full locked.locked": (0,)})


def test_where_a_lock_holds_is_all_that_its_preset_compares():
    arms = Experiment.preset("where").arms
    assert [arm.lock_when for arm in arms] == ["never", "searching", "training", "always"]
    assert len({arm.model_copy(update={"name": "", "lock_when": "never"}) for arm in arms}) == 1


# -- stress ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRESSES)
def test_a_stress_changes_what_it_says_and_nothing_else(name):
    stress = STRESSES[name]
    assert stress.title and stress.words.endswith(".") and "\n" not in stress.words
    for settings_ in (Arm.variant("full"), Evaluation()):
        worse = stress.of(settings_)
        assert type(worse) is type(settings_)
        before, after = settings_.model_dump(), worse.model_dump()
        assert {field: after[field] for field in after if after[field] != before[field]} == dict(stress.changes)


@pytest.mark.parametrize("name", DATASETS)
def test_the_preset_of_a_data_set_has_two_arms(name):
    preset = Experiment.preset(name)
    assert preset.data.name == name
    assert [arm.name for arm in preset.arms] == ["vanilla", "full"]


def test_a_link_can_be_told_from_any_preset():
    locked = Experiment.preset("lock").replace({"seed": 4})
    assert locked.to_query() == {"preset": "lock", "seed": "4"}
    longer = locked.to_query("moons")
    assert longer["preset"] == "moons" and longer["arms.full.locked"] == "[0]" and longer["seed"] == "4"
    assert Experiment.from_query(longer) == Experiment.from_query(locked.to_query()) == locked


def test_presets_have_the_settings_of_the_paper():
    ls = Experiment.preset("ls")
    full = ls.arms[1]
    assert (full.lambda_class, full.lambda_div, full.lambda_adv, full.lambda_reg) == (1, 0.5, 0.25, 0.01)
    assert (full.tau, full.steps, full.step_size, full.epsilon) == (0.5, 30, 0.25, 0.3)
    assert (full.lambda_cost, full.lambda_egy, full.generator) == (0.001, 5, "eccco")
    assert (ls.training.epochs, ls.training.batch, ls.training.n_ce, ls.training.lr) == (100, 30, 1000, 0.001)
    assert (ls.data.n_train, ls.data.n_validation, ls.model.hidden) == (3000, 600, (32,))
    assert Experiment.preset("moons").arms[1].lambda_reg == 0.1


@pytest.mark.parametrize("name", COUNTERFACTUAL.variants)
def test_variants_switch_terms_off(name):
    arm = Arm.variant(name)
    on = {term for term in ("div", "adv", "reg") if getattr(arm, f"lambda_{term}") > 0}
    assert (
        on == {"vanilla": set(), "adversarial": {"adv"}, "energy": {"div", "reg"}, "full": {"div", "adv", "reg"}}[name]
    )
    assert Arm.variant(name, tau=0.6).tau == 0.6


def test_replace_leaves_the_original():
    base = Experiment.preset("moons")
    changed = base.replace({"training.epochs": 20, "seed": 3, "arms.full.tau": 0.9, "arms.*.epsilon": 0.2})
    assert (changed.training.epochs, changed.seed) == (20, 3)
    assert [(arm.tau, arm.epsilon) for arm in changed.arms] == [(0.75, 0.2), (0.9, 0.2)]
    assert base == Experiment.preset("moons")


def test_replace_chooses_arms_by_name():
    base = Experiment.preset("ls").replace({"arms.full.tau": 0.9})
    chosen = base.replace({"arms": "full, energy,mine", "arms.mine.lambda_div": 2})
    assert [arm.name for arm in chosen.arms] == ["full", "energy", "mine"]
    assert chosen.arms[0] == base.arms[1]
    assert (chosen.arms[1].lambda_adv, chosen.arms[2].lambda_div) == (0, 2)


# -- bad input -----------------------------------------------------------------------------------------------


def refused(call, field, told=""):
    """The call is refused by one sentence that names the field."""
    with pytest.raises(CtvizError) as error:
        call()
    message = str(error.value)
    assert isinstance(error.value, ConfigError)
    assert field in error.value.field
    assert told in message
    assert "\n" not in message
    assert "pydantic" not in message
    assert len(message) < 600


BAD_CHANGES = [
    pytest.param({"training.epochs": 0}, "training.epochs", "1", id="no epochs"),
    pytest.param({"training.epochs": 2.5}, "training.epochs", "whole number", id="half an epoch"),
    pytest.param({"training.epochs": "many"}, "training.epochs", "", id="a word for a number"),
    pytest.param({"training.epochs": None}, "training.epochs", "whole number", id="none for a number"),
    pytest.param({"training.lr": math.nan}, "training.lr", "finite", id="not a number"),
    pytest.param({"training.lr": math.inf}, "training.lr", "finite", id="infinite"),
    pytest.param({"training.lr": 10**400}, "training.lr", "", id="beyond all floats"),
    pytest.param({"training.batch": 5000}, "training.batch", "3000", id="batch larger than n"),
    pytest.param({"data.n_train": 10}, "training.batch", "10", id="n smaller than the batch"),
    pytest.param({"data.n_train": 3}, "data.n_train", "4", id="n too small"),
    pytest.param(
        {"data.name": "blobs", "data.classes": 8, "data.n_test": 5},
        "data.n_test",
        "8 classes",
        id="n below the classes",
    ),
    pytest.param({"data.classes": 3}, "data.classes", "only blobs", id="moons of three classes"),
    pytest.param(
        {"data.name": "circles", "data.separation": 2}, "data.separation", "0.99", id="separation out of range"
    ),
    pytest.param({"model.channels": (6,)}, "model.channels", "no images", id="convolutions of points"),
    pytest.param({"data.name": "mnist", "data.n_train": 20_000}, "data.n_train", "10,000", id="more than are shipped"),
    pytest.param({"data.name": "mnist", "data.noise": 0.1}, "data.noise", "no such", id="noise of images"),
    pytest.param({"data.name": "mnist", "evaluation.paths": 3}, "evaluation.paths", "0", id="paths of images"),
    pytest.param(
        {"data.name": "mnist", "arms.*.locked": ("rows 1-28",)}, "locked", "left free", id="every pixel locked"
    ),
    pytest.param({"data.name": "mnist", "arms.*.locked": ("rows 0-3",)}, "locked", "rows 1-28", id="no such row"),
    pytest.param({"arms.*.locked": ("rows 1-5",)}, "locked", "x1", id="rows of points"),
    pytest.param({"data.name": "mnist", "model.channels": (2, 2, 2)}, "model.channels", "", id="too small a picture"),
    pytest.param({"data.name": "cifar"}, "data.name", "moons", id="unknown data set"),
    pytest.param({"model.hidden": [0]}, "model.hidden", "1", id="an empty layer"),
    pytest.param({"model.hidden": 32}, "model.hidden", "", id="a layer that is no list"),
    pytest.param({"model.hidden": [8] * 9}, "model.hidden", "8", id="too deep"),
    pytest.param({"model.activation": "gelu"}, "model.activation", "relu", id="unknown activation"),
    pytest.param({"arms.full.tau": 0.49}, "arms.full.tau", "1/k = 0.5", id="tau below 1/k"),
    pytest.param({"arms.full.tau": 1}, "tau", "less than 1", id="tau of one"),
    pytest.param({"arms.*.tau": -0.1}, "tau", "greater than 0", id="tau below zero"),
    pytest.param({"evaluation.tau": 0.2}, "evaluation.tau", "1/k = 0.5", id="tau of the evaluation"),
    pytest.param({"arms.full.locked": [0, 1]}, "arms.full.locked", "left free", id="all features locked"),
    pytest.param({"arms.full.locked": [0, "x2"]}, "arms.full.locked", "left free", id="all locked, two ways"),
    pytest.param({"arms.full.locked": ["age"]}, "arms.full.locked", "x1, x2", id="unknown feature"),
    pytest.param({"arms.full.locked": [2]}, "arms.full.locked", "0 to 1", id="feature out of range"),
    pytest.param({"arms.full.locked": [-1]}, "arms.full.locked", "0 to 1", id="negative feature"),
    pytest.param({"arms.full.locked": [0.5]}, "locked", "", id="half a feature"),
    pytest.param({"arms.full.locked": "x1"}, "locked", "", id="features that are no list"),
    pytest.param(
        {"arms.full.locked": [0], "arms.full.increase_only": ["x1"]},
        "increase_only",
        "one constraint",
        id="two constraints",
    ),
    pytest.param({"arms.full.ranges": [["x1", 1, 1]]}, "arms.full.ranges", "highest", id="an empty range"),
    pytest.param({"arms.full.ranges": [["x1", 2, 1]]}, "arms.full.ranges", "highest", id="a range backwards"),
    pytest.param({"arms.full.ranges": [["x1", 0]]}, "arms.full.ranges", "highest", id="half a range"),
    pytest.param({"arms.full.ranges": [["x1", 0, 1, 2]]}, "arms.full.ranges", "highest", id="too much of a range"),
    pytest.param({"arms.full.ranges": [["x1", "0", 1]]}, "arms.full.ranges", "highest", id="a range in words"),
    pytest.param({"arms.full.ranges": [["x1", True, 2]]}, "arms.full.ranges", "highest", id="true in a range"),
    pytest.param({"arms.full.ranges": [["x1", math.nan, 1]]}, "arms.full.ranges", "highest", id="no number in a range"),
    pytest.param(
        {"arms.full.ranges": [["x1", None, math.inf]]}, "arms.full.ranges", "highest", id="a range without ends"
    ),
    pytest.param({"arms.full.ranges": [["age", 0, 1]]}, "arms.full.ranges", "x1, x2", id="range of an unknown feature"),
    pytest.param({"arms.full.ranges": [[2, 0, 1]]}, "arms.full.ranges", "0 to 1", id="range of no feature"),
    pytest.param({"arms.full.ranges": [[None, 0, 1]]}, "arms.full.ranges", "highest", id="range of none"),
    pytest.param({"arms.full.ranges": [[0, 0, 1], ["x1", 0, 2]]}, "arms.full.ranges", "one range", id="two ranges"),
    pytest.param({"arms.full.ranges": [[0, 0, 10**400]]}, "arms.full.ranges", "highest", id="a range beyond floats"),
    pytest.param({"arms.full.ranges": "x1"}, "arms.full.ranges", "highest", id="ranges that are no list"),
    pytest.param(
        {"arms.full.locked": [0], "arms.full.ranges": [["x1", 0, 1]]},
        "arms.full.ranges",
        "locked",
        id="locked and ranged",
    ),
    pytest.param({"arms.full.lock_when": "sometimes"}, "arms.full.lock_when", "always", id="locked sometimes"),
    pytest.param({"arms.full.shield": True}, "arms.full.shield", "", id="a shield of true"),
    pytest.param({"arms.full.generator": "magic"}, "arms.full.generator", "revise", id="unknown generator"),
    pytest.param({"arms.full.per_factual": 0}, "arms.full.per_factual", "1", id="no counterfactual of each"),
    pytest.param({"data.correlation": 0.5}, "data.correlation", "only gaussians", id="correlated moons"),
    pytest.param({"data.signal": 1}, "data.signal", "only gaussians", id="moons with a signal"),
    pytest.param(
        {"data.name": "gaussians", "data.correlation": 1}, "data.correlation", "0.95", id="correlation of one"
    ),
    pytest.param({"data.name": "gaussians", "data.signal": -1}, "data.signal", "0", id="a signal below none"),
    pytest.param({"data.name": "gaussians", "data.separation": 11}, "data.separation", "10", id="too far apart"),
    pytest.param({"arms": "full,full"}, "arms", "once", id="an arm's name twice"),
    pytest.param({"arms.*.name": "same"}, "arms", "once", id="all arms renamed alike"),
    pytest.param({"arms": ""}, "arms", "", id="no arms"),
    pytest.param({"arms": "vanilla,,full"}, "arms", "", id="an arm without a name"),
    pytest.param({"arms": "a;b"}, "arms", "", id="an arm's name with odd signs"),
    pytest.param({"arms": ",".join(f"a{i}" for i in range(300))}, "arms", "256", id="too many arms"),
    pytest.param({"arms": 3}, "arms", "names", id="arms that are a number"),
    pytest.param({"arms": [{"name": "a"}]}, "arms", "names", id="arms that are tables"),
    pytest.param({"arms.none.tau": 0.9}, "arms.none.tau", "vanilla, full", id="unknown arm"),
    pytest.param({"arms.full.taus": 0.9}, "arms.full.taus", "tau", id="unknown setting of an arm"),
    pytest.param({"arms.full": {}}, "arms.full", "no such setting", id="an arm as a whole"),
    pytest.param({"training.foo": 1}, "training.foo", "epochs", id="unknown setting"),
    pytest.param({"training": {}}, "training", "no such setting", id="a section as a whole"),
    pytest.param({"foo": 1}, "foo", "no such setting", id="unknown section"),
    pytest.param({"": 1}, "", "no such setting", id="no name at all"),
    pytest.param({"seed.x": 1}, "seed.x", "no such setting", id="inside a number"),
    pytest.param({"seed": -1}, "seed", "0", id="negative seed"),
    pytest.param({"seed": 2**31}, "seed", "", id="seed too large"),
]


@pytest.mark.parametrize(("changes", "field", "told"), BAD_CHANGES)
def test_bad_changes_are_refused(changes, field, told):
    refused(lambda: Experiment.preset("moons").replace(changes), field, told)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param({"preset": "nope"}, "preset", id="unknown preset"),
        pytest.param({"training.epochs": "NaN"}, "training.epochs", id="NaN"),
        pytest.param({"training.lr": "nan"}, "training.lr", id="nan"),
        pytest.param({"training.lr": "-Infinity"}, "training.lr", id="infinity"),
        pytest.param({"training.lr": "1e999"}, "training.lr", id="overflow"),
        pytest.param({"training.lr": "1" * 400}, "training.lr", id="hundreds of digits"),
        pytest.param({"training.epochs": "9" * 5000}, "training.epochs", id="thousands of digits"),
        pytest.param({"training.epochs": ""}, "training.epochs", id="nothing"),
        pytest.param({"training.epochs": "\x00"}, "training.epochs", id="a control character"),
        pytest.param({"training.epochs": "<script>"}, "training.epochs", id="a script"),
        pytest.param({"training.epochs": '{"a": 1}'}, "training.epochs", id="a table"),
        pytest.param({"training.epochs": "null"}, "training.epochs", id="null"),
        pytest.param({"training.epochs": "[" * 100_000}, "training.epochs", id="nested without end"),
        pytest.param({"model.hidden": "[32"}, "model.hidden", id="a list that does not close"),
        pytest.param({"arms.full.tau": "0.3"}, "arms.full.tau", id="tau below 1/k"),
        pytest.param({"arms.full.locked": "[0,1]"}, "arms.full.locked", id="all locked"),
        pytest.param({"arms": "a,a"}, "arms", id="an arm twice"),
        pytest.param({"theme": "dark"}, "theme", id="unknown"),
    ],
)
def test_bad_links_are_refused(query, field):
    refused(lambda: Experiment.from_query(query), field)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        pytest.param("x =", "TOML", id="no TOML"),
        pytest.param("x = " + "[" * 5000, "TOML", id="nested without end"),
        pytest.param("seed = " + "9" * 5000, "TOML", id="a number of thousands of digits"),
        pytest.param('[training]\nepochs = "many"', "training.epochs", id="a word for a number"),
        pytest.param('[training]\nepochs = "20"', "training.epochs", id="a number in quotes"),
        pytest.param("[training]\nepochs = true", "training.epochs", id="true for a number"),
        pytest.param("[training]\nlr = true", "training.lr", id="true for a share"),
        pytest.param('[[arms]]\nname = "a"\nlocked = [true]', "locked", id="true for a feature"),
        pytest.param("[training]\nepochs = 2.5", "training.epochs", id="half an epoch"),
        pytest.param("[training]\nepochs = 1979-05-27", "training.epochs", id="a date"),
        pytest.param("[training]\nlr = nan", "training.lr", id="nan"),
        pytest.param("[training]\nlr = inf", "training.lr", id="inf"),
        pytest.param("[training]\nfoo = 1", "training.foo", id="unknown setting"),
        pytest.param("foo = 1", "foo", id="unknown section"),
        pytest.param("training = 3", "training", id="a number for a section"),
        pytest.param("[[training]]\nepochs = 3", "training", id="a list for a section"),
        pytest.param("arms = []", "arms", id="no arms"),
        pytest.param('[arms]\nname = "a"', "arms", id="a table for arms"),
        pytest.param("[[arms]]\ntau = 0.9", "arms", id="an arm without a name"),
        pytest.param('[[arms]]\nname = "a"\n[[arms]]\nname = "a"', "arms", id="an arm's name twice"),
        pytest.param('[[arms]]\nname = "a"\nlocked = ["x1", "x2"]', "locked", id="all locked"),
        pytest.param('[data]\nname = "cifar"', "data.name", id="unknown data set"),
    ],
)
def test_bad_toml_is_refused(text, field):
    refused(lambda: Experiment.from_toml(text), field)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "3", "{", '{"seed": NaN}', '{"foo": 1}', b"\xff", "[" * 100_000, '{"training": null}'],
    ids=["empty", "list", "null", "number", "open", "NaN", "unknown", "bytes", "nested", "null section"],
)
def test_bad_json_is_refused(text):
    refused(lambda: Experiment.from_json(text), "")


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from([*CHANGES, "preset", "foo"]), st.text(max_size=12), max_size=3))
def test_any_link_gives_an_experiment_or_one_sentence(query):
    try:
        experiment = Experiment.from_query(query)
    except ConfigError as error:
        assert "\n" not in str(error)
    else:
        assert Experiment.from_query(experiment.to_query()) == experiment


def test_a_model_under_rules_is_that_of_the_presets_arm():
    table = Experiment.preset("german")
    rules = TABLES["german"].rules
    (arm,) = table.under(rules, "full").arms
    assert set(arm.locked) == set(table.arms[2].locked) and arm.lambda_reg == table.arms[2].lambda_reg
    assert table.arm_under(rules, "full") == "full rules"
    assert table.arm_under(Rules(), "full") == "full" and table.arm_under(Rules(), "full rules") == "full"
    other = table.under(Rules().locking("purpose", "age").changed("duration", change="down"), "full")
    turned = table.under(Rules().changed("duration", change="down").locking("age", "purpose"), "full")
    (arm,) = other.arms
    assert set(arm.locked) == {"purpose", "age"} and arm.decrease_only == ("duration",) and arm.increase_only == ()
    assert other.key == turned.key != table.key and other.training == table.training and other.data == table.data
    assert table.arm_under(Rules().locking("age"), "full") is None
    for ask, reason in (
        (lambda: table.under(rules, "mine"), "one of vanilla"),
        (lambda: table.under(Rules().locking(*table.data.features), "full"), "at least one feature left free"),
        (lambda: table.under(Rules().locking("height"), "full"), "height"),
    ):
        with pytest.raises(ConfigError, match=reason):
            ask()
