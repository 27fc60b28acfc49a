"""Results as tables for papers and for READMEs: of a sweep, of a comparison of models, of the paper's own table."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ctviz.catalogue.metrics import metric as catalogued
from ctviz.figures.tradeoffs.cells import LEVEL, axes_of, cells, metrics_of, part_of, plain
from ctviz.figures.tradeoffs.metrics import Measure, better_of, short, state_words, title, what
from ctviz.prose import decimal, number, spelled

MISSING = "—"


@dataclass(frozen=True)
class Table:
    """A table in plain text: ± and * as people read them, nothing escaped yet.

    Attributes:
        caption: what it shows, in one sentence.
        header: names of the columns.
        rows: their cells, each as long as the header.
        numeric: which columns hold numbers, and are set to the right.
        notes: what must be known to read it.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    notes: tuple[str, ...] = ()


def across_table(
    across: pd.DataFrame,
    metrics: str | Sequence[str] | None = None,
    measure: Measure = "reduction",
    names: Mapping[str, str] | None = None,
    level: float = LEVEL,
    data: str = "",
) -> Table:
    """The cells of a sweep, one row each: its settings, then each metric ± its standard error over the seeds.

    Args:
        across: results, one row for each cell and metric.
        metrics: one or several; by default all that are measured.
        measure: % below the conventional model, with * where the interval leaves out zero; or values.
        names: what settings are called instead of by their symbols.
        level: of the intervals.
        data: what the data are called.

    Raises:
        ConfigError: a metric that the results do not have.
    """
    chosen = metrics_of(across) if metrics is None else (metrics,) if isinstance(metrics, str) else tuple(metrics)
    axes = axes_of(across)
    frames = [cells(across, metric, measure, level) for metric in chosen]
    rows = []
    told = False
    for place, cell in enumerate(_records(across.drop_duplicates("cell").sort_values("cell"))):
        row = [spelled(plain(cell[axis])) for axis in axes]
        for metric, frame in zip(chosen, frames, strict=True):
            found = frame.iloc[place]
            row.append(
                _estimate(metric, float(found["shown"]), float(found["error"]), measure, sure=bool(found["sure"]))
            )
        note = state_words(str(cell["state"]), str(cell["reason"]))
        told = told or bool(note)
        rows.append((*row, note))
    header = [what(axis, names) for axis in axes] + [short(m, measure, part_of(across, m)) for m in chosen]
    numeric = [all(_is_number(row[at]) for row in rows) for at in range(len(axes))] + [True] * len(chosen)
    if told:
        header, numeric = [*header, "note"], [*numeric, False]
    else:
        rows = [row[:-1] for row in rows]
    one = title(chosen[0], measure, part_of(across, chosen[0])) if len(chosen) == 1 else "The cells of a sweep"
    caption = f"{one}: {data}." if data else f"{one}."
    return Table(caption, tuple(header), tuple(rows), tuple(numeric), _notes(across, measure, level, chosen))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _notes(across: pd.DataFrame, measure: Measure, level: float, metrics: Sequence[str]) -> tuple[str, ...]:
    seeds = int(across["seeds"].max()) if len(across) and across["seeds"].notna().any() else 0
    if measure == "value":
        return (f"Mean ± standard error over {seeds} seeds.",) if seeds > 1 else ()
    over = f"mean ± standard error over {seeds} seeds" if seeds > 1 else "one seed"
    kind = "Student’s t interval over the seeds" if seeds > 1 else "bootstrap interval"
    said = [f"% below the conventional model, {over}; * where the {100 * level:g} % {kind} leaves out zero."]
    losses = [catalogued(name).title for name in metrics if better_of(name, "value") == "more"]
    if losses:
        said.append(f"A positive number is a loss of: {', '.join(losses)}.")
    return tuple(said)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"−?[\d.]+(e[-+−]?\d+)?", text))


def _estimate(metric: str, value: float, error: float, measure: Measure, *, sure: bool = False) -> str:
    """``54.2 ± 1.3*``: percentages with one decimal, other values with three digits."""
    if not math.isfinite(value):
        return MISSING
    percent = measure == "reduction" or catalogued(metric).share
    factor = 100.0 if measure == "value" and percent else 1.0
    text = decimal(factor * value) if percent else number(value, 3)
    if math.isfinite(error):
        text += f" ± {decimal(factor * error) if percent else number(error, 2)}"
    return text + ("*" if sure else "")


