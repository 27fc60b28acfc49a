"""The protocol on models: against loops that know no shortcut, models worked out by hand, and what goes wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import ctviz
from ctviz import ConfigError, DataError, Experiment, Protocol, Run, StoreError, open_store
from ctviz.experiments import evaluate as module
from ctviz.experiments import reports
from ctviz.experiments.evaluate import default_references, evaluate
from ctviz.experiments.reports import stored_report
from tests.experiments import pictures, traces
from tests.experiments.traces import BOUNDED, FULL, LOCKED, VANILLA
from tests.reference import calibration
from tests.reference import protocol as slow

PROTOCOL = Protocol(rounds=4, factuals=6, lambda_egy=(0.5, 5.0), tau=0.8, steps=12, attacks=(0.0, 0.05), seed=3)
METRICS = ("ip", "ip_star", "cost", "validity", "redundancy", "mature", "steps")


def trained():
    _, snapshots = traces.run()
    return Run(traces.EXPERIMENT, None, snapshots, [], 0.0)


def made(slopes=(2.0, 4.0), bias=0.0, **changes):
    """A run of linear models, P(class 1) = σ(slope · x1 + bias)."""
    names = ["vanilla", *(f"arm {i}" for i in range(1, len(slopes)))]
    experiment = Experiment.preset("moons").replace({**traces.K2, "arms": ",".join(names), **changes})
    weight = np.zeros((len(slopes), 2, 2))
    weight[:, 1, 0] = slopes
    state = traces.snapshot([(weight, np.tile([0.0, bias], (len(slopes), 1)))])
    return Run(experiment, None, (state,), [], 0.0)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


def at(frame, **chosen):
    for name, value in chosen.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


# -- against loops -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", [VANILLA, FULL, LOCKED, BOUNDED])
def test_every_round_agrees_with_the_plain_protocol(store, arm):
    run = trained()
    table = evaluate(run, PROTOCOL, store=store).table
    name, data = run.arms[arm], run.data
    X, y = data.test
    schema = run.experiment.arms[arm].constraints_for(data.schema, "advice")
    for number in (0, 3):
        for pull in PROTOCOL.lambda_egy:
            wanted = slow.one_round(run.model(name), X, y, data.k, PROTOCOL, pull, schema, number)
            for metric in METRICS:
                found = at(table, arm=name, metric=metric, round=number, lambda_egy=pull).value
                np.testing.assert_allclose(found, wanted[metric], rtol=2e-3, atol=2e-4, err_msg=metric)


def test_locks_and_directions_hold_for_the_arm_that_has_them(store):
    table = evaluate(trained(), PROTOCOL, store=store).table
    overall = table[table["round"] == -1]
    assert at(overall, arm="locked", metric="redundancy").value >= 0.5
    assert at(overall, arm="vanilla", metric="redundancy").value < 0.2


def test_robustness_and_sensitivity_are_those_of_their_own_modules(store):
    run = trained()
    explorer, snapshots = traces.run()
    report = evaluate(run, PROTOCOL, store=store)
    table = report.table
    X, y = run.data.test
    for i, name in enumerate(run.arms):
        right = run.model(name)(X).argmax(-1) == y
        assert at(table, arm=name, metric="accuracy").value == pytest.approx(right.double().mean().item())
        assert at(table, arm=name, metric="fgsm", part="0").value == pytest.approx(right.double().mean().item())
        weaker, attacked = (
            at(table, arm=name, metric="pgd", part="0.05"),
            at(table, arm=name, metric="fgsm", part="0.05"),
        )
        assert weaker.value <= attacked.value + 0.05 <= right.double().mean().item() + 0.05
        wanted = explorer.sensitivity(snapshots[-1], 0.99, seed=PROTOCOL.seed).standardised
        for d, feature in enumerate(run.data.schema.names):
            found = at(table, arm=name, metric="sensitivity", part=feature)
            np.testing.assert_allclose(
                [found.value, found.low, found.high],
                [wanted.value[i, d], wanted.low[i, d], wanted.high[i, d]],
                rtol=1e-4,
            )


def test_by_hand_on_linear_models(store):
    """Steep models call for small moves: the boundary of σ(s x) ≥ 0.8 lies at log 4 / s."""
    protocol = PROTOCOL.change({"generator": "generic", "step_size": 0.01, "steps": 1000, "lambda_cost": 0})
    report = evaluate(made(slopes=(2.0, 4.0)), protocol, store=store)
    assert (report.rounds[METRICS.index("validity")] == 1).all() and (report.rounds[METRICS.index("mature")] == 1).all()
    assert (report.rounds[METRICS.index("redundancy")] == 0.5).all()  # x2 has no slope, so it never moves
    run = made(slopes=(2.0, 4.0))
    X = run.data.test[0][:, 0].double().numpy()
    predicted = (X > 0).astype(int)
    for r in range(4):
        _, _, rows = slow.drawn(predicted, 2, 6, 3, r)
        for arm, slope in enumerate((2.0, 4.0)):
            needed = np.abs(X[rows]) + np.log(4) / slope
            found = report.rounds[METRICS.index("cost"), arm, 0, r]
            assert needed.mean() <= found <= needed.mean() + 0.01 * slope


# -- calibration ---------------------------------------------------------------------------------------


def test_calibration_is_that_of_the_probabilities(store):
    report = evaluate(trained(), PROTOCOL, store=store)
    X, y = report_data = trained().data.test
    for arm, name in enumerate(report.arms):
        logits = trained().model(name)(X).double()
        confidence, predicted = torch.softmax(logits, dim=-1).max(dim=-1)
        wanted = calibration.calibration_error(confidence.tolist(), (predicted == y).tolist(), 15)
        assert at(report.overall, arm=name, metric="calibration").value == pytest.approx(wanted, abs=1e-4)
        curve = report.reliability[report.reliability["arm"] == name]
        assert curve["count"].sum() == len(report_data[1]) and (curve["count"] > 0).all()
        mean = (curve["count"] * curve["accuracy"]).sum() / len(y)
        assert mean == pytest.approx(report.samples["accuracy"].array[arm].mean())


def test_acceptance_is_the_score_with_the_rate_of_the_validation_data(store):
    run = made(slopes=(2.0, 4.0), bias=1.0)
    report = evaluate(run, PROTOCOL, store=store)
    X, y = run.data.validation
    facts = report.acceptance
    assert facts["arm"].tolist() == list(report.arms)
    assert facts["rate"].tolist() == pytest.approx([float(y.double().mean())] * 2)
    for row, slope in zip(facts.itertuples(), (2.0, 4.0), strict=True):
        score = torch.sigmoid(slope * X[:, 0] + 1.0)
        assert int((score >= row.threshold - 1e-6).sum()) == int((y == 1).sum())
        accepted = torch.sigmoid(slope * run.data.test[0][:, 0] + 1.0) >= row.threshold - 1e-6
        found = at(report.overall, arm=row.arm, metric="accepted").value
        assert found == pytest.approx(accepted.double().mean().item(), abs=0.01)


def test_a_stored_report_without_calibration_gets_it_and_keeps_the_rest(store):
    run = trained()
    whole = evaluate(run, PROTOCOL, store=store)
    before = {name: whole.samples[name] for name in ("accuracy", "fgsm", "pgd", "sensitivity")}
    reports.keep_report(replace(whole, samples=before), store)
    old = stored_report(run.key, PROTOCOL, store)
    assert not old.calibrated and old.reliability.empty and old.acceptance.empty
    report = evaluate(run, PROTOCOL, store=store)
    assert report.rounds.tobytes() == whole.rounds.tobytes()
    pd.testing.assert_frame_equal(report.table, whole.table, check_exact=True)
    assert stored_report(run.key, PROTOCOL, store).calibrated


# -- the cheapest counterfactuals ----------------------------------------------------------------------


def test_the_exact_judge_by_hand_on_linear_models(store):
    """The cheapest counterfactual of σ(s x1) ≥ 0.8 lies straight ahead, at log 4 / s behind the boundary."""
    run = made(slopes=(2.0, 4.0))
    report = evaluate(run, PROTOCOL.change({"exact": 30, "also": []}), {"arm 1": "vanilla"}, store)
    X, y = run.data.test
    drawn = np.random.default_rng(PROTOCOL.seed).permutation(len(y))[:30]
    for arm, slope in enumerate((2.0, 4.0)):
        away, asked = X[drawn, 0].double().numpy(), (X[drawn, 0] > 0).long() == y[drawn]
        wanted = np.where(asked, np.abs(away) + np.log(4) / slope, np.nan)
        np.testing.assert_allclose(report.samples["exact_cost"].array[arm, 0], wanted, rtol=1e-4)
    real = [X[y == c].double().numpy() for c in (0, 1)]
    for place in np.flatnonzero(asked)[:5]:
        target = 1 - int(y[drawn[place]])
        end = X[drawn[place]].double().numpy().copy()
        end[0] = (2 * target - 1) * np.log(4) / 4
        distances = np.sort(np.linalg.norm(real[target] - end, axis=1))
        for name, value in (("nearest", distances[0]), ("nearest_five", distances[:5].mean())):
            assert report.samples[f"exact_{name}"].array[1, 0, place] == pytest.approx(value, rel=1e-3)
        ip = np.abs(real[target] - end).sum(axis=1).mean()
        assert report.samples["exact_ip"].array[1, 0, place] == pytest.approx(ip, rel=1e-3)
    compared = at(report.compare(), metric="exact_cost")
    assert compared.difference == pytest.approx(-np.log(4) / 4, rel=1e-3) and compared.significant
    assert compared.factuals == int(asked.sum()) and compared.rounds == 0
    assert at(report.overall, arm="vanilla", metric="exact_found").value == 1 and report.notes == ()


def test_more_exact_factuals_begin_with_the_same_and_locks_hold(store):
    run = made(slopes=(2.0, 4.0), **{"arms.arm 1.locked": ("x1",)})
    few, more = (evaluate(run, PROTOCOL.change({"exact": n, "also": []}), store=store) for n in (4, 12))
    for name, found in few.samples.items():
        if name.startswith("exact"):
            np.testing.assert_array_equal(found.array, more.samples[name].array[..., :4])
    # Nothing but x1 counts, so that its lock leaves no counterfactual.
    found, proved = (more.samples[f"exact_{name}"].array[:, 0] for name in ("found", "proved"))
    assert (np.nan_to_num(found[0], nan=1) == 1).all() and (np.nan_to_num(found[1]) == 0).all()
    assert (np.nan_to_num(proved, nan=1) == 1).all()


def test_without_an_exact_judge_nothing_else_changes(store):
    run = made()
    plain, judged = (evaluate(run, PROTOCOL.change({"exact": n}), store=store) for n in (0, 3))
    assert plain.rounds.tobytes() == judged.rounds.tobytes()
    assert not [name for name in plain.samples if name.startswith("exact")]


def test_searches_that_are_not_proved_are_told(store, monkeypatch):
    import ctviz.experiments.exact_ends as judge

    solve = judge.search

    def hasty(*args):
        found = solve(*args)
        return replace(found, bound=found.bound * 0.5)

    monkeypatch.setattr(judge, "search", hasty)
    report = evaluate(made(), PROTOCOL.change({"exact": 8, "also": []}), store=store)
    asked = int(np.isfinite(report.samples["exact_cost"].array[0]).sum())
    assert report.notes[0] == (
        f"vanilla: {asked} of {asked} exact searches ran out of time before their proof; the largest gap is 50 %."
    )
    assert at(report.overall, arm="vanilla", metric="exact_proved").value == 0


def test_where_there_is_no_counterfactual_only_its_proof_counts(store):
    run = made(slopes=(2.0, 1e-3))  # within the domain, the second never reaches .8
    report = evaluate(run, PROTOCOL.change({"exact": 10, "also": []}), store=store)
    assert at(report.overall, arm="arm 1", metric="exact_found").value == 0
    assert at(report.overall, arm="arm 1", metric="exact_proved").value == 1
    assert np.isnan(report.samples["exact_ip"].array[1]).all() and report.notes == ()


def test_models_that_are_not_solved_exactly_are_a_sentence(store):
    with pytest.raises(ConfigError, match="one with tanh"):
        evaluate(trained(), PROTOCOL.change({"exact": 5}), store=store)
    _, snapshots = pictures.run()
    with pytest.raises(ConfigError, match="more than 256 columns"):
        evaluate(Run(pictures.EXPERIMENT, None, snapshots, [], 0.0), PROTOCOL.change({"exact": 5}), store=store)


# -- the same again ------------------------------------------------------------------------------------


def test_the_same_bits_again_in_any_company(store, tmp_path, monkeypatch):
    run = trained()
    report = evaluate(run, PROTOCOL, store=store)
    again = evaluate(run, PROTOCOL, store=open_store(tmp_path / "other"))
    assert report.rounds.tobytes() == again.rounds.tobytes()
    pd.testing.assert_frame_equal(report.compare(), again.compare(), check_exact=True)
    monkeypatch.setattr(module, "MAX_ARMS", 1)
    monkeypatch.setattr(module, "WORKING_SET", 64)
    alone = evaluate(run, PROTOCOL, store=open_store(tmp_path / "alone"))
    np.testing.assert_allclose(alone.rounds, report.rounds, rtol=1e-4, atol=1e-6)
    for name, found in alone.samples.items():
        np.testing.assert_allclose(found.array, report.samples[name].array, rtol=1e-4)


def test_torchs_own_random_state_is_left_alone(store):
    before = torch.get_rng_state()
    evaluate(trained(), PROTOCOL, store=store)
    assert torch.equal(before, torch.get_rng_state())


def test_what_was_measured_is_read_and_a_damaged_report_measured_again(store, monkeypatch):
    run = trained()
    report = evaluate(run, PROTOCOL, store=store)
    monkeypatch.setattr(module, "_Evaluation", None)  # would have to be called
    again = evaluate(run, PROTOCOL, {"full": "locked"}, store)
    assert again.rounds.tobytes() == report.rounds.tobytes() and dict(again.references) == {"full": "locked"}
    assert stored_report(run.key, PROTOCOL, store) is not None
    monkeypatch.undo()
    (path,) = (store.root / "reports").iterdir()
    path.write_bytes(b"damaged")
    assert evaluate(run, PROTOCOL, store=store).rounds.tobytes() == report.rounds.tobytes()
    assert stored_report(run.key, PROTOCOL, store) is not None


def test_a_full_disk_costs_nobody_the_result(store, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ctviz.experiments.store.artifacts.write_whole", full)
    report = evaluate(trained(), PROTOCOL, store=store)
    assert len(report.table) and stored_report(report.run, PROTOCOL, store) is None
    with pytest.raises(StoreError, match="No space"):
        reports.keep_report(report, store)


def test_progress_goes_from_nothing_to_all(store):
    seen = []
    evaluate(trained(), PROTOCOL, store=store, progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] == 0 and seen[-1][0] == seen[-1][1] and [s for s, _ in seen] == sorted(s for s, _ in seen)


# -- references ----------------------------------------------------------------------------------------


def test_the_reference_is_the_conventional_arm_of_the_same_seed():
    experiment = Experiment.preset("moons").replace({"arms": "full,vanilla,a,b,adversarial", "seed": 4})
    changes = {"arms.a.seed": 9, "arms.b.seed": 7, "arms.adversarial.lambda_adv": 0.0, "arms.adversarial.seed": 9}
    assert default_references(experiment.replace(changes)) == {"full": "vanilla", "a": "adversarial", "b": "vanilla"}
    assert default_references(experiment.replace({"arms": "full,energy"})) == {}
    with pytest.raises(ConfigError, match="nobody"):
        evaluate(trained(), PROTOCOL, {"full": "nobody"})


# -- what goes wrong -----------------------------------------------------------------------------------


def test_a_model_whose_weights_are_not_numbers_spoils_only_itself(store):
    run = trained()
    weights = {name: values.copy() for name, values in run.snapshot().weights.items()}
    weights["0.weight"][FULL, 0, 0] = np.nan
    weights["1.bias"][LOCKED] = np.inf
    broken = Run(run.experiment, None, (replace(run.snapshot(), weights=weights),), [], 0.0)
    whole = evaluate(run, PROTOCOL, store=store)
    (path,) = (store.root / "reports").iterdir()
    path.unlink()  # of the same experiment, as far as the store knows
    report = evaluate(broken, PROTOCOL, store=store)
    for arm in (FULL, LOCKED):
        assert np.isnan(report.rounds[:, arm]).all()
        assert all(np.isnan(found.array[arm]).all() for found in report.samples.values())
    for arm in (VANILLA, BOUNDED):
        np.testing.assert_allclose(report.rounds[:, arm], whole.rounds[:, arm], rtol=1e-4, atol=1e-6)
    compared = report.compare()
    assert not compared.loc[compared["arm"] == "full", "significant"].any()
    assert len(report.notes) == 2 and "full has no round that counts" in report.notes[0]


def test_models_that_all_give_no_numbers_are_a_report_too(store):
    report = evaluate(made(slopes=(np.nan, np.nan)), PROTOCOL, store=store)
    assert np.isnan(report.rounds).all() and report.compare()["value"].isna().all()
    assert report.table.loc[report.table["round"] == -1, "value"].isna().all()


def test_a_model_that_predicts_one_class_has_only_the_rounds_of_that_class(store):
    run = made(slopes=(2.0, 2.0), bias=0.0)
    run.snapshots[0].weights["0.bias"][1] = [0.0, 100.0]
    protocol = PROTOCOL.change({"rounds": 12})
    report = evaluate(run, protocol, {"arm 1": "vanilla"}, store)
    defined = np.isfinite(report.rounds[METRICS.index("ip")])
    assert defined[0].all() and (defined[1] == defined[1, 0]).all()
    number = int(defined[1, 0].sum())
    assert 0 < number < 12
    ip = at(report.compare(), metric="ip")
    assert (ip.rounds, ip.factuals) == (number, 6 * number)
    assert f"{12 - number} of 12 rounds" in report.notes[0]


def test_a_split_without_samples_is_a_sentence(store):
    run = made()
    data = run.data
    empty = (data.test[0][:0], data.test[1][:0])

    class Emptied(Run):
        @property
        def data(self):
            return replace(data, test=empty)

    with pytest.raises(DataError, match="test split of moons has no samples"):
        evaluate(Emptied(run.experiment, None, run.snapshots, [], 0.0), PROTOCOL, store=store)


# -- other settings ------------------------------------------------------------------------------------


def test_the_validation_split_is_measured_on_request(store):
    report = evaluate(made(), PROTOCOL.change({"split": "validation"}), store=store)
    X, y = made().data.validation
    right = (X[:, 0] > 0).long() == y
    assert at(report.table, arm="vanilla", metric="accuracy").value == pytest.approx(right.double().mean().item())


def test_what_is_not_asked_for_is_left_out(store):
    report = evaluate(made(), PROTOCOL.change({"also": []}), store=store)
    assert set(report.table["metric"]) == {*METRICS, "accuracy", "calibration", "accepted"}


@pytest.mark.usefixtures("hasty_autoencoders_here")
@pytest.mark.parametrize("generator", ["revise", "nearest", "face", "gravitational"])
def test_other_generators_may_make_the_counterfactuals(store, generator):
    protocol = PROTOCOL.change({"generator": generator, "also": [], "rounds": 2})
    report = evaluate(trained(), protocol, store=store)
    assert report.rounds.shape == (7, 4, 1, 2) and np.isfinite(report.rounds[METRICS.index("ip")]).all()


def test_of_images_what_is_locked_stands_for_its_pixels_and_kernels_wait_to_be_asked(store):
    _, snapshots = pictures.run()
    run = Run(pictures.EXPERIMENT, None, snapshots, [], 0.0)
    protocol = PROTOCOL.change({"rounds": 2, "factuals": 4, "steps": 4})
    report = evaluate(run, protocol, store=store)
    assert report.samples["sensitivity"].parts == pictures.ROWS
    assert np.isnan(report.rounds[METRICS.index("ip_star")]).all()
    assert np.isfinite(report.rounds[METRICS.index("ip")]).all()
    kernels = evaluate(run, protocol.change({"also": ["kernels"]}), store=store)
    assert np.isfinite(kernels.rounds[METRICS.index("ip_star")]).all()
    assert kernels.samples["accuracy"].parts == ("",) and "accepted" not in report.samples  # there are ten classes
    beside = evaluate(run, protocol.change({"also": ["roughness", "median"]}), store=store)
    assert beside.metrics == (*METRICS, "ip_star_median", "roughness")
    assert np.isfinite(beside.rounds[-2]).all()
    assert np.isnan(beside.rounds[METRICS.index("ip_star")]).all()
    with pytest.raises(ConfigError, match="'nearest'"):  # a metric of other data
        evaluate(run, protocol.change({"also": ["nearest"]}), store=store)
    locked = report.rounds[METRICS.index("redundancy"), pictures.FULL]
    assert (np.isnan(locked) | (locked >= 10 * 28 / 784)).all()


def test_it_is_part_of_the_package():
    assert ctviz.evaluate is evaluate and ctviz.Report is reports.Report
