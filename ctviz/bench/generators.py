"""Benchmark of the generators, compared with DiCE: moons, MLP 2-32-2, one thread."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

from torch import Tensor, nn

from ctviz.bench.measure import BenchRow, Contender, alternate, one_core, ratio, say
from ctviz.bench.search import PEERS, setting, start, task_file
from ctviz.counterfactuals.api import Counterfactuals, search
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import GeneratorName, SearchSettings, TrainingGeneratorName
from ctviz.data.dataset import Dataset

ROUNDS = 5
"""Most rounds: the peers take seconds for a few counterfactuals."""

COMPARED = ("dice several", "dice genetic")
"""Peers that make several counterfactuals of each factual, as our DiCE does."""


def measure(rounds: int, at_once: int, interpreters: list[str]) -> list[BenchRow]:
    """µs per counterfactual of each generator with its defaults (τ = 0.75, at most 30 steps), samples known to it.

    What a generator computes from the samples once, an autoencoder or a graph, is excluded from the time and noted.
    """
    group = f"Generators, moons, MLP 2-32-2, {at_once:,} counterfactuals at once, one thread"
    say("generators: training the model")
    with one_core(), ExitStack() as stack:
        data, model, factuals, targets = setting(at_once)
        own = {name: _OwnGenerator(name, data, model, factuals, targets) for name in get_args(TrainingGeneratorName)}
        file = task_file(data, model, factuals, targets, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        peers = {name: start(stack, name, file, interpreters) for name in COMPARED}
        contenders: dict[str, Contender] = {name: each.microseconds for name, each in own.items()}
        contenders.update({name: peer for name, (peer, _) in peers.items() if peer is not None})
        times = alternate(contenders, min(rounds, ROUNDS))
    rows = [_alone(group, GENERATORS[name].title, times[name], each.note) for name, each in own.items()]
    for peer_name, (peer, note) in peers.items():
        what = f"DiCE, {SearchSettings().per_factual} of each factual, beside {PEERS[peer_name]}"
        if peer is None:
            rows.append(BenchRow(group, what, "µs", note=f"not installed ({note})"))
        else:
            rows.append(_beside(group, what, times["dice"], times[peer_name], note))
    return rows


def _alone(group: str, what: str, times: list[float], note: str) -> BenchRow:
    ours = statistics.median(times)
    return BenchRow(group, what, "µs", ours, figure=1e6 / ours, note=f"a second; {note}")


def _beside(group: str, what: str, mine: list[float], other: list[float], note: str) -> BenchRow:
    medians = statistics.median(mine), statistics.median(other)
    return BenchRow(group, what, "µs", *medians, ratio(other, mine), note=f"× faster than {note}")


class _OwnGenerator:
    """One of our generators; its first search, which includes one-time work on the samples, is timed separately."""

    def __init__(
        self, name: GeneratorName, data: Dataset, model: nn.Sequential, factuals: Tensor, targets: Tensor
    ) -> None:
        several = SearchSettings().per_factual if name == "dice" else 1
        b = max(1, len(factuals) // several)
        self._name, self._data, self._model = name, data, model
        self._factuals, self._targets = factuals[:b], targets[:b]
        begun = time.perf_counter()
        found = self._search()
        first = time.perf_counter() - begun
        again = self.microseconds() * len(found) / 1e6
        mature = float(found.mature.double().mean())
        once = f", and {first - again:.1f} s once" if first - again > 0.05 else ""
        self.note = f"{mature:.0%} mature{once}"

    def _search(self) -> Counterfactuals:
        data = self._data
        return search(
            self._model, self._factuals, self._targets,
            schema=data.schema, samples=data.train, path=False, generator=self._name,
        )  # fmt: skip

    def microseconds(self) -> float:
        """One measurement, per counterfactual."""
        begun = time.perf_counter()
        found = self._search()
        return (time.perf_counter() - begun) / len(found) * 1e6
