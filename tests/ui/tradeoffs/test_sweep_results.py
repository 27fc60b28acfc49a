"""Results are read once for all sessions, and again as soon as there may be more of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ctviz.experiments.store import Store
from ctviz.studies.sweeps.plan import plan
from ctviz.ui.tradeoffs import sweep_results
from ctviz.ui.tradeoffs.sweep_results import Results
from tests.studies.reproduce.here import Here
from tests.studies.sweeps.small import small
from tests.waiting import PATIENCE

SWEEP = small({"tau": (0.5, 0.9)})


@pytest.fixture
def looked(monkeypatch):
    """The sweeps that the store is asked for."""
    found = []
    collect = sweep_results.collect

    def noting(sweep, *more):
        found.append(sweep.key)
        return collect(sweep, *more)

    monkeypatch.setattr(sweep_results, "collect", noting)
    return found


def test_the_store_is_looked_at_again_when_a_part_has_ended_and_no_more_once_all_is_there(tmp_path, looked) -> None:
    store = Store(tmp_path)
    results = Results(store)
    first = results.get(SWEEP, "running")
    assert results.get(SWEEP, "running") is first
    assert (first.result.across["state"] == "waiting").all()
    outcomes = list(Here().run(plan(SWEEP, store).tasks, store, lambda: False))
    grown = results.get(SWEEP, "running", outcomes)
    assert (grown.result.across["state"] != "waiting").all()
    done = results.get(SWEEP, "done", outcomes)
    assert results.get(SWEEP) is done
    assert len(looked) == 3


def test_who_asks_for_another_sweep_does_not_wait(tmp_path, monkeypatch) -> None:
    other = small({"tau": (0.6, 0.8)})
    begun, go_on = threading.Event(), threading.Event()
    collect = sweep_results.collect

    def slow(sweep, *more):
        if sweep.key == SWEEP.key:
            begun.set()
            assert go_on.wait(PATIENCE)
        return collect(sweep, *more)

    monkeypatch.setattr(sweep_results, "collect", slow)
    results = Results(Store(tmp_path))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(results.get, SWEEP)
        try:
            assert begun.wait(PATIENCE)
            assert len(results.get(other).result.table)  # while the first is being read
            second = pool.submit(results.get, SWEEP)
        finally:
            go_on.set()
        assert first.result(PATIENCE) is second.result(PATIENCE)
