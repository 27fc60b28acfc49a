"""CounterNet's counterfactuals (Guo, Nguyen and Yadav 2023): each is what a network answers, without a search."""

from __future__ import annotations

from dataclasses import replace

import torch

from ctviz.counterfactuals.search_result import SearchRequest, SearchResult
from ctviz.counterfactuals.trail import enter_domain, lines, probabilities, reachable_range, reached
from ctviz.errors import ConfigError
from ctviz.models.stack import Stack


def by_network(request: SearchRequest) -> SearchRequest:
    """The request with the gradient search ``generic`` for arms that were to be answered by a network and have none.

    Raises:
        ConfigError: no arm has a network.
    """
    model, settings = request.model, request.settings
    asked = [arm for arm, own in enumerate(settings) if own.generator == "counternet"]
    if not asked:
        return request
    networks = model.networks if isinstance(model, Stack) else None
    having = networks.arms if networks else []
    if not set(asked) & set(having):
        raise ConfigError("generator", "counternet", "another one for models that were not trained as CounterNet")
    searched = [
        own.model_copy(update={"generator": "generic"}) if arm in asked and arm not in having else own
        for arm, own in enumerate(settings)
    ]
    return replace(request, settings=searched)


def search_network(request: SearchRequest) -> SearchResult:
    """From the factuals straight to what the arms' networks answer for the target classes.

    The answer is projected on what the constraints let a factual reach; a category takes the allowed level that has the
    largest output, or stays where it is locked. A factual that has reached τ stays, mature; the others take T equal
    steps, and are mature where the answer reaches τ. All arms have a network (``by_network``).
    """
    model, factuals, constraints = request.model, request.factuals, request.constraints
    assert isinstance(model, Stack) and model.networks is not None
    done = reached(request, factuals)
    end, _ = enter_domain(request, done)
    low, high = reachable_range(constraints, factuals)
    raw = model.networks.answer(factuals, probabilities(model, factuals), request.targets)
    answer = torch.where(raw.isfinite(), raw, end)
    for arm, schema in enumerate(constraints.schemas):
        for feature, columns in zip(schema.features, schema.spans, strict=True):
            if feature.kind != "category":
                continue
            levels = [i for i, one in enumerate(feature.levels) if feature.allowed is None or one in feature.allowed]
            own = answer[arm, columns]
            best = torch.tensor(levels, device=own.device)[own[levels].argmax(dim=0)]
            answer[arm, columns] = torch.nn.functional.one_hot(best, feature.width).T.to(own)
    end = torch.where(done.unsqueeze(1), end, answer.clamp(low, high))
    return lines(request, end, reached(request, end))
