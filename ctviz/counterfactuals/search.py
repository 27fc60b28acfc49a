"""Counterfactuals for m models and b factuals at once: each arm's generator determines its search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ctviz.counterfactuals.descent import search_gradient
from ctviz.counterfactuals.diversity import repelling
from ctviz.counterfactuals.generators import GENERATORS, Kind, needs_samples
from ctviz.counterfactuals.network_search import by_network, search_network
from ctviz.counterfactuals.search_result import Search, Searchable, SearchRequest, SearchResult
from ctviz.errors import ConfigError

__all__ = ["SearchRequest", "SearchResult", "Searchable", "search"]


def _latent() -> Search:
    from ctviz.counterfactuals.latent import search_latent

    return search_latent


def _nearest() -> Search:
    from ctviz.counterfactuals.nearest import search_nearest

    return search_nearest


def _face() -> Search:
    from ctviz.counterfactuals.face import search_face

    return search_face


def _exact() -> Search:
    from ctviz.counterfactuals.exact.search import search_exact

    return search_exact


# The others are imported when they are first used: they need scikit-learn or an autoencoder, most runs need neither.
SEARCHES: dict[Kind, Callable[[], Search]] = {
    "gradient": lambda: search_gradient,
    "latent": _latent,
    "nearest": _nearest,
    "face": _face,
    "exact": _exact,
    "network": lambda: search_network,
}


def search(request: SearchRequest) -> SearchResult:
    """Search from the factuals to the target classes, with the settings of each of the m arms.

    Arms of one kind are searched together. For an arm with ``generator="dice"``, each ``per_factual`` consecutive
    columns belong to one factual, which the caller repeats (``diversity.groups``).

    Raises:
        ConfigError: a generator that needs training samples, or a bound of steps, without ``reference_data``; answers
            of networks where no arm has one.
    """
    request = by_network(request)
    found = _search(request)
    # What is proved to be cheapest is so already.
    polished = [arm for arm, own in enumerate(request.settings) if own.polish == "on" and own.generator != "exact"]
    if not polished:
        return found
    from ctviz.counterfactuals.polished_ends import polish_ends

    return polish_ends(request, polished, found)


def _search(request: SearchRequest) -> SearchResult:
    # Counterfactuals that repel each other stay together to the end, which would delay other arms.
    sorts: dict[tuple[Kind, int], list[int]] = {}
    for arm, chosen in enumerate(request.settings):
        generator = GENERATORS[chosen.generator]
        if request.reference_data is None and (reason := needs_samples(chosen)):
            allowed = "one that needs no training samples (reference_data), unless they are given"
            raise ConfigError(reason, getattr(chosen, reason), allowed)
        sorts.setdefault((generator.kind, repelling(chosen)), []).append(arm)
    if len(sorts) == 1:
        ((kind, _),) = sorts
        return SEARCHES[kind]()(request)
    parts = [SEARCHES[kind]()(request.take(arms)) for (kind, _), arms in sorts.items()]
    order = torch.tensor([arm for arms in sorts.values() for arm in arms], device=request.factuals.device).argsort()
    return _merged(parts, order)


def _merged(parts: Sequence[SearchResult], order: Tensor) -> SearchResult:
    """The results of all parts, with the arms in ``order``; shorter paths stay at their end."""
    paths = [part.path for part in parts if part.path is not None]
    longest = max((len(path) for path in paths), default=0)
    padded = [torch.cat([path, path[-1:].expand(longest - len(path), -1, -1, -1)]) for path in paths]
    return SearchResult(
        final=torch.cat([part.final for part in parts])[order],
        nascent=torch.cat([part.nascent for part in parts])[order],
        mature=torch.cat([part.mature for part in parts])[order],
        steps=torch.cat([part.steps for part in parts])[order],
        path=torch.cat(padded, dim=1)[:, order] if paths else None,
        bound=_bounds(parts)[order] if any(part.bound is not None for part in parts) else None,
    )


def _bounds(parts: Sequence[SearchResult]) -> Tensor:
    """What is proved of all arms (m b); NaN for those whose search proves nothing."""
    nothing = [torch.full_like(part.steps, torch.nan, dtype=torch.float64) for part in parts]
    return torch.cat([none if part.bound is None else part.bound for part, none in zip(parts, nothing, strict=True)])
