"""The report of an evaluation: every round of every arm, intervals and comparisons; reports in the store."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from ctviz.errors import ConfigError, CtvizError, DataError, StoreError
from ctviz.evaluation.bootstrap import Bootstrap, Estimate
from ctviz.evaluation.calibration import calibration_error, reliability
from ctviz.evaluation.ends import END_METRICS
from ctviz.evaluation.rounds import ROUND_METRICS as ROUND_METRICS
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import Kind
from ctviz.paths import write_whole
from ctviz.short_repr import ShortRepr

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 1 << 25
"""Most rows in a report's table; a larger one is not read."""

MAX_BYTES = 1 << 28
"""Largest size of a report's file; a larger one is not opened."""

EXACT_METRICS = ("exact_ip", "exact_nearest", "exact_nearest_five", "exact_cost", "exact_found", "exact_proved")
"""Of exact searches: means over factuals, the first four over those for which a counterfactual was found, the last two
shares of all."""

CONFIDENCE, ACCEPTANCE, GAP = "confidence", "acceptance", "exact_gap"
"""Arrays of which no means are taken: the metric ``calibration`` comes of the first; the others are facts about arms
(threshold and rate) and about exact searches (by which share of its cost each may be above the cheapest)."""

ARRAYS = ("accuracy", CONFIDENCE, "accepted", "fgsm", "pgd", "sensitivity", *EXACT_METRICS, ACCEPTANCE, GAP)
"""The arrays of a report, in this order, as far as it has them."""

SAMPLE_METRICS = {name: name for name in ARRAYS if name not in (ACCEPTANCE, GAP)} | {CONFIDENCE: "calibration"}
"""Array → the metric over its samples, which has no rounds."""

READ_METRICS = ("read_as", "read_as_before")
"""What an independent reader says of counterfactual digits: shares of all."""

REPORT_METRICS = (*ROUND_METRICS, "ip_star_median", "nearest", *READ_METRICS, *SAMPLE_METRICS.values())
"""In this order."""

TABLE = ("arm", "seed", "metric", "part", "lambda_egy", "round", "value", "low", "high")

COMPARISON = (
    "arm", "reference", "seed", "metric", "part", "value", "base", "difference", "low", "high",
    "reduction", "reduction_low", "reduction_high", "error", "significant", "factuals", "rounds",
)  # fmt: skip

RELIABILITY = ("arm", "seed", "low", "high", "count", "confidence", "accuracy")

SAMPLE_RESAMPLES = 1000
"""Resamples behind intervals of means over samples."""

_FACTS, _ARRAYS = b"ctviz.report", b"ctviz.samples"
_CANONICAL: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "allow_nan": False}

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, repr=False, eq=False)
class PerSample(ShortRepr):
    """A metric that is a mean over samples, by parts: strengths of an attack, features."""

    parts: tuple[str, ...]
    array: Singles  # m p n; NaN where it is not defined


