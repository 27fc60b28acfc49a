"""The paper's protocol as loops written from its text: one arm, one round, each draw searched anew."""

from __future__ import annotations

import math

import numpy as np
import torch

from ctviz.bench.plain import PlainConstraints, plain_search
from ctviz.evaluation.rounds import CHUNK
from tests.reference import plausibility as slow


def drawn(predicted, k, n, seed, number):
    """Factual class, target class, and the first n of an endless sequence of samples that are of the factual class."""
    chance = np.random.default_rng((seed, number))
    factual = int(chance.integers(k))
    target = (factual + int(chance.integers(1, k))) % k
    rows = []
    while factual in list(predicted) and len(rows) < n:
        for row in chance.integers(0, len(predicted), CHUNK):
            if predicted[row] == factual and len(rows) < n:
                rows.append(int(row))
    return factual, target, rows


def one_round(module, X, y, k, protocol, pull, schema, number, length_scale=0.5):
    """Metrics of one model in one round at one λ_egy; real samples are all of the split."""
    with torch.no_grad():
        predicted = module(X).argmax(-1).tolist()
    _, target, rows = drawn(predicted, k, protocol.factuals, protocol.seed, number)
    if not rows:
        return dict.fromkeys(("ip", "ip_star", "cost", "validity", "redundancy", "mature", "steps"), math.nan)
    settings = protocol.searches()[protocol.lambda_egy.index(pull)]
    real = [x.tolist() for x, c in zip(X, y.tolist(), strict=True) if c == target]
    before, after, valid, mature, steps = [], [], [], [], []
    for row in rows:
        found = plain_search(module, X[row : row + 1], torch.tensor([target]), settings, PlainConstraints.of(schema))
        before.append(X[row].double().numpy())
        after.append(found.final[0].double().numpy())
        valid.append(int(module(found.final).argmax()) == target)
        mature.append(bool(found.mature[0]))
        steps.append(int(found.steps[0]))
    n = len(rows)
    return {
        "ip": sum(slow.implausibility(point, real) for point in after) / n,
        "ip_star": max(0.0, slow.mmd2(after, real, length_scale)),
        "cost": slow.cost(before, after, valid),
        "validity": sum(valid) / n,
        "redundancy": slow.redundancy(before, after, valid),
        "mature": sum(mature) / n,
        "steps": sum(steps) / n,
    }
