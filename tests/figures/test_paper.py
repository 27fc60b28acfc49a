"""Our results and the published ones: words, tables, marks."""

import csv
import io

import pytest

from ctviz.figures.paper import LARGE, TALLEST, WIDEST, attack_curves, panel, reliability_curves
from ctviz.figures.paper_tables import HEAD, to_csv, to_latex, to_markdown
from ctviz.figures.paper_words import (
    agreement,
    calibrated,
    curve_words,
    exactly,
    fill,
    headline,
    how,
    interval,
    judged,
    published,
    size,
)
from ctviz.figures.theme import LIGHT
from ctviz.studies.reproduce.result import ComparedReduction, SearchVariant
from tests.studies.reproduce.made_up import judged as with_judge
from tests.studies.reproduce.made_up import outcome, reduction, reliable, result, row


def given(reduction, low, high, published, significant):
    ours = low > 0 or high < 0
    alike = ours == significant
    same_sign = (reduction > 0) == (published > 0)
    return ComparedReduction(
        reduction=reduction, low=low, high=high, significant=ours, published=published, published_error=1.0,
        published_significant=significant, same_sign=same_sign, same_significance=alike,
        agrees=alike and (same_sign or not ours),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (given(20, 10, 30, 15, True), "as published"),
        (given(-20, -30, -10, -15, True), "as published"),
        (given(-1, -3, 2, 1, False), "no significant difference, as published"),
        (given(20, 10, 30, 15, False), "same sign, significant here alone"),
        (given(20, -10, 30, 15, True), "same sign, not significant here"),
        (given(-20, -30, -10, 15, True), "other sign"),
        (given(-2, -3, 3, 15, True), "other sign"),
    ],
)
def test_agreement_in_words(one, words):
    assert agreement(one) == words


def test_a_saving_that_only_some_requests_have_is_not_the_published_one():
    one = given(20, 10, 30, 15, True).model_copy(update={"agrees": False})
    assert agreement(one) == "as published, but not over the same requests"


def test_what_was_not_measured_is_said():
    none = outcome("mnist", "ip_star", None)
    assert agreement(none) == "not measured"
    assert interval(none) == "–"
    assert size(none) == ""


def test_data_that_the_paper_does_not_have_are_beside_no_published_number():
    extra = outcome("german", "ip")
    assert (agreement(extra), published(extra), size(extra)) == ("not in the paper", "–", "")
    mixed = headline(result("moons", "german"))
    assert mixed.startswith("All 3 results agree with the paper in sign and significance")
    assert headline(result("german")) == "The paper reports nothing on German credit."
    for rows in ([row("german")], [row("moons"), row("german"), row("adult")]):
        symbols = [trace.marker.symbol for trace in panel(rows, "ip", LIGHT).data if trace.mode == "markers"]
        assert symbols.count("circle") == len(rows) and symbols.count("diamond-open") == len(rows) - 1
    read = list(csv.DictReader(io.StringIO(to_csv(result("german")))))
    assert read[0]["published"] == read[0]["published_significant"] == read[0]["agrees"] == ""
    assert "not in the paper" in to_markdown(result("german")) and "-- & --" in to_latex(result("german"))


def test_size_is_named_where_the_published_number_is_outside_of_our_interval():
    assert size(given(20, 10, 30, 30.1, True)) == "smaller than published"
    assert size(given(20, 10, 30, 9.9, True)) == "larger than published"
    assert size(given(20, 10, 30, 10, True)) == "of the published size"
    assert size(given(-20, -30, -10, -1, True)) == "more harm than published"
    assert size(given(-20, -30, -10, -40, True)) == "less harm than published"


def test_numbers_have_a_minus_and_no_negative_zero():
    assert interval(reduction(20)) == "20.0 [15.0, 25.0] *"
    assert interval(reduction(2)) == "2.0 [−3.0, 7.0]"
    assert published(outcome("ol", "ip")) == "−1.13 ± 0.88"


def test_headline_counts_what_agrees_and_names_where_all_do():
    whole = headline(result("moons", "ls"))
    assert whole == "All 6 results agree with the paper in sign and significance, 2 of them are at least as large."
    mixed = headline(result("moons", "ol"))
    assert mixed.startswith("4 of 6 results agree with the paper in sign and significance, 2 of them are at least as")
    assert mixed.endswith("; on Moons all agree.")
    assert "2 draws" in how(result("moons"))
    other = row("ol").model_copy(update={"cost": outcome("ol", "cost", -20.0)})
    none = headline(result("moons").model_copy(update={"rows": (other,)}))
    assert none == "None of 3 results agrees with the paper in sign and significance."


