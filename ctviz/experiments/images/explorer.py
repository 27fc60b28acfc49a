"""An explorer of runs on images: attributions, counterfactuals and attacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.counterfactuals import inputs
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.diversity import groups
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchResult, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import load
from ctviz.data.frames import check_rows, row_of
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.attribution import Attributions, AttributionSettings, attribute, uniform_baselines
from ctviz.evaluation.baselines import make_baselines, mean_sample
from ctviz.evaluation.bootstrap import Bootstrap
from ctviz.evaluation.ends import Comparison, SearchEnds
from ctviz.evaluation.images import total_variation
from ctviz.evaluation.robustness import Attack, accuracy_curve, perturb
from ctviz.evaluation.wilson import wilson
from ctviz.experiments.config import Experiment
from ctviz.experiments.explorer import path_of
from ctviz.experiments.images.answers import (
    IMAGE_METRICS,
    AttackedImages,
    ClassMeans,
    ImageAttributions,
    ImageHistory,
    ImageNumbers,
    ImageSample,
    ImageTrace,
    Robustness,
)
from ctviz.experiments.images.measures import measure_means, measure_numbers
from ctviz.experiments.reachability import logits_at, target_probability
from ctviz.experiments.snapshot import Snapshot, stack_of
from ctviz.experiments.trace import Bools, Floats
from ctviz.isolation import isolated
from ctviz.models.stack import Stack, predict
from ctviz.training.sampler import group_size

if TYPE_CHECKING:
    from ctviz.models.vae import Vae

__all__ = [
    "IMAGE_METRICS",
    "AttackedImages",
    "ClassMeans",
    "ImageAttributions",
    "ImageExplorer",
    "ImageHistory",
    "ImageNumbers",
    "ImageSample",
    "ImageTrace",
    "Robustness",
]

MAX_NUMBERS = 1 << 24
"""Most numbers in the pictures of one result, 64 MB: paths, or pictures at every strength of an attack."""

MAX_PER_CLASS = 200
"""Most pictures of each class over which attributions are averaged."""

MAX_PICTURES = 2_000
"""Most pictures whose counterfactuals are measured."""

BACKGROUND = 1_000
"""Training pictures that GradientSHAP draws its baselines from."""

ROUNDS = 1_000
"""Resamples behind an interval."""


class ImageExplorer:
    """Analyses the models of a run on images, after any of its epochs.

    Data, and what is computed from them once, are kept; safe for threads. The same request gives the same bits. ``vae``
    maps a number of latent dimensions to an autoencoder (REVISE); without it, one is fitted to the training data when
    it is first needed.
    """

    @isolated()
    def __init__(self, experiment: Experiment, vae: Callable[[int], Vae] | None = None) -> None:
        if experiment.data.grid is None:
            raise ConfigError("data.name", experiment.data.name, "a set of images")
        self.experiment, self._vae = experiment, vae
        self.grid: tuple[int, int] = experiment.data.grid
        self.data = load(experiment.data)
        self.reference_data = ReferenceData.of(self.data, vae)
        self.schemas = [arm.constraints_for(self.data.schema, "advice") for arm in experiment.arms]
        self._constraints = Constraints.of(self.schemas, self.data.train[0])
        lower, upper = self.data.schema.bounds()
        self._domain = torch.from_numpy(lower), torch.from_numpy(upper)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as its arguments."""
        return type(self), (self.experiment, self._vae)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms."""
        return tuple(arm.name for arm in self.experiment.arms)

    def locked_of(self, arm: int | str) -> Bools:
        """The pixels that an arm, given by position or name, locks in training, in advice or both, (d)."""
        place = self.arms.index(arm) if isinstance(arm, str) and arm in self.arms else arm
        if isinstance(place, str) or not 0 <= place < len(self.arms):
            raise ConfigError("arm", arm, f"0 to {len(self.arms) - 1} or one of {', '.join(self.arms)}")
        locked = np.zeros(self.data.d, dtype=bool)
        for ref in self.experiment.arms[place].locked:
            locked[list(self.data.schema.columns_of(ref))] = True
        return locked

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
        return self._picked(rows[_permutation(len(rows), seed)[:count]])

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
        chosen = _permutation(len(pool), seed)[:count].sort().values
        return pool[chosen]

    # -- outputs --------------------------------------------------------------------------------------

    @isolated()
    def probabilities(self, snapshot: Snapshot, X: npt.ArrayLike) -> Floats:
        """softmax(M(x)) of every model for pictures X (b d), (m b k)."""
        pictures = self._pictures(X)
        with torch.no_grad():
            return np.asarray(self._answers(stack_of([snapshot], self.experiment), pictures).numpy())

    @staticmethod
    def _answers(stack: Stack, X: Tensor) -> Tensor:
        """(b d) or (m b d) → (m b k)."""
        columns = X.mT.expand(stack.m, -1, -1)
        if not columns.shape[-1]:
            return X.new_zeros(stack.m, 0, stack.k)
        return torch.softmax(logits_at(stack, columns), dim=1).mT.contiguous()

    # -- attributions ---------------------------------------------------------------------------------

    @isolated()
    def attribute(
        self,
        snapshot: Snapshot,
        X: npt.ArrayLike,
        settings: AttributionSettings | None = None,
        classes: npt.ArrayLike | None = None,
    ) -> ImageAttributions:
        """Attribute every model's outputs for X (b d) to pixels.

        Random baselines are the same for all pictures, so that a picture's attributions do not depend on the other
        pictures (except for methods that draw, and noise).

        Args:
            classes: the classes whose outputs are attributed, (b), (m b) or one for all; by default those that each
                model predicts.

        Raises:
            ConfigError, DataError: invalid pictures or classes.
        """
        settings = settings or AttributionSettings()
        check_rows(("pictures", X), ("classes", classes))
        pictures = self._pictures(X)
        stack = stack_of([snapshot], self.experiment)
        chosen = self._classes(stack, pictures, classes)
        start = self._baselines(pictures, settings)
        found = self._attributed(stack, pictures, chosen, settings, start)
        return ImageAttributions(
            epoch=snapshot.epoch,
            settings=settings,
            values=found.values.numpy(),
            classes=chosen.numpy(),
            error=found.error.double().numpy(),
            baselines=start.numpy(),
        )

    @isolated()
    def attribute_history(
        self,
        snapshots: Sequence[Snapshot],
        x: npt.ArrayLike,
        settings: AttributionSettings | None = None,
        classes: npt.ArrayLike | None = None,
    ) -> ImageHistory:
        """Like ``attribute``, for one picture (d) after every given epoch, with all epochs and arms as one stack."""
        settings = settings or AttributionSettings()
        picture, e, m = self._pictures(row_of(x, "The picture", self.data.d)), len(snapshots), len(self.arms)
        if e == 0:
            raise DataError("There are no snapshots to look at.")
        stack = stack_of(snapshots, self.experiment)
        chosen = self._classes(stack, picture, classes)
        start = self._baselines(picture, settings)
        found = self._attributed(stack, picture, chosen, settings, start)
        return ImageHistory(
            epochs=tuple(snapshot.epoch for snapshot in snapshots),
            settings=settings,
            values=found.values.view(e, m, -1).numpy(),
            classes=chosen.view(e, m).numpy(),
            error=found.error.double().view(e, m).numpy(),
            baseline=start[0].numpy(),
        )

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
        order = _permutation(len(y), seed)
        rows = torch.cat([order[y[order] == c][:per_class] for c in range(self.data.k)])
        stack = stack_of([snapshot], self.experiment)
        pictures = X[rows]
        chosen = self._classes(stack, pictures, None)
        found = self._attributed(stack, pictures, chosen, settings)
        locked = torch.from_numpy(self.locked)
        return measure_means(found, y[rows], self.data.k, self.grid, locked, self.arms, settings, level, seed)

    def _classes(self, stack: Stack, X: Tensor, classes: npt.ArrayLike | None) -> Tensor:
        """Classes to attribute, (m b)."""
        shape = stack.m, len(X)
        if classes is None:
            with torch.no_grad():
                return self._answers(stack, X).argmax(dim=-1)
        given = np.asarray(classes)
        if given.ndim < 2:
            return inputs.classes(given, len(X), self.data.k, "classes").expand(shape).contiguous()
        if given.shape != shape:
            raise DataError(f"classes have shape {given.shape}; expected {shape} or ({len(X)},).")
        return inputs.classes(given.ravel(), given.size, self.data.k, "classes").view(shape)

    def _baselines(self, X: Tensor, settings: AttributionSettings) -> Tensor:
        """x⁰ of pictures (b d): random ones are the same for all."""
        if settings.baseline == "uniform":
            return uniform_baselines(1, X.shape[1], settings.seed).expand(X.shape).contiguous()
        return make_baselines(settings.baseline, X, settings.seed, self.grid, self._mean_picture())

    def _mean_picture(self) -> Tensor:
        """The mean training picture, (1 d)."""
        return self.reference_data.cached("mean picture", lambda: mean_sample(self.data.train[0]).unsqueeze(0))

    def _background(self) -> Tensor:
        """Some training pictures, (n d)."""
        X = self.data.train[0]
        return self.reference_data.cached("background", lambda: X[_permutation(len(X), 0)[:BACKGROUND]])

    def _attributed(
        self, stack: Stack, X: Tensor, classes: Tensor, settings: AttributionSettings, baselines: Tensor | None = None
    ) -> Attributions:
        if baselines is None and settings.baseline != "uniform":
            baselines = self._baselines(X, settings)
        background = self._background() if settings.method == "gradient_shap" else None
        return attribute(stack, X, classes, settings, self.grid, background, baselines)

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
        pictures = self._pictures(X)
        y = inputs.classes(targets, len(pictures), self.data.k, "targets")
        group = groups(len(pictures) * group_size(settings), group_size(settings))
        self._check_tau(settings)
        if len(group):
            most = MAX_NUMBERS // (len(self.arms) * self.data.d * len(group)) - 1
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
            change = points[:, :, -1].double() - pictures
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
            predicted_final=(predict(logits[-1]) if logits else found.steps).numpy(),
            cost=change.abs().sum(dim=-1).numpy(),
            variation=total_variation(change, self.grid).numpy(),
            start_variation=total_variation(pictures, self.grid).numpy(),
        )

    @isolated()
    def counterfactual_numbers(
        self, snapshot: Snapshot, settings: SearchSettings, count: int = 200, seed: int = 0, level: float = 0.99
    ) -> ImageNumbers:
        """Metrics of every arm's counterfactuals of ``count`` random test pictures, to random other classes.

        Raises:
            ConfigError: too many or too few pictures, a τ below 1/k, a level that is not between 0 and 1.
        """
        if not 2 <= count <= MAX_PICTURES:
            raise ConfigError("count", count, f"2 to {MAX_PICTURES:,}")
        self._check_tau(settings)
        X, y = self.data.test
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
            ends = SearchEnds(pictures, final, goal, valid, found.mature, found.steps)
            return measure_numbers(ends, judged, self._by(), group.numpy(), self.arms, settings, level, seed)

    def _by(self) -> Comparison:
        """Comparison with validation pictures, since factuals are test pictures."""
        return self.reference_data.cached(
            "comparison", lambda: Comparison.of(self.data.schema, *self.data.validation, self.data.k)
        )

    def _search(
        self, stack: Stack, X: Tensor, y: Tensor, settings: SearchSettings, record: bool = False
    ) -> SearchResult:
        start, goal = X.T.expand(stack.m, -1, -1).contiguous(), y.expand(stack.m, -1).contiguous()
        if not len(X):
            none = torch.zeros_like(goal)
            return SearchResult(start, start, none.bool(), none, start.new_zeros(settings.steps + 1, *start.shape))
        return search(stack, start, goal, [settings] * stack.m, self._constraints, record, self.reference_data)

    # -- attacks --------------------------------------------------------------------------------------

    @isolated()
    def fool(
        self,
        snapshot: Snapshot,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        epsilons: Sequence[float],
        attack: Attack = "fgsm",
        within: bool = True,
    ) -> AttackedImages:
        """Pictures (b d) under attacks of every strength on every arm, away from classes y.

        Args:
            y: (b), or (m b) with other classes for each arm.
            within: whether pixels stay in their range, or may leave it.

        Raises:
            ConfigError: invalid strengths or attack, pictures of more than 16 million numbers in all.
            DataError: pictures that are not finite numbers of shape (b d).
        """
        check_rows(("pictures", X), ("y", y))
        pictures = self._pictures(X)
        labels = self._labels(y, len(pictures))
        self._check_size(len(epsilons) * len(pictures), "epsilons", len(epsilons))
        stack = stack_of([snapshot], self.experiment)
        m, b = stack.m, len(pictures)
        every, own = pictures.expand(m, -1, -1), labels.expand(m, -1).contiguous()
        lower, upper = self._bounds(within)
        points = pictures.new_zeros(m, len(epsilons), b, self.data.d)
        said = pictures.new_zeros(m, len(epsilons), b, self.data.k)
        for i, epsilon in enumerate(epsilons):
            found = perturb(stack, every, own, epsilon, lower, upper, attack, step_size=None)
            points[:, i] = found
            with torch.no_grad():
                said[:, i] = self._answers(stack, found)
        return AttackedImages(snapshot.epoch, tuple(map(float, epsilons)), points.numpy(), said.numpy())

    @isolated()
    def robustness(
        self,
        snapshot: Snapshot,
        epsilons: Sequence[float],
        attack: Attack = "fgsm",
        within: bool = True,
        samples: int = 2000,
        level: float = 0.99,
        seed: int = 0,
    ) -> Robustness:
        """Accuracy of every arm under attacks of every strength, on random test pictures.

        Raises:
            ConfigError: invalid strengths or attack, too few samples, a level that is not between 0 and 1.
        """
        if samples < 2:
            raise ConfigError("samples", samples, "a number from 2")
        if not len(epsilons):
            raise ConfigError("epsilons", list(epsilons), "at least one strength")
        X, y = self.data.test
        rows = _permutation(len(y), seed)[:samples]
        pictures, labels = X[rows], y[rows]
        stack = stack_of([snapshot], self.experiment)
        lower, upper = self._bounds(within)
        every = pictures.expand(stack.m, -1, -1)
        right = accuracy_curve(stack, every, labels, epsilons, lower, upper, attack, step_size=None)  # m n b
        estimate = Bootstrap.of(len(rows), ROUNDS, seed).mean(right, torch.ones_like(right))
        shares = estimate.value.double().numpy()
        return Robustness(
            arms=self.arms,
            epsilons=tuple(map(float, epsilons)),
            attack=attack,
            within=within,
            level=level,
            samples=len(rows),
            accuracy=wilson(shares, np.array(float(len(rows))), level),
            difference=estimate.against_first().interval(level),
        )

    def _bounds(self, within: bool) -> tuple[Tensor | None, Tensor | None]:
        return self._domain if within else (None, None)

    # -- checks ---------------------------------------------------------------------------------------

    def _pictures(self, values: npt.ArrayLike) -> Tensor:
        pictures = inputs.points(values, "pictures", self.data.schema).float()
        if pictures.shape[1] != self.data.d:
            raise DataError(f"pictures have shape {tuple(pictures.shape)}; expected (b {self.data.d}).")
        if not pictures.isfinite().all():
            raise DataError("pictures hold values that are not finite.")
        return pictures

    def _labels(self, y: npt.ArrayLike, b: int) -> Tensor:
        """Classes (b) that are the same for all arms, or (m b) of each."""
        if np.ndim(y) < 2:
            return inputs.classes(y, b, self.data.k, "y")
        if np.shape(y) != (len(self.arms), b):
            raise DataError(f"y has shape {np.shape(y)}; expected ({b},) or ({len(self.arms)}, {b}).")
        return torch.stack([inputs.classes(row, b, self.data.k, "y") for row in np.asarray(y)])

    def _check_tau(self, settings: SearchSettings) -> None:
        k = self.data.k
        if settings.tau < 1 / k:
            raise ConfigError("tau", settings.tau, f"from 1/k = {1 / k:.3g} to below 1 for k = {k} classes")

    def _check_size(self, pictures: int, field: str, value: int) -> None:
        """For ``pictures`` pictures of each arm."""
        most = MAX_NUMBERS // (len(self.arms) * self.data.d)
        if pictures > most:
            raise ConfigError(field, value, f"fewer, for {pictures:,} pictures of each model; at most {most:,}")


def _permutation(n: int, seed: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))
