"""The same sweep without the app: as Python, and as a line for the command line."""

from __future__ import annotations

from ctviz.experiments.sweeps.declaration import Sweep

_CODE = '''\
import ctviz

sweep = ctviz.Sweep.from_toml(r"""
{toml}""")
result = ctviz.sweep(sweep)  # key {key}; what is stored is not trained again

print(result.across.query("metric == 'ip'"))  # one row for each cell, over the seeds
result.to_csv("{stem}.csv")  # one row for each cell, seed and metric
'''


def python_code(sweep: Sweep, stem: str) -> str:
    """A script that computes the sweep; ``stem`` names its files. No TOML string holds three quotes in a row."""
    return _CODE.format(toml=sweep.to_toml(), key=sweep.key, stem=stem)


def command_line(stem: str) -> str:
    """The same for a terminal, from the file with the settings: a line cannot hold all that a sweep may be."""
    return f"ctviz sweep {stem}.toml --csv {stem}.csv"
