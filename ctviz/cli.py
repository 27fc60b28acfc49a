"""The command line: ``ctviz serve | train | runs | presets | datasets | export | bench``.

Results go to standard output, progress and errors to standard error. Exit codes: 0 done; 2 a request that cannot be
met, with one sentence that says why; 130 stopped from the keyboard. Whatever is heavy is imported inside its command,
so that ``ctviz --help`` answers at once.
"""

from __future__ import annotations

import errno
import json
import math
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import ctviz
from ctviz.errors import ConfigError, CtvizError, StoreError

if TYPE_CHECKING:
    from ctviz.experiments.config import Experiment
    from ctviz.experiments.run import Run
    from ctviz.experiments.store import RunInfo

RESULTS = ("accuracy", "mature", "ip", "ip_star", "cost", "validity", "robust_accuracy")
"""What is reported of each arm at the end of a run, in this order."""


class _Sentences(TyperGroup):
    """Turns every error that ctviz raises on purpose into one sentence and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CtvizError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=_Sentences,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
runs_app = typer.Typer(rich_markup_mode=None, help="List the stored runs, or delete one.")
presets_app = typer.Typer(rich_markup_mode=None, help="List the presets, or train them anew.")
datasets_app = typer.Typer(rich_markup_mode=None, help="List the data that is read from files, or name your own.")
app.add_typer(runs_app, name="runs", invoke_without_command=True)
app.add_typer(presets_app, name="presets", invoke_without_command=True)
app.add_typer(datasets_app, name="datasets", invoke_without_command=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def main() -> None:
    """Entry point of the ``ctviz`` command."""
    app()


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
    headless: Annotated[bool, typer.Option("--headless", help="Do not open a browser.")] = False,
) -> None:
    """Start the app."""
    from ctviz.paths import app_folder

    script = app_folder() / "app.py"
    _check_free(address, port)
    flags = {
        "server.address": address,
        "server.port": str(port),
        "server.headless": str(headless or not _has_screen()).lower(),
        "server.fileWatcherType": "none",
    }
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script)]
    for name, value in flags.items():
        command += [f"--{name}", value]
    # Streamlit takes this process over, so that signals reach it and nothing is left behind.
    os.execv(sys.executable, command)


def _check_free(address: str, port: int) -> None:
    if not 1 <= port <= 65535:
        raise ConfigError("port", port, "1 to 65535")
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(found[0], found[1]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[4])
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
    what: Annotated[str, typer.Argument(metavar="PRESET_OR_TOML", help="A preset's name or a TOML file.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a setting, as in training.epochs=20; repeatable."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder to write results and weights to.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Train all arms of an experiment together."""
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError("device", device, "auto, cpu or cuda")
    experiment = _experiment(what, changes or ())
    if out is not None:
        _make_folder(out)
    from ctviz.experiments.run import run

    with _progress(f"{what} ({', '.join(arm.name for arm in experiment.arms)})") as progress:
        done = run(experiment, device=device, progress=progress)
    if out is not None:
        _write_results(done, out)
    typer.echo(_to_json(_report(done)) if as_json else _table_of_results(done))


def _experiment(what: str, changes: Sequence[str]) -> Experiment:
    """The experiment that a preset's name or a TOML file describes, with ``path=value`` changes applied."""
    from ctviz.experiments.config import PRESETS, Experiment, parse_value

    if what in PRESETS:
        experiment = Experiment.preset(what)
    elif what.endswith(".toml") or Path(what).is_file():
        experiment = Experiment.from_toml(_read(Path(what)))
    else:
        raise ConfigError("experiment", what, f"a TOML file or one of {', '.join(PRESETS)}")
    values: dict[str, Any] = {}
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals or not path.strip():
            raise ConfigError("--set", change, "path=value, as in training.epochs=20")
        values[path.strip()] = text if path == "arms" else parse_value(text)
    return experiment.replace(values) if values else experiment


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError("file", str(path), "text in UTF-8") from None
    except OSError as error:
        raise ConfigError("file", str(path), f"a file that can be read ({_reason(error)})") from None


