"""A plain implementation of counterfactual training: the baseline of the tests and of the benchmark.

One model at a time, autograd throughout, ``torch.optim.Adam``. It shares nothing with the fast implementation but
the settings records and the random draws, which come from outside, so that both can be compared step by step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import Schema
from ctviz.models.model_settings import ModelSettings
from ctviz.training.arm import Arm, Objective
from ctviz.training.schedule import Schedule

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
}


@dataclass(frozen=True)
class PlainConstraints:
    """The constraints at every point of a path: domain and allowed directions of each column, all (d)."""

    lower: Tensor
    upper: Tensor
    up: Tensor
    down: Tensor

    @classmethod
    def none(cls, d: int) -> PlainConstraints:
        """Every column may take any value."""
        free = torch.ones(d, dtype=torch.bool)
        return cls(torch.full((d,), -torch.inf), torch.full((d,), torch.inf), free, free)

    @classmethod
    def of(cls, schema: Schema, arm: Arm | None = None) -> PlainConstraints:
        """Those of a schema, with an arm's own locks on top where they hold in training."""
        if arm is not None and arm.lock_when in ("always", "training"):
            schema = schema.constrain(arm.locked, arm.increase_only, arm.decrease_only, arm.ranges)
        return cls(*(torch.from_numpy(a) for a in (*schema.bounds(), *schema.directions())))


@dataclass(frozen=True)
class PlainSearchResult:
    """What a search found: ``path`` (t+1 b d) or None, ``final``, ``nascent`` (b d), ``mature``, ``steps`` (b)."""

    path: Tensor | None
    final: Tensor
    nascent: Tensor
    mature: Tensor
    steps: Tensor


@dataclass(frozen=True)
class PlainTerms:
    """The objective of one mini-batch and its four terms, each a scalar and before its λ."""

    total: Tensor
    class_: Tensor
    div: Tensor
    adv: Tensor
    reg: Tensor


@dataclass(frozen=True)
class PlainDraws:
    """The random draws of one epoch, over c counterfactuals and n training samples."""

    order: Tensor  # n: the training samples in the order of the mini-batches
    factuals: Tensor  # c: training samples that are explained
    offsets: Tensor  # c: 0 to k−2; target = (prediction + 1 + offset) mod k
    uniforms: Tensor  # c: [0, 1); picks the neighbour within its class


@dataclass(frozen=True)
class PlainCounterfactuals:
    """One epoch's counterfactuals, ready for the objective, over c samples."""

    final: Tensor  # c d: x', or x⁺ where the search stayed immature
    nascent: Tensor  # c d
    neighbours: Tensor  # c d: x⁺ after the immutable mask, if there is one
    labels: Tensor  # c: y of the factual
    targets: Tensor  # c: y⁺
    found: PlainSearchResult


@dataclass(frozen=True)
class PlainEpoch:
    """One epoch: the terms of each batch that was kept, the number skipped, the counterfactuals if there were any."""

    terms: list[PlainTerms]
    skipped: int
    counterfactuals: PlainCounterfactuals | None


def plain_model(settings: ModelSettings, d: int, k: int, weights: Iterable[Tensor] = ()) -> nn.Sequential:
    """An MLP on ``d`` features and ``k`` classes; ``weights``: W (out in) and b (out) of each layer in turn."""
    sizes = [d, *settings.hidden, k]
    layers: list[nn.Module] = []
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        layers += [ACTIVATIONS[settings.activation]()] * (i > 0) + [nn.Linear(fan_in, fan_out)]
    model = nn.Sequential(*layers)
    given = list(weights)
    if given:
        model = model.to(given[0].dtype)
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), given, strict=True):
                parameter.copy_(value)
    return model


def energy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """E(x, y) = −M(x)[y], (b)."""
    logits: Tensor = model(x)
    return -logits.gather(1, y[:, None]).squeeze(1)


def phi(t: int, steps: int) -> float:
    """φ_t = a(b+t)^(−0.9) with b = round(T/25), a = b/10; t counts from 1."""
    b = round(steps / 25)
    return float(b / 10 * (b + t) ** -0.9)


def search_loss(logits: Tensor, x: Tensor, factuals: Tensor, targets: Tensor, s: SearchSettings, t: int) -> Tensor:
    """Σ_b of yloss + λ_cost‖x'−x‖₁ + λ_egy φ_t (E + 10⁻³E²), the last for ECCCo only; what step ``t`` descends."""
    loss = cross_entropy(logits, targets, reduction="sum") + s.lambda_cost * (x - factuals).abs().sum()
    if s.generator == "eccco":
        e = -logits.gather(1, targets[:, None])
        loss = loss + s.lambda_egy * phi(t, s.steps) * (e + 1e-3 * e**2).sum()
    return loss


def constrained(x: Tensor, step: Tensor, c: PlainConstraints) -> Tensor:
    """``x + step`` under mutability, then the domain; a column that the domain would move in a forbidden direction
    stays.

    So does one whose step is not finite.
    """
    step = torch.where(step.isfinite(), step, 0.0)
    step = torch.where((step > 0) & ~c.up, 0.0, step)
    step = torch.where((step < 0) & ~c.down, 0.0, step)
    moved = torch.clamp(x + step, c.lower, c.upper)
    moved = torch.where(c.up, moved, torch.minimum(moved, x))
    return torch.where(c.down, moved, torch.maximum(moved, x))


