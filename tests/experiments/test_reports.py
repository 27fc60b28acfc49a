"""Reports: the tidy table, comparisons against scipy and by hand, coverage, and files that are whole or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import stats

from ctviz import ConfigError, CtvizError, DataError, Protocol, open_store
from ctviz.evaluation import bootstrap
from ctviz.evaluation.rounds import ROUND_METRICS
from ctviz.experiments import reports as module
from ctviz.experiments.reports import (
    ARRAYS,
    COMPARISON,
    EXACT_METRICS,
    REPORT_METRICS,
    TABLE,
    PerSample,
    Report,
    has_report,
    keep_report,
    stored_report,
)

KEY = "0123456789abcdef"
ARMS = ("plain", "full", "other")
R, L, N = 30, 2, 40


def rng(seed=0):
    return np.random.default_rng(seed)


def report(seed=0, rounds=R, arms=ARMS, **changes):
    chance = rng(seed)
    m = len(arms)
    protocol = Protocol(rounds=rounds, lambda_egy=(0.5, 5.0), attacks=(0.0, 0.05), **changes)
    values = 2 + chance.normal(size=(len(module.round_metrics(protocol)), m, L, rounds)) * 0.3
    samples = {
        "accuracy": PerSample(("",), (chance.random((m, 1, N)) < 0.8).astype(np.float32)),
        "fgsm": PerSample(("0", "0.05"), (chance.random((m, 2, N)) < 0.7).astype(np.float32)),
        "pgd": PerSample(("0.05",), (chance.random((m, 1, N)) < 0.6).astype(np.float32)),
        "sensitivity": PerSample(("x1", "x2"), chance.random((m, 2, N)).astype(np.float32)),
    }
    return Report(KEY, arms, tuple(range(m)), protocol, dict.fromkeys(arms[1:], arms[0]), values, samples)


def full_report():
    """With everything that a report can have."""
    also = ("robustness", "sensitivity", "median", "nearest_sample", "reader")
    made, chance = report(also=also, exact=9), rng(5)
    exact = {
        name: PerSample(("",), chance.random((3, 1, 9)).astype(np.float32)) for name in (*EXACT_METRICS, "exact_gap")
    }
    more = {
        "confidence": PerSample(("",), chance.random((3, 1, N)).astype(np.float32)),
        "accepted": PerSample(("",), (chance.random((3, 1, N)) < 0.5).astype(np.float32)),
        "acceptance": PerSample(("threshold", "rate"), chance.random((3, 2, 1)).astype(np.float32)),
    }
    both = {**made.samples, **exact, **more}
    return module.replace(made, samples={name: both[name] for name in ARRAYS})


def row(frame, **chosen):
    for name, value in chosen.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


# -- the table -----------------------------------------------------------------------------------------


def test_the_table_has_every_round_and_every_mean():
    made = report()
    table = made.table
    assert tuple(table.columns) == TABLE
    single, overall = table[table["round"] >= 0], table[table["round"] == -1]
    assert len(single) == len(ROUND_METRICS) * 3 * L * R and len(overall) == 3 * (len(ROUND_METRICS) + 1 + 2 + 1 + 2)
    assert single[["low", "high"]].isna().all(axis=None) and (single["part"] == "").all()
    assert overall["lambda_egy"].isna().all() and overall[["low", "high"]].notna().all(axis=None)
    assert set(table["metric"]) == {*ROUND_METRICS, "accuracy", "fgsm", "pgd", "sensitivity"}
    assert set(full_report().table["metric"]) == set(REPORT_METRICS)
    one = row(table, arm="full", metric="cost", lambda_egy=5.0, round=7)
    assert one.value == made.rounds[ROUND_METRICS.index("cost"), 1, 1, 7] and one.seed == 1
    mean = row(overall, arm="full", metric="cost")
    assert mean.value == pytest.approx(made.rounds[ROUND_METRICS.index("cost"), 1].mean())
    assert mean.low < mean.value < mean.high
    assert row(overall, arm="other", metric="fgsm", part="0.05").value == pytest.approx(
        made.samples["fgsm"].array[2, 1].mean()
    )


def test_a_generator_that_does_not_listen_has_no_weight_in_the_table():
    made = report(generator="generic")
    made = module.replace(made, rounds=made.rounds[:, :, :1])
    assert made.table["lambda_egy"].isna().all() and len(made.table[made.table["round"] >= 0]) == 7 * 3 * R


# -- comparing -----------------------------------------------------------------------------------------


def test_differences_and_reductions_are_those_of_scipy():
    made = report()
    compared = made.compare()
    assert tuple(compared.columns) == COMPARISON
    assert list(compared["arm"].unique()) == ["full", "other"] and set(compared["reference"]) == {"plain"}
    mine, theirs = made.rounds[0, 1].mean(axis=0), made.rounds[0, 0].mean(axis=0)  # IP, mean over λ_egy
    found = row(compared, arm="full", metric="ip")
    for of, names in (
        (lambda a, b, axis=-1: (a - b).mean(axis=axis), ("difference", "low", "high")),
        (
            lambda a, b, axis=-1: 100 * (1 - a.mean(axis=axis) / b.mean(axis=axis)),
            ("reduction", "reduction_low", "reduction_high"),
        ),
    ):
        result = stats.bootstrap(
            (mine, theirs), of, paired=True, n_resamples=bootstrap.ROUNDS, confidence_level=0.99, method="percentile",
            vectorized=True, rng=rng(0),
        )  # fmt: skip
        wanted = of(mine, theirs), result.confidence_interval.low, result.confidence_interval.high
        np.testing.assert_allclose([found[name] for name in names], wanted, rtol=1e-9)
    assert found.error == pytest.approx(result.standard_error, rel=1e-3)
    assert (found.value, found.base) == (pytest.approx(mine.mean()), pytest.approx(theirs.mean()))
    assert (found.rounds, found.factuals) == (R, 250 * R)


def test_significance_says_where_zero_lies():
    made = report()
    made.rounds[0, 1] = made.rounds[0, 0] - 0.1
    made.rounds[1, 1] = made.rounds[1, 0] + 0.1
    made.rounds[2, 1] = made.rounds[2, 0] * rng().choice([0.9, 1.1], size=(L, R))
    compared = made.compare()
    ip, ip_star, cost = (row(compared, arm="full", metric=name) for name in ("ip", "ip_star", "cost"))
    assert ip.significant and ip.high < 0 < ip.reduction_low
    assert ip_star.significant and ip_star.low > 0 > ip_star.reduction_high
    assert not cost.significant and cost.low < 0 < cost.high


def test_means_over_samples_are_paired_sample_by_sample():
    made = report()
    right = made.samples["accuracy"].array
    right[1, 0] = right[0, 0]
    right[1, 0, np.flatnonzero(right[0, 0])[:4]] = 0
    found = row(made.compare(), arm="full", metric="accuracy")
    assert found.difference == pytest.approx(-4 / N) and found.high <= 0
    assert (found.factuals, found.rounds) == (N, 0)
    assert found.reduction == pytest.approx(100 * 4 / right[0, 0].sum())


def test_only_what_both_have_is_compared():
    made = report()
    made.rounds[2, 1, :, :10] = np.nan  # no valid one
    made.rounds[2, 0, 1] = np.nan  # at the second λ_egy the reference has none
    made.rounds[4, 1] = np.nan
    made.samples["sensitivity"].array[1, 0, :5] = np.nan
    compared = made.compare()
    cost = row(compared, arm="full", metric="cost")
    assert cost.value == pytest.approx(made.rounds[2, 1, 0, 10:].mean())
    assert cost.base == pytest.approx(made.rounds[2, 0, 0, 10:].mean())
    assert (cost.rounds, cost.factuals) == (R - 10, 250 * (R - 10))
    nothing = row(compared, arm="full", metric="redundancy")
    assert nothing[["value", "difference", "low", "reduction", "error"]].isna().all()
    assert nothing.rounds == 0 and not nothing.significant
    assert row(compared, arm="full", metric="sensitivity", part="x1").factuals == N - 5


def test_nothing_is_said_in_per_cent_of_nothing():
    made = report()
    made.rounds[4, 0] = 0
    found = row(made.compare(), arm="full", metric="redundancy")
    assert found.significant and found.difference > 0
    assert np.isnan([found.reduction, found.reduction_low, found.error]).all()


def test_other_references_may_be_asked_for():
    made = report()
    found = made.compare({"plain": "other"})
    assert list(found["arm"].unique()) == ["plain"]
    one, other = row(found, metric="ip").difference, row(made.compare(), arm="other", metric="ip").difference
    assert one == pytest.approx(-other, rel=1e-12)  # sums of another order: the last bits depend on the processor
    pd.testing.assert_frame_equal(made.with_references({"plain": "other"}).compare(), found)
    assert len(made.compare({})) == 0 and tuple(made.compare({}).columns) == COMPARISON
    for wrong in ({"full": "nobody"}, {"nobody": "full"}, {"full": "full"}):
        with pytest.raises(ConfigError, match="references"):
            made.compare(wrong)


def test_what_a_caller_does_to_a_comparison_stays_with_him():
    made = report()
    mine = made.compare()
    mine["value"] = 0.0
    assert (made.compare()["value"] != 0).all()


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Pairs of normal numbers with a known difference: 99 % of intervals hold it, of so few rounds a little fewer."""
    true, held, trials = 0.4, 0, 300
    for trial in range(0, trials, 100):
        arms = tuple(f"a{i}" for i in range(101))
        made = report(seed=trial, rounds=60, arms=arms, also=())
        made.samples.clear()
        shared = rng(trial + 1).normal(size=(1, 1, 60))
        made.rounds[0, 0] = 5 + shared[0] + rng(trial + 2).normal(size=(L, 60))
        for i in range(1, 101):  # that all have one reference cancels in the differences
            made.rounds[0, i] = made.rounds[0, 0] + true + rng([trial, i]).normal(size=(L, 60))
        found = made.compare()
        found = found[found["metric"] == "ip"]
        held += int(((found["low"] < true) & (found["high"] > true)).sum())
    assert 0.96 * trials <= held <= 0.999 * trials + 1