def _report(run: Run) -> dict[str, Any]:
    arms = [{"name": arm["name"], **{name: arm[name] for name in RESULTS}} for arm in run.summary]
    return {"key": run.key, "seconds": run.seconds, "arms": arms}


def _table_of_results(run: Run) -> str:
    rows = [[str(arm["name"]), *(_number(arm[name]) for name in RESULTS)] for arm in run.summary]
    table = _table(["arm", *(name.replace("_", " ").replace("ip star", "ip*") for name in RESULTS)], rows)
    return f"{table}\n\nrun {run.key}, {run.seconds:.1f} s"


def _write_results(run: Run, folder: Path) -> None:
    """history.csv, experiment.toml, summary.json and weights.safetensors, each complete or not at all."""
    from safetensors.numpy import save

    weights = {
        f"{arm}/{name}": tensor.numpy() for arm in run.arms for name, tensor in run.model(arm).state_dict().items()
    }
    _write(folder / "history.csv", run.history.to_csv(index=False))
    _write(folder / "experiment.toml", run.experiment.to_toml())
    _write(folder / "summary.json", _to_json(_report(run)) + "\n")
    _write(folder / "weights.safetensors", save(weights, {"key": run.key}))


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; elsewhere a line at each tenth of the way, so that a log stays short."""
    if sys.stderr.isatty():
        with typer.progressbar(length=1, label=label, file=sys.stderr) as bar:

            def draw(done: int, total: int) -> None:
                bar.length = max(total, 1)
                bar.update(done - bar.pos)

            yield draw
        return
    reached = -1

    def log(done: int, total: int) -> None:
        nonlocal reached
        tenth = 10 * done // max(total, 1)
        if tenth > reached:
            reached = tenth
            typer.echo(f"{label}: epoch {done} of {total}", err=True)

    yield log


# -- runs ----------------------------------------------------------------------------------------------


@runs_app.callback()
def runs(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the stored runs, or delete one."""
    if context.invoked_subcommand is not None:
        return
    from ctviz.experiments.store import open_store

    store = open_store()
    found = store.list()
    if as_json:
        typer.echo(_to_json([_run_record(info) for info in found]))
    elif found:
        typer.echo(_table(["key", "state", "data", "arms", "epochs", "MB", ""], [_run_row(info) for info in found]))
    else:
        typer.echo("No run is stored yet; `ctviz train moons` makes one.")
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
    }


def _run_row(info: RunInfo) -> list[str]:
    size = f"{info.bytes / 1e6:.2f}"
    preset = "preset" if info.preset else ""
    return [info.key, info.state, info.data, ", ".join(info.arms), str(info.epochs), size, preset]


@runs_app.command("delete")
def delete_run(key: Annotated[str, typer.Argument(help="Key of the run, as `ctviz runs` shows it.")]) -> None:
    """Delete a stored run."""
    from ctviz.experiments.store import open_store

    store = open_store()
    if store.status(key).state == "absent":
        raise ConfigError("key", key, "the key of a stored run; `ctviz runs` lists them")
    store.delete(key)
    typer.echo(f"Deleted {key}.")


# -- presets -------------------------------------------------------------------------------------------


