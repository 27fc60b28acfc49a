"""Evaluation of finished models by the paper's protocol; results are kept in the store."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.data.dataset import Dataset
from ctviz.errors import DataError, StoreError
from ctviz.evaluation.attribution import integrated_gradients, standardised, uniform_baselines
from ctviz.evaluation.ends import Comparison, SearchEnds
from ctviz.evaluation.robustness import accuracy_curve
from ctviz.evaluation.rounds import RoundDraws, Scores, UniqueSearches, draw, measure_rounds
from ctviz.experiments.calibration import answers
from ctviz.experiments.config import Experiment
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import (
    ARRAYS,
    PerSample,
    Report,
    check_references,
    keep_report,
    round_metrics,
    stored_report,
)
from ctviz.experiments.run import Run, resolve_device
from ctviz.experiments.sensitivity import SAMPLES
from ctviz.experiments.snapshot import stacked
from ctviz.experiments.store import Store, open_store
from ctviz.experiments.vae import vae_for
from ctviz.isolation import isolated
from ctviz.models.stack import predict

if TYPE_CHECKING:
    from ctviz.experiments.exact_ends import ExactJudge

__all__ = ["Protocol", "Report", "default_references", "evaluate", "stored_report"]

WORKING_SET = 1 << 21
"""Most numbers in the points of the arms searched together; a search makes several copies of them."""

MAX_ARMS = 16
"""Most arms searched together, each with every λ_egy: more gain nothing and would report progress rarely."""

OnProgress = Callable[[int, int], None]


def default_references(experiment: Experiment) -> dict[str, str]:
    """Every arm that is not conventional → the first conventional arm, if possible with the same seed.

    Empty where there is no such arm.
    """
    plain = [arm for arm in experiment.arms if arm.conventional]
    if not plain:
        return {}
    first: dict[int, str] = {}
    for arm, seed in zip(experiment.arms, seeds_of(experiment), strict=True):
        if arm.conventional:
            first.setdefault(seed, arm.name)
    return {
        arm.name: first.get(seed, plain[0].name)
        for arm, seed in zip(experiment.arms, seeds_of(experiment), strict=True)
        if not arm.conventional
    }


def seeds_of(experiment: Experiment) -> tuple[int, ...]:
    """The seed of each arm."""
    return tuple(experiment.seed if arm.seed is None else arm.seed for arm in experiment.arms)


def evaluate(
    run: Run,
    protocol: Protocol | None = None,
    references: Mapping[str, str] | None = None,
    store: Store | None = None,
    progress: OnProgress | None = None,
    device: str = "cpu",
) -> Report:
    """The report of a run: from the store if it is there, else computed now and stored.

    Every arm is searched under its own constraints for advice, with the same draws as all others
    (``evaluation.rounds.draw``). A stored report of an earlier version, without calibration, gets it. Memory does not
    grow with the number of arms beyond the size of the report.

    Args:
        protocol: by default the paper's for this kind of data (``Protocol.usual``).
        references: arm → the arm it is compared with; by default ``default_references``. Not part of what is stored.
        store: where reports are read and kept; by default that of this machine. A disk that cannot be written is no
            error.
        progress: called with the units of work that are done and their total.
        device: "cpu", "cuda" or "auto"; where the searches run.

    Raises:
        ConfigError: references that are not arms; metrics of other kinds of data; models that ``protocol.exact`` does
            not take. DataError: a split without samples. DeviceError: no such device.
    """
    protocol, store = protocol or Protocol.usual(run.experiment.data), store or open_store()
    if references is not None:
        references = check_references(references, run.arms)
    report = stored_report(run.key, protocol, store)
    if report is None or not report.calibrated:
        if report is None:
            report = report_of(run, protocol, store, progress, device)
        else:
            report = _Evaluation(run, protocol, store, device).calibrated(report)
        with contextlib.suppress(StoreError):
            keep_report(report, store)
    return report if references is None else report.with_references(references)


def report_of(
    run: Run, protocol: Protocol, store: Store, progress: OnProgress | None = None, device: str = "cpu"
) -> Report:
    """The report of a run, which need not be stored: computed now, and kept nowhere.

    Args:
        run, protocol, progress, device: as of ``evaluate``.
        store: where the autoencoders of REVISE are.
    """
    protocol.check_metrics(run.experiment)
    return _Evaluation(run, protocol, store, device).report(progress or (lambda done, total: None))


class _Evaluation:
    """One evaluation; ``sound`` are the arms whose outputs are finite, and only these are searched and attacked."""

    @isolated()
    def __init__(self, run: Run, protocol: Protocol, store: Store, device: str) -> None:
        experiment, data = run.experiment, run.data
        self._run, self._protocol, self._data = run, protocol, data
        self._stack = stacked([run.snapshot()], experiment).to(resolve_device(device, experiment))
        X, y = protocol.samples(data)
        if not len(y):
            raise DataError(f"The {protocol.split} split of {data.name} has no samples; nothing can be evaluated.")
        self._X, self._y = X.to(self._stack.flat), y.to(self._stack.device)
        self._reference_data = ReferenceData.of(data, lambda latent: vae_for(experiment.data, latent, store))
        schemas = [arm.constraints_for(data.schema, "advice") for arm in experiment.arms]
        self._constraints = Constraints.of(schemas, self._stack.flat)
        self._by = Comparison.of(data.schema, X, y, data.k)
        if "kernels" in protocol.also:
            self._by = replace(self._by, kernels=True)
        self._names = round_metrics(protocol)
        self._judge = self._exact_judge()

    def _exact_judge(self) -> ExactJudge | None:
        """What solves factuals exactly, if the protocol asks for it."""
        if not self._protocol.exact:
            return None
        from ctviz.experiments.exact_ends import ExactJudge  # imports scipy's solver

        return ExactJudge(self._stack, self._X, self._y, self._constraints, self._by, self._protocol)

    @isolated()
    def calibrated(self, report: Report) -> Report:
        """A report of an earlier version, with calibration."""
        sound = np.flatnonzero(self._predictions()[:, 0] >= 0)
        both = {**report.samples, **self._calibration(sound)}
        return replace(report, samples={name: both[name] for name in ARRAYS if name in both})

    def report(self, progress: OnProgress) -> Report:
        experiment, protocol = self._run.experiment, self._protocol
        predicted = self._predictions()
        draws = draw(predicted, self._data.k, protocol.rounds, protocol.factuals, protocol.seed)
        groups = self._groups(draws)
        sound = np.flatnonzero(predicted[:, 0] >= 0)
        searched = len(groups) + len(protocol.also)
        exact = self._judge.units * len(sound) if self._judge else 0
        total = searched + exact + 1
        shape = (len(self._names), self._stack.m, len(protocol.pulls), protocol.rounds)
        rounds = np.full(shape, np.nan)
        for done, group in enumerate(groups):
            progress(done, total)
            self._measure(group, draws, rounds)
        progress(len(groups), total)
        samples = self._per_sample(sound, predicted)
        steps = iter(range(searched + 1, total))
        samples |= self._exact(sound, lambda: progress(next(steps), total))
        progress(total, total)
        return Report(
            run=self._run.key,
            arms=self._run.arms,
            seeds=seeds_of(experiment),
            protocol=protocol,
            references=default_references(experiment),
            rounds=rounds,
            samples=samples,
        )

    @isolated()
    @torch.no_grad()
    def _predictions(self) -> npt.NDArray[np.int64]:
        """Class that each arm predicts for each sample, (m s); −1 throughout for an arm with outputs that are not
        finite."""
        s = len(self._X)
        size = max(1, 8 * WORKING_SET // (s * self._stack.widest))
        found = []
        for first in range(0, self._stack.m, size):
            part = self._stack.take(range(first, min(first + size, self._stack.m)))
            logits = part(self._X.expand(part.m, -1, -1))  # m s k
            broken = ~logits.isfinite().flatten(1).all(dim=1)
            found.append(torch.where(broken.unsqueeze(1), -1, predict(logits.mT)))
        return np.asarray(torch.cat(found).cpu().numpy(), dtype=np.int64)

    # -- rounds -------------------------------------------------------------------------------------------

    def _groups(self, draws: RoundDraws) -> list[list[int]]:
        """Groups of arms that are searched together; arms without searches are left out."""
        lengths = [len(draws.unique(arm).rows) for arm in range(self._stack.m)]
        arms = [arm for arm, length in enumerate(lengths) if length]
        size = max(1, min(MAX_ARMS, self._columns(1) // max(1, *lengths)))
        return [arms[first : first + size] for first in range(0, len(arms), size)]

    def _columns(self, arms: int) -> int:
        """Number of searches at once of each of ``arms`` arms, with every λ_egy."""
        return max(1, WORKING_SET // (arms * len(self._protocol.pulls) * (self._stack.d + 1)))

    @isolated()
    @torch.no_grad()
    def _measure(self, group: list[int], draws: RoundDraws, rounds: npt.NDArray[np.float64]) -> None:
        """Search and measure some arms, all λ_egy at once; fills in ``rounds`` (metric m λ r)."""
        pulls = len(self._protocol.pulls)
        uniques = [draws.unique(arm) for arm in group]
        width, size = max(len(unique.rows) for unique in uniques), self._columns(len(group))
        parts = [self._search(group, uniques, slice(first, first + size)) for first in range(0, width, size)]
        for place, (arm, unique) in enumerate(zip(group, uniques, strict=True)):
            for pull in range(pulls):
                scores = Scores.joined([part[place][pull] for part in parts if part[place]])
                rounds[:, arm, pull] = measure_rounds(unique, scores, self._by, self._names)

    def _search(self, group: list[int], uniques: list[UniqueSearches], part: slice) -> list[list[Scores]]:
        """Scores of some of the searches, for every arm and λ_egy; an arm without any left has no scores."""
        settings = self._protocol.searches()
        width = max(len(unique.rows[part]) for unique in uniques)
        rows = _table([_padded(unique.rows[part], width) for unique in uniques], len(settings))  # mλ b
        targets = _table([_padded(unique.targets[part], width) for unique in uniques], len(settings))
        owners = torch.tensor(group, device=self._stack.device).repeat_interleave(len(settings))
        stack, goals = self._stack.take(owners.tolist()), targets.to(self._y)
        factuals = self._X[rows.to(self._y)]  # mλ b d
        rules = self._constraints.take(owners)
        start = factuals.mT.contiguous()
        found = search(
            SearchRequest(stack, start, goals, settings * len(group), rules, reference_data=self._reference_data)
        )
        final = found.final.mT.contiguous()
        valid = predict(stack(final).mT) == goals
        ended = [one.cpu() for one in (factuals, final, targets, valid, found.mature, found.steps)]
        result = []
        for place, unique in enumerate(uniques):
            n = len(unique.rows[part])
            every = range(place * len(settings), (place + 1) * len(settings))
            ends = [SearchEnds(*(one[row, :n] for one in ended)) for row in every]
            result.append([Scores.of(end, self._by, self._names) for end in ends] if n else [])
        return result

    # -- samples ------------------------------------------------------------------------------------------

    @isolated()
    def _per_sample(self, sound: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> dict[str, PerSample]:
        right = predicted == self._y.cpu().numpy()
        accuracy = np.full((len(predicted), 1, right.shape[1]), np.nan, dtype=np.float32)
        accuracy[sound, 0] = right[sound]
        found = {"accuracy": PerSample(("",), accuracy), **self._calibration(sound)}
        also, strengths = self._protocol.also, self._protocol.attacks
        if "robustness" in also and strengths:
            found["fgsm"] = self._attacked(sound, strengths, "fgsm")
            found["pgd"] = self._attacked(sound, strengths[-1:], "pgd")
        if "sensitivity" in also and (sensitivity := self._sensitivity(sound)) is not None:
            found["sensitivity"] = sensitivity
        return found

    def _calibration(self, sound: npt.NDArray[np.int64]) -> dict[str, PerSample]:
        """Confidences, and for two classes whom each arm accepts, with its threshold and the data's rate."""
        given = answers(self._stack, sound.tolist(), self._data, self._X)
        found = {"confidence": PerSample(("",), given.confidence[:, None])}
        if given.accepted is None or given.threshold is None:
            return found
        rate = np.where(np.isnan(given.threshold), np.nan, given.rate)
        facts = np.stack([given.threshold, rate], axis=1)  # m 2
        found["accepted"] = PerSample(("",), given.accepted[:, None])
        found["acceptance"] = PerSample(("threshold", "rate"), facts[..., None].astype(np.float32))
        return found

    @isolated()
    @torch.no_grad()
    def _exact(self, sound: npt.NDArray[np.int64], reached: Callable[[], None]) -> dict[str, PerSample]:
        """The exact cheapest counterfactuals, if the protocol asks for them."""
        if self._judge is None:
            return {}
        found = self._judge.measure(sound.tolist(), reached)
        return {name: PerSample(("",), values[:, None]) for name, values in found.items()}

    def _attacked(self, sound: npt.NDArray[np.int64], strengths: tuple[float, ...], attack: str) -> PerSample:
        """Which samples each arm classifies correctly after attacks within the domain."""
        values = np.full((self._stack.m, len(strengths), len(self._y)), np.nan, dtype=np.float32)
        if len(sound):
            lower, upper = (torch.from_numpy(bound).to(self._X) for bound in self._data.schema.bounds())
            stack = self._stack.take(sound.tolist())
            X = self._X.expand(stack.m, -1, -1)
            right = accuracy_curve(stack, X, self._y, strengths, lower, upper, "pgd" if attack == "pgd" else "fgsm")
            values[sound] = right.cpu().numpy()
        return PerSample(tuple(f"{strength:g}" for strength in strengths), values)

    def _sensitivity(self, sound: npt.NDArray[np.int64]) -> PerSample | None:
        """Standardised integrated gradients by feature; for images, by locked parts, None if nothing is locked."""
        parts = _parts(self._run.experiment, self._data)
        if not parts:
            return None
        X = self._X[:SAMPLES]
        values = np.full((self._stack.m, len(parts), len(X)), np.nan, dtype=np.float32)
        baselines = uniform_baselines(len(X), self._data.d, self._protocol.seed).to(X)
        for arm in sound.tolist():  # one at a time: attributions of images are large
            stack = self._stack.take([arm])
            inputs = X.expand(1, -1, -1)
            with torch.no_grad():
                classes = stack(inputs).argmax(dim=-1)
            attributed = integrated_gradients(stack, inputs, classes, baselines).values  # 1 b d
            found = standardised(self._by.features.total(attributed))[0].cpu()  # b f
            values[arm] = np.stack([found[:, features].mean(dim=-1).numpy() for features in parts.values()])
        return PerSample(tuple(parts), values)


def _parts(experiment: Experiment, data: Dataset) -> dict[str, list[int]]:
    """The parts for which sensitivity is reported: name → positions of features."""
    schema = data.schema
    if schema.grid is None:
        return {name: [position] for position, name in enumerate(schema.names)}
    refs = dict.fromkeys(ref for arm in experiment.arms for ref in arm.locked)
    return {ref if isinstance(ref, str) else schema.names[ref]: list(schema.positions(ref)) for ref in refs}


def _padded(values: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.int64]:
    """Padded to ``width`` with copies of the first, or zeros; results of the padding are dropped."""
    return np.concatenate([values, np.full(width - len(values), values[0] if len(values) else 0)])


def _table(rows: list[npt.NDArray[np.int64]], copies: int) -> Tensor:
    """Rows (m b), each repeated for every λ_egy, (mλ b)."""
    return torch.from_numpy(np.stack(rows)).repeat_interleave(copies, dim=0)
