"""What explorers of all kinds of data share: the models of a run, their searches, attributions and attacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.counterfactuals import inputs
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchRequest, SearchResult, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import AnyData, load
from ctviz.data.dataset import Dataset
from ctviz.data.frames import check_rows, row_of
from ctviz.data.kinds import kind_of_data
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.attribution import Attributions, AttributionSettings, attribute, uniform_baselines
from ctviz.evaluation.baselines import make_baselines, mean_sample
from ctviz.evaluation.bootstrap import Bootstrap
from ctviz.evaluation.ends import Comparison
from ctviz.evaluation.features import FeatureColumns
from ctviz.evaluation.robustness import Attack, accuracy_curve, perturb
from ctviz.evaluation.wilson import wilson
from ctviz.experiments.analyses import AttackedSamples, AttributionHistory, Robustness, SampleAttributions
from ctviz.experiments.config import Experiment
from ctviz.experiments.endpoints import Endpoints, compare_endpoints
from ctviz.experiments.reachability import logits_at
from ctviz.experiments.sensitivity import Sensitivity, measure_sensitivity
from ctviz.experiments.snapshot import Snapshot, stack_of
from ctviz.experiments.trace import Bools, Floats, SearchTrace
from ctviz.isolation import isolated
from ctviz.models.stack import Stack

if TYPE_CHECKING:
    from ctviz.models.vae import Vae

MAX_NUMBERS = 1 << 24
"""Most numbers in the samples of one result, 64 MB: paths, or samples at every strength of an attack."""

BACKGROUND = 1_000
"""Training samples that GradientSHAP draws its baselines from."""

ROUNDS = 1_000
"""Resamples behind an interval."""

_HELD: WeakValueDictionary[AnyData, Dataset] = WeakValueDictionary()


def _shared(settings: AnyData) -> Dataset:
    """A data set, the same for all explorers that hold it at a time: one of digits takes 66 MB."""
    data = _HELD.get(settings)
    if data is None:
        data = _HELD[settings] = load(settings)
    return data


class RunExplorer:
    """Searches and analyses the models of a run, after any of its epochs; each kind of data has a subclass.

    Data, and what is computed from them once, are kept; safe for threads. The same request gives the same bits. ``vae``
    maps a number of latent dimensions to an autoencoder (REVISE); without it, one is fitted to the training data when
    it is first needed.
    """

    @isolated()
    def __init__(self, experiment: Experiment, vae: Callable[[int], Vae] | None = None) -> None:
        self.kind = kind_of_data(experiment.data)
        self._check_kind(experiment)
        self.experiment, self._vae = experiment, vae
        self.data = _shared(experiment.data)
        self.reference_data = ReferenceData.of(self.data, vae)
        self.features = FeatureColumns.of(self.data.schema)
        self.schemas = [arm.constraints_for(self.data.schema, "advice") for arm in experiment.arms]
        self.constraints = Constraints.of(self.schemas, self.data.train[0])
        lower, upper = self.data.schema.bounds()
        self.domain = torch.from_numpy(lower), torch.from_numpy(upper)  # d, d

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as its arguments."""
        return type(self), (self.experiment, self._vae)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms."""
        return tuple(arm.name for arm in self.experiment.arms)

    @property
    def comparison(self) -> Comparison:
        """What the ends of searches are compared with: validation samples."""
        X, y = self.data.validation
        with isolated():
            return self.reference_data.cached("comparison", lambda: Comparison.of(self.data.schema, X, y, self.data.k))

    def locked_of(self, arm: int | str) -> Bools:
        """The columns that an arm, given by position or name, locks in training, in advice or both, (d)."""
        place = self.arms.index(arm) if isinstance(arm, str) and arm in self.arms else arm
        if isinstance(place, str) or not 0 <= place < len(self.arms):
            raise ConfigError("arm", arm, f"0 to {len(self.arms) - 1} or one of {', '.join(self.arms)}")
        locked = np.zeros(self.data.d, dtype=bool)
        for ref in self.experiment.arms[place].locked:
            locked[list(self.data.schema.columns_of(ref))] = True
        return locked

    # -- outputs --------------------------------------------------------------------------------------

    @isolated()
    def probabilities(self, snapshot: Snapshot, X: npt.ArrayLike) -> Floats:
        """softmax(M(x)) of every model for samples X (b d), (m b k)."""
        samples = self._points(X)
        with torch.no_grad():
            return np.asarray(self._answers(stack_of([snapshot], self.experiment), samples).numpy())

    @staticmethod
    def _answers(stack: Stack, X: Tensor) -> Tensor:
        """(b d) or (m b d) → (m b k)."""
        columns = X.mT.expand(stack.m, -1, -1)
        if not columns.shape[-1]:
            return X.new_zeros(stack.m, 0, stack.k)
        return torch.softmax(logits_at(stack, columns), dim=1).mT.contiguous()

    # -- searches -------------------------------------------------------------------------------------

    def _search(
        self,
        stack: Stack,
        X: Tensor,
        y: Tensor,
        settings: SearchSettings,
        record: bool = False,
        constraints: Constraints | None = None,
    ) -> SearchResult:
        """Searches from X (b d) to classes y (b) with every model of a stack; by default under each arm's constraints
        for advice."""
        start, goal = X.T.expand(stack.m, -1, -1).contiguous(), y.expand(stack.m, -1).contiguous()
        if not len(X):
            none = torch.zeros_like(goal)
            return SearchResult(start, start, none.bool(), none, start.new_zeros(settings.steps + 1, *start.shape))
        rules = constraints or self.constraints
        return search(SearchRequest(stack, start, goal, [settings] * stack.m, rules, record, self.reference_data))

    @isolated()
    def endpoints(self, trace: SearchTrace, level: float = 0.99) -> Endpoints:
        """How the searches of a trace ended, for every arm: the metrics of this kind of data, with intervals."""
        with torch.no_grad():
            return compare_endpoints(trace, self.comparison, self.kind, self.arms, level)

    # -- attributions ---------------------------------------------------------------------------------

    @isolated()
    def sensitivity(self, snapshot: Snapshot, level: float = 0.99, seed: int = 0) -> Sensitivity:
        """The share of each feature in every arm's outputs, on test data, with bootstrap intervals."""
        return measure_sensitivity(stack_of([snapshot], self.experiment), self.data, self.experiment.arms, level, seed)

    @isolated()
    def attribute(
        self,
        snapshot: Snapshot,
        X: npt.ArrayLike,
        settings: AttributionSettings | None = None,
        classes: npt.ArrayLike | None = None,
    ) -> SampleAttributions:
        """Attribute every model's outputs for X (b d) to columns.

        Random baselines are the same for all samples, so that a sample's attributions do not depend on the other
        samples (except for methods that draw, and noise).

        Args:
            classes: the classes whose outputs are attributed, (b), (m b) or one for all; by default those that each
                model predicts.

        Raises:
            ConfigError, DataError: invalid samples or classes.
        """
        settings = settings or AttributionSettings()
        check_rows((self.kind.items, X), ("classes", classes))
        samples = self._points(X)
        stack = stack_of([snapshot], self.experiment)
        chosen = self._classes(stack, samples, classes)
        start = self._baselines(samples, settings)
        found = self._attributed(stack, samples, chosen, settings, start)
        return SampleAttributions(
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
    ) -> AttributionHistory:
        """Like ``attribute``, for one sample (d) after every given epoch, with all epochs and arms as one stack."""
        settings = settings or AttributionSettings()
        sample = self._points(row_of(x, f"The {self.kind.item}", self.data.d))
        e, m = len(snapshots), len(self.arms)
        if e == 0:
            raise DataError("There are no snapshots to look at.")
        stack = stack_of(snapshots, self.experiment)
        chosen = self._classes(stack, sample, classes)
        start = self._baselines(sample, settings)
        found = self._attributed(stack, sample, chosen, settings, start)
        return AttributionHistory(
            epochs=tuple(snapshot.epoch for snapshot in snapshots),
            settings=settings,
            values=found.values.view(e, m, -1).numpy(),
            classes=chosen.view(e, m).numpy(),
            error=found.error.double().view(e, m).numpy(),
            baseline=start[0].numpy(),
        )

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
        """x⁰ of samples (b d): random ones are the same for all."""
        if settings.baseline == "uniform":
            return uniform_baselines(1, X.shape[1], settings.seed).expand(X.shape).contiguous()
        return make_baselines(settings.baseline, X, settings.seed, self.data.schema.grid, self._mean_sample())

    def _mean_sample(self) -> Tensor:
        """The mean training sample, (1 d)."""
        return self.reference_data.cached("mean sample", lambda: mean_sample(self.data.train[0]).unsqueeze(0))

    def _background(self) -> Tensor:
        """Some training samples, (n d)."""
        X = self.data.train[0]
        return self.reference_data.cached("background", lambda: X[permutation(len(X), 0)[:BACKGROUND]])

    def _attributed(
        self, stack: Stack, X: Tensor, classes: Tensor, settings: AttributionSettings, baselines: Tensor | None = None
    ) -> Attributions:
        if baselines is None and settings.baseline != "uniform":
            baselines = self._baselines(X, settings)
        background = self._background() if settings.method == "gradient_shap" else None
        return attribute(stack, X, classes, settings, self.data.schema.grid, background, baselines)

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
    ) -> AttackedSamples:
        """Samples (b d) under attacks of every strength on every arm, away from classes y.

        Args:
            y: (b), or (m b) with other classes for each arm.
            within: whether the samples stay in their domain, or may leave it.

        Raises:
            ConfigError: invalid strengths or attack, samples of more than 16 million numbers in all.
            DataError: samples that are not finite numbers of shape (b d).
        """
        check_rows((self.kind.items, X), ("y", y))
        samples = self._points(X)
        labels = self._labels(y, len(samples))
        self._check_numbers(len(epsilons) * len(samples), "epsilons", len(epsilons))
        stack = stack_of([snapshot], self.experiment)
        m, b = stack.m, len(samples)
        every, own = samples.expand(m, -1, -1), labels.expand(m, -1).contiguous()
        lower, upper = self._bounds(within)
        points = samples.new_zeros(m, len(epsilons), b, self.data.d)
        said = samples.new_zeros(m, len(epsilons), b, self.data.k)
        for i, epsilon in enumerate(epsilons):
            found = perturb(stack, every, own, epsilon, lower, upper, attack, step_size=None)
            points[:, i] = found
            with torch.no_grad():
                said[:, i] = self._answers(stack, found)
        return AttackedSamples(snapshot.epoch, tuple(map(float, epsilons)), points.numpy(), said.numpy())

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
        """Accuracy of every arm under attacks of every strength, on random test samples.

        Raises:
            ConfigError: invalid strengths or attack, too few samples, a level that is not between 0 and 1.
        """
        if samples < 2:
            raise ConfigError("samples", samples, "a number from 2")
        if not len(epsilons):
            raise ConfigError("epsilons", list(epsilons), "at least one strength")
        X, y = self.data.test
        rows = permutation(len(y), seed)[:samples]
        attacked, labels = X[rows], y[rows]
        stack = stack_of([snapshot], self.experiment)
        lower, upper = self._bounds(within)
        every = attacked.expand(stack.m, -1, -1)
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
        return self.domain if within else (None, None)

    # -- checks ---------------------------------------------------------------------------------------

    def _check_kind(self, experiment: Experiment) -> None:
        """Raises a ConfigError where data of this kind have another explorer."""
        if self.kind.explorer[1] not in (one.__name__ for one in type(self).__mro__):
            allowed = f"data that {type(self).__name__} reads; {self.kind.explorer[1]} reads {self.kind.title}"
            raise ConfigError("data.name", experiment.data.name, allowed)

    def _points(self, values: npt.ArrayLike) -> Tensor:
        """Finite samples, (b d), float32."""
        X = inputs.points(values, self.kind.items, self.data.schema).float()  # too large for float32: infinite
        if X.shape[1] != self.data.d:
            raise DataError(f"{self.kind.items} have shape {tuple(X.shape)}; expected (b {self.data.d}).")
        if not X.isfinite().all():
            raise DataError(f"{self.kind.items} hold values that are not finite.")
        return X

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

    def _most_samples(self) -> int:
        """Most samples of each arm in one result."""
        return MAX_NUMBERS // (len(self.arms) * self.data.d)

    def _check_numbers(self, samples: int, field: str, value: int) -> None:
        """For ``samples`` samples of each arm."""
        most = self._most_samples()
        if samples > most:
            allowed = f"fewer, for {samples:,} {self.kind.items} of each model; at most {most:,}"
            raise ConfigError(field, value, allowed)


def permutation(n: int, seed: int) -> Tensor:
    """0 to n − 1 in random order."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def path_of(found: SearchResult) -> Tensor:
    """The recorded path of a search, (t+1 m d b)."""
    if found.path is None:
        raise RuntimeError("the search was not recorded")
    return found.path
