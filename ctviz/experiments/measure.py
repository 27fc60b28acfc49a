"""Metrics after an epoch, with the same factuals, search and attack for every arm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.diversity import groups
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchRequest, SearchResult, search
from ctviz.data.catalogue import columns_of
from ctviz.data.dataset import Dataset, Split
from ctviz.evaluation.ends import Comparison, SearchEnds, means
from ctviz.evaluation.robustness import robust_accuracy
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Paths, Scene
from ctviz.models.stack import Stack, predict, with_ones
from ctviz.training.langevin import noise_box
from ctviz.training.loop import PerArm
from ctviz.training.sampler import group_size

MAX_SCENE_SAMPLES = 600
"""Most training samples in a scene; none of data that do not lie in a plane."""

GRID_CHUNK = 1 << 20
"""Most numbers in the widest activation while a field is computed."""


EPOCH_METRICS = ("ip", "ip_star", "cost", "validity")
"""Those of the ends of searches."""


class EpochEvaluator:
    """Measures a stack on one split (REFERENCE: section 4); without IP* for images.

    The ``factuals`` (b d) and their target classes are fixed: drawn once per data seed and shared by all arms and
    epochs. An arm is judged on the factuals that it classifies correctly, under its constraints for advice.
    """

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        split: Split,
        like: Tensor,
        reference_data: ReferenceData | None = None,
    ) -> None:
        settings, m = experiment.evaluation, len(experiment.arms)
        X, y = split
        self._settings, self._m, self._k, self._like = settings, m, dataset.k, like
        chance = torch.Generator().manual_seed(experiment.data.seed)
        rows = torch.randperm(len(y), generator=chance)[: settings.factuals]
        shifts = torch.randint(1, dataset.k, (len(rows),), generator=chance)
        if (size := group_size(settings)) > 1:  # several counterfactuals of each of fewer factuals, with the same total
            # Where there are fewer samples than that, all of them: of one or two, often none would count.
            index = groups(min(settings.factuals, size * len(rows)), size)
            rows, shifts = rows[index], shifts[index]
        self.factuals, self.labels = X[rows], y[rows]
        self.targets = (self.labels + shifts) % dataset.k
        self._X, self._y = X.to(like).expand(m, -1, -1), y.to(like.device).expand(m, -1)
        self._start = self.factuals.to(like).T.expand(m, -1, -1).contiguous()  # m d b
        self._own = self.labels.to(like.device).expand(m, -1)
        self._goal = self.targets.to(like.device).expand(m, -1).contiguous()
        self._by = Comparison.of(dataset.schema, self._X[0], self._y[0], dataset.k)
        self._reference_data = reference_data or ReferenceData.of(dataset)
        schemas = [arm.constraints_for(dataset.schema, "advice") for arm in experiment.arms]
        self._constraints = Constraints.of(schemas, like)
        lower, upper = dataset.schema.bounds()
        self._lower, self._upper = torch.from_numpy(lower).to(like), torch.from_numpy(upper).to(like)

    def search(self, stack: Stack, record: bool = False) -> SearchResult:
        """Counterfactuals of the fixed factuals, for every arm."""
        settings = [self._settings] * self._m
        with torch.no_grad():
            return search(
                SearchRequest(stack, self._start, self._goal, settings, self._constraints, record, self._reference_data)
            )

    def metrics(self, stack: Stack, found: SearchResult) -> dict[str, PerArm]:
        """accuracy, ip, ip_star, cost, validity, robust_accuracy; (m) each, NaN where an arm classifies no factual
        correctly."""
        with torch.no_grad():
            accuracy = (predict(stack(self._X).mT) == self._y).double().mean(dim=1)
            judged = predict(stack(self._start.mT).mT) == self._own
            final = found.final.mT
            valid = predict(stack(final).mT) == self._goal
            ends = SearchEnds(self._start.mT, final, self._goal, valid, found.mature, found.steps)
            values = {"accuracy": accuracy, **means(ends, judged, self._by, EPOCH_METRICS)}
        values["robust_accuracy"] = robust_accuracy(
            stack, self._X, self._y, self._settings.attack, self._lower, self._upper
        )
        return {name: value.cpu().numpy().astype(np.float64) for name, value in values.items()}

    def paths(self, scene: Scene, found: SearchResult, epsilon: list[float]) -> Paths | None:
        """The paths of the scene's factuals, quantised; ``found`` must carry its paths."""
        b = len(scene.factuals)
        if b == 0 or found.path is None:
            return None
        points = found.path[..., :b].permute(1, 3, 0, 2).cpu()  # m b t d
        inside = (points - points[:, :, :1]).abs().amax(dim=-1) <= torch.tensor(epsilon).view(-1, 1, 1)
        last = torch.where(inside, torch.arange(points.shape[2]), 0).amax(dim=-1)
        steps = found.steps[:, :b].cpu()
        return Paths(
            points=scene.quantise(points.float().numpy()),
            steps=steps.numpy().astype(np.uint16),
            nascent=torch.minimum(last, steps).numpy().astype(np.uint16),
            mature=found.mature[:, :b].cpu().numpy(),
        )


