"""The settings of an evaluation: one key for equals, a sentence for what is not allowed."""

from __future__ import annotations

import json

import pytest

from ctviz import ConfigError, Experiment, Protocol
from ctviz.experiments import protocol as module


def test_defaults_are_the_papers():
    protocol = Protocol()
    assert (protocol.rounds, protocol.factuals, protocol.steps, protocol.tau) == (100, 250, 50, 0.95)
    assert protocol.pulls == protocol.lambda_egy == (0.1, 0.5, 1.0, 5.0, 10.0)
    assert protocol.attacks == (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1)
    assert Protocol.usual(Experiment.preset("moons").data) == protocol
    also = ("median", "robustness", "sensitivity")
    assert Protocol.usual(Experiment.preset("mnist").data) == Protocol(factuals=25, also=also)
    assert Protocol.usual(Experiment.preset("adult").data) == Protocol(factuals=100, also=also)


def test_equals_have_one_key_and_others_another(monkeypatch):
    protocol = Protocol(lambda_egy=[5, 1, 5], attacks=[0.1, 0], also=["sensitivity", "robustness"])
    same = Protocol(lambda_egy=(1.0, 5.0), attacks=(0, 0.1))
    assert protocol == same and protocol.key == same.key and len(protocol.key) == 16
    keys = {Protocol(**{name: value}).key for name, value in {"seed": 1, "tau": 0.5, "split": "validation"}.items()}
    assert len(keys | {Protocol().key}) == 4
    before = Protocol().key
    monkeypatch.setattr(module, "ALGORITHM_VERSION", 10_000)
    assert Protocol().key != before


def test_a_setting_that_came_later_leaves_older_keys_as_they_were():
    assert "exact" not in Protocol().to_json()
    asked = Protocol(exact=5)
    assert asked.key != Protocol().key and Protocol.from_json(asked.to_json()) == asked


@pytest.mark.parametrize(
    ("changes", "solvable"),
    [
        ({}, True), ({"model.hidden": ()}, True), ({"model.activation": "tanh"}, False),
        ({"model.activation": "tanh", "model.hidden": ()}, True), ({"model.hidden": (300, 300)}, False),
    ],
)  # fmt: skip
def test_models_that_cannot_be_solved_exactly_are_told_before_they_are_trained(changes, solvable):
    experiment = Experiment.preset("moons").replace(changes)
    Protocol().check(experiment)
    if solvable:
        Protocol(exact=5).check(experiment)
    else:
        with pytest.raises(ConfigError, match="networks of ReLU layers"):
            Protocol(exact=5).check(experiment)
    with pytest.raises(ConfigError, match="256 columns"):
        Protocol(exact=5).check(Experiment.preset("mnist"))


def test_round_trips_through_json_and_toml():
    protocol = Protocol(rounds=7, lambda_egy=(0.3,), generator="generic", also=())
    assert Protocol.from_json(protocol.to_json()) == protocol
    assert Protocol.from_toml(protocol.to_toml()) == protocol
    assert protocol.change({"rounds": 100, "lambda_egy": [0.3]}).rounds == 100


def test_searches_are_one_for_each_weight_and_one_for_a_generator_that_does_not_listen():
    protocol = Protocol(tau=0.6, steps=9, step_size=0.2, lambda_cost=0.5)
    assert [s.lambda_egy for s in protocol.searches()] == [0.1, 0.5, 1.0, 5.0, 10.0]
    first = protocol.searches()[0]
    assert (first.generator, first.tau, first.steps, first.step_size, first.lambda_cost) == ("eccco", 0.6, 9, 0.2, 0.5)
    assert len(protocol.change({"generator": "nearest"}).searches()) == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rounds": 1}, "rounds"),
        ({"factuals": 0}, "factuals"),
        ({"lambda_egy": []}, "lambda_egy"),
        ({"lambda_egy": [-1]}, "lambda_egy"),
        ({"attacks": ["x"]}, "attacks"),
        ({"level": 1}, "level"),
        ({"exact": -1}, "exact"),
        ({"split": "train"}, "split"),
        ({"generator": "dice"}, "generator"),
        ({"also": ["speed"]}, "also"),
        ({"roundz": 3}, "roundz"),
    ],
)
def test_what_is_not_allowed_is_named(changes, named):
    with pytest.raises(ConfigError, match=named):
        Protocol().change(changes)


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({"rounds": "many"})])
def test_other_text_is_no_protocol(text):
    with pytest.raises(ConfigError):
        Protocol.from_json(text)


def test_no_more_is_drawn_than_memory_holds():
    assert Protocol(rounds=10_000, factuals=100).rounds == 10_000
    with pytest.raises(ConfigError, match=r"at most 4,000 with 250 factuals"):
        Protocol(rounds=4001)
    with pytest.raises(ConfigError, match="rounds"):
        Protocol().change({"rounds": 10_000, "factuals": 10_000})
