"""The commands for runs, presets and data sets; each imports heavy modules when it is called."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import ctviz
from ctviz.cli.common import (
    experiment_of,
    experiment_on_table,
    make_folder,
    number,
    progress_bar,
    stored,
    table,
    to_json,
    write,
)
from ctviz.cli.root import JsonFlag, app
from ctviz.cli.study import AddressOption, EngineOption, WorkersOption, checked, study_progress
from ctviz.errors import ConfigError, StoreError
from ctviz.network import network_address

if TYPE_CHECKING:
    from ctviz.experiments.run import Run
    from ctviz.experiments.store import RunInfo, Store

RESULTS = ("accuracy", "mature", "ip", "ip_star", "cost", "validity", "robust_accuracy")
"""Metrics of each arm that are printed at the end of a run, in this order."""

DIVERGED = 3
"""Exit code of a training that has ended with a model that diverged: the results are there, for what they are worth."""


runs_app = typer.Typer(rich_markup_mode=None, help="List the stored runs; name, pin, delete or restore one.")
presets_app = typer.Typer(rich_markup_mode=None, help="List the presets, or train them anew.")
datasets_app = typer.Typer(rich_markup_mode=None, help="List the data that is read from files, or name your own.")
app.add_typer(runs_app, name="runs", invoke_without_command=True)
app.add_typer(presets_app, name="presets", invoke_without_command=True)
app.add_typer(datasets_app, name="datasets", invoke_without_command=True)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ctviz {ctviz.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Watch how a classifier learns to explain itself: conventional beside counterfactual training."""


# -- serve ---------------------------------------------------------------------------------------------


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    base_path: Annotated[str, typer.Option(help="Path under which a proxy serves the app, such as tools/ctviz.")] = "",
    headless: Annotated[bool, typer.Option("--headless", help="Do not open a browser.")] = False,
    to_class: Annotated[
        bool,
        typer.Option(
            "--class",
            help="Open the app to the local network for a class: who comes from another computer may look, search and "
            "train small things, but not delete, pin, upload or start sweeps. --address then names this computer's "
            "address in that network, if it has several.",
        ),
    ] = False,
) -> None:
    """Start the app."""
    from ctviz.paths import PACKAGE, app_folder

    script = app_folder() / "app.py"
    flags = [
        ("server.port", str(port)),
        ("server.headless", str(headless or not _has_screen()).lower()),
        ("server.fileWatcherType", "none"),
    ]
    os.environ.pop(CLASS, None)
    if base_path.strip("/"):
        base_path = _checked(base_path)
        flags.append(("server.baseUrlPath", base_path))
    if to_class:
        if base_path.strip("/"):
            raise ConfigError("base-path", base_path, "none with --class: behind a proxy the teacher is not known")
        known = class_address(address)
        _check_free(known, port)
        address, os.environ[CLASS] = "0.0.0.0", _url(known, port, "")
        # With a heap for each thread, glibc keeps some hundred megabytes that thirty sessions have given back.
        os.environ.setdefault("MALLOC_ARENA_MAX", "2")
        # From so many bytes an array has pages of its own, which go back to the system when it is freed. By itself
        # glibc raises this to the largest array freed so far, up to 32 MiB; then arrays lie in the heap, and the gaps
        # that they leave there, between objects that stay, stay too.
        os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(256 * 2**10))
        # Torch asks for huge pages from 2 MiB: fresh pages of 4 KiB double the time of an attack on a thousand digits.
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
        # Arrow's own allocator keeps what reading the tables took, some forty megabytes, though none of it is used.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        # Sessions keep all processors busy: several threads for one answer would mostly wait for each other, and that
        # costs three times the processor time of one.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        # Pages that come under another name are refused: one that points here would act in the teacher's name.
        flags += [("server.allowedHosts", host) for host in (known, "localhost", "127.0.0.1")]
    _check_free(address, port)
    flags.append(("server.address", address))
    typer.echo(f"Starting ctviz at {_url(address, port, base_path)}; Ctrl+C stops it.")
    if to_class:
        typer.echo(f"The class finds it at {os.environ[CLASS]}; Home shows that as a QR code.")
    command = [sys.executable, "-P", str(PACKAGE / "ui" / "launch.py"), str(script)]
    for name, value in flags:
        command += [f"--{name}", value]
    # Streamlit replaces this process, so that it receives signals and no process is left behind.
    os.execv(sys.executable, command)