# -- Markdown -----------------------------------------------------------------------------------------

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def markdown_text(text: str) -> str:
    """Text that Markdown shows letter by letter, on one line."""
    return _MARKDOWN.sub(r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    """Text without characters that cannot be seen, and with plain spaces for every kind of space."""
    kinds = ((letter, unicodedata.category(letter)) for letter in text)
    kept = (" " if kind in ("Zs", "Zl", "Zp", "Cc") else letter for letter, kind in kinds if kind != "Cf")
    return re.sub(" +", " ", "".join(kept)).strip()


def to_markdown(table: Table) -> str:
    """A table in GitHub's Markdown, with its notes below."""
    lines = [_row(table.header), "|" + "|".join("---:" if right else "---" for right in table.numeric) + "|"]
    lines += [_row(row) for row in table.rows]
    lines += ["", *(markdown_text(note) for note in table.notes)]
    return "\n".join([markdown_text(table.caption), "", *lines]).rstrip() + "\n"


def _row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(markdown_text(text) for text in texts) + " |"


def markdown(
    across: pd.DataFrame, metrics: str | Sequence[str] | None = None, measure: Measure = "reduction", **more: Any
) -> str:
    """The cells of a sweep in Markdown; arguments as of ``across_table``."""
    return to_markdown(across_table(across, metrics, measure, **more))


# -- LaTeX --------------------------------------------------------------------------------------------

_ESCAPED = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "·": r"$\cdot$",
    "≤": r"$\leq$", "≥": r"$\geq$", "ℓ": r"$\ell$", "—": "---", "–": "--", "…": r"\ldots{}", "†": r"\textdagger{}",
    "★": r"$\star$", "→": r"$\rightarrow$", "←": r"$\leftarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "’": "'", "“": "``", "”": "''", "₁": "$_1$", "²": "$^2$",
}  # fmt: skip
_GREEK = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "Δ": r"\Delta", "ε": r"\varepsilon", "η": r"\eta",
    "θ": r"\theta", "λ": r"\lambda", "μ": r"\mu", "ρ": r"\rho", "σ": r"\sigma", "Σ": r"\Sigma", "τ": r"\tau",
    "φ": r"\varphi", "ω": r"\omega",
}  # fmt: skip
_SYMBOL = re.compile(f"([{''.join(_GREEK)}])(?:_([A-Za-z0-9]+))?")
_STAR = re.compile(r"(?<=[0-9\]])\*$")


def latex_text(text: str) -> str:
    """Text as LaTeX sets it letter by letter: every special character escaped, Greek letters as mathematics.

    λ_div becomes a symbol with an index. Letters outside of Latin scripts, for which a plain LaTeX has no glyph, are
    named by their number.
    """
    done, at = [], 0
    line = _one_line(text)
    for found in _SYMBOL.finditer(line):
        done.append(_letters(line[at : found.start()]))
        index = rf"_{{\mathrm{{{found[2]}}}}}" if found[2] else ""
        done.append(f"${_GREEK[found[1]]}{index}$")
        at = found.end()
    done.append(_letters(line[at:]))
    return "".join(done)


def _letters(text: str) -> str:
    return "".join(
        _ESCAPED.get(letter) or (letter if ord(letter) < 0x180 else f"[U+{ord(letter):04X}]") for letter in text
    )


def to_latex(table: Table, label: str = "") -> str:
    """A table in LaTeX, for ``\\usepackage{booktabs}``, with caption and notes; compiles as it is."""
    columns = "".join("r" if right else "l" for right in table.numeric)
    lines = [
        "% needs \\usepackage{booktabs}", "\\begin{table}", "  \\centering",
        f"  \\caption{{{latex_text(table.caption)}}}",
        *([f"  \\label{{{re.sub(r'[^A-Za-z0-9:.-]', '-', label)}}}"] if label else []),
        f"  \\begin{{tabular}}{{{columns}}}", "    \\toprule", _tex_row(table.header), "    \\midrule",
        *(_tex_row(row) for row in table.rows), "    \\bottomrule", "  \\end{tabular}",
    ]  # fmt: skip
    lines += [f"  \\par\\smallskip\\footnotesize {latex_text(note)}" for note in table.notes]
    return "\n".join([*lines, "\\end{table}"]) + "\n"


def _tex_row(texts: Sequence[str]) -> str:
    cells_ = []
    for text in texts:
        starred = _STAR.search(text)
        done = latex_text(_STAR.sub("", text)) + (r"\textsuperscript{*}" if starred else "")
        # After \\ a bracket would be read as an option.
        cells_.append(f"{{}}{done}" if done.startswith("[") else done)
    return f"    {' & '.join(cells_)} \\\\"


def latex(
    across: pd.DataFrame, metrics: str | Sequence[str] | None = None, measure: Measure = "reduction", **more: Any
) -> str:
    """The cells of a sweep in LaTeX; arguments as of ``across_table``."""
    return to_latex(across_table(across, metrics, measure, **more))
