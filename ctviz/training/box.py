"""Samples moved as far as a box allows: by an attack on the model, or to the favourable class.

Both move x in a box around the sample by signs of the gradient of the cross-entropy L, T steps of 2.5 ε / T (Madry et
al. 2018, section 5), each followed by the projection onto the box [l, u]:

    x ← clip(x ± 2.5 ε / T · sign ∇ₓ L(M(x), y), l, u)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints, clamp_
from ctviz.models.stack import Stack
from ctviz.training.arm import Arm
from ctviz.training.arm_models import ArmModels
from ctviz.training.draws import ATTACKS, OwnStreams
from ctviz.training.methods.method import ExampleMaker, Setup
from ctviz.training.methods.pgd import ATTACKED, PGD
from ctviz.training.methods.recourse import HELPED, RECOURSE


class BoxMover(ExampleMaker, ABC):
    """Moves each sample of a batch in its box, for the models as they are."""

    method: str
    sign: int
    """1 to raise the loss, −1 to lower it."""

    def __init__(self, setup: Setup) -> None:
        self.arms: list[int] = [
            i for i, arm in enumerate(setup.arms) if arm.method == self.method and arm.learns_from_examples
        ]
        self.settings: Sequence[Arm] = [setup.arms[i] for i in self.arms]
        self.radius = setup.like.new_tensor([arm.radius for arm in self.settings]).view(-1, 1, 1)  # p 1 1
        steps = [arm.inner_steps for arm in self.settings]
        paces = [
            [self.sign * 2.5 * arm.radius / arm.inner_steps if t < arm.inner_steps else 0.0 for arm in self.settings]
            for t in range(max(steps))
        ]
        self.paces = setup.like.new_tensor(paces).view(-1, len(self.arms), 1, 1)  # t p 1 1
        self.models = ArmModels(self.arms)

    @abstractmethod
    def box(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """The lowest and the highest values that samples (p d B) may be moved to, (p d B) each."""

    def start(self, samples: Tensor) -> Tensor:
        """Where they are moved from, (p d B)."""
        return samples

    def moved(self, stack: Stack, samples: Tensor, labels: Tensor) -> Tensor:
        """Samples (p d B) after all steps, for labels (p B)."""
        self.models.follow(stack)
        low, high = self.box(samples)
        forward, inputs = self.models.at(self.start(samples))
        x = inputs[:, :-1]
        clamp_(x, low, high)
        onehot = (labels.unsqueeze(1) == torch.arange(stack.k, device=labels.device).view(-1, 1)).to(x)  # p k B
        for pace in self.paces:
            gradient = torch.softmax(forward.forward(inputs), dim=1).sub_(onehot)
            step = forward.input_gradient(gradient).sign_().nan_to_num_(0.0)
            clamp_(x.addcmul_(step, pace), low, high)
        return x


class AdversarialExamples(BoxMover):
    """Adversarial examples: max-norm ε, all features, inside the domain, from a random point of the box."""

    method = PGD.name
    sign = 1

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.domain = Constraints.of([setup.dataset.schema], setup.like)
        self.streams = OwnStreams([setup.seeds[i] for i in self.arms], ATTACKS)

    def box(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        low, high = samples - self.radius, samples + self.radius
        # A sample outside of the domain moves no further out.
        return low.maximum(self.domain.lower.minimum(samples)), high.minimum(self.domain.upper.maximum(samples))

    def start(self, samples: Tensor) -> Tensor:
        d, b = samples.shape[1:]
        drawn = self.streams.each(lambda stream: torch.rand(d, b, generator=stream)).to(samples)
        return samples + (2 * drawn - 1) * self.radius

    def batch(self, stack: Stack, samples: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {ATTACKED.name: self.moved(stack, samples, labels)}

    def keep(self) -> Any:
        return self.streams.keep()

    def restore(self, kept: Any) -> None:
        self.streams.restore(kept)


class RecourseExamples(BoxMover):
    """The best change that a person could make: to the favourable class, under the arm's constraints.

    Favourable is the last class, as of tables; the source has two.
    """

    method = RECOURSE.name
    sign = -1

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        schemas = [arm.constraints_for(setup.dataset.schema, "training") for arm in self.settings]
        self.constraints = Constraints.of(schemas, setup.like)
        self.favourable = setup.dataset.k - 1

    def labels(self, part: str, labels: Tensor) -> Tensor:
        return torch.full_like(labels, self.favourable)

    def box(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        allowed, (least, most) = self.constraints, self.constraints.box(samples)
        low = torch.where(allowed.may_fall, samples - self.radius, samples)
        high = torch.where(allowed.may_rise, samples + self.radius, samples)
        return clamp_(low, least, most), clamp_(high, least, most)

    def batch(self, stack: Stack, samples: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {HELPED.name: self.moved(stack, samples, self.labels(HELPED.name, labels))}
