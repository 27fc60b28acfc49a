"""Sweeps as settings: cells, samples, keys, round trips, and what is refused."""

import math

import pytest

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.protocol import Protocol
from ctviz.studies.sweeps.declaration import Axis, Sweep, conventional
from ctviz.training.arm import Arm
from tests.studies.sweeps.small import base, small


def drawn(sample, count, seed=0, **ends):
    axes = [Axis(setting=name, low=low, high=high, scale=scale) for name, (low, high, scale) in ends.items()]
    return Sweep(base=base(), axes=axes, sample=sample, count=count, seed=seed)


def test_a_grid_has_every_combination_with_the_first_axis_slowest():
    cells = small({"lambda_div": (0.1, 1), "tau": (0.5, 0.7, 0.9)}).cells()
    assert [cell.index for cell in cells] == list(range(6))
    found = [tuple(value for _, value in cell.values) for cell in cells]
    assert found == [(0.1, 0.5), (0.1, 0.7), (0.1, 0.9), (1.0, 0.5), (1.0, 0.7), (1.0, 0.9)]
    assert cells[1].words == "lambda_div 0.1, tau 0.7"


def test_values_are_kept_as_the_experiment_keeps_them_and_each_once():
    sweep = small({"lambda_div": (1, 1.0, 0.1), "steps": (5, 5), "model.hidden": ([], [8])})
    assert [axis.values for axis in sweep.axes] == [(1.0, 0.1), (5,), ((), (8,))]
    assert [type(value) for value in sweep.axes[0].values] == [float, float]
    assert sweep.size == 4


def test_equal_sweeps_have_equal_keys():
    sweep = small()
    assert small({"lambda_div": (0.1, 1)}).key == sweep.key
    assert small(name="mine").key == sweep.key
    assert small(base=base(evaluation__field=7)).key == sweep.key  # what the base records decides nothing
    assert small(base=base().replace({"arms": "full"})).key == sweep.key
    others = [small(seeds=2), small({"lambda_div": (0.1,)}), small(protocol=Protocol()), small(base=base(seed=1))]
    others += [small({"lambda_div": (1.0, 0.1)}), small(base=base(arms__full__tau=0.6))]
    assert len({sweep.key, *(other.key for other in others)}) == 7


@pytest.mark.parametrize("way", ["toml", "json"])
def test_round_trips(way):
    for sweep in (
        small(
            {"generator": ("eccco", "generic"), "model.hidden": ([], [8, 8]), "locked": ([], [0])}, name="x", seeds=3
        ),
        drawn("sobol", 5, seed=3, tau=(0.5, 0.9, "linear"), **{"training.lr": (1e-4, 1e-2, "log")}),
    ):
        again = getattr(Sweep, f"from_{way}")(getattr(sweep, f"to_{way}")())
        assert again == sweep
        assert again.key == sweep.key
        assert again.cells() == sweep.cells()


@pytest.mark.parametrize("sample", ["random", "sobol"])
def test_samples_stay_in_their_ranges_and_follow_their_seed(sample):
    ends = {"tau": (0.5, 0.9, "linear"), "training.lr": (1e-4, 1e-2, "log"), "steps": (3, 6, "linear")}
    sweep = drawn(sample, 64, **ends)
    cells = [dict(cell.values) for cell in sweep.cells()]
    assert len(cells) == 64
    for name, (low, high, _) in ends.items():
        assert all(low <= cell[name] <= high for cell in cells)
    assert {cell["steps"] for cell in cells} == {3, 4, 5, 6}
    assert all(type(cell["steps"]) is int for cell in cells)
    below = sum(cell["training.lr"] < 1e-3 for cell in cells)
    assert 22 <= below <= 42  # half of a log range lies below its geometric mean
    assert drawn(sample, 64, **ends).cells() == sweep.cells()
    assert drawn(sample, 64, seed=1, **ends).cells() != sweep.cells()


def test_a_sobol_sample_fills_a_range_evenly():
    values = sorted(cell.values[0][1] for cell in drawn("sobol", 16, lambda_div=(0, 16, "linear")).cells())
    assert [math.floor(value) for value in values] == list(range(16))


