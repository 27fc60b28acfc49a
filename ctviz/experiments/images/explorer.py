"""The explorer of runs on images: pictures, means over classes, counterfactuals and their metrics."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.counterfactuals import inputs
from ctviz.counterfactuals.diversity import groups
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.frames import check_rows
from ctviz.data.schema import Grid
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.evaluation.ends import SearchEnds
from ctviz.evaluation.images import total_variation
from ctviz.experiments.endpoints import end_numbers
from ctviz.experiments.images.answers import ClassMeans, ImageNumbers, ImageSample, ImageTrace
from ctviz.experiments.images.measures import ROUNDS, measure_means
from ctviz.experiments.reachability import logits_at, target_probability
from ctviz.experiments.run_explorer import RunExplorer, path_of, permutation
from ctviz.experiments.snapshot import Snapshot, stack_of
from ctviz.experiments.trace import Bools
from ctviz.isolation import isolated
from ctviz.models.stack import predict
from ctviz.training.sampler import group_size

MAX_PER_CLASS = 200
"""Most pictures of each class over which attributions are averaged."""

MAX_PICTURES = 2_000
"""Most pictures whose counterfactuals are measured."""


class ImageExplorer(RunExplorer):
    """The explorer of runs on images: it also says which pictures are hard, and averages over pictures of a class."""

    @property
    def grid(self) -> Grid:
        """Rows and columns of the pictures."""
        grid = self.data.schema.grid
        assert grid is not None  # images have one
        return grid

    @property
    def locked(self) -> Bools:
        """The pixels that any arm trained on counterfactuals locks; if there are none, those that any arm locks."""
        arms = self.experiment.arms
        chosen = [i for i, arm in enumerate(arms) if arm.trains_on_counterfactuals] or range(len(arms))
        return np.asarray(np.any([self.locked_of(i) for i in chosen], axis=0))

    # -- pictures -------------------------------------------------------------------------------------

    @isolated()
    def pick(self, kind: str, count: int, seed: int = 0, snapshot: Snapshot | None = None) -> ImageSample:
        """Up to ``count`` test pictures.

        Args:
            kind: "random" for any class, "class0", "class1", … for one class, "hard" for pictures that any model of
                ``snapshot`` misclassifies, least confident first; if these are too few, also those with the lowest
                confidence.
            count: how many.
            seed: of the draw.
            snapshot: needed for "hard".

        Raises:
            ConfigError: an unknown kind, a negative count, "hard" without a snapshot.
            DataError: there is no test picture of the class.
        """
        _, y = self.data.test
        kinds = ["random", "hard", *(f"class{c}" for c in range(self.data.k))]
        if kind not in kinds:
            raise ConfigError("kind", kind, f"one of {', '.join(kinds)}")
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 0:
            raise ConfigError("count", count, "a whole number from 0")
        if kind == "hard":
            if snapshot is None:
                raise ConfigError("snapshot", None, "a snapshot, whose models say what is hard")
            return self._picked(self._hard(snapshot, count, seed))
        rows = torch.arange(len(y)) if kind == "random" else torch.nonzero(y == kinds.index(kind) - 2).squeeze(1)
        if not len(rows):
            raise DataError(f"There is no test picture of {self.data.classes[kinds.index(kind) - 2]}.")
        return self._picked(rows[permutation(len(rows), seed)[:count]])

    def _picked(self, rows: Tensor) -> ImageSample:
        X, y = self.data.test
        return ImageSample(rows.numpy(), X[rows].numpy(), y[rows].numpy())

    def _hard(self, snapshot: Snapshot, count: int, seed: int) -> Tensor:
        X, y = self.data.test
        with isolated(), torch.no_grad():
            said = self._answers(stack_of([snapshot], self.experiment), X)  # m b k
        own = said[:, torch.arange(len(y)), y]  # m b
        wrong = (said.argmax(dim=-1) != y).any(dim=0)
        order = torch.argsort(own.amin(dim=0), stable=True)
        order = torch.cat([order[wrong[order]], order[~wrong[order]]])
        pool = order[: max(count, int(wrong.sum()))]
        chosen = permutation(len(pool), seed)[:count].sort().values
        return pool[chosen]

    # -- attributions ---------------------------------------------------------------------------------

    @isolated()
    def class_means(
        self,
        snapshot: Snapshot,
        settings: AttributionSettings | None = None,
        per_class: int = 50,
        level: float = 0.99,
        seed: int = 0,
    ) -> ClassMeans:
        """Mean attributions of every model in each class, over ``per_class`` test pictures of each, and their share
        on locked pixels; every picture has a random baseline of its own, shared by all models.

        Raises:
            ConfigError: too many or too few pictures, a level that is not between 0 and 1.
        """
        settings = settings or AttributionSettings()
        if not 1 <= per_class <= MAX_PER_CLASS:
            raise ConfigError("per_class", per_class, f"1 to {MAX_PER_CLASS}")
        X, y = self.data.test
        order = permutation(len(y), seed)
        rows = torch.cat([order[y[order] == c][:per_class] for c in range(self.data.k)])
        stack = stack_of([snapshot], self.experiment)
        pictures = X[rows]
        chosen = self._classes(stack, pictures, None)
        found = self._attributed(stack, pictures, chosen, settings)
        locked = torch.from_numpy(self.locked)
        return measure_means(found, y[rows], self.data.k, self.grid, locked, self.arms, settings, level, seed)

    # -- counterfactuals ------------------------------------------------------------------------------

    @isolated()
    def counterfactuals(
        self, snapshot: Snapshot, X: npt.ArrayLike, targets: npt.ArrayLike, settings: SearchSettings
    ) -> ImageTrace:
        """Search from pictures (b d) to classes ``targets`` (b) with every arm, each under its constraints for advice.

        Raises:
            ConfigError: targets that are no classes, a τ below 1/k, paths of more than 16 million numbers in all.
            DataError: pictures that are not finite numbers of shape (b d).
        """
        check_rows(("pictures", X), ("targets", targets))
        pictures = self._points(X)
        y = inputs.classes(targets, len(pictures), self.data.k, "targets")
        group = groups(len(pictures) * group_size(settings), group_size(settings))
        self._check_tau(settings)
        if len(group):
            most = self._most_samples() // len(group) - 1
            if settings.steps > most:
                allowed = f"at most {most} with {len(group)} counterfactuals of each model"
                raise ConfigError("steps", settings.steps, allowed)
        pictures, y = pictures[group], y[group]
        with torch.no_grad():
            stack = stack_of([snapshot], self.experiment)
            found = self._search(stack, pictures, y, settings, record=True)
            path = path_of(found)  # t+1 m d b
            goal = y.expand(stack.m, -1)
            logits = [logits_at(stack, path[t]) for t in range(len(path))] if len(y) else []
            chance = torch.stack([target_probability(z, goal) for z in logits], dim=-1) if len(y) else None
            points = path.permute(1, 3, 0, 2).contiguous()  # m b t+1 d
            # The same point may differ in its last bit in another column of a product, so values of ended searches are
            # copied.
            last = torch.minimum(torch.arange(len(path)), found.steps.unsqueeze(-1))
            after = predict(logits[-1]) if logits else found.steps
            ends = SearchEnds(pictures, points[:, :, -1], y, after == y, found.mature, found.steps)
        return ImageTrace(
            epoch=snapshot.epoch,
            settings=settings,
            factuals=pictures.numpy(),
            targets=y.numpy(),
            group=group.numpy(),
            points=points.numpy(),
            steps=found.steps.numpy(),
            mature=found.mature.numpy(),
            probability=points.new_zeros(points.shape[:3]).numpy()
            if chance is None
            else chance.gather(-1, last).numpy(),
            predicted=(predict(logits[0]) if logits else found.steps).numpy(),
            predicted_final=after.numpy(),
            cost=ends.cost(self.features).numpy(),
            variation=total_variation(ends.change, self.grid).numpy(),
            start_variation=total_variation(pictures, self.grid).numpy(),
        )

    @isolated()
    def counterfactual_numbers(
        self,
        snapshot: Snapshot,
        settings: SearchSettings,
        count: int = 200,
        seed: int = 0,
        level: float = 0.99,
        split: Literal["test", "validation"] = "test",
    ) -> ImageNumbers:
        """Metrics of every arm's counterfactuals of ``count`` random pictures of a split, to random other classes.

        Raises:
            ConfigError: too many or too few pictures, a τ below 1/k, a level that is not between 0 and 1.
        """
        if not 2 <= count <= MAX_PICTURES:
            raise ConfigError("count", count, f"2 to {MAX_PICTURES:,}")
        self._check_tau(settings)
        X, y = self.data.test if split == "test" else self.data.validation
        chance = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(y), generator=chance)[:count]
        targets = (y[rows] + torch.randint(1, self.data.k, (len(rows),), generator=chance)) % self.data.k
        size = group_size(settings)
        group = groups(len(rows) * size, size)
        pictures, goal = X[rows][group], targets[group]
        with torch.no_grad():
            stack = stack_of([snapshot], self.experiment)
            found = self._search(stack, pictures, goal, settings)
            final = found.final.mT.contiguous()
            valid = self._answers(stack, found.final.mT).argmax(dim=-1) == goal
            judged = self._answers(stack, pictures).argmax(dim=-1) != goal
            ends = SearchEnds(pictures, final, goal, valid, found.mature, found.steps, group=group)
            by, arms = self.comparison, self.arms
            numbers = end_numbers(ends, judged, by, self.kind, arms, level, ROUNDS, seed)
        return ImageNumbers(**vars(numbers), settings=settings, samples=len(rows))
