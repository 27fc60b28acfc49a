"""A small variational autoencoder (Kingma and Welling 2014), which tells what points look like the data.

Columns are standardised inside. With x in standard units, encoder q(z|x) = N(μ(x), diag σ²(x)), prior N(0, I) and
decoder p(x|z) = N(x̂(z), s² I), what is maximised is the mean over the samples of

    ELBO(x) = −‖x − x̂(z)‖² / (2 s²) − d · ln(s √(2π)) − KL,    z = μ(x) + σ(x) · ξ,  ξ ~ N(0, I)
    KL      = ½ Σ_l (μ_l² + σ_l² − 1 − ln σ_l²)

The noise s of the decoder has the role of β = s² in a β-autoencoder: a small s favours reconstruction, a large one a
latent space that is close to normal, all of which decodes to points like the data. Here s is the distance of samples to
their near neighbours (``spacing``): a tight cluster is then not collapsed to one point, which no gradient could leave.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.optim.adam import adam

from ctviz.errors import ConfigError, DataError
from ctviz.isolation import isolated
from ctviz.settings import Settings

MIN_NOISE, MAX_NOISE = 0.01, 0.1
"""Bounds of s, in standard deviations of a column."""

WARM_UP = 0.5
"""Share of a fit over which the weight of the KL grows to 1. At full weight from the start, it would make latent
dimensions collapse for good."""

Layers = tuple[tuple[Tensor, Tensor], ...]
"""Weight (out in) and bias (out) of each layer; tanh between layers."""

_ROOT_2_PI = math.sqrt(2 * math.pi)

Arrays = dict[str, npt.NDArray[np.float32]]


class VaeSettings(Settings):
    """What determines an autoencoder besides its data."""

    latent: int = Field(2, ge=1, le=64, description="Dimensions of the latent space.")
    hidden: int = Field(32, ge=1, le=1024, description="Width of the one hidden layer of encoder and decoder.")
    updates: int = Field(2000, ge=1, le=1_000_000, description="Optimiser steps.")
    batch: int = Field(128, ge=1, le=100_000, description="Samples per optimiser step.")
    lr: float = Field(0.01, gt=0, le=1, description="Learning rate at the start; it falls to 0 along a cosine.")
    seed: int = Field(0, ge=0, lt=2**31)
    scaling: Literal["columns", "common"] = Field(
        "columns", description="Whether each column is standardised, or all by one deviation, as pixels should be."
    )


@dataclass(frozen=True, eq=False)
class Vae:
    """A fitted autoencoder; ``encode`` and ``decode`` are differentiable, in the units of the data."""

    shift: Tensor  # d: mean of each column
    scale: Tensor  # d: its standard deviation; 1 where it is constant
    noise: Tensor  # 1: s
    encoder: Layers  # d → hidden → 2 L: μ, then ln σ²
    decoder: Layers  # L → hidden → d

    @property
    def d(self) -> int:
        """Number of columns."""
        return len(self.shift)

    @property
    def latent(self) -> int:
        """Dimensions of the latent space, L."""
        return int(self.decoder[0][0].shape[1])

    # -- the map and its bound ---------------------------------------------------------------------

    def encode(self, x: Tensor) -> Tensor:
        """The mean μ of the latent points of ``x``, (… d) → (… L)."""
        return self._code(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Decode latent points, (… L) → (… d)."""
        return torch.addcmul(self.shift, _forward(self.decoder, z), self.scale)

    def elbo(self, x: Tensor, noise: Tensor, share: float = 1.0) -> Tensor:
        """ELBO of ``x`` (b d), in standard units, with the draws ξ ``noise`` (b L); see the module. Nats, (b).

        ``share`` is the weight of the KL, which grows from 0 during a fit.
        """
        mean, log_variance = self._code(x)
        z = mean + noise * torch.exp(0.5 * log_variance)
        missed = (x - self.shift) / self.scale - _forward(self.decoder, z)
        fit = -missed.square().sum(dim=-1) / (2 * self.noise.square()) - self.d * torch.log(self.noise * _ROOT_2_PI)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1)
        return fit - share * divergence

    def _code(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = _forward(self.encoder, (x - self.shift) / self.scale).chunk(2, dim=-1)
        return mean, log_variance

    # -- fitting, storing ---------------------------------------------------------------------------

    @classmethod
    def fit(cls, X: Tensor, latent: int = 2, seed: int = 0, **settings: Any) -> Vae:
        """Fit to ``X`` (n d), on the CPU in single precision, with Adam; the same bits for the same arguments.

        ``settings``: further fields of ``VaeSettings``.

        Raises:
            ConfigError: a setting that is not allowed. DataError: no samples, or some that are not finite.
        """
        chosen = VaeSettings(latent=latent, seed=seed, **settings)
        if X.ndim != 2 or 0 in X.shape or not X.isfinite().all():
            raise DataError(f"An autoencoder is fitted to finite samples of shape (n d); got shape {tuple(X.shape)}.")
        with torch.inference_mode(False), torch.enable_grad(), isolated():
            X = X.detach().to("cpu", torch.float64)
            spread = X.std(dim=0, correction=0)
            if chosen.scaling == "common":
                # A pixel that holds ink once in a thousand pictures would otherwise count as much as one in the middle.
                spread = spread.square().mean().sqrt().expand_as(spread)
            scale = torch.where(spread > 0, spread, 1.0).float()
            shift, noise = X.mean(dim=0).float(), spacing((X / scale).float())
            return _fitted(cls._start(shift, scale, noise, chosen), X.float(), chosen)

    @classmethod
    def _start(cls, shift: Tensor, scale: Tensor, noise: Tensor, settings: VaeSettings) -> Vae:
        d, generator = len(shift), torch.Generator().manual_seed(settings.seed)
        encoder = _draw((d, settings.hidden, 2 * settings.latent), generator)
        return cls(shift, scale, noise, encoder, _draw((settings.latent, settings.hidden, d), generator))

    def to(self, like: Tensor) -> Vae:
        """In the floating-point type and on the device of ``like``."""
        encoder, decoder = (tuple((w.to(like), b.to(like)) for w, b in side) for side in (self.encoder, self.decoder))
        return Vae(self.shift.to(like), self.scale.to(like), self.noise.to(like), encoder, decoder)

    def arrays(self) -> Arrays:
        """``shift``, ``scale``, ``noise``, ``encoder.0.weight``, ``encoder.0.bias`` …: copies on the CPU, float32."""
        named = {"shift": self.shift, "scale": self.scale, "noise": self.noise}
        for side, layers in (("encoder", self.encoder), ("decoder", self.decoder)):
            for i, (weight, bias) in enumerate(layers):
                named |= {f"{side}.{i}.weight": weight, f"{side}.{i}.bias": bias}
        return {name: tensor.detach().to("cpu", torch.float32).numpy().copy() for name, tensor in named.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Vae:
        """Inverse of ``arrays``.

        Raises:
            DataError: arrays that are missing, do not fit together, or are not finite.
        """
        try:
            tensors = {name: torch.tensor(values, dtype=torch.float32) for name, values in arrays.items()}
            sides = [
                tuple((tensors[f"{side}.{i}.weight"], tensors[f"{side}.{i}.bias"]) for i in range(2))
                for side in ("encoder", "decoder")
            ]
            result = cls(tensors["shift"], tensors["scale"], tensors["noise"], *sides)
            d, z = result.d, result.latent
            hidden = [len(layers[0][1]) for layers in sides]
            shapes = [(hidden[0], d), (2 * z, hidden[0]), (hidden[1], z), (d, hidden[1])]
            layers = [layer for side in sides for layer in side]
            fits = all(w.shape == s and b.shape == s[:1] for (w, b), s in zip(layers, shapes, strict=True))
            columns = result.scale.shape == result.shift.shape == (d,) and result.noise.shape == (1,)
            known = len(tensors) == 11 and columns and z > 0
            fits = fits and known and all(bool(t.isfinite().all()) for t in tensors.values())
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
            raise DataError("These arrays are not an autoencoder's.") from error
        if not (fits and (result.scale > 0).all() and (result.noise > 0).all()):
            raise DataError("These arrays are not an autoencoder's: they do not fit together.")
        return result


class DecoderPass:
    """A forward pass through the decoder for samples that come last, and its derivative."""

    def __init__(self, vae: Vae) -> None:
        (self._inner, inner), (outer, self._bias) = vae.decoder
        self._inner_bias = inner.unsqueeze(-1)
        self._outer = vae.scale.unsqueeze(-1) * outer  # in the units of the data
        self._shift = (vae.shift + vae.scale * self._bias).unsqueeze(-1)

    def forward(self, z: Tensor) -> Tensor:
        """Points (m d b) of latent points (m L b)."""
        self._active = torch.tanh(self._inner @ z + self._inner_bias)
        return self._outer @ self._active + self._shift

    def latent_gradient(self, gradient: Tensor) -> Tensor:
        """From the gradient with respect to the points (m d b) of the last ``forward``, that to z (m L b)."""
        return self._inner.T @ ((self._outer.T @ gradient) * (1 - self._active.square()))


def spacing(X: Tensor) -> Tensor:
    """Distance of samples (n d) to near neighbours, per column, clamped to the bounds of the noise, (1).

    The median, over the first 1,000, of the distance to the (n/100)-th nearest other sample, over √d.
    """
    n, d = X.shape
    if n < 2:
        return X.new_tensor([MAX_NOISE])
    place = 1 + max(1, n // 100)  # the first is the sample itself
    far = torch.cat([torch.cdist(part, X).kthvalue(place, dim=1).values for part in X[:1000].split(100)])
    return (far.median() / math.sqrt(d)).clamp(MIN_NOISE, MAX_NOISE).view(1)


def _fitted(vae: Vae, X: Tensor, settings: VaeSettings) -> Vae:
    parameters = [tensor.requires_grad_() for side in (vae.encoder, vae.decoder) for layer in side for tensor in layer]
    optimiser = _Adam(parameters)
    generator = torch.Generator().manual_seed(settings.seed + 1)
    batch = min(settings.batch, len(X))
    for update in range(settings.updates):
        lr = settings.lr * 0.5 * (1 + math.cos(math.pi * update / settings.updates))
        rows = torch.randint(len(X), (batch,), generator=generator)
        noise = torch.randn(batch, settings.latent, generator=generator)
        loss = -vae.elbo(X[rows], noise, min(1.0, update / (WARM_UP * settings.updates))).mean()
        optimiser.step(torch.autograd.grad(loss, parameters), lr)
    for parameter in parameters:
        parameter.requires_grad_(False)
    if not all(parameter.isfinite().all() for parameter in parameters):
        raise ConfigError("lr", settings.lr, "a lower learning rate, for the fit of this autoencoder diverged")
    return vae


class _Adam:
    """``torch.optim.Adam(parameters, fused=True)``, to the bit; the first of those imports torch's compiler, which
    takes longer than a fit."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self._parameters = parameters
        self._means, self._squares = ([torch.zeros_like(one) for one in parameters] for _ in range(2))
        self._taken = [torch.zeros((), dtype=torch.float32) for _ in parameters]

    @torch.no_grad()
    def step(self, gradients: tuple[Tensor, ...], lr: float) -> None:
        adam(
            self._parameters, [*gradients], self._means, self._squares, [], self._taken, fused=True,
            lr=lr, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False,
        )  # fmt: skip


def _forward(layers: Layers, x: Tensor) -> Tensor:
    for i, (weight, bias) in enumerate(layers):
        x = torch.nn.functional.linear(torch.tanh(x) if i else x, weight, bias)
    return x


def _draw(sizes: Sequence[int], generator: torch.Generator) -> Layers:
    """Weights and biases from U(−1/√in, 1/√in)."""
    layers = []
    for a, b in pairwise(sizes):
        bound = 1 / math.sqrt(a)
        weight, bias = torch.empty(b, a), torch.empty(b)
        layers.append(
            (weight.uniform_(-bound, bound, generator=generator), bias.uniform_(-bound, bound, generator=generator))
        )
    return tuple(layers)