@dataclass(frozen=True, repr=False, eq=False)
class Report(ShortRepr):
    """The metrics of the arms of a run.

    Rows are ``ROUND_METRICS``, in units of the features (ip, cost), of the kernel (ip_star, from 0), of steps (steps)
    or shares from 0 to 1; accuracy on the split, fgsm and pgd under attacks of strength ``part``, and sensitivity to
    feature ``part``: mean standardised |integrated gradient|. For images, ``part`` is a locked part, and sensitivity is
    the mean over its pixels. ``calibration`` is the expected calibration error, ``accepted`` the share of samples that
    reach the score from which on the data's share is accepted, ``exact_…`` metrics are those of exact searches.
    """

    run: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    protocol: Protocol
    references: Mapping[str, str]
    rounds: Floats  # metric m λ r
    samples: Mapping[str, PerSample]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of each round."""
        return round_metrics(self.protocol)

    @property
    def calibrated(self) -> bool:
        """Whether it says how sure the models were of each sample, which earlier versions did not keep."""
        return CONFIDENCE in self.samples

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every round, and every metric over all rounds or samples, as a tidy table; columns as in ``TABLE``.

        Rows of single rounds have no interval. Rows over all have round −1 and no λ_egy, with the percentile interval
        of the mean: over rounds, each the mean over λ_egy, or over samples. ``lambda_egy`` is NaN throughout for a
        generator that does not use it.
        """
        import pandas as pd

        names, m = len(self.metrics), len(self.arms)
        pulls, r = self.protocol.pulls, self.protocol.rounds
        listens = "lambda_egy" in self.protocol.listens
        index = [grid.ravel() for grid in np.indices((names, m, len(pulls), r), dtype=np.int32)]
        arms, seeds = np.array(self.arms, dtype=object), np.array(self.seeds)
        single = {
            "arm": arms[index[1]],
            "seed": seeds[index[1]],
            "metric": np.array(self.metrics, dtype=object)[index[0]],
            "part": "",
            "lambda_egy": np.array(pulls if listens else [np.nan])[index[2]],
            "round": index[3].astype(np.int64),
            "value": self.rounds.ravel(),
            "low": np.nan,
            "high": np.nan,
        }
        return pd.concat([pd.DataFrame(single), self.overall], ignore_index=True)

    @cached_property
    def overall(self) -> pd.DataFrame:
        """Only the rows of the table over all rounds or samples, without computing the others."""
        import pandas as pd

        rows = [
            (arm, seed, metric, part, np.nan, -1, *interval)
            for metric, part, intervals in self._means()
            for arm, seed, interval in zip(self.arms, self.seeds, intervals, strict=True)
        ]
        return pd.DataFrame(rows, columns=list(TABLE))

    def compare(self, references: Mapping[str, str] | None = None) -> pd.DataFrame:
        """Every arm beside its reference, one row for each metric and part; columns as in ``COMPARISON``.

        ``difference`` is value − base, over the rounds and λ_egy (or samples) in which both are defined, ``low`` to
        ``high`` its percentile interval; all arms share each resample. ``reduction`` is −100 · difference / base, in %
        of the reference: positive where the arm has less. ``error`` is the standard deviation of the reduction over the
        resamples. ``significant``: zero lies outside of the interval of the difference. ``factuals`` is their total
        number in ``rounds`` rounds; for means over samples, the number of samples, and 0 rounds.

        Args:
            references: arm → reference; by default those of the report.

        Raises:
            ConfigError: an arm that is not in the report, or that is its own reference.
        """
        if references is None or dict(references) == dict(self.references):
            return self._comparison.copy()
        return _compare(self, check_references(references, self.arms))

    @cached_property
    def _comparison(self) -> pd.DataFrame:
        return _compare(self, self.references)

    def with_references(self, references: Mapping[str, str]) -> Report:
        """The same report, with other references."""
        return replace(self, references=check_references(references, self.arms))

    @property
    def notes(self) -> tuple[str, ...]:
        """Caveats about single arms, as sentences: rounds that do not count."""
        found = []
        for arm, values in zip(self.arms, self.rounds[ROUND_METRICS.index("ip")], strict=True):
            missing = int(np.isnan(values).all(axis=0).sum())
            if missing == self.protocol.rounds:
                found.append(f"{arm} has no round that counts: its answers are not numbers, or are never drawn.")
            elif missing:
                found.append(
                    f"{arm} puts no sample into the factual class of {missing} of {self.protocol.rounds} rounds, "
                    "which do not count for it."
                )
        return (*found, *self._unproved())

    def _unproved(self) -> list[str]:
        """A sentence for each arm with exact searches that are not proved, or with none."""
        if GAP not in self.samples:
            return []
        found = []
        sound = ~np.isnan(self.rounds[ROUND_METRICS.index("ip")]).all(axis=(1, 2))
        for arm, counts, gaps in zip(self.arms, sound, self.samples[GAP].array[:, 0], strict=True):
            if counts and np.isnan(gaps).all():
                found.append(f"{arm} is not judged exactly: nothing to be solved, or no single network of ReLU layers.")
                continue
            asked, open_ = gaps[~np.isnan(gaps)], gaps[gaps > 0]
            if not len(open_):
                continue
            with_plan = open_[np.isfinite(open_)]
            largest = f"the largest gap is {100 * with_plan.max():.2g} %" if len(with_plan) else "none has an end"
            nothing = len(open_) - len(with_plan)
            found.append(
                f"{arm}: {len(open_)} of {len(asked)} exact searches ran out of time before their proof; {largest}"
                + (f", and {nothing} found nothing." if nothing and len(with_plan) else ".")
            )
        return found

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """The reliability curve of every arm: columns arm, seed, low, high, count, confidence, accuracy.

        One row for each bin (low, high] of confidence that is not empty: how many samples, the mean probability of the
        class that the arm predicts, and the share that it predicts rightly. Empty for a report without calibration.
        """
        import pandas as pd

        rows = []
        for index, (arm, seed) in enumerate(zip(self.arms, self.seeds, strict=True)):
            if not self.calibrated:
                break
            confidence, right = (self.samples[name].array[index, 0] for name in (CONFIDENCE, "accuracy"))
            curve = reliability(torch.from_numpy(confidence), torch.from_numpy(right))
            bins = zip(*(getattr(curve, name).tolist() for name in RELIABILITY[2:]), strict=True)
            rows += [(arm, seed, *one) for one in bins if one[2]]
        return pd.DataFrame(rows, columns=list(RELIABILITY))

    @property
    def acceptance(self) -> pd.DataFrame:
        """For two classes: from which score (probability of class 1) on each arm accepts as large a share of the
        validation data as is of class 1 there; columns arm, seed, threshold, rate. Else empty; without arms
        whose answers are not finite."""
        import pandas as pd

        facts = self.samples[ACCEPTANCE].array[:, :, 0].astype(np.float64) if ACCEPTANCE in self.samples else ()
        rows = [(arm, seed, *own) for arm, seed, own in zip(self.arms, self.seeds, facts, strict=False)]
        return pd.DataFrame(rows, columns=["arm", "seed", "threshold", "rate"]).dropna(ignore_index=True)

    def _means(self) -> list[tuple[str, str, list[tuple[float, float, float]]]]:
        """Metric, part, and (value, low, high) of every arm."""
        bootstrap = Bootstrap.of(self.protocol.rounds, seed=self.protocol.seed)
        values = torch.from_numpy(np_nanmean(self.rounds, axis=2))  # metric m r
        parts = [
            (name, "", bootstrap.mean(one, one.isfinite())) for name, one in zip(self.metrics, values, strict=True)
        ]
        every = np.arange(len(self.arms))
        for name, metric in self._sampled():
            for p, part in enumerate(self.samples[name].parts):
                counted = torch.from_numpy(self.samples[name].array[:, p]).isfinite()  # m n
                parts.append((metric, part, self._of_samples(name, p, every, counted)))
        result = []
        for name, part, estimate in parts:
            found = estimate.interval(self.protocol.level)
            ends = (found.value.tolist(), found.low.tolist(), found.high.tolist())
            result.append((name, part, list(zip(*ends, strict=True))))
        return result

    def _sampled(self) -> list[tuple[str, str]]:
        """Arrays with a metric over samples, and its name."""
        return [(name, SAMPLE_METRICS[name]) for name in self.samples if name in SAMPLE_METRICS]

    def _of_samples(self, name: str, part: int, arms: npt.NDArray[np.int64], counted: torch.Tensor) -> Estimate:
        """The metric of an array over the counted samples (p n), of the p arms at these positions."""
        per_sample = self.samples[name]
        over, values = self._over(per_sample), torch.from_numpy(per_sample.array[arms, part])
        if name != CONFIDENCE:
            return over.mean(values, counted)
        right = torch.from_numpy(self.samples["accuracy"].array[arms, 0])
        return calibration_error(values, right, counted, over)

    def _over(self, per_sample: PerSample) -> Bootstrap:
        """Resamples of the samples, made once for each number of samples, since they are large."""
        n = per_sample.array.shape[-1]
        if n not in self._resamples:
            self._resamples[n] = Bootstrap.of(n, SAMPLE_RESAMPLES, self.protocol.seed)
        return self._resamples[n]

    @cached_property
    def _resamples(self) -> dict[int, Bootstrap]:
        return {}

    # -- files ----------------------------------------------------------------------------------------

    def to_parquet(self, path: Path | str) -> None:
        """Write the table, and in the file's metadata what ``read`` needs.

        Raises:
            CtvizError: the file cannot be written.
        """
        _write(Path(path), self.to_bytes())

    def to_csv(self, path: Path | str) -> None:
        """Write the table as CSV. Raises ``CtvizError`` when the file cannot be written."""
        _write(Path(path), self.table.to_csv(index=False).encode())

    def to_bytes(self) -> bytes:
        """The content of a Parquet file."""
        import pyarrow as pa
        from pyarrow import parquet
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(each.array) for name, each in self.samples.items()}
        facts = {
            "run": self.run,
            "arms": self.arms,
            "seeds": self.seeds,
            "protocol": self.protocol.model_dump(mode="json"),
            "references": dict(self.references),
            "parts": {name: each.parts for name, each in self.samples.items()},
        }
        text = json.dumps({**facts, "sha256": _digest(facts, self.rounds, arrays)}, **_CANONICAL)
        kept = {_FACTS: text.encode(), _ARRAYS: zlib.compress(save(arrays))}
        table = pa.Table.from_pandas(self.table, preserve_index=False)
        out = io.BytesIO()
        parquet.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **kept}), out)
        return out.getvalue()

    @classmethod
    def read(cls, path: Path | str) -> Report:
        """The report in a file that ``to_parquet`` wrote.

        Raises:
            DataError: a file that is not a report, or was changed. OSError: it cannot be read. MemoryError: it does not
                fit into the free memory, although the file may be sound.
        """
        path = Path(path)
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path.name} is too large for a report.")
        content = path.read_bytes()
        try:
            return _decoded(content)
        except MemoryError:
            raise
        except Exception as error:  # parsers of foreign bytes may raise anything
            raise DataError(f"{path.name} is no report of ctviz, or was changed ({error}).") from error


