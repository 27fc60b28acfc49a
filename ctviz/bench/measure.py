"""The method of comparison: contenders take turns within one run, and the median over the rounds counts.

Taking turns means that whatever else the machine does hits all of them alike, so that ratios hold where
absolute times would not.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Contender = Callable[[], float]
"""Does its piece of work once and returns how long it took, in a unit that all contenders share."""


@dataclass(frozen=True)
class Goal:
    """The goal of a figure: at least or at most ``value``."""

    sign: Literal["≥", "≤"]
    value: float

    def met(self, figure: float) -> bool:
        return figure >= self.value if self.sign == "≥" else figure <= self.value


@dataclass(frozen=True)
class BenchRow:
    """One line of the report: our time, the other's time, the judged figure, and its goal."""

    group: str
    what: str
    unit: str
    ours: float | None = None
    beside: float | None = None
    figure: float | None = None
    """The figure that the goal refers to: mostly a ratio; ``ours`` where there is nothing to compare with."""
    goal: Goal | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.goal is None or self.figure is None:
            return ""
        return "yes" if self.goal.met(self.figure) else "NO"


def timed(work: Callable[[], object]) -> Contender:
    """A contender that takes the wall-clock seconds of ``work()``."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return run


def alternate(contenders: Mapping[str, Contender], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Times of each contender over ``rounds`` rounds in which each runs once, after ``warm_up`` uncounted ones.

    Every other round runs in reverse order, so that no contender always follows the same one.
    """
    order = list(contenders)
    times: dict[str, list[float]] = {name: [] for name in order}
    for i in range(-warm_up, rounds):
        for name in order if i % 2 else reversed(order):
            taken = contenders[name]()
            if i >= 0:
                times[name].append(taken)
        say(f"round {max(i + 1, 0)} of {rounds}")
    return times


def ratio(numerator: list[float], denominator: list[float]) -> float:
    """Median over the rounds of one contender's time over another's."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Run PyTorch on ``n`` threads within this context."""
    import torch  # not by ``ctviz bench --help``

    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_core() -> Iterator[None]:
    """Run PyTorch on one thread and, if the system allows, on one core; processes started within this context too."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {min(cores)})
    try:
        with threads(1):
            yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


def python(*arguments: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a Python that imports what this one does, whatever lies in the current folder."""
    path = os.pathsep.join(str(entry) for entry in sys.path)
    return [sys.executable, "-P", *arguments], {**os.environ, "PYTHONPATH": path}


def say(text: str) -> None:
    """Show a message on standard error, which the next one overwrites."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def table(rows: list[BenchRow]) -> str:
    """The report as text: one block of aligned columns for each group."""
    head = ("", "ours", "beside", "unit", "figure", "goal", "met", "")
    blocks = []
    for group in dict.fromkeys(row.group for row in rows):
        lines = [(group, *head[1:])] + [_cells(row) for row in rows if row.group == group]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        blocks.append("\n".join(_line(line, widths) for line in lines))
    return "\n\n".join(blocks)


def _cells(row: BenchRow) -> tuple[str, ...]:
    goal = f"{row.goal.sign} {row.goal.value:g}" if row.goal else ""
    numbers = _number(row.ours), _number(row.beside), row.unit, _number(row.figure)
    return ("  " + row.what, *numbers, goal, row.verdict, row.note)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Numbers to the right, words to the left."""
    right = (1, 2, 4)
    padded = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(padded).rstrip()


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