def test_a_sample_draws_from_lists_and_keeps_each_combination_once():
    axes = [Axis(setting="generator", values=("eccco", "generic")), Axis(setting="steps", low=1, high=2)]
    cells = Sweep(base=base(), axes=axes, sample="random", count=100).cells()
    assert sorted(tuple(value for _, value in cell.values) for cell in cells) == [
        ("eccco", 1), ("eccco", 2), ("generic", 1), ("generic", 2),
    ]  # fmt: skip
    assert [cell.index for cell in cells] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"lambda_dvi": [1]}, "grid is 'lambda_dvi'; allowed: a setting out of generator, tau"),
        ({"seed": [1]}, "grid is 'seed'"),
        ({"evaluation.tau": [0.5]}, "grid is 'evaluation.tau'"),
        ({"tau": []}, "tau is []; allowed: one value or more"),
        ({}, "grid is []; allowed: one setting to twelve"),
        (
            {"lambda_adv": [1, 2], "tau": [0.5, 2]},
            "tau is 2; allowed: less than 1 (first in cell 1: lambda_adv 1, tau 2)",
        ),
        ({"tau": ["much"]}, "tau is 'much'; allowed: a number"),
        ({"steps": [1.5]}, "steps is 1.5; allowed: a whole number"),
        ({"tau": [True]}, "allowed: no true or false"),
        ({"generator": ["magic"]}, "generator is 'magic'; allowed: 'generic', 'eccco'"),
        ({"training.batch": [5000]}, "training.batch is 5000; allowed: at most the 60 samples there are"),
    ],
)
def test_what_no_model_may_have_is_a_sentence(grid, words):
    with pytest.raises(ConfigError) as caught:
        Sweep(base=base(), axes=[Axis(setting=name, values=values) for name, values in grid.items()])
    assert str(caught.value).startswith(words) or words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arm": "fll"}, "arm is 'fll'; allowed: an arm of the experiment: vanilla, full"),
        ({"count": 3}, "count is 3; allowed: none for a grid"),
        ({"sample": "sobol"}, "count is None; allowed: how many cells"),
        ({"sample": "hypercube"}, "sample is 'hypercube'"),
        ({"seeds": 0}, "seeds is 0"),
        ({"axes": [{"setting": "tau", "low": 0.5, "high": 0.9}]}, "tau is [0.5, 0.9]; allowed: values; a range is for"),
        ({"axes": [{"setting": "tau", "values": [0.5]}] * 2}, "grid is 'tau'; allowed: each setting once"),
    ],
)
def test_what_is_no_sweep_is_a_sentence(changes, words):
    with pytest.raises(ConfigError) as caught:
        Sweep(**{"base": base(), "axes": [Axis(setting="tau", values=[0.5, 0.6])], **changes})
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ({"low": 0.9, "high": 0.5}, "a range whose high end lies above its low end"),
        ({"low": 0.0, "high": 0.5, "scale": "log"}, "a low end above 0"),
        ({"low": 0.5, "high": 2.0}, "less than 1"),
        ({"low": 0.5}, "or a range from low to high"),
        ({"low": 0.5, "high": 0.9, "values": [0.5]}, "not both"),
    ],
)
def test_what_is_no_range_is_a_sentence(ends, words):
    with pytest.raises(ConfigError, match=words):
        Sweep(base=base(), axes=[{"setting": "tau", **ends}], sample="random", count=2)


def test_a_range_of_whole_numbers_holds_one():
    def of(low, high):
        return Sweep(base=base(), axes=[Axis(setting="steps", low=low, high=high)], sample="random", count=4)

    with pytest.raises(ConfigError, match=r"steps is .1.2, 1.8.; allowed: a range with a whole number in it"):
        of(1.2, 1.8)
    assert [cell.values for cell in of(1.2, 2.4).cells()] == [(("steps", 2),)]
    assert of(0.6, 1.4).end(of(0.6, 1.4).axes[0], 0) == 1


def test_a_word_has_no_range():
    with pytest.raises(ConfigError, match="it is no number"):
        Sweep(base=base(), axes=[Axis(setting="generator", low=0, high=1)], sample="random", count=2)


def test_more_cells_than_anybody_waits_for():
    axes = [
        Axis(setting=name, values=[i / 1000 for i in range(300)]) for name in ("lambda_div", "lambda_adv", "lambda_reg")
    ]
    with pytest.raises(ConfigError, match="27,000,000 cells"):
        Sweep(base=base(), axes=axes)


def test_text_that_is_no_sweep():
    for text in ("[", "[]", "{", '{"axes": 3}', '{"nonsense": 1}'):
        with pytest.raises(ConfigError):
            Sweep.from_json(text)
    with pytest.raises(ConfigError):
        Sweep.from_toml("axes = ")


def test_a_cell_as_an_experiment_of_two_arms():
    sweep = small({"lambda_div": (0.1, 1), "training.n_ce": (10, 20)}, base=base(seed=4))
    found = sweep.experiment(sweep.cells()[2])
    assert [arm.name for arm in found.arms] == ["vanilla", "full"]
    assert (found.arms[1].lambda_div, found.training.n_ce, found.seed) == (1.0, 10, 4)
    assert not found.arms[0].trains_on_counterfactuals
    assert sweep.experiment(sweep.cells()[0], seed=7).seed == 7


def test_the_reference_keeps_the_constraints_and_nothing_of_the_search():
    plain = conventional(Arm(name="x", seed=3, tau=0.9, generator="face", locked=(0,), lock_when="searching"))
    assert (plain.seed, plain.locked, plain.lock_when) == (3, (0,), "searching")
    assert not plain.trains_on_counterfactuals
    assert (plain.tau, plain.generator) == (Arm.model_fields["tau"].default, "eccco")
    assert conventional(Arm(name="x", lock_when="never")) == conventional(Arm(name="x"))


def test_the_base_may_be_any_experiment():
    sweep = small({"data.noise": (0.05, 0.3), "lambda_reg": (0.1,)}, base=Experiment.preset("circles"))
    assert sweep.shared_settings(sweep.cells()[1]).data.noise == 0.3
