"""Tables: what they say is what was measured, and nothing in a name breaks the file they go into."""

import re

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from ctviz.figures.tradeoffs.tables import (
    Table,
    across_table,
    latex,
    latex_text,
    markdown,
    markdown_text,
    to_latex,
    to_markdown,
)
from tests.figures.sweeps import made, penalties

SMALL = pd.DataFrame(
    [
        {"cell": cell, "tau": tau, "generator": "eccco", "state": state, "reason": reason, "metric": metric,
         "part": "", "value": value, "base": 1.0, "reduction": reduction, "low": low, "high": high, "sd": sd,
         "seeds": 3, "significant": sure}
        for cell, tau, state, reason, metric, value, reduction, low, high, sd, sure in (
            (0, 0.5, "done", "", "ip", 0.6789, 32.11, 25.0, 39.22, 0.01, True),
            (0, 0.5, "done", "", "validity", 0.9876, 1.24, -1.0, 3.48, 0.002, False),
            (1, 0.75, "failed", "nothing matured", "ip", np.nan, np.nan, np.nan, np.nan, np.nan, False),
            (1, 0.75, "failed", "nothing matured", "validity", 1.0, -0.04, -0.1, 0.02, 0.0, False),
        )
    ]
)  # fmt: skip

GOLDEN_LATEX = r"""% needs \usepackage{booktabs}
\begin{table}
  \centering
  \caption{The cells of a sweep.}
  \begin{tabular}{rlrrl}
    \toprule
    $\tau$ & search & IP, \% below conv. & validity, \% below conv. & note \\
    \midrule
    0.5 & eccco & 32.1 $\pm$ 0.7\textsuperscript{*} & 1.2 $\pm$ 0.2 &  \\
    0.75 & eccco & --- & 0.0 $\pm$ 0.0 & failed: none of the training searches arrived \\
    \bottomrule
  \end{tabular}
  \par\smallskip\footnotesize \% below the conventional model, mean $\pm$ standard error over 3 seeds; """ + (
    r"* where the 99 \% Student's t interval over the seeds leaves out zero."
    "\n"
    r"  \par\smallskip\footnotesize A positive number is a loss of: Advice that works."
    "\n"
    r"\end{table}"
    "\n"
)

GOLDEN_MARKDOWN = """Advice that works (%).

| τ | search | validity, % | note |
|---:|---|---:|---|
| 0.5 | eccco | 98.8 ± 0.1 |  |
| 0.75 | eccco | 100.0 ± 0.0 | failed: none of the training searches arrived |

Mean ± standard error over 3 seeds.
"""


def test_latex_of_a_sweep():
    assert latex(SMALL) == GOLDEN_LATEX


def test_markdown_of_a_sweep():
    assert markdown(SMALL, "validity", "value") == GOLDEN_MARKDOWN


def test_a_table_holds_every_cell_and_metric():
    table = across_table(penalties())
    assert len(table.rows) == 45 and len(table.header) == 3 + 6 + 1 == len(table.rows[0]) == len(table.numeric)
    assert len(across_table(made({"tau": (0.5,)})).header) == 1 + 6  # nothing to note


def test_notes_say_the_data_the_seeds_what_marks_mean_and_which_side_is_a_loss():
    table = across_table(penalties(), ["ip", "accuracy"], level=0.95, data="Moons")
    assert table.caption == "The cells of a sweep: Moons."
    assert table.notes == (
        "% below the conventional model, mean ± standard error over 3 seeds; * where the 95 % Student’s t interval "
        "over the seeds leaves out zero.",
        "A positive number is a loss of: Right on new data.",
    )
    for text in (to_latex(table), to_markdown(table)):
        assert "Moons" in text
        assert "loss of" in text


NASTY = r"a_b & 50% #1 {x} ~ ^ \input{/etc/passwd} $y$ <t> | `c` [d]"


def test_special_characters_by_hand():
    assert latex_text("a_b & 50% #1 {x}") == r"a\_b \& 50\% \#1 \{x\}"
    assert latex_text("\\input") == r"\textbackslash{}input"
    assert latex_text("λ_div → τ ≤ 中") == r"$\lambda_{\mathrm{div}}$ $\rightarrow$ $\tau$ $\leq$ [U+4E2D]"
    assert markdown_text("a|b\n*c*") == r"a\|b \*c\*"


def compiles(tex):
    """No more than what a table needs: known commands, balanced braces and dollars, no bare special character."""
    known = {
        "textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar", "textquotedbl",
        "pm", "times", "cdot", "leq", "geq", "ell", "ldots", "textdagger", "star", "rightarrow", "leftarrow", "uparrow",
        "downarrow", "mathrm", "alpha", "beta", "gamma", "delta", "Delta", "varepsilon", "eta", "theta", "lambda", "mu",
        "rho", "sigma", "Sigma", "tau", "varphi", "omega",
    }  # fmt: skip
    assert set(re.findall(r"\\([A-Za-z]+)", tex)) <= known
    bare = re.sub(r"\\[\\{}$&#%_]|\\[A-Za-z]+", "", tex)
    depth = 0
    maths = False
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        maths ^= letter == "$"
        assert depth >= 0
        assert letter not in "&#%~" and (letter not in "_^" or maths)
        assert ord(letter) < 0x180 and letter.isprintable()
    return depth == 0 and not maths


@given(st.text(max_size=40))
def test_any_text_compiles(text):
    assert compiles(latex_text(text))


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_text_keeps_a_markdown_table_whole(text, other):
    made_ = to_markdown(Table("x", ("a", "b"), ((text, other),), (False, True)))
    lines = made_.split("\n")
    assert len(made_.splitlines()) == len(lines) - 1
    row = lines[4]
    assert len(re.findall(r"(?<!\\)\|", re.sub(r"\\\\", "", row))) == 3


def test_nasty_names_stay_in_their_cells():
    across = made({"generator": (NASTY, "b")})
    for row in to_latex(across_table(across, "ip")).splitlines():
        if "input" in row:
            assert len(re.findall(r"(?<!\\)&", row)) == 1 and row.endswith(r"\\") and r"\input" not in row
    label = to_latex(across_table(across, "ip"), label="tab:a}b")
    assert r"\label{tab:a-b}" in label


def test_a_bracket_after_a_row_is_no_option():
    tex = to_latex(Table("x", ("a",), (("[1, 2]",),), (False,)))
    assert "    {}[1, 2] \\\\" in tex
