"""Below Paper's table: the settings of a data set with the reason for them, and every draw on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ctviz.data.kinds import kind_of_data
from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment
from ctviz.figures.paper_words import interval
from ctviz.prose import decimal, listed
from ctviz.studies.reproduce.reproduction import Choice, Reproduction
from ctviz.studies.reproduce.result import ChosenCell, Draw, GridCell, LockedDraw, Reduction, Table1, Table1Row
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft as PageDraft
from ctviz.ui.kit.elsewhere import shown_kind
from ctviz.ui.kit.frame import link_to
from ctviz.ui.kit.tables import number_table, numbers
from ctviz.ui.kit.tables import row as table_row
from ctviz.ui.paper.paper_view import PaperView

WEIGHTS = (
    "All models are trained by Adam with a learning rate of 0.001 from Glorot's first weights, as in the paper's "
    "implementation. Presets and sweeps start from smaller ones, so their numbers differ from these."
)


def _measured(protocols: Mapping[str, Any], data: str, name: str) -> str:
    """The protocol of that name for a data set in a sentence; of what the result does not say, nothing."""
    try:
        protocol = protocols[data][name]
        pulls = ", ".join(f"{pull:g}" for pull in protocol["lambda_egy"])
        return (
            f"{protocol['rounds']} rounds of {protocol['factuals']} factuals from the {protocol['split']} data, each "
            f"searched by ECCCo with λ_egy {pulls}, λ_cost {protocol['lambda_cost']:g}, η {protocol['step_size']:g}, "
            f"at most T = {protocol['steps']} steps, until τ = {protocol['tau']:g}."
        )
    except (KeyError, TypeError, ValueError):
        return "not said in this result."


def choosing(result: Table1, row: Table1Row) -> None:
    """The settings of a data set, the cells that were tried, and what each study's cell gives on the other."""
    settings = row.settings
    st.subheader(f"{row.title}: the settings, and why", anchor=False)
    hidden = ", ".join(str(width) for width in settings.hidden) or "none"
    locked = " and ".join(f"x{ref + 1}" if isinstance(ref, int) else ref for ref in settings.locked)
    st.markdown(
        f"{settings.epochs} epochs, batches of {settings.batch:,}, {settings.n_ce:,} counterfactuals an epoch, hidden "
        f"units {hidden}, first weights {settings.initial}; locked for the cost: {locked}. Each study chooses its own "
        "cell of the grid, on validation data."
    )
    _trade_off(row)
    _plausibility(row, settings.plausibility)
    if settings.mutability is not None:
        _mutability(row, settings.mutability)
    with st.expander("How it was measured"):
        for study, name in (("IP and IP\\*", "test"), ("Cost", "test_locked"), ("Choosing cells", "validation")):
            st.markdown(f"**{study}**: {_measured(result.protocol, row.data, name)}")
        st.markdown(WEIGHTS)
    with st.expander("The rules, word by word"):
        for rule in result.rule.values():
            st.markdown(rule.replace("*", "\\*"))


def _trade_off(row: Table1Row) -> None:
    """Both cells on all three metrics."""
    settings = row.settings
    body = [_line("chosen for IP and IP*", settings.plausibility, row.ip, row.ip_star, row.other.cost)]
    if settings.mutability is not None:
        body.append(_line("chosen for the cost", settings.mutability, row.other.ip, row.other.ip_star, row.cost))
    number_table(f"Both cells on test data, {row.title}", ("IP, %", "IP*, %", "cost, %"), body)
    if row.ip_star_median is not None:
        st.markdown(
            f"With the median distance between real samples as its length scale in place of 0.5, IP\\* falls by "
            f"{_plainly(row.ip_star_median)}: where samples have many columns, all lie far from each other, and with a "
            "short length scale it says little."
        )
    _paired(row)


def _paired(row: Table1Row) -> None:
    """The costs again, over the requests that both models can meet; with how often the advice is valid."""
    other = row.other
    if row.cost_paired.reduction is None:
        return
    st.markdown(
        "Where a model reaches fewer of the targets, those that it does reach are the near ones, and its mean cost "
        "falls for that reason alone. Over the requests that both models meet, the cost falls by "
        f"{_plainly(other.cost_paired)} with the first cell (its advice is valid {_share(other.validity)} % of the "
        f"time, conventional advice {_share(other.conventional_validity)} %), and by {_plainly(row.cost_paired)} with "
        "the second."
    )


def _plainly(one: Reduction) -> str:
    return f"{interval(one)} %".replace("*", "\\*")


def _line(what: str, cell: ChosenCell, *reductions: Reduction | None) -> str:
    how = "" if cell.chosen_by == "score" else ", as no cell qualified"
    return table_row(_named(cell), numbers(*map(interval, reductions)), symbol=what + how)


def _named(cell: GridCell | ChosenCell) -> str:
    return f"τ {cell.tau:g}, λ_reg {cell.lambda_reg:g}"


