"""Functions that commands share: tables, JSON, progress, files, and experiments by name."""

from __future__ import annotations

import codecs
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ctviz.errors import ConfigError, CtvizError

if TYPE_CHECKING:
    from ctviz.experiments.config import Experiment


TABLE_ENDINGS = (".csv", ".tsv", ".parquet")
"""Of files that are taken for tables."""


def experiment_of(what: str, changes: Sequence[str]) -> Experiment:
    """The experiment that a preset's name or a TOML file describes, with ``path=value`` changes applied."""
    from ctviz.experiments.config import Experiment
    from ctviz.experiments.presets import PRESETS

    if what in PRESETS:
        experiment = Experiment.preset(what)
    elif Path(what).suffix.lower() in TABLE_ENDINGS:
        raise ConfigError("--target", "", f"the column of {Path(what).name} that holds the classes")
    elif what.endswith(".toml") or Path(what).is_file():
        experiment = Experiment.from_toml(read(Path(what)))
    else:
        raise ConfigError("experiment", what, f"a TOML file or one of {', '.join(PRESETS)}")
    return changed(experiment, changes)


def experiment_on_table(
    path: str, target: str, kinds: Sequence[str], missing: str, changes: Sequence[str], favourable: str = ""
) -> Experiment:
    """The experiment on a table of the user's; what was done with the table is printed to standard error."""
    from ctviz.data.tables.own import load_table
    from ctviz.experiments.config import Experiment

    wanted: dict[str, Any] = {}
    for entry in kinds:
        column, equals, kind = entry.partition("=")
        if not equals or not column.strip():
            raise ConfigError("--kind", entry, "COLUMN=KIND, as in zip=category or grade='low|middle|high'")
        wanted[column.strip()] = kind.split("|") if "|" in kind else kind
    how: Any = missing  # checked there
    found = load_table(path, target, favourable=favourable or None, kinds=wanted, missing=how)
    for note in found.notes:
        typer.echo(note, err=True)
    return changed(Experiment.on_table(found), changes)


def changed(experiment: Experiment, changes: Sequence[str]) -> Experiment:
    """An experiment with ``path=value`` changes applied."""
    from ctviz.experiments.config import parse_value

    values: dict[str, Any] = {}
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals or not path.strip():
            raise ConfigError("--set", change, "path=value, as in training.epochs=20")
        values[path.strip()] = text if path == "arms" else parse_value(text)
    return experiment.replace(values) if values else experiment


def read(path: Path) -> str:
    """The text of a file; raises ``ConfigError`` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError("file", str(path), "text in UTF-8") from None
    except OSError as error:
        raise ConfigError("file", str(path), f"a file that can be read ({reason(error)})") from None


def stored(what: str) -> tuple[str, Experiment]:
    """Key and experiment of a stored run; a preset's settings need no run."""
    from ctviz.experiments.config import Experiment
    from ctviz.experiments.presets import PRESETS
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


@contextmanager
def progress_bar(label: str, unit: str = "epoch") -> Iterator[Callable[[int, int], None]]:
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
            typer.echo(f"{label}: {unit} {done} of {total}", err=True)

    yield log


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
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


def number(value: float | None) -> str:
    """Three significant digits."""
    return "–" if value is None or math.isnan(value) else f"{value:.3g}"


def to_json(value: Any) -> str:
    """JSON with null for numbers that are not finite; escaped if standard output cannot encode all characters."""
    return json.dumps(_finite(value), ensure_ascii=not can_print_unicode(), allow_nan=False)


def can_print_unicode() -> bool:
    """Whether standard output can encode all characters; others would be replaced."""
    return codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def make_folder(path: Path) -> None:
    """Create a folder to write to; raises ``ConfigError`` if that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("out", str(path), f"a folder that can be written ({reason(error)})") from None
    if not os.access(path, os.W_OK):
        raise ConfigError("out", str(path), "a folder that can be written")


def write(path: Path, content: str | bytes) -> None:
    """Write a file atomically; pipes and devices are written directly."""
    from ctviz.experiments.store.files import write_whole

    data = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            write_whole(path.resolve(), data)
    except OSError as error:
        raise CtvizError(f"{path} could not be written: {reason(error)}.") from None


def reason(error: OSError) -> str:
    """The message of a system error."""
    return (error.strerror or str(error)).lower()