def test_headline_says_what_the_gain_hangs_on_where_short_steps_were_tried():
    def with_searches(data: str, usual: float, short: float):
        searched = [SearchVariant(step_size=step, steps=50, ip=reduction(ip), ip_star=reduction())
                    for step, ip in ((0.01, short), (0.1, usual))]  # fmt: skip
        return row(data).model_copy(update={"searched": tuple(searched)})

    rows = (with_searches("moons", 32.6, 9.1), with_searches("circles", 54.9, 11.4), with_searches("ol", -7.7, 30))
    told = headline(result("moons").model_copy(update={"rows": rows}))
    assert told.endswith(
        ". The gain hangs on the steps of the search: 33 to 55 % closer to real data with the paper's, 9 to 11 % with "
        "short ones (η 0.01)."
    ), told


def test_csv_has_a_row_for_the_whole_and_for_every_draw():
    rows = list(csv.DictReader(io.StringIO(to_csv(result()))))
    assert tuple(rows[0]) == HEAD
    moons = [r for r in rows if r["data"] == "moons"]
    assert [r["seed"] for r in moons if r["metric"] == "cost"] == ["", "1", "3"]
    assert [r["seed"] for r in moons if r["metric"] == "ip"] == ["", "0", "1"]
    assert moons[0]["published"] == "20.62"
    assert moons[0]["significant"] == "true"
    assert [r["reduction"] for r in rows if r["data"] == "ls" and r["metric"] == "cost"] == [""]


def test_latex_and_markdown_have_every_cell_and_nothing_that_breaks_them():
    latex, markdown = to_latex(result()), to_markdown(result())
    body = latex.split("\\midrule")[1].split("\\bottomrule")[0]
    assert body.count("\\\\") == 4
    assert all(line.count("&") == 4 for line in body.strip().splitlines())
    assert "$^*$" in body
    assert not set("±−–") & set(body)
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {5}
    assert "20.0 [15.0, 25.0] \\*" in markdown


def test_marks_stay_inside_the_panel_and_cut_intervals_end_in_an_arrow():
    wide = row("mnist").model_copy(update={"ip_star": outcome("mnist", "ip_star", -300.0)})
    figure = panel([row("moons"), wide], "ip_star", LIGHT)
    low, high = figure.layout.xaxis.range
    assert low >= WIDEST[0] * 1.2
    assert high <= WIDEST[1] * 1.2
    xs = [x for trace in figure.data for x in trace.x]
    assert low <= min(xs) <= max(xs) <= high
    symbols = [trace.marker.symbol for trace in figure.data if trace.mode == "lines+markers"]
    assert symbols[2][0] == "triangle-left"  # ours, far below
    assert symbols[3] == ("triangle-left", "triangle-right")  # the published interval is wider than any panel


def test_on_a_large_screen_panels_are_larger_and_as_tall_as_fits_below_the_headline():
    heights = [
        [panel([row("ls")] * n, "ip", LIGHT, large=large).layout.height for large in (False, True)] for n in (2, 9)
    ]
    (few, larger), (many, tallest) = heights
    assert larger - 40 == int(LARGE * (few - 40))
    assert many < tallest == TALLEST


def test_what_was_not_measured_has_the_published_mark_alone():
    figure = panel([row("ls", cost=None)], "cost", LIGHT)
    assert [trace.marker.symbol for trace in figure.data if trace.mode == "markers"] == ["diamond-open"]


def test_every_variant_has_a_line_and_its_name():
    curves = [curve for curve in result("moons").robustness if curve.attack == "fgsm"]
    figure = attack_curves(curves, LIGHT)
    lines = {trace.name: list(trace.y) for trace in figure.data if trace.name}
    assert lines == {"Conventional": [99, 70], "Counterfactual training": [99, 90]}
    assert {note.text for note in figure.layout.annotations} == {"Conventional", "Counterfactual"}
    assert attack_curves([], LIGHT).data == ()


def test_words_are_filled_with_the_numbers_of_the_result():
    words = "IP falls by {moons.ip}, with the other cell by {moons.other.ip}; the floor is {moons.room.floor}."
    assert fill(words, result("moons")) == (
        "IP falls by 20.0 [15.0, 25.0] * %, with the other cell by 3.0 [−2.0, 8.0] %; the floor is 1.20."
    )
    assert fill("No names.", result("moons")) == "No names."
    for gone in ("{ls.ip}", "{moons.nothing}", "{moons.ip.nothing.more}", "{moons}", "{moons.title}"):
        assert fill(f"It is {gone}.", result("moons")) is None


def test_every_finding_that_ships_has_its_numbers_in_the_result_that_ships():
    from ctviz.studies.reproduce.result import read, shipped
    from ctviz.ui.paper.files import findings

    table = read(shipped())
    assert findings()
    for finding in findings():
        assert fill(finding.words, table) is not None, finding.title


# -- the exact judge, and calibration ----------------------------------------------------------------------


def table_of(*rows):
    return result("moons").model_copy(update={"rows": rows})