def _plausibility(row: Table1Row, chosen: ChosenCell) -> None:
    with st.expander(f"All cells for IP and IP\\*, on validation data of {len(chosen.draws)} draws"):
        body = [
            _cell(
                cell,
                chosen,
                decimal(cell.score),
                decimal(cell.ip),
                decimal(cell.ip_star),
                _lost(cell),
                _share(cell.mature),
            )
            for cell in _ranked(chosen)
        ]
        titles = ("score", "IP, %", "IP*, %", "accuracy lost, points", "mature, %", "")
        number_table(f"Cells for plausibility, {row.title}", titles, body)


def _mutability(row: Table1Row, chosen: ChosenCell) -> None:
    with st.expander(f"All cells for the cost, on validation data of {len(chosen.draws)} draws"):
        body = [
            _cell(
                cell, chosen, decimal(cell.cost), _share(cell.conventional_validity), _share(cell.validity), _lost(cell)
            )
            for cell in _ranked(chosen)
        ]  # fmt: skip
        titles = ("cost, %", "valid, conventional, %", "valid, %", "accuracy lost, points", "")
        number_table(f"Cells for the cost, {row.title}", titles, body)


def _ranked(chosen: ChosenCell) -> list[GridCell]:
    return sorted(chosen.cells, key=lambda cell: -(cell.score if cell.score is not None else -1e9))


def _cell(cell: GridCell, chosen: ChosenCell, *texts: str) -> str:
    taken = (cell.tau, cell.lambda_reg) == (chosen.tau, chosen.lambda_reg)
    mark = "chosen" if taken else "" if cell.qualifies else "does not qualify"
    return table_row(_named(cell), numbers(*texts, mark), strong=taken)


def _lost(cell: GridCell) -> str:
    if cell.accuracy is None or cell.conventional_accuracy is None:
        return "–"
    return decimal(100 * (cell.conventional_accuracy - cell.accuracy))


def _share(value: float | None) -> str:
    return decimal(value, 0, scale=100)


def every_draw(result: Table1, row: Table1Row, draft: PageDraft[PaperView]) -> None:
    """Every draw with its own intervals, where the person asks for them; and what was passed over, and why."""
    bind.toggle(
        "List every draw",
        bind.to("paper-draws", bool(draft.view.draws), lambda listed: draft.look(draws=int(listed))),
    )
    if not draft.view.draws:
        return
    sure = any(draw.calibration is not None for draw in row.seeds)
    body = [
        _draw(draw, interval(draw.ip), interval(draw.ip_star), sure=_sure(draw) if sure else ()) for draw in row.seeds
    ]
    heads = ("IP, %", "IP*, %", "accuracy, %", "valid, %")
    number_table(f"Draws of {row.title}", (*heads, "calibration error, %") if sure else heads, body)
    body = [_draw(draw, interval(draw.cost)) for draw in row.locked_seeds]
    number_table(f"Draws of {row.title} with a feature locked", ("cost, %", "accuracy, %", "valid, %"), body)
    st.caption("Intervals of single draws are over rounds alone, as in the paper; arrows from conventional to ours.")
    if row.passed_over:
        over = listed([f"{one.seed} ({_share(one.validity)} %)" for one in row.passed_over])
        st.markdown(f"Passed over for the cost, for want of valid conventional advice under the lock: {over}.")
    experiment = _experiment(result, row)
    if experiment is None:
        return
    for page in shown_kind(experiment).pages[:1]:
        link_to(page, f"Open the first draw in {page.title}", experiment.to_query())


def _sure(draw: Draw) -> tuple[str]:
    """How far what the models say of themselves is from how often they are right."""
    return (f"{decimal(draw.conventional_calibration, scale=100)} → {decimal(draw.calibration, scale=100)}",)


def _draw(draw: Draw | LockedDraw, *texts: str, sure: tuple[str, ...] = ()) -> str:
    accuracy = f"{decimal(draw.conventional_accuracy, scale=100)} → {decimal(draw.accuracy, scale=100)}"
    validity = f"{_share(draw.conventional_validity)} → {_share(draw.validity)}"
    return table_row(f"{draw.seed}", numbers(*texts, accuracy, validity, *sure))


def _experiment(result: Table1, row: Table1Row) -> Experiment | None:
    """The models of a row's first draw, with pictures; None where this version would not compute them as they were."""
    try:
        settings, cell = Reproduction(**result.reproduction), row.settings.plausibility
        chosen = Choice(tau=cell.tau, lambda_reg=cell.lambda_reg)
        experiment = settings.final(row.data, row.seeds[0].seed, chosen, chosen)
        arms = tuple(arm for arm in experiment.arms if arm.name in ("vanilla", "full"))
        pictures = {"evaluation.field": 80, "evaluation.paths": 40} if kind_of_data(experiment.data).drawn else {}
        return experiment.replace({"arms": arms, "evaluation.every": max(1, settings.epochs // 20), **pictures})
    except (CtvizError, IndexError):
        return None
