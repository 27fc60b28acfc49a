"""``ctviz advise``: what a person, or everyone, would have to change for the models of a run, in sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctviz.cli.common import TABLE_ENDINGS, experiment_on_table, progress_bar, read, stored, to_json, write
from ctviz.cli.root import JsonFlag, app
from ctviz.cli.study import study_progress
from ctviz.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from ctviz.data.rules import Rules
    from ctviz.data.tables.table import Table
    from ctviz.experiments.advice import Advice
    from ctviz.experiments.adviser import Adviser
    from ctviz.experiments.config import Experiment
    from ctviz.experiments.run import Run

Names = list[str] | None

SHEETS = (".html", ".json")
"""Endings of a sheet's file."""


What = Annotated[
    str,
    typer.Argument(
        metavar="KEY_PRESET_OR_FILE", help="Key of a stored run, a preset's name, or with --target a table."
    ),
]
Row = Annotated[str | None, typer.Option(help="A row of the data, or a JSON file with a person's features.")]
Split = Annotated[str, typer.Option(help="The data of that row: train, validation or test.")]
Changes = Annotated[
    Names, typer.Option("--set", metavar="FEATURE=VALUE", help="Change the person, as in age=40; repeatable.")
]
Locked = Annotated[
    Names, typer.Option("--lock", metavar="FEATURE", help="Lock a feature beside the usual rules; repeatable.")
]
Free = Annotated[Names, typer.Option("--free", metavar="FEATURE", help="Let it change both ways.")]
Up = Annotated[Names, typer.Option("--up", metavar="FEATURE", help="Let it change upwards only.")]
Down = Annotated[Names, typer.Option("--down", metavar="FEATURE", help="Let it change downwards only.")]
Ranges = Annotated[
    Names, typer.Option("--range", metavar="FEATURE=LOW:HIGH", help="Keep it in a range; an end may be left out.")
]
Plans = Annotated[int, typer.Option(help="Most plans of each model, 1 to 5.")]
Exact = Annotated[
    bool, typer.Option("--exact", help="Prove that no plan is cheaper, or that there is none; takes seconds.")
]
Score = Annotated[
    str, typer.Option(help="Score from which on a model accepts; rate: accept as many people as in the data.")
]
Seconds = Annotated[float, typer.Option(help="Seconds for the proof of each plan.")]
Arms = Annotated[Names, typer.Option("--arm", metavar="NAME", help="Ask this model, not all; repeatable.")]
Target = Annotated[
    str, typer.Option(help="Of a CSV or Parquet file, the column of classes: models learn from it first.")
]
Kinds = Annotated[
    Names,
    typer.Option("--kind", metavar="COLUMN=KIND", help="number, integer, category, leave out, or a|b|c, in order."),
]
Favourable = Annotated[str, typer.Option(help="Of a table, the class that people want; by default the last.")]
Missing = Annotated[str, typer.Option(help="impute or drop missing values of a table.")]
TrainSettings = Annotated[
    Names, typer.Option("--train-set", metavar="PATH=VALUE", help="Of a table, change a setting of the training.")
]
SheetFile = Annotated[
    Path | None, typer.Option(metavar="FILE.html", help="Also write a sheet to print; FILE.json: the same as JSON.")
]
Everyone = Annotated[
    bool, typer.Option("--everyone", help="Advise many people at random whom the models refuse, not one person.")
]
HowMany = Annotated[int | None, typer.Option("--n", help="How many, with --everyone; 1,000 by default.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print all numbers as CSV, with --everyone.")]


@app.command()
def advise(
    what: What,
    person: Row = None,
    split: Split = "test",
    changes: Changes = None,
    lock: Locked = None,
    free: Free = None,
    up: Up = None,
    down: Down = None,
    ranges: Ranges = None,
    plans: Plans = 1,
    exact: Exact = False,
    tau: Score = "0.5",
    time_limit: Seconds = 10.0,
    arms: Arms = None,
    target: Target = "",
    kinds: Kinds = None,
    favourable: Favourable = "",
    missing: Missing = "impute",
    settings: TrainSettings = None,
    sheet: SheetFile = None,
    everyone: Everyone = False,
    n: HowMany = None,
    as_csv: AsCsv = False,
    as_json: JsonFlag = False,
) -> None:
    """Advise a person, or everyone: what to change so that each model accepts them."""
    _check(everyone, person, changes, plans, sheet, n, as_csv=as_csv)
    if target:
        run = _learned(experiment_on_table(what, target, kinds or (), missing, settings or (), favourable), what)
    else:
        run = _stored(what)
    ways = {"locked": lock, "free": free, "up": up, "down": down}
    asked: dict[str, Any] = {"tau": _tau(tau), "arms": arms or (), "split": split, "time_limit": time_limit}
    if everyone:
        asked |= {"proofs": exact} if n is None else {"proofs": exact, "people": n}
        _advise_everyone(run, ways, ranges or (), asked, as_csv=as_csv, as_json=as_json)
        return
    asked |= {"plans": plans, "exact": exact}
    _advise_person(run, ways, ranges or (), person or "", changes or (), asked, sheet, as_json=as_json)


def _check(
    everyone: bool, person: str | None, changes: Sequence[str] | None, plans: int, sheet: Path | None, n: int | None, *,
    as_csv: bool,
) -> None:  # fmt: skip
    """Refuses options that do not go together, before anything is read."""
    if everyone:
        _check_everyone(person, changes, plans, sheet)
    elif n is not None or as_csv:
        raise ConfigError("--n" if n is not None else "--csv", n if n is not None else True, "only with --everyone")
    elif person is None:
        raise ConfigError("--person", None, "a row of the data or a file; or --everyone in its place")
    if sheet is not None and sheet.suffix.lower() not in SHEETS:
        raise ConfigError("--sheet", str(sheet), f"a file that ends in {' or '.join(SHEETS)}")


