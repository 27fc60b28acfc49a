"""The exact search as a generator."""

from __future__ import annotations

import torch
from torch import nn

from ctviz.counterfactuals.adapter import ModuleAdapter
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.display import DisplayScale
from ctviz.data.schema import Feature, Schema


def test_what_is_proved_of_changes_as_people_read_them_is_told_at_the_cost_of_the_columns() -> None:
    """Ages are shown as whole years: a column of .444 is read as 44, 6 years from 50; .056 from its column."""
    age = Feature(name="age", kind="integer", domain=(0, 9), display=DisplayScale(scale=100.0, step=1))
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        for layer, (weight, bias) in zip(
            (model[0], model[2]), (([[1.0], [0.0]], [0.0, 0.0]), ([[0.0, 0.0], [1.0, 0.0]], [0.4999, 0.0])), strict=True
        ):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
    own = torch.tensor([[[0.444]]])
    found = search(
        SearchRequest(
            ModuleAdapter(model, own[0].mT), own, torch.tensor([[1]]), [SearchSettings(generator="exact", tau=0.5)],
            Constraints.of([Schema(features=(age,))], own[0].mT),
        )
    )  # fmt: skip
    assert found.mature.all() and found.bound is not None
    torch.testing.assert_close(found.final, torch.tensor([[[0.5]]]))
    torch.testing.assert_close(found.bound, torch.tensor([[0.056]], dtype=torch.float64), atol=1e-6, rtol=0)
