"""What is said beside a map: the gain of the best cell, and what it is paid with."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

from ctviz.figures.theme import LIGHT
from ctviz.ui.tradeoffs.sweep_details import headline, matters_most, numbers, price, table
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView
from tests.ui.tradeoffs.results import NAN, across, grid

GOOD = (1.0, 2.0, 50.0, 40.0, 60.0)


def one(**metrics: tuple) -> str:
    return price(across({(0.1,): {"ip": GOOD, **metrics}}, ("lambda_div",)), 0, "ip")


def test_the_headline_says_what_matters_what_it_buys_and_its_price() -> None:
    assert headline(grid(), "ip") == (
        "Steady (λ_reg) matters most (from 0 to 0.5). At best: 31 % closer to real data than with conventional "
        "training (best of 6, so flattered). The price: 31 % more effort."
    )


def test_a_metric_that_no_cell_betters_and_one_without_a_better_side_are_said() -> None:
    assert headline(grid(), "cost").startswith("No cell of this sweep is clearly better than")
    assert headline(grid(), "steps") == "Steps of a search: what each setting does to it."
    assert headline(grid(), "ip_star") == "What does each weight buy, and at what price?"
    assert headline(grid().iloc[:0], "ip") == "What does each weight buy, and at what price?"


def test_a_price_that_may_be_chance_is_called_so() -> None:
    assert one(accuracy=(0.9, 1.0, 10.0, 5.0, 15.0)) == "The price: 10 % less often right."
    assert one(accuracy=(0.9, 1.0, 10.0, -5.0, 25.0)) == "The price: perhaps 10 % less often right."
    # Of one seed there is no interval: what was seen is what can be said.
    assert one(accuracy=(0.9, 1.0, 10.0, NAN, NAN)) == "The price: 10 % less often right."
    assert one(accuracy=(1.0, 0.9, -10.0, -15.0, -5.0)) == "No other number is worse there."
    assert one(cost=(NAN, NAN, NAN, NAN, NAN)) == "No other number is worse there."


def test_one_price_is_named_and_an_attack_is_called_one() -> None:
    attacked = one(fgsm=(0.8, 1.0, 13.0, 9.0, 15.0), validity=(0.9, 1.0, 10.0, 5.0, 15.0))
    assert attacked == "The price: 10 % less often successful."
    assert one(fgsm=(0.8, 1.0, 13.0, 9.0, 15.0)) == "The price: 13 % less often right under attack."


def test_the_level_of_the_protocol_is_the_one_that_is_said(monkeypatch) -> None:
    shown = []
    streamlit = SimpleNamespace(html=shown.append, caption=shown.append, expander=lambda _: nullcontext())
    for module in ("tradeoffs.sweep_details", "kit.facts"):
        monkeypatch.setattr(f"ctviz.ui.{module}.st", streamlit)
    monkeypatch.setattr("ctviz.ui.kit.facts.palette", lambda: LIGHT)
    numbers(grid(), 2, "ip", 0.9)
    assert "90 % interval of the reduction from 26 to 34 %" in " ".join(shown)
    assert "99 %" not in " ".join(shown)
    assert sum("means of the seeds’ reductions" in text for text in shown) == 1


def test_what_matters_most_is_told_of_several_settings_alone() -> None:
    assert matters_most(grid(), "ip") == "lambda_reg"
    assert matters_most(across({(0.1,): {"ip": GOOD}, (1.0,): {"ip": GOOD}}, ("tau",)), "ip") is None


def test_the_table_has_a_row_for_each_cell_of_the_picture() -> None:
    shown = table(grid(), TradeoffsView(metric="cost", show="value"))
    assert len(shown) == 6
    assert shown["cost, value"].tolist() == [1 + 0.01 * less for less in (0.1, 6.1, 30.1, 1.0, 7.0, 31.0)]
