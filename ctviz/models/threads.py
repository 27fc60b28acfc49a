"""How many threads small products may use, and large searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

_spare: ContextVar[int] = ContextVar("spare", default=1)
"""Threads that torch had before ``one_thread``, for what is large enough to be shared out."""


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: faster for products this small, and the same bits on any number of cores.

    The others are left to ``shared_out``; ``torch.set_num_threads``, or OMP_NUM_THREADS, says how many there are.
    """
    before = torch.get_num_threads()
    token = _spare.set(max(before, _spare.get()))
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _spare.reset(token)


def shared_out(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``work`` of each of the items, which do not depend on each other; within ``one_thread`` several at once.

    Each is done by one thread, so that the bits of a result do not depend on how many there are.
    """
    workers = min(_spare.get(), len(items))
    if workers < 2:
        return [work(item) for item in items]
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def done(item: Item) -> Result:
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):  # both belong to a thread
            return work(item)

    with ThreadPoolExecutor(workers, "ctviz", initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(done, items))