def test_notes_say_which_rounds_do_not_count():
    made = report()
    assert made.notes == ()
    made.rounds[:, 1, :, :4] = np.nan
    made.rounds[:, 2] = np.nan
    first, second = made.notes
    assert "full" in first and f"4 of {R} rounds" in first
    assert "other has no round that counts" in second


def test_calibration_is_paired_like_the_rest():
    made = full_report()
    confidence, right = made.samples["confidence"].array, made.samples["accuracy"].array
    confidence[1], right[1] = confidence[0], right[0]
    found = row(made.compare(), arm="full", metric="calibration")
    assert found.difference == found.low == found.high == 0 and found.base > 0 and found.factuals == N


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ([0.0, np.nan, 0.0], ()),
        (
            [0.0, 0.25, 0.1],
            ("full: 2 of 3 exact searches ran out of time before their proof; the largest gap is 25 %.",),
        ),
        (
            [np.inf, 0.02, np.nan],
            (
                "full: 2 of 2 exact searches ran out of time before their proof; the largest gap is 2 %, and 1 found "
                "nothing.",
            ),
        ),
        ([np.inf, 0, 0], ("full: 1 of 3 exact searches ran out of time before their proof; none has an end.",)),
    ],
)
def test_notes_count_what_is_not_proved(gaps, said):
    made = full_report()
    made.samples["exact_gap"].array[:] = 0
    made.samples["exact_gap"].array[1, 0, :3] = gaps
    made.samples["exact_gap"].array[1, 0, 3:] = np.nan
    assert made.notes == said


