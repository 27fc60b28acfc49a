"""REVISE (Joshi et al. 2019): gradient search in the latent space of a variational autoencoder.

The search moves a latent point z, from z₀ = encode(x). The counterfactual x' is its decoding, within the constraints:

    z_t = z_{t−1} − η · ∇_z [cross-entropy(M(x'(z)), y⁺) + λ_cost ‖x'(z) − x‖₁]    at z_{t−1}
    x'_t = clamp(x'_{t−1} + cut(decode(z_t) − x'_{t−1})),    x'_0 = x

so that mutability and domain hold exactly on decoded points, step by step as in the gradient search. Where a column
may not follow the decoder (locked, against its direction, beyond its range), x' does not depend on z there and its
gradient is zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ctviz.counterfactuals.noise import Noise
from ctviz.counterfactuals.search_result import SearchRequest, SearchResult
from ctviz.errors import ConfigError, DataError
from ctviz.models.vae import DecoderPass, Vae

WORKING_SET = 1 << 20
"""Most numbers in the widest activation of a chunk."""

PACK_BELOW = 0.8
"""Active samples are packed when they fill less than this share of the buffers."""


def search_latent(request: SearchRequest) -> SearchResult:
    """Search through the autoencoders of ``reference_data``.

    Raises:
        ConfigError: there is no ``reference_data``. DataError: an autoencoder of other columns than the factuals'.
    """
    factuals, settings = request.factuals, request.settings
    if request.reference_data is None:
        raise ConfigError("generator", "revise", "one that needs no training samples (reference_data), or give some")
    m, d, b = factuals.shape
    longest = max(s.steps for s in settings)
    found = SearchResult(
        final=factuals.clone(),
        nascent=factuals.clone(),
        mature=torch.zeros_like(request.targets, dtype=torch.bool),
        steps=torch.zeros_like(request.targets),
        path=factuals.new_empty(longest + 1, m, d, b) if request.record else None,
    )
    for latent in sorted({s.latent for s in settings}):
        vae = request.reference_data.vae(latent).to(factuals)
        if vae.d != d:
            raise DataError(f"The autoencoder knows {vae.d} columns; the factuals have {d}.")
        arms = [arm for arm, s in enumerate(settings) if s.latent == latent]
        width = max(request.model.widest, d + 1, len(vae.decoder[0][1]))
        size = max(32, WORKING_SET // (len(arms) * width))
        for start in range(0, b, size):
            columns = torch.arange(start, min(start + size, b), device=factuals.device)
            _LatentSearch(request, vae, arms, columns, found).run()
    return found


class _LatentSearch:
    """Some arms and columns of a search: the active ones, packed; results are written to ``found``."""

    def __init__(self, request: SearchRequest, vae: Vae, arms: list[int], columns: Tensor, found: SearchResult) -> None:
        chosen, like = [request.settings[arm] for arm in arms], request.factuals
        rows = torch.tensor(arms, device=like.device)
        self.found, self.decoder = found, DecoderPass(vae)
        self.first, self.b = int(columns[0]), len(columns)
        self.all_arms, self.part = rows, slice(self.first, self.first + self.b)

        # Per arm; arms are dropped as they end.
        model = request.model
        self.model = model if len(arms) == model.m else model.take(arms)
        self.constraints = request.constraints.take(rows)
        self.noise = Noise.of(chosen, like)
        self.arms = rows.unsqueeze(1)  # m 1: where an arm's results go
        self.tau = like.new_tensor([s.tau for s in chosen]).unsqueeze(-1)
        self.limit = torch.tensor([s.steps for s in chosen], device=like.device).unsqueeze(-1)
        self.rate = like.new_tensor([s.step_size for s in chosen]).view(-1, 1, 1)
        self.cost = like.new_tensor([s.lambda_cost for s in chosen]).view(-1, 1, 1)

        # Per arm and sample, packed as samples end.
        self.origin = columns.expand(len(arms), -1)  # m b: where a sample's results go
        self.alive = torch.ones_like(self.origin, dtype=torch.bool)
        self.factuals = request.factuals[rows][..., columns]
        self.point = self.factuals.clone()
        self.nascent = self.factuals.clone()
        self.boxes = request.boxes.expand(-1, -1, like.shape[-1])[rows][..., columns]  # m 1 b: ε
        self.z = vae.encode(self.factuals.mT).mT.contiguous()
        wanted = request.targets[rows][:, columns]
        self.onehot = torch.nn.functional.one_hot(wanted, model.k).to(like.dtype).mT.contiguous()
        self.low, self.high = (bound.expand_as(self.point) for bound in self.constraints.box(self.factuals))
        self._attach()

    def run(self) -> None:
        t = 0
        moving = self._stop(self._probabilities(self.point), t)
        self._write(t)
        shown = self._show()  # x'(z₀), which is not a point of the path
        probabilities = self._probabilities(shown)
        while any(moving):
            t += 1
            self._move(self._gradient(probabilities, shown), t)
            shown = self._show()
            self._step_to(shown)
            probabilities = self._probabilities(shown)
            moving = self._stop(probabilities, t)
            self._write(t)
            if any(moving) and max(moving) * sum(map(bool, moving)) < PACK_BELOW * self.alive.numel():
                self._pack(moving)
                # Show the same points again, to refill the buffers that the derivatives need. Which columns follow is
                # packed and not computed anew: with fewer samples a product's last bits may differ, and a point that
                # lay on the decoder's output could seem to lie on its forbidden side.
                self.decoder.forward(self.z)
                shown = self.point
                probabilities = self._probabilities(shown)
        if self.found.path is not None:
            self.found.path[t + 1 :, self.all_arms, :, self.part] = self.found.path[t, self.all_arms, :, self.part]

    def _attach(self) -> None:
        self.passing = self.model.run(self.point.shape[-1])

    def _probabilities(self, points: Tensor) -> Tensor:
        return torch.softmax(self.passing.forward(torch.cat([points, torch.ones_like(points[:, :1])], dim=1)), dim=1)

    def _show(self) -> Tensor:
        """x'(z): the decoded points, as far as the current points may follow them; records which columns do."""
        decoded, low, high = self.decoder.forward(self.z), self.low, self.high
        if self.constraints.least is not None:
            low = torch.where(self.constraints.may_fall, low, low.maximum(self.point))
            high = torch.where(self.constraints.may_rise, high, high.minimum(self.point))
        wanted = torch.where(decoded.isfinite(), decoded, self.point)
        self.follows = (low < high) & (wanted >= low) & (wanted <= high)
        return wanted.clamp(low, high)

    def _gradient(self, probabilities: Tensor, shown: Tensor) -> Tensor:
        """With respect to z, (m L b)."""
        gradient = self.passing.input_gradient(probabilities - self.onehot)
        gradient = gradient + self.cost * torch.sign(shown - self.factuals)
        return self.decoder.latent_gradient(torch.where(self.follows, gradient, 0.0))

    def _move(self, gradient: Tensor, t: int) -> None:
        if self.noise is not None:
            gradient = self.noise.add(gradient, t, self.origin - self.first, self.first, self.b)
        step = (self.rate * gradient).nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
        self.z = torch.where(self.alive.unsqueeze(1), self.z - step, self.z)

    def _step_to(self, shown: Tensor) -> None:
        self.point = torch.where(self.alive.unsqueeze(1), shown, self.point)
        inside = ((self.point - self.factuals).abs() <= self.boxes).all(dim=1, keepdim=True)
        self.nascent = torch.where(inside, self.point, self.nascent)

    def _stop(self, probabilities: Tensor, t: int) -> list[int]:
        """Freeze samples that have reached τ (mature) or taken T steps; returns the number of active samples of each
        arm."""
        reached = self.alive & ((probabilities * self.onehot).sum(dim=1) >= self.tau)
        stopped = reached | (self.alive & (t >= self.limit))
        if stopped.any():
            rows, columns = self.arms.expand_as(stopped)[stopped], self.origin[stopped]
            self.found.mature[rows, columns] = reached[stopped]
            self.found.steps[rows, columns] = t
            self.found.final.mT[rows, columns] = self.point.mT[stopped]
            self.found.nascent.mT[rows, columns] = self.nascent.mT[stopped]
            self.alive = self.alive & ~stopped
        return self.alive.sum(dim=1).tolist()

    def _write(self, t: int) -> None:
        """Write point ``t`` of the paths: the current points of active samples, the final points of all others."""
        path = self.found.path
        if path is None:
            return
        if t:
            path[t, self.all_arms, :, self.part] = path[t - 1, self.all_arms, :, self.part]
        path[t].mT[self.arms, self.origin] = self.point.mT

    def _pack(self, moving: list[int]) -> None:
        """Keep only active arms and samples; shorter rows keep some that have ended."""
        kept = [arm for arm, count in enumerate(moving) if count]
        if len(kept) < len(moving):
            index = torch.tensor(kept, device=self.point.device)
            self.model, self.constraints = self.model.take(kept), self.constraints.take(index)
            self.noise = None if self.noise is None else self.noise.take(index)
            for name in (*_PER_ARM, *_PER_SAMPLE, "origin", "alive"):
                setattr(self, name, getattr(self, name)[index])
        order = torch.argsort((~self.alive).byte(), dim=1, stable=True)[:, : max(moving)]
        self.origin, self.alive = self.origin.gather(1, order), self.alive.gather(1, order)
        for name in _PER_SAMPLE:
            value: Tensor = getattr(self, name)
            setattr(self, name, value.gather(2, order.unsqueeze(1).expand(-1, value.shape[1], -1)))
        self._attach()


_PER_ARM = ("arms", "tau", "limit", "rate", "cost")
_PER_SAMPLE = ("factuals", "point", "nascent", "boxes", "z", "onehot", "low", "high", "follows")