CLASS = "CTVIZ_CLASS"
"""The variable of the environment that tells the app the address of its class, see ``ctviz/ui/kit/rights.py``."""


def class_address(named: str) -> str:
    """Where a class finds this computer: the address that is ``named``, else the one that its network gave it."""
    if named in ("", "127.0.0.1", "localhost", "0.0.0.0"):
        found = network_address()
        if found is None:
            raise ConfigError("address", named, "with --class, this computer's in a network; it seems to be in none")
        return found
    try:
        return str(ipaddress.IPv4Address(named))
    except ValueError:
        raise ConfigError("address", named, "with --class, an address of this computer such as 192.168.1.20") from None


def _checked(base_path: str) -> str:
    """The base path without slashes at its ends."""
    parts = base_path.strip("/").split("/")
    if not all(re.fullmatch(r"[\w.~-]*[\w~-][\w.~-]*", part, re.ASCII) for part in parts):
        raise ConfigError("base-path", base_path, "words of letters, digits, -, ., _ and ~, with / between them")
    return "/".join(parts)


def _url(address: str, port: int, base_path: str) -> str:
    """Where a browser on this computer finds the app."""
    host = "localhost" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}/{base_path.strip('/')}".rstrip("/")


def _check_free(address: str, port: int) -> None:
    if not 1 <= port <= 65535:
        raise ConfigError("port", port, "1 to 65535")
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(found[0], found[1]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[4])
    except UnicodeError:  # not a host name
        raise ConfigError("address", address, "an address of this computer, such as 127.0.0.1 or 0.0.0.0") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError("port", port, "a port that no other program uses; choose one with --port") from None
        if error.errno == errno.EACCES:
            raise ConfigError("port", port, "a port that this user may open, such as 8501") from None
        raise ConfigError("address", address, "an address of this computer, such as 127.0.0.1 or 0.0.0.0") from None


def _has_screen() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# -- train ---------------------------------------------------------------------------------------------