def test_the_exact_judge_in_words_says_gain_price_and_caveat():
    told = judged(
        table_of(
            with_judge(row("circles"), found=0.52, nearest=reduction(50)),
            with_judge(row("moons"), ip=reduction(12), nearest=reduction(-220, 80).model_copy(update={"value": 0.3})),
            with_judge(row("ol"), ip=reduction(-43), cost=reduction(7)),
            with_judge(row("ls"), ip=reduction(2), cost=reduction(1)),
            row("mnist"),
        )
    )
    assert told == (
        "The cheapest advice that there is, which depends on no search, lies closer to real data on Circles (14 %) and "
        "Moons (12 %), farther from real data on Overlapping (43 %); no difference is clear on Linearly separable. It "
        "takes more effort on Circles (12 %) and Moons (12 %), less on Overlapping (7 %). It ends closer to the "
        "nearest real sample on Circles (2.0 → 1.0), farther from the nearest real sample on Moons (2.0 → 0.30). Fewer "
        "samples have any advice at a confidence of τ = 0.95: on Circles 52 % (with conventional training 100 %)."
    )
    assert judged(result("moons")) == exactly(result("moons")) == ""
    plain = judged(table_of(with_judge(row("ls"), ip=reduction(2), cost=reduction(1))))
    assert plain == (
        "The cheapest advice that there is, which depends on no search, lies nowhere clearly closer to real data. It "
        "takes no more effort beyond chance."
    )


def test_what_was_solved_is_told_with_its_proofs():
    told = exactly(table_of(with_judge(row("moons")), with_judge(row("ol"), factuals=40, proved=0.987)))
    assert "at τ = 0.95 of 25 or 40 test samples of each draw, at least 98 % of them proved" in told
    assert ", all proved;" in exactly(table_of(with_judge(row("moons"))))


def test_calibration_is_told_by_sides_and_only_beyond_chance():
    worse = with_judge(row("moons"))
    better = worse.model_copy(
        update={
            "title": "Circles",
            "seeds": tuple(d.model_copy(update={"conventional_calibration": 0.2}) for d in worse.seeds),
        }
    )
    one = worse.model_copy(update={"title": "MNIST", "seeds": worse.seeds[:1]})
    assert calibrated(table_of(worse, better, one)) == (
        "How sure counterfactual training is says less about how often it is right on Moons (1.0 → 5.0 %); more on "
        "Circles (20.0 → 5.0 %); no difference is clear on MNIST (1.0 → 5.0 %). Where it says less, it is right more "
        "often than it claims."
    )
    curves = tuple(
        curve.model_copy(update={"accuracy": tuple(right - 0.3 for right in curve.accuracy)})
        for curve in worse.reliability or ()
    )
    bold = worse.model_copy(update={"title": "Digits", "reliability": curves})
    both = calibrated(table_of(worse, bold))
    assert "it is right more often than it claims, but less often on Digits." in both
    alike = calibrated(table_of(one))
    assert alike == "No difference in the calibration error is clear on MNIST (1.0 → 5.0 %)."
    assert calibrated(result("moons")) == ""


def test_a_reliability_curve_leaves_out_bins_with_hardly_any_sample():
    curves = reliable("vanilla", 0.01), reliable("full", 0.05)
    assert curve_words(curves[0]) == "Conventional: 80 % sure, right 81 %, 97 % sure, right 97 %"
    figure = reliability_curves(curves, LIGHT)
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines["Conventional"].x) == [80, 97]
    assert list(lines["Counterfactual training"].y) == pytest.approx([85, 97.5])
    sizes = lines["Conventional"].marker.size
    assert sizes[0] < sizes[1], "larger where more samples are"
    assert figure.data[0].x == figure.data[0].y == (80, 100), "the diagonal"
    assert {note.text for note in figure.layout.annotations} == {"Conventional", "Counterfactual"}


def test_downloads_have_the_exact_judge_beside_the_rest():
    judged_one, plain = table_of(with_judge(row("moons"))), result("moons")
    rows = list(csv.DictReader(io.StringIO(to_csv(judged_one))))
    found = {r["metric"]: r for r in rows if r["metric"].startswith("exact_")}
    assert list(found) == ["exact_ip", "exact_nearest", "exact_nearest_five", "exact_cost"]
    assert found["exact_cost"]["reduction"] == "-12.0" and found["exact_cost"]["published"] == ""
    assert not any(r["metric"].startswith("exact_") for r in csv.DictReader(io.StringIO(to_csv(plain))))
    assert "Effort of the cheapest advice" in to_markdown(judged_one)
    assert "cheapest" not in to_markdown(plain)


def test_rows_with_fewer_draws_say_so():
    few = row("german").model_copy(update={"seeds": row("german").seeds[:1]})
    assert how(table_of(row("moons"), row("ls"), few)).startswith(
        "Means over 2 draws of data and training (1 of German credit), each evaluated in 100 rounds."
    )
