"""``ctviz evaluate``: the paper's protocol on the models of a stored run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctviz.catalogue.metrics import metric
from ctviz.cli.common import number, progress_bar, stored, table, to_json, write
from ctviz.cli.root import JsonFlag, app
from ctviz.cli.study import AddressOption, EngineOption, EstimateFlag, checked, show_estimate
from ctviz.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import pandas as pd

    from ctviz.experiments.protocol import Protocol
    from ctviz.experiments.reports import Report


@app.command()
def evaluate(
    what: Annotated[str, typer.Argument(metavar="KEY_OR_PRESET", help="Key of a stored run, or a preset's name.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change the protocol, as in rounds=20; repeatable."),
    ] = None,
    exact: Annotated[
        int | None,
        typer.Option(metavar="N", help="Judge N samples also by their cheapest counterfactuals, which are proved."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Compare all others with this arm; by default with the conventional one.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write every round to this file, as CSV.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write every round to this file, as Parquet.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    engine: EngineOption = "local",
    address: AddressOption = None,
    price: EstimateFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Evaluate the models of a run: plausibility, cost, calibration, robustness, with intervals."""
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError("device", device, "auto, cpu or cuda")
    key, experiment = stored(what)
    arms = [arm.name for arm in experiment.arms]
    if against is not None and against not in arms:
        raise ConfigError("--against", against, f"one of {', '.join(arms)}")
    from ctviz.experiments.protocol import Protocol

    protocol = _changed(Protocol.usual(experiment.data), changes or ())
    protocol = protocol if exact is None else protocol.change({"exact": exact})
    options = checked(engine, address)
    if engine != "local" and device != "cpu":
        raise ConfigError("device", device, f"cpu with the engine {engine}")
    from ctviz.experiments.engines.cost import evaluation_estimate
    from ctviz.experiments.engines.task import Task
    from ctviz.experiments.evaluate import evaluate as measure
    from ctviz.experiments.run import load_run
    from ctviz.experiments.store import open_store
    from ctviz.studies.steps import all_done, carry_out

    store, task = open_store(), Task(experiment, protocol)
    if store.status(key).state == "absent":
        raise StoreError(f"{what} has not been trained yet; `ctviz train {what}` does so.")
    if price:
        show_estimate(lambda workers: evaluation_estimate(task, store), None, as_json)
        return
    references = None if against is None else {arm: against for arm in arms if arm != against}
    if engine != "local":
        carry_out(all_done([task], 1), store, **options)
    with progress_bar(f"{what}: evaluating", "part") as progress:
        report = measure(load_run(key, store), protocol, references, store, progress, device)
    if csv is not None:
        write(csv, report.table.to_csv(index=False))
    if parquet is not None:
        write(parquet, report.to_bytes())
    typer.echo(to_json(_record(report)) if as_json else _text(report))


def _changed(protocol: Protocol, changes: Sequence[str]) -> Protocol:
    from ctviz.experiments.config import parse_value

    values: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or not name.strip():
            raise ConfigError("--set", change, "name=value, as in rounds=20")
        values[name.strip()] = parse_value(text)
    return protocol.change(values)


def _record(report: Report) -> dict[str, Any]:
    overall = report.overall.drop(columns=["lambda_egy", "round"])
    return {
        "run": report.run,
        "protocol": report.protocol.model_dump(mode="json"),
        "arms": overall.to_dict("records"),
        "comparison": report.compare().to_dict("records"),
        "reliability": report.reliability.to_dict("records"),
        "acceptance": report.acceptance.to_dict("records"),
        "notes": list(report.notes),
    }


def _text(report: Report) -> str:
    """The comparison, or the means if there is no reference; then the notes of the report."""
    p = report.protocol
    interval = f"{100 * p.level:.4g} % interval"
    said = f"{p.rounds} rounds of {p.factuals} {p.split} samples, run {report.run}"
    if report.references:
        body = _comparison(report, interval)
        said += "; * where the interval of the difference leaves out 0; less: in % of its value, with standard error"
    else:
        body = _means(report, interval)
    return "\n".join([body, "", said, *_acceptance(report), *report.notes])


def _acceptance(report: Report) -> list[str]:
    """The score from which on each arm accepts as many as the data do, beside τ."""
    found = report.acceptance.to_dict("records")
    if not found:
        return []
    each = ", ".join(f"{row['arm']} {number(row['threshold'])}" for row in found)
    rate = f"{100 * found[0]['rate']:.3g} %"
    asked = f"counterfactuals were asked for τ = {report.protocol.tau:g}"
    return [f"score from which on as many are accepted as in the validation data ({rate}): {each}; {asked}"]


def _comparison(report: Report, interval: str) -> str:
    head = ["metric", "arm", "beside", "value", "its value", "difference", interval, "", "less %", "s.e."]
    rows = [
        [
            metric(row["metric"], row["part"]).symbol,
            row["arm"],
            row["reference"],
            *(number(row[name]) for name in ("value", "base", "difference")),
            _interval(row),
            "*" if row["significant"] else "",
            *(number(row[name]) for name in ("reduction", "error")),
        ]
        for row in _shown(report, report.compare())
    ]
    return table(head, rows)


def _means(report: Report, interval: str) -> str:
    rows = [
        [metric(row["metric"], row["part"]).symbol, row["arm"], number(row["value"]), _interval(row)]
        for row in _shown(report, report.overall)
    ]
    return table(["metric", "arm", "value", interval], rows)


def _shown(report: Report, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows to print, with only the strongest FGSM attack; the others are in the files."""
    strongest = report.samples["fgsm"].parts[-1] if "fgsm" in report.samples else ""
    chosen = [dict(zip(rows.columns, values, strict=True)) for values in rows.itertuples(index=False)]
    return [row for row in chosen if row["metric"] != "fgsm" or row["part"] == strongest]


def _interval(row: Mapping[str, Any]) -> str:
    return f"{number(row['low'])} to {number(row['high'])}"
