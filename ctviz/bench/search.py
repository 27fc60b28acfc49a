"""Benchmark of the search against plain PyTorch, DiCE, jax-relax and compiled JAX: moons, MLP 2-32-2, 30 steps, one
thread."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ctviz.bench.measure import BenchRow, Contender, Goal, alternate, one_core, ratio, say, timed
from ctviz.bench.plain import PlainConstraints, own_draws, plain_model, plain_search, plain_train
from ctviz.counterfactuals.api import search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import DataSettings, load
from ctviz.data.dataset import Dataset
from ctviz.errors import ConfigError, CtvizError
from ctviz.models.model_settings import ModelSettings
from ctviz.training.arm import Arm
from ctviz.training.schedule import Schedule

STEPS = 30
REACHABLE, UNREACHABLE = 0.75, 0.99999999
"""τ: with the first most searches end after a few steps; with the second all of them take all steps, as the peers'."""

PEERS = {
    "relax": "jax-relax, VanillaCF vmapped",
    "jax": "JAX by hand, jit + vmap + scan",
    "dice": "DiCE, gradient, one at a time",
    "dice several": "DiCE's gradient method",
    "dice genetic": "DiCE's genetic method",
}
COMPARED = ("relax", "jax", "dice")
"""Peers that make one counterfactual of each factual."""

GOALS = {"relax": Goal("≥", 1)}


def measure(rounds: int, at_once: int, interpreters: list[str]) -> list[BenchRow]:
    """µs per counterfactual, ours against each peer that one of the ``interpreters`` (paths of Python) can import."""
    group = f"Search, moons, MLP 2-32-2, {STEPS} steps, {at_once:,} at once, one thread"
    say("search: training the model")
    with one_core(), ExitStack() as stack:
        data, model, factuals, targets = setting(at_once)
        contenders = own_contenders(data, model, factuals, targets)
        file = task_file(data, model, factuals, targets, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        peers = {name: start(stack, name, file, interpreters) for name in COMPARED}
        contenders.update({name: peer for name, (peer, _) in peers.items() if peer is not None})
        times = alternate(contenders, rounds)
    rows = [
        _row(group, "stopping at τ = 0.75", times["early"], times["plain early"], None, "× faster than plain"),
        _row(group, "all steps (τ out of reach)", times["full"], times["plain full"], None, "× faster than plain"),
    ]
    for name, (peer, note) in peers.items():
        what = f"all steps, beside {PEERS[name]}"
        if peer is None:
            rows.append(BenchRow(group, what, "µs", note=f"not installed ({note})"))
        else:
            rows.append(_row(group, what, times["full"], times[name], GOALS.get(name), f"× faster than {note}"))
    return rows


def _row(group: str, what: str, mine: list[float], other: list[float], goal: Goal | None, note: str) -> BenchRow:
    return BenchRow(
        group, what, "µs", statistics.median(mine), statistics.median(other), ratio(other, mine), goal, note
    )


def setting(b: int) -> tuple[Dataset, nn.Sequential, Tensor, Tensor]:
    """Moons, a conventionally trained model, and ``b`` factuals with the class that the model does not predict."""
    data, model = _trained()
    torch.manual_seed(0)  # whether or not it has been trained before
    X, y = data.train
    drawn = islice(own_draws(len(y), 2, len(y), 1), -(-b // len(y)))
    factuals = X[torch.cat([draws.factuals for draws in drawn])[:b]]
    with torch.no_grad():
        return data, model, factuals, 1 - model(factuals).argmax(1)


@cache
def _trained() -> tuple[Dataset, nn.Sequential]:
    """The data and the model, which the parts of the benchmark share."""
    data = load(DataSettings(name="moons"))
    X, y = data.train
    torch.manual_seed(0)
    model = plain_model(ModelSettings(hidden=(32,)), data.d, data.k)
    schedule = Schedule(epochs=30, batch=100, lr=0.01)
    limits = PlainConstraints.of(data.schema)
    for _ in plain_train(model, X, y, data.k, Arm.variant("vanilla"), schedule, limits, own_draws(len(y), 2, 0, 0)):
        pass
    return data, model


def own_contenders(data: Dataset, model: nn.Sequential, factuals: Tensor, targets: Tensor) -> dict[str, Contender]:
    """Ours and plain, each with a τ within and out of reach; µs per counterfactual."""
    limits = PlainConstraints.of(data.schema)

    def fast(tau: float) -> Contender:
        def work() -> object:
            rules = data.schema
            return search(model, factuals, targets, schema=rules, path=False, generator="generic", tau=tau, steps=STEPS)

        return each(work)

    def plain(tau: float) -> Contender:
        settings = SearchSettings(generator="generic", tau=tau, steps=STEPS)
        return each(lambda: plain_search(model, factuals, targets, settings, limits))

    def each(work: Callable[[], object]) -> Contender:
        seconds = timed(work)
        return lambda: seconds() / len(factuals) * 1e6

    return {
        "early": fast(REACHABLE),
        "plain early": plain(REACHABLE),
        "full": fast(UNREACHABLE),
        "plain full": plain(UNREACHABLE),
    }


# -- peers, each in a process of its own ---------------------------------------------------------------


def task_file(data: Dataset, model: nn.Sequential, factuals: Tensor, targets: Tensor, folder: Path) -> Path:
    """Write the input of ``peers.py``."""
    settings = SearchSettings()
    w0, b0, w1, b1 = (p.detach().numpy() for p in model.parameters())
    X, y = data.train
    file = folder / "task.npz"
    np.savez(
        file,
        w0=w0, b0=b0, w1=w1, b1=b1,
        factuals=factuals.numpy(),
        targets=targets.numpy(),
        train=X.numpy(),
        labels=y.numpy(),
        steps=STEPS,
        step_size=settings.step_size,
        lambda_cost=settings.lambda_cost,
    )  # fmt: skip
    return file


def start(stack: ExitStack, name: str, file: Path, interpreters: list[str]) -> tuple[Contender | None, str]:
    """A peer that is ready to be measured and its version, from the first interpreter that has it; or None and the
    reason."""
    reason = "no interpreter to look in"
    for python in interpreters:
        say(f"setting up {PEERS[name]}")
        process = stack.enter_context(talking_to(python, name, file))
        answer = ask(process, None)
        if "ready" in answer:
            return lambda process=process: microseconds(process, name), str(answer["ready"])
        reason = str(answer.get("missing", "it did not answer"))
    return None, reason


def microseconds(process: subprocess.Popen[str], name: str) -> float:
    """One measurement of a ready peer; raises ``CtvizError`` if it has ended."""
    answer = ask(process, "\n")
    if "microseconds" not in answer:
        raise CtvizError(f"{PEERS[name]} ended in the middle of the comparison.")
    return float(answer["microseconds"])


@contextmanager
def talking_to(python: str, name: str, file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of ``peers.py``, which ends with the block; raises ``ConfigError`` if there is no such interpreter."""
    interpreter = Path(python).absolute()  # the process starts in another folder
    if not interpreter.is_file():
        raise ConfigError("peers", python, "a Python interpreter")
    script = Path(__file__).with_name("peers.py")
    process = subprocess.Popen(
        [str(interpreter), "-W", "ignore", str(script), name, str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8",
        cwd=file.parent,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str], line: str | None) -> dict[str, float | str]:
    """The next answer of a peer, after sending it ``line``; empty if it has ended."""
    assert process.stdin is not None and process.stdout is not None
    if line is not None:
        with suppress(BrokenPipeError):
            process.stdin.write(line)
            process.stdin.flush()
    answer = process.stdout.readline()
    return dict(json.loads(answer)) if answer else {}
