"""Table 1, reproduced: settings are chosen on validation data; every draw is trained, evaluated and reported."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ctviz.data.catalogue import load
from ctviz.experiments.config import ALGORITHM_VERSION, Experiment
from ctviz.experiments.engines.base import Engine, OnProgress, no_progress
from ctviz.experiments.reports import Report
from ctviz.experiments.run import load_run
from ctviz.experiments.store import Store
from ctviz.studies.reproduce import reproduction as what
from ctviz.studies.reproduce.extras import ablation, curves, sensitivity
from ctviz.studies.reproduce.headroom import headroom_ends, mean_ends, share_of_gain
from ctviz.studies.reproduce.intervals import Paired, combine
from ctviz.studies.reproduce.judged import Judgement, judged
from ctviz.studies.reproduce.pairs import paired_costs
from ctviz.studies.reproduce.published import METRICS, SOURCE, TABLE1, TITLES, MetricName
from ctviz.studies.reproduce.reading import mean, overall, paired, reduced
from ctviz.studies.reproduce.reproduction import Reproduction
from ctviz.studies.reproduce.result import (
    ComparedReduction,
    CrossStudy,
    Draw,
    Headroom,
    LockedDraw,
    Reduction,
    SearchVariant,
    Table1,
    Table1Row,
    TrainingDetails,
)
from ctviz.studies.reproduce.searched import searched
from ctviz.studies.reproduce.selection import RULES
from ctviz.studies.reproduce.studies import Final, StudyResults, mature, study_steps
from ctviz.studies.reproduce.work import Work
from ctviz.studies.steps import Steps, carry_out


def reproduce(
    reproduction: Reproduction,
    store: Store,
    engine: str | Engine = "local",
    progress: OnProgress = no_progress,
    **options: Any,
) -> Table1:
    """The table of a reproduction; results in the store are not computed again.

    Args:
        reproduction: its settings.
        store: with what is done, and for what will be.
        engine, progress, options: of ``carry_out``.

    Raises:
        CtvizError: a task failed, or the work was cancelled (``steps.Cancelled``).
    """
    return carry_out(table_steps(Work(reproduction, store)), store, engine, progress=progress, **options)


@dataclass(frozen=True)
class Computed:
    """All that the table is made of, by data."""

    studies: StudyResults
    searched: Mapping[str, tuple[SearchVariant, ...]]
    judged: Mapping[str, Judgement]


def computing(work: Work) -> Steps[Computed]:
    """Everything that is trained and evaluated for the table."""
    found = yield from study_steps(work)
    tried = yield from searched(work, whole(work, found.free))
    return Computed(found, tried, (yield from judged(work, judging(work, found))))


def whole(work: Work, finals: Mapping[str, Sequence[Final]]) -> dict[str, list[Final]]:
    """Data → the draws in which all arms were trained."""
    is_whole = work.reproduction.is_whole
    return {data: [final for final in several if is_whole(data, final.seed)] for data, several in finals.items()}


def judging(work: Work, found: StudyResults) -> dict[str, list[Experiment]]:
    """Data → the models of each draw that are judged without a search."""
    r, known = work.reproduction, found.plausible
    return {data: [r.judging(data, seed, *found.choices(data)) for seed in range(r.draws(data))] for data in known}


def table_steps(work: Work) -> Steps[Table1]:
    """The steps of the table, which ends with it."""
    from ctviz import __version__

    began = time.perf_counter()
    reproduction, store, level = work.reproduction, work.store, work.reproduction.level
    computed = yield from computing(work)
    found = computed.studies
    rows = tuple(_row(work, data, computed) for data in reproduction.data)
    free = {data: _reports(finals) for data, finals in whole(work, found.free).items()}
    locked = {
        data: [(load_run(final.experiment.key, store), final.report) for final in finals]
        for data, finals in whole(work, found.locked).items()
    }
    return Table1(
        rows=rows,
        ablation=tuple(part for data, reports in free.items() for part in ablation(data, reports, level)),
        robustness=tuple(curve for data, reports in free.items() for curve in curves(data, reports)),
        sensitivity=tuple(
            part for data, finals in locked.items() if finals for part in sensitivity(data, finals, level)
        ),
        rule=RULES,
        source=SOURCE,
        reproduction=reproduction.model_dump(mode="json"),
        protocol=_protocols(reproduction),
        version=__version__,
        algorithm=ALGORITHM_VERSION,
        seconds=round(time.perf_counter() - began, 1),
    )


def _reports(finals: Sequence[Final]) -> list[Report]:
    return [final.report for final in finals]


def _protocols(reproduction: Reproduction) -> dict[str, Any]:
    """The protocols of each data set, as plain dicts."""
    return {
        data: {
            "validation": reproduction.on_validation(data).model_dump(mode="json"),
            "validation_locked": reproduction.on_validation_locked(data).model_dump(mode="json"),
            "test": reproduction.on_test(data).model_dump(mode="json"),
            "test_locked": reproduction.on_test_locked(data).model_dump(mode="json"),
            "test_exactly": reproduction.on_test_exactly(data).model_dump(mode="json"),
        }
        for data in reproduction.data
    }


# -- the rows ----------------------------------------------------------------------------------------------


def _row(work: Work, data: str, computed: Computed) -> Table1Row:
    found, judgement = computed.studies, computed.judged[data]
    free, locked = (whole(work, finals)[data] for finals in (found.free, found.locked))
    experiment = free[0].experiment
    training, model = experiment.training, experiment.model
    return Table1Row(
        data=data,
        title=TITLES[data],
        **plausibility_fields(work, data, found),
        **mutability_fields(work, data, found),
        other=_other(free, locked, work.store, work.reproduction.level),
        searched=computed.searched[data],
        settings=TrainingDetails(
            epochs=training.epochs,
            batch=training.batch,
            n_ce=training.n_ce,
            hidden=model.hidden,
            initial=model.initial,
            locked=what.LOCKED[data],
            plausibility=found.plausible[data],
            mutability=found.cheap[data],
        ),
        exact=judgement.exact,
        reliability=judgement.reliability,
    )


def plausibility_fields(work: Work, data: str, found: StudyResults) -> dict[str, Any]:
    """What a row says of the draws without locks."""
    free, level = found.free[data], work.reproduction.level
    ip, ip_star = (
        _outcome(data, metric, _paired(free, what.FULL, what.CONVENTIONAL, metric), level) for metric in METRICS[:2]
    )
    return {
        "ip": ip,
        "ip_star": ip_star,
        "ip_star_median": _at_median(free, level),
        "room": _headroom(free, ip),
        "seeds": tuple(_draw(final, work.store) for final in free),
    }


def mutability_fields(work: Work, data: str, found: StudyResults) -> dict[str, Any]:
    """What a row says of the draws under the lock."""
    locked, level = found.locked[data], work.reproduction.level
    both = _paired_cost(locked, what.LOCKED_FULL, work.store, level)
    cost = _outcome(data, "cost", _paired(locked, what.LOCKED_FULL, what.LOCKED_CONVENTIONAL, "cost"), level)
    return {
        "cost": _for_both(cost, both),
        "cost_paired": both,
        "locked_seeds": tuple(_locked_draw(final) for final in locked),
        "passed_over": found.draws[data].passed_over,
    }


def _paired(finals: Sequence[Final], arm: str, reference: str, metric: str) -> list[Paired]:
    return [paired(final.report, arm, reference, metric) for final in finals]


def _at_median(free: Sequence[Final], level: float) -> Reduction | None:
    """IP* at the median distance, where it was measured."""
    if not all("ip_star_median" in final.report.metrics for final in free):
        return None
    pairs = _paired(free, what.FULL, what.CONVENTIONAL, "ip_star_median")
    return Reduction(**reduced(combine(pairs, level), pairs))


def _outcome(data: str, metric: MetricName, pairs: Sequence[Paired], level: float) -> ComparedReduction:
    combined = combine(pairs, level)
    if data not in TABLE1:
        nothing = {"published": None, "published_error": None, "published_significant": None}
        return ComparedReduction(**reduced(combined, pairs), **nothing)
    published = TABLE1[data][metric]
    known = math.isfinite(combined.value) and math.isfinite(combined.low)
    same_sign = (combined.value > 0) == (published.reduction > 0) if known else None
    same_significance = combined.significant == published.significant if known else None
    return ComparedReduction(
        **reduced(combined, pairs),
        published=published.reduction,
        published_error=published.error,
        published_significant=published.significant,
        same_sign=same_sign,
        same_significance=same_significance,
        agrees=same_significance and (same_sign or not combined.significant) if known else None,
    )


def _for_both(cost: ComparedReduction, paired: Reduction) -> ComparedReduction:
    """A lower cost agrees with the published one only if it is also lower over the requests that both models meet: if
    counterfactual training meets fewer requests, only the near ones may be left."""
    if not cost.agrees or not cost.significant or paired.significant is None:
        return cost
    alike = bool(paired.significant) and (paired.reduction or 0) * (cost.reduction or 0) > 0
    return cost.model_copy(update={"agrees": alike})


def _other(free: Sequence[Final], locked: Sequence[Final], store: Store, level: float) -> CrossStudy:
    """Each cell on the other study's metrics; the same as in the table if both chose the same cell."""
    pairs = {metric: _paired(free, what.OTHER, what.CONVENTIONAL, metric) for metric in METRICS[:2]}
    pairs["cost"] = _paired(locked, what.LOCKED_OTHER, what.LOCKED_CONVENTIONAL, "cost")
    shares = [_shares(final.report, what.LOCKED_OTHER, what.LOCKED_CONVENTIONAL) for final in locked]
    return CrossStudy(
        **{m: Reduction(**reduced(combine(found, level), found)) for m, found in pairs.items()},
        cost_paired=_paired_cost(locked, what.LOCKED_OTHER, store, level),
        validity=mean([one["validity"] for one in shares]),
        conventional_validity=mean([one["conventional_validity"] for one in shares]),
    )


