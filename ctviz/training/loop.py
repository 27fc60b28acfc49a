"""Training m arms together, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.data.dataset import Dataset
from ctviz.isolation import isolated
from ctviz.models.stack import Stack, predict
from ctviz.training.arm import Arm
from ctviz.training.draws import BatchLayout, EpochDraws, RandomStreams, batch_sizes, even_sizes
from ctviz.training.objective import Coefficients, Terms, Weights, logit_gradient, terms
from ctviz.training.optimiser import Adam
from ctviz.training.sampler import CounterfactualBatch, Sampler
from ctviz.training.schedule import Schedule

PerArm = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Epoch:
    """The result of an epoch; ``stack`` is the live one, which the next epoch changes."""

    epoch: int  # 1 to epochs
    stack: Stack
    metrics: dict[str, PerArm]  # loss_class, loss_div, loss_adv, loss_reg, skipped, mature, steps, train_accuracy: (m)


def train(
    stack: Stack,
    dataset: Dataset,
    arms: Sequence[Arm],
    schedule: Schedule,
    seeds: Sequence[int],
    reference_data: ReferenceData | None = None,
) -> Iterator[Epoch]:
    """Train ``stack`` in place, one arm per model; yields after every epoch. Stop iterating to cancel.

    ``seeds`` (m): arms with the same seed share every random draw. ``reference_data``: for generators that need it; by
    default made from the training samples.
    """
    with isolated():
        sampler = Sampler(dataset, arms, stack.flat, reference_data)
        loop = _Trainer(stack, dataset, arms, schedule, seeds, sampler)
    burnin = round(schedule.burnin * schedule.epochs)
    for epoch in range(1, schedule.epochs + 1):
        with isolated():
            metrics = loop.epoch(burning_in=epoch <= burnin)
        yield Epoch(epoch, stack, metrics)


WORKING_SET = 1 << 22
"""Most numbers in the inputs of batches that are built together: small batches all at once, large ones one by one in
the same buffer."""


@dataclass(frozen=True)
class _EpochBatches:
    """An epoch's batches: the indices of their columns, their labels, and the coefficients of the loss."""

    order: Tensor  # m n B: the samples of each batch
    counterfactuals: CounterfactualBatch | None
    samples: BatchLayout
    dealt: BatchLayout
    labels: Tensor  # m n B
    coefficients: Coefficients

    @property
    def per_sample(self) -> Tensor:
        """1/B, 0 in padding, (n B)."""
        return self.samples.mean

    @property
    def per_counterfactual(self) -> Tensor:
        """1/C, 0 in padding, (n C)."""
        return self.dealt.mean