def round_metrics(protocol: Protocol) -> tuple[str, ...]:
    """The metrics of each round by a protocol: the usual ones, then what it measures besides."""
    more = {"median": ("ip_star_median",), "nearest_sample": ("nearest",), "reader": READ_METRICS}
    asked = [name for extra, names in more.items() if extra in protocol.also for name in names]
    named = [name for name in protocol.also if name in END_METRICS]
    return tuple(dict.fromkeys((*ROUND_METRICS, *asked, *named)))


def check_references(references: Mapping[str, str], arms: tuple[str, ...]) -> dict[str, str]:
    """The mapping, checked; ``ConfigError`` for an unknown arm, or an arm that is its own reference."""
    for arm, reference in references.items():
        for name in (arm, reference):
            if name not in arms:
                raise ConfigError("references", name, f"arms out of {', '.join(arms)}")
        if arm == reference:
            raise ConfigError("references", arm, "another arm than itself")
    return dict(references)


def np_nanmean(values: Floats, axis: int) -> Floats:
    """Mean of the values that are not NaN; NaN, without a warning, where there are none."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=axis)
    total = np.where(defined, values, 0.0).sum(axis=axis)
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0))


# -- comparing -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _PairedMeans:
    """For p pairs of arms: the means of both arms over the values that both have, and their number."""

    value: Estimate  # p
    base: Estimate  # p
    factuals: npt.NDArray[np.int64]  # p
    rounds: npt.NDArray[np.int64]  # p


def _compare(report: Report, references: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    names = [(arm, references[arm]) for arm in report.arms if arm in references]
    if not names:
        return pd.DataFrame({name: [] for name in COMPARISON})
    pairs = np.array([[report.arms.index(name) for name in pair] for pair in names], dtype=np.int64).reshape(-1, 2)
    frames = [_columns(report, names, metric, part, beside) for metric, part, beside in _sides(report, pairs)]
    return pd.concat(frames, ignore_index=True)[list(COMPARISON)]


def _sides(report: Report, pairs: npt.NDArray[np.int64]) -> list[tuple[str, str, _PairedMeans]]:
    """Every metric and part, with both sides of every pair."""
    found = []
    n = report.protocol.factuals
    bootstrap = Bootstrap.of(report.protocol.rounds, seed=report.protocol.seed)
    for name, values in zip(report.metrics, report.rounds, strict=True):
        mine, theirs = values[pairs[:, 0]], values[pairs[:, 1]]  # p λ r
        both = ~(np.isnan(mine) | np.isnan(theirs))
        counted = torch.from_numpy(both.any(axis=1))
        value, base = (
            bootstrap.mean(torch.from_numpy(np_nanmean(np.where(both, side, np.nan), axis=1)), counted)
            for side in (mine, theirs)
        )
        rounds = counted.sum(dim=1).numpy()
        found.append((name, "", _PairedMeans(value, base, n * rounds, rounds)))
    for name, metric in report._sampled():
        per_sample = report.samples[name]
        for p, part in enumerate(per_sample.parts):
            one, other = (torch.from_numpy(per_sample.array[pairs[:, i], p]) for i in (0, 1))  # p n
            counted = one.isfinite() & other.isfinite()
            number = counted.sum(dim=1).numpy()
            value, base = (report._of_samples(name, p, pairs[:, i], counted) for i in (0, 1))
            found.append((metric, part, _PairedMeans(value, base, number, np.zeros_like(number))))
    return found


def _columns(
    report: Report, names: list[tuple[str, str]], metric: str, part: str, beside: _PairedMeans
) -> pd.DataFrame:
    """Rows of the comparison for one metric and part."""
    import pandas as pd

    difference = _each(beside, lambda value, base: value - base)
    reduction = _each(beside, lambda value, base: 100 * (base - value) / torch.where(base > 0, base, torch.nan))
    change, less = difference.interval(report.protocol.level), reduction.interval(report.protocol.level)
    columns = {
        "arm": [arm for arm, _ in names],
        "reference": [reference for _, reference in names],
        "seed": [report.seeds[report.arms.index(arm)] for arm, _ in names],
        "metric": metric,
        "part": part,
        "value": beside.value.value.numpy(),
        "base": beside.base.value.numpy(),
        "difference": change.value,
        "low": change.low,
        "high": change.high,
        "reduction": less.value,
        "reduction_low": less.low,
        "reduction_high": less.high,
        "error": _spread(reduction),
        "significant": change.significant,
        "factuals": beside.factuals,
        "rounds": beside.rounds,
    }
    return pd.DataFrame(columns)


def _each(beside: _PairedMeans, what: Any) -> Estimate:
    value, base = beside.value, beside.base
    return Estimate(what(value.value, base.value), what(value.resampled, base.resampled))


def _spread(estimate: Estimate) -> Floats:
    """Standard deviation over the resamples in which the value is defined."""
    values = estimate.resampled.numpy()
    centre = np_nanmean(values, axis=0)
    spread = np.sqrt(np_nanmean((values - centre) ** 2, axis=0))
    return np.where(np.isnan(estimate.value.numpy()), np.nan, spread)


# -- files -----------------------------------------------------------------------------------------------


def stored_report(key: str, protocol: Protocol, store: Store) -> Report | None:
    """The report of run ``key`` by this protocol, if stored; a damaged one is removed, to be computed again."""
    return REPORTS.read(
        store, report_key(key, protocol), lambda report: report.run == key and report.protocol == protocol
    )


def keep_report(report: Report, store: Store) -> None:
    """Write a report into the store; ``StoreError`` if the disk cannot be written."""
    REPORTS.keep(store, report_key(report.run, report.protocol), report)


def has_report(key: str, protocol: Protocol, store: Store) -> bool:
    """Whether there is a file for the report, without opening it."""
    return REPORTS.has(store, report_key(key, protocol))


def report_key(run: str, protocol: Protocol) -> str:
    """Key of a report in the store."""
    return hashlib.sha256(f"report:{run}:{protocol.key}".encode()).hexdigest()[:16]


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise CtvizError(f"{path} could not be written: {error.strerror or type(error).__name__}.") from None


def _decoded(content: bytes) -> Report:
    from pyarrow import BufferReader, parquet
    from safetensors.numpy import load

    file = parquet.ParquetFile(BufferReader(content))
    metadata = file.schema_arrow.metadata
    facts = json.loads(metadata[_FACTS])
    digest = facts.pop("sha256")
    protocol = Protocol.from_mapping(facts["protocol"])
    arms = tuple(map(str, facts["arms"]))
    metrics = round_metrics(protocol)
    shape = (len(metrics), len(arms), len(protocol.pulls), protocol.rounds)
    # Compared before anything is read: a small file can claim billions of equal rows.
    singles = math.prod(shape)
    means = len(arms) * (len(metrics) + sum(len(p) for name, p in facts["parts"].items() if name in SAMPLE_METRICS))
    if file.metadata.num_rows != singles + means or singles + means > MAX_ROWS:
        raise StoreError("it has another number of rows than its settings give")
    if file.schema_arrow.field("value").type != "double":
        raise StoreError("its values are not numbers")
    arrays = load(_inflated(metadata[_ARRAYS]))
    values = file.read(columns=["value"]).column("value").to_numpy()[:singles]
    rounds = np.ascontiguousarray(values, dtype=np.float64).reshape(shape)
    if digest != _digest(facts, rounds, arrays):
        raise StoreError("its numbers are not those that were written")
    samples = {name: PerSample(tuple(parts), arrays[name]) for name, parts in facts["parts"].items()}
    in_order = {name: samples[name] for name in ARRAYS if name in samples}
    seeds = tuple(int(seed) for seed in facts["seeds"])
    return Report(str(facts["run"]), arms, seeds, protocol, dict(facts["references"]), rounds, in_order)


def _inflated(squeezed: bytes) -> bytes:
    """Decompress to at most ``MAX_BYTES``, whatever the file claims."""
    inflate = zlib.decompressobj()
    found = inflate.decompress(squeezed, MAX_BYTES)
    if inflate.unconsumed_tail:
        raise StoreError("it is too large")
    return found


def _digest(facts: Mapping[str, Any], rounds: Floats, arrays: Mapping[str, Singles]) -> str:
    digest = hashlib.sha256(json.dumps(facts, **_CANONICAL).encode())
    digest.update(np.ascontiguousarray(rounds).data)
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape};".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


REPORTS = Kind(
    "report",
    folder="reports",
    encode=Report.to_bytes,
    decode=_decoded,
    old_name="{key}.parquet",
    max_bytes=MAX_BYTES,
    max_files=20_000,
    room=lambda store: store.cap_bytes // 4,
)
"""Reports in a store, by run and protocol."""