def plain_search(
    model: nn.Module,
    factuals: Tensor,
    targets: Tensor,
    settings: SearchSettings,
    constraints: PlainConstraints | None = None,
    keep_path: bool = False,
    epsilon: Tensor | None = None,
) -> PlainSearchResult:
    """Search counterfactuals of ``factuals`` (b d) towards ``targets`` (b), all in one batch.

    A sample is frozen once softmax(M(x'))[y⁺] ≥ τ, which may be before the first step. ``steps`` is T for a sample
    that never matures. Nascent: the last point of the path with ‖x'−x‖∞ ≤ ε, that of ``settings`` or ``epsilon`` (b).
    """
    limits = constraints or PlainConstraints.none(factuals.shape[1])
    boxes = torch.full((len(factuals),), settings.epsilon).to(factuals) if epsilon is None else epsilon
    x = nascent = factuals
    active = torch.ones(len(x), dtype=torch.bool)
    steps = torch.zeros(len(x), dtype=torch.int64)
    path = [x]
    for t in range(1, settings.steps + 2):
        x = x.detach().requires_grad_()
        logits = model(x)
        reached = logits.detach().softmax(1).gather(1, targets[:, None]).squeeze(1) >= settings.tau
        active = active & ~reached
        if t > settings.steps or not active.any():
            break
        (grad,) = torch.autograd.grad(search_loss(logits, x, factuals, targets, settings, t), x)
        moved = constrained(x.detach(), -settings.step_size * grad, limits)
        x = torch.where(active[:, None], moved, x.detach())
        steps = steps + active
        near = active & ((x - factuals).abs().amax(1) <= boxes)
        nascent = torch.where(near[:, None], x, nascent)
        if keep_path:
            path.append(x)
    x = x.detach()
    path += [x] * (settings.steps + 1 - len(path))
    return PlainSearchResult(torch.stack(path) if keep_path else None, x, nascent, ~active, steps)


def halfway_boxes(X: Tensor, y: Tensor, share: float, constraints: PlainConstraints) -> Tensor:
    """ε of each of the samples ``X`` (n d): a share of ‖x − x_j‖∞, over free columns, to the nearest x_j of another
    class."""
    free = constraints.up | constraints.down
    return torch.stack(
        [share * (X[y != label] - x)[:, free].abs().amax(1).min() for x, label in zip(X, y, strict=True)]
    )


def protect(neighbours: Tensor, counterfactuals: Tensor, constraints: PlainConstraints) -> Tensor:
    """x⁺ with x'[d] wherever x'[d] could not have moved towards x⁺[d], or x⁺[d] may not be reached at all, (b d)."""
    above, below = neighbours > counterfactuals, neighbours < counterfactuals
    blocked = (above & ~constraints.up) | (below & ~constraints.down)
    blocked |= (neighbours < constraints.lower) | (neighbours > constraints.upper)
    return torch.where(blocked, counterfactuals, neighbours)


def pick_neighbours(y: Tensor, targets: Tensor, uniforms: Tensor, k: int) -> Tensor:
    """Index of one training sample of each target's class: floor(u·count) into that class's ascending list, (c)."""
    picked = torch.empty_like(targets)
    for c in range(k):
        members = torch.nonzero(y == c).squeeze(1)
        wanted = targets == c
        picked[wanted] = members[(uniforms[wanted] * len(members)).long()]
    return picked


def plain_counterfactuals(
    model: nn.Module, X: Tensor, y: Tensor, k: int, arm: Arm, constraints: PlainConstraints, draws: PlainDraws
) -> PlainCounterfactuals:
    """One epoch's counterfactuals of the training data ``X`` (n d), ``y`` (n), with the model as it stands."""
    factuals, labels = X[draws.factuals], y[draws.factuals]
    with torch.no_grad():
        predicted = model(factuals).argmax(1)
    targets = (predicted + 1 + draws.offsets) % k
    epsilon = None
    if arm.epsilon_rule != "fixed":
        epsilon = halfway_boxes(X, y, arm.epsilon_share, constraints)[draws.factuals]
    if epsilon is not None and arm.epsilon_rule == "varied":
        epsilon = epsilon * (draws.uniforms * 2**26 % 1).to(epsilon)  # the digits that no neighbour is chosen by
    found = plain_search(model, factuals, targets, arm, constraints, epsilon=epsilon)
    neighbours = X[pick_neighbours(y, targets, draws.uniforms, k)]
    final = torch.where(found.mature[:, None], found.final, neighbours)
    if arm.shield == "on":
        neighbours = protect(neighbours, final, constraints)
    return PlainCounterfactuals(final, found.nascent, neighbours, labels, targets, found)


