"""The random draws of an epoch, made once per seed, so that arms of the same seed share them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

EPOCHS, ATTACKS, LANGEVIN = 1, 2, 3
"""Purposes of the streams of a seed: one does not move another, nor that of the first weights, the bare seed's."""


def stream(seed: int, purpose: int = EPOCHS) -> torch.Generator:
    """A random stream of a seed, by default that of its epochs."""
    state = np.random.SeedSequence((seed, purpose)).generate_state(1)  # torch reads 32 bits of a seed
    return generator(int(state[0]))


def generator(start: int) -> torch.Generator:
    """A stream on the CPU that starts at a number."""
    return torch.Generator().manual_seed(start)


@dataclass(frozen=True)
class EpochDraws:
    """One epoch's draws for m arms."""

    order: Tensor  # m n: the samples in the order of the batches
    factuals: Tensor  # m c: samples to explain, without replacement
    shifts: Tensor  # m c: the target is this many classes (1 to k − 1) after the predicted one
    neighbours: Tensor  # m c: uniform in [0, 1): which sample of the target class is the neighbour


class RandomStreams:
    """The random streams of a run, one per distinct seed; always on the CPU, so that devices agree."""

    def __init__(self, seeds: Sequence[int], n: int, n_ce: int, k: int) -> None:
        distinct = sorted(set(seeds))
        self._streams = [stream(seed) for seed in distinct]
        self._stream_of = torch.tensor([distinct.index(seed) for seed in seeds])
        self._n, self._n_ce, self._k = n, min(n_ce, n), k

    def epoch(self) -> EpochDraws:
        rows = [self._draw(stream) for stream in self._streams]
        return EpochDraws(*(torch.stack(column)[self._stream_of] for column in zip(*rows, strict=True)))

    def _draw(self, stream: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return (
            torch.randperm(self._n, generator=stream),
            torch.randperm(self._n, generator=stream)[: self._n_ce],
            torch.randint(1, self._k, (self._n_ce,), generator=stream),
            torch.rand(self._n_ce, generator=stream, dtype=torch.float64),
        )


class OwnStreams:
    """Random streams of a method's own for p arms, one per distinct seed, so that arms of one seed share all draws."""

    def __init__(self, seeds: Sequence[int], purpose: int) -> None:
        distinct = sorted(set(seeds))
        self._streams = [stream(seed, purpose) for seed in distinct]
        self._of = [distinct.index(seed) for seed in seeds]

    def each(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        """What ``draw`` takes from the stream of each arm, (p …)."""
        drawn = [draw(stream) for stream in self._streams]
        return torch.stack(drawn)[self._of] if len(drawn) > 1 else drawn[0].expand(len(self._of), *drawn[0].shape)

    def seeds(self) -> list[int]:
        """A number for each arm, from which another stream may start."""
        return [int(number) for number in self.each(lambda stream: torch.randint(2**31, (), generator=stream))]

    def fork(self) -> OwnStreams:
        """Streams that start from the next numbers of these: however much is drawn from them, these move no further."""
        starts = [int(torch.randint(2**31, (), generator=stream)) for stream in self._streams]
        forked = OwnStreams.__new__(OwnStreams)
        forked._streams, forked._of = [generator(start) for start in starts], self._of
        return forked

    def keep(self) -> list[Tensor]:
        """Where the streams are, for ``restore``."""
        return [stream.get_state() for stream in self._streams]

    def restore(self, kept: Sequence[Tensor]) -> None:
        """Back to where they were."""
        for stream, state in zip(self._streams, kept, strict=True):
            stream.set_state(state)


@dataclass(frozen=True)
class BatchLayout:
    """The layout of n items in batches: an item's index per slot, and 1/size of its batch (0 in padding)."""

    index: Tensor  # batches slots
    mean: Tensor  # batches slots
    even: bool  # no padding

    @cached_property
    def real(self) -> Tensor:
        """Which slots are no padding, (batches slots)."""
        return self.mean > 0

    @cached_property
    def empty(self) -> Tensor:
        """Which batches have no items, (batches)."""
        return ~self.real.any(dim=1)

    def of_items(self, items: Tensor) -> Tensor:
        """Items (… n) in their slots, (… batches slots); a view where all batches have the same size."""
        return items.unflatten(-1, self.index.shape) if self.even else items[..., self.index]

    def deal(self, items: Tensor, into: Tensor, batches: slice) -> None:
        """Copies items (… n) into the slots of some batches, (… batches slots), and 0 into their padding.

        Batches of one size lie one after the other, so that this is a copy for each size and not for each item.
        """
        for first, last, start, size in self._runs:
            a, b = max(first, batches.start), min(last, batches.stop)
            if a >= b:
                continue
            part = into[..., a - batches.start : b - batches.start, :]
            begin = start + (a - first) * size
            part[..., :size].copy_(items[..., begin : begin + (b - a) * size].unflatten(-1, (b - a, size)))
            part[..., size:] = 0

    @cached_property
    def _runs(self) -> list[tuple[int, int, int, int]]:
        """Neighbouring batches of the same size: the first, the one after the last, their first item, their size."""
        runs: list[tuple[int, int, int, int]] = []
        start = 0
        for batch, size in enumerate(self.real.sum(dim=1).tolist()):
            if runs and runs[-1][3] == size:
                runs[-1] = (runs[-1][0], batch + 1, *runs[-1][2:])
            else:
                runs.append((batch, batch + 1, start, size))
            start += size
        return runs

    @classmethod
    def of(cls, sizes: Sequence[int], like: Tensor) -> BatchLayout:
        width = max(sizes, default=0)
        column = torch.arange(width)
        size = torch.tensor(sizes).unsqueeze(1)
        start = size.cumsum(0) - size
        real = column < size
        index = torch.where(real, start + column, 0)
        mean = torch.where(real, 1 / size.double(), 0.0)
        return cls(index.to(like.device), mean.to(like), even=bool(real.all()))


def batch_sizes(n: int, batch: int) -> list[int]:
    """Sizes of the mini-batches of n samples; the last one may be smaller."""
    return [min(batch, n - start) for start in range(0, n, batch)]


def even_sizes(n: int, batches: int) -> list[int]:
    """Sizes of batches that share n items evenly; the first batches get the remainder."""
    return [n // batches + (i < n % batches) for i in range(batches)]
