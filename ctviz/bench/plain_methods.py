"""Plain implementations of the rival methods of training: the baseline of the tests and of the benchmark.

One model, autograd throughout, ``torch.optim.Adam``. They share settings and random draws with the fast ones, in the
order that the methods say, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ctviz.bench.plain import PlainConstraints, PlainDraws, chunks, plain_counterfactuals
from ctviz.data.dataset import Dataset
from ctviz.training.arm import Arm
from ctviz.training.draws import ATTACKS, LANGEVIN, RandomStreams, stream
from ctviz.training.schedule import Schedule

Draws = torch.Generator
Terms = dict[str, Tensor]
Step = Callable[[nn.Module, Tensor, Tensor, Any], Terms]
"""Model, samples (B d), labels (B) and the batch's counterfactuals, if there are any → each term but the class term."""


def slope(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """∇ₓ of a sum over samples."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x)
    return gradient


def into(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The nearest point of a box."""
    return torch.where(x < low, low, torch.where(x > high, high, x))


def attacks(arm: Arm, data: Dataset, seed: int) -> Step:
    """CE(M(x'), y) at the worst x' that the steps find, from a random point of the box."""
    draws = stream(seed, ATTACKS)
    lower, upper = (torch.from_numpy(bound) for bound in data.schema.bounds())

    def terms(model: nn.Module, x: Tensor, y: Tensor, _: Any) -> Terms:
        low, high = torch.maximum(x - arm.radius, lower.to(x)), torch.minimum(x + arm.radius, upper.to(x))
        start = torch.rand(x.shape[1], x.shape[0], generator=draws).T.to(x)
        moved = into(x + (2 * start - 1) * arm.radius, low, high)
        for _step in range(arm.inner_steps):
            up = slope(lambda at: cross_entropy(model(at), y, reduction="sum"), moved).sign()
            moved = into(moved + 2.5 * arm.radius / arm.inner_steps * up, low, high)
        return {"adv": cross_entropy(model(moved), y)}

    return terms


def help_(arm: Arm, data: Dataset, seed: int) -> Step:
    """CE(M(x + δ*), favourable), δ* by projected steps within what locks, directions and ranges leave."""
    allowed = PlainConstraints.of(data.schema, arm)

    def terms(model: nn.Module, x: Tensor, y: Tensor, _: Any) -> Terms:
        wanted = torch.full_like(y, data.k - 1)
        low, high = x.clone(), x.clone()
        for column in range(x.shape[1]):
            if allowed.down[column]:
                low[:, column] = torch.clamp(x[:, column] - arm.radius, min=float(allowed.lower[column]))
            if allowed.up[column]:
                high[:, column] = torch.clamp(x[:, column] + arm.radius, max=float(allowed.upper[column]))
        moved = x
        for _step in range(arm.inner_steps):
            down = -slope(lambda at: cross_entropy(model(at), wanted, reduction="sum"), moved).sign()
            moved = into(moved + 2.5 * arm.radius / arm.inner_steps * down, low, high)
        return {"recourse": cross_entropy(model(moved), wanted)}

    return terms


def dreams(arm: Arm, data: Dataset, seed: int) -> Step:
    """mean logsumexp M(made up) − mean logsumexp M(real), with a replay buffer of the points that are made up."""
    draws = stream(seed, LANGEVIN)
    bounds = [torch.from_numpy(bound) for bound in data.schema.bounds()]

    def number() -> int:
        return int(torch.randint(2**31, (), generator=draws))

    def noise(uniform: Tensor, like: Tensor) -> Tensor:
        low, high = (bound.to(like) for bound in bounds)
        return low + (high - low) * uniform.to(like)

    uniform = torch.rand(arm.buffer, data.d, generator=Draws().manual_seed(number()))
    buffer: list[Tensor] = []

    def terms(model: nn.Module, x: Tensor, y: Tensor, _: Any) -> Terms:
        if not buffer:
            buffer.append(noise(uniform, x))
        b = len(x)
        places = torch.randperm(arm.buffer, generator=Draws().manual_seed(number()))[:b]
        own = Draws().manual_seed(number())
        anew = torch.rand(b, generator=own) < arm.fresh
        fresh = noise(torch.rand(data.d, b, generator=own).T, x)
        chain = torch.where(anew[:, None], fresh, buffer[0][places])
        for _step in range(arm.sgld_steps):
            up = slope(lambda at: model(at).logsumexp(1).sum(), chain)
            spread = arm.sgld_noise * torch.randn(data.d, b, generator=own).T.to(x)
            chain = chain + arm.sgld_step_size * up + spread
        buffer[0][places] = chain
        return {"gen": model(chain).logsumexp(1).mean() - model(x).logsumexp(1).mean()}

    return terms


def as_data(arm: Arm, data: Dataset, seed: int) -> Step:
    """CE(M(x'), y⁺) of the batch's counterfactuals."""

    def terms(model: nn.Module, x: Tensor, y: Tensor, chunk: Any) -> Terms:
        final, _, _, _, targets = chunk
        return {"aug": cross_entropy(model(final), targets)}

    return terms


STEPS = {"pgd": attacks, "recourse": help_, "jem": dreams, "augmentation": as_data}


def train_plainly(
    model: nn.Module, data: Dataset, arm: Arm, schedule: Schedule, seed: int
) -> Iterator[list[dict[str, float]]]:
    """Train ``model`` in place, in its own type of numbers; yields the terms of each batch, epoch by epoch."""
    adam = torch.optim.Adam(model.parameters(), lr=schedule.lr)
    like = next(iter(model.parameters()))
    X, y = data.train[0].to(like.dtype), data.train[1]
    streams = RandomStreams([seed], len(y), schedule.n_ce, data.k)
    step = STEPS[arm.method](arm, data, seed)
    for _epoch in range(schedule.epochs):
        drawn = streams.epoch()
        batches = torch.split(drawn.order[0], schedule.batch)
        dealt: list[Any] = [None] * len(batches)
        if arm.method == "augmentation":
            draws = PlainDraws(drawn.order[0], drawn.factuals[0], drawn.shifts[0] - 1, drawn.neighbours[0])
            limits = PlainConstraints.of(data.schema, arm)
            dealt = list(chunks(plain_counterfactuals(model, X, y, data.k, arm, limits, draws), len(batches)))
        seen = []
        for rows, chunk in zip(batches, dealt, strict=True):
            terms = {"class": cross_entropy(model(X[rows]), y[rows]), **step(model, X[rows], y[rows], chunk)}
            adam.zero_grad()
            total: Any = sum(getattr(arm, f"lambda_{name}") * term for name, term in terms.items())
            total.backward()
            adam.step()
            seen.append({name: float(term.detach()) for name, term in terms.items()})
        yield seen
