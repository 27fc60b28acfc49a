"""The exact search as a generator: each factual goes straight to its provably cheapest counterfactual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ctviz.counterfactuals.exact.cheapest import Plan, cheapest
from ctviz.counterfactuals.exact.conversion import networks_of
from ctviz.counterfactuals.exact.network import Network
from ctviz.counterfactuals.lattice import Lattice, Number
from ctviz.counterfactuals.person_lattice import measured_lattices
from ctviz.counterfactuals.search_result import Searchable, SearchRequest, SearchResult
from ctviz.counterfactuals.trail import enter_domain, lines, reached
from ctviz.errors import ConfigError

MOST_COLUMNS = 256
"""Columns of data that are searched: pictures have more, and a proof for one takes minutes."""

DTYPES = (torch.float32, torch.float64)
"""Types of models that numpy knows too."""


def search_exact(request: SearchRequest) -> SearchResult:
    """Search the least Σ of changes of features at which softmax(M(x'))[y⁺] ≥ τ, where another level of a category
    counts 1 (``cheapest.py``).

    A factual that has reached τ stays, mature. One for which there is no counterfactual, or none is found in
    ``time_limit`` seconds, stays too, immature; if it lies outside the domain, it is moved into it. The others take T
    equal steps. ``bound`` of the result is what is proved: no counterfactual costs less; ∞ where there is none. Where
    people read their own numbers rounded, proofs are of changes as they read them, and ``bound`` is as far below the
    cost of the columns as is proved of these.

    Raises:
        ConfigError: more columns than are searched; a model other than linear layers with ReLU between them, in float32
            or float64.
    """
    factuals, targets = request.factuals, request.targets
    networks = check(request.model, factuals.shape[1], factuals.dtype)
    done = reached(request, factuals)
    end, mature = (part.clone() for part in enter_domain(request, done))
    bound = torch.zeros(done.shape, dtype=torch.float64)
    points = factuals.cpu().numpy()
    for arm, column in (~done).nonzero().tolist():
        (lattice,) = measured_lattices(request.constraints.schemas[arm], points[arm, None, :, column])
        own = request.settings[arm]
        answer = cheapest(networks[arm], lattice, int(targets[arm, column]), own.tau, time_limit=own.time_limit)
        bound[arm, column] = answer.bound
        mature[arm, column] = answer.plan is not None
        if answer.plan is not None:
            end[arm, :, column] = torch.from_numpy(answer.plan.columns).to(end)
            bound[arm, column] = max(answer.bound + _measured(lattice, answer.plan) - answer.plan.effort, 0.0)
    return replace(lines(request, end, mature), bound=bound.to(factuals.device))


def _measured(lattice: Lattice, plan: Plan) -> float:
    """The cost of a plan on its columns: |x' − x| of a number, the effort of another level."""
    columns, total = np.abs(plan.columns.astype(np.float64) - lattice.factual), 0.0
    for feature, at in zip(lattice.features, plan.point, strict=True):
        total += columns[feature.column] if isinstance(feature, Number) else float(feature.effort(at))
    return float(total)


def check(model: Searchable, d: int, dtype: torch.dtype) -> list[Network]:
    """The networks of models that can be searched, one for each arm.

    Raises:
        ConfigError: as ``search_exact``.
    """
    if d > MOST_COLUMNS:
        raise ConfigError("generator", "exact", f"another one for data of more than {MOST_COLUMNS} columns")
    if dtype not in DTYPES:
        raise ConfigError("model for the exact search", f"one of {dtype}", "one of float32 or float64")
    return networks_of(model)
