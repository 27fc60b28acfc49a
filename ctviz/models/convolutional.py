"""Small convolutional networks for grey pictures, after LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998).

Each convolutional layer is a 5 × 5 convolution without padding, the activation, and the mean of every 2 × 2 outputs;
the dense layers follow. The mean rather than the maximum, so that gradients with respect to the pixels are smooth. A
row or column that is left over by the 2 × 2 is dropped, as torch does.

How a layer is computed: the four outputs that one mean takes together see a patch of 6 × 6 inputs, and patches lie two
pixels apart. So the layer is one product per model: (4·out, 36·in + 1) weights, in which the 5 × 5 kernel stands at
four places (``spread``), times patches (36·in + 1, positions · b). That multiplies with some zeros, yet a product for
the 5 × 5 patches of single outputs would gather nearly three times as many numbers, and take longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ctviz.models.activations import ACTIVATIONS
from ctviz.models.architecture import Layers
from ctviz.models.dense import Dense
from ctviz.models.sizes import KERNEL, POOL, pictures

PATCH = KERNEL + POOL - 1
REACH = PATCH // POOL
"""Patches that a pixel belongs to, along one axis."""
MEAN = 1 / POOL**2
SHIFTS = tuple(product(range(POOL), repeat=2))
"""Offsets of the kernel within a patch."""

WORKING_SET = 1 << 19
"""Most numbers per model in the widest buffer of a pass; more samples are processed in chunks. It does not depend on m,
so that a model's gradients have the same bits whatever other models are in the stack."""


@dataclass(frozen=True)
class Convolution:
    """The sizes of one convolutional layer."""

    channels: int  # of its input
    outputs: int
    rows: int  # of its input
    columns: int

    @property
    def pooled(self) -> tuple[int, int]:
        """Rows and columns of its output."""
        return pictures((self.rows, self.columns), (self.outputs,))[-1]

    @property
    def positions(self) -> int:
        """Pixels of one channel of its output."""
        return math.prod(self.pooled)

    @property
    def inputs(self) -> int:
        """Number of inputs of one output."""
        return self.channels * KERNEL**2

    @property
    def patch(self) -> int:
        """Number of inputs of the outputs that one mean pools."""
        return self.channels * PATCH**2

    @cached_property
    def places(self) -> Tensor:
        """For each of the kernel's four offsets, the columns of its weights and its bias (4 in+1)."""
        cell = torch.arange(self.patch).view(self.channels, PATCH, PATCH)
        at = [cell[:, i : i + KERNEL, j : j + KERNEL].reshape(-1) for i, j in SHIFTS]
        return torch.cat([torch.stack(at), torch.full((len(SHIFTS), 1), self.patch)], dim=1)

    def spread(self, layer: Tensor) -> Tensor:
        """The layer's weights (m out in+1) at the kernel's four offsets in a patch, (m 4·out patch+1)."""
        wide = layer.new_zeros(len(layer), len(SHIFTS), self.outputs, self.patch + 1)
        for shift, place in enumerate(self.places.to(layer.device)):
            wide[:, shift, :, place] = layer
        return wide.flatten(1, 2)

    def gather(self, wide: Tensor, into: Tensor) -> None:
        """A gradient with respect to what ``spread`` gives (m 4·out patch+1) as that of the layer (m out in+1)."""
        wide = wide.unflatten(1, (len(SHIFTS), self.outputs))
        parts = [wide[:, shift, :, place] for shift, place in enumerate(self.places.to(wide.device))]
        torch.sum(torch.stack(parts), 0, out=into)

    def patches(self, x: Tensor) -> Tensor:
        """The patches of pictures (m channels·rows·columns b), a view (m channels 6 6 rows' columns' b)."""
        pixels: Tensor = x.unflatten(1, (self.channels, self.rows, self.columns))
        return pixels.unfold(2, PATCH, POOL).unfold(3, PATCH, POOL).permute(0, 1, 5, 6, 2, 3, 4)

    def add_patches(self, patches: Tensor, into: Tensor) -> None:
        """Patches (m patch positions·b) added up where they overlap, into pictures (m channels·rows·columns b).

        Patches lie two pixels apart and pixels are taken two by two: nine additions for 36 places of a patch.
        """
        rows, columns = self.pooled
        into.zero_()
        used = into.unflatten(1, (self.channels, self.rows, self.columns))
        used = used[:, :, : POOL * (rows + REACH - 1), : POOL * (columns + REACH - 1)]
        pairs = used.unflatten(3, (-1, POOL)).unflatten(2, (-1, POOL))  # m c rows/2 2 columns/2 2 b
        split = (self.channels, REACH, POOL, REACH, POOL, rows, columns, into.shape[-1])
        places = patches.unflatten(2, (rows, columns, -1)).unflatten(1, split[:5])
        for i, j in product(range(REACH), repeat=2):
            part = places[:, :, i, :, j].permute(0, 1, 4, 2, 5, 3, 6)
            pairs[:, :, i : i + rows, :, j : j + columns].add_(part)


