"""Reference data of a search: samples of the data, and what is computed from them once and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor

from ctviz.data.dataset import Dataset
from ctviz.errors import DataError

if TYPE_CHECKING:
    from ctviz.models.vae import Vae

MAX_ATTRACTORS = 50
"""Most samples of each class that attract (Gravitational)."""

MAX_SAMPLES = 1_000
"""Most samples that searches without gradients choose from."""

MAX_DISTANCES = 1 << 21
"""Most distances between samples that are held at once."""

T = TypeVar("T")


class ReferenceData:
    """Training samples ``X`` (n d) with classes ``y`` (n) of 0 … k − 1, for searches that need them.

    What is computed from them uses fixed seeds, is made when first needed and is kept, so that all searches with one
    ``ReferenceData`` share it, also from several threads. ``vae`` maps a number of latent dimensions to an autoencoder;
    without it, one is fitted to ``X``.
    """

    def __init__(self, X: Tensor, y: Tensor, k: int, vae: Callable[[int], Vae] | None = None) -> None:
        X, y = X.detach().cpu(), y.detach().cpu().long()
        if X.ndim != 2 or 0 in X.shape or y.shape != X.shape[:1]:
            raise DataError(
                f"The samples have shape {tuple(X.shape)} and their classes {tuple(y.shape)}; expected (n d) and (n)."
            )
        if not (int(y.min()) >= 0 and int(y.max()) < k):
            raise DataError(f"The samples' classes lie outside 0 to {k - 1}.")
        self.X, self.y, self.k = X, y, k
        self._make_vae = vae or self._fit
        self._kept: dict[Hashable, object] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, dataset: Dataset, vae: Callable[[int], Vae] | None = None) -> ReferenceData:
        """The training split of a data set."""
        return cls(*dataset.train, dataset.k, vae)

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` returns, computed once for each key; other threads that ask for the same key wait."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]  # type: ignore[return-value]

    def attractors(self, like: Tensor) -> Tensor:
        """Up to 50 samples of each class, (k d a); a class with fewer is padded with infinity."""
        return self.cached(("attractors", like.dtype, like.device), lambda: self._attractors().to(like))

    def samples(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Up to 1,000 samples, (d n), and their classes, (n), stratified by class, at least one of each."""

        def make() -> tuple[Tensor, Tensor]:
            rows = _stratified(self.y.numpy(), MAX_SAMPLES)
            return self.X[rows].to(like).T.contiguous(), self.y[rows].to(like.device)

        return self.cached(("samples", like.dtype, like.device), make)

    def spread(self) -> float:
        """The root mean square distance of the samples from their mean, √Σ_j Var(X_j): what ``step_bound`` is a share
        of."""
        return self.cached("spread", lambda: float(self.X.double().var(dim=0, correction=0).sum().sqrt()))

    def gaps(self, free: Tensor) -> Tensor:
        """The distance of each sample to the nearest of another class, min ‖x − x_j‖∞ over j with y_j ≠ y, (n).

        0 where a sample of another class lies on it.

        Args:
            free: the columns in which distance counts, bool (d); without any, all distances are 0.

        Raises:
            DataError: all samples are of one class.
        """
        free = free.cpu()
        return self.cached(("gaps", tuple(free.tolist())), lambda: self._gaps(free))

    def vae(self, latent: int) -> Vae:
        """An autoencoder of the samples with this many latent dimensions."""
        return self.cached(("vae", latent), lambda: self._make_vae(latent))

    def _fit(self, latent: int) -> Vae:
        from ctviz.models.vae import Vae

        return Vae.fit(self.X, latent)

    def _gaps(self, free: Tensor) -> Tensor:
        """Each pair once, block by block: the largest difference of floats does not depend on how they are grouped."""
        names = self.y.unique().tolist()
        if len(names) == 1:
            raise DataError("The samples are all of one class; the way to another class needs samples of two or more.")
        X = self.X[:, free].contiguous()
        if X.shape[1] == 0:
            return X.new_zeros(len(X))
        found = X.new_full((len(X),), torch.inf)
        for c in names[:-1]:
            own, later = (self.y == c).nonzero().squeeze(1), (self.y > c).nonzero().squeeze(1)
            others = X[later]
            for part in own.split(max(1, MAX_DISTANCES // len(later))):
                block = torch.cdist(X[part], others, p=torch.inf)
                found[part] = found[part].minimum(block.amin(dim=1))
                found[later] = found[later].minimum(block.amin(dim=0))
        return found

    def _attractors(self) -> Tensor:
        chance = np.random.default_rng(0)
        chosen = [chance.permutation(np.flatnonzero(self.y.numpy() == c))[:MAX_ATTRACTORS] for c in range(self.k)]
        result = self.X.new_full((self.k, self.X.shape[1], max(map(len, chosen))), torch.inf)
        for c, rows in enumerate(chosen):
            result[c, :, : len(rows)] = self.X[rows].T
        return result


def _stratified(y: np.ndarray[tuple[int], np.dtype[np.int64]], most: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions of at most ``most`` entries of ``y``, in order, stratified by class, at least one of each."""
    if len(y) <= most:
        return np.arange(len(y))
    chance = np.random.default_rng(1)
    names, counts = np.unique(y, return_counts=True)
    quotas = np.maximum(1, counts * most // len(y))
    quotas[counts.argmax()] -= max(0, quotas.sum() - most)
    chosen = [chance.permutation(np.flatnonzero(y == c))[:quota] for c, quota in zip(names, quotas, strict=True)]
    return np.sort(np.concatenate(chosen))
