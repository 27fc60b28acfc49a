"""A sweep that is too much for a server is refused wherever it comes from."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ctviz.errors import ConfigError
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store
from ctviz.studies.sweeps import plan
from ctviz.studies.sweeps.catalogue import keep_sweep, list_sweeps
from ctviz.studies.sweeps.declaration import Axis, Sweep
from ctviz.studies.sweeps.shipping import SHIPPED, shipped_sweep
from ctviz.ui.kit.runner import Runner
from ctviz.ui.tradeoffs.bounds import MOST_SHOWN, within_page, within_sight
from ctviz.ui.tradeoffs.new_sweep import begin
from ctviz.ui.tradeoffs.sweep_export import from_toml
from ctviz.ui.tradeoffs.sweep_results import results_of
from tests.studies.sweeps.small import PROTOCOL, base, small

HUGE = Sweep(
    base=base(), axes=(Axis(setting="tau", low=0.5, high=0.9),), sample="random", count=10_000_000, seeds=1000,
    protocol=PROTOCOL,
)  # fmt: skip

TOO_MUCH = {
    "models": HUGE,
    "axes": small(dict.fromkeys(("tau", "epsilon", "lambda_div", "lambda_adv", "lambda_reg", "lambda_egy"), (0.1,))),
    "rounds": small(protocol=Protocol(rounds=2000)),
    "factuals": small(protocol=Protocol(factuals=5000)),
    "lambda_egy": small(protocol=Protocol(lambda_egy=tuple(range(20)))),
    "steps": small(protocol=Protocol(steps=1000)),
    "exact": small(protocol=Protocol(exact=1000)),
}


@pytest.fixture
def never(monkeypatch):
    """Nothing goes over the cells."""

    def refuse(self):
        raise AssertionError("the cells were asked for")

    monkeypatch.setattr(Sweep, "walk", refuse)
    monkeypatch.setattr(plan, "models_of", refuse)


@pytest.mark.parametrize("what", TOO_MUCH)
def test_too_much_is_neither_brought_nor_trained(what, tmp_path, never) -> None:
    store, started = Store(tmp_path), []
    with pytest.raises(ConfigError, match="on this page"):
        from_toml(TOO_MUCH[what].to_toml().encode())
    with pytest.raises(ConfigError, match="on this page"):
        begin(SimpleNamespace(store=store), SimpleNamespace(start=started.append), TOO_MUCH[what])
    assert not started
    assert not list_sweeps(store)


def test_what_lies_in_the_store_is_shown_up_to_a_size(tmp_path, never) -> None:
    store = Store(tmp_path)
    keep_sweep(HUGE, store)
    with pytest.raises(ConfigError, match=f"{MOST_SHOWN:,} models"):
        results_of(HUGE, Runner(store, SimpleNamespace(slots=1)))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_within_the_bounds(name: str) -> None:
    within_page(shipped_sweep(name))
    within_sight(shipped_sweep(name))
