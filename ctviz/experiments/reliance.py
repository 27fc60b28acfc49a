"""What a model's decisions rest on: locked features, and others that stand in for them.

The share of a decision that rests on a feature is |g_f| / Σ |g|, by integrated gradients of the logit of the class that
the model decides for; a category is one feature (``measure_sensitivity``). The shares of a decision add up to 1.

A *proxy* is a feature that may change, goes along with a locked one, and is used: Datta, Fredrikson, Ko, Mardziel and
Sen (2017, "Use Privacy in Data-Driven Systems") call for both, association and influence. Here the two are multiplied:

    proxy(f) = a(f) · s(f),    a(f) = max over locked features l of association(f, l),    s(f) = mean share of f

with the associations of ``evaluation.association`` in the training data. Σ proxy(f) is 0 where nothing that is used
goes along with what is locked, and 1 where everything does, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ctviz.data.dataset import Dataset
from ctviz.errors import ConfigError
from ctviz.evaluation.association import associations
from ctviz.evaluation.attribution import integrated_gradients, share, uniform_baselines
from ctviz.evaluation.bootstrap import Bootstrap, Estimate
from ctviz.evaluation.features import FeatureColumns
from ctviz.experiments.sensitivity import ROUNDS, SAMPLES
from ctviz.isolation import isolated
from ctviz.models.stack import Stack

GOES_ALONG = 0.1
"""Least association of a feature with a locked one to be named as a proxy."""


@dataclass(frozen=True)
class Spread:
    """A number with the ends of its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether zero lies outside of the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Proxy:
    """A feature that may change, and how far it stands in for a locked one.

    ``like``: the locked feature with which it goes along most, by ``association``; ``weights`` a(f) · s(f) of each
    model; ``moved`` that of the second less that of the first.
    """

    feature: str
    like: str
    association: float
    shares: tuple[Spread, ...]
    weights: tuple[Spread, ...]
    moved: Spread


@dataclass(frozen=True)
class Reliance:
    """What the decisions of two models rest on.

    Attributes:
        locked: the features that are asked about.
        samples: how many decisions were looked at, of the test data; ``level`` that of the intervals.
        shares: of each model, what rests on the locked features; ``moved`` the second less the first.
        proxies: the features that may change, the one whose weight changed most first.
        proxy_shares: Σ of the proxies' weights of each model; ``proxy_moved`` the second less the first.
    """

    locked: tuple[str, ...]
    samples: int
    level: float
    shares: tuple[Spread, ...]
    moved: Spread
    proxies: tuple[Proxy, ...]
    proxy_shares: tuple[Spread, ...]
    proxy_moved: Spread

    @property
    def named(self) -> tuple[Proxy, ...]:
        """The proxies that go along with a locked feature by ``GOES_ALONG`` or more."""
        return tuple(proxy for proxy in self.proxies if proxy.association >= GOES_ALONG)


@isolated()
def measure_reliance(
    stack: Stack, data: Dataset, locked: Sequence[str], level: float = 0.99, seed: int = 0
) -> Reliance | None:
    """What rests on locked features, and on proxies, by up to 2,500 decisions on test data; None without any of both
    kinds of features.

    Raises:
        ConfigError: a stack of other than two models, or a feature that there is not.
    """
    names, schema = data.schema.names, data.schema
    if stack.m != 2:
        raise ConfigError("models", stack.m, "two, to be compared")
    held = np.array([name in {names[schema.position(one)] for one in locked} for name in names])
    if held.all() or not held.any():
        return None
    X = data.test[0][:SAMPLES]
    with torch.no_grad():
        inputs = X.expand(stack.m, -1, -1)
        classes = stack(inputs).argmax(dim=-1)
    found = integrated_gradients(stack, inputs, classes, uniform_baselines(len(X), data.d, seed))
    shares = share(FeatureColumns.of(schema).total(found.values)).mT  # m f b
    closeness = associations(schema, data.train[0].numpy())[:, held]  # f l
    strength, nearest = closeness.max(axis=1), closeness.argmax(axis=1)
    factors = torch.from_numpy(np.where(held, 0.0, strength))
    weights = shares * factors[:, None]
    together = torch.stack([shares[:, torch.from_numpy(held)].sum(dim=1), weights.sum(dim=1)], dim=1)  # m 2 b
    values = torch.cat([shares, weights, together], dim=1)
    means = Bootstrap.of(len(X), ROUNDS, seed).mean(values, values.isfinite())  # m 2f+2
    spreads, moved = _spreads(means, level), _spreads(means.against_first(), level)[1]
    f, locks = len(names), [name for name, is_held in zip(names, held, strict=True) if is_held]
    proxies = [
        Proxy(
            names[i], locks[int(nearest[i])], float(strength[i]),
            (spreads[0][i], spreads[1][i]), (spreads[0][f + i], spreads[1][f + i]), moved[f + i],
        )
        for i in np.flatnonzero(~held).tolist()
    ]  # fmt: skip
    return Reliance(
        locked=tuple(locks),
        samples=len(X),
        level=level,
        shares=(spreads[0][2 * f], spreads[1][2 * f]),
        moved=moved[2 * f],
        proxies=tuple(sorted(proxies, key=lambda proxy: -abs(proxy.moved.value))),
        proxy_shares=(spreads[0][2 * f + 1], spreads[1][2 * f + 1]),
        proxy_moved=moved[2 * f + 1],
    )


def _spreads(means: Estimate, level: float) -> list[list[Spread]]:
    """By model and number."""
    found = means.interval(level)
    ends: list[npt.NDArray[np.float64]] = [found.value, found.low, found.high]
    return [[Spread(*map(float, three)) for three in zip(*(end[m] for end in ends), strict=True)] for m in range(2)]
