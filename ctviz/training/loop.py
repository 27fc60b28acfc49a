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
from ctviz.training.arm import TERMS, Arm
from ctviz.training.averaging import Averages
from ctviz.training.draws import BatchLayout, EpochDraws, RandomStreams, batch_sizes, even_sizes
from ctviz.training.methods import TRAINING_METHODS
from ctviz.training.methods.method import SAMPLES, ExampleMaker, Examples, Setup, TrainingMethod
from ctviz.training.objective import Coefficients, Columns, Terms, Weights, logit_gradient, terms
from ctviz.training.optimiser import Adam
from ctviz.training.schedule import Schedule

PerArm = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Epoch:
    """The result of an epoch; ``stack`` is the live one, which the next epoch changes.

    It holds the weights that models answer with; ``train_accuracy`` and losses are of those that are trained.
    """

    epoch: int  # 1 to epochs
    stack: Stack
    metrics: dict[str, PerArm]  # loss_… of each term, skipped, mature, steps, train_accuracy: (m)
    networks: Stack | None = None  # those of CounterNet, live too, one for each arm that has one


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
        loop = _Trainer(stack, dataset, arms, schedule, seeds, reference_data or ReferenceData.of(dataset))
        averages = Averages.of(stack, arms)
    burnin = round(schedule.burnin * schedule.epochs)
    for epoch in range(1, schedule.epochs + 1):
        with isolated():
            if averages is not None:
                averages.take_back()
            metrics = loop.epoch(burning_in=epoch <= burnin)
            if averages is not None:
                averages.hand_out()
        yield Epoch(epoch, stack, metrics, loop.networks)


WORKING_SET = 1 << 22
"""Most numbers in the inputs of batches that are built together: small batches all at once, large ones one by one in
the same buffer."""


@dataclass(frozen=True)
class _Made:
    """What the arms of one method learn from in an epoch beside the samples, and where it goes."""

    maker: ExampleMaker
    arms: list[int] | slice  # those of the maker; a slice is no copy
    method: TrainingMethod
    examples: Examples  # what is made once an epoch; without columns where there is nothing to make


@dataclass(frozen=True)
class _EpochBatches:
    """An epoch's batches: the indices of their samples, their examples, and the coefficients of the loss."""

    order: Tensor  # m n B: the samples of each batch
    made: list[_Made]
    columns: Columns
    labels: Tensor  # m n B
    coefficients: Coefficients


