"""Metrics of the ends of searches against loops and by hand, one by one and in the mean."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from ctviz.data.kinds import DATA_KINDS
from ctviz.data.schema import Feature, Schema
from ctviz.evaluation.bootstrap import Bootstrap
from ctviz.evaluation.ends import END_METRICS, Comparison, SearchEnds, counted, estimates, means, measured, metrics_of
from ctviz.evaluation.images import roughness, total_variation
from ctviz.evaluation.reduce import masked_mean
from tests.reference import plausibility as slow

START = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
FINAL = torch.tensor([[[3.0, 4.0], [1.0, 0.0], [2.0, 2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 9.0]]])  # m b d
MASKS = {
    "all": [[True, True, True]] * 2,
    "some": [[True, False, True], [False, True, False]],
    "an arm without": [[True, True, False], [False, False, False]],
}
TARGET = torch.tensor([1, 0, 1])
REAL = torch.tensor([[0.0, 1.0], [2.0, 2.0], [5.0, 5.0], [1.0, 3.0], [0.5, 0.0], [2.0, 8.0]])
CLASSES = torch.tensor([0, 1, 0, 1, 0, 1])
ALL = torch.ones(2, 3, dtype=torch.bool)

SCHEMA = Schema(features=(Feature(name="x1"), Feature(name="x2")))
BY = Comparison.of(SCHEMA, REAL, CLASSES, 2)
PLANE = ("ip", "ip_star", "nearest", "cost", "validity", "redundancy", "mature", "steps")


def ends(valid: list[list[bool]] | None = None) -> SearchEnds:
    mature, steps = torch.tensor([[True, False, True], [False, False, True]]), torch.tensor([[4, 9, 1], [9, 9, 0]])
    return SearchEnds(START, FINAL, TARGET, torch.tensor(valid) if valid else ALL, mature, steps)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_means_equal_loops(mask: list[list[bool]]) -> None:
    """Judged or valid: cost and redundancy count what is both, the others what is judged."""
    for judged, valid in ((ALL, mask), (torch.tensor(mask), None)):
        searched = ends(valid)
        found = means(searched, judged, BY, PLANE)
        assert tuple(found) == PLANE
        for arm in range(2):
            both = (judged & searched.valid)[arm].tolist()
            chosen = [b for b in range(3) if judged[arm, b]]
            classes = [REAL[TARGET[b] == CLASSES].numpy() for b in range(3)]
            points = FINAL[arm].numpy()
            expected = {
                "ip": [slow.implausibility(points[b], classes[b]) for b in chosen],
                "nearest": [slow.nearest(points[b], classes[b]) for b in chosen],
                "validity": [float(searched.valid[arm, b]) for b in chosen],
                "mature": [float(searched.mature[arm, b]) for b in chosen],
                "steps": [float(searched.steps[arm, b]) for b in chosen],
            }
            for name, values in expected.items():
                assert float(found[name][arm]) == pytest.approx(np.mean(values) if values else math.nan, nan_ok=True)
            for name, reference in (("cost", slow.cost), ("redundancy", slow.redundancy)):
                assert float(found[name][arm]) == pytest.approx(reference(START.numpy(), points, both), nan_ok=True)
            star = slow.ip_star(
                FINAL[arm], TARGET.tolist(), judged[arm].tolist(), REAL, CLASSES.tolist(), BY.real.length_scale
            )
            assert float(found["ip_star"][arm]) == pytest.approx(star, nan_ok=True, abs=1e-12)


def test_by_hand() -> None:
    found = measured(ends(), BY, ("cost", "redundancy", "nearest"))
    assert found["cost"].tolist() == [[7, 1, 0], [1, 0, 7]]
    assert found["redundancy"].tolist() == [[0, 0.5, 1], [0.5, 1, 0.5]]
    assert found["nearest"][1].tolist() == pytest.approx([math.sqrt(5), math.sqrt(1), 1])  # to (1, 3), (0, 1), (2, 8)


def test_start_and_target_may_be_shared_or_per_arm() -> None:
    own = dataclasses.replace(ends(), start=START.expand(2, 3, 2), target=TARGET.expand(2, 3))
    names = tuple(END_METRICS)[:9]
    for name, values in measured(ends(), BY, names).items():
        assert torch.equal(values, measured(own, BY, names)[name])
        alone = [dataclasses.replace(ends(), final=FINAL[m], valid=ALL[m], mature=ends().mature[m]) for m in range(2)]
        one_by_one = [
            measured(dataclasses.replace(one, steps=ends().steps[m]), BY, (name,))[name] for m, one in enumerate(alone)
        ]
        assert torch.equal(values, torch.stack(one_by_one)), "without the axis of models"


def test_the_nearest_samples_are_taken_as_given() -> None:
    given = dataclasses.replace(ends(), nearest=torch.zeros(2, 3, 2))
    torch.testing.assert_close(measured(given, BY, ("nearest",))["nearest"], FINAL.double().norm(dim=-1))


def test_of_images_the_roughness_is_measured_and_no_kernel() -> None:
    schema = Schema(features=tuple(Feature(name=name) for name in "abcd"), grid=(2, 2))
    chance = torch.Generator().manual_seed(0)
    start, final = torch.randn(5, 4, generator=chance), torch.randn(2, 5, 4, generator=chance)
    yes = torch.ones(2, 5, dtype=torch.bool)
    searched = SearchEnds(start, final, torch.zeros(5, dtype=torch.int64), yes, yes, yes.long())
    by = Comparison.of(schema, start, torch.zeros(5, dtype=torch.int64), 1)
    found = means(searched, yes, by, ("variation", "change_variation", "roughness", "ip_star"))
    change = final.double() - start.double()
    torch.testing.assert_close(found["variation"], total_variation(final, (2, 2)).mean(dim=1))
    torch.testing.assert_close(found["change_variation"], total_variation(change, (2, 2)).mean(dim=1))
    torch.testing.assert_close(found["roughness"], roughness(change, (2, 2)).mean(dim=1))
    assert found["ip_star"].isnan().all()
    with pytest.raises(RuntimeError, match="images"):
        measured(ends(), BY, ("roughness",))


def test_the_first_of_the_estimates_are_the_means_and_differences_are_paired() -> None:
    chance = torch.Generator().manual_seed(1)
    final, valid = torch.randn(3, 20, 2, generator=chance), torch.rand(3, 20, generator=chance) < 0.7
    judged, target = torch.rand(3, 20, generator=chance) < 0.8, torch.arange(20) % 2
    searched = SearchEnds(torch.zeros(20, 2), final, target, valid, valid, valid.long())
    values, paired = estimates(searched, judged, BY, PLANE, Bootstrap.of(20, 10))
    plain = means(searched, judged, BY, PLANE)
    assert tuple(values) == tuple(paired) == PLANE
    for name in PLANE:
        torch.testing.assert_close(values[name].value, plain[name])
        assert paired[name].value[0].isnan()
    for name, found in measured(searched, BY, PLANE).items():
        for model in (1, 2):
            both = counted(name, searched, judged)[0] & counted(name, searched, judged)[model]
            assert float(paired[name].value[model]) == pytest.approx(float((found[model] - found[0])[both].mean()))
    for model in (1, 2):
        both = judged[0] & judged[model]
        star = BY.real.ip_star(final, target, both)
        assert float(paired["ip_star"].value[model]) == pytest.approx(float(star[model] - star[0]))


def test_every_kind_of_data_is_compared_by_metrics_and_by_those_alone_that_suit_it() -> None:
    assert {kind for metric in END_METRICS.values() for kind in metric.kinds} == {kind.name for kind in DATA_KINDS}
    assert [name for name, metric in END_METRICS.items() if not metric.kinds] == ["nearest_five"], "of exact ends alone"
    assert not [kind for kind in DATA_KINDS if "ip_star" in metrics_of(kind) and not kind.kernels]


def test_a_mean_over_nothing_is_nan() -> None:
    assert math.isnan(float(masked_mean(torch.ones(3), torch.zeros(3, dtype=torch.bool))))
    assert math.isnan(float(masked_mean(torch.ones(0))))


def test_what_is_left_out_may_be_nan() -> None:
    values = torch.tensor([1.0, math.nan, 3.0])
    assert float(masked_mean(values, torch.tensor([True, False, True]))) == 2.0
