"""What people are told: sums that come out, reasons that fit, and no claim where the numbers do not carry one."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.catalogue.differences import ABOUT_THE_SAME, UNCLEAR, Difference
from ctviz.data.display import DisplayScale
from ctviz.figures import advice as words
from ctviz.figures.advice import Panel, Span

LOAN = words.names_for(("x1", "x2"), ("class 0", "class 1"), 0, loan=True)
PLAIN = words.names_for(("x1", "x2"), ("class 0", "class 1"), 0, loan=False)
NONE = Span(math.nan)


def panel(effort: float, got: int = 100, tilt: float = 0.0) -> Panel:
    span = Span(effort, effort - 0.1, effort + 0.1) if got else NONE
    return Panel(span, got, 100, Span(0.3, 0.2, 0.4), tilt)


def test_names_tell_the_story_of_the_loan_or_leave_the_data_alone() -> None:
    assert (LOAN.features, LOAN.classes, LOAN.goal) == (("debt", "age"), ("granted", "refused"), "granted")
    assert LOAN.people(97) == "97 people who are refused"
    assert (PLAIN.features, PLAIN.goal, PLAIN.people(3)) == (("x1", "x2"), "“class 0”", "3 points of class 1")
    three = words.names_for(("x1", "x2"), ("a", "b", "c"), 2, loan=True)
    assert three.classes == ("refused (a)", "refused (b)", "granted")
    assert words.names_for(("x1", "x2"), ("a", "b", "c"), 2, loan=False).people(3) == "3 points of other classes"


# -- one person ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        # 5,000 + 5,000 x dollars and 55 + 10 x years, on the data of the paper's figure.
        ((6.0, 0.2), (2.94, 0.2), "Lower debt by $15,300 (from $35,000 to $19,700); age stays 57."),
        (
            (6.0, 0.2),
            (5.9, 0.41),
            "Lower debt by $500 (from $35,000 to $34,500) and raise age by 2 years (from 57 to 59).",
        ),
        ((-1.5, 0.0), (-1.6, 0.0), "Lower debt by $500 (from −$2,500 to −$3,000); age stays 55."),
        ((1.0, 2.0), (1.001, 2.01), "A change too small to be shown is enough: debt stays $10,000 and age stays 75."),
    ],
)
def test_advice_in_people_s_units(before, after, said: str) -> None:
    figure = words.names_for(("x1", "x2"), ("class 0", "class 1"), 0, True, ((0.316, -3.654), (10.202, 3.192)))
    assert words.advice(figure, before, after) == said


@given(st.tuples(*[st.floats(-50, 50)] * 4), st.floats(0.01, 1e4), st.booleans())
def test_whoever_adds_up_comes_out_right(numbers, extent: float, loan: bool) -> None:
    bounds = ((-extent, -extent), (extent, extent))
    said = words.advice(words.names_for(("x1", "x2"), ("a", "b"), 0, loan, bounds), numbers[:2], numbers[2:])
    amount = r"(−?\$?[\d.,]+)"
    for verb, *amounts in re.findall(rf"(\w+) \w+ by {amount}(?: years)? \(from {amount} to {amount}\)", said):
        by, start, end = (float(re.sub(r"[$,]", "", text).replace("−", "-")) for text in amounts)
        assert abs(end - start) == pytest.approx(by, abs=1e-9)
        assert (end > start) == (verb.lower() == "raise")
    assert "−0.0 " not in said and "nan" not in said


def test_decimals_follow_the_extent() -> None:
    assert [words.decimals(extent) for extent in (0.3, 3, 10, 40, 100, 5000)] == [3, 2, 1, 1, 0, 0]
    assert words.decimals(0) == words.decimals(math.inf) == 2


def test_every_failure_has_its_reason() -> None:
    impossible = words.no_advice("impossible", LOAN, ("debt",), 0.834, 0.95, 50)
    assert impossible == (
        "No advice: no change of debt alone is enough. The model would be 83 % sure of granted at best; "
        "95 % is asked for."
    )
    assert "no change that is allowed is enough" in words.no_advice("impossible", LOAN, ("debt", "age"), 0.5, 0.95, 9)
    assert "at best" not in words.no_advice("impossible", LOAN, ("debt",), math.nan, 0.95, 50)
    assert "within 50 steps" in words.no_advice("short", LOAN, ("debt",), 0.99, 0.95, 50)
    assert "came to a halt" in words.no_advice("stuck", LOAN, ("debt",), 0.99, 0.95, 50)


def test_those_outside_a_range_hear_of_it() -> None:
    debt = DisplayScale(prefix="$", scale=1000, step=100)
    assert words.outside("debt", 6.0, 0, 5.25, debt) == (
        "Debt is $6,000, outside the allowed range from $0 to $5,200: advice has to bring it there first."
    )
    assert "outside the allowed range of 5.0 or less:" in words.outside("x1", 6.0, -math.inf, 5, DisplayScale(step=0.1))
    assert "outside the allowed range of $7,000 or more:" in words.outside("debt", 6.0, 7, math.inf, debt)


def test_who_has_it_already_is_told_so() -> None:
    assert words.nothing_to_change(LOAN) == "Nothing to change: the model says granted already."
    assert words.unsure(PLAIN, 0.7, 0.95) == "The model says “class 0” already, 70 % sure. To be 95 % sure:"


# -- a group -------------------------------------------------------------------------------------


def test_why_some_have_none() -> None:
    counts = {"mature": 90, "impossible": 7, "stuck": 0, "short": 3}
    assert words.why_not(counts, LOAN, ("debt",)) == (
        "for 7 no change of debt alone is enough, for 3 the search ran out of steps on the way"
    )
    assert words.why_not({"mature": 100}, LOAN, ("debt",)) == ""


@pytest.mark.parametrize(
    ("treated", "reference", "differs", "said"),
    [
        (Span(2.0), Span(4.0), True, "50 % less effort"),
        (Span(6.0), Span(4.0), True, "50 % more effort"),
        (Span(2.0), Span(4.0), False, UNCLEAR),
        (Span(4.01), Span(4.0), True, ABOUT_THE_SAME),
        (NONE, Span(4.0), True, ""),
        (Span(2.0), Span(0.0), True, ""),
    ],
)
def test_effort_claims_no_more_than_is_known(treated, reference, differs: bool, said: str) -> None:
    assert words.effort(treated, reference, differs).words == said


@pytest.mark.parametrize(
    ("free", "taught", "differs", "part"),
    [
        (panel(4, tilt=60), panel(2, tilt=2), True, "turns the boundary by 58°, and advice takes 50 % less effort"),
        (panel(4, tilt=2), panel(2, tilt=2), True, "takes 50 % less effort than the conventional model's"),
        (panel(2, tilt=2), panel(4, tilt=60), True, "takes 100 % more effort than the conventional model's"),
        (panel(4), panel(2), False, "about as much effort from either"),
        (panel(0, got=0), panel(2, got=97), False, "has advice for nobody; the other has some for 97 of 100"),
        (panel(2, got=97), panel(0, got=0), False, "counterfactually trained model has advice for nobody"),
        (panel(0, got=0), panel(0, got=0), False, "none of the 100 people asked about gets advice from either"),
        (Panel(NONE, 0, 0, NONE), panel(2), False, "nobody asks for advice"),
    ],
)  # fmt: skip
def test_headline_of_a_lock(free: Panel, taught: Panel, differs: bool, part: str) -> None:
    said = words.headline_of_lock("age locked", free, taught, differs)
    assert said.startswith("With age locked, ") and said.endswith(".")
    assert part in said


def test_a_gain_under_a_lock_has_its_price_and_hangs_on_the_draw() -> None:
    worse, better = Difference("3 points less often right", "less", "worse"), Difference("nearer", "less", "better")
    caveat = words.on_draws({"less": 3, "more": 14})
    assert caveat == "Locked advice takes less effort on 3 of 17 draws of such data."
    said = words.headline_of_lock("age locked", panel(4), panel(2, got=60), True, [better, worse], caveat)
    who = "Advice is there for 60 of 100 instead of 100 of 100."
    assert said.endswith(f"in this run, at the price of 3 points less often right. {who} {caveat}")
    said = words.headline_of_lock("age locked", panel(2), panel(4), True, [better, worse], caveat)
    assert said.endswith("in this run, with 3 points less often right."), "no price of a loss, and nothing it hangs on"
    said = words.headline_of_places("age", [Span(4.0), Span(6.0), Span(3.0)], (True, True), [worse])
    assert said.endswith("in training too, to 3.0, at the price of 3 points less often right.")
    said = words.headline_of_proxies("age", Span(0.4, 0.35, 0.45), Span(0.1, 0.05, 0.15), 0.02, [worse])
    assert said.endswith("to 10 % in this run, at the price of 3 points less often right.")


def test_how_near_advice_ends_is_compared_as_everywhere() -> None:
    assert words.nearness(Span(3.0), Span(2.0), True).words == "50 % farther from the nearest real sample"
    assert words.nearness(Span(3.0), Span(2.0), False).words == UNCLEAR
    assert words.nearness(NONE, Span(2.0), True) == Difference()


def test_a_unit_of_effort_is_told_in_peoples_units() -> None:
    scales = (DisplayScale(prefix="$", scale=2500, step=100), DisplayScale(unit="years", scale=5, step=1))
    assert words.unit_of(scales) == "$2,500 or 5 years"


def test_without_a_lock_there_is_nothing_to_find() -> None:
    assert words.headline_of_lock("", panel(4), panel(2), True) == (
        "Nothing is locked: advice may change every feature."
    )


@pytest.mark.parametrize(
    ("differ", "said"),
    [
        ((True, True), "takes the effort of advice from 4.0 to 6.0; protecting age in training too, to 3.0."),
        ((True, False), "from 4.0 to 6.0; protecting age in training too changes no more than chance does (3.0)."),
        ((False, True), "leaves the effort of advice at about 6.0; protecting age in training too takes it to 3.0."),
    ],
)
def test_headline_of_the_places(differ, said: str) -> None:
    assert said in words.headline_of_places("age", [Span(4.0), Span(6.0), Span(3.0)], differ)


def test_headline_of_the_places_without_numbers_claims_none() -> None:
    said = words.headline_of_places("age", [Span(4.0), NONE, Span(3.0)], (True, True))
    assert not re.search(r"\d", said)


def test_headline_of_proxies_speaks_of_chance_where_intervals_touch() -> None:
    low, high = Span(0.1, 0.05, 0.15), Span(0.4, 0.35, 0.45)
    lowered = words.headline_of_proxies("age", high, low, 0.02)
    assert lowered == "Protection lowers how far answers rest on age from 40 % to 10 % in this run."
    assert "raises" in words.headline_of_proxies("age", low, high, 0.9)
    assert "no more than chance" in words.headline_of_proxies("age", low, Span(0.16, 0.14, 0.2), 0.9)
    assert "could not be measured" in words.headline_of_proxies("age", NONE, low, 0.9)


def test_headline_of_proxies_names_what_protection_leaves() -> None:
    said = words.headline_of_proxies("age", Span(0.4, 0.35, 0.45), Span(0.1, 0.05, 0.15), -0.78)
    assert said.endswith("in this run, but decisions still go along with age (correlation −0.78).")


def test_headline_speaks_of_those_who_lose_or_gain_advice() -> None:
    assert "instead of" not in words.headline_of_lock("age locked", panel(4), panel(2, got=96), True)
    said = words.headline_of_lock("age locked", panel(4, got=60), panel(2, got=97), True)
    assert said.endswith("Advice is there for 97 of 100 instead of 60 of 100.")


def test_headline_without_protection_says_what_it_costs() -> None:
    said = words.headline_unprotected("age", Span(0.14), Span(0.61), 6, 99)
    assert "the model's answers rest on age to 61 % (14 % without a lock), and 6 of 99 get advice" in said


def test_starving_is_said_of_those_that_starve() -> None:
    assert words.starved([("a", 0.5), ("b", 1.0)]) == ""
    said = words.starved([("a", 0.5), ("b", 0.001), ("c", 0.0)])
    assert "“b” (under 1 %) and “c” (0 %)" in said and "“a”" not in said
    assert "learns nothing from counterfactuals" in said


def test_a_class_that_is_never_given_is_named() -> None:
    assert words.never_wished([], LOAN) == ""
    assert words.never_wished(["Conventional"], LOAN) == (
        "“Conventional” says granted nowhere on this plane, so no advice can lead there."
    )


@pytest.mark.parametrize(
    ("place", "leans", "parts"),
    [
        ("never", "", ("may rest on age (to 10 %)", "100 % of the advice asks to change age")),
        ("searching", "", ("Advice leaves age alone (effort 3.0)", "has not learnt to")),
        ("training", "less", ("less than without a lock", "asks to change age")),
        ("training", "", ("as much as without a lock",)),
        ("always", "more", ("more than without a lock", "Advice leaves age alone (effort 3.0)")),
    ],
)
def test_each_place_has_its_sentence(place: str, leans: str, parts: tuple[str, ...]) -> None:
    said = words.of_place(place, "age", Span(0.1), leans, Span(1.0), Span(3.0), bare=False)
    assert all(part in said for part in parts)


def test_without_protection_the_reason_is_given() -> None:
    assert "real people of another age" in words.of_place("always", "age", Span(0.5), "more", NONE, NONE, bare=True)


def test_draws_are_counted_in_a_sentence() -> None:
    assert words.of_draws({"less": 3, "alike": 2, "more": 20, "unlike": 4, "nobody": 11}) == (
        "Of 40 draws, locked advice takes less effort on 3, about as much on 2 and more on 20 with counterfactual "
        "training; on 4 it is there for clearly more or fewer people and on 11 one of the models has advice for nobody."
    )
    told = "Of 2 draws, locked advice takes less effort on 2 with counterfactual training."
    assert words.of_draws({"less": 2}) == told
