"""What decisions rest on: shares that add up, against loops, proxies by hand, and where there is nothing to ask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ctviz.data.catalogue import load
from ctviz.data.tables.settings import TableSettings
from ctviz.errors import ConfigError
from ctviz.evaluation.association import associations
from ctviz.evaluation.attribution import integrated_gradients, uniform_baselines
from ctviz.experiments.config import Experiment
from ctviz.experiments.reliance import GOES_ALONG, measure_reliance
from ctviz.experiments.run import load_run
from ctviz.experiments.sensitivity import SAMPLES, measure_sensitivity
from ctviz.experiments.snapshot import stack_of
from ctviz.experiments.store import Store
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.paths import assets

LOCKED = ("age", "sex and marital status", "foreign worker")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"), presets=assets() / "presets")
    return load_run(Experiment.preset("german").key, store)


@pytest.fixture(scope="module")
def stack(run):
    return stack_of([run.snapshot()], run.experiment).take([0, 1])


@pytest.fixture(scope="module")
def found(run, stack):
    return measure_reliance(stack, run.data, LOCKED)


def looped_shares(stack, data):
    """|g_f| / Σ |g| of each model, person and feature."""
    X = data.test[0][:SAMPLES]
    classes = stack(X.expand(2, -1, -1)).argmax(-1)
    values = integrated_gradients(stack, X.expand(2, -1, -1), classes, uniform_baselines(len(X), data.d, 0)).values
    parts = np.zeros((2, len(X), len(data.schema.features)))
    for m in range(2):
        for b in range(len(X)):
            sizes = [abs(float(values[m, b, span].sum())) for span in data.schema.spans]
            parts[m, b] = [size / sum(sizes) for size in sizes]
    return parts


def test_the_numbers_are_those_of_plain_loops(run, stack, found):
    shares, names = looped_shares(stack, run.data), run.data.schema.names
    held = [names.index(name) for name in names if name in LOCKED]
    close = associations(run.data.schema, run.data.train[0].numpy())
    for m in range(2):
        assert found.shares[m].value == pytest.approx(np.mean([row[held].sum() for row in shares[m]]), abs=1e-5)
        total = 0.0
        for proxy in found.proxies:
            f = names.index(proxy.feature)
            strength = max(close[f, one] for one in held)
            assert proxy.association == strength == close[f, names.index(proxy.like)]
            assert proxy.shares[m].value == pytest.approx(shares[m, :, f].mean(), abs=1e-5)
            assert proxy.weights[m].value == pytest.approx(strength * shares[m, :, f].mean(), abs=1e-5)
            total += strength * shares[m, :, f].mean()
        assert found.proxy_shares[m].value == pytest.approx(total, abs=1e-5)
        assert found.shares[m].value + sum(p.shares[m].value for p in found.proxies) == pytest.approx(1)
    assert found.moved.value == pytest.approx(found.shares[1].value - found.shares[0].value)
    assert found.proxy_moved.value == pytest.approx(sum(proxy.moved.value for proxy in found.proxies))
    assert found.moved.low < found.moved.value < found.moved.high
    changes = [abs(proxy.moved.value) for proxy in found.proxies]
    assert changes == sorted(changes, reverse=True) and {p.feature for p in found.proxies} == set(names) - set(LOCKED)


def test_the_shares_of_features_are_those_of_sensitivity(run, stack, found):
    known = measure_sensitivity(stack, run.data, run.experiment.arms[:2])
    for proxy in found.proxies:
        f = known.features.index(proxy.feature)
        assert [one.value for one in proxy.shares] == pytest.approx(known.share.value[:, f].tolist())
        assert [one.low for one in proxy.shares] == pytest.approx(known.share.low[:, f].tolist())


def test_a_model_that_uses_a_proxy_alone_rests_on_it_alone():
    data = load(TableSettings(name="german"))
    weights = np.zeros((2, 2, data.d), dtype=np.float32)
    age, duration = (data.schema.spans[data.schema.names.index(name)].start for name in ("age", "duration"))
    weights[0, 1, age], weights[1, 1, duration] = 1, 1
    linear = {"0.weight": weights, "0.bias": np.zeros((2, 2), np.float32)}
    stack = Stack.from_weights(linear, ModelSettings(hidden=()))
    found = measure_reliance(stack, data, ("age",))
    assert [one.value for one in found.shares] == pytest.approx([1, 0])
    assert found.proxies[0].feature == "duration" and found.proxies[0].shares[1].value == pytest.approx(1)
    assert found.proxy_shares[1].value == pytest.approx(found.proxies[0].association)
    assert found.moved.clear and found.moved.high < 0
    others = [proxy for proxy in found.proxies if proxy not in found.named]
    assert min(proxy.association for proxy in found.named) >= GOES_ALONG > max(proxy.association for proxy in others)


def test_without_locked_features_or_without_others_there_is_nothing(run, stack):
    assert measure_reliance(stack, run.data, ()) is None
    assert measure_reliance(stack, run.data, run.data.schema.names) is None
    with pytest.raises(ConfigError, match="two"):
        measure_reliance(stack.take([0]), run.data, LOCKED)
    with pytest.raises(ConfigError, match="shoe size"):
        measure_reliance(stack, run.data, ("shoe size",))


def test_the_callers_state_stays_as_it_is(run, stack):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    measure_reliance(stack, run.data, LOCKED)
    assert torch.equal(torch.get_rng_state(), before)
