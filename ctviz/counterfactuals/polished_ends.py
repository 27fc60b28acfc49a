"""Polish as a setting of every search: the ends of its arms, brought onto what each factual may become."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ctviz.counterfactuals.exact.conversion import judged
from ctviz.counterfactuals.exact.search import DTYPES, MOST_COLUMNS
from ctviz.counterfactuals.person_lattice import measured_lattices
from ctviz.counterfactuals.polish import polish
from ctviz.counterfactuals.search_result import SearchRequest, SearchResult
from ctviz.errors import ConfigError


def polish_ends(request: SearchRequest, arms: list[int], found: SearchResult) -> SearchResult:
    """The result with the ends of ``arms`` polished: each category at one level, numbers in their steps, valid if the
    descent of ``polish`` can make them so, and as near to the factual as it brings them.

    The way there is the last move of each path, and counts as a step where it leads anywhere.

    Raises:
        ConfigError: more columns than are polished; models in a type that numpy does not know.
    """
    factuals = request.factuals
    if factuals.shape[1] > MOST_COLUMNS:
        raise ConfigError("polish", "on", f"off for data of more than {MOST_COLUMNS} columns, such as pictures")
    if factuals.dtype not in DTYPES:
        raise ConfigError("polish", f"on for a model in {factuals.dtype}", "a model in float32 or float64")
    final, mature = found.final.clone(), found.mature.clone()
    points, ends = (part.mT.cpu().numpy() for part in (factuals, found.final))  # m b d
    for arm in arms if factuals.shape[-1] else ():
        plans = polish(
            judged(request.model.take([arm]), factuals[arm]),
            measured_lattices(request.constraints.schemas[arm], points[arm]),
            request.targets[arm].tolist(),
            request.settings[arm].tau,
            ends[arm],
        )
        final[arm] = torch.from_numpy(np.stack([plan.columns for plan in plans], axis=1)).to(final)
        mature[arm] = torch.tensor([plan.valid for plan in plans]).to(mature)
    moved = (final != found.final).any(dim=1)
    path = found.path
    if path is not None:  # after the search's own steps, at which shorter paths stay
        late = torch.arange(len(path) + 1, device=path.device).view(-1, 1, 1, 1) > found.steps.unsqueeze(1)
        path = torch.where(late & moved.unsqueeze(1), final, torch.cat([path, path[-1:]]))
    near = moved & ((final - factuals).abs() <= request.boxes).all(dim=1)
    nascent = torch.where(near.unsqueeze(1), final, found.nascent)
    return replace(found, final=final, nascent=nascent, mature=mature, steps=found.steps + moved, path=path)