def make_scene(experiment: Experiment, dataset: Dataset, evaluator: EpochEvaluator) -> Scene:
    """The window (the domain; where it has no end, the training data), a sample of the training data, and the factuals
    whose paths are recorded."""
    X, y = shown_samples(experiment, dataset)
    lower, upper = dataset.schema.bounds()
    if dataset.schema.plane:
        lower, upper = (bound.numpy() for bound in noise_box(dataset))
    shown = slice(0, experiment.evaluation.paths)
    return Scene(
        lower=lower,
        upper=upper,
        points=X.numpy(),
        labels=y.numpy().astype(np.uint8),
        factuals=evaluator.factuals[shown].numpy(),
        factual_labels=evaluator.labels[shown].numpy().astype(np.uint8),
        targets=evaluator.targets[shown].numpy().astype(np.uint8),
        classes=dataset.classes,
        features=columns_of(experiment.data) if dataset.schema.plane else dataset.schema.names,
    )


def shown_samples(experiment: Experiment, dataset: Dataset) -> Split:
    """The training samples that pictures show, (n d) and (n): at most ``MAX_SCENE_SAMPLES``, none unless they lie
    in a plane."""
    X, y = dataset.train
    rows = torch.randperm(len(y), generator=torch.Generator().manual_seed(experiment.data.seed))
    rows = rows[: MAX_SCENE_SAMPLES if dataset.schema.plane else 0]
    return X[rows], y[rows]


@torch.inference_mode()
def field(stack: Stack, scene: Scene, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    """255 × probability on a grid of ``side`` nodes per axis from edge to edge of the scene, (m c side side).

    Row 0 is the lowest x2. c is 1 for two classes (the probability of class 1), else k. None unless the data
    lie in a plane.
    """
    if side == 0 or not scene.plane:
        return None
    probability = on_grid(stack, scene, side, _probabilities).nan_to_num_(0.5)
    return (probability * 255).round_().to(torch.uint8).cpu().numpy()


def _probabilities(logits: Tensor) -> Tensor:
    """That of class 1 for two classes, else of each, (m k b) → (m c b)."""
    if logits.shape[1] == 2:
        return torch.sigmoid(logits[:, 1:] - logits[:, :1])
    return torch.softmax(logits, dim=1)


def on_grid(stack: Stack, scene: Scene, side: int, value: Callable[[Tensor], Tensor]) -> Tensor:
    """A value of the logits, (m k b) → (m c b), on the nodes of a grid over the plane, (m c side side); row 0 is the
    lowest x2.

    ``value`` returns a new tensor: the one that it is given is written over.
    """
    x1, x2 = (torch.linspace(float(a), float(b), side) for a, b in zip(scene.lower, scene.upper, strict=True))
    grid = torch.stack([x1.repeat(side), x2.repeat_interleave(side)], dim=1)  # side² d
    inputs = with_ones(grid.to(stack.flat).expand(stack.m, -1, -1))
    width = max(1, GRID_CHUNK // (stack.m * stack.widest))
    parts = [
        value(stack.run(chunk.shape[-1]).forward(chunk.contiguous())) for chunk in torch.split(inputs, width, dim=-1)
    ]
    return torch.cat(parts, dim=-1).view(stack.m, -1, side, side)
