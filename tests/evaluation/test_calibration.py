"""Calibration against loops from the formulas, by hand, and at its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ctviz.evaluation.bootstrap import Bootstrap
from ctviz.evaluation.calibration import BINS, acceptance_threshold, bin_of, calibration_error, reliability
from tests.reference import calibration as slow

ALONE = Bootstrap(torch.ones(1, 60, dtype=torch.float64))
SHARES = st.floats(0, 1, width=32)


def answers(seed=0, n=60, m=3):
    chance = np.random.default_rng(seed)
    confidence = chance.random((m, n)).astype(np.float32)
    return torch.from_numpy(confidence), torch.from_numpy((chance.random((m, n)) < confidence).astype(np.float32))


def test_by_hand() -> None:
    # Ten bins: (.5, .6] has confidences .58 and .52, of which one is right; (.9, 1] has 1, which is right.
    confidence, right = torch.tensor([0.58, 0.52, 1.0]), torch.tensor([1.0, 0.0, 1.0])
    curve = reliability(confidence, right, 10)
    assert curve.count.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    assert (curve.low[5], curve.high[5]) == (0.5, 0.6)
    assert curve.confidence[5] == pytest.approx(0.55) and curve.accuracy[5] == 0.5
    assert curve.accuracy[9] == 1 and np.isnan(curve.accuracy[0])
    counts = Bootstrap(torch.ones(1, 3, dtype=torch.float64))
    found = calibration_error(confidence[None], right[None], torch.ones(1, 3, dtype=torch.bool), counts, 10)
    assert found.value.tolist() == pytest.approx([2 / 3 * 0.05])


@given(st.lists(st.tuples(SHARES, st.booleans()), min_size=2, max_size=40))
def test_error_and_curve_agree_with_loops(pairs: list[tuple[float, bool]]) -> None:
    p, hit = (list(one) for one in zip(*pairs, strict=True))
    confidence, right = torch.tensor(p, dtype=torch.float32), torch.tensor(hit, dtype=torch.float32)
    everyone, alone = torch.ones(1, len(p), dtype=torch.bool), Bootstrap(torch.ones(1, len(p), dtype=torch.float64))
    found = calibration_error(confidence[None], right[None], everyone, alone)
    assert found.value.item() == pytest.approx(slow.calibration_error(p, hit, BINS), abs=1e-9)
    curve = reliability(confidence, right)
    assert curve.count.tolist() == [len(members) for members in slow.bins(p, hit, BINS)]


def test_a_resample_is_the_error_of_what_was_drawn() -> None:
    confidence, right = answers()
    bootstrap = Bootstrap.of(60, 5, seed=3)
    found = calibration_error(confidence, right, torch.ones_like(right, dtype=torch.bool), bootstrap)
    for r, counts in enumerate(bootstrap.counts[1:].long()):
        for model in range(3):
            drawn = [part[model].repeat_interleave(counts).tolist() for part in (confidence, right)]
            assert found.resampled[r, model].item() == pytest.approx(slow.calibration_error(*drawn, BINS))


def test_only_what_counts_is_counted_and_one_sample_is_too_few() -> None:
    confidence, right = answers()
    counted = torch.zeros(3, 60, dtype=torch.bool)
    counted[0, :20], counted[1, 0] = True, True
    confidence[0, 30] = torch.nan
    value = calibration_error(confidence, right, counted, ALONE).value
    assert value[0].item() == pytest.approx(slow.calibration_error(confidence[0, :20], right[0, :20].tolist(), BINS))
    assert value[1:].isnan().all()


def test_who_is_right_as_often_as_said_is_calibrated() -> None:
    confidence = torch.full((1, 60), 0.75)
    right = (torch.arange(60) % 4 > 0).float()[None]
    everyone = torch.ones(1, 60, dtype=torch.bool)
    assert calibration_error(confidence, right, everyone, ALONE).value.item() == pytest.approx(0)
    assert calibration_error(confidence, 0 * right, everyone, ALONE).value.item() == pytest.approx(0.75)


def test_the_ends_of_bins_belong_to_the_lower_one() -> None:
    assert bin_of(torch.tensor([0.0, 0.25, 0.26, 1.0]), 4).tolist() == [0, 0, 1, 3]


@given(st.lists(SHARES, min_size=1, max_size=30), st.integers(0, 30))
def test_the_threshold_accepts_the_share_and_a_higher_one_fewer(scores: list[float], accepted: int) -> None:
    accepted = min(accepted, len(scores))
    threshold = acceptance_threshold(torch.tensor(scores, dtype=torch.float32), accepted / len(scores))
    assert sum(score >= threshold for score in scores) >= accepted
    assert sum(score > threshold for score in scores) < max(accepted, 1)


def test_nobody_and_nothing() -> None:
    assert acceptance_threshold(torch.tensor([0.2, 0.9]), 0.0) == math.inf
    assert math.isnan(acceptance_threshold(torch.zeros(0), 0.5))
    assert math.isnan(acceptance_threshold(torch.tensor([0.2, math.nan]), 0.5))
