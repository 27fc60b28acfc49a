"""Work that is shared out over threads: the same results, whatever torch's threads and modes are."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from ctviz.models.threads import one_thread, shared_out
from tests.waiting import PATIENCE


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order_and_torchs_threads_are_given_back(threads: int) -> None:
    with one_thread(), one_thread():
        assert torch.get_num_threads() == 1
        assert shared_out(lambda i: i * i, range(20)) == [i * i for i in range(20)]
    assert torch.get_num_threads() == threads


def test_as_many_work_at_once_as_torch_had_threads(threads: int) -> None:
    barrier = threading.Barrier(threads)

    def met(_: int) -> tuple[int, int]:
        barrier.wait(timeout=PATIENCE)  # breaks unless all are here
        return threading.get_ident(), torch.get_num_threads()

    with one_thread(), one_thread():
        found = shared_out(met, range(2 * threads))
    assert len({ident for ident, _ in found}) == threads
    assert {own for _, own in found} == {1}


def test_outside_of_one_thread_nothing_is_shared_out(threads: int) -> None:
    assert set(shared_out(lambda _: threading.get_ident(), range(4))) == {threading.get_ident()}


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_the_modes_of_the_caller_hold_in_every_thread(threads: int, mode: type) -> None:
    with one_thread(), mode():
        expected = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        found = shared_out(lambda _: (torch.is_inference_mode_enabled(), torch.is_grad_enabled()), range(4))
    assert found == [expected] * 4


def test_an_error_in_a_thread_reaches_the_caller(threads: int) -> None:
    with pytest.raises(ZeroDivisionError), one_thread():
        shared_out(lambda i: 1 // i, [2, 1, 0])