# -- files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [report, full_report])
def test_a_report_comes_back_from_a_file_bit_for_bit(tmp_path, make):
    made = make()
    made.rounds[0, 0, 0, 0] = np.nan
    made.to_parquet(tmp_path / "a.parquet")
    again = Report.read(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(again.table, made.table, check_exact=True)
    pd.testing.assert_frame_equal(again.compare(), made.compare(), check_exact=True)
    assert (again.run, again.arms, again.seeds, again.protocol) == (KEY, ARMS, (0, 1, 2), made.protocol)
    assert again.notes == made.notes
    for frame in ("reliability", "acceptance"):
        pd.testing.assert_frame_equal(getattr(again, frame), getattr(made, frame), check_exact=True)
    # Others see the tidy table.
    others = pd.read_parquet(tmp_path / "a.parquet")
    assert tuple(others.columns) == TABLE and len(others) == len(made.table)
    made.to_csv(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "a.csv", keep_default_na=False, na_values={"value": [""], "low": [""], "high": [""]})[
            ["arm", "value", "low", "high"]
        ],
        made.table[["arm", "value", "low", "high"]],
        check_dtype=False,
    )


def test_a_file_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    made = report()
    made.to_parquet(path)
    whole, wanted = path.read_bytes(), made.table
    for damaged in (b"", b"text", whole[: len(whole) // 2], whole[:-100]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="no report"):
            Report.read(path)
    chance = rng()
    for place in chance.integers(0, len(whole), 60):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(chance.integers(8))
        path.write_bytes(bytes(changed))
        try:
            found = Report.read(path)
        except DataError:
            continue
        # What of the file is not looked at may change: then nothing else has.
        pd.testing.assert_frame_equal(found.table, wanted, check_exact=True)


def test_a_small_file_of_billions_of_rows_is_not_read(tmp_path):
    path = tmp_path / "a.parquet"
    report().to_parquet(path)
    whole = parquet.read_table(path)
    rows = 2 << 20
    many = pa.table({"value": pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["x" * 1000])})
    for table in (many, whole.slice(0, len(whole) - 1), whole.set_column(6, "value", [["x" * 1000] * len(whole)])):
        parquet.write_table(table.replace_schema_metadata(whole.schema.metadata), path)
        pool = pa.default_memory_pool()
        before = pool.bytes_allocated()
        with pytest.raises(DataError, match=r"rows|not numbers"):
            Report.read(path)
        assert pool.bytes_allocated() <= before + (1 << 20)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(CtvizError, match="could not be written"):
        report().to_parquet(tmp_path / "nowhere" / "a.parquet")


def test_the_store_keeps_reports_by_run_and_protocol(tmp_path):
    store, made = open_store(tmp_path), report()
    assert stored_report(KEY, made.protocol, store) is None and not has_report(KEY, made.protocol, store)
    keep_report(made, store)
    found = stored_report(KEY, made.protocol, store)
    assert found is not None and (found.rounds == made.rounds).all()
    assert has_report(KEY, made.protocol, store)
    assert stored_report(KEY, Protocol(), store) is None and stored_report("f" * 16, made.protocol, store) is None
    (path,) = (tmp_path / "reports").iterdir()
    module.replace(made, run="f" * 16).to_parquet(path)  # another run's report under this name
    assert stored_report(KEY, made.protocol, store) is None and not path.exists()
