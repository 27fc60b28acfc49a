"""The stage as one file: a page that works offline, from a folder, without the app."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.energy import EnergyField
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.figures.page import OFFLINE, details, page
from ctviz.figures.player.source import standalone, style
from ctviz.figures.stage.energy import pack_energies
from ctviz.figures.stage.palette import palette
from ctviz.figures.stage.recording import arm_labels, message, pack

INITIAL: dict[str, Any] = {
    "epoch": 0,
    "playing": True,
    "speed": 1,
    "loop": False,
    "layers": ["points", "paths", "contours"],
    "probe": None,
    "layer": "probability",
    "energy_class": None,
}
"""How the standalone page opens: playing, from the first epoch."""


def standalone_html(
    scene: Scene,
    snapshots: Sequence[Snapshot],
    experiment: Experiment,
    title: str | None = None,
    energy: EnergyField | None = None,
) -> str:
    """A self-contained page with the run, its settings and a few words; it makes no request.

    Args:
        scene: extent, points and factuals of the run.
        snapshots: the epochs to show, ascending, at least one.
        experiment: the settings; heads the panels and fills the table.
        title: of the page; by default, the name of the data set.
        energy: of a class, at the same epochs: the page then opens with its plane coloured by it, and can show the
            probability too.

    Raises:
        DataError: no snapshot, or one that cannot be drawn.
    """
    if not snapshots:
        raise DataError("A standalone page needs at least one snapshot.")
    last = snapshots[-1].epoch
    packed = pack_energies(energy) if energy else None
    data = message(
        pack(scene, arm_labels(experiment), snapshots),
        packed.payload if packed else b"",
        key=experiment.key,
        total=max(experiment.training.epochs, last),
        live=False,
        more=False,
        last=last,
        initial=INITIAL | ({"layer": "energy"} if packed else {}),
        energy={"usual": packed.target, "stretch": packed.meta} if packed else None,
        palette=palette(),
    )
    settings = details("Settings", f'<div class="tables">{_tables(experiment)}</div>')
    return page(
        title or f"How a decision boundary learns: {experiment.data.name}",
        _words(experiment, last),
        f'<div id="figure"></div>{settings}',
        standalone("Stage"),
        data=data,
        style=style("Stage"),
        footer=f"Run {experiment.key}. {OFFLINE}",
    )


def _words(experiment: Experiment, last: int) -> str:
    """What the reader sees, in two sentences."""
    titles = [label.title for label in arm_labels(experiment)]
    models = f"{len(titles)} models learn" if len(titles) > 1 else "A model learns"
    stopped = "" if last >= experiment.training.epochs else f" The run was stopped after epoch {last}."
    return (
        f"{models} the same data, epoch by epoch ({', '.join(titles)}). A counterfactual is what a point would have "
        f"to become for the model to decide otherwise; each path shows how one is found.{stopped}"
    )


def _tables(experiment: Experiment) -> str:
    """Settings of the run, and those of the arms side by side."""
    values = experiment.model_dump(mode="json")
    arms = values.pop("arms")
    shared = [
        (f"{section}.{name}", entry)
        for section, table in values.items()
        for name, entry in (table.items() if isinstance(table, dict) else [("", table)])
    ]
    rows = [_row([path.rstrip("."), entry]) for path, entry in shared]
    per_arm = [_row([name, *(arm[name] for arm in arms)]) for name in arms[0] if name != "name"]
    head = _row(["setting", *(arm["name"] for arm in arms)], "th")
    return _table(per_arm, "Settings of each model", head) + _table(rows, "Settings of the run", "")


def _row(cells: Iterable[Any], tag: str = "td") -> str:
    first, *rest = (escape(_plain(cell)) for cell in cells)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<{tag}>{cell}</{tag}>" for cell in rest)}</tr>'


def _table(rows: Sequence[str], caption: str, head: str) -> str:
    top = f"<thead>{head}</thead>" if head else ""
    return f"<div><table><caption>{escape(caption)}</caption>{top}<tbody>{''.join(rows)}</tbody></table></div>"


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return str(value)