class _Trainer:
    def __init__(
        self,
        stack: Stack,
        dataset: Dataset,
        arms: Sequence[Arm],
        schedule: Schedule,
        seeds: Sequence[int],
        sampler: Sampler,
    ) -> None:
        like, n = stack.flat, len(dataset.train[1])
        self.stack, self.k = stack, dataset.k
        self.weights = Weights.of(arms, like)
        self.sampler = sampler
        searching = sampler.searching
        together = bool(searching) and searching == list(range(searching[0], searching[-1] + 1))
        self.searching = slice(searching[0], searching[-1] + 1) if together else searching  # a slice is no copy
        self.chance = RandomStreams(seeds, n, schedule.n_ce, dataset.k)
        sizes = batch_sizes(n, schedule.batch)
        self.samples = BatchLayout.of(sizes, like)
        self.dealt = BatchLayout.of(even_sizes(min(schedule.n_ce, n), len(sizes)), like)
        self.undealt = BatchLayout.of([0] * len(sizes), like)
        self.adam = Adam(stack, schedule)
        self.gradient = torch.empty_like(like)
        self.gradients = stack.split(self.gradient)

    @torch.inference_mode()
    def epoch(self, burning_in: bool) -> dict[str, PerArm]:
        draws = self._on_device(self.chance.epoch())
        counterfactuals = None if burning_in else self.sampler.sample(self.stack, draws)
        material = self._material(draws, counterfactuals)
        kept = [tensor.clone() for tensor in self.adam.state()]
        logits = self._steps(material)
        losses = self._terms(logits, material)
        finite = losses.total(self.weights).isfinite()  # m n
        if finite.all() and self.stack.flat.isfinite().all():
            self.adam.taken += finite.shape[1]
        else:  # rare: repeat the epoch, checking before each step
            self.adam.restore(kept)
            logits, finite = self._careful_steps(material)
            losses = self._terms(logits, material)
        return self._metrics(logits, losses, finite, material, counterfactuals)

    def _on_device(self, draws: EpochDraws) -> EpochDraws:
        device = self.stack.device
        if device.type == "cpu":
            return draws
        return EpochDraws(*(t.to(device) for t in (draws.order, draws.factuals, draws.shifts, draws.neighbours)))

    def _material(self, draws: EpochDraws, counterfactuals: CounterfactualBatch | None) -> _EpochBatches:
        samples, dealt = self.samples, self.dealt if counterfactuals else self.undealt
        order = samples.of_items(draws.order)  # m n B
        y = [self.sampler.y[order]]
        if counterfactuals is not None:
            y += [
                dealt.of_items(part)
                for part in (counterfactuals.labels, counterfactuals.targets, counterfactuals.targets)
            ]
        labels = torch.cat(y, dim=-1)
        classes = torch.arange(self.k, device=labels.device).view(-1, 1, 1)
        onehot = (labels.unsqueeze(1) == classes).to(self.stack.dtype)  # m k n r
        coefficients = Coefficients.of(self.weights, onehot, samples.mean, dealt.mean)
        return _EpochBatches(
            order, counterfactuals, samples, dealt, labels[..., : samples.index.shape[1]], coefficients
        )

    def _inputs(self, material: _EpochBatches) -> Iterator[Tensor]:
        """The inputs of one batch after another, (m d+1 r), in a buffer that the next one overwrites.

        Arms that are not searched have zeros for counterfactuals, and so has padding. They are not copies of samples,
        because even with weight 0 a logit that overflows would make the gradient NaN (0 · ∞).
        """
        m, d, (n, r) = self.stack.m, self.stack.d, material.coefficients.onehot.shape[2:]
        size = max(1, min(n, WORKING_SET // (m * (d + 1) * r)))
        buffer = self.stack.flat.new_zeros(m, d + 1, size, r)
        buffer[:, d] = 1
        for start in range(0, n, size):
            batches = slice(start, min(start + size, n))
            chunk = buffer[:, :, : batches.stop - start]
            self._fill(chunk[:, :d], material, batches)
            yield from chunk.unbind(2)

    def _fill(self, into: Tensor, material: _EpochBatches, batches: slice) -> None:
        """The columns of some batches, (m d n r)."""
        b, counterfactuals = material.order.shape[-1], material.counterfactuals
        into[..., :b] = self.sampler.X[material.order[:, batches]].permute(0, 3, 1, 2)
        if counterfactuals is not None:
            parts = (
                counterfactuals.nascent,
                counterfactuals.neighbours,
                counterfactuals.counterfactuals,
            )
            for part, columns in zip(parts, into[..., b:].chunk(3, dim=-1), strict=True):
                columns[self.searching] = material.dealt.of_items(part)[:, :, batches]
        if not (material.samples.even and material.dealt.even):
            means = (material.samples.mean, *[material.dealt.mean] * 3)
            padding = torch.cat([mean[batches] for mean in means], dim=-1) == 0  # n r
            into.masked_fill_(padding, 0.0)

    def _steps(self, material: _EpochBatches) -> Tensor:
        """One optimiser step per batch; the logits of all columns, before each step (m k n r)."""
        batches = material.coefficients.batches()
        all_logits = torch.empty_like(material.coefficients.onehot)
        forward = self.stack.run(all_logits.shape[-1])
        out = torch.empty_like(all_logits[:, :, 0])
        columns = (self._inputs(material), batches, all_logits.unbind(2), self.adam.scales(len(batches)))
        for x, batch, record, scale in zip(*columns, strict=True):
            logits = forward.forward(x)
            record.copy_(logits)
            forward.weight_gradient(logit_gradient(logits, *batch, out=out), x, self.gradients)
            self.adam.step(self.gradient, scale)
        return all_logits

    def _careful_steps(self, material: _EpochBatches) -> tuple[Tensor, Tensor]:
        """Like ``_steps``, but an arm whose loss or gradient is not finite skips that batch; and the steps
        taken (m n)."""
        batches = material.coefficients.batches()
        all_logits = torch.empty_like(material.coefficients.onehot)
        forward = self.stack.run(all_logits.shape[-1])
        out = torch.empty_like(all_logits[:, :, 0])
        taken = torch.zeros(self.stack.m, len(batches), dtype=torch.bool, device=self.stack.device)
        for i, (x, batch) in enumerate(zip(self._inputs(material), batches, strict=True)):
            logits = forward.forward(x)
            all_logits[:, :, i] = logits
            loss = self._terms(all_logits[:, :, i : i + 1], material, slice(i, i + 1)).total(self.weights)
            kept = [tensor.clone() for tensor in self.adam.state()]
            forward.weight_gradient(logit_gradient(logits, *batch, out=out), x, self.gradients)
            finite = [gradient.isfinite().flatten(1).all(dim=1) for gradient in self.gradients]
            taken[:, i] = torch.stack([loss[:, 0].isfinite(), *finite]).all(dim=0)
            self.adam.step(self.gradient, self.adam.scales(1)[0])
            self.adam.restore(kept, arms=~taken[:, i])
            self.adam.taken += taken[:, i].cpu().numpy()
        return all_logits, taken

    @staticmethod
    def _terms(logits: Tensor, material: _EpochBatches, batches: slice = slice(None)) -> Terms:
        onehot = material.coefficients.onehot[:, :, batches]
        return terms(logits, onehot, material.per_sample[batches], material.per_counterfactual[batches])

    def _metrics(
        self,
        logits: Tensor,
        losses: Terms,
        finite: Tensor,
        material: _EpochBatches,
        counterfactuals: CounterfactualBatch | None,
    ) -> dict[str, PerArm]:
        m = self.stack.m
        real = (material.per_sample > 0) & finite.unsqueeze(-1)  # m n B
        b = real.shape[-1]
        right = predict(logits[..., :b]) == material.labels
        nothing = torch.full((m,), torch.nan)
        named = {
            "loss_class": losses.classify,
            "loss_div": losses.div,
            "loss_adv": losses.adv,
            "loss_reg": losses.reg,
        }
        searched = torch.zeros(m, 1, dtype=torch.bool, device=finite.device)
        if counterfactuals is not None:
            searched[self.sampler.searching] = True
        result = {}
        for name, values in named.items():
            known = finite if name == "loss_class" else finite & searched
            result[name] = torch.where(known, values, torch.nan).nanmean(dim=1)
        result["skipped"] = (~finite).sum(dim=1)
        result["mature"] = counterfactuals.mature if counterfactuals else nothing
        result["steps"] = counterfactuals.steps if counterfactuals else nothing
        result["train_accuracy"] = (right & real).sum(dim=(1, 2)).float() / real.sum(dim=(1, 2)).float()
        return {name: value.cpu().numpy().astype(np.float64) for name, value in result.items()}
