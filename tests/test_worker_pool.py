"""A pool: every item is done by one of its workers, one that is killed is replaced, and none outlives a stop."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ctviz.errors import DataError, JobError
from ctviz.jobs import STOPPED
from ctviz.worker_pool import WorkerPool
from tests import pool_work as work
from tests.waiting import until


def never() -> bool:
    return False


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture(scope="module")
def pool():
    made = WorkerPool(100, 2)
    yield made
    made.close()


def test_every_item_is_done_once_and_workers_stay(pool):
    first = dict(pool.map(work.add, [(i,) for i in range(12)], never))
    assert {at: value for at, (value, _) in first.items()} == {i: 100 + i for i in range(12)}
    again = dict(pool.map(work.add, [(i,) for i in range(12)], never))
    processes = {pid for _, pid in (*first.values(), *again.values())}
    assert len(processes) <= 2 and os.getpid() not in processes


def test_what_an_item_raises_is_raised(pool):
    with pytest.raises(DataError, match="Item 7 is refused"):
        list(pool.map(work.refuse, [(7,)], never))
    assert dict(pool.map(work.add, [(1,)], never))[0][0] == 101, "the pool goes on"


def test_an_item_whose_worker_is_killed_is_begun_once_more(pool, tmp_path):
    items = [(i, str(tmp_path), 1) for i in range(4)]
    assert dict(pool.map(work.die, items, never)) == {i: 100 + i for i in range(4)}


def test_a_worker_that_is_killed_while_it_has_no_work_is_replaced():
    pool = WorkerPool(100, 1)
    ((_, (_, process)),) = pool.map(work.add, [(0,)], never)
    os.kill(process, signal.SIGKILL)
    until(lambda: pool._executors[0]._flags.broken is not None)
    ((_, (value, other)),) = pool.map(work.add, [(1,)], never)
    assert value == 101 and other != process
    pool.close()


def test_where_it_is_killed_again_what_was_done_stays(tmp_path):
    pool, found = WorkerPool(100, 1), []
    with pytest.raises(JobError, match=STOPPED):
        for one in pool.map(work.die, [(i, str(tmp_path), 2) for i in range(3)], never):
            found.append(one)  # noqa: PERF402 (what comes before the error counts)
    assert found == [(0, 100)]
    assert [value[0] for _, value in pool.map(work.add, [(1,)], never)] == [101], "the pool goes on"
    pool.close()


def test_workers_at_work_are_ended_with_a_stop(tmp_path):
    def begun() -> list[int]:
        return [int(path.stem) for path in Path(tmp_path).glob("*.begun")]

    assert not list(WorkerPool(0, 1).map(work.linger, [(0, str(tmp_path))] * 2, lambda: bool(begun())))
    (process,) = begun()
    until(lambda: gone(process))
