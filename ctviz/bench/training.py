"""Benchmark of training against the plain implementation: the paper's run on LS, and its grid of 45 penalties."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ctviz.bench.measure import BenchRow, Goal, alternate, ratio, say, threads, timed
from ctviz.bench.plain import PlainConstraints, PlainDraws, plain_model, plain_train
from ctviz.data.catalogue import load
from ctviz.data.dataset import Dataset
from ctviz.experiments.config import Experiment
from ctviz.models.stack import Stack
from ctviz.training.arm import Arm
from ctviz.training.draws import RandomStreams
from ctviz.training.loop import train
from ctviz.training.schedule import Schedule

GROUP = "Training on LS, one thread"
SAMPLED = 3
"""Arms of the grid that are also trained alone and by the plain implementation, whose time is extrapolated from
these."""


RIVALS = {
    "ensemble": ("a deep ensemble of five", Goal("≤", 5)),
    "counternet": ("CounterNet", Goal("≤", 12)),
}
"""Variant of another method → what it is called, and how many times as long as a conventional epoch it may take."""


def grid(base: Arm) -> tuple[Arm, ...]:
    """The 45 penalties of the paper's study: λ_div × λ_adv × λ_reg."""
    weights = itertools.product((0.01, 0.1, 1.0), (0.1, 0.25, 1.0), (0.0, 0.01, 0.1, 0.25, 0.5))
    return tuple(
        Arm(**{**base.model_dump(), "name": f"grid {i}", "lambda_div": div, "lambda_adv": adv, "lambda_reg": reg})
        for i, (div, adv, reg) in enumerate(weights)
    )


def measure(epochs: int, rounds: int) -> list[BenchRow]:
    """Time of an epoch, ours against plain, for the two arms of the paper and for its grid.

    Both sides train from the same weights with the same draws, an epoch each in turn, so that every round compares
    the same epoch of the same run.
    """
    experiment = Experiment.preset("ls")
    data = load(experiment.data)
    arms = experiment.arms
    many = grid(arms[-1])
    some = many[len(many) // SAMPLED // 2 :: len(many) // SAMPLED]
    with threads(1):
        say("training, two arms")
        two = alternate({"ours": ours(experiment, data, arms), "plain": theirs(experiment, data, arms)}, epochs)
        say("training, 45 arms")
        alone = {arm.name: ours(experiment, data, [arm]) for arm in some}
        contenders = {"ours": ours(experiment, data, many), "plain": theirs(experiment, data, some), **alone}
        grids = alternate(contenders, rounds)
        say("training, rivals")
        moons = Experiment.preset("moons")
        on_moons = load(moons.data)
        rivals = alternate({name: ours(moons, on_moons, [Arm.variant(name)]) for name in ("vanilla", *RIVALS)}, epochs)
    scale = len(many) / len(some)
    plain = [seconds * scale for seconds in grids["plain"]]
    one = [statistics.mean(times) for times in zip(*(grids[name] for name in alone), strict=True)]
    return [
        _row("an epoch of two arms, vanilla and full", two["ours"], two["plain"], Goal("≥", 3), f"{epochs} epochs"),
        _row(
            f"an epoch of {len(many)} arms",
            grids["ours"],
            plain,
            Goal("≥", 15),
            f"plain: {len(some)} arms measured, times {scale:g}; {rounds} epochs",
        ),
        *(
            BenchRow(
                GROUP,
                f"an epoch of {what}, beside a conventional one",
                "ms",
                statistics.median(rivals[name]) * 1e3,
                statistics.median(rivals["vanilla"]) * 1e3,
                ratio(rivals[name], rivals["vanilla"]),
                goal,
                f"on moons; × as long, {epochs} epochs",
            )
            for name, (what, goal) in RIVALS.items()
        ),
        BenchRow(
            GROUP,
            f"{len(many)} arms, beside one",
            "ms",
            statistics.median(grids["ours"]) * 1e3,
            statistics.median(one) * 1e3,
            ratio(grids["ours"], one),
            Goal("≤", 5),
            f"× as long as one alone, the mean of {len(some)} of them (how far each searches differs)",
        ),
    ]


def _row(what: str, mine: list[float], plain: list[float], goal: Goal, note: str) -> BenchRow:
    times = statistics.median(mine) * 1e3, statistics.median(plain) * 1e3
    return BenchRow(GROUP, what, "ms", *times, ratio(plain, mine), goal, f"× faster than plain; {note}")


def ours(experiment: Experiment, data: Dataset, arms: Sequence[Arm]) -> Callable[[], float]:
    """One more epoch of all ``arms`` together, each time it is called."""
    seeds = [seed for arm in arms for seed in arm.seeds(experiment.seed)]
    stack = Stack.initialise(experiment.model, data.d, data.k, seeds)
    each = [arm for arm in arms for _ in range(arm.models)]
    epochs = train(stack, data, each, endless(experiment.training), seeds)
    return timed(lambda: next(epochs))


def theirs(experiment: Experiment, data: Dataset, arms: Sequence[Arm]) -> Callable[[], float]:
    """One more epoch of each of ``arms`` by the plain implementation, each time it is called."""
    schedule = endless(experiment.training)
    X, y = data.train
    seed = experiment.seed
    models = [plain_model(experiment.model, data.d, data.k, initial(experiment, data)) for _ in arms]
    runs = [
        plain_train(
            model, X, y, data.k, arm, schedule, PlainConstraints.of(data.schema, arm), same_draws(data, schedule, seed)
        )
        for model, arm in zip(models, arms, strict=True)
    ]
    return timed(lambda: [next(run) for run in runs])


def endless(schedule: Schedule) -> Schedule:
    """The same with more epochs than are ever measured."""
    return Schedule(**{**schedule.model_dump(), "epochs": 10_000})


def initial(experiment: Experiment, data: Dataset) -> list[Tensor]:
    """W and b of each layer, as a run of the experiment starts."""
    stack = Stack.initialise(experiment.model, data.d, data.k, [experiment.seed])
    return [part for layer in stack.layers for part in (layer[0, :, :-1], layer[0, :, -1])]


def same_draws(data: Dataset, schedule: Schedule, seed: int) -> Iterator[PlainDraws]:
    """The draws of a run of one arm, epoch by epoch."""
    chance = RandomStreams([seed], len(data.train[1]), schedule.n_ce, data.k)
    while True:
        drawn = chance.epoch()
        yield PlainDraws(drawn.order[0], drawn.factuals[0], drawn.shifts[0] - 1, drawn.neighbours[0].to(torch.float64))
