"""Benchmark of digits: the paper's MNIST run, and attributions to pixels."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import warnings

import torch
from torch import Tensor

from ctviz.bench.measure import BenchRow, Goal, alternate, python, ratio, say, timed
from ctviz.bench.training import endless, ours, theirs
from ctviz.data.catalogue import load
from ctviz.data.dataset import Dataset
from ctviz.errors import CtvizError
from ctviz.evaluation.attribution import AttributionSettings, attribute
from ctviz.evaluation.baselines import uniform_baselines
from ctviz.experiments.config import Experiment
from ctviz.models.stack import Stack
from ctviz.training.arm import Arm
from ctviz.training.loop import train

GROUP = "Digits: MNIST, MLP 784-32-10, vanilla and full with its locks"
EPOCHS = 100
"""Epochs of the paper's run, to which the goals refer."""

DIGITS = 500
STEPS = 50
ROUNDS = 5


def measure(epochs: int, rounds: int) -> list[BenchRow]:
    """Rows: an epoch compared with the plain implementation, over a tenth of ``epochs``; all ``epochs``; attributions.

    Both sides may use all threads that torch has.
    """
    experiment, arms = setting()
    data = load(experiment.data)
    say("digits: beside the plain implementation")
    contenders = {"ours": ours(experiment, data, arms), "plain": theirs(experiment, data, arms)}
    tenth = max(1, epochs // 10)
    times = alternate(contenders, tenth)
    medians = [statistics.median(times[name]) for name in ("ours", "plain")]
    note = f"× faster than plain; {tenth} epochs"
    beside = BenchRow(GROUP, "an epoch", "s", medians[0], medians[1], ratio(times["plain"], times["ours"]), None, note)
    return [beside, *_whole(epochs), _attributions(experiment, data, min(rounds, ROUNDS)), _on_a_gpu(epochs)]


def setting() -> tuple[Experiment, tuple[Arm, Arm]]:
    """The preset, and the two of its arms that the paper compares: the first one, and the one with locks."""
    experiment = Experiment.preset("mnist")
    first, *others = experiment.arms
    return experiment, (first, next(arm for arm in others if arm.locked))


# -- the whole run --------------------------------------------------------------------------------------


def _whole(epochs: int) -> list[BenchRow]:
    say(f"digits: {epochs} epochs")
    found = _in_a_process(epochs, "cpu")
    seconds, megabytes = found["seconds"], found["megabytes"]
    goals = (Goal("≤", 90), Goal("≤", 2000)) if epochs == EPOCHS else (None, None)
    note = f"{epochs} epochs, {torch.get_num_threads()} threads"
    return [
        BenchRow(GROUP, "the run", "s", seconds, figure=seconds, goal=goals[0], note=note),
        BenchRow(
            GROUP, "its memory at most", "MB", megabytes, figure=megabytes, goal=goals[1], note="data and torch too"
        ),
    ]


def _on_a_gpu(epochs: int) -> BenchRow:
    what = "the run on a GPU"
    if not torch.cuda.is_available():
        return BenchRow(GROUP, what, "s", note="not measured: torch has no GPU here")
    say(f"digits: {epochs} epochs on a GPU")
    seconds = _in_a_process(epochs, "cuda")["seconds"]
    return BenchRow(GROUP, what, "s", seconds, figure=seconds, note=f"{epochs} epochs, {torch.cuda.get_device_name()}")


def _in_a_process(epochs: int, device: str) -> dict[str, float | None]:
    """The result of ``main`` in a process of its own, so that its memory is that of the run alone."""
    command, environment = python("-m", "ctviz.bench.digits", str(epochs), device)
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CtvizError(f"The run of {epochs} epochs did not come to its end: {reason}")
    return dict(json.loads(done.stdout))


def main(epochs: int, device: str) -> None:
    """Train for some epochs and print the seconds and the peak memory in MB, as JSON."""
    experiment, arms = setting()
    data, seeds = load(experiment.data), [experiment.seed] * len(arms)
    stack = Stack.initialise(experiment.model, data.d, data.k, seeds, device, experiment.data.grid)
    begun = time.perf_counter()
    for epoch in train(stack, data, arms, endless(experiment.training), seeds):
        if epoch.epoch == epochs:
            break
    stack.flat.cpu()  # waits for a GPU
    print(json.dumps({"seconds": time.perf_counter() - begun, "megabytes": max_memory()}))  # noqa: T201 - the parent reads it


def max_memory() -> float | None:
    """Peak memory of this process in MB; None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


# -- attribution ----------------------------------------------------------------------------------------


def _attributions(experiment: Experiment, data: Dataset, rounds: int) -> BenchRow:
    """Integrated gradients of both models at once, compared with captum on one after the other."""
    say("digits: attributions")
    stack = Stack.initialise(experiment.model, data.d, data.k, [0, 1], grid=experiment.data.grid)
    X = data.test[0][:DIGITS]
    with torch.no_grad():
        classes = stack(X.expand(2, -1, -1)).argmax(dim=-1)  # m b
    start = uniform_baselines(*X.shape)
    settings = AttributionSettings(steps=STEPS)
    contenders = {
        "ours": timed(lambda: attribute(stack, X, classes, settings, baselines=start)),
        "captum": timed(lambda: one_by_one(stack, X, classes, start)),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Integrated gradients are not exact")  # a digit or two, said at every turn
        times = alternate(contenders, rounds)
    mine, other = (statistics.median(times[name]) for name in ("ours", "captum"))
    note = f"captum, one model after the other, takes {ratio(times['captum'], times['ours']):.2g} × as long"
    what = f"{len(X)} digits, 2 models, {STEPS} steps"
    return BenchRow(GROUP, f"integrated gradients: {what}", "s", mine, other, mine, Goal("≤", 2), note)


def one_by_one(stack: Stack, X: Tensor, classes: Tensor, start: Tensor) -> Tensor:
    """Integrated gradients (m b d) of samples (b d) for ``classes`` (m b), as captum gives them for each model."""
    from captum.attr import IntegratedGradients

    values = [
        IntegratedGradients(stack.module(arm)).attribute(X, start, target=classes[arm], n_steps=STEPS)
        for arm in range(stack.m)
    ]
    return torch.stack(values).detach()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
