"""How close counterfactuals come to real data of their target class: IP and IP* of the paper.

Everything is computed and returned in float64, whatever the input; the same input gives the same bits on CPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ctviz.errors import DataError
from ctviz.evaluation.mmd import LENGTH_SCALE, kernel_sums, pair_sums, weighted_mmd2, within

PER_CLASS = 1000
"""Most samples of a class with which counterfactuals are compared."""

MEDIAN_OF = 2000
"""Most samples between which the median distance is taken: two million pairs."""

BLOCK = 2**21
"""Most distances held in memory at once (16 MB)."""


def implausibility(counterfactuals: Tensor, targets: Tensor) -> Tensor:
    """IP: mean ℓ1 distance from each counterfactual to samples of its target class.

        IP(x') = 1/n · Σ_j ‖x' − x_j‖₁

    The distance is a sum over features, and in each feature a piecewise linear function of x'_d: with the
    samples sorted and summed up once, a counterfactual costs O(d log n), and no (b n) matrix is formed.

    Args:
        counterfactuals: (… b d).
        targets: samples of the target class, shared (n d), or (… n d) with the same leading axes.

    Returns:
        (… b), float64, in units of the features; NaN for n = 0.

    Raises:
        DataError: when the shapes do not fit together.
    """
    return _Distances.to(targets).mean(counterfactuals)


@dataclass(frozen=True)
class ReferenceSamples:
    """Real samples of every class with which counterfactuals are compared, prepared once."""

    samples: tuple[Tensor, ...]  # k times (n_c d), float64
    within: tuple[Tensor, ...]  # k times (): mean kernel between two different samples of the class
    distances: tuple[_Distances, ...]  # k
    length_scale: float

    @classmethod
    def of(
        cls,
        X: Tensor,
        y: Tensor,
        k: int,
        per_class: int = PER_CLASS,
        length_scale: float = LENGTH_SCALE,
        seed: int = 0,
    ) -> ReferenceSamples:
        """Up to ``per_class`` samples of each of ``k`` classes, drawn without replacement from X (n d), y (n)."""
        draw = torch.Generator().manual_seed(seed)
        samples = []
        for c in range(k):
            rows = torch.nonzero(y == c).squeeze(1)
            if len(rows) > per_class:
                rows = rows[torch.randperm(len(rows), generator=draw)[:per_class].to(rows.device)]
            samples.append(X[rows].double())
        return cls(
            samples=tuple(samples),
            within=tuple(within(s, length_scale) for s in samples),
            distances=tuple(_Distances.to(s) for s in samples),
            length_scale=length_scale,
        )

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.samples)

    def at_median(self) -> ReferenceSamples:
        """The same samples with the median distance between them as the kernel's length scale.

            ℓ = median_{i<j} ‖x_i − x_j‖₂        over samples of all classes together

        The median heuristic (Gretton et al., A Kernel Two-Sample Test, 2012): in many dimensions all samples are far
        from each other, and with a fixed ℓ all kernel values may be near 0. Taken over up to 2,000 samples, some
        of each class. IP* is NaN for fewer than two samples, or where more than half are alike (ℓ = 0).
        """
        pooled = torch.cat(self.samples)
        distances = torch.pdist(pooled[:: -(-len(pooled) // MEDIAN_OF) or 1])
        scale = float(distances.quantile(0.5)) if len(distances) else torch.nan
        scale = scale or torch.nan
        return replace(self, within=tuple(within(s, scale) for s in self.samples), length_scale=scale)

    def implausibility(self, counterfactuals: Tensor, target: Tensor) -> Tensor:
        """IP of each counterfactual: (… b d) and target classes (… b) or shared (b) → (… b), float64."""
        return _mean_by_class(counterfactuals, target, self.distances)

    def nearest(self, points: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The real sample of its target class that lies nearest to each point, and how far away it lies.

            min_j ‖x' − x_j‖₂ over the samples x_j of class y⁺

        Args:
            points: x', (… b d).
            target: y⁺, (… b) or shared (b), int64.

        Returns:
            Distances (… b), float64, NaN where the class has no sample; and the samples (… b d), float64, the point
            itself where there is none.
        """
        x = points.double()
        target = target.expand(x.shape[:-1])
        distance, sample = torch.full_like(x[..., 0], torch.nan), x.clone()
        for c, samples in enumerate(self.samples):
            chosen = target == c
            if len(samples) and chosen.any():
                distance[chosen], sample[chosen] = _nearest(x[chosen], samples)
        return distance, sample

    def mean_of_nearest(self, points: Tensor, target: Tensor, number: int) -> Tensor:
        """Mean ℓ2 distance from each point to the real samples of its target class that lie nearest to it.

        Args:
            points: x', (… b d).
            target: y⁺, (… b) or shared (b), int64.
            number: how many samples; all of the class where it has fewer.

        Returns:
            (… b), float64; NaN where the class has no sample.
        """
        x = points.double()
        target = target.expand(x.shape[:-1])
        result = torch.full_like(x[..., 0], torch.nan)
        for c, samples in enumerate(self.samples):
            chosen = target == c
            if len(samples) and chosen.any():
                few = min(number, len(samples))
                parts = [far.topk(few, largest=False).values.mean(dim=1) for far in _apart(x[chosen], samples)]
                result[chosen] = torch.cat(parts)
        return result

    def nearness(self, points: Tensor, c: int) -> Tensor:
        """Mean kernel between each point (b d) and the samples of class c, (b), float64; NaN where there is none."""
        samples = self.samples[c]
        return kernel_sums(points.double(), samples, self.length_scale) / (len(samples) or torch.nan)

    def weighted_mmd2(
        self, points: Tensor, c: int, weights: Tensor, repeats: bool, owner: Tensor | None = None
    ) -> Tensor:
        """Unbiased squared MMD (``mmd.weighted_mmd2``) between weighted points and the real samples of class c.

        Args:
            points: (u d).
            weights: how often each point was drawn, in r ways, (r u), float64.
            repeats: whether a point that was drawn several times makes pairs with its other draws.
            owner: the column of weights (r n) that each point has its weight from, (u). None: each one of its own.

        Returns:
            (r), float64; NaN where there are no pairs of points, or fewer than two samples.
        """
        x, near = points.double(), self.nearness(points, c)
        size = torch.ones_like(near)
        if owner is not None:
            near, size = (weights.new_zeros(weights.shape[1]).index_add_(0, owner, one) for one in (near, size))
        number = weights @ size
        alone = number if repeats else weights.square() @ size
        pairs = pair_sums(x, weights, self.length_scale, owner)
        return weighted_mmd2(pairs, alone, number, weights @ near, self.within[c])

    def mmd2(self, counterfactuals: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Unbiased squared MMD between each arm's counterfactuals of a class and the real samples of it.

        Args:
            counterfactuals: (m b d).
            target: class of each counterfactual, (m b) or shared (b), int64.
            mask: which counterfactuals count, (m b) or shared (b), bool. None: all.

        Returns:
            (m k), float64; NaN where fewer than two counterfactuals or two samples are of the class.
        """
        x = counterfactuals.double()
        chosen = _chosen(x, target, mask, self.k)  # m k b
        result = x.new_full(chosen.shape[:2], torch.nan)
        for c in range(self.k):
            picked = chosen[:, c]  # m b
            near = x.new_zeros(picked.shape)
            near[picked] = self.nearness(x[picked], c)
            own = [a[p] for a, p in zip(x, picked, strict=True)]  # m times (n d)
            pairs = torch.stack([kernel_sums(points, points, self.length_scale).sum(-1) for points in own])
            number = picked.sum(-1).double()
            result[:, c] = weighted_mmd2(pairs, number, number, near.sum(-1), self.within[c])
        return result

    def ip_star(self, counterfactuals: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """IP*: squared MMD (``mmd2``) per target class, clamped at 0, averaged over the classes of an arm.

        A class is weighted by its number of counted counterfactuals; classes in which it is undefined are left out.

        Args:
            counterfactuals: (m b d).
            target: class of each counterfactual, (m b) or shared (b), int64.
            mask: which counterfactuals count, (m b) or shared (b), bool. None: all.

        Returns:
            (m), float64; NaN where every class has fewer than two counterfactuals or two samples.
        """
        counts = _chosen(counterfactuals, target, mask, self.k).sum(-1)  # m k
        return over_classes(self.mmd2(counterfactuals, target, mask), counts)


def over_classes(mmd: Tensor, number: Tensor) -> Tensor:
    """IP* from the squared MMD of each class (… k) and its number of counterfactuals (… k) → (…).

    Σ_c n_c · max(0, MMD²_c) / Σ_c n_c        over the classes in which it is defined; NaN if there are none
    """
    weights = torch.where(mmd.isfinite(), number, 0)
    return (mmd.clamp_min(0).nan_to_num(0.0) * weights).sum(-1) / weights.sum(-1)


@dataclass(frozen=True)
class _Distances:
    """Samples, sorted and summed up in each feature, so that mean distances to all of them are cheap."""

    values: Tensor  # … d n, ascending
    sums: Tensor  # … d n+1: of the first 0, 1, … n values

    @classmethod
    def to(cls, samples: Tensor) -> _Distances:
        values = samples.double().transpose(-1, -2).sort(-1).values.contiguous()
        return cls(values, torch.nn.functional.pad(values.cumsum(-1), (1, 0)))

    def mean(self, points: Tensor) -> Tensor:
        """Mean ℓ1 distance from each point (… b d) to the samples → (… b)."""
        lead, (b, d) = points.shape[:-2], points.shape[-2:]
        shared = self.values.ndim == 2
        if d != self.values.shape[-2] or not (shared or self.values.shape[:-2] == lead):
            given = f"{tuple(points.shape)} and {tuple(self.values.transpose(-1, -2).shape)}"
            raise DataError(f"Distances are taken between (… b d) and (… n d); got {given}.")
        x = (points.reshape(-1, d) if shared else points).double().transpose(-1, -2).contiguous()  # … d b
        n = self.values.shape[-1]
        below = torch.searchsorted(self.values, x)
        total = x * (2 * below - n) - 2 * self.sums.gather(-1, below) + self.sums[..., -1:]
        return (total.clamp_min(0).sum(-2) / (n or torch.nan)).reshape(*lead, b)


def _mean_by_class(points: Tensor, target: Tensor, distances: Sequence[_Distances]) -> Tensor:
    """Mean distance from each point (… b d) to the samples of its class (… b) → (… b)."""
    target = target.expand(points.shape[:-1])
    result = torch.full(points.shape[:-1], torch.nan, dtype=torch.float64, device=points.device)
    for c, samples in enumerate(distances):
        result[target == c] = samples.mean(points[target == c])
    return result


def _chosen(counterfactuals: Tensor, target: Tensor, mask: Tensor | None, k: int) -> Tensor:
    """Which counterfactuals of (m b d) count for which class, (m k b), bool."""
    classes = torch.arange(k, device=target.device)[:, None]
    chosen = target.expand(counterfactuals.shape[:2])[:, None] == classes
    return chosen if mask is None else chosen & mask.expand(counterfactuals.shape[:2])[:, None]


def _nearest(x: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
    """The least distance of each x (b d) from samples (n d), and the sample."""
    found = [distances.min(dim=1) for distances in _apart(x, samples)]
    return torch.cat([one.values for one in found]), samples[torch.cat([one.indices for one in found])]


def _apart(x: Tensor, samples: Tensor) -> Iterator[Tensor]:
    """Distances of some of x (b d) after the other from samples (n d), (b' n) each."""
    for part in torch.split(x, max(1, BLOCK // len(samples))):
        # Without the shortcut by products of matrices, which loses digits.
        yield torch.cdist(part, samples, compute_mode="donot_use_mm_for_euclid_dist")