@dataclass(frozen=True)
class Convolutional:
    """Convolutional layers, then dense ones."""

    convolutions: tuple[Convolution, ...]
    head: Dense

    @classmethod
    def of(
        cls, grid: tuple[int, int], channels: Sequence[int], hidden: Sequence[int], k: int, activation: str
    ) -> Convolutional:
        """For grey pictures of ``grid`` pixels.

        Raises:
            ConfigError: a picture that is too small for so many layers.
        """
        *before, last = pictures(grid, channels)
        sizes = zip((1, *channels), channels, before, strict=False)
        convolutions = tuple(Convolution(inputs, outputs, *size) for inputs, outputs, size in sizes)
        return cls(convolutions, Dense((channels[-1] * math.prod(last), *hidden, k), activation))

    @property
    def d(self) -> int:
        """Number of pixels."""
        return self.convolutions[0].rows * self.convolutions[0].columns

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.head.k

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Outputs and inputs of each layer's weights."""
        return (*((layer.outputs, layer.inputs) for layer in self.convolutions), *self.head.shapes)

    @property
    def fans(self) -> tuple[tuple[int, int], ...]:
        """Fan-in and fan-out of each layer."""
        return (*((layer.inputs, layer.outputs * KERNEL**2) for layer in self.convolutions), *self.head.fans)

    @property
    def widest(self) -> int:
        """Size of one sample's patches, or of their outputs."""
        widths = ((max(layer.patch + 1, len(SHIFTS) * layer.outputs) * layer.positions) for layer in self.convolutions)
        return max(*widths, self.d + 1, self.head.widest)

    def logits(self, layers: Layers, x: Tensor) -> Tensor:
        """Logits (m b k) of samples (m b d); once differentiable."""
        result: Tensor = _Logits.apply(x, self, *layers)  # type: ignore[no-untyped-call]
        return result

    def run(self, layers: Layers, b: int) -> ConvolutionalPass:
        """Buffers for passes of ``b`` samples per model."""
        return ConvolutionalPass(self, layers, b)

    def modules(self, layers: Layers, arm: int) -> list[nn.Module]:
        """Pictures, convolutions, and the dense layers."""
        first = self.convolutions[0]
        modules: list[nn.Module] = [nn.Unflatten(1, (1, first.rows, first.columns))]
        for layer, sizes in zip(layers, self.convolutions, strict=False):
            # Without a draw of weights, as in the dense layers.
            made = nn.utils.skip_init(nn.Conv2d, sizes.channels, sizes.outputs, KERNEL, dtype=layer.dtype)
            with torch.no_grad():
                made.weight.copy_(layer[arm, :, :-1].view_as(made.weight))
                made.bias.copy_(layer[arm, :, -1])
            modules += [made, ACTIVATIONS[self.head.activation].module(), nn.AvgPool2d(POOL)]
        return [*modules, nn.Flatten(), *self.head.modules(layers[len(self.convolutions) :], arm)]


