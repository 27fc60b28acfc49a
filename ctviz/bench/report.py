"""``ctviz bench``: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ctviz.bench.measure import BenchRow, say, table

PARTS = (
    "training", "methods", "search", "generators", "exact", "advice", "digits", "evaluation", "sweeps", "app", "class",
    "ray",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark with these command-line arguments; 0, or 1 where a goal was missed and ``--strict`` given."""
    options = _parser().parse_args(arguments)
    rows = [row for part in options.only for row in _measure(part, options)]
    say("")
    sys.stdout.write(table(rows) + "\n")
    if options.json is not None:
        options.json.write_text(json.dumps(as_json(rows), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(options.strict and any(row.verdict == "NO" for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ctviz bench",
        description="Measure the speed of ctviz beside a plain implementation and other libraries. Every comparison is "
        "a ratio within one run, in which the contenders take turns.",
    )
    parser.add_argument("--json", type=_writable, metavar="FILE", help="write the report there as JSON")
    parser.add_argument("--only", type=_parts, default=PARTS, metavar="PARTS", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--epochs", type=_positive, default=100, help="epochs of the two-arm runs (default: 100)")
    parser.add_argument("--rounds", type=_positive, default=15, help="rounds of the other comparisons (default: 15)")
    parser.add_argument("--at-once", type=_positive, default=10_000, help="counterfactuals of a search (10000)")
    parser.add_argument("--seconds", type=_positive, default=60, help="that the class works (60; its goals: 600)")
    parser.add_argument(
        "--peers", action="append", type=_interpreter, default=[], metavar="PYTHON",
        help="an interpreter that has DiCE, JAX or jax-relax, besides this one (repeatable): jax-relax needs an "
        "environment of its own, made with pip install jax-relax fastcore nbdev 'jax<0.5' 'pydantic<2'",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal was missed")
    return parser


def _parts(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    for part in chosen:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(f"{part!r}; allowed: {', '.join(PARTS)}, separated by commas")
    return chosen


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from 1")
    return int(text)


def _writable(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a file that may be written, in a folder that exists")
    return path


def _interpreter(text: str) -> str:
    if shutil.which(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: the path of a Python interpreter")
    return text


def _measure(part: str, options: argparse.Namespace) -> list[BenchRow]:
    """The rows of one part, whose modules are heavy and so imported only here."""
    if part == "training":
        from ctviz.bench import training

        return training.measure(options.epochs, options.rounds)
    if part == "methods":
        from ctviz.bench import methods

        return methods.measure(options.rounds)
    if part == "search":
        from ctviz.bench import search

        return search.measure(options.rounds, options.at_once, [sys.executable, *options.peers])
    if part == "generators":
        from ctviz.bench import generators

        return generators.measure(options.rounds, options.at_once, [sys.executable, *options.peers])
    if part == "exact":
        from ctviz.bench import exact

        return exact.measure(options.rounds)
    if part == "advice":
        from ctviz.bench import advice

        return advice.measure(interpreters=[sys.executable, *options.peers])
    if part == "digits":
        from ctviz.bench import digits

        return digits.measure(options.epochs, options.rounds)
    if part == "evaluation":
        from ctviz.bench import evaluation

        return evaluation.measure(options.rounds)
    if part == "sweeps":
        from ctviz.bench import sweeps

        return sweeps.measure(options.epochs, options.rounds)
    if part == "class":
        from ctviz.bench import classroom

        return classroom.measure(options.seconds)
    if part == "ray":
        from ctviz.bench import ray_overhead

        return ray_overhead.measure(options.epochs, options.rounds)
    from ctviz.bench import browser

    return browser.measure(options.rounds)


def as_json(rows: Sequence[BenchRow]) -> dict[str, Any]:
    """The report as a JSON object: the machine, and each row with whether its goal was met (null without a goal)."""
    import torch

    machine = {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    met = {"yes": True, "NO": False, "": None}
    return {"machine": machine, "rows": [{**asdict(row), "met": met[row.verdict]} for row in rows]}


def _processor() -> str:
    """The processor's name where the system tells it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
