"""The cache: made once, bounded, in turn."""

from __future__ import annotations

import gc
import threading

import pytest

from ctviz.cache import Budget, Cache, Gate
from tests.waiting import PATIENCE, until


def test_what_several_ask_for_at_once_is_made_once() -> None:
    cache, made, go = Cache(10), [], threading.Barrier(8)

    def ask() -> None:
        go.wait()
        assert cache.get("a", lambda: made.append(1) or "thing") == "thing"

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_no_more_are_made_at_once_than_allowed() -> None:
    cache, now, most, lock = Cache(100, at_once=2), [], [], threading.Lock()
    together = threading.Barrier(2)

    def make(name: int) -> int:
        with lock:
            now.append(name)
            most.append(len(now))
        together.wait(timeout=PATIENCE)  # two at a time get past here
        with lock:
            now.remove(name)
        return name

    threads = [threading.Thread(target=lambda n=n: cache.get(n, lambda: make(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 2
    assert len(cache) == 8


def test_nobody_is_overtaken() -> None:
    gate, order, threads = Gate(1), [], []

    def pass_through(name: int) -> None:
        with gate:
            order.append(name)

    with gate:
        for name in range(5):
            threads.append(threading.Thread(target=pass_through, args=(name,)))
            threads[-1].start()
            until(lambda name=name: len(gate._waiting) > name, "standing in line")
    for thread in threads:
        thread.join()
    assert order == list(range(5))


def test_what_was_used_least_recently_goes_first() -> None:
    cache = Cache(10, size=len)
    for name in "abc":
        cache.get(name, lambda: "1234")
    assert cache.get("a", lambda: "again") == "again", "a was dropped for c"
    assert cache.get("c", lambda: "again") == "1234"


def test_caches_that_share_a_bound_drop_what_was_used_least_recently_in_any_of_them() -> None:
    budget = Budget(12)
    first, second = Cache(budget, size=len), Cache(budget, size=len)
    first.put("a", "1234")
    second.put("b", "1234")
    first.put("c", "1234")
    first.peek("a")
    second.put("d", "1234")
    assert budget.total == 12
    assert [first.peek(name) for name in "ac"] == ["1234", "1234"] and second.peek("b") is None
    second.put("e", "12345678")
    assert second.peek("e") and budget.total == 12
    assert first.peek("a") is None and first.peek("c"), "the oldest of a cache goes, but never its last"


def test_a_cache_that_is_gone_counts_no_more() -> None:
    budget = Budget(4)
    gone = Cache(budget, size=len)
    gone.put("a", "1234")
    del gone
    gc.collect()
    assert budget.total == 0


def test_a_failure_lets_the_next_one_try() -> None:
    cache = Cache(10)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 / 0)
    assert cache.get("a", lambda: 3) == 3


def test_a_value_that_is_not_valid_any_more_is_made_again() -> None:
    cache = Cache(10)
    assert cache.get("a", lambda: 1) == 1
    assert cache.get("a", lambda: 2, valid=lambda value: value > 1) == 2
    assert cache.get("a", lambda: 3, valid=lambda value: value > 1) == 2


def test_none_is_not_kept() -> None:
    cache = Cache(10)
    assert cache.get("a", lambda: None) is None and len(cache) == 0
    cache.put("a", 1)
    assert cache.get("a", lambda: None, valid=lambda value: False) is None
    assert cache.peek("a") is None
