"""The nearest unlike neighbour (Wexler et al. 2019): a search without gradients.

Candidates are the samples of the target class, each projected onto what can be reached from the factual: a locked
column takes the factual's value, the others are clamped to domain, range and allowed direction. A candidate counts if
the model finds the target likely enough there, softmax(M(x'))[y⁺] ≥ τ. The closest one that counts (ℓ1) is the
counterfactual; if none counts, it is the candidate at which the target is most likely, immature.

The path is the straight line to it, in T equal moves.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ctviz.counterfactuals.search_result import Searchable, SearchRequest, SearchResult
from ctviz.counterfactuals.trail import WORKING_SET, enter_domain, lines, probabilities, reachable_range, reached
from ctviz.errors import ConfigError, DataError


def search_nearest(request: SearchRequest) -> SearchResult:
    """Search among the samples of ``reference_data``.

    A factual that has reached τ stays where it is, mature. One whose target class has no sample, or none that the
    constraints let it approach, stays as well, immature; if it lies outside the domain, it is moved into it, which may
    be enough. All others take T steps.

    Raises:
        ConfigError: there is no ``reference_data``. DataError: samples of other columns than the factuals'.
    """
    model, factuals, targets = request.model, request.factuals, request.targets
    if request.reference_data is None:
        raise ConfigError("generator", "nearest", "one that needs no training samples (reference_data), or give some")
    X, y = request.reference_data.samples(factuals)
    if len(X) != factuals.shape[1]:
        raise DataError(f"The samples have {len(X)} columns; the factuals have {factuals.shape[1]}.")
    low, high = reachable_range(request.constraints, factuals)
    done = reached(request, factuals)
    end, mature = (part.clone() for part in enter_domain(request, done))
    for arm, chosen in enumerate(request.settings):
        one = model.take([arm])
        for c in targets[arm].unique().tolist():
            candidates = X[:, y == c]
            columns = ((targets[arm] == c) & ~done[arm]).nonzero().squeeze(-1)
            if candidates.shape[1] == 0 or len(columns) == 0:
                continue
            own = [bound[arm][:, columns] for bound in (factuals, low, high)]
            end[arm][:, columns], mature[arm, columns] = _closest(one, c, chosen.tau, candidates, *own)
    return lines(request, end, mature)


def _closest(
    model: Searchable, target: int, tau: float, candidates: Tensor, factuals: Tensor, low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor]:
    """The candidate (d n) that one model chooses for each factual (d b), (d b), and whether it counts, (b)."""
    b, n, width = factuals.shape[1], candidates.shape[1], max(model.widest, len(candidates) + 1)
    alike = bool((low == low[:, :1]).all() and (high == high[:, :1]).all())
    if alike:  # nothing depends on the factual: each candidate is judged once
        points = candidates.clamp(low[:, :1], high[:, :1])
        likely = probabilities(model, points.unsqueeze(0))[0, target].expand(b, n)
    ends, counts = [], []
    for part in torch.arange(b, device=factuals.device).split(max(1, WORKING_SET // (n * width))):
        x = factuals[:, part, None]  # d b 1
        points = candidates.unsqueeze(1).clamp(low[:, part, None], high[:, part, None])  # d b n
        chance = likely[part] if alike else probabilities(model, points.reshape(1, len(points), -1))[0, target]
        chance = chance.reshape(len(part), n)
        counting = chance >= tau
        distance = (points - x).abs().sum(dim=0).clamp_max(torch.finfo(x.dtype).max)  # an infinite one still counts
        distance = torch.where(counting, distance, torch.inf)
        counts.append(counting.any(dim=1))
        best = torch.where(counts[-1], distance.argmin(dim=1), chance.argmax(dim=1))
        ends.append(points.gather(2, best.expand(len(points), -1).unsqueeze(-1)).squeeze(-1))
    return torch.cat(ends, dim=1), torch.cat(counts)
