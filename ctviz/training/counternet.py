"""The networks of CounterNet (Guo, Nguyen and Yadav 2023) while they learn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.trail import reachable_range
from ctviz.data.schema import Schema
from ctviz.models import counterfactual_networks
from ctviz.models.architecture import Pass
from ctviz.models.counterfactual_networks import inputs
from ctviz.models.stack import Stack, predict, with_ones
from ctviz.training.methods.method import ExampleMaker, Setup
from ctviz.training.optimiser import Adam, Scale
from ctviz.training.schedule import Schedule

STEPS_AHEAD = 128
"""Of the optimiser, whose scales are computed at once."""


class CounterNet(ExampleMaker):
    """A network G for each arm of the method; a step of all of them before each step of the models.

    With x' = P(G(x, M(x), y⁺)), y⁺ another class than M predicts, and B samples of d columns in the batch, G descends

        λ₂/B Σ (1 − softmax(M(x'))[y⁺])² + λ₃/(B d) Σ ‖x' − x‖₂²

    (validity and proximity) while M stays as it is; M descends its own objective, the cross-entropy of its samples, as
    if G were not there. That is the paper's block-wise descent: M learns nothing from x', which would make it give way
    to adversarial examples. P is the projection on what the arm's constraints allow in training: it lets gradients pass
    but in columns that may not move. A category's columns are a softmax of G's.

    The paper has two classes, a sigmoid and hidden layers of the model as G's inputs; here y⁺ is one of the k − 1 other
    classes at random, given to G with M's probabilities.
    """

    def __init__(self, setup: Setup) -> None:
        assert setup.schedule is not None
        self.arms: list[int] = [i for i, arm in enumerate(setup.arms) if arm.method == "counternet"]
        own, like, data = [setup.arms[i] for i in self.arms], setup.like, setup.dataset
        seeds = [setup.seeds[i] for i in self.arms]
        self.k = data.k
        self.networks = counterfactual_networks.initial(data.d, data.k, seeds, like)
        self.gradient = torch.empty_like(self.networks.flat)
        self.layers = self.networks.split(self.gradient)
        self.adam = Adam(self.networks, Schedule(lr=setup.schedule.lr))
        schemas = [arm.constraints_for(data.schema, "training") for arm in own]
        self.constraints = Constraints.of(schemas, like)
        self.free = (self.constraints.may_rise | self.constraints.may_fall).to(like.dtype)  # p d 1
        self.categories = categories_of(data.schema)
        self.validity = like.new_tensor([arm.validity_weight for arm in own]).view(-1, 1)
        self.proximity = like.new_tensor([arm.proximity_weight for arm in own]).view(-1, 1, 1)
        self.chances = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.classes = torch.arange(self.k, device=like.device).view(-1, 1)
        X = data.train[0].to(like).T
        free = self.constraints.least is None and bool(
            ((self.constraints.lower <= X) & (self.constraints.upper >= X)).all()
        )
        self._bounds = (
            (self.constraints.lower, self.constraints.upper) if free else None
        )  # what is reached from any sample
        self._scales: dict[int, Scale] = {}  # steps taken → of the next one
        self._models: Stack | None = None  # those of these arms, copied before each step
        self._passes: dict[int, tuple[Pass, Pass]] = {}  # batch size → of the models, of the networks

    def batch(self, stack: Stack, samples: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """One step of the networks; there are no parts of the models' batches."""
        b = samples.shape[-1]
        run, passing = self._run(stack, b)
        logits = run.forward(with_ones(samples.mT))
        targets = (predict(logits) + self._shifts(b)) % self.k
        given = inputs(samples, torch.softmax(logits, dim=1), targets)
        raw = passing.forward(given)
        points = softened(raw, self.categories)
        low, high = self._bounds or reachable_range(self.constraints, samples)
        points = points.clamp(low, high)
        probabilities = torch.softmax(run.forward(with_ones(points.mT)), dim=1)
        onehot = (targets.unsqueeze(1) == self.classes).to(samples.dtype)
        sure = (probabilities * onehot).sum(dim=1)  # p b
        slope = -2 / b * self.validity * (1 - sure) * sure
        gradient = run.input_gradient(slope.unsqueeze(1) * (onehot - probabilities))
        gradient += 2 / (b * samples.shape[1]) * self.proximity * (points - samples)
        gradient = through_softmax(gradient * self.free, raw, self.categories)
        passing.weight_gradient(gradient, given, self.layers)
        if bool(self.gradient.isfinite().all()):  # a model that has run away teaches nothing
            self.adam.step(self.gradient, self._scale())
            self.adam.taken += 1
        return {}

    def _run(self, stack: Stack, b: int) -> tuple[Pass, Pass]:
        """Passes of the models as they are now, and of the networks."""
        if self._models is None:
            self._models = stack.take(self.arms)
        for mine, theirs in zip(self._models.layers, stack.layers, strict=True):
            mine.copy_(theirs[self.arms])
        if b not in self._passes:
            self._passes[b] = self._models.run(b), self.networks.run(b)
        return self._passes[b]

    def _scale(self) -> Scale:
        """Of the next step; those of many are computed at once."""
        taken = int(self.adam.taken[0])
        if taken not in self._scales:
            self._scales = dict(enumerate(self.adam.scales(STEPS_AHEAD), taken))
        return self._scales[taken]

    def _shifts(self, b: int) -> Tensor:
        drawn = [torch.randint(1, self.k, (b,), generator=chance) for chance in self.chances]
        return torch.stack(drawn).to(self.gradient.device)

    def keep(self) -> Any:
        """Weights, the optimiser's state and the places of the random streams."""
        state = [tensor.clone() for tensor in self.adam.state()]
        return state, self.adam.taken.copy(), [chance.get_state() for chance in self.chances]

    def restore(self, kept: Any) -> None:
        """Back to where ``keep`` was called."""
        state, taken, places = kept
        self.adam.restore(state)
        self.adam.taken = taken.copy()
        for chance, place in zip(self.chances, places, strict=True):
            chance.set_state(place)

    def network(self) -> Stack:
        """The networks as they are, one for each arm of the method."""
        return self.networks


def categories_of(schema: Schema) -> list[slice]:
    """The columns of each category."""
    return [span for feature, span in zip(schema.features, schema.spans, strict=True) if feature.kind == "category"]


def softened(raw: Tensor, categories: list[slice]) -> Tensor:
    """A network's answer (p d b) with the columns of each category as probabilities of its levels."""
    points = raw.clone()
    for columns in categories:
        points[:, columns] = torch.softmax(raw[:, columns], dim=1)
    return points


def through_softmax(gradient: Tensor, raw: Tensor, categories: list[slice]) -> Tensor:
    """From the gradient with respect to ``softened`` points the one with respect to the raw answer."""
    back = gradient.clone()
    for columns in categories:
        share, own = torch.softmax(raw[:, columns], dim=1), gradient[:, columns]
        back[:, columns] = share * (own - (share * own).sum(dim=1, keepdim=True))
    return back
