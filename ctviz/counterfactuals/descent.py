"""The gradient search for counterfactuals, for m models and b factuals at once (Algorithm 1 of the paper).

Only active samples are processed: whenever enough of them have ended, the rest are packed together, and arms without
active samples are dropped. So a counterfactual costs no more than the steps that it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import clamp_
from ctviz.counterfactuals.noise import Noise
from ctviz.counterfactuals.penalties import Penalties
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search_result import SearchRequest, SearchResult
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.isolation import parallel_map

WORKING_SET = 1 << 20
"""Most numbers in the widest activation of a chunk: more would leave the caches, fewer cost calls."""

POINTS = 1 << 18
"""Most numbers in the points of a chunk on a CPU, since a step reads them a dozen times. Where one arm's points do not
fit, arms are searched one by one, each over its free columns."""

PACK_BELOW = 0.8
"""Active samples are packed when they fill less than this share of the buffers."""

PER_SAMPLE = ("x", "factuals", "nascent", "boxes", "onehot", "low", "high")
"""What is packed with the active samples, as far as it differs between them."""


def search_gradient(request: SearchRequest) -> SearchResult:
    """Search by gradient steps.

    Arms whose counterfactuals repel each other (DiCE) are searched separately for each ``per_factual``.
    Per sample: for t = 1 … T, x' ← clamp(x' − s) with s = η · cut(∇[cross-entropy(M(x'), y⁺) + penalties]), until
    softmax(M(x'))[y⁺] ≥ τ, which is also checked at the factual itself. With a ``step_bound`` r > 0, s is scaled down
    to ‖s‖₂ ≤ r · spread of the samples (``ReferenceData.spread``); only the step that brings a factual into its domain
    may be longer.
    """
    factuals, model = request.factuals, request.model
    rules = _ArmSettings.of(request.settings, factuals, request.reference_data)
    m, d, b = factuals.shape
    points = POINTS if factuals.device.type == "cpu" else m * (d + 1) * max(1, b)
    together = min(m, max(1, points // ((d + 1) * max(1, b))))  # arms of a chunk
    size = min(WORKING_SET // (together * max(model.widest, d + 1)), points // (together * (d + 1)))
    size = -(-max(32, size) // rules.together) * rules.together

    def chunk(place: tuple[int, int]) -> SearchResult:
        arm, start = place
        part = slice(start, start + size)
        if together == m:
            return _GradientSearch(request.part(part), rules, start).run()
        own = range(m)[arm : arm + together]
        index = torch.tensor(own, device=factuals.device)
        return _GradientSearch(request.take(own).part(part), rules.take(index), start).run()

    starts = range(0, max(b, 1), size)
    found = parallel_map(chunk, [(arm, start) for arm in range(0, m, together) for start in starts])
    rows = [_joined(found[i : i + len(starts)], -1) for i in range(0, len(found), len(starts))]
    return _joined(rows, 0)


def _joined(parts: Sequence[SearchResult], dim: Literal[0, -1]) -> SearchResult:
    """Results concatenated over arms (0) or over samples (−1)."""
    if len(parts) == 1:
        return parts[0]
    paths = [part.path for part in parts if part.path is not None]
    return SearchResult(
        final=torch.cat([part.final for part in parts], dim),
        nascent=torch.cat([part.nascent for part in parts], dim),
        mature=torch.cat([part.mature for part in parts], dim),
        steps=torch.cat([part.steps for part in parts], dim),
        path=torch.cat(paths, 1 if dim == 0 else dim) if paths else None,
    )


@dataclass(frozen=True)
class _ArmSettings:
    """The settings of m arms as tensors."""

    tau: Tensor  # m 1
    limit: Tensor  # m 1: T
    backwards: Tensor  # m 1: −η
    longest_step: Tensor | None  # m 1 1: infinity for an arm without a bound; None where no arm has one
    longest: int
    alike: bool  # whether T is the same for all arms
    penalties: Penalties
    noise: Noise | None

    @property
    def together(self) -> int:
        """Columns that must stay together: the counterfactuals of one factual, where they repel each other."""
        return 1 if self.penalties.repulsion is None else self.penalties.repulsion.n

    def take(self, arms: Tensor) -> _ArmSettings:
        """The settings of some of the arms."""
        return replace(
            self,
            tau=self.tau[arms],
            limit=self.limit[arms],
            backwards=self.backwards[arms],
            longest_step=None if self.longest_step is None else self.longest_step[arms],
            penalties=self.penalties.take(arms),
            noise=None if self.noise is None else self.noise.take(arms),
        )

    @classmethod
    def of(cls, settings: Sequence[SearchSettings], like: Tensor, reference_data: ReferenceData | None) -> _ArmSettings:
        limits = [s.steps for s in settings]
        return cls(
            tau=like.new_tensor([s.tau for s in settings]).unsqueeze(-1),
            limit=torch.tensor(limits, device=like.device).unsqueeze(-1),
            backwards=like.new_tensor([-s.step_size for s in settings]).unsqueeze(-1),
            longest_step=_longest_step(settings, like, reference_data),
            longest=max(limits),
            alike=len(set(limits)) == 1,
            penalties=Penalties.of(settings, like, reference_data),
            noise=Noise.of(settings, like),
        )


def _longest_step(
    settings: Sequence[SearchSettings], like: Tensor, reference_data: ReferenceData | None
) -> Tensor | None:
    """Of each arm the length that no step may exceed, (m 1 1)."""
    if reference_data is None or not any(s.step_bound for s in settings):
        return None
    spread = reference_data.spread()
    return like.new_tensor([s.step_bound * spread if s.step_bound else torch.inf for s in settings]).view(-1, 1, 1)


def shorten_(step: Tensor, longest: Tensor) -> Tensor:
    """Steps (m d b) scaled down to the length ‖s‖₂ = ``longest`` (m 1 1), in place; shorter ones stay as they are."""
    largest = step.abs().amax(dim=1, keepdim=True).clamp_min_(torch.finfo(step.dtype).tiny)
    length = torch.linalg.vector_norm(step / largest, dim=1, keepdim=True)  # in units of the largest: never infinite
    return step.mul_((longest / largest / length).clamp_max_(1))


class _GradientSearch:
    """One chunk of a search: the active samples, packed, and the results of all samples (``all_…``).

    Only the s columns of ``span`` move: locked pixels at the edges of a picture cost a pass and nothing else.
    """

    def __init__(self, request: SearchRequest, rules: _ArmSettings, first: int) -> None:
        factuals, constraints = request.factuals, request.constraints
        m, d, b = factuals.shape
        self.first = first  # place of the chunk in the whole search
        self.model, self.rules = request.model, rules
        self.span, self.b = constraints.span(), b
        self.constraints = constraints.columns(self.span)
        # The results have a spare column, which receives the padding of packed rows.
        self.all_points = torch.cat([factuals, factuals.new_zeros(m, d, 1)], dim=-1)
        self.all_nascent = self.all_points.clone()
        self.all_mature = torch.zeros(m, b + 1, dtype=torch.bool, device=factuals.device)
        self.all_steps = rules.limit.repeat(1, b + 1)
        self.path = factuals.new_empty(rules.longest + 1, m, d, b) if request.record else None

        self.arms = torch.arange(m, device=factuals.device).unsqueeze(1)  # m 1: where an arm's results go
        self.origin = torch.arange(b, device=factuals.device).expand(m, b)  # m b: where a sample's results go
        self.alive = torch.ones(m, b, dtype=torch.bool, device=factuals.device)
        self.mature = torch.zeros_like(self.alive)
        self.steps = rules.limit.repeat(1, b)
        self.x = torch.cat([factuals, factuals.new_ones(m, 1, b)], dim=1)
        self.factuals = factuals[:, self.span].contiguous()  # m s b
        self.nascent, self.boxes = self.factuals.clone(), request.boxes  # ε: m 1 1 or m 1 b
        classes = torch.arange(self.model.k, device=factuals.device).unsqueeze(-1)
        self.onehot = (request.targets.unsqueeze(1) == classes).to(factuals.dtype)  # m k b
        self.low, self.high = self.constraints.box(self.factuals)
        self.boxed = self.low is not self.constraints.lower
        limit = torch.finfo(factuals.dtype).max
        self.low, self.high = self.low.clamp_min(-limit), self.high.clamp_max(limit)  # so that no point is infinite
        self._attach()

    def _attach(self) -> None:
        self.size = self.alive.numel()
        self.point = self.x[:, self.span]
        self.moved = self.point - self.factuals
        self.passing = self.model.run(self.x.shape[-1])

    def run(self) -> SearchResult:
        for t in range(self.rules.longest + 1):
            logits = self.passing.forward(self.x)
            probabilities = torch.softmax(logits, dim=1)
            moving = self._stop(probabilities, t)
            if self.path is not None:
                self._write(torch.ones_like(self.alive))
                self.path[t] = self.all_points[..., : self.b]
            if t == self.rules.longest or not any(moving):
                break
            gradient = self.rules.penalties.logit_gradient(probabilities, logits, self.onehot, t + 1)
            self._move(self.passing.input_gradient(gradient), t + 1)
            if self._worth_packing(moving):
                self._pack(moving)
        self._write(torch.ones_like(self.alive))
        if self.path is not None:
            self.path[t + 1 :] = self.path[t]
        points, nascent = self.all_points[..., : self.b], self.all_nascent[..., : self.b]
        return SearchResult(points, nascent, self.all_mature[:, : self.b], self.all_steps[:, : self.b], self.path)

    def _stop(self, probabilities: Tensor, t: int) -> list[int]:
        """Freeze samples that have reached τ (mature) or taken T steps; returns the number of active samples of each
        arm."""
        reached = (probabilities * self.onehot).sum(dim=1) >= self.rules.tau
        stopped = self.alive & reached
        on_time = self.alive if self.rules.alike else self.alive & (t < self.rules.limit)
        self.alive = on_time & ~reached
        if stopped.any():
            self.mature = self.mature | stopped
            self.steps = torch.where(stopped, t, self.steps)
            if t == 0 and self.boxed:  # mature before the first step and outside the domain: it stays there
                self.low = torch.where(stopped.unsqueeze(1), self.factuals, self.low)
                self.high = torch.where(stopped.unsqueeze(1), self.factuals, self.high)
        return self.alive.sum(dim=1).tolist()

    def _move(self, gradient: Tensor, t: int) -> None:
        """Step ``t``: descent, mutability, domain; then the nascent point."""
        penalties, noise = self.rules.penalties, self.rules.noise
        penalties.add_distance_gradient(gradient[:, self.span], self.moved)
        gradient = penalties.add_forces(gradient, self.x[:, :-1], self.onehot)
        if noise is not None:
            gradient = noise.add(gradient, t, self.origin, self.first, self.b)
        step = self.constraints.cut(gradient[:, self.span].mul_((self.rules.backwards * self.alive).unsqueeze(1)))
        if self.rules.longest_step is not None:
            shorten_(step, self.rules.longest_step)
        clamp_(self.point.add_(step), self.low, self.high)
        torch.sub(self.point, self.factuals, out=self.moved)
        farthest = torch.abs(self.moved, out=step).amax(dim=1, keepdim=True)
        inside = (farthest <= self.boxes).to(farthest.dtype)
        # As torch.where(inside, point, nascent), in a third of its time: both are finite.
        self.nascent.mul_(1 - inside).addcmul_(self.point, inside)

    def _worth_packing(self, moving: list[int]) -> bool:
        if self.rules.together > 1:  # mature counterfactuals go on repelling the others
            return not all(moving)
        return max(moving) * sum(map(bool, moving)) < PACK_BELOW * self.size

    def _pack(self, moving: list[int]) -> None:
        """Keep only active arms and samples; shorter rows are padded with copies."""
        self._write(~self.alive)
        kept = [arm for arm, count in enumerate(moving) if count]
        if len(kept) < len(moving):
            self._drop_arms(kept)
        if self.rules.together > 1:
            self._attach()
            return
        width, device = max(moving), self.x.device
        place = torch.where(self.alive, self.alive.cumsum(dim=1) - 1, width)
        columns = torch.arange(self.x.shape[-1], device=device).expand(len(kept), -1)
        chosen = place.new_zeros(len(kept), width + 1).scatter_(1, place, columns)[:, :width]
        filled = torch.arange(width, device=device) < self.alive.sum(dim=1, keepdim=True)
        self.origin = torch.where(filled, self.origin.gather(1, chosen), self.b)
        self.alive = filled
        self.mature, self.steps = torch.zeros_like(filled), self.rules.limit.repeat(1, width)
        for name in PER_SAMPLE:
            value: Tensor = getattr(self, name)
            if value.shape[-1] > 1:
                setattr(self, name, value.gather(2, chosen.unsqueeze(1).expand(-1, value.shape[1], -1)))
        self._attach()

    def _drop_arms(self, kept: list[int]) -> None:
        index = torch.tensor(kept, device=self.x.device)
        self.model, self.rules = self.model.take(kept), self.rules.take(index)
        self.constraints = self.constraints.take(index)
        for name in ("arms", "origin", "alive", "mature", "steps", *PER_SAMPLE):
            setattr(self, name, getattr(self, name)[index])

    def _write(self, chosen: Tensor) -> None:
        """Update the results of the columns ``chosen`` (m b); the others are written to the spare column."""
        place = torch.where(chosen, self.origin, self.b)
        self._scatter(self.all_mature, place, self.mature)
        self._scatter(self.all_steps, place, self.steps)
        place = place.unsqueeze(1).expand(-1, self.point.shape[1], -1)
        for results, values in ((self.all_points, self.point), (self.all_nascent, self.nascent)):
            self._scatter(results[:, self.span], place, values)

    def _scatter(self, results: Tensor, place: Tensor, values: Tensor) -> None:
        """``results[arm, …, place] = values``, for the active arms."""
        if len(values) == len(results):
            results.scatter_(-1, place, values)
            return
        rows = self.arms.squeeze(1)
        results[rows] = results[rows].scatter_(-1, place, values)
