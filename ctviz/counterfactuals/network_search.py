"""CounterNet's counterfactuals (Guo, Nguyen and Yadav 2023): each is what a network answers, without a search."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search_result import Searchable, SearchResult
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.counterfactuals.trail import enter_domain, lines, probabilities, reachable_range, reached
from ctviz.errors import ConfigError
from ctviz.models.stack import Stack


def by_network(model: Searchable, settings: Sequence[SearchSettings]) -> Sequence[SearchSettings]:
    """The settings of m arms, with the gradient search ``generic`` for those that were to be answered by a network and
    have none.

    Raises:
        ConfigError: no arm has a network.
    """
    asked = [arm for arm, own in enumerate(settings) if own.generator == "counternet"]
    if not asked:
        return settings
    networks = model.networks if isinstance(model, Stack) else None
    having = networks.arms if networks else []
    if not set(asked) & set(having):
        raise ConfigError("generator", "counternet", "another one for models that were not trained as CounterNet")
    return [
        own.model_copy(update={"generator": "generic"}) if arm in asked and arm not in having else own
        for arm, own in enumerate(settings)
    ]


def search_network(
    model: Searchable,
    factuals: Tensor,
    targets: Tensor,
    settings: Sequence[SearchSettings],
    constraints: Constraints,
    record: bool = False,
    reference_data: ReferenceData | None = None,
    epsilon: Tensor | None = None,
) -> SearchResult:
    """From ``factuals`` (m d b) straight to what the arms' networks answer for classes ``targets`` (m b).

    The answer is projected on what the constraints let a factual reach; a category takes the allowed level that has the
    largest output, or stays where it is locked. A factual that has reached τ stays, mature; the others take T equal
    steps, and are mature where the answer reaches τ. All arms have a network (``by_network``).
    """
    assert isinstance(model, Stack) and model.networks is not None
    done = reached(model, factuals, targets, settings)
    end, _ = enter_domain(model, factuals, targets, settings, constraints, done)
    low, high = reachable_range(constraints, factuals)
    raw = model.networks.answer(factuals, probabilities(model, factuals), targets)
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
    return lines(factuals, end, reached(model, end, targets, settings), low, high, settings, record, epsilon)
