"""Costs over the same requests: pairs of factual and target for which both models have a valid counterfactual.

The protocol's cost is that of each model's own valid counterfactuals. If one model reaches fewer targets, those are
likely to be the near ones, and its mean cost falls for that reason alone. Over pairs that both reach, it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.evaluation.ends import SearchEnds
from ctviz.evaluation.features import FeatureColumns
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.run import Run
from ctviz.experiments.snapshot import stacked
from ctviz.isolation import isolated
from ctviz.models.stack import predict
from ctviz.studies.reproduce.intervals import Paired
from ctviz.studies.summary import Floats

MAX_SAMPLES = 600
"""Most samples that are explained."""


def paired_costs(run: Run, protocol: Protocol, arm: str, reference: str) -> Paired:
    """ℓ1 cost of the arm and of its reference for each (factual, target, λ_egy) that both reach."""
    return Paired.of(*costs_of_requests(run, protocol, (arm, reference)))


@isolated()
def costs_of_requests(run: Run, protocol: Protocol, arms: Sequence[str], samples: int = MAX_SAMPLES) -> Floats:
    """ℓ1 cost of arms for each request, a (factual, target, λ_egy), (a q); NaN where an arm does not meet it.

    Uses up to ``samples`` samples of the split, each with one target class other than its own, drawn at random if there
    are several: the same requests for every model of the same data. Not met is also what a model already puts into the
    target class.
    """
    data, experiment = run.data, run.experiment
    whole = stacked([run.snapshot()], experiment)
    X, y = (part[:samples] for part in protocol.samples(data))
    chance = torch.Generator().manual_seed(protocol.seed)
    targets = (y + torch.randint(1, data.k, y.shape, generator=chance)) % data.k
    settings = protocol.searches()
    owners = [run.arms.index(name) for name in arms for _ in settings]
    schemas = [one.constraints_for(data.schema, "advice") for one in experiment.arms]
    with torch.no_grad():
        stack = whole.take(owners)
        factuals = X.to(stack.flat).expand(stack.m, -1, -1)  # mλ b d
        aimed = targets.expand(stack.m, -1)
        constraints = Constraints.of(schemas, whole.flat).take(torch.tensor(owners))
        found = search(SearchRequest(stack, factuals.mT.contiguous(), aimed, settings * len(arms), constraints))
        final = found.final.mT
        valid = predict(stack(final).mT) == aimed
        counts = (predict(stack(factuals).mT) != aimed) & valid
        ends = SearchEnds(factuals, final, aimed, valid, found.mature, found.steps)
        costs = ends.cost(FeatureColumns.of(data.schema))
    return np.asarray(costs.where(counts, torch.nan).reshape(len(arms), -1).numpy(), dtype=np.float64)