def _paired_cost(locked: Sequence[Final], arm: str, store: Store, level: float) -> Reduction:
    """The cost over the requests that both models meet."""
    pairs = [
        paired_costs(load_run(f.experiment.key, store), f.report.protocol, arm, what.LOCKED_CONVENTIONAL)
        for f in locked
    ]
    return Reduction(**reduced(combine(pairs, level), pairs))


def _headroom(free: Sequence[Final], ip: ComparedReduction) -> Headroom:
    """The ends between which IP lies, on test data."""
    ends = mean_ends([headroom_ends(load(final.experiment.data), final.report.protocol) for final in free])
    conventional, counterfactual = (math.nan if mean is None else mean for mean in (ip.base, ip.value))
    share = share_of_gain(conventional, counterfactual, ends.floor)
    return Headroom(start=ends.start, conventional=ip.base, counterfactual=ip.value, floor=ends.floor, share=share)


def _draw(final: Final, store: Store) -> Draw:
    reductions = {m: _of_draw(final.report, what.FULL, what.CONVENTIONAL, m) for m in METRICS[:2]}
    shares = _shares(final.report, what.FULL, what.CONVENTIONAL, ("accuracy", "validity", "calibration"))
    grown = mature(final.experiment, what.FULL, store)
    return Draw(seed=final.seed, run=final.experiment.key, **reductions, **shares, mature=grown)