def _advise_person(
    run: Run, ways: Mapping[str, Sequence[str] | None], ranges: Sequence[str], person: str, changes: Sequence[str],
    asked: dict[str, Any], sheet: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    from ctviz.experiments.adviser import Adviser

    adviser = Adviser(run, tau=asked.pop("tau"), arms=asked.pop("arms"))
    rules = _rules(adviser.table, ways, ranges)
    who = _person(adviser, person, asked["split"], changes)
    advice = adviser.advise(who, rules, **asked)
    if sheet is not None:
        _write_sheet(sheet, advice, adviser)
    typer.echo(to_json({**advice.record(), "words": advice.words()}) if as_json else advice.words())


def _check_everyone(person: str | None, changes: Sequence[str] | None, plans: int, sheet: Path | None) -> None:
    """Refuses what belongs to one person alone."""
    for option, value, given in (
        ("--person", person, person is not None),
        ("--set", ", ".join(changes or ()), bool(changes)),
        ("--plans", plans, plans != 1),
        ("--sheet", str(sheet), sheet is not None),
    ):
        if given:
            raise ConfigError(option, value, "none with --everyone")


def _advise_everyone(
    run: Run, ways: Mapping[str, Sequence[str] | None], ranges: Sequence[str], asked: dict[str, Any], *, as_csv: bool,
    as_json: bool,
) -> None:  # fmt: skip
    from ctviz.data.tables.table import Table
    from ctviz.studies.population import population

    table = run.data
    rules = _rules(table, ways, ranges) if isinstance(table, Table) else None
    with study_progress("Advice for everyone", "people") as progress:
        found = population(run, rules, progress=progress, **asked)
    if as_csv:
        typer.echo(found.table.to_csv(index=False), nl=False)
        return
    typer.echo(to_json({**found.record(), "words": found.words()}) if as_json else found.words())


def _stored(what: str) -> Run:
    """A stored run on a table."""
    if Path(what).suffix.lower() in TABLE_ENDINGS:
        raise ConfigError("--target", "", f"the column of {Path(what).name} that holds the classes")
    key, experiment = stored(what)
    from ctviz.data.given import GivenSettings
    from ctviz.data.tables.settings import TableSettings
    from ctviz.experiments.store import open_store

    if not isinstance(experiment.data, TableSettings | GivenSettings):
        raise ConfigError("run", what, "a run on a table, such as adult, california, credit or german")
    if open_store().status(key).state == "absent":
        raise StoreError(f"{what} has not been trained yet; `ctviz train {what}` does so.")
    from ctviz.experiments.run import load_run

    return load_run(key)


def _learned(experiment: Experiment, what: str) -> Run:
    """The run on a table of the user's: trained now, with progress on standard error, and not stored; or as it was
    kept."""
    from ctviz.experiments.run import run

    with progress_bar(f"{what} ({', '.join(arm.name for arm in experiment.arms)})") as progress:
        return run(experiment, progress=progress)


def _write_sheet(path: Path, advice: Advice, adviser: Adviser) -> None:
    """Writes the sheet to take home, under the rules' own name."""
    import datetime

    from ctviz import __version__
    from ctviz.catalogue.rules import rules_words
    from ctviz.data.rule_sets import rule_sets
    from ctviz.figures.recourse.sheet import Sheet, data_words, to_html
    from ctviz.figures.recourse.sheet import to_json as sheet_json

    table = adviser.table
    rules = rules_words(advice.rules, rule_sets(table)[0], table.schema)
    data = data_words(adviser.run.experiment, table)
    made = Sheet(advice, table.schema, data, rules, __version__, datetime.date.today())
    write(path, to_html(made) if path.suffix.lower() == ".html" else sheet_json(made))


def _tau(text: str) -> Any:
    try:
        return text if text == "rate" else float(text)
    except ValueError:
        raise ConfigError("tau", text, "between 0 and 1, or rate") from None


def _rules(table: Table, ways: Mapping[str, Sequence[str] | None], ranges: Sequence[str]) -> Rules:
    """The usual rules of a table with these changes."""
    rules, named = table.rules, [name for names in ways.values() for name in names or ()]
    for name in named:
        if named.count(name) > 1:
            raise ConfigError("rules", name, "each feature in one of --lock, --free, --up and --down")
    for way, names in ways.items():
        for name in names or ():
            rules = rules.changed(name, change=way)
    for entry in ranges:
        name, equals, ends = entry.partition("=")
        low, colon, high = ends.partition(":")
        if not equals or not colon:
            raise ConfigError("--range", entry, "FEATURE=LOW:HIGH, as in 'hours per week=20:45'")
        rules = rules.changed(name.strip(), low=_end(low), high=_end(high))
    return rules


def _end(text: str) -> float | str | None:
    """An end of a range: a number, the name of a level, or none."""
    try:
        return float(text) if text.strip() else None
    except ValueError:
        return text.strip()


def _person(adviser: Adviser, text: str, split: str, changes: Sequence[str]) -> Any:
    """A row of the data or a person from a file, with changes."""
    who: Any = int(text) if text.lstrip("-").isdigit() else _read_person(text)
    if not changes:
        return who
    values = who if isinstance(who, Mapping) else adviser.table.person(adviser.row(who, split)[0])
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name.strip():
            raise ConfigError("--set", change, "feature=value, as in age=40")
        values = {**values, name.strip(): value.strip()}
    return values


def _read_person(path: str) -> dict[str, Any]:
    try:
        values = json.loads(read(Path(path)))
    except (json.JSONDecodeError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ConfigError("person", path, 'a row of the data, or a file such as {"age": 39, "sex": "female", …}')
    return values