class _Logits(torch.autograd.Function):
    """The passes, in chunks, as one autograd function that saves the samples alone, and not their activations.

    Autograd through torch's own grouped convolutions takes at least as long, for a single model twice as long, and
    several times the memory.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, architecture: Convolutional, *layers: Tensor) -> Tensor:
        ctx.save_for_backward(x, *layers)
        ctx.architecture = architecture
        # Copies, since the next chunk goes through the same buffers.
        return torch.cat([run.forward(part).mT.clone() for run, part in _in_chunks(architecture, layers, x)], dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, *layers = ctx.saved_tensors
        of_input, of_layers = ctx.needs_input_grad[0], any(ctx.needs_input_grad[2:])
        inputs: list[Tensor] = []
        weights = [torch.zeros_like(layer) for layer in layers]
        start = 0
        for run, part in _in_chunks(ctx.architecture, layers, x):
            run.forward(part)
            own = gradient[:, start : start + part.shape[-1]].mT.contiguous()
            start += part.shape[-1]
            if of_input:
                inputs.append(run.input_gradient(own).mT)
            if of_layers:
                into = [torch.empty_like(layer) for layer in layers]
                run.weight_gradient(own, part, into)
                weights = [total.add_(more) for total, more in zip(weights, into, strict=True)]
        return (torch.cat(inputs, dim=1) if of_input else None, None, *(weights if of_layers else [None] * len(layers)))


def _in_chunks(architecture: Convolutional, layers: Layers, x: Tensor) -> Iterator[tuple[ConvolutionalPass, Tensor]]:
    """For each chunk of the samples (m b d): a pass and its input (m d+1 b')."""
    run, width = None, max(1, WORKING_SET // architecture.widest)
    for part in x.split(width, dim=1):
        if run is None or part.shape[1] < width:
            run = architecture.run(layers, part.shape[1])
        yield run, torch.cat([part.mT, part.new_ones(len(part), 1, part.shape[1])], dim=1)


class ConvolutionalPass:
    """A forward pass and its derivatives, written out; see ``Pass``. Convolutions are done in chunks."""

    def __init__(self, architecture: Convolutional, layers: Layers, b: int) -> None:
        self._sizes = architecture.convolutions
        n, m, like = len(self._sizes), len(layers[0]), layers[0]
        self._layers = layers[:n]
        self._head = architecture.head.run(layers[n:], b)
        self._flat = like.new_ones(m, architecture.head.d + 1, b)  # the last row stays 1
        width = max(1, WORKING_SET // architecture.widest)
        starts = range(0, b, width)
        self._slices = [slice(start, min(start + width, b)) for start in starts]
        work = {s.stop - s.start: _Buffers(architecture, like, m, s.stop - s.start) for s in self._slices}
        self._chunks = [_Chunk(work[s.stop - s.start], self._flat[:, :-1, s], self._sizes, like) for s in self._slices]
        self._kernels: list[Tensor] = []
        self._d = architecture.d

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m k b) of inputs with a last row of ones (m d+1 b)."""
        self._kernels = [sizes.spread(layer) for sizes, layer in zip(self._sizes, self._layers, strict=True)]
        for chunk, s in zip(self._chunks, self._slices, strict=True):
            chunk.forward(self._kernels, x[:, :-1, s])
        return self._head.forward(self._flat)

    def weight_gradient(self, gradient: Tensor, x: Tensor, into: Layers) -> None:
        """From the gradient with respect to the logits (m k b), the one with respect to each layer, into ``into``."""
        n = len(self._sizes)
        self._head.weight_gradient(gradient, self._flat, into[n:])
        gradient = self._head.input_gradient(gradient)
        wide = [torch.zeros_like(kernel) for kernel in self._kernels]
        for chunk, s in zip(self._chunks, self._slices, strict=True):
            chunk.add_weight_gradient(self._kernels, gradient[..., s], x[:, :-1, s], wide)
        for i, sizes in enumerate(self._sizes):
            sizes.gather(wide[i], into[i])

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """From the gradient with respect to the logits (m k b), the one with respect to the inputs (m d b)."""
        gradient = self._head.input_gradient(gradient)
        result = gradient.new_empty(len(gradient), self._d, gradient.shape[-1])
        for chunk, s in zip(self._chunks, self._slices, strict=True):
            chunk.input_gradient(self._kernels, gradient[..., s], result[..., s])
        return result


class _Buffers:
    """Buffers that chunks of one width share, one after another."""

    def __init__(self, architecture: Convolutional, like: Tensor, m: int, width: int) -> None:
        sizes = architecture.convolutions
        self.width, self.activation = width, ACTIVATIONS[architecture.head.activation]
        self.patches = [like.new_ones(m, s.patch + 1, s.positions * width) for s in sizes]  # the last row stays 1
        self.values = [like.new_empty(m, len(SHIFTS) * s.outputs, s.positions * width) for s in sizes]
        self.back = [torch.empty_like(value) for value in self.values]
        self.back_patches = [torch.empty_like(patches[:, :-1]) for patches in self.patches]
        self.back_pooled = [like.new_empty(m, s.outputs * s.positions, width) for s in sizes[:-1]]


class _Chunk:
    """A chunk of samples in the convolutional layers, with what the derivatives need of the forward pass."""

    def __init__(self, work: _Buffers, flat: Tensor, sizes: Sequence[Convolution], like: Tensor) -> None:
        m = len(flat)
        self._work, self._sizes = work, sizes
        self._before = [torch.empty_like(value) for value in work.values]
        self._pooled = [like.new_empty(m, s.outputs * s.positions, work.width) for s in sizes[:-1]] + [flat]

    def forward(self, kernels: Layers, x: Tensor) -> None:
        """From pixels (m d b) to the input of the dense layers."""
        for i, kernel in enumerate(kernels):
            torch.bmm(kernel, self._patches(i, x), out=self._before[i])
            self._work.activation.forward(self._before[i], self._work.values[i])
            x = self._pooled[i]
            four = self._work.values[i].unflatten(1, (len(SHIFTS), -1))
            pooled = x.view(len(x), four.shape[2], -1, x.shape[-1])
            parts = four.unflatten(3, (-1, x.shape[-1])).unbind(1)
            torch.add(parts[0], parts[1], out=pooled)
            pooled.add_(parts[2]).add_(parts[3]).mul_(MEAN)

    def add_weight_gradient(self, kernels: Layers, gradient: Tensor, x: Tensor, wide: Layers) -> None:
        """Add to ``wide`` the gradient with respect to ``kernels``, from the one with respect to the dense layers'
        input."""
        for i in range(len(kernels) - 1, -1, -1):
            before = self._before_gradient(i, gradient)
            patches = self._patches(i, self._pooled[i - 1] if i else x)
            wide[i].baddbmm_(before, patches.mT)
            if i:
                gradient = self._picture_gradient(i, kernels[i], before, self._work.back_pooled[i - 1])

    def input_gradient(self, kernels: Layers, gradient: Tensor, out: Tensor) -> None:
        """Into ``out`` (m d b), the gradient with respect to the pixels."""
        for i in range(len(kernels) - 1, -1, -1):
            before = self._before_gradient(i, gradient)
            gradient = self._picture_gradient(i, kernels[i], before, self._work.back_pooled[i - 1] if i else out)

    def _patches(self, i: int, x: Tensor) -> Tensor:
        """The patches of layer ``i``'s input, with a last row of ones."""
        patches, view = self._work.patches[i], self._sizes[i].patches(x)
        patches[:, :-1].view(view.shape).copy_(view)
        return patches

    def _before_gradient(self, i: int, gradient: Tensor) -> Tensor:
        """Gradient before the activation of layer ``i``, from the one with respect to its output (m outputs·positions
        b)."""
        work, sizes = self._work, self._sizes[i]
        back = work.back[i]
        shared = (gradient * MEAN).view(len(back), 1, sizes.outputs, -1)
        back.unflatten(1, (len(SHIFTS), sizes.outputs)).copy_(shared)
        work.activation.forward(self._before[i], work.values[i])
        return work.activation.backward(back, self._before[i], work.values[i])

    def _picture_gradient(self, i: int, kernel: Tensor, before: Tensor, out: Tensor) -> Tensor:
        """Gradient with respect to layer ``i``'s input, into ``out``."""
        patches = torch.bmm(kernel[:, :, :-1].mT, before, out=self._work.back_patches[i])
        self._sizes[i].add_patches(patches, out)
        return out
