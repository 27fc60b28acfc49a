"""An explorer of a run: searches from any factual, with every arm, at any epoch, and their analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.counterfactuals import inputs
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.diversity import groups
from ctviz.counterfactuals.search import SearchResult
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.display import DisplayScale
from ctviz.data.frames import check_rows, row_of
from ctviz.errors import ConfigError
from ctviz.evaluation.features import FeatureColumns
from ctviz.evaluation.plausibility import ReferenceSamples
from ctviz.experiments.config import Experiment
from ctviz.experiments.loss_terms import LossTerms, loss_terms_of
from ctviz.experiments.measure import shown_samples
from ctviz.experiments.outcome import outcome_of
from ctviz.experiments.reachability import logits_at, reachable, target_probability
from ctviz.experiments.run_explorer import RunExplorer, path_of
from ctviz.experiments.snapshot import Snapshot, stack_of
from ctviz.experiments.trace import Floats, Ints, Trace
from ctviz.isolation import isolated
from ctviz.models.stack import Stack, predict
from ctviz.training.arm import TERMS, Objective
from ctviz.training.methods import TRAINING_METHODS
from ctviz.training.sampler import Sampler, apply_immutable_masks, group_size, immutable_masks

if TYPE_CHECKING:
    from ctviz.models.vae import Vae

MAX_POINTS = 1 << 22
"""Most points on all paths of one request: with the values along them, they take a few hundred MB."""

_SHARED = ("factuals", "targets", "group", "outside")
"""Arrays that all models share; all others have one row per model."""


class Explorer(RunExplorer):
    """The explorer of runs on data in a plane, or in a table: searches point by point, with their analysis."""

    @isolated()
    def __init__(self, experiment: Experiment, vae: Callable[[int], Vae] | None = None) -> None:
        super().__init__(experiment, vae)
        like = self.data.train[0]
        self.masks = immutable_masks(experiment.arms, self.data.schema, like)
        self._sampler = Sampler(self.data, experiment.arms, like, self.reference_data)
        self._shown = ReferenceSamples.of(*shown_samples(experiment, self.data), self.data.k)

    # -- factuals and targets ---------------------------------------------------------------------

    @isolated()
    def pick(self, kind: str, count: int, seed: int = 0) -> tuple[Floats, Ints]:
        """Up to ``count`` validation samples (b d) and their classes (b), drawn without replacement.

        Args:
            kind: "random" for any class, "class0", "class1", … for one class.
        """
        X, y = self.data.validation
        kinds = ["random", *(f"class{c}" for c in range(self.data.k))]
        if kind not in kinds:
            raise ConfigError("kind", kind, f"one of {', '.join(kinds)}")
        if count < 0:
            raise ConfigError("count", count, "a number from 0")
        rows = torch.arange(len(y)) if kind == "random" else torch.nonzero(y == kinds.index(kind) - 1).squeeze(1)
        chosen = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:count]]
        return X[chosen].numpy(), y[chosen].numpy()

    @isolated()
    def default_targets(self, factuals: npt.ArrayLike, snapshot: Snapshot, target: int | None = None) -> Ints:
        """Target classes (b): ``target`` for all, else the class after the one that the first arm predicts."""
        X, k = self._points(factuals), self.data.k
        if target is not None:
            return np.asarray(inputs.classes(np.full(len(X), target), len(X), k, "targets").numpy())
        with torch.no_grad():
            first = stack_of([snapshot], self.experiment).take([0])
            logits = logits_at(first, X.T[None]) if len(X) else X.new_zeros(1, k, 0)
        return np.asarray((predict(logits)[0] + 1).remainder(k).numpy())

    # -- searches ---------------------------------------------------------------------------------

    def trace(
        self, snapshot: Snapshot, factuals: npt.ArrayLike, targets: npt.ArrayLike, settings: SearchSettings
    ) -> Trace:
        """Search from ``factuals`` (b d) to classes ``targets`` (b) with every arm, each with its constraints.

        A factual may lie outside the domain: the first step moves it inside. The same request gives the same bits.

        Raises:
            ConfigError: a target that is no class, a τ below 1/k, paths of more than 4 million points in all.
            DataError: factuals that are not finite numbers of shape (b d); a snapshot of another run.
        """
        return self.traces([snapshot], factuals, targets, settings)[0]

    def history(
        self, snapshots: Sequence[Snapshot], factual: npt.ArrayLike, target: int, settings: SearchSettings
    ) -> list[Trace]:
        """The searches from one ``factual`` (d) after every epoch given, all epochs and arms searched as one stack."""
        one = row_of(factual, "The factual", self.data.d)
        return self.traces(snapshots, one, np.array([target]), settings) if snapshots else []

    @isolated()
    def traces(
        self, snapshots: Sequence[Snapshot], factuals: npt.ArrayLike, targets: npt.ArrayLike, settings: SearchSettings
    ) -> list[Trace]:
        """As ``trace`` after every epoch given (at least one), all epochs and arms searched as one stack."""
        check_rows(("factuals", factuals), ("targets", targets))
        X = self._points(factuals)
        y = inputs.classes(targets, len(X), self.data.k, "targets")
        self._check_tau(settings)
        size = group_size(settings)
        self._check_size(len(snapshots) * len(self.arms) * size, len(X), settings)
        group = groups(len(X) * size, size)
        with torch.no_grad():
            stack = stack_of(snapshots, self.experiment)
            index = torch.arange(len(self.arms)).repeat(len(snapshots))  # e·m: the arm of each model
            rules = self.constraints.take(index)
            found = self._search(stack, X[group], y[group], settings, record=True, constraints=rules)
            session = _Session(stack, X[group], y[group], group, settings, rules)
            parts = session.along(found, self.features)
            parts |= session.loss_terms(found, self._neighbours(y)[:, group], self.masks.take(index))
            parts["nearest"] = self._shown.nearest(found.final.mT, session.goal)[1].float()
            lower, upper = self.domain
            parts |= session.reach(found, parts["probability"], upper - lower, self.data.schema.plane)
            parts["outside"] = ((lower > session.X) | (upper < session.X)).any(dim=1)
            if found.bound is not None:
                parts["bound"] = found.bound
        return self._dealt(parts, snapshots, settings)

    def _dealt(self, parts: dict[str, Tensor], snapshots: Sequence[Snapshot], settings: SearchSettings) -> list[Trace]:
        """The results of e·m models as one Trace of m arms per epoch."""
        m = len(self.arms)
        arrays = {name: part.numpy() for name, part in parts.items()}
        traces = []
        for e, snapshot in enumerate(snapshots):
            own = slice(e * m, (e + 1) * m)
            values = {name: array if name in _SHARED else array[own] for name, array in arrays.items()}
            traces.append(Trace(epoch=snapshot.epoch, settings=settings, **values))
        return traces

    def _neighbours(self, targets: Tensor) -> Tensor:
        """A training sample of each target class, (d b), the same for the same position in every request."""
        draws = torch.rand(len(targets), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return self._sampler.samples(self._sampler.neighbours_of(targets, draws))

    def neighbours(self) -> Floats:
        """Of each class, the neighbour x⁺ of the first search to it, (k d)."""
        return np.stack([self._neighbours(torch.tensor([target]))[:, 0].numpy() for target in range(self.data.k)])

    # -- analysis ---------------------------------------------------------------------------------

    def words(
        self,
        trace: Trace,
        arm: int,
        index: int,
        names: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        scales: Sequence[DisplayScale] = (),
    ) -> str:
        """One sentence on what came of a search; ``names`` of the features and ``classes`` by default the data's;
        ``scales`` say how values of features are read, by default as they are."""
        from ctviz.catalogue.outcomes import outcome_sentence  # words lie a floor higher; this is only the way to them

        schema = self.schemas[arm]
        known = classes or self.data.classes
        return outcome_sentence(trace, arm, index, schema, self.data.schema, known, names, scales)

    def loss_terms(self, trace: Trace, arm: int, index: int, label: int | None = None) -> LossTerms:
        """The loss terms of a search, as if it were one of the arm's training.

        ``label``: the true class of the factual; by default the class that the arm predicts.
        """
        own = self.experiment.arms[arm]
        searches = TRAINING_METHODS[own.method].searches
        weights = {f"lambda_{term}": own.weights.get(term, 0.0) if searches else 0.0 for term in TERMS}
        return loss_terms_of(trace, arm, index, Objective(**weights), label)

    # -- checks -----------------------------------------------------------------------------------

    @staticmethod
    def _check_size(each: int, b: int, settings: SearchSettings) -> None:
        """For ``b`` factuals with ``each`` paths each."""
        if b * each * (settings.steps + 1) > MAX_POINTS:
            most = MAX_POINTS // (b * each) - 1
            if most < 1:
                raise ConfigError("factuals", b, f"at most {MAX_POINTS // (2 * each):,} here")
            raise ConfigError("steps", settings.steps, f"at most {most:,} for {b * each:,} paths, or fewer factuals")


class _Session:
    """One request: its models, factuals (repeated for generators such as DiCE) and targets."""

    def __init__(
        self,
        stack: Stack,
        X: Tensor,
        y: Tensor,
        group: Tensor,
        settings: SearchSettings,
        constraints: Constraints,
    ) -> None:
        self.stack, self.settings, self.constraints = stack, settings, constraints
        self.X, self.y, self.group = X, y, group  # b d, b, b
        self.m, self.b = stack.m, len(X)
        self.start = X.T.expand(stack.m, -1, -1).contiguous()  # m d b
        self.goal = y.expand(stack.m, -1).contiguous()  # m b

    def along(self, found: SearchResult, features: FeatureColumns) -> dict[str, Tensor]:
        """The values at every point of the paths and at the factuals."""
        points = path_of(found).permute(1, 2, 3, 0)  # m d b t+1
        logits = logits_at(self.stack, points.flatten(2))
        every = torch.arange(points.shape[-1])
        logits = logits.view(self.m, self.stack.k, self.b, len(every))
        goal = self.goal.unsqueeze(-1).expand(-1, -1, len(every))
        # The same point may differ in its last bit in another column of a product, so values of ended searches are
        # copied.
        last = torch.minimum(every, found.steps.unsqueeze(-1))  # m b t+1
        moved = points - self.start.unsqueeze(-1)
        inside = (moved.abs().amax(dim=1) <= self.settings.epsilon).long()  # m b t+1
        index = torch.where(inside.bool(), every, 0).amax(dim=-1)
        nascent = torch.minimum(index, found.steps)
        at_nascent = nascent[:, None, :, None].expand(-1, logits.shape[1], -1, 1)
        low, high = self.constraints.lower, self.constraints.upper
        return {
            "factuals": self.X,
            "targets": self.y,
            "group": self.group,
            "excluded": ((self.start < low) | (self.start > high)).any(dim=1),
            "points": points.permute(0, 2, 3, 1).contiguous(),
            "steps": found.steps,
            "nascent": nascent,
            "mature": found.mature,
            "probability": target_probability(logits, goal).gather(-1, last),
            "energy": -logits.gather(1, goal.unsqueeze(1)).squeeze(1).gather(-1, last),
            "distance": features.cost(moved.movedim(1, -1)).gather(-1, last),
            "predicted": predict(logits[..., 0]),
            "predicted_final": predict(logits[..., -1]),
            "nascent_logits": logits.gather(-1, at_nascent).squeeze(-1).mT.contiguous(),
        }

    def loss_terms(self, found: SearchResult, neighbours: Tensor, shield: Constraints) -> dict[str, Tensor]:
        """The neighbours (d b) and the divergence, by the functions of the training."""
        own = neighbours.expand(self.m, -1, -1)  # m d b
        counterfactuals = torch.where(found.mature.unsqueeze(1), found.final, own)
        shielded = apply_immutable_masks(own, counterfactuals, shield)
        pair = logits_at(self.stack, torch.cat([shielded, counterfactuals], dim=-1))
        energy = -pair.gather(1, self.goal.repeat(1, 2).unsqueeze(1)).squeeze(1)
        near, far = energy[:, : self.b], energy[:, self.b :]
        return {
            "neighbours": own.mT.contiguous(),
            "shielded": shielded.mT.contiguous(),
            "neighbour_energy": near.contiguous(),
            "divergence": torch.where(found.mature, near - far, 0.0),
        }

    def reach(self, found: SearchResult, probability: Tensor, extent: Tensor, plane: bool) -> dict[str, Tensor]:
        """The highest reachable confidence in the target, and the outcome of each search.

        Outside of a ``plane`` nobody looks for a higher one than was met on the way, so that none is impossible.
        """
        failed = ~found.mature
        # Rows of one factual share the answer of the first of them.
        first = torch.searchsorted(self.group, self.group.unique())
        wanted = failed.new_zeros(self.m, len(first)).index_add(1, self.group, failed)
        if plane:
            best = reachable(self.stack, self.start[..., first], self.goal[:, first], self.constraints, wanted)
            best = torch.where(failed, best[:, self.group], torch.nan)
        else:
            best = torch.full_like(probability[..., 0], torch.nan)
        best = torch.maximum(best, probability.amax(dim=-1)) if self.b else best  # NaN stays
        if found.bound is not None:  # a proof goes before a grid
            best = torch.where(found.bound.isinf(), best.clamp_max(self.settings.tau * (1 - 1e-6)), best)
        path, last = path_of(found), found.steps
        columns = torch.arange(self.b).expand(self.m, -1)
        models = torch.arange(self.m).unsqueeze(1)
        end = path[last, models, :, columns]  # m b d
        # Small steps may add up, and an oscillating search may be back where it was.
        since = [path[before, models, :, columns] for before in ((last - 1).clamp_min(0), 3 * last // 4)]
        moves = torch.stack([(end - there).abs() for there in since]) / torch.where(extent > 0, extent, 1)
        moved = moves.amax(dim=(0, -1))  # m b
        return {"reachable": best, "outcome": outcome_of(found.mature, found.steps, moved, best, self.settings.tau)}