@app.command()
def train(
    what: Annotated[
        str, typer.Argument(metavar="PRESET_OR_FILE", help="A preset's name, a TOML file, or with --target a table.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a setting, as in training.epochs=20; repeatable."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder to write results and weights to.")] = None,
    target: Annotated[str, typer.Option(help="Of a CSV or Parquet file, the column of classes.")] = "",
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="COLUMN=KIND", help="number, integer, category, leave out, or a|b|c, in order."),
    ] = None,
    favourable: Annotated[str, typer.Option(help="Of a table, the class that people want; by default the last.")] = "",
    missing: Annotated[str, typer.Option(help="impute or drop missing values of a table.")] = "impute",
    to_keep: Annotated[
        bool, typer.Option("--keep", help="Store the run of a table, with the table; else nothing of it is stored.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Train all arms of an experiment together; exits with 3 where one of them has diverged."""
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError("device", device, "auto, cpu or cuda")
    if target:
        experiment = experiment_on_table(what, target, kinds or (), missing, changes or (), favourable)
    else:
        experiment = experiment_of(what, changes or ())
    if out is not None:
        make_folder(out)
    from ctviz.experiments.run import keep, run

    if to_keep and not target:
        raise ConfigError("--keep", True, "with --target alone; other runs are stored by themselves")
    with progress_bar(f"{what} ({', '.join(arm.name for arm in experiment.arms)})") as progress:
        done = run(experiment, device=device, progress=progress)
    if to_keep:
        keep(done)
    if out is not None:
        _write_results(done, out)
    typer.echo(to_json(_report(done)) if as_json else _table_of_results(done))
    if said := _diverged(done):
        typer.echo(said, err=True)
        raise typer.Exit(DIVERGED)


def _report(run: Run) -> dict[str, Any]:
    arms = [{"name": arm["name"], **{name: arm[name] for name in RESULTS}} for arm in run.summary]
    return {"key": run.key, "seconds": run.seconds, "arms": arms}


def _table_of_results(run: Run) -> str:
    rows = [[str(arm["name"]), *(number(arm[name]) for name in RESULTS)] for arm in run.summary]
    text = table(["arm", *(name.replace("_", " ").replace("ip star", "ip*") for name in RESULTS)], rows)
    return f"{text}\n\nrun {run.key}, {run.seconds:.1f} s"


def _diverged(run: Run) -> str:
    """Which models had no finite loss in most batches of the last epoch, in words."""
    from ctviz.catalogue.findings import diverged

    experiment = run.experiment
    batches = -(-experiment.data.n_train // experiment.training.batch)
    return diverged([arm.name for arm in experiment.arms], run.snapshot().metrics["skipped"].tolist(), batches)


def _write_results(run: Run, folder: Path) -> None:
    """history.csv, experiment.toml, summary.json and weights.safetensors, each complete or not at all."""
    from safetensors.numpy import save

    weights = {
        f"{arm}/{name}": tensor.numpy() for arm in run.arms for name, tensor in run.model(arm).state_dict().items()
    }
    write(folder / "history.csv", run.history.to_csv(index=False))
    write(folder / "experiment.toml", run.experiment.to_toml())
    write(folder / "summary.json", to_json(_report(run)) + "\n")
    write(folder / "weights.safetensors", save(weights, {"key": run.key}))


# -- runs ----------------------------------------------------------------------------------------------


@runs_app.callback()
def runs(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the stored runs; name, pin, delete or restore one."""
    if context.invoked_subcommand is not None:
        return
    from ctviz.experiments.store import open_store

    store = open_store()
    stored = store.list()
    found = [info for info in stored if not info.overtaken]
    if as_json:
        typer.echo(to_json([_run_record(info) for info in stored]))
    elif found:
        head = ["key", "state", "data", "arms", "epochs", "MB", "name", ""]
        typer.echo(table(head, [_run_row(info) for info in found]))
    else:
        typer.echo("No run is stored yet; `ctviz train moons` makes one.")
    if not as_json and (binned := len(store.binned())):
        typer.echo(f"\n{binned} in the bin; `ctviz runs restore` lists {'it' if binned == 1 else 'them'}.")
    if not as_json and (passed := len(stored) - len(found)):
        typer.echo(f"\n{passed} more, of points that were painted on; `ctviz runs --json` lists them too.")
    for notice in store.notices():
        typer.echo(notice, err=True)


def _run_record(info: RunInfo) -> dict[str, Any]:
    return {
        "key": info.key,
        "state": info.state,
        "data": info.data,
        "arms": list(info.arms),
        "epochs": info.epochs,
        "bytes": info.bytes,
        "preset": info.preset,
        "name": info.name,
        "pinned": info.pinned,
        "overtaken": info.overtaken,
        "message": info.message,
    }


def _run_row(info: RunInfo) -> list[str]:
    size = f"{info.bytes / 1e6:.2f}"
    told = ("preset", info.preset), ("pinned", info.pinned), (info.message, info.message)
    marks = ", ".join(word for word, holds in told if holds)
    arms = ", ".join(info.arms) if len(info.arms) <= 5 else f"{len(info.arms)} arms"
    return [info.key, info.state, info.data, arms, str(info.epochs), size, info.name, marks]


KeyArgument = Annotated[str, typer.Argument(help="Key of the run, as `ctviz runs` shows it, or a preset's name.")]


@runs_app.command("delete")
def delete_run(
    key: Annotated[str, typer.Argument(help="Key of the run, as `ctviz runs` shows it.")],
    for_good: Annotated[bool, typer.Option("--for-good", help="Bypass the bin; this cannot be undone.")] = False,
) -> None:
    """Put a stored run into the bin."""
    from ctviz.experiments.store import open_store

    store = open_store()
    if store.status(key).state == "absent":
        raise ConfigError("key", key, "the key of a stored run; `ctviz runs` lists them")
    if for_good:
        store.delete(key)
        typer.echo(f"Deleted {key} for good.")
    else:
        store.bin(key)
        typer.echo(f"Deleted {key}; `ctviz runs restore {key}` brings it back.")


@runs_app.command("restore")
def restore_run(
    key: Annotated[
        str | None, typer.Argument(help="Key of the run; without one, what is in the bin is listed.")
    ] = None,
) -> None:
    """Bring a deleted run back from the bin, or list what is in it."""
    from ctviz.experiments.store import open_store

    store = open_store()
    if key is not None:
        store.restore(key)
        typer.echo(f"{key} is back.")
    elif found := store.binned():
        head = ["key", "state", "data", "arms", "epochs", "MB", "name", ""]
        typer.echo(table(head, [_run_row(info) for info in found]))
    else:
        typer.echo("The bin is empty.")


@runs_app.command("rename")
def rename_run(
    key: KeyArgument,
    name: Annotated[str, typer.Argument(help='The new name; "" removes it.')],
) -> None:
    """Give a run a name."""
    store, found = _labelled(key)
    store.labels.rename(found, name)
    typer.echo(f"{found} is called {store.labels.of(found).name!r}." if name.strip() else f"{found} has no name.")


@runs_app.command("pin")
def pin_run(key: KeyArgument) -> None:
    """Keep a run: it is listed first and never removed to make space."""
    store, found = _labelled(key)
    store.labels.pin(found)
    typer.echo(f"Pinned {found}.")


@runs_app.command("unpin")
def unpin_run(key: KeyArgument) -> None:
    """Unpin a run."""
    store, found = _labelled(key)
    store.labels.pin(found, False)
    typer.echo(f"Unpinned {found}.")


def _labelled(what: str) -> tuple[Store, str]:
    """The store, and the key of the run that a key or a preset's name refers to."""
    from ctviz.experiments.store import open_store

    store = open_store()
    key, _ = stored(what)
    if store.status(key).state == "absent":
        raise StoreError(f"{what} has not been trained yet; `ctviz train {what}` does so.")
    return store, key


# -- presets -------------------------------------------------------------------------------------------


@presets_app.callback()
def presets(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the presets, or train them anew."""
    if context.invoked_subcommand is not None:
        return
    from ctviz.experiments.config import Experiment
    from ctviz.experiments.presets import PRESETS

    found = {name: Experiment.preset(name) for name in PRESETS}
    if as_json:
        typer.echo(to_json([{"name": name, "key": e.key, "epochs": e.training.epochs} for name, e in found.items()]))
        return
    rows = [[name, e.key, str(e.training.epochs), ", ".join(a.name for a in e.arms)] for name, e in found.items()]
    typer.echo(table(["name", "key", "epochs", "arms"], rows))


@presets_app.command("draws")
def build_draws(
    engine: EngineOption = "local",
    address: AddressOption = None,
    workers: WorkersOption = None,
    out: Annotated[Path | None, typer.Option(help="File to write to; by default that of this checkout.")] = None,
) -> None:
    """Train the models of the paper's figure on forty draws of their data and write how often a lock matters."""
    options = checked(engine, address, workers)
    from ctviz.paths import assets
    from ctviz.studies.lock_draws import FILE, PRESETS, lock_draws
    from ctviz.studies.lock_draws import to_json as draws_to_json

    draws = {}
    for preset in PRESETS:
        with study_progress(f"Draws under a lock, {preset}", "draws") as progress:
            draws[preset] = lock_draws(preset, progress=progress, **options)
    path = out or assets() / "paper" / FILE
    write(path, draws_to_json(draws))
    typer.echo(path)


@presets_app.command("everyone")
def build_everyone(
    names: Annotated[list[str] | None, typer.Argument(help="Names of presets; by default all that ship.")] = None,
    proofs: Annotated[
        int | None, typer.Option(help="Of how many people plans are proved; 0 for none, by default as many as ship.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds for the proof of each plan.")] = 10.0,
    workers: WorkersOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; by default that of this checkout.")] = None,
) -> None:
    """Advise everyone by the presets on tables and write the numbers that ship with ctviz."""
    from ctviz.experiments.store import open_store
    from ctviz.studies.population import SHIPPED, SHIPPED_PROOFS, build, shipped_folder

    for name in names or ():
        if name not in SHIPPED:
            raise ConfigError("preset", name, f"one of {', '.join(SHIPPED)}")
    folder = out or shipped_folder()
    make_folder(folder)
    with study_progress("Advice for everyone", "people") as progress:
        proved = SHIPPED_PROOFS if proofs is None else proofs
        written = build(names or (), folder, open_store(), proved, time_limit, progress, workers=workers)
    for path in written:
        typer.echo(path)


@presets_app.command("reader")
def build_reader(
    folder: Annotated[Path, typer.Argument(help="Folder with MNIST's training files, plain or .gz.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write to; by default that of this checkout.")] = None,
) -> None:
    """Train the independent reader of digits on those that do not ship, and write its files; a minute or two."""
    from ctviz.evaluation.reader import build, shipped_folder

    for path in build(folder, out or shipped_folder()):
        typer.echo(path)


@presets_app.command("readable")
def build_readable(
    out: Annotated[Path | None, typer.Option(help="File to write to; by default that of this checkout.")] = None,
) -> None:
    """Train the settings that were tried for readable counterfactual digits, and write how each did."""
    from ctviz.studies.readable import GROUPS, Point, build, shipped_file

    def told(point: Point) -> None:
        typer.echo(f"{point.group} {point.arm}, epoch {point.epoch}: right {point.accuracy:.3f}, "
                   f"read as {point.read_as:.3f}", err=True)  # fmt: skip

    path = out or shipped_file()
    build(path, GROUPS, told)
    typer.echo(path)


@presets_app.command("build")
def build_presets(
    names: Annotated[list[str] | None, typer.Argument(help="Names of presets; by default all that ship.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; by default that of this checkout.")] = None,
) -> None:
    """Train presets and write them as the runs that ship with ctviz."""
    from ctviz.experiments.presets import PRESETS
    from ctviz.experiments.run import build_presets as build
    from ctviz.paths import assets

    for name in names or ():
        if name not in PRESETS:
            raise ConfigError("preset", name, f"one of {', '.join(PRESETS)}")
    folder = out or assets() / "presets"
    make_folder(folder)
    for path in build(names or (), folder, lambda name: typer.echo(f"Training {name} …", err=True)):
        typer.echo(path)


# -- datasets ------------------------------------------------------------------------------------------


@datasets_app.callback()
def datasets(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the data that is read from files, or name your own."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from ctviz.data.folders import sources

    found = sources()
    if as_json:
        typer.echo(to_json([asdict(source) for source in found]))
        return
    head = ["name", "source", "to train", "to test", ""]
    rows = [
        [s.name, s.source, str(s.training), str(s.test), f"{s.folder}, {s.sentence}" if s.verified else s.sentence]
        for s in found
    ]
    typer.echo(table(head, rows))


@datasets_app.command("use")
def use_datasets(
    folder: Annotated[str, typer.Argument(help="Folder with MNIST's training files or Give Me Some Credit.")],
) -> None:
    """Check a folder with data that do not come with ctviz, and remember it."""
    from ctviz.data.folders import remember_folder

    typer.echo(remember_folder(folder))


@datasets_app.command("build")
def build_datasets(
    folder: Annotated[str, typer.Argument(help="Folder with the original files, plain or .gz.")],
    name: Annotated[str, typer.Argument(help="Which data: mnist, or the name of a table.")] = "mnist",
    out: Annotated[Path | None, typer.Option(help="Folder to write to; by default that of this checkout.")] = None,
) -> None:
    """Write the files of data that ship with ctviz."""
    from ctviz.data.folders import build

    for path in build(name, folder, out):
        typer.echo(path)


# -- export --------------------------------------------------------------------------------------------


@app.command()
def export(
    what: Annotated[str, typer.Argument(metavar="KEY_OR_PRESET", help="Key of a stored run, or a preset's name.")],
    html: Annotated[Path | None, typer.Option(help="Write the animation as one HTML file that works offline.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the metrics of every epoch as CSV.")] = False,
    toml: Annotated[bool, typer.Option("--toml", help="Print the experiment as TOML.")] = False,
    python: Annotated[bool, typer.Option("--python", help="Print Python code that reproduces the run.")] = False,
) -> None:
    """Export a run: animation, table, settings, code."""
    if sum((html is not None, csv, toml, python)) != 1:
        raise ConfigError("export", what, "one of --html FILE, --csv, --toml and --python")
    key, experiment = stored(what)
    if toml:
        typer.echo(experiment.to_toml(), nl=False)
    elif python:
        from ctviz.experiments.python_code import python_code

        typer.echo(python_code(experiment), nl=False)
    else:
        from ctviz.experiments.run import load_run
        from ctviz.experiments.store import open_store

        if open_store().status(key).state == "absent":
            raise StoreError(f"{what} has not been trained yet; `ctviz train {what}` does so.")
        run = load_run(key)
        if html is None:
            typer.echo(run.history.to_csv(index=False), nl=False)
            return
        from ctviz.figures.stage.export import standalone_html

        write(html, standalone_html(run.scene, list(run.snapshots), run.experiment))
        typer.echo(f"Wrote {html}.", err=True)


# -- bench ---------------------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Measure speed, compared with a plain implementation."""
    from ctviz.bench import main as measure

    raise typer.Exit(measure(context.args))
