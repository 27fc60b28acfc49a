"""The limits: their settings, what they measure against slow references, and how results are kept."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.data.catalogue import load
from ctviz.errors import ConfigError
from ctviz.experiments.measure import EpochEvaluator
from ctviz.experiments.run import Training
from ctviz.experiments.snapshot import METRICS
from ctviz.experiments.store import Store
from ctviz.figures.limits import pictures
from ctviz.figures.theme import LIGHT
from ctviz.studies.draw import COLUMNS, Draw, Variant, _over_epochs, measure_draw
from ctviz.studies.measures import EVEN, FINE, MeasureContext, energy, even, fine, locks
from ctviz.studies.registry import LIMITS, study_of
from ctviz.studies.results import (
    agreement,
    run_study,
    shipped_draw,
    shipped_folder,
    stored_study,
)
from ctviz.studies.study import Study
from ctviz.studies.summary import CONVENTIONAL, gains
from tests.studies.tables import shortened

EXTRA = (
    "ip_even",
    "validity_even",
    "ip_fine",
    "cost_fine",
    "validity_fine",
    "energy",
    "share",
    "tilt",
    "trained_mature",
    "all_skipped",
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def tiny() -> Study:
    """Energies on the moons alone, a few samples, two epochs."""
    study = study_of("energies")
    return shortened(replace(study, panels=study.panels[:1], seeds=2), epochs=2, n_train=60)


# -- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", LIMITS.values(), ids=LIMITS)
def test_every_variant_is_an_arm_and_every_panel_has_a_conventional_one(study: Study) -> None:
    for panel in (stack for whole in study.panels for stack in whole.stacks):
        arms = {arm.name: arm for arm in panel.experiment.arms}
        assert {variant.arm for variant in panel.variants} == set(arms)
        (base,) = (variant for variant in panel.variants if variant.name == CONVENTIONAL)
        assert not arms[base.arm].trains_on_counterfactuals
        assert len({(v.name, repr(v.dose)) for v in panel.variants}) == len(panel.variants)
    assert set(study.metrics) <= {*METRICS, *EXTRA}


@pytest.mark.parametrize("study", LIMITS.values(), ids=LIMITS)
def test_a_draw_takes_all_its_chance_from_its_seed(study: Study) -> None:
    for draw in study.all_draws(3)[-len(study.panels) :]:
        assert draw.experiment.data.seed == draw.seed
        assert {arm.seed for arm in draw.experiment.arms} == {draw.seed}


def test_draws_grow_without_changing_the_first_ones() -> None:
    study = study_of("maturity")
    few, more = study.all_draws(2), study.all_draws(4)
    assert [draw.key for draw in more[: len(few)]] == [draw.key for draw in few]
    assert len({draw.key for draw in more}) == len(more)


def test_a_panel_that_takes_minutes_has_fewer_draws() -> None:
    study = study_of("energies")
    most = {panel.name: panel.most_draws for panel in study.panels}
    drawn = [draw.panel.name for draw in study.all_draws(10)]
    assert {name: drawn.count(name) for name in most} == {name: min(10, n) for name, n in most.items()}


@pytest.mark.parametrize("seeds", [0, 101])
def test_draws_that_are_not_possible_are_named(seeds: int) -> None:
    with pytest.raises(ConfigError, match=f"seeds is {seeds}"):
        study_of("locks").all_draws(seeds)


def test_an_unknown_limit_is_named() -> None:
    with pytest.raises(ConfigError, match="limit is 'nothing'; allowed: one of maturity, energies"):
        study_of("nothing")


# -- measures ------------------------------------------------------------------------------------------


def test_energies_are_those_of_the_own_class(tiny: Study) -> None:
    draw = tiny.all_draws(1)[0]
    training = Training(draw.experiment, "cpu")
    context = MeasureContext.of(draw.experiment, training.data, training.stack.flat)
    X, y = training.data.validation
    found = energy(context, training.stack)["energy"]
    for i in range(training.stack.m):
        logits = training.stack.module(i)(X).detach()
        slow = sum(abs(float(logits[b, y[b]])) for b in range(len(y))) / len(y)
        assert found[i] == pytest.approx(slow, rel=1e-5)


def test_short_steps_are_short(tiny: Study, monkeypatch) -> None:
    """The careful search is the usual one with its own settings, on the first of the same factuals."""
    monkeypatch.setitem(FINE, "steps", 100)
    draw = tiny.all_draws(1)[0]
    training = Training(draw.experiment, "cpu")
    list(training)
    context = MeasureContext.of(draw.experiment, training.data, training.stack.flat)
    assert context.fine._settings.step_size == FINE["step_size"]
    changes = {f"evaluation.{name}": value for name, value in FINE.items()}
    evaluator = EpochEvaluator(
        draw.experiment.replace(changes), training.data, training.data.validation, training.stack.flat
    )
    usual = evaluator.metrics(training.stack, evaluator.search(training.stack))
    np.testing.assert_array_equal(fine(context, training.stack)["ip_fine"], usual["ip"])


def test_even_steps_have_one_length_where_a_model_is_flat_too(tiny: Study, monkeypatch) -> None:
    monkeypatch.setitem(EVEN, "steps", 40)
    draw = tiny.all_draws(1)[0]
    training = Training(draw.experiment, "cpu")
    training.stack.flat.mul_(0.01)  # so flat that no gradient is longer than 0.01
    context = MeasureContext.of(draw.experiment, training.data, training.stack.flat)
    found = context.even.search(training.stack, record=True)
    assert found.path is not None
    lengths = found.path.diff(dim=0).norm(dim=2)  # t m b
    longest = EVEN["step_bound"] * ReferenceData.of(training.data).spread()
    inside = lengths[lengths > 0]
    assert float(inside.max()) == pytest.approx(longest, rel=1e-3)
    assert float((inside > 0.99 * longest).double().mean()) > 0.9
    assert set(even(context, training.stack)) == {"ip_even", "validity_even"}


def test_the_share_is_that_of_the_locked_feature() -> None:
    """A model that reads x2 alone, and one that reads x1 alone, with x2 locked."""
    draw = shortened(study_of("locks"), 1, 60).all_draws(1)[0]
    training = Training(draw.experiment, "cpu")
    assert draw.panel.name == "proxies"
    assert {arm.locked for arm in draw.experiment.arms} == {(1,)}
    layer = training.stack.layers[0]  # m k d+1
    layer.zero_()
    layer[0, 1, 1], layer[1:, 1, 0] = 3.0, 3.0
    found = locks(MeasureContext.of(draw.experiment, load(draw.experiment.data), training.stack.flat), training.stack)
    np.testing.assert_allclose(found["share"], [1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found["tilt"], [0, 90, 90, 90], atol=1e-3)


def test_maturity_is_averaged_over_the_epochs_that_searched(tiny: Study) -> None:
    training = Training(tiny.all_draws(1)[0].experiment, "cpu")
    snapshots = list(training)[1:]
    snapshots[0].metrics["mature"][:] = [math.nan, 0.2, 0.4, math.nan, 1.0]
    snapshots[1].metrics["mature"][:] = [math.nan, 0.4, math.nan, math.nan, 0.0]
    snapshots[1].metrics["skipped"][:] = 3.0
    found = _over_epochs(snapshots)
    np.testing.assert_allclose(found["trained_mature"], [math.nan, 0.3, 0.4, math.nan, 0.5])
    assert found["all_skipped"].tolist() == [3.0] * 5


# -- keeping -------------------------------------------------------------------------------------------


def test_a_limit_is_computed_once_and_read_afterwards(tiny: Study, store: Store, monkeypatch) -> None:
    told: list[tuple[int, int]] = []
    result = run_study(tiny, store, lambda done, total: told.append((done, total)), workers=1)
    assert result.complete
    assert result.draws == {"moons": 2}
    assert tuple(result.table.columns) == COLUMNS
    assert told == [(0, 2), (1, 2), (2, 2)]
    monkeypatch.setattr("ctviz.studies.draw.measure_draw", None)
    pd.testing.assert_frame_equal(run_study(tiny, store, workers=1).table, result.table)
    assert set(result.sources) == {"here"}


def test_the_table_holds_the_runs_own_numbers(tiny: Study) -> None:
    draw = tiny.all_draws(1)[0]
    table = measure_draw(draw)
    last = list(Training(draw.experiment, "cpu"))[-1]
    for place, variant in enumerate(draw.panel.variants):
        row = table[(table["variant"] == variant.name) & (table["metric"] == "ip") & (table["epoch"] == 2)]
        assert row["value"].item() == pytest.approx(last.metrics["ip"][place], rel=1e-6)


def test_a_variant_that_shares_an_arm_has_its_numbers() -> None:
    """The undisturbed search is one arm, from which every kind of harm starts."""
    study = shortened(study_of("generator"), 1, 40)
    draw = replace(study, panels=study.panels[:1]).all_draws(1)[0]
    plain = [arm for arm in draw.experiment.arms if arm.generator != "revise"]
    kept = Draw(
        replace(draw.panel, variants=tuple(v for v in draw.panel.variants if v.arm != "revise")),
        0, replace_arms(draw, plain), (), ("ip", "trained_mature"), every_epoch=False,
    )  # fmt: skip
    table = measure_draw(kept)
    sound = table[(table["dose"].isin([30.0, 0.0, 0.25])) & (table["metric"] == "ip")]
    assert len(sound) == 4
    assert len(set(sound["value"])) == 1
    assert len(set(table[table["metric"] == "ip"]["value"])) > 1


def replace_arms(draw: Draw, arms):
    return type(draw.experiment)(**{**draw.experiment.model_dump(), "arms": [arm.model_dump() for arm in arms]})


def test_what_is_stopped_keeps_its_whole_draws(tiny: Study, store: Store) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 6  # in the second draw: each asks once for each snapshot, and so does the engine at its end

    assert run_study(tiny, store, workers=1, cancelled=cancelled).done == 1
    assert stored_study(tiny, store).done == 1
    assert run_study(tiny, store, workers=1).complete


# -- what ships ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", LIMITS.values(), ids=LIMITS)
def test_what_ships_is_complete_and_of_these_settings(study: Study, store: Store) -> None:
    """Fails when settings, measures or the algorithm have changed since: then `ctviz limits build` is due."""
    result = stored_study(study, store)
    assert result.complete
    assert set(result.sources) == {"shipped"}
    told = study
    assert len(told.finding(result.table, told.metric()).sentences) >= len(study.panels)
    assert set(study.metrics) == set(result.table["metric"])


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in shipped_folder().iterdir()) < 1_000_000


def test_a_shipped_draw_can_be_computed_again(store: Store) -> None:
    """The cheapest of them, whole; processors round differently, and training carries it on."""
    study = study_of("locks")
    draw = study.all_draws(1)[0]
    shipped = shipped_draw(draw, "locks")
    assert shipped is not None
    own = measure_draw(draw)
    both = own.merge(shipped, on=["variant", "epoch", "metric"])
    both = both[both["metric"] == "share"]
    assert len(both) == 4
    np.testing.assert_allclose(both["value_x"], both["value_y"], atol=0.02)


def test_agreement_is_the_largest_relative_deviation(tiny: Study, store: Store, monkeypatch) -> None:
    result = run_study(tiny, store, workers=1)
    assert agreement(result) is None  # nothing of these settings ships
    other = result.table.assign(value=result.table["value"] * 1.0)
    spot = other.index[(other["metric"] == "ip") & (other["seed"] == 1)][0]
    other.loc[spot, "value"] *= 1.25
    name = "ctviz.studies.results.shipped_draw"
    monkeypatch.setattr(name, lambda draw, _: other[other["seed"] == draw.seed])
    assert agreement(result) == pytest.approx(0.2)


def test_torch_random_state_stays_as_it_is(tiny: Study) -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    measure_draw(tiny.all_draws(1)[0])
    assert torch.equal(before, torch.random.get_rng_state())


# -- panels of several stacks --------------------------------------------------------------------------


@pytest.fixture
def sizes() -> Study:
    """The moons with 40 samples and with 60: data of another size are another stack."""
    study = shortened(study_of("long"), epochs=1, n_train=40)
    panel = replace(study.panels[0], variants=of_size(40))
    larger = panel.experiment.replace({"data.n_train": 60})
    panel = replace(panel, others=((larger, of_size(60)),))
    return replace(study, panels=(panel,), kind="lines", dose="samples", every_epoch=False, measures=())


def of_size(n: int) -> tuple[Variant, ...]:
    return Variant(CONVENTIONAL, "vanilla", float(n)), Variant("trained", "full", float(n))


def test_a_panel_of_several_stacks_is_computed_shipped_and_drawn(sizes: Study, store: Store, tmp_path) -> None:
    first, second = sizes.all_draws(1)
    assert (first.name, second.name) == ("moons 0 0", "moons 0 1")
    assert [draw.experiment.data.n_train for draw in (first, second)] == [40, 60]
    second.compute(store, "cpu", lambda: False)
    assert stored_study(sizes, store, 1).draws == {"moons": 0}  # half a draw is none
    result = run_study(sizes, store, seeds=1, workers=1)
    assert result.draws == {"moons": 1} and set(result.table["dose"]) == {40.0, 60.0}
    for draw in (first, second):
        own = draw.rows_of(result.table).reset_index(drop=True)
        pd.testing.assert_frame_equal(own, draw.stored(store))
    # Each is compared with the conventional model of its own size.
    accuracy = result.table[result.table["metric"] == "ip"].set_index(["variant", "dose"])["value"]
    for row in gains(result.table, "ip").to_dict("records"):
        base = accuracy[CONVENTIONAL, row["dose"]]
        assert row["value"] == pytest.approx(100 * (base - accuracy["trained", row["dose"]]) / base)
    (drawn,) = pictures(sizes, result.table, sizes.metric("validation_accuracy"), LIGHT)
    lines = {trace.name: list(trace.x) for trace in drawn.figure.data if trace.mode == "lines"}
    assert lines == {CONVENTIONAL: [40.0, 60.0], "trained": [40.0, 60.0]}
    assert drawn.figure.layout.xaxis.title.text == "samples" and "trained, samples 60" in drawn.alt
    assert list(sizes.settings) == ["moons", "moons 1"]
