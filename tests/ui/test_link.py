"""The link: everything in it comes back, and whatever is wrong in it is named and left out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.presets import PRESETS
from ctviz.ui.kit import link
from ctviz.ui.kit.link import LAYERS, MAX_PARAMETERS, SPEEDS, View

views = st.builds(
    View,
    epoch=st.none() | st.integers(0, 10_000),
    play=st.sampled_from([0, 1]),
    speed=st.sampled_from(SPEEDS),
    loop=st.sampled_from([0, 1]),
    view=st.sampled_from(["page", "project"]),
    layers=st.sets(st.sampled_from(LAYERS)).map(tuple),
    probe=st.none() | st.tuples(st.floats(-100, 100), st.floats(-1e-3, 1e3)),
    layer=st.sampled_from(["probability", "energy"]),
    energy_class=st.none() | st.integers(0, 9),
)


@given(views, st.sampled_from(sorted(PRESETS)), st.integers(1, 500))
def test_round_trip(view: View, preset: str, epochs: int) -> None:
    experiment = Experiment.preset(preset)
    last = f"arms.{experiment.arms[-1].name}"
    changes = {"training.epochs": epochs, f"{last}.locked": (0,), f"{last}.increase_only": ()}
    experiment = experiment.replace(changes)
    opened = link.read(link.write(experiment, view))
    assert (opened.experiment, opened.view, opened.problems) == (experiment, view, ())


def test_defaults_are_left_out() -> None:
    assert link.write(Experiment.preset("circles"), View()) == {"preset": "circles"}


def test_an_empty_link_is_the_moons() -> None:
    assert link.read({}) == link.Opened(Experiment.preset("moons"), View(), ())


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("training.epochs", "abc", "a number"),
        ("training.epochs", "0", "greater than or equal to 1"),
        ("training.lr", "NaN", "allowed"),
        ("training.lr", "1e999", "allowed"),
        ("arms.full.tau", "0.2", "from 1/k"),
        ("arms.full.tau", "1", "less than 1"),
        ("arms.nobody.tau", "0.9", "an arm out of vanilla, full"),
        ("arms.full.locked", "[0, 1]", "at least one feature left free"),
        ("training.batch", "5000", "at most the 3000 samples"),
        ("no.such", "1", "no such setting"),
        ("x", "1", "no such setting"),
        ("preset", "mars", "one of moons"),
        ("arms", "full,full", "each name once"),
        ("arms", ",".join(f"a{i}" for i in range(9)), "at most 8 names"),
        ("epoch", "-1", "greater than or equal to 0"),
        ("epoch", "soon", "a number"),
        ("play", "yes", "0 or 1"),
        ("speed", "3", "one of 0.5, 1, 2, 4"),
        ("view", "cinema", "'page' or 'project'"),
        ("layers", "points,snow", "any of points, paths, contours"),
        ("probe", "1", "allowed"),
        ("probe", "nan,1", "allowed"),
        ("probe", "1e38,1", "from −1,000,000 to 1,000,000"),
        ("probe", "left", "two numbers"),
        ("data.name", "moons" * 100, "at most 400 characters"),
    ],
)
def test_what_is_wrong_is_named_once_and_the_rest_is_kept(name: str, text: str, part: str) -> None:
    opened = link.read({"seed": "3", "loop": "1", name: text})
    (problem,) = opened.problems
    assert name in problem
    assert part in problem
    assert "allowed: " in problem
    assert opened.experiment.seed == 3
    assert opened.view == View(loop=1)


def test_settings_that_depend_on_each_other_may_come_in_any_order() -> None:
    wanted = {"preset": "moons", "training.batch": "4000", "data.n_train": "5000", "oops": "1"}
    opened = link.read(wanted)
    assert (opened.experiment.training.batch, opened.experiment.data.n_train) == (4000, 5000)
    assert len(opened.problems) == 1


def test_a_huge_link_is_bounded() -> None:
    opened = link.read({f"p{i}": "1" for i in range(10 * MAX_PARAMETERS)})
    assert len(opened.problems) == link.MAX_PROBLEMS + 1
    assert opened.experiment == Experiment.preset("moons")


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.text(max_size=30) | st.sampled_from(["epoch", "arms", "preset", "seed"]), st.text(max_size=30), max_size=6
    )
)
def test_no_link_is_an_error(query: dict[str, str]) -> None:
    opened = link.read(query)
    assert link.read(link.write(opened.experiment, opened.view)).problems == ()


def test_apply_names_the_change_that_is_refused() -> None:
    experiment, refused = link.apply(Experiment.preset("moons"), {"seed": 4, "training.epochs": -1})
    assert experiment.seed == 4
    assert isinstance(refused["training.epochs"], ConfigError)


def test_a_page_may_start_from_another_preset() -> None:
    assert link.read({}, View, preset="circles").experiment == Experiment.preset("circles")
    opened = link.read({"preset": "mars"}, View, preset="circles")
    assert opened.experiment == Experiment.preset("circles")
    assert "one of moons" in opened.problems[0]
