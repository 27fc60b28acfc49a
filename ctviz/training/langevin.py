"""Points that a model itself finds likely, by stochastic gradient Langevin dynamics from a replay buffer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ctviz.data.dataset import Dataset
from ctviz.models.stack import Stack
from ctviz.training.arm_models import ArmModels
from ctviz.training.draws import LANGEVIN, OwnStreams, generator
from ctviz.training.methods.jem import JEM, SAMPLED
from ctviz.training.methods.method import ExampleMaker, Setup

DIVERGED = 1e8
"""A logit larger than this, or a point that is not finite, is a chain that has diverged; the source's code gives up
where its loss is."""


class LangevinSampler(ExampleMaker):
    """Before each step, B chains of each arm go on for T steps (Grathwohl et al. 2020, section 4):

        x ← x + α ∇ₓ logsumexp M(x) + σ · ξ,   ξ ~ N(0, 1)

    A chain goes on from a place of the arm's replay buffer or, with probability ``fresh``, from uniform noise in the
    domain, and ends in that place again. Locks and domain do not bind it: it is of no person. The places of a batch
    differ. Where a chain has diverged, its points are NaN, so that the batch is left out and counted, and its place
    gets fresh noise.
    """

    def __init__(self, setup: Setup) -> None:
        self.arms: list[int] = [
            i for i, arm in enumerate(setup.arms) if arm.method == JEM.name and arm.learns_from_examples
        ]
        own = [setup.arms[i] for i in self.arms]
        like = setup.like
        self.low, self.high = (bound.to(like).unsqueeze(-1) for bound in noise_box(setup.dataset))  # d 1
        self.fresh = like.new_tensor([arm.fresh for arm in own]).unsqueeze(-1)  # p 1
        steps = range(max(arm.sgld_steps for arm in own))
        paces = [[arm.sgld_step_size if t < arm.sgld_steps else 0.0 for arm in own] for t in steps]
        noises = [[arm.sgld_noise if t < arm.sgld_steps else 0.0 for arm in own] for t in steps]
        self.paces, self.noises = (like.new_tensor(rows).view(-1, len(own), 1, 1) for rows in (paces, noises))
        self.sizes = [arm.buffer for arm in own]
        self.models = ArmModels(self.arms)
        self.streams = OwnStreams([setup.seeds[i] for i in self.arms], LANGEVIN)
        starts = self.streams.seeds()
        d = setup.dataset.d
        self.buffers = [
            self._in_the_box(torch.rand(size, d, generator=generator(start)).to(like).mT).contiguous()
            for size, start in zip(self.sizes, starts, strict=True)
        ]  # p of d N

    def _in_the_box(self, drawn: Tensor) -> Tensor:
        """Uniform noise in the domain, (… d b), from uniform draws in [0, 1)."""
        return self.low + (self.high - self.low) * drawn

    def batch(self, stack: Stack, samples: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.models.follow(stack)
        d, b = samples.shape[1:]
        # Each batch has streams of its own, so that what an arm draws does not hang on the steps of another one.
        places = [
            torch.randperm(size, generator=generator(seed))[:b].to(samples.device)
            for size, seed in zip(self.sizes, self.streams.seeds(), strict=True)
        ]
        chances = self.streams.fork()
        anew = chances.each(lambda stream: torch.rand(b, generator=stream)).to(samples) < self.fresh  # p b
        noise = self._in_the_box(chances.each(lambda stream: torch.rand(d, b, generator=stream)).to(samples))
        kept = torch.stack([buffer[:, place] for buffer, place in zip(self.buffers, places, strict=True)])
        forward, inputs = self.models.at(torch.where(anew.unsqueeze(1), noise, kept))
        x = inputs[:, :-1]
        for pace, spread in zip(self.paces, self.noises, strict=True):
            logits = forward.forward(inputs)
            x.addcmul_(forward.input_gradient(torch.softmax(logits, dim=1)), pace)
            x.addcmul_(chances.each(lambda stream: torch.randn(d, b, generator=stream)).to(x), spread)
        wild = ~((logits.abs().amax(dim=1) <= DIVERGED) & x.isfinite().all(dim=1)).unsqueeze(1)  # p 1 b
        for buffer, place, ends in zip(self.buffers, places, torch.where(wild, noise, x), strict=True):
            buffer[:, place] = ends
        return {SAMPLED.name: x.masked_fill_(wild, torch.nan)}

    def keep(self) -> Any:
        return self.streams.keep(), [buffer.clone() for buffer in self.buffers]

    def restore(self, kept: Any) -> None:
        state, self.buffers = kept
        self.streams.restore(state)


def noise_box(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """The domain of each column, (d) and (d); where it has no end, that of the training samples."""
    lower, upper = (torch.from_numpy(bound) for bound in dataset.schema.bounds())
    X = dataset.train[0]
    return torch.where(lower.isfinite(), lower, X.amin(0)), torch.where(upper.isfinite(), upper, X.amax(0))
