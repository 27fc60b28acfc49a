"""Outcomes by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ctviz.experiments.outcome import OUTCOMES, outcome_of


@pytest.mark.parametrize(
    ("word", "mature", "steps", "moved", "reachable"),
    [
        ("mature", True, 3, 0.2, math.nan),
        ("already", True, 0, 0.0, math.nan),
        ("impossible", False, 30, 0.2, 0.69),
        ("impossible", False, 30, 0.0, 0.69),
        ("short", False, 30, 0.2, 0.7),
        ("short", False, 30, 1e-3, 0.99),
        ("stuck", False, 30, 0.9e-3, 0.99),
        ("stuck", False, 0, 0.2, 0.99),
    ],
)
def test_each_outcome(word, mature, steps, moved, reachable):
    one = outcome_of(*(torch.tensor([[x]]) for x in (mature, steps, moved, reachable)), tau=0.7)
    assert OUTCOMES[int(one)] == word
