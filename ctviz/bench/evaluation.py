"""Benchmark of the paper's evaluation, compared with a plain loop over its rounds."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from ctviz.bench.digits import max_memory
from ctviz.bench.measure import BenchRow, Goal, alternate, one_core, python, ratio, say, timed
from ctviz.bench.plain import PlainConstraints, plain_search
from ctviz.errors import CtvizError
from ctviz.evaluation.mmd import mmd2
from ctviz.evaluation.plausibility import ReferenceSamples
from ctviz.evaluation.rounds import draw
from ctviz.experiments.config import Experiment
from ctviz.experiments.evaluate import evaluate
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.run import Run, load_run
from ctviz.experiments.store import open_store

GROUP = "Evaluation: 100 rounds, 5 λ_egy, robustness and sensitivity"
PRESETS = ("moons", "circles", "ls", "ol", "mnist")
SECONDS, MEGABYTES = Goal("≤", 60), Goal("≤", 2000)

COMPARED_ROUNDS = 10
"""Rounds of the comparison with the plain loop, which searches each draw anew."""


def measure(rounds: int) -> list[BenchRow]:
    """Rows: seconds and memory for each data set, in a process of its own; on moons, also compared with the plain
    loop."""
    rows = []
    for name in PRESETS:
        say(f"evaluation: {name}")
        found = _in_a_process(name)
        seconds, megabytes, arms = found["seconds"], found["megabytes"], found["arms"]
        factuals = Protocol.usual(Experiment.preset(name).data).factuals
        note = f"{factuals} factuals a round, {arms:.0f} arms, {torch.get_num_threads()} threads"
        rows.append(BenchRow(GROUP, name, "s", seconds, figure=seconds, goal=SECONDS, note=note))
        if megabytes is not None:
            rows.append(BenchRow(GROUP, f"{name}: memory", "MB", megabytes, figure=megabytes, goal=MEGABYTES))
    return [*rows, _beside(min(rounds, 3))]


def _beside(rounds: int) -> BenchRow:
    """Only rounds, on one core: each side searches and measures IP, IP*, cost and validity."""
    say("evaluation: beside a plain loop")
    run = load_run(Experiment.preset("moons").key)
    protocol = Protocol(rounds=COMPARED_ROUNDS, also=())
    with one_core():
        times = alternate(
            {"ours": timed(lambda: _afresh(run, protocol)), "plain": timed(lambda: plain_rounds(run, protocol))}, rounds
        )
    mine, other = (statistics.median(times[name]) for name in ("ours", "plain"))
    note = f"× faster than a loop over rounds; moons, {COMPARED_ROUNDS} rounds, one core"
    return BenchRow(GROUP, "beside plain", "s", mine, other, ratio(times["plain"], times["ours"]), Goal("≥", 5), note)


def _afresh(run: Run, protocol: Protocol) -> None:
    with tempfile.TemporaryDirectory() as folder:
        evaluate(run, protocol, store=open_store(Path(folder)))


def plain_rounds(run: Run, protocol: Protocol) -> list[Tensor]:
    """ip, ip_star, cost and validity (4) of every arm, λ_egy and round, each draw searched anew."""
    data = run.data
    X, y = protocol.samples(data)
    real = ReferenceSamples.of(X, y, data.k).samples
    found = []
    for arm in run.experiment.arms:
        model = run.model(arm.name)
        rules = PlainConstraints.of(arm.constraints_for(data.schema, "advice"))
        with torch.no_grad():
            predicted = model(X).argmax(-1)
        draws = draw(predicted.unsqueeze(0).numpy(), data.k, protocol.rounds, protocol.factuals, protocol.seed)
        for settings in protocol.searches():
            for r in range(protocol.rounds):
                target = int(draws.target[r])
                factuals = X[torch.from_numpy(draws.rows[0, r])]
                targets = torch.full((len(factuals),), target)
                final = plain_search(model, factuals, targets, settings, rules).final
                with torch.no_grad():
                    valid = (model(final).argmax(-1) == target).double()
                distance = torch.cdist(final.double(), real[target], p=1).mean()
                moved = (final - factuals).abs().sum(-1).double()
                cost = (moved * valid).sum() / valid.sum()
                found.append(torch.stack([distance, mmd2(final, real[target]).clamp_min(0), cost, valid.mean()]))
    return found


# -- in a process of its own ----------------------------------------------------------------------------


def _in_a_process(name: str) -> dict[str, float | None]:
    """The result of ``main`` in a process of its own, so that its memory is that of the evaluation alone."""
    command, environment = python("-m", "ctviz.bench.evaluation", name)
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CtvizError(f"The evaluation of {name} did not come to its end: {reason}")
    return dict(json.loads(done.stdout))


def main(name: str) -> None:
    """Evaluate a preset's run; print the seconds and the peak memory in MB, as JSON."""
    run = load_run(Experiment.preset(name).key)
    run.data  # noqa: B018 - reading it is not what is measured
    begun = time.perf_counter()
    _afresh(run, Protocol.usual(run.experiment.data))
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "megabytes": max_memory(), "arms": len(run.arms)}))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(sys.argv[1])