def plain_objective(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    weights: Objective,
    chunk: tuple[Tensor, Tensor, Tensor, Tensor, Tensor] | None = None,
) -> PlainTerms:
    """λ_class·yloss + λ_div[E(x⁺)−E(x')] + λ_adv·yloss(nascent, y) + λ_reg[E(x⁺)²+E(x')²], means over the batch.

    ``x`` (b d), ``y`` (b). ``chunk``: the batch's counterfactuals as they enter the formula, x' (c d) with immature
    ones replaced, nascent (c d), x⁺ (c d) protected, the factuals' true labels (c), targets (c); None or c = 0 leaves
    the class term alone.
    """
    class_ = cross_entropy(model(x), y)
    total = weights.lambda_class * class_
    if chunk is None or len(chunk[0]) == 0:
        zero = torch.zeros_like(class_)
        return PlainTerms(total, class_, zero, zero, zero)
    final, nascent, neighbours, labels, targets = chunk
    e_plus, e_ce = energy(model, neighbours, targets), energy(model, final, targets)
    div = (e_plus - e_ce).mean()
    adv = cross_entropy(model(nascent), labels)
    reg = (e_plus**2 + e_ce**2).mean()
    total = total + weights.lambda_div * div + weights.lambda_adv * adv + weights.lambda_reg * reg
    return PlainTerms(total, class_, div, adv, reg)


def chunks(made: PlainCounterfactuals, parts: int) -> list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
    """The epoch's counterfactuals split over ``parts`` mini-batches, contiguous and as evenly as possible."""
    columns = (made.final, made.nascent, made.neighbours, made.labels, made.targets)
    ends = np.cumsum([len(part) for part in np.array_split(np.arange(len(made.final)), parts)])
    starts = [0, *ends[:-1]]
    return [
        (columns[0][a:z], columns[1][a:z], columns[2][a:z], columns[3][a:z], columns[4][a:z])
        for a, z in zip(starts, ends, strict=True)
    ]


def plain_steps(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    X: Tensor,
    y: Tensor,
    arm: Arm,
    batches: Iterable[Tensor],
    dealt: Iterable[tuple[Tensor, Tensor, Tensor, Tensor, Tensor] | None],
) -> Iterator[PlainTerms | None]:
    """One optimiser step for each mini-batch of indices; yields its terms, None where the loss was not finite."""
    for batch, chunk in zip(batches, dealt, strict=True):
        terms = plain_objective(model, X[batch], y[batch], arm, chunk)
        if not torch.isfinite(terms.total):
            yield None
            continue
        optimiser.zero_grad()
        terms.total.backward()
        optimiser.step()
        yield PlainTerms(*(value.detach() for value in vars(terms).values()))


def plain_train(
    model: nn.Module,
    X: Tensor,
    y: Tensor,
    k: int,
    arm: Arm,
    schedule: Schedule,
    constraints: PlainConstraints,
    draws: Iterable[PlainDraws],
) -> Iterator[PlainEpoch]:
    """Train ``model`` in place on ``X`` (n d), ``y`` (n), ``k`` classes; yields after every epoch.

    Takes one ``PlainDraws`` per epoch, ``schedule.epochs`` at most. Where the arm averages weights over epochs, the
    model has the mean ones after an epoch.
    """
    amsgrad = schedule.optimiser == "amsgrad"
    optimiser = torch.optim.Adam(model.parameters(), lr=schedule.lr, amsgrad=amsgrad)
    average, own = None, [part.detach().clone() for part in model.parameters()]
    for epoch, drawn in enumerate(islice(draws, schedule.epochs)):
        overwrite(model, own)
        batches = torch.split(drawn.order, schedule.batch)
        burning_in = epoch < round(schedule.burnin * schedule.epochs)
        made = None
        if arm.trains_on_counterfactuals and not burning_in and len(drawn.factuals):
            made = plain_counterfactuals(model, X, y, k, arm, constraints, drawn)
        dealt = chunks(made, len(batches)) if made else [None] * len(batches)
        results = list(plain_steps(model, optimiser, X, y, arm, batches, dealt))
        kept = [terms for terms in results if terms is not None]
        own = [part.detach().clone() for part in model.parameters()]
        if arm.averaging > 1:
            rate = 1 / min(epoch + 1, arm.averaging)
            average = [(1 - rate) * old + rate * new for old, new in zip(average or own, own, strict=True)]
            overwrite(model, average)
        yield PlainEpoch(kept, len(results) - len(kept), made)


@torch.no_grad()
def overwrite(model: nn.Module, weights: Iterable[Tensor]) -> None:
    """Puts these weights into the model."""
    for part, values in zip(model.parameters(), weights, strict=True):
        part.copy_(values)


def own_draws(n: int, k: int, n_ce: int, seed: int) -> Iterator[PlainDraws]:
    """Draws for one epoch after another when none are supplied, without end."""
    generator = torch.Generator().manual_seed(seed)
    c = min(n_ce, n)
    while True:
        yield PlainDraws(
            order=torch.randperm(n, generator=generator),
            factuals=torch.randperm(n, generator=generator)[:c],
            offsets=torch.randint(0, max(k - 1, 1), (c,), generator=generator),
            uniforms=torch.rand(c, generator=generator, dtype=torch.float64),
        )