class _Trainer:
    def __init__(
        self,
        stack: Stack,
        dataset: Dataset,
        arms: Sequence[Arm],
        schedule: Schedule,
        seeds: Sequence[int],
        reference_data: ReferenceData,
    ) -> None:
        like, (X, y) = stack.flat, dataset.train
        n = len(y)
        self.stack, self.k = stack, dataset.k
        self.X, self.y = X.to(like).contiguous(), y.to(like.device)
        self.weights = Weights(arms, like)
        setup = Setup(dataset, arms, seeds, like, reference_data, schedule)
        names = dict.fromkeys(arm.method for arm in arms if arm.learns_from_examples or arm.has_network)
        self.makers = [(TRAINING_METHODS[name], TRAINING_METHODS[name].maker(setup)) for name in names]
        self.alike = [[i for i, one in enumerate(seeds) if one == seed] for seed in dict.fromkeys(seeds)]
        """Arms whose batches hold the same samples."""
        self.chance = RandomStreams(seeds, n, schedule.n_ce, dataset.k)
        sizes = batch_sizes(n, schedule.batch)
        self.layouts = {
            "sample": BatchLayout.of(sizes, like),
            "counterfactual": BatchLayout.of(even_sizes(min(schedule.n_ce, n), len(sizes)), like),
        }
        self.adam = Adam(stack, schedule)
        self.gradient = torch.empty_like(like)
        self.gradients = stack.split(self.gradient)

    @torch.inference_mode()
    def epoch(self, burning_in: bool) -> dict[str, PerArm]:
        draws = self._on_device(self.chance.epoch())
        made = [] if burning_in else [self._made(method, maker, draws) for method, maker in self.makers]
        material = self._material(draws, made)
        kept = [tensor.clone() for tensor in self.adam.state()]
        states = [(one.maker, one.maker.keep()) for one in made]
        logits = self._steps(material)
        losses = self._terms(logits, material)
        finite = losses.total(self.weights).isfinite()  # m n
        if finite.all() and self.stack.flat.isfinite().all():
            self.adam.taken += finite.shape[1]
        else:  # rare: repeat the epoch, checking before each step
            self.adam.restore(kept)
            for maker, state in states:
                maker.restore(state)
            logits, finite = self._careful_steps(material)
            losses = self._terms(logits, material)
        return self._metrics(logits, losses, finite, material)

    @property
    def networks(self) -> Stack | None:
        """The networks that are trained beside the models; at most one method has some."""
        return next((maker.network() for method, maker in self.makers if method.network), None)

    def _on_device(self, draws: EpochDraws) -> EpochDraws:
        device = self.stack.device
        if device.type == "cpu":
            return draws
        return EpochDraws(*(t.to(device) for t in (draws.order, draws.factuals, draws.shifts, draws.neighbours)))

    def _made(self, method: TrainingMethod, maker: ExampleMaker, draws: EpochDraws) -> _Made:
        arms = list(maker.arms)
        together = arms == list(range(arms[0], arms[-1] + 1))
        rows = slice(arms[0], arms[-1] + 1) if together else arms
        return _Made(maker, rows, method, maker.epoch(self.stack, draws) or Examples({}, {}))

    def _material(self, draws: EpochDraws, made: list[_Made]) -> _EpochBatches:
        samples = self.layouts["sample"]
        order = samples.of_items(draws.order)  # m n B
        layouts, labels = {SAMPLES.name: samples}, [self.y[order]]
        for one in made:
            for part in one.method.epoch_parts if one.examples.columns else ():
                layouts[part.name] = self.layouts[part.per]
                labels.append(self.layouts[part.per].of_items(one.examples.labels[part.name]))
            for part in one.method.batch_parts:
                layouts[part.name] = samples
                own = labels[0].clone()
                own[one.arms] = one.maker.labels(part.name, own[one.arms])
                labels.append(own)
        classes = torch.arange(self.k, device=order.device).view(-1, 1, 1)
        onehot = (torch.cat(labels, dim=-1).unsqueeze(1) == classes).to(self.stack.dtype)  # m k n r
        columns = Columns(layouts)
        return _EpochBatches(order, made, columns, labels[0], Coefficients.of(self.weights, onehot, columns))

    def _inputs(self, material: _EpochBatches) -> Iterator[Tensor]:
        """The inputs of one batch after another, (m d+1 r), in a buffer that the next one overwrites.

        Arms that a part is not made for have zeros there, and so has padding. They are not copies of samples,
        because even with weight 0 a logit that overflows would make the gradient NaN (0 · ∞).
        """
        m, d, (n, r) = self.stack.m, self.stack.d, material.coefficients.onehot.shape[2:]
        size = max(1, min(n, WORKING_SET // (m * (d + 1) * r)))
        buffer = self.stack.flat.new_zeros(m, d + 1, size, r)
        buffer[:, d] = 1
        anew = [one for one in material.made if one.method.batch_parts or one.method.network]
        for start in range(0, n, size):
            batches = slice(start, min(start + size, n))
            chunk = buffer[:, :, : batches.stop - start]
            self._fill(chunk[:, :d], material, batches)
            if not anew:
                yield from chunk.unbind(2)
                continue
            for i, x in enumerate(chunk.unbind(2), start):
                self._fill_anew(x[:, :d], anew, material, i)
                yield x

    def _fill(self, into: Tensor, material: _EpochBatches, batches: slice) -> None:
        """The columns of some batches, (m d n r)."""
        slices, layouts = material.columns.slices, material.columns.layouts
        samples = into[..., slices[SAMPLES.name]]
        for first, *others in self.alike:
            own = samples[first].copy_(self.X[material.order[first, batches]].permute(2, 0, 1))
            own.masked_fill_(~layouts[SAMPLES.name].real[batches], 0.0)
            for arm in others:
                samples[arm].copy_(own)
        for one in material.made:
            for part, items in one.examples.columns.items():
                columns = into[..., slices[part]]
                if isinstance(one.arms, slice):
                    layouts[part].deal(items, columns[one.arms], batches)
                    continue
                for place, arm in enumerate(one.arms):
                    layouts[part].deal(items[place], columns[arm], batches)

    def _fill_anew(self, into: Tensor, made: list[_Made], material: _EpochBatches, batch: int) -> None:
        """The columns of one batch (m d r) that are made of the models as they are before its step."""
        b = int(material.columns.layouts[SAMPLES.name].real[batch].sum())  # without padding
        for one in made:
            samples, labels = into[one.arms, :, :b], material.labels[one.arms, batch, :b]
            for part, items in one.maker.batch(self.stack, samples, labels).items():
                columns = into[..., material.columns.slices[part]]
                columns[one.arms, :, :b] = items
                columns[..., b:] = 0

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

    def _terms(self, logits: Tensor, material: _EpochBatches, batches: slice = slice(None)) -> Terms:
        onehot = material.coefficients.onehot[:, :, batches]
        return terms(logits, onehot, material.columns, self.weights, batches)

    def _metrics(self, logits: Tensor, losses: Terms, finite: Tensor, material: _EpochBatches) -> dict[str, PerArm]:
        m = self.stack.m
        real = material.columns.layouts[SAMPLES.name].real & finite.unsqueeze(-1)  # m n B
        b = real.shape[-1]
        right = predict(logits[..., :b]) == material.labels
        nothing = torch.full((m,), torch.nan)
        taught = torch.zeros(m, 1, dtype=torch.bool, device=finite.device)
        for one in material.made:
            taught[one.arms] = True
        result = {f"loss_{name}": nothing for name in TERMS if name not in losses.values}
        for name, values in losses.values.items():
            known = finite if name == "class" else finite & taught
            result[f"loss_{name}"] = torch.where(known, values, torch.nan).nanmean(dim=1)
        result["skipped"] = (~finite).sum(dim=1)
        result |= {"mature": nothing, "steps": nothing}
        for one in material.made:
            for name, values in one.examples.metrics.items():
                result[name] = torch.where(values.isnan(), result.get(name, nothing).to(values), values)
        result["train_accuracy"] = (right & real).sum(dim=(1, 2)).float() / real.sum(dim=(1, 2)).float()
        return {name: value.cpu().numpy().astype(np.float64) for name, value in result.items()}
