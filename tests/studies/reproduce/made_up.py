"""A result with made-up numbers, for pages and tables."""

from ctviz.data.tables.settings import TABLES
from ctviz.studies.reproduce.published import SOURCE, TABLE1, TITLES
from ctviz.studies.reproduce.reproduction import Reproduction
from ctviz.studies.reproduce.result import (
    Ablation,
    ChosenCell,
    ComparedReduction,
    CrossStudy,
    Curve,
    Draw,
    ExactOutcome,
    GridCell,
    Headroom,
    LockedDraw,
    Reduction,
    ReliabilityCurve,
    SensitivityResult,
    SkippedDraw,
    Table1,
    Table1Row,
    TrainingDetails,
)
from ctviz.studies.reproduce.selection import RULES


def reduction(value: float = 20.0, reach: float = 5.0) -> Reduction:
    low, high = value - reach, value + reach
    significant = low > 0 or high < 0
    return Reduction(reduction=value, low=low, high=high, significant=significant, error=reach / 2.6, value=1, base=2)


def outcome(data: str, metric: str, value: float | None = 20.0) -> ComparedReduction:
    if data not in TABLE1:
        ours = reduction(value or 0.0)
        return ComparedReduction(**ours.model_dump(), published=None, published_error=None, published_significant=None)
    theirs = TABLE1[data][metric]  # type: ignore[index]
    told = {
        "published": theirs.reduction,
        "published_error": theirs.error,
        "published_significant": theirs.significant,
    }
    if value is None:
        return ComparedReduction(reduction=None, low=None, high=None, significant=None, **told)
    ours = reduction(value)
    same_sign = (value > 0) == (theirs.reduction > 0)
    alike = ours.significant == theirs.significant
    agrees = alike and (same_sign or not ours.significant)
    known = {"same_sign": same_sign, "same_significance": alike, "agrees": agrees}
    return ComparedReduction(**ours.model_dump(), **told, **known)


def chosen() -> ChosenCell:
    cells = (
        GridCell(tau=0.5, lambda_reg=0.1, score=20.0, qualifies=True, ip=15, ip_star=25, accuracy=0.98,
             conventional_accuracy=0.99, mature=0.9),
        GridCell(tau=0.9, lambda_reg=0.5, score=None, qualifies=False),
    )  # fmt: skip
    return ChosenCell(tau=0.5, lambda_reg=0.1, chosen_by="score", draws=(0, 1), cells=cells)


def exact(**changes: object) -> ExactOutcome:
    """The exact judge: closer to real data, at a price."""
    values = {
        "tau": 0.95, "factuals": 25, "draws": 2, "ip": reduction(14), "nearest": reduction(2), "found": 1.0,
        "nearest_five": reduction(3), "cost": reduction(-12), "conventional_found": 1.0, "proved": 1.0,
    }  # fmt: skip
    return ExactOutcome(**{**values, **changes})


def reliable(arm: str, error: float) -> ReliabilityCurve:
    """Two bins, and one with hardly any sample."""
    return ReliabilityCurve(
        arm=arm, low=(0.4, 0.6, 0.9), high=(0.6, 0.9, 1.0), count=(1, 99, 900), confidence=(0.5, 0.8, 0.97),
        accuracy=(0.0, 0.8 + error, 0.97 + error / 10), error=error, accuracy_overall=0.95,
    )  # fmt: skip


def judged(one: Table1Row, **changes: object) -> Table1Row:
    """A row with the exact judge, reliability and errors of calibration."""
    draws = tuple(
        draw.model_copy(update={"conventional_calibration": 0.01, "calibration": 0.05 + 0.0001 * draw.seed})
        for draw in one.seeds
    )
    curves = reliable("vanilla", 0.01), reliable("full", 0.05)
    return one.model_copy(update={"exact": exact(**changes), "reliability": curves, "seeds": draws})


def row(data: str, cost: float | None = 10.0) -> Table1Row:
    draws = tuple(
        Draw(seed=seed, run="0" * 16, ip=reduction(18 + seed), ip_star=reduction(19 + seed), accuracy=0.98,
             conventional_accuracy=0.99, validity=1.0, conventional_validity=1.0, mature=0.9)
        for seed in (0, 1)
    )  # fmt: skip
    locked = tuple(
        LockedDraw(seed=seed, run="0" * 16, cost=reduction(9 + seed), accuracy=0.98, conventional_accuracy=0.99,
                   validity=0.7, conventional_validity=0.6)
        for seed in (1, 3)
    )  # fmt: skip
    return Table1Row(
        data=data,
        title=TITLES[data],
        ip=outcome(data, "ip"),
        ip_star=outcome(data, "ip_star", 21.0),
        cost=outcome(data, "cost", cost),
        cost_paired=reduction(8),
        room=Headroom(start=3.0, conventional=1.8, counterfactual=1.4, floor=1.2, share=0.66),
        other=CrossStudy(
            ip=reduction(3), ip_star=reduction(4), cost=reduction(-30), cost_paired=reduction(-31), validity=0.5,
            conventional_validity=0.6,
        ),
        settings=TrainingDetails(
            epochs=100, batch=30, n_ce=1000, hidden=(32,), initial="glorot", locked=(0,),
            plausibility=chosen(), mutability=None if cost is None else chosen(),
        ),
        seeds=draws,
        locked_seeds=() if cost is None else locked,
        passed_over=(SkippedDraw(seed=0, validity=0.02), SkippedDraw(seed=2, validity=None)),
        ip_star_median=reduction(33) if data in TABLES else None,
    )  # fmt: skip


def result(*data: str) -> Table1:
    """Rows of these data; without any, of moons and of LS, where no cost could be compared."""
    rows = tuple(row(name) for name in data) or (row("moons"), row("ls", cost=None))
    curves = tuple(
        Curve(data=one.data, arm=arm, attack=attack, epsilon=(0.0, 0.1), accuracy=(0.99, last),
              least=(0.98, last - 0.02), greatest=(1.0, last + 0.01))
        for one in rows for arm, last in (("vanilla", 0.7), ("full", 0.9)) for attack in ("fgsm", "pgd")
    )  # fmt: skip
    return Table1(
        rows=rows,
        ablation=tuple(
            Ablation(data=one.data, arm=arm, metric=metric, **reduction(12).model_dump())
            for one in rows for arm in ("full", "adversarial", "energy") for metric in ("ip", "ip_star")
        ),
        robustness=curves,
        sensitivity=tuple(
            SensitivityResult(
                data=one.data, feature="x1", measure=measure, value=0.2, base=0.5, unlocked=0.4, difference=-0.3,
                low=-0.4, high=-0.2, significant=True,
            )
            for one in rows for measure in ("standardised", "share")
        ),
        rule=RULES,
        source=SOURCE,
        reproduction=Reproduction(data=tuple(one.data for one in rows), seeds=2).model_dump(mode="json"),
        protocol={},
        version="0",
        algorithm=1,
        seconds=1.0,
    )  # fmt: skip
