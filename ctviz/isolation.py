"""Isolation from the caller's settings of torch and numpy, so that the same request gives the same result everywhere.

All code that trains, searches, measures or attributes runs within ``isolated``. The caller's other threads are not
affected, except by two settings of the whole process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _CallerState:
    """The caller's settings, where ``isolated`` was first entered."""

    threads: int  # available to ``parallel_map``
    device: torch.device | None  # the default device, unless it is the CPU
    single: _SinglePrecision | None


class _ThreadState(threading.local):
    """State of each thread, since torch's settings belong to a thread."""

    outside: _CallerState | None = None


_here = _ThreadState()


@contextmanager
def isolated(threads: int | None = 1, share: bool = True) -> Iterator[None]:
    """Set the state of torch and numpy that ctviz relies on, for this thread; nested, only ``threads`` counts.

    - New tensors have single precision and are on the CPU unless stated otherwise (``torch.set_default_dtype``,
      ``torch.set_default_device``).
    - No autocast, no inference mode; gradients are recorded.
    - Denormal numbers are kept (``torch.set_flush_denormal``), numpy warns as usual (``numpy.seterr``). In all threads,
      products are exact (``torch.set_float32_matmul_precision``) and anomaly detection is off.
    - Torch has ``threads`` threads; None keeps the caller's number. One is faster for small products, and gives the
      same bits on any number of cores. With ``share``, ``parallel_map`` may use the others, of which
      ``torch.set_num_threads`` or OMP_NUM_THREADS sets the number.

    Also a decorator for functions; not for generators, which would leave their caller in this state between two items.
    """
    before = torch.get_num_threads()
    if _here.outside is not None:
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)
        return
    flushing = float(np.float32(1e-39) * np.float32(1)) == 0
    with ExitStack() as stack:
        single = None
        if torch.get_default_dtype() != torch.float32:
            single = stack.enter_context(_SinglePrecision())
        device = torch.get_default_device()
        if device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        stack.enter_context(_process_wide)
        _here.outside = _CallerState(before if share else 1, None if device.type == "cpu" else device, single)
        torch.set_num_threads(threads or before)
        if flushing:
            torch.set_flush_denormal(False)
        try:
            yield
        finally:
            if flushing:
                torch.set_flush_denormal(True)
            torch.set_num_threads(before)
            _here.outside = None


def callers_defaults() -> AbstractContextManager[Any]:
    """Within ``isolated``: restores the caller's default type and device, for a model of the caller."""
    outside = _here.outside
    if outside is None or (outside.device is None and outside.single is None):
        return nullcontext()
    return _callers_defaults(outside)


@contextmanager
def _callers_defaults(outside: _CallerState) -> Iterator[None]:
    with outside.device or nullcontext(), outside.single.paused() if outside.single else nullcontext():
        yield


def parallel_map(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``work`` applied to independent items; within ``isolated``, to several at once.

    Each item is processed by one thread, so that the bits of a result do not depend on the number of threads.
    """
    outside = _here.outside
    workers = 1 if outside is None else min(outside.threads, len(items))
    if workers < 2:
        return [work(item) for item in items]
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def done(item: Item) -> Result:
        # Settings belong to a thread.
        with isolated(), torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            return work(item)

    with ThreadPoolExecutor(workers, "ctviz", initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(done, items))


class _SinglePrecision(TorchFunctionMode):
    """New tensors of this thread have single precision where no type is given, whatever torch's default.

    Changing that default would affect all threads of the process.
    """

    _ALWAYS_FLOATING = frozenset(
        {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.linspace, torch.logspace, torch.eye}
    )
    _AS_THE_VALUES = frozenset({torch.tensor, torch.as_tensor, torch.full, torch.arange, torch.scalar_tensor})

    def __init__(self) -> None:
        super().__init__()
        self._active = True

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self._active or kwargs.get("dtype") is not None or kwargs.get("out") is not None:
            return func(*args, **kwargs)
        if func in self._ALWAYS_FLOATING:
            return func(*args, **{**kwargs, "dtype": torch.float32})
        made = func(*args, **kwargs)
        if func in self._AS_THE_VALUES and made.dtype == torch.get_default_dtype() and not _typed(args):
            return func(*args, **{**kwargs, "dtype": torch.float32})
        return made

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._active = False
        try:
            yield
        finally:
            self._active = True


def _typed(values: Sequence[Any]) -> bool:
    """Whether any of the values has a dtype of its own, which its tensor keeps."""
    return any(isinstance(value, Tensor | np.ndarray | np.generic) for value in values)


class _ProcessWide:
    """Settings of the whole process, held while any thread needs them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._users = 0
        self._restore: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        with self._guard:
            if self._users == 0:
                self._restore = [*_exact_products(), *_no_anomalies()]
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._users -= 1
            if self._users == 0:
                for restore in self._restore:
                    restore()


def _exact_products() -> Iterator[Callable[[], None]]:
    """Make the CPU multiply in single precision throughout; yields a function that undoes it.

    Uses the newer of torch's two interfaces: reading the older one is an error once the newer has been used.
    """
    everywhere: Any = torch.backends.mkldnn
    for kind in (everywhere.matmul, everywhere.conv):
        before = kind.fp32_precision
        if before not in ("none", "ieee"):
            inherited = before == everywhere.fp32_precision
            kind.fp32_precision = "ieee"
            yield partial(setattr, kind, "fp32_precision", "none" if inherited else before)


def _no_anomalies() -> Iterator[Callable[[], None]]:
    """Switch off anomaly detection, since ctviz checks for NaN itself; yields a function that undoes it."""
    if torch.is_anomaly_enabled():
        check_nan = torch.is_anomaly_check_nan_enabled()
        torch.autograd.set_detect_anomaly(False)
        undo: Callable[..., Any] = partial(torch.autograd.set_detect_anomaly, True, check_nan)
        yield undo


_process_wide = _ProcessWide()