def _locked_draw(final: Final) -> LockedDraw:
    arms = what.LOCKED_FULL, what.LOCKED_CONVENTIONAL
    cost = _of_draw(final.report, *arms, "cost")
    return LockedDraw(seed=final.seed, run=final.experiment.key, cost=cost, **_shares(final.report, *arms))


def _shares(
    report: Report, arm: str, reference: str, names: Sequence[str] = ("accuracy", "validity")
) -> dict[str, float]:
    """Metrics that are shares, of an arm and of its reference."""
    pairs = (("", arm), ("conventional_", reference))
    return {f"{who}{name}": overall(report, which, name) for who, which in pairs for name in names}


def _of_draw(report: Report, arm: str, reference: str, metric: str) -> Reduction:
    """The reduction of one draw, with its report's interval over rounds, as in the paper."""
    compared = report.compare()
    rows = compared[(compared["arm"] == arm) & (compared["reference"] == reference) & (compared["metric"] == metric)]
    if rows.empty:
        return Reduction(reduction=None, low=None, high=None, significant=None)
    row = {str(name): value for name, value in rows.iloc[0].items()}
    known = math.isfinite(row["reduction"])
    return Reduction(
        reduction=float(row["reduction"]),
        low=float(row["reduction_low"]),
        high=float(row["reduction_high"]),
        significant=bool(row["significant"]) if known else None,
        error=float(row["error"]),
        value=float(row["value"]),
        base=float(row["base"]),
    )