@presets_app.callback()
def presets(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the presets, or train them anew."""
    if context.invoked_subcommand is not None:
        return
    from ctviz.experiments.config import PRESETS, Experiment

    found = {name: Experiment.preset(name) for name in PRESETS}
    if as_json:
        typer.echo(_to_json([{"name": name, "key": e.key, "epochs": e.training.epochs} for name, e in found.items()]))
        return
    rows = [[name, e.key, str(e.training.epochs), ", ".join(a.name for a in e.arms)] for name, e in found.items()]
    typer.echo(_table(["name", "key", "epochs", "arms"], rows))


@presets_app.command("build")
def build_presets(
    names: Annotated[list[str] | None, typer.Argument(help="Which presets; none means all that ship.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; by default that of this checkout.")] = None,
) -> None:
    """Train presets and write them as the runs that ship with ctviz."""
    from ctviz.experiments.config import PRESETS
    from ctviz.experiments.run import build_presets as build
    from ctviz.paths import assets

    for name in names or ():
        if name not in PRESETS:
            raise ConfigError("preset", name, f"one of {', '.join(PRESETS)}")
    folder = out or assets() / "presets"
    _make_folder(folder)
    for path in build(names or (), folder, lambda name: typer.echo(f"Training {name} …", err=True)):
        typer.echo(path)


# -- datasets ------------------------------------------------------------------------------------------


@datasets_app.callback()
def datasets(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the data that is read from files, or name your own."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from ctviz.data.images import sources

    found = sources()
    if as_json:
        typer.echo(_to_json([asdict(source) for source in found]))
        return
    head = ["name", "source", "to train", "to test", ""]
    rows = [
        [s.name, s.source, str(s.training), str(s.test), f"{s.folder}, {s.sentence}" if s.verified else s.sentence]
        for s in found
    ]
    typer.echo(_table(head, rows))


@datasets_app.command("use")
def use_datasets(
    folder: Annotated[str, typer.Argument(help="Folder with the training files of MNIST, plain or .gz.")],
) -> None:
    """Check a folder with all 60,000 digits and remember it."""
    from ctviz.data.images import remember_folder

    typer.echo(remember_folder(folder))


@datasets_app.command("build")
def build_datasets(
    folder: Annotated[str, typer.Argument(help="Folder with the four files of MNIST, plain or .gz.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write to; by default that of this checkout.")] = None,
) -> None:
    """Write the digits that ship with ctviz."""
    from ctviz.data.images import build, shipped_folder

    for path in build(folder, out or shipped_folder()):
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
    """Take a run away: animation, table, settings, code."""
    if sum((html is not None, csv, toml, python)) != 1:
        raise ConfigError("export", what, "one of --html FILE, --csv, --toml and --python")
    key, experiment = _stored(what)
    if toml:
        typer.echo(experiment.to_toml(), nl=False)
    elif python:
        from ctviz.experiments.take_away import python_code

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

        _write(html, standalone_html(run.scene, list(run.snapshots), run.experiment))
        typer.echo(f"Wrote {html}.", err=True)


def _stored(what: str) -> tuple[str, Experiment]:
    """Key and experiment of a stored run; a preset's settings need no run."""
    from ctviz.experiments.config import PRESETS, Experiment
    from ctviz.experiments.store import open_store

    if what in PRESETS:
        experiment = Experiment.preset(what)
        return experiment.key, experiment
    store = open_store()
    if store.status(what).state == "absent":
        raise ConfigError(
            "run", what, f"the key of a stored run (`ctviz runs` lists them) or one of {', '.join(PRESETS)}"
        )
    return what, store.experiment(what)


# -- bench ---------------------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Measure speed beside a plain implementation."""
    from ctviz.bench import main as measure

    raise typer.Exit(measure(context.args))


# -- text and files ------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width: the first to the left, numbers to the right."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    lines = []
    for row in (head, *rows):
        cells = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _is_number(text: str) -> bool:
    return text == "–" or text.replace(".", "").replace("-", "").replace("e", "").replace("+", "").isdigit()


def _number(value: float) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3g}"


def _to_json(value: Any) -> str:
    """JSON in which a number that is not finite is null."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("out", str(path), f"a folder that can be written ({_reason(error)})") from None
    if not os.access(path, os.W_OK):
        raise ConfigError("out", str(path), "a folder that can be written")


def _write(path: Path, content: str | bytes) -> None:
    """Writes a file so that it is never half there; into a pipe or a device, which must stay what it is, directly."""
    from ctviz.experiments.store.files import write_whole

    data = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            write_whole(path.resolve(), data)
    except OSError as error:
        raise CtvizError(f"{path} could not be written: {_reason(error)}.") from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
